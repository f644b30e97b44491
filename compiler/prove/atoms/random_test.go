package atoms

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// written is a pattern and, by a hand that knows nothing of the package, the same as one of Go's regular expressions.
type written struct {
	pattern Pattern
	regexp  string
}

func (w written) match(s string) bool {
	return regexp.MustCompile(`^(?s:` + w.regexp + `)$`).MatchString(s)
}

// world is a universe with random patterns and random strings for it, and with another opinion of what belongs to it.
type world struct {
	name     string
	universe *Universe
	has      string // a regular expression
	hasNot   string // another
	pattern  *rapid.Generator[written]
	text     *rapid.Generator[string]
}

const (
	pcharClass = `[A-Za-z0-9\-._~%!$&'()*+,;:@=]`
	slashClass = `[A-Za-z0-9\-._~%!$&'()*+,;:@=/]`
)

func worlds() []world {
	path := rapid.Custom(func(t *rapid.T) string {
		part := rapid.SampledFrom([]string{"/", "a", "b", "/a", "/b", ".", "=", "|", "%2F", "é", "*", "A"})
		return strings.Join(rapid.SliceOfN(part, 0, 7).Draw(t, "parts"), "")
	})
	word := rapid.StringOfN(rapid.SampledFrom([]rune("abAB.:*|é")), 0, 5, -1)
	method := rapid.OneOf(
		rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE", "P", "T", "get"}),
		rapid.StringOfN(rapid.SampledFrom([]rune("GETPOS-/ ")), 0, 4, -1),
	)
	identity := rapid.Custom(func(t *rapid.T) string {
		part := rapid.SampledFrom([]string{"a", "b", "ab", "ns", "sa", "cluster.local", "a/b", "", "a b", "x"})
		return "spiffe://" + part.Draw(t, "domain") + "/ns/" + part.Draw(t, "namespace") + "/sa/" + part.Draw(t, "account")
	})
	const inPath = `/[^\x00-\x20\x7f?#]*`
	return []world{
		{"NONE", Path("NONE"), inPath + `|\*`, `[^\s\S]`, rapid.OneOf(plain(path), templates()), path},
		{"BASE", Path("BASE"), inPath, `.*/\.\.?(/.*)?`, rapid.OneOf(plain(path), templates()), path},
		{"MERGE_SLASHES", Path("MERGE_SLASHES"), inPath, `.*/\.\.?(/.*)?|.*//.+|.+//.*`, rapid.OneOf(plain(path), templates()), path},
		{"method", Method(), "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+", `[^\s\S]`, plain(method), method},
		{"host", Host(), `[^\x00-\x20\x7f?#/A-Z]*`, `[^\s\S]`, rapid.OneOf(plain(word), folded(word)), word},
		{
			"identity", Identity(),
			`spiffe://[\w.\-]+/ns/[\w.\-]+/sa/[\w.\-]+`, `[^\s\S]`, rapid.OneOf(plain(identity), generated()), identity,
		},
		{"free", Free(), `[^\x00-\x08\x0a-\x1f\x7f]*`, `[^\s\S]`, rapid.OneOf(plain(word), folded(word)), word},
	}
}

func (w world) contains(s string) bool {
	return written{regexp: w.has}.match(s) && !written{regexp: w.hasNot}.match(s)
}

func plain(text *rapid.Generator[string]) *rapid.Generator[written] {
	return rapid.Custom(func(t *rapid.T) written {
		s := text.Draw(t, "text")
		cut := rapid.IntRange(0, len(s)).Draw(t, "cut")
		for cut < len(s) && s[cut]&0xc0 == 0x80 {
			cut++
		}
		return rapid.SampledFrom([]written{
			{Exact(s), regexp.QuoteMeta(s)},
			{Prefix(s[:cut]), regexp.QuoteMeta(s[:cut]) + ".*"},
			{Suffix(s[cut:]), ".*" + regexp.QuoteMeta(s[cut:])},
			{Present(), ".+"},
		}).Draw(t, "pattern")
	})
}

func folded(text *rapid.Generator[string]) *rapid.Generator[written] {
	return rapid.Custom(func(t *rapid.T) written {
		w := plain(text).Draw(t, "pattern")
		// é has another case beyond ASCII, which Envoy does not fold.
		return written{w.pattern.FoldCase(), strings.ReplaceAll("(?i:"+w.regexp+")", "é", "(?-i:é)")}
	})
}

func templates() *rapid.Generator[written] {
	return rapid.Custom(func(t *rapid.T) written {
		var w written
		text := ""
		segment := rapid.SampledFrom([]string{"a", "b", "a=", "{*}", "{*}", "{**}", "*", "**", "."})
		for _, part := range rapid.SliceOfN(segment, 1, 4).Draw(t, "segments") {
			text += "/" + part
			switch part {
			case "{*}", "*":
				part = pcharClass + "+"
			case "{**}", "**":
				part = slashClass + "*"
			default:
				part = regexp.QuoteMeta(part)
			}
			w.regexp += "/" + part
		}
		w.pattern = Template(text)
		return w
	})
}

// generated is what Istio makes of namespaces, service accounts, principals and trust domains.
func generated() *rapid.Generator[written] {
	name := rapid.SampledFrom([]string{"a", "b", "ab", "ns", "sa", "x", "cluster.local"})
	return rapid.Custom(func(t *rapid.T) written {
		a, b := regexp.QuoteMeta(name.Draw(t, "a")), regexp.QuoteMeta(name.Draw(t, "b"))
		expr := rapid.SampledFrom([]string{
			".*/ns/" + a + "/.*", ".*/ns/.*" + a + "/.*", ".*/ns/" + a + ".*/.*",
			"spiffe://.+/ns/" + a + "/(.+/|)sa/" + b + "(/.+)?",
			"spiffe://.*" + a, ".+",
			"spiffe://[^/]*" + a + "/.*", "spiffe://" + a + "[^/]*/.*",
			"spiffe://(" + a + "|" + b + "|[ax])/ns/.*",
		}).Draw(t, "expression")
		return written{Regexp(expr, expr), expr}
	})
}

func TestAtomsAgreeWithGoRegexps(t *testing.T) {
	t.Parallel()
	for _, w := range worlds() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				set := rapid.SliceOfN(w.pattern, 0, 8).Draw(t, "patterns")
				holdDivision(t, w, set, rapid.SliceOfN(w.text, 20, 20).Draw(t, "texts"))
			})
		})
	}
}

type fatal interface {
	Fatalf(format string, args ...any)
}

// holdDivision divides and holds everything that Divide promises, but for the length of witnesses, against w's opinion.
func holdDivision(t fatal, w world, set []written, texts []string) {
	var patterns []Pattern
	for _, p := range set {
		patterns = append(patterns, p.pattern)
	}
	space, err := Divide(w.universe, patterns, 1<<20)
	if err != nil {
		t.Fatalf("%v", err)
	}
	signature := func(s string) string {
		b := make([]byte, len(set))
		for i, p := range set {
			b[i] = '0'
			if p.match(s) {
				b[i] = '1'
			}
		}
		return string(b)
	}
	known := map[string]bool{}
	for atom, s := range space.Witness {
		if !w.contains(s) || !w.universe.Contains(s) {
			t.Fatalf("the witness %q is not in the universe", s)
		}
		sign := signature(s)
		if known[sign] {
			t.Fatalf("two atoms are alike, one of them %q", s)
		}
		known[sign] = true
		for i, p := range set {
			if got := space.Set(p.pattern).Has(atom); got != (sign[i] == '1') {
				t.Fatalf("%q in %v: %v", s, p.regexp, got)
			}
		}
		if atom > 0 && w.universe.compare(space.Witness[atom-1], s) >= 0 {
			t.Fatalf("%q does not stand in order", s)
		}
	}
	for _, s := range texts {
		if in := w.universe.Contains(s); in != w.contains(s) {
			t.Fatalf("%q in the universe: %v", s, in)
		}
		if w.contains(s) && !known[signature(s)] {
			t.Fatalf("%q is in no atom: %s", s, signature(s))
		}
	}
	slices.Reverse(patterns)
	again, err := Divide(w.universe, patterns, 1<<20)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !slices.Equal(space.Witness, again.Witness) {
		t.Fatalf("in another order %q, not %q", again.Witness, space.Witness)
	}
	for _, p := range patterns {
		if !again.Set(p).Equal(space.Set(p)) {
			t.Fatalf("in another order %v has other atoms", p)
		}
	}
}

func TestMatchAgreesWithGoRegexps(t *testing.T) {
	t.Parallel()
	for _, w := range worlds() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				p, s := w.pattern.Draw(t, "pattern"), w.text.Draw(t, "text")
				if p.pattern.Match(s) != p.match(s) {
					t.Fatalf("%v matches %q: %v", p.pattern, s, p.pattern.Match(s))
				}
			})
		})
	}
}

// TestWitnessesAreTheFirst holds witnesses against all strings of a small universe up to a length, in their order.
func TestWitnessesAreTheFirst(t *testing.T) {
	t.Parallel()
	const alphabet, longest = "ab./|", 5 // in the order of ranks
	u := newUniverse("", func(state int, b byte) int {
		if strings.IndexByte(alphabet, b) < 0 || state == 1 && b == '/' {
			return -1
		}
		if b == '/' {
			return 1
		}
		return 0
	}, func(int) bool { return true })
	all := []string{""}
	for from, n := 0, 0; n < longest; n++ {
		to := len(all)
		for ; from < to; from++ {
			for _, b := range alphabet {
				if s := all[from] + string(b); u.Contains(s) {
					all = append(all, s)
				}
			}
		}
	}
	text := rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, 4, -1)
	pattern := rapid.OneOf(plain(text), templates())
	rapid.Check(t, func(t *rapid.T) {
		var patterns []Pattern
		for _, w := range rapid.SliceOfN(pattern, 0, 6).Draw(t, "patterns") {
			patterns = append(patterns, w.pattern)
		}
		space, err := Divide(u, patterns, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		seen := map[string]bool{}
		for _, s := range all {
			sign := ""
			for _, p := range patterns {
				sign += map[bool]string{true: "1", false: "0"}[p.Match(s)]
			}
			if !seen[sign] {
				seen[sign] = true
				want = append(want, s)
			}
		}
		got := space.Witness
		for len(got) > 0 && len(got[len(got)-1]) > longest {
			got = got[:len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("witnesses are %q, want %q", got, want)
		}
	})
}

func TestExactStringsNeedNoAutomaton(t *testing.T) {
	t.Parallel()
	for _, w := range worlds() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				var patterns []Pattern
				for _, s := range rapid.SliceOfDistinct(w.text, rapid.ID[string]).Draw(t, "texts") {
					patterns = append(patterns, Exact(s))
				}
				quick, err := Divide(w.universe, patterns, 0)
				if err != nil {
					t.Fatal(err)
				}
				slow := &Space{index: quick.index}
				if err := new(divider).divide(slow, w.universe, patterns, 1<<20); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(quick.Witness, slow.Witness) {
					t.Fatalf("witnesses are %q, by the automaton %q", quick.Witness, slow.Witness)
				}
				for _, p := range patterns {
					if !quick.Set(p).Equal(slow.Set(p)) {
						t.Fatalf("%v is %v, by the automaton %v", p, quick.Set(p), slow.Set(p))
					}
				}
			})
		})
	}
}
