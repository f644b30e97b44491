package authz

import (
	"net/netip"

	"writ.dev/writ/compiler/prove/atoms"
	"writ.dev/writ/compiler/prove/manifest"
)

// Scope is what a Space tells requests apart by.
type Scope struct {
	Mesh    Mesh
	TLS     *TLS
	Issuers []string
	// Ports are the container ports that are known, with how the proxy reads them. Others are taken in both ways. They name all
	// ports for which a Meant has an opinion on plaintext, unless an allowance does.
	Ports    []Port
	Policies []*manifest.Object
	Meant    []*Meant
	// Predicates are sets of requests beside those.
	Predicates []*Predicate
}

// Space is all requests to a point, divided into classes that nothing in its scope tells apart.
type Space struct {
	scope    Scope
	dims     []*dimension
	classes  []classes
	order    []int // the dimensions, the peer first, then the rarely used ones, and the port, the method and the path last
	flavours []flavour
	read     map[bool]atoms.Set // the ports that are read as HTTP, and the others

	policies map[*manifest.Object][]box
	meant    map[*Meant][]box
	refused  []box            // connections without mutual TLS that are not taken
	unmeant  map[*Meant][]box // and those that should not be

	predicates map[*Predicate]*formula

	whole *grid // of a space that regions are made of, the grid of a single slice
}

// box is a product: of each dimension some atoms, or all where there is nil. Once the space is made they are not atoms but
// classes.
type box []atoms.Set

// classes are the atoms of a dimension that no box tells apart, by number. The first class is the one to show.
type classes struct {
	of   []int // by atom
	show []int // by class, its atom to show
}

// The dimensions that every space has, by their index. Those of headers come behind.
const (
	peerAxis = iota
	tokenAxis
	sourceAxis
	remoteAxis
	destinationAxis
	sniAxis
	hostAxis
	portAxis
	methodAxis
	pathAxis
	headerAxis
)

// clause is a condition on one dimension: one of the numbered values and none of the others. A nil set of values is no
// restriction.
type clause struct {
	axis    int
	http    bool // whether it exists in HTTP alone
	in, out []int
}

// terms is a rule, or an allowance, with its values numbered.
type terms struct {
	http, tcp bool // whether it holds for such ports at all
	from, to  [][]clause
	when      []clause
}

// builder numbers the values of a scope.
type builder struct {
	scope      *Scope
	identities table[atoms.Pattern]
	texts      map[int]*table[atoms.Pattern] // sni, hosts, methods, paths and headers
	headers    table[string]
	addresses  [3]table[netip.Prefix]
	ports      table[int]
	tokens     table[tokenValue]
	// principals are those without a wildcard, and named their numbers among the identities: most of what is numbered are they.
	principals table[string]
	named      []int
}

// principal numbers the identity of a principal, as a value without wildcards has it.
func (b *builder) principal(p string) int {
	i := b.principals.number(p)
	if i == len(b.named) {
		b.named = append(b.named, b.identities.number(atoms.Exact("spiffe://"+p)))
	}
	return b.named[i]
}

// clauses numbers the values of conditions that all hold.
func (b *builder) clauses(row []manifest.Condition, namespace string) []clause {
	if len(row) == 0 {
		return nil
	}
	all := make([]clause, 0, len(row))
	for _, c := range row {
		name, detail, known := attribute(c.Key)
		if !known || (name == requestHeaders || name == requestClaims) && !legible(name, detail, "") {
			continue
		}
		axis := b.axis(name, detail)
		all = append(all, clause{
			axis: axis, http: onlyHTTP(name),
			in:  b.numbers(axis, name, detail, c.Values, namespace),
			out: b.numbers(axis, name, detail, c.NotValues, namespace),
		})
	}
	return all
}

// rule numbers the values of a rule.
func (b *builder) rule(o *manifest.Object, written *manifest.Rule) terms {
	r := read(written)
	action := actionOf(o)
	t := terms{
		http: r.reaches(action, true), tcp: r.reaches(action, false),
		from: make([][]clause, 0, len(r.from)), to: make([][]clause, 0, len(r.to)), when: b.clauses(r.when, o.Namespace),
	}
	for _, row := range r.from {
		t.from = append(t.from, b.clauses(row, o.Namespace))
	}
	for _, row := range r.to {
		t.to = append(t.to, b.clauses(row, o.Namespace))
	}
	return t
}

// allowance numbers the values of a meant access, which says nothing of TCP if it says a method or a path.
func (b *builder) allowance(a *Allowance) terms {
	peer := clause{axis: peerAxis}
	if len(a.CIDRs) > 0 {
		peer.axis = sourceAxis
		for _, c := range a.CIDRs {
			peer.in = append(peer.in, b.addresses[0].number(c.Masked()))
		}
	}
	for _, p := range a.Principals {
		peer.in = append(peer.in, b.principal(p))
	}
	if peer.in == nil {
		return terms{}
	}
	row := []clause{{axis: portAxis, in: []int{b.ports.number(a.Port)}}}
	if a.Methods != nil {
		c := clause{axis: methodAxis, in: []int{}}
		for _, m := range a.Methods {
			c.in = append(c.in, b.text(methodAxis, atoms.Exact(m)))
		}
		row = append(row, c)
	}
	if a.Paths != nil {
		c := clause{axis: pathAxis, in: []int{}}
		for _, p := range a.Paths {
			c.in = append(c.in, b.text(pathAxis, meantPath(p)))
		}
		row = append(row, c)
	}
	return terms{http: true, tcp: a.Methods == nil && a.Paths == nil, from: [][]clause{{peer}}, to: [][]clause{row}}
}

// axis is the place of an attribute's dimension.
func (b *builder) axis(name, detail string) int {
	switch name {
	case sourcePrincipal, sourceNamespace, sourceServiceAccount, sourceTrustDomain:
		return peerAxis
	case sourceIP:
		return sourceAxis
	case remoteIP:
		return remoteAxis
	case destinationIP:
		return destinationAxis
	case destinationPort:
		return portAxis
	case connectionSNI:
		return sniAxis
	case requestHost:
		return hostAxis
	case requestMethod:
		return methodAxis
	case requestPath:
		return pathAxis
	case requestHeaders:
		return headerAxis + b.headers.number(header(detail))
	default:
		return tokenAxis
	}
}

// numbers are the numbers of values. It is not nil where there is a value that the proxy gets to see.
func (b *builder) numbers(axis int, name, detail string, values []string, namespace string) []int {
	all := make([]int, 0, len(values))
	switch name {
	case sourcePrincipal:
		values = b.scope.Mesh.principals(values)
	case sourceTrustDomain:
		values = b.scope.Mesh.trustDomains(values)
	}
	for _, v := range values {
		if !legible(name, detail, v) {
			continue
		}
		switch axis {
		case peerAxis:
			if name == sourcePrincipal && wildcard(v).kind == exactly {
				all = append(all, b.principal(v))
			} else {
				all = append(all, b.identities.number(identityPattern(name, v, namespace)))
			}
		case sourceAxis, remoteAxis, destinationAxis:
			q, _ := prefix(v)
			all = append(all, b.addresses[axis-sourceAxis].number(q))
		case portAxis:
			n, _ := port(v)
			all = append(all, b.ports.number(n))
		case tokenAxis:
			all = append(all, b.tokens.number(tokenValueOf(name, detail, v)))
		default:
			all = append(all, b.text(axis, textPattern(name, v)))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (b *builder) text(axis int, p atoms.Pattern) int {
	t := b.texts[axis]
	if t == nil {
		t = &table[atoms.Pattern]{}
		b.texts[axis] = t
	}
	return t.number(p)
}

func textPattern(name, value string) atoms.Pattern {
	switch name {
	case requestPath:
		return pathPattern(value)
	case requestHost:
		return wildcard(value).header().FoldCase()
	case connectionSNI:
		return wildcard(value).pattern()
	default:
		return wildcard(value).header()
	}
}
