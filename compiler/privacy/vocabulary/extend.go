package vocabulary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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
	base, organisation := cutOrganisation(key)
	now, known := t.Current(base)
	switch {
	case !keyShape.MatchString(key):
		return fmt.Sprintf("%q is not a key", key), "write lower-case letters, digits and underscores, with dots between the parts"
	case base == "":
		return fmt.Sprintf("%q does not say which key it extends, and whose it is", key), "write <known key>.x_<organisation>, and more below if need be"
	case slices.Contains(reserved, organisation):
		return fmt.Sprintf("%q is reserved for what is built in", organisation), "write the name of your organisation after x_"
	case !known:
		return fmt.Sprintf("%q extends %q, which is not a known key", key, base), "begin with a known key"
	case now != base:
		return fmt.Sprintf("%q extends %q, which is called %q today", key, base, now), fmt.Sprintf("write %s", now+strings.TrimPrefix(key, base))
	case t.terms[key].Key != "":
		return fmt.Sprintf("%q stands here twice", key), "drop one of the two"
	}
	return "", ""
}

// cutOrganisation returns the last part that names an organisation, and what is before it; both empty where none does.
func cutOrganisation(key string) (base, organisation string) {
	parts := strings.Split(key, ".")
	for i := len(parts) - 1; i > 0; i-- {
		if name, ok := strings.CutPrefix(parts[i], "x_"); ok && name != "" {
			return strings.Join(parts[:i], "."), parts[i]
		}
	}
	return "", ""
}

// add puts an extension below the nearest key that is known.
func (t *Taxonomy) add(index int, e Extension) []Problem {
	above := t.above(e.Key)
	term := Term{Key: e.Key, Title: e.Title, Description: e.Description, Class: max(above.Class, e.Class), Reveals: above.Reveals}
	problem := Problem{Index: index, Part: PartClass}
	switch {
	case e.Class > None && !IsPersonal(e.Key):
		term.Class = None
		problem.Message = fmt.Sprintf("%q is of class %s and does not lie below \"user\", where personal data does", e.Key, e.Class)
		problem.Help = "drop the class, or extend a key below user"
	case e.Class != 0 && e.Class < above.Class:
		problem.Message = fmt.Sprintf("%q is of class %s, below the class %s of %q, which it extends", e.Key, e.Class, above.Class, above.Key)
		problem.Help = fmt.Sprintf("write %s, or extend another key", above.Class)
	}
	t.terms[e.Key] = term
	if problem.Message == "" {
		return nil
	}
	return []Problem{problem}
}

// reveal adds what an extension reveals, above what it inherits. The terms below inherit it in turn, since they come later.
func (t *Taxonomy) reveal(index int, e Extension) (problems []Problem) {
	reveals := slices.Concat(t.above(e.Key).Reveals, nil)
	for i, key := range e.Reveals {
		if t.terms[key].Class < Special {
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
