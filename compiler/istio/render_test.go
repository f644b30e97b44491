package istio

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// checkout is a workload as teams have it most: called by two, calling two, everything enforced.
func checkout() plan.Workload {
	return plan.Workload{
		Namespace: "shop", Name: "checkout", Origin: "Service shop/checkout",
		Span:     diag.Span{File: "policies/teams/shop/checkout.yaml"},
		Selector: []plan.Label{{Key: "app", Value: "checkout"}},
		MTLS:     plan.StrictMTLS,
		Authz:    plan.AuthzEnforce,
		Policies: []plan.Policy{{
			Name:    "checkout",
			Intents: []string{"shop/frontend place-order", "shop/loadgenerator place-order"},
			Rules: []plan.Rule{{
				Principals: []string{"eu.example/ns/shop/sa/frontend", "eu.example/ns/shop/sa/loadgenerator"},
				Operations: []plan.Operation{{
					Port: 5050, Methods: []string{"POST"}, Paths: []string{"/hipstershop.CheckoutService/PlaceOrder"},
				}},
			}},
		}},
		Outbound: &plan.Outbound{
			Hosts:   []string{"identity/customers.identity.svc.cluster.local", "pay/payment.pay.svc.cluster.local"},
			Intents: []string{"identity/customers read-address", "pay/payment charge"},
		},
	}
}

func with(w plan.Workload, changes ...func(*plan.Workload)) plan.Cluster {
	for _, change := range changes {
		change(&w)
	}
	return plan.Cluster{Name: "eu-1", RootNamespace: "istio-system", Workloads: []plan.Workload{w}}
}

func shadow(w *plan.Workload)       { w.Authz = plan.AuthzShadow }
func permissively(w *plan.Workload) { w.MTLS = plan.PermissiveMTLS }
func openly(w *plan.Workload)       { w.Outbound = nil }

// golden is what is rendered for a cluster, by the name of its file below testdata.
var golden = map[string]plan.Cluster{
	"enforced":              with(checkout()),
	"shadow_and_permissive": with(checkout(), shadow, permissively),
	"nothing_is_switched_on": with(checkout(), openly, func(w *plan.Workload) {
		w.MTLS, w.Authz = plan.NoMTLS, plan.AuthzOff
	}),
	"nobody_may_call_and_calls_nobody": with(checkout(), func(w *plan.Workload) {
		w.Policies = []plan.Policy{{Name: "checkout"}}
		w.Outbound = &plan.Outbound{}
	}),
	"open_under_a_floor": func() plan.Cluster {
		c := with(checkout(), shadow, permissively, openly, func(w *plan.Workload) {
			w.AllowAll = &plan.Exception{Because: "the old app calls without a sidecar", Until: "2027-03-31", Origin: "Mesh prod"}
		})
		c.Floors = []plan.Floor{{Namespace: "shop", Origin: "Team shop"}}
		return c
	}(),
	"an_outsider_without_identity": with(checkout(), openly, func(w *plan.Workload) {
		w.PlaintextPorts = []int{8080}
		w.Policies[0].Rules = append(w.Policies[0].Rules, plan.Rule{
			CIDRs: []string{"10.20.0.0/16", "2001:db8::/32"},
			Operations: []plan.Operation{
				{Port: 8080, Methods: []string{"GET", "HEAD"}, Paths: []string{"/", "/cart", "/product/{*}", "/static/{**}"}},
				{Port: 8080, Methods: []string{"POST"}, Paths: []string{"/cart"}},
			},
		})
		w.Policies[0].Intents = []string{"outsider/old-balancer browse", "shop/frontend place-order"}
	}),
	"a_tcp_port_and_every_method": with(checkout(), openly, func(w *plan.Workload) {
		w.Policies[0].Intents = []string{"shop/cart cache"}
		w.Policies[0].Rules = []plan.Rule{{
			Principals: []string{"eu.example/ns/shop/sa/cart"},
			Operations: []plan.Operation{{Port: 6379}, {Port: 8080, Paths: []string{"/healthz"}}},
		}}
	}),
	"split_in_two": with(checkout(), openly, func(w *plan.Workload) {
		second := w.Policies[0]
		second.Name = "checkout.2"
		w.Policies = append(w.Policies, second)
	}),
	"floors_and_strict_cluster": {
		Name: "us-1", RootNamespace: "istio-system",
		Strict: &plan.Switch{Origin: "Cluster us-1"},
		Floors: []plan.Floor{{Namespace: "istio-system", Origin: "Cluster us-1"}, {Namespace: "shop", Origin: "Team shop"}},
	},
}

func TestGolden(t *testing.T) {
	for name, cluster := range golden {
		t.Run(name, func(t *testing.T) {
			objects := Render(t.Context(), cluster)
			accepted(t, objects)
			var archive txtar.Archive
			for _, o := range objects {
				archive.Files = append(archive.Files, txtar.File{Name: o.Path, Data: o.Data})
			}
			compareGolden(t, filepath.Join("testdata", name+".txtar"), txtar.Format(&archive))
		})
	}
}

func TestGoldenFilesAllHaveACase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := golden[strings.TrimSuffix(filepath.Base(file), ".txtar")]; !ok {
			t.Errorf("%s belongs to no case", file)
		}
	}
}

func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestObjectsKnowTheirPlace(t *testing.T) {
	got := Render(t.Context(), with(checkout()))
	for i := range got {
		if got[i].Origin.File != "policies/teams/shop/checkout.yaml" {
			t.Errorf("%s: origin %v", got[i].Path, got[i].Origin)
		}
		if !strings.HasPrefix(string(got[i].Data), emit.Header) {
			t.Errorf("%s: no header", got[i].Path)
		}
		got[i].Data, got[i].Origin = nil, diag.Span{}
	}
	want := []Object{
		{File: emit.File{Path: "eu-1/shop/authorizationpolicy-checkout.yaml"}, Kind: "AuthorizationPolicy", Namespace: "shop", Name: "checkout"},
		{File: emit.File{Path: "eu-1/shop/peerauthentication-checkout.yaml"}, Kind: "PeerAuthentication", Namespace: "shop", Name: "checkout"},
		{File: emit.File{Path: "eu-1/shop/sidecar-checkout.yaml"}, Kind: "Sidecar", Namespace: "shop", Name: "checkout"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRenderIsDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rapid.Check(t, func(t *rapid.T) {
		c := clusters().Draw(t, "cluster")
		runtime.GOMAXPROCS(1)
		want := Render(t.Context(), c)
		if !slices.IsSortedFunc(want, func(a, b Object) int { return strings.Compare(a.Path, b.Path) }) {
			t.Fatal("not sorted by path")
		}
		for _, processors := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(processors)
			if diff := cmp.Diff(want, Render(t.Context(), c)); diff != "" {
				t.Fatalf("GOMAXPROCS=%d: %s", processors, diff)
			}
		}
	})
}

// What Istio would read as everybody or everything must never stand for nobody or nothing.
func TestWhatAdmitsNothingIsNotRendered(t *testing.T) {
	port := []plan.Operation{{Port: 8080}}
	caller := []string{"eu.example/ns/shop/sa/frontend"}
	for name, r := range map[string]plan.Rule{
		"no callers":    {Operations: port},
		"no operations": {Principals: caller},
		"no methods":    {Principals: caller, Operations: []plan.Operation{{Port: 8080, Methods: []string{}}}},
		"no paths":      {Principals: caller, Operations: []plan.Operation{{Port: 8080, Paths: []string{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			objects := Render(t.Context(), with(checkout(), openly, func(w *plan.Workload) { w.Policies[0].Rules = []plan.Rule{r} }))
			if strings.Contains(string(objects[0].Data), "rules") {
				t.Errorf("%s", objects[0].Data)
			}
			accepted(t, objects)
		})
	}
}

func TestCallersOfTwoSortsAreAlternatives(t *testing.T) {
	objects := Render(t.Context(), with(checkout(), func(w *plan.Workload) { w.Policies[0].Rules[0].CIDRs = []string{"10.0.0.0/8"} }))
	if from := authorizationPolicySpec(t, objects[0].Data).Rules[0].From; len(from) != 2 {
		t.Errorf("a source with both asks for both at once: %v", from)
	}
}

func TestAnUndecidedPlanPanics(t *testing.T) {
	for name, change := range map[string]func(*plan.Workload){
		"no selector":            func(w *plan.Workload) { w.Selector = nil },
		"no mtls stage":          func(w *plan.Workload) { w.MTLS = 0 },
		"no authorization stage": func(w *plan.Workload) { w.Authz = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), name) {
					t.Errorf("panic %v, want %q", r, name)
				}
			}()
			Render(t.Context(), with(checkout(), change))
		})
	}
}
