package model

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/prove/atoms"
)

func patternsOf(t testing.TB, texts ...string) []Pattern {
	t.Helper()
	var all []Pattern
	for _, text := range texts {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestExample(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		all, none string
		want      string // "" for none
	}{
		{"/cart", "", "/cart"},
		{"/cart", "/cart", ""},
		{"/cart/{id}", "/cart/x", "/cart/xx"},
		{"/cart/{id}", "/cart/{other}", ""},
		{"/cart/{id}", "/cart/{rest...}", ""},
		{"/cart/{rest...}", "/cart/{id}", "/cart/"},
		{"/cart/{rest...}", "/cart/{id} /cart/", "/cart/x/x"},
		{"/{rest...}", "/ /{a} /{a}/{b...}", ""},
		{"/{a}/b /a/{b}", "", "/a/b"},
		{"/{a}/b /a/{b}", "/a/b", ""},
		{"/a /b", "", ""},
		{"/{a}", "/x", "/xx"},
	} {
		path, ok := Example(patternsOf(t, strings.Fields(c.all)...), patternsOf(t, strings.Fields(c.none)...))
		if path != c.want || ok != (c.want != "") {
			t.Errorf("all of %s and none of %s: %q, %v; want %q", c.all, c.none, path, ok, c.want)
		}
	}
}

// matches decides for one path, by the words of the language: the slow way that Example is held against.
func matches(p Pattern, path string) bool {
	parts := strings.Split(path[1:], "/")
	for i, s := range p.segments {
		switch {
		case s.kind == rest:
			return i < len(parts)
		case i >= len(parts):
			return false
		case s.kind == one && parts[i] == "", s.kind == literal && s.literal != parts[i]:
			return false
		}
	}
	return len(parts) == len(p.segments)
}

// TestExampleIsTrueAndComplete: what Example finds matches as it should, and what it does not find, a search through every path
// of a small alphabet does not find either.
func TestExampleIsTrueAndComplete(t *testing.T) {
	t.Parallel()
	paths := []string{}
	var grow func(path string, depth int)
	grow = func(path string, depth int) {
		for _, s := range []string{"a", "b", "c"} {
			paths = append(paths, path+"/"+s)
			if depth > 1 {
				grow(path+"/"+s, depth-1)
			}
		}
		paths = append(paths, path+"/")
	}
	grow("", 4)
	segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "{x}"}), 1, 3)
	pattern := rapid.Custom(func(t *rapid.T) Pattern {
		text := "/" + strings.Join(segments.Draw(t, "segments"), "/") + rapid.SampledFrom([]string{"", "", "/", "/{rest...}"}).Draw(t, "end")
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
	holds := func(all, none []Pattern, path string) bool {
		for _, p := range all {
			if !matches(p, path) {
				return false
			}
		}
		for _, p := range none {
			if matches(p, path) {
				return false
			}
		}
		return true
	}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(pattern, 1, 2).Draw(t, "all")
		none := rapid.SliceOfN(pattern, 0, 4).Draw(t, "none")
		path, ok := Example(all, none)
		if ok && !holds(all, none, path) {
			t.Fatalf("%q is no example", path)
		}
		for _, p := range paths {
			if holds(all, none, p) && (!ok || strings.Count(p, "/") < strings.Count(path, "/")) {
				t.Fatalf("%q is an example, and %q, %v was found", p, path, ok)
			}
		}
	})
}

// TestExampleAgreesWithTheAtoms: the automaton of the proof, which knows nothing of segments, finds a class of strings exactly
// where there is an example.
func TestExampleAgreesWithTheAtoms(t *testing.T) {
	t.Parallel()
	segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "{x}", "{y}"}), 1, 4)
	pattern := rapid.Custom(func(t *rapid.T) Pattern {
		text := "/" + strings.Join(segments.Draw(t, "segments"), "/") + rapid.SampledFrom([]string{"", "", "/", "/{rest...}"}).Draw(t, "end")
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
	universe := atoms.Path("MERGE_SLASHES")
	atom := func(p Pattern) atoms.Pattern {
		if strings.Contains(p.Istio(), "{") {
			return atoms.Template(p.Istio())
		}
		return atoms.Exact(p.Istio())
	}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(pattern, 1, 3).Draw(t, "all")
		none := rapid.SliceOfN(pattern, 0, 6).Draw(t, "none")
		var patterns []atoms.Pattern
		for _, p := range append(all[:len(all):len(all)], none...) {
			patterns = append(patterns, atom(p))
		}
		space, err := atoms.Divide(universe, patterns, 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		left := atoms.All(space.Len())
		for i, p := range patterns {
			if i < len(all) {
				left = left.And(space.Set(p))
			} else {
				left = left.AndNot(space.Set(p))
			}
		}
		if path, ok := Example(all, none); ok == left.Empty() {
			t.Fatalf("there is %q, %v, and the atoms left are empty: %v", path, ok, left.Empty())
		}
	})
}
