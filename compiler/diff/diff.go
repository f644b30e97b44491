// Package diff says what a change of documents does to access: who gains and who loses what, exactly, and what opens or closes
// besides.
package diff

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
)

// Side is an estate with the objections that hold in it.
type Side struct {
	Estate *model.Estate
	Flow   *privacy.Flow // of its personal data
	// Holds reports whether calls of the access from the workload, nil for an Outsider, are allowed.
	Holds func(a *model.Access, from *model.Workload) bool
}

// Difference is what a change does: who gains and who loses access, and what opens or closes besides. It goes by meaning. Moved
// lines, renamed files, endpoints that have another name and the same requests are no difference.
type Difference struct {
	Gained, Lost []Change
	Switched     []Switch
	// Disclosed and Withdrawn are who gets which personal data now, and who does no more.
	Disclosed, Withdrawn []Disclosure
}

// Empty reports whether nothing changes for anybody.
func (d *Difference) Empty() bool {
	return len(d.Gained)+len(d.Lost)+len(d.Switched)+len(d.Disclosed)+len(d.Withdrawn) == 0
}

// Change is requests of one caller to one callee that one revision allows and the other does not.
type Change struct {
	Caller   string // namespace/name, or `outsider <name>`
	Callee   string // namespace/name
	Endpoint string // whose requests they are, in the revision that allows them
	// Requests are what is gained or lost, in the words of the documents. It is all of the endpoint unless Part.
	Requests []string
	Part     bool
	// Routes are the clusters, of all meshes: where callers are and where what they call is.
	Routes []Route
	// Unenforced are the clusters of the callee that refuse nobody yet, at the revision after the change: the difference is meant
	// there, and not felt.
	Unenforced []string
	// CallerTeam is "" for an Outsider of the platform.
	CallerTeam, CalleeTeam string
	Because, Until         string
	Consent                string
	At                     diag.Span // the text that asks for the access
}

// Route is from which clusters callers reach a callee in which clusters. From is empty for an Outsider.
type Route struct{ From, To []string }

// Compare says what access changes from one revision to the next.
func Compare(before, after Side) *Difference {
	was, is := edges(before), edges(after)
	d := &Difference{Gained: changes(is, was), Lost: changes(was, is), Switched: switches(before, after)}
	if before.Estate.Privacy.Doc != nil || after.Estate.Privacy.Doc != nil {
		had, has := disclosures(before), disclosures(after)
		d.Disclosed, d.Withdrawn = has.beyond(had), had.beyond(has)
	}
	unenforced := unenforced(after)
	for _, all := range [][]Change{d.Gained, d.Lost} {
		for i := range all {
			for _, r := range all[i].Routes {
				for _, to := range r.To {
					if unenforced[place{all[i].Callee, to}] {
						all[i].Unenforced = append(all[i].Unenforced, to)
					}
				}
			}
			slices.Sort(all[i].Unenforced)
			all[i].Unenforced = slices.Compact(all[i].Unenforced)
		}
		slices.SortStableFunc(all, compareChange)
	}
	return d
}

// place is a workload.
type place struct{ service, cluster string }

// unenforced are the workloads that refuse nobody.
func unenforced(s Side) map[place]bool {
	all := map[place]bool{}
	for _, c := range s.Estate.Clusters {
		for _, w := range c.Workloads {
			if w.Stages.Authz != model.AuthzEnforce {
				all[place{w.Service.Key(), c.Name}] = true
			}
		}
	}
	return all
}

// compareChange puts first what somebody should look at first: callers that nobody declared as a Service, then calls between
// teams, then those within one.
func compareChange(a, b Change) int {
	return cmp.Or(
		cmp.Compare(a.weight(), b.weight()), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Caller, b.Caller),
		cmp.Compare(a.Endpoint, b.Endpoint), slices.Compare(a.Requests, b.Requests),
	)
}

func (c *Change) weight() int {
	switch {
	case strings.HasPrefix(c.Caller, "outsider "):
		return 0
	case c.CallerTeam != c.CalleeTeam:
		return 1
	default:
		return 2
	}
}

// edge is one way from a caller to a callee: the least that can be gained or lost at once.
type edge struct {
	mesh, caller, callee string
	from, to             string // clusters
}

// edges are all ways of an estate with the accesses that take them.
func edges(s Side) map[edge][]*model.Access {
	all := map[edge][]*model.Access{}
	for _, m := range s.Estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if !s.Holds(a, leg.From) || leg.From != nil && leg.From.Stages.MTLS == model.MTLSNone {
					continue
				}
				e := edge{mesh: m.Name, caller: a.Caller.Key(), callee: a.Callee().Key(), to: leg.To.Cluster.Name}
				if leg.From != nil {
					e.from = leg.From.Cluster.Name
				}
				if !slices.Contains(all[e], a) {
					all[e] = append(all[e], a)
				}
			}
		}
	}
	return all
}

// changes are the requests that one revision has and the other lacks. Edges that have the same in common share their answer.
func changes(has, lacks map[edge][]*model.Access) []Change {
	type key struct{ caller, endpoint, at, requests string }
	answers := map[string][]remainder{}
	gathered := map[key]*Change{}
	routes := map[key]map[string][]string{} // callee's cluster -> callers'
	var order []key
	for _, e := range slices.SortedFunc(maps.Keys(has), compareEdge) {
		mine, theirs := endpoints(has[e]), endpoints(lacks[e])
		said := signature(mine) + "\x00" + signature(theirs)
		left, known := answers[said]
		if !known {
			left = subtract(mine, theirs)
			answers[said] = left
		}
		for _, r := range left {
			i := slices.IndexFunc(has[e], func(a *model.Access) bool { return a.Endpoint.Name == r.endpoint })
			a := has[e][i]
			k := key{a.Caller.Key(), a.Endpoint.String(), a.Span().String(), strings.Join(r.requests, "\n")}
			if gathered[k] == nil {
				gathered[k] = describe(a, r)
				routes[k] = map[string][]string{}
				order = append(order, k)
			}
			routes[k][e.to] = append(routes[k][e.to], e.from)
		}
	}
	all := make([]Change, 0, len(order))
	for _, k := range order {
		c := gathered[k]
		c.Routes = fold(routes[k])
		all = append(all, *c)
	}
	return all
}

func compareEdge(a, b edge) int {
	return cmp.Or(cmp.Compare(a.mesh, b.mesh), cmp.Compare(a.callee, b.callee), cmp.Compare(a.caller, b.caller),
		cmp.Compare(a.to, b.to), cmp.Compare(a.from, b.from))
}

func describe(a *model.Access, r remainder) *Change {
	c := &Change{
		Caller: a.Caller.Key(), Callee: a.Callee().Key(), Endpoint: a.Endpoint.Name,
		Requests: r.requests, Part: r.part, Because: a.Because(), CalleeTeam: a.Callee().Team.Name, Consent: a.Consent.String(), At: a.Span(),
	}
	if t := a.Caller.Team(); t != nil {
		c.CallerTeam = t.Name
	}
	if a.Intent != nil {
		c.Until = a.Intent.Doc.Until.Value
	}
	return c
}

// fold joins the callee's clusters that are reached from the same ones.
func fold(routes map[string][]string) []Route {
	byFrom := map[string]*Route{}
	var order []string
	for _, to := range slices.Sorted(maps.Keys(routes)) {
		from := routes[to]
		slices.Sort(from)
		from = slices.Compact(slices.DeleteFunc(from, func(c string) bool { return c == "" }))
		k := strings.Join(from, ",")
		if byFrom[k] == nil {
			byFrom[k] = &Route{From: from}
			order = append(order, k)
		}
		byFrom[k].To = append(byFrom[k].To, to)
	}
	all := make([]Route, 0, len(order))
	for _, k := range order {
		all = append(all, *byFrom[k])
	}
	return all
}
