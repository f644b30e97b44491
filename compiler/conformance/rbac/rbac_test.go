package rbac

import (
	"net/netip"
	"testing"

	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
)

// The filters are written by hand, in the form that Istio writes them.
const (
	anyone = `"principals":[{"any":true}]`
	always = `"permissions":[{"any":true}]`
)

func rbac(action, policies string) string {
	return `{"name":"rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",` +
		`"rules":{"action":"` + action + `","policies":` + policies + `}}}`
}

func permission(p string) string { return `{"p":{"permissions":[` + p + `],` + anyone + `}}` }

func principal(p string) string { return `{"p":{` + always + `,"principals":[` + p + `]}}` }

func metadata(value string) string {
	return `{"metadata":{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"groups"}],"value":` + value + `}}`
}

func template(t string) string {
	return `{"uri_template":{"name":"uri-template","typed_config":{"@type":` +
		`"type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig","path_template":"` + t + `"}}}`
}

func chain(t *testing.T, filters ...string) (*Chain, error) {
	t.Helper()
	var read []*hcm.HttpFilter
	for _, text := range filters {
		f := &hcm.HttpFilter{}
		if err := protojson.Unmarshal([]byte(text), f); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		read = append(read, f)
	}
	return ReadHTTP(read)
}

func (c *Chain) answer(r *Request) Answer {
	facts := c.NoFacts()
	for i, leaf := range c.Leaves {
		if leaf.Match(r) {
			facts.Set(i)
		}
	}
	answer, _ := c.Decide(facts)
	return answer
}

func TestLeavesMatchAsEnvoyDocuments(t *testing.T) {
	t.Parallel()
	list := `{"list_match":{"one_of":{"string_match":{"exact":"admin"}}}}`
	for name, test := range map[string]struct {
		policies string
		yes, no  Request
	}{
		"identity":            {principal(`{"authenticated":{"principal_name":{"exact":"spiffe://a"}}}`), Request{Principal: "spiffe://a"}, Request{Principal: "spiffe://b"}},
		"any identity":        {principal(`{"authenticated":{"principal_name":{"safe_regex":{"regex":".*"}}}}`), Request{Principal: "spiffe://a"}, Request{}},
		"not an identity":     {principal(`{"not_id":{"authenticated":{"principal_name":{"exact":"spiffe://a"}}}}`), Request{}, Request{Principal: "spiffe://a"}},
		"regex is whole":      {principal(`{"authenticated":{"principal_name":{"safe_regex":{"regex":"a|b"}}}}`), Request{Principal: "b"}, Request{Principal: "ab"}},
		"source":              {principal(`{"direct_remote_ip":{"address_prefix":"10.1.2.3","prefix_len":16}}`), Request{Source: ip("10.1.9.9")}, Request{Source: ip("10.2.0.0"), Remote: ip("10.1.0.0")}},
		"remote":              {principal(`{"remote_ip":{"address_prefix":"::","prefix_len":0}}`), Request{Remote: ip("::1")}, Request{Remote: ip("10.0.0.1")}},
		"all of":              {principal(`{"and_ids":{"ids":[{"any":true},{"header":{"name":"X-A","present_match":true}}]}}`), Request{Headers: map[string]string{"x-a": ""}}, Request{}},
		"empty header":        {principal(`{"header":{"name":"x-a","string_match":{"exact":""}}}`), Request{Headers: map[string]string{"x-a": ""}}, Request{}},
		"list":                {principal(metadata(list)), Request{Claims: claims([]any{"x", "admin"})}, Request{Claims: claims("admin")}},
		"string":              {principal(metadata(`{"string_match":{"exact":"admin"}}`)), Request{Claims: claims("admin")}, Request{Claims: claims([]any{"admin"})}},
		"one or the other":    {principal(metadata(`{"or_match":{"value_matchers":[` + list + `,{"string_match":{"prefix":"a"}}]}}`)), Request{Claims: claims("ab")}, Request{}},
		"port":                {permission(`{"destination_port":80}`), Request{Port: 80}, Request{Port: 81}},
		"one of":              {permission(`{"or_rules":{"rules":[{"destination_port":80},{"destination_port":81}]}}`), Request{Port: 81}, Request{Port: 82}},
		"not":                 {permission(`{"not_rule":{"destination_port":80}}`), Request{Port: 81}, Request{Port: 80}},
		"destination":         {permission(`{"destination_ip":{"address_prefix":"10.1.2.3","prefix_len":32}}`), Request{Destination: ip("10.1.2.3")}, Request{Destination: ip("10.1.2.4")}},
		"server name":         {permission(`{"requested_server_name":{"suffix":".b"}}`), Request{SNI: "a.b"}, Request{}},
		"method":              {permission(`{"header":{"name":":method","string_match":{"exact":"GET"}}}`), Request{Method: "GET"}, Request{Method: "get"}},
		"host":                {permission(`{"header":{"name":":authority","string_match":{"exact":"A.b","ignore_case":true}}}`), Request{Host: "a.B"}, Request{Host: "a.b:80"}},
		"path":                {permission(`{"url_path":{"path":{"exact":"/a"}}}`), Request{Path: "/a?b#c"}, Request{Path: "/A"}},
		"one segment":         {permission(template("/a/*")), Request{Path: "/a/b=%2F"}, Request{Path: "/a/"}},
		"one segment alone":   {permission(template("/a/*")), Request{Path: "/a/b"}, Request{Path: "/a/b/c"}},
		"segments or none":    {permission(template("/a/**")), Request{Path: "/a/"}, Request{Path: "/a"}},
		"segments in between": {permission(template("/a/**/c")), Request{Path: "/a//c"}, Request{Path: "/a/c"}},
		"no other characters": {permission(template("/**")), Request{Path: "/a.b"}, Request{Path: "/a|b"}},
		"a dot is a dot":      {permission(template("/a.b/*")), Request{Path: "/a.b/c"}, Request{Path: "/axb/c"}},
	} {
		c, err := chain(t, rbac("ALLOW", test.policies))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.answer(&test.yes) != Allow || c.answer(&test.no) != Deny {
			t.Errorf("%s: %s and %s, want allow and deny", name, c.answer(&test.yes), c.answer(&test.no))
		}
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func claims(groups any) map[string]any { return map[string]any{"groups": groups} }

func TestFiltersDecideInTheirOrder(t *testing.T) {
	t.Parallel()
	ask := `{"name":"rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC","shadow_rules":` +
		`{"action":"DENY","policies":{"istio-ext-authz-opa-x":{` + anyone + `,"permissions":[{"url_path":{"path":{"prefix":"/a"}}}]}}},` +
		`"shadow_rules_stat_prefix":"istio_ext_authz_"}}`
	opa := `{"name":"ext","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",` +
		`"filter_enabled_metadata":{"filter":"rbac","path":[{"key":"istio_ext_authz_shadow_effective_policy_id"}],` +
		`"value":{"string_match":{"prefix":"istio-ext-authz-opa"}}}}}`
	deny := rbac("DENY", permission(`{"url_path":{"path":{"exact":"/a/denied"}}}`))
	audit := rbac("LOG", permission(`{"any":true}`))
	allow := rbac("ALLOW", permission(`{"header":{"name":":method","string_match":{"exact":"GET"}}}`))
	c, err := chain(t, ask, opa, audit, deny, allow)
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[Answer][]Request{
		Ask:   {{Path: "/a", Method: "GET"}},
		Allow: {{Path: "/b", Method: "GET"}},
		Deny:  {{Path: "/a/denied", Method: "GET"}, {Path: "/a", Method: "POST"}, {Path: "/b", Method: "POST"}},
	} {
		for i := range r {
			if got := c.answer(&r[i]); got != want {
				t.Errorf("%+v: %s, want %s", r[i], got, want)
			}
		}
	}
}

func TestNoPolicyMatchesNothing(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]Answer{"ALLOW": Deny, "DENY": Allow, "LOG": Allow} {
		c, err := chain(t, rbac(action, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.answer(&Request{}); got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
	}
}

func TestWhatHasNoMeaningIsRefused(t *testing.T) {
	t.Parallel()
	for _, policies := range []string{
		permission(`{"destination_port_range":{"start":1,"end":2}}`),
		permission(`{"metadata":{"filter":"x","path":[{"key":"y"}],"value":{"present_match":true}}}`),
		permission(`{"header":{"name":"x","invert_match":true,"present_match":true}}`),
		permission(`{"header":{"name":":path","present_match":true}}`),
		permission(`{"url_path":{"path":{"contains":"x"}}}`),
		permission(template("a/*")),
		permission(template("/a*")),
		principal(`{"source_ip":{"address_prefix":"10.0.0.0","prefix_len":8}}`),
		principal(`{"filter_state":{"key":"io.istio.peer_principal","string_match":{"exact":"x"}}}`),
		principal(metadata(`{"bool_match":true}`)),
	} {
		if _, err := chain(t, rbac("ALLOW", policies)); err == nil {
			t.Errorf("%s is taken", policies)
		}
	}
}
