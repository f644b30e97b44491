package syntax

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"
)

// written are the documents of all examples of rules and of whole compilations, good and bad, and of the findings' tests.
func written(tb testing.TB) [][]byte {
	tb.Helper()
	var all [][]byte
	for _, tt := range findings {
		all = append(all, []byte(tt.in))
	}
	for _, pattern := range []string{"../testdata/*.txtar", "../check/testdata/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			tb.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				tb.Fatal(err)
			}
			for _, f := range archive.Files {
				if isYAML(f.Name) {
					all = append(all, f.Data)
				}
			}
		}
	}
	return all
}

// rootsOf are the documents whose shape Parse would judge.
func rootsOf(data []byte) []*node {
	src := newSource("policies/a.yaml", data)
	if src.readable() != nil || src.directive() != nil {
		return nil
	}
	var roots []*node
	library, _ := readYAML(src)
	for _, root := range library {
		b := &builder{source: src}
		if n := b.build(root, nil, 0, 0); !b.opaque {
			roots = append(roots, n)
		}
	}
	return roots
}

type errorfer interface{ Errorf(string, ...any) }

// sameVerdict holds what fits says against the library, with the schema of every kind, and reports how often it is sure of
// a value that is taken. A verdict inside of another is used both ways, so one that is sure must be right both ways.
func sameVerdict(t errorfer, n *node) (taken int) {
	for kind, schema := range schemas().byKind {
		v := verdict{sure: true}
		got, want := v.takes(schema, n), schema.Validate(n.json()) == nil
		if v.sure && got != want {
			t.Errorf("%s: the verdict is %v, the library's %v, of %v", kind, got, want, n.json())
		}
		if v.sure && got {
			taken++
		}
	}
	return taken
}

func TestVerdictsAreTheLibrarys(t *testing.T) {
	documents := written(t)
	var all []*node
	taken := 0
	for _, data := range documents {
		for _, root := range rootsOf(data) {
			taken += sameVerdict(t, root)
			all = append(all, below(root)...)
		}
	}
	if taken < 100 {
		t.Errorf("only %d documents were taken", taken)
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, root := range rootsOf(rapid.SampledFrom(documents).Draw(t, "document")) {
			for range rapid.IntRange(1, 3).Draw(t, "mutations") {
				mutate(t, rapid.SampledFrom(below(root)).Draw(t, "place"), rapid.SampledFrom(all).Draw(t, "other"))
			}
			sameVerdict(t, root)
		}
	})
}

// below is the value with everything in it.
func below(n *node) []*node {
	all := []*node{n}
	for _, item := range n.items {
		all = append(all, below(item)...)
	}
	return all
}

// mutate changes the value in one of the ways in which documents go wrong.
func mutate(t *rapid.T, n, other *node) {
	if len(n.items) == 0 {
		n.kind = scalar
		n.tag = rapid.SampledFrom([]string{"!!str", "!!null", "!!bool", "!!int", "!!float", "!!timestamp"}).Draw(t, "tag")
		n.value = rapid.SampledFrom([]string{"", "a", "A", "any", "true", "0", "70000", "-1", "1.5", "1e3", "0x10", "2027-01-01", "10.0.0.0/8", "a/b", other.value}).Draw(t, "value")
		return
	}
	i := rapid.IntRange(0, len(n.items)-1).Draw(t, "item")
	switch {
	case rapid.Bool().Draw(t, "replace"):
		n.items[i] = copied(other)
	case n.kind == sequence:
		n.items = append(n.items, n.items[i])
	case other.kind == scalar && rapid.Bool().Draw(t, "rename"):
		if _, has := n.index[other.value]; !has {
			delete(n.index, n.keys[i].value)
			n.keys[i] = other
			n.index[other.value] = i
		}
	default: // without the last field
		last := len(n.items) - 1
		delete(n.index, n.keys[last].value)
		n.keys, n.items = n.keys[:last], n.items[:last]
	}
}

// copied is the value for another place: no value may come to lie in itself.
func copied(n *node) *node {
	c := *n
	c.keys, c.index, c.items = slices.Clone(n.keys), maps.Clone(n.index), slices.Clone(n.items)
	for i := range c.items {
		c.items[i] = copied(c.items[i])
	}
	return &c
}

// FuzzVerdict is the same for documents that the fuzzer finds.
func FuzzVerdict(f *testing.F) {
	for _, data := range written(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, root := range rootsOf(data) {
			sameVerdict(t, root)
		}
	})
}
