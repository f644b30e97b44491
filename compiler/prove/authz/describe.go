package authz

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
)

// describe says a box of classes in the words that people wrote, by attribute.
func (s *Space) describe(b box) map[string][]string {
	said := map[string][]string{}
	for axis, set := range b {
		c := &s.classes[axis]
		if set == nil || set.Count() == len(c.show) {
			continue
		}
		d := s.dims[axis]
		if axis == portAxis || s.reachesHTTP(b) || axis <= sniAxis && axis != tokenAxis {
			said[d.name] = d.say(c.atoms(set))
		}
	}
	return said
}

// reachesHTTP reports whether a box has a request of HTTP.
func (s *Space) reachesHTTP(b box) bool {
	for a := range s.classes[portAxis].atoms(b[portAxis]).All() {
		if s.flavours[a].http {
			return true
		}
	}
	return false
}

// atoms is a set of classes as one of atoms.
func (c *classes) atoms(set atoms.Set) atoms.Set {
	all := make(atoms.Set, (len(c.of)+63)/64)
	for a, class := range c.of {
		if set.Has(class) {
			all[a/64] |= 1 << (a % 64)
		}
	}
	return all
}

// say names a set of atoms, in as few words as do: by those that are within it, by one that is too much less others that are not
// meant, by what two have in common or, where no words serve, by examples.
func (d *dimension) say(set atoms.Set) []string {
	words := append(d.words(), word{"any", atoms.All(d.n)})
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(a.text, b.text) })
	best, rest := cover(words, set, set)
	cost := len(best)
	if !rest.Empty() {
		cost = d.n + len(words)
	}
	for _, w := range words {
		but, left := cover(words, w.set.AndNot(set), w.set.AndNot(set))
		also, open := cover(words, set, set.AndNot(w.set))
		if left.Empty() && open.Empty() && len(but) > 0 && 1+len(but)+len(also) < cost {
			best, cost, rest = append([]string{w.text + " but not " + strings.Join(but, ", ")}, also...), 1+len(but)+len(also), nil
		}
	}
	if rest.Empty() {
		return best
	}
	common, rest := cover(pairs(words), set, rest)
	return append(append(best, common...), d.examples(rest)...)
}

// pairs are what two words have in common.
func pairs(words []word) []word {
	var all []word
	for i, a := range words {
		for _, b := range words[i+1:] {
			all = append(all, word{a.text + " that are " + b.text, a.set.And(b.set)})
		}
	}
	return all
}

// cover chooses words within a set that have all that is needed of it, and returns what they do not have.
func cover(words []word, within, needed atoms.Set) ([]string, atoms.Set) {
	var names []string
	for !needed.Empty() {
		best, most := -1, 0
		for i, w := range words {
			if n := w.set.And(needed).Count(); n > most && w.set.AndNot(within).Empty() {
				best, most = i, n
			}
		}
		if best < 0 {
			break
		}
		names, needed = append(names, words[best].text), needed.AndNot(words[best].set)
	}
	return names, needed
}

// examples are members of a few atoms that no words name.
func (d *dimension) examples(set atoms.Set) []string {
	var all []string
	for a := range set.All() {
		if len(all) == 3 {
			return append(all, "and more")
		}
		all = append(all, "such as "+d.example(a))
	}
	return all
}

// example is the witness of an atom, as text.
func (d *dimension) example(atom int) string {
	var r Request
	d.put(atom, &r)
	switch d.name {
	case "peer":
		return r.Principal
	case requestMethod:
		return r.Method
	case requestPath:
		return r.Path
	case requestHost:
		return strconv.Quote(r.Host)
	case "sni":
		return strconv.Quote(r.SNI)
	case "source", "remote", "destination":
		return cmp.Or(address(r.Source), address(r.Remote), address(r.Destination))
	case "token":
		if r.Token == nil {
			return "none"
		}
		return fmt.Sprintf("%+v", *r.Token)
	default:
		for _, value := range r.Headers {
			return strconv.Quote(value)
		}
		return strconv.Itoa(r.Port)
	}
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
