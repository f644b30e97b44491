package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
)

// personal is where personal data goes, nil where nobody answers for it yet: without a Privacy document only nobodyAnswers judges.
func (p *Pass) personal() *privacy.Flow {
	if p.Estate.Privacy.Doc == nil {
		return nil
	}
	if p.flow == nil {
		p.flow = privacy.Trace(p.Estate)
	}
	return p.flow
}

// object reports a finding of a rule about personal data, and keeps the accesses that it is about out of the manifests where the
// rule withholds. The privacy team may have made the rule stricter.
func (p *Pass) object(at diag.Span, f diag.Finding, accesses ...*model.Access) {
	rule := p.sharpened(p.rule)
	f.Rule, f.Span = rule, at
	p.found.Add(f)
	if rule.Effect == diag.Report {
		return
	}
	for _, a := range accesses {
		p.Withhold(a)
	}
}

// sharpened is the rule with the effect that the Privacy document gives it. Effects only rise (PII-092), and one that is announced
// does not hold yet.
func (p *Pass) sharpened(rule *diag.Rule) *diag.Rule {
	if sharp := p.sharp[rule]; sharp != nil {
		return sharp
	}
	sharp := *rule
	for _, e := range p.Estate.Privacy.Doc.Spec.Effects.Items {
		if e.Rule.Value != rule.Code || e.Announced.Value != "" {
			continue
		}
		if effect := effects[e.Effect.Value]; effect.StricterThan(rule.Effect) {
			sharp.Effect, sharp.Level = effect, diag.Error
		} else if effect == rule.Effect {
			sharp.Level = diag.Error
		}
	}
	if p.sharp == nil {
		p.sharp = map[*diag.Rule]*diag.Rule{}
	}
	p.sharp[rule] = &sharp
	return &sharp
}

var effects = map[string]diag.Effect{"report": diag.Report, "withhold": diag.Withhold, "stop": diag.Stop}

var undeclaredService = &diag.Rule{
	Code: "PII-001", Name: "personal-data-not-said", Effect: diag.Withhold,
	Title: "a Service does not say whether it processes personal data",
	Why:   "Every service that touches personal data has to be known (GDPR Articles 5(2) and 30). Silence is no answer: nobody could tell a Service without personal data from one that was forgotten.",
}

func runUndeclaredService(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData != nil {
			return
		}
		finding := diag.Finding{
			Message: fmt.Sprintf("%s does not say whether it processes personal data", s.Key()),
			Help:    "write personalData: {none: why there is none}, or what it processes and for which activity",
			Objects: []string{s.Object()}, Field: "spec.personalData",
		}
		if comes := f.Exposed(s); len(comes) > 0 {
			finding.Help = fmt.Sprintf("%s comes to it: write personalData: {processes: [{activity: ..., categories: [%s], stored: ...}]}",
				strings.Join(comes, ", "), strings.Join(comes, ", "))
		}
		p.object(s.Doc.Metadata.Name.Span, finding, slices.Concat(f.Calls(s), f.Callers(s))...)
	})
}

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
	for _, g := range f.Gaps() {
		if g.Service.PersonalData == nil {
			continue // which is the finding
		}
		p.undeclared(g)
	}
}

func (p *Pass) undeclared(g privacy.Gap) {
	var accesses []*model.Access
	for _, s := range g.Steps {
		if s.Access != nil {
			accesses = append(accesses, s.Access)
		}
	}
	if g.Service.PersonalData.Unsure {
		for _, a := range accesses {
			p.Withhold(a)
		}
		return // a misspelt word may be what is missing
	}
	at := g.Service.Doc.Spec.PersonalData.Span
	finding := diag.Finding{
		Message: fmt.Sprintf("%s gets %s and does not declare it", g.Service.Key(), g.Category),
		Help: fmt.Sprintf("declare it (personalData.processes: {activity: ..., categories: [%s], stored: ...}), or cut it (call an endpoint that does not have it), or say that it is neither kept nor handed on (personalData.declassifies, method discard)",
			g.Category),
		Objects: []string{g.Service.Object()}, Field: "spec.personalData[" + g.Category + "]",
	}
	for _, s := range g.Path {
		finding.Related = append(finding.Related, told(s))
	}
	for _, s := range g.Also {
		finding.Related = append(finding.Related, diag.Related{Span: s.Doc.Metadata.Name.Span, Message: s.Key() + " gets it from there too"})
	}
	p.object(at, finding, accesses...)
}

// told is a step of a way in words, at the text that asks for it or sends it.
func told(s privacy.Step) diag.Related {
	switch {
	case s.Access == nil && s.From == nil:
		return diag.Related{Span: s.Channel.Doc.Name.Span, Message: fmt.Sprintf("%s takes %s from channel %s", s.To.Key(), s.Category, s.Channel.Key)}
	case s.Access == nil:
		return diag.Related{Span: s.Channel.Doc.Name.Span, Message: fmt.Sprintf("%s sends %s into channel %s", s.From.Key(), s.Category, s.Channel.Key)}
	case s.Access.Callee() == s.To:
		return diag.Related{Span: s.Access.Span(), Message: fmt.Sprintf("%s writes %s to %s", s.Access.Caller.Key(), s.Category, s.Access.Endpoint)}
	default:
		return diag.Related{Span: s.Access.Span(), Message: fmt.Sprintf("%s reads %s from %s", s.To.Key(), s.Category, s.Access.Endpoint)}
	}
}
