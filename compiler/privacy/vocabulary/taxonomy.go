package vocabulary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
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
	categories = sync.OnceValue(func() *Taxonomy { return readTaxonomy("categories") })
	uses       = sync.OnceValue(func() *Taxonomy { return readTaxonomy("uses") })
	subjects   = sync.OnceValue(func() *Taxonomy { return readTaxonomy("subjects") })
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

// Highest returns the highest class among a key and those that it covers: what may lie in data of that key at worst.
func (t *Taxonomy) Highest(key string) Class {
	highest := t.terms[key].Class
	for _, k := range t.keys {
		if Covers(key, k) {
			highest = max(highest, t.terms[k].Class)
		}
	}
	return highest
}

// Extension is a key of an organisation's own, below a known one: <known key>.x_<organisation>[.more]. It means all that the known
// one means; its class may be higher, and it may reveal more. The zero Class takes that of the known one.
type Extension struct {
	Key         string
	Title       string
	Description string
	Class       Class
	Reveals     []string
}

// Part is a field of an Extension.
type Part string

// What a Problem can be about.
const (
	PartKey     Part = "key"
	PartClass   Part = "class"
	PartReveals Part = "reveals"
)

// Problem is why an Extension cannot stand as it is. Message begins in lower case and has no full stop.
type Problem struct {
	Index   int  // of the extension
	Part    Part // where in it
	Value   int  // the index in Reveals, where Part is PartReveals
	Message string
	Help    string
}

// reserved are the organisations of the built-in extensions.
var reserved = []string{"x_gdpr", "x_pci"}

var keyShape = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)

// Extend returns the taxonomy with an organisation's terms, and what is wrong with them. A term whose key is wrong is left out; one
// that asks for a lower class than it inherits keeps the higher one. Extensions may lie below each other, in any order.
func (t *Taxonomy) Extend(extensions []Extension) (*Taxonomy, []Problem) {
	all := &Taxonomy{terms: map[string]Term{}, moved: t.moved}
	for key, term := range t.terms {
		all.terms[key] = term
	}
	order := make([]int, len(extensions))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return byParts(extensions[i].Key, extensions[j].Key) })
	var problems []Problem
	var added []int
	for _, i := range order {
		if message, help := all.refuse(extensions[i].Key); message != "" {
			problems = append(problems, Problem{Index: i, Part: PartKey, Message: message, Help: help})
			continue
		}
		problems = append(problems, all.add(i, extensions[i])...)
		added = append(added, i)
	}
	all.keys = sortedKeys(all.terms)
	// What a term reveals may be an extension itself, which is known only now.
	for _, i := range added {
		problems = append(problems, all.reveal(i, extensions[i])...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Index - b.Index })
	return all, problems
}

// refuse says why an extension cannot have a key.
func (t *Taxonomy) refuse(key string) (message, help string) {
	base, organisation, found := cutOrganisation(key)
	switch {
	case !keyShape.MatchString(key):
		return fmt.Sprintf("%q is not a key", key), "write lower-case letters, digits and underscores, with dots between the parts"
	case !found:
		return fmt.Sprintf("%q does not say whose key it is", key), "write <known key>.x_<organisation>, and more below if need be"
	case slices.Contains(reserved, organisation):
		return fmt.Sprintf("%q is reserved for what is built in", organisation), "write the name of your organisation after x_"
	case t.terms[base].Key == "":
		return fmt.Sprintf("%q extends %q, which is not a known key", key, base), "begin with a known key"
	case t.terms[key].Key != "":
		return fmt.Sprintf("%q stands here twice", key), "drop one of the two"
	}
	return "", ""
}

// cutOrganisation returns what is before the first part that begins with x_, and that part.
func cutOrganisation(key string) (base, organisation string, found bool) {
	parts := strings.Split(key, ".")
	i := slices.IndexFunc(parts, func(part string) bool { return strings.HasPrefix(part, "x_") && part != "x_" })
	if i < 1 {
		return "", "", false
	}
	return strings.Join(parts[:i], "."), parts[i], true
}

// add puts an extension below the nearest key that is known.
func (t *Taxonomy) add(index int, e Extension) []Problem {
	above := t.above(e.Key)
	term := Term{Key: e.Key, Title: e.Title, Description: e.Description, Class: max(above.Class, e.Class), Reveals: above.Reveals}
	t.terms[e.Key] = term
	if e.Class == 0 || e.Class >= above.Class {
		return nil
	}
	return []Problem{{
		Index: index, Part: PartClass,
		Message: fmt.Sprintf("%s is of class %s, and %s, which it extends, of the higher class %s", e.Key, e.Class, above.Key, above.Class),
		Help:    fmt.Sprintf("write %s, or extend another key", above.Class),
	}}
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

// reveal adds what an extension reveals, above what it inherits. The terms below inherit it in turn, since they come later.
func (t *Taxonomy) reveal(index int, e Extension) (problems []Problem) {
	reveals := slices.Concat(t.above(e.Key).Reveals, nil)
	for i, key := range e.Reveals {
		if term, ok := t.terms[key]; !ok || term.Class < Special {
			problems = append(problems, Problem{
				Index: index, Part: PartReveals, Value: i,
				Message: fmt.Sprintf("%q is not a key of special or criminal data", key), Help: "name the category that is revealed",
			})
			continue
		}
		reveals = append(reveals, key)
	}
	slices.Sort(reveals)
	term := t.terms[e.Key]
	term.Reveals = slices.Compact(reveals)
	t.terms[e.Key] = term
	return problems
}
