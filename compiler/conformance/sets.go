package conformance

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// bySets is what the evaluator's sets say about one request, which need not be the witness of its atoms. A policy that decides
// nothing and a meant access are both of this request alone; what the world's policies make of their intersection is the answer. It
// is "" for a request that patterns cannot name: one with a token that is seen, or with wildcards in its strings.
func bySets(p *authz.Point, r *authz.Request, headers []string) (Outcome, error) {
	only, ok := probe(p, r, headers)
	if !ok {
		return "", nil
	}
	plaintext := func(int) bool { return true }
	meant := &authz.Meant{Open: true, Plaintext: plaintext}
	if r.Principal != "" {
		meant = &authz.Meant{Allow: []authz.Allowance{{Principals: []string{r.Principal}, Port: r.Port}}, Plaintext: plaintext}
	}
	space, err := authz.NewSpace(authz.Scope{
		Mesh: p.Mesh, Issuers: p.Issuers, Ports: []authz.Port{{Number: r.Port, HTTP: r.HTTP}},
		Policies: append(slices.Clone(p.Policies), only), Meant: []*authz.Meant{meant},
	})
	if err != nil {
		return "", err
	}
	enforced := slices.DeleteFunc(slices.Clone(p.Policies), func(o *manifest.Object) bool { return o.AuthorizationPolicy.DryRun })
	request := space.Matched(only).And(space.Meant(meant))
	allowed, asked := space.Decided(enforced)
	if request.Empty() {
		return "", fmt.Errorf("no set has %+v", *r)
	}
	inAllowed, inAsked := !request.And(allowed).Empty(), !request.And(asked).Empty()
	if inAllowed && !request.AndNot(allowed).Empty() || inAsked && !request.AndNot(asked).Empty() {
		return "", fmt.Errorf("sets say two things of %+v", *r)
	}
	switch {
	case inAsked:
		return "ask", nil
	case inAllowed:
		return "allow", nil
	default:
		return "deny", nil
	}
}

// probe is a policy that matches requests that are like one in all but the identity of the peer, as far as headers go in those named.
func probe(p *authz.Point, r *authz.Request, headers []string) (*manifest.Object, bool) {
	rule := manifest.Rule{To: []manifest.Operation{{Ports: []string{strconv.Itoa(r.Port)}}}}
	plain := true
	exactly := func(s string) []string {
		plain = plain && s != "" && !strings.ContainsAny(s, "*{}")
		return []string{s}
	}
	when := func(key string, is bool, values ...string) {
		c := manifest.Condition{Key: key, Values: values}
		if !is {
			c.Values, c.NotValues = nil, values
		}
		rule.When = append(rule.When, c)
	}
	for key, a := range map[string]netip.Addr{"source.ip": r.Source, "remote.ip": r.Remote, "destination.ip": r.Destination} {
		when(key, true, a.String())
	}
	if r.SNI == "" {
		when("connection.sni", false, "*")
	} else {
		when("connection.sni", true, exactly(r.SNI)...)
	}
	if r.Principal == "" {
		when("source.principal", false, "*")
	}
	if r.HTTP {
		rule.To[0].Methods, rule.To[0].Paths, rule.To[0].Hosts = exactly(r.Method), exactly(r.Path), exactly(r.Host)
		for _, name := range headers {
			if value, has := r.Headers[name]; has {
				when("request.headers["+name+"]", true, exactly(value)...)
			} else {
				when("request.headers["+name+"]", false, "*")
			}
		}
		plain = plain && p.Issuers == nil
	}
	return &manifest.Object{
		Kind: "AuthorizationPolicy", Namespace: p.Namespace, Name: "probe",
		AuthorizationPolicy: &manifest.AuthorizationPolicy{Action: "AUDIT", Rules: []manifest.Rule{rule}},
	}, plain
}
