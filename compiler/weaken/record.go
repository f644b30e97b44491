package weaken

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// privacy compares the Privacy documents, and reports whether the later revision has none.
func (c *comparison) privacy() (gone bool) {
	was, is := c.before.Privacy.Doc, c.after.Privacy.Doc
	d := c.document("Privacy", was.Header)
	if is == nil {
		d.at = c.after.Near(was.File)
		d.tell("Privacy.metadata", diag.Span{}, "-", "the Privacy document is gone, and with it every rule about personal data")
		return true
	}
	// There is one, whatever it is called.
	d.name, d.at = "Privacy "+is.Metadata.Name.Value, is.Metadata.Name.Span
	b, a := &was.Spec, &is.Spec
	d.changes("Privacy.spec.controller", "", "the controller", b.Controller, a.Controller)
	d.gains("Privacy.spec.owners", a.Owners.Span, "", "%s may agree to changes", syntax.Values(b.Owners), syntax.Values(a.Owners), same)
	d.loses("Privacy.spec.owners", a.Owners.Span, "", "%s no longer has to be asked", syntax.Values(b.Owners), syntax.Values(a.Owners), same)
	c.words(d)
	d.gains("Privacy.spec.plainPaths", a.PlainPaths.Span, "", "%s counts as free of personal data", syntax.Values(b.PlainPaths), syntax.Values(a.PlainPaths), same)
	d.changes("Privacy.spec.rights", "", "the Service that answers data subjects", b.Rights, a.Rights)
	if is, was := c.after.Privacy.Notice, c.before.Privacy.Notice; is < was {
		d.tell("Privacy.spec.notice", a.Notice.Span, fmt.Sprintf("-%d\x00%d", was, is), fmt.Sprintf("what runs out is told %d days before, and was told %d days before", is, was))
	}
	for _, e := range inForce(b) {
		now := slices.IndexFunc(inForce(a), func(n syntax.Effect) bool { return n.Rule.Value == e.Rule.Value })
		var effect syntax.Text
		if now >= 0 {
			effect = inForce(a)[now].Effect
		}
		d.lowers("Privacy.spec.effects.effect", e.Rule.Value, "the effect of "+e.Rule.Value, e.Effect, effect, []string{"", "report", "withhold", "stop"})
	}
	d.gains("Privacy.spec.reviewAlone", a.ReviewAlone.Span, "", "weakenings of kind %q need no approval", syntax.Values(b.ReviewAlone), syntax.Values(a.ReviewAlone), same)
	return false
}

// inForce are the effects that are not merely announced, the strictest first where one rule has several.
func inForce(s *syntax.PrivacySpec) []syntax.Effect {
	all := slices.DeleteFunc(slices.Clone(s.Effects.Items), func(e syntax.Effect) bool { return e.Announced.Value != "" })
	rank := []string{"stop", "withhold", "report"}
	slices.SortStableFunc(all, func(a, b syntax.Effect) int {
		return slices.Index(rank, a.Effect.Value) - slices.Index(rank, b.Effect.Value)
	})
	return all
}

// words compares how sensitive the organisation's own categories are.
func (c *comparison) words(d *document) {
	was, is := c.before.Privacy.Categories, c.after.Privacy.Categories
	for _, own := range c.before.Privacy.Doc.Spec.Categories.Items {
		key := own.Key.Value
		had, known := was.Find(key)
		if !known {
			continue
		}
		has, known := is.Find(key)
		if !known || has.Class >= had.Class {
			continue // a word that is gone is unknown wherever it stands
		}
		at := c.after.Privacy.Doc.Spec.Categories.Span
		for _, o := range c.after.Privacy.Doc.Spec.Categories.Items {
			if o.Key.Value == key {
				at = o.Key.Span
			}
		}
		d.tell("Privacy.spec.categories.class", at, fmt.Sprintf("-%s\x00%s\x00%s", key, had.Class, has.Class),
			fmt.Sprintf("%s is %s, and was %s", key, has.Class, had.Class))
	}
}

func (c *comparison) record() {
	for b, a := range byName(c.before.Activities, c.after.Activities, func(a *model.Activity) string { return a.Name }) {
		c.activity(b, a)
	}
	for b, a := range byName(c.before.Parties, c.after.Parties, func(p *model.Party) string { return p.Name }) {
		c.party(b, a)
	}
	for b, a := range byName(c.before.Approvals, c.after.Approvals, func(a *model.Approval) string { return a.Name }) {
		c.approval(b, a)
	}
}

func (c *comparison) activity(before, after *model.Activity) {
	d := c.document("Activity", after.Doc.Header)
	b, a := &before.Doc.Spec, &after.Doc.Spec
	uses := c.after.Privacy.Uses
	d.gains("Activity.spec.purpose", a.Purpose.Span, "", "its purpose is %s",
		keys(uses, syntax.List[syntax.Text]{Items: []syntax.Text{b.Purpose}}), keys(uses, syntax.List[syntax.Text]{Items: []syntax.Text{a.Purpose}}), vocabulary.Covers)
	if was, is := or(b.Role, "controller"), or(a.Role, "controller"); was.Value != is.Value {
		d.changes("Activity.spec.role", "", "our role", was, is)
	}
	d.gains("Activity.spec.controllers", a.Controllers.Span, "", "%s is a controller of it", syntax.Values(b.Controllers), syntax.Values(a.Controllers), same)
	d.loses("Activity.spec.controllers", a.Controllers.Span, "", "%s is no longer a controller of it", syntax.Values(b.Controllers), syntax.Values(a.Controllers), same)
	d.gains("Activity.spec.subjects", a.Subjects.Span, "", "it is about people of kind %s", syntax.Values(b.Subjects), syntax.Values(a.Subjects), same)
	d.gains("Activity.spec.categories", a.Categories.Span, "", "%s may be processed for it", before.Categories, after.Categories, vocabulary.Covers)
	d.changes("Activity.spec.legalBasis.code", "", "the legal basis", b.LegalBasis.Code, a.LegalBasis.Code)
	d.changes("Activity.spec.legalBasis.reference", "", "the evidence of its legal basis", b.LegalBasis.Reference, a.LegalBasis.Reference)
	d.changes("Activity.spec.condition.code", "", "the condition of Article 9(2)", b.Condition.Code, a.Condition.Code)
	d.changes("Activity.spec.condition.reference", "", "the evidence of its condition", b.Condition.Reference, a.Condition.Reference)
	d.changes("Activity.spec.ageCheck", "", "the check of ages", b.AgeCheck, a.AgeCheck)
	d.changes("Activity.spec.statute", "", "the statute", b.Statute, a.Statute)
	c.retention(d, b.Retention, a.Retention)
	for _, w := range a.CompatibleWith.Items {
		i := slices.IndexFunc(b.CompatibleWith.Items, func(o syntax.Compatible) bool { return o.Activity.Value == w.Activity.Value })
		if i < 0 {
			d.tell("Activity.spec.compatibleWith.activity", w.Activity.Span, "+"+w.Activity.Value, "data of "+w.Activity.Value+" may be processed for it")
			continue
		}
		d.changes("Activity.spec.compatibleWith.assessment", w.Activity.Value, "the assessment of "+w.Activity.Value, b.CompatibleWith.Items[i].Assessment, w.Assessment)
	}
	d.gains("Activity.spec.recipients", a.Recipients.Span, "", "%s is a recipient", syntax.Values(b.Recipients), syntax.Values(a.Recipients), same)
	if len(b.Stays.Items) > 0 && len(a.Stays.Items) == 0 {
		d.tell("Activity.spec.stays", diag.Span{}, "-"+list(syntax.Values(b.Stays)), "its data may go everywhere, and stayed in "+list(syntax.Values(b.Stays)))
	} else if len(b.Stays.Items) > 0 {
		d.gains("Activity.spec.stays", a.Stays.Span, "", "its data may go to %s", syntax.Values(b.Stays), syntax.Values(a.Stays), c.placed)
	}
	d.loses("Activity.spec.security", a.Security.Span, "", "the measure %q is gone", syntax.Values(b.Security), syntax.Values(a.Security), same)
	d.denies("Activity.spec.assessment.required", "no impact assessment is required any more", b.Assessment.Required, a.Assessment.Required)
	d.changes("Activity.spec.assessment.reference", "", "the impact assessment", b.Assessment.Reference, a.Assessment.Reference)
	d.earlier("Activity.spec.assessment.reviewed", "the day of the assessment's review", b.Assessment.Reviewed, a.Assessment.Reviewed)
	d.changes("Activity.spec.profiling", "", "what is said of automated decisions", b.Profiling, a.Profiling)
	d.changes("Activity.spec.approval", "", "the Approval", b.Approval, a.Approval)
	d.earlier("Activity.spec.reviewed", "the day of the last review", b.Reviewed, a.Reviewed)
}

func or(t syntax.Text, otherwise string) syntax.Text {
	if t.Value == "" {
		t.Value = otherwise
	}
	return t
}

// retention compares for how long data is kept. Where nothing was said, whatever is said is shorter.
func (c *comparison) retention(d *document, b, a syntax.Retention) {
	if b.Period.Value == "" {
		return
	}
	if a.Period.Value == "" || days(a.Period.Value) > days(b.Period.Value) {
		d.changes("Activity.spec.retention.period", "", "the retention", b.Period, a.Period)
	}
	if a.Period.Value != "" {
		d.changes("Activity.spec.retention.from", "", "what the retention begins with", b.From, a.From)
	}
}

var period = regexp.MustCompile(`([0-9]+)([YMWD])`)

// days is how long an ISO 8601 period is, at its longest.
func days(text string) int {
	n := 0
	for _, m := range period.FindAllStringSubmatch(text, -1) {
		count, err := strconv.Atoi(m[1])
		if err != nil {
			continue // the schema has at most five digits
		}
		n += count * map[string]int{"Y": 366, "M": 31, "W": 7, "D": 1}[m[2]]
	}
	return n
}

// placed says whether a place lies within another: a country in a group, or a group in a wider one.
func (c *comparison) placed(wide, narrow string) bool {
	return wide == narrow || wide == vocabulary.GroupAdequate && narrow == vocabulary.GroupEEA || vocabulary.Within(narrow, wide, c.asOf)
}

func (c *comparison) party(before, after *model.Party) {
	d := c.document("Party", after.Doc.Header)
	b, a := &before.Doc.Spec, &after.Doc.Spec
	d.changes("Party.spec.legalName", "", "who it is", b.LegalName, a.LegalName)
	if !vocabulary.InEEA(a.Country.Value) {
		d.changes("Party.spec.country", "", "its country", b.Country, a.Country)
	}
	d.changes("Party.spec.role", "", "its role", b.Role, a.Role)
	d.goes("Party.spec.contact", "its contact", b.Contact, a.Contact)
	d.goes("Party.spec.protectionOfficer", "its data protection officer", b.ProtectionOfficer, a.ProtectionOfficer)
	d.goes("Party.spec.representative", "its representative", b.Representative, a.Representative)
	d.gains("Party.spec.receives", a.Receives.Span, "", "it may receive %s", before.Receives, after.Receives, vocabulary.Covers)
	d.changes("Party.spec.contract.reference", "", "its contract", b.Contract.Reference, a.Contract.Reference)
	d.changes("Party.spec.transfer.mechanism", "", "the transfer mechanism", b.Transfer.Mechanism, a.Transfer.Mechanism)
	if was, is := b.Transfer.Module, a.Transfer.Module; was.Value != 0 && was.Value != is.Value {
		d.tell("Party.spec.transfer.module", is.Span, fmt.Sprintf("~%d\x00%d", was.Value, is.Value), fmt.Sprintf("the module of the standard clauses was %d", was.Value))
	}
	d.changes("Party.spec.transfer.assessment", "", "the assessment of the transfer", b.Transfer.Assessment, a.Transfer.Assessment)
	d.later("Party.spec.transfer.reviewBy", "", "the time for the transfer's review", b.Transfer.ReviewBy, a.Transfer.ReviewBy)
	d.claims("Party.spec.transfer.certified", "", "it counts as certified for an adequacy decision", b.Transfer.Certified, a.Transfer.Certified)
	d.goes("Party.spec.processors.list", "the list of its own processors", b.Processors.List, a.Processors.List)
	d.earlier("Party.spec.processors.reviewed", "the day of the last look at its processors", b.Processors.Reviewed, a.Processors.Reviewed)
	d.earlier("Party.spec.reviewed", "the day of the last review", b.Reviewed, a.Reviewed)
}

// approval compares a decision with itself: one that is stretched is another, and is written as another.
func (c *comparison) approval(before, after *model.Approval) {
	d := c.document("Approval", after.Doc.Header)
	b, a := &before.Doc.Spec, &after.Doc.Spec
	if a.Decision.Value == "approved" {
		d.changes("Approval.spec.decision", "", "the decision", b.Decision, a.Decision)
	}
	covers := func(field string, b, a syntax.List[syntax.Text], covers cover) {
		d.gains("Approval.spec.covers."+field, a.Span, "", "it covers %s", syntax.Values(b), syntax.Values(a), covers)
	}
	covers("activities", b.Covers.Activities, a.Covers.Activities, same)
	d.gains("Approval.spec.covers.categories", a.Covers.Categories.Span, "", "it covers %s", before.Categories, after.Categories, vocabulary.Covers)
	covers("services", b.Covers.Services, a.Covers.Services, same)
	covers("declassifications", b.Covers.Declassifications, a.Covers.Declassifications, same)
	covers("parties", b.Covers.Parties, a.Covers.Parties, same)
	covers("weakenings", b.Covers.Weakenings, a.Covers.Weakenings, same)
	if was, is := b.Covers.Places, a.Covers.Places; len(was.Items) > 0 && len(is.Items) == 0 {
		d.tell("Approval.spec.covers.places", diag.Span{}, "-"+list(syntax.Values(was)), "it holds everywhere, and held in "+list(syntax.Values(was)))
	} else if len(was.Items) > 0 {
		covers("places", was, is, c.placed)
	}
	d.changes("Approval.spec.decidedBy.role", "", "who decided", b.DecidedBy.Role, a.DecidedBy.Role)
	d.changes("Approval.spec.decidedBy.team", "", "the team that decided", b.DecidedBy.Team, a.DecidedBy.Team)
	d.changes("Approval.spec.advice.outcome", "", "the advice", b.Advice.Outcome, a.Advice.Outcome)
	d.changes("Approval.spec.advice.reference", "", "where the advice lies", b.Advice.Reference, a.Advice.Reference)
	d.changes("Approval.spec.advice.deviation", "", "why the advice was not followed", b.Advice.Deviation, a.Advice.Deviation)
	d.later("Approval.spec.until", "", "the approval", b.Until, a.Until)
	d.changes("Approval.spec.reference", "", "where the decision lies", b.Reference, a.Reference)
	d.loses("Approval.spec.conditions", a.Conditions.Span, "", "the condition %q is gone", syntax.Values(b.Conditions), syntax.Values(a.Conditions), same)
}

// Near is a place in a file that a document was taken from, or in another where the whole file is gone.
func (r Revision) Near(file string) diag.Span {
	var all []syntax.Header
	for _, d := range r.Tree.Privacies {
		all = append(all, d.Header)
	}
	for _, d := range r.Tree.Activities {
		all = append(all, d.Header)
	}
	for _, d := range r.Tree.Parties {
		all = append(all, d.Header)
	}
	for _, d := range r.Tree.Approvals {
		all = append(all, d.Header)
	}
	for _, d := range r.Tree.Services {
		all = append(all, d.Header)
	}
	for _, h := range all {
		if h.File == file {
			return h.Metadata.Name.Span
		}
	}
	for _, m := range r.Meshes {
		return m.Doc.Metadata.Name.Span
	}
	return diag.Span{File: "policies", Start: diag.At(1, 1, 0), End: diag.At(1, 1, 0)}
}
