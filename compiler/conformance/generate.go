package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	sec "istio.io/api/security/v1beta1"
	typepb "istio.io/api/type/v1beta1"
)

// generator makes random worlds. Each world is about few fields, drawn anew, so that the policies of one meet in the same requests
// and the product of all their values stays small enough to be gone through whole.
type generator struct {
	*rand.Rand
	fields map[string]bool   // by field.name: what this world's rules may have
	values map[kind][]string // of each kind: what its fields may list
	broken bool              // whether values may be wrong
}

// gatewayName is the label by which istiod knows the pods of a Gateway API gateway.
const gatewayName = "gateway.networking.k8s.io/gateway-name"

// generate makes a world that is likely to have what the focus names. An empty focus names nothing.
func generate(r *rand.Rand, focus string) *World {
	g := &generator{Rand: r, fields: map[string]bool{}, values: map[kind][]string{}, broken: r.IntN(12) == 0 || focus == wrongValue}
	g.choose(focus)
	w := &World{
		TrustDomain: "eu.example", Root: "istio-system", Namespace: "shop", Labels: map[string]string{"app": "orders", "tier": "web"},
		Aliases: pick(r, [][]string{nil, {"us.example"}, {"us.example", "old.example"}, {"us.example"}, {"*.example"}, {"cluster.local"}}),
		Issuers: pick(r, [][]string{
			{"https://idp.example", "partners"}, {"https://idp.example", "https://idp.example/realms/shop", "partners"}, {"partners"}, nil,
		}),
	}
	switch focus {
	case noIssuers:
		w.Issuers = nil
	case noToken:
		w.Issuers = []string{"https://idp.example", "partners"}
	case aliases:
		w.Aliases = pick(r, [][]string{{"us.example"}, {"us.example", "old.example"}, {"*.example"}})
	}
	if r.IntN(8) == 0 {
		w.TrustDomain, w.Aliases = "cluster.local", pick(r, [][]string{nil, {"eu.example"}})
	}
	if r.IntN(6) == 0 || strings.HasPrefix(focus, "targetRefs of") {
		w.Labels[gatewayName] = "edge"
	}
	if r.IntN(15) == 0 {
		w.Namespace = w.Root
	}
	for i := range pick(r, []int{1, 1, 1, 2, 2, 3}) {
		w.Policies = append(w.Policies, g.policy(fmt.Sprintf("policy-%d", i)))
	}
	return w
}

// choose draws what the world is about: two to five fields, those of the focus among them, and few values of each kind.
func (g *generator) choose(focus string) {
	var names []string
	for _, f := range sourceFields {
		names = append(names, f.name)
	}
	for _, f := range operationFields {
		names = append(names, f.name)
	}
	for _, k := range keys {
		names = append(names, k.name)
	}
	for range 2 + g.IntN(4) {
		g.fields[pick(g.Rand, names)] = true
	}
	about := focusOf(focus)
	for _, f := range about.fields {
		g.fields[f] = true
	}
	for _, k := range slices.Sorted(maps.Keys(pool)) {
		all := pool[k]
		few := slices.Clone(all)
		g.Shuffle(len(few), func(i, j int) { few[i], few[j] = few[j], few[i] })
		few = few[:min(len(few), 3+g.IntN(4))]
		if k == about.kind {
			for _, v := range all {
				if form(k, v) == about.form && !slices.Contains(few, v) {
					few = append(few, v)
				}
			}
		}
		if g.broken && len(wrong[k]) > 0 {
			few = append(few, pick(g.Rand, wrong[k]))
		}
		g.values[k] = few
	}
}

var actions = []sec.AuthorizationPolicy_Action{
	sec.AuthorizationPolicy_ALLOW, sec.AuthorizationPolicy_ALLOW, sec.AuthorizationPolicy_ALLOW,
	sec.AuthorizationPolicy_DENY, sec.AuthorizationPolicy_DENY, sec.AuthorizationPolicy_CUSTOM, sec.AuthorizationPolicy_AUDIT,
}

func (g *generator) policy(name string) Policy {
	p := Policy{Namespace: "shop", Name: name, Spec: &sec.AuthorizationPolicy{Action: pick(g.Rand, actions)}}
	switch g.IntN(12) {
	case 0, 1:
		p.Namespace = "istio-system"
	case 2:
		p.Namespace = "identity"
	}
	if p.Spec.Action != sec.AuthorizationPolicy_CUSTOM { // of which istiod makes deny rules in dry-run: the evaluator refuses it
		p.DryRun = pick(g.Rand, []string{"", "", "", "", "", "", "", "true", "false", "T", "1", "yes"})
	}
	switch g.IntN(8) {
	case 0:
		p.Spec.Selector = &typepb.WorkloadSelector{MatchLabels: pick(g.Rand, []map[string]string{
			{"app": "orders"}, {"app": "orders", "tier": "web"}, {"app": "invoices"}, {"app": "orders", "zone": "a"}, {},
		})}
	case 1:
		ref := &typepb.PolicyTargetReference{Group: "gateway.networking.k8s.io", Kind: "Gateway", Name: pick(g.Rand, []string{"edge", "edge", "inner"})}
		if g.IntN(4) == 0 {
			ref = &typepb.PolicyTargetReference{Kind: "Service", Name: "orders"}
		}
		if g.IntN(3) == 0 {
			p.Spec.TargetRef = ref
		} else {
			p.Spec.TargetRefs = []*typepb.PolicyTargetReference{ref}
		}
	}
	if p.Spec.Action == sec.AuthorizationPolicy_CUSTOM {
		p.Spec.ActionDetail = &sec.AuthorizationPolicy_Provider{
			Provider: &sec.AuthorizationPolicy_ExtensionProvider{Name: providers[min(g.IntN(6)/5, 1)]},
		}
	}
	if g.IntN(12) == 0 && p.Spec.Action != sec.AuthorizationPolicy_DENY && p.Spec.Action != sec.AuthorizationPolicy_CUSTOM {
		return p // without rules: nothing matches
	}
	for range 1 + g.IntN(2) {
		p.Spec.Rules = append(p.Spec.Rules, g.rule(p.Spec.Action == sec.AuthorizationPolicy_CUSTOM))
	}
	return p
}

func (g *generator) rule(custom bool) *sec.Rule {
	r := &sec.Rule{}
	if g.IntN(15) == 0 {
		return r // the empty rule: everything matches
	}
	for range g.IntN(3) {
		s, any := &sec.Source{}, false
		for _, f := range sourceFields {
			if g.fields[f.name] && g.IntN(5) > 1 && (!custom || !identity(f.kind)) {
				*f.of(s), any = g.list(f.kind), true
			}
		}
		if s.ServiceAccounts != nil || s.NotServiceAccounts != nil { // which Istio takes alone
			s.Principals, s.NotPrincipals, s.Namespaces, s.NotNamespaces = nil, nil, nil, nil
		}
		if any {
			r.From = append(r.From, &sec.Rule_From{Source: s})
		}
	}
	for range g.IntN(3) {
		o, any := &sec.Operation{}, false
		for _, f := range operationFields {
			if g.fields[f.name] && g.IntN(5) > 1 {
				*f.of(o), any = g.list(f.kind), true
			}
		}
		if any {
			r.To = append(r.To, &sec.Rule_To{Operation: o})
		}
	}
	for _, k := range keys {
		if !g.fields[k.name] || g.IntN(3) == 0 || custom && identity(k.kind) {
			continue
		}
		c := &sec.Condition{Key: k.name}
		if k.written != nil {
			c.Key = pick(g.Rand, k.written)
		}
		switch g.IntN(5) {
		case 0, 1:
			c.Values = g.list(k.kind)
		case 2, 3:
			c.NotValues = g.list(k.kind)
		default:
			c.Values, c.NotValues = g.list(k.kind), g.list(k.kind)
		}
		r.When = append(r.When, c)
	}
	return r
}

// identity reports whether a kind is about who calls, which CUSTOM policies may not ask.
func identity(k kind) bool {
	switch k {
	case principals, namespaces, serviceAccounts, trustDomains, requestPrincipals, audiences, presenters, claims:
		return true
	}
	return false
}

// list draws one or two values, seldom three.
func (g *generator) list(k kind) []string {
	var list []string
	for len(list) == 0 || g.IntN(4) == 0 && len(list) < 3 {
		if v := pick(g.Rand, g.values[k]); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
