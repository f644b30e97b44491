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

func TestDecide(t *testing.T) {
	idp := Token{
		Issuer: "https://idp.example", Subject: "s-1", Audiences: []string{"a", "b"}, Presenter: "app",
		Claims: map[string][]string{"[groups]": {"x", "y"}, "[realm][roles]": {"admin"}},
	}
	for name, c := range map[string]struct {
		policies []*manifest.Object
		request  Request
		want     Answer
	}{
		"no policy allows":                       {nil, get("/"), Allow},
		"a policy without rules allows nothing":  {[]*manifest.Object{policy("ALLOW")}, get("/"), Deny},
		"an empty rule allows everything":        {[]*manifest.Object{policy("ALLOW", manifest.Rule{})}, get("/"), Allow},
		"an empty rule denies everything":        {[]*manifest.Object{policy("DENY", manifest.Rule{})}, get("/"), Deny},
		"no action is ALLOW":                     {[]*manifest.Object{policy("", from(principals(frontend)))}, get("/"), Deny},
		"AUDIT decides nothing":                  {[]*manifest.Object{policy("AUDIT", manifest.Rule{})}, get("/"), Allow},
		"CUSTOM asks":                            {[]*manifest.Object{policy("CUSTOM", to(manifest.Operation{Paths: []string{"/a"}}))}, get("/a"), Custom},
		"CUSTOM does not ask about others":       {[]*manifest.Object{policy("CUSTOM", to(manifest.Operation{Paths: []string{"/a"}}))}, get("/b"), Allow},
		"CUSTOM cannot let in what is denied":    {[]*manifest.Object{policy("CUSTOM", manifest.Rule{}), policy("ALLOW")}, get("/b"), Deny},
		"DENY wins":                              {[]*manifest.Object{policy("ALLOW", manifest.Rule{}), policy("DENY", from(principals(checkout)))}, get("/"), Deny},
		"a principal":                            {[]*manifest.Object{policy("ALLOW", from(principals(checkout)))}, get("/"), Allow},
		"a principal with spiffe:// never":       {[]*manifest.Object{policy("ALLOW", from(principals("spiffe://"+checkout)))}, get("/"), Deny},
		"a wildcard within a principal is text":  {[]*manifest.Object{policy("ALLOW", from(principals("eu-1/ns/*/sa/checkout")))}, get("/"), Deny},
		"an alias of the trust domain":           {[]*manifest.Object{policy("ALLOW", from(principals(checkout)))}, get("/").by("eu-0/ns/shop/sa/checkout"), Allow},
		"an alias in a principal":                {[]*manifest.Object{policy("ALLOW", from(principals("eu-0/ns/shop/sa/checkout")))}, get("/"), Allow},
		"cluster.local is the mesh's own":        {[]*manifest.Object{policy("ALLOW", from(principals("cluster.local/ns/shop/sa/checkout")))}, get("/"), Allow},
		"cluster.local itself is not kept":       {[]*manifest.Object{policy("ALLOW", from(principals("cluster.local/ns/shop/sa/checkout")))}, get("/").by("cluster.local/ns/shop/sa/checkout"), Deny},
		"four segments are not expanded":         {[]*manifest.Object{policy("ALLOW", from(principals("cluster.local/ns/shop/*")))}, get("/"), Deny},
		"five segments with a wildcard are":      {[]*manifest.Object{policy("ALLOW", from(principals("cluster.local/ns/shop/sa/*")))}, get("/"), Allow},
		"a foreign trust domain is kept":         {[]*manifest.Object{policy("ALLOW", from(principals("us-1/ns/shop/sa/checkout")))}, get("/"), Deny},
		"any trust domain":                       {[]*manifest.Object{policy("ALLOW", from(principals("*/ns/shop/sa/checkout")))}, get("/").by("us-1/ns/shop/sa/checkout"), Allow},
		"any principal is not plaintext":         {[]*manifest.Object{policy("ALLOW", from(principals("*")))}, get("/").by(""), Deny},
		"notPrincipals matches plaintext":        {[]*manifest.Object{policy("ALLOW", from(manifest.Source{NotPrincipals: []string{checkout}}))}, get("/").by(""), Allow},
		"notNamespaces matches plaintext":        {[]*manifest.Object{policy("ALLOW", from(manifest.Source{NotNamespaces: []string{"shop"}}))}, get("/").by(""), Allow},
		"a namespace, whatever trust domain":     {[]*manifest.Object{policy("ALLOW", from(manifest.Source{Namespaces: []string{"shop"}}))}, get("/").by("us-1/ns/shop/sa/x"), Allow},
		"a namespace is whole":                   {[]*manifest.Object{policy("ALLOW", from(manifest.Source{Namespaces: []string{"sho"}}))}, get("/"), Deny},
		"namespaces that end in a match all":     {[]*manifest.Object{policy("ALLOW", from(manifest.Source{Namespaces: []string{"*a"}}))}, get("/"), Allow},
		"an account of the policy's namespace":   {[]*manifest.Object{policy("ALLOW", from(manifest.Source{ServiceAccounts: []string{"checkout"}}))}, get("/"), Deny},
		"an account of a namespace":              {[]*manifest.Object{policy("ALLOW", from(manifest.Source{ServiceAccounts: []string{"shop/checkout"}}))}, get("/").by("us-1/ns/shop/sa/checkout"), Allow},
		"an account is whole":                    {[]*manifest.Object{policy("ALLOW", from(manifest.Source{ServiceAccounts: []string{"shop/check"}}))}, get("/"), Deny},
		"a trust domain":                         {[]*manifest.Object{policy("ALLOW", from(manifest.Source{TrustDomains: []string{"us-1"}}))}, get("/"), Deny},
		"a trust domain means its aliases":       {[]*manifest.Object{policy("ALLOW", from(manifest.Source{TrustDomains: []string{"eu-0"}}))}, get("/"), Allow},
		"a part of a trust domain":               {[]*manifest.Object{policy("ALLOW", from(manifest.Source{TrustDomains: []string{"eu*"}}))}, get("/"), Allow},
		"a trust domain's wildcard keeps within": {[]*manifest.Object{policy("ALLOW", from(manifest.Source{TrustDomains: []string{"*checkout"}}))}, get("/"), Deny},
		"a method":                               {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Methods: []string{"GET"}}))}, get("/"), Allow},
		"methods have a case":                    {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Methods: []string{"get"}}))}, get("/"), Deny},
		"paths have a case":                      {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/A"}}))}, get("/a"), Deny},
		"hosts have none":                        {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Hosts: []string{"Shop.example"}}))}, get("/").host("shop.EXAMPLE"), Allow},
		"a host has its port":                    {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Hosts: []string{"shop.example"}}))}, get("/").host("shop.example:80"), Deny},
		"a wildcard within a path is text":       {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/*/x"}}))}, get("/v1/a/x"), Deny},
		"one segment":                            {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{*}/x"}}))}, get("/v1/a=1/x"), Allow},
		"one segment is one":                     {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{*}/x"}}))}, get("/v1/a/b/x"), Deny},
		"one segment is not empty":               {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{*}"}}))}, get("/v1/"), Deny},
		"the rest may be empty":                  {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{**}"}}))}, get("/v1/"), Allow},
		"the rest needs its slash":               {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{**}"}}))}, get("/v1"), Deny},
		"the rest within":                        {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/store/{**}/cart"}}))}, get("/store//cart"), Allow},
		"the rest within, too short":             {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/store/{**}/cart"}}))}, get("/store/cart"), Deny},
		"a template takes no strange characters": {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/{*}"}}))}, get("/v1/|"), Deny},
		"a prefix does":                          {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Paths: []string{"/v1/*"}}))}, get("/v1/|"), Allow},
		"a port":                                 {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Ports: []string{"8080"}}))}, get("/"), Allow},
		"another port":                           {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Ports: []string{"8080"}}))}, get("/").on(9090), Deny},
		"a bad port drops an ALLOW rule":         {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Ports: []string{"http", "8080"}}))}, get("/"), Deny},
		"a bad port is ignored in DENY":          {[]*manifest.Object{policy("DENY", to(manifest.Operation{Ports: []string{"http"}}))}, get("/"), Deny},
		"a bad port among others is too":         {[]*manifest.Object{policy("DENY", to(manifest.Operation{Ports: []string{"http", "80"}}))}, get("/"), Allow},
		"a bad range drops an ALLOW rule":        {[]*manifest.Object{policy("ALLOW", from(manifest.Source{IPBlocks: []string{"10.0.0.0/8", "x"}}))}, source(get("/"), "10.1.1.1"), Deny},
		"a range":                                {[]*manifest.Object{policy("ALLOW", from(manifest.Source{IPBlocks: []string{"10.9.9.9/8"}}))}, source(get("/"), "10.1.1.1"), Allow},
		"a mapped address is not in a range":     {[]*manifest.Object{policy("ALLOW", from(manifest.Source{IPBlocks: []string{"10.0.0.0/8"}}))}, source(get("/"), "::ffff:10.1.1.1"), Deny},
		"not a range":                            {[]*manifest.Object{policy("ALLOW", from(manifest.Source{NotIPBlocks: []string{"10.0.0.0/8"}}))}, source(get("/"), "10.1.1.1"), Deny},
		"HTTP on TCP drops the whole rule":       {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Ports: []string{"6379"}}, manifest.Operation{Methods: []string{"GET"}}))}, tcp(6379), Deny},
		"HTTP on TCP drops no other rule":        {[]*manifest.Object{policy("ALLOW", to(manifest.Operation{Methods: []string{"GET"}}), from(principals(checkout)))}, tcp(6379), Allow},
		"HTTP on TCP is ignored in DENY":         {[]*manifest.Object{policy("DENY", to(manifest.Operation{Methods: []string{"GET"}}))}, tcp(6379), Deny},
		"a header":                               {[]*manifest.Object{policy("ALLOW", when("request.headers[X-Tier]", "go*"))}, get("/").header("x-tier", "gold"), Allow},
		"a header that is there":                 {[]*manifest.Object{policy("ALLOW", when("request.headers[x-tier]", "*"))}, get("/").header("x-tier", ""), Allow},
		"a header that is not there":             {[]*manifest.Object{policy("ALLOW", when("request.headers[x-tier]", "*"))}, get("/"), Deny},
		"not a header":                           {[]*manifest.Object{policy("ALLOW", whenNot("request.headers[x-tier]", "*"))}, get("/"), Allow},
		"an unknown key drops a rule":            {[]*manifest.Object{policy("DENY", when("source.labels", "x"))}, get("/"), Allow},
		"destination.port":                       {[]*manifest.Object{policy("ALLOW", when("destination.port", "8080"))}, get("/"), Allow},
		"a token's principal":                    {[]*manifest.Object{policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"https://idp.example/s-1"}}))}, get("/").token(idp), Allow},
		"a token's issuer with a slash":          {[]*manifest.Object{policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"https://id.example//s-1"}}))}, get("/").token(Token{Issuer: "https://id.example/", Subject: "s-1"}), Allow},
		"a prefix splits at the last slash":      {[]*manifest.Object{policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"https://idp*"}}))}, get("/").token(idp), Deny},
		"any token":                              {[]*manifest.Object{policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"*"}}))}, get("/").token(idp), Allow},
		"any token needs a subject":              {[]*manifest.Object{policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"*"}}))}, get("/").token(Token{Issuer: idp.Issuer}), Deny},
		"no token is not any":                    {[]*manifest.Object{policy("ALLOW", from(manifest.Source{NotRequestPrincipals: []string{"*"}}))}, get("/"), Allow},
		"a token that nobody validates is none":  {[]*manifest.Object{policy("ALLOW", from(manifest.Source{RequestPrincipals: []string{"*"}}))}, get("/").token(Token{Issuer: "https://x", Subject: "s"}), Deny},
		"an audience":                            {[]*manifest.Object{policy("ALLOW", when("request.auth.audiences", "b"))}, get("/").token(idp), Allow},
		"not an audience":                        {[]*manifest.Object{policy("ALLOW", whenNot("request.auth.audiences", "b"))}, get("/").token(idp), Deny},
		"a presenter":                            {[]*manifest.Object{policy("ALLOW", when("request.auth.presenter", "app"))}, get("/").token(idp), Allow},
		"an element of a claim":                  {[]*manifest.Object{policy("ALLOW", when("request.auth.claims[groups]", "y"))}, get("/").token(idp), Allow},
		"a nested claim":                         {[]*manifest.Object{policy("ALLOW", when("request.auth.claims[realm][roles]", "ad*"))}, get("/").token(idp), Allow},
		"the issuer as a claim":                  {[]*manifest.Object{policy("ALLOW", when("request.auth.claims[iss]", idp.Issuer))}, get("/").token(idp), Allow},
		"a server name":                          {[]*manifest.Object{policy("ALLOW", when("connection.sni", "*.example"))}, Request{Port: 443, SNI: "a.example"}, Allow},
		"no server name":                         {[]*manifest.Object{policy("ALLOW", when("connection.sni", "*"))}, Request{Port: 443}, Deny},
	} {
		t.Run(name, func(t *testing.T) {
			if got := point(c.policies...).Decide(c.request); got.Answer != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
