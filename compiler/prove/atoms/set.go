package atoms

import (
	"iter"
	"math/bits"
)

// Set is a set of atoms of one Space, as bits. The zero value is empty. No operation changes a set.
type Set []uint64

// Only is the set of one atom.
func Only(atom int) Set {
	s := make(Set, atom/64+1)
	s.add(atom)
	return s
}

// All is the set of all n atoms of a space.
func All(n int) Set { return Set(nil).Not(n) }

func (s Set) add(atom int) { s[atom/64] |= 1 << (atom % 64) }

// Has reports whether the set has the atom.
func (s Set) Has(atom int) bool { return atom/64 < len(s) && s[atom/64]>>(atom%64)&1 != 0 }

// And is what both have.
func (s Set) And(o Set) Set {
	r := make(Set, min(len(s), len(o)))
	for i := range r {
		r[i] = s[i] & o[i]
	}
	return r
}

// Or is what either has.
func (s Set) Or(o Set) Set {
	if len(s) < len(o) {
		s, o = o, s
	}
	r := make(Set, len(s))
	copy(r, s)
	for i, w := range o {
		r[i] |= w
	}
	return r
}

// AndNot is what s has and o has not.
func (s Set) AndNot(o Set) Set {
	r := make(Set, len(s))
	copy(r, s)
	for i := range min(len(s), len(o)) {
		r[i] &^= o[i]
	}
	return r
}

// Not is those of the n atoms of a space that s does not have.
func (s Set) Not(n int) Set {
	r := make(Set, (n+63)/64)
	for i := range r {
		r[i] = ^uint64(0)
		if i < len(s) {
			r[i] = ^s[i]
		}
	}
	if n%64 != 0 {
		r[len(r)-1] &= 1<<(n%64) - 1
	}
	return r
}

// Empty reports whether the set has no atom.
func (s Set) Empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// Equal reports whether both have the same atoms.
func (s Set) Equal(o Set) bool {
	if len(s) < len(o) {
		s, o = o, s
	}
	for i, w := range o {
		if s[i] != w {
			return false
		}
	}
	return s[len(o):].Empty()
}

// Count is how many atoms the set has.
func (s Set) Count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// All is the atoms in their order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}
