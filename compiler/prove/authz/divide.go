package authz

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"writ.dev/writ/compiler/prove/atoms"
	"writ.dev/writ/compiler/prove/manifest"
)

// newSpace divides the requests of a scope. The error is a *TooComplexError.
func newSpace(scope Scope) (*Space, error) {
	scope.Policies, scope.Meant, scope.Predicates = distinct(scope.Policies), distinct(scope.Meant), distinct(scope.Predicates)
	scope.Policies = slices.DeleteFunc(scope.Policies, func(o *manifest.Object) bool { return o.AuthorizationPolicy == nil })
	s := &Space{
		scope: scope, policies: map[*manifest.Object][]box{}, meant: map[*Meant][]box{}, unmeant: map[*Meant][]box{},
		read: map[bool]atoms.Set{}, predicates: map[*Predicate]*formula{},
	}
	b := &builder{scope: &scope, texts: map[int]*table[atoms.Pattern]{}}
	rules := make([][]terms, len(scope.Policies))
	for i, o := range scope.Policies {
		for j := range o.AuthorizationPolicy.Rules {
			rules[i] = append(rules[i], b.rule(o, &o.AuthorizationPolicy.Rules[j]))
		}
	}
	allowances := make([][]terms, len(scope.Meant))
	for i, m := range scope.Meant {
		for j := range m.Allow {
			allowances[i] = append(allowances[i], b.allowance(&m.Allow[j]))
		}
	}
	for _, p := range scope.Predicates {
		s.predicates[p] = b.formula(p)
	}
	if scope.TLS != nil {
		for port := range scope.TLS.Ports {
			b.ports.number(port)
		}
	}
	if err := s.divide(b); err != nil {
		return nil, err
	}
	for _, http := range []bool{true, false} {
		s.read[http] = s.where(func(f flavour) bool { return f.http == http })
	}
	disabled := s.where(func(f flavour) bool { mode := scope.TLS.mode(f.port); return mode != strict && mode != permissive })
	for i, o := range scope.Policies {
		boxes := []box{}
		for _, t := range rules[i] {
			boxes = append(boxes, s.boxes(t)...)
		}
		s.policies[o] = s.blind(boxes, disabled)
	}
	for i, m := range scope.Meant {
		boxes := []box{}
		if m.Open {
			boxes = append(boxes, s.everything())
		}
		for _, t := range allowances[i] {
			boxes = append(boxes, s.boxes(t)...)
		}
		s.meant[m] = boxes
		s.unmeant[m] = s.plaintext(func(f flavour) bool { return !m.plaintext(f.port) })
	}
	s.refused = s.plaintext(func(f flavour) bool { return scope.TLS.mode(f.port) == strict })
	for _, p := range scope.Predicates {
		s.settle(s.predicates[p])
		s.boxOf(s.predicates[p])
	}
	s.collapse()
	return s, nil
}

func distinct[T comparable](all []T) []T {
	seen := make(map[T]bool, len(all))
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool {
		had := seen[v]
		seen[v] = true
		return had
	})
}

// divide makes the dimensions of the values that were numbered.
func (s *Space) divide(b *builder) error {
	texts := func(axis int) []atoms.Pattern {
		if t := b.texts[axis]; t != nil {
			return t.keys
		}
		return nil
	}
	s.dims = make([]*dimension, headerAxis+len(b.headers.keys))
	s.order = []int{peerAxis, tokenAxis, sourceAxis, remoteAxis, destinationAxis, sniAxis}
	var err error
	keep := func(axis int) func(d *dimension, failed error) {
		return func(d *dimension, failed error) {
			if s.dims[axis] = d; err == nil {
				err = failed
			}
		}
	}
	keep(peerAxis)(divideIdentities(b.identities.keys, b.scope.Mesh.domains()[0]))
	keep(tokenAxis)(divideTokens(b.tokens.keys, s.scope.Issuers))
	keep(sniAxis)(divideServerNames(texts(sniAxis)))
	keep(hostAxis)(divideHosts(texts(hostAxis)))
	keep(methodAxis)(divideMethods(texts(methodAxis)))
	keep(pathAxis)(dividePaths(texts(pathAxis), s.scope.Mesh.Normalization))
	for i, name := range b.headers.keys {
		keep(headerAxis + i)(divideHeader(name, texts(headerAxis+i)))
		s.order = append(s.order, headerAxis+i)
	}
	if err != nil {
		return err
	}
	slices.SortFunc(s.order[sniAxis+1:], func(a, b int) int { return cmp.Compare(s.dims[a].name, s.dims[b].name) })
	s.order = append(s.order, hostAxis, portAxis, methodAxis, pathAxis)
	from, remote, to := b.addresses[0].keys, b.addresses[1].keys, b.addresses[2].keys
	s.dims[sourceAxis] = divideAddresses("source", from, func(r *Request) *netip.Addr { return &r.Source })
	s.dims[remoteAxis] = divideAddresses("remote", remote, func(r *Request) *netip.Addr { return &r.Remote })
	s.dims[destinationAxis] = divideAddresses("destination", to, func(r *Request) *netip.Addr { return &r.Destination })
	s.dims[portAxis], s.flavours = dividePorts(b.ports.keys, s.scope.Ports)
	return nil
}

func (s *Space) everything() box { return make(box, len(s.dims)) }

// where is the ports of some flavours.
func (s *Space) where(in func(f flavour) bool) (set atoms.Set) {
	for i, f := range s.flavours {
		if in(f) {
			set = set.Or(atoms.Only(i))
		}
	}
	return set
}

// plaintext is connections without an identity on some ports.
func (s *Space) plaintext(on func(f flavour) bool) []box {
	ports := s.where(on)
	if ports.Empty() {
		return nil
	}
	b := s.everything()
	b[peerAxis], b[portAxis] = atoms.Only(s.dims[peerAxis].n-1), ports
	return []box{b}
}

// boxes is the requests that a rule matches: on HTTP ports, and on the others as far as they have what it asks for.
func (s *Space) boxes(t terms) []box {
	var all []box
	for _, http := range []bool{true, false} {
		if http && !t.http || !http && !t.tcp {
			continue
		}
		when := s.row(t.when, http)
		to := s.rows(t.to, http)
		for _, from := range s.rows(t.from, http) {
			for _, operation := range to {
				b := s.everything()
				b.meet(from)
				b.meet(when)
				b.meet(operation)
				if b.narrow(portAxis, s.read[http]); !b.empty() {
					all = append(all, b)
				}
			}
		}
	}
	return all
}

// rows is the boxes of alternatives, of which those that ask for the peer alone are one.
func (s *Space) rows(alternatives [][]clause, http bool) []box {
	all := make([]box, 0, len(alternatives))
	peers := -1
	for _, row := range alternatives {
		b := s.row(row, http)
		if b == nil || b[peerAxis] == nil || slices.ContainsFunc(b[peerAxis+1:], func(set atoms.Set) bool { return set != nil }) {
			all = append(all, b)
		} else if peers < 0 {
			peers, all = len(all), append(all, b)
		} else {
			all[peers][peerAxis] = all[peers][peerAxis].Or(b[peerAxis])
		}
	}
	return all
}

// row is the box of conditions that all hold: nil is everything.
func (s *Space) row(clauses []clause, http bool) box {
	if len(clauses) == 0 {
		return nil
	}
	b := s.everything()
	for _, c := range clauses {
		if c.http && !http {
			continue
		}
		d := s.dims[c.axis]
		if c.in != nil {
			b.narrow(c.axis, d.union(c.in))
		}
		if len(c.out) > 0 {
			b.narrow(c.axis, d.union(c.out).Not(d.n))
		}
	}
	return b
}

// union is the atoms of any of the numbered values. It is not nil.
func (d *dimension) union(numbers []int) atoms.Set {
	if len(numbers) == 1 && d.sets[numbers[0]] != nil {
		return d.sets[numbers[0]]
	}
	all := make(atoms.Set, (d.n+63)/64)
	for _, i := range numbers {
		for j, w := range d.sets[i] {
			all[j] |= w
		}
	}
	return all
}

func (b box) narrow(axis int, set atoms.Set) {
	if b[axis] != nil {
		set = b[axis].And(set)
	}
	b[axis] = set
}

func (b box) meet(other box) {
	for axis, set := range other {
		if set != nil {
			b.narrow(axis, set)
		}
	}
}

func (b box) empty() bool {
	return slices.ContainsFunc(b, func(set atoms.Set) bool { return set != nil && set.Empty() })
}

// blind lets every peer be one without an identity on ports where nobody is asked for a certificate.
func (s *Space) blind(boxes []box, ports atoms.Set) []box {
	if ports.Empty() {
		return boxes
	}
	d := s.dims[portAxis]
	var all []box
	for _, b := range boxes {
		seeing, blind := slices.Clone(b), slices.Clone(b)
		seeing.narrow(portAxis, ports.Not(d.n))
		blind.narrow(portAxis, ports)
		if b[peerAxis] != nil {
			if blind[peerAxis] = nil; !b[peerAxis].Has(s.dims[peerAxis].n - 1) {
				blind[portAxis] = atoms.Set{}
			}
		}
		for _, part := range []box{seeing, blind} {
			if !part.empty() {
				all = append(all, part)
			}
		}
	}
	return all
}

// each is all boxes of the space.
func (s *Space) each(visit func(b box)) {
	all := [][]box{s.refused}
	for _, o := range s.scope.Policies {
		all = append(all, s.policies[o])
	}
	for _, m := range s.scope.Meant {
		all = append(all, s.meant[m], s.unmeant[m])
	}
	for _, boxes := range all {
		for _, b := range boxes {
			visit(b)
		}
	}
	for _, p := range s.scope.Predicates {
		s.predicates[p].boxed(visit)
	}
}

// collapse makes one class of the atoms that no box tells apart, and turns the sets of the boxes into sets of classes. The values
// of one rule stand together in most policies, so that few classes are left.
func (s *Space) collapse() {
	s.classes = make([]classes, len(s.dims))
	parts := make([]partition, len(s.dims))
	for axis, d := range s.dims {
		if d.n > 1 {
			parts[axis] = partition{of: make([]int, d.n), size: []int{d.n}, inside: []int{0}, fresh: []int{0}}
		}
	}
	s.each(func(b box) {
		for axis, set := range b {
			if set != nil && s.dims[axis].n > 1 {
				parts[axis].refine(set)
			}
		}
	})
	for axis, d := range s.dims {
		if d.n == 1 { // as most are
			s.classes[axis] = classes{of: []int{0}, show: []int{0}}
			continue
		}
		s.classes[axis] = d.inOrder(parts[axis].of, len(parts[axis].size))
	}
	s.each(func(b box) {
		for axis, set := range b {
			if set != nil {
				b[axis] = s.classes[axis].turn(set)
			}
		}
	})
}

// partition is the atoms of a dimension in classes.
type partition struct {
	of   []int // by atom
	size []int // by class
	// inside and fresh are of one refinement, by class: how many of its atoms are in the set, and the class that these become.
	inside, fresh, touched []int
}

// refine divides the classes by one more set, in time that is linear in the set.
func (p *partition) refine(set atoms.Set) {
	p.touched = p.touched[:0]
	for a := range set.All() {
		c := p.of[a]
		if p.inside[c] == 0 {
			p.touched = append(p.touched, c)
		}
		p.inside[c]++
	}
	for _, c := range p.touched {
		if p.fresh[c] = c; p.inside[c] < p.size[c] {
			p.fresh[c] = len(p.size)
			p.size[c] -= p.inside[c]
			p.size, p.inside, p.fresh = append(p.size, p.inside[c]), append(p.inside, 0), append(p.fresh, 0)
		}
	}
	for a := range set.All() {
		p.of[a] = p.fresh[p.of[a]]
	}
	for _, c := range p.touched {
		p.inside[c] = 0
	}
}

// inOrder numbers classes in the order in which they are shown.
func (d *dimension) inOrder(of []int, count int) classes {
	show := make([]int, count)
	for c := range show {
		show[c] = -1
	}
	for a, c := range of {
		if show[c] < 0 || d.preferred(a, show[c]) < 0 {
			show[c] = a
		}
	}
	order := make([]int, count)
	for c := range order {
		order[c] = c
	}
	slices.SortFunc(order, func(a, b int) int { return d.preferred(show[a], show[b]) })
	at := make([]int, count)
	result := classes{of: of}
	for i, c := range order {
		at[c] = i
		result.show = append(result.show, show[c])
	}
	for a := range of {
		of[a] = at[of[a]]
	}
	return result
}

// turn is a set of atoms as one of classes.
func (c *classes) turn(set atoms.Set) atoms.Set {
	turned := make(atoms.Set, (len(c.show)+63)/64)
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			class := c.of[w*64+bits.TrailingZeros64(word)]
			turned[class/64] |= 1 << (class % 64)
		}
	}
	return turned
}
