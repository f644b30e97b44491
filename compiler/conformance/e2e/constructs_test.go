package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"writ.dev/writ/compiler/conformance"
	"writ.dev/writ/compiler/conformance/e2e/parts"
)

// TestConstructs holds the evaluator against real Envoys, for policies of every construct that it claims to know.
func TestConstructs(t *testing.T) {
	need(t)
	ctx := t.Context()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parts.Get(ctx, filepath.Join(here, "parts"), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	box, err := newSandbox(filepath.Join(os.Getenv(inside), t.Name()), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.close)
	begin := time.Now()
	b, err := newBench(ctx, box, p, repository(t), t.TempDir(), 8)
	if err != nil {
		t.Fatal(err)
	}
	n, err := memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d callees in %.1f s, %d MiB in all", len(b.spots), time.Since(begin).Seconds(), n>>20)

	fresh := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		if fresh, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d for what is drawn anew", fresh)
	v := newVerdicts()
	aims := conformance.Constructs
	for i, phase := range phases {
		start := time.Now()
		if err := b.configure(ctx, phase.normalization, phase.aliases); err != nil {
			t.Fatal(err)
		}
		var queue []*trial
		queue = append(queue, written(i == 0)...)
		for j, aim := range aims {
			if j%len(phases) == i {
				queue = append(queue, &trial{name: aim, drawn: rand.New(rand.NewPCG(1, uint64(j)))})
			}
		}
		for j := range len(aims) / 20 {
			r := rand.New(rand.NewPCG(fresh, uint64(i*1000+j)))
			queue = append(queue, &trial{name: aims[r.IntN(len(aims))], drawn: r})
		}
		rounds, tried := 0, 0
		for len(queue) > 0 {
			var trials []*trial
			if trials, queue, err = b.fill(queue); err != nil {
				t.Fatal(err)
			}
			if len(trials) == 0 {
				continue
			}
			rounds, tried = rounds+1, tried+len(trials)
			if err := b.try(ctx, v, trials, fmt.Sprintf("%d-%d", i, rounds)); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("normalization %q, aliases %v: %d trials in %d rounds, %.1f s", phase.normalization, phase.aliases, tried, rounds, time.Since(start).Seconds())
	}
	t.Logf("%d requests sent, %d allowed, %d refused, %d differing; %d could not be sent; authorizers asked for %d, dry-run counts of %d; %d whose path Envoy reads as another; %.1f s",
		v.whole.sent, v.whole.allowed, v.whole.refused, v.whole.differing, v.whole.unsent, v.asked, v.dry, v.otherwise, time.Since(begin).Seconds())
	t.Logf("not sent: %v; answered before any policy: %v", v.unsent, v.untaken)
	t.Logf("by construct\n%s", v.table())
	t.Logf("raw paths, as policies see them\n%s", v.pathTable())
	for _, d := range v.differences {
		t.Error(d)
	}
	if v.whole.differing > 0 || v.whole.allowed == 0 || v.whole.refused == 0 || v.asked == 0 || v.dry == 0 {
		t.Errorf("%d of %d requests differ", v.whole.differing, v.whole.sent)
	}
	var idle []string
	for _, aim := range aims {
		if (v.rows[aim] == nil || v.rows[aim].sent == 0) && !slices.Contains(unreachable, aim) {
			idle = append(idle, aim)
		}
	}
	if len(idle) > 0 {
		t.Errorf("no request was decided by %s", strings.Join(idle, "; "))
	}
}

// phases are the configurations of the mesh.
var phases = []struct {
	normalization string
	aliases       []string
}{
	{"", []string{"us.example"}},
	{"NONE", nil},
	{"BASE", []string{"old.example", "us.example"}}, // istiod sorts them
	{"MERGE_SLASHES", []string{"us.example"}},
	{"DECODE_AND_MERGE_SLASHES", []string{"cluster.local", "us.example"}},
}

// unreachable are constructs that no request here shows.
var unreachable = []string{}

// fill takes trials from the front of a queue, one for each spot.
func (b *bench) fill(queue []*trial) (trials, rest []*trial, err error) {
	free := slices.Clone(b.spots)
	for _, t := range queue {
		ok := false
		if len(free) > 0 {
			if ok, err = b.fit(t, free); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case ok:
			trials = append(trials, t)
			free = slices.DeleteFunc(free, func(s *spot) bool { return s == t.spot })
		case len(free) == len(b.spots): // nothing to be made of it
		default:
			rest = append(rest, t)
		}
	}
	return trials, rest, nil
}

// fit finds a spot for a trial, and draws its policies where it has none.
func (b *bench) fit(t *trial, free []*spot) (bool, error) {
	if t.drawn == nil {
		t.spot = free[0]
		ok, err := b.prepare(t)
		if err == nil && !ok {
			err = fmt.Errorf("%s is not tried", t.name)
		}
		return ok, err
	}
	for range 150 {
		w := conformance.Draw(t.drawn, t.name)
		if w == nil || w.Namespace == w.Root {
			continue
		}
		i := slices.IndexFunc(free, func(s *spot) bool {
			const gateway = "gateway.networking.k8s.io/gateway-name"
			return (s.issuers == nil) == (w.Issuers == nil) && s.pod.labels[gateway] == w.Labels[gateway]
		})
		if i < 0 {
			continue
		}
		one := &trial{name: t.name, world: w, spot: free[i], drawn: t.drawn}
		ok, err := b.prepare(one)
		if err != nil || !ok {
			if err != nil {
				return false, fmt.Errorf("%s: %w", t.name, err)
			}
			continue
		}
		*t = *one
		return true, nil
	}
	return false, nil
}
