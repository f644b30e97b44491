package privacy

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
)

// Gap is personal data that comes to a Service which does not say that it processes it.
type Gap struct {
	Service  *model.Service
	Category string
	// Path is how it comes there, from a Service that holds it: one witness, the last step ends at Service.
	Path []Step
	// Steps are all last hops by which it comes.
	Steps []Step
	// Also are Services further down that it comes to in the same way. They need not be told: what mends Service mends them.
	Also []*model.Service
}

// Gaps are the places where personal data first arrives undeclared, by Service and category. What a Service only gets because
// another did not declare it is in Also of that other's gap: one mistake is one gap.
func (f *Flow) Gaps() []Gap {
	var gaps []Gap
	for _, s := range f.sorted() {
		for category, steps := range f.undeclared(s) {
			if roots := slices.DeleteFunc(slices.Clone(steps), func(st Step) bool { return !f.sourced(st) }); len(roots) > 0 || f.circular(s, category) {
				gaps = append(gaps, Gap{Service: s, Category: category, Path: f.path(s, category), Steps: steps})
			}
		}
	}
	slices.SortFunc(gaps, func(a, b Gap) int {
		return cmp.Or(byKey(a.Service, b.Service), cmp.Compare(a.Category, b.Category))
	})
	f.spreadOn(gaps)
	return gaps
}

func (f *Flow) sorted() []*model.Service {
	all := make([]*model.Service, 0, len(f.services))
	for s := range f.services {
		all = append(all, s)
	}
	slices.SortFunc(all, byKey)
	return all
}

// undeclared are the last hops of what comes to the Service and is neither held, nor discarded, nor acknowledged.
func (f *Flow) undeclared(s *model.Service) map[string][]Step {
	all := map[string][]Step{}
	for step := range f.arriving(s) {
		if f.undeclaredStep(step) {
			all[step.Category] = append(all[step.Category], step)
		}
	}
	return all
}

// sourced reports whether the hop begins where the category is declared: by the Service that holds it, by what an endpoint or a
// channel says, or by a caller that is no Service.
func (f *Flow) sourced(step Step) bool {
	switch {
	case step.From == nil, step.Channel != nil:
		return true
	case step.From != step.Access.Callee(): // written: the endpoint says so
		return true
	case step.Access.Endpoint.Returns != nil:
		return true
	default:
		return covered(step.Category, f.services[step.From].holds)
	}
}

// circular reports whether no Service on the way to this one declares the category or has a gap of its own for it.
func (f *Flow) circular(s *model.Service, category string) bool {
	seen := map[*model.Service]bool{}
	for at := s; at != nil && !seen[at]; {
		seen[at] = true
		step, came := f.services[at].came[category]
		if !came {
			return false
		}
		if f.sourced(step) {
			return false
		}
		at = step.From
	}
	return true
}

// path is how the category first came to the Service, from where it is declared.
func (f *Flow) path(s *model.Service, category string) []Step {
	var steps []Step
	seen := map[*model.Service]bool{}
	for at := s; at != nil && !seen[at]; {
		seen[at] = true
		step, came := f.services[at].came[category]
		if !came {
			break
		}
		steps = append(steps, step)
		if f.sourced(step) {
			break
		}
		at = step.From
	}
	slices.Reverse(steps)
	return steps
}

// spreadOn finds the Services to which a gap's category comes further down.
func (f *Flow) spreadOn(gaps []Gap) {
	at := map[*model.Service][]int{}
	for i, g := range gaps {
		at[g.Service] = append(at[g.Service], i)
	}
	for _, s := range f.sorted() {
		for category, step := range f.services[s].came {
			for from := step.From; from != nil && from != s; {
				for _, i := range at[from] {
					if gaps[i].Category == category && gaps[i].Service != s && !slices.Contains(gaps[i].Also, s) {
						gaps[i].Also = append(gaps[i].Also, s)
					}
				}
				before, came := f.services[from].came[category]
				if !came || before.From == from {
					break
				}
				from = before.From
				if from == step.From {
					break
				}
			}
		}
	}
	for i := range gaps {
		slices.SortFunc(gaps[i].Also, byKey)
	}
}
