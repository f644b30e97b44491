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
	return p.traced()
}

// traced is the flow of the estate's data, which is traced once.
func (p *Pass) traced() *privacy.Flow {
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
	f.Help += p.announced(rule)
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
	Why:   "Every service that touches personal data has to be known (GDPR Articles 5(2) and 30). Silence is no answer: nobody could tell a Service without personal data from one that was forgotten. The accesses that bring it personal data, or take some from it, are withheld.",
}

func runUndeclaredService(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachDocument(p.Estate, func(in []*model.Service) {
		s := in[0]
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
		finding.Help += p.sounding(s.Endpoints)
		// What has no personal data stays: to answer for personal data begins with a document, and must not cut off an estate.
		var accesses []*model.Access
		for _, s := range in {
			for _, a := range slices.Concat(f.Calls(s), f.Callers(s)) {
				if len(f.Tagged(a.Endpoint)) > 0 {
					accesses = append(accesses, a)
				}
			}
		}
		p.object(s.Doc.Metadata.Name.Span, finding, accesses...)
	})
}
