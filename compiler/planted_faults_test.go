package compiler

import (
	"fmt"
	"slices"
	"strings"
)

// policy breaks an AuthorizationPolicy.
func (b *breaker) policy() {
	ns := b.namespace()
	rules := list(at(b.o, "spec", "rules"))
	floor := textAt(b.o, "metadata", "name") == "writ.floor"
	dry := textAt(b.o, "metadata", "annotations", "istio.io/dry-run") == "true"
	// What allows nothing adds nothing to a floor, however it is broken.
	idle := ""
	if len(rules) == 0 && !floor && !dry && b.floors[ns] {
		idle = "it allows nothing, and the floor refuses the rest"
	}
	b.drop("policy: dropped", idle)
	b.put("no change: a policy twice", "what is allowed twice is allowed", func(o tree) { metadata(o)["name"] = "another" })
	b.plant("policy: action DENY", "", idle, func(o tree) { specOf(o)["action"] = "DENY" })
	b.plant("policy: action AUDIT", "", idle, func(o tree) { specOf(o)["action"] = "AUDIT" })
	b.plant("policy: an empty rule", "", b.open(rules), func(o tree) { specOf(o)["rules"] = append(list(specOf(o)["rules"]), tree{}) })
	b.plant("policy: moved to another namespace", "", idle, func(o tree) { metadata(o)["namespace"] = "elsewhere" })
	if dry {
		b.plant("policy: dry-run taken away", "", "", func(o tree) { delete(metadata(o)["annotations"].(tree), "istio.io/dry-run") })
	} else {
		b.plant("policy: dry-run", "", idle, func(o tree) {
			if metadata(o)["annotations"] == nil {
				metadata(o)["annotations"] = tree{}
			}
			metadata(o)["annotations"].(tree)["istio.io/dry-run"] = "true"
		})
	}
	if floor {
		b.plant("floor: a selector", "", "", func(o tree) { specOf(o)["selector"] = tree{"matchLabels": tree{"app": "x"}} })
		b.put("no change: a floor twice", "what is refused twice is refused", func(o tree) { metadata(o)["name"] = "another" })
		return
	}
	for key := range at(b.o, "spec", "selector", "matchLabels").(tree) {
		b.plant("selector: changed", key, idle, func(o tree) { at(o, "spec", "selector", "matchLabels").(tree)[key] = "x" })
	}
	b.plant("selector: a label more", "", idle, func(o tree) { at(o, "spec", "selector", "matchLabels").(tree)["tier"] = "x" })
	alone := idle
	if dry && (b.shadow[ns] == 1 || len(rules) == 0) {
		alone = "a dry run refuses nothing of pods that nobody declared"
	}
	b.plant("selector: dropped", "", alone, func(o tree) { delete(specOf(o), "selector") })
	if len(rules) > 0 {
		b.plant("rules: emptied", "", "", func(o tree) { delete(specOf(o), "rules") })
	}
	for i, rule := range rules {
		b.rule(i, rule.(tree))
	}
}

// open says that a policy allows everything as it is.
func (b *breaker) open(rules []any) string {
	if len(rules) > 0 && len(rules[0].(tree)) == 0 {
		return "it allows everything as it is"
	}
	return ""
}

func (b *breaker) rule(i int, rule tree) {
	in := func(o tree) tree { return list(specOf(o)["rules"])[i].(tree) }
	where := fmt.Sprintf("rule %d", i)
	if len(rule) == 0 {
		b.plant("rule: a caller", where, "", func(o tree) {
			in(o)["from"] = []any{tree{"source": tree{"principals": []any{"x.example/ns/x/sa/x"}}}}
		})
		return
	}
	b.plant("no change: a rule twice", where, "what is allowed twice is allowed", func(o tree) { specOf(o)["rules"] = append(list(specOf(o)["rules"]), in(o)) })
	b.plant("rule: dropped", where, "", func(o tree) { specOf(o)["rules"] = slices.Delete(list(specOf(o)["rules"]), i, i+1) })
	b.plant("rule: from dropped", where, "", func(o tree) { delete(in(o), "from") })
	b.plant("rule: to dropped", where, "", func(o tree) { delete(in(o), "to") })
	b.plant("rule: a condition", where, "", func(o tree) {
		in(o)["when"] = []any{tree{"key": "source.namespace", "values": []any{"x"}}}
	})
	b.plant("rule: a condition that is not", where, "", func(o tree) {
		in(o)["when"] = []any{tree{"key": "destination.port", "notValues": []any{b.port(rule)}}}
	})
	b.plant("rule: a condition of Envoy's", where, "", func(o tree) {
		in(o)["when"] = []any{tree{"key": "experimental.envoy.filters.x[y]", "values": []any{"z"}}}
	})
	for j, f := range list(rule["from"]) {
		b.source(i, j, f.(tree)["source"].(tree))
	}
	for j, f := range list(rule["to"]) {
		b.operation(i, j, f.(tree)["operation"].(tree))
	}
}

func (b *breaker) port(rule tree) any {
	return list(at(list(rule["to"])[0].(tree), "operation", "ports"))[0]
}

func (b *breaker) source(i, j int, source tree) {
	in := func(o tree) tree {
		return list(list(specOf(o)["rules"])[i].(tree)["from"])[j].(tree)["source"].(tree)
	}
	where := fmt.Sprintf("rule %d from %d", i, j)
	set := func(kind, field string, values ...any) {
		b.plant("source: "+kind, where, "", func(o tree) { in(o)[field] = values })
	}
	field := "principals"
	if source["ipBlocks"] != nil {
		field = "ipBlocks"
		set("other addresses", field, "192.0.2.0/24")
		set("fewer addresses", field, "10.129.0.0/27")
		set("more addresses", field, "10.129.0.0/16")
		set("all addresses", field, "0.0.0.0/0")
		set("an identity beside addresses", "principals", "x.example/ns/x/sa/x")
		return
	}
	set("everybody", field, "*")
	set("addresses beside identities", "ipBlocks", "192.0.2.0/24")
	set("namespaces", "namespaces", "x")
	set("not principals", "notPrincipals", list(source[field])[0])
	set("not namespaces", "notNamespaces", strings.Split(list(source[field])[0].(string), "/")[2])
	set("not addresses", "notIpBlocks", "192.0.2.0/24")
	set("a token", "requestPrincipals", "*")
	b.plant("source: a field that Istio does not have", where, "", func(o tree) { in(o)["principles"] = []any{"x"} })
	for k, principal := range list(source[field]) {
		who := fmt.Sprintf("%s %v", where, principal)
		parts := strings.Split(principal.(string), "/")
		change := func(kind, to string) {
			b.plant("principal: "+kind, who, "", func(o tree) { list(in(o)[field])[k] = to })
		}
		change("another account", strings.Join(parts[:4], "/")+"/x")
		change("another namespace", parts[0]+"/ns/x/sa/"+parts[4])
		change("another trust domain", "x.example/"+strings.Join(parts[1:], "/"))
		change("every account", strings.Join(parts[:4], "/")+"/*")
		change("every trust domain", "*/"+strings.Join(parts[1:], "/"))
		change("with a scheme", "spiffe://"+principal.(string))
		if len(list(source[field])) > 1 {
			b.plant("principal: dropped", who, "", func(o tree) { in(o)[field] = slices.Delete(list(in(o)[field]), k, k+1) })
		}
	}
	b.plant("principal: one more", where, "", func(o tree) { in(o)[field] = append(list(in(o)[field]), "x.example/ns/x/sa/x") })
}

func (b *breaker) operation(i, j int, op tree) {
	in := func(o tree) tree {
		return list(list(specOf(o)["rules"])[i].(tree)["to"])[j].(tree)["operation"].(tree)
	}
	where := fmt.Sprintf("rule %d to %d", i, j)
	set := func(kind, field string, values ...any) {
		b.plant("operation: "+kind, where, "", func(o tree) { in(o)[field] = values })
	}
	port := list(op["ports"])[0]
	set("another port", "ports", "1")
	set("one more port", "ports", port, "1")
	b.plant("operation: every port", where, "", func(o tree) { delete(in(o), "ports") })
	set("not ports", "notPorts", port)
	set("hosts", "hosts", "x.example")
	set("not hosts", "notHosts", "x.example")
	b.plant("operation: one more, of another port", where, "", func(o tree) {
		to := list(list(specOf(o)["rules"])[i].(tree)["to"])
		list(specOf(o)["rules"])[i].(tree)["to"] = append(to, tree{"operation": tree{"ports": []any{"1"}}})
	})
	if methods := list(op["methods"]); methods != nil {
		set("one more method", "methods", append(slices.Clone(methods), "DELETE")...)
		set("methods in lower case", "methods", lower(methods)...)
		set("every method", "methods", "*")
		set("not methods", "notMethods", methods[0])
		b.plant("operation: methods dropped", where, "", func(o tree) { delete(in(o), "methods") })
		if len(methods) > 1 {
			set("one method less", "methods", methods[1:]...)
		}
	} else {
		set("a method", "methods", "GET")
	}
	paths := list(op["paths"])
	if paths == nil {
		set("a path", "paths", "/x")
		return
	}
	b.plant("operation: paths dropped", where, "", func(o tree) { delete(in(o), "paths") })
	set("one more path", "paths", append(slices.Clone(paths), "/x/y/z")...)
	for k, path := range paths {
		b.path(in, where, k, path.(string), paths)
	}
}

func (b *breaker) path(in func(tree) tree, where string, k int, path string, paths []any) {
	where = fmt.Sprintf("%s %s", where, path)
	change := func(kind, to string) {
		if to == path || slices.Contains(paths, any(to)) {
			return
		}
		b.plant("path: "+kind, where, "", func(o tree) { list(in(o)["paths"])[k] = to })
	}
	last := strings.LastIndex(path, "/")
	change("its last segment is any", path[:last]+"/{*}")
	change("its last segment is the rest", path[:last]+"/{**}")
	change("a prefix", strings.NewReplacer("{**}", "x", "{*}", "x").Replace(path)+"*")
	change("a suffix", "*"+strings.NewReplacer("{**}", "x", "{*}", "x").Replace(path))
	change("another", path[:last]+"/x-y")
	change("a trailing slash", path+"/")
	change("a variable is a word", strings.NewReplacer("{**}", "x", "{*}", "x").Replace(path))
	change("the other case", strings.ToUpper(path))
	if len(paths) > 1 {
		b.plant("path: dropped", where, "", func(o tree) { in(o)["paths"] = slices.Delete(list(in(o)["paths"]), k, k+1) })
	}
}

func lower(values []any) []any {
	var all []any
	for _, v := range values {
		all = append(all, strings.ToLower(v.(string)))
	}
	return all
}

// peers breaks a PeerAuthentication.
func (b *breaker) peers() {
	mode := textAt(b.o, "spec", "mtls", "mode")
	selector := at(b.o, "spec", "selector") != nil
	ports, _ := at(b.o, "spec", "portLevelMtls").(tree)
	inherited := "PERMISSIVE"
	if b.strict && selector {
		inherited = "STRICT"
	}
	same := ""
	if mode == inherited && len(ports) == 0 {
		same = "the mode is what would be inherited"
	}
	b.drop("mtls: dropped", same)
	for _, other := range []string{"STRICT", "PERMISSIVE", "DISABLE", "UNSET"} {
		if other == mode {
			continue
		}
		why := ""
		if other == "UNSET" && mode == inherited {
			why = "the mode is inherited"
		}
		b.plant("mtls: "+other, "", why, func(o tree) { at(o, "spec", "mtls").(tree)["mode"] = other })
	}
	b.put("mtls: a second one of another mode", "", func(o tree) {
		metadata(o)["name"] = "another"
		at(o, "spec", "mtls").(tree)["mode"] = "DISABLE"
	})
	if !selector {
		return
	}
	other := map[string]string{"STRICT": "PERMISSIVE", "PERMISSIVE": "STRICT"}[mode]
	b.plant("mtls: a port of another mode", "", "", func(o tree) {
		specOf(o)["portLevelMtls"] = tree{"1": tree{"mode": other}}
	})
	if len(ports) > 0 {
		b.plant("mtls: ports dropped", "", "", func(o tree) { delete(specOf(o), "portLevelMtls") })
	}
	for key := range at(b.o, "spec", "selector", "matchLabels").(tree) {
		b.plant("mtls: selector changed", key, same, func(o tree) { at(o, "spec", "selector", "matchLabels").(tree)[key] = "x" })
	}
	b.plant("mtls: a label more", "", same, func(o tree) { at(o, "spec", "selector", "matchLabels").(tree)["tier"] = "x" })
	b.plant("mtls: selector dropped", "", same, func(o tree) { delete(specOf(o), "selector") })
	b.plant("mtls: moved to another namespace", "", same, func(o tree) { metadata(o)["namespace"] = "elsewhere" })
}

// sidecar breaks a Sidecar.
func (b *breaker) sidecar() {
	hosts := list(list(specOf(b.o)["egress"])[0].(tree)["hosts"])
	listener := func(o tree) tree { return list(specOf(o)["egress"])[0].(tree) }
	b.drop("sidecar: dropped", "")
	b.put("no change: a sidecar twice", "whichever is the older, they are alike", func(o tree) { metadata(o)["name"] = "another" })
	b.put("sidecar: a second one that reaches less", "", func(o tree) {
		metadata(o)["name"] = "another"
		listener(o)["hosts"] = []any{"x/x.example"}
	})
	b.plant("sidecar: ALLOW_ANY", "", "", func(o tree) { specOf(o)["outboundTrafficPolicy"] = tree{"mode": "ALLOW_ANY"} })
	b.plant("sidecar: the mesh's outbound mode", "", "", func(o tree) { delete(specOf(o), "outboundTrafficPolicy") })
	b.plant("sidecar: one more host", "", "", func(o tree) { listener(o)["hosts"] = append(list(listener(o)["hosts"]), "x/x.example") })
	b.plant("sidecar: every host of a namespace", "", "", func(o tree) { listener(o)["hosts"] = append(list(listener(o)["hosts"]), "./*") })
	b.plant("sidecar: every host", "", "", func(o tree) { listener(o)["hosts"] = []any{"*/*"} })
	b.plant("sidecar: no egress", "", "", func(o tree) { delete(specOf(o), "egress") })
	b.plant("sidecar: a listener of one port", "", "", func(o tree) {
		listener(o)["port"] = tree{"number": 80, "protocol": "HTTP", "name": "http"}
	})
	b.plant("sidecar: ingress", "", "", func(o tree) {
		specOf(o)["ingress"] = []any{tree{"port": tree{"number": 80, "protocol": "HTTP", "name": "http"}, "defaultEndpoint": "127.0.0.1:8080"}}
	})
	for k, host := range hosts {
		if host == "~/*" {
			continue
		}
		namespace, name, _ := strings.Cut(host.(string), "/")
		change := func(kind, to string) {
			b.plant("sidecar: "+kind, host.(string), "", func(o tree) { list(listener(o)["hosts"])[k] = to })
		}
		change("a host of another namespace", "x/"+name)
		change("a host by a wildcard", namespace+"/*"+name[strings.Index(name, "."):])
		change("a host of any namespace", "*/"+name)
		change("another domain", namespace+"/"+strings.Replace(name, "cluster.local", "cluster.example", 1))
		b.plant("sidecar: a host dropped", host.(string), "", func(o tree) { listener(o)["hosts"] = withoutHost(list(listener(o)["hosts"]), k) })
	}
	same := ""
	if b.scoped[b.namespace()] == b.pods[b.namespace()] {
		same = "every other workload there has a Sidecar of its own"
	}
	b.plant("no change: a sidecar for all of a namespace that has others", "", same, func(o tree) { delete(specOf(o), "workloadSelector") })
	for key := range at(b.o, "spec", "workloadSelector", "labels").(tree) {
		b.plant("sidecar: selector changed", key, "", func(o tree) { at(o, "spec", "workloadSelector", "labels").(tree)[key] = "x" })
	}
	b.plant("sidecar: a label more", "", "", func(o tree) { at(o, "spec", "workloadSelector", "labels").(tree)["tier"] = "x" })
	b.plant("sidecar: moved to another namespace", "", "", func(o tree) { metadata(o)["namespace"] = "elsewhere" })
}

// withoutHost takes a host away; nothing is written as no list is.
func withoutHost(hosts []any, k int) []any {
	if hosts = slices.Delete(hosts, k, k+1); len(hosts) == 0 {
		return []any{"~/*"}
	}
	return hosts
}
