package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// claim is what needs an approval: an Activity or a declassification, and the facts that one must cover.
type claim struct {
	what          string // as findings call it
	object, field string
	name          diag.Span   // of what needs it
	named         syntax.Text // the approval that it names
	approval      *model.Approval
	reasons       []string
	related       []diag.Related
	facts         []fact
	accesses      []*model.Access // what is withheld without
}

// fact is one thing that an approval must cover.
type fact struct {
	kind, value string
	who         string // whose it is, where the value alone does not say
}

// The kinds of facts, as the fields of covers.
const (
	factActivity         = "activities"
	factCategory         = "categories"
	factService          = "services"
	factDeclassification = "declassifications"
	factParty            = "parties"
	factPlace            = "places"
)

func (c *claim) because(reason string, facts ...fact) {
	c.reasons = append(c.reasons, reason)
	c.facts = append(c.facts, facts...)
}

// relate names a place that belongs to the claim, once.
func (c *claim) relate(at diag.Span, message string) {
	if r := (diag.Related{Span: at, Message: message}); !slices.Contains(c.related, r) {
		c.related = append(c.related, r)
	}
}

// claimed is all that needs an approval.
func (p *Pass) claimed() []*claim {
	if p.personal() == nil || p.claims != nil {
		return p.claims
	}
	p.claims = []*claim{}
	for _, a := range p.Estate.Activities {
		if c := p.claimOfActivity(a); len(c.reasons) > 0 {
			p.claims = append(p.claims, c)
		}
	}
	eachDocument(p.Estate, func(in []*model.Service) {
		if in[0].PersonalData == nil {
			return
		}
		for i, d := range in[0].PersonalData.Declassifications {
			if d.Doc.Method.Value != "discard" {
				p.claims = append(p.claims, p.claimOfDeclassification(in, i))
			}
		}
	})
	return p.claims
}

func (p *Pass) claimOfActivity(a *model.Activity) *claim {
	c := &claim{
		what: "activity " + a.Name, object: "Activity " + a.Name, field: "spec.approval",
		name: a.Doc.Metadata.Name.Span, named: a.Doc.Spec.Approval, approval: a.Approval,
		facts: []fact{{factActivity, a.Name, ""}},
	}
	p.claimSensitive(c, a)
	for _, party := range a.Recipients {
		if own(party) {
			continue
		}
		gets := a.Categories
		if len(party.Receives) > 0 {
			gets = vocabulary.Both(gets, party.Receives)
		}
		c.because("it has recipient "+party.Name, recipientFacts(party, gets)...)
	}
	for _, ch := range p.used(a).channels {
		sends := p.personal().Sends(ch)
		if ch.Party == nil || own(ch.Party) || len(sends) == 0 {
			continue
		}
		c.because(fmt.Sprintf("%s sends %s to %s", ch.Service.Key(), and(sends), ch.Party.Name),
			append(recipientFacts(ch.Party, sends), fact{factService, ch.Service.Key(), ""})...)
		c.relate(ch.Doc.Party.Span, fmt.Sprintf("%s sends to %s by channel %s", ch.Service.Key(), ch.Party.Name, ch.Key))
	}
	return c
}

func recipientFacts(party *model.Party, categories []string) []fact {
	facts := []fact{{factParty, party.Name, ""}, {factPlace, party.Doc.Spec.Country.Value, "of party " + party.Name}}
	for _, k := range categories {
		facts = append(facts, fact{factCategory, k, "for party " + party.Name})
	}
	return facts
}

// claimSensitive claims approval of special categories and convictions, with the Services that process them.
func (p *Pass) claimSensitive(c *claim, a *model.Activity) {
	facts := slices.Concat(p.sensitive(a, vocabulary.Special), p.sensitive(a, vocabulary.Criminal))
	if len(facts) == 0 || p.waitsForNarrower(a) {
		return
	}
	words := p.Estate.Privacy.Categories
	for _, s := range facts {
		c.because("it "+s.says, fact{factCategory, s.category, ""})
		if !s.own {
			c.relate(s.at, "it "+s.says)
		}
	}
	for _, x := range p.used(a).processed {
		if slices.ContainsFunc(slices.Concat(x.Categories, x.MayReveal), func(k string) bool { return words.Highest(k) >= vocabulary.Special }) {
			c.facts = append(c.facts, fact{factService, x.service.Key(), ""})
			c.facts = append(c.facts, p.placesOf(x.service)...)
		}
	}
	c.accesses = p.used(a).accesses
}

// claimOfDeclassification claims approval of what counts as clean.
func (p *Pass) claimOfDeclassification(in []*model.Service, i int) *claim {
	s, d := in[0], in[0].PersonalData.Declassifications[i]
	c := &claim{
		what: fmt.Sprintf("declassification %s of %s", d.Name, s.Key()), object: s.Object(), field: "spec.personalData.declassifies[" + d.Name + "].approval",
		name: d.Doc.Name.Span, named: d.Doc.Approval, approval: d.Approval,
	}
	c.because(fmt.Sprintf("by method %s data is to be less personal than it was", d.Doc.Method.Value), fact{factService, s.Key(), ""}, fact{factDeclassification, d.Name, ""})
	for _, x := range s.PersonalData.Processes {
		dropped := vocabulary.Both(privacy.Personal(x.Categories), d.Drops)
		for _, k := range dropped {
			c.facts = append(c.facts, fact{factCategory, k, ""})
		}
		if len(dropped) > 0 && x.Activity != nil {
			c.facts = append(c.facts, fact{factActivity, x.Activity.Name, ""})
		}
	}
	for _, s := range in {
		c.facts = append(c.facts, p.placesOf(s)...)
	}
	for _, e := range d.Endpoints {
		c.accesses = append(c.accesses, p.callersOf(in, e)...)
	}
	return c
}

// placesOf are the countries abroad where a Service runs, and of those who can look in. At home the controller needs nobody's word.
func (p *Pass) placesOf(s *model.Service) []fact {
	var all []fact
	for _, w := range s.Workloads {
		all = append(all, fact{factPlace, w.Cluster.Doc.Spec.Country.Value, "of cluster " + w.Cluster.Name})
		if o := w.Cluster.Operator; o != nil {
			all = append(all, fact{factPlace, o.Doc.Spec.Country.Value, "of party " + o.Name + ", which runs cluster " + w.Cluster.Name})
		}
	}
	home := p.Estate.Privacy.Controller
	return slices.DeleteFunc(all, func(f fact) bool { return home != nil && f.value == home.Doc.Spec.Country.Value })
}

var noApproval = &diag.Rule{
	Code: "PII-040", Name: "no-approval", Effect: diag.Withhold,
	Title: "what needs an approval has none",
	Why:   "Special categories, data on convictions, recipients outside and data that counts as anonymous are decisions that somebody answers for and can show (GDPR Articles 5(2), 24 and 35).",
}

func runNoApproval(p *Pass) {
	refused := map[*model.Approval][]*claim{}
	for _, c := range p.claimed() {
		switch {
		case c.approval != nil && c.approval.Doc.Spec.Decision.Value != "approved":
			refused[c.approval] = append(refused[c.approval], c)
		case c.approval != nil:
		case c.named.Value != "": // which is the finding
			p.withholdThese(c.accesses)
		default:
			reasons := slices.Compact(slices.Sorted(slices.Values(c.reasons)))
			p.object(c.name, diag.Finding{
				Message: fmt.Sprintf("%s has no approval, and needs one: %s", c.what, reasons[0]) + more(len(reasons)-1),
				Help:    "name one (approval: ...) that covers " + covering(c.facts),
				Related: c.related, Items: reasons,
				Objects: []string{c.object}, Field: c.field,
			}, c.accesses...)
		}
	}
	for _, a := range p.Estate.Approvals {
		if claims := refused[a]; len(claims) > 0 {
			p.refused(a, claims)
		}
	}
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// refused reports an approval that was not given, or no longer holds, once for all that rest on it.
func (p *Pass) refused(a *model.Approval, claims []*claim) {
	f := diag.Finding{
		Help:    "take away what it was asked for, or have it decided again",
		Objects: []string{"Approval " + a.Name}, Field: "spec.decision",
	}
	var accesses []*model.Access
	for _, c := range claims {
		f.Items = append(f.Items, c.what)
		f.Related = append(f.Related, diag.Related{Span: c.named.Span, Message: c.what + " rests on it"})
		accesses = append(accesses, c.accesses...)
	}
	f.Message = fmt.Sprintf("approval %s is %s, and %s needs it", a.Name, a.Doc.Spec.Decision.Value, claims[0].what) + more(len(claims)-1)
	p.object(a.Doc.Spec.Decision.Span, f, accesses...)
}

// covering says what an approval has to cover, as it would be written.
func covering(facts []fact) string {
	var all []string
	for _, kind := range []string{factActivity, factCategory, factService, factDeclassification, factParty} {
		var values []string
		for _, f := range facts {
			if f.kind == kind {
				values = append(values, f.value)
			}
		}
		if len(values) > 0 {
			all = append(all, kind+": ["+strings.Join(slices.Compact(slices.Sorted(slices.Values(values))), ", ")+"]")
		}
	}
	return strings.Join(all, ", ")
}

var notCovered = &diag.Rule{
	Code: "PII-042", Name: "not-covered", Effect: diag.Withhold,
	Title: "an approval does not cover what rests on it",
	Why:   "A decision holds for what was decided (GDPR Article 24). What goes beyond it was weighed by nobody.",
}

func runNotCovered(p *Pass) {
	for _, c := range p.claimed() {
		if c.approval == nil || c.approval.Doc.Spec.Decision.Value != "approved" {
			continue
		}
		// What is withheld may not depend on the day, so countries are adequate as they were when it was decided.
		if at, f := notCoveredOn(c, c.approval.Doc.Spec.Granted.Value); len(f.Items) > 0 {
			p.object(at, f, c.accesses...)
		} else if at, f := notCoveredOn(c, p.AsOf); len(f.Items) > 0 {
			p.byDate(diag.Warning, at, f)
		}
	}
}

// notCoveredOn says what of the facts the approval does not cover on a day.
func notCoveredOn(c *claim, day string) (diag.Span, diag.Finding) {
	a := c.approval
	var over []string
	at := diag.Span{}
	for _, f := range c.facts {
		if covered(a, f, day) {
			continue
		}
		if list := listOf(&a.Doc.Spec.Covers, f.kind); at.IsZero() && !list.Span.IsZero() {
			at = list.Span
		}
		over = append(over, f.String())
	}
	if at.IsZero() {
		at = a.Doc.Metadata.Name.Span
	}
	over = slices.Compact(slices.Sorted(slices.Values(over)))
	return at, diag.Finding{
		Message: fmt.Sprintf("approval %s does not cover all of %s: %s", a.Name, c.what, strings.Join(over, "; ")),
		Help:    "have it decided, and add what is missing to covers; or take it away from " + c.what,
		Related: append([]diag.Related{{Span: c.named.Span, Message: c.what + " rests on it"}}, c.related...),
		Objects: []string{"Approval " + a.Name, c.object}, Field: c.field, Items: over,
	}
}

func (f fact) String() string {
	word := map[string]string{
		factActivity: "activity ", factCategory: "category ", factService: "service ", factDeclassification: "declassification ",
		factParty: "party ", factPlace: "place ",
	}[f.kind] + f.value
	if f.value == "" {
		word = "no country"
	}
	return strings.TrimSpace(word + " " + f.who)
}

func listOf(c *syntax.Covers, kind string) syntax.List[syntax.Text] {
	switch kind {
	case factActivity:
		return c.Activities
	case factCategory:
		return c.Categories
	case factService:
		return c.Services
	case factDeclassification:
		return c.Declassifications
	case factParty:
		return c.Parties
	default:
		return c.Places
	}
}

// covered reports whether the approval covers the fact on a day. What it does not speak of it does not cover, but for places: without any it
// holds everywhere.
func covered(a *model.Approval, f fact, day string) bool {
	list := listOf(&a.Doc.Spec.Covers, f.kind).Items
	switch f.kind {
	case factCategory:
		return slices.ContainsFunc(a.Categories, func(k string) bool { return vocabulary.Covers(k, f.value) })
	case factPlace:
		return len(list) == 0 || slices.ContainsFunc(list, func(t syntax.Text) bool { return vocabulary.Within(f.value, t.Value, day) })
	default:
		return slices.ContainsFunc(list, func(t syntax.Text) bool { return t.Value == f.value })
	}
}

var approvalEnds = &diag.Rule{
	Code: "PII-041", Name: "approval-ends", Effect: diag.Report,
	Title: "an approval has run out, or is about to",
	Why:   "Decisions are looked at again and brought up to date (GDPR Articles 24(1) and 35(11)). Dates only report: what rests on it goes on until somebody decides.",
}

func runApprovalEnds(p *Pass) {
	told := map[*model.Approval]bool{}
	for _, c := range p.claimed() {
		a := c.approval
		if a == nil || told[a] || a.Doc.Spec.Decision.Value != "approved" {
			continue
		}
		told[a] = true
		until, granted := a.Doc.Spec.Until, a.Doc.Spec.Granted
		f := diag.Finding{
			Help:    "have it decided again: new days for granted and until, or an end to what rests on it",
			Related: []diag.Related{{Span: c.named.Span, Message: c.what + " rests on it"}},
			Objects: []string{"Approval " + a.Name}, Field: "spec.until",
		}
		switch {
		case granted.Value > p.AsOf:
			f.Message, f.Help, f.Field = fmt.Sprintf("approval %s is granted only on %s, and %s rests on it today", a.Name, granted.Value, c.what), "wait for that day, or write the day of the decision", "spec.granted"
			p.byDate(diag.Warning, granted.Span, f)
		case until.Value < p.AsOf:
			f.Message = fmt.Sprintf("approval %s ran out on %s, and %s rests on it", a.Name, until.Value, c.what)
			p.byDate(diag.Warning, until.Span, f)
		case until.Value <= later(p.AsOf, 0, p.Estate.Privacy.Notice):
			f.Message = fmt.Sprintf("approval %s runs out on %s, and %s rests on it", a.Name, until.Value, c.what)
			p.byDate(diag.Notice, until.Span, f)
		}
	}
}

// later is the day so many months and days after another.
func later(day string, months, days int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, months, days).Format(time.DateOnly)
}
