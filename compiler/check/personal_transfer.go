package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

var withoutMechanism = &diag.Rule{
	Code: "PII-053", Name: "transfer-without-mechanism", Effect: diag.Report, Level: diag.Error,
	Title: "personal data goes to a third country, and nothing allows it",
	Why:   "A transfer out of the EEA takes place only under Chapter V: a decision of the Commission that holds for the recipient, or a safeguard (GDPR Articles 44 to 46).",
}

var thinTransfer = &diag.Rule{
	Code: "PII-054", Name: "transfer-rests-on-little", Effect: diag.Report,
	Title: "what a transfer rests on has not been assessed, is due for review, or may not last",
	Why:   "Safeguards need an assessment of the other country's law (CJEU C-311/18, Schrems II), and a decision of the Commission can fall from one day to the next (C-362/14, C-311/18).",
}

var standingDerogation = &diag.Rule{
	Code: "PII-055", Name: "standing-derogation", Effect: diag.Report, Level: diag.Error,
	Title: "a standing transfer rests on a derogation",
	Why:   "The derogations of GDPR Article 49 are for the exception, not for what machines do every day (recital 111).",
}

var unseenProcessors = &diag.Rule{
	Code: "PII-060", Name: "processors-not-reviewed", Effect: diag.Report,
	Title: "nobody has looked for a year at whom a processor outside the EEA hands data on to",
	Why:   "A processor's own processors are the controller's business (GDPR Article 28(2) and (4)), and each may be in yet another country (Article 44).",
}

// ground is what a transfer to a recipient rests on. All are zero inside the EEA.
type ground struct {
	third    bool
	decision *vocabulary.Decision // that holds for the recipient
	code     *vocabulary.Code     // the mechanism that its document names, where that is no adequacy
}

func (p *Pass) ground(r *recipient) ground {
	spec := r.party.Doc.Spec
	place, known := vocabulary.Country(spec.Country.Value)
	if !known || place.EEA {
		return ground{} // an unknown country is the finding
	}
	g := ground{third: true}
	for _, d := range vocabulary.Adequate(place.Code, p.day()) {
		if (d.Extent == vocabulary.Full || spec.Transfer.Certified.Value) && !slices.Contains(d.NotFrom, p.exporter()) {
			g.decision = &d
			break
		}
	}
	if code, found := vocabulary.Mechanism(spec.Transfer.Mechanism.Value); found && code.Kind != vocabulary.Adequacy {
		g.code = &code
	}
	return g
}

// day is the day to judge by, for tables that ask for one. Before all days nothing is in force.
func (p *Pass) day() string {
	if _, dated := daysUntil(p.AsOf, p.AsOf); !dated {
		return "0001-01-01"
	}
	return p.AsOf
}

// exporter is the country that data leaves: the controller's.
func (p *Pass) exporter() string {
	if c := p.Estate.Privacy.Controller; c != nil {
		return c.Doc.Spec.Country.Value
	}
	return ""
}

func runWithoutMechanism(p *Pass) {
	p.eachRecipient(func(r *recipient) {
		g := p.ground(r)
		if !g.third || g.decision != nil || g.code != nil {
			return
		}
		country := r.party.Doc.Spec.Country
		place, _ := vocabulary.Country(country.Value)
		message := fmt.Sprintf("%s gets %s in %s, which is outside the EEA, and nothing allows the transfer", r.party.Name, listed(r.categories), place.Name)
		help := "write transfer: {mechanism: standard-clauses, assessment: ...} once they are signed, or send it nothing"
		at := r.party.Doc.Spec.Transfer.Mechanism.Span
		if all := vocabulary.Adequate(country.Value, p.day()); len(all) > 0 {
			message = fmt.Sprintf("%s gets %s in %s, where the Commission's decision is for %s, and it does not say that it is one", r.party.Name, listed(r.categories), place.Name, all[0].Scope)
			help = "write certified: true under transfer if it is (look it up), or name another mechanism"
		}
		if at.IsZero() {
			at = country.Span
		}
		p.ofParty(r, at, "spec.transfer", message, help)
	})
}

func runThinTransfer(p *Pass) {
	p.eachRecipient(func(r *recipient) {
		g, t := p.ground(r), r.party.Doc.Spec.Transfer
		tell := func(at diag.Span, field, message, help string) { p.ofParty(r, at, field, message, help) }
		switch {
		case !g.third:
		case g.code != nil && g.code.Kind == vocabulary.Safeguard:
			if g.code.Need(vocabulary.TransferAssessment) && t.Assessment.Value == "" {
				tell(t.Mechanism.Span, "spec.transfer.assessment", fmt.Sprintf("the transfer to %s rests on %s (%s) without an assessment", r.party.Name, g.code.Title, g.code.Article),
					"write under transfer where the assessment lies (assessment:)")
			}
			if left, dated := daysUntil(p.AsOf, t.ReviewBy.Value); dated && left < 0 {
				tell(t.ReviewBy.Span, "spec.transfer.reviewBy", fmt.Sprintf("the transfer to %s was to be looked at again by %s", r.party.Name, t.ReviewBy.Value), "look at it, and write the next day")
			}
		case g.decision != nil:
			why := ""
			if left, ends := g.decision.DaysLeft(p.day()); ends && left < 180 {
				why = "it ends on " + g.decision.ValidTo
			}
			if g.decision.Fragile != "" {
				why = g.decision.Fragile
			}
			if why != "" {
				tell(r.party.Doc.Spec.Country.Span, "spec.transfer", fmt.Sprintf("the transfer to %s rests on an adequacy decision alone that may not last: %s", r.party.Name, why),
					"agree on a safeguard to fall back on, and name it (transfer: {mechanism: standard-clauses, assessment: ...})")
			}
		}
	})
}

func runStandingDerogation(p *Pass) {
	p.eachRecipient(func(r *recipient) {
		g := p.ground(r)
		if !g.third || g.decision != nil || g.code == nil || g.code.Kind != vocabulary.Derogation {
			return
		}
		p.ofParty(r, r.party.Doc.Spec.Transfer.Mechanism.Span, "spec.transfer.mechanism",
			fmt.Sprintf("%s gets %s day by day under a derogation (%s)", r.party.Name, listed(r.categories), g.code.Article),
			"agree on a safeguard (standard-clauses, binding-corporate-rules), or send it nothing")
	})
}

func runUnseenProcessors(p *Pass) {
	p.eachRecipient(func(r *recipient) {
		spec := r.party.Doc.Spec
		if g := p.ground(r); !g.third || spec.Role.Value != "processor" {
			return
		}
		switch ago, dated := daysUntil(spec.Processors.Reviewed.Value, p.AsOf); {
		case spec.Processors.List.Value == "":
			p.ofParty(r, spec.Role.Span, "spec.processors", fmt.Sprintf("nobody says where the processors of %s are listed", r.party.Name), "write processors: {list: ..., reviewed: ...}")
		case dated && ago > 366:
			p.ofParty(r, spec.Processors.Reviewed.Span, "spec.processors.reviewed", fmt.Sprintf("the processors of %s were last looked at on %s", r.party.Name, spec.Processors.Reviewed.Value),
				"look at the list, and write the day")
		}
	})
}
