package authz

import (
	"net/netip"
	"testing"

	"writ.dev/writ/compiler/prove/manifest"
)

const (
	checkout = "eu-1/ns/shop/sa/checkout"
	frontend = "eu-1/ns/shop/sa/frontend"
)

// policy is an AuthorizationPolicy of the namespace identity.
func policy(action string, rules ...manifest.Rule) *manifest.Object {
	return &manifest.Object{
		Kind: "AuthorizationPolicy", Namespace: "identity", Name: "customers",
		AuthorizationPolicy: &manifest.AuthorizationPolicy{Action: action, Provider: provider(action), Rules: rules},
	}
}

func provider(action string) string {
	if action == "CUSTOM" {
		return "opa"
	}
	return ""
}

func from(s ...manifest.Source) manifest.Rule  { return manifest.Rule{From: s} }
func to(o ...manifest.Operation) manifest.Rule { return manifest.Rule{To: o} }
func when(key string, values ...string) manifest.Rule {
	return manifest.Rule{When: []manifest.Condition{{Key: key, Values: values}}}
}

func whenNot(key string, values ...string) manifest.Rule {
	return manifest.Rule{When: []manifest.Condition{{Key: key, NotValues: values}}}
}
func principals(all ...string) manifest.Source { return manifest.Source{Principals: all} }
func get(path string) Request {
	return Request{Principal: checkout, Port: 8080, HTTP: true, Method: "GET", Path: path}
}
func (r Request) by(principal string) Request { r.Principal = principal; return r }
func (r Request) on(port int) Request         { r.Port = port; return r }
func (r Request) host(h string) Request       { r.Host = h; return r }
func (r Request) header(name, value string) Request {
	r.Headers = map[string]string{name: value}
	return r
}
func (r Request) token(t Token) Request        { r.Token = &t; return r }
func tcp(port int) Request                     { return Request{Principal: checkout, Port: port} }
func source(r Request, address string) Request { r.Source = netip.MustParseAddr(address); return r }

// point is the customers of the example estate, with one alias of their trust domain.
func point(policies ...*manifest.Object) *Point {
	return &Point{
		Mesh:      Mesh{TrustDomain: "eu-1", Aliases: []string{"eu-0"}, RootNamespace: "istio-system"},
		Namespace: "identity", Policies: policies, Issuers: []string{"https://id.example/", "https://idp.example"},
	}
}

// Short words for a long table.
type (
	src  = manifest.Source
	op   = manifest.Operation
	list = []string
)

var all manifest.Rule

func allowing(rules ...manifest.Rule) []*manifest.Object {
	return []*manifest.Object{policy("ALLOW", rules...)}
}

func denying(rules ...manifest.Rule) []*manifest.Object {
	return []*manifest.Object{policy("DENY", rules...)}
}

func asking(rules ...manifest.Rule) []*manifest.Object {
	return []*manifest.Object{policy("CUSTOM", rules...)}
}

func TestDecide(t *testing.T) {
	idp := Token{
		Issuer: "https://idp.example", Subject: "s-1", Audiences: list{"a", "b"}, Presenter: "app",
		Claims: map[string][]string{"[groups]": {"x", "y"}, "[realm][roles]": {"admin"}},
	}
	for name, c := range map[string]struct {
		policies []*manifest.Object
		request  Request
		want     Answer
	}{
		"no policy allows":                      {nil, get("/"), Allow},
		"a policy without rules allows nothing": {[]*manifest.Object{policy("ALLOW")}, get("/"), Deny},
		"an empty rule allows everything":       {allowing(all), get("/"), Allow},
		"an empty rule denies everything":       {denying(all), get("/"), Deny},
		"no action is ALLOW":                    {[]*manifest.Object{policy("", from(principals(frontend)))}, get("/"), Deny},
		"AUDIT decides nothing":                 {[]*manifest.Object{policy("AUDIT", all)}, get("/"), Allow},
		"CUSTOM asks":                           {asking(to(op{Paths: list{"/a"}})), get("/a"), Custom},
		"CUSTOM does not ask about others":      {asking(to(op{Paths: list{"/a"}})), get("/b"), Allow},
		"CUSTOM cannot let in what is denied":   {append(asking(all), policy("ALLOW")), get("/b"), Deny},
		"DENY wins":                             {append(allowing(all), denying(from(principals(checkout)))...), get("/"), Deny},
		"a principal":                           {allowing(from(principals(checkout))), get("/"), Allow},
		"a principal with spiffe:// never":      {allowing(from(principals("spiffe://" + checkout))), get("/"), Deny},
		"a wildcard within a principal is text": {allowing(from(principals("eu-1/ns/*/sa/checkout"))), get("/"), Deny},
		"an alias of the trust domain": {
			allowing(from(principals(checkout))),
			get("/").by("eu-0/ns/shop/sa/checkout"), Allow,
		},
		"an alias in a principal": {allowing(from(principals("eu-0/ns/shop/sa/checkout"))), get("/"), Allow},
		"cluster.local is the mesh's own": {
			allowing(from(principals("cluster.local/ns/shop/sa/checkout"))),
			get("/"), Allow,
		},
		"cluster.local itself is not kept": {
			allowing(from(principals("cluster.local/ns/shop/sa/checkout"))),
			get("/").by("cluster.local/ns/shop/sa/checkout"), Deny,
		},
		"four segments are not expanded":    {allowing(from(principals("cluster.local/ns/shop/*"))), get("/"), Deny},
		"five segments with a wildcard are": {allowing(from(principals("cluster.local/ns/shop/sa/*"))), get("/"), Allow},
		"a foreign trust domain is kept":    {allowing(from(principals("us-1/ns/shop/sa/checkout"))), get("/"), Deny},
		"any trust domain": {
			allowing(from(principals("*/ns/shop/sa/checkout"))),
			get("/").by("us-1/ns/shop/sa/checkout"), Allow,
		},
		"any principal is not plaintext":  {allowing(from(principals("*"))), get("/").by(""), Deny},
		"notPrincipals matches plaintext": {allowing(from(src{NotPrincipals: list{checkout}})), get("/").by(""), Allow},
		"notNamespaces matches plaintext": {allowing(from(src{NotNamespaces: list{"shop"}})), get("/").by(""), Allow},
		"a namespace, whatever trust domain": {
			allowing(from(src{Namespaces: list{"shop"}})),
			get("/").by("us-1/ns/shop/sa/x"), Allow,
		},
		"a namespace is whole":                 {allowing(from(src{Namespaces: list{"sho"}})), get("/"), Deny},
		"namespaces that end in a match all":   {allowing(from(src{Namespaces: list{"*a"}})), get("/"), Allow},
		"an account of the policy's namespace": {allowing(from(src{ServiceAccounts: list{"checkout"}})), get("/"), Deny},
		"an account of a namespace": {
			allowing(from(src{ServiceAccounts: list{"shop/checkout"}})),
			get("/").by("us-1/ns/shop/sa/checkout"), Allow,
		},
		"an account is whole": {allowing(from(src{ServiceAccounts: list{"shop/check"}})), get("/"), Deny},
		"an account behind something else": {
			allowing(from(src{ServiceAccounts: list{"shop/checkout"}})),
			get("/").by("eu-1/ns/shop/pod/x/sa/checkout"), Allow,
		},
		"an account before something else": {
			allowing(from(src{ServiceAccounts: list{"shop/checkout"}})),
			get("/").by("eu-1/ns/shop/sa/checkout/x"), Allow,
		},
		"an account before nothing": {
			allowing(from(src{ServiceAccounts: list{"shop/checkout"}})),
			get("/").by("eu-1/ns/shop/sa/checkout/"), Deny,
		},
		"a trust domain":                         {allowing(from(src{TrustDomains: list{"us-1"}})), get("/"), Deny},
		"a trust domain means its aliases":       {allowing(from(src{TrustDomains: list{"eu-0"}})), get("/"), Allow},
		"a part of a trust domain":               {allowing(from(src{TrustDomains: list{"eu*"}})), get("/"), Allow},
		"a trust domain's wildcard keeps within": {allowing(from(src{TrustDomains: list{"*shop"}})), get("/"), Deny},
		"a method":                               {allowing(to(op{Methods: list{"GET"}})), get("/"), Allow},
		"methods have a case":                    {allowing(to(op{Methods: list{"get"}})), get("/"), Deny},
		"paths have a case":                      {allowing(to(op{Paths: list{"/A"}})), get("/a"), Deny},
		"hosts have none": {
			allowing(to(op{Hosts: list{"Shop.example"}})),
			get("/").host("shop.EXAMPLE"), Allow,
		},
		"a host has its port": {
			allowing(to(op{Hosts: list{"shop.example"}})),
			get("/").host("shop.example:80"), Deny,
		},
		"a wildcard within a path is text":       {allowing(to(op{Paths: list{"/v1/*/x"}})), get("/v1/a/x"), Deny},
		"one segment":                            {allowing(to(op{Paths: list{"/v1/{*}/x"}})), get("/v1/a=1/x"), Allow},
		"one segment is one":                     {allowing(to(op{Paths: list{"/v1/{*}/x"}})), get("/v1/a/b/x"), Deny},
		"one segment is not empty":               {allowing(to(op{Paths: list{"/v1/{*}"}})), get("/v1/"), Deny},
		"the rest may be empty":                  {allowing(to(op{Paths: list{"/v1/{**}"}})), get("/v1/"), Allow},
		"the rest needs its slash":               {allowing(to(op{Paths: list{"/v1/{**}"}})), get("/v1"), Deny},
		"the rest within":                        {allowing(to(op{Paths: list{"/store/{**}/cart"}})), get("/store//cart"), Allow},
		"the rest within, too short":             {allowing(to(op{Paths: list{"/store/{**}/cart"}})), get("/store/cart"), Deny},
		"a template takes no strange characters": {allowing(to(op{Paths: list{"/v1/{*}"}})), get("/v1/|"), Deny},
		"a prefix does":                          {allowing(to(op{Paths: list{"/v1/*"}})), get("/v1/|"), Allow},
		"a port":                                 {allowing(to(op{Ports: list{"8080"}})), get("/"), Allow},
		"another port":                           {allowing(to(op{Ports: list{"8080"}})), get("/").on(9090), Deny},
		"a bad port drops an ALLOW rule":         {allowing(to(op{Ports: list{"http", "8080"}})), get("/"), Deny},
		"a port that there is not is a bad one":  {allowing(to(op{Ports: list{"65536", "8080"}})), get("/"), Deny},
		"a bad port is ignored in DENY":          {denying(to(op{Ports: list{"http"}})), get("/"), Deny},
		"a bad port among others is too":         {denying(to(op{Ports: list{"http", "80"}})), get("/"), Allow},
		"a bad range drops an ALLOW rule": {
			allowing(from(src{IPBlocks: list{"10.0.0.0/8", "x"}})),
			source(get("/"), "10.1.1.1"), Deny,
		},
		"a range": {
			allowing(from(src{IPBlocks: list{"10.9.9.9/8"}})),
			source(get("/"), "10.1.1.1"), Allow,
		},
		"a mapped address is not in a range": {
			allowing(from(src{IPBlocks: list{"10.0.0.0/8"}})),
			source(get("/"), "::ffff:10.1.1.1"), Deny,
		},
		"not a range": {
			allowing(from(src{NotIPBlocks: list{"10.0.0.0/8"}})),
			source(get("/"), "10.1.1.1"), Deny,
		},
		"HTTP on TCP drops the whole rule": {
			allowing(to(op{Ports: list{"6379"}}, op{Methods: list{"GET"}})),
			tcp(6379), Deny,
		},
		"HTTP on TCP drops no other rule": {
			allowing(to(op{Methods: list{"GET"}}), from(principals(checkout))),
			tcp(6379), Allow,
		},
		"HTTP on TCP is ignored in DENY": {denying(to(op{Methods: list{"GET"}})), tcp(6379), Deny},
		"a header": {
			allowing(when("request.headers[X-Tier]", "go*")),
			get("/").header("x-tier", "gold"), Allow,
		},
		"a header that is there": {
			allowing(when("request.headers[x-tier]", "*")),
			get("/").header("x-tier", ""), Allow,
		},
		"a header that is not there":  {allowing(when("request.headers[x-tier]", "*")), get("/"), Deny},
		"not a header":                {allowing(whenNot("request.headers[x-tier]", "*")), get("/"), Allow},
		"an unknown key drops a rule": {denying(when("source.labels", "x")), get("/"), Allow},
		"destination.port":            {allowing(when("destination.port", "8080")), get("/"), Allow},
		"a token's principal": {
			allowing(from(src{RequestPrincipals: list{"https://idp.example/s-1"}})),
			get("/").token(idp), Allow,
		},
		"a token's issuer with a slash": {
			allowing(from(src{RequestPrincipals: list{"https://id.example//s-1"}})),
			get("/").token(Token{Issuer: "https://id.example/", Subject: "s-1"}), Allow,
		},
		"a prefix splits at the last slash": {
			allowing(from(src{RequestPrincipals: list{"https://idp*"}})),
			get("/").token(idp), Deny,
		},
		"any token": {allowing(from(src{RequestPrincipals: list{"*"}})), get("/").token(idp), Allow},
		"any token needs a subject": {
			allowing(from(src{RequestPrincipals: list{"*"}})),
			get("/").token(Token{Issuer: idp.Issuer}), Deny,
		},
		"no token is not any": {allowing(from(src{NotRequestPrincipals: list{"*"}})), get("/"), Allow},
		"a token that nobody validates is none": {
			allowing(from(src{RequestPrincipals: list{"*"}})),
			get("/").token(Token{Issuer: "https://x", Subject: "s"}), Deny,
		},
		"an audience":     {allowing(when("request.auth.audiences", "b")), get("/").token(idp), Allow},
		"not an audience": {allowing(whenNot("request.auth.audiences", "b")), get("/").token(idp), Deny},
		"a presenter":     {allowing(when("request.auth.presenter", "app")), get("/").token(idp), Allow},
		"an element of a claim": {
			allowing(when("request.auth.claims[groups]", "y")),
			get("/").token(idp), Allow,
		},
		"a nested claim": {
			allowing(when("request.auth.claims[realm][roles]", "ad*")),
			get("/").token(idp), Allow,
		},
		"the issuer as a claim": {
			allowing(when("request.auth.claims[iss]", idp.Issuer)),
			get("/").token(idp), Allow,
		},
		"a server name": {
			allowing(when("connection.sni", "*.example")),
			Request{Port: 443, SNI: "a.example"},
			Allow,
		},
		"no server name": {allowing(when("connection.sni", "*")), Request{Port: 443}, Deny},
	} {
		t.Run(name, func(t *testing.T) {
			if got := point(c.policies...).Decide(c.request); got.Answer != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
