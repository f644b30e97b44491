// Package privacy follows personal data through an estate: which of it each endpoint carries, which comes to each Service over
// accesses and channels, and where it arrives undeclared. It judges nothing; the rules about personal data do, in check.
//
// What a Service holds is what its document says that it processes. What it is exposed to is the least fixpoint of that and of what
// it reads, is written and takes from channels, less what it discards. An endpoint that does not say what it returns returns all
// that its Service is exposed to, so a tag can only ever loosen.
package privacy

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// Pseudonymous is what is left of a person in data that was pseudonymised: personal data still (GDPR recital 26).
const Pseudonymous = "user.unique_id.pseudonymous"

// Flow is where personal data goes in an estate. Sets of categories are minimal: none of a set covers another.
type Flow struct {
	estate   *model.Estate
	services map[*model.Service]*exposure
	channels map[channelKey][]*model.Channel
	plain    map[string]bool
}

// channelKey is a channel of a mesh: one document that spans two meshes has an end in each.
type channelKey struct {
	mesh *model.Mesh
	key  string
}

// exposure is what is known of one Service.
type exposure struct {
	holds    []string
	discards []string
	exposed  []string
	callers  []*model.Access // to it
	calls    []*model.Access
	came     map[string]Step // how each category came that it does not hold
}

// Step is one hop of a category to a Service: by an access that reads it, by one that writes it, or over a channel that From sends
// into.
type Step struct {
	Category string
	From, To *model.Service
	Access   *model.Access
	Channel  *model.Channel // the end that sends; where From is nil, the end of To
}

// Trace follows personal data through the estate.
func Trace(e *model.Estate) *Flow {
	f := &Flow{estate: e, services: map[*model.Service]*exposure{}, channels: map[channelKey][]*model.Channel{}, plain: map[string]bool{}}
	if d := e.Privacy.Doc; d != nil {
		for _, p := range d.Spec.PlainPaths.Items {
			f.plain[p.Value] = true
		}
	}
	var queue []*model.Service
	for _, m := range e.Meshes {
		for _, s := range m.Services {
			f.services[s] = f.begin(s)
			queue = append(queue, s)
		}
		for _, a := range m.Accesses {
			f.services[a.Callee()].callers = append(f.services[a.Callee()].callers, a)
			if s := a.Caller.Service; s != nil {
				f.services[s].calls = append(f.services[s].calls, a)
			}
		}
	}
	f.spread(queue)
	return f
}

func (f *Flow) begin(s *model.Service) *exposure {
	x := &exposure{came: map[string]Step{}}
	if d := s.PersonalData; d != nil {
		for _, p := range d.Processes {
			x.holds = append(x.holds, personal(p.Categories)...)
		}
		for _, d := range d.Declassifications {
			if d.Doc.Method.Value == "discard" {
				x.discards = append(x.discards, d.Drops...)
			}
		}
		for _, c := range d.Channels {
			key := channelKey{s.Mesh, c.Key}
			f.channels[key] = append(f.channels[key], c)
		}
	}
	x.holds = vocabulary.Minimal(x.holds)
	x.exposed = x.holds
	return x
}

// spread runs until nothing new comes anywhere. Exposures only grow, and there are finitely many keys, so it ends.
func (f *Flow) spread(queue []*model.Service) {
	waiting := map[*model.Service]bool{}
	for _, s := range queue {
		waiting[s] = true
	}
	for len(queue) > 0 {
		s := queue[0]
		queue, waiting[s] = queue[1:], false
		if !f.expose(s) {
			continue
		}
		for _, next := range f.readers(s) {
			if !waiting[next] {
				queue, waiting[next] = append(queue, next), true
			}
		}
	}
}

// expose takes what comes to the Service, and reports whether that was new.
func (f *Flow) expose(s *model.Service) bool {
	x := f.services[s]
	grown := false
	for step := range f.arriving(s) {
		if !f.undeclaredStep(step) {
			continue
		}
		if _, known := x.came[step.Category]; !known {
			x.came[step.Category] = step
		}
		if !covered(step.Category, x.exposed) {
			x.exposed = vocabulary.Minimal(append(slices.Clone(x.exposed), step.Category))
			grown = true
		}
	}
	return grown
}

// arriving yields every category that comes to the Service, and how, whether it is exposed to it already or not.
func (f *Flow) arriving(s *model.Service) func(yield func(Step) bool) {
	return func(yield func(Step) bool) {
		x := f.services[s]
		for _, a := range x.calls {
			for _, c := range f.Returns(a.Endpoint) {
				if !yield(Step{Category: c, From: a.Callee(), To: s, Access: a}) {
					return
				}
			}
		}
		for _, a := range x.callers {
			for _, c := range f.Accepts(a.Endpoint) {
				if !yield(Step{Category: c, From: a.Caller.Service, To: s, Access: a}) {
					return
				}
			}
		}
		if s.PersonalData == nil {
			return
		}
		for _, end := range s.PersonalData.Channels {
			for _, step := range f.overChannel(end) {
				if !yield(step) {
					return
				}
			}
		}
	}
}

// overChannel is what comes to the Service of a channel's end: what the end says, and what other Services send where it receives.
func (f *Flow) overChannel(end *model.Channel) []Step {
	if end.Doc.Receives == nil {
		return nil
	}
	var all []Step
	for _, c := range personal(end.Receives) {
		all = append(all, Step{Category: c, To: end.Service, Channel: end})
	}
	for _, other := range f.channels[channelKey{end.Service.Mesh, end.Key}] {
		if other == end {
			continue
		}
		for _, c := range personal(other.Sends) {
			all = append(all, Step{Category: c, From: other.Service, To: end.Service, Channel: other})
		}
	}
	return all
}

// readers are the Services that what the Service is exposed to may come to next.
func (f *Flow) readers(s *model.Service) []*model.Service {
	var all []*model.Service
	for _, a := range f.services[s].callers {
		if c := a.Caller.Service; c != nil && a.Endpoint.Returns == nil {
			all = append(all, c)
		}
	}
	return all
}

// Returns is the personal data that callers of the endpoint read.
func (f *Flow) Returns(e *model.Endpoint) []string {
	switch d := f.Declassifies(e); {
	case e.Returns != nil:
		return vocabulary.Minimal(personal(e.Returns.Categories))
	case d != nil:
		left := vocabulary.CoveredBy(f.services[e.Service].exposed, d.Drops)
		if d.Doc.Method.Value == "pseudonymise" {
			left = vocabulary.Minimal(append(left, Pseudonymous))
		}
		return left
	case f.Plain(e):
		return nil
	default:
		return f.services[e.Service].exposed
	}
}

// Accepts is the personal data that callers of the endpoint write: what it says, as nobody else knows.
func (f *Flow) Accepts(e *model.Endpoint) []string {
	if e.Accepts == nil {
		return nil
	}
	return vocabulary.Minimal(personal(e.Accepts.Categories))
}

// Carries is the personal data that the access moves in either direction.
func (f *Flow) Carries(a *model.Access) []string { return f.Tagged(a.Endpoint) }

// Tagged is the personal data that the endpoint has to do with in either direction; none where anybody may call it for it.
func (f *Flow) Tagged(e *model.Endpoint) []string {
	returns, accepts := f.Returns(e), f.Accepts(e)
	if len(accepts) == 0 {
		return returns
	}
	return vocabulary.Minimal(slices.Concat(returns, accepts))
}

// Plain reports whether the endpoint has no path but those that carry no personal data wherever they are offered.
func (f *Flow) Plain(e *model.Endpoint) bool {
	if len(e.Doc.Paths.Items) == 0 {
		return false
	}
	for _, p := range e.Doc.Paths.Items {
		if !f.plain[p.Value] {
			return false
		}
	}
	return true
}

// Declassifies is the declassification that the endpoint returns the result of, nil where none names it.
func (f *Flow) Declassifies(e *model.Endpoint) *model.Declassification {
	if e.Service.PersonalData == nil {
		return nil
	}
	for _, d := range e.Service.PersonalData.Declassifications {
		if slices.Contains(d.Endpoints, e) {
			return d
		}
	}
	return nil
}

// Holds is what the Service says that it processes.
func (f *Flow) Holds(s *model.Service) []string { return f.services[s].holds }

// Exposed is what the Service gets to see: what it holds, and what else comes to it.
func (f *Flow) Exposed(s *model.Service) []string { return f.services[s].exposed }

// Calls are the accesses of the Service, Callers those to it.
func (f *Flow) Calls(s *model.Service) []*model.Access   { return f.services[s].calls }
func (f *Flow) Callers(s *model.Service) []*model.Access { return f.services[s].callers }

// Ends are the ends of the channel that the end is one of, itself among them.
func (f *Flow) Ends(end *model.Channel) []*model.Channel {
	return f.channels[channelKey{end.Service.Mesh, end.Key}]
}

// undeclaredStep reports whether what comes is neither held, nor discarded, nor acknowledged.
func (f *Flow) undeclaredStep(step Step) bool {
	x := f.services[step.To]
	return !covered(step.Category, x.holds) && !covered(step.Category, x.discards) && !f.acknowledged(step)
}

func covered(category string, by []string) bool {
	return slices.ContainsFunc(by, func(wide string) bool { return vocabulary.Covers(wide, category) })
}

// acknowledged reports whether the provider keeps the caller's access although the caller does not declare the category yet. Such data
// is counted as far as the caller and no farther: its own callers are told when it takes the category up.
func (f *Flow) acknowledged(step Step) bool { return f.Acknowledgement(step) != nil }

// Acknowledgement is the entry by which the provider keeps the caller's access, nil where there is none.
func (f *Flow) Acknowledgement(step Step) *model.Acknowledgement {
	if step.Access == nil || step.From != step.Access.Callee() || step.From.PersonalData == nil {
		return nil
	}
	for _, k := range step.From.PersonalData.Acknowledgements {
		if k.Caller == step.To && k.Endpoint == step.Access.Endpoint && covered(step.Category, k.Categories) {
			return k
		}
	}
	return nil
}

// personal are the categories of personal data among the keys.
func personal(keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !vocabulary.IsPersonal(k) })
}

// Personal are the categories of personal data among the keys, minimal.
func Personal(keys []string) []string { return vocabulary.Minimal(personal(keys)) }

func byKey(a, b *model.Service) int {
	return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.Mesh.Name, b.Mesh.Name))
}
