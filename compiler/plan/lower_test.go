package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/model"
)

func TestNothingCheckedRendersNothing(t *testing.T) {
	t.Parallel()
	if got := slices.Collect(Lower(check.Checked{})); got != nil {
		t.Errorf("the zero value of Checked lowers to %v", got)
	}
}

// crowd is one workload with many endpoints and callers, each caller with the endpoints that pick chooses.
func crowd(callers, endpoints int, pick func(caller int) []int) *gathered {
	s := &model.Service{Name: "popular", Namespace: &model.Namespace{Name: "shop"}}
	var all []*model.Endpoint
	g := &gathered{
		callers: map[peer][]*model.Endpoint{}, keys: map[peer]map[line]bool{},
		target: map[*model.Endpoint]int{}, plaintext: map[int]bool{},
	}
	for i := range endpoints {
		p, err := model.ParsePattern(fmt.Sprintf("/v1/things-%03d/{id}", i))
		if err != nil {
			panic(err)
		}
		e := &model.Endpoint{Service: s, Name: fmt.Sprintf("read-%03d", i), Methods: []string{"GET"}, Paths: []model.Pattern{p}}
		g.target[e] = 8080
		all = append(all, e)
	}
	for i := range callers {
		caller := model.Caller{Service: &model.Service{Name: fmt.Sprintf("caller-%04d", i), Namespace: s.Namespace}}
		for _, j := range pick(i) {
			principal := model.Principal("eu.example", "shop", caller.Service.Name)
			g.add(peer{principal: principal}, &model.Access{Caller: caller, Endpoint: all[j%endpoints]})
		}
	}
	return g
}

// admitted is every (principal, path) that policies open.
func admitted(policies []Policy) []string {
	var all []string
	for _, p := range policies {
		for _, r := range p.Rules {
			for _, who := range r.Principals {
				for _, op := range r.Operations {
					for _, path := range op.Paths {
						all = append(all, who+" "+path)
					}
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestPoliciesKeepTheirLimits: however many callers there are, every object is within Istio's and Kubernetes' limits, and
// together they open exactly what was gathered, once.
func TestPoliciesKeepTheirLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ callers, endpoints, each, objects int }{
		{1, 1, 1, 1}, {600, 3, 2, 1}, {5000, 2, 1, 2}, {3000, 40, 3, 0}, {0, 1, 1, 1},
	} {
		t.Run(fmt.Sprintf("%d callers of %d endpoints", c.callers, c.endpoints), func(t *testing.T) {
			t.Parallel()
			g := crowd(c.callers, c.endpoints, func(i int) []int {
				var picked []int
				for k := range c.each {
					picked = append(picked, i*(k+3)+k)
				}
				return picked
			})
			policies := g.policies("popular")
			if c.objects > 0 && len(policies) != c.objects {
				t.Errorf("%d objects, want %d", len(policies), c.objects)
			}
			names := map[string]bool{}
			for _, p := range policies {
				names[p.Name] = true
				annotations := len(strings.Join(p.Intents, "\n"))
				if len(p.Rules) > maxRules || size(p) > maxBytes || annotations > maxBytes {
					t.Errorf("%s has %d rules, %d bytes, %d of annotation", p.Name, len(p.Rules), size(p), annotations)
				}
			}
			if len(names) != len(policies) || !names["popular"] {
				t.Errorf("names are %v", names)
			}
			var want []string
			for who, endpoints := range g.callers {
				for _, e := range endpoints {
					want = append(want, who.principal+" "+e.Paths[0].Istio())
				}
			}
			slices.Sort(want)
			if got := admitted(policies); !slices.Equal(got, want) {
				t.Errorf("%d pairs are open, want %d", len(got), len(want))
			}
		})
	}
}

// TestOneCallerMoreChangesOneObject also where the rules are split over several.
func TestOneCallerMoreChangesOneObject(t *testing.T) {
	t.Parallel()
	for n := 4000; n < 4010; n++ {
		pick := func(i int) []int { return []int{i % 5} }
		before, after := crowd(n, 5, pick).policies("popular"), crowd(n+1, 5, pick).policies("popular")
		if len(before) < 2 || len(before) != len(after) {
			t.Fatalf("%d objects become %d: the test proves nothing", len(before), len(after))
		}
		changed := 0
		for i := range before {
			if fmt.Sprint(before[i]) != fmt.Sprint(after[i]) {
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%d of %d objects change", changed, len(before))
		}
	}
}
