package model

import (
	"slices"
	"strings"
)

// AnyPath matches every path.
var AnyPath = Pattern{Text: "/{rest...}", segments: []segment{{kind: rest}}, istio: "/{**}"}

// Example is a shortest path, by its segments, that matches all of the patterns of the first list and none of the second; ok is
// false exactly where there is none. Patterns tell segments apart only by the literals that they have at one place, so it is enough to
// try those, one more that none of them has, and the empty one behind a trailing slash. A path with an empty segment elsewhere
// ("//") is not among the examples, as no pattern can be written for it.
func Example(all, none []Pattern) (path string, ok bool) {
	type candidate struct {
		segments []string
		alive    []fit // of all, then of none
	}
	patterns := slices.Concat(all, none)
	longest := 1
	for _, p := range patterns {
		longest = max(longest, len(p.segments)+1)
	}
	fresh := unusedLiteral(patterns)
	frontier := []candidate{{alive: make([]fit, len(patterns))}}
	for i := 0; i < longest; i++ {
		var next []candidate
		seen := map[string]bool{}
		for _, c := range frontier {
			for _, s := range choices(patterns, c.alive, i, len(all), fresh) {
				alive := advance(patterns, c.alive, i, s)
				if slices.Contains(alive[:len(all)], dead) {
					continue
				}
				segments := append(slices.Clone(c.segments), s)
				if ends(patterns, alive, i+1, len(all)) {
					return "/" + strings.Join(segments, "/"), true
				}
				if key := fingerprint(alive); s != "" && !seen[key] {
					seen[key] = true
					next = append(next, candidate{segments, alive})
				}
			}
		}
		frontier = next
	}
	return "", false
}

// fit is how the segments so far fit a pattern.
type fit byte

const (
	fits fit = iota
	fitsWhateverFollows
	dead
)

// choices are the segments worth trying at one place: the literal of one of the first patterns, which all must match, or any.
func choices(patterns []Pattern, alive []fit, at, first int, fresh string) []string {
	all := []string{fresh}
	for i, p := range patterns {
		if i < first && alive[i] == fits && at < len(p.segments) && p.segments[at].kind == literal {
			return []string{p.segments[at].literal}
		}
		if alive[i] == fits && at < len(p.segments) && p.segments[at].kind == literal && p.segments[at].literal != "" {
			all = append(all, p.segments[at].literal)
		}
	}
	slices.Sort(all[1:])
	return append(slices.Compact(all), "")
}

func advance(patterns []Pattern, alive []fit, at int, s string) []fit {
	next := slices.Clone(alive)
	for i, p := range patterns {
		switch {
		case alive[i] != fits:
		case at == len(p.segments):
			next[i] = dead
		case p.segments[at].kind == rest:
			next[i] = fitsWhateverFollows
		case p.segments[at].kind == one && s == "", p.segments[at].kind == literal && p.segments[at].literal != s:
			next[i] = dead
		}
	}
	return next
}

// ends reports whether a path of n segments matches the first patterns and none of the others.
func ends(patterns []Pattern, alive []fit, n, first int) bool {
	for i, p := range patterns {
		matches := alive[i] == fitsWhateverFollows || alive[i] == fits && len(p.segments) == n
		if matches != (i < first) {
			return false
		}
	}
	return true
}

func fingerprint(alive []fit) string {
	var b strings.Builder
	for _, a := range alive {
		b.WriteByte(byte(a))
	}
	return b.String()
}

// unusedLiteral is a segment that no pattern has as a literal.
func unusedLiteral(patterns []Pattern) string {
	used := map[string]bool{}
	for _, p := range patterns {
		for _, s := range p.segments {
			used[s.literal] = true
		}
	}
	for name := "x"; ; name += "x" {
		if !used[name] {
			return name
		}
	}
}
