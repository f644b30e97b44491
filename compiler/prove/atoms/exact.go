package atoms

import "slices"

// divideExact divides by exact strings only, each of which is an atom; there is one more, of everything else. It is what divide
// would come to, without an automaton: a service may have thousands of callers by name.
func (s *Space) divideExact(u *Universe, patterns []Pattern) {
	named := make(map[string]bool, len(patterns))
	for _, p := range patterns {
		if u.Contains(p.text) {
			named[p.text] = true
			s.Witness = append(s.Witness, p.text)
		}
	}
	s.Witness = append(s.Witness, u.first(named))
	slices.SortFunc(s.Witness, u.compare)
	atom := make(map[string]int, len(s.Witness))
	for i, w := range s.Witness {
		atom[w] = i
	}
	s.only = make([]int, len(patterns))
	for i, p := range patterns {
		s.only[i] = -1
		if named[p.text] {
			s.only[i] = atom[p.text]
		}
	}
}

// first is the first string of the universe, in the order of witnesses, that is not among the given ones. Every universe has more
// strings than anybody can name.
func (u *Universe) first(but map[string]bool) string {
	ends := slices.Clip(u.ends)
	var found string
	var walk func(state int8, s []byte, left int) bool
	walk = func(state int8, s []byte, left int) bool {
		if left == 0 {
			found = string(s)
			return !but[found]
		}
		for r, to := range u.next[state] {
			if to >= 0 && ends[left-1]>>to&1 != 0 && walk(to, append(s, u.order[r]), left-1) {
				return true
			}
		}
		return false
	}
	for n := 0; ; n++ {
		if n == len(ends) {
			ends = append(ends, u.endsIn(ends))
		}
		if ends[n]&1 != 0 && walk(0, nil, n) {
			return found
		}
	}
}

// endsIn is the states from which a string one byte longer ends well than from the last of ends.
func (u *Universe) endsIn(ends []uint64) uint64 {
	var states uint64
	for state := range u.next {
		ok := u.accepts[state]
		if len(ends) > 0 {
			last := ends[len(ends)-1]
			ok = slices.ContainsFunc(u.next[state][:], func(to int8) bool { return to >= 0 && last>>to&1 != 0 })
		}
		if ok {
			states |= 1 << state
		}
	}
	return states
}
