package envoy

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// recorded are the dumps in testdata, with the label by which policies know the pod.
var recorded = map[string]string{"orders.cartservice": "cartservice", "storefront.frontend": "frontend", "elsewhere.stranger": "stranger"}

func dumpOf(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func read(t *testing.T, dump string) *Proxy {
	t.Helper()
	p, err := Read("dump.json", strings.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pointOf is the pod of a dump under the recorded policies, some of whose text is another.
func pointOf(t *testing.T, p *Proxy, app string, edit ...string) *authz.Point {
	t.Helper()
	data, err := os.ReadFile("testdata/policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer(edit...).Replace(string(data))
	if len(edit) > 0 && edited == string(data) {
		t.Fatalf("no policy has %q", edit[0])
	}
	objects, err := manifest.Read("policies.yaml", []byte(edited))
	if err != nil {
		t.Fatal(err)
	}
	pod := authz.Pod{Namespace: p.Namespace, Labels: map[string]string{"app": app}}
	point := &authz.Point{
		Mesh:      authz.Mesh{TrustDomain: "eu.boutique.example", RootNamespace: "istio-system"},
		Namespace: p.Namespace, TLS: authz.TLSOf(objects, pod, "istio-system"),
	}
	for _, o := range objects {
		if authz.Attaches(o, pod, "istio-system") {
			point.Policies = append(point.Policies, o)
		}
	}
	return point
}

// What real sidecars ran is what their policies said.
func TestRealSidecarsMeanTheirPolicies(t *testing.T) {
	t.Parallel()
	for name, app := range recorded {
		p := read(t, dumpOf(t, name))
		if ns, pod, _ := strings.Cut(name, "."); p.Namespace != ns || p.Pod != pod || !p.Reached() || p.Refused || p.Waiting || len(p.Unknown) > 0 {
			t.Errorf("%s is read as %+v", name, p)
			continue
		}
		if found, err := p.Compare(pointOf(t, p, app)); err != nil || len(found) > 0 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

// A policy that changed while its proxy did not is told with a request, whichever part of it that is.
func TestAProxyLags(t *testing.T) {
	t.Parallel()
	p := read(t, dumpOf(t, "orders.cartservice"))
	for _, c := range []struct {
		old, fresh      string
		proxy, policies authz.Answer
	}{
		{"        - eu.boutique.example/ns/orders/sa/cart-expiry\n", "", authz.Allow, authz.Deny},
		{"        - eu.boutique.example/ns/orders/sa/cart-expiry\n", "        - eu.boutique.example/ns/orders/sa/cart-expire\n", authz.Allow, authz.Deny},
		{"        - /hipstershop.CartService/AddItem\n", "        - /hipstershop.CartService/{*}\n", authz.Deny, authz.Allow},
		{"        ports: [\"7070\"]\n", "        ports: [\"7071\"]\n", authz.Deny, authz.Allow},
		{"        methods: [POST]\n", "        methods: [POST, GET]\n", authz.Deny, authz.Allow},
		{"  action: ALLOW\n", "  action: DENY\n", authz.Allow, authz.Deny},
		{"    mode: STRICT\n", "    mode: PERMISSIVE\n", 0, 0}, // nobody without an identity is let in either way
	} {
		found, err := p.Compare(pointOf(t, p, "cartservice", c.old, c.fresh))
		if err != nil {
			t.Fatal(err)
		}
		told := c.proxy == c.policies && len(found) == 0
		for _, d := range found {
			told = told || d.Proxy == c.proxy && d.Policies == c.policies
		}
		if !told {
			t.Errorf("%q instead of %q is told as %+v", c.fresh, c.old, found)
		}
	}
}

// TestEveryPartOfTheDumpCounts: what somebody changes in the dump is told, or has no meaning and is named.
func TestEveryPartOfTheDumpCounts(t *testing.T) {
	t.Parallel()
	dump := dumpOf(t, "orders.cartservice")
	for _, c := range []struct{ old, fresh, unknown string }{
		{`{"exact":"POST"}`, `{"exact":"PUT"}`, ""},
		{`{"exact":"POST"}`, `{"prefix":"P"}`, ""},
		{`{"exact":"POST"}`, `{"contains":"P"}`, "contains"},
		{`{"exact":"POST"}`, `{"safe_regex":{"regex":"P[A-Z]{3}"}}`, "regular expression"},
		{`{"destination_port":7070}`, `{"destination_port":7071}`, ""},
		{`{"destination_port":7070}`, `{"destination_port_range":{"start":1,"end":2}}`, "destination_port_range"},
		{`"not_rule":{"any":true}`, `"sourced_metadata":{"any":true}`, "sourced_metadata"},
		{`"rules":{"policies"`, `"rules":{"action":"DENY","policies"`, ""},
		{`"rules":{"policies"`, `"rules":{"action":"LOG","policies"`, ""},
		{`"rules":{"policies"`, `"rules":{"action":"MAYBE","policies"`, "MAYBE"},
		{`"rules":{"policies"`, `"shadow_rules":{"policies"`, ""},
		{`"rules":{"policies"`, `"matcher":{"policies"`, `"matcher"`},
		{`"authenticated":{"principal_name"`, `"authenticated":{"name"`, `"name"`},
		{`"normalize_path":true`, `"normalize_path":false`, ""},
		{`"normalize_path":true`, `"normalize_path":true,"merge_slashes":true`, ""},
		{`"require_client_certificate":true`, `"require_client_certificate":false`, "no certificate"},
		{`"destination_port":7070,"transport_protocol"`, `"server_names":["x"],"transport_protocol"`, "server_names"},
		{`envoy.extensions.filters.http.cors.v3.Cors`, `envoy.extensions.filters.http.lua.v3.Lua`, "lua"},
		{`"decorator"`, `"typed_per_filter_config":{},"decorator"`, "filters that a route sets"},
		{`"name":"virtualInbound","address"`, `"name":"other","address"`, "other"},
		{`"continue_on_listener_filters_timeout"`, `"default_filter_chain"`, "default_filter_chain"},
	} {
		if !strings.Contains(dump, c.old) {
			t.Errorf("the dump does not have %s", c.old)
			continue
		}
		p := read(t, strings.ReplaceAll(dump, c.old, c.fresh))
		if c.unknown != "" {
			if said := strings.Join(p.Unknown, "; "); !strings.Contains(said, c.unknown) {
				t.Errorf("%s: what is not known is %q", c.fresh, said)
			}
			continue
		}
		if len(p.Unknown) > 0 {
			t.Errorf("%s is not known: %q", c.fresh, p.Unknown)
			continue
		}
		if found, err := p.Compare(pointOf(t, p, "cartservice")); err != nil || len(found) == 0 {
			t.Errorf("%s instead of %s is told as %+v, %v", c.fresh, c.old, found, err)
		}
	}
}

// What a control plane sent and the proxy did not take, and a proxy that nobody reached.
func TestAProxyThatIsNotReached(t *testing.T) {
	t.Parallel()
	dump := dumpOf(t, "orders.cartservice")
	if p := read(t, strings.Replace(dump, `"active_state"`, `"error_state":{"details":"s3cret"},"active_state"`, 1)); !p.Refused {
		t.Error("what it refused is not told")
	}
	if p := read(t, strings.Replace(dump, `"active_state"`, `"warming_state":{},"active_state"`, 1)); !p.Waiting {
		t.Error("what it waits with is not told")
	}
	if p := read(t, strings.Replace(dump, `"dynamic_listeners"`, `"static_listeners"`, 1)); p.Reached() {
		t.Error("it is not reached, and that is not told")
	}
}

// A dump that is cut off anywhere, or is none, is an error that has nothing of its content.
func TestNoDump(t *testing.T) {
	t.Parallel()
	secret := `{"@type":"type.googleapis.com/envoy.admin.v3.SecretsConfigDump","dynamic_active_secrets":[{"secret":"s3cret"}]},`
	dump := strings.Replace(dumpOf(t, "elsewhere.stranger"), `{"configs":[`, `{"configs":[`+secret, 1)
	if p := read(t, dump); p.Pod != "stranger" {
		t.Errorf("with secrets it is read as %+v", p)
	}
	refused := func(text string) {
		_, err := Read("dump.json", strings.NewReader(text))
		var said *Error
		if !errors.As(err, &said) || !strings.HasPrefix(err.Error(), "dump.json: it ") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	dump = strings.TrimSpace(dump)
	for n := 0; n < len(dump); n += 1 + n/200 {
		refused(dump[:n])
	}
	for _, text := range []string{
		"null", "[]", `"s3cret"`, "{}", `{"configs":{}}`, `{"configs":["s3cret"]}`, `{"configs":[{"s3cret":1}]}`, "s3cret",
		strings.Replace(dump, `"NAME":`, `"NOBODY":`, 1), strings.Replace(dump, `"node":{`, `"node":"s3cret","x":{`, 1),
		strings.Replace(dump, "ListenersConfigDump", "ClustersConfigDump", 1), strings.Repeat("[", 1<<20),
		`{"configs":` + strings.Repeat("[", 1<<20),
	} {
		refused(text)
	}
}

// FuzzRead: no dump makes the reader or the comparison fail otherwise than by an error.
func FuzzRead(f *testing.F) {
	for name := range recorded {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		p, err := Read("dump.json", bytes.NewReader(data))
		if err != nil || len(p.Unknown) > 0 {
			return
		}
		_, _ = p.Compare(&authz.Point{Namespace: "orders"})
	})
}
