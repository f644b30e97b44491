package atoms

import "slices"

// interner numbers slices of numbers, equal ones alike, in the order in which they come. It is a map that is emptied without being
// freed and that allocates no keys.
type interner struct {
	data  []uint32 // all slices, one after the other
	ends  []uint32 // where each ends in data
	table []uint32 // the numbers plus one, by hash; 0 where there is none
}

const smallTable = 1 << 8

func (in *interner) reset() {
	in.data, in.ends = in.data[:0], in.ends[:0]
	if in.table == nil {
		in.table = make([]uint32, smallTable)
	}
	in.table = in.table[:smallTable]
	clear(in.table)
}

func (in *interner) len() int { return len(in.ends) }

func (in *interner) get(i int) []uint32 {
	start := uint32(0)
	if i > 0 {
		start = in.ends[i-1]
	}
	return in.data[start:in.ends[i]:in.ends[i]]
}

// intern gives the key the next number, and reports whether it had none.
func (in *interner) intern(key []uint32) bool {
	if 2*len(in.ends) >= len(in.table) {
		in.grow()
	}
	at := in.slot(key)
	if in.table[at] != 0 {
		return false
	}
	in.data = append(in.data, key...)
	in.ends = append(in.ends, uint32(len(in.data)))
	in.table[at] = uint32(len(in.ends))
	return true
}

// slot is where the key is in the table, or where it belongs.
func (in *interner) slot(key []uint32) uint64 {
	// FNV's step over whole numbers, and the high bits, which depend on all of them.
	h := uint64(14695981039346656037)
	for _, x := range key {
		h = (h ^ uint64(x)) * 1099511628211
	}
	mask := uint64(len(in.table) - 1)
	for at := (h ^ h>>29) & mask; ; at = (at + 1) & mask {
		if n := in.table[at]; n == 0 || slices.Equal(in.get(int(n-1)), key) {
			return at
		}
	}
}

func (in *interner) grow() {
	size := 2 * len(in.table)
	if cap(in.table) < size {
		in.table = make([]uint32, size)
	}
	in.table = in.table[:size]
	clear(in.table)
	for i := range in.ends {
		in.table[in.slot(in.get(i))] = uint32(i + 1)
	}
}
