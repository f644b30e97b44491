package atoms

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSetsAreSets holds the operations against maps, also between sets of different lengths.
func TestSetsAreSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "n")
		draw := func(label string) (Set, map[int]bool) {
			var s Set
			m := map[int]bool{}
			if n > 0 {
				for _, atom := range rapid.SliceOf(rapid.IntRange(0, n-1)).Draw(t, label) {
					s, m[atom] = s.Or(Only(atom)), true
				}
			}
			return s, m
		}
		a, inA := draw("a")
		b, inB := draw("b")
		before, beforeB := slices.Clone(a), slices.Clone(b)
		for name, c := range map[string]struct {
			got  Set
			want func(int) bool
		}{
			"a":      {a, func(i int) bool { return inA[i] }},
			"and":    {a.And(b), func(i int) bool { return inA[i] && inB[i] }},
			"or":     {a.Or(b), func(i int) bool { return inA[i] || inB[i] }},
			"andnot": {a.AndNot(b), func(i int) bool { return inA[i] && !inB[i] }},
			"not":    {a.Not(n), func(i int) bool { return !inA[i] }},
			"all":    {All(n), func(int) bool { return true }},
			"none":   {nil, func(int) bool { return false }},
		} {
			var want []int
			for i := range n {
				if c.want(i) {
					want = append(want, i)
				}
				if c.got.Has(i) != c.want(i) {
					t.Fatalf("%s has %d: %v", name, i, c.got.Has(i))
				}
			}
			if got := slices.Collect(c.got.All()); !slices.Equal(got, want) {
				t.Fatalf("%s is %v, want %v", name, got, want)
			}
			if c.got.Count() != len(want) || c.got.Empty() != (len(want) == 0) || c.got.Has(n+64) {
				t.Fatalf("%s: %d of %d", name, c.got.Count(), len(want))
			}
		}
		if a.Equal(b) != maps.Equal(inA, inB) || b.Equal(a) != a.Equal(b) || !a.Equal(append(slices.Clone(a), 0)) {
			t.Fatalf("%v equals %v: %v", a, b, a.Equal(b))
		}
		if !slices.Equal(a, before) || !slices.Equal(b, beforeB) {
			t.Fatal("an operation changed its operands")
		}
	})
}

func TestWalkOfASetEndsEarly(t *testing.T) {
	t.Parallel()
	for atom := range All(100).All() {
		if atom == 70 {
			return
		}
	}
	t.Error("atom 70 was not met")
}
