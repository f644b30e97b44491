package authz

import (
	"fmt"
	"testing"

	"writ.dev/writ/compiler/prove/manifest"
)

// destination is a workload with a rule for each endpoint, and callers for each rule, with what is meant.
func destination(n, rules, callers int) (*Point, *Meant) {
	paths := []string{"", "/{id}", "/{id}/address", "/search", "/export/{rest...}", "/{id}/orders/{order}"}
	istio := []string{"", "/{*}", "/{*}/address", "/search", "/export/{**}", "/{*}/orders/{*}"}
	verbs := []string{"GET", "POST", "PUT", "DELETE"}
	o, m := policy("ALLOW"), &Meant{}
	for i := range rules {
		base := fmt.Sprintf("/v1/thing-%d", (n+i/len(paths))%97)
		a := Allowance{Port: 8080, Methods: verbs[i%4 : i%4+1], Paths: []string{base + paths[i%len(paths)]}}
		for j := range callers {
			k := n*31 + i*7 + j
			a.Principals = append(a.Principals, fmt.Sprintf("eu-1/ns/team-%d/sa/service-%d", k%300, k%10_000))
		}
		m.Allow = append(m.Allow, a)
		o.AuthorizationPolicy.Rules = append(o.AuthorizationPolicy.Rules, manifest.Rule{
			From: []manifest.Source{{Principals: a.Principals}},
			To:   []manifest.Operation{{Ports: []string{"8080"}, Methods: a.Methods, Paths: []string{base + istio[i%len(istio)]}}},
		})
	}
	p := point(o)
	p.Mesh.Aliases, p.TLS = nil, &TLS{Mode: strict}
	return p, m
}

func BenchmarkCompare(b *testing.B) {
	for _, size := range []struct{ rules, callers int }{{12, 2}, {12, 200}, {12, 2000}, {200, 10}, {2000, 1}} {
		b.Run(fmt.Sprintf("%d rules of %d callers", size.rules, size.callers), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				p, m := destination(n, size.rules, size.callers)
				c, err := Compare(p, m, http8080)
				if err != nil || len(c.Differences) > 0 {
					b.Fatal(err, c)
				}
				n++
			}
		})
	}
}
