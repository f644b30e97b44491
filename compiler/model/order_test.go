package model

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/syntax"
)

// TestTheEstateIsInOrder: whatever files are called and in whatever order they say things, an estate has them by name. Each file's
// name, and each list in it, puts last what is first.
func TestTheEstateIsInOrder(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for name, docs := range map[string][]string{
		"platform/a.yaml": {
			"kind: Mesh\nmetadata: {name: second}\nspec: {}",
			"kind: Mesh\nmetadata: {name: main}\nspec: {}",
			"kind: Cluster\nmetadata: {name: us-1}\nspec: {mesh: main, trustDomain: us.example, istioVersion: \"1.31\"}",
			"kind: Cluster\nmetadata: {name: eu-1}\nspec: {mesh: main, trustDomain: us.example, istioVersion: \"1.31\"}",
			"kind: Cluster\nmetadata: {name: ap-1}\nspec: {mesh: second, trustDomain: ap.example, istioVersion: \"1.31\"}",
			"kind: Team\nmetadata: {name: stock}\nspec: {contact: \"#stock\", owners: [\"@example/stock\"], namespaces: {stock: {}, shelves: {}}}",
			"kind: Team\nmetadata: {name: shop}\nspec: {contact: \"#shop\", owners: [\"@example/shop\"], namespaces: {shop: {}}}",
			"kind: Test\nmetadata: {name: second}\nspec: {deny: [{from: shop/a, to: shop/b}]}",
			"kind: Test\nmetadata: {name: first}\nspec: {deny: [{from: shop/a, to: shop/b}]}",
			"kind: Outsider\nmetadata: {name: warehouse}\nspec: {cidrs: [10.1.0.0/24], because: it counts, until: 2099-01-31, intents: [{to: shop/a, endpoints: [write], because: it counts}]}",
			"kind: Outsider\nmetadata: {name: office}\nspec: {cidrs: [10.2.0.0/24], because: it counts, until: 2099-01-31, intents: [{to: shop/a, endpoints: [write], because: it counts}]}",
		},
		"teams/stock/a.yaml": {
			"kind: Service\nmetadata: {name: z, namespace: stock}\nspec:\n" + offers + "  intents:\n    - {to: shop/a, endpoints: [write, read], because: it counts}\n",
			"kind: Service\nmetadata: {name: a, namespace: shelves}\nspec:\n" + offers + "  intents:\n    - {to: shop/b, endpoints: [write, read], because: it counts}\n",
		},
		"teams/shop/a.yaml": {
			"kind: Service\nmetadata: {name: b, namespace: shop}\nspec:\n" + offers,
			"kind: Service\nmetadata: {name: a, namespace: shop}\nspec:\n" + offers,
		},
	} {
		fsys["policies/"+name] = &fstest.MapFile{Data: []byte("apiVersion: writ.dev/v1alpha1\n" + strings.Join(docs, "\n---\napiVersion: writ.dev/v1alpha1\n") + "\n")}
	}
	tree, found := syntax.Parse(t.Context(), fsys)
	if len(found) > 0 {
		t.Fatal(found)
	}
	e, _ := Resolve(tree)
	sorted(t, "meshes", e.Meshes, func(m *Mesh) string { return m.Name })
	sorted(t, "clusters", e.Clusters, func(c *Cluster) string { return c.Name })
	sorted(t, "teams", e.Teams, func(t *Team) string { return t.Name })
	sorted(t, "namespaces", e.Namespaces, func(n *Namespace) string { return n.Name })
	sorted(t, "tests", e.Tests, func(t *Test) string { return t.Key })
	m := e.Meshes[0]
	sorted(t, "clusters of a mesh", m.Clusters, func(c *Cluster) string { return c.Name })
	sorted(t, "services", m.Services, (*Service).Key)
	sorted(t, "outsiders", m.Outsiders, func(o *Outsider) string { return o.Name })
	of := func(a *Access) string { return a.Endpoint.String() + " " + a.Caller.Key() }
	sorted(t, "accesses", m.Accesses, of)
	sorted(t, "pending accesses", m.Pending, of)
	sorted(t, "workloads of a cluster", m.Clusters[0].Workloads, func(w *Workload) string { return w.Service.Key() })
	s := m.Services[0]
	sorted(t, "workloads of a service", s.Workloads, func(w *Workload) string { return w.Cluster.Name })
	sorted(t, "endpoints", s.Endpoints, func(e *Endpoint) string { return e.Name })
	own := func(s string) string { return s }
	sorted(t, "methods", s.Endpoint("write").Methods, own)
	sorted(t, "accounts", s.Workloads[0].Accounts, own)
	sorted(t, "hosts", s.Workloads[0].Hosts, own)
	sorted(t, "selector", s.Workloads[0].Selector, func(l Label) string { return l.Key })
}

const offers = `  serviceAccounts: [green, blue]
  hosts: [plain, other]
  selector: {tier: one, app: one}
  ports: {http: {port: 80}}
  endpoints:
    write: {methods: [PUT, POST], paths: [/write]}
    read: {methods: [GET], paths: [/read], audience: mesh}
`

func sorted[T any](t *testing.T, what string, all []T, name func(T) string) {
	t.Helper()
	if len(all) < 2 || !slices.IsSortedFunc(all, func(a, b T) int { return cmp.Compare(name(a), name(b)) }) {
		var names []string
		for _, x := range all {
			names = append(names, name(x))
		}
		t.Errorf("%s are %q", what, names)
	}
}
