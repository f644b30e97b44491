package check

import (
	"fmt"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// use is what happens under an Activity.
type use struct {
	processed []processed
	accesses  []*model.Access // those that carry personal data
	channels  []*model.Channel
}

// processed is what a Service processes under an Activity.
type processed struct {
	service *model.Service
	*model.Processing
}

// used is what happens under the Activity in all meshes, for nil what Services process under names that resolved nowhere.
func (p *Pass) used(a *model.Activity) *use {
	if p.uses == nil {
		p.uses = usesOf(p.Estate, p.personal())
	}
	if u := p.uses[a]; u != nil {
		return u
	}
	return &use{}
}

func usesOf(e *model.Estate, f *privacy.Flow) map[*model.Activity]*use {
	uses := map[*model.Activity]*use{}
	at := func(a *model.Activity) *use {
		if uses[a] == nil {
			uses[a] = &use{}
		}
		return uses[a]
	}
	for _, m := range e.Meshes {
		for _, s := range m.Services {
			if s.PersonalData == nil {
				continue
			}
			for _, x := range s.PersonalData.Processes {
				at(x.Activity).processed = append(at(x.Activity).processed, processed{s, x})
			}
			for _, c := range s.PersonalData.Channels {
				at(c.Activity).channels = append(at(c.Activity).channels, c)
			}
		}
		for _, a := range m.Accesses {
			if act := a.Activity(); act != nil && len(f.Carries(a)) > 0 {
				at(act).accesses = append(at(act).accesses, a)
			}
		}
	}
	return uses
}

// eachDocument visits every Service document once, with the Services that it makes: one in each of its meshes. What is withheld is
// withheld in all of them.
func eachDocument(e *model.Estate, visit func(in []*model.Service)) {
	all := map[*syntax.Service][]*model.Service{}
	for _, m := range e.Meshes {
		for _, s := range m.Services {
			all[s.Doc] = append(all[s.Doc], s)
		}
	}
	eachService(e, func(s *model.Service) { visit(all[s.Doc]) })
}

// callersOf are the accesses to the endpoint in every mesh of its document.
func (p *Pass) callersOf(in []*model.Service, e *model.Endpoint) []*model.Access {
	var all []*model.Access
	for _, s := range in {
		for _, a := range p.personal().Callers(s) {
			if a.Endpoint.Name == e.Name {
				all = append(all, a)
			}
		}
	}
	return all
}

// worstOf asks what of a class a category covers.
type worstOf struct {
	category string
	class    vocabulary.Class
}

// lies is the first key of exactly the class that data of the category can have: itself, or one below it; "" where there is none. A
// broad word is judged by the worst that it covers, since otherwise whoever says less would be asked less.
func (p *Pass) lies(category string, class vocabulary.Class) string {
	key := worstOf{category, class}
	if answer, known := p.worst[key]; known {
		return answer
	}
	words := p.Estate.Privacy.Categories
	answer := ""
	for _, k := range append([]string{category}, words.Below(category)...) {
		if t, _ := words.Find(k); t.Class == class {
			answer = k
			break
		}
	}
	if p.worst == nil {
		p.worst = map[worstOf]string{}
	}
	p.worst[key] = answer
	return answer
}

// today is the key that stands for a text today, "" where none does.
func today(words *vocabulary.Taxonomy, t syntax.Text) string {
	key, _ := words.Current(t.Value)
	return key
}

// beyond are the categories of personal data among the keys that the Service does not say it processes.
func (p *Pass) beyond(s *model.Service, keys []string) []string {
	return vocabulary.CoveredBy(privacy.Personal(keys), p.personal().Holds(s))
}

// byDate reports a finding that depends on the day. Dates only report, whatever the Privacy document makes of the rule, as what is
// rendered depends on the documents alone; made stricter, such a rule fails.
func (p *Pass) byDate(level diag.Level, at diag.Span, f diag.Finding) {
	dated := *p.rule
	dated.Effect, dated.Level = diag.Report, level
	if sharp := p.sharpened(p.rule); sharp.Effect != p.rule.Effect || sharp.Level != p.rule.Level {
		dated.Level = diag.Error
	}
	f.Rule, f.Span = &dated, at
	f.Help += p.announced(p.rule)
	p.found.Add(f)
}

// announced says what the rule is to do from a day on, where the Privacy document says so.
func (p *Pass) announced(rule *diag.Rule) string {
	for _, e := range p.Estate.Privacy.Doc.Spec.Effects.Items {
		if e.Rule.Value == rule.Code && e.Announced.Value != "" {
			return fmt.Sprintf("; from %s on this is meant to %s", e.Announced.Value, e.Effect.Value)
		}
	}
	return ""
}

// and joins words for a sentence.
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// own reports whether the Party is the organisation itself.
func own(party *model.Party) bool { return party.Doc.Spec.Role.Value == "own" }

// keysOf are the keys of Services, each once.
func keysOf(in []processed) []string {
	var all []string
	for _, x := range in {
		all = append(all, x.service.Key())
	}
	return unique(all)
}
