package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

var effectLowered = &diag.Rule{
	Code: "PII-092", Name: "effect-lowered", Effect: diag.Report, Level: diag.Error, Mends: true,
	Title: "an effect of the Privacy document changes nothing",
	Why:   "Effects make rules stricter and never milder, as a rule that can be switched off protects nobody. Its author believes that it does something (GDPR Article 24(1)).",
}

// dated are the rules that the day decides, so that they can withhold nothing: what is rendered depends on the documents alone.
var dated = []string{"PII-041", "PII-045", "PII-093"}

func runEffectLowered(p *Pass) {
	if p.personal() == nil {
		return
	}
	doc := p.Estate.Privacy.Doc
	for _, e := range doc.Spec.Effects.Items {
		f := diag.Finding{Objects: []string{"Privacy " + doc.Metadata.Name.Value}, Field: "spec.effects[" + e.Rule.Value + "]"}
		at := e.Effect.Span
		i := slices.IndexFunc(p.codes, func(r *diag.Rule) bool { return r.Code == e.Rule.Value })
		switch {
		case i < 0:
			at = e.Rule.Span
			f.Message, f.Help = fmt.Sprintf("no rule has the code %q", e.Rule.Value), "writ rules lists the codes"
			if near := diag.Nearest(e.Rule.Value, p.personalCodes()); near != "" {
				f.Help, f.Fix = fmt.Sprintf("did you mean %s?", near), replace(e.Rule, near)
			}
		case p.codes[i].Retired || p.codes[i].Later != "":
			at = e.Rule.Span
			f.Message, f.Help = fmt.Sprintf("%s is not checked", e.Rule.Value), "take the entry away"
			if p.codes[i].Later != "" {
				f.Message, f.Help = f.Message+" yet: "+p.codes[i].Later, "take the entry away until it is"
			}
		case p.codes[i].Effect.StricterThan(effects[e.Effect.Value]):
			own := p.codes[i].Effect
			f.Message = fmt.Sprintf("%s has the effect %s, which is stricter than %s", e.Rule.Value, own, e.Effect.Value)
			f.Help, f.Fix = fmt.Sprintf("write %s, or take the entry away", own), replace(e.Effect, own.String())
		case slices.Contains(dated, e.Rule.Value) && e.Effect.Value != "report":
			f.Message = fmt.Sprintf("%s is about dates, which withhold and stop nothing", e.Rule.Value)
			f.Help, f.Fix = "write report: then it fails", replace(e.Effect, "report")
		default:
			if day := e.Announced; day.Value != "" && day.Value < p.AsOf {
				f.Message = fmt.Sprintf("%s was announced for %s, and does not hold yet", e.Rule.Value, day.Value)
				f.Help, f.Field = "take announced away, so that it holds; or announce another day", f.Field+".announced"
				p.byDate(diag.Warning, day.Span, f)
			}
			continue
		}
		p.object(at, f)
	}
}

func replace(t syntax.Text, with string) *diag.Fix {
	return &diag.Fix{Title: fmt.Sprintf("replace %q with %q", t.Value, with), Edits: []diag.Edit{{Span: t.Span, New: with}}}
}

// personalCodes are the codes of rules about personal data.
func (p *Pass) personalCodes() []string {
	var all []string
	for _, r := range p.codes {
		if strings.HasPrefix(r.Code, "PII-") && !r.Retired && r.Later == "" {
			all = append(all, r.Code)
		}
	}
	return all
}

var staleTables = &diag.Rule{
	Code: "PII-093", Name: "stale-tables", Effect: diag.Report, Level: diag.Notice,
	Title: "a table of the vocabulary is old",
	Why:   "Decisions on adequacy come and go (GDPR Article 45(3) and (5)), and a table only knows those of its day. Registers print the day of each.",
}

func runStaleTables(p *Pass) {
	if p.personal() == nil {
		return
	}
	doc := p.Estate.Privacy.Doc
	var old []string
	for _, t := range vocabulary.Stale(p.AsOf) {
		old = append(old, fmt.Sprintf("%s of %s", t.Title, t.AsOf))
	}
	if len(old) == 0 {
		return
	}
	p.byDate(diag.Notice, doc.Metadata.Name.Span, diag.Finding{
		Message: "this writ judges by old tables: " + strings.Join(old, ", "),
		Help:    "use a newer writ, and look until then whether what they say is still so",
		Objects: []string{"Privacy " + doc.Metadata.Name.Value}, Field: "vocabulary",
	})
}
