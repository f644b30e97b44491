package query

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
)

// Coverage is what the Tests protect: which accesses one of them would miss, and which endpoints one of them guards against
// callers that nobody named.
type Coverage struct {
	Accesses  []Covered[*model.Access] // by callee, endpoint and caller
	Endpoints []Covered[*model.Endpoint]
}

// Covered is a thing with the assertion that protects it, nil where none does.
type Covered[T any] struct {
	Thing T
	By    *model.Assertion
}

// Coverage thinks every access away in turn, and looks for an assertion that would fail then. Assertions that fail already
// protect nothing.
func (x *Index) Coverage() Coverage {
	sound := map[*model.Service][]*model.Assertion{}
	for _, v := range x.Judge() {
		for _, c := range v.Cases {
			if v.Holds() {
				sound[c.To] = append(sound[c.To], v.Assertion)
			}
		}
	}
	var c Coverage
	for _, m := range x.checked.Estate().Meshes {
		for _, a := range m.Accesses {
			if !x.holdsAnywhere(a) {
				continue
			}
			c.Accesses = append(c.Accesses, Covered[*model.Access]{a, first(sound[a.Callee()], func(t *model.Assertion) bool {
				if t.Kind != model.AssertAllow || !about(t, a.Endpoint) {
					return false
				}
				return len(x.judge(t, a).breaches) > 0
			})})
		}
		for _, s := range m.Services {
			for _, e := range s.Endpoints {
				if !e.Broken {
					c.Endpoints = append(c.Endpoints, Covered[*model.Endpoint]{e, first(sound[s], func(t *model.Assertion) bool { return guards(t, e) })})
				}
			}
		}
	}
	return c
}

// holdsAnywhere reports whether a call of the access arrives anywhere.
func (x *Index) holdsAnywhere(a *model.Access) bool {
	for leg := range a.Legs() {
		if x.checked.Holds(a, leg.From) {
			return true
		}
	}
	return false
}

func first(all []*model.Assertion, is func(*model.Assertion) bool) *model.Assertion {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}

// about reports whether the assertion is about requests of the endpoint.
func about(a *model.Assertion, e *model.Endpoint) bool {
	return slices.ContainsFunc(a.Cases, func(c *model.Case) bool {
		return c.To == e.Service && slices.ContainsFunc(c.Requests, func(q *model.Endpoint) bool {
			_, meet := shared(c.Workloads[0], q, e)
			return meet
		})
	})
}

// guards reports whether the assertion would fail if somebody were let in to the whole endpoint whom it does not name.
func guards(a *model.Assertion, e *model.Endpoint) bool {
	if !about(a, e) {
		return false
	}
	return a.Kind == model.AssertOnly || a.Kind == model.AssertDeny && slices.ContainsFunc(a.Cases, func(c *model.Case) bool {
		return slices.ContainsFunc(c.From, func(p model.Peer) bool { return p.Any })
	})
}

// Share is how much of a team's is protected.
type Share struct {
	Team      string `json:"team"`      // "" of what the platform owns
	Accesses  int    `json:"accesses"`  // that the team's Services and Outsiders have
	Missed    int    `json:"missed"`    // those of them that a test would miss
	Endpoints int    `json:"endpoints"` // that the team's Services offer
	Guarded   int    `json:"guarded"`   // those of them that a test guards
}

// Shares are the teams', by name.
func (c Coverage) Shares() []Share {
	of := map[string]*Share{}
	at := func(t *model.Team) *Share {
		name := ""
		if t != nil {
			name = t.Name
		}
		if of[name] == nil {
			of[name] = &Share{Team: name}
		}
		return of[name]
	}
	for _, a := range c.Accesses {
		s := at(a.Thing.Caller.Team())
		s.Accesses++
		if a.By != nil {
			s.Missed++
		}
	}
	for _, e := range c.Endpoints {
		s := at(e.Thing.Service.Team)
		s.Endpoints++
		if e.By != nil {
			s.Guarded++
		}
	}
	var all []Share
	for _, s := range of {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Share) int { return cmp.Compare(a.Team, b.Team) })
	return all
}
