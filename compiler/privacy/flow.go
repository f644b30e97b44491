// Package privacy follows personal data through an estate: which of it each endpoint carries, which comes to each Service over
// accesses and channels, and where it arrives undeclared. It judges nothing; the rules about personal data do, in check.
//
// What a Service holds is what its document says that it processes. What it is exposed to is the least fixpoint of that and of what
// it reads, is written and takes from channels, less what it discards and what its providers acknowledge. An endpoint that does not
// say what it returns returns all that its Service is exposed to, so a tag can only ever loosen.
package privacy

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// Pseudonymous is what is left of a person in data that was pseudonymised: personal data still (GDPR recital 26).
const Pseudonymous = "user.unique_id.pseudonymous"

// Flow is where personal data goes in an estate. Sets of categories are minimal: none of a set covers another.
type Flow struct {
	services  map[*model.Service]*exposure
	endpoints map[*model.Endpoint]*outlet
	// Services that name one channel share it, also across meshes: what the mesh does not carry it does not divide.
	channels map[string][]*model.Channel
}

// exposure is what is known of one Service.
type exposure struct {
	holds    []string
	discards []string
	exposed  []string
	callers  []*model.Access // to it
	calls    []*model.Access
	// undeclared are the hops of all that comes to it and that it neither holds nor discards nor has leave not to declare.
	undeclared []Step
	came       map[string]arrival
}

// arrival is how a category came to a Service first, by a shortest way, and the Service at which it first was undeclared on that way.
type arrival struct {
	step Step
	root *model.Service
}

// outlet is what an endpoint carries, as far as it does not depend on what its Service is exposed to.
type outlet struct {
	inherits bool     // it returns what its Service is exposed to, less drops, and adds
	returns  []string // where it does not inherit
	drops    []string
	adds     []string
	accepts  []string
}

// Step is one hop of a category to a Service: by an access that reads it, by one that writes it, or over a channel that From sends
// into.
type Step struct {
	Category string
	// From is nil where an Outsider writes, and where To takes from a channel what no Service here sends.
	From, To *model.Service
	Access   *model.Access
	Writes   bool           // by the access, to the callee; otherwise the caller reads
	Channel  *model.Channel // the end that sends; where From is nil, the end of To
}

// Trace follows personal data through the estate.
func Trace(e *model.Estate) *Flow {
	f := &Flow{
		services:  map[*model.Service]*exposure{},
		endpoints: map[*model.Endpoint]*outlet{},
		channels:  map[string][]*model.Channel{},
	}
	plain := map[string]bool{}
	if d := e.Privacy.Doc; d != nil {
		for _, p := range d.Spec.PlainPaths.Items {
			plain[p.Value] = true
		}
	}
	var services []*model.Service
	for _, m := range e.Meshes {
		for _, s := range m.Services {
			services = append(services, s)
			f.services[s] = f.begin(s)
			for _, end := range s.Endpoints {
				f.endpoints[end] = newOutlet(end, plain)
			}
		}
		for _, a := range m.Accesses {
			callee := f.services[a.Callee()]
			callee.callers = append(callee.callers, a)
			if s := a.Caller.Service; s != nil {
				f.services[s].calls = append(f.services[s].calls, a)
			}
		}
	}
	f.spread(services)
	return f
}

func (f *Flow) begin(s *model.Service) *exposure {
	x := &exposure{}
	d := s.PersonalData
	if d == nil {
		return x
	}
	for _, p := range d.Processes {
		x.holds = append(x.holds, personal(p.Categories)...)
	}
	for _, d := range d.Declassifications {
		if discards(d) {
			x.discards = append(x.discards, personal(d.Drops)...)
		}
	}
	for _, c := range d.Channels {
		f.channels[c.Key] = append(f.channels[c.Key], c)
	}
	x.holds = vocabulary.Minimal(x.holds)
	x.discards = vocabulary.Minimal(x.discards)
	return x
}

func newOutlet(e *model.Endpoint, plain map[string]bool) *outlet {
	o := &outlet{}
	if e.Accepts != nil {
		o.accepts = Personal(e.Accepts.Categories)
	}
	if e.Returns != nil {
		o.returns = Personal(e.Returns.Categories)
		return o
	}
	for _, d := range declassifications(e) {
		o.drops = append(o.drops, d.Drops...)
		if d.Doc.Method.Value == "pseudonymise" {
			o.adds = []string{Pseudonymous}
		}
	}
	o.inherits = len(o.drops) > 0 || !offersOnly(e, plain)
	return o
}

// offersOnly reports whether the endpoint has no path but those.
func offersOnly(e *model.Endpoint, paths map[string]bool) bool {
	return len(e.Doc.Paths.Items) > 0 && !slices.ContainsFunc(e.Doc.Paths.Items, func(p syntax.Text) bool { return !paths[p.Value] })
}

// of is what callers read where the Service is exposed to the categories. An outlet that does not inherit returns the same always.
func (o *outlet) of(exposed []string) []string {
	switch {
	case !o.inherits:
		return o.returns
	case len(o.drops) == 0:
		return exposed
	default:
		return vocabulary.Minimal(append(vocabulary.CoveredBy(exposed, o.drops), o.adds...))
	}
}

// Returns is the personal data that callers of the endpoint read.
func (f *Flow) Returns(e *model.Endpoint) []string {
	return f.endpoints[e].of(f.services[e.Service].exposed)
}

// Accepts is the personal data that callers of the endpoint write: what it says, as nobody else knows.
func (f *Flow) Accepts(e *model.Endpoint) []string { return f.endpoints[e].accepts }

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

// Declared is the personal data that the endpoint has to do with by what its Service says: Tagged, less what comes to the Service
// undeclared. Of that the Service is told, and it is kept from coming there.
func (f *Flow) Declared(e *model.Endpoint) []string {
	returns := f.DeclaredReturns(e)
	if accepts := f.Accepts(e); len(accepts) > 0 {
		return vocabulary.Minimal(slices.Concat(returns, accepts))
	}
	return returns
}

// DeclaredReturns is what of Declared callers of the endpoint read.
func (f *Flow) DeclaredReturns(e *model.Endpoint) []string {
	return f.endpoints[e].of(f.services[e.Service].holds)
}

// Plain reports whether the endpoint returns nothing without having to say so: it has no path but those that carry no personal data
// wherever they are offered.
func (f *Flow) Plain(e *model.Endpoint) bool {
	o := f.endpoints[e]
	return e.Returns == nil && !o.inherits
}

// Sends is the personal data that the end puts into its channel. One that says neither what it sends nor what it takes sends all
// that its Service is exposed to.
func (f *Flow) Sends(end *model.Channel) []string {
	if unspoken(end) {
		return f.services[end.Service].exposed
	}
	return Personal(end.Sends)
}

func unspoken(end *model.Channel) bool {
	return end.Doc.Receives == nil && end.Doc.Sends.Span.IsZero()
}

// Holds is what the Service says that it processes.
func (f *Flow) Holds(s *model.Service) []string { return f.services[s].holds }

// Discards is what the Service says that it reads and neither keeps nor hands on.
func (f *Flow) Discards(s *model.Service) []string { return f.services[s].discards }

// Exposed is what the Service gets to see: what it holds, and what else comes to it.
func (f *Flow) Exposed(s *model.Service) []string { return f.services[s].exposed }

// Calls are the accesses of the Service.
func (f *Flow) Calls(s *model.Service) []*model.Access { return f.services[s].calls }

// Callers are the accesses to the Service.
func (f *Flow) Callers(s *model.Service) []*model.Access { return f.services[s].callers }

// Ends are the ends of the channel that the end is one of, itself among them.
func (f *Flow) Ends(end *model.Channel) []*model.Channel { return f.channels[end.Key] }

// Declassifies is the declassification that the endpoint returns the result of, the first where several name it, nil where none
// does.
func (f *Flow) Declassifies(e *model.Endpoint) *model.Declassification {
	if all := declassifications(e); len(all) > 0 {
		return all[0]
	}
	return nil
}

// declassifications are those that name the endpoint. What is discarded is so in the whole Service, and no endpoint returns less
// for it.
func declassifications(e *model.Endpoint) []*model.Declassification {
	if e.Service.PersonalData == nil {
		return nil
	}
	var all []*model.Declassification
	for _, d := range e.Service.PersonalData.Declassifications {
		if !discards(d) && slices.Contains(d.Endpoints, e) {
			all = append(all, d)
		}
	}
	return all
}

func discards(d *model.Declassification) bool { return d.Doc.Method.Value == "discard" }

// Acknowledgement is the entry by which the provider keeps the caller's access although the caller does not declare the category
// yet, nil where there is none. Such data is counted as far as the caller and no farther: its own callers are told when it takes
// the category up.
func (f *Flow) Acknowledgement(step Step) *model.Acknowledgement {
	if step.Access == nil || step.Writes || step.To == nil || step.From.PersonalData == nil {
		return nil
	}
	for _, k := range step.From.PersonalData.Acknowledgements {
		if k.Caller == step.To && k.Endpoint == step.Access.Endpoint && Covered(step.Category, k.Categories) {
			return k
		}
	}
	return nil
}

// Covered reports whether one of the keys covers the category.
func Covered(category string, by []string) bool {
	return slices.ContainsFunc(by, func(wide string) bool { return vocabulary.Covers(wide, category) })
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
