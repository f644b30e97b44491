package authz

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/prove/manifest"
)

// http8080 is the one declared port of the customers.
var http8080 = []Port{{8080, true}}

// readAddress is the access that the customers grant, with the policy that is rendered for it.
func readAddress() (*Point, *Meant) {
	p := point(policy("ALLOW", manifest.Rule{
		From: []manifest.Source{principals(checkout, frontend)},
		To:   []manifest.Operation{{Ports: []string{"8080"}, Methods: []string{"GET"}, Paths: []string{"/v1/{*}/address"}}},
	}))
	p.Mesh.Aliases, p.TLS = nil, &TLS{Mode: strict}
	return p, &Meant{Allow: []Allowance{
		{Principals: []string{checkout, frontend}, Port: 8080, Methods: []string{"GET"}, Paths: []string{"/v1/{id}/address"}},
	}}
}

// told is the differences in few words.
func told(c *Comparison) []string {
	var all []string
	for _, d := range c.Differences {
		way := "narrower"
		if d.Wider {
			way = "wider"
		}
		var box []string
		for attribute, words := range d.Box {
			box = append(box, attribute+": "+strings.Join(words, ", "))
		}
		slices.Sort(box)
		request := fmt.Sprint(d.Request.Principal, ":", d.Request.Port)
		if d.Request.HTTP {
			request += " " + d.Request.Method + " " + d.Request.Path
		}
		all = append(all, way+" "+request+" of "+strings.Join(box, "; "))
	}
	return all
}

func TestCompare(t *testing.T) {
	operation := func(p *Point) *manifest.Operation { return &p.Policies[0].AuthorizationPolicy.Rules[0].To[0] }
	from := func(p *Point) *manifest.Source { return &p.Policies[0].AuthorizationPolicy.Rules[0].From[0] }
	spec := func(p *Point) *manifest.AuthorizationPolicy { return p.Policies[0].AuthorizationPolicy }
	const somebody, readAddressOf = "eu-1/ns/default/sa/default", "method: GET; path: /v1/{*}/address; "
	both := "peer: " + checkout + ", " + frontend
	for name, c := range map[string]struct {
		change func(p *Point, m *Meant)
		want   []string
	}{
		"what is rendered is what is meant": {func(*Point, *Meant) {}, nil},
		"a wider path": {func(p *Point, _ *Meant) { operation(p).Paths = []string{"/v1/{**}/address"} }, []string{
			"wider " + checkout + ":8080 GET /v1//address of " +
				"method: GET; path: /v1/{**}/address but not /v1/{*}/address; " + both + "; port: 8080",
		}},
		"a narrower path": {func(p *Point, _ *Meant) { operation(p).Paths = []string{"/v1/me/address"} }, []string{
			"narrower " + checkout + ":8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address but not /v1/me/address; " + both + "; port: 8080",
		}},
		"no path": {func(p *Point, _ *Meant) { operation(p).Paths = nil }, []string{
			"wider " + checkout + ":8080 GET / of method: GET; path: any but not /v1/{*}/address; " + both + "; port: 8080",
		}},
		"a method more": {func(p *Point, _ *Meant) { operation(p).Methods = []string{"GET", "DELETE"} }, []string{
			"wider " + checkout + ":8080 DELETE /v1/x/address of method: DELETE; path: /v1/{*}/address; " + both + "; port: 8080",
		}},
		"every method": {func(p *Point, _ *Meant) { operation(p).Methods = nil }, []string{
			"wider " + checkout + ":8080 POST /v1/x/address of " +
				"method: any but not GET; path: /v1/{*}/address; " + both + "; port: 8080",
		}},
		"no port": {func(p *Point, _ *Meant) { operation(p).Ports = nil }, []string{
			"wider " + checkout + ":65535 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; " + both + "; port: any other as HTTP",
		}},
		"another port": {func(p *Point, _ *Meant) { operation(p).Ports = []string{"8081"} }, []string{
			"wider " + checkout + ":8081 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; " + both + "; port: 8081 as HTTP",
			"narrower " + checkout + ":8080 GET /v1/x/address of " + readAddressOf + both + "; port: 8080",
		}},
		"no operation": {func(p *Point, _ *Meant) { p.Policies[0].AuthorizationPolicy.Rules[0].To = nil }, []string{
			"wider " + checkout + ":8080 GET / of path: any but not /v1/{*}/address; " + both,
			"wider " + checkout + ":8080 POST /v1/x/address of method: any but not GET; " + both,
			"wider " + checkout + ":65535 GET /v1/x/address of " + both + "; port: any other",
		}},
		"a caller more": {func(p *Point, _ *Meant) {
			from(p).Principals = append(from(p).Principals, "eu-1/ns/ads/sa/ads")
		}, []string{
			"wider eu-1/ns/ads/sa/ads:8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; peer: eu-1/ns/ads/sa/ads; port: 8080",
		}},
		"a caller less": {func(p *Point, _ *Meant) { from(p).Principals = []string{checkout} }, []string{
			"narrower " + frontend + ":8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; peer: " + frontend + "; port: 8080",
		}},
		"every caller": {func(p *Point, _ *Meant) { from(p).Principals = []string{"*"} }, []string{
			"wider " + somebody + ":8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; peer: * but not " + checkout + ", " + frontend + "; port: 8080",
		}},
		"a namespace": {func(p *Point, _ *Meant) { from(p).Principals, from(p).Namespaces = nil, []string{"shop"} }, []string{
			"wider eu-1/ns/shop/sa/x:8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; peer: namespace shop but not " + checkout + ", " + frontend + "; port: 8080",
		}},
		"an identity that is no workload's": {func(p *Point, _ *Meant) {
			from(p).Principals = append(from(p).Principals, "eu-1/vm/legacy")
		}, []string{
			"wider eu-1/vm/legacy:8080 GET /v1/x/address of " + readAddressOf + "peer: eu-1/vm/legacy; port: 8080",
		}},
		"an alias lets in more": {func(p *Point, _ *Meant) { p.Mesh.Aliases = []string{"eu-0"} }, []string{
			"wider eu-0/ns/shop/sa/checkout:8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; peer: eu-0/ns/shop/sa/checkout, eu-0/ns/shop/sa/frontend; port: 8080",
		}},
		"plaintext that notPrincipals matches": {func(p *Point, _ *Meant) {
			p.TLS = nil
			from(p).Principals, from(p).NotPrincipals = nil, []string{checkout, frontend}
		}, []string{
			"wider " + somebody + ":8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; peer: any but not " + checkout + ", " + frontend + "; port: 8080",
			"narrower " + checkout + ":8080 GET /v1/x/address of " + readAddressOf + both + "; port: 8080",
		}},
		"DISABLE refuses whoever is named": {func(p *Point, _ *Meant) { p.TLS = &TLS{Mode: disable} }, []string{
			"narrower " + checkout + ":8080 GET /v1/x/address of " + readAddressOf + both + "; port: 8080",
		}},
		"DENY": {func(p *Point, _ *Meant) {
			p.Policies = append(p.Policies, policy("DENY", to(manifest.Operation{Paths: []string{"*/address"}})))
		}, []string{
			"narrower " + checkout + ":8080 GET /v1/x/address of " + readAddressOf + both + "; port: 8080",
		}},
		"CUSTOM where it is allowed": {func(p *Point, _ *Meant) {
			p.Policies = append(p.Policies, policy("CUSTOM", to(manifest.Operation{Paths: []string{"/v1/me/*"}})))
		}, []string{
			"narrower " + checkout + ":8080 GET /v1/me/address of " +
				"method: GET; path: /v1/me/* that are /v1/{*}/address; " + both + "; port: 8080",
		}},
		"a header that is asked for": {func(p *Point, _ *Meant) {
			spec(p).Rules[0].When = []manifest.Condition{{Key: "request.headers[x-tier]", Values: []string{"gold"}}}
		}, []string{
			"narrower " + checkout + ":8080 GET /v1/x/address of " +
				"header x-tier: any but not gold; " + readAddressOf + both + "; port: 8080",
		}},
		"hosts, in whatever case": {func(p *Point, _ *Meant) {
			operation(p).Hosts = []string{"Customers.identity", "customers.identity:*"}
		}, []string{
			"narrower " + checkout + ":8080 GET /v1/x/address of " +
				"host: any but not Customers.identity, customers.identity:*; " + readAddressOf + both + "; port: 8080",
		}},
		"nobody is meant": {func(_ *Point, m *Meant) { m.Allow[0].Principals = nil }, []string{
			"wider " + checkout + ":8080 GET /v1/x/address of " + readAddressOf + both + "; port: 8080",
		}},
		"a token that is asked for": {func(p *Point, _ *Meant) {
			from(p).RequestPrincipals = []string{"https://idp.example/s-1"}
		}, []string{
			"narrower " + checkout + ":8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; " + both + "; port: 8080; token: any but not https://idp.example/s-1",
		}},
		"no policy at all": {func(p *Point, _ *Meant) { p.Policies = nil }, []string{
			"wider " + checkout + ":8080 GET / of path: any but not /v1/{*}/address; peer: any identity",
			"wider " + checkout + ":8080 POST /v1/x/address of method: any but not GET; peer: any identity",
			"wider " + checkout + ":65535 GET /v1/x/address of peer: any identity; port: any other",
			"wider " + somebody + ":8080 GET /v1/x/address of peer: any identity but not " + checkout + ", " + frontend,
		}},
		"in dry-run nothing is enforced": {func(p *Point, m *Meant) { spec(p).DryRun, m.Open, m.Allow = true, true, nil }, nil},
		"and is asked about apart":       {func(p *Point, _ *Meant) { spec(p).DryRun, p.DryRun = true, true }, nil},
		"open under STRICT": {func(p *Point, m *Meant) {
			p.Policies, m.Open, m.Plaintext = nil, true, func(int) bool { return true }
		}, []string{
			"narrower :8080 GET / of peer: no identity",
		}},
		"addresses": {func(p *Point, m *Meant) {
			p.TLS.Ports = map[int]string{8080: permissive}
			*from(p) = manifest.Source{IPBlocks: []string{"10.0.0.0/8"}}
			m.Plaintext = func(port int) bool { return port == 8080 }
			m.Allow[0].Principals, m.Allow[0].CIDRs = nil, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
		}, []string{
			"wider " + somebody + ":8080 GET /v1/x/address of " +
				"method: GET; path: /v1/{*}/address; port: 8080; source: 10.0.0.0/8 but not 10.1.0.0/16",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := readAddress()
			c.change(p, m)
			got, err := Compare(p, m, http8080)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, told(got)); diff != "" || got.More > 0 {
				t.Errorf("%d more\n%s", got.More, diff)
			}
		})
	}
}

func TestWhatIsTooMuchIsAnError(t *testing.T) {
	p, m := readAddress()
	var paths []string
	for i := range 20 {
		paths = append(paths, fmt.Sprintf("*%c", 'a'+i), fmt.Sprintf("/{**}/%c/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/{*}/x", 'a'+i))
	}
	p.Policies[0].AuthorizationPolicy.Rules[0].To[0].Paths = paths
	var e *TooComplexError
	if _, err := Compare(p, m, http8080); !errors.As(err, &e) || e.Attribute != "path" || !strings.Contains(err.Error(), "{**}") {
		t.Errorf("got %v", err)
	}
	p, m = readAddress()
	for i := range 30 {
		p.Policies[0].AuthorizationPolicy.Rules[0].When = append(p.Policies[0].AuthorizationPolicy.Rules[0].When,
			manifest.Condition{Key: fmt.Sprintf("request.headers[x-%d]", i), Values: []string{"a*", "b"}})
	}
	p.Policies[0].AuthorizationPolicy.Rules[0].From[0].RequestPrincipals = []string{"*"}
	if _, err := Compare(p, m, http8080); !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
	p.Policies[0].AuthorizationPolicy.Rules[0].When = nil
	for i := range 20 {
		p.Policies[0].AuthorizationPolicy.Rules[0].When = append(p.Policies[0].AuthorizationPolicy.Rules[0].When,
			manifest.Condition{Key: "request.auth.claims[groups]", Values: []string{fmt.Sprint("g-", i)}})
	}
	if _, err := Compare(p, m, http8080); !errors.As(err, &e) || e.Attribute != "token" {
		t.Errorf("got %v", err)
	}
}
