package authz

import (
	"testing"

	"writ.dev/writ/compiler/prove/manifest"
)

// FuzzDecide holds Decide against sets, on values that nobody thought of.
func FuzzDecide(f *testing.F) {
	for _, c := range [][4]string{
		{checkout, "shop", "GET", "/v1/x/address"},
		{"*", "*a", "*", "/v1/{**}"},
		{"cluster.local/ns/shop/sa/*", "sh*p", "P*", "/v1/{*}/{**}/x"},
		{"*-1/ns/shop/sa/x", "sa", "*T", "*/address"},
		{"eu-1/ns/ns/sa/sa", "ns", "get", "/a=b"},
		{"", ".*", "a|b", "/{**}"},
	} {
		f.Add(c[0], c[1], c[2], c[3])
	}
	f.Fuzz(func(t *testing.T, principal, namespace, method, path string) {
		rule := manifest.Rule{
			From: []manifest.Source{
				{Principals: []string{principal}},
				{NotNamespaces: []string{namespace}},
				{ServiceAccounts: []string{namespace + "/x"}},
				{TrustDomains: []string{namespace}},
			},
			To: []manifest.Operation{{Methods: []string{method}}, {NotPaths: []string{path}}, {Paths: []string{path}, Hosts: []string{path}}},
		}
		for _, action := range []string{"ALLOW", "DENY"} {
			o := policy(action, rule)
			if len(Unmodelled(o)) > 0 {
				t.Skip()
			}
			p := point(o)
			// What differs from nothing and from everything is all that the policy decides.
			for _, m := range []*Meant{{}, {Open: true, Plaintext: func(int) bool { return true }}} {
				c, err := compare(p, m, http8080, denseCells)
				if err != nil {
					t.Skip(err)
				}
				if c.space.product() > 5000 {
					t.Skip("too many requests")
				}
				c.differences() // which asks Decide about each
				c.space.everyRequest(func(at []int, q Request) {
					_, cell := c.grid.cell(at)
					answer := p.Decide(q).Answer
					if len(c.found) > 0 && c.found[0].differ[wider].has(cell) != (!m.Open && answer == Allow) {
						t.Fatalf("%+v is decided %v, and not by sets", q, answer)
					}
				})
			}
		}
	})
}
