package conformance

import (
	"strings"

	sec "istio.io/api/security/v1beta1"
)

// A field is a list of patterns in a source or an operation, positive or negated, or the value of a condition. Fields of one kind
// are written and matched alike.
type field struct {
	name string // as in a manifest, or the condition's key
	kind kind
	// not says that the field excludes what it lists.
	not bool
}

// kind is what the patterns of a field are.
type kind string

const (
	principals        kind = "principal"
	namespaces        kind = "namespace"
	serviceAccounts   kind = "service account"
	trustDomains      kind = "trust domain"
	requestPrincipals kind = "request principal"
	addresses         kind = "address"
	hosts             kind = "host"
	ports             kind = "port"
	methods           kind = "method"
	paths             kind = "path"
	headers           kind = "header"
	servers           kind = "server name"
	audiences         kind = "audience"
	presenters        kind = "presenter"
	claims            kind = "claim"
)

var sourceFields = []struct {
	field
	of func(*sec.Source) *[]string
}{
	{field{"principals", principals, false}, func(s *sec.Source) *[]string { return &s.Principals }},
	{field{"notPrincipals", principals, true}, func(s *sec.Source) *[]string { return &s.NotPrincipals }},
	{field{"requestPrincipals", requestPrincipals, false}, func(s *sec.Source) *[]string { return &s.RequestPrincipals }},
	{field{"notRequestPrincipals", requestPrincipals, true}, func(s *sec.Source) *[]string { return &s.NotRequestPrincipals }},
	{field{"namespaces", namespaces, false}, func(s *sec.Source) *[]string { return &s.Namespaces }},
	{field{"notNamespaces", namespaces, true}, func(s *sec.Source) *[]string { return &s.NotNamespaces }},
	{field{"serviceAccounts", serviceAccounts, false}, func(s *sec.Source) *[]string { return &s.ServiceAccounts }},
	{field{"notServiceAccounts", serviceAccounts, true}, func(s *sec.Source) *[]string { return &s.NotServiceAccounts }},
	{field{"trustDomains", trustDomains, false}, func(s *sec.Source) *[]string { return &s.TrustDomains }},
	{field{"notTrustDomains", trustDomains, true}, func(s *sec.Source) *[]string { return &s.NotTrustDomains }},
	{field{"ipBlocks", addresses, false}, func(s *sec.Source) *[]string { return &s.IpBlocks }},
	{field{"notIpBlocks", addresses, true}, func(s *sec.Source) *[]string { return &s.NotIpBlocks }},
	{field{"remoteIpBlocks", addresses, false}, func(s *sec.Source) *[]string { return &s.RemoteIpBlocks }},
	{field{"notRemoteIpBlocks", addresses, true}, func(s *sec.Source) *[]string { return &s.NotRemoteIpBlocks }},
}

var operationFields = []struct {
	field
	of func(*sec.Operation) *[]string
}{
	{field{"hosts", hosts, false}, func(o *sec.Operation) *[]string { return &o.Hosts }},
	{field{"notHosts", hosts, true}, func(o *sec.Operation) *[]string { return &o.NotHosts }},
	{field{"ports", ports, false}, func(o *sec.Operation) *[]string { return &o.Ports }},
	{field{"notPorts", ports, true}, func(o *sec.Operation) *[]string { return &o.NotPorts }},
	{field{"methods", methods, false}, func(o *sec.Operation) *[]string { return &o.Methods }},
	{field{"notMethods", methods, true}, func(o *sec.Operation) *[]string { return &o.NotMethods }},
	{field{"paths", paths, false}, func(o *sec.Operation) *[]string { return &o.Paths }},
	{field{"notPaths", paths, true}, func(o *sec.Operation) *[]string { return &o.NotPaths }},
}

// keys are the keys of conditions: each with the ways that it is written here, some of which Istio's validation takes and its
// compiler does not.
var keys = []struct {
	name    string
	kind    kind
	written []string
}{
	{"request.headers", headers, []string{
		"request.headers[x-tenant]", "request.headers[X-Tenant]", "request.headers[x-tenant]", "request.headers[user-agent]",
		"request.headers.x[x-tenant]",
	}},
	{"source.ip", addresses, nil},
	{"remote.ip", addresses, nil},
	{"source.namespace", namespaces, nil},
	{"source.serviceAccount", serviceAccounts, nil},
	{"source.trustDomain", trustDomains, nil},
	{"source.principal", principals, nil},
	{"request.auth.principal", requestPrincipals, nil},
	{"request.auth.audiences", audiences, nil},
	{"request.auth.presenter", presenters, nil},
	{"request.auth.claims", claims, []string{
		"request.auth.claims[groups]", "request.auth.claims[scope]", "request.auth.claims[realm][roles]", "request.auth.claims[groups]",
		"request.auth.claims[sub]", "request.auth.claims[iss]", "request.auth.claims[aud]", "request.auth.claims.x[groups]",
	}},
	{"destination.ip", addresses, nil},
	{"destination.port", ports, nil},
	{"connection.sni", servers, nil},
}

// keyOf is the entry of keys that a condition's key belongs to.
func keyOf(written string) (name string, k kind) {
	for _, key := range keys {
		if written == key.name || strings.HasPrefix(written, key.name) && key.written != nil {
			return key.name, key.kind
		}
	}
	return written, ""
}

// The values of each kind. They share prefixes, suffixes and segments, so that many of them match one request; among them is each
// form that Istio's compiler treats apart, and each that reads as one thing and is compiled as another.
var pool = map[kind][]string{
	principals: {
		"eu.example/ns/shop/sa/checkout", "us.example/ns/shop/sa/checkout", "other.example/ns/shop/sa/checkout",
		"eu.example/ns/identity/sa/customers", "cluster.local/ns/shop/sa/checkout", "eu.example/ns/shop/sa/check.out",
		"eu.example/ns/shop/sa/*", "us.example/ns/*", "eu.example/ns/shop/*", "eu.example/ns/shop/sa/check*", "eu*",
		"cluster.local/ns/shop/sa/*", "cluster.local/ns/shop/*", "other.example/ns/shop/sa/*",
		"*/ns/shop/sa/checkout", "*/sa/checkout", "*out", "*.example/ns/shop/sa/checkout", "*us.example/ns/shop/sa/checkout",
		"*/eu.example/ns/shop/sa/checkout", "*", "eu*/ns/shop/sa/checkout", "*/ns/shop/sa/*", "*check.out",
		"ns/shop/sa/checkout", "spiffe://eu.example/ns/shop/sa/checkout", "eu.example/ns/*/sa/checkout", "/ns/shop/sa/checkout",
	},
	namespaces:      {"shop", "identity", "sho", "shop*", "id*", "*op", "*t", "*", "s*p", "sh.p", "*e*", "shop/sa/checkout"},
	serviceAccounts: {"checkout", "customers", "shop/checkout", "identity/customers", "shop/check.out", "check", "identity/checkout"},
	trustDomains:    {"eu.example", "us.example", "old.example", "other.example", "cluster.local", "*", "eu*", "*.example", "e*", "*u.example"},
	requestPrincipals: {
		"https://idp.example/alice", "https://idp.example/bob", "*", "https://idp.example/*", "https://idp.example/al*", "*/alice",
		"*.example/alice", "https://idp*", "*ice", "partners/alice", "partners", "part*", "partners/*", "https://idp.example/realms/shop/alice",
		"https://idp.example/", "*/", "/alice", "/*",
	},
	addresses: {
		"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.3/16", "192.168.0.1", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "::/0",
		"::ffff:10.1.2.3",
	},
	hosts: {
		"shop.example", "SHOP.example:8080", "shop.example:*", "*.example", "*.EXAMPLE:8080", "shop.*", "*", "api.shop.example", "s*p.example",
	},
	ports:   {"8080", "9090", "80", "08080", "0", "65535"},
	methods: {"GET", "POST", "P*", "*T", "*", "get", "G*T", "*P*"},
	paths: {
		"/v1/me", "/v1/me/address", "/v1", "/health", "/v1/*", "/v1*", "/*", "*/address", "*.js", "*", "/v1/{*}/address", "/v1/{*}",
		"/v1/{**}", "/{**}/address", "/{*}/me", "/v1/{*}/b/{**}", "/{**}", "/v1/*/address", "/v1/me=1", "/V1/me", "/v1/{*}/",
		"/v1/m.", "/v1/me?x=1", "/v1/{**}/",
	},
	headers:    {"a", "ab", "a*", "*b", "*", "A", "a*b", "**"},
	servers:    {"shop.example", "*.example", "shop.*", "*", "s*p.example", "outbound_.8080_._.checkout.shop.svc.cluster.local"},
	audiences:  {"shop", "api", "sh*", "*i", "*", "s*p", "shop api"},
	presenters: {"cli", "web", "c*", "*b", "*", "c*i"},
	claims:     {"admin", "reader", "ad*", "*er", "*", "a*n", "alice", "https://idp.example", "partners", "shop"},
}

// wrong are values that Istio's validation refuses and its compiler leaves out, with the rule or without: what an object does that
// was written past the webhook.
var wrong = map[kind][]string{
	ports:     {"http", "99999", "-1", "80-90", " 80"},
	addresses: {"10.0.0.0/99", "nowhere", "10.1", "10.1.2.3/"},
}

// form names how a pattern is written, of the forms that matter to its kind.
func form(k kind, value string) string {
	for _, bad := range wrong[k] {
		if value == bad {
			return "invalid"
		}
	}
	star := strings.Contains(value, "*")
	switch k {
	case paths:
		switch {
		case strings.Contains(value, "{**}"):
			return "{**}"
		case strings.Contains(value, "{*}"):
			return "{*}"
		}
	case addresses:
		switch {
		case strings.HasPrefix(value, "::ffff:"):
			return "IPv4 in IPv6"
		case strings.Contains(value, ":"):
			return "IPv6"
		case value == "10.1.2.3/16":
			return "with host bits"
		case strings.Contains(value, "/"):
			return "IPv4 range"
		default:
			return "IPv4 address"
		}
	case principals:
		switch parts := strings.Split(value, "/"); {
		case parts[0] == "cluster.local":
			return "of cluster.local"
		case len(parts) == 5 && strings.Contains(parts[0], "*") && parts[0] != "*":
			return "wildcard within the trust domain"
		case !star && len(parts) != 5:
			return "not of five segments"
		}
	case namespaces:
		if star && value != "*" {
			return "wildcard"
		}
	case serviceAccounts:
		if strings.Contains(value, "/") {
			return "with its namespace"
		}
		return "of the policy's namespace"
	case ports:
		if strings.HasPrefix(value, "0") && value != "0" {
			return "with a leading zero"
		}
	}
	switch {
	case value == "*":
		return "*"
	case strings.HasPrefix(value, "*"):
		return "suffix"
	case strings.HasSuffix(value, "*"):
		return "prefix"
	case star:
		return "* within"
	default:
		return "exact"
	}
}
