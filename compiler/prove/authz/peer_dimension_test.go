package authz

import (
	"slices"
	"testing"

	"writ.dev/writ/compiler/prove/atoms"
)

// TestIdentityPatterns holds the expressions of identities against Decide's way of comparing them, on identities of all shapes:
// those that atoms show are only some.
func TestIdentityPatterns(t *testing.T) {
	p := point()
	values := map[string][]string{
		sourcePrincipal:      append(somePrincipals, "eu-1/ns/a/sa/x*", "*/x", "e*", "*."),
		sourceNamespace:      {"a", "*a", "b*", "sa", "a*b", "*", "a.b", "ns"},
		sourceServiceAccount: {"x", "b/y", "a/x", "ns/sa", "sa/sa", "a/x.y"},
		sourceTrustDomain:    {"eu-1", "eu-0", "us*", "*-1", "*", "*a", "e*1", "u"},
	}
	matched := 0
	for _, id := range []string{
		"eu-1/ns/a/sa/x", "eu-0/ns/a/sa/x", "us-1/ns/b/sa/y", "eu-1/ns/a/pod/z/sa/x", "eu-1/ns/a/z/sa/x", "eu-1/ns/asa/x",
		"eu-1/ns/a/sa/x/pod/z", "eu-1/ns/a/sa/xy", "eu-1/ns/ns/sa/sa", "a/ns/b/sa/y", "a-1/x", "eu-1/vm/a", "e/1/ns/a/sa/x",
		"x/us-1/ns/a/sa/x", "eu-1/ns/aXb/sa/x.y", "eu-1/ns/a.b/sa/xZy", "eu-1/x/ns/a/sa/x", "cluster.local/ns/a/sa/x", "eu-1/ns/a/ns/b/sa/y",
	} {
		for name, all := range values {
			for _, v := range all {
				compiled := []string{v}
				switch name {
				case sourcePrincipal:
					compiled = p.Mesh.principals(compiled)
				case sourceTrustDomain:
					compiled = p.Mesh.trustDomains(compiled)
				}
				matches := func(v string) bool { return identityPattern(name, v, "a").Match("spiffe://" + id) }
				got := slices.ContainsFunc(compiled, matches)
				if want := p.matches(name, "", []string{v}, "a", &Request{Principal: id}); got != want {
					t.Errorf("%s %q on %s: %v, and Decide says %v", name, v, id, got, want)
				} else if got {
					matched++
				}
			}
		}
		if !atoms.SPIFFE().Contains("spiffe://" + id) {
			t.Errorf("%s is nobody", id)
		}
	}
	if matched < 100 {
		t.Errorf("only %d of these match", matched)
	}
}
