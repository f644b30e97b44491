package report

import (
	"cmp"
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// approvalRegister is what was decided.
func (f *facts) approvalRegister() *Register {
	return about[*model.Approval]{
		name: "approvals", title: "Approvals",
		text: "Decisions about personal data, what each covers and until when (GDPR Articles 5(2), 24 and 35). The controller decides; its protection officer advises (Articles 38 and 39).",
		columns: []column[*model.Approval]{
			says("approval", "Approval", func(a *model.Approval) Cell { return required(a.Name) }).main(),
			says("decision", "Decision", func(a *model.Approval) Cell { return required(a.Doc.Spec.Decision.Value) }).change("decision"),
			says("state", "State", func(a *model.Approval) Cell { return required(f.approvalState(a)) }).main().change("state of an approval"),
			says("activities", "Covers activities", func(a *model.Approval) Cell { return listed(syntax.Values(a.Doc.Spec.Covers.Activities)) }).main().change("what an approval covers"),
			says("categories", "Covers categories", func(a *model.Approval) Cell { return listed(a.Categories) }).main().change("what an approval covers"),
			says("services", "Covers services", func(a *model.Approval) Cell { return listed(syntax.Values(a.Doc.Spec.Covers.Services)) }).change("what an approval covers"),
			says("declassifications", "Covers declassifications", func(a *model.Approval) Cell { return listed(syntax.Values(a.Doc.Spec.Covers.Declassifications)) }).change("what an approval covers"),
			says("parties", "Covers recipients", func(a *model.Approval) Cell { return listed(syntax.Values(a.Doc.Spec.Covers.Parties)) }).main().change("what an approval covers"),
			says("places", "Covers places", func(a *model.Approval) Cell { return or("everywhere", syntax.Values(a.Doc.Spec.Covers.Places)...) }).change("what an approval covers"),
			says("weakenings", "Covers weakenings", func(a *model.Approval) Cell { return listed(syntax.Values(a.Doc.Spec.Covers.Weakenings)) }).change("what an approval covers"),
			says("decidedBy", "Decided by", func(a *model.Approval) Cell { return required(decidedBy(a)) }).main().change("who decided"),
			says("advice", "Advice of the protection officer", func(a *model.Approval) Cell { return optional(advice(a)) }).change("advice"),
			says("deviation", "Why the decision deviates", func(a *model.Approval) Cell { return deviation(a) }).law("GDPR Articles 35(2) and 39"),
			says("granted", "Granted", func(a *model.Approval) Cell { return required(a.Doc.Spec.Granted.Value) }),
			says("until", "Until", func(a *model.Approval) Cell { return required(a.Doc.Spec.Until.Value) }).main().change("until"),
			says("conditions", "Conditions", func(a *model.Approval) Cell { return listed(syntax.Values(a.Doc.Spec.Conditions)) }).change("conditions"),
			says("reference", "Reference", func(a *model.Approval) Cell { return optional(a.Doc.Spec.Reference.Line()) }),
			says("used", "Used by", func(a *model.Approval) Cell { return listed(f.usersOf(a)) }),
			source(func(a *model.Approval) diag.Span { return a.Doc.Metadata.Name.Span }).main(),
		},
		row: func(a *model.Approval) Row {
			return Row{
				Key: a.Name, Label: "approval " + a.Name, Owner: "privacy", Source: a.Doc.Metadata.Name.Span,
				Facets: Facets{Categories: a.Categories, Teams: f.teamsOf(syntax.Values(a.Doc.Spec.Covers.Services)), Activities: syntax.Values(a.Doc.Spec.Covers.Activities)},
			}
		},
	}.of(f.estate.Approvals)
}

// approvalState is whether the approval holds on the day of the report.
func (f *facts) approvalState(a *model.Approval) string {
	spec := a.Doc.Spec
	switch {
	case spec.Decision.Value != "approved":
		return spec.Decision.Value
	case !inForce(spec.Granted.Value, "", f.AsOf):
		return "does not hold yet"
	case !inForce("", spec.Until.Value, f.AsOf):
		return "ran out on " + spec.Until.Value
	default:
		return "holds"
	}
}

func decidedBy(a *model.Approval) string {
	d := a.Doc.Spec.DecidedBy
	if d.Team.Value != "" {
		return d.Role.Line() + " of team " + d.Team.Line()
	}
	return d.Role.Line()
}

func advice(a *model.Approval) string {
	d := a.Doc.Spec.Advice
	if d.Outcome.Value == "" {
		return ""
	}
	return fmt.Sprintf("%s on %s (%s)", d.Outcome.Value, d.Given.Value, d.Reference.Line())
}

// deviation is asked for where the decision is not what was advised.
func deviation(a *model.Approval) Cell {
	d := a.Doc.Spec.Advice
	if d.Outcome.Value == "negative" && a.Doc.Spec.Decision.Value == "approved" {
		return required(d.Deviation.Line())
	}
	return or(notApplicable, d.Deviation.Line())
}

// usersOf are the documents that rest on the approval.
func (f *facts) usersOf(a *model.Approval) []string {
	var all []string
	for _, act := range f.estate.Activities {
		if act.Approval == a {
			all = append(all, "activity "+act.Name)
		}
	}
	for _, d := range f.declassifications() {
		if d.Approval == a {
			all = append(all, "declassification "+d.Name+" of "+d.Service.Key())
		}
	}
	return all
}

func (f *facts) teamsOf(services []string) []string {
	var all []string
	for _, s := range f.services {
		if slices.Contains(services, s.Key()) {
			all = append(all, s.Team.Name)
		}
	}
	return unique(all)
}

func (f *facts) declassifications() []*model.Declassification {
	var all []*model.Declassification
	for _, s := range f.services {
		if s.PersonalData != nil {
			all = append(all, s.PersonalData.Declassifications...)
		}
	}
	slices.SortStableFunc(all, func(a, b *model.Declassification) int {
		return cmp.Or(cmp.Compare(a.Service.Key(), b.Service.Key()), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// declassificationRegister is where personal data goes in and less is said to come out.
func (f *facts) declassificationRegister() *Register {
	return about[*model.Declassification]{
		name: "declassifications", title: "Declassifications",
		text: "Where personal data goes in and less is said to come out: how, why, and who approved (GDPR recital 26 and Article 4(5)). Nothing in the mesh looks into the data.",
		columns: []column[*model.Declassification]{
			says("service", "Service", func(d *model.Declassification) Cell { return required(d.Service.Key()) }).main(),
			says("name", "Name", func(d *model.Declassification) Cell { return required(d.Name) }).main(),
			says("team", "Team", func(d *model.Declassification) Cell { return required(d.Service.Team.Name) }),
			says("drops", "Drops", func(d *model.Declassification) Cell { return required(d.Drops...) }).main().change("what is dropped"),
			says("method", "Method", func(d *model.Declassification) Cell { return required(d.Doc.Method.Value) }).main().change("method"),
			says("endpoints", "Endpoints", func(d *model.Declassification) Cell { return or("the whole service", endpointNames(d)...) }).main().change("endpoints"),
			says("because", "Because", func(d *model.Declassification) Cell { return required(d.Doc.Because.Line()) }).main().law("GDPR Article 5(2)"),
			says("approval", "Approval", f.declassificationApproval).main().law("GDPR Articles 5(2) and 24").change("approval"),
			says("callers", "Who reads the result", func(d *model.Declassification) Cell { return listed(f.readersOf(d)) }).change("recipients"),
			source(func(d *model.Declassification) diag.Span { return d.Doc.Name.Span }).main(),
		},
		row: func(d *model.Declassification) Row {
			return Row{
				Key: d.Service.Key() + " " + d.Name, Label: "declassification " + d.Name + " of " + d.Service.Key(), Owner: d.Service.Team.Name, Source: d.Doc.Name.Span,
				Facets: Facets{Categories: d.Drops, Teams: []string{d.Service.Team.Name}, Countries: countries(d.Service.Workloads)},
			}
		},
	}.of(f.declassifications())
}

func endpointNames(d *model.Declassification) []string {
	var all []string
	for _, e := range d.Endpoints {
		all = append(all, e.Name)
	}
	return all
}

// declassificationApproval is asked for unless the data is only read and thrown away.
func (f *facts) declassificationApproval(d *model.Declassification) Cell {
	switch {
	case d.Approval != nil:
		return required(f.approvalText(d.Approval))
	case d.Doc.Method.Value == "discard":
		return or("not needed")
	default:
		return required()
	}
}

func (f *facts) readersOf(d *model.Declassification) []string {
	var all []string
	for _, s := range f.of[d.Service.Doc].All {
		for _, a := range f.flow.Callers(s) {
			if slices.Contains(endpointNames(d), a.Endpoint.Name) {
				all = append(all, a.Caller.Key())
			}
		}
	}
	return unique(all)
}
