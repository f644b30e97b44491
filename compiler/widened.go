package compiler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// caller is who gets what from an endpoint and does not declare it.
type caller struct{ service, endpoint, category string }

// widening is a text by which callers get more than they did.
type widening struct {
	provider *model.Service
	at       diag.Span
	field    string
	callers  map[caller]bool
}

// widened tells providers of existing callers that get more by a change of theirs than they declare, and takes the findings away that
// tell those callers: it is not their mistake. A caller that is new, or that would lack a declaration in any case, is told itself.
func (j *judgement) widened() {
	if j.after.Privacy.Doc == nil {
		return // nobody is asked anything any more, which is told
	}
	all := map[string]*widening{}
	innocent, guilty, old := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, g := range j.before.Flow.Gaps() {
		old[g.Service.Object()+" "+g.Category] = true
	}
	had := map[string]bool{}
	for _, g := range j.after.Flow.Gaps() {
		object := g.Service.Object()
		if old[object+" "+g.Category] {
			had[object] = true
			continue
		}
		if g.Service.PersonalData == nil || g.Service.PersonalData.Unsure || slices.ContainsFunc(g.Steps, func(s privacy.Step) bool { return !j.givenMore(s) }) {
			guilty[object] = true
			continue
		}
		innocent[object] = true
		for _, s := range g.Steps {
			w := widenedBy(s.Access.Endpoint)
			key := w.provider.Object() + " " + w.field
			if all[key] == nil {
				all[key] = w
			}
			all[key].callers[caller{s.To.Key(), s.Access.Endpoint.Name, s.Category}] = true
		}
	}
	j.Findings = slices.DeleteFunc(j.Findings, func(f diag.Finding) bool {
		if f.Rule.Code != "PII-010" || !innocent[f.Objects[0]] || guilty[f.Objects[0]] {
			return false
		}
		for _, item := range f.Items {
			j.known[f.Fingerprint()+item] = true
		}
		return !had[f.Objects[0]] // what it did not declare before stays its own
	})
	for _, key := range slices.Sorted(maps.Keys(all)) {
		j.tellWidened(all[key])
	}
}

// givenMore reports whether the hop is of an access that the base had, to an endpoint that had less there.
func (j *judgement) givenMore(s privacy.Step) bool {
	if s.Access == nil || s.From == nil || s.From != s.Access.Callee() || s.From.PersonalData == nil || s.From.PersonalData.None() {
		return false
	}
	for _, m := range j.before.Meshes {
		callee := m.Service(s.From.Key())
		if m.Name != s.From.Mesh.Name || callee == nil {
			continue
		}
		return slices.ContainsFunc(j.before.Flow.Callers(callee), func(a *model.Access) bool {
			from := a.Caller.Service
			return from != nil && from.Key() == s.To.Key() && a.Endpoint.Name == s.Access.Endpoint.Name &&
				len(vocabulary.CoveredBy([]string{s.Category}, j.before.Flow.Returns(a.Endpoint))) > 0
		})
	}
	return false
}

// widenedBy is the text that says what the endpoint has: its own, or its Service's.
func widenedBy(e *model.Endpoint) *widening {
	w := &widening{provider: e.Service, callers: map[caller]bool{}, at: e.Service.PersonalData.Doc.Processes.Span, field: "spec.personalData.processes"}
	if e.Returns != nil {
		w.at, w.field = e.Returns.Doc.Span, "spec.endpoints."+e.Name+".returns"
	}
	return w
}

func (j *judgement) tellWidened(w *widening) {
	callers := slices.SortedFunc(maps.Keys(w.callers), func(a, b caller) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.category, b.category))
	})
	gets := map[caller][]string{}
	var entries []query.Item
	var who []string
	for _, c := range callers {
		one := caller{c.service, c.endpoint, ""}
		gets[one] = append(gets[one], c.category)
		who = append(who, c.service)
	}
	for _, c := range callers {
		one := caller{c.service, c.endpoint, ""}
		if gets[one][0] == c.category {
			entries = append(entries, query.Item{
				{"caller", c.service},
				{"endpoint", c.endpoint},
				{"categories", "[" + strings.Join(gets[one], ", ") + "]"},
				{"since", j.opts.AsOf},
			})
		}
	}
	who = slices.Compact(who)
	f := diag.Finding{
		Rule: widenedTag, Span: w.at, Objects: []string{w.provider.Object()}, Field: w.field,
		Message: fmt.Sprintf("%s get more personal data from %s than they declare, and have called it before", listed(who), w.provider.Key()),
		Help:    "acknowledge them (personalData.acknowledges; writ fix --base writes it): they keep their access, and are told to declare what they get",
		Fix:     j.acknowledge(w, entries, len(who)),
	}
	if len(who) == 1 {
		f.Message = strings.Replace(strings.Replace(f.Message, " get more", " gets more", 1), "they declare, and have", "it declares, and has", 1)
	}
	for _, c := range callers {
		f.Items = append(f.Items, c.service+" "+c.endpoint+" "+c.category)
	}
	j.Findings.Add(f)
}

// listed is the first few of many.
func listed(all []string) string {
	const few = 3
	if len(all) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
	}
	return strings.Join(all, ", ")
}

// acknowledge is the fix that writes the entries into the provider's document, nil where its text cannot be had any more.
func (j *judgement) acknowledge(w *widening, entries []query.Item, callers int) *diag.Fix {
	doc := w.provider.Doc.Spec.PersonalData
	j.gone.recall(j.Sources, diag.List{{Span: doc.Span}})
	source, ok := j.Sources[doc.Span.File]
	if !ok {
		return nil
	}
	title := "acknowledge the caller"
	if callers > 1 {
		title = fmt.Sprintf("acknowledge %d callers", callers)
	}
	return &diag.Fix{Title: title, Edits: []diag.Edit{appended(source, doc, entries)}}
}

func appended(source []byte, doc *syntax.PersonalData, entries []query.Item) diag.Edit {
	return query.Append(source, "acknowledges", doc.Acknowledges, doc.Span, entries)
}
