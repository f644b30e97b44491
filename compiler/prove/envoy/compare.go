package envoy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// Difference is requests that a proxy treats otherwise than the policies of its pod.
type Difference struct {
	// Setting is what else it does, where the difference is none of single requests: it has no Request then.
	Setting string
	// DryRun says that the difference is in what is only counted.
	DryRun  bool
	Request authz.Request
	// Proxy and Policies are what each does with the request.
	Proxy, Policies authz.Answer
}

// Compare holds a proxy against the policies of its pod, over all requests, and tells one request of each way in which they
// differ. A proxy that has anything unknown is not compared. The error is an *authz.TooComplexError.
func (p *Proxy) Compare(point *authz.Point) ([]Difference, error) {
	if len(p.Unknown) > 0 {
		panic("envoy: a proxy of which something is not known says nothing")
	}
	x := &comparison{proxy: p, point: point, found: map[string]Difference{}}
	x.settings()
	for i := range p.chains {
		x.add(&p.chains[i])
	}
	x.untaken()
	s, err := authz.NewSpace(authz.Scope{
		Mesh: point.Mesh, TLS: point.TLS, Issuers: point.Issuers, Policies: point.Policies, Predicates: x.predicates(),
	})
	if err != nil {
		return nil, err
	}
	x.decide(s)
	var all []Difference
	for _, d := range x.found {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Difference) int { return cmp.Compare(a.key(), b.key()) })
	return all, nil
}

func (d *Difference) key() string {
	return fmt.Sprint(d.DryRun, d.Setting, d.Policies, d.Proxy)
}

// part is some requests with what a proxy does to them.
type part struct {
	serves, passes, asks *authz.Predicate
	counts               *authz.Predicate // nil where no connection is taken
}

type comparison struct {
	proxy *Proxy
	point *authz.Point
	parts []part
	found map[string]Difference
}

func (x *comparison) predicates() []*authz.Predicate {
	var all []*authz.Predicate
	for _, p := range x.parts {
		if all = append(all, p.serves, p.passes, p.asks); p.counts != nil {
			all = append(all, p.counts)
		}
	}
	return all
}

// settings compares what all requests are read by.
func (x *comparison) settings() {
	want := cmp.Or(x.point.Mesh.Normalization, "BASE")
	if want == "DEFAULT" {
		want = "BASE"
	}
	issuers := slices.Compact(slices.Sorted(slices.Values(x.point.Issuers)))
	for _, c := range x.proxy.chains {
		if !c.http {
			continue
		}
		if c.normalization != want {
			x.setting("reads paths as pathNormalization %s, and its cluster has %s", c.normalization, want)
		}
		if !slices.Equal(c.issuers, issuers) {
			x.setting("takes tokens of %s, and its policies of %s", listed(c.issuers), listed(issuers))
		}
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

func (x *comparison) setting(format string, args ...any) {
	x.note(Difference{Setting: fmt.Sprintf(format, args...)})
}

// note keeps the first difference of each kind.
func (x *comparison) note(d Difference) {
	if _, had := x.found[d.key()]; !had {
		x.found[d.key()] = d
	}
}

// anybody holds for peers with an identity.
func anybody() *authz.Predicate { return authz.Peer(atoms.Prefix("")) }

func transport(mutual bool) *authz.Predicate {
	if mutual {
		return anybody()
	}
	return authz.Not(anybody())
}

func flavour(http bool) *authz.Predicate {
	if http {
		return authz.HTTP()
	}
	return authz.Not(authz.HTTP())
}

// on is the ports of a chain: its own, or those that no chain names.
func (x *comparison) on(port int) *authz.Predicate {
	if port > 0 {
		return authz.OnPort(port)
	}
	var named []*authz.Predicate
	for _, c := range x.proxy.chains {
		if c.port > 0 {
			named = append(named, authz.OnPort(c.port))
		}
	}
	return authz.Not(authz.Some(named...))
}

// add notes what a chain does. One that leads nowhere is of the proxy's own ports, which no policy is about.
func (x *comparison) add(c *chain) {
	if c.closed {
		return
	}
	var passes, counts, asked []*authz.Predicate
	named := map[string][]*authz.Predicate{} // by the name of a policy that triggers an authorizer
	for _, f := range c.filters {
		if f.asks {
			for name, matches := range named {
				if strings.HasPrefix(name, f.trigger) {
					asked = append(asked, matches...)
				}
			}
			continue
		}
		passes = append(passes, f.rules.passes()...)
		if f.trigger != triggers {
			counts = append(counts, f.shadow.passes()...)
		} else if f.shadow != nil {
			for _, p := range f.shadow.policies {
				named[p.name] = append(named[p.name], p.matches)
			}
		}
	}
	x.parts = append(x.parts, part{
		serves: authz.Every(x.on(c.port), flavour(c.http), transport(c.mutual)),
		passes: authz.Every(passes...), counts: authz.Every(counts...), asks: authz.Some(asked...),
	})
}

// passes is the requests that go on to the next filter.
func (r *rules) passes() []*authz.Predicate {
	if r == nil || r.action == "LOG" {
		return nil
	}
	var any []*authz.Predicate
	for _, p := range r.policies {
		any = append(any, p.matches)
	}
	if r.action == "DENY" {
		return []*authz.Predicate{authz.Not(authz.Some(any...))}
	}
	return []*authz.Predicate{authz.Some(any...)}
}

// untaken notes connections that no chain takes: those with mutual TLS, or those without, on ports that take the other.
func (x *comparison) untaken() {
	type port struct {
		flavours, transports [2]bool
	}
	ports := map[int]port{}
	for _, c := range x.proxy.chains {
		if !c.closed {
			p := ports[c.port]
			p.flavours[index(c.http)], p.transports[index(c.mutual)] = true, true
			ports[c.port] = p
		}
	}
	for number, p := range ports {
		for _, mutual := range []bool{true, false} {
			for _, http := range []bool{true, false} {
				if p.transports[index(mutual)] || !p.flavours[index(http)] {
					continue
				}
				serves := []*authz.Predicate{x.on(number), flavour(http), transport(mutual)}
				if mutual {
					serves = append(serves, x.certified(number))
				}
				nobody := authz.Some()
				x.parts = append(x.parts, part{serves: authz.Every(serves...), passes: nobody, asks: nobody})
			}
		}
	}
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// certified holds on ports where peers are asked for certificates: elsewhere nobody comes with one.
func (x *comparison) certified(port int) *authz.Predicate {
	tls := x.point.TLS
	if tls == nil {
		return authz.Every()
	}
	asks := func(mode string) bool { return mode != "DISABLE" }
	if mode, own := tls.Ports[port]; own && port > 0 {
		return either(asks(mode))
	}
	if port > 0 || !asks(tls.Mode) {
		return either(asks(tls.Mode))
	}
	var blind []*authz.Predicate
	for n, mode := range tls.Ports {
		if !asks(mode) {
			blind = append(blind, authz.OnPort(n))
		}
	}
	return authz.Not(authz.Some(blind...))
}

func either(yes bool) *authz.Predicate {
	if yes {
		return authz.Every()
	}
	return authz.Some()
}

// decide compares part by part.
func (x *comparison) decide(s *authz.Space) {
	var enforced, dry []*manifest.Object
	for _, o := range x.point.Policies {
		switch {
		case o.AuthorizationPolicy == nil:
		case o.AuthorizationPolicy.DryRun:
			dry = append(dry, o)
		default:
			enforced = append(enforced, o)
		}
	}
	allowed, asked := s.Decided(enforced)
	counted, _ := s.Decided(dry)
	policies := []authz.Region{authz.Allow: allowed.AndNot(asked), authz.Custom: asked, authz.Deny: s.All().AndNot(allowed)}
	for _, p := range x.parts {
		here, passes, asks := s.Held(p.serves), s.Held(p.passes), s.Held(p.asks)
		proxy := []authz.Region{authz.Allow: passes.AndNot(asks), authz.Custom: passes.And(asks), authz.Deny: s.All().AndNot(passes)}
		for one, a := range proxy {
			for other, b := range policies {
				if one != other {
					x.differ(here.And(a.And(b)), false, authz.Answer(one), authz.Answer(other))
				}
			}
		}
		if p.counts == nil {
			continue
		}
		counts := s.Held(p.counts).AndNot(s.Refused())
		x.differ(here.And(counts.AndNot(counted)), true, authz.Allow, authz.Deny)
		x.differ(here.And(counted.AndNot(counts)), true, authz.Deny, authz.Allow)
	}
}

func (x *comparison) differ(r authz.Region, dryRun bool, proxy, policies authz.Answer) {
	if !r.Empty() {
		x.note(Difference{DryRun: dryRun, Request: r.Witness(), Proxy: proxy, Policies: policies})
	}
}
