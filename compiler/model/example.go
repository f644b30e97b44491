package model

import "slices"

// AnyPath matches every path.
var AnyPath = Pattern{Text: "/{rest...}", segments: []segment{{kind: rest}}, istio: "/{**}"}

// Example is a shortest path, by its segments, that matches all of the patterns of the first list and none of the second; ok is
// false exactly where there is none. At each place it is enough to try one segment and, to end there, the empty one behind a trailing
// slash: the literal that one of the first patterns has there, or else one that no pattern has, which fits no more of them than any
// other would. A path with an empty segment elsewhere ("//") is not among the examples, as no pattern can be written for it.
func Example(all, none []Pattern) (path string, ok bool) {
	patterns := slices.Concat(all, none)
	longest := 0
	for _, p := range patterns {
		longest = max(longest, len(p.segments))
	}
	fresh := unusedLiteral(patterns)
	alive := make([]fit, len(patterns))
	for at := range longest + 1 {
		s := segmentAt(all, at, fresh)
		for _, last := range []string{s, ""} {
			if ends(patterns, advance(patterns, alive, at, last), at+1, len(all)) {
				return path + "/" + last, true
			}
		}
		path, alive = path+"/"+s, advance(patterns, alive, at, s)
	}
	return "", false
}

// segmentAt is the literal that one of the patterns asks for at a place, or the one that none does.
func segmentAt(patterns []Pattern, at int, fresh string) string {
	for _, p := range patterns {
		if at < len(p.segments) && p.segments[at].kind == literal {
			return p.segments[at].literal
		}
	}
	return fresh
}

// fit is how the segments so far fit a pattern.
type fit byte

const (
	fits fit = iota
	fitsWhateverFollows
	dead
)

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
