package vocabulary

import (
	"slices"
	"sync"
)

// Term is one key of a taxonomy and what it means. A key lies below another at a dot: user.name.first below user.name.
type Term struct {
	Key         string
	Title       string
	Description string // one sentence
	// Class is at least that of the key above. It says what the key itself stands for: a key of a lower class can cover some of a
	// higher one, see Taxonomy.Highest. Of categories only; None elsewhere.
	Class Class
	// Reveals are special categories that such data can reveal in some context, as a history of purchases does where the shop is a
	// pharmacy (CJEU C-21/23). Whether it does is for documents to say. Inherited from the key above, sorted.
	Reveals []string
	// Vague says that the key is too broad for a record of processing (Art. 5(1)(b) GDPR). Not inherited.
	Vague bool
	// Unspecified says that the use means "for a purpose that nobody has said yet", which is none. Not inherited.
	Unspecified bool
}

// Taxonomy is a set of terms, and of keys that older versions had for some of them. It is immutable.
type Taxonomy struct {
	terms map[string]Term
	moved map[string]string // every value is a key of terms
	keys  []string          // sorted
}

var (
	categories = sync.OnceValue(func() *Taxonomy { return readTaxonomy("categories", text("categories")) })
	uses       = sync.OnceValue(func() *Taxonomy { return readTaxonomy("uses", text("uses")) })
	subjects   = sync.OnceValue(func() *Taxonomy { return readTaxonomy("subjects", text("subjects")) })
)

// Categories returns what can be processed: fideslang's data categories, with the grounds of Art. 9 GDPR (x_gdpr) and the parts of
// card data (x_pci) that it lacks.
func Categories() *Taxonomy { return categories() }

// Uses returns what it can be processed for: fideslang's data uses.
func Uses() *Taxonomy { return uses() }

// Subjects returns whose it can be: fideslang's data subjects, and x_gdpr_child. They are a flat list.
func Subjects() *Taxonomy { return subjects() }

// Find returns the term of a key that is in use today.
func (t *Taxonomy) Find(key string) (Term, bool) {
	term, ok := t.terms[key]
	term.Reveals = slices.Clone(term.Reveals)
	return term, ok
}

// Current returns the key that stands today for one of any age: itself if it is in use, where it has moved to if it is not.
func (t *Taxonomy) Current(key string) (string, bool) {
	if _, ok := t.terms[key]; ok {
		return key, true
	}
	to, ok := t.moved[key]
	return to, ok
}

// Keys returns the keys that are in use today, sorted.
func (t *Taxonomy) Keys() []string { return slices.Clone(t.keys) }

// Moved returns the keys of older versions that stand for one of today's, sorted. Current says which.
func (t *Taxonomy) Moved() []string { return sortedKeys(t.moved) }

// Below returns the keys that a key covers, without itself, sorted.
func (t *Taxonomy) Below(key string) []string {
	return slices.DeleteFunc(t.Keys(), func(k string) bool { return k == key || !Covers(key, k) })
}

// Highest returns the highest class among a key and those that it covers: what may lie in data of that key at worst. A key that is
// not known and covers none has the zero Class.
func (t *Taxonomy) Highest(key string) Class {
	highest := t.terms[key].Class
	for _, k := range t.keys {
		if Covers(key, k) {
			highest = max(highest, t.terms[k].Class)
		}
	}
	return highest
}

// above returns the term of the nearest known key above: the part with an organisation's name need not be a term itself.
func (t *Taxonomy) above(key string) Term {
	for key = parent(key); key != ""; key = parent(key) {
		if term, ok := t.terms[key]; ok {
			return term
		}
	}
	return Term{Class: None}
}
