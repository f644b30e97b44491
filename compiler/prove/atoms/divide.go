package atoms

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// dividers keeps the memory of divisions, of which a build makes thousands.
var dividers = sync.Pool{New: func() any { return &divider{} }}

// usual is how many places a state may follow patterns at, on average, before it counts as more than one: memory is what the
// limit is about.
const usual = 64

type divider struct {
	program
	start []uint32
	// states are the deterministic states that were met: that of the universe, then the sorted ones of the program. matches are
	// the sets of patterns that atoms match.
	states, matches interner
	from            []origin
	next            []uint32
	mark            []uint32 // by state of the program, the turn in which it was last put into next
	turn            uint32
}

// origin is how a state was first reached, which is by a shortest string.
type origin struct {
	state uint32
	byte  byte
}

func (d *divider) release() {
	// What one huge division took is not kept for many small ones.
	if cap(d.states.data) < 1<<18 && cap(d.steps) < 1<<18 {
		dividers.Put(d)
	}
}

// divide makes the deterministic states in the order of breadth, and bytes by rank, so that each state and each atom is first met
// with its witness.
func (d *divider) divide(s *Space, u *Universe, patterns []Pattern, limit int) error {
	d.prepare(u, patterns)
	d.reach(append(append(d.next[:0], 0), d.start...), origin{})
	for id := 0; id < d.states.len(); id++ {
		if max(d.states.len(), len(d.states.data)/usual) > limit {
			return &LimitError{limit, d.blame(patterns, id)}
		}
		key := d.states.get(id)
		state, set := key[0], key[1:]
		matched := 0
		for matched < len(set) && set[matched] < uint32(d.patterns) {
			matched++
		}
		if u.accepts[state] {
			if d.matches.intern(set[:matched]) {
				s.Witness = append(s.Witness, d.witness(id))
			}
		}
		d.expand(uint32(id), state, set[matched:])
	}
	d.fill(s, len(patterns))
	return nil
}

func (d *divider) prepare(u *Universe, patterns []Pattern) {
	d.begin(u, len(patterns))
	d.states.reset()
	d.matches.reset()
	d.from, d.start = d.from[:0], d.start[:0]
	for i, p := range patterns {
		d.start = append(d.start, d.compile(p, uint32(i))...)
	}
	slices.Sort(d.start)
	d.start = slices.Compact(d.start)
	if n := len(patterns) + len(d.steps); cap(d.mark) < n {
		d.mark, d.turn = make([]uint32, n), 0
	} else {
		d.mark = d.mark[:cap(d.mark)]
	}
}

func (d *divider) reach(key []uint32, from origin) {
	if d.states.intern(key) {
		d.from = append(d.from, from)
	}
	d.next = key
}

// expand takes each byte that leads anywhere from the state: those that live steps name, and of the others the first of each
// class that neither the universe nor a step tells apart.
func (d *divider) expand(id, state uint32, live []uint32) {
	u := d.universe
	var named byteSet
	parts := u.plain[state]
	for _, at := range live {
		switch s := &d.steps[int(at)-d.patterns]; {
		case s.names:
			named.add(s.byte)
			named.add(s.twin)
		case s.class != anyByte:
			parts = u.fine[state]
		}
	}
	try := named
	for i := range parts {
		for w := range try {
			if rest := parts[i][w] &^ named[w]; rest != 0 {
				try[w] |= rest & -rest
				break
			}
		}
	}
	for w, word := range try {
		for ; word != 0; word &= word - 1 {
			b := byte(w*64 + bits.TrailingZeros64(word))
			if to := u.next[state][b]; to >= 0 {
				d.take(id, uint32(to), live, b)
			}
		}
	}
}

// take goes on from live steps by one byte.
func (d *divider) take(id, to uint32, live []uint32, b byte) {
	d.turn++
	if d.turn == 0 {
		clear(d.mark)
		d.turn = 1
	}
	next := append(d.next[:0], to)
	for _, at := range live {
		s := &d.steps[int(at)-d.patterns]
		if s.names && s.byte != b && s.twin != b || !s.names && !d.universe.classes[s.class].has(b) {
			continue
		}
		for _, f := range d.follows[s.start:s.end] {
			if d.mark[f] != d.turn {
				d.mark[f] = d.turn
				next = append(next, f)
			}
		}
	}
	slices.Sort(next[1:])
	d.reach(next, origin{id, b})
}

func (d *divider) witness(id int) string {
	var b []byte
	for ; id != 0; id = int(d.from[id].state) {
		b = append(b, d.universe.order[d.from[id].byte])
	}
	slices.Reverse(b)
	return string(b)
}

// fill makes the patterns' sets of the atoms' matches.
func (d *divider) fill(s *Space, patterns int) {
	words := (s.Len() + 63) / 64
	all := make(Set, words*patterns)
	s.sets = make([]Set, patterns)
	for i := range s.sets {
		s.sets[i], all = all[:words:words], all[words:]
	}
	for atom := range s.Len() {
		for _, i := range d.matches.get(atom) {
			s.sets[i].add(atom)
		}
	}
}

// blame is the patterns that are in the middle of something in a state which was not taken yet, after a part of any length. Where
// the limit is too small for anything else, it is all of them.
func (d *divider) blame(patterns []Pattern, from int) []Pattern {
	var blamed []Pattern
	seen := make([]bool, len(patterns))
	for id := from; id < d.states.len(); id++ {
		for _, at := range d.states.get(id)[1:] {
			if int(at) < d.patterns {
				continue
			}
			if i := d.steps[int(at)-d.patterns].pattern; !seen[i] && patterns[i].multiplies() {
				seen[i] = true
				blamed = append(blamed, patterns[i])
			}
		}
	}
	if blamed == nil {
		blamed = slices.Clone(patterns)
	}
	slices.SortFunc(blamed, func(a, b Pattern) int { return strings.Compare(a.String(), b.String()) })
	return blamed
}

// multiplies reports whether the pattern goes on after a part that matches strings of any length.
func (p Pattern) multiplies() bool {
	switch p.kind {
	case suffix, expression:
		return true
	case template:
		rest := strings.TrimRight(stars.Replace(p.text), "*")
		return strings.Contains(rest, "*")
	default:
		return false
	}
}
