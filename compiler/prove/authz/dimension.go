package authz

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
)

// states is how many states the division of one attribute may take.
const states = 200_000

// dimension is one attribute of requests, divided into atoms. It is made in two steps: first every value that a condition has is
// given a number, then all are divided, and each number has its set of atoms.
type dimension struct {
	name string // as Difference.Box has it
	n    int    // atoms
	sets []atoms.Set
	// words are how people wrote the values, or would name some atoms.
	words func() []word
	// rank says which atom is shown where there is a choice: of a lower one rather, and of the first among equals.
	rank func(atom int) int
	// put writes the atom's witness into a request.
	put func(atom int, r *Request)
}

// word is some atoms by a name that people know.
type word struct {
	text string
	set  atoms.Set
}

// table numbers values. A few are looked for one by one, which is faster than a map.
type table[K comparable] struct {
	index map[K]int
	keys  []K
}

func (t *table[K]) number(k K) int {
	if t.index == nil {
		if i := slices.Index(t.keys, k); i >= 0 {
			return i
		}
	} else if i, ok := t.index[k]; ok {
		return i
	}
	t.keys = append(t.keys, k)
	if len(t.keys) == 8 {
		t.index = make(map[K]int, 32)
		for i, had := range t.keys {
			t.index[had] = i
		}
	} else if t.index != nil {
		t.index[k] = len(t.keys) - 1
	}
	return len(t.keys) - 1
}

// divideTexts divides strings, and leaves room for more atoms behind those of the strings.
func divideTexts(name string, u *atoms.Universe, patterns []atoms.Pattern, more int) (*dimension, *atoms.Space, error) {
	space, err := atoms.Divide(u, patterns, states)
	if err != nil {
		return nil, nil, &TooComplexError{Attribute: name, Err: err}
	}
	d := &dimension{name: name, n: space.Len() + more, rank: func(int) int { return 0 }, sets: make([]atoms.Set, len(patterns))}
	for i, p := range patterns {
		d.sets[i] = space.Set(p)
	}
	d.words = func() []word {
		words := make([]word, len(patterns))
		for i, p := range patterns {
			words[i] = word{strings.TrimPrefix(p.String(), "spiffe://"), d.sets[i]}
		}
		return words
	}
	return d, space, nil
}

// pattern is a value with its wildcard as a pattern. An asterisk alone is anything but nothing.
func (t text) pattern() atoms.Pattern {
	switch t.kind {
	case begins:
		return atoms.Prefix(t.value)
	case ends:
		return atoms.Suffix(t.value)
	case anything:
		return atoms.Present()
	default:
		return atoms.Exact(t.value)
	}
}

// header is a value of a header, a method or a host, where an asterisk alone is whatever is there, nothing too.
func (t text) header() atoms.Pattern {
	if t.kind == anything {
		return atoms.Prefix("")
	}
	return t.pattern()
}

func pathPattern(value string) atoms.Pattern {
	if strings.Contains(value, "{*}") || strings.Contains(value, "{**}") {
		return atoms.Template(value)
	}
	return wildcard(value).pattern()
}

// methods are the methods that are shown rather than others.
var methods = []string{"GET", "POST", "PUT", "DELETE"}

func divideMethods(patterns []atoms.Pattern) (*dimension, error) {
	all := slices.Clip(patterns)
	for _, m := range methods {
		all = append(all, atoms.Exact(m))
	}
	d, space, err := divideTexts(requestMethod, atoms.Method(), all, 0)
	if err != nil {
		return nil, err
	}
	written := d.words
	d.words = func() []word { return written()[:len(patterns)] }
	d.rank = func(a int) int {
		if i := slices.Index(methods, space.Witness[a]); i >= 0 {
			return i
		}
		return len(methods)
	}
	d.put = func(a int, r *Request) { r.Method = space.Witness[a] }
	return d, nil
}

func dividePaths(patterns []atoms.Pattern, normalization string) (*dimension, error) {
	d, space, err := divideTexts(requestPath, atoms.Path(normalization), patterns, 0)
	if err == nil {
		d.put = func(a int, r *Request) { r.Path = space.Witness[a] }
	}
	return d, err
}

func divideHosts(patterns []atoms.Pattern) (*dimension, error) {
	d, space, err := divideTexts(requestHost, atoms.Host(), patterns, 0)
	if err == nil {
		d.put = func(a int, r *Request) { r.Host = space.Witness[a] }
	}
	return d, err
}

func divideServerNames(patterns []atoms.Pattern) (*dimension, error) {
	d, space, err := divideTexts("sni", atoms.Free(), patterns, 0)
	if err == nil {
		d.put = func(a int, r *Request) { r.SNI = space.Witness[a] }
	}
	return d, err
}

// divideHeader divides the values of one header. The last atom is a request without it.
func divideHeader(name string, patterns []atoms.Pattern) (*dimension, error) {
	d, space, err := divideTexts("header "+name, atoms.Free(), patterns, 1)
	if err != nil {
		return nil, err
	}
	absent := space.Len()
	written := d.words
	d.words = func() []word { return append(written(), word{"absent", atoms.Only(absent)}) }
	d.rank = func(a int) int {
		if a == absent {
			return 0
		}
		return 1
	}
	d.put = func(a int, r *Request) {
		if a == absent {
			return
		}
		r.Headers = maps.Clone(r.Headers)
		if r.Headers == nil {
			r.Headers = map[string]string{}
		}
		r.Headers[name] = space.Witness[a]
	}
	return d, nil
}

func divideAddresses(name string, prefixes []netip.Prefix, field func(*Request) *netip.Addr) *dimension {
	space := atoms.DivideAddresses(prefixes)
	d := &dimension{name: name, n: space.Len(), rank: func(int) int { return 0 }, sets: make([]atoms.Set, len(prefixes))}
	for i, p := range prefixes {
		d.sets[i] = space.Set(p)
	}
	d.words = func() []word {
		words := make([]word, len(prefixes))
		for i, p := range prefixes {
			words[i] = word{p.String(), d.sets[i]}
		}
		return words
	}
	d.put = func(a int, r *Request) {
		if len(prefixes) > 0 {
			*field(r) = space.Witness[a]
		}
	}
	return d
}

// flavour is a port as the proxy reads it.
type flavour struct {
	port int
	http bool
}

// dividePorts makes the flavours of the ports: a declared port has its own, any other has both, as the proxy guesses. The sets are
// those of the numbers.
func dividePorts(numbers []int, declared []Port) (*dimension, []flavour) {
	known := map[int]bool{}
	var all []flavour
	for _, p := range declared {
		if f := (flavour{p.Number, p.HTTP}); !slices.Contains(all, f) {
			all = append(all, f)
		}
		known[p.Number] = true
	}
	other := 65535
	for slices.Contains(numbers, other) || known[other] {
		other--
	}
	own := len(all)
	for _, n := range append(slices.Sorted(slices.Values(numbers)), other) {
		if !known[n] && n > 0 {
			all, known[n] = append(all, flavour{n, true}, flavour{n, false}), true
		}
	}
	d := &dimension{name: "port", n: len(all), sets: make([]atoms.Set, len(numbers))}
	of := func(keep func(f flavour) bool) atoms.Set {
		var s atoms.Set
		for i, f := range all {
			if keep(f) {
				s = s.Or(atoms.Only(i))
			}
		}
		return s
	}
	for i, n := range numbers {
		d.sets[i] = of(func(f flavour) bool { return f.port == n })
	}
	d.words = func() []word {
		words := []word{
			{"any as HTTP", of(func(f flavour) bool { return f.http })},
			{"any as TCP", of(func(f flavour) bool { return !f.http })},
		}
		for _, n := range slices.Sorted(maps.Keys(known)) {
			name := strconv.Itoa(n)
			if n == other {
				name = "any other"
			}
			both := word{name, of(func(f flavour) bool { return f.port == n })}
			if words = append(words, both); both.set.Count() > 1 {
				words = append(words, word{name + " as HTTP", of(func(f flavour) bool { return f == flavour{n, true} })},
					word{name + " as TCP", of(func(f flavour) bool { return f == flavour{n, false} })})
			}
		}
		return words
	}
	d.rank = func(a int) int {
		switch {
		case a < own:
			return 0
		case all[a].port == other:
			return 2
		}
		return 1
	}
	d.put = func(a int, r *Request) { r.Port, r.HTTP = all[a].port, all[a].http }
	return d, all
}

// TooComplexError says that a comparison would take more memory or time than a proof may, so that nothing is known.
type TooComplexError struct {
	// Attribute is what of requests has too many classes, like "path"; Patterns are those that make them.
	Attribute string
	Patterns  []string
	Err       error // an *atoms.LimitError where one attribute alone is too much
}

func (e *TooComplexError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Attribute, e.Err)
	}
	return fmt.Sprintf("too many classes of requests to compare, most by %s: %s", e.Attribute, strings.Join(e.Patterns, ", "))
}

func (e *TooComplexError) Unwrap() error { return e.Err }

// preferred orders atoms as they are shown.
func (d *dimension) preferred(a, b int) int {
	return cmp.Or(cmp.Compare(d.rank(a), d.rank(b)), cmp.Compare(a, b))
}
