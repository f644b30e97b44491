package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
)

var saysNone = &diag.Rule{
	Code: "PII-011", Name: "none-without-reason", Effect: diag.Withhold,
	Title: "an endpoint of a Service with personal data says that it returns none, and not why",
	Why:   "Whoever answers for the data must be able to show it (GDPR Article 5(2)), and `none` opens the endpoint to callers that nobody asks for a purpose.",
}

func runSaysNone(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	callers := p.byEndpoint()
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil || len(f.Holds(s)) == 0 {
			return
		}
		for _, e := range s.Endpoints {
			if e.Returns == nil || len(privacy.Personal(e.Returns.Categories)) > 0 || e.Returns.Doc.Because.Value != "" || e.Broken ||
				f.Declassifies(e) != nil || p.plainPaths(e) {
				continue
			}
			p.object(e.Returns.Doc.Span, diag.Finding{
				Message: fmt.Sprintf("%s returns no personal data, although %s has %s, and does not say why", e, s.Key(), listed(f.Holds(s))),
				Help:    "write returns: {none: why}, or name it in a declassification (personalData.declassifies), or say what it returns; the privacy team lists paths that have none anywhere (plainPaths)",
				Objects: []string{s.Object()}, Field: "spec.endpoints." + e.Name + ".returns",
			}, callers[e.Doc]...)
		}
	})
}

// plainPaths reports whether the endpoint has no path but those that carry no personal data wherever they are offered.
func (p *Pass) plainPaths(e *model.Endpoint) bool {
	plain := p.Estate.Privacy.Doc.Spec.PlainPaths.Items
	return len(e.Doc.Paths.Items) > 0 && !slices.ContainsFunc(e.Doc.Paths.Items, func(t syntax.Text) bool {
		return !slices.ContainsFunc(plain, func(o syntax.Text) bool { return o.Value == t.Value })
	})
}

// byEndpoint is the accesses of all meshes by the endpoint that they are to, as its document has it.
func (p *Pass) byEndpoint() map[*syntax.Endpoint][]*model.Access {
	if p.callers == nil {
		p.callers = map[*syntax.Endpoint][]*model.Access{}
		for _, m := range p.Estate.Meshes {
			for _, a := range m.Accesses {
				p.callers[a.Endpoint.Doc] = append(p.callers[a.Endpoint.Doc], a)
			}
		}
	}
	return p.callers
}

var saysNothingAccepted = &diag.Rule{
	Code: "PII-012", Name: "accepts-not-said", Effect: diag.Report,
	Title: "an endpoint that takes data, of a Service with personal data, does not say which it accepts",
	Why:   "What callers write is processing as much as what they read (GDPR Article 30). What an endpoint returns can be told from what its Service has; what it is sent nobody can tell but its team.",
}

func runSaysNothingAccepted(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil || len(f.Holds(s)) == 0 {
			return
		}
		for _, e := range s.Endpoints {
			if e.Accepts != nil || e.Broken || !writes(e) || p.plainPaths(e) {
				continue
			}
			p.object(e.Key.Span, diag.Finding{
				Message: fmt.Sprintf("%s takes data and does not say whether there is personal data in it", e),
				Help:    fmt.Sprintf("write accepts: none, or what of %s callers send", listed(f.Holds(s))) + p.sounding([]*model.Endpoint{e}),
				Objects: []string{s.Object()}, Field: "spec.endpoints." + e.Name + ".accepts",
			})
		}
	})
}

// writes reports whether requests to the endpoint have a body that means something: by their method, or because nobody can tell.
func writes(e *model.Endpoint) bool {
	if len(e.Doc.GRPC.Items) > 0 || len(e.Doc.Methods.Items) == 0 {
		return true
	}
	return slices.ContainsFunc(e.Doc.Methods.Items, func(m syntax.Text) bool {
		return slices.Contains([]string{"any", "POST", "PUT", "PATCH"}, m.Value)
	})
}

var writesWithout = &diag.Rule{
	Code: "PII-095", Name: "writes-what-it-has-not", Effect: diag.Withhold,
	Title: "a Service writes personal data of which it declares nothing",
	Why:   "Who sends personal data processes it, at least for a moment (GDPR Articles 4(2) and 30). An endpoint may accept more than each caller sends, so one that declares any of it is believed.",
}

func runWritesWithout(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	for _, in := range p.asked() {
		s := in.caller.Service
		if s == nil || s.PersonalData == nil {
			continue
		}
		var over, at []string
		var accesses []*model.Access
		for _, a := range in.accesses {
			accepts := f.Accepts(a.Endpoint)
			if len(accepts) == 0 || overlapAny(accepts, slices.Concat(f.Exposed(a.Caller.Service), f.Discards(a.Caller.Service))) {
				continue
			}
			over, at, accesses = append(over, accepts...), append(at, a.Endpoint.Name), append(accesses, a)
		}
		if s.PersonalData.Unsure {
			for _, a := range accesses {
				p.Withhold(a)
			}
			continue
		}
		if len(accesses) == 0 {
			continue
		}
		p.object(accesses[0].Span(), diag.Finding{
			Message: fmt.Sprintf("%s writes %s to %s, of which it declares nothing", s.Key(), listed(over), accesses[0].Callee().Key()),
			Help:    fmt.Sprintf("say under personalData.processes what of it %s sends, or take %s out of the intent", s.Key(), listed(at)),
			Related: []diag.Related{{Span: accesses[0].Endpoint.Accepts.Doc.Span, Message: accesses[0].Endpoint.String() + " accepts it"}},
			Items:   at,
			Objects: []string{s.Object()}, Field: "spec.intents[" + accesses[0].Callee().Key() + "]",
		}, accesses...)
	}
}

func overlapAny(a, b []string) bool {
	return slices.ContainsFunc(a, func(c string) bool { return overlaps(c, b) })
}

// askedFor is one entry of a caller with all that it asks for, in all meshes.
type askedFor struct {
	doc      *syntax.Intent
	caller   model.Caller
	activity *model.Activity
	accesses []*model.Access
}

// asked are the intents whose accesses carry personal data, with those accesses, in the order of the accesses. Infrastructure has
// none.
func (p *Pass) asked() []*askedFor {
	if p.intents != nil {
		return p.intents
	}
	f := p.personal()
	of := map[*syntax.Intent]*askedFor{}
	p.intents = []*askedFor{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			if a.Intent == nil || len(f.Declared(a.Endpoint)) == 0 {
				continue
			}
			in := of[a.Intent.Doc]
			if in == nil {
				in = &askedFor{doc: a.Intent.Doc, caller: a.Caller, activity: a.Intent.Activity}
				of[a.Intent.Doc] = in
				p.intents = append(p.intents, in)
			}
			in.accesses = append(in.accesses, a)
		}
	}
	return p.intents
}
