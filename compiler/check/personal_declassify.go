package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

var falselyClean = &diag.Rule{
	Code: "PII-013", Name: "falsely-declassified", Effect: diag.Withhold,
	Title: "a declassification does not do what it says",
	Why:   "What is called clean leaves every check behind. Pseudonyms are personal data still (GDPR Article 4(5), recital 26), and what is stored or handed on has not been discarded.",
}

func runFalselyClean(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	callers := p.byEndpoint()
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil {
			return
		}
		for _, d := range s.PersonalData.Declassifications {
			at, message, help := p.falsely(f, d)
			if message == "" {
				continue
			}
			var accesses []*model.Access
			for _, e := range s.Endpoints {
				if slices.Contains(d.Endpoints, e) || d.Doc.Method.Value == "discard" && len(f.Tagged(e)) > 0 {
					accesses = append(accesses, callers[e.Doc]...)
				}
			}
			if s.PersonalData.Unsure {
				for _, a := range accesses {
					p.Withhold(a)
				}
				continue
			}
			p.object(at, diag.Finding{
				Message: fmt.Sprintf("declassification %s of %s %s", d.Name, s.Key(), message),
				Help:    help,
				Objects: []string{s.Object()}, Field: "spec.personalData.declassifies[" + d.Name + "]",
			}, accesses...)
		}
	})
}

// falsely says what is wrong with a declassification, the first thing only: the next is seen when it is mended.
func (p *Pass) falsely(f *privacy.Flow, d *model.Declassification) (at diag.Span, message, help string) {
	at = d.Doc.Drops.Span
	if d.Doc.Method.Value == "discard" {
		return p.falselyDiscards(f, d)
	}
	switch {
	case len(d.Doc.Endpoints.Items) == 0:
		return d.Doc.Name.Span, "names no endpoint, so nothing comes out of it", "name the endpoints that return what is left, or delete it"
	case !overlapAny(d.Drops, f.Exposed(d.Service)):
		return at, "drops " + listed(d.Drops) + ", which the Service does not have",
			"drop what it has: " + listed(f.Exposed(d.Service))
	case d.Doc.Method.Value != "pseudonymise":
		return at, "", ""
	case privacy.Covered(privacy.Pseudonymous, d.Drops):
		return at, "drops the pseudonym that it makes", fmt.Sprintf("name what goes; what is left is %s, or use aggregate or anonymise if nobody can be told from it", privacy.Pseudonymous)
	}
	for _, e := range d.Endpoints {
		if e.Returns != nil && !privacy.Covered(privacy.Pseudonymous, e.Returns.Categories) {
			return e.Returns.Doc.Span, "leaves pseudonyms, and " + e.Name + " says that it returns none", "add " + privacy.Pseudonymous + " to what it returns, or say nothing there"
		}
	}
	return at, "", ""
}

// falselyDiscards holds what is discarded against what the Service stores and hands on.
func (p *Pass) falselyDiscards(f *privacy.Flow, d *model.Declassification) (at diag.Span, message, help string) {
	at = d.Doc.Drops.Span
	drops := func(categories []string) []string {
		return slices.DeleteFunc(slices.Clone(categories), func(c string) bool {
			return !slices.ContainsFunc(d.Drops, func(x string) bool { return vocabulary.Overlap(x, c) })
		})
	}
	s := d.Service
	if len(d.Doc.Endpoints.Items) > 0 {
		return d.Doc.Endpoints.Span, "discards for the whole Service and names endpoints", "leave the endpoints out, or use a method that says what they return"
	}
	for _, x := range s.PersonalData.Processes {
		if what := drops(x.Categories); x.Doc.Stored.Value && len(what) > 0 {
			return at, "discards " + listed(what) + ", which the Service stores", "take it out of drops, or out of what is processed"
		}
	}
	for _, e := range s.Endpoints {
		if e.Returns != nil && len(drops(e.Returns.Categories)) > 0 {
			return at, "discards " + listed(drops(e.Returns.Categories)) + ", which " + e.Name + " returns", "take it out of drops, or out of what the endpoint returns"
		}
	}
	for _, c := range s.PersonalData.Channels {
		if len(drops(c.Sends)) > 0 {
			return at, "discards " + listed(drops(c.Sends)) + ", which goes into channel " + c.Key, "take it out of drops, or out of what is sent"
		}
	}
	for _, a := range f.Calls(s) {
		if what := drops(f.Accepts(a.Endpoint)); len(what) > 0 {
			return at, "discards " + listed(what) + ", which the Service writes to " + a.Endpoint.String(), "take it out of drops, or the endpoint out of the intent"
		}
	}
	if !p.comes(f, s, d.Drops) {
		return at, "discards " + listed(d.Drops) + ", which does not come to the Service", "delete it"
	}
	return at, "", ""
}

// comes reports whether any of the categories comes to the Service, in whichever mesh.
func (p *Pass) comes(f *privacy.Flow, of *model.Service, categories []string) bool {
	for _, m := range p.Estate.Meshes {
		for _, s := range m.Services {
			if s.Doc == of.Doc && comesTo(f, s, categories) {
				return true
			}
		}
	}
	return false
}

func comesTo(f *privacy.Flow, s *model.Service, categories []string) bool {
	var all []string
	for _, a := range f.Calls(s) {
		all = append(all, f.Returns(a.Endpoint)...)
	}
	for _, a := range f.Callers(s) {
		all = append(all, f.Accepts(a.Endpoint)...)
	}
	for _, c := range s.PersonalData.Channels {
		all = append(all, c.Receives...)
		for _, end := range f.Ends(c) {
			all = append(all, f.Sends(end)...)
		}
	}
	return overlapAny(categories, all)
}
