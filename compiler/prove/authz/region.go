package authz

import (
	"iter"
	"slices"

	"writ.dev/writ/compiler/prove/manifest"
)

// regionCells is how many classes of requests a Space for regions may have.
const regionCells = 1 << 26

// regionWork is how many classes may be gone through for the predicates of a scope: some seconds' work, 64 classes at a time.
const regionWork = 1 << 36

// Region is a set of requests of one Space. Regions of different spaces have nothing to do with each other.
type Region struct {
	space *Space
	grid  *grid
	cells cells
}

// NewSpace divides all requests so that every policy and every meaning of the scope is a Region. It is for questions about several
// sets of policies at one point, such as old and new ones; to hold one set against what is meant, Compare needs less memory. The
// error is a *TooComplexError.
func NewSpace(scope Scope) (*Space, error) {
	s, err := newSpace(scope)
	if err != nil {
		return nil, err
	}
	g, err := s.grid(regionCells)
	if err != nil {
		return nil, err
	}
	if g.outer > 0 || s.steps()*g.cells > regionWork {
		return nil, s.tooComplex()
	}
	s.whole = g
	return s, nil
}

// Matched is the requests that a policy of the scope matches by some rule, whatever its action.
func (s *Space) Matched(policy *manifest.Object) Region { return s.region(s.policies[policy]) }

// Meant is the requests that are meant to be let in.
func (s *Space) Meant(m *Meant) Region { return s.region(s.meant[m]).AndNot(s.region(s.unmeant[m])) }

// Refused is the connections that are not taken, as they lack mutual TLS.
func (s *Space) Refused() Region { return s.region(s.refused) }

// Decided is what policies of the scope do together: whom they allow, and of these whose requests they ask an external authorizer
// about. Whether they are in dry-run does not matter here.
func (s *Space) Decided(policies []*manifest.Object) (allowed, asked Region) {
	by := map[string]Region{"ALLOW": s.region(nil), "DENY": s.Refused(), "CUSTOM": s.region(nil)}
	closed := false
	for _, o := range policies {
		action := actionOf(o)
		if r, ok := by[action]; ok {
			by[action] = r.Or(s.Matched(o))
		}
		closed = closed || action == "ALLOW"
	}
	if disagree(policies) {
		by["DENY"], by["CUSTOM"] = by["DENY"].Or(by["CUSTOM"]), s.region(nil)
	}
	if allowed = by["ALLOW"]; !closed {
		allowed = s.region([]box{s.everything()})
	}
	allowed = allowed.AndNot(by["DENY"])
	return allowed, allowed.And(by["CUSTOM"])
}

func (s *Space) region(boxes []box) Region {
	r := Region{s, s.whole, s.whole.none()}
	for _, b := range boxes {
		r.grid.fill(r.cells, b)
	}
	return r
}

// Or is the requests of either region.
func (r Region) Or(o Region) Region { return r.with(o, func(a, b uint64) uint64 { return a | b }) }

// And is the requests of both regions.
func (r Region) And(o Region) Region { return r.with(o, func(a, b uint64) uint64 { return a & b }) }

// AndNot is the requests of r that o does not have.
func (r Region) AndNot(o Region) Region { return r.with(o, func(a, b uint64) uint64 { return a &^ b }) }

func (r Region) with(o Region, op func(a, b uint64) uint64) Region {
	if r.space != o.space {
		panic("authz: regions of different spaces")
	}
	c := r.grid.none()
	for i := range c {
		c[i] = op(r.cells[i], o.cells[i])
	}
	return Region{r.space, r.grid, c}
}

// Empty reports whether the region has no request.
func (r Region) Empty() bool { return r.cells.empty() }

// Equal reports whether both have the same requests.
func (r Region) Equal(o Region) bool { return r.space == o.space && slices.Equal(r.cells, o.cells) }

// Witness is the request of the region that tells it best: by a peer, a port and a method that people know, with a short path. The
// region must not be empty.
func (r Region) Witness() Request { return r.space.request(r.grid.locate(nil, r.cells.first())) }

// Box is the largest set of requests around Witness that the region has, as in a Difference.
func (r Region) Box() map[string][]string {
	at := r.grid.locate(nil, r.cells.first())
	has := func(b box) bool { return r.grid.eachCell(b, 0, 0, r.cells.has) }
	return r.space.describe(r.grid.grow(at, has))
}

// Classes goes over all classes of requests, by the request that shows each, in the order in which they are preferred. It is as many
// as a Comparison counts.
func (s *Space) Classes() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		for cell := range s.whole.cells {
			at := s.whole.locate(nil, cell)
			if s.twice(at) {
				continue
			}
			if !yield(s.request(at)) {
				return
			}
		}
	}
}

// twice reports whether the cell is a connection that another one stands for: what exists in HTTP alone divides no connection.
func (s *Space) twice(at []int) bool {
	if s.flavours[s.classes[portAxis].show[at[portAxis]]].http {
		return false
	}
	for axis, class := range at {
		if class > 0 && (axis == tokenAxis || axis == hostAxis || axis == methodAxis || axis == pathAxis || axis >= headerAxis) {
			return true
		}
	}
	return false
}
