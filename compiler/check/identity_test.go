package check

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// TestEachMeeting compares the pairs of workloads that one pod could belong to with those that brute force finds: pods are all
// combinations of few labels.
func TestEachMeeting(t *testing.T) {
	t.Parallel()
	keys, values := []string{"app", "tier", "zone"}, []string{"", "a", "b"}
	rapid.Check(t, func(t *rapid.T) {
		var ws []*model.Workload
		for i := range rapid.IntRange(0, 7).Draw(t, "workloads") {
			w := &model.Workload{}
			if i > 0 && rapid.IntRange(0, 4).Draw(t, "service") == 0 {
				w.Service = ws[i-1].Service
			} else {
				w.Service = &model.Service{Name: fmt.Sprint(i)}
			}
			for _, k := range keys {
				if v := rapid.SampledFrom(values).Draw(t, k); v != "" {
					w.Selector = append(w.Selector, model.Label{Key: k, Value: v})
				}
			}
			ws = append(ws, w)
		}
		type pair struct{ a, b *model.Workload }
		got, want := map[pair]int{}, map[pair]int{}
		pairOf := func(a, b *model.Workload) pair {
			if slices.Index(ws, a) > slices.Index(ws, b) {
				a, b = b, a
			}
			return pair{a, b}
		}
		eachMeeting(ws, func(a, b *model.Workload) { got[pairOf(a, b)]++ })
		selects := func(w *model.Workload, pod map[string]string) bool {
			return !slices.ContainsFunc(w.Selector, func(l model.Label) bool { return pod[l.Key] != l.Value })
		}
		for _, app := range values {
			for _, tier := range values {
				for _, zone := range values {
					pod := map[string]string{"app": app, "tier": tier, "zone": zone}
					for i, a := range ws {
						for _, b := range ws[i+1:] {
							if a.Service != b.Service && selects(a, pod) && selects(b, pod) {
								want[pair{a, b}] = 1
							}
						}
					}
				}
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d pairs meet, by brute force %d", len(got), len(want))
		}
		for p, n := range got {
			if n != want[p] {
				t.Fatalf("%v and %v are visited %d times, want %d", p.a.Selector, p.b.Selector, n, want[p])
			}
		}
	})
}

func TestEverybody(t *testing.T) {
	t.Parallel()
	for cidr, want := range map[string]bool{
		"0.0.0.0/0": true, "10.0.0.0/7": true, "10.0.0.0/8": false, "10.0.0.0/15": false, "10.1.2.3/32": false,
		"::/0": true, "2000::/15": true, "2001::/16": false, "2001:db8::/32": false, "nowhere": false,
	} {
		if got := everybody(cidr); got != want {
			t.Errorf("%s is everybody: %v", cidr, got)
		}
	}
}

// TestRootsDiffer: what one trust root signs the other does not accept; a mesh that does not say its root may have the other's.
func TestRootsDiffer(t *testing.T) {
	t.Parallel()
	mesh := func(root string) *model.Mesh {
		m := &model.Mesh{Doc: &syntax.Mesh{}}
		m.Doc.Spec.TrustRoot.Value = root
		return m
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"x", "y", true}, {"x", "x", false}, {"", "y", false}, {"x", "", false}, {"", "", false}} {
		if got := rootsDiffer(mesh(c.a), mesh(c.b)); got != c.want {
			t.Errorf("roots %q and %q differ: %v", c.a, c.b, got)
		}
	}
	if m := mesh("x"); !rootsDiffer(m, m) {
		t.Error("within one mesh a trust domain may be said twice")
	}
}
