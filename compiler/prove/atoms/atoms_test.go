package atoms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPatterns is each kind of pattern at its edges, for Match and for the automaton alike.
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern  Pattern
		written  string
		universe *Universe
		has, not []string
	}{
		{Exact("/v1"), "/v1", Path("BASE"), []string{"/v1"}, []string{"/v1/", "/v", "/V1", "/"}},
		{Exact("/v1/*/x"), "/v1/*/x", Path("BASE"), []string{"/v1/*/x"}, []string{"/v1/a/x"}},
		{Prefix("/v1/"), "/v1/*", Path("BASE"), []string{"/v1/", "/v1/a/b", "/v1/|", "/v1/\xff"}, []string{"/v1", "/v2/"}},
		{Suffix("/x"), "*/x", Path("BASE"), []string{"/x", "/a/x", "//x"}, []string{"/x/", "/ax", "/"}},
		{Present(), "*", Free(), []string{"a", " ", "ab"}, []string{""}},
		{Prefix(""), "*", Free(), []string{"", "a", "ab"}, nil},
		{Suffix(""), "*", Free(), []string{"", "a", "ab"}, nil},
		{Exact(""), "", Free(), []string{""}, []string{"a"}},
		{
			Template("/v1/{*}"), "/v1/{*}", Path("BASE"),
			[]string{"/v1/a", "/v1/a=b", "/v1/-._~%!$&'()*+,;:@=", "/v1/AZaz09", "/v1/...", "/v1/*"},
			[]string{"/v1/", "/v1", "/v1/a/", "/v1/a/b", "/v1/|", `/v1/a"`, "/v1/a[", "/v1/^", "/v1/é", "/v1/{*}"},
		},
		{
			Template("/v1/{**}"), "/v1/{**}", Path("BASE"),
			[]string{"/v1/", "/v1/a", "/v1/a/b", "/v1/a/", "/v1//", "/v1/a=b/c"},
			[]string{"/v1", "/v1/|", "/v1/a/|", "/v2/"},
		},
		{
			Template("/store/{**}/cart"), "/store/{**}/cart", Path("BASE"),
			[]string{"/store//cart", "/store/a/cart", "/store/a/b/cart", "/store/cart/cart"},
			[]string{"/store/cart", "/store/a|/cart", "/store/a/cart/"},
		},
		{
			Template("/{*}/a/{*}"), "/{*}/a/{*}", Path("BASE"),
			[]string{"/x/a/y", "/a/a/a"},
			[]string{"/x/a/", "//a/y", "/x/b/y", "/x/y/a/z"},
		},
		{Template("/a/**"), "/a/**", Path("BASE"), []string{"/a/", "/a/b/c"}, []string{"/a"}},
		{Template("{**}"), "{**}", Path("BASE"), []string{"/", "/a/b"}, []string{"/|"}},
		{Exact("Shop.example").FoldCase(), "Shop.example", Host(), []string{"shop.example"}, []string{"shop.example:80", "shop"}},
		{Exact("Shop").FoldCase(), "Shop", Free(), []string{"shop", "SHOP", "sHop"}, []string{"shops", "é"}},
		{Exact("AZaz09").FoldCase(), "AZaz09", Free(), []string{"azAZ09", "AZAZ09"}, []string{"AZaz"}},
		{Prefix("É[@").FoldCase(), "É[@*", Free(), []string{"É[@", "É[@a"}, []string{"é[@", "É{@", "É[`"}},
		{Suffix(":80").FoldCase(), "*:80", Host(), []string{":80", "shop:80"}, []string{"shop", ""}},
		{
			Regexp(".*/ns/.*a/.*", "*a"), "*a", Identity(),
			[]string{"spiffe://td/ns/b/sa/x", "spiffe://td/ns/a/sa/b"},
			nil,
		},
		{
			Regexp(`spiffe://.+/ns/shop/(.+/|)sa/cart(/.+)?`, "cart"), "cart", Identity(),
			[]string{"spiffe://td/ns/shop/sa/cart"},
			[]string{"spiffe://td/ns/shop/sa/carts", "spiffe://td/ns/shops/sa/cart", "spiffe://td/ns/shop/sa/a.cart"},
		},
		{
			Regexp(`spiffe://.+/ns/shop/(.+/|)sa/cart(/.+)?`, "cart"), "cart", Free(),
			[]string{"spiffe://td/ns/shop/sa/cart", "spiffe://td/ns/shop/a/sa/cart/b", "spiffe://a/b/ns/shop/sa/cart"},
			[]string{"spiffe:///ns/shop/sa/cart", "spiffe://td/ns/shop/asa/cart", "spiffe://td/ns/shop/sa/cart/", "x"},
		},
		{
			Regexp(`spiffe://a[^/]*\.b/.*`, "a*.b"), "a*.b", Free(),
			[]string{"spiffe://a.b/", "spiffe://ax.b/c/d"},
			[]string{"spiffe://a/.b/", "spiffe://axb/", "spiffe://a.b"},
		},
		{Regexp("a|b|cd?", "abc"), "abc", Free(), []string{"a", "b", "c", "cd"}, []string{"", "ab", "d"}},
	} {
		t.Run(fmt.Sprintf("%v in %q", c.pattern, c.universe.first(nil)), func(t *testing.T) {
			t.Parallel()
			if got := c.pattern.String(); got != c.written {
				t.Errorf("is written %q, want %q", got, c.written)
			}
			for i, s := range slices.Concat(c.has, c.not) {
				want := i < len(c.has)
				if got := c.pattern.Match(s); got != want {
					t.Errorf("matches %q: %v", s, got)
				}
				// Beside a pattern of another kind, so that there is an automaton.
				if got := same(t, c.universe, s, c.pattern); got != want {
					t.Errorf("has the atom of %q: %v", s, got)
				}
			}
		})
	}
}

// same reports whether the automaton finds the string, which must be one of the universe, in the pattern.
func same(t *testing.T, u *Universe, s string, p Pattern) bool {
	t.Helper()
	if !u.Contains(s) {
		t.Fatalf("%q is not in the universe", s)
	}
	space, err := Divide(u, []Pattern{p, Exact(s), Present()}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	only := space.Set(Exact(s))
	if only.Count() != 1 {
		t.Fatalf("%q is %d atoms", s, only.Count())
	}
	return !only.And(space.Set(p)).Empty()
}

func TestUniverses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		universe *Universe
		has, not []string
	}{
		{
			"NONE", Path("NONE"),
			[]string{"/", "/./a", "/..", "//", "/%2F", "*", "/é", `/\`},
			[]string{"", "a", "*a", "/ ", "/a?b", "/a#b", "/\n", "/\x7f"},
		},
		{
			"BASE", Path("BASE"),
			[]string{"/", "//", "/a//", "/...", "/.a", "/..a", "/a.", "/a..", "/%2e", "/%2F"},
			[]string{"", "*", "/.", "/..", "/a/.", "/./", "/../", "/a/../b", "/a?"},
		},
		{"default", Path(""), []string{"//", "/%2F"}, []string{"/.", "*"}},
		{"MERGE_SLASHES", Path("MERGE_SLASHES"), []string{"/", "//", "/a/b/", "/%2F/"}, []string{"///", "/a//b", "/a/.", "/a/.."}},
		{"DECODE_AND_MERGE_SLASHES", Path("DECODE_AND_MERGE_SLASHES"), []string{"/", "//", "/%2F"}, []string{"//a", "/..", "/a//"}},
		{"unknown", Path("DECODE_EVERYTHING"), []string{"//", "/.", "*"}, []string{""}},
		{"method", Method(), []string{"GET", "get", "X-1", "!#$%&'*+-.^_`|~"}, []string{"", "G T", "G/", "G(", "G\x80"}},
		{"host", Host(), []string{"", "shop:8080", "[::1]:80", "shop.example"}, []string{"Shop", "a/b", "a b", "a\t"}},
		{
			"identity", Identity(),
			[]string{"spiffe://cluster.local/ns/shop/sa/checkout", "spiffe://T_d/ns/a-b/sa/A.b"},
			[]string{
				"", "spiffe://", "spiffe:///ns/shop/sa/a", "spiffe://td/ns//sa/a", "spiffe://td/ns/shop/sa/", "spiffe://td/ns/shop/sa/a/b",
				"spiffe://td/ns/shop/a/sa/b", "spiffe://td/ns/sh op/sa/a", "cluster.local/ns/shop/sa/a", "spiffe://td/ns/*/sa/a",
			},
		},
		{"free", Free(), []string{"", "a b", "\t", "é", "/?#"}, []string{"\n", "\x00", "\x7f"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i, s := range slices.Concat(c.has, c.not) {
				if got, want := c.universe.Contains(s), i < len(c.has); got != want {
					t.Errorf("contains %q: %v", s, got)
				}
			}
		})
	}
}

func TestWitnessesReadWell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		universe *Universe
		patterns []Pattern
		want     []string
	}{
		{Path(""), nil, []string{"/"}},
		{Path(""), []Pattern{Exact("/")}, []string{"/", "/x"}},
		{Path(""), []Pattern{Template("/v1/{*}"), Template("/v1/{**}"), Prefix("/v1/")}, []string{"/", "/v1/", "/v1/x", "/v1/|"}},
		{Path("NONE"), []Pattern{Present(), Prefix("/")}, []string{"/", "*"}},
		{Method(), []Pattern{Exact("GET"), Prefix("P")}, []string{"X", "P", "GET"}},
		{Host(), []Pattern{Exact("Shop").FoldCase()}, []string{"", "shop"}},
		{
			Identity(),
			[]Pattern{Exact("spiffe://x/ns/x/sa/x"), Prefix("spiffe://y/")},
			[]string{"spiffe://x/ns/x/sa/x", "spiffe://x/ns/x/sa/y", "spiffe://y/ns/x/sa/x"},
		},
		{Identity(), []Pattern{Exact("spiffe://x/ns/x/sa/x")}, []string{"spiffe://x/ns/x/sa/x", "spiffe://x/ns/x/sa/y"}},
		{Free(), []Pattern{Present(), Prefix("")}, []string{"", "x"}},
	} {
		space, err := Divide(c.universe, c.patterns, 1000)
		if err != nil {
			t.Error(err)
		} else if !slices.Equal(space.Witness, c.want) {
			t.Errorf("%v: witnesses are %q, want %q", c.patterns, space.Witness, c.want)
		}
	}
}

func TestPatternOutsideTheUniverseHasNoAtom(t *testing.T) {
	t.Parallel()
	query, get := Exact("/v1?a=b"), Prefix("GET")
	for _, patterns := range [][]Pattern{{query, Exact("/v1")}, {query, get}} {
		space, err := Divide(Path(""), patterns, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if !space.Set(query).Empty() {
			t.Errorf("%v has %v of %q", query, space.Set(query), space.Witness)
		}
	}
}

func TestSetOfAnotherPatternPanics(t *testing.T) {
	t.Parallel()
	space, err := Divide(Path(""), []Pattern{Exact("/")}, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("there is a set for a pattern that was not asked about")
		}
	}()
	space.Set(Prefix("/"))
}

func TestExpressionsThatIstioDoesNotGeneratePanic(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{"^a", "a$", `\b`, "(a|bc)*", "(?i)a", "[^a]", "[^/]", "a.b", "a.?", "[à-ü]", "(", "a{2,}"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is read", expr)
				}
			}()
			_, _ = Divide(Free(), []Pattern{Regexp(expr, expr)}, 100)
		}()
	}
}

// TestPartsThatMayBeEmptyTwice has a beginning that is there twice, which is no other than there once.
func TestPartsThatMayBeEmptyTwice(t *testing.T) {
	t.Parallel()
	space, err := Divide(Free(), []Pattern{Regexp("()?.*", "*")}, 100)
	if err != nil || !slices.Equal(space.Witness, []string{""}) {
		t.Errorf("%q, %v", space.Witness, err)
	}
}

// TestTooManyStates has patterns of which each may hold or not, whatever the others do.
func TestTooManyStates(t *testing.T) {
	t.Parallel()
	patterns := []Pattern{Exact("/health"), Prefix("/static/"), Template("/v1/{**}")}
	var guilty []Pattern
	const n = 14
	for i := range n {
		segments := slices.Repeat([]string{"{*}"}, n+1)
		segments[i] = "a"
		guilty = append(guilty, Template("/"+strings.Join(segments, "/")))
	}
	_, err := Divide(Path(""), append(patterns, guilty...), 10_000)
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("the error is %v", err)
	}
	slices.SortFunc(guilty, func(a, b Pattern) int { return strings.Compare(a.String(), b.String()) })
	if !slices.Equal(limit.Patterns, guilty) || limit.Limit != 10_000 {
		t.Errorf("%d: blamed are %v", limit.Limit, limit.Patterns)
	}
	if want := `patterns make more than 10000 states together: "/a/{*}/{*}`; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error says %q", err)
	}
	// The memory of a division that failed is used again.
	space, err := Divide(Path(""), []Pattern{Prefix("/a")}, 10)
	if err != nil || !slices.Equal(space.Witness, []string{"/", "/a"}) {
		t.Errorf("afterwards %v, %v", space, err)
	}
}

// TestStatesOfManyPlacesCountForMore has few states, most of which are on the way that a thousand patterns go together.
func TestStatesOfManyPlacesCountForMore(t *testing.T) {
	t.Parallel()
	shared := strings.Repeat("/shared", 120)
	var patterns []Pattern
	for i := range 1000 {
		patterns = append(patterns, Prefix(fmt.Sprint(shared, i)))
	}
	if _, err := Divide(Path(""), patterns, 20_000); err != nil {
		t.Error(err)
	}
	var limit *LimitError
	if _, err := Divide(Path(""), patterns, 8000); !errors.As(err, &limit) {
		t.Errorf("the error is %v", err)
	}
	d := &divider{}
	if err := d.divide(&Space{}, Path(""), patterns, 20_000); err != nil || d.states.len() > 8000 {
		t.Errorf("there are %d states, %v", d.states.len(), err)
	}
}

func TestWhereNothingMultipliesAllAreToBlame(t *testing.T) {
	t.Parallel()
	_, err := Divide(Path(""), []Pattern{Prefix("/b"), Prefix("/a")}, 2)
	var limit *LimitError
	if !errors.As(err, &limit) || !slices.Equal(limit.Patterns, []Pattern{Prefix("/a"), Prefix("/b")}) {
		t.Errorf("the error is %v", err)
	}
}

// TestManyAtoms has more atoms than one word of a set, and more states than the first table of states.
func TestManyAtoms(t *testing.T) {
	t.Parallel()
	var patterns []Pattern
	for i := range 300 {
		patterns = append(patterns, Prefix(fmt.Sprintf("/v1/%03d/", i)), Exact(fmt.Sprintf("/v1/%03d/me", i)))
	}
	space, err := Divide(Path(""), patterns, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if space.Len() != 601 {
		t.Fatalf("there are %d atoms", space.Len())
	}
	for i := 0; i < len(patterns); i += 2 {
		all, me := space.Set(patterns[i]), space.Set(patterns[i+1])
		if all.Count() != 2 || me.Count() != 1 || !me.AndNot(all).Empty() {
			t.Fatalf("%v is %v, %v is %v", patterns[i], all, patterns[i+1], me)
		}
		for atom := range all.All() {
			if !patterns[i].Match(space.Witness[atom]) {
				t.Fatalf("%v has %q", patterns[i], space.Witness[atom])
			}
		}
	}
}

// typical is what a service is asked for, all below one path.
func typical() []Pattern {
	var patterns []Pattern
	for _, s := range []string{
		"", "/{*}", "/{*}/address", "/{*}/orders", "/{*}/orders/{*}", "/search", "/{*}/orders/{*}/items", "/{**}", "/me", "/me/address",
		"/{*}/payments", "/export/{**}",
	} {
		p := Exact("/api/customers/v1" + s)
		if strings.Contains(s, "{") {
			p = Template("/api/customers/v1" + s)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

func BenchmarkDividePaths(b *testing.B) {
	b.ReportAllocs()
	patterns := typical()
	for b.Loop() {
		if _, err := Divide(Path(""), patterns, 200_000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDivideMethods(b *testing.B) {
	b.ReportAllocs()
	patterns := []Pattern{Exact("GET"), Exact("POST"), Exact("PUT"), Exact("DELETE")}
	for b.Loop() {
		if _, err := Divide(Method(), patterns, 200_000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDivideCallers(b *testing.B) {
	b.ReportAllocs()
	var patterns []Pattern
	for i := range 2000 {
		patterns = append(patterns, Exact(fmt.Sprintf("spiffe://cluster.local/ns/team-%d/sa/service-%d", i%50, i)))
	}
	for _, more := range [][]Pattern{nil, {Regexp(".*/ns/team-1/.*", "team-1")}} {
		all := append(slices.Clone(patterns), more...)
		b.Run(fmt.Sprintf("%d", len(all)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Divide(Identity(), all, 200_000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
