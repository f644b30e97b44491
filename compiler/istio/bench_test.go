package istio

import (
	"fmt"
	"testing"

	"writ.dev/writ/compiler/plan"
)

// largeCluster has one policy of five rules for each of its workloads, like a busy service: four callers a rule, an HTTP
// endpoint or two each.
func largeCluster(workloads int) plan.Cluster {
	c := plan.Cluster{Name: "eu-1", RootNamespace: "istio-system"}
	for i := range workloads {
		w := plan.Workload{
			Namespace: fmt.Sprintf("team-%03d", i/20), Name: fmt.Sprintf("service-%04d", i), Origin: "Service",
			Selector: []plan.Label{{Key: "app", Value: fmt.Sprintf("service-%04d", i)}},
			MTLS:     plan.NoMTLS, Authz: plan.AuthzEnforce,
		}
		p := plan.Policy{Name: w.Name}
		for r := range 5 {
			rule := plan.Rule{Operations: []plan.Operation{{
				Port: 8080 + r, Methods: []string{"GET", "HEAD"}, Paths: []string{"/v1/orders/{*}", "/v1/orders/{*}/items/{**}"},
			}}}
			for caller := range 4 {
				rule.Principals = append(rule.Principals, fmt.Sprintf("eu.example/ns/team-%03d/sa/service-%04d", caller, i+r))
				p.Intents = append(p.Intents, fmt.Sprintf("team-%03d/service-%04d endpoint-%d", caller, i+r, r))
			}
			p.Rules = append(p.Rules, rule)
		}
		w.Policies = []plan.Policy{p}
		c.Workloads = append(c.Workloads, w)
	}
	return c
}

const benchWorkloads = 4000

func BenchmarkRender(b *testing.B) {
	c := largeCluster(benchWorkloads)
	for b.Loop() {
		Render(b.Context(), c)
	}
	perObject(b)
}

func BenchmarkValidate(b *testing.B) {
	objects := Render(b.Context(), largeCluster(benchWorkloads))
	for b.Loop() {
		if r := Validate(b.Context(), objects); r != nil {
			b.Fatal(r[0].Message)
		}
	}
	perObject(b)
}

func perObject(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*benchWorkloads), "µs/object")
}
