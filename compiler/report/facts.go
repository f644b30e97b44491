package report

import (
	"cmp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// facts are what the registers look up.
type facts struct {
	Input
	estate   *model.Estate
	flow     *privacy.Flow
	index    *query.Index
	services []*service
	of       map[*syntax.Service]*service
	accesses []*access
	holdings []*holding // by activity and service
	policies map[policyKey][]*Policy
	// received is what Parties get, and over which way.
	received map[*model.Party][]receipt

	ofService map[*model.Service][]*access // made when first asked for, as are crossings
	crossings []*transfer
}

// service is a document, which may be a Service in several meshes.
type service struct {
	*model.Service // the first of them
	All            []*model.Service
}

func (s *service) workloads() []*model.Workload {
	var all []*model.Workload
	for _, one := range s.All {
		all = append(all, one.Workloads...)
	}
	return all
}

// holding is what a Service processes under one Activity.
type holding struct {
	*service
	Processing *model.Processing
}

func (h *holding) activity() string { return h.Processing.Doc.Activity.Value }

// stored reports whether the Service keeps the data.
func (h *holding) stored() bool { return h.Processing.Doc.Stored.Value }

// access is an access to personal data.
type access struct {
	*model.Access
	Reads, Writes []string
	Pending       bool
	withheld      []string // codes of the rules that keep it out, wholly or in part
	legs          []model.Leg
}

// receipt is one way by which a Party gets personal data.
type receipt struct {
	Way        string
	Categories []string
	Activities []*model.Activity
	Services   []string
	Teams      []string
	At         diag.Span
}

type policyKey struct {
	cluster, service string
	use              Use
}

func gather(in Input) *facts {
	f := &facts{Input: in, estate: in.Checked.Estate(), policies: map[policyKey][]*Policy{}, received: map[*model.Party][]receipt{}}
	f.flow, f.index = in.Checked.Flow(), query.NewIndex(in.Checked, in.Findings)
	f.gatherServices()
	for _, m := range f.estate.Meshes {
		for _, a := range m.Accesses {
			f.gatherAccess(a, false)
		}
		for _, a := range m.Pending {
			f.gatherAccess(a, true)
		}
	}
	slices.SortStableFunc(f.accesses, func(a, b *access) int {
		return cmp.Or(cmp.Compare(a.Callee().Key(), b.Callee().Key()), cmp.Compare(a.Endpoint.Name, b.Endpoint.Name),
			cmp.Compare(a.Caller.Key(), b.Caller.Key()), cmp.Compare(a.Callee().Mesh.Name, b.Callee().Mesh.Name))
	})
	for i := range in.Policies {
		p := &in.Policies[i]
		for _, u := range p.Uses {
			key := policyKey{p.Cluster, p.Service, u}
			f.policies[key] = append(f.policies[key], p)
		}
	}
	f.gatherReceipts()
	return f
}

func (f *facts) gatherServices() {
	f.of = map[*syntax.Service]*service{}
	for _, m := range f.estate.Meshes {
		for _, s := range m.Services {
			if f.of[s.Doc] == nil {
				f.of[s.Doc] = &service{Service: s}
				f.services = append(f.services, f.of[s.Doc])
			}
			f.of[s.Doc].All = append(f.of[s.Doc].All, s)
		}
	}
	slices.SortStableFunc(f.services, func(a, b *service) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.Mesh.Name, b.Mesh.Name))
	})
	for _, s := range f.services {
		if s.PersonalData == nil {
			continue
		}
		for _, p := range s.PersonalData.Processes {
			f.holdings = append(f.holdings, &holding{s, p})
		}
	}
	slices.SortStableFunc(f.holdings, func(a, b *holding) int {
		return cmp.Or(cmp.Compare(a.activity(), b.activity()), cmp.Compare(a.Key(), b.Key()))
	})
}

func (f *facts) gatherAccess(a *model.Access, pending bool) {
	x := &access{Access: a, Reads: f.flow.Returns(a.Endpoint), Writes: f.flow.Accepts(a.Endpoint), Pending: pending}
	if len(x.Reads)+len(x.Writes) == 0 {
		return
	}
	for leg := range a.Legs() {
		if rule := f.Checked.WithheldBy(a, leg.From); rule != nil {
			x.withheld = append(x.withheld, rule.Code)
		} else {
			x.legs = append(x.legs, leg)
		}
	}
	x.withheld = unique(x.withheld)
	f.accesses = append(f.accesses, x)
}

// carries are the categories in either direction.
func (a *access) carries() []string { return vocabulary.Minimal(slices.Concat(a.Reads, a.Writes)) }

// holds reports whether calls arrive somewhere, as far as documents go.
func (a *access) holds() bool { return !a.Pending && len(a.legs) > 0 }

// gatherReceipts finds the ways by which personal data comes to Parties.
func (f *facts) gatherReceipts() {
	for _, s := range f.services {
		if s.PersonalData == nil {
			continue
		}
		for _, c := range s.PersonalData.Channels {
			if sends := f.flow.Sends(c); c.Party != nil && len(sends) > 0 {
				f.receive(c.Party, receipt{
					Way: "channel " + c.Key + " of " + s.Key(), Categories: sends, Activities: some(c.Activity),
					Services: []string{s.Key()}, Teams: []string{s.Team.Name}, At: c.Doc.Span,
				})
			}
		}
	}
	for _, a := range f.estate.Activities {
		services, teams := f.holders(a)
		for i, p := range a.Recipients {
			r := receipt{Way: "recipient of " + a.Name, Categories: a.Categories, Activities: []*model.Activity{a}, Services: services, Teams: teams}
			if i < len(a.Doc.Spec.Recipients.Items) {
				r.At = a.Doc.Spec.Recipients.Items[i].Span
			}
			f.receive(p, r)
		}
	}
	for _, c := range f.estate.Clusters {
		if exposed := f.exposedIn(c); c.Operator != nil && len(exposed.Categories) > 0 {
			exposed.Way, exposed.At = "operates cluster "+c.Name, c.Doc.Spec.Operator.Span
			f.receive(c.Operator, exposed)
		}
	}
}

func (f *facts) receive(p *model.Party, r receipt) { f.received[p] = append(f.received[p], r) }

// holders are the Services that process something under the activity, with their teams.
func (f *facts) holders(a *model.Activity) (services, teams []string) {
	for _, h := range f.holdings {
		if h.Processing.Activity == a {
			services, teams = append(services, h.Key()), append(teams, h.Team.Name)
		}
	}
	return unique(services), unique(teams)
}

// exposedIn is the personal data that there is in a cluster.
func (f *facts) exposedIn(c *model.Cluster) receipt {
	var r receipt
	for _, w := range c.Workloads {
		exposed := f.sees(w.Service)
		if len(exposed) == 0 {
			continue
		}
		r.Categories = append(r.Categories, exposed...)
		r.Services, r.Teams = append(r.Services, w.Service.Key()), append(r.Teams, w.Service.Team.Name)
		if w.Service.PersonalData != nil {
			for _, p := range w.Service.PersonalData.Processes {
				r.Activities = append(r.Activities, some(p.Activity)...)
			}
		}
	}
	r.Categories, r.Services, r.Teams, r.Activities = vocabulary.Minimal(r.Categories), unique(r.Services), unique(r.Teams), eachOnce(r.Activities)
	return r
}

// sees is all that comes to the Service, also what it says that it discards and what it has not taken up yet.
func (f *facts) sees(s *model.Service) []string {
	all := slices.Clone(f.flow.Exposed(s))
	for _, x := range f.accessesOf(s) {
		switch {
		case !x.holds():
		case x.Caller.Service == s:
			all = append(all, x.Reads...)
		default:
			all = append(all, x.Writes...)
		}
	}
	return vocabulary.Minimal(all)
}

// seesAnywhere is what comes to the Service in any mesh.
func (f *facts) seesAnywhere(s *service) []string {
	var all []string
	for _, one := range s.All {
		all = append(all, f.sees(one)...)
	}
	return vocabulary.Minimal(all)
}

// otherEnds are the ends of the channel that other documents have, in any mesh of this one.
func (f *facts) otherEnds(c *model.Channel) []*model.Channel {
	var all []*model.Channel
	for _, s := range f.of[c.Service.Doc].All {
		for _, mine := range s.PersonalData.Channels {
			if mine.Doc != c.Doc {
				continue
			}
			for _, end := range f.flow.Ends(mine) {
				if end.Doc != c.Doc {
					all = append(all, end)
				}
			}
		}
	}
	return all
}

// organisation is the controller of everything where an Activity names no other.
func (f *facts) organisation() string {
	if c := f.estate.Privacy.Controller; c != nil {
		return diag.Visible(c.Doc.Spec.LegalName.Line())
	}
	return missing
}

// class is the highest class of the categories, as each may hold what lies below it.
func (f *facts) class(categories []string) vocabulary.Class {
	highest := vocabulary.None
	for _, c := range categories {
		highest = max(highest, f.estate.Privacy.Categories.Highest(c))
	}
	return highest
}

// highest is the word of the highest class.
func (f *facts) highest(categories []string) Cell {
	if len(categories) == 0 {
		return required()
	}
	return required(f.class(categories).String())
}

// special reports whether the categories, or what they may reveal, need a condition of Article 9.
func (f *facts) special(a *model.Activity) bool {
	all := slices.Clone(a.Categories)
	for _, h := range f.holdings {
		if h.Processing.Activity == a {
			all = append(all, h.Processing.MayReveal...)
		}
	}
	return slices.ContainsFunc(all, func(c string) bool {
		term, _ := f.estate.Privacy.Categories.Find(c)
		return term.Class == vocabulary.Special
	})
}

// overlap reports whether one of the categories may be one of the others.
func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return vocabulary.Overlap(x, y) })
	})
}

// some is a list of one activity, or of none.
func some(a *model.Activity) []*model.Activity {
	if a == nil {
		return nil
	}
	return []*model.Activity{a}
}

func eachOnce(all []*model.Activity) []*model.Activity {
	slices.SortFunc(all, func(a, b *model.Activity) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Compact(all)
}

func names(all []*model.Activity) []string {
	var out []string
	for _, a := range all {
		out = append(out, a.Name)
	}
	return out
}

// subjects are whose data it is.
func subjects(all []*model.Activity) []string {
	var out []string
	for _, a := range all {
		out = append(out, a.Subjects...)
	}
	return unique(out)
}

// countries are where the workloads stand, and where those are who run them.
func countries(all []*model.Workload) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.Cluster.Doc.Spec.Country.Value)
		if w.Cluster.Operator != nil {
			out = append(out, w.Cluster.Operator.Doc.Spec.Country.Value)
		}
	}
	return unique(out)
}

// country is a code with its name.
func country(code string) string {
	if place, known := vocabulary.Country(code); known {
		return place.Name + " (" + code + ")"
	}
	return code
}

// inForce reports whether the days, each of which may be unsaid, have the day between them.
func inForce(from, until, day string) bool {
	return (from == "" || from <= day) && (until == "" || day <= until)
}

// called is the name and what it stands for.
func called(t *vocabulary.Taxonomy, key string) string {
	if term, known := t.Find(key); known && term.Title != "" {
		return key + " (" + term.Title + ")"
	}
	return key
}

// contactOf is a Party with where it is reached.
func contactOf(p *model.Party) string {
	parts := []string{p.Doc.Spec.LegalName.Line(), p.Doc.Spec.Contact.Line()}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
