package authz

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/prove/manifest"
)

func TestAttaches(t *testing.T) {
	app := map[string]string{"app": "customers", "version": "v2"}
	gateway := map[string]string{"app": "customers", gatewayName: "edge"}
	const group = "gateway.networking.k8s.io"
	edge := []manifest.TargetRef{{Group: group, Kind: "Gateway", Name: "edge"}}
	for name, c := range map[string]struct {
		namespace string
		selector  map[string]string
		targets   []manifest.TargetRef
		labels    map[string]string
		want      bool
	}{
		"its namespace, every pod":              {"identity", nil, nil, app, true},
		"an empty selector is every pod":        {"identity", map[string]string{}, nil, app, true},
		"another namespace":                     {"shop", nil, nil, app, false},
		"the root namespace":                    {"istio-system", nil, nil, app, true},
		"the root namespace, with a selector":   {"istio-system", map[string]string{"app": "customers"}, nil, app, true},
		"a label":                               {"identity", map[string]string{"app": "customers"}, nil, app, true},
		"another value":                         {"identity", map[string]string{"app": "orders"}, nil, app, false},
		"a label too many":                      {"identity", map[string]string{"app": "customers", "tier": "x"}, nil, app, false},
		"an empty value is not an absent label": {"identity", map[string]string{"tier": ""}, nil, app, false},
		"targets pass a sidecar over":           {"identity", nil, edge, app, false},
		"a gateway":                             {"identity", nil, edge, gateway, true},
		"another gateway":                       {"identity", nil, []manifest.TargetRef{{Group: group, Kind: "Gateway", Name: "edges"}}, gateway, false},
		"a gateway of another group":            {"identity", nil, []manifest.TargetRef{{Group: "networking.istio.io", Kind: "Gateway", Name: "edge"}}, gateway, false},
		"a gateway from the root namespace":     {"istio-system", nil, edge, gateway, false},
		"a selector reaches a gateway":          {"identity", map[string]string{"app": "customers"}, nil, gateway, true},
	} {
		t.Run(name, func(t *testing.T) {
			pod := Pod{Namespace: "identity", Labels: c.labels}
			o := policy("ALLOW")
			o.Namespace, o.AuthorizationPolicy.Selector, o.AuthorizationPolicy.TargetRefs = c.namespace, c.selector, c.targets
			if got := Attaches(o, pod, "istio-system"); got != c.want {
				t.Errorf("AuthorizationPolicy: got %v", got)
			}
			o.AuthorizationPolicy = nil
			o.RequestAuthentication = &manifest.RequestAuthentication{Selector: c.selector, TargetRefs: c.targets}
			if got := Attaches(o, pod, "istio-system"); got != c.want {
				t.Errorf("RequestAuthentication: got %v", got)
			}
		})
	}
}

func peer(namespace, name, mode string, selector map[string]string) *manifest.Object {
	return &manifest.Object{
		Kind: "PeerAuthentication", Namespace: namespace, Name: name,
		PeerAuthentication: &manifest.PeerAuthentication{Selector: selector, Mode: mode},
	}
}

func TestTLSOf(t *testing.T) {
	app := map[string]string{"app": "customers"}
	old, young := peer("identity", "b", strict, nil), peer("identity", "a", disable, nil)
	old.PeerAuthentication.Created, young.PeerAuthentication.Created = "2026-01-02T03:04:05Z", "2026-02-02T03:04:05Z"
	ports := peer("identity", "customers", "", app)
	ports.PeerAuthentication.Ports = map[int]string{9090: permissive, 9091: "UNSET"}
	wide := peer("identity", "default", strict, nil)
	wide.PeerAuthentication.Ports = map[int]string{9090: permissive}
	mesh, unset := peer("istio-system", "default", strict, nil), peer("istio-system", "default", "", nil)
	inherits, disabled := peer("identity", "default", "UNSET", nil), peer("identity", "default", disable, nil)
	namespace, pod := peer("identity", "default", strict, nil), peer("identity", "customers", permissive, app)
	other := peer("identity", "x", disable, map[string]string{"app": "x"})
	for name, c := range map[string]struct {
		objects []*manifest.Object
		want    TLS
	}{
		"without any":                        {nil, TLS{Mode: permissive}},
		"of the mesh":                        {[]*manifest.Object{mesh}, TLS{Mode: strict}},
		"of the mesh, not set":               {[]*manifest.Object{unset}, TLS{Mode: permissive}},
		"of the namespace":                   {[]*manifest.Object{mesh, disabled}, TLS{Mode: disable}},
		"of the namespace, not set":          {[]*manifest.Object{mesh, inherits}, TLS{Mode: strict}},
		"of another namespace":               {[]*manifest.Object{peer("shop", "default", strict, nil)}, TLS{Mode: permissive}},
		"of the pod":                         {[]*manifest.Object{pod, namespace}, TLS{Mode: permissive}},
		"of another pod":                     {[]*manifest.Object{other, namespace}, TLS{Mode: strict}},
		"the oldest":                         {[]*manifest.Object{young, old}, TLS{Mode: strict}},
		"the first by name":                  {[]*manifest.Object{peer("identity", "b", strict, app), peer("identity", "a", disable, app)}, TLS{Mode: disable}},
		"a selector in the root counts not":  {[]*manifest.Object{peer("istio-system", "customers", strict, app)}, TLS{Mode: permissive}},
		"ports inherit":                      {[]*manifest.Object{ports, old}, TLS{Mode: strict, Ports: map[int]string{9090: permissive, 9091: strict}}},
		"ports without a selector count not": {[]*manifest.Object{wide}, TLS{Mode: strict}},
	} {
		t.Run(name, func(t *testing.T) {
			got := TLSOf(c.objects, Pod{Namespace: "identity", Labels: app}, "istio-system")
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTransport(t *testing.T) {
	plain, named := get("/").by(""), get("/")
	open, closed := point(policy("ALLOW", manifest.Rule{})), point(policy("ALLOW", from(principals(checkout))))
	for name, c := range map[string]struct {
		tls     *TLS
		point   *Point
		request Request
		want    Answer
	}{
		"STRICT refuses plaintext":        {&TLS{Mode: strict}, open, plain, Deny},
		"STRICT takes mutual TLS":         {&TLS{Mode: strict}, open, named, Allow},
		"PERMISSIVE takes plaintext":      {&TLS{Mode: permissive}, open, plain, Allow},
		"PERMISSIVE knows who calls":      {&TLS{Mode: permissive}, closed, named, Allow},
		"DISABLE knows nobody":            {&TLS{Mode: disable}, closed, named, Deny},
		"DISABLE takes all":               {&TLS{Mode: disable}, open, named, Allow},
		"a port of its own":               {&TLS{Mode: strict, Ports: map[int]string{8080: permissive}}, open, plain, Allow},
		"another port has none":           {&TLS{Mode: strict, Ports: map[int]string{9090: permissive}}, open, plain, Deny},
		"without authentication, as ever": {nil, open, plain, Allow},
	} {
		t.Run(name, func(t *testing.T) {
			p := *c.point
			p.TLS = c.tls
			if got := p.Decide(c.request); got.Answer != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestDecisionSaysWhoDecided(t *testing.T) {
	allow := policy("ALLOW", from(principals(frontend)), from(principals(checkout)))
	deny := policy("DENY", to(manifest.Operation{Paths: []string{"/admin"}}))
	other := policy("ALLOW", from(principals(frontend)))
	other.Name = "a"
	ask := policy("CUSTOM", to(manifest.Operation{Paths: []string{"/v1/*"}}))
	p := point(allow, deny, other, ask)
	for request, want := range map[*Request]Decision{
		new(get("/")):               {Answer: Allow, By: allow, Rule: 1},
		new(get("/").by(frontend)):  {Answer: Allow, By: other, Rule: 0},
		new(get("/admin")):          {Answer: Deny, By: deny, Rule: 0},
		new(get("/").by("x")):       {Answer: Deny, By: other, Rule: -1},
		new(get("/v1/x")):           {Answer: Custom, Provider: "opa", By: ask, Rule: 0},
		new(get("/v1/x").by("eve")): {Answer: Deny, By: other, Rule: -1},
	} {
		if got := p.Decide(*request); got != want {
			t.Errorf("%v: got %v, want %v", request, got, want)
		}
	}
	p.TLS = &TLS{Mode: strict}
	if got, want := p.Decide(get("/").by("")), (Decision{Rule: -1}); got != want {
		t.Errorf("plaintext: got %v, want %v", got, want)
	}
}

func TestDryRunIsAskedApart(t *testing.T) {
	shadow := policy("ALLOW", from(principals(frontend)))
	shadow.AuthorizationPolicy.DryRun = true
	deny := policy("DENY", from(principals(frontend)))
	p := point(shadow)
	if got := p.Decide(get("/")).Answer; got != Allow {
		t.Errorf("a workload with dry-run policies alone is open, not %v", got)
	}
	p.Policies = append(p.Policies, deny)
	p.DryRun = true
	for who, want := range map[string]Answer{frontend: Allow, checkout: Deny} {
		if got := p.Decide(get("/").by(who)).Answer; got != want {
			t.Errorf("%s: got %v, want %v", who, got, want)
		}
	}
}

func TestUnmodelled(t *testing.T) {
	shadow := policy("CUSTOM", manifest.Rule{})
	shadow.AuthorizationPolicy.DryRun = true
	waypoint := policy("ALLOW")
	waypoint.AuthorizationPolicy.TargetRefs = []manifest.TargetRef{{Kind: "Service", Name: "customers"}}
	for field, o := range map[string]*manifest.Object{
		"spec.action: LOG":                                                                                                            policy("LOG"),
		"spec.action: CUSTOM in dry-run":                                                                                              shadow,
		"spec.targetRefs[0]: Service, which a waypoint enforces":                                                                      waypoint,
		"spec.rules[0].when[0]: experimental.envoy.filters.a[b]":                                                                      policy("DENY", when("experimental.envoy.filters.a[b]", "x")),
		"spec.rules[0].when[0]: source.labels":                                                                                        policy("DENY", when("source.labels", "x")),
		"spec.rules[0].when[0]: request.headers[:path], which is no header":                                                           policy("DENY", when("request.headers[:path]", "/x")),
		"spec.rules[0].from[0].source: source.principal in CUSTOM":                                                                    policy("CUSTOM", from(principals(checkout))),
		`spec.rules[0].to[0].operation: method "", which Istio refuses`:                                                               policy("ALLOW", to(manifest.Operation{Methods: []string{""}})),
		`spec.rules[0].to[0].operation: path "v1/{*}", which is no template`:                                                          policy("ALLOW", to(manifest.Operation{Paths: []string{"v1/{*}"}})),
		`spec.rules[0].to[0].operation: path "/{**}/{*}", which is no template`:                                                       policy("ALLOW", to(manifest.Operation{NotPaths: []string{"/{**}/{*}"}})),
		`spec.rules[0].to[0].operation: path "/v1/{*}.json", which is no template`:                                                    policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{*}.json"}})),
		`spec.rules[0].from[0].source: request.auth.principal "s-1", which is read as a token without an issuer or without a subject`: policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"s-1"}})),
		"spec.mtls.mode: STRCIT":                                                                                                      peer("identity", "default", "STRCIT", nil),
	} {
		if got := Unmodelled(o); len(got) != 1 || got[0].Field != field {
			t.Errorf("got %v, want %s", got, field)
		}
	}
	fine := policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{*}/x/{**}", "/{**}/y", "/a*"}, Ports: []string{"http"}}),
		from(manifest.Source{RequestPrincipals: []string{"*", "https://idp.example/s", "https://x*"}}))
	if got := Unmodelled(fine); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}
