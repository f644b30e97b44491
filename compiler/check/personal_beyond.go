package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

var beyondDeclared = &diag.Rule{
	Code: "PII-009", Name: "beyond-declared", Effect: diag.Withhold,
	Title: "an endpoint, a channel or an acknowledgement has personal data that its Service does not process",
	Why:   "A Service cannot hand out what it does not have, nor take what it does not process. One of the two is wrong, and the record of processing with it (GDPR Articles 5(2) and 30(1)).",
}

// excess is one place of a Service with personal data that it does not say it processes.
type excess struct {
	what, verb, field string
	at                diag.Span
	list              syntax.List[syntax.Text]
	keys              []string
	accesses          []*model.Access
}

func runBeyondDeclared(p *Pass) {
	if p.personal() == nil {
		return
	}
	eachDocument(p.Estate, func(in []*model.Service) {
		s := in[0]
		if s.PersonalData == nil {
			return // which is the finding
		}
		var told []excess
		comes := p.comesUndeclared(in)
		for _, x := range p.excesses(in) {
			p.withholdThese(x.accesses)
			if x.keys = slices.DeleteFunc(x.keys, func(c string) bool { return overlaps(c, comes) }); len(x.keys) > 0 {
				told = append(told, x)
			}
		}
		if !s.PersonalData.Unsure { // a misspelt word may be what is missing
			p.exceeds(s, told)
		}
	})
}

// comesUndeclared are the categories of which runUndeclaredFlow tells the Service: who does not declare what comes need not be told that
// it goes on.
func (p *Pass) comesUndeclared(in []*model.Service) []string {
	if p.coming == nil {
		p.coming = map[*model.Service][]string{}
		for _, g := range p.personal().Gaps() {
			if slices.ContainsFunc(g.Steps, func(st privacy.Step) bool { return !st.Writes }) {
				p.coming[g.Service] = append(p.coming[g.Service], g.Category)
			}
		}
	}
	var all []string
	for _, s := range in {
		all = append(all, p.coming[s]...)
	}
	return all
}

// excesses are the places of the Service that go beyond what it processes.
func (p *Pass) excesses(in []*model.Service) []excess {
	s := in[0]
	var all []excess
	add := func(x excess) {
		if len(x.keys) > 0 {
			all = append(all, x)
		}
	}
	for _, e := range s.Endpoints {
		for verb, d := range map[string]*model.Data{"returns": e.Returns, "accepts": e.Accepts} {
			if d != nil {
				over := slices.DeleteFunc(p.beyond(s, d.Categories), func(c string) bool { return handled(s, e, verb, c) })
				add(excess{what: e.Name, verb: verb, field: "spec.endpoints." + e.Name + "." + verb, list: d.Doc.Keys, keys: over, accesses: p.carrying(in, e, over)})
			}
		}
	}
	for _, c := range s.PersonalData.Channels {
		add(excess{what: "channel " + c.Key, verb: "gets", field: "spec.personalData.channels[" + c.Doc.Name.Value + "].sends", list: c.Doc.Sends, keys: p.beyond(s, c.Sends)})
	}
	for _, k := range s.PersonalData.Acknowledgements {
		add(excess{
			what: "the entry for " + k.Doc.Caller.Value + " under acknowledges", verb: "has",
			field: "spec.personalData.acknowledges[" + k.Doc.Caller.Value + "/" + k.Doc.Endpoint.Value + "].categories", list: k.Doc.Categories, keys: p.beyond(s, k.Categories),
		})
	}
	for i := range all {
		all[i].at = textOf(p.Estate.Privacy.Categories, all[i].list, all[i].keys[0])
	}
	slices.SortFunc(all, func(a, b excess) int { return strings.Compare(a.field, b.field) })
	return all
}

// carrying are the accesses to the endpoint that carry some of the categories.
func (p *Pass) carrying(in []*model.Service, e *model.Endpoint, keys []string) []*model.Access {
	return slices.DeleteFunc(p.callersOf(in, e), func(a *model.Access) bool {
		return !slices.ContainsFunc(keys, func(c string) bool { return overlaps(c, p.personal().Carries(a)) })
	})
}

// exceeds tells of each place what it alone has, and once of what several have: then it is the declaration, more likely, that lacks it.
func (p *Pass) exceeds(s *model.Service, all []excess) {
	several := func(key string) bool {
		places := 0
		for _, x := range all {
			if overlaps(key, x.keys) {
				places++
			}
		}
		return places > 1
	}
	var shared, has []string
	var related []diag.Related
	var accesses []*model.Access
	for _, x := range all {
		alone := slices.DeleteFunc(slices.Clone(x.keys), several)
		if len(alone) > 0 {
			p.object(textOf(p.Estate.Privacy.Categories, x.list, alone[0]), diag.Finding{
				Message: fmt.Sprintf("%s of %s %s %s, and %s", x.what, s.Key(), x.verb, and(alone), says(s, map[bool]string{true: "it", false: "them"}[len(alone) == 1])),
				Help:    "add it to personalData.processes under the activity that it is for, or take it away here",
				Related: []diag.Related{{Span: saidAt(s), Message: "what " + s.Key() + " says that it processes"}},
				Objects: []string{s.Object()}, Field: x.field, Items: alone,
			}, x.accesses...)
		}
		if len(alone) < len(x.keys) {
			both := slices.DeleteFunc(slices.Clone(x.keys), func(c string) bool { return !several(c) })
			shared, has = append(shared, both...), append(has, x.what+" "+x.verb+" "+and(both))
			related = append(related, diag.Related{Span: x.at, Message: has[len(has)-1]})
			accesses = append(accesses, x.accesses...)
		}
	}
	if shared = vocabulary.Minimal(shared); len(shared) > 0 {
		p.object(saidAt(s), diag.Finding{
			Message: fmt.Sprintf("%s, and %s", says(s, and(shared)), some(has)),
			Help:    "add it under the activity that it is for, or take it away there",
			Related: related, Items: shared,
			Objects: []string{s.Object()}, Field: "spec.personalData.processes",
		}, accesses...)
	}
}

// says is what the Service says of the categories.
func says(s *model.Service, what string) string {
	if s.PersonalData.None() {
		return s.Key() + " says that it processes no personal data"
	}
	return fmt.Sprintf("%s does not say that it processes %s", s.Key(), what)
}

func saidAt(s *model.Service) diag.Span {
	if d := s.PersonalData.Doc; !s.PersonalData.None() {
		return d.Processes.Span
	}
	return s.PersonalData.Doc.None.Span
}

// handled reports whether a declassification accounts for the category: one that discards it (what is wrong with that is told there),
// or one that leaves a pseudonym.
func handled(s *model.Service, e *model.Endpoint, verb, category string) bool {
	return slices.ContainsFunc(s.PersonalData.Declassifications, func(d *model.Declassification) bool {
		switch d.Doc.Method.Value {
		case "discard":
			return len(vocabulary.CoveredBy([]string{category}, d.Drops)) == 0
		case "pseudonymise":
			return verb == "returns" && vocabulary.Covers(privacy.Pseudonymous, category) && slices.Contains(d.Endpoints, e)
		}
		return false
	})
}
