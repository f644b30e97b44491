// Package atoms divides the strings of one attribute of a request (its path, its method, the identity of its peer) into the
// fewest classes that no pattern of a set tells apart. Each class is an atom, with the shortest string in it as its witness; a
// pattern is then a set of atoms, and whatever is asked about all strings is asked about a few.
//
// The construction is exact: all patterns become one nondeterministic automaton, which is made deterministic sparsely, and two
// strings are in one atom exactly when they are matched by the same patterns.
package atoms

import (
	"fmt"
	"strings"
)

// Space is a universe divided by a set of patterns.
type Space struct {
	// Witness has the shortest string of each atom and, among those as short, the one of the letters that read best. Atoms stand
	// in the order of their witnesses. Neither depends on the order of the patterns.
	Witness []string

	index map[Pattern]int
	sets  []Set
	only  []int // instead of sets, the atom of each pattern or a negative number
}

// Len is the number of atoms.
func (s *Space) Len() int { return len(s.Witness) }

// Set is the atoms of the pattern, which must be one of those that the space was divided by.
func (s *Space) Set(p Pattern) Set {
	i, ok := s.index[p]
	switch {
	case !ok:
		panic(fmt.Sprintf("atoms: the space was not divided by %q", p))
	case s.only == nil:
		return s.sets[i]
	case s.only[i] < 0:
		return nil
	}
	return Only(s.only[i])
}

// LimitError says that patterns divide a universe into more states than a proof may take.
type LimitError struct {
	Limit int
	// Patterns are those to blame, in the order of their text: each goes on after a part that matches strings of any length,
	// and so has to be followed at many places at once.
	Patterns []Pattern
}

func (e *LimitError) Error() string {
	var texts []string
	for _, p := range e.Patterns {
		texts = append(texts, fmt.Sprintf("%q", p))
	}
	return fmt.Sprintf("patterns make more than %d states together: %s", e.Limit, strings.Join(texts, ", "))
}

// Divide divides the universe by the patterns, of which each may occur more than once. The limit is how many states the automaton
// may have, or fewer where very many patterns have to be followed in most of them. The error is a *LimitError.
func Divide(u *Universe, patterns []Pattern, limit int) (*Space, error) {
	s := &Space{index: make(map[Pattern]int, len(patterns))}
	distinct := make([]Pattern, 0, len(patterns))
	plain := true
	for _, p := range patterns {
		if _, had := s.index[p]; !had {
			s.index[p] = len(distinct)
			distinct = append(distinct, p)
			plain = plain && p.kind == exact && !p.fold
		}
	}
	if plain {
		s.divideExact(u, distinct)
		return s, nil
	}
	d := dividers.Get().(*divider)
	defer d.release()
	return s, d.divide(s, u, distinct, limit)
}
