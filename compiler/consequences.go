package compiler

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
	"writ.dev/writ/compiler/weaken"
)

var breaksOthers = &diag.Rule{
	Code: "PII-103", Name: "breaks-others", Effect: diag.Report, Level: diag.Error,
	Title: "a change of the record of processing breaks documents that rest on it",
	Why:   "Whoever takes an Activity away, or narrows it, knows why; forty teams whose documents name it do not. The mistake is told where it was made (GDPR Articles 5(2) and 30).",
}

// mostCauses is how many changed documents are held against what follows from them. Each is a checking of its own; a change of more
// documents is told whole.
const mostCauses = 12

// cause is a document that the change edits or takes away.
type cause struct {
	object, name string
	file         string
	at           diag.Span
	restore      func(*syntax.Tree) // puts the base's document back
}

// consequences leaves one finding of each changed document and of what follows from it: what fails because of it alone, which is so where
// it would not if the document were as the base has it. Only documents that the change leaves as they are have consequences taken
// from them: who edits one answers for it.
func (j *judgement) consequences() {
	causes, touched := j.causes()
	j.touched = touched
	if len(causes) > mostCauses {
		return
	}
	for _, c := range causes {
		if j.ctx.Err() != nil {
			return
		}
		j.fold(c)
	}
}

func (j *judgement) fold(c cause) {
	follows := j.following(c)
	head := slices.IndexFunc(j.Findings, func(f diag.Finding) bool { return f.Rule == weakening && documentOf(&f) == c.object })
	widened := slices.IndexFunc(j.Findings, func(f diag.Finding) bool { return f.Rule == widenedTag && documentOf(&f) == c.object })
	switch {
	case widened < 0:
	case head < 0:
		head = widened
	case strings.HasPrefix(j.Findings[head].Field, string(weaken.Tag)+" "): // a tag that is gone leaves all of the Service's data
		follows = append(follows, widened)
	}
	if len(follows) == 0 {
		return
	}
	if head < 0 {
		own := slices.DeleteFunc(slices.Clone(follows), func(i int) bool { return j.Findings[i].Span.File != c.file })
		if len(own) > 0 { // they say it better; what follows elsewhere is theirs
			head = own[0]
			follows = slices.DeleteFunc(follows, func(i int) bool { return j.Findings[i].Span.File == c.file })
		}
	}
	var told *diag.Finding
	if head >= 0 {
		told = &j.Findings[head]
	} else {
		told = &diag.Finding{
			Rule: breaksOthers, Span: c.at, Objects: []string{c.object}, Field: "spec",
			Help: "put it back, or change with it what rests on it",
		}
		told.Message = fmt.Sprintf("this change of %s breaks what rests on it: %s", c.name, j.Findings[follows[0]].Message)
		if len(follows) > 1 {
			told.Message += fmt.Sprintf(", and %d more", len(follows)-1)
		}
	}
	const most = 20
	gone := map[int]bool{}
	for _, i := range follows {
		f := &j.Findings[i]
		gone[i] = true
		if len(told.Related) < most {
			told.Related = append(told.Related, diag.Related{Span: f.Span, Message: "so " + f.Message})
		}
		if told.Rule == breaksOthers {
			told.Items = append(told.Items, f.Fingerprint())
		}
	}
	var kept diag.List
	for i := range j.Findings {
		if !gone[i] {
			kept = append(kept, j.Findings[i])
		}
	}
	if head < 0 {
		kept = append(kept, *told)
	}
	j.Findings = kept
}

// following are the findings that the change causes and that would not be there if the document were as it was.
func (j *judgement) following(c cause) []int {
	tree := *j.after.Tree
	c.restore(&tree)
	estate, found := model.Resolve(&tree)
	done, checked := check.Run(&check.Pass{Estate: estate, AsOf: j.opts.AsOf})
	found = append(found, checked...)
	found = append(found, failures(query.NewIndex(done, found))...)
	still := map[string]bool{}
	for i := range found {
		still[found[i].Fingerprint()] = true
	}
	var all []int
	for i := range j.Findings {
		f := &j.Findings[i]
		if f.Fails() && j.Caused(f) && !slices.Contains(judgeRules, f.Rule) && !slices.Contains(ownerRules, f.Rule) && !still[f.Fingerprint()] && recalculated(f) &&
			(documentOf(f) == c.object || !j.touched[documentOf(f)]) {
			all = append(all, i)
		}
	}
	return all
}

// documentOf is the document that a finding is about, in whichever mesh.
func documentOf(f *diag.Finding) string {
	object, _, _ := strings.Cut(f.Objects[0], " of mesh ")
	return object
}

// recalculated reports whether the finding is of a stage that following runs again: what others say would seem to be gone.
func recalculated(f *diag.Finding) bool {
	family, _, _ := strings.Cut(f.Rule.Code, "-")
	return slices.Contains([]string{"PII", "REF", "ACC", "TST", "END", "IDN", "CLU", "STG", "LIM", "DAT"}, family)
}

// causes are the documents whose change may have consequences elsewhere, and the names of all that the change edits or adds.
func (j *judgement) causes() ([]cause, map[string]bool) {
	b, a := j.before.Tree, j.after.Tree
	weak := map[string]bool{}
	suspect := map[string]bool{}
	for i := range j.Findings {
		f := &j.Findings[i]
		if !f.Fails() || !j.Caused(f) {
			continue
		}
		suspect[f.Span.File] = true
		weak[documentOf(f)] = weak[documentOf(f)] || f.Rule == weakening
	}
	if len(suspect) == 0 {
		return nil, nil
	}
	touched := map[string]bool{}
	all := slices.Concat(
		changed(j, touched, "Privacy", b.Privacies, a.Privacies, func(d *syntax.Privacy) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Privacy { return &t.Privacies }),
		changed(j, touched, "Activity", b.Activities, a.Activities, func(d *syntax.Activity) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Activity { return &t.Activities }),
		changed(j, touched, "Party", b.Parties, a.Parties, func(d *syntax.Party) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Party { return &t.Parties }),
		changed(j, touched, "Approval", b.Approvals, a.Approvals, func(d *syntax.Approval) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Approval { return &t.Approvals }),
	)
	callers := slices.Concat(
		changed(j, touched, "Service", b.Services, a.Services, func(d *syntax.Service) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Service { return &t.Services }),
		changed(j, touched, "Outsider", b.Outsiders, a.Outsiders, func(d *syntax.Outsider) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Outsider { return &t.Outsiders }),
	)
	changed(j, touched, "Test", b.Tests, a.Tests, func(d *syntax.Test) *syntax.Header { return &d.Header }, func(t *syntax.Tree) *[]*syntax.Test { return &t.Tests })
	for _, c := range callers {
		if weak[c.object] || suspect[c.file] {
			all = append(all, c)
		}
	}
	return all, touched
}

// changed are the documents of a kind that the change edits or takes away. Those that it edits or adds are touched.
func changed[T any](j *judgement, touched map[string]bool, kind string, before, after []*T, header func(*T) *syntax.Header, in func(*syntax.Tree) *[]*T) []cause {
	name := func(d *T) string {
		m := header(d).Metadata
		if m.Namespace.Value != "" {
			return m.Namespace.Value + "/" + m.Name.Value
		}
		return m.Name.Value
	}
	find := func(all []*T, key string) int {
		return slices.IndexFunc(all, func(d *T) bool { return name(d) == key })
	}
	now := make(map[string]*T, len(after))
	for _, a := range after {
		now[name(a)] = a
		touched[kind+" "+name(a)] = true
	}
	var all []cause
	for _, b := range before {
		c := cause{object: kind + " " + name(b), name: kind + " " + name(b), file: header(b).File}
		a, still := now[name(b)]
		switch {
		case !still:
			c.at = j.after.Near(c.file)
		case alike(reflect.ValueOf(b), reflect.ValueOf(a)):
			delete(touched, c.object)
			continue
		default:
			c.at, c.file = header(a).Metadata.Name.Span, header(a).File
		}
		c.restore = func(t *syntax.Tree) {
			docs := slices.Clone(*in(t))
			if i := find(docs, name(b)); i >= 0 {
				docs[i] = b
			} else {
				docs = append(docs, b)
			}
			*in(t) = docs
		}
		all = append(all, c)
	}
	return all
}

// alike reports whether two values say the same, wherever they say it.
func alike(a, b reflect.Value) bool {
	switch {
	case a.Type() == reflect.TypeFor[diag.Span]():
		return true
	case a.Kind() == reflect.Pointer:
		return a.IsNil() == b.IsNil() && (a.IsNil() || alike(a.Elem(), b.Elem()))
	case a.Kind() == reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).Name != "File" && a.Type().Field(i).Name != "Flow" && !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}
