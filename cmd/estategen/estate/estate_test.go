package estate

import (
	"bytes"
	"maps"
	"slices"
	"testing"
)

func TestSameShapeSameBytes(t *testing.T) {
	t.Parallel()
	shape := Shape{Services: 300, Clusters: 3, Seed: 7}
	one, two := maps.Collect(shape.Files()), maps.Collect(shape.Files())
	if !maps.EqualFunc(one, two, bytes.Equal) {
		t.Error("one shape made two estates")
	}
	shape.Seed++
	if maps.EqualFunc(one, maps.Collect(shape.Files()), bytes.Equal) {
		t.Error("two seeds made one estate")
	}
}

// TestTheTailIsHeavy holds the shape that makes large estates hard: a few Services that thousands call, a handful of callers for
// most.
func TestTheTailIsHeavy(t *testing.T) {
	t.Parallel()
	var callers []int
	for _, n := range Bench.callers() {
		callers = append(callers, n)
	}
	slices.Sort(callers)
	popular := Bench.Services / popularEvery
	if got := callers[len(callers)-popular]; got != PopularCallers {
		t.Errorf("Service %d from the top has %d callers, want %d", popular, got, PopularCallers)
	}
	if got := callers[len(callers)-popular-1]; got > mostCallers {
		t.Errorf("a Service that is not popular has %d callers", got)
	}
	if got := callers[len(callers)/2]; got < 2 || got > 6 {
		t.Errorf("a Service in the middle has %d callers, no handful", got)
	}
}

// callers counts the intents that name each Service.
func (s Shape) callers() map[string]int {
	n := map[string]int{}
	for _, text := range s.Files() {
		for line := range bytes.Lines(text) {
			if to, ok := bytes.CutPrefix(line, []byte("    - to: ")); ok {
				n[string(to)]++
			}
		}
	}
	return n
}
