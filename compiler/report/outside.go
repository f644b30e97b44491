package report

import (
	"cmp"
	"slices"
	"strconv"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// transferRegister is personal data that comes to third countries.
func (f *facts) transferRegister() *Register {
	party := func(tell func(*model.Party) Cell) func(*transfer) Cell {
		return func(t *transfer) Cell {
			switch {
			case t.Party == nil:
				return required()
			case t.own():
				return or(notApplicable)
			}
			return tell(t.Party)
		}
	}
	return about[*transfer]{
		name: "transfers", title: "Third countries",
		text: "Personal data that comes to countries outside the EEA: to whom, how, and what allows it (GDPR Chapter V). What stays with the organisation is no transfer between parties and needs care nonetheless.",
		columns: []column[*transfer]{
			says("exporter", "Exporter", func(*transfer) Cell { return f.controller() }),
			says("importer", "Importer", func(t *transfer) Cell {
				if t.Party == nil {
					return required()
				}
				return required(t.importer())
			}).main().law("GDPR Articles 30(1)(d) and 44"),
			says("role", "Role of the importer", func(t *transfer) Cell {
				if t.Party == nil {
					return required()
				}
				return required(t.Party.Doc.Spec.Role.Value)
			}),
			says("country", "Country", func(t *transfer) Cell { return required(country(t.country)) }).main(),
			says("result", "What it is", func(t *transfer) Cell { return required(result(t)) }).main(),
			says("way", "How", func(t *transfer) Cell { return required(t.Way) }).main(),
			says("categories", "Categories of data", func(t *transfer) Cell { return required(t.Categories...) }).main().change("categories"),
			says("class", "Highest class", func(t *transfer) Cell { return f.highest(t.Categories) }),
			says("subjects", "Data subjects", func(t *transfer) Cell { return listed(subjects(t.Activities)) }),
			says("activities", "Activities", func(t *transfer) Cell { return listed(names(t.Activities)) }).change("purpose"),
			says("services", "Services", func(t *transfer) Cell { return listed(t.Services) }).change("services"),
			says("mechanism", "Mechanism", f.mechanism).main().law("GDPR Articles 44 to 49").change("mechanism"),
			says("adequacy", "Adequacy decisions", f.adequacy).change("adequacy"),
			says("certified", "Certified", party(func(p *model.Party) Cell { return required(yes(p.Doc.Spec.Transfer.Certified.Value)) })).change("mechanism"),
			says("assessment", "Assessment of the transfer", func(t *transfer) Cell { return assessmentOf(t) }).law("GDPR Article 46; CJEU C-311/18").change("assessment"),
			says("reviewBy", "To be looked at again by", party(func(p *model.Party) Cell { return optional(p.Doc.Spec.Transfer.ReviewBy.Value) })),
			says("contract", "Contract", party(func(p *model.Party) Cell { return optional(p.Doc.Spec.Contract.Reference.Line()) })),
			source(func(t *transfer) diag.Span { return t.At }).main(),
		},
		row: func(t *transfer) Row {
			return Row{
				Key: t.country + " " + t.importer() + " " + t.Way, Label: t.importer() + ", " + country(t.country) + ": " + t.Way, Owner: "privacy", Source: t.At,
				Facets: Facets{Categories: t.Categories, Teams: t.Teams, Countries: []string{t.country}, Activities: names(t.Activities)},
			}
		},
	}.of(f.transfers())
}

func result(t *transfer) string {
	if t.own() {
		return "third country, same organisation"
	}
	return "transfer"
}

func assessmentOf(t *transfer) Cell {
	if t.Party == nil || t.own() {
		return or(notApplicable)
	}
	d := t.Party.Doc.Spec.Transfer
	if code, known := vocabulary.Mechanism(d.Mechanism.Value); known && code.Need(vocabulary.TransferAssessment) {
		return required(d.Assessment.Line())
	}
	return optional(d.Assessment.Line())
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// recipientRegister is all Parties but the organisation itself.
func (f *facts) recipientRegister() *Register {
	var all []*model.Party
	for _, p := range f.estate.Parties {
		if p.Doc.Spec.Role.Value != "own" {
			all = append(all, p)
		}
	}
	return about[*model.Party]{
		name: "processors", title: "Processors and other recipients",
		text: "Legal persons outside the organisation that have to do with its personal data, with their contracts (GDPR Articles 26, 28 and 30(1)(d)).",
		columns: []column[*model.Party]{
			says("party", "Party", func(p *model.Party) Cell { return required(p.Name) }).main(),
			says("legalName", "Legal name", func(p *model.Party) Cell { return required(p.Doc.Spec.LegalName.Line()) }).main(),
			says("role", "Role", func(p *model.Party) Cell { return required(p.Doc.Spec.Role.Value) }).main().change("role"),
			says("country", "Country", func(p *model.Party) Cell { return required(country(p.Doc.Spec.Country.Value)) }).main().change("country"),
			says("contact", "Contact", func(p *model.Party) Cell { return required(p.Doc.Spec.Contact.Line()) }).law("GDPR Article 30(1)(d)"),
			says("protectionOfficer", "Data protection officer", func(p *model.Party) Cell { return optional(p.Doc.Spec.ProtectionOfficer.Line()) }),
			says("may", "May receive at most", func(p *model.Party) Cell { return optional(p.Receives...) }).change("what it may receive"),
			says("receives", "Receives", func(p *model.Party) Cell { return listed(f.receiptsOf(p).Categories) }).main().change("categories"),
			says("ways", "How", func(p *model.Party) Cell { return listed(f.ways(p)) }).change("ways"),
			says("activities", "Activities", func(p *model.Party) Cell { return listed(names(f.receiptsOf(p).Activities)) }).change("purpose"),
			says("services", "From services", func(p *model.Party) Cell { return listed(f.receiptsOf(p).Services) }),
			says("contract", "Contract", f.contract).main().law("GDPR Articles 26 and 28(3)").change("contract"),
			says("contractState", "State of the contract", f.contractState).change("contract"),
			says("processors", "Its own processors", func(p *model.Party) Cell { return optional(p.Doc.Spec.Processors.List.Line()) }),
			says("processorsReviewed", "Those last looked at", func(p *model.Party) Cell { return optional(p.Doc.Spec.Processors.Reviewed.Value) }),
			says("reviewed", "Reviewed", func(p *model.Party) Cell { return required(p.Doc.Spec.Reviewed.Value) }).law("GDPR Article 24(1)"),
			source(func(p *model.Party) diag.Span { return p.Doc.Metadata.Name.Span }).main(),
		},
		row: func(p *model.Party) Row {
			r := f.receiptsOf(p)
			return Row{
				Key: p.Name, Label: "party " + p.Name, Owner: "privacy", Source: p.Doc.Metadata.Name.Span,
				Facets: Facets{Categories: r.Categories, Teams: r.Teams, Countries: []string{p.Doc.Spec.Country.Value}, Activities: names(r.Activities)},
			}
		},
	}.of(all)
}

// receiptsOf is all that a Party gets.
func (f *facts) receiptsOf(p *model.Party) receipt {
	var all receipt
	for _, r := range f.received[p] {
		all.Categories = append(all.Categories, r.Categories...)
		all.Activities = append(all.Activities, r.Activities...)
		all.Services, all.Teams = append(all.Services, r.Services...), append(all.Teams, r.Teams...)
	}
	all.Categories, all.Activities = vocabulary.Minimal(all.Categories), eachOnce(all.Activities)
	all.Services, all.Teams = unique(all.Services), unique(all.Teams)
	return all
}

func (f *facts) ways(p *model.Party) []string {
	var all []string
	for _, r := range f.received[p] {
		all = append(all, r.Way)
	}
	return unique(all)
}

// contract is asked for of those who process for us, and of joint controllers.
func (f *facts) contract(p *model.Party) Cell {
	c := p.Doc.Spec.Contract
	if c.Reference.Value != "" {
		return required(c.Reference.Line() + ", signed " + c.Signed.Value)
	}
	if role := p.Doc.Spec.Role.Value; len(f.received[p]) > 0 && (role == "processor" || role == "joint-controller") {
		return required()
	}
	return optional()
}

func (f *facts) contractState(p *model.Party) Cell {
	c := p.Doc.Spec.Contract
	switch {
	case c.Reference.Value == "":
		return f.contract(p)
	case !inForce(c.Signed.Value, "", f.AsOf):
		return required("not signed yet on " + f.AsOf)
	case !inForce("", c.Until.Value, f.AsOf):
		return required("ran out on " + c.Until.Value)
	case c.Until.Value != "":
		return required("in force until " + c.Until.Value)
	default:
		return required("in force without end")
	}
}

// channelRegister is what the mesh does not carry.
func (f *facts) channelRegister() *Register {
	var all []*model.Channel
	for _, s := range f.services {
		if s.PersonalData != nil {
			all = append(all, s.PersonalData.Channels...)
		}
	}
	slices.SortStableFunc(all, func(a, b *model.Channel) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Service.Key(), b.Service.Key()))
	})
	return about[*model.Channel]{
		name: "channels", title: "Channels beside the mesh",
		text: "Ways of personal data that the mesh does not carry: topics, warehouses, files, people. They are declared, and nothing in the mesh enforces them.",
		columns: slices.Concat([]column[*model.Channel]{
			says("channel", "Channel", func(c *model.Channel) Cell { return required(c.Key) }).main(),
			says("service", "Service", func(c *model.Channel) Cell { return required(c.Service.Key()) }).main(),
			says("team", "Team", func(c *model.Channel) Cell { return required(c.Service.Team.Name) }),
			says("sends", "Sends", func(c *model.Channel) Cell { return listed(f.flow.Sends(c)) }).main().change("categories"),
			says("receives", "Receives", func(c *model.Channel) Cell { return receives(c) }).main().change("categories"),
			says("others", "Other ends", func(c *model.Channel) Cell { return listed(f.endsBesides(c)) }).change("recipients"),
			says("party", "Party", func(c *model.Channel) Cell {
				if c.Party == nil {
					return optional(c.Doc.Party.Line())
				}
				return required(partyText(c.Party))
			}).main().change("recipients"),
			says("activity", "Activity", func(c *model.Channel) Cell { return required(names(some(c.Activity))...) }).main().law("GDPR Articles 5(1)(b) and 30(1)(b)").change("purpose"),
			says("because", "Because", func(c *model.Channel) Cell { return optional(c.Doc.Because.Line()) }),
			source(func(c *model.Channel) diag.Span { return c.Doc.Name.Span }).main(),
			enforces("enforced", "Enforced", func(*model.Channel) Cell { return required("no: the mesh does not carry it") }),
		}, watched[*model.Channel]()),
		row: func(c *model.Channel) Row {
			row := Row{
				Key: c.Key + " " + c.Service.Key() + " " + c.Service.Mesh.Name + " " + c.Doc.Party.Value + " " + c.Doc.Activity.Value, Label: "channel " + c.Key + " of " + c.Service.Key(),
				Owner: c.Service.Team.Name, Source: c.Doc.Name.Span,
				Facets: Facets{
					Categories: vocabulary.Minimal(slices.Concat(f.flow.Sends(c), privacy.Personal(c.Receives))), Teams: []string{c.Service.Team.Name},
					Countries: countries(c.Service.Workloads), Activities: names(some(c.Activity)),
				},
			}
			if c.Party != nil {
				row.Countries = append(row.Countries, c.Party.Doc.Spec.Country.Value)
			}
			return row
		},
	}.of(all)
}

func receives(c *model.Channel) Cell {
	switch {
	case c.Doc.Receives == nil:
		return or(none)
	case len(c.Receives) == 0:
		return or("what others send")
	}
	return required(c.Receives...)
}

func (f *facts) endsBesides(c *model.Channel) []string {
	var all []string
	for _, end := range f.otherEnds(c) {
		all = append(all, end.Service.Key())
	}
	return unique(all)
}

// decimal is a number in a cell.
func decimal(n int) string { return strconv.Itoa(n) }
