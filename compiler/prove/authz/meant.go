package authz

import (
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
)

// allows reports whether a request is meant to be let in. Like Decide, it uses no sets.
func (m *Meant) allows(r *Request) bool {
	if r.Principal == "" && !m.plaintext(r.Port) {
		return false
	}
	return m.Open || slices.ContainsFunc(m.Allow, func(a Allowance) bool { return a.differs(r) == 0 })
}

func (m *Meant) plaintext(port int) bool { return m.Plaintext != nil && m.Plaintext(port) }

// differs is in how many attributes a request is not one of the allowance.
func (a *Allowance) differs(r *Request) int {
	n := 0
	for _, fine := range []bool{
		slices.Contains(a.Principals, r.Principal) && r.Principal != "" ||
			slices.ContainsFunc(a.CIDRs, func(c netip.Prefix) bool { return c.Contains(r.Source) }),
		a.Port == r.Port,
		a.Methods == nil || r.HTTP && slices.Contains(a.Methods, r.Method),
		a.Paths == nil || r.HTTP && slices.ContainsFunc(a.Paths, func(p string) bool { return onPath(p, r.Path) }),
	} {
		if !fine {
			n++
		}
	}
	return n
}

// nearest are the indexes of the allowances that allow the request or, where none does, are the nearest to it.
func (m *Meant) nearest(r *Request) []int {
	var found []int
	least := 5
	for i := range m.Allow {
		n := m.Allow[i].differs(r)
		if n < least {
			found, least = found[:0], n
		}
		if n == least {
			found = append(found, i)
		}
	}
	return found
}

// onPath reports whether a path is one that people write: {id} stands for a segment, a last {rest...} for what remains, which may
// be nothing.
func onPath(written, path string) bool {
	wrote, had := strings.Split(written, "/"), strings.Split(path, "/")
	for i, w := range wrote {
		name, whole := strings.CutPrefix(w, "{")
		if rest := whole && strings.HasSuffix(name, "...}"); rest && i < len(had) {
			return !slices.ContainsFunc(had[i:], odd)
		}
		if i >= len(had) || whole && (had[i] == "" || odd(had[i])) || !whole && had[i] != w {
			return false
		}
	}
	return len(wrote) == len(had)
}

// odd reports whether a segment has characters that none of {id} and {rest...} stands for.
func odd(part string) bool {
	return strings.ContainsFunc(part, func(r rune) bool { return r > 0x7e || !segment(byte(r)) })
}

// meantPath is such a path as a pattern.
func meantPath(written string) atoms.Pattern {
	if !strings.Contains(written, "{") {
		return atoms.Exact(written)
	}
	segments := strings.Split(written, "/")
	for i, s := range segments {
		switch {
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "...}"):
			segments[i] = "{**}"
		case strings.HasPrefix(s, "{"):
			segments[i] = "{*}"
		}
	}
	return atoms.Template(strings.Join(segments, "/"))
}
