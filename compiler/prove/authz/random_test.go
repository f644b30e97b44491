package authz

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/prove/manifest"
)

// random makes policies of small pools in which values meet: each construct is in one of them.
type random struct{ *rapid.T }

func (r random) chance(percent int) bool { return rapid.IntRange(0, 99).Draw(r.T, "chance") < percent }

func (r random) some(percent int, pool ...string) []string {
	if !r.chance(percent) {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(pool), 1, 2).Draw(r.T, "values")
}

var (
	somePrincipals = []string{
		"eu-1/ns/a/sa/x", "cluster.local/ns/a/sa/x", "eu-0/ns/b/sa/x", "us-1/ns/a/sa/y", "*/ns/b/sa/y", "eu-1/ns/a/sa/*", "*", "*sa/y",
		"*-1/ns/a/sa/x", "eu*", "cluster.local/ns/a/*",
	}
	somePaths = []string{
		"/v1/{*}/address", "/v1/{**}", "/v1/*", "/v1/me/address", "*/address", "/a/{*}/b/{**}", "/health", "*", "/v1/me=1", "/v1/*/x",
	}
	someMethods = []string{"GET", "POST", "P*", "*T", "*"}
	somePorts   = []string{"8080", "9090", "6379"}
	someBlocks  = []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"}
	someTokens  = []string{"*", "https://idp.example/s-1", "https://idp.example/*", "*/s-2", "https://x*", "*-1"}
	someHosts   = []string{"shop.example", "Shop.example:*", "*.example", "*"}
	someClaims  = []string{"a", "b", "a*", "*"}
)

func (r random) source(density int) manifest.Source {
	return manifest.Source{
		Principals: r.some(3*density, somePrincipals...), NotPrincipals: r.some(density, somePrincipals...),
		Namespaces: r.some(density, "a", "b", "*a", "b*"), NotNamespaces: r.some(density, "a", "b"),
		ServiceAccounts: r.some(density, "x", "b/y", "a/x"), NotServiceAccounts: r.some(density/2, "x", "b/y", "a/x"),
		TrustDomains: r.some(density, "eu-1", "eu-0", "us*", "*-1", "*a", "*"), NotTrustDomains: r.some(density/2, "eu-1", "us-1"),
		RequestPrincipals: r.some(density, someTokens...), NotRequestPrincipals: r.some(density/2, someTokens...),
		IPBlocks: r.some(density, someBlocks...), NotIPBlocks: r.some(density/2, someBlocks...),
		RemoteIPBlocks: r.some(density/2, someBlocks...), NotRemoteIPBlocks: r.some(density/2, someBlocks...),
	}
}

func (r random) operation(density int) manifest.Operation {
	ports := somePorts
	if r.chance(5) {
		ports = append(slices.Clip(ports), "http")
	}
	return manifest.Operation{
		Hosts: r.some(2*density, someHosts...), NotHosts: r.some(density/2, someHosts...),
		Ports: r.some(4*density, ports...), NotPorts: r.some(density, ports...),
		Methods: r.some(3*density, someMethods...), NotMethods: r.some(density, someMethods...),
		Paths: r.some(3*density, somePaths...), NotPaths: r.some(density, somePaths...),
	}
}

func (r random) condition() manifest.Condition {
	key := rapid.SampledFrom([]string{
		"request.headers[X-Tier]", "source.ip", "remote.ip", "destination.ip", "source.namespace", "source.serviceAccount",
		"source.trustDomain", "source.principal", "request.auth.principal", "request.auth.audiences", "request.auth.presenter",
		"request.auth.claims[groups]", "request.auth.claims[realm][roles]", "request.auth.claims[sub]", "request.auth.claims[iss]",
		"destination.port", "connection.sni", "request.headers", "source.labels",
	}).Draw(r.T, "key")
	pool := map[string][]string{
		"source.ip": someBlocks, "remote.ip": someBlocks, "destination.ip": append([]string{"nonsense"}, someBlocks...),
		"source.namespace": {"a", "*a"}, "source.serviceAccount": {"x", "b/y"}, "source.trustDomain": {"eu-1", "eu*"},
		"source.principal": somePrincipals, "request.auth.principal": someTokens, "destination.port": somePorts,
		"request.auth.claims[sub]": {"s-1", "s*"}, "request.auth.claims[iss]": {"https://idp.example", "*example"},
	}[key]
	if pool == nil {
		pool = someClaims
	}
	c := manifest.Condition{Key: key, Values: r.some(70, pool...), NotValues: r.some(30, pool...)}
	return c
}

func (r random) policy() *manifest.Object {
	action := rapid.SampledFrom([]string{"", "ALLOW", "ALLOW", "DENY", "DENY", "CUSTOM", "AUDIT"}).Draw(r.T, "action")
	density := rapid.SampledFrom([]int{4, 8, 14}).Draw(r.T, "density")
	o := policy(action)
	o.Namespace = rapid.SampledFrom([]string{"a", "b"}).Draw(r.T, "namespace")
	o.AuthorizationPolicy.DryRun = r.chance(10)
	for range rapid.IntRange(0, 2).Draw(r.T, "rules") {
		var rule manifest.Rule
		for range rapid.IntRange(0, 2).Draw(r.T, "from") {
			rule.From = append(rule.From, r.source(density))
		}
		for range rapid.IntRange(0, 2).Draw(r.T, "to") {
			rule.To = append(rule.To, r.operation(density))
		}
		if r.chance(25) {
			rule.When = append(rule.When, r.condition())
		}
		o.AuthorizationPolicy.Rules = append(o.AuthorizationPolicy.Rules, rule)
	}
	return o
}

func (r random) point() *Point {
	p := point()
	for range rapid.IntRange(1, 3).Draw(r.T, "policies") {
		p.Policies = append(p.Policies, r.policy())
	}
	p.DryRun = r.chance(20)
	p.Mesh.Normalization = rapid.SampledFrom([]string{"NONE", "BASE", "MERGE_SLASHES"}).Draw(r.T, "normalization")
	modes := []string{strict, permissive, disable}
	if r.chance(60) {
		p.TLS = &TLS{Mode: rapid.SampledFrom(modes).Draw(r.T, "mode"), Ports: map[int]string{}}
		if r.chance(50) {
			p.TLS.Ports[rapid.SampledFrom([]int{8080, 9091}).Draw(r.T, "port")] = rapid.SampledFrom(modes).Draw(r.T, "mode")
		}
	}
	return p
}

func (r random) meant() *Meant {
	plaintext := r.chance(40)
	m := &Meant{Open: r.chance(10), Plaintext: func(port int) bool { return plaintext || port == 9090 }}
	for range rapid.IntRange(0, 2).Draw(r.T, "allowances") {
		a := Allowance{Port: rapid.SampledFrom([]int{8080, 9090, 6379}).Draw(r.T, "port")}
		a.Principals = r.some(80, "eu-1/ns/a/sa/x", "eu-0/ns/b/sa/x", "us-1/ns/a/sa/y")
		if a.Principals == nil && r.chance(80) {
			a.CIDRs = []netip.Prefix{netip.MustParsePrefix(rapid.SampledFrom([]string{"10.1.0.0/16", "10.0.0.0/7"}).Draw(r.T, "cidr"))}
		}
		a.Methods = r.some(70, "GET", "POST")
		a.Paths = r.some(70, "/v1/{id}/address", "/v1/{rest...}", "/health", "/v1/me/address")
		m.Allow = append(m.Allow, a)
	}
	return m
}

var declared = []Port{{8080, true}, {6379, false}, {9090, true}, {9090, false}}

// everyRequest visits the requests of all atoms, with the class that the space has them in.
func (s *Space) everyRequest(visit func(at []int, r Request)) {
	at := make([]int, len(s.dims))
	var from func(place int, r Request)
	from = func(place int, r Request) {
		if place == len(s.order) {
			visit(at, r)
			return
		}
		axis := s.order[(place+len(s.order)-3)%len(s.order)] // the port first
		for a := range s.dims[axis].n {
			next := r
			if onConnection := axis <= sniAxis && axis != tokenAxis || axis == portAxis; onConnection || r.HTTP {
				s.dims[axis].put(a, &next)
			} else if a > 0 {
				break
			}
			at[axis] = s.classes[axis].of[a]
			from(place+1, next)
		}
	}
	from(0, Request{})
}

// product is how many requests that visits at most.
func (s *Space) product() int {
	n := 1
	for _, d := range s.dims {
		n *= d.n
	}
	return n
}

// cell is where a class is among the slices.
func (g *grid) cell(at []int) (slice []int, cell int) {
	for place, axis := range g.order {
		if place < g.outer {
			slice = append(slice, at[axis])
		} else {
			cell += at[axis] * g.strides[place]
		}
	}
	return slice, cell
}

// TestSetsDecideAsRequestsAreDecided holds sets against Decide on a request of every combination of atoms, and what is told of
// differences against what there is.
func TestSetsDecideAsRequestsAreDecided(t *testing.T) {
	var cases, requests, different int
	rapid.Check(t, func(rt *rapid.T) {
		r := random{rt}
		p := r.point()
		meant := []*Meant{{}, {Open: true, Plaintext: func(int) bool { return true }}, r.meant()}
		m := rapid.SampledFrom(meant).Draw(rt, "meant")
		c, err := compare(p, m, declared, rapid.SampledFrom([]int{1, 60, denseCells}).Draw(rt, "dense"))
		if err != nil {
			rt.Fatal(err)
		}
		if c.space.product() > 60_000 {
			rt.Skip("too many requests")
		}
		cases++
		differ := 0
		c.space.everyRequest(func(at []int, q Request) {
			requests++
			answer, want := p.Decide(q).Answer, m.allows(&q)
			slice, cell := c.grid.cell(at)
			i, found := c.at[fmt.Sprint(slice)]
			for way, differs := range []bool{want && answer != Allow, !want && answer != Deny} {
				if set := found && c.found[i].differ[way].has(cell); set != differs {
					rt.Fatalf("%+v is decided %v, meant %v; by sets it differs %v, which is %v", q, answer, want, way, set)
				}
				if differs {
					differ++
				}
			}
		})
		differences := c.differences()
		if (len(differences) > 0) != (differ > 0) {
			rt.Fatalf("%d requests differ, and %d differences are told", differ, len(differences))
		}
		if differ > 0 {
			different++
		}
		left := 0
		for _, s := range c.found {
			left += s.left[wider].count() + s.left[narrower].count()
		}
		if int64(left) != c.more {
			rt.Fatalf("%d classes are not told, not %d", left, c.more)
		}
	})
	t.Logf("%d cases, %d requests, %d cases with differences", cases, requests, different)
}

// TestRegionsDecideAsRequestsAreDecided holds the regions of one space against Decide and against what is meant.
func TestRegionsDecideAsRequestsAreDecided(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := random{rt}
		p, m := r.point(), r.meant()
		s, err := NewSpace(Scope{
			Mesh: p.Mesh, TLS: p.TLS, Issuers: p.Issuers, Ports: declared, Policies: p.Policies, Meant: []*Meant{m},
		})
		if err != nil || s.product() > 20_000 {
			rt.Skip(err)
		}
		let, ask := s.Decided(p.decisive())
		want := s.Meant(m)
		s.everyRequest(func(at []int, q Request) {
			_, cell := s.whole.cell(at)
			answer := p.Decide(q).Answer
			if let.cells.has(cell) != (answer != Deny) || ask.cells.has(cell) != (answer == Custom) || want.cells.has(cell) != m.allows(&q) {
				rt.Fatalf("%+v is decided %v, meant %v; by sets %v, %v, %v",
					q, answer, m.allows(&q), let.cells.has(cell), ask.cells.has(cell), want.cells.has(cell))
			}
		})
		if !let.Empty() {
			if q := let.Witness(); p.Decide(q).Answer == Deny {
				rt.Fatalf("%+v is a witness of what is allowed", q)
			}
		}
	})
}
