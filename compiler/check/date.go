package check

import (
	"fmt"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var pastUntil = &diag.Rule{
	Code: "DAT-001", Name: "past-until", Effect: diag.Report,
	Title: "an intent, a grant or an Outsider is past its end date",
	Why:   "Dates only report: an access does not vanish overnight. Somebody decides whether it goes on or ends.",
}

func runPastUntil(p *Pass) {
	past := func(until syntax.Text, what, object, field string) {
		if until.Value == "" || until.Value >= p.AsOf {
			return
		}
		p.Report(until.Span, diag.Finding{
			Message: fmt.Sprintf("%s ended on %s and still holds", what, until.Value),
			Help:    "take it away, or give it a new date with a reason",
			Objects: []string{object}, Field: field + ".until",
		})
	}
	for _, d := range p.Estate.Tree.Services {
		key := d.Metadata.Namespace.Value + "/" + d.Metadata.Name.Value
		for _, in := range d.Spec.Intents.Items {
			past(in.Until, fmt.Sprintf("the intent of %s to call %s", key, in.To.Value), "Service "+key, "spec.intents["+in.To.Value+"]")
		}
		for _, g := range d.Spec.Grants.Items {
			who := g.From.Service.Value + g.From.Team.Value + g.From.Outsider.Value
			past(g.Until, fmt.Sprintf("the grant of %s to %s", key, who), "Service "+key, "spec.grants["+who+"]")
		}
	}
	for _, d := range p.Estate.Tree.Outsiders {
		name := d.Metadata.Name.Value
		past(d.Spec.Until, "outsider "+name, "Outsider "+name, "spec")
		for _, in := range d.Spec.Intents.Items {
			past(in.Until, fmt.Sprintf("the intent of outsider %s to call %s", name, in.To.Value), "Outsider "+name, "spec.intents["+in.To.Value+"]")
		}
	}
}

var pastException = &diag.Rule{
	Code: "DAT-002", Name: "past-exception", Effect: diag.Report,
	Title: "an exception is past its end date",
	Why:   "Dates only report: the Service stays as open as the exception made it until the platform ends it or extends it.",
}

func runPastException(p *Pass) {
	for _, m := range p.Estate.Meshes {
		for _, e := range m.Doc.Spec.Exceptions.Items {
			if e.Until.Value >= p.AsOf {
				continue
			}
			p.Report(e.Until.Span, diag.Finding{
				Message: fmt.Sprintf("the exception for %s ended on %s and still holds: %s", e.Service.Value, e.Until.Value, openness(m.Service(e.Service.Value))),
				Help:    "take it away once the Service is ready, or give it a new date with a reason",
				Objects: []string{"Mesh " + m.Name}, Field: "spec.exceptions[" + e.Service.Value + "].until",
			})
		}
	}
}

func openness(s *model.Service) string {
	if s == nil {
		return "it is nowhere"
	}
	st := s.Workloads[0].Stages
	return fmt.Sprintf("it stands at mtls: %s, authz: %s, outbound: %s", st.MTLS, st.Authz, st.Outbound)
}
