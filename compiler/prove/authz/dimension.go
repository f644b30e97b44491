package authz

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
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

// identityPattern is the identities that a value stands for, as the regular expression that istiod writes.
func identityPattern(name, value, namespace string) atoms.Pattern {
	switch name {
	case sourceNamespace:
		return namespacePattern(value)
	case sourceServiceAccount:
		return accountPattern(value, namespace)
	case sourceTrustDomain:
		return domainPattern(value)
	default:
		return principalPattern(value)
	}
}

func principalPattern(value string) atoms.Pattern {
	w := wildcard(value)
	switch w.kind {
	case anything:
		return w.pattern()
	case ends:
		return atoms.Regexp("spiffe://.*"+regexp.QuoteMeta(w.value), value)
	case exactly, begins:
		w.value = "spiffe://" + w.value
	}
	return w.pattern()
}

func namespacePattern(value string) atoms.Pattern {
	parts := strings.Split(value, "*")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return atoms.Regexp(".*/ns/"+strings.Join(parts, ".*")+"/.*", "namespace "+value)
}

func accountPattern(value, namespace string) atoms.Pattern {
	ns, account, ok := strings.Cut(value, "/")
	if !ok {
		ns, account = namespace, value
	}
	return atoms.Regexp("spiffe://.+/ns/"+regexp.QuoteMeta(ns)+"/(.+/|)sa/"+regexp.QuoteMeta(account)+"(/.+)?",
		"account "+ns+"/"+account)
}

func domainPattern(value string) atoms.Pattern {
	before, after, partial := strings.Cut(value, "*")
	switch {
	case value == "*":
		return atoms.Prefix("spiffe://")
	case !partial:
		return atoms.Prefix("spiffe://" + value + "/")
	}
	return atoms.Regexp("spiffe://"+regexp.QuoteMeta(before)+"[^/]*"+regexp.QuoteMeta(after)+"/.*", "trust domain "+value)
}

// divideIdentities divides the peers: the workloads, and whoever has a certificate of another issuer. The last atom is who has no
// identity.
func divideIdentities(patterns []atoms.Pattern, own string) (*dimension, error) {
	d, space, err := divideTexts("peer", atoms.SPIFFE(), patterns, 1)
	if err != nil {
		return nil, err
	}
	show, err := workloads(space, patterns, d.sets, own)
	if err != nil {
		return nil, err
	}
	none := space.Len()
	named := make([]bool, d.n)
	for i, p := range patterns {
		if id := p.String(); d.sets[i].Count() == 1 && p == atoms.Exact(id) {
			for a := range d.sets[i].All() {
				named[a] = true
			}
		}
	}
	written := d.words
	d.words = func() []word {
		return append(written(), word{"any identity", atoms.All(none)}, word{"no identity", atoms.Only(none)})
	}
	d.rank = func(a int) int {
		switch {
		case a == none:
			return 4
		case !atoms.Identity().Contains(show[a]):
			return 3
		case !named[a]:
			return 2
		case !strings.HasPrefix(show[a], "spiffe://"+own+"/"):
			return 1
		}
		return 0
	}
	d.put = func(a int, r *Request) {
		if r.Principal = ""; a != none {
			r.Principal = strings.TrimPrefix(show[a], "spiffe://")
		}
	}
	return d, nil
}

// workloads is a member of each atom of identities: a workload where it has one, and rather one that people may take for theirs.
func workloads(space *atoms.Space, patterns []atoms.Pattern, sets []atoms.Set, own string) ([]string, error) {
	show := slices.Clone(space.Witness)
	likely := []string{"spiffe://" + own + "/ns/default/sa/default", "spiffe://" + own + "/ns/other/sa/other"}
	if slices.ContainsFunc(patterns, func(p atoms.Pattern) bool { return p != atoms.Exact(p.String()) }) {
		named, err := atoms.Divide(atoms.Identity(), patterns, states)
		if err != nil {
			return nil, &TooComplexError{Attribute: "peer", Err: err}
		}
		for _, w := range named.Witness {
			likely = append(likely, strings.Replace(w, "spiffe://x/", "spiffe://"+own+"/", 1), w)
		}
	}
	// Atoms are told apart by which patterns match them, here by a sum that is held against the patterns themselves.
	sum := func(i int) uint64 {
		n := uint64(i+1) * 0x9e3779b97f4a7c15
		n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
		return n ^ n>>27
	}
	sums := make([]uint64, len(show))
	for i, set := range sets {
		for a := range set.All() {
			sums[a] += sum(i)
		}
	}
	of := make(map[uint64]int, len(show))
	for a, n := range sums {
		of[n] = a
	}
	shown := map[int]bool{}
	for _, id := range likely {
		n := uint64(0)
		for i, p := range patterns {
			if p.Match(id) {
				n += sum(i)
			}
		}
		a, ok := of[n]
		differs := func(p atoms.Pattern) bool { return p.Match(id) != p.Match(space.Witness[a]) }
		if ok && !shown[a] && !slices.ContainsFunc(patterns, differs) {
			show[a], shown[a] = id, true
		}
	}
	return show, nil
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
