package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// written are trials that are written by hand: those about paths in every configuration of the mesh, the others in one.
func written(all bool) []*trial {
	var trials []*trial
	add := func(name, text string, paths []string) {
		t := &trial{name: "written: " + name, paths: paths}
		for i, document := range strings.Split(text, "\n---\n") {
			o := object{}
			if err := yaml.Unmarshal([]byte(document), &o); err != nil {
				panic(err)
			}
			kind := "AuthorizationPolicy"
			if o["kind"] != nil {
				kind = fmt.Sprint(o["kind"])
				delete(o, "kind")
			}
			meta := object{"name": fmt.Sprintf("w%d", i)}
			if o["metadata"] != nil {
				maps.Copy(meta, o["metadata"].(object))
				delete(o, "metadata")
			}
			t.objects = append(t.objects, object{"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": meta, "spec": o})
		}
		trials = append(trials, t)
	}
	for _, w := range aboutPaths {
		paths := tricks
		if strings.HasPrefix(w.name, "templates") {
			paths = append(slices.Clone(tricks), visible()...)
		}
		add(w.name, w.text, paths)
	}
	if all {
		for _, w := range aboutTheRest {
			add(w.name, w.text, nil)
		}
	}
	return trials
}

// tricks are paths, as they are sent, that a proxy and an application may read as two.
var tricks = []string{
	"/admin", "//admin", "/admin/", "/admin//", "///admin", "/Admin", "/ADMIN", "/admin;x", "/admin;x=1/users", "/admin%3Bx", "/x/../admin",
	"/x/%2e%2e/admin", "/x/%2E./admin", "/x/..;/admin", "/./admin", "/%2e/admin", "/admin/.", "/admin/..", "/admin/../", "/..//admin", "/x//../admin",
	"/%61dmin", "/%41dmin", "/adm%69n", "%2Fadmin", "/%2Fadmin", "/%2fadmin", "/admin%2F", "/admin%2fusers", "/admin%5Cusers", "/admin%5cusers", `/admin\users`,
	`\admin`, `/x\..\admin`, "/x%2F..%2Fadmin", "/x%2f%2e%2e%2fadmin", "/x/%2e%2e%2fadmin", "/%252Fadmin", "/admin%252Fusers", "/%2%46admin", "/x%2%46..%2%46admin",
	"/admin%00", "/admin%20", "/admin%0a", "/admin%23", "/admin%3F", "/admin?x=1", "/admin?", "/admin#x", "/admin%", "/admin%2", "/admin%zz",
	"/admin/users", "/admin/users/", "/admin//users", "/admin/%2e%2e/users", "/admin/users.json", "/admin/users;v=2", "/admin/a%2Fb/users", "/admin/a/users",
	"/admin/a//users", "/admin/a=b/users", "/admin/a:b@c/users", "/admin/a|b/users", `/admin/a"b/users`, "/admin/a[b]/users", "/admin/{*}/users", "/admin/*/users",
	"/admin/a^b", "/admin/a`b", "/admin/<b>", "/admin/é", "/admin/%C3%A9", "/admin/~x", "/admin/%7Ex", "/admin/%7ex", "/admin+x", "/", "//", "/.", "/..", "/%2F",
	"*", "http://x.test/admin", "http://x.test//admin", "HTTP://x.test/admin", "http://x.test", "/v1/1/address", "/v1//address", "/v1/1/2/address", "/v1/1%2F2/address",
	"/v1/1/address/", "/v1/%2e%2e/address", "/v1/1;x/address", "/v1/1/address;x", "/v1/1/Address", "/v1/.../address", "/v1/1/address//",
	"/v1/*/address", "/v1/a*b/address", "/v1/**/address", "/*/users",
}

// visible are a path for each byte that is visible, where a template has a segment.
func visible() []string {
	var all []string
	for b := '!'; b <= '~'; b++ {
		if !strings.ContainsRune("?#", b) {
			all = append(all, "/v1/x"+string(b)+"y/address")
		}
	}
	return all
}

type byHand struct{ name, text string }

var aboutPaths = []byHand{
	{"an exact path, allowed", `{rules: [{to: [{operation: {paths: [/admin]}}]}]}`},
	{"an exact path, denied", `{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}`},
	{"a prefix of paths, allowed", `{rules: [{to: [{operation: {paths: ["/admin/*"]}}]}]}`},
	{"a prefix of paths, denied", `{action: DENY, rules: [{to: [{operation: {paths: ["/admin*"]}}]}]}`},
	{"a suffix of paths, denied", `{action: DENY, rules: [{to: [{operation: {paths: ["*/users", "*.json"]}}]}]}`},
	{"not a path, allowed", `{rules: [{to: [{operation: {notPaths: [/admin, "/admin/*"]}}]}]}`},
	{"templates, allowed", `{rules: [{to: [{operation: {paths: ["/v1/{*}/address", "/admin/{**}"]}}]}]}`},
	{"templates, denied", `{action: DENY, rules: [{to: [{operation: {paths: ["/{*}/users", "/{**}/address"]}}]}]}`},
	{"any path", `{rules: [{to: [{operation: {paths: ["*"]}}]}]}`},
	{"paths that look as if they were decoded", `{rules: [{to: [{operation: {paths: ["/admin%2Fusers", "/admin;x", "/admin//users", "/admin%20", "/%2Fadmin"]}}]}]}`},
	{"a path, at the authorizer", `{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: [/admin, "/admin/{**}"]}}]}]}`},
}

const allowAll = "\n---\n" + `{rules: [{}]}`

var aboutTheRest = []byHand{
	{"nothing is allowed", `{}`},
	{"everything is allowed", `{rules: [{}]}`},
	{"everything is denied", `{action: DENY, rules: [{}]}` + allowAll},
	{"a caller", `{rules: [{from: [{source: {principals: [eu.example/ns/shop/sa/checkout]}}]}]}`},
	{"a caller of another trust domain", `{rules: [{from: [{source: {principals: [other.example/ns/shop/sa/checkout]}}]}]}`},
	{"an alias of the trust domain", `{rules: [{from: [{source: {principals: [us.example/ns/shop/sa/checkout]}}]}]}`},
	{"cluster.local, which is the mesh's own", `{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/checkout]}}]}]}`},
	{"all but a caller", `{action: DENY, rules: [{from: [{source: {notPrincipals: [eu.example/ns/shop/sa/checkout]}}]}]}`},
	{"all but a caller, allowed", `{rules: [{from: [{source: {notPrincipals: [eu.example/ns/shop/sa/checkout]}}]}]}`},
	{"namespaces", `{rules: [{from: [{source: {namespaces: [shop, "id*"], notNamespaces: [identity]}}]}]}`},
	{"a suffix of namespaces, which takes all", `{rules: [{from: [{source: {namespaces: ["*a"]}}]}]}`},
	{"service accounts", `{rules: [{from: [{source: {serviceAccounts: [checkout, identity/customers]}}]}]}`},
	{"not service accounts", `{action: DENY, rules: [{from: [{source: {notServiceAccounts: [shop/checkout]}}]}]}`},
	{"trust domains", `{rules: [{from: [{source: {trustDomains: [us.example, "o*"]}}]}]}`},
	{"a wildcard in a principal", `{rules: [{from: [{source: {principals: ["*/ns/shop/sa/checkout", "eu.example/ns/id*"]}}]}]}`},
	{"methods", `{rules: [{to: [{operation: {methods: [GET, "P*", "*E"], notMethods: [PUT]}}]}]}`},
	{"hosts, of any case and with their port", `{rules: [{to: [{operation: {hosts: [SHOP.example, "*.shop.example:8080", "api.*"], notHosts: [api.x]}}]}]}`},
	{"ports", `{rules: [{to: [{operation: {ports: ["8080", "6379", "80"]}}]}]}`},
	{"not a port", `{action: DENY, rules: [{to: [{operation: {notPorts: ["8080", "6379"]}}]}]}`},
	{"HTTP and TCP in one allow", `{rules: [{to: [{operation: {ports: ["8080"], methods: [GET]}}, {operation: {ports: ["6379"]}}]}]}`},
	{"HTTP in a denial, which closes TCP", `{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}`},
	{"a denial over an allow", `{rules: [{from: [{source: {namespaces: [shop]}}]}]}` + "\n---\n" + `{action: DENY, rules: [{to: [{operation: {methods: [DELETE]}}]}]}`},
	{"dry-run, allow", `{metadata: {annotations: {istio.io/dry-run: "true"}}, rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {methods: [GET]}}]}]}`},
	{"dry-run, deny", `{metadata: {annotations: {istio.io/dry-run: "true"}}, action: DENY, rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {methods: [GET]}}]}]}`},
	{
		"dry-run beside what is enforced",
		`{metadata: {annotations: {istio.io/dry-run: "true"}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}` + "\n---\n" +
			`{metadata: {annotations: {istio.io/dry-run: "true"}}, action: DENY, rules: [{to: [{operation: {ports: ["6379"]}}]}]}` + "\n---\n" +
			`{action: DENY, rules: [{to: [{operation: {paths: ["/x*"], ports: ["8080", "9090"]}}]}]}` + "\n---\n" + `{rules: [{from: [{source: {principals: ["*"]}}]}]}`,
	},
	{"an authorizer", `{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {methods: [GET], ports: ["8080", "6379"]}}]}]}`},
	{"an authorizer, and a denial and an allow behind it", `{action: CUSTOM, provider: {name: vault}, rules: [{to: [{operation: {methods: [GET, POST]}}]}]}` + "\n---\n" +
		`{action: DENY, rules: [{from: [{source: {namespaces: [identity]}}], to: [{operation: {methods: [POST]}}]}]}` + "\n---\n" + `{rules: [{from: [{source: {principals: ["*"]}}]}]}`},
	{"two authorizers", `{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {methods: [GET]}}]}]}` + "\n---\n" +
		`{action: CUSTOM, provider: {name: vault}, rules: [{to: [{operation: {methods: [POST]}}]}]}`},
	{"an authorizer by header and address", `{action: CUSTOM, provider: {name: opa}, rules: [{when: [{key: "request.headers[x-tenant]", values: ["a*"]}, {key: source.ip, notValues: [10.1.0.0/16]}]}]}`},
	{"addresses", `{rules: [{from: [{source: {ipBlocks: [10.1.0.0/16], notIpBlocks: [10.1.2.3]}}]}]}`},
	{"forwarded addresses", `{rules: [{from: [{source: {remoteIpBlocks: [10.1.0.0/16, "2001:db8::/32"], notRemoteIpBlocks: [10.1.2.3]}}]}]}`},
	{"the address that is called", `{rules: [{when: [{key: destination.ip, values: [10.2.0.0/16], notValues: [10.2.3.4]}]}]}`},
	{"server names", `{rules: [{when: [{key: connection.sni, values: [shop.example, "*.test", "out*"]}]}]}`},
	{"headers", `{rules: [{when: [{key: "request.headers[X-Tenant]", values: [a, "b*", "*c"]}, {key: "request.headers[x-none]", notValues: ["*"]}]}]}`},
	{"tokens", `{rules: [{from: [{source: {requestPrincipals: ["https://idp.example/alice", "partners/*"]}}]}]}`},
	{"any token", `{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}`},
	{"no token", `{rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]}`},
	{"claims", `{rules: [{when: [{key: "request.auth.claims[groups]", values: [admin, "re*"]}, {key: "request.auth.claims[realm][roles]", notValues: [guest]}]}]}`},
	{"audiences and presenters", `{rules: [{when: [{key: request.auth.audiences, values: [shop]}, {key: request.auth.presenter, values: ["c*"]}]}]}`},
	{"only mutual TLS", `{kind: PeerAuthentication, mtls: {mode: STRICT}}` + "\n---\n" + `{rules: [{to: [{operation: {methods: [GET], ports: ["8080"]}}]}]}`},
	{"only mutual TLS, but for a port", `{kind: PeerAuthentication, selector: {matchLabels: {app: orders}}, mtls: {mode: STRICT}, portLevelMtls: {9090: {mode: PERMISSIVE}}}` +
		"\n---\n" + `{action: DENY, rules: [{from: [{source: {notPrincipals: ["*"]}}], to: [{operation: {methods: [POST]}}]}]}`},
	{"AUDIT", `{action: AUDIT, rules: [{}]}`},
	{"in the root namespace", `{metadata: {namespace: istio-system}, action: DENY, rules: [{from: [{source: {namespaces: [shop]}}]}]}`},
	{"in another namespace", `{metadata: {namespace: identity}, action: DENY, rules: [{}]}`},
	{"of another pod", `{selector: {matchLabels: {app: invoices}}, action: DENY, rules: [{}]}`},
}

// pathTable says how Envoy reads each raw path, by the normalisation of the mesh. A path that it answers itself has none.
func (v *verdicts) pathTable() string {
	var s strings.Builder
	for _, raw := range slices.Sorted(maps.Keys(v.paths)) {
		same := map[string]bool{}
		for _, read := range v.paths[raw] {
			same[read] = true
		}
		if len(same) == 1 && same[raw] && len(v.paths[raw]) == len(phases) {
			continue // as it is, always
		}
		fmt.Fprintf(&s, "%s:", raw)
		for _, p := range phases {
			fmt.Fprintf(&s, " %s", strings.TrimSpace(p.normalization+" ")+"="+v.paths[raw][p.normalization])
		}
		s.WriteString("\n")
	}
	return s.String()
}
