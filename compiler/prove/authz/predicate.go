package authz

import (
	"net/netip"

	"writ.dev/writ/compiler/prove/atoms"
)

// Predicate is a set of requests as the filters of a proxy say it: one comparison of one attribute, or others together. It is how
// what a proxy runs is held against policies, in a Space that has both.
type Predicate struct {
	op   operator
	kids []*Predicate

	axis    int // of a comparison
	header  string
	pattern atoms.Pattern
	prefix  netip.Prefix
	port    int
	token   tokenValue
}

type operator int

const (
	compares operator = iota
	every             // all of the kids hold
	some              // one does
	none              // the kid does not
	http              // the proxy reads the port as HTTP
)

// Every holds where all do, and so everywhere for none of them.
func Every(all ...*Predicate) *Predicate { return &Predicate{op: every, kids: all} }

// Some holds where any does.
func Some(any ...*Predicate) *Predicate { return &Predicate{op: some, kids: any} }

// Not holds where another does not.
func Not(p *Predicate) *Predicate { return &Predicate{op: none, kids: []*Predicate{p}} }

// HTTP holds for requests on ports that are read as HTTP.
func HTTP() *Predicate { return &Predicate{op: http} }

// Peer holds for peers whose identity is in a pattern, which has the identity's spiffe:// too. It never does without one.
func Peer(p atoms.Pattern) *Predicate { return &Predicate{axis: peerAxis, pattern: p} }

// OnPort holds for requests to a container port.
func OnPort(n int) *Predicate { return &Predicate{axis: portAxis, port: n} }

// From holds for connections from an address.
func From(p netip.Prefix) *Predicate { return &Predicate{axis: sourceAxis, prefix: p.Masked()} }

// Remotely holds for clients that a trusted proxy forwards for.
func Remotely(p netip.Prefix) *Predicate { return &Predicate{axis: remoteAxis, prefix: p.Masked()} }

// To holds for connections to an address.
func To(p netip.Prefix) *Predicate { return &Predicate{axis: destinationAxis, prefix: p.Masked()} }

// ServerName holds for connections by the name that the client asked TLS for.
func ServerName(p atoms.Pattern) *Predicate { return &Predicate{axis: sniAxis, pattern: p} }

// Host holds by the authority of a request.
func Host(p atoms.Pattern) *Predicate { return &Predicate{axis: hostAxis, pattern: p} }

// Method holds by the method of a request.
func Method(p atoms.Pattern) *Predicate { return &Predicate{axis: methodAxis, pattern: p} }

// Path holds by the path of a request, without query and fragment.
func Path(p atoms.Pattern) *Predicate { return &Predicate{axis: pathAxis, pattern: p} }

// Header holds for requests that have a header, by its value. The name is in lower case.
func Header(name string, p atoms.Pattern) *Predicate {
	return &Predicate{axis: headerAxis, header: name, pattern: p}
}

// Claim holds for requests with a valid token, by a claim of it or, where that is a list, any element. The claim is named as
// conditions name it: [iss], [realm_access][roles].
func Claim(claim string, p atoms.Pattern) *Predicate {
	return &Predicate{axis: tokenAxis, token: tokenValue{claim: claim, pattern: p, text: claim + " " + p.String()}}
}

// ExistsInHTTPOnly reports whether the predicate asks for anything that connections do not have.
func (p *Predicate) ExistsInHTTPOnly() bool {
	switch p.op {
	case compares:
		return p.axis == tokenAxis || p.axis == hostAxis || p.axis == methodAxis || p.axis == pathAxis || p.axis >= headerAxis
	case http:
		return false
	}
	for _, kid := range p.kids {
		if kid.ExistsInHTTPOnly() {
			return true
		}
	}
	return false
}

// formula is a predicate in a space. Where it asks for one attribute alone it is a box, which keeps the classes few: the hundred
// callers of one rule are one class.
type formula struct {
	op   operator
	kids []*formula
	axis int // of what asks for one attribute alone; negative for all else

	number int       // of a comparison
	set    atoms.Set // of what asks for one attribute alone: atoms, then classes
	box    box
}

// formula numbers the values of a predicate.
func (b *builder) formula(p *Predicate) *formula {
	f := &formula{op: p.op, axis: -1}
	if p.op == http {
		f.axis = portAxis
		return f
	}
	if p.op != compares {
		for _, kid := range p.kids {
			f.kids = append(f.kids, b.formula(kid))
		}
		return f
	}
	f.axis = p.axis
	switch p.axis {
	case peerAxis:
		f.number = b.identities.number(p.pattern)
	case sourceAxis, remoteAxis, destinationAxis:
		f.number = b.addresses[p.axis-sourceAxis].number(p.prefix)
	case portAxis:
		f.number = b.ports.number(p.port)
	case tokenAxis:
		f.number = b.tokens.number(p.token)
	case headerAxis:
		f.axis += b.headers.number(p.header)
		f.number = b.text(f.axis, p.pattern)
	default:
		f.number = b.text(p.axis, p.pattern)
	}
	return f
}

// settle turns numbers into atoms, and what asks for one attribute alone into one set of them.
func (s *Space) settle(f *formula) {
	switch f.op {
	case http:
		f.set = atoms.Set{}.Or(s.read[true])
	case compares:
		f.set = atoms.Set{}.Or(s.dims[f.axis].sets[f.number])
	default:
		for _, kid := range f.kids {
			s.settle(kid)
		}
		s.merge(f)
	}
}

// merge makes one set of kids that all ask for the same attribute.
func (s *Space) merge(f *formula) {
	if len(f.kids) == 0 {
		return
	}
	axis := f.kids[0].axis
	for _, kid := range f.kids {
		if kid.axis != axis || axis < 0 {
			return
		}
	}
	n := s.dims[axis].n
	set := f.kids[0].set
	if f.op == none {
		set = set.Not(n)
	}
	for _, kid := range f.kids[1:] {
		if f.op == every {
			set = set.And(kid.set)
		} else {
			set = set.Or(kid.set)
		}
	}
	f.axis, f.set, f.kids = axis, set, nil
}

// boxed visits the boxes of a formula, each of which asks for one attribute.
func (f *formula) boxed(visit func(b box)) {
	if f.axis >= 0 {
		visit(f.box)
	}
	for _, kid := range f.kids {
		kid.boxed(visit)
	}
}

// box gives what asks for one attribute alone its box.
func (s *Space) boxOf(f *formula) {
	if f.axis >= 0 {
		f.box = s.everything()
		f.box[f.axis] = f.set
	}
	for _, kid := range f.kids {
		s.boxOf(kid)
	}
}

// Held is the requests for which a predicate of the scope holds.
func (s *Space) Held(p *Predicate) Region { return s.held(s.predicates[p]) }

func (s *Space) held(f *formula) Region {
	if f.axis >= 0 {
		return s.region([]box{f.box})
	}
	switch f.op {
	case none:
		return s.All().AndNot(s.held(f.kids[0]))
	case every:
		r := s.All()
		for _, kid := range f.kids {
			r = r.And(s.held(kid))
		}
		return r
	default:
		r := s.region(nil)
		for _, kid := range f.kids {
			r = r.Or(s.held(kid))
		}
		return r
	}
}

// All is every request.
func (s *Space) All() Region { return s.region([]box{s.everything()}) }

// steps is how many sets of classes are put together for all predicates.
func (s *Space) steps() int {
	n := 0
	var count func(f *formula)
	count = func(f *formula) {
		n++
		for _, kid := range f.kids {
			count(kid)
		}
	}
	for _, f := range s.predicates {
		count(f)
	}
	return n
}
