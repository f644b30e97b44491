package e2e

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

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
