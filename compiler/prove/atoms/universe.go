package atoms

import (
	"slices"
	"strings"
	"sync"
)

// Universe says which strings an attribute can have at all, as a small deterministic automaton: a proxy never compares a path
// with two slashes in a row where it merges them. A universe may be larger than what really occurs, as a difference is then
// reported that cannot be seen; it must never be smaller.
type Universe struct {
	// Bytes are numbered by rank, in the order in which they are preferred in a witness.
	order, rank [256]byte
	// next is the state after one more byte, by state and rank, or negative where no string of the universe goes on so.
	next    [][256]int8
	accepts []bool
	// plain are the classes of bytes that the universe alone tells apart, by state; fine those that patterns tell apart as well,
	// without naming a byte.
	plain, fine [][]byteSet
	// ends[n] are the states from which some string of n bytes ends well, as bits: for the shorter ones, which are asked about.
	ends []uint64
	// classes are the bytes of each class that patterns name, by rank.
	classes [len(classBytes)]byteSet
}

// byteSet is a set of bytes, by rank.
type byteSet [4]uint64

func (b *byteSet) has(rank byte) bool { return b[rank>>6]>>(rank&63)&1 != 0 }
func (b *byteSet) add(rank byte)      { b[rank>>6] |= 1 << (rank & 63) }

// class is the bytes that one step of a pattern takes.
type class uint8

const (
	anyByte class = iota
	segmentByte
	templateByte
	notSlash
)

var classBytes = [...]func(b byte) bool{
	anyByte:      func(byte) bool { return true },
	segmentByte:  func(b byte) bool { return strings.IndexByte(pchar, b) >= 0 },
	templateByte: func(b byte) bool { return b == '/' || strings.IndexByte(pchar, b) >= 0 },
	notSlash:     func(b byte) bool { return b != '/' },
}

const (
	lowerLetters = "xyzabcdefghijklmnopqrstuvw"
	upperLetters = "XYZABCDEFGHIJKLMNOPQRSTUVW"
	digits       = "0123456789"
)

// newUniverse tabulates the automaton. States are small numbers, and 0 is the start. The bytes of order are preferred in
// witnesses, then letters, then what people may have seen in a path.
func newUniverse(order string, step func(state int, b byte) int, accepts func(state int) bool) *Universe {
	u := &Universe{}
	seen := [256]bool{}
	n := 0
	add := func(b byte) {
		if !seen[b] {
			seen[b] = true
			u.order[n], u.rank[b] = b, byte(n)
			n++
		}
	}
	for _, b := range []byte(order + lowerLetters + digits + upperLetters + "-._~/|") {
		add(b)
	}
	for b := ' '; b < ' '+256; b++ {
		add(byte(b))
	}
	for c, in := range classBytes {
		for r, b := range u.order {
			if in(b) {
				u.classes[c].add(byte(r))
			}
		}
	}
	for states, s := 1, 0; s < states; s++ {
		row := [256]int8{}
		for r, b := range u.order {
			to := step(s, b)
			row[r] = int8(max(to, -1))
			states = max(states, to+1)
		}
		u.next, u.accepts = append(u.next, row), append(u.accepts, accepts(s))
		u.plain = append(u.plain, u.partition(row, false))
		u.fine = append(u.fine, u.partition(row, true))
	}
	if len(u.next) > 64 {
		panic("atoms: a universe of more than 64 states")
	}
	for range 32 {
		u.ends = append(u.ends, u.endsIn(u.ends))
	}
	return u
}

// partition divides the bytes that lead on from a state by where they lead and, if fine, by the classes that patterns name.
func (u *Universe) partition(next [256]int8, fine bool) []byteSet {
	type key struct {
		to int8
		in [len(classBytes)]bool
	}
	var keys []key
	var parts []byteSet
	for r, to := range next {
		if to < 0 {
			continue
		}
		k := key{to: to}
		for c := range k.in {
			k.in[c] = fine && u.classes[c].has(byte(r))
		}
		i := slices.Index(keys, k)
		if i < 0 {
			i = len(keys)
			keys, parts = append(keys, k), append(parts, byteSet{})
		}
		parts[i].add(byte(r))
	}
	return parts
}

// Contains reports whether s belongs to the universe.
func (u *Universe) Contains(s string) bool {
	state := int8(0)
	for i := range len(s) {
		if state = u.next[state][u.rank[s[i]]]; state < 0 {
			return false
		}
	}
	return u.accepts[state]
}

// compare orders strings as witnesses are: short ones first, and preferred bytes first among those as short.
func (u *Universe) compare(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	for i := range len(a) {
		if a[i] != b[i] {
			return int(u.rank[a[i]]) - int(u.rank[b[i]])
		}
	}
	return 0
}

// Path is the paths that a proxy compares, without query and fragment, under one of Istio's normalisations
// (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ProxyPathNormalization-NormalizationType).
// An empty name is BASE, Istio's default; one that is not known is NONE, which has the most paths.
//
// Spaces, controls, '?' and '#' do not reach a policy; bytes above ASCII may. BASE leaves no segment . or .., MERGE_SLASHES no
// empty one either but in the path //, of which Envoy keeps the first slash and the last. DECODE_AND_MERGE_SLASHES decodes %2F and
// %5C; both stay in its universe, as Envoy decodes slashes before it normalises: what its normaliser makes of %2%46 (1.40 makes
// %252F) is decoded by nobody. NONE has OPTIONS' path * beside those that begin with a slash.
func Path(normalization string) *Universe {
	switch normalization {
	case "", "DEFAULT", "BASE":
		return basePath()
	case "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES":
		return mergedPath()
	default:
		return rawPath()
	}
}

func pathByte(b byte) bool { return b > ' ' && b != 0x7f && b != '?' && b != '#' }

var rawPath = sync.OnceValue(func() *Universe {
	const start, path, star = 0, 1, 2
	return newUniverse("", func(state int, b byte) int {
		switch {
		case state == start && b == '*':
			return star
		case state == start && b == '/', state == path && pathByte(b):
			return path
		}
		return -1
	}, func(state int) bool { return state != start })
})

var (
	basePath   = sync.OnceValue(func() *Universe { return normalPath(false) })
	mergedPath = sync.OnceValue(func() *Universe { return normalPath(true) })
)

func normalPath(merged bool) *Universe {
	const start, slash, segment, dot, dots, first, twice = 0, 1, 2, 3, 4, 5, 6
	return newUniverse("", func(state int, b byte) int {
		switch {
		case !pathByte(b), state == start && b != '/', (state == dot || state == dots) && b == '/', merged && state == slash && b == '/', state == twice:
			return -1
		case merged && state == start:
			return first
		case b == '/' && state == first:
			return twice
		case b == '/':
			return slash
		case b == '.' && (state == slash || state == first):
			return dot
		case b == '.' && state == dot:
			return dots
		}
		return segment
	}, func(state int) bool { return state == slash || state == segment || state == first || state == twice })
}

// Method is the tokens of RFC 9110, section 5.6.2, in either case.
var Method = sync.OnceValue(func() *Universe {
	return newUniverse(upperLetters, func(_ int, b byte) int {
		if alphanumeric(b) || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0 {
			return 1
		}
		return -1
	}, func(state int) bool { return state == 1 })
})

// Host is the values of :authority, port included, in lower case, as Istio compares them without regard to it. A request of
// HTTP/1.1 may carry an empty one.
var Host = sync.OnceValue(func() *Universe {
	return newUniverse("", func(_ int, b byte) int {
		if pathByte(b) && b != '/' && (b < 'A' || b > 'Z') {
			return 0
		}
		return -1
	}, func(int) bool { return true })
})

// Identity is the URIs of workloads, spiffe://<trust domain>/ns/<namespace>/sa/<account>, each part of the characters that SPIFFE
// allows (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity) and of upper-case letters.
var Identity = sync.OnceValue(func() *Universe {
	// A space stands for a part: one character or more.
	const shape = "spiffe:// /ns/ /sa/ "
	part := func(b byte) bool { return alphanumeric(b) || strings.IndexByte("-._", b) >= 0 }
	return newUniverse("", func(state int, b byte) int {
		switch {
		case state < len(shape) && (shape[state] == b && b != ' ' || shape[state] == ' ' && part(b)):
			return state + 1
		case state > 0 && shape[state-1] == ' ' && part(b):
			return state
		}
		return -1
	}, func(state int) bool { return state == len(shape) })
})

// SPIFFE is the URIs that the certificate of a peer can have at all: those of workloads, and what an issuer that is not istiod's
// makes, spiffe://<trust domain>/<part>/<part> and so on.
var SPIFFE = sync.OnceValue(func() *Universe {
	const scheme = "spiffe://"
	const domain, slash, part = len(scheme) + 1, len(scheme) + 2, len(scheme) + 3
	return newUniverse("", func(state int, b byte) int {
		legal := alphanumeric(b) || strings.IndexByte("-._", b) >= 0
		switch {
		case state < len(scheme) && scheme[state] == b:
			return state + 1
		case (state == len(scheme) || state == domain) && legal:
			return domain
		case (state == domain || state == part) && b == '/':
			return slash
		case (state == slash || state == part) && legal:
			return part
		}
		return -1
	}, func(state int) bool { return state == part })
})

// Free is everything that can be printed, the empty string too: the value of a header, a claim or a server name that is there.
var Free = sync.OnceValue(func() *Universe {
	return newUniverse("", func(_ int, b byte) int {
		if b >= ' ' && b != 0x7f || b == '\t' {
			return 0
		}
		return -1
	}, func(int) bool { return true })
})

func alphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
