package model

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// ground is a kind of codes of the GDPR, as findings call it.
type ground struct {
	noun string
	find func(string) (vocabulary.Code, bool)
	all  func() []vocabulary.Code
}

var (
	legalBasis = ground{"legal basis", vocabulary.LegalBasis, vocabulary.LegalBases}
	condition  = ground{"condition of Article 9(2)", vocabulary.Condition, vocabulary.Conditions}
	mechanism  = ground{"transfer mechanism", vocabulary.Mechanism, vocabulary.Mechanisms}
)

// code is the ground that a text names, nil where none is written, or none of the name is known.
func (r *resolver) code(g ground, text syntax.Text, object, field string) *vocabulary.Code {
	if text.Value == "" {
		return nil
	}
	if code, known := g.find(text.Value); known {
		return &code
	}
	var words, names []string
	for _, c := range g.all() {
		words = append(words, c.Aliases...)
		names = append(append(names, c.ID), c.Aliases...)
	}
	r.unknownWord(g.noun, text, names, "write one of "+strings.Join(words, ", ")+", or a code of the Data Privacy Vocabulary", object, field)
	return nil
}

// country checks a country code.
func (r *resolver) country(text syntax.Text, object, field string) {
	if _, known := vocabulary.Country(text.Value); text.Value != "" && !known {
		r.unknownWord("country", text, nil, "write its code of ISO 3166-1, like NL", object, field)
	}
}

// places checks names of places: groups of countries, and countries.
func (r *resolver) places(l syntax.List[syntax.Text], object, field string) {
	for _, t := range l.Items {
		if !vocabulary.Group(t.Value) {
			r.unknownWord("place", t, nil, "write EEA, adequate, or a country's code of ISO 3166-1", object, field+"["+t.Value+"]")
		}
	}
}

// unknownWord is a finding about a word that no table has. A code of two letters is near to many others, so that no guess is made.
func (r *resolver) unknownWord(noun string, text syntax.Text, known []string, help, object, field string) {
	r.slips++
	f := diag.Finding{
		Message: fmt.Sprintf("unknown %s %q", noun, text.Value), Help: help,
		Objects: []string{object}, Field: field,
	}
	if near := diag.Nearest(text.Value, slices.Compact(slices.Sorted(slices.Values(known)))); near != "" {
		f.Help, f.Fix = fmt.Sprintf("did you mean %q?", near), rename(text, near)
	}
	r.add(UnknownTerm, text.Span, f)
}
