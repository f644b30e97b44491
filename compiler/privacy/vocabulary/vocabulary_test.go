package vocabulary

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// keysOf draws few keys of few parts, so that many cover each other. One part begins like another, and one holds a byte that sorts
// before the dot: what documents say is not yet known to be a key.
var keysOf = rapid.SliceOfN(rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "ab", "a-b", "c"}), 1, 4),
	func(parts []string) string { return strings.Join(parts, ".") }), 0, 8)

func TestCoversAtADot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{"user", "user", true},
		{"user", "user.name", true},
		{"user", "user.name.first", true},
		{"user.name", "user", false},
		{"user.name", "user.names", false},
		{"user.device.cookie", "user.device.cookie_id", false},
		{"use", "user.name", false},
		{"system", "user", false},
		{"user", "", false},
		{"user", ".name", false},
	} {
		if got := Covers(c.wide, c.narrow); got != c.want {
			t.Errorf("Covers(%q, %q) = %v", c.wide, c.narrow, got)
		}
		if got, want := Overlap(c.narrow, c.wide), c.want || Covers(c.narrow, c.wide); got != want {
			t.Errorf("Overlap(%q, %q) = %v", c.narrow, c.wide, got)
		}
	}
	if !IsPersonal("user") || !IsPersonal("user.telemetry") || IsPersonal("system.operations") || IsPersonal("users") {
		t.Error("personal is what lies at or below user")
	}
}

func TestCoversIsAnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := append(keysOf.Draw(t, "keys"), "a.c", "a")
		a, b, c := rapid.SampledFrom(keys).Draw(t, "a"), rapid.SampledFrom(keys).Draw(t, "b"), rapid.SampledFrom(keys).Draw(t, "c")
		if !Covers(a, a) {
			t.Errorf("%q does not cover itself", a)
		}
		if Covers(a, b) && Covers(b, a) && a != b {
			t.Errorf("%q and %q cover each other", a, b)
		}
		if Covers(a, b) && Covers(b, c) && !Covers(a, c) {
			t.Errorf("%q covers %q, which covers %q", a, b, c)
		}
		if a != b && Covers(a, b) && !Covers(a, parent(b)) {
			t.Errorf("%q covers %q and not what is between", a, b)
		}
	})
}

func TestMinimalCoversTheSameWithNothingTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := keysOf.Draw(t, "keys")
		before := slices.Clone(keys)
		got := Minimal(keys)
		if !slices.Equal(keys, before) {
			t.Fatal("the argument was changed")
		}
		var want []string // said plainly: those that no other key covers
		for _, key := range keys {
			if !slices.ContainsFunc(keys, func(wide string) bool { return wide != key && Covers(wide, key) }) && !slices.Contains(want, key) {
				want = append(want, key)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("Minimal(%q) = %q, want %q", keys, got, want)
		}
	})
}

func TestCoveredByLeavesWhatIsNotCovered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys, by := keysOf.Draw(t, "keys"), keysOf.Draw(t, "by")
		rest := CoveredBy(keys, by)
		for _, key := range keys {
			covered := slices.ContainsFunc(by, func(wide string) bool { return Covers(wide, key) })
			left := slices.ContainsFunc(rest, func(wide string) bool { return Covers(wide, key) })
			if !covered && !left {
				t.Errorf("%q is neither covered by %q nor left in %q", key, by, rest)
			}
		}
		for _, key := range rest {
			if !slices.Contains(keys, key) || slices.ContainsFunc(by, func(wide string) bool { return Covers(wide, key) }) {
				t.Errorf("%q is left of %q without %q", key, keys, by)
			}
		}
		if again := Minimal(rest); !slices.Equal(again, rest) {
			t.Errorf("%q is not minimal", rest)
		}
		if len(CoveredBy(keys, Minimal(keys))) > 0 {
			t.Errorf("Minimal(%q) does not cover all of them", keys)
		}
	})
}

func TestClassesAreWords(t *testing.T) {
	t.Parallel()
	if got, want := strings.Join(Classes(), " "), "none personal elevated special criminal"; got != want {
		t.Errorf("the classes are %s, want %s", got, want)
	}
	for i, word := range Classes() {
		c, ok := ParseClass(word)
		if !ok || c.String() != word || c != Class(i+1) {
			t.Errorf("%q is read as %v, %v", word, c, ok)
		}
	}
	for _, word := range []string{"", "Special", "Class(0)"} {
		if c, ok := ParseClass(word); ok {
			t.Errorf("%q is read as %v", word, c)
		}
	}
	for c, want := range map[Class]string{0: "Class(0)", -1: "Class(-1)", Criminal + 1: "Class(6)"} {
		if got := c.String(); got != want {
			t.Errorf("a class that is none is called %q, want %q", got, want)
		}
	}
}
