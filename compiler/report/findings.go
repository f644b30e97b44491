package report

import (
	"strings"

	"writ.dev/writ/compiler/diag"
)

// findings are what the rules about personal data object to.
func (f *facts) findings() *Register {
	var all []diag.Finding
	for _, found := range f.Findings {
		if strings.HasPrefix(found.Rule.Code, "PII-") {
			all = append(all, found)
		}
	}
	return about[diag.Finding]{
		name: "findings", title: "Objections of the rules",
		text: "What the rules about personal data object to on the day of the report, with the next step. A rule that is not here has no finding in this version of writ, and says no more than that.",
		columns: []column[diag.Finding]{
			says("rule", "Rule", func(d diag.Finding) Cell { return required(d.Rule.Code + " " + d.Rule.Name) }).main(),
			says("what", "What", func(d diag.Finding) Cell { return required(d.Message) }).main(),
			says("next", "Next step", func(d diag.Finding) Cell { return optional(d.Help) }).main(),
			says("effect", "Effect", func(d diag.Finding) Cell { return required(effect(d)) }).change("effect"),
			says("why", "Why it is asked for", func(d diag.Finding) Cell { return optional(d.Rule.Why) }),
			source(func(d diag.Finding) diag.Span { return d.Span }).main(),
		},
		row: func(d diag.Finding) Row {
			return Row{Key: d.Fingerprint(), Label: d.Rule.Code + " " + d.Message, Owner: ownerOf(d.Span.File), Source: d.Span, Facets: Facets{Teams: []string{ownerOf(d.Span.File)}}}
		},
	}.of(all)
}

// effect is what a finding does here: one that is ignored does nothing, until the day that the ignore says.
func effect(d diag.Finding) string {
	words := map[diag.Effect]string{diag.Stop: "nothing is built", diag.Withhold: "the access is withheld", diag.Report: "it is reported"}[d.Rule.Effect]
	words = d.Rule.Severity().String() + ": " + words
	if d.Ignored != nil {
		words += "; ignored until " + d.Ignored.Until + ": " + d.Ignored.Reason
	}
	return words
}

// ownerOf is whose folder of policies/ a file lies in.
func ownerOf(file string) string {
	parts := strings.Split(file, "/")
	switch {
	case len(parts) > 2 && parts[1] == "teams":
		return parts[2]
	case len(parts) > 1:
		return parts[1]
	default:
		return "the platform"
	}
}
