package atoms

import (
	"fmt"
	"net/netip"
	"slices"
)

// Addresses is all addresses, of both families, divided by prefixes.
type Addresses struct {
	// Witness has an address of each atom: one that RFC 5737 or RFC 3849 sets aside for documentation where the atom has one, and
	// otherwise one of its first.
	Witness []netip.Addr
	sets    map[netip.Prefix]Set
}

// Len is the number of atoms.
func (a *Addresses) Len() int { return len(a.Witness) }

// Set is the atoms of the prefix, which must be one of those that the addresses were divided by. Bits behind its length do not
// matter.
func (a *Addresses) Set(p netip.Prefix) Set {
	s, ok := a.sets[p.Masked()]
	if !ok {
		panic(fmt.Sprintf("atoms: the addresses were not divided by %v", p))
	}
	return s
}

var documented = []netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.1"),
	netip.MustParseAddr("2001:db8::1"),
}

// DivideAddresses divides the addresses by valid prefixes. A prefix has addresses of its own family only, and an IPv6 address that
// maps one of IPv4 is one of IPv6, as in Envoy's CidrRange and in netip.
func DivideAddresses(prefixes []netip.Prefix) *Addresses {
	// Two prefixes are disjoint or one has the other, so they are a forest; in this order each stands behind those that have it.
	sorted := make([]netip.Prefix, 0, len(prefixes)+1)
	for _, p := range prefixes {
		sorted = append(sorted, p.Masked())
	}
	slices.SortFunc(sorted, netip.Prefix.Compare)
	sorted = slices.Compact(sorted)
	a := &Addresses{sets: make(map[netip.Prefix]Set, len(sorted))}
	if w, ok := outside(sorted); ok {
		a.Witness = append(a.Witness, w)
	}
	end := make([]int, len(sorted)) // behind the last prefix that each has
	for i, p := range sorted {
		for end[i] = i + 1; end[i] < len(sorted) && p.Contains(sorted[end[i]].Addr()); {
			end[i]++
		}
	}
	first := make([]int, len(sorted)+1) // the first atom of each
	for i, p := range sorted {
		first[i] = a.Len()
		if w, ok := witness(p, sorted[i+1:end[i]]); ok {
			a.Witness = append(a.Witness, w)
		}
	}
	first[len(sorted)] = a.Len()
	for i, p := range sorted {
		a.sets[p] = All(first[end[i]]).AndNot(All(first[i]))
	}
	return a
}

// outside is an address that no prefix has.
func outside(prefixes []netip.Prefix) (netip.Addr, bool) {
	for _, whole := range []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)} {
		if w, ok := witness(whole, prefixes); ok {
			return w, true
		}
	}
	return netip.Addr{}, false
}

// witness is an address that p has and none of the sorted prefixes.
func witness(p netip.Prefix, but []netip.Prefix) (netip.Addr, bool) {
	free := func(a netip.Addr) bool {
		return p.Contains(a) && !slices.ContainsFunc(but, func(b netip.Prefix) bool { return b.Contains(a) })
	}
	if i := slices.IndexFunc(documented, free); i >= 0 {
		return documented[i], true
	}
	// The first address is a network's own; the next one reads better.
	at := p.Addr()
	if next := at.Next(); free(next) {
		return next, true
	}
	for _, b := range but {
		if at.IsValid() && b.Contains(at) {
			at = last(b).Next()
		}
	}
	return at, at.IsValid() && free(at)
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
