package query_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

const today = "2026-11-23"

// asked is an estate with its index.
type asked struct {
	*query.Index
	estate  *model.Estate
	checked check.Checked
	found   diag.List
}

func ask(t testing.TB, fsys fs.FS) asked {
	t.Helper()
	tree, found := syntax.Parse(t.Context(), fsys)
	estate, resolved := model.Resolve(tree)
	checked, objections := check.Run(&check.Pass{Estate: estate, AsOf: today})
	found = append(append(found, resolved...), objections...)
	if found.Stops() {
		t.Fatalf("%+v", found)
	}
	return asked{query.NewIndex(checked, found), estate, checked, found}
}

// boutique is the example estate.
func boutique(t testing.TB) asked {
	t.Helper()
	return ask(t, os.DirFS("../.."))
}

// callers are the words for everybody who may be a caller in the mesh.
func callers(m *model.Mesh) map[string]model.Caller {
	all := map[string]model.Caller{}
	for _, s := range m.Services {
		all[s.Key()] = model.Caller{Service: s}
	}
	for _, o := range m.Outsiders {
		all["outsider/"+o.Name] = model.Caller{Outsider: o}
	}
	return all
}

// TestExplainAgreesWithTheAccesses: for every caller, endpoint and cluster of the example, the answer is yes exactly where an
// access holds.
func TestExplainAgreesWithTheAccesses(t *testing.T) {
	t.Parallel()
	x := boutique(t)
	type way struct{ caller, endpoint, cluster string }
	held := map[way]bool{}
	for _, m := range x.estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if x.checked.Holds(a, leg.From) {
					word := a.Caller.Key()
					if a.Caller.Outsider != nil {
						word = "outsider/" + a.Caller.Outsider.Name
					}
					held[way{word, a.Callee().Key() + ":" + a.Endpoint.Name, leg.To.Cluster.Name}] = true
				}
			}
		}
	}
	yes := 0
	for _, m := range x.estate.Meshes {
		for word := range callers(m) {
			for _, s := range m.Services {
				for _, e := range s.Endpoints {
					for _, w := range s.Workloads {
						to := s.Key() + ":" + e.Name
						answer, err := x.Explain(query.Question{From: word, To: to, Cluster: w.Cluster.Name})
						if err != nil {
							// An Outsider whose calls arrive in other clusters alone is asked about in vain.
							if held[way{word, to, w.Cluster.Name}] {
								t.Errorf("%s -> %s in %s: %v", word, to, w.Cluster.Name, err)
							}
							continue
						}
						if answer.Yes != held[way{word, to, w.Cluster.Name}] {
							t.Errorf("%s -> %s in %s: %v, %s", word, to, w.Cluster.Name, answer.Yes, answer.Parts[0].Headline)
						}
						if answer.Yes {
							yes++
						}
					}
				}
			}
		}
	}
	if yes < 100 {
		t.Errorf("%d answers are yes: the test proves little", yes)
	}
}

// TestTheEditOfANoAllowsIt: whoever follows the answer to a no has a yes.
func TestTheEditOfANoAllowsIt(t *testing.T) {
	t.Parallel()
	x := boutique(t)
	sources := fstest.MapFS{}
	for name, data := range x.estate.Tree.Sources {
		sources[name] = &fstest.MapFile{Data: data}
	}
	noes, carry, seen := 0, 0, map[query.Question]bool{}
	for _, m := range x.estate.Meshes {
		for word := range callers(m) {
			for _, s := range m.Services {
				for _, e := range s.Endpoints {
					q := query.Question{From: word, To: s.Key() + ":" + e.Name}
					if seen[q] {
						continue // in another mesh
					}
					seen[q] = true
					answer, err := x.Explain(q)
					if err != nil {
						t.Fatal(err)
					}
					if answer.Yes {
						continue
					}
					noes++
					// A Service that calls Services of a mesh is asked about in all of them: one edit serves for all.
					r := answer.Parts[len(answer.Parts)-1].Remedy
					if r == nil || len(r.Changes) == 0 {
						t.Errorf("%v has no edit: %s", q, answer.Parts[0].Headline)
						continue
					}
					if len(r.Data) > 0 { // which activity it is for, and that it is declared, only people can say
						carry++
						continue
					}
					edited := apply(t, sources, r.Fix())
					if after, err := edited.Explain(q); err != nil || !after.Yes {
						t.Errorf("%v is no yes after its edit: %v", q, after)
					}
					if edited.found.Fails() {
						t.Errorf("the edit for %v has findings: %v", q, edited.found)
					}
				}
			}
		}
	}
	if noes-carry < 100 || carry < 100 {
		t.Errorf("%d answers are no, %d of them about personal data: the test proves little", noes, carry)
	}
}

// apply applies the edit and asks the estate anew.
func apply(t *testing.T, fsys fstest.MapFS, fix *diag.Fix) asked {
	t.Helper()
	sources := map[string][]byte{}
	for name, f := range fsys {
		sources[name] = f.Data
	}
	changed, applied := diag.Apply(sources, []*diag.Fix{fix})
	if applied != 1 {
		t.Fatalf("the edits of %v meet", fix.Edits)
	}
	edited := maps.Clone(fsys)
	for name, data := range changed {
		edited[name] = &fstest.MapFile{Data: data}
	}
	return ask(t, edited)
}

// files are those of the example estate, with some that differ.
func files(t *testing.T, differ map[string]string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, data := range boutique(t).estate.Tree.Sources {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	for name, text := range differ {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// TestExplainTellsWhoIsLetInToo: what policies cannot tell apart is said with the answer.
func TestExplainTellsWhoIsLetInToo(t *testing.T) {
	t.Parallel()
	x := ask(t, files(t, map[string]string{
		// eu-2 has the trust domain of eu-1, and does not discover it any more.
		"policies/platform/clusters/eu-2.yaml": `apiVersion: writ.dev/v1alpha1
kind: Cluster
metadata: {name: eu-2, labels: {env: prod, region: eu}}
spec: {mesh: prod, trustDomain: eu.boutique.example, skipValidateTrustDomain: true, discovers: [eu-2], istioVersion: "1.31"}
`,
		"policies/teams/payments/paymentservice.yaml": `apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: paymentservice, namespace: payments}
spec:
  ports: {grpc: {port: 50051, protocol: grpc}}
  endpoints: {charge: {grpc: [hipstershop.PaymentService/Charge]}}
  personalData: {none: a token of the card}
  grants: [{from: orders/checkoutservice, endpoints: [charge]}]
`,
		"policies/teams/orders/twin.yaml": `apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: refunds, namespace: orders}
spec:
  serviceAccounts: [checkoutservice]
`,
	}))
	for _, tt := range []struct {
		from, to, cluster string
		yes               bool
		says              []string
	}{
		{"checkoutservice", "paymentservice:charge", "us-1", false, []string{
			"yes: orders/checkoutservice may call charge of payments/paymentservice in us-1",
			"let in too orders/refunds: policies see the same identity",
			"no: calls of orders/checkoutservice from eu-2 do not arrive",
		}},
		{"checkoutservice", "paymentservice:charge", "eu-1", false, []string{
			"yes: orders/checkoutservice may call charge of payments/paymentservice in eu-1",
			"let in too orders/checkoutservice of eu-2 (which does not discover eu-1)",
			"no: calls of orders/checkoutservice from eu-2 do not arrive at payments/paymentservice, which is in eu-1",
		}},
		{"refunds", "paymentservice:charge", "us-1", false, []string{"it does not ask for it", "let in anyway", "its identity is that of orders/checkoutservice, which may"}},
		{"us.boutique.example/ns/orders/sa/checkoutservice", "paymentservice:charge", "us-1", true, []string{"orders/checkoutservice and orders/refunds have this identity"}},
		{"frontend", "adservice:get-ads", "eu-2", true, []string{"not enforced", "authz is off there"}},
		{"outsider/old-load-balancer", "frontend:home", "eu-1", true, []string{"whoever else calls from these addresses"}},
		{"plaintext", "cartservice:get-cart", "eu-1", false, []string{"nobody has declared who that is"}},
		{"cart-expiry", "redis-cart", "us-1", false, []string{"to: orders/redis-cart", "the same in eu-1"}},
	} {
		answer, err := x.Explain(query.Question{From: tt.from, To: tt.to, Cluster: tt.cluster})
		if err != nil {
			t.Errorf("%s -> %s: %v", tt.from, tt.to, err)
			continue
		}
		text := words(answer)
		if answer.Yes != tt.yes {
			t.Errorf("%s -> %s is %v:\n%s", tt.from, tt.to, answer.Yes, text)
		}
		for _, says := range tt.says {
			if !strings.Contains(text, says) {
				t.Errorf("%s -> %s does not say %q:\n%s", tt.from, tt.to, says, text)
			}
		}
	}
}

// words are all that an answer says.
func words(a *query.Answer) string {
	var b strings.Builder
	for _, p := range a.Parts {
		fmt.Fprintln(&b, p.Headline)
		for _, s := range slices.Concat(p.Steps, p.Warnings) {
			fmt.Fprintln(&b, s.Name, s.Text)
		}
		if p.Remedy != nil {
			fmt.Fprintln(&b, p.Remedy.Instead, strings.Join(p.Remedy.Also, "\n"))
			for _, c := range p.Remedy.Changes {
				fmt.Fprintln(&b, c.Where, c.Lines)
			}
		}
	}
	return b.String()
}

// TestTheEditKeepsTheFormOfItsFile: entries go where an author would write them, in blocks and in braces, beside comments.
func TestTheEditKeepsTheFormOfItsFile(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: cart-expiry, namespace: orders}\n"
	q := query.Question{From: "orders/cart-expiry", To: "catalog/productcatalogservice:search-products"}
	expiry := "policies/teams/orders/cart-expiry.yaml"
	for name, spec := range map[string]string{
		"nothing but clusters": "spec:\n  clusters: [eu-1] # it is enough\n# the end\n",
		"braces":               "spec: {clusters: [eu-1]}\n",
		"braces with intents":  "spec: {clusters: [eu-1], intents: [{to: cartservice, endpoints: [get-cart], because: it is there}]}\n",
		"a list in a block":    "spec:\n  intents:\n  - to: catalog/productcatalogservice\n    endpoints:\n    - metrics # of last year\n    because: it counts\n",
		"no end of line":       "spec:\n  intents:\n    - {to: cartservice, endpoints: [get-cart], because: it is there}",
		"a comment in between": "spec: # {\n  # intents: none\n  clusters: [eu-1]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cart, err := os.ReadFile("../../policies/teams/orders/cart.yaml")
			if err != nil {
				t.Fatal(err)
			}
			without, _, found := strings.Cut(string(cart), "---\n# A CronJob")
			if !found {
				t.Fatal("cart.yaml has no CronJob")
			}
			fsys := files(t, map[string]string{expiry: head + spec, "policies/teams/orders/cart.yaml": without})
			answer, err := ask(t, fsys).Explain(q)
			if err != nil || answer.Yes {
				t.Fatalf("%v, %v", answer, err)
			}
			fix := answer.Parts[0].Remedy.Fix()
			if after, err := apply(t, fsys, fix).Explain(q); err != nil || !after.Yes {
				t.Errorf("the edits %q do not allow it: %v", fix.Edits, err)
			}
		})
	}
}

// TestExplainTellsOfTwinsThatMatter: of the caller's clusters those are told to look alike whose identity the answer is about.
func TestExplainTellsOfTwinsThatMatter(t *testing.T) {
	t.Parallel()
	x := boutique(t)
	for cluster, want := range map[string]bool{"eu-1": true, "us-1": false} {
		a, err := x.Explain(query.Question{From: "frontend", To: "cartservice:get-cart", Cluster: cluster})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(a.Parts[0].Steps[0].Text, "eu-1 and eu-2 share a trust domain"); got != want {
			t.Errorf("%s: got %q", cluster, a.Parts[0].Steps[0].Text)
		}
	}
}
