package query

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// Impact is what a breach of a Service would touch, as the notification of GDPR Article 33(3) asks.
type Impact struct {
	Service, Team string
	// Touched is the personal data that whoever has the Service can read: what it holds, gets and may ask for.
	Touched  []Touched
	Subjects []string
	Holders  []Holder // what it says that it processes itself
	// Silent says that it does not, so that Touched is what comes to it and no more.
	Silent bool
	// Calls are what it may ask for, and Callers who gets data from it or sends it some.
	Calls, Callers []DataAccess
	Channels       []DataChannel
	Places         []Place
	// Alike are Services with the same identity: what one is let in to is open to the other.
	Alike []string
	// Contacts are who should hear of it: the teams on either side, and the privacy team.
	Contacts []Contact
}

// Touched is a category with its class.
type Touched struct {
	Category, Class string
	// Ways are how the Service comes to it: "processed", "called for", "sent by callers".
	Ways []string
}

// Place is a cluster of the Service.
type Place struct {
	Cluster, Country          string // the country is "" where nobody says
	Operator, OperatorCountry string
}

// Contact is where somebody is reached.
type Contact struct {
	Who     string
	Contact string
	Owners  []string // code owners, of teams
}

// Impact answers what a breach of the Service would touch. An error says that there is no such Service.
func (x *Index) Impact(word string) (*Impact, error) {
	services, err := x.services(word)
	if err != nil {
		return nil, err
	}
	first := services[0]
	m := &Impact{Service: first.Key(), Team: first.Team.Name}
	t := touched{}
	all := func(string) bool { return true }
	for _, s := range services {
		m.Silent = m.Silent || s.PersonalData == nil
		m.Holders = append(m.Holders, x.holders(s, all)...)
		m.Channels = append(m.Channels, x.channels(s, all)...)
		m.Places = append(m.Places, placesOf(s)...)
		t.add("processed", x.data().Holds(s))
		for _, a := range x.data().Calls(s) {
			m.Calls = x.involve(m.Calls, a)
			t.add("called for", x.readable(a))
			m.Alike = append(m.Alike, x.twins(s, a.Callee().Workloads)...)
		}
		for _, a := range x.data().Callers(s) {
			m.Callers = x.involve(m.Callers, a)
			t.add("sent by callers", x.data().Accepts(a.Endpoint))
		}
	}
	for _, c := range m.Channels {
		t.add("taken from channels", c.Receives)
	}
	m.Touched = t.sorted(x.checked.Estate().Privacy.Categories)
	m.Holders, m.Channels = eachOnce(m.Holders, byHolder), eachOnce(m.Channels, byChannel)
	m.Places = eachOnce(m.Places, func(a, b Place) int { return cmp.Compare(a.Cluster, b.Cluster) })
	slices.SortStableFunc(m.Calls, byDataAccess)
	slices.SortStableFunc(m.Callers, byDataAccess)
	m.Alike = unique(m.Alike)
	m.Subjects = x.subjects(services)
	m.Contacts = x.contacts(services, m)
	return m, nil
}

// involve adds the access where it holds and carries personal data.
func (x *Index) involve(all []DataAccess, a *model.Access) []DataAccess {
	d, _ := x.dataAccess(a)
	if len(d.Clusters) == 0 || len(d.Reads)+len(d.Writes) == 0 {
		return all
	}
	return mergeData(all, d)
}

// readable is what the caller of the access reads, as far as the access holds.
func (x *Index) readable(a *model.Access) []string {
	if d, _ := x.dataAccess(a); len(d.Clusters) > 0 {
		return d.Reads
	}
	return nil
}

// touched are categories, each with how they are come by.
type touched map[string][]string

func (t touched) add(way string, categories []string) {
	for _, c := range categories {
		t[c] = unique(append(t[c], way))
	}
}

func (t touched) sorted(words *vocabulary.Taxonomy) []Touched {
	var all []Touched
	for c, ways := range t {
		all = append(all, Touched{c, words.Highest(c).String(), ways})
	}
	slices.SortFunc(all, func(a, b Touched) int {
		return cmp.Or(cmp.Compare(words.Highest(b.Category), words.Highest(a.Category)), cmp.Compare(a.Category, b.Category))
	})
	return all
}

func placesOf(s *model.Service) []Place {
	var all []Place
	for _, w := range s.Workloads {
		p := Place{Cluster: w.Cluster.Name, Country: w.Cluster.Doc.Spec.Country.Value}
		if o := w.Cluster.Operator; o != nil {
			p.Operator, p.OperatorCountry = o.Doc.Spec.LegalName.Line(), o.Doc.Spec.Country.Value
		}
		all = append(all, p)
	}
	return all
}

// subjects are whose data is touched: by the activities of the Service, and by those of whom it calls.
func (x *Index) subjects(services []*model.Service) []string {
	var all []string
	of := func(s *model.Service, asked func(string) bool) {
		if s.PersonalData == nil {
			return
		}
		for _, p := range s.PersonalData.Processes {
			if p.Activity != nil && slices.ContainsFunc(p.Categories, asked) {
				all = append(all, p.Activity.Subjects...)
			}
		}
	}
	for _, s := range services {
		of(s, func(string) bool { return true })
		for _, a := range x.data().Calls(s) {
			reads := x.readable(a)
			of(a.Callee(), func(c string) bool {
				return slices.ContainsFunc(reads, func(r string) bool { return vocabulary.Overlap(r, c) })
			})
		}
	}
	return unique(all)
}

// contacts are whom to reach: the Service's own team first, then the privacy team, then the others.
func (x *Index) contacts(services []*model.Service, m *Impact) []Contact {
	all := []Contact{teamContact(services[0].Team)}
	if p := x.checked.Estate().Privacy; p.Doc != nil {
		c := Contact{Who: "privacy", Owners: syntax.Values(p.Doc.Spec.Owners)}
		if p.Controller != nil {
			c.Contact = partyContact(p.Controller).Contact
		}
		all = append(all, c)
	}
	involved := map[string]bool{}
	for _, d := range slices.Concat(m.Calls, m.Callers) {
		involved[d.CallerTeam], involved[d.CalleeTeam] = true, true
	}
	parties := map[*model.Party]bool{}
	for _, s := range services {
		for _, w := range s.Workloads {
			parties[w.Cluster.Operator] = true
		}
		if s.PersonalData == nil {
			continue
		}
		for _, c := range s.PersonalData.Channels {
			parties[c.Party] = true
			for _, end := range x.data().Ends(c) {
				involved[end.Service.Team.Name] = true
			}
		}
	}
	for _, t := range x.checked.Estate().Teams {
		if involved[t.Name] && t != services[0].Team {
			all = append(all, teamContact(t))
		}
	}
	for _, p := range x.checked.Estate().Parties {
		if parties[p] && p.Doc.Spec.Role.Value != "own" {
			all = append(all, partyContact(p))
		}
	}
	return all
}

func teamContact(t *model.Team) Contact {
	return Contact{"team " + t.Name, t.Doc.Spec.Contact.Line(), syntax.Values(t.Doc.Spec.Owners)}
}

// partyContact is a Party with its protection officer, or where it is reached otherwise.
func partyContact(p *model.Party) Contact {
	return Contact{Who: p.Doc.Spec.LegalName.Line(), Contact: cmp.Or(p.Doc.Spec.ProtectionOfficer.Line(), p.Doc.Spec.Contact.Line())}
}
