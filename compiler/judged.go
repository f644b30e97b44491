package compiler

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
	"writ.dev/writ/compiler/weaken"
)

var (
	weakening = &diag.Rule{
		Code: "PII-046", Name: "weakened", Effect: diag.Report, Level: diag.Error,
		Title: "a change weakens the protection of personal data, and nobody has agreed to it",
		Why:   "What nobody may do openly is done by untagging: a change that makes its own judge milder is judged by the one before (GDPR Articles 5(2), 24 and 25(2)). It passes when an Approval that is there already covers exactly this, so that whoever agrees has seen what they agree to.",
	}
	weakenedReviewed = &diag.Rule{
		Code: "PII-100", Name: "weakened-by-review", Effect: diag.Report, Level: diag.Notice,
		Title: "a change weakens the protection of personal data, in a way that code owners review",
		Why:   "The Privacy document leaves this kind of change to the review of code owners alone (`reviewAlone`). It is told, so that they see it.",
	}
	ownApproval = &diag.Rule{
		Code: "PII-101", Name: "own-approval", Effect: diag.Report, Level: diag.Error,
		Title: "a change relies on an Approval or an effect that it brings itself",
		Why:   "Approvals and the strictness of rules count as the revision before has them (GDPR Articles 5(2) and 24): else a change could approve itself. A change of `policies/privacy` alone is the privacy team's to make, and is judged by what it says.",
	}
	widenedTag = &diag.Rule{
		Code: "PII-102", Name: "widened-tag", Effect: diag.Withhold, Mends: true,
		Title: "callers that have long had an access get personal data by it that they do not declare",
		Why:   "Who says that an endpoint has more personal data mends the record, and must not have to mend forty Services of others for it (GDPR Articles 5(1)(b) and 30). `acknowledges` keeps those callers' access, dated, while each is told to declare what it gets; a caller that is new declares it at once.",
	}

	judgeRules = []*diag.Rule{weakening, weakenedReviewed, ownApproval, widenedTag, breaksOthers}
)

// judgement holds a change against the revision before it.
type judgement struct {
	*Result
	ctx           context.Context
	opts          Options
	before, after weaken.Revision
	// theirs says that the change is the privacy team's to make: of the documents it touches policies/privacy alone.
	theirs bool
	// touched are the documents that the change edits or adds.
	touched map[string]bool
}

// judge finds what the change does to its own judge, and to whoever is judged by it. Without a Privacy document in the base nobody had
// anything protected. Nothing of it changes what is rendered, which depends on one revision alone.
func (r *Result) judge(ctx context.Context, base *Result, opts Options, fsys fs.FS) error {
	before := base.resolved
	if before == nil {
		tree, _ := syntax.Parse(ctx, opts.Base)
		before, _ = model.Resolve(tree)
	}
	if r.resolved == nil || r.Findings.Stops() || before.Privacy.Doc == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	opts.Progress.Begin(ctx, "comparing protection")
	j := judgement{
		Result: r, ctx: ctx, opts: opts,
		before: weaken.Revision{Estate: before, Flow: privacy.Trace(before)},
		after:  weaken.Revision{Estate: r.resolved, Flow: r.checked.Flow()},
	}
	var err error
	if j.theirs, err = onlyPrivacy(opts.Base, fsys); err != nil {
		return err
	}
	failing := j.weakened()
	if !j.theirs {
		j.ignoredBefore(base)
		j.ownApprovals(failing)
	}
	j.widened()
	j.consequences()
	r.gone.recall(r.Sources, r.Findings)
	r.Findings.Sort()
	return nil
}

// onlyPrivacy reports whether two revisions have the same documents outside policies/privacy.
func onlyPrivacy(base, now fs.FS) (bool, error) {
	folders := map[string]bool{}
	for _, fsys := range []fs.FS{base, now} {
		entries, err := fs.ReadDir(fsys, "policies")
		if err != nil {
			continue // there is none
		}
		for _, e := range entries {
			folders["policies/"+e.Name()] = true
		}
	}
	delete(folders, "policies/privacy")
	for folder := range folders {
		if same, err := sameFiles(base, now, folder); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// weakened tells of every weakening that no Approval of the base covers, and returns the documents that fail by it.
func (j *judgement) weakened() map[string]bool {
	covered, failing := map[string]bool{}, map[string]bool{}
	for _, a := range j.before.Approvals {
		s := &a.Doc.Spec
		if s.Decision.Value != "approved" || s.Granted.Value > j.opts.AsOf || s.Until.Value < j.opts.AsOf {
			continue // an approval that has run out holds for nothing new
		}
		for _, w := range s.Covers.Weakenings.Items {
			covered[w.Line()] = true
		}
	}
	reviewed := map[string]bool{}
	for _, kind := range j.before.Privacy.Doc.Spec.ReviewAlone.Items {
		reviewed[kind.Value] = true
	}
	for _, w := range weaken.Compare(j.before, j.after, j.opts.AsOf) {
		entry := w.Entry()
		if covered[entry] {
			continue
		}
		f := diag.Finding{
			Rule: weakening, Span: w.At, Objects: []string{w.Object}, Field: entry,
			Message: fmt.Sprintf("this change weakens the protection of personal data (%s), %s: %s", w.Kind, w.Name, saidOf(w.Facts)),
			Help: fmt.Sprintf("%s must agree: in a change of its own that comes first, an Approval whose covers has weakenings: [%q]; or take it back",
				j.agree(w), entry),
		}
		for _, fact := range w.Facts[1:] {
			f.Related = append(f.Related, diag.Related{Span: fact.At, Message: fact.Words})
		}
		if reviewed[string(w.Kind)] {
			f.Rule, f.Help = weakenedReviewed, fmt.Sprintf("%s must agree when they review it", j.agree(w))
		} else {
			failing[w.Object] = true
		}
		j.Agreements = append(j.Agreements, Agreement{Who: j.agree(w), Why: f.Message, First: f.Rule == weakening})
		j.Findings.Add(f)
	}
	return failing
}

// saidOf is the facts on one line, the first of many.
func saidOf(facts []weaken.Fact) string {
	if len(facts) == 1 {
		return facts[0].Words
	}
	return fmt.Sprintf("%s, and %d more", facts[0].Words, len(facts)-1)
}

// agree is who must agree to a weakening, as the base has them: whoever answers for personal data, and the team whose document it is.
func (j *judgement) agree(w weaken.Weakening) string {
	who := owners(j.before.Privacy.Doc.Spec.Owners)
	if w.Team == nil {
		return who
	}
	for _, t := range j.before.Teams {
		if t.Name == w.Team.Name {
			return who + " and team " + t.Name + " (" + owners(t.Doc.Spec.Owners) + ")"
		}
	}
	return who + " and team " + w.Team.Name
}

func owners(l syntax.List[syntax.Text]) string { return strings.Join(syntax.Values(l), ", ") }

// ignoredBefore takes the ignores of failing findings away that the base does not have for as long: a rule of which the privacy team
// has decided that it fails is not silenced by the change that it fails.
func (j *judgement) ignoredBefore(base *Result) {
	until := map[string]string{}
	for i := range base.Findings {
		if f := &base.Findings[i]; f.Ignored != nil {
			until[f.Fingerprint()] = max(until[f.Fingerprint()], f.Ignored.Until)
		}
	}
	for i := range j.Findings {
		f := &j.Findings[i]
		if f.Ignored == nil || f.Rule.Severity() != diag.Error || f.Ignored.Until <= until[f.Fingerprint()] {
			continue
		}
		f.Related = append(f.Related, diag.Related{Span: f.Ignored.Span, Message: "this ignore is of the change itself, and counts when the base has it"})
		f.Ignored = nil
	}
}

// candidate is something that the change says of its own judge, and how the estate reads with what the base has in its place.
type candidate struct {
	object  string
	at      diag.Span
	what    string
	restore func(*syntax.Tree)
}

// ownApprovals tells of Approvals and effects of the change itself that findings would fail without. Those that fail as weakenings are
// told already.
func (j *judgement) ownApprovals(failing map[string]bool) {
	all := slices.DeleteFunc(append(j.newApprovals(), j.milderEffects()...), func(c candidate) bool { return failing[c.object] })
	if len(all) == 0 {
		return
	}
	together := j.without(all)
	if len(together) == 0 {
		return
	}
	told := false
	for _, c := range all {
		if found := j.without([]candidate{c}); len(found) > 0 {
			j.relies(c, found)
			told = true
		}
	}
	for _, c := range all {
		if !told { // each would do, and none is there yet
			j.relies(c, together)
		}
	}
}

func (j *judgement) relies(c candidate, found diag.List) {
	f := diag.Finding{
		Rule: ownApproval, Span: c.at, Objects: []string{c.object}, Field: "spec",
		Message: fmt.Sprintf("%s counts when the base has it, and this change relies on it already: %s", c.what, found[0].Message),
		Help:    "bring it in first, by a change that touches policies/privacy alone",
	}
	for i := range found {
		f.Related = append(f.Related, diag.Related{Span: found[i].Span, Message: found[i].Message})
		f.Items = append(f.Items, found[i].Fingerprint())
	}
	j.Findings.Add(f)
}

// without is what fails of the change where the base's word stands in place of the candidates, and passes where theirs does.
func (j *judgement) without(all []candidate) diag.List {
	tree := *j.after.Tree
	for _, c := range all {
		c.restore(&tree)
	}
	estate, _ := model.Resolve(&tree)
	_, found := check.Run(&check.Pass{Estate: estate, AsOf: j.opts.AsOf})
	had := map[string]bool{}
	for i := range j.Findings {
		if f := &j.Findings[i]; f.Fails() {
			had[f.Fingerprint()] = true
			for _, item := range f.Items {
				had[f.Fingerprint()+item] = true
			}
		}
	}
	fresh := slices.DeleteFunc(found, func(f diag.Finding) bool {
		fails := f.Fails() && (!had[f.Fingerprint()] || slices.ContainsFunc(f.Items, func(item string) bool { return !had[f.Fingerprint()+item] }))
		return !fails || !j.Caused(&f)
	})
	fresh.Sort()
	return fresh
}

// newApprovals are the Approvals that the base does not have, or has for less.
func (j *judgement) newApprovals() []candidate {
	had := map[string]*syntax.Approval{}
	for _, b := range j.before.Approvals {
		had[b.Name] = b.Doc
	}
	var all []candidate
	for _, a := range j.after.Approvals {
		narrow := narrowed(a.Doc, had[a.Name])
		if narrow == nil {
			continue
		}
		doc := a.Doc
		all = append(all, candidate{
			object: "Approval " + a.Name, at: doc.Metadata.Name.Span, what: fmt.Sprintf("Approval %q", a.Name),
			restore: func(t *syntax.Tree) {
				t.Approvals = slices.Clone(t.Approvals)
				t.Approvals[slices.Index(t.Approvals, doc)] = narrow
			},
		})
	}
	return all
}

// narrowed is the approval as far as the base has it too, nil where that is all of it.
func narrowed(now, base *syntax.Approval) *syntax.Approval {
	n := *now
	if base == nil {
		n.Spec.Covers = syntax.Covers{Span: now.Spec.Covers.Span}
		return &n
	}
	less := false
	meet := func(l *syntax.List[syntax.Text], had syntax.List[syntax.Text]) {
		kept := *l
		kept.Items = slices.DeleteFunc(slices.Clone(l.Items), func(t syntax.Text) bool { return !slices.Contains(syntax.Values(had), t.Value) })
		less = less || len(kept.Items) < len(l.Items)
		*l = kept
	}
	c, had := &n.Spec.Covers, base.Spec.Covers
	meet(&c.Activities, had.Activities)
	meet(&c.Categories, had.Categories)
	meet(&c.Services, had.Services)
	meet(&c.Declassifications, had.Declassifications)
	meet(&c.Parties, had.Parties)
	switch {
	case len(had.Places.Items) == 0:
	case len(c.Places.Items) == 0:
		c.Places, less = had.Places, true
	default:
		meet(&c.Places, had.Places)
	}
	if base.Spec.Decision.Value != "approved" && now.Spec.Decision.Value == "approved" {
		n.Spec.Decision.Value, less = base.Spec.Decision.Value, true
	}
	if base.Spec.Until.Value < now.Spec.Until.Value {
		n.Spec.Until.Value, less = base.Spec.Until.Value, true
	}
	if !less {
		return nil
	}
	return &n
}

// milderEffects is the Privacy document, where an effect of the base is milder in it, or gone.
func (j *judgement) milderEffects() []candidate {
	now := j.after.Privacy.Doc
	if now == nil {
		return nil // which is a weakening, and the only one
	}
	rank := []string{"", "report", "withhold", "stop"}
	inForce := func(d *syntax.Privacy, rule string) int {
		strictest := 0
		for _, e := range d.Spec.Effects.Items {
			if e.Rule.Value == rule && e.Announced.Value == "" {
				strictest = max(strictest, slices.Index(rank, e.Effect.Value))
			}
		}
		return strictest
	}
	strict := *now
	strict.Spec.Effects.Items = slices.Clone(now.Spec.Effects.Items)
	var milder []string
	for _, e := range j.before.Privacy.Doc.Spec.Effects.Items {
		if e.Announced.Value == "" && inForce(now, e.Rule.Value) < slices.Index(rank, e.Effect.Value) {
			strict.Spec.Effects.Items = append(strict.Spec.Effects.Items, e)
			milder = append(milder, e.Rule.Value)
		}
	}
	if len(milder) == 0 {
		return nil
	}
	return []candidate{{
		object: "Privacy " + now.Metadata.Name.Value, at: cmp.Or(now.Spec.Effects.Span, now.Metadata.Name.Span),
		what: "the milder effect of " + strings.Join(milder, ", "),
		restore: func(t *syntax.Tree) {
			t.Privacies = slices.Clone(t.Privacies)
			t.Privacies[slices.Index(t.Privacies, now)] = &strict
		},
	}}
}
