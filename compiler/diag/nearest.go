package diag

import (
	"slices"
	"strings"
)

// Nearest is the candidate that word was probably meant to be, or "" where none is near enough or two are equally near: a
// wrong guess costs the reader more than none. Candidates may come in any order.
func Nearest(word string, candidates []string) string {
	best, tie := "", false
	bestDistance := max(1, len([]rune(word))/3)
	if word == "" {
		return ""
	}
	for _, c := range slices.Compact(slices.Sorted(slices.Values(candidates))) {
		if c == word {
			continue
		}
		d := distance(strings.ToLower(word), strings.ToLower(c))
		switch {
		case d < bestDistance || d == bestDistance && best == "":
			best, bestDistance, tie = c, d, false
		case d == bestDistance:
			tie = true
		}
	}
	if tie {
		return ""
	}
	return best
}

// distance counts the characters to insert, delete, replace, or swap with their neighbour to get from a to b (optimal string
// alignment, so a swap of neighbours counts once: it is the commonest slip of the fingers).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	prev2, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(y)]
}

// OneOf lists what was expected, for the end of a message: `one of a, b, c`.
func OneOf(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return "one of " + strings.Join(values, ", ")
}
