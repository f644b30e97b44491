package compiler

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestTooMuchForAPolicyIsWithheld: paths that no policy can carry are withheld from all of their callers and from none else, and
// told once.
func TestTooMuchForAPolicyIsWithheld(t *testing.T) {
	t.Parallel()
	service := func(name string, paths int) txtar.File {
		var b strings.Builder
		fmt.Fprintf(&b, "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: %s, namespace: identity}\nspec:\n  ports: {http: {port: 80}}\n  endpoints:\n    read:\n      methods: [GET]\n      paths:\n", name)
		for i := range paths {
			fmt.Fprintf(&b, "        - /%s/%04d\n", strings.Repeat("a", 1002), i) // a KiB with what is written around it
		}
		b.WriteString("  grants:\n    - {from: shop/checkout, endpoints: [read]}\n")
		return txtar.File{Name: "policies/teams/identity/" + name + ".yaml", Data: []byte(b.String())}
	}
	calls := txtar.File{Name: checkoutFile, Data: []byte(`apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: checkout, namespace: shop}
spec:
  intents:
    - {to: identity/customers, endpoints: [read-address], because: labels for parcels are printed at checkout}
    - {to: identity/archive, endpoints: [read], because: labels for parcels are printed at checkout}
`)}
	for paths, withheld := range map[int]bool{96: false, 97: true} {
		r := mustCompile(t, layOver(base(t), []txtar.File{service("archive", paths), calls}))
		if got := codes(r.Findings)["LIM-002"] == 1; got != withheld || r.Stats.Withheld > 0 != withheld {
			t.Errorf("%d paths: withheld %d, %v", paths, r.Stats.Withheld, describe(r.Findings)[:min(2, len(r.Findings))])
		}
		if r.Stats.Accesses+r.Stats.Withheld != 2 || r.Stats.Withheld > 1 {
			t.Errorf("%d paths: %+v", paths, r.Stats)
		}
	}
}

// TestTooMuchToNameIsWithheld: identities of callers that are more text than a workload's policies can carry withhold all accesses to
// it in their mesh, and the finding is about each of them; what fills the policies is let in.
func TestTooMuchToNameIsWithheld(t *testing.T) {
	t.Parallel()
	const each = len("eu.example") + len("shop") + 50 // of an identity
	var accounts []string
	for i := range 1024 {
		accounts = append(accounts, fmt.Sprintf("a%049d", i))
	}
	for endpoints, withheld := range map[int]int{8 << 20 / each / len(accounts): 0, 8<<20/each/len(accounts) + 1: 8<<20/each/len(accounts) + 1} {
		var offered, names []string
		for i := range endpoints {
			names = append(names, fmt.Sprintf("e%03d", i))
			offered = append(offered, fmt.Sprintf("    e%03d: {methods: [GET], paths: [/e/%d], audience: mesh}\n", i, i))
		}
		r := mustCompile(t, layOver(base(t), []txtar.File{
			{Name: "policies/teams/identity/archive.yaml", Data: []byte("apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: archive, namespace: identity}\nspec:\n  ports: {http: {port: 80}}\n  endpoints:\n" + strings.Join(offered, ""))},
			{Name: "policies/teams/shop/crowd.yaml", Data: []byte("apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: crowd, namespace: shop}\nspec:\n  serviceAccounts: [" + strings.Join(accounts, ", ") +
				"]\n  intents:\n    - {to: identity/archive, endpoints: [" + strings.Join(names, ", ") + "], because: it reads the archive}\n")},
		}))
		if r.Stats.Withheld != withheld || r.Stats.Accesses+r.Stats.Withheld != endpoints+1 {
			t.Errorf("%d endpoints: %+v, %v", endpoints, r.Stats, describe(r.Findings))
		}
		for _, f := range r.Findings {
			if f.Rule.Code != "LIM-002" || len(f.Items) != withheld || !strings.HasPrefix(f.Items[0], "shop/crowd -> identity/archive e000") {
				t.Errorf("%d endpoints: %s about %d accesses, %q", endpoints, f.Rule.Code, len(f.Items), f.Message)
			}
		}
		if len(r.Findings) > 1 || len(r.Findings) == 1 != (withheld > 0) {
			t.Errorf("%d endpoints: %v", endpoints, describe(r.Findings))
		}
	}
}
