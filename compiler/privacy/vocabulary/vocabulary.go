// Package vocabulary holds the words in which documents speak of personal data, as dated tables of data: what is processed, why and
// whose it is (the keys of fideslang 3.1), on which ground of the GDPR (the codes of the W3C's Data Privacy Vocabulary), and which
// countries are how safe for it.
//
// The tables are the *.yaml files beside this page. Each names its version, the day it was last held against its sources, and
// those sources; NOTICE says whose work they rest on. The keys are theirs, every description is ours. The package knows nothing of
// documents: it takes keys, codes and days, and answers.
package vocabulary

import (
	"fmt"
	"slices"
	"strings"
)

// Class is how sensitive a category of data is. A greater class asks for more care.
type Class int

// The zero Class is none of them: nothing was said.
const (
	None     Class = iota + 1 // no personal data
	Personal                  // Art. 4(1) GDPR
	Elevated                  // personal, and does more harm in the wrong hands: payment, credentials, precise location
	Special                   // Art. 9(1) GDPR
	Criminal                  // Art. 10 GDPR
)

var classNames = []string{None: "none", Personal: "personal", Elevated: "elevated", Special: "special", Criminal: "criminal"}

// String returns the word that documents use.
func (c Class) String() string {
	if c < None || c > Criminal {
		return fmt.Sprintf("Class(%d)", int(c))
	}
	return classNames[c]
}

// ParseClass returns the Class of a word.
func ParseClass(word string) (Class, bool) {
	i := slices.Index(classNames, word)
	return Class(i), i >= int(None)
}

// Classes returns the words that ParseClass takes, from the least sensitive to the most.
func Classes() []string { return slices.Clone(classNames[None:]) }

// Covers says whether whoever has wide has narrow too: they are equal, or narrow lies below wide at a dot.
func Covers(wide, narrow string) bool {
	rest, ok := strings.CutPrefix(narrow, wide)
	return ok && (rest == "" || rest[0] == '.')
}

// Overlap says whether one of the two covers the other: a rule that forbids one must ask about the other.
func Overlap(a, b string) bool { return Covers(a, b) || Covers(b, a) }

// IsPersonal says whether a category is of personal data: it lies at or below "user".
func IsPersonal(category string) bool { return Covers("user", category) }

// Minimal returns the keys, sorted and each once, without those that another one covers.
func Minimal(keys []string) []string {
	sorted := slices.Compact(slices.SortedFunc(slices.Values(keys), byParts))
	var kept []string
	for _, key := range sorted {
		// What covers a key comes before it, and between the two lies only what it covers as well.
		if len(kept) == 0 || !Covers(kept[len(kept)-1], key) {
			kept = append(kept, key)
		}
	}
	slices.Sort(kept)
	return kept
}

// CoveredBy returns those of keys that none of by covers: nothing, if by suffices. They are minimal.
func CoveredBy(keys, by []string) (rest []string) {
	for _, key := range keys {
		if !slices.ContainsFunc(by, func(wide string) bool { return Covers(wide, key) }) {
			rest = append(rest, key)
		}
	}
	return Minimal(rest)
}

// Both returns what lies in both: of any two keys that overlap the narrower one. They are minimal.
func Both(a, b []string) []string {
	var all []string
	for _, x := range a {
		for _, y := range b {
			switch {
			case Covers(x, y):
				all = append(all, y)
			case Covers(y, x):
				all = append(all, x)
			}
		}
	}
	return Minimal(all)
}

// byParts orders keys part by part, so that all that a key covers follows it at once: in the order of bytes, a key such as
// "user-x" would stand between "user" and "user.name".
func byParts(a, b string) int {
	for a != "" && b != "" {
		var first, other string
		first, a, _ = strings.Cut(a, ".")
		other, b, _ = strings.Cut(b, ".")
		if order := strings.Compare(first, other); order != 0 {
			return order
		}
	}
	return strings.Compare(a, b)
}

// parent returns the key above, "" for a root.
func parent(key string) string {
	return key[:max(strings.LastIndexByte(key, '.'), 0)]
}
