package privacy

import (
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// fact is that a Service is exposed to a category that it does not declare.
type fact struct {
	service  *model.Service
	category string
}

// spread carries personal data from where it is declared to wherever it comes. First come the hops that begin at what somebody
// wrote, then, first found first, those that only hand on what came undeclared: each fact is reached by a shortest way, rests on
// facts found before it, and is handed on once, so that it ends although calls go in circles.
func (f *Flow) spread(services []*model.Service) {
	var queue []fact
	arrive := func(step Step) {
		if f.arrive(step) {
			queue = append(queue, fact{step.To, step.Category})
		}
	}
	for _, s := range services {
		f.declared(s, arrive)
	}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		f.onward(next, arrive)
	}
	for _, s := range services {
		x := f.services[s]
		x.exposed = x.holds
		for c := range x.came {
			x.exposed = append(x.exposed[:len(x.exposed):len(x.exposed)], c)
		}
		if len(x.came) > 0 {
			x.exposed = vocabulary.Minimal(x.exposed)
		}
	}
}

// arrive takes a hop, and reports whether it is how the Service first comes to be exposed to a category that it does not declare.
func (f *Flow) arrive(step Step) bool {
	x := f.services[step.To]
	if step.From == step.To {
		return false // what a Service says of itself in two ways is no flow
	}
	if Covered(step.Category, x.holds) || Covered(step.Category, x.discards) || f.Acknowledgement(step) != nil {
		return false
	}
	x.undeclared = append(x.undeclared, step)
	if _, known := x.came[step.Category]; known {
		return false
	}
	if x.came == nil {
		x.came = map[string]arrival{}
	}
	root := step.To
	if !f.sourced(step) {
		root = f.services[step.From].came[step.Category].root
	}
	x.came[step.Category] = arrival{step, root}
	return true
}

// declared yields the hops to the Service of what somebody wrote: what endpoints and channels say, and what Services hold.
func (f *Flow) declared(s *model.Service, yield func(Step)) {
	x := f.services[s]
	for _, a := range x.calls {
		for _, c := range f.endpoints[a.Endpoint].of(f.services[a.Callee()].holds) {
			yield(Step{Category: c, From: a.Callee(), To: s, Access: a})
		}
	}
	for _, a := range x.callers {
		for _, c := range f.endpoints[a.Endpoint].accepts {
			yield(Step{Category: c, From: a.Caller.Service, To: s, Access: a, Writes: true})
		}
	}
	if s.PersonalData == nil {
		return
	}
	for _, end := range s.PersonalData.Channels {
		f.taken(end, yield)
	}
}

// taken yields what comes to the Service of a channel's end: what the end says, and what other Services say or hold who send into
// the channel.
func (f *Flow) taken(end *model.Channel, yield func(Step)) {
	if end.Doc.Receives == nil {
		return
	}
	for _, c := range Personal(end.Receives) {
		yield(Step{Category: c, To: end.Service, Channel: end})
	}
	for _, other := range f.channels[end.Key] {
		if other.Service == end.Service {
			continue
		}
		sends := Personal(other.Sends)
		if unspoken(other) {
			sends = f.services[other.Service].holds
		}
		for _, c := range sends {
			yield(Step{Category: c, From: other.Service, To: end.Service, Channel: other})
		}
	}
}

// onward yields the hops by which a Service hands on what came to it undeclared: endpoints and channels that do not say what they
// carry.
func (f *Flow) onward(came fact, yield func(Step)) {
	s := came.service
	for _, a := range f.services[s].callers {
		o := f.endpoints[a.Endpoint]
		if to := a.Caller.Service; to != nil && o.inherits && !Covered(came.category, o.drops) {
			yield(Step{Category: came.category, From: s, To: to, Access: a})
		}
	}
	if s.PersonalData == nil {
		return
	}
	for _, end := range s.PersonalData.Channels {
		if !unspoken(end) {
			continue
		}
		for _, other := range f.channels[end.Key] {
			if other.Service != s && other.Doc.Receives != nil {
				yield(Step{Category: came.category, From: s, To: other.Service, Channel: end})
			}
		}
	}
}

// sourced reports whether the hop begins where somebody declared the category.
func (f *Flow) sourced(step Step) bool {
	switch {
	case step.From == nil || step.Writes:
		return true
	case step.Channel != nil:
		return !unspoken(step.Channel) || Covered(step.Category, f.services[step.From].holds)
	default:
		o := f.endpoints[step.Access.Endpoint]
		return slices.Contains(o.of(f.services[step.From].holds), step.Category)
	}
}
