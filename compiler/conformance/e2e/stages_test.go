package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// refusals is how many requests a sidecar says, by its own metrics, that it refused, and how many it would have, were what is in shadow
// enforced.
func (p *pod) refusals(t *testing.T) (refused, would int) {
	t.Helper()
	_, said, err := p.inside(t.Context(), "http://127.0.0.1:15090/stats/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	count := func(labels string) (n int) {
		for _, m := range regexp.MustCompile(`(?m)^envoy_http_rbac\{`+labels+`,[^}]*\} (\d+)$`).FindAllStringSubmatch(said, -1) {
			one, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			n += one
		}
		return n
	}
	return count(`authz_enforce_result="denied"`), count(`authz_dry_run_action="allow",authz_dry_run_result="denied"`)
}

// TestShadow: what a Service in shadow would refuse is answered, and counted by Envoy; what it would allow is not counted. One that
// enforces refuses the same caller.
func TestShadow(t *testing.T) {
	need(t)
	const service = "recommendationservice"
	e := start(t, repository(t), "storefront/"+service, "storefront/frontend")
	ctx := t.Context()
	if err := e.applyAll(ctx, filepath.Join(repository(t), "out")); err != nil {
		t.Fatal(err)
	}
	if err := e.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	stranger, frontend := e.pod(t, "eu-1.elsewhere.stranger"), e.pod(t, "eu-1.storefront.frontend")
	call := wire.Request{Proto: "grpc", Method: "POST", Path: "/hipstershop.RecommendationService/ListRecommendations"}
	callee := e.pod(t, "eu-1.storefront."+service) // the only one: the example has it in this cluster alone
	frontend.answered(ctx, t, frontend.toService(ctx, t, "storefront", service, 8080, call), true)
	if refused, would := callee.refusals(t); refused+would > 0 {
		t.Errorf("a call that an intent names: %d refused, %d would be", refused, would)
	}
	const calls = 5
	r := stranger.toService(ctx, t, "storefront", service, 8080, call)
	stranger.answered(ctx, t, r, true)
	_, before := callee.refusals(t)
	for range calls {
		stranger.answered(ctx, t, r, true)
	}
	refused, would := callee.refusals(t)
	if refused > 0 || would != before+calls || before == 0 {
		t.Errorf("calls that no intent names: %d refused, %d and then %d would be", refused, before, would)
	}
	t.Logf("in shadow: a caller that no intent names is answered %d times; envoy_http_rbac counts %d would-be denials, %d denials", calls, would-before, refused)
	home := wire.Request{Proto: "http1", Method: "POST", Path: "/cart/checkout"}
	stranger.answered(ctx, t, stranger.toService(ctx, t, "storefront", "frontend", 80, home), false)
}

// stage is how far a namespace has come: the three axes, and whether it has a floor.
type stage struct {
	strict, scoped bool
	authz          int // off, shadow, enforce, and enforce with a floor
}

var authzSteps = []string{"off", "shadow", "enforce", "enforce"}

func (s stage) closed() bool { return s.authz >= 2 }
func (s stage) floor() bool  { return s.authz == 3 }

func (s stage) mtls() string {
	if s.strict {
		return "strict"
	}
	return "permissive"
}

func (s stage) outbound() string {
	if s.scoped {
		return "scoped"
	}
	return "open"
}

func (s stage) String() string {
	floor := ""
	if s.floor() {
		floor = ", floor"
	}
	return fmt.Sprintf("mtls %s, authz %s, outbound %s%s", s.mtls(), authzSteps[s.authz], s.outbound(), floor)
}

func (s stage) document() string {
	return fmt.Sprintf("stages: {mtls: %s, authz: %s, outbound: %s}", s.mtls(), authzSteps[s.authz], s.outbound())
}

// next are the stages one step away.
func (s stage) next() []stage {
	tighter, farther := s, s
	tighter.strict, farther.scoped = !s.strict, !s.scoped
	all := []stage{tighter, farther}
	for _, d := range []int{-1, 1} {
		if step := s; s.authz+d >= 0 && s.authz+d < len(authzSteps) {
			step.authz += d
			all = append(all, step)
		}
	}
	return all
}

// adoption is an estate that is adopted step by step. The emailservice has no sidecar until late.
type adoption struct {
	*estate
	from                     string
	cart, email, frontend    *pod
	recommendation, stranger *pod
	bystander                *pod // of the namespace orders, which no document names
	identities               map[*pod]string
	applied                  map[string]bool // the objects that the API server has
	retired, mailMeshed      bool
	now                      stage
}

// TestStages: from any stage to any other next to it and back, and each time it is as the documents say who is answered. What an intent
// names is answered all the while.
func TestStages(t *testing.T) {
	need(t)
	ctx := t.Context()
	a := &adoption{estate: &estate{drain: "1s"}, from: t.TempDir(), identities: map[*pod]string{}, applied: map[string]bool{}}
	if err := os.CopyFS(a.from, os.DirFS("testdata/stages")); err != nil {
		t.Fatal(err)
	}
	a.write(t)
	a.run(t, a.from, "eu-1")
	a.cart, a.email, a.frontend = a.pod(t, "eu-1.orders.cartservice"), a.pod(t, "eu-1.fulfilment.emailservice"), a.pod(t, "eu-1.storefront.frontend")
	a.recommendation, a.stranger = a.pod(t, "eu-1.storefront.recommendationservice"), a.pod(t, "eu-1.elsewhere.stranger")
	a.bystander = a.pod(t, "eu-1.orders.stranger")
	for _, p := range []*pod{a.frontend, a.recommendation} {
		var err error
		if a.identities[p], err = p.cluster.identity(ctx, p.ns, p.account); err != nil {
			t.Fatal(err)
		}
	}
	begin, steps := time.Now(), 0
	a.settle(t)

	named := []wire.Request{
		a.direct(a.cart, 7070, a.frontend), a.direct(a.email, 8080, nil), a.direct(a.cart, 7070, a.frontend),
	}
	named[2].Fresh = true
	steady, err := a.outside[0].stream(ctx, named...)
	if err != nil {
		t.Fatal(err)
	}
	through, err := a.frontend.stream(ctx, a.toCart(t, a.frontend), a.toEmail(t, a.frontend))
	if err != nil {
		t.Fatal(err)
	}
	gone := map[[2]stage]bool{}
	var walk func()
	walk = func() {
		at := a.now
		for _, to := range at.next() {
			if gone[[2]stage{at, to}] || gone[[2]stage{to, at}] {
				continue
			}
			gone[[2]stage{at, to}] = true
			a.step(t, to)
			walk()
			a.step(t, at)
			steps += 2
		}
	}
	walk()
	sent := 0
	for _, s := range []*stream{steady, through} {
		all, err := s.end()
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			if sent += one.Answered; one.Refused > 0 || one.Answered == 0 {
				t.Errorf("%s %s, which an intent names or nobody enforces: %d answered, %d not: %+v", one.Proto, one.To, one.Answered, one.Refused, one.Said)
			}
		}
	}
	t.Logf("%d steps between stages in %.0f s, %d requests meanwhile that no stage refuses", steps, time.Since(begin).Seconds(), sent)

	a.email.apps[0].stop()
	a.email.bare, a.mailMeshed = false, true
	if err := a.email.cluster.delete(ctx, "/api/v1/namespaces/fulfilment/pods/emailservice?gracePeriodSeconds=0"); err != nil {
		t.Fatal(err)
	}
	if err := a.email.announce(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.email.run(ctx); err != nil {
		t.Fatal(err)
	}
	// It has the address of the pod before it, which no real one has: istiod looks at an endpoint anew where it was away.
	if err := a.email.cluster.delete(ctx, "/apis/discovery.k8s.io/v1/namespaces/fulfilment/endpointslices/emailservice"); err != nil {
		t.Fatal(err)
	}
	if err := a.endpoints(ctx, a.email.cluster); err != nil {
		t.Fatal(err)
	}
	for _, to := range []stage{{}, {authz: 1}, {authz: 2}, {authz: 2, strict: true}, {authz: 2, strict: true, scoped: true}} {
		a.step(t, to)
	}
	a.retired = true
	a.step(t, stage{strict: true, scoped: true, authz: 3})
}

// step goes to a stage, and asks.
func (a *adoption) step(t *testing.T, to stage) {
	t.Helper()
	a.now = to
	a.write(t)
	a.settle(t)
}

// write says the stage in the documents.
func (a *adoption) write(t *testing.T) {
	t.Helper()
	orders, mail := a.now.document(), ""
	if a.now.floor() {
		orders += ", floor: true"
	}
	if a.retired {
		orders += ", retired: true"
	}
	if a.mailMeshed {
		mail = a.now.document()
	}
	teams := filepath.Join(a.from, "policies/platform/teams")
	if err := os.MkdirAll(teams, 0o755); err != nil {
		t.Fatal(err)
	}
	for team, namespaces := range map[string]string{
		"orders":     fmt.Sprintf("orders: {%s}", orders),
		"storefront": fmt.Sprintf("storefront: {%s}", a.now.document()),
		"fulfilment": fmt.Sprintf("fulfilment: {%s}", mail),
	} {
		text := fmt.Sprintf("apiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: %[1]s}\nspec:\n  contact: %[1]s@boutique.example\n"+
			"  owners: [\"@boutique-example/%[1]s\"]\n  namespaces: {%[2]s}\n", team, namespaces)
		if err := os.WriteFile(filepath.Join(teams, team+".yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// settle has the cluster be as the documents are now, with what went taken away last, and asks who is answered.
func (a *adoption) settle(t *testing.T) {
	t.Helper()
	ctx, c := t.Context(), a.clusters[0]
	cmd := exec.Command(a.parts.Programs["writ"], "build")
	cmd.Dir = a.from
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", a.now, err, said)
	}
	if err := a.applyAll(ctx, filepath.Join(a.from, "out")); err != nil {
		t.Fatal(err)
	}
	there, err := a.objects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for path := range a.applied {
		if !there[path] {
			if err := c.delete(ctx, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.applied = there
	if err := a.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	a.ask(t)
}

// objects are the paths of what is rendered.
func (a *adoption) objects(ctx context.Context) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(a.from, "out", "eu-1", "*", "*.yaml"))
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, f := range files {
		objects, err := objectsOf(f)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			path, err := a.clusters[0].pathOf(ctx, o)
			if err != nil {
				return nil, err
			}
			all[path] = true
		}
	}
	return all, nil
}

func (a *adoption) toCart(t *testing.T, from *pod) wire.Request {
	return from.toService(t.Context(), t, "orders", "cartservice", 7070, wire.Request{Proto: "http1", Method: "GET", Path: "/cart", Fresh: true})
}

func (a *adoption) toEmail(t *testing.T, from *pod) wire.Request {
	return from.toService(t.Context(), t, "fulfilment", "emailservice", 8080, wire.Request{Proto: "http1", Method: "GET", Path: "/sent", Fresh: true})
}

// direct calls a pod with another one's certificate, or without any, and no sidecar at the caller's end.
func (a *adoption) direct(to *pod, port int, as *pod) wire.Request {
	path := map[*pod]string{a.cart: "/cart", a.email: "/sent"}[to]
	return wire.Request{
		Proto: "http1", Method: "GET", Path: cmp.Or(path, "/"), Fresh: true, To: fmt.Sprintf("%s:%d", to.address, port),
		Host: to.name + "." + to.ns + ".svc.cluster.local", Identity: a.identities[as],
	}
}

// ask asks everybody from everywhere.
func (a *adoption) ask(t *testing.T) {
	t.Helper()
	s, out := a.now, a.outside[0]
	leaves := !s.scoped // what no intent names
	mailTakes := !a.mailMeshed || !s.closed()
	mailPlain := !a.mailMeshed || !s.closed() && !s.strict
	for _, q := range []struct {
		what string
		from *pod
		wire.Request
		want bool
	}{
		{"whom the intent names", a.frontend, a.toCart(t, a.frontend), !a.retired},
		{"whom the intent names, to a Service without sidecars", a.frontend, a.toEmail(t, a.frontend), true},
		{"whom no intent names", a.recommendation, a.toCart(t, a.recommendation), leaves && !s.closed()},
		{"whom no intent names, to a Service without sidecars", a.recommendation, a.toEmail(t, a.recommendation), leaves && mailTakes},
		{"whom no document names", a.stranger, a.toCart(t, a.stranger), !s.closed()},
		{"whom no document names, to a Service without sidecars", a.stranger, a.toEmail(t, a.stranger), mailTakes},
		{"the certificate of whom the intent names", out, a.direct(a.cart, 7070, a.frontend), !a.retired},
		{"the certificate of whom no intent names", out, a.direct(a.cart, 7070, a.recommendation), !s.closed()},
		{"plaintext", out, a.direct(a.cart, 7070, nil), !s.closed() && !s.strict},
		{"plaintext, to a Service without sidecars", out, a.direct(a.email, 8080, nil), mailPlain},
		{"plaintext, to a pod that no document names", out, a.direct(a.bystander, anyPort, nil), !s.floor()},
		{"a certificate, to a pod that no document names", out, a.direct(a.bystander, anyPort, a.frontend), !s.floor()},
	} {
		// A connection between two sidecars goes on by the policy that it began under until it is drained.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := q.from.becomes(ctx, q.Request, q.want); err != nil {
			t.Errorf("%s: %s: %v", s, q.what, err)
		}
		cancel()
	}
}
