package report

import (
	"cmp"
	"fmt"
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// concerns reports whether the access carries what one side processes under the activity.
func (f *facts) concerns(x *access, a *model.Activity) bool {
	if x.Activity() == a {
		return true
	}
	return processes(x.Callee(), a, x.carries())
}

// processes reports whether the Service processes some of the categories under the activity.
func processes(s *model.Service, a *model.Activity, categories []string) bool {
	return s != nil && s.PersonalData != nil && slices.ContainsFunc(s.PersonalData.Processes, func(p *model.Processing) bool {
		return p.Activity == a && overlap(p.Categories, categories)
	})
}

// recipientsOf are the Services and Outsiders that get what is processed under the activity.
func (f *facts) recipientsOf(a *model.Activity) []string {
	var all []string
	for _, h := range f.holdings {
		if h.Processing.Activity == a {
			all = append(all, f.recipientsOfHolding(h)...)
		}
	}
	return unique(all)
}

// recipientsOfHolding are who reads it, to whom it is written, and who takes it from a channel.
func (f *facts) recipientsOfHolding(h *holding) []string {
	var all []string
	categories := h.Processing.Categories
	for _, s := range h.All {
		for _, x := range f.accessesOf(s) {
			switch {
			case !x.holds():
			case x.Callee() == s && overlap(x.Reads, categories):
				all = append(all, x.Caller.Key())
			case x.Caller.Service == s && overlap(x.Writes, categories):
				all = append(all, x.Callee().Key())
			}
		}
	}
	for _, c := range h.PersonalData.Channels {
		if !overlap(f.flow.Sends(c), categories) {
			continue
		}
		for _, end := range f.otherEnds(c) {
			if end.Doc.Receives != nil {
				all = append(all, end.Service.Key()+" by channel "+c.Key+", which no mesh enforces")
			}
		}
	}
	return unique(all)
}

// accessesOf are those from or to the Service.
func (f *facts) accessesOf(s *model.Service) []*access {
	if f.ofService == nil {
		f.ofService = map[*model.Service][]*access{}
		for _, x := range f.accesses {
			f.ofService[x.Callee()] = append(f.ofService[x.Callee()], x)
			if c := x.Caller.Service; c != nil && c != x.Callee() {
				f.ofService[c] = append(f.ofService[c], x)
			}
		}
	}
	return f.ofService[s]
}

// outsideOf are the Parties that get what is processed under the activity and are not the organisation itself.
func (f *facts) outsideOf(a *model.Activity) []*model.Party {
	return f.outside(func(r receipt) bool { return slices.Contains(r.Activities, a) })
}

func (f *facts) outside(gets func(receipt) bool) []*model.Party {
	var all []*model.Party
	for _, p := range f.estate.Parties {
		if p.Doc.Spec.Role.Value != "own" && slices.ContainsFunc(f.received[p], gets) {
			all = append(all, p)
		}
	}
	return all
}

// partiesOf are those Parties in words.
func (f *facts) partiesOf(a *model.Activity) []string { return each(f.outsideOf(a), partyText) }

func partyText(p *model.Party) string {
	return fmt.Sprintf("%s (%s, %s)", p.Doc.Spec.LegalName.Line(), p.Doc.Spec.Role.Value, country(p.Doc.Spec.Country.Value))
}

// partiesOfHolding are the Parties outside to which this Service hands it, or that its activity names.
func (f *facts) partiesOfHolding(h *holding) []string {
	return each(f.outside(func(r receipt) bool {
		return slices.Contains(r.Activities, h.Processing.Activity) && slices.Contains(r.Services, h.Key()) &&
			overlap(r.Categories, h.Processing.Categories)
	}), partyText)
}

// thirdCountriesOf are the countries outside the EEA that what is processed under the activity comes to.
func (f *facts) thirdCountriesOf(a *model.Activity) []string {
	var all []string
	for _, t := range f.transfers() {
		if slices.Contains(t.Activities, a) && t.country != "" {
			all = append(all, country(t.country))
		}
	}
	return unique(all)
}

func (f *facts) safeguardsOf(a *model.Activity) Cell {
	var all []string
	for _, t := range f.transfers() {
		if slices.Contains(t.Activities, a) {
			all = append(all, t.importer()+": "+f.mechanism(t).Text())
		}
	}
	return or(notApplicable, unique(all)...)
}

// transfer is personal data that comes to a third country.
type transfer struct {
	receipt
	Party   *model.Party // nil where nobody says who it is
	country string       // of the importer, or of the cluster
}

func (t *transfer) importer() string {
	if t.Party == nil {
		return missing
	}
	return t.Party.Doc.Spec.LegalName.Line()
}

// own reports whether the data stays with the organisation, which is no transfer in the sense of Chapter V (EDPB Guidelines 05/2021)
// and needs as much care.
func (t *transfer) own() bool { return t.Party != nil && t.Party.Doc.Spec.Role.Value == "own" }

// transfers are, by importer and way, those to Parties in third countries and those into clusters there.
func (f *facts) transfers() []*transfer {
	if f.crossings != nil {
		return f.crossings
	}
	f.crossings = []*transfer{}
	for _, p := range f.estate.Parties {
		if code := p.Doc.Spec.Country.Value; !vocabulary.InEEA(code) {
			for _, r := range f.received[p] {
				f.crossings = append(f.crossings, &transfer{r, p, code})
			}
		}
	}
	for _, c := range f.estate.Clusters {
		code := c.Doc.Spec.Country.Value
		exposed := f.exposedIn(c)
		if code == "" || vocabulary.InEEA(code) || len(exposed.Categories) == 0 {
			continue
		}
		if c.Operator != nil && c.Operator.Doc.Spec.Country.Value == code {
			continue // which is in the list as its operator's
		}
		exposed.Way, exposed.At = "cluster "+c.Name+" stands there", c.Doc.Spec.Country.Span
		f.crossings = append(f.crossings, &transfer{exposed, c.Operator, code})
	}
	slices.SortStableFunc(f.crossings, func(a, b *transfer) int {
		return cmp.Or(cmp.Compare(a.country, b.country), cmp.Compare(a.importer(), b.importer()), cmp.Compare(a.Way, b.Way))
	})
	return f.crossings
}

// mechanism is what allows the transfer.
func (f *facts) mechanism(t *transfer) Cell {
	if t.own() {
		return or("not a transfer between parties")
	}
	if t.Party == nil {
		return required()
	}
	spec := t.Party.Doc.Spec.Transfer
	if spec.Mechanism.Value == "" {
		for _, d := range vocabulary.Adequate(t.country, f.AsOf) {
			if d.Extent == vocabulary.Full {
				return required("adequacy decision for every recipient")
			}
		}
	}
	c := ground(vocabulary.Mechanism, spec.Mechanism.Value)
	if spec.Module.Value > 0 && !c.Missing {
		c.Items[0] += fmt.Sprintf(", module %d", spec.Module.Value)
	}
	return c
}

// adequacy is what the Commission has decided about the country.
func (f *facts) adequacy(t *transfer) Cell {
	var all []string
	for _, d := range vocabulary.Adequate(t.country, f.AsOf) {
		text := "for " + d.Scope
		if d.Decision != "" {
			text = d.Decision + ", " + text
		}
		if d.ValidTo != "" {
			text += ", until " + d.ValidTo
		}
		if d.Fragile != "" {
			text += " (may not last: " + d.Fragile + ")"
		}
		all = append(all, text)
	}
	return or("none in force on "+f.AsOf, all...)
}

// sends are the categories that a channel's end hands on.
