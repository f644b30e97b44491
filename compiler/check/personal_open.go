package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

var openToMany = &diag.Rule{
	Code: "PII-030", Name: "personal-data-open-to-many", Effect: diag.Withhold,
	Title: "an endpoint with personal data is open to callers that nobody names for it",
	Why:   "By default personal data is not accessible to an indefinite number (GDPR Articles 25(2) and 32). All of the mesh, whatever the platform lets in everywhere, and any peer of an address have no activity and no purpose.",
}

// A grant to a whole team is none of these: it is consent beforehand, and each Service of the team that comes in has an intent with
// an activity of its own, which is what is rendered.
func runOpenToMany(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	callers := p.byEndpoint()
	eachService(p.Estate, func(s *model.Service) {
		for _, e := range s.Endpoints {
			tagged := f.Declared(e)
			if len(tagged) == 0 || e.Broken {
				continue
			}
			p.openToMesh(e, tagged, callers[e.Doc])
			p.openToInfrastructure(e, tagged, callers[e.Doc])
		}
	})
	p.openToAddresses()
}

func (p *Pass) openToMesh(e *model.Endpoint, tagged []string, callers []*model.Access) {
	if !e.ForMesh {
		return
	}
	p.object(e.Doc.Audience.Span, diag.Finding{
		Message: fmt.Sprintf("%s is open to every Service of the mesh and carries %s", e, listed(tagged)),
		Help:    "take audience: mesh away and grant it to those who need it, or say that it has none: returns: {none: why}",
		Related: taggedBy(e),
		Objects: []string{e.Service.Object()}, Field: "spec.endpoints." + e.Name + ".audience",
	}, slices.DeleteFunc(slices.Clone(callers), func(a *model.Access) bool { return a.Consent != model.ByAudience })...)
}

// taggedBy is the text that makes an endpoint carry personal data, where it is not the endpoint's own silence.
func taggedBy(e *model.Endpoint) []diag.Related {
	switch {
	case e.Returns != nil && len(privacy.Personal(e.Returns.Categories)) > 0:
		return []diag.Related{{Span: e.Returns.Doc.Span, Message: "what it returns"}}
	case e.Accepts != nil && len(privacy.Personal(e.Accepts.Categories)) > 0:
		return []diag.Related{{Span: e.Accepts.Doc.Span, Message: "what it accepts"}}
	case e.Service.PersonalData != nil:
		return []diag.Related{{Span: e.Service.PersonalData.Doc.Span, Message: "it does not say what it returns, so all of this"}}
	}
	return nil
}

// openToInfrastructure tells the Service, not the platform: what the platform calls everywhere by one name is that Service's to keep
// clean, or to call otherwise.
func (p *Pass) openToInfrastructure(e *model.Endpoint, tagged []string, callers []*model.Access) {
	var accesses []*model.Access
	for _, a := range callers {
		if a.Infrastructure != nil {
			accesses = append(accesses, a)
		}
	}
	if len(accesses) == 0 {
		return
	}
	first := accesses[0]
	p.object(e.Key.Span, diag.Finding{
		Message: fmt.Sprintf("%s carries %s, and %s calls it everywhere as infrastructure (%s)", e, listed(tagged), first.Caller.Key(), first.Infrastructure.Name.Value),
		Help:    "say that it has none (returns: {none: why}), or give what has some another name and let its callers say for which activity",
		Related: append(taggedBy(e), diag.Related{Span: first.Span(), Message: "the platform lets it in here"}),
		Objects: []string{e.Service.Object()}, Field: "spec.endpoints." + e.Name + "/infrastructure",
	}, accesses...)
}

// openToAddresses refuses Outsiders without identity: whoever has the address is let in.
func (p *Pass) openToAddresses() {
	f := p.personal()
	for _, in := range p.asked() {
		o := in.caller.Outsider
		if o == nil || len(o.Doc.Spec.CIDRs.Items) == 0 {
			continue
		}
		var what []string
		for _, a := range in.accesses {
			what = append(what, f.Declared(a.Endpoint)...)
		}
		p.object(in.doc.To.Span, diag.Finding{
			Message: fmt.Sprintf("outsider %s is any peer from its addresses, and gets %s of %s", o.Name, listed(what), in.accesses[0].Callee().Key()),
			Help:    "let it show an identity (`identity:`), or put a Service in front of it that calls for it",
			Related: []diag.Related{{Span: o.Doc.Spec.CIDRs.Span, Message: "its addresses"}},
			Items:   names(in.accesses),
			Objects: []string{in.caller.Object()}, Field: "spec.intents[" + in.accesses[0].Callee().Key() + "]",
		}, in.accesses...)
	}
}

var widerThanItsTag = &diag.Rule{
	Code: "PII-033", Name: "wider-than-its-tag", Effect: diag.Withhold,
	Title: "an endpoint lets in requests of another one that carries more personal data",
	Why:   "The mesh knows methods and paths, not which endpoint was meant: whoever may call the wider pattern may call what lies under it too (GDPR Articles 5(1)(c) and 32).",
}

var portAlone = &diag.Rule{
	Code: "PII-034", Name: "port-alone", Effect: diag.Report,
	Title: "endpoints of one TCP port carry different personal data, and the mesh enforces only the port",
	Why:   "On such a port requests cannot be told apart (GDPR Article 32): the tags hold by name, and what keeps callers to them is the server's own authentication.",
}

func runWiderThanItsTag(p *Pass) {
	p.eachLeak(true, func(e, o *model.Endpoint, over []string, accesses []*model.Access) {
		p.object(e.Key.Span, diag.Finding{
			Message: fmt.Sprintf("%s lets in requests of %s, which carries %s, and its own tag does not", e, o, listed(over)),
			Help:    "give the two paths or methods that do not overlap, or tag it with all that can be reached by it",
			Related: []diag.Related{{Span: o.Key.Span, Message: "the endpoint that carries more"}},
			Items:   names(accesses),
			Objects: []string{e.Service.Object()}, Field: "spec.endpoints." + e.Name + "/" + o.Name,
		}, accesses...)
	})
}

func runPortAlone(p *Pass) {
	p.eachLeak(false, func(e, o *model.Endpoint, over []string, accesses []*model.Access) {
		p.object(e.Key.Span, diag.Finding{
			Message: fmt.Sprintf("%s is on one TCP port with %s, which carries %s: the mesh lets its callers reach that too", e, o, listed(over)),
			Help:    "put them on ports of their own, or tag both with all that the port carries",
			Related: []diag.Related{{Span: o.Key.Span, Message: "the other endpoint of the port"}},
			Items:   names(accesses),
			Objects: []string{e.Service.Object()}, Field: "spec.endpoints." + e.Name + "/" + o.Name,
		}, accesses...)
	})
}

// eachLeak visits the endpoints some of whose requests are another one's that carries more, each pair once, with what it carries more
// and with the accesses to the first alone: whoever may call both gets nothing more by it.
func (p *Pass) eachLeak(toldApart bool, visit func(e, o *model.Endpoint, over []string, accesses []*model.Access)) {
	f := p.personal()
	if f == nil {
		return
	}
	callers := p.byEndpoint()
	alone := func(e, o *model.Endpoint) []*model.Access {
		return slices.DeleteFunc(slices.Clone(callers[e.Doc]), func(a *model.Access) bool {
			return slices.ContainsFunc(callers[o.Doc], func(b *model.Access) bool { return b.Caller == a.Caller })
		})
	}
	eachService(p.Estate, func(s *model.Service) {
		if len(f.Holds(s)) == 0 || pathBytes(s) > largestEndpoints {
			return // nothing to leak, or refused as a whole
		}
		for i, e := range s.Endpoints {
			for _, o := range s.Endpoints[:i] {
				if e.Broken || o.Broken || (e.Port.HTTP() && o.Port.HTTP()) != toldApart || !e.Overlaps(o) {
					continue
				}
				there, back := leak(f, e, o), leak(f, o, e)
				switch {
				case len(there) > 0 && len(back) > 0:
					visit(e, o, there, slices.Concat(alone(e, o), alone(o, e)))
				case len(there) > 0:
					visit(e, o, there, alone(e, o))
				case len(back) > 0:
					visit(o, e, back, alone(o, e))
				}
			}
		}
	})
}

// leak is what callers of an endpoint get beyond its tag, where its requests are partly another one's. Where all of them are, its tag
// is the narrower word for them, and right.
func leak(f *privacy.Flow, e, o *model.Endpoint) []string {
	if within(e, o) && !within(o, e) {
		return nil
	}
	return vocabulary.CoveredBy(f.Declared(o), f.Declared(e))
}

// within reports whether all requests of an endpoint are another one's too, where the two overlap.
func within(e, o *model.Endpoint) bool {
	methods := o.Methods == nil || e.Methods != nil && !slices.ContainsFunc(e.Methods, func(m string) bool { return !slices.Contains(o.Methods, m) })
	paths := o.Paths == nil || e.Paths != nil && !slices.ContainsFunc(e.Paths, func(q model.Pattern) bool {
		return !slices.ContainsFunc(o.Paths, func(w model.Pattern) bool { return w.Covers(q) })
	})
	return methods && paths
}

var anyRequest = &diag.Rule{
	Code: "PII-096", Name: "any-request", Effect: diag.Report, Level: diag.Notice,
	Title: "an endpoint with personal data takes any method",
	Why:   "Who may read may change and delete as well, and its tag stands for all of it (GDPR Article 5(1)(c)). The narrower the endpoint, the less its callers have to declare.",
}

func runAnyRequest(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		for _, e := range s.Endpoints {
			if e.Broken || len(f.Declared(e)) == 0 {
				continue
			}
			for _, t := range e.Doc.Methods.Items {
				if t.Value != "any" {
					continue
				}
				p.object(t.Span, diag.Finding{
					Message: fmt.Sprintf("%s carries %s and takes any method", e, listed(f.Declared(e))),
					Help:    "say which methods its callers need",
					Objects: []string{s.Object()}, Field: "spec.endpoints." + e.Name + ".methods",
				})
			}
		}
	})
}
