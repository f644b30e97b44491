package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// pod finds one by cluster and name.
func (e *estate) pod(t *testing.T, id string) *pod {
	t.Helper()
	for _, c := range e.clusters {
		for _, p := range c.pods {
			if p.id() == id {
				return p
			}
		}
	}
	t.Fatalf("no pod %s", id)
	return nil
}

// toService is a request to a Kubernetes Service of the pod's cluster.
func (p *pod) toService(ctx context.Context, t *testing.T, namespace, name string, port int, r wire.Request) wire.Request {
	t.Helper()
	var o struct{ Spec struct{ ClusterIP string } }
	if err := p.cluster.get(ctx, "/api/v1/namespaces/"+namespace+"/services/"+name, &o); err != nil {
		t.Fatal(err)
	}
	r.To = fmt.Sprintf("%s:%d", o.Spec.ClusterIP, port)
	r.Host = name + "." + namespace + ".svc.cluster.local"
	return r
}

// edit replaces text in a file of the repository.
func (a *argoCD) edit(t *testing.T, file, old, fresh string) {
	t.Helper()
	path := filepath.Join(a.repository, file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(data), old) != 1 {
		t.Fatalf("%s has %q %d times", file, old, strings.Count(string(data), old))
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, fresh, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// build has writ write out/, and returns what it says.
func (a *argoCD) build() (string, error) {
	cmd := exec.Command(a.estate.parts.Programs["writ"], "build")
	cmd.Dir = a.repository
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// release builds, commits and tells Argo CD.
func (a *argoCD) release(t *testing.T, subject string) {
	t.Helper()
	if said, err := a.build(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	a.push(t, subject)
}

// push commits and tells Argo CD.
func (a *argoCD) push(t *testing.T, subject string) {
	t.Helper()
	if err := a.commit(subject); err != nil {
		t.Fatal(err)
	}
	names, err := a.wanted()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.refresh(t.Context(), names...); err != nil {
		t.Fatal(err)
	}
}

// answered waits until a request is answered, or is not any more.
func (p *pod) answered(ctx context.Context, t *testing.T, r wire.Request, want bool) {
	t.Helper()
	if err := p.becomes(ctx, r, want); err != nil {
		t.Fatal(err)
	}
}

// becomes waits until a request is answered, or is not.
func (p *pod) becomes(ctx context.Context, r wire.Request, want bool) error {
	return until(ctx, fmt.Sprintf("answered: %t", want), func() error {
		answers, err := p.call(ctx, []wire.Request{r})
		if err == nil && answers[0].Answered() != want {
			err = fmt.Errorf("%+v", answers[0])
		}
		return err
	})
}

// theLifeOfAChange: an intent and its grant are committed, and the request that was refused is answered; they are taken away, and it is
// refused. Meanwhile no allowed request is refused, and no forbidden one answered.
func (e *estate) theLifeOfAChange(t *testing.T, argo *argoCD) {
	ctx := t.Context()
	shopper, stranger := e.pod(t, "eu-1.traffic.synthetic-shopper"), e.pod(t, "eu-1.elsewhere.stranger")
	quote := shopper.toService(ctx, t, "fulfilment", "shippingservice", 50051, wire.Request{
		Proto: "grpc", Method: "POST", Path: "/hipstershop.ShippingService/GetQuote",
	})
	home := shopper.toService(ctx, t, "storefront", "frontend", 80, wire.Request{Proto: "http1", Method: "GET", Path: "/"})
	order := home
	order.Method, order.Path = "POST", "/cart/checkout"
	kept := home
	home.Fresh, order.Fresh = true, true
	allowed, err := shopper.stream(ctx, home, kept)
	if err != nil {
		t.Fatal(err)
	}
	ship := quote
	ship.Path, ship.Fresh = "/hipstershop.ShippingService/ShipOrder", true
	quoteAgain := quote
	quoteAgain.Fresh = true
	forbidden, err := stranger.stream(ctx, home, order, ship, quoteAgain)
	if err != nil {
		t.Fatal(err)
	}
	shopper.answered(ctx, t, quote, false)

	begin := time.Now()
	lap := func(what string) { t.Logf("%5.1f s  %s", time.Since(begin).Seconds(), what) }
	change := func(subject string, want bool) {
		if said, err := argo.build(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		lap("writ build")
		argo.push(t, subject)
		lap("committed, and Argo CD told")
		shopper.answered(ctx, t, quote, want)
		lap(fmt.Sprintf("answered: %t", want))
		if err := argo.synced(ctx); err != nil {
			t.Fatal(err)
		}
		lap("Argo CD says Synced, everywhere")
		if err := e.pushed(ctx); err != nil {
			t.Fatal(err)
		}
		lap("every sidecar has it")
	}
	argo.edit(t, "policies/teams/platform/shoppers.yaml", `      because: once a minute somebody should notice that the shop cannot be shopped in
      activity: shop-visit
`, `      because: once a minute somebody should notice that the shop cannot be shopped in
      activity: shop-visit
    - to: fulfilment/shippingservice
      endpoints: [get-quote]
      because: a parcel that cannot be priced is not sold
`)
	argo.edit(t, "policies/teams/fulfilment/shippingservice.yaml", `  grants:
`, `  grants:
    - from: traffic/synthetic-shopper
      endpoints: [get-quote]
`)
	change("an intent and its grant", true)
	begin = time.Now()
	if err := argo.git("checkout", "-q", "HEAD~", "--", "policies"); err != nil {
		t.Fatal(err)
	}
	change("taken away", false)

	e.held(t, allowed, true)
	e.held(t, forbidden, false)
}

// held ends a stream that was to be answered throughout, or never.
func (e *estate) held(t *testing.T, s *stream, answered bool) {
	t.Helper()
	all, err := s.end()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		t.Logf("%s %s %s: %d answered, %d refused", s.pod.id(), r.Method, r.Path, r.Answered, r.Refused)
		if answered && (r.Refused > 0 || r.Answered == 0) || !answered && (r.Answered > 0 || r.Refused == 0) {
			t.Errorf("%s %s of %s was to be answered: %t; last said: %+v", r.Method, r.Path, s.pod.id(), answered, r.Said)
		}
	}
}
