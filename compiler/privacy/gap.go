package privacy

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// Gap is personal data that comes to a Service which does not say that it processes it.
type Gap struct {
	Service *model.Service
	// Category covers all others of the Service's gaps that it meets: to declare it is to declare them.
	Category string
	// Path is how it comes there, from where somebody declares it: a shortest witness, whose last step ends at Service.
	Path []Step
	// Steps are all last hops by which it comes, or something below it.
	Steps []Step
	// Also are Services further down that it comes to by way of this one. They need not be told: what mends Service mends them.
	Also []*model.Service
	// Onward are the hops further down of what comes over a channel, which nothing can hold back on its way here.
	Onward []Step
}

// Gaps are the places where personal data first arrives undeclared, by Service and category. What a Service only gets because
// another did not declare it is no gap of its own but among Also of the other's: one mistake is one gap.
func (f *Flow) Gaps() []Gap {
	var gaps []Gap
	for _, s := range f.sorted() {
		for _, c := range f.roots(s) {
			gaps = append(gaps, f.gap(s, c))
		}
	}
	f.spreadOn(gaps)
	return gaps
}

// sorted are the Services that something comes to undeclared.
func (f *Flow) sorted() []*model.Service {
	var all []*model.Service
	for s, x := range f.services {
		if len(x.undeclared) > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, byKey)
	return all
}

// roots are the categories that come to the Service undeclared from where they are declared. Such hops were looked at first, so the
// first one tells.
func (f *Flow) roots(s *model.Service) []string {
	var all []string
	for c, first := range f.services[s].came {
		if first.root == s {
			all = append(all, c)
		}
	}
	return vocabulary.Minimal(all)
}

func (f *Flow) gap(s *model.Service, category string) Gap {
	g := Gap{Service: s, Category: category, Path: f.Path(s, category)}
	for _, step := range f.services[s].undeclared {
		if vocabulary.Covers(category, step.Category) {
			g.Steps = append(g.Steps, step)
		}
	}
	slices.SortFunc(g.Steps, compareSteps)
	if slices.ContainsFunc(g.Steps, func(st Step) bool { return st.Channel != nil }) {
		g.Onward = f.beyond(g)
	}
	return g
}

func compareSteps(a, b Step) int {
	text := func(s Step) string {
		if s.Access != nil {
			return s.Access.String()
		}
		return s.Channel.Key + " " + s.Channel.Service.Key()
	}
	return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(text(a), text(b)))
}

// Path is how the category first came to the Service undeclared, from where it is declared; nil where it did not.
func (f *Flow) Path(s *model.Service, category string) []Step {
	var steps []Step
	for s != nil {
		first, came := f.services[s].came[category]
		if !came {
			break
		}
		steps = append(steps, first.step)
		if first.root == s {
			break
		}
		s = first.step.From
	}
	slices.Reverse(steps)
	return steps
}

// spreadOn finds the Services to which the gaps' categories come further down.
func (f *Flow) spreadOn(gaps []Gap) {
	of := map[*model.Service][]int{}
	for i, g := range gaps {
		of[g.Service] = append(of[g.Service], i)
	}
	for _, s := range f.sorted() {
		for c, first := range f.services[s].came {
			if slices.ContainsFunc(of[s], func(i int) bool { return vocabulary.Covers(gaps[i].Category, c) }) {
				continue // which it is told of itself
			}
			for _, i := range of[first.root] {
				if vocabulary.Covers(gaps[i].Category, c) && !slices.Contains(gaps[i].Also, s) {
					gaps[i].Also = append(gaps[i].Also, s)
				}
			}
		}
	}
}

// beyond are the hops that follow on a gap.
func (f *Flow) beyond(g Gap) []Step {
	var steps []Step
	seen := map[fact]bool{}
	var queue []fact
	for _, step := range g.Steps {
		if at := (fact{g.Service, step.Category}); !seen[at] {
			seen[at] = true
			queue = append(queue, at)
		}
	}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		f.onward(next, func(step Step) {
			if _, came := f.services[step.To].came[step.Category]; !came {
				return
			}
			steps = append(steps, step)
			if at := (fact{step.To, step.Category}); !seen[at] {
				seen[at] = true
				queue = append(queue, at)
			}
		})
	}
	return steps
}
