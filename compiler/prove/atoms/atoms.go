// Package atoms divides the strings of one attribute of a request (its path, its method, the identity of its peer) into the
// fewest classes that no pattern of a set tells apart. Each class is an atom, with the shortest string in it as its witness; a
// pattern is then a set of atoms, and whatever is asked about all strings is asked about a few.
//
// The construction is exact: all patterns become one nondeterministic automaton, which is made deterministic sparsely, and two
// strings are in one atom exactly when they are matched by the same patterns.
package atoms

// Universe says which strings an attribute can have at all, as a small deterministic automaton: a proxy never compares a path
// that does not begin with a slash, and none with two slashes in a row where it merges them. States are small numbers, and 0 is
// the start.
type Universe struct {
	// Step is the state after one more byte, or a negative number where no string of the universe goes on so.
	Step func(state int, b byte) int
	// Accepts reports whether a string that ends in the state belongs to the universe.
	Accepts func(state int) bool
}

// Pattern is a set of strings. Two patterns are equal (==) exactly when they are written alike.
type Pattern struct {
	kind kind
	text string
	fold bool
}

type kind int

// Space is a universe divided by a set of patterns.
type Space struct {
	// Witness has the shortest string of each atom, the first in the order of bytes among those as short.
	Witness []string
	sets    map[Pattern]Set
}

// Set is a set of atoms of one Space, as bits.
type Set []uint64
