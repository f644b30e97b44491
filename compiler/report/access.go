package report

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// accessRegister is who may read or write which personal data, and why.
func (f *facts) accessRegister() *Register {
	return about[*access]{
		name: "access", title: "Access to personal data",
		text: "Who may read or write personal data, for what, who agreed, and what enforces it (GDPR Articles 5(1)(b) and (f), 25, 30(1)(d) and 32). One row for each caller of an endpoint.",
		columns: slices.Concat([]column[*access]{
			says("caller", "Who", func(a *access) Cell { return required(a.Caller.Key()) }).main(),
			says("callerTeam", "Team of who", func(a *access) Cell { return or("the platform", teamOf(a.Caller)) }),
			says("callerContact", "Contact of who", func(a *access) Cell { return or("the platform", contactOfTeam(a.Caller.Team())) }),
			says("callee", "Whose data", func(a *access) Cell { return required(a.Callee().Key()) }).main(),
			says("endpoint", "Endpoint", func(a *access) Cell { return required(a.Endpoint.Name) }).main(),
			f.mesh(),
			says("requests", "Requests", func(a *access) Cell { return required(requests(a.Endpoint)...) }).change("wider or narrower path"),
			says("calleeTeam", "Team of the data", func(a *access) Cell { return required(a.Callee().Team.Name) }),
			says("calleeContact", "Contact of the data", func(a *access) Cell { return required(contactOfTeam(a.Callee().Team)) }),
			says("reads", "Reads", func(a *access) Cell { return listed(a.Reads) }).main().change("categories that are read"),
			says("writes", "Writes", func(a *access) Cell { return listed(a.Writes) }).main().change("categories that are written"),
			says("class", "Class", func(a *access) Cell { return required(f.class(a.carries()).String()) }).main(),
			says("tagged", "Tagged", func(a *access) Cell { return required(tagged(a)) }).change("tag"),
			says("mayReveal", "May reveal", func(a *access) Cell { return listed(f.reveals(a)) }).change("what it may reveal"),
			says("subjects", "Whose data it is about", func(a *access) Cell { return listed(f.subjectsOf(a)) }),
			says("activity", "Activity", activityOf).main().law("GDPR Articles 5(1)(b) and 30(1)(b)").change("purpose"),
			says("purpose", "Purpose", func(a *access) Cell { return f.ofActivity(a, f.purpose) }).change("purpose"),
			says("legalBasis", "Legal basis", func(a *access) Cell { return f.ofActivity(a, legalBasis) }).change("legal basis"),
			says("condition", "Condition of Article 9", func(a *access) Cell { return f.ofActivity(a, f.condition) }),
			says("approval", "Approval", func(a *access) Cell { return f.ofActivity(a, f.approvalOf) }),
			says("because", "Because", func(a *access) Cell { return optional(a.Because()) }),
			says("until", "Until", func(a *access) Cell { return or("without end", until(a)) }).change("until"),
			says("consent", "Consent", func(a *access) Cell { return required(consent(a)) }).change("consent"),
			says("asked", "Asked for in", func(a *access) Cell { return required(line(a.Span())) }).main(),
			says("agreed", "Agreed to in", agreedIn).main(),
			enforces("state", "State", func(a *access) Cell { return required(f.state(a)) }).main().change("state"),
			enforces("strength", "How far the mesh enforces it", func(a *access) Cell { return f.strength(a) }).change("strength"),
			enforces("identities", "Identities of who", func(a *access) Cell { return listed(identities(a)) }).change("identities"),
			enforces("alike", "Let in too, as policies cannot tell them apart", func(a *access) Cell { return listed(f.alike(a)) }).change("who else is let in"),
			enforces("clusters", "Clusters, from and to", func(a *access) Cell { return listed(routes(a)) }).change("clusters"),
			enforces("policies", "Policies that let it in", func(a *access) Cell { return f.policyCell(a, func(p *Policy) string { return p.Path }) }),
			enforces("digests", "SHA-256 of those", func(a *access) Cell { return f.policyCell(a, func(p *Policy) string { return p.SHA256 }) }),
		}, watched[*access]()),
		row: func(a *access) Row {
			row := Row{
				Key:    a.Callee().Mesh.Name + " " + a.String(),
				Label:  a.String(),
				Owner:  teamOf(a.Caller),
				Source: a.Span(),
				Facets: Facets{
					Categories: a.carries(),
					Teams:      []string{teamOf(a.Caller), a.Callee().Team.Name},
					Countries:  accessCountries(a),
				},
			}
			if act := a.Activity(); act != nil {
				row.Activities = []string{act.Name}
			}
			return row
		},
	}.of(f.accesses)
}

// mesh tells apart what stands in two meshes, and is seen at once where there are two.
func (f *facts) mesh() column[*access] {
	c := says("mesh", "Mesh", func(a *access) Cell { return required(a.Callee().Mesh.Name) })
	c.Main = len(f.estate.Meshes) > 1
	return c
}

func teamOf(c model.Caller) string {
	if t := c.Team(); t != nil {
		return t.Name
	}
	return ""
}

func contactOfTeam(t *model.Team) string {
	if t == nil {
		return ""
	}
	return t.Doc.Spec.Contact.Line()
}

// requests are what an endpoint stands for, in words.
func requests(e *model.Endpoint) []string {
	if e.Broken {
		return []string{"cannot be read: writ check says why"}
	}
	return query.Offers(e)
}

// tagged is where it is said which data the endpoint returns.
func tagged(a *access) string {
	if a.Endpoint.Returns != nil {
		return "yes"
	}
	return "no: all that " + a.Callee().Key() + " gets to see counts"
}

// reveals are the special categories that the data may reveal.
func (f *facts) reveals(a *access) []string {
	d := a.Callee().PersonalData
	if d == nil {
		return nil
	}
	var all []string
	for _, p := range d.Processes {
		if overlap(p.Categories, a.carries()) {
			all = append(all, p.MayReveal...)
		}
	}
	return unique(all)
}

// subjectsOf are whose data the callee processes in what the access carries.
func (f *facts) subjectsOf(a *access) []string {
	all := some(a.Activity())
	if d := a.Callee().PersonalData; d != nil {
		for _, p := range d.Processes {
			if p.Activity != nil && overlap(p.Categories, a.carries()) {
				all = append(all, p.Activity)
			}
		}
	}
	return subjects(all)
}

func activityOf(a *access) Cell {
	if act := a.Activity(); act != nil {
		return required(act.Name)
	}
	return required()
}

// ofActivity is a cell of the access's activity, missing with it.
func (f *facts) ofActivity(a *access, of func(*model.Activity) Cell) Cell {
	if act := a.Activity(); act != nil {
		return of(act)
	}
	return required()
}

func agreedIn(a *access) Cell {
	if a.Pending {
		return or("nobody yet")
	}
	return or("one team owns both sides", line(query.Agreed(a.Access)))
}

func until(a *access) string {
	if a.Intent == nil {
		return ""
	}
	return a.Intent.Doc.Until.Value
}

func consent(a *access) string {
	if a.Pending {
		return "none yet"
	}
	return a.Consent.String()
}

// proved is the state of an access that the manifests allow, and nothing wider.
const proved = "rendered and proved"

// state is what becomes of the access, in the manifests and in their proof. What no policy is found for is never called proved.
func (f *facts) state(a *access) string {
	switch {
	case a.Pending:
		return "waits for consent: nobody is let in"
	case len(a.legs) == 0 && len(a.withheld) > 0:
		return "withheld: nobody is let in (" + strings.Join(a.withheld, ", ") + ")"
	case len(a.legs) == 0:
		return "calls arrive nowhere: nobody is let in"
	}
	state, stale := f.enforcement(a)
	if len(a.withheld) > 0 {
		state += "; withheld in part (" + strings.Join(a.withheld, ", ") + ")"
	}
	if stale {
		state += "; out/ does not hold it yet"
	}
	return state
}

// enforcement is what the manifests make of the access where calls arrive, and whether out/ holds other ones.
func (f *facts) enforcement(a *access) (state string, stale bool) {
	enforced, unfound := 0, false
	for _, leg := range a.legs {
		if unenforced(leg.To) != "" {
			continue
		}
		enforced++
		found := f.policiesOf(a, leg.To.Cluster.Name)
		unfound = unfound || len(found) == 0
		stale = stale || slices.ContainsFunc(found, func(p *Policy) bool { return p.Stale })
	}
	switch {
	case enforced == 0:
		return "not enforced: whoever reaches it can call it", stale
	case !f.Proved:
		return "rendered, not proved", stale
	case unfound:
		return "no policy found for it", stale
	case enforced < len(a.legs):
		return "enforced in part: elsewhere whoever reaches it can call it", stale
	case portOnly(a.Endpoint):
		return proved + ", port only", stale
	default:
		return proved, stale
	}
}

// portOnly reports whether policies can tell requests to the endpoint from no others on its port.
func portOnly(e *model.Endpoint) bool { return e.Paths == nil || e.Port == nil || !e.Port.HTTP() }

// unenforced is why the workload's proxy takes every request, "" where it refuses those that nobody named.
func unenforced(w *model.Workload) string {
	switch {
	case w.Stages.MTLS == model.MTLSNone:
		return "no sidecar"
	case w.Stages.Authz != model.AuthzEnforce:
		return w.Stages.Authz.String()
	default:
		return ""
	}
}

// strength is how much of the access each cluster can tell apart.
func (f *facts) strength(a *access) Cell {
	var all []string
	for _, leg := range a.legs {
		how := "L7 allow (identity, method, path)"
		if why := unenforced(leg.To); why != "" {
			how = "not enforced (" + why + ")"
		} else if portOnly(a.Endpoint) {
			how = "port only (identity and port)"
		}
		all = append(all, fmt.Sprintf("%s: %s, mtls %s", leg.To.Cluster.Name, how, leg.To.Stages.MTLS))
	}
	return or(none, unique(all)...)
}

// identities are those that the caller's workloads call with, or the addresses of an Outsider.
func identities(a *access) []string {
	if o := a.Caller.Outsider; o != nil {
		if id := o.Doc.Spec.Identity.Value; id != "" {
			return []string{id}
		}
		return append([]string{"no identity: whoever calls from"}, syntax.Values(o.Doc.Spec.CIDRs)...)
	}
	var all []string
	for _, leg := range a.legs {
		if leg.From.Stages.MTLS == model.MTLSNone {
			all = append(all, "no identity: no sidecar in "+leg.From.Cluster.Name)
			continue
		}
		for _, account := range leg.From.Accounts {
			all = append(all, leg.From.Principal(account))
		}
	}
	return unique(all)
}

// alike are whom the callee's policies take for the caller.
func (f *facts) alike(a *access) []string {
	if a.Caller.Service == nil || !a.holds() {
		return nil
	}
	return unique(f.index.Alike(a.Caller.Service, a.Callee()))
}

// routes are the ways of the calls.
func routes(a *access) []string {
	var all []string
	for _, leg := range a.legs {
		from := "outside"
		if leg.From != nil {
			from = leg.From.Cluster.Name
		}
		all = append(all, from+" -> "+leg.To.Cluster.Name)
	}
	return unique(all)
}

// accessCountries are where both sides of the access are, whether it is withheld or not.
func accessCountries(a *access) []string {
	var all []*model.Workload
	for leg := range a.Legs() {
		if all = append(all, leg.To); leg.From != nil {
			all = append(all, leg.From)
		}
	}
	return countries(all)
}

// policiesOf are the policies of a cluster that let the access in.
func (f *facts) policiesOf(a *access, cluster string) []*Policy {
	return f.policies[policyKey{cluster, a.Callee().Key(), Use{a.Caller.Key(), a.Endpoint.Name, a.Consent == model.ByPlatform}}]
}

// policyCell tells of each policy that lets the access in, in one order.
func (f *facts) policyCell(a *access, tell func(*Policy) string) Cell {
	var all []string
	var told []*Policy
	for _, leg := range a.legs {
		for _, p := range f.policiesOf(a, leg.To.Cluster.Name) {
			if !slices.Contains(told, p) {
				told, all = append(told, p), append(all, tell(p))
			}
		}
	}
	return listed(all)
}
