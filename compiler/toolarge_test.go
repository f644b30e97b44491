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
