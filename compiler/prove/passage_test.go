package prove

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// drawPolicy draws one form of an object: none, or a policy of any action with a few rules.
func drawPolicy(t *rapid.T, name string) *manifest.Object {
	action := rapid.SampledFrom([]string{"", "ALLOW", "ALLOW", "ALLOW", "DENY", "CUSTOM"}).Draw(t, "action")
	if action == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s, namespace: shop}\nspec:\n  action: %s\n", name, action)
	if action == "CUSTOM" {
		b.WriteString("  provider: {name: ext}\n")
	}
	n := rapid.IntRange(0, 2).Draw(t, "rules")
	if n == 0 && action == "DENY" {
		n = 1
	}
	if n > 0 {
		b.WriteString("  rules:\n")
	}
	for range n {
		var parts []string
		if rapid.Bool().Draw(t, "from") && action != "CUSTOM" {
			from := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "principal")
			parts = append(parts, fmt.Sprintf("from: [{source: {principals: [eu.example/ns/shop/sa/%s]}}]", from))
		}
		if rapid.Bool().Draw(t, "to") {
			to := rapid.SampledFrom([]string{`ports: ["80"]`, `ports: ["80"], methods: [GET]`, `paths: ["/a"]`, `paths: ["/a", "/b"], methods: [POST]`}).Draw(t, "operation")
			parts = append(parts, "to: [{operation: {"+to+"}}]")
		}
		fmt.Fprintf(&b, "  - {%s}\n", strings.Join(parts, ", "))
	}
	objects, err := manifest.Read(name+".yaml", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v:\n%s", err, b.String())
	}
	return objects[0]
}

// TestMixturesAgainstAllOfThem: what is said of mixtures as a whole is so when each of them is decided by itself. About one pair in
// ten opens something or cuts it off.
func TestMixturesAgainstAllOfThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var forms []pair
		scope := authz.Scope{Mesh: authz.Mesh{TrustDomain: "eu.example", RootNamespace: "istio-system"}, Ports: []authz.Port{{Number: 80, HTTP: true}, {Number: 70}}}
		for i := range rapid.IntRange(1, 4).Draw(t, "objects") {
			name := fmt.Sprintf("p%d", i)
			p := pair{old: drawPolicy(t, name)}
			if p.new = p.old; rapid.Bool().Draw(t, "changes") {
				p.new = drawPolicy(t, name)
			}
			forms = append(forms, p)
			scope.Policies = append(side(forms[i:], oldOf), append(side(forms[i:], newOf), scope.Policies...)...)
		}
		space, err := authz.NewSpace(scope)
		if err != nil {
			t.Fatal(err)
		}
		for _, refuses := range []bool{true, false} {
			opens, cuts := mixer{space, refuses}.mixtures(forms)
			decided := func(objects []*manifest.Object) authz.Region {
				allowed, asked := space.Decided(objects)
				if refuses {
					return allowed.AndNot(asked)
				}
				return allowed
			}
			all, _ := space.Decided(nil)
			old, new := decided(side(forms, oldOf)), decided(side(forms, newOf))
			choices, _ := choicesOf(forms, len(forms))
			wantOpens, wantCuts := all.AndNot(all), all.AndNot(all)
			for _, chosen := range choices {
				mixed := decided(chosen)
				wantOpens = wantOpens.Or(mixed.AndNot(old).AndNot(new))
				wantCuts = wantCuts.Or(old.And(new).AndNot(mixed))
			}
			if !opens.Equal(wantOpens) {
				t.Fatalf("opens differs, authorizer refuses: %v", refuses)
			}
			if !cuts.Equal(wantCuts) {
				t.Fatalf("cuts off differs, authorizer refuses: %v", refuses)
			}
		}
	})
}
