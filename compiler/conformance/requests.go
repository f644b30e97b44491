package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	sec "istio.io/api/security/v1beta1"

	"writ.dev/writ/compiler/conformance/rbac"
	"writ.dev/writ/compiler/prove/authz"
)

// Request is one request in both languages.
type Request struct {
	Ours  authz.Request
	Envoy rbac.Request
}

// dimension is one attribute of requests with strings, addresses or tokens that may tell the policies of a world apart.
type dimension struct {
	attribute string
	values    []any
	set       func(*Request, any)
}

// class is one value of a dimension, and the leaves of a chain that hold for it. The leaves of other dimensions do not.
type class struct {
	value any
	set   func(*Request, any)
	facts rbac.Facts
}

// token is one token in both languages; nil is none.
type token struct {
	ours  *authz.Token
	envoy map[string]any
}

// divide makes classes of a dimension's values: values for which the same leaves of the chain hold are one class, of which a random
// one stands for all. So whoever tells values apart that Istio does not is caught as well, some time. Where the chain asks for the
// attribute, to have none is a class of its own, which would seldom stand for all that match nothing. So are tokens that nobody
// sees, by what they would match.
func divide(r *rand.Rand, chain *rbac.Chain, d dimension) []class {
	asked := slices.ContainsFunc(chain.Leaves, func(l rbac.Leaf) bool { return l.Attribute == d.attribute })
	var classes []class
	seen := map[string]bool{}
	r.Shuffle(len(d.values), func(i, j int) { d.values[i], d.values[j] = d.values[j], d.values[i] })
	for _, v := range d.values {
		var q Request
		d.set(&q, v)
		facts := chain.Facts(&q.Envoy, d.attribute)
		would := facts
		if t, ok := v.(token); ok && asked && q.Envoy.Claims == nil {
			q.Envoy.Claims = t.envoy
			would = chain.Facts(&q.Envoy, d.attribute)
		}
		key := fmt.Sprint(would, asked && none(v))
		if !seen[key] {
			seen[key] = true
			classes = append(classes, class{v, d.set, facts})
		}
		if !asked {
			break // no leaf tells the others from it
		}
	}
	return classes
}

// none reports whether a value is the lack of one.
func none(v any) bool {
	t, isToken := v.(token)
	return v == nil || v == any("") || isToken && t.ours == nil
}

// product calls do with every combination of classes: a request and the leaves that hold for it. The facts are overwritten by the
// next call.
func product(chain *rbac.Chain, dimensions [][]class, do func(*Request, rbac.Facts)) {
	facts := make([]rbac.Facts, len(dimensions)+1)
	for i := range facts {
		facts[i] = chain.NoFacts()
	}
	var q Request
	var at func(int)
	at = func(i int) {
		if i == len(dimensions) {
			do(&q, facts[i])
			return
		}
		for _, c := range dimensions[i] {
			c.set(&q, c.value)
			for w := range facts[i] {
				facts[i+1][w] = facts[i][w] | c.facts[w]
			}
			at(i + 1)
		}
	}
	at(0)
}

// words is what a world's policies say, by kind; of headers and claims by the name or the path too.
type words struct {
	of      map[kind][]string
	headers map[string][]string
	claims  map[string][]string
}

func wordsOf(w *World) *words {
	all := &words{of: map[kind][]string{}, headers: map[string][]string{}, claims: map[string][]string{}}
	for i := range w.Policies {
		for _, r := range w.Policies[i].Spec.Rules {
			all.add(r)
		}
	}
	return all
}

func (all *words) add(r *sec.Rule) {
	add := func(k kind, list []string) { all.of[k] = append(all.of[k], list...) }
	for _, from := range r.From {
		for _, f := range sourceFields {
			add(f.kind, *f.of(from.Source))
		}
	}
	for _, to := range r.To {
		for _, f := range operationFields {
			add(f.kind, *f.of(to.Operation))
		}
	}
	for _, c := range r.When {
		name, k := keyOf(c.Key)
		list := slices.Concat(c.Values, c.NotValues)
		detail := strings.TrimPrefix(c.Key, name)
		switch k {
		case headers:
			header := strings.ToLower(strings.Trim(strings.TrimPrefix(detail, ".x"), "[]"))
			all.headers[header] = append(all.headers[header], list...)
		case claims:
			all.claims[strings.TrimPrefix(detail, ".x")] = append(all.claims[strings.TrimPrefix(detail, ".x")], list...)
		default:
			add(k, list)
		}
	}
}

// dimensions are the attributes of requests to the world's pod, with values that come from what its policies say: each word as it
// is written, longer and shorter by a character at both ends, in the other case, and with its wildcards filled in several ways.
func dimensions(r *rand.Rand, w *World, http bool) []dimension {
	all := wordsOf(w)
	ds := []dimension{
		{"principal", identities(r, w, all), func(q *Request, v any) {
			q.Ours.Principal, q.Envoy.Principal = v.(string), ""
			if v != "" {
				q.Envoy.Principal = "spiffe://" + v.(string)
			}
		}},
		{"port", portsNear(all.of[ports]), func(q *Request, v any) {
			q.Ours.Port, q.Envoy.Port, q.Ours.HTTP = int(v.(uint32)), v.(uint32), http
		}},
		{"source", near(all.of[addresses]), func(q *Request, v any) { q.Ours.Source, q.Envoy.Source = v.(netip.Addr), v.(netip.Addr) }},
		{"remote", near(all.of[addresses]), func(q *Request, v any) { q.Ours.Remote, q.Envoy.Remote = v.(netip.Addr), v.(netip.Addr) }},
		{"destination", near(all.of[addresses]), func(q *Request, v any) {
			q.Ours.Destination, q.Envoy.Destination = v.(netip.Addr), v.(netip.Addr)
		}},
		// Envoy's listener puts server names into lower case.
		{"sni", texts(all.of[servers], strings.ToLower, "", "x"), func(q *Request, v any) { q.Ours.SNI, q.Envoy.SNI = v.(string), v.(string) }},
	}
	if !http {
		return ds
	}
	ds = append(ds,
		dimension{"method", texts(all.of[methods], isMethod, "GET", "DELETE"), func(q *Request, v any) {
			q.Ours.Method, q.Envoy.Method = v.(string), v.(string)
		}},
		dimension{"path", texts(all.of[paths], isPath, "/", "/x"), func(q *Request, v any) { q.Ours.Path, q.Envoy.Path = v.(string), v.(string) }},
		dimension{"host", texts(all.of[hosts], isHost, "x.test"), func(q *Request, v any) { q.Ours.Host, q.Envoy.Host = v.(string), v.(string) }},
		dimension{"token", tokens(r, w, all), func(q *Request, v any) {
			q.Ours.Token, q.Envoy.Claims = v.(token).ours, nil
			if w.Issuers != nil { // without a RequestAuthentication there is no filter that would read it
				q.Envoy.Claims = v.(token).envoy
			}
		}},
	)
	for _, name := range slices.Sorted(maps.Keys(all.headers)) {
		values := append(texts(all.headers[name], same, "", "x"), nil)
		ds = append(ds, dimension{"header:" + name, values, func(q *Request, v any) { setHeader(q, name, v) }})
	}
	return ds
}

func setHeader(q *Request, name string, v any) {
	if q.Ours.Headers == nil {
		q.Ours.Headers = map[string]string{}
		q.Envoy.Headers = q.Ours.Headers
	}
	delete(q.Ours.Headers, name)
	if v != nil {
		q.Ours.Headers[name] = v.(string)
	}
}
