package plan

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
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
		{1, 1, 1, 1}, {600, 3, 2, 1}, {5000, 2, 1, 2}, {3000, 40, 3, 0}, {0, 1, 1, 1}, {512, 512, 1, 1}, {900, 40, 0, 2}, // 0: sets that are many and short
	} {
		t.Run(fmt.Sprintf("%d callers of %d endpoints", c.callers, c.endpoints), func(t *testing.T) {
			t.Parallel()
			g := crowd(c.callers, c.endpoints, func(i int) []int {
				var picked []int
				if c.each == 0 {
					return []int{i / c.endpoints, i % c.endpoints}
				}
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
				for _, r := range p.Rules {
					if len(r.Principals) == 0 || len(r.Principals) > maxPrincipals || len(r.Operations) == 0 {
						t.Errorf("%s has a rule of %d principals and %d operations", p.Name, len(r.Principals), len(r.Operations))
					}
				}
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

// TestOneCallerIsNotDivided: the addresses of one Outsider are one rule, however many they are; objects are divided for the others
// alone, and those that nobody falls to are left out.
func TestOneCallerIsNotDivided(t *testing.T) {
	t.Parallel()
	addresses := func(n, last int) peer {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255))
		}
		return peer{cidrs: strings.Join(append(all, fmt.Sprintf("11.%d.%d.%d/32", last>>16, last>>8&255, last&255)), ",")}
	}
	hash := func(p peer) uint32 {
		h := fnv.New32a()
		h.Write([]byte(p.cidrs))
		return h.Sum32()
	}
	lower := func(peers ...peer) []string {
		g := crowd(0, 1, nil)
		e := &model.Endpoint{Service: &model.Service{Name: "popular", Namespace: &model.Namespace{Name: "shop"}}, Name: "read"}
		for _, p := range peers {
			g.add(p, &model.Access{Caller: model.Caller{Outsider: &model.Outsider{Name: "office"}}, Endpoint: e})
		}
		var all []string
		for _, p := range g.policies("popular") {
			for _, r := range p.Rules {
				if len(r.Principals) > 0 || len(r.Operations) != 1 {
					t.Errorf("%s: a rule of %v on %v", p.Name, r.Principals, r.Operations)
				}
			}
			all = append(all, fmt.Sprint(p.Name, " ", len(p.Rules)))
		}
		return all
	}
	const many = 20_000 // more than an object holds
	wide := addresses(many, 0)
	if got := lower(wide); !slices.Equal(got, []string{"popular 1"}) {
		t.Errorf("one caller is in %v", got)
	}
	small := addresses(0, 1)
	for i := 2; hash(small)%4 == hash(wide)%4 || hash(small)%2 != hash(wide)%2; i++ {
		small = addresses(0, i)
	}
	want := []string{}
	for i := range uint32(4) {
		name := "popular"
		if i > 0 {
			name = fmt.Sprintf("popular.%d", i)
		}
		switch {
		case i == hash(wide)%4 || i == hash(small)%4:
			want = append(want, name+" 1")
		case i == 0:
			want = append(want, name+" 0")
		}
	}
	if got := lower(wide, small); !slices.Equal(got, want) {
		t.Errorf("two callers that four objects tell apart are in %v, want %v", got, want)
	}
}

// TestRulesAreToldApart by what they open: names of endpoints that are one text together are two endpoints all the same.
func TestRulesAreToldApart(t *testing.T) {
	t.Parallel()
	endpoints := func(names ...string) (all []*model.Endpoint) {
		for _, name := range names {
			all = append(all, &model.Endpoint{Name: name})
		}
		return all
	}
	if a, b := ruleKey(peer{principal: "a"}, endpoints("a", "bc")), ruleKey(peer{principal: "b"}, endpoints("ab", "c")); a == b {
		t.Errorf("%q is of two rules", a)
	}
	if a, b := ruleKey(peer{principal: "a"}, endpoints("a", "bc")), ruleKey(peer{principal: "b"}, endpoints("a", "bc")); a != b {
		t.Errorf("%q and %q are of one rule", a, b)
	}
}

// TestSizeIsEnough: an object is taken for no smaller than what is written of it: each text on a line of its own, and some lines for
// every operation.
func TestSizeIsEnough(t *testing.T) {
	t.Parallel()
	const each = 100
	text := strings.Repeat("a", 50)
	many := slices.Repeat([]string{text}, each)
	line := len(text) + len("        - \n")
	for name, c := range map[string]struct {
		policy Policy
		least  int
	}{
		"nothing":    {Policy{}, 0},
		"principals": {Policy{Rules: []Rule{{Principals: many}}}, each * line},
		"addresses":  {Policy{Rules: []Rule{{CIDRs: many}}}, each * line},
		"operations": {Policy{Rules: []Rule{{Operations: make([]Operation, each)}}}, each * len("    - operation:\n        ports: [\"65535\"]\n        methods: [GET]\n        paths:\n")},
		"methods":    {Policy{Rules: []Rule{{Operations: []Operation{{Methods: many}}}}}, each * line},
		"paths":      {Policy{Rules: []Rule{{Operations: []Operation{{Paths: many}}}}}, each * line},
		"intents":    {Policy{Intents: many}, each * (len(text) + len("      \n"))},
	} {
		if got := size(c.policy); got < c.least || got > 2*c.least {
			t.Errorf("%s are taken for %d bytes, and %d are written at least", name, got, c.least)
		}
	}
}

// TestFewKeepsAnAnnotationShort: lines are kept up to the limit, and those that are left out are counted.
func TestFewKeepsAnAnnotationShort(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("a", 1023) // and its end
	full := slices.Repeat([]string{line}, maxBytes/2/1024)
	if got := few(full); len(got) != len(full) {
		t.Errorf("%d lines of %d are kept", len(got), len(full))
	}
	got := few(append(slices.Clone(full), "b", "c"))
	if len(got) != len(full)+1 || got[len(full)-1] != line || got[len(full)] != "... and 2 more" {
		t.Errorf("two more make %d lines, the last of them %q", len(got), got[len(got)-1][:min(20, len(got[len(got)-1]))])
	}
}

// TestLoweringStopsWhenAsked: who has seen enough of an estate gets no more of it.
func TestLoweringStopsWhenAsked(t *testing.T) {
	t.Parallel()
	const of = "apiVersion: writ.dev/v1alpha1\n"
	fsys := fstest.MapFS{}
	for name, doc := range map[string]string{
		"platform/mesh.yaml":       "kind: Mesh\nmetadata: {name: main}\nspec: {}\n",
		"platform/eu-1.yaml":       "kind: Cluster\nmetadata: {name: eu-1}\nspec: {mesh: main, trustDomain: eu.example, istioVersion: \"1.31\"}\n",
		"platform/eu-2.yaml":       "kind: Cluster\nmetadata: {name: eu-2}\nspec: {mesh: main, trustDomain: eu.example, istioVersion: \"1.31\"}\n",
		"platform/shop.yaml":       "kind: Team\nmetadata: {name: shop}\nspec: {contact: \"#shop\", owners: [\"@example/shop\"], namespaces: {shop: {}}}\n",
		"teams/shop/checkout.yaml": "kind: Service\nmetadata: {name: checkout, namespace: shop}\nspec: {}\n",
	} {
		fsys["policies/"+name] = &fstest.MapFile{Data: []byte(of + doc)}
	}
	tree, found := syntax.Parse(t.Context(), fsys)
	estate, resolved := model.Resolve(tree)
	checked, objections := check.Run(&check.Pass{Estate: estate, AsOf: "2026-11-23"})
	if all := slices.Concat(found, resolved, objections); len(all) > 0 {
		t.Fatal(all)
	}
	all := slices.Collect(Lower(checked))
	if len(all) != 4 {
		t.Fatalf("two clusters of a workload come in %d parts", len(all))
	}
	for n := range all {
		got := 0
		for range Lower(checked) { // which panics where it is asked for more than that
			if got++; got > n {
				break
			}
		}
	}
}
