package report

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// controllerRecord is the record of Article 30(1).
func (f *facts) controllerRecord() *Register {
	const law = "GDPR Article 30(1)"
	return about[*model.Activity]{
		name: "controller", title: "Record of processing, as controller",
		text: "The record of processing activities under the organisation's responsibility (GDPR Article 30(1)). Recipients are derived from what callers are let in to and from channels.",
		columns: slices.Concat([]column[*model.Activity]{
			says("activity", "Activity", func(a *model.Activity) Cell { return required(a.Name) }).main(),
			says("title", "Title", func(a *model.Activity) Cell { return required(a.Doc.Spec.Title.Line()) }).main(),
			says("controller", "Controller", func(*model.Activity) Cell { return f.controller() }).law(law + "(a)"),
			says("controllerContact", "Contact of the controller", func(*model.Activity) Cell { return f.controllerContact() }).law(law + "(a)"),
			says("jointControllers", "Joint controllers", jointControllers).law(law + "(a), 26").change("joint controllers"),
			says("representative", "Representative in the Union", func(*model.Activity) Cell { return f.representative() }).law(law + "(a), 27"),
			says("protectionOfficer", "Data protection officer", func(*model.Activity) Cell { return f.protectionOfficer() }),
			says("teams", "Teams", func(a *model.Activity) Cell { _, teams := f.holders(a); return listed(teams) }),
			says("purpose", "Purpose", f.purpose).main().law(law + "(b)").change("purpose"),
			says("description", "Purpose in words", func(a *model.Activity) Cell { return optional(a.Doc.Spec.Description.Line()) }).change("purpose"),
			says("subjects", "Data subjects", f.subjectCell).main().law(law + "(c)").change("data subjects"),
			says("categories", "Categories of data", f.categoryCell).main().law(law + "(c)").change("categories"),
			says("class", "Highest class", func(a *model.Activity) Cell { return f.highest(a.Categories) }),
			says("recipients", "Recipients within", func(a *model.Activity) Cell { return listed(f.recipientsOf(a)) }).change("recipients"),
			says("parties", "Recipients outside", func(a *model.Activity) Cell { return listed(f.partiesOf(a)) }).main().change("recipients"),
			says("thirdCountries", "Third countries", func(a *model.Activity) Cell { return listed(f.thirdCountriesOf(a)) }).main().change("third countries"),
			says("safeguards", "Safeguards of transfers", f.safeguardsOf).change("safeguards"),
			says("retention", "Erased after", f.retentionCell).main().law(law + "(f)").change("retention"),
			says("security", "Security measures beside the mesh's", func(a *model.Activity) Cell { return optional(syntax.Values(a.Doc.Spec.Security)...) }).change("security measures"),
			says("legalBasis", "Legal basis", legalBasis).main().law("GDPR Article 6(1)").change("legal basis"),
			says("evidence", "Evidence of the legal basis", basisEvidence).law("GDPR Articles 5(2) and 6").change("legal basis"),
			says("condition", "Condition of Article 9", f.condition).law("GDPR Article 9(2)").change("legal basis"),
			says("statute", "Statute", f.statute).law("GDPR Articles 6(3), 10 and 87").change("legal basis"),
			says("profiling", "Decisions by machine", func(a *model.Activity) Cell { return optional(a.Doc.Spec.Profiling.Line()) }).change("profiling"),
			says("assessment", "Impact assessment", f.assessment).law("GDPR Article 35").change("impact assessment"),
			says("approval", "Approval", f.approvalOf).law("GDPR Articles 5(2), 24 and 35").change("approval"),
			says("compatible", "Processes further what was collected for", compatible).change("further processing"),
			says("stays", "Stays in", func(a *model.Activity) Cell { return or("everywhere", syntax.Values(a.Doc.Spec.Stays)...) }).change("residency"),
			says("services", "Services", func(a *model.Activity) Cell { s, _ := f.holders(a); return listed(s) }).change("services"),
			says("reviewed", "Reviewed", func(a *model.Activity) Cell { return required(a.Doc.Spec.Reviewed.Value) }).law("GDPR Article 24(1)"),
			source(func(a *model.Activity) diag.Span { return a.Doc.Metadata.Name.Span }).main(),
			enforces("enforced", "What the mesh enforces", f.enforcedFor),
		}, watched[*model.Activity]()),
		row: f.activityRow,
	}.of(f.activities(false))
}

// processorRecord is the record of Article 30(2).
func (f *facts) processorRecord() *Register {
	const law = "GDPR Article 30(2)"
	return about[*model.Activity]{
		name: "processor", title: "Record of processing, as processor",
		text: "The record of what is processed on behalf of others (GDPR Article 30(2)).",
		columns: slices.Concat([]column[*model.Activity]{
			says("activity", "Activity", func(a *model.Activity) Cell { return required(a.Name) }).main(),
			says("title", "Title", func(a *model.Activity) Cell { return required(a.Doc.Spec.Title.Line()) }).main(),
			says("processor", "Processor", func(*model.Activity) Cell { return f.controller() }).law(law + "(a)"),
			says("processorContact", "Contact of the processor", func(*model.Activity) Cell { return f.controllerContact() }).law(law + "(a)"),
			says("protectionOfficer", "Data protection officer", func(*model.Activity) Cell { return f.protectionOfficer() }),
			says("controllers", "On behalf of", func(a *model.Activity) Cell {
				return required(each(a.Controllers, func(p *model.Party) string { return p.Doc.Spec.LegalName.Line() })...)
			}).main().law(law + "(a)").change("controllers"),
			says("controllerOfficers", "Their data protection officers", func(a *model.Activity) Cell {
				return optional(each(a.Controllers, func(p *model.Party) string { return p.Doc.Spec.ProtectionOfficer.Line() })...)
			}),
			says("controllerRepresentatives", "Their representatives in the Union", func(a *model.Activity) Cell {
				return optional(each(a.Controllers, func(p *model.Party) string { return p.Doc.Spec.Representative.Line() })...)
			}),
			says("controllerContacts", "Their contacts", func(a *model.Activity) Cell {
				return ofAll(a.Controllers, func(p *model.Party) string { return p.Doc.Spec.Contact.Line() })
			}).law(law + "(a)"),
			says("contracts", "Contracts", func(a *model.Activity) Cell {
				return ofAll(a.Controllers, func(p *model.Party) string { return p.Doc.Spec.Contract.Reference.Line() })
			}).law("GDPR Article 28(3)").change("contract"),
			says("purpose", "Processing", f.purpose).main().law(law + "(b)").change("purpose"),
			says("categories", "Categories of data", f.categoryCell).main().change("categories"),
			says("subjects", "Data subjects", f.subjectCell).change("data subjects"),
			says("subprocessors", "Processors in turn", func(a *model.Activity) Cell { return listed(f.partiesOf(a)) }).main().change("recipients"),
			says("thirdCountries", "Third countries", func(a *model.Activity) Cell { return listed(f.thirdCountriesOf(a)) }).main().change("third countries"),
			says("safeguards", "Safeguards of transfers", f.safeguardsOf).change("safeguards"),
			says("security", "Security measures beside the mesh's", func(a *model.Activity) Cell { return optional(syntax.Values(a.Doc.Spec.Security)...) }).change("security measures"),
			says("retention", "Erased after", f.retentionCell).law(law).change("retention"),
			says("approval", "Approval", f.approvalOf).law("GDPR Articles 5(2), 24 and 35").change("approval"),
			says("services", "Services", func(a *model.Activity) Cell { s, _ := f.holders(a); return listed(s) }).change("services"),
			source(func(a *model.Activity) diag.Span { return a.Doc.Metadata.Name.Span }).main(),
			enforces("enforced", "What the mesh enforces", f.enforcedFor),
		}, watched[*model.Activity]()),
		row: f.activityRow,
	}.of(f.activities(true))
}

func (f *facts) activities(asProcessor bool) []*model.Activity {
	return slices.DeleteFunc(slices.Clone(f.estate.Activities), func(a *model.Activity) bool {
		return (a.Doc.Spec.Role.Value == "processor") != asProcessor
	})
}

func (f *facts) activityRow(a *model.Activity) Row {
	_, teams := f.holders(a)
	row := Row{
		Key: a.Name, Label: "activity " + a.Name, Owner: "privacy", Source: a.Doc.Metadata.Name.Span,
		Facets: Facets{Categories: a.Categories, Teams: teams, Activities: []string{a.Name}},
	}
	for _, h := range f.holdings {
		if h.Processing.Activity == a {
			row.Countries = append(row.Countries, countries(h.workloads())...)
		}
	}
	for _, p := range f.outsideOf(a) {
		row.Countries = append(row.Countries, p.Doc.Spec.Country.Value)
	}
	return row
}

func (f *facts) controller() Cell {
	if c := f.estate.Privacy.Controller; c != nil {
		return required(c.Doc.Spec.LegalName.Line())
	}
	return required()
}

func (f *facts) controllerContact() Cell {
	if c := f.estate.Privacy.Controller; c != nil {
		return required(c.Doc.Spec.Contact.Line())
	}
	return required()
}

// protectionOfficer is asked for of some organisations only (Article 37), so writ cannot tell that one is missing.
func (f *facts) protectionOfficer() Cell {
	if c := f.estate.Privacy.Controller; c != nil {
		return optional(c.Doc.Spec.ProtectionOfficer.Line())
	}
	return required()
}

// representative is asked for where the controller is not established in the Union; the EEA counts, as the regulation is law there.
func (f *facts) representative() Cell {
	c := f.estate.Privacy.Controller
	switch {
	case c == nil:
		return required()
	case vocabulary.InEEA(c.Doc.Spec.Country.Value):
		return or(notApplicable, c.Doc.Spec.Representative.Line())
	default:
		return required(c.Doc.Spec.Representative.Line())
	}
}

func jointControllers(a *model.Activity) Cell {
	all := each(a.Controllers, contactOf)
	if a.Doc.Spec.Role.Value == "joint-controller" {
		return required(all...)
	}
	return listed(all)
}

// ofAll is a cell that each Party must have something to say in.
func ofAll(all []*model.Party, tell func(*model.Party) string) Cell {
	said := each(all, tell)
	if slices.Contains(said, "") {
		return required()
	}
	return required(said...)
}

func each(all []*model.Party, tell func(*model.Party) string) []string {
	var out []string
	for _, p := range all {
		out = append(out, tell(p))
	}
	return out
}

func (f *facts) purpose(a *model.Activity) Cell {
	if a.Purpose == "" {
		return required()
	}
	return required(called(f.estate.Privacy.Uses, a.Purpose))
}

func (f *facts) subjectCell(a *model.Activity) Cell {
	var all []string
	for _, s := range a.Subjects {
		all = append(all, called(f.estate.Privacy.Subjects, s))
	}
	return required(all...)
}

func (f *facts) categoryCell(a *model.Activity) Cell {
	var all []string
	for _, c := range a.Categories {
		all = append(all, called(f.estate.Privacy.Categories, c))
	}
	return required(all...)
}

func (f *facts) retentionCell(a *model.Activity) Cell {
	r := a.Doc.Spec.Retention
	if r.Period.Value != "" {
		text := fmt.Sprintf("%s from %s", r.Period.Value, r.From.Line())
		if why := r.Because.Line(); why != "" {
			text += ", because " + why
		}
		return required(text)
	}
	holds := func(h *holding) bool { return h.Processing.Activity == a }
	stores := func(h *holding) bool { return holds(h) && h.stored() }
	if slices.ContainsFunc(f.holdings, holds) && !slices.ContainsFunc(f.holdings, stores) {
		return or("nothing is kept under it")
	}
	return required()
}

func legalBasis(a *model.Activity) Cell {
	return ground(vocabulary.LegalBasis, a.Doc.Spec.LegalBasis.Code.Value)
}

// ground is a code of the law with its article.
func ground(find func(string) (vocabulary.Code, bool), name string) Cell {
	code, known := find(name)
	if !known {
		return required()
	}
	return required(fmt.Sprintf("%s: %s (%s)", code.Article, code.Title, code.ID))
}

func basisEvidence(a *model.Activity) Cell {
	if ref := a.Doc.Spec.LegalBasis.Reference.Line(); ref != "" {
		return required(ref)
	}
	code, known := vocabulary.LegalBasis(a.Doc.Spec.LegalBasis.Code.Value)
	switch {
	case !known:
		return or("no legal basis is declared")
	case len(code.Needs) > 0 && (!code.Need(vocabulary.Statute) || a.Doc.Spec.Statute.Value == ""):
		return required()
	default:
		return or(notStated)
	}
}

func (f *facts) condition(a *model.Activity) Cell {
	c := a.Doc.Spec.Condition
	if c.Code.Value == "" && !f.special(a) {
		return or("not needed: no special categories are declared")
	}
	return ground(vocabulary.Condition, c.Code.Value)
}

func (f *facts) statute(a *model.Activity) Cell {
	law := a.Doc.Spec.Statute.Line()
	code, _ := vocabulary.LegalBasis(a.Doc.Spec.LegalBasis.Code.Value)
	needed := code.Need(vocabulary.Statute) && a.Doc.Spec.LegalBasis.Reference.Value == "" ||
		slices.ContainsFunc(a.Categories, func(c string) bool {
			term, _ := f.estate.Privacy.Categories.Find(c)
			return term.Class == vocabulary.Criminal || vocabulary.Covers("user.government_id.national_identification_number", c)
		})
	if needed {
		return required(law)
	}
	return or("not needed", law)
}

func (f *facts) assessment(a *model.Activity) Cell {
	d := a.Doc.Spec.Assessment
	if d.Reference.Value == "" {
		if f.special(a) || f.class(a.Categories) == vocabulary.Criminal {
			return required()
		}
		return optional()
	}
	text := "not required: " + d.Reference.Line()
	if d.Required.Value {
		text = "required: " + d.Reference.Line()
	}
	if d.Reviewed.Value != "" {
		text += ", reviewed " + d.Reviewed.Value
	}
	return required(text)
}

func (f *facts) approvalOf(a *model.Activity) Cell {
	needed := f.special(a) || f.class(a.Categories) == vocabulary.Criminal || len(a.Recipients) > 0
	switch {
	case a.Approval != nil:
		return required(f.approvalText(a.Approval))
	case needed || a.Doc.Spec.Approval.Value != "":
		return required()
	default:
		return optional()
	}
}

func (f *facts) approvalText(a *model.Approval) string {
	return fmt.Sprintf("%s: %s, decided by %s, until %s", a.Name, f.approvalState(a), a.Doc.Spec.DecidedBy.Role.Line(), a.Doc.Spec.Until.Value)
}

func compatible(a *model.Activity) Cell {
	var all []string
	for _, c := range a.Doc.Spec.CompatibleWith.Items {
		all = append(all, c.Activity.Line()+" (assessment "+c.Assessment.Line()+")")
	}
	return listed(all)
}

// enforcedFor counts the accesses to what is held under the activity by how far the mesh enforces them.
func (f *facts) enforcedFor(a *model.Activity) Cell {
	states := map[string]int{}
	var order []string
	for _, x := range f.accesses {
		if !f.concerns(x, a) {
			continue
		}
		state, _, _ := strings.Cut(f.state(x), "; ")
		if states[state] == 0 {
			order = append(order, state)
		}
		states[state]++
	}
	slices.Sort(order)
	for i, state := range order {
		order[i] = fmt.Sprintf("%d %s", states[state], state)
	}
	return or("no access to it", order...)
}
