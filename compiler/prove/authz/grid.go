package authz

import (
	"math/bits"
	"slices"

	"writ.dev/writ/compiler/prove/atoms"
)

// denseCells is how many classes of requests are decided at once; more are decided in slices. workCells is how many are decided at
// all: some seconds' work.
const (
	denseCells = 1 << 20
	workCells  = 1 << 31
)

// grid numbers the classes of requests of a space, in slices that all have the same form: a class of each outer dimension makes the
// slice, one of each inner dimension the cell in it. Cells stand in the order in which they are shown.
type grid struct {
	sizes   []int // by place
	order   []int // the dimension, by place
	outer   int   // how many places are outer ones
	strides []int // by place, of cells
	cells   int
}

func (s *Space) grid(dense int) (*grid, error) {
	g := &grid{order: s.order, outer: len(s.order), cells: 1, strides: make([]int, len(s.order))}
	total := 1
	for _, axis := range s.order {
		g.sizes = append(g.sizes, len(s.classes[axis].show))
		if total *= len(s.classes[axis].show); total > workCells {
			return nil, s.tooComplex()
		}
	}
	for g.outer > 0 && g.cells*g.sizes[g.outer-1] <= dense {
		g.outer--
		g.strides[g.outer] = g.cells
		g.cells *= g.sizes[g.outer]
	}
	return g, nil
}

// tooComplex blames the dimension with the most classes.
func (s *Space) tooComplex() error {
	worst := slices.MaxFunc(s.order, func(a, b int) int { return len(s.classes[a].show) - len(s.classes[b].show) })
	e := &TooComplexError{Attribute: s.dims[worst].name}
	for _, w := range s.dims[worst].words() {
		e.Patterns = append(e.Patterns, w.text)
	}
	return e
}

// cells is a set of cells of one slice.
type cells []uint64

func (g *grid) none() cells { return make(cells, (g.cells+63)/64) }

func (c cells) has(i int) bool { return c[i/64]>>(i%64)&1 != 0 }

func (c cells) empty() bool { return !slices.ContainsFunc(c, func(w uint64) bool { return w != 0 }) }

func (c cells) count() int {
	n := 0
	for _, w := range c {
		n += bits.OnesCount64(w)
	}
	return n
}

// first is the first cell, or a negative number.
func (c cells) first() int {
	for i, w := range c {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// setRange adds n cells from one on.
func (c cells) setRange(from, n int) {
	for i := from; i < from+n; {
		if i%64 == 0 && i+64 <= from+n {
			c[i/64] = ^uint64(0)
			i += 64
			continue
		}
		c[i/64] |= 1 << (i % 64)
		i++
	}
}

// or adds a set as cells from one on.
func (c cells) or(set atoms.Set, at int) {
	shift := at % 64
	for i, w := range set {
		if c[at/64+i] |= w << shift; w>>(63-shift)>>1 != 0 {
			c[at/64+i+1] |= w >> (64 - shift)
		}
	}
}

// fill adds the cells of a box to those of a slice, which the box is in.
func (g *grid) fill(c cells, b box) {
	depth := len(g.order)
	for depth > g.outer && b[g.order[depth-1]] == nil {
		depth--
	}
	run := g.cells
	if depth > g.outer {
		run = g.strides[depth-1]
	}
	g.fillFrom(c, b, g.outer, depth, 0, run)
}

func (g *grid) fillFrom(c cells, b box, place, depth, at, run int) {
	if place == depth {
		if run == 1 {
			c[at/64] |= 1 << (at % 64)
			return
		}
		c.setRange(at, run)
		return
	}
	set, stride := b[g.order[place]], g.strides[place]
	if set == nil {
		for i := range g.sizes[place] {
			g.fillFrom(c, b, place+1, depth, at+i*stride, run)
		}
		return
	}
	if stride == 1 {
		c.or(set, at)
		return
	}
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			g.fillFrom(c, b, place+1, depth, at+(w*64+bits.TrailingZeros64(word))*stride, run)
		}
	}
}

// slices visits every slice with the boxes that reach into it, in order. A slice is the class of each outer place.
func (g *grid) slices(boxes []roleBox, visit func(slice []int, boxes []roleBox)) {
	g.slicesFrom(make([]int, 0, g.outer), boxes, visit)
}

func (g *grid) slicesFrom(slice []int, boxes []roleBox, visit func(slice []int, boxes []roleBox)) {
	place := len(slice)
	if place == g.outer {
		visit(slice, boxes)
		return
	}
	// Each box goes to the classes that it has, so that thousands of callers with a rule each stay linear.
	axis, n := g.order[place], g.sizes[place]
	into := make([][]roleBox, n)
	for _, b := range boxes {
		if b.box[axis] == nil {
			for c := range into {
				into[c] = append(into[c], b)
			}
			continue
		}
		for c := range b.box[axis].All() {
			into[c] = append(into[c], b)
		}
	}
	for c := range n {
		g.slicesFrom(append(slice, c), into[c], visit)
	}
}

// locate is the classes of a cell, by dimension.
func (g *grid) locate(slice []int, cell int) []int {
	at := make([]int, len(g.order))
	for place, axis := range g.order {
		if place < g.outer {
			at[axis] = slice[place]
			continue
		}
		at[axis] = cell / g.strides[place] % g.sizes[place]
	}
	return at
}

// request is the request of a class that is shown.
func (s *Space) request(at []int) Request {
	var r Request
	s.dims[portAxis].put(s.classes[portAxis].show[at[portAxis]], &r)
	for axis, c := range at {
		switch {
		case axis == portAxis:
		case !r.HTTP && (axis == tokenAxis || axis == hostAxis || axis == methodAxis || axis == pathAxis || axis >= headerAxis):
		default:
			s.dims[axis].put(s.classes[axis].show[c], &r)
		}
	}
	return r
}

// count is how many classes of requests the space has: what exists in HTTP alone divides no connection.
func (s *Space) count() int64 {
	n := func(axis int) int64 { return int64(len(s.classes[axis].show)) }
	connection, request := int64(1), int64(1)
	for _, axis := range s.order {
		switch {
		case axis == portAxis:
		case axis == tokenAxis || axis == hostAxis || axis == methodAxis || axis == pathAxis || axis >= headerAxis:
			request *= n(axis)
		default:
			connection *= n(axis)
		}
	}
	var total int64
	for _, a := range s.classes[portAxis].show {
		if s.flavours[a].http {
			total += connection * request
		} else {
			total += connection
		}
	}
	return total
}

// role is what the requests of a box are.
type role int

const (
	allowed role = iota
	denied
	asked
	meant
	unmeant
	roles
)

type roleBox struct {
	role role
	box  box
}

func withRole(r role, boxes []box) []roleBox {
	all := make([]roleBox, len(boxes))
	for i, b := range boxes {
		all[i] = roleBox{r, b}
	}
	return all
}

// only is the box of one class in each dimension.
func only(at []int) box {
	b := make(box, len(at))
	for axis, c := range at {
		b[axis] = atoms.Only(c)
	}
	return b
}
