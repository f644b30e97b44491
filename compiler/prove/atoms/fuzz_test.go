package atoms

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are patterns, one a line as parse reads them, and a string.
var seeds = [][2]string{
	{"=/v1\n^/v1/\n$/address\n*", "/v1/me/address"},
	{"{/v1/{*}\n{/v1/{**}\n^/v1/", "/v1/|"},
	{"{/store/{**}/cart\n=/store//cart", "/store//cart"},
	{"{/a/{*}/b/{**}\n{/{*}/{*}/{*}\n{/a/*", "/a/a=b/b/"},
	{"i=Shop.Example\ni^shop\ni$:80", "shop.example:80"},
	{"~cluster.local\n=spiffe://cluster.local/ns/shop/sa/checkout\n*", "spiffe://cluster.local/ns/shop/sa/checkout"},
	{"=GET\n^P\n$T", "POST"},
	{"^\n$\n=\n*", ""},
	{"{{*}*\n{*{*}\n{{**}*\n{***", "0"}, // Envoy sees the stars of neighbours as one run
}

// parse reads one pattern a line: its kind, then its text.
func parse(lines string) []written {
	var set []written
	for line := range strings.Lines(lines) {
		line, fold := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "i")
		if line == "" {
			continue
		}
		kind, text := line[0], line[1:]
		quoted := regexp.QuoteMeta(text)
		var w written
		switch kind {
		case '=':
			w = written{Exact(text), quoted}
		case '^':
			w = written{Prefix(text), quoted + ".*"}
		case '$':
			w = written{Suffix(text), ".*" + quoted}
		case '*':
			w = written{Present(), ".+"}
		case '{':
			operators := strings.NewReplacer(`\*\*`, slashClass+"*", `\*`, pcharClass+"+")
			w, fold = written{Template(text), operators.Replace(regexp.QuoteMeta(stars.Replace(text)))}, false
		case '~':
			expr := "spiffe://.+" + quoted + "(/.+|)a?"
			w, fold = written{Regexp(expr, text), expr}, false
		default:
			continue
		}
		if fold {
			w.pattern = w.pattern.FoldCase()
			w.regexp = "(?i:" + w.regexp + ")"
		}
		set = append(set, w)
	}
	return set
}

// comparable reports whether Go's regexp reads the text as Envoy does: it takes a broken character for U+FFFD, and folds the case
// of letters beyond ASCII.
func comparable(text string) bool {
	beyond := strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
	return utf8.ValidString(text) && !strings.ContainsRune(text, utf8.RuneError) && (!beyond || !strings.Contains(text, "i"))
}

func FuzzMatch(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, lines, s string) {
		if !comparable(lines) || !comparable(s) || strings.Contains(s, "\n") || len(lines)+len(s) > 200 {
			t.Skip()
		}
		for _, w := range parse(lines) {
			if got := w.pattern.Match(s); got != w.match(s) {
				t.Errorf("%v, as %s, matches %q: %v", w.pattern, w.regexp, s, got)
			}
		}
	})
}

// FuzzDivide holds the automaton against Match.
func FuzzDivide(f *testing.F) {
	for i, seed := range seeds {
		f.Add(uint8(i), seed[0], seed[1])
	}
	universes := []*Universe{Path("BASE"), Path("MERGE_SLASHES"), Path("NONE"), Host(), Free(), Identity(), Method()}
	f.Fuzz(func(t *testing.T, which uint8, lines, s string) {
		if !comparable(lines) || !comparable(s) || len(lines) > 200 {
			t.Skip()
		}
		u := universes[int(which)%len(universes)]
		var patterns []Pattern
		for _, w := range parse(lines) {
			patterns = append(patterns, w.pattern)
		}
		space, err := Divide(u, patterns, 5000)
		if limit := (*LimitError)(nil); errors.As(err, &limit) {
			if len(limit.Patterns) == 0 {
				t.Error("nothing is to blame")
			}
			return
		}
		same := func(atom int, s string) bool {
			for _, p := range patterns {
				if space.Set(p).Has(atom) != p.Match(s) {
					return false
				}
			}
			return true
		}
		atoms := 0
		for atom, w := range space.Witness {
			if !u.Contains(w) || !same(atom, w) {
				t.Errorf("%q is no witness of atom %d", w, atom)
			}
			if same(atom, s) {
				atoms++
				if u.Contains(s) && u.compare(w, s) > 0 {
					t.Errorf("%q comes before the witness %q", s, w)
				}
			}
		}
		if u.Contains(s) && atoms != 1 {
			t.Errorf("%q is in %d atoms", s, atoms)
		}
	})
}
