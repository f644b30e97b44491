package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// fault is a manifest that is not as it was rendered. Somebody's answers must then differ from what is meant.
type fault struct {
	name   string
	file   string         // below out/
	change func(o object) // nil where the manifest is missing
	at     string         // whose answers differ: a callee, or a caller where the manifest is a Sidecar
}

func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v = v.(object)[p]
		case int:
			v = v.([]any)[p]
		}
	}
	return v
}

func specOf(o object) object { return o["spec"].(object) }

func rules(o object) []any { return specOf(o)["rules"].([]any) }

func source(o object) object { return at(rules(o), 0, "from", 0, "source").(object) }

func operation(o object) object { return at(rules(o), 0, "to", 0, "operation").(object) }

func annotations(o object) object { return at(o, "metadata", "annotations").(object) }

// faults are one of each kind that the tests of the proof plant, as far as it shows in the two clusters.
func faults() []fault {
	const (
		payment = "eu-1/payments/authorizationpolicy-paymentservice.yaml"
		payer   = "eu-1.payments.paymentservice"
		shop    = "eu-1/storefront/authorizationpolicy-frontend.yaml"
		front   = "eu-1.storefront.frontend"
		history = "eu-1/orders/authorizationpolicy-order-history.yaml"
		books   = "eu-1.orders.order-history"
	)
	var all []fault
	add := func(name, file, at string, change func(o object)) { all = append(all, fault{name, file, change, at}) }

	add("policy: dropped", payment, payer, nil)
	add("policy: action DENY", payment, payer, func(o object) { specOf(o)["action"] = "DENY" })
	add("policy: action AUDIT", payment, payer, func(o object) { specOf(o)["action"] = "AUDIT" })
	add("policy: an empty rule", payment, payer, func(o object) { specOf(o)["rules"] = append(rules(o), object{}) })
	add("policy: moved to another namespace", payment, payer, func(o object) { o["metadata"].(object)["namespace"] = "elsewhere" })
	add("policy: dry-run", payment, payer, func(o object) { annotations(o)["istio.io/dry-run"] = "true" })
	add("policy: dry-run taken away", "us-1/catalog/authorizationpolicy-productcatalogservice.yaml", "us-1.catalog.productcatalogservice",
		func(o object) { delete(annotations(o), "istio.io/dry-run") })
	add("floor: dropped", "eu-1/orders/authorizationpolicy-writ.floor.yaml", "eu-1.orders.stranger", nil)
	add("floor: a selector", "eu-1/orders/authorizationpolicy-writ.floor.yaml", "eu-1.orders.stranger",
		func(o object) { specOf(o)["selector"] = object{"matchLabels": object{"app": "x"}} })
	add("selector: changed", payment, payer, func(o object) { at(o, "spec", "selector", "matchLabels").(object)["app"] = "x" })
	add("selector: a label more", payment, payer, func(o object) { at(o, "spec", "selector", "matchLabels").(object)["tier"] = "x" })
	add("selector: dropped", "us-1/orders/authorizationpolicy-redis-cart.yaml", "us-1.orders.stranger",
		func(o object) { delete(specOf(o), "selector") })
	add("rules: emptied", payment, payer, func(o object) { delete(specOf(o), "rules") })
	add("rule: dropped", payment, payer, func(o object) { specOf(o)["rules"] = rules(o)[1:] })
	add("rule: from dropped", payment, payer, func(o object) { delete(rules(o)[0].(object), "from") })
	add("rule: to dropped", payment, payer, func(o object) { delete(rules(o)[0].(object), "to") })
	add("rule: a condition", payment, payer, func(o object) {
		rules(o)[0].(object)["when"] = []any{object{"key": "source.namespace", "values": []any{"x"}}}
	})
	add("rule: a condition that is not", payment, payer, func(o object) {
		rules(o)[0].(object)["when"] = []any{object{"key": "destination.port", "notValues": []any{"50051"}}}
	})
	for kind, change := range map[string]func(principal string) string{
		"another account":      func(p string) string { return strings.Replace(p, "/sa/checkoutservice", "/sa/cartservice", 1) },
		"another namespace":    func(p string) string { return strings.Replace(p, "/ns/orders/", "/ns/storefront/", 1) },
		"another trust domain": func(p string) string { return "x.example/" + strings.SplitN(p, "/", 2)[1] },
		"every account":        func(p string) string { return p[:strings.LastIndex(p, "/")] + "/*" },
		"every trust domain":   func(p string) string { return "*/" + strings.SplitN(p, "/", 2)[1] },
		"with a scheme":        func(p string) string { return "spiffe://" + p },
	} {
		file, whose := payment, payer
		if kind == "every trust domain" { // which is told from others where one of them alone is let in
			file, whose = "us-1/payments/authorizationpolicy-paymentservice.yaml", "us-1.payments.paymentservice"
		}
		add("principal: "+kind, file, whose, func(o object) {
			list := source(o)["principals"].([]any)
			list[0] = change(list[0].(string))
		})
	}
	add("principal: dropped", payment, payer, func(o object) { source(o)["principals"] = source(o)["principals"].([]any)[1:] })
	add("principal: one more", payment, payer, func(o object) {
		source(o)["principals"] = append(source(o)["principals"].([]any), "us.boutique.example/ns/elsewhere/sa/default")
	})
	for kind, change := range map[string]func(s object){
		"everybody":                   func(s object) { s["principals"] = []any{"*"} },
		"addresses beside identities": func(s object) { s["ipBlocks"] = []any{"192.0.2.0/24"} },
		"namespaces":                  func(s object) { s["namespaces"] = []any{"x"} },
		"not principals":              func(s object) { s["notPrincipals"] = s["principals"].([]any)[:1] },
		"not namespaces":              func(s object) { s["notNamespaces"] = []any{"orders"} },
		"a token":                     func(s object) { s["requestPrincipals"] = []any{"*"} },
	} {
		add("source: "+kind, payment, payer, func(o object) { change(source(o)) })
	}
	for kind, change := range map[string]func(op object){
		"another port":          func(op object) { op["ports"] = []any{"50052"} },
		"every port":            func(op object) { delete(op, "ports") },
		"one more port":         func(op object) { op["ports"] = append(op["ports"].([]any), "9090") },
		"methods dropped":       func(op object) { delete(op, "methods") },
		"one more method":       func(op object) { op["methods"] = append(op["methods"].([]any), "PUT") },
		"methods in lower case": func(op object) { op["methods"] = []any{"post"} },
		"every method":          func(op object) { op["methods"] = []any{"*"} },
		"paths dropped":         func(op object) { delete(op, "paths") },
		"one more path":         func(op object) { op["paths"] = append(op["paths"].([]any), "/metrics") },
		"a host":                func(op object) { op["hosts"] = []any{"x.example"} },
		"not methods":           func(op object) { op["notMethods"] = []any{"POST"} },
		"not ports":             func(op object) { op["notPorts"] = []any{"50051"} },
	} {
		add("operation: "+kind, payment, payer, func(o object) { change(operation(o)) })
	}
	for kind, change := range map[string]func(path string) string{
		"a prefix":                func(p string) string { return p + "*" },
		"a suffix":                func(p string) string { return "*" + p },
		"a trailing slash":        func(p string) string { return p + "/" },
		"its last segment is any": func(p string) string { return p[:strings.LastIndex(p, "/")] + "/{*}" },
		"the other case":          strings.ToUpper,
		"another":                 func(string) string { return "/x" },
	} {
		add("path: "+kind, payment, payer, func(o object) {
			list := operation(o)["paths"].([]any)
			list[0] = change(list[0].(string))
		})
	}
	add("path: a variable is a word", history, books, func(o object) {
		for _, r := range rules(o) {
			for _, to := range r.(object)["to"].([]any) {
				paths := at(to, "operation", "paths").([]any)
				paths[0] = strings.Replace(paths[0].(string), "{*}", "x", 1)
			}
		}
	})
	add("path: its last segment is the rest", history, books, func(o object) {
		for _, r := range rules(o) {
			for _, to := range r.(object)["to"].([]any) {
				paths := at(to, "operation", "paths").([]any)
				paths[0] = strings.Replace(paths[0].(string), "{*}", "{**}", 1)
			}
		}
	})
	for kind, block := range map[string]string{"other addresses": "192.0.2.0/24", "all addresses": "0.0.0.0/0"} {
		add("source: "+kind, shop, front, func(o object) {
			for _, r := range rules(o) {
				if s := at(r, "from", 0, "source").(object); s["ipBlocks"] != nil {
					s["ipBlocks"] = []any{block}
				}
			}
		})
	}
	const mtls = "eu-1/payments/peerauthentication-paymentservice.yaml"
	for _, mode := range []string{"PERMISSIVE", "DISABLE"} {
		// Of a workload that refuses nothing else: what a policy refuses anyway shows no difference.
		add("mtls: "+mode, "us-1/catalog/peerauthentication-currencyservice.yaml", "us-1.catalog.currencyservice",
			func(o object) { at(o, "spec", "mtls").(object)["mode"] = mode })
	}
	add("mtls: a port of another mode", "us-1/catalog/peerauthentication-currencyservice.yaml", "us-1.catalog.currencyservice",
		func(o object) { specOf(o)["portLevelMtls"] = object{"9090": object{"mode": "PERMISSIVE"}} })
	add("mtls: dropped", "eu-1/catalog/peerauthentication-currencyservice.yaml", "eu-1.catalog.currencyservice", nil)
	add("mtls: selector changed", "eu-1/catalog/peerauthentication-currencyservice.yaml", "eu-1.catalog.currencyservice",
		func(o object) { at(o, "spec", "selector", "matchLabels").(object)["app"] = "x" })
	add("mtls: DISABLE under policy", mtls, payer, func(o object) { at(o, "spec", "mtls").(object)["mode"] = "DISABLE" })
	add("mtls: ports dropped", "eu-1/storefront/peerauthentication-frontend.yaml", front, func(o object) { delete(specOf(o), "portLevelMtls") })

	const scope, caller = "us-1/storefront/sidecar-recommendationservice.yaml", "us-1.storefront.recommendations"
	hosts := func(o object) *[]any {
		list := at(o, "spec", "egress", 0, "hosts").([]any)
		return &list
	}
	setHosts := func(o object, list []any) { at(o, "spec", "egress", 0).(object)["hosts"] = list }
	add("sidecar: dropped", scope, caller, nil)
	add("sidecar: ALLOW_ANY", scope, caller, func(o object) { at(o, "spec", "outboundTrafficPolicy").(object)["mode"] = "ALLOW_ANY" })
	add("sidecar: the mesh's outbound mode", scope, caller, func(o object) { delete(specOf(o), "outboundTrafficPolicy") })
	add("sidecar: no egress", scope, caller, func(o object) { delete(specOf(o), "egress") })
	add("sidecar: a host dropped", scope, caller, func(o object) { setHosts(o, (*hosts(o))[1:]) })
	add("sidecar: one more host", scope, caller, func(o object) {
		setHosts(o, append(*hosts(o), "payments/paymentservice.payments.svc.cluster.local"))
	})
	add("sidecar: every host of a namespace", scope, caller, func(o object) { setHosts(o, append(*hosts(o), "orders/*")) })
	add("sidecar: every host", scope, caller, func(o object) { setHosts(o, []any{"*/*"}) })
	add("sidecar: selector changed", scope, caller, func(o object) { at(o, "spec", "workloadSelector", "labels").(object)["app"] = "x" })
	add("sidecar: moved to another namespace", scope, caller, func(o object) { o["metadata"].(object)["namespace"] = "elsewhere" })
	slices.SortStableFunc(all, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return all
}

// plant breaks one manifest after the other in the running clusters, with nobody there to mend it: the same questions as before must
// be answered otherwise than is meant.
func (e *estate) plant(t *testing.T, argo *argoCD, callees []*callee, identities []identity) {
	ctx := t.Context()
	argo.controller.kill()
	begin, found := time.Now(), 0
	all := slices.DeleteFunc(faults(), func(f fault) bool { return !strings.HasPrefix(f.name, os.Getenv("FAULTS")) })
	for i, f := range all {
		start := time.Now()
		restore, err := e.breakLive(ctx, argo, f)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		asked, err := e.askAbout(ctx, argo, f, fmt.Sprintf("fault-%d", i), callees, identities)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		if asked.differing == 0 {
			t.Errorf("%s in %s: nobody notices: %s", f.name, f.file, asked)
		} else {
			found++
		}
		t.Logf("%s: %d of %d differ; %.1f s", f.name, asked.differing, asked.sent, time.Since(start).Seconds())
		if err := restore(); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
	}
	t.Logf("%d of %d planted faults are noticed; %.1f s", found, len(all), time.Since(begin).Seconds())
	if err := argo.startController(); err != nil {
		t.Fatal(err)
	}
	argo.roll(t, "")
}

// breakLive makes the cluster and the work tree hold the fault, and returns what takes it back.
func (e *estate) breakLive(ctx context.Context, argo *argoCD, f fault) (restore func() error, err error) {
	path := filepath.Join(argo.repository, "out", f.file)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	o, broken := object{}, object{}
	if err := yaml.Unmarshal(data, &o); err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(data, &broken); err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(f.file, "/")
	c := e.clusters[slices.IndexFunc(e.clusters, func(c *cluster) bool { return c.name == name })]
	if f.change == nil {
		broken = nil
	} else {
		f.change(broken)
	}
	if err := c.replace(ctx, o, broken); err != nil {
		return nil, err
	}
	written := []byte(nil)
	if broken != nil {
		if written, err = yaml.Marshal(broken); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(path, written, 0o644); err != nil {
		return nil, err
	}
	return func() error {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
		if broken == nil {
			return c.apply(ctx, o)
		}
		return c.replace(ctx, broken, o)
	}, e.pushed(ctx)
}

// replace puts an object in the place of another one, as if that had never been there.
func (c *cluster) replace(ctx context.Context, old, fresh object) error {
	path, err := c.pathOf(ctx, old)
	if err != nil {
		return err
	}
	if fresh == nil || at(fresh, "metadata", "namespace") != at(old, "metadata", "namespace") {
		if err := c.delete(ctx, path); err != nil || fresh == nil {
			return err
		}
		return c.apply(ctx, fresh)
	}
	var live object
	if err := c.get(ctx, path, &live); err != nil {
		return err
	}
	live["spec"] = fresh["spec"]
	live["metadata"].(object)["annotations"] = annotations(fresh)
	return c.put(ctx, path, live)
}

// askAbout asks whoever has to notice.
func (e *estate) askAbout(ctx context.Context, argo *argoCD, f fault, name string, callees []*callee, identities []identity) (*tally, error) {
	if strings.Contains(f.file, "/sidecar-") {
		var from []*pod
		for _, p := range e.allPods() {
			if p.id() == f.at {
				from = append(from, p)
			}
		}
		if len(from) == 0 {
			return nil, fmt.Errorf("no caller %s", f.at)
		}
		return e.throughSidecars(ctx, name, from, callees, true)
	}
	i := slices.IndexFunc(callees, func(c *callee) bool { return c.String() == f.at })
	if i < 0 {
		return nil, fmt.Errorf("no callee %s", f.at)
	}
	to := *callees[i]
	objects, err := manifestsOf(os.DirFS(filepath.Join(argo.repository, "out")), to.cluster.name)
	if err != nil {
		return nil, err
	}
	if to.classes, err = e.classesOf(&to, objects); err != nil {
		return nil, err
	}
	all := newTally()
	for i, sender := range e.outside {
		who := identities
		if i > 0 {
			who = identities[:1] // nobody
		}
		asked, err := e.direct(ctx, sender, &to, who)
		if err != nil {
			return nil, err
		}
		all.join(asked)
	}
	return all, nil
}
