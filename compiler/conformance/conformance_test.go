package conformance

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// seeded is what the tests draw from: SEED, or something of the clock where that is "fresh".
func seeded(t *testing.T) uint64 {
	t.Helper()
	if os.Getenv("SEED") == "fresh" {
		return uint64(time.Now().UnixNano())
	}
	return number(t, "SEED", 1)
}

// TestTheEvaluatorDecidesAsIstioDoes goes through CLASSES classes of requests, of worlds drawn from SEED: fixed where it is not
// set, and from the clock where it is "fresh". LIMIT, in seconds, ends it sooner where it is set.
func TestTheEvaluatorDecidesAsIstioDoes(t *testing.T) {
	classes := int(number(t, "CLASSES", 100_000))
	seed := seeded(t)
	t.Logf("SEED=%d CLASSES=%d", seed, classes)

	start := time.Now()
	total := run(t, seed, classes, time.Duration(number(t, "LIMIT", 1<<32))*time.Second)
	t.Logf("%d worlds, %d classes of requests, %d of them allowed; %d requests held against sets as well; %s",
		total.worlds, total.classes, total.allowed, total.sets, time.Since(start).Round(time.Second))
	var table strings.Builder
	fewest := 0
	switch {
	case total.classes >= whole:
		fewest = each
	case total.classes >= 500_000:
		fewest = 100
	}
	for _, c := range Constructs {
		fmt.Fprintf(&table, "%10d  %s\n", total.decided[c], c)
		if total.decided[c] < fewest {
			t.Errorf("%q decided %d classes only, fewer than %d", c, total.decided[c], fewest)
		}
	}
	t.Logf("classes that each construct decided: without it, Istio's answer is another\n%s", &table)
}

type totals struct {
	worlds, classes, allowed, sets, failed int
	decided                                map[Construct]int
}

// run checks worlds on all cores until enough classes are decided, or the time is up. Worlds come in batches, each about the
// constructs that decided least so far. So all depends on the seed alone.
func run(t *testing.T, seed uint64, classes int, limit time.Duration) *totals {
	const batch = 256
	start := time.Now()
	total := &totals{decided: map[Construct]int{}}
	for first := uint64(0); !total.enough(classes) && total.failed < 5 && time.Since(start) < limit; first += batch {
		aims := total.weakest(len(Constructs) / 8)
		results := make([]*Result, batch)
		errs := make([]error, batch)
		var next atomic.Int64
		var wait sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wait.Go(func() {
				for i := next.Add(1) - 1; i < batch; i = next.Add(1) - 1 {
					results[i], errs[i] = world(rand.New(rand.NewPCG(seed, first+uint64(i))), aims[int(i)%len(aims)])
				}
			})
		}
		wait.Wait()
		for i, result := range results {
			if errs[i] != nil {
				t.Errorf("world %d: %v", first+uint64(i), errs[i])
				total.failed++
			}
			if result == nil {
				continue
			}
			total.add(result)
			for _, d := range result.Divergences {
				t.Errorf("world %d: %s", first+uint64(i), d)
				total.failed++
			}
		}
	}
	return total
}

// weakest are so many constructs at most that decided least so far; fewer where few others have not decided enough.
func (total *totals) weakest(n int) []Construct {
	all := slices.Clone(Constructs)
	slices.SortStableFunc(all, func(a, b Construct) int { return cmp.Compare(total.decided[a], total.decided[b]) })
	lacking := slices.IndexFunc(all, func(c Construct) bool { return total.decided[c] >= each })
	if lacking > 0 {
		n = min(n, lacking)
	}
	return all[:n]
}

// enough reports whether a run may end. A whole one goes on until each construct has decided enough as well.
func (total *totals) enough(classes int) bool {
	return total.classes >= classes &&
		(classes < whole || !slices.ContainsFunc(Constructs, func(c Construct) bool { return total.decided[c] < each }))
}

// A whole run is so many classes of requests, and so many that each construct decides.
const (
	whole = 5_000_000
	each  = 10_000
)

func (total *totals) add(r *Result) {
	total.worlds++
	total.classes += r.Classes
	total.allowed += r.Allowed
	total.sets += r.Sets
	for c, n := range r.Decided {
		total.decided[c] += n
	}
}

// demands are what the tries of a world ask for: a large one that tells much of its construct, and less the longer it takes.
var demands = []demand{
	{300, 25}, {300, 25}, {300, 25}, {300, 25}, {100, 10}, {100, 10}, {100, 5}, {100, 5}, {0, 1}, {0, 1}, {0, 1}, {0, 0}, {0, 0}, {0, 0},
}

// world draws worlds until one can be checked that meets the demand.
func world(r *rand.Rand, aim Construct) (*Result, error) {
	for _, want := range demands {
		w := generate(r, aim)
		for range 400 {
			if has(occurrences(w), aim) && (invalid(aim) || w.Valid()) {
				break
			}
			w = generate(r, aim)
		}
		if !invalid(aim) && !w.Valid() {
			continue
		}
		result, err := Check(r, w, aim, want)
		if result != nil || err != nil {
			return result, err
		}
	}
	return nil, nil
}
