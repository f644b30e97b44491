package authz

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/prove/atoms"
	"writ.dev/writ/compiler/prove/manifest"
)

// Limits on what a comparison tells of differences: how many, and how much memory all may take.
const (
	maxDifferences = 16
	maxKept        = 1 << 20 // words
)

// Compare holds what the point's policies allow against what is meant, over all requests: every identity that either side names and
// any other, and none; the ports that either side names, those given, and any other; every method, path and so on. Ports have to
// name those for which Plaintext is not the same as for ports that nobody names. What asks an external authorizer is a difference
// wherever it is. The error is a *TooComplexError, and then nothing is known.
func Compare(p *Point, m *Meant, ports []Port) (*Comparison, error) {
	c, err := compare(p, m, ports, denseCells)
	if err != nil {
		return nil, err
	}
	return &Comparison{Classes: c.space.count(), Differences: c.differences(), More: c.more}, nil
}

func compare(p *Point, m *Meant, ports []Port, dense int) (*comparison, error) {
	s, err := newSpace(Scope{
		Mesh: p.Mesh, TLS: p.TLS, Issuers: p.Issuers, Ports: ports, Policies: p.decisive(), Meant: []*Meant{m},
	})
	if err != nil {
		return nil, err
	}
	g, err := s.grid(dense)
	if err != nil {
		return nil, err
	}
	c := &comparison{space: s, grid: g, point: p, meant: m}
	c.closed = slices.ContainsFunc(s.scope.Policies, func(o *manifest.Object) bool { return actionOf(o) == "ALLOW" })
	g.slices(s.sides(m), c.decide)
	return c, nil
}

// decisive are the policies of the point that decide anything in the view that is asked about.
func (p *Point) decisive() []*manifest.Object {
	var all []*manifest.Object
	for _, o := range p.Policies {
		if o.AuthorizationPolicy == nil || o.AuthorizationPolicy.DryRun != p.DryRun {
			continue
		}
		switch actionOf(o) {
		case "ALLOW", "DENY", "CUSTOM":
			all = append(all, o)
		}
	}
	return all
}

// sides is the boxes of all policies of the scope, and of what is meant.
func (s *Space) sides(m *Meant) []roleBox {
	all := slices.Concat(withRole(meant, s.meant[m]), withRole(unmeant, s.unmeant[m]), withRole(denied, s.refused))
	custom := asked
	if disagree(s.scope.Policies) {
		custom = denied
	}
	for _, o := range s.scope.Policies {
		switch actionOf(o) {
		case "ALLOW":
			all = append(all, withRole(allowed, s.policies[o])...)
		case "DENY":
			all = append(all, withRole(denied, s.policies[o])...)
		case "CUSTOM":
			all = append(all, withRole(custom, s.policies[o])...)
		}
	}
	return all
}

// comparison collects where the two sides differ.
type comparison struct {
	space  *Space
	grid   *grid
	point  *Point
	meant  *Meant
	closed bool // whether there is a policy that allows, without which everything is allowed

	scratch [roles]cells
	found   []*slice
	at      map[string]int // the index of a slice among the found ones
	kept    int
	more    int64
}

// slice is where the sides differ in one slice, by whether the policies are wider.
type slice struct {
	at []int
	// differ are the cells that do, left those that no difference tells yet.
	differ, left [2]cells
}

// The indexes of the two.
const (
	narrower = iota
	wider
)

// decide decides the requests of one slice.
func (c *comparison) decide(at []int, boxes []roleBox) {
	for r := range c.scratch {
		if c.scratch[r] == nil {
			c.scratch[r] = c.grid.none()
		}
		clear(c.scratch[r])
	}
	for _, b := range boxes {
		c.grid.fill(c.scratch[b.role], b.box)
	}
	if !c.closed {
		c.scratch[allowed].setRange(0, c.grid.cells)
	}
	var found *slice
	for i := range c.scratch[allowed] {
		let := c.scratch[allowed][i] &^ c.scratch[denied][i]
		ask := let & c.scratch[asked][i]
		want := c.scratch[meant][i] &^ c.scratch[unmeant][i]
		if let == want && ask == 0 {
			continue
		}
		if found == nil {
			found = &slice{at: slices.Clone(at), differ: [2]cells{c.grid.none(), c.grid.none()}}
		}
		found.differ[wider][i] = let &^ want
		found.differ[narrower][i] = want &^ (let &^ ask)
	}
	if found != nil {
		c.keep(found)
	}
}

// keep remembers a slice, unless there is too much to remember already.
func (c *comparison) keep(s *slice) {
	if len(c.found) > 0 && c.kept+4*len(s.differ[0]) > maxKept {
		c.more += int64(s.differ[wider].count() + s.differ[narrower].count())
		return
	}
	c.kept += 4 * len(s.differ[0])
	if c.at == nil {
		c.at = map[string]int{}
	}
	c.at[fmt.Sprint(s.at)] = len(c.found)
	s.left = [2]cells{slices.Clone(s.differ[narrower]), slices.Clone(s.differ[wider])}
	c.found = append(c.found, s)
}

// differences tells what was found, as boxes that are as large as can be, each by the first request that no other tells.
func (c *comparison) differences() []Difference {
	var all []Difference
	for _, way := range []int{wider, narrower} {
		for _, s := range c.found {
			for cell := s.left[way].first(); cell >= 0; cell = s.left[way].first() {
				if len(all) == maxDifferences {
					c.more += int64(s.left[way].count())
					break
				}
				at := c.grid.locate(s.at, cell)
				b := c.grid.grow(at, func(b box) bool {
					return c.each(b, func(s *slice, cell int) bool { return s != nil && s.differ[way].has(cell) })
				})
				all = append(all, c.difference(way, at, b))
				c.each(b, func(s *slice, cell int) bool {
					s.left[way][cell/64] &^= 1 << (cell % 64)
					return true
				})
			}
		}
	}
	return all
}

// grow is the box around a cell that has a property throughout: the path, the method and the port are made as large as can be, then
// the rest, and the peer at last.
func (g *grid) grow(at []int, has func(b box) bool) box {
	b := only(at)
	for place := len(g.order) - 1; place >= 0; place-- {
		axis := g.order[place]
		grown := b[axis]
		for class := range g.sizes[place] {
			if grown.Has(class) {
				continue
			}
			if b[axis] = atoms.Only(class); has(b) {
				grown = grown.Or(b[axis])
			}
		}
		b[axis] = grown
	}
	return b
}

// each visits the cells of a box until one is refused, and reports whether none was. The slice is nil where none differs.
func (c *comparison) each(b box, visit func(s *slice, cell int) bool) bool {
	return c.eachFrom(b, make([]int, 0, c.grid.outer), visit)
}

func (c *comparison) eachFrom(b box, at []int, visit func(s *slice, cell int) bool) bool {
	if len(at) == c.grid.outer {
		i, ok := c.at[fmt.Sprint(at)]
		if !ok {
			return visit(nil, 0)
		}
		return c.grid.eachCell(b, c.grid.outer, 0, func(cell int) bool { return visit(c.found[i], cell) })
	}
	for class := range b[c.grid.order[len(at)]].All() {
		if !c.eachFrom(b, append(at, class), visit) {
			return false
		}
	}
	return true
}

func (g *grid) eachCell(b box, place, at int, visit func(cell int) bool) bool {
	if place == len(g.order) {
		return visit(at)
	}
	for class := range b[g.order[place]].All() {
		if !g.eachCell(b, place+1, at+class*g.strides[place], visit) {
			return false
		}
	}
	return true
}

// difference tells one, after both sides were asked about its request without sets. If they do not agree with the sets, one of the
// two evaluators is wrong, which is our fault.
func (c *comparison) difference(way int, at []int, b box) Difference {
	r := c.space.request(at)
	d := Difference{
		Wider: way == wider, Request: r, Decision: c.point.Decide(r), Box: c.space.describe(b), Allowances: c.meant.nearest(&r),
	}
	if want := c.meant.allows(&r); want == d.Wider || !want && d.Decision.Answer == Deny || want && d.Decision.Answer == Allow {
		panic(fmt.Sprintf("authz: by sets, the policies are %s, yet they decide %v of %+v, and meant is %v",
			[]string{"narrower", "wider"}[way], d.Decision, r, want))
	}
	return d
}
