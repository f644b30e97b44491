package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

var undeclaredFlow = &diag.Rule{
	Code: "PII-010", Name: "undeclared-flow", Effect: diag.Withhold,
	Title: "personal data comes to a Service that does not declare it",
	Why:   "Personal data is processed for a known purpose by those who need it (GDPR Articles 5(1)(b) and (f), 30 and 32). Whoever reads it unannounced is in no record, and nobody looks there when a person asks or after a breach.",
}

func runUndeclaredFlow(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	of := map[*syntax.Service][]privacy.Gap{}
	for _, g := range f.Gaps() {
		of[g.Service.Doc] = append(of[g.Service.Doc], g)
	}
	eachService(p.Estate, func(s *model.Service) {
		if gaps := of[s.Doc]; len(gaps) > 0 {
			p.undeclared(gaps)
		}
	})
}

// undeclared tells a Service of all that comes to it undeclared: whoever forgot to say so forgot it once.
func (p *Pass) undeclared(gaps []privacy.Gap) {
	var told []privacy.Gap
	var accesses []*model.Access
	for _, g := range gaps {
		for _, step := range slices.Concat(g.Steps, g.Onward) {
			if step.Access != nil {
				accesses = append(accesses, step.Access)
			}
		}
		// That an endpoint accepts what its own Service does not process is told at the endpoint (PII-009), which is silent about all
		// else that is told here. What a Service with a misspelt word hands out cannot be told.
		if slices.ContainsFunc(g.Steps, func(st privacy.Step) bool { return !st.Writes && !unsure(st.From) }) {
			told = append(told, g)
		}
	}
	s := gaps[0].Service
	if s.PersonalData == nil || s.PersonalData.Unsure || len(told) == 0 {
		for _, a := range accesses { // that nothing is said is the finding, and a misspelt word may be what is missing
			p.Withhold(a)
		}
		return
	}
	finding := diag.Finding{
		Message: fmt.Sprintf("%s gets %s and %s", s.Key(), and(categoriesOf(told)), declares(s)),
		Help:    p.remedies(s, told),
		Objects: []string{s.Object()}, Field: "spec.personalData",
	}
	p.tellWays(&finding, told)
	p.object(s.Doc.Spec.PersonalData.Span, finding, accesses...)
}

// unsure reports whether a word of what the Service says of personal data resolved nowhere.
func unsure(s *model.Service) bool {
	return s != nil && s.PersonalData != nil && s.PersonalData.Unsure
}

func categoriesOf(gaps []privacy.Gap) []string {
	var all []string
	for _, g := range gaps {
		all = append(all, g.Category)
	}
	return unique(all)
}

func declares(s *model.Service) string {
	if s.PersonalData.None() {
		return "declares personalData: none"
	}
	return "does not declare it"
}

// tellWays adds the way of each category, once for those that come the same way, and who else gets it on from here.
func (p *Pass) tellWays(finding *diag.Finding, gaps []privacy.Gap) {
	ways := map[string][]string{}
	for _, g := range gaps {
		key := wayKey(g)
		ways[key] = append(ways[key], g.Category)
		finding.Items = append(finding.Items, g.Category+" by "+key)
	}
	finding.Items = unique(finding.Items)
	also, told := map[*model.Service]bool{}, map[string]bool{}
	for _, g := range gaps {
		key := wayKey(g)
		if told[key] {
			continue
		}
		told[key] = true
		finding.Related = append(finding.Related, p.origin(g, listed(ways[key])))
		for _, step := range g.Path {
			finding.Related = append(finding.Related, hop(step, listed(ways[key])))
		}
	}
	for _, g := range gaps {
		for _, s := range g.Also {
			if !also[s] {
				also[s] = true
				finding.Related = append(finding.Related, diag.Related{Span: s.Doc.Metadata.Name.Span, Message: s.Key() + " gets it from there too, and is mended with it"})
			}
		}
	}
}

// wayKey names a way by its hops, without a mesh: a document in two meshes goes one way.
func wayKey(g privacy.Gap) string {
	var all []string
	for _, s := range g.Path {
		if s.Access != nil {
			all = append(all, s.Access.String())
			continue
		}
		all = append(all, s.Channel.Service.Key()+" "+s.Channel.Key)
	}
	return strings.Join(all, ", ")
}

// origin is the text that declares what comes along the way.
func (p *Pass) origin(g privacy.Gap, what string) diag.Related {
	first := g.Path[0]
	switch e := endpointOf(first); {
	case e == nil:
		return diag.Related{Span: first.Channel.Doc.Span, Message: fmt.Sprintf("channel %s has %s", first.Channel.Key, what)}
	case first.Writes:
		return diag.Related{Span: e.Accepts.Doc.Span, Message: fmt.Sprintf("%s accepts %s", offered(e), what)}
	case e.Returns != nil:
		return diag.Related{Span: e.Returns.Doc.Span, Message: fmt.Sprintf("%s returns %s", offered(e), what)}
	default:
		return diag.Related{Span: e.Key.Span, Message: fmt.Sprintf("%s does not say what it returns, so all that %s processes: %s", offered(e), e.Service.Key(), what)}
	}
}

func endpointOf(s privacy.Step) *model.Endpoint {
	if s.Access == nil {
		return nil
	}
	return s.Access.Endpoint
}

// offered is an endpoint with its first request, as in identity/customers GET /v1/customers/{id}.
func offered(e *model.Endpoint) string {
	if len(e.Doc.Paths.Items) == 0 || len(e.Doc.Methods.Items) == 0 {
		return e.String()
	}
	return fmt.Sprintf("%s %s (%s %s)", e.Service.Key(), e.Name, e.Doc.Methods.Items[0].Value, e.Doc.Paths.Items[0].Value)
}

// hop is a step of a way in words, at the text that asks for it or sends it.
func hop(s privacy.Step, what string) diag.Related {
	switch {
	case s.Access == nil && s.From == nil:
		return diag.Related{Span: s.Channel.Doc.Name.Span, Message: fmt.Sprintf("%s takes %s from channel %s", s.To.Key(), what, s.Channel.Key)}
	case s.Access == nil:
		return diag.Related{Span: s.Channel.Doc.Name.Span, Message: fmt.Sprintf("%s sends %s into channel %s, which %s takes from", s.From.Key(), what, s.Channel.Key, s.To.Key())}
	case s.Writes:
		return diag.Related{Span: s.Access.Span(), Message: fmt.Sprintf("%s writes %s to %s", s.Access.Caller.Key(), what, s.Access.Endpoint)}
	default:
		return diag.Related{Span: s.Access.Span(), Message: fmt.Sprintf("%s reads %s from %s", s.To.Key(), what, s.Access.Endpoint)}
	}
}

// remedies are the three ways out: the flow is right, it is not meant, or what comes goes nowhere.
func (p *Pass) remedies(s *model.Service, gaps []privacy.Gap) string {
	all := strings.Join(categoriesOf(gaps), ", ")
	activity := "..."
	for _, g := range gaps {
		for _, step := range g.Steps {
			if step.Access != nil && step.Access.Activity() != nil {
				activity = step.Access.Activity().Name
			} else if step.Channel != nil && step.Channel.Service == s && step.Channel.Activity != nil {
				activity = step.Channel.Activity.Name
			}
		}
	}
	declare := fmt.Sprintf("processes: {activity: %s, categories: [%s], stored: ...}", activity, all)
	if s.PersonalData.None() {
		declare += " instead of none"
	}
	return fmt.Sprintf("one of\n1 declare it: personalData.%s\n2 cut it: %s\n3 justify it: personalData.declassifies: {name: ..., drops: [%s], method: discard, because: ...}, if it is neither kept nor handed on",
		declare, p.cut(gaps), all)
}

// cut says what to leave out, and which endpoint of the same Service has none of it.
func (p *Pass) cut(gaps []privacy.Gap) string {
	f := p.personal()
	for _, g := range gaps {
		for _, step := range g.Steps {
			if step.Access == nil || step.Writes {
				continue
			}
			for _, e := range step.Access.Callee().Endpoints {
				if !e.Broken && e != step.Access.Endpoint && !f.Plain(e) && !slices.ContainsFunc(f.Tagged(e), func(c string) bool { return vocabulary.Overlap(c, g.Category) }) {
					return fmt.Sprintf("take %s out of the intent; %s has none of it", step.Access.Endpoint.Name, e)
				}
			}
			return fmt.Sprintf("take %s out of the intent, or ask team %s for an endpoint without it", step.Access.Endpoint.Name, step.Access.Callee().Team.Name)
		}
	}
	return "take nothing from the channel"
}

// listed is words in a sentence, sorted and each once.
func listed(all []string) string {
	return and(unique(all))
}
