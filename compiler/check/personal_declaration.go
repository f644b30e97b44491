package check

import (
	"cmp"
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

var nobodyAnswers = &diag.Rule{
	Code: "PII-090", Name: "nobody-answers", Effect: diag.Report,
	Title: "policies speak of personal data, and there is no Privacy document",
	Why:   "Without a Privacy document no rule about personal data is applied, so that teams can adopt the mesh first, and tag their services before anything is withheld. A tag that nobody judges looks like one that was judged; and the controller answers for all of it (GDPR Article 5(2)).",
}

func runNobodyAnswers(p *Pass) {
	if p.Estate.Privacy.Doc != nil {
		return
	}
	places := speaking(p.Estate.Tree)
	if len(places) == 0 {
		return
	}
	slices.SortFunc(places, func(a, b diag.Span) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Start, b.Start))
	})
	p.Report(places[0], diag.Finding{
		Message: "this is about personal data, and no Privacy document says who answers for it: none of it is judged",
		Help:    "write a document of kind Privacy in policies/privacy with the controller and owners; the rules about personal data (writ rules, PII) hold from then on",
		Objects: []string{"Privacy"},
	})
}

// speaking are the first texts of documents that speak of personal data.
func speaking(t *syntax.Tree) []diag.Span {
	var all []diag.Span
	for _, d := range t.Activities {
		all = append(all, d.Kind.Span)
	}
	for _, d := range t.Parties {
		all = append(all, d.Kind.Span)
	}
	for _, d := range t.Approvals {
		all = append(all, d.Kind.Span)
	}
	add := func(at diag.Span) {
		if !at.IsZero() {
			all = append(all, at)
		}
	}
	for _, d := range t.Clusters {
		add(d.Spec.Operator.Span)
	}
	for _, d := range t.Services {
		if x := d.Spec.PersonalData; x != nil {
			add(x.Span)
		}
		for _, e := range d.Spec.Endpoints {
			for _, c := range []*syntax.Categories{e.Value.Returns, e.Value.Accepts} {
				if c != nil {
					add(c.Span)
				}
			}
			if e.Value.Purposes != nil {
				add(e.Value.Purposes.Span)
			}
		}
		for _, in := range d.Spec.Intents.Items {
			add(in.Activity.Span)
		}
	}
	return all
}

var staleDeclaration = &diag.Rule{
	Code: "PII-003", Name: "stale-declaration", Effect: diag.Report,
	Title: "a Service says that personal data passes through it, and nothing brings any",
	Why:   "The record of processing says what is (GDPR Articles 5(1)(d) and 30). To declare too much is safe, and another team's change can be the reason, so it fails nothing.",
}

func runStaleDeclaration(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	waits := waiting(p.Estate)
	eachDocument(p.Estate, func(in []*model.Service) {
		s := in[0]
		if s.PersonalData == nil || s.PersonalData.Unsure || s.Slips || callsBroken(s) {
			return
		}
		var touched []string
		for _, s := range in {
			touched = slices.Concat(touched, hasToDoWith(f, s), waits[s])
		}
		for _, x := range s.PersonalData.Processes {
			if x.Doc.Stored.Value || slices.ContainsFunc(x.Categories, func(c string) bool { return overlaps(c, touched) }) {
				continue
			}
			p.object(x.Doc.Categories.Span, diag.Finding{
				Message: fmt.Sprintf("%s says that %s passes through it for %s, and no call, endpoint or channel brings any", s.Key(), and(x.Categories), x.Doc.Activity.Value),
				Help:    "take the entry away, or say how the data comes: accepts on the endpoint that takes it, an intent, or a channel; stored: true where it is kept here",
				Objects: []string{s.Object()}, Field: "spec.personalData.processes[" + x.Doc.Activity.Value + "]",
			})
		}
	})
}

// callsBroken reports whether the Service asks for an endpoint that a finding closes: what it has cannot be told.
func callsBroken(s *model.Service) bool {
	return slices.ContainsFunc(s.Intents, func(in *model.Intent) bool {
		return slices.ContainsFunc(in.Endpoints, func(e *model.Endpoint) bool { return e.Broken })
	})
}

// hasToDoWith is what the Service has to do with by its own words and by what it calls: who writes has what it writes. An endpoint that
// does not say what it has may have any.
func hasToDoWith(f *privacy.Flow, s *model.Service) []string {
	var all []string
	for _, a := range f.Calls(s) { // who writes it has had it in hand
		all = append(all, f.Tagged(a.Endpoint)...)
		if a.Endpoint.Accepts == nil && writes(a.Endpoint) && len(f.Holds(a.Callee())) > 0 {
			all = append(all, f.Holds(s)...) // it may be what is written there, which the callee does not say (PII-012)
		}
	}
	for _, e := range s.Endpoints {
		if e.Returns == nil && !f.Plain(e) {
			all = append(all, f.Holds(s)...)
		}
		for _, d := range []*model.Data{e.Returns, e.Accepts} {
			if d != nil {
				all = append(all, d.Categories...)
			}
		}
	}
	for _, c := range s.PersonalData.Channels {
		all = append(all, c.Receives...)
		for _, end := range f.Ends(c) {
			all = append(all, f.Sends(end)...)
		}
	}
	return all
}

func overlaps(category string, with []string) bool {
	return slices.ContainsFunc(with, func(other string) bool { return vocabulary.Overlap(category, other) })
}

// waiting is what accesses that wait for consent would bring: either side may come first.
func waiting(e *model.Estate) map[*model.Service][]string {
	all := map[*model.Service][]string{}
	for _, m := range e.Meshes {
		for _, a := range m.Pending {
			var moves []string
			for _, d := range []*model.Data{a.Endpoint.Returns, a.Endpoint.Accepts} {
				if d != nil {
					moves = append(moves, d.Categories...)
				}
			}
			if a.Endpoint.Returns == nil && a.Callee().PersonalData != nil {
				for _, x := range a.Callee().PersonalData.Processes {
					moves = append(moves, x.Categories...)
				}
			}
			if s := a.Caller.Service; s != nil {
				all[s] = append(all[s], moves...)
			}
		}
	}
	return all
}

var broadTag = &diag.Rule{
	Code: "PII-004", Name: "broad-tag", Effect: diag.Report,
	Title: "an endpoint's category is broader than anybody needs",
	Why:   "Callers are asked for reasons by what an endpoint says that it has. `user` is everything about a person, so every caller would need a reason for everything (GDPR Article 5(1)(c)).",
}

func runBroadTag(p *Pass) {
	if p.personal() == nil {
		return
	}
	words := p.Estate.Privacy.Categories
	eachService(p.Estate, func(s *model.Service) {
		for _, e := range s.Endpoints {
			for i, d := range []*model.Data{e.Returns, e.Accepts} {
				if d == nil {
					continue
				}
				for _, t := range d.Doc.Keys.Items {
					term, known := words.Find(today(words, t))
					if worst := words.Highest(term.Key); !known || !term.Vague && (term.Class >= vocabulary.Special || worst < vocabulary.Special) {
						continue
					}
					p.object(t.Span, diag.Finding{
						Message: fmt.Sprintf("%s %s %s, which is any of %s", e, [...]string{"returns", "accepts"}[i], t.Value, some(words.Below(term.Key))),
						Help:    "say what it is: the narrowest categories that are true",
						Objects: []string{s.Object()}, Field: fmt.Sprintf("spec.endpoints.%s.%s[%s]", e.Name, [...]string{"returns", "accepts"}[i], t.Value),
					})
				}
			}
		}
	})
}

var outsideActivity = &diag.Rule{
	Code: "PII-008", Name: "outside-activity", Effect: diag.Withhold,
	Title: "a Service processes a category that its Activity does not list",
	Why:   "The Activity's categories are the most that its purpose and legal ground were weighed for (GDPR Articles 5(1)(b), 5(1)(c) and 30(1)(c)).",
}

func runOutsideActivity(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	for _, a := range p.Estate.Activities {
		if len(a.Doc.Spec.Categories.Items) == 0 {
			continue // which is the finding
		}
		over := map[string][]processed{}
		for _, x := range p.used(a).processed {
			for _, c := range vocabulary.CoveredBy(privacy.Personal(x.Categories), a.Categories) {
				over[c] = append(over[c], x)
			}
		}
		for c, by := range over {
			accesses := p.affected(by, c)
			if a.Unsure { // a misspelt category may be the one
				p.withholdThese(accesses)
				continue
			}
			p.outside(a, c, by, accesses)
		}
	}
}

// outside tells of a category beyond its Activity: the Service that says so, or the Activity where several do, as then it is the
// Activity, more likely, that changed.
func (p *Pass) outside(a *model.Activity, category string, by []processed, accesses []*model.Access) {
	keys := keysOf(by)
	finding := diag.Finding{
		Message: fmt.Sprintf("%s processes %s under activity %s, which does not list it", keys[0], category, a.Name),
		Help:    fmt.Sprintf("process it under an activity that has it, or ask the privacy team to add it to %s", a.Name),
		Related: []diag.Related{{Span: a.Doc.Spec.Categories.Span, Message: "the most that the activity is about"}},
		Objects: []string{by[0].service.Object()}, Field: "spec.personalData.processes[" + a.Name + "].categories[" + category + "]",
	}
	at := textOf(p.Estate.Privacy.Categories, by[0].Doc.Categories, category)
	if len(keys) > 1 {
		finding.Message = fmt.Sprintf("activity %s does not list %s, and %s process it under the activity", a.Name, category, some(keys))
		finding.Help = "list it here, or have those Services process it under another activity"
		finding.Objects, finding.Field, finding.Items = []string{"Activity " + a.Name}, "spec.categories["+category+"]", keys
		finding.Related = nil
		for _, x := range by {
			finding.Related = append(finding.Related, diag.Related{Span: textOf(p.Estate.Privacy.Categories, x.Doc.Categories, category), Message: x.service.Key() + " processes it"})
		}
		at = a.Doc.Spec.Categories.Span
	}
	p.object(at, finding, accesses...)
}

// goesBeyond reports whether Services process some of the category under the Activity that it does not list.
func (p *Pass) goesBeyond(a *model.Activity, category string) bool {
	return slices.ContainsFunc(p.used(a).processed, func(x processed) bool {
		return overlaps(category, vocabulary.CoveredBy(privacy.Personal(x.Categories), a.Categories))
	})
}

// affected are the accesses of the Services that carry some of the categories.
func (p *Pass) affected(by []processed, categories ...string) []*model.Access {
	f := p.personal()
	var all []*model.Access
	for _, x := range by {
		for _, a := range slices.Concat(f.Calls(x.service), f.Callers(x.service)) {
			if carries := f.Carries(a); slices.ContainsFunc(categories, func(c string) bool { return overlaps(c, carries) }) {
				all = append(all, a)
			}
		}
	}
	return all
}

func (p *Pass) withholdThese(accesses []*model.Access) {
	for _, a := range accesses {
		p.Withhold(a)
	}
}

// textOf is the item of a list that stands for the category.
func textOf(words *vocabulary.Taxonomy, l syntax.List[syntax.Text], category string) diag.Span {
	for _, t := range l.Items {
		if today(words, t) == category {
			return t.Span
		}
	}
	return l.Span
}

var revealsNothing = &diag.Rule{
	Code: "PII-099", Name: "reveals-nothing", Effect: diag.Report, Level: diag.Error,
	Title: "what data may reveal is no special category",
	Why:   "mayReveal asks for what special categories and data on convictions ask for (GDPR Articles 9 and 10; CJEU C-21/23). Of any other it asks nothing, and its author believes that it does.",
}

func runRevealsNothing(p *Pass) {
	if p.personal() == nil {
		return
	}
	words := p.Estate.Privacy.Categories
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil {
			return
		}
		for _, x := range s.PersonalData.Processes {
			for _, t := range x.Doc.MayReveal.Items {
				if key := today(words, t); key == "" || words.Highest(key) >= vocabulary.Special {
					continue
				}
				p.object(t.Span, diag.Finding{
					Message: fmt.Sprintf("%s is no special category", t.Value),
					Help:    "name the special category that the data lets one guess, such as user.health_and_medical; what is processed stands in categories",
					Objects: []string{s.Object()}, Field: "spec.personalData.processes[" + x.Doc.Activity.Value + "].mayReveal[" + t.Value + "]",
				})
			}
		}
	})
}
