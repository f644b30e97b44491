// Package weaken compares two revisions of an estate and says in which ways the later one protects personal data less: a tag that is
// gone, a recipient that is new, an approval that is stretched. It judges nobody: whether somebody has agreed is for others to ask.
//
// A field of a document can weaken in one way, or in none: the table in fields.go says for each which, or why none. What strengthens
// protection is no weakening, whatever it touches; nor is what was not protected before, such as a new document.
package weaken

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// Weakening is one way in which a document protects less than it did, with all that is part of it.
type Weakening struct {
	Kind   Kind
	Object string      // the document, as findings name it
	Name   string      // the document, as people name it
	Team   *model.Team // whose document it is, nil for the platform's and the privacy team's
	At     diag.Span   // in the later revision
	Facts  []Fact      // sorted, never none
}

// Fact is one thing that was so and is no more, or was not and is.
type Fact struct {
	Field string // the line of the table
	Words string
	At    diag.Span
	id    string
}

// Entry is what an Approval covers the weakening by: its kind and document in words, and a digest of exactly what it is. Half a
// digest that people can read would let two weakenings be written that share it, one to show and one to use.
func (w *Weakening) Entry() string {
	h := sha256.New()
	for _, f := range w.Facts {
		fmt.Fprintf(h, "%d:%s,", len(f.id), f.id)
	}
	return fmt.Sprintf("%s of %s %s", w.Kind, w.Object, hex.EncodeToString(h.Sum(nil)[:16]))
}

// Revision is an estate with where its personal data goes.
type Revision struct {
	*model.Estate
	Flow *privacy.Flow
}

// comparison is of two revisions.
type comparison struct {
	before, after Revision
	asOf          string
	found         map[key]*Weakening
	// The earlier Services, by namespace/name and by namespace.
	named, within map[string][]*model.Service
}

type key struct {
	object string
	kind   Kind
}

// Compare returns the weakenings between two revisions, by document and kind. Where nobody answers for personal data before, there is
// none. Days are judged as of asOf.
func Compare(before, after Revision, asOf string) []Weakening {
	if before.Privacy.Doc == nil {
		return nil
	}
	c := &comparison{before: before, after: after, asOf: asOf, found: map[key]*Weakening{}}
	if c.privacy() {
		return c.sorted() // without it nothing else says anything
	}
	c.record()
	c.platform()
	c.services()
	return c.sorted()
}

func (c *comparison) sorted() []Weakening {
	var all []Weakening
	for _, w := range c.found {
		slices.SortFunc(w.Facts, func(a, b Fact) int { return cmp.Compare(a.id, b.id) })
		w.Facts = slices.CompactFunc(w.Facts, func(a, b Fact) bool { return a.id == b.id })
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b Weakening) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

// document is one document in both revisions, where weakenings of it are told.
type document struct {
	c            *comparison
	object, name string
	team         *model.Team
	at           diag.Span // where nothing more exact is left
}

func (c *comparison) document(kind string, h syntax.Header) *document {
	name := h.Metadata.Name.Value
	return &document{c: c, object: kind + " " + name, name: kind + " " + name, at: h.Metadata.Name.Span}
}

// tell adds a fact to the weakening of the document and of the field's kind. What tells it apart from others is what, a field of the
// document by keys, and the value that was lost or gained.
func (d *document) tell(field string, at diag.Span, what, words string) {
	line, known := fields[field]
	if !known || line.kind == "" {
		panic("weaken: no kind for " + field)
	}
	if at.IsZero() {
		at = d.at
	}
	k := key{d.object, line.kind}
	w := d.c.found[k]
	if w == nil {
		w = &Weakening{Kind: line.kind, Object: d.object, Name: d.name, Team: d.team, At: at}
		d.c.found[k] = w
	}
	w.Facts = append(w.Facts, Fact{Field: field, Words: words, At: at, id: field + "\x00" + what})
}

// cover says whether what allows one thing allows the other.
type cover func(wide, narrow string) bool

func same(wide, narrow string) bool { return wide == narrow }

func outside(all, by []string, covers cover) []string {
	var rest []string
	for _, it := range all {
		if !slices.ContainsFunc(by, func(wide string) bool { return covers(wide, it) }) {
			rest = append(rest, it)
		}
	}
	return rest
}

// gains tells of what is there and was not. Words has a place for it.
func (d *document) gains(field string, at diag.Span, of, words string, before, after []string, covers cover) {
	for _, v := range outside(after, before, covers) {
		d.tell(field, at, "+"+of+"\x00"+v, fmt.Sprintf(words, v))
	}
}

// loses tells of what was there and is no more.
func (d *document) loses(field string, at diag.Span, of, words string, before, after []string, covers cover) {
	for _, v := range outside(before, after, covers) {
		d.tell(field, at, "-"+of+"\x00"+v, fmt.Sprintf(words, v))
	}
}

// changes tells of a text that was said and is not said any more, whether or not something else is.
func (d *document) changes(field, of, what string, before, after syntax.Text) {
	was, is := before.Line(), after.Line()
	switch {
	case was == "" || was == is:
	case is == "":
		d.tell(field, after.Span, "-"+of+"\x00"+was, fmt.Sprintf("%s %q is gone", what, was))
	default:
		d.tell(field, after.Span, "~"+of+"\x00"+was+"\x00"+is, fmt.Sprintf("%s is %q, and was %q", what, is, was))
	}
}

// goes tells of a text that was said where none is said any more.
func (d *document) goes(field, what string, before, after syntax.Text) {
	if before.Line() != "" && after.Line() == "" {
		d.tell(field, diag.Span{}, "-\x00"+before.Line(), fmt.Sprintf("%s %q is gone", what, before.Line()))
	}
}

// earlier tells of a day that moved back or is gone, as the day of a review.
func (d *document) earlier(field, what string, before, after syntax.Text) {
	if after.Value < before.Value {
		d.changes(field, "", what, before, after)
	}
}

// later tells of a last day that moved on or is gone, as that of a consent.
func (d *document) later(field, of, what string, before, after syntax.Text) {
	switch {
	case before.Value == "" || after.Value != "" && after.Value <= before.Value:
	case after.Value == "":
		d.tell(field, diag.Span{}, "+"+of+"\x00"+before.Value+"\x00", fmt.Sprintf("%s is without end, and ended on %s", what, before.Value))
	default:
		d.tell(field, after.Span, "+"+of+"\x00"+before.Value+"\x00"+after.Value,
			fmt.Sprintf("%s ends on %s, and ended on %s", what, after.Value, before.Value))
	}
}

// lowers tells of a word whose rank went down. A word that is not said has the rank of "".
func (d *document) lowers(field, of, what string, before, after syntax.Text, ranks []string) {
	was, is := slices.Index(ranks, before.Value), slices.Index(ranks, after.Value)
	if is >= was {
		return
	}
	d.tell(field, after.Span, "-"+of+"\x00"+before.Value+"\x00"+after.Value,
		fmt.Sprintf("%s is %s, and was %s", what, cmp.Or(after.Value, "not said"), cmp.Or(before.Value, "not said")))
}

// denies tells of a true that is false now.
func (d *document) denies(field, words string, before, after syntax.Bool) {
	if before.Value && !after.Value {
		d.tell(field, after.Span, "-", words)
	}
}

// claims tells of a true that was false.
func (d *document) claims(field, of, words string, before, after syntax.Bool) {
	if after.Value && !before.Value {
		d.tell(field, after.Span, "+"+of, words)
	}
}

// keys are keys of a taxonomy in the words of today: a word that moved is the same.
func keys(t *vocabulary.Taxonomy, l syntax.List[syntax.Text]) []string {
	all := syntax.Values(l)
	for i, k := range all {
		if today, moved := t.Current(k); moved {
			all[i] = today
		}
	}
	return all
}

// byName finds what has a name in both revisions.
func byName[T any](before, after []T, name func(T) string) func(yield func(b, a T) bool) {
	return func(yield func(b, a T) bool) {
		had := map[string]T{}
		for _, b := range before {
			had[name(b)] = b
		}
		for _, a := range after {
			if b, both := had[name(a)]; both && !yield(b, a) {
				return
			}
		}
	}
}

// list is a few words in a row.
func list(all []string) string { return strings.Join(all, ", ") }
