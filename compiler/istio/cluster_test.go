package istio

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/plan"
)

// clusters draws plans with the values that go wrong on the way through YAML: names, labels and reasons that a YAML 1.1
// reader takes for truth values, numbers, dates or nothing.
func clusters() *rapid.Generator[plan.Cluster] {
	return rapid.Custom(func(t *rapid.T) plan.Cluster {
		c := plan.Cluster{Name: "eu-1", RootNamespace: "istio-system"}
		if rapid.Bool().Draw(t, "strict") {
			c.Strict = &plan.Switch{Origin: "Mesh prod"}
		}
		namespaces := rapid.SliceOfNDistinct(dnsLabel(), 1, 3, rapid.ID[string]).Draw(t, "namespaces")
		slices.Sort(namespaces)
		for _, namespace := range namespaces {
			if rapid.Bool().Draw(t, "floor") {
				c.Floors = append(c.Floors, plan.Floor{Namespace: namespace, Origin: "Team " + namespace})
			}
			names := rapid.SliceOfNDistinct(dnsLabel(), 0, 3, rapid.ID[string]).Draw(t, "workloads")
			slices.Sort(names)
			for _, name := range names {
				c.Workloads = append(c.Workloads, workload(t, namespace, name))
			}
		}
		return c
	})
}

func workload(t *rapid.T, namespace, name string) plan.Workload {
	w := plan.Workload{
		Namespace: namespace, Name: name, Origin: "Service " + namespace + "/" + name,
		Selector: labelLists().Draw(t, "selector"),
		MTLS:     rapid.SampledFrom([]plan.MTLS{plan.NoMTLS, plan.PermissiveMTLS, plan.StrictMTLS}).Draw(t, "mtls"),
		Authz:    rapid.SampledFrom([]plan.Authz{plan.AuthzOff, plan.AuthzShadow, plan.AuthzEnforce}).Draw(t, "authz"),
	}
	if w.MTLS == plan.StrictMTLS {
		w.PlaintextPorts = sortedDistinct(t, rapid.IntRange(1, 65535), 0, "plaintext")
	}
	if w.Authz != plan.AuthzOff {
		for i := range rapid.IntRange(1, 2).Draw(t, "policies") {
			p := plan.Policy{Name: name, Rules: rapid.SliceOfN(ruleGenerator(), 0, 4).Draw(t, "rules")}
			if i > 0 {
				p.Name = fmt.Sprintf("%s.%d", name, i+1)
			}
			if len(p.Rules) > 0 {
				p.Intents = sortedDistinct(t, intents(), 1, "intents")
			}
			w.Policies = append(w.Policies, p)
		}
	}
	if rapid.Bool().Draw(t, "open") {
		w.AllowAll = &plan.Exception{Because: reasons().Draw(t, "because"), Until: "2027-01-31", Origin: "Mesh prod"}
	}
	if rapid.Bool().Draw(t, "scoped") {
		w.Outbound = &plan.Outbound{Hosts: sortedDistinct(t, hosts(), 0, "hosts"), Intents: sortedDistinct(t, intents(), 0, "intents")}
	}
	return w
}

func ruleGenerator() *rapid.Generator[plan.Rule] {
	return rapid.Custom(func(t *rapid.T) plan.Rule {
		r := plan.Rule{Operations: rapid.SliceOfN(operationGenerator(), 1, 3).Draw(t, "operations")}
		if rapid.Bool().Draw(t, "by address") {
			r.CIDRs = sortedDistinct(t, cidrs(), 1, "cidrs")
		} else {
			r.Principals = sortedDistinct(t, principals(), 1, "principals")
		}
		return r
	})
}

func operationGenerator() *rapid.Generator[plan.Operation] {
	return rapid.Custom(func(t *rapid.T) plan.Operation {
		return plan.Operation{
			Port:    rapid.IntRange(1, 65535).Draw(t, "port"),
			Methods: sortedDistinct(t, rapid.SampledFrom([]string{"DELETE", "GET", "HEAD", "M-SEARCH", "NO", "ON", "PATCH", "POST", "Y"}), 0, "methods"),
			Paths:   sortedDistinct(t, paths(), 0, "paths"),
		}
	})
}

// sortedDistinct draws a list as the plan has it; an empty one is nil.
func sortedDistinct[T int | string](t *rapid.T, g *rapid.Generator[T], least int, label string) []T {
	list := rapid.SliceOfNDistinct(g, least, 4, rapid.ID[T]).Draw(t, label)
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return list
}

// treacherous are DNS labels that YAML 1.1 reads as something else.
var treacherous = []string{"on", "off", "yes", "no", "y", "n", "true", "false", "null", "123", "0777", "0x10", "1e3", "2026-01-31", "0b11"}

func dnsLabel() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(treacherous), rapid.StringMatching(`[a-z]([a-z0-9-]{0,10}[a-z0-9])?`))
}

func labelLists() *rapid.Generator[[]plan.Label] {
	values := rapid.OneOf(
		rapid.SampledFrom(treacherous),
		rapid.SampledFrom([]string{"Yes", "NO", "True", "1_000", "1.5", "1e-3", "0o7", "12E03", "Null", "3.141"}),
		rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9_.-]{0,10}[A-Za-z0-9])?`))
	keys := rapid.SampledFrom([]string{"app", "on", "y", "123", "null", "app.kubernetes.io/name", "true"})
	return rapid.Custom(func(t *rapid.T) []plan.Label {
		var list []plan.Label
		for _, key := range sortedDistinct(t, keys, 1, "keys") {
			list = append(list, plan.Label{Key: key, Value: values.Draw(t, "value")})
		}
		return list
	})
}

func principals() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		domain := rapid.SampledFrom([]string{"cluster.local", "eu.example", "on", "123"}).Draw(t, "trust domain")
		return domain + "/ns/" + dnsLabel().Draw(t, "namespace") + "/sa/" + dnsLabel().Draw(t, "account")
	})
}

func cidrs() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"::1/128", "2001:db8::/32", "::/0", "fe80::/10", "10.0.0.0", "::1", "1:2::"}),
		rapid.Custom(func(t *rapid.T) string {
			b := func(n string) int { return rapid.IntRange(0, 255).Draw(t, n) }
			return fmt.Sprintf("%d.%d.%d.%d/%d", b("a"), b("b"), b("c"), b("d"), rapid.IntRange(0, 32).Draw(t, "bits"))
		}))
}

// paths are Istio's: literal segments and {*}, with {**} at the end.
func paths() *rapid.Generator[string] {
	segment := rapid.OneOf(rapid.Just("{*}"), rapid.StringMatching(`[A-Za-z0-9._~!$&'(),;:@%=-]{1,8}`))
	return rapid.Custom(func(t *rapid.T) string {
		path := ""
		template := false
		for _, s := range rapid.SliceOfN(segment, 0, 4).Draw(t, "segments") {
			path += "/" + s
			template = template || s == "{*}"
		}
		if path == "" || rapid.Bool().Draw(t, "rest") {
			path += "/" + rapid.SampledFrom([]string{"", "{**}"}).Draw(t, "end")
		}
		return path
	})
}

func hosts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		namespace := dnsLabel().Draw(t, "namespace")
		return namespace + "/" + dnsLabel().Draw(t, "name") + "." + namespace + ".svc.cluster.local"
	})
}

func intents() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return dnsLabel().Draw(t, "namespace") + "/" + dnsLabel().Draw(t, "name") + " " + dnsLabel().Draw(t, "endpoint")
	})
}

// reasons are what people write: anything.
func reasons() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(scalars), rapid.String())
}
