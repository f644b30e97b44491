package compiler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"writ.dev/writ/cmd/estategen/estate"
	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// call is one request of the small world in which tests are judged by trying everything.
type call struct{ port, method, path string }

// calls has one of every class that a pattern of the random estates, or of their Tests, can tell apart.
func calls() []call {
	all := []call{{port: "db"}}
	for _, port := range []string{"http", "grpc"} {
		for _, method := range []string{"DELETE", "GET", "POST", "PUT"} {
			for _, path := range []string{
				"/", "/x", "/v1", "/v1/", "/v1/x", "/v1/things", "/v1/things/", "/v1/things/x", "/v1/things/x/", "/v1/things/x/y", "/v1/things/x/y/z",
				"/v1/x/y", "/healthz", "/healthz/", "/metrics", "/shop.v1.Things", "/shop.v1.Things/Watch", "/shop.v1.Things/x", "/shop.v1.Things/Watch/x",
			} {
				all = append(all, call{port, method, path})
			}
		}
	}
	return all
}

// drawAssertion is an assertion's line with the calls that it is about.
type drawAssertion struct {
	kind, line string
	from       []string
	to         string
	about      func(e *model.Service, c call) bool
}

func stands(e *model.Endpoint, c call) bool {
	return e.Port.Name == c.port && (c.method == "" || (e.Methods == nil || slices.Contains(e.Methods, c.method)) && e.Matches(c.path))
}

// assertionIn draws an assertion about Services of the estate.
func assertionIn(t *rapid.T, e *randomEstate) drawAssertion {
	service := rapid.SampledFrom(e.services)
	to := service.Draw(t, "to")
	a := drawAssertion{kind: rapid.SampledFrom([]string{"allow", "deny", "only"}).Draw(t, "kind"), to: to.key()}
	own := func(port, methods, path string) {
		p, err := model.ParsePattern(path)
		if err != nil {
			t.Fatal(err)
		}
		a.line = fmt.Sprintf("port: %s, methods: %s, paths: [%q]", port, methods, path)
		a.about = func(_ *model.Service, c call) bool {
			return c.port == port && (methods == "any" || strings.Contains(methods, c.method)) && p.Matches(c.path)
		}
	}
	switch pick := rapid.IntRange(0, 3).Draw(t, "requests"); {
	case pick == 0 && len(to.endpoints) > 0:
		name, _, _ := strings.Cut(strings.TrimSpace(rapid.SampledFrom(to.endpoints).Draw(t, "endpoint")), ":")
		a.line = "endpoints: [" + name + "]"
		a.about = func(s *model.Service, c call) bool { return stands(s.Endpoint(name), c) }
	case pick == 1:
		port := rapid.SampledFrom([]string{"http", "grpc", "db"}).Draw(t, "port")
		a.line = "port: " + port
		a.about = func(_ *model.Service, c call) bool { return c.port == port }
	default:
		own(rapid.SampledFrom([]string{"http", "grpc"}).Draw(t, "port"),
			rapid.SampledFrom([]string{"any", "[GET]", "[POST, PUT]", "[DELETE]"}).Draw(t, "methods"),
			rapid.SampledFrom([]string{"/{rest...}", "/v1/{rest...}", "/v1/things/{id}", "/v1/things/x", "/v1/{a}/{b}", "/healthz", "/metrics", "/shop.v1.Things/{method}"}).Draw(t, "path"))
	}
	n := 1
	if a.kind == "only" {
		n = rapid.IntRange(0, 3).Draw(t, "callers")
	}
	for range n {
		if from := service.Draw(t, "from").key(); !slices.Contains(a.from, from) {
			a.from = append(a.from, from)
		}
	}
	return a
}

func (a drawAssertion) document(i int, enforced bool) string {
	from := strings.Join(a.from, ", ")
	if a.kind == "only" {
		from = "[" + from + "]"
	}
	return fmt.Sprintf("apiVersion: writ.dev/v1alpha1\nkind: Test\nmetadata: {name: t%d}\nspec:\n  enforced: %v\n  %s:\n    - {from: %s, to: %s, %s}\n", i, enforced, a.kind, from, a.to, a.line)
}

// admits reports whether a call of the identity is meant to be let in, by the accesses one by one.
func admits(checked check.Checked, w *model.Workload, c call, is func(*model.Access, model.Leg) bool) bool {
	for _, a := range w.Service.Mesh.Accesses {
		if a.Callee() != w.Service || !stands(a.Endpoint, c) {
			continue
		}
		for leg := range a.LegsTo(w) {
			if checked.Holds(a, leg.From) && is(a, leg) {
				return true
			}
		}
	}
	return false
}

func sameIdentity(v, w *model.Workload) bool {
	return slices.ContainsFunc(v.Accounts, func(x string) bool {
		return slices.ContainsFunc(w.Accounts, func(y string) bool { return v.Principal(x) == w.Principal(y) })
	})
}

// tried judges an assertion by trying every call of everybody.
func (a drawAssertion) tried(m *model.Mesh, checked check.Checked, enforced bool) (holds, vacuous bool) {
	to := m.Service(a.to)
	holds, vacuous = true, a.kind == "allow"
	for _, w := range to.Workloads {
		open := enforced && w.Stages.Authz != model.AuthzEnforce
		for _, c := range calls() {
			if !a.about(to, c) {
				continue
			}
			for _, s := range m.Services {
				named := slices.Contains(a.from, s.Key())
				for _, from := range s.Workloads {
					byIdentity := func(_ *model.Access, leg model.Leg) bool { return sameIdentity(leg.From, from) }
					switch {
					case a.kind == "allow" && named && from.Cluster.Discovers(w.Cluster):
						vacuous = false
						holds = holds && (open || admits(checked, w, c, func(_ *model.Access, leg model.Leg) bool { return leg.From == from }))
					case a.kind == "deny" && named:
						holds = holds && !open && !admits(checked, w, c, byIdentity)
					case a.kind == "only" && !named:
						holds = holds && !open && !admits(checked, w, c, byIdentity)
					}
				}
			}
			holds = holds && (a.kind != "only" || !open) // whoever is no Service comes in too
		}
	}
	return holds, vacuous
}

// TestTestsAreJudgedAsTryingWouldJudge: over random estates, what is proved about an assertion is what trying every class of
// requests of every Service in every cluster finds.
func TestTestsAreJudgedAsTryingWouldJudge(t *testing.T) {
	t.Parallel()
	outcomes := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		e := drawEstate(t)
		enforced := rapid.Bool().Draw(t, "enforced")
		assertions := make([]drawAssertion, rapid.IntRange(1, 6).Draw(t, "assertions"))
		for i := range assertions {
			assertions[i] = assertionIn(t, e)
			e.docs[fmt.Sprintf("policies/platform/tests/t%d.yaml", i)] = assertions[i].document(i, enforced)
		}
		tree, found := syntax.Parse(context.Background(), e.fs())
		estate, resolved := model.Resolve(tree)
		checked, objections := check.Run(&check.Pass{Estate: estate, AsOf: today})
		found = slices.Concat(found, resolved, objections)
		if found.Stops() {
			t.Skip("the estate stops")
		}
		for _, v := range query.NewIndex(checked, found).Judge() {
			var i int
			if _, err := fmt.Sscanf(v.Test.Key, "t%d", &i); err != nil {
				t.Fatal(err)
			}
			if v.Broken {
				t.Fatalf("%s is broken: %v", assertions[i].document(i, enforced), found)
			}
			holds, vacuous := assertions[i].tried(estate.Meshes[0], checked, enforced)
			got := "holds"
			if v.Finding != nil {
				got = v.Finding.Rule.Name
			}
			want := "holds"
			switch {
			case vacuous:
				want = query.VacuousAssertion.Name
			case !holds:
				want = query.TestFails.Name
			}
			outcomes[assertions[i].kind+" "+got]++
			if got != want {
				t.Fatalf("%s\nis said to be %s, and trying says %s", assertions[i].document(i, enforced), got, want)
			}
		}
	})
	for _, o := range []string{"allow holds", "allow test-fails", "deny holds", "deny test-fails", "only holds", "only test-fails"} {
		if !testing.Short() && outcomes[o] == 0 && !t.Failed() {
			t.Errorf("no assertion was %q: the test proves little", o)
		}
	}
}

// TestTheEditOfANoAllowsItAnywhere: over random estates, an answer is yes where an access holds, and a no whose edit is followed
// becomes a yes.
func TestTheEditOfANoAllowsItAnywhere(t *testing.T) {
	t.Parallel()
	noes := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawEstate(t)
		fsys := e.fs()
		asked, err := Ask(context.Background(), fsys, Options{AsOf: today})
		if err != nil || asked.Index == nil {
			t.Skip("the estate stops")
		}
		from, to := rapid.SampledFrom(e.services).Draw(t, "from"), rapid.SampledFrom(e.services).Draw(t, "to")
		if len(to.endpoints) == 0 || from == to {
			return
		}
		endpoint, _, _ := strings.Cut(strings.TrimSpace(rapid.SampledFrom(to.endpoints).Draw(t, "endpoint")), ":")
		q := query.Question{From: from.key(), To: to.key() + ":" + endpoint}
		answer, err := asked.Explain(q)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Yes {
			return
		}
		r := answer.Parts[0].Remedy
		if o := answer.Parts[0].Outcome; (o == query.NoIntent || o == query.NoConsent) && (r == nil || len(r.Changes) == 0) {
			t.Fatalf("%v has no edit: %+v", q, answer)
		}
		if r == nil || len(r.Changes) == 0 {
			return
		}
		noes++
		changed, applied := diag.Apply(asked.Sources, []*diag.Fix{r.Fix()})
		if applied != 1 {
			t.Fatalf("the edits of %v meet", q)
		}
		for name, data := range changed {
			fsys[name] = &fstest.MapFile{Data: data}
		}
		after, err := Ask(context.Background(), fsys, Options{AsOf: today})
		if err != nil || after.Index == nil {
			t.Fatalf("%v: %v", err, after.Findings)
		}
		if again, err := after.Explain(q); err != nil || !again.Yes {
			t.Fatalf("%v is still no: %+v, %v", q, again, err)
		}
	})
	if noes == 0 && !t.Failed() {
		t.Error("no answer was no: the test proves nothing")
	}
}

// TestManyBreachesAreCounted: a Service that hundreds call costs a finding no more than one that a few call, and says how many.
func TestManyBreachesAreCounted(t *testing.T) {
	t.Parallel()
	s := compiled(t, estate.Shape{Services: 300, Clusters: 1, Seed: 1})
	callers := map[*model.Service]map[*model.Service]bool{}
	var callee *model.Service
	for _, a := range s.estate.Meshes[0].Accesses {
		to := a.Callee()
		if callers[to] == nil {
			callers[to] = map[*model.Service]bool{}
		}
		if callers[to][a.Caller.Service] = true; callee == nil || len(callers[to]) > len(callers[callee]) {
			callee = to
		}
	}
	s.fsys["policies/platform/tests/nobody.yaml"] = &fstest.MapFile{Mode: 0o644, Data: []byte(fmt.Sprintf(
		"apiVersion: writ.dev/v1alpha1\nkind: Test\nmetadata: {name: nobody}\nspec:\n  only:\n    - {from: [], to: %s}\n", callee.Key()))}
	r := mustCompile(t, s.fsys)
	if len(r.Findings) != 1 {
		t.Fatalf("%v", describe(r.Findings))
	}
	n, f := len(callers[callee]), r.Findings[0]
	if n < 100 || len(f.Items) > 25 || f.Items[len(f.Items)-1] != fmt.Sprintf("%d more", n-20) {
		t.Errorf("of %d callers, the items are %q", n, f.Items)
	}
	if want := fmt.Sprintf(" and %d more", n-4); !strings.Contains(f.Message, want) { // one is told, and three of the others
		t.Errorf("%q does not say %q", f.Message, want)
	}
}
