package vocabulary

import (
	"fmt"
	"strings"
	"testing"
)

// The smallest tables that can be read, each with room for what a case adds.
const (
	header  = "table: {name: x, title: X, version: '1', asOf: '2026-01-01', sources: [nowhere]}\n"
	term    = header + "terms: [{key: a, title: A, text: B., class: special}, {key: a.b, title: C, text: D.}%s]\nmoved: {old: a.b%s}\n"
	code    = header + "codes: [{id: A1, article: Art. 1, title: A, text: B., fides: C%s}%s]\n"
	country = header + "eea: [NL%s]\ncountries: {NL: Netherlands%s}\norganisations: {EPO: Patents%s}\n"
	ruling  = header + "decisions: [{code: CH, extent: full, scope: all, source: list%s}]\n"
)

// TestAMalformedTablePanics: what is wrong with a table is our mistake, and must not be read as less than it says.
func TestAMalformedTablePanics(t *testing.T) {
	t.Parallel()
	taxonomy := func(text string) { readTaxonomy("x", []byte(text)) }
	codes := func(text string) { readCodes("x", []byte(text)) }
	mechanisms := func(text string) { readCodes("mechanisms", []byte(text)) }
	places := func(text string) { readPlaces("x", []byte(text)) }
	decisions := func(text string) { readDecisions("x", []byte(text)) }
	for _, c := range []struct {
		read func(string)
		text string
		why  string // "" where it can be read
	}{
		{taxonomy, fmt.Sprintf(term, "", ""), ""},
		{taxonomy, fmt.Sprintf(term, "", "") + "colour: red\n", "colour"},
		{taxonomy, fmt.Sprintf(term, "", "") + "table: {name: y}\n", "table"},
		{taxonomy, "terms: a", "x.yaml"},
		{taxonomy, "terms: {", "x.yaml"},
		{taxonomy, "", "x.yaml"},
		{taxonomy, header + "---\n" + header, "more than one document"},
		{taxonomy, fmt.Sprintf(term, ", {key: B, title: T, text: T.}", ""), `"B" is not a key`},
		{taxonomy, fmt.Sprintf(term, ", {key: a.b, title: T, text: T.}", ""), `"a.b" stands twice`},
		{taxonomy, fmt.Sprintf(term, ", {key: b, text: T.}", ""), `"b" says nothing`},
		{taxonomy, fmt.Sprintf(term, ", {key: b, title: T}", ""), `"b" says nothing`},
		{taxonomy, fmt.Sprintf(term, ", {key: b.c, title: T, text: T.}", ""), `"b.c" stands before`},
		{taxonomy, fmt.Sprintf(term, ", {key: a.x_y.z, title: T, text: T.}", ""), ""},
		{taxonomy, fmt.Sprintf(term, ", {key: a.c, title: T, text: T., class: worse}", ""), `"a.c" cannot have the class "worse"`},
		{taxonomy, fmt.Sprintf(term, ", {key: a.c, title: T, text: T., class: personal}", ""), `"a.c" cannot have the class "personal"`},
		{taxonomy, fmt.Sprintf(term, ", {key: a.c, title: T, text: T., class: special}", ""), "need not say it"},
		{taxonomy, fmt.Sprintf(term, ", {key: b, title: T, text: T., reveals: [c]}", ""), `"b" cannot reveal "c"`},
		{taxonomy, fmt.Sprintf(term, ", {key: b, title: T, text: T., reveals: [b]}", ""), `"b" cannot reveal "b"`},
		{taxonomy, fmt.Sprintf(term, "", ", older: c"), `"older" cannot have moved to "c"`},
		{taxonomy, fmt.Sprintf(term, "", ", older: old"), `"older" cannot have moved to "old"`},
		{taxonomy, fmt.Sprintf(term, "", ", a: a.b"), `"a" cannot have moved`},
		{codes, fmt.Sprintf(code, "", ""), ""},
		{codes, fmt.Sprintf(code, ", aliases: [A1]", ""), `"A1" stands twice`},
		{codes, fmt.Sprintf(code, ", aliases: [a]", ", {id: A2, aliases: [a], article: Art. 2, title: D, text: E., fides: F}"), `"a" stands twice`},
		{codes, fmt.Sprintf(code, "", ", {id: A2, title: D, text: E., fides: F}"), "A2 says too little"},
		{codes, fmt.Sprintf(code, "", ", {id: A2, article: Art. 2, text: E., fides: F}"), "A2 says too little"},
		{codes, fmt.Sprintf(code, "", ", {id: A2, article: Art. 2, title: D, fides: F}"), "A2 says too little"},
		{codes, fmt.Sprintf(code, "", ", {id: A2, article: Art. 2, title: D, text: E.}"), "A2 says too little"},
		{codes, fmt.Sprintf(code, ", kind: adequacy", ""), `A1 is of kind "adequacy"`},
		{mechanisms, fmt.Sprintf(code, ", kind: adequacy", ""), ""},
		{mechanisms, fmt.Sprintf(code, "", ""), `A1 is of kind ""`},
		{mechanisms, fmt.Sprintf(code, ", kind: hope", ""), `"hope" is no kind`},
		{codes, fmt.Sprintf(code, ", needs: [luck]", ""), `"luck" is no evidence`},
		{codes, fmt.Sprintf(code, ", base: A0", ""), "A1 refines A0"},
		{codes, fmt.Sprintf(code, ", aliases: [a], base: a", ""), "A1 refines a"},
		{places, fmt.Sprintf(country, "", "", ""), ""},
		{places, fmt.Sprintf(country, "", ", nl: Netherlands", ""), `"nl" is no code`},
		{places, fmt.Sprintf(country, "", ", NLD: Netherlands", ""), `"NLD" is no code`},
		{places, fmt.Sprintf(country, "", ", BE:", ""), `"BE" is no code`},
		{places, fmt.Sprintf(country, "", "", ", NL: Netherlands"), `"NL" stands twice`},
		{places, fmt.Sprintf(country, "", "", ", UN:"), `"UN" stands twice, or for nothing`},
		{places, fmt.Sprintf(country, ", BE", "", ""), `the EEA has "BE"`},
		{places, fmt.Sprintf(country, ", EPO", "", ""), `the EEA has "EPO"`},
		{decisions, fmt.Sprintf(ruling, ", validFrom: '2026-01-01'"), ""},
		{decisions, strings.Replace(fmt.Sprintf(ruling, ""), "full", "half", 1), `"half" is no extent`},
		{decisions, strings.Replace(fmt.Sprintf(ruling, ""), "scope: all, ", "", 1), `"CH" says too little`},
		{decisions, strings.Replace(fmt.Sprintf(ruling, ""), ", source: list", "", 1), `"CH" says too little`},
		{decisions, strings.Replace(fmt.Sprintf(ruling, ""), "CH", "XX", 1), `"XX" is no place`},
		{decisions, fmt.Sprintf(ruling, ", notFrom: [XX]"), `"XX" is no place`},
		{decisions, fmt.Sprintf(ruling, ", validFrom: soon"), `"soon" is no day`},
		{decisions, fmt.Sprintf(ruling, ", validTo: '2026-02-30'"), `"2026-02-30" is no day`},
	} {
		if got := panicOf(func() { c.read(c.text) }); (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("reading %s\npanics with %q, want %q", c.text, got, c.why)
		}
	}
}

// panicOf returns what f panics with, "" if it does not.
func panicOf(f func()) (said string) {
	defer func() {
		if r := recover(); r != nil {
			said = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

func TestATaxonomyIsReadInOrder(t *testing.T) {
	t.Parallel()
	taxonomy := readTaxonomy("x", fmt.Appendf(nil, term, ", {key: b, title: T, text: T., reveals: [a.b]}, {key: b.c, title: U, text: U., reveals: [a, a.b]}", ""))
	if got, _ := taxonomy.Find("b.c"); strings.Join(got.Reveals, " ") != "a a.b" {
		t.Errorf("b.c reveals %q", got.Reveals)
	}
}
