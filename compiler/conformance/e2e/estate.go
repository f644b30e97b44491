package e2e

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"writ.dev/writ/compiler/conformance/e2e/parts"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/naive"
	"writ.dev/writ/compiler/syntax"
)

// estate is documents, and the clusters of theirs that run.
type estate struct {
	box      *sandbox
	parts    *parts.Parts
	model    *model.Estate
	meant    *naive.Estate // a second reading, which the manifests owe nothing to
	clusters []*cluster

	outside []*pod // of no cluster: where callers without a sidecar are

	// only are the Services whose workloads run; all where there is none.
	only []string
	// drain is how long sidecars keep connections that were made before a change of their listener; Istio's 45s where it is empty.
	drain string
}

// readEstate reads documents.
func readEstate(ctx context.Context, repository fs.FS) (*model.Estate, *naive.Estate, error) {
	tree, findings := syntax.Parse(ctx, repository)
	if findings.Stops() {
		return nil, nil, fmt.Errorf("the estate does not parse: %v", findings)
	}
	resolved, findings := model.Resolve(tree)
	if findings.Stops() {
		return nil, nil, fmt.Errorf("the estate does not resolve: %v", findings)
	}
	return resolved, naive.Derive(tree), nil
}

// start starts the control planes of the named clusters.
func (e *estate) start(ctx context.Context, names ...string) error {
	return e.startWith(ctx, nil, names...)
}

// startWith starts them with another configuration of the mesh than documents can say.
func (e *estate) startWith(ctx context.Context, adjust func(mesh object), names ...string) error {
	if err := e.box.startEtcd(ctx, e.parts); err != nil {
		return err
	}
	private, public, err := accountKeys()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"tokens.csv": token + `,admin,1,"system:masters"` + "\n", "accounts.key": private, "accounts.pub": public,
	} {
		if err := e.box.write(content, name); err != nil {
			return err
		}
	}
	for _, c := range e.model.Clusters {
		if !slices.Contains(names, c.Name) {
			continue
		}
		n := len(e.clusters) + 1
		address := fmt.Sprintf("198.18.0.%d", n)
		if err := e.box.listenOn(address); err != nil {
			return err
		}
		e.clusters = append(e.clusters, &cluster{
			api: newAPI(address + ":6443"), name: c.Name, number: n, address: address, doc: c, box: e.box, parts: e.parts, drain: e.drain,
			made: map[string]bool{}, adjust: adjust,
		})
	}
	if err := each(e.clusters, 2, func(c *cluster) error { return c.startServer(ctx) }); err != nil {
		return err
	}
	root, err := newAuthority("root", nil)
	if err != nil {
		return err
	}
	return each(e.clusters, 2, func(c *cluster) error { return c.startIstiod(ctx, root, e.clusters) })
}

// each calls do for all, a few at a time, and returns the first error.
func each[T any](all []T, atATime int, do func(T) error) error {
	free := make(chan bool, atATime)
	failed := make(chan error, len(all))
	for _, one := range all {
		free <- true
		go func() {
			failed <- do(one)
			<-free
		}()
	}
	var first error
	for range all {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// populate runs the estate's workloads, and callers that no document names.
func (e *estate) populate(ctx context.Context) error {
	for _, c := range e.clusters {
		for _, w := range c.doc.Workloads {
			if err := e.services(ctx, c, w); err != nil {
				return err
			}
			if len(e.only) > 0 && !slices.Contains(e.only, w.Service.Key()) {
				continue
			}
			for _, account := range w.Accounts {
				e.podOf(c, w, account)
			}
		}
		for _, o := range c.doc.Mesh.Outsiders {
			domain, rest, _ := strings.Cut(o.Doc.Spec.Identity.Value, "/ns/")
			ns, account, ok := strings.Cut(rest, "/sa/")
			if ok && domain == c.trustDomain() {
				e.add(c, &pod{name: o.Name, ns: ns, account: account, labels: map[string]string{"app": o.Name}})
			}
		}
		// Whom nobody named: a namespace of its own, and beside the services of one that has a floor.
		e.add(c, &pod{name: "stranger", ns: "elsewhere", account: "default", labels: map[string]string{"app": "stranger"}})
		e.add(c, &pod{name: "stranger", ns: "orders", account: "default", labels: map[string]string{"app": "stranger"}})
	}
	if err := e.addOutside(); err != nil {
		return err
	}
	for _, c := range e.clusters {
		if err := each(c.pods, 4, func(p *pod) error { return p.deploy(ctx) }); err != nil {
			return err
		}
		if err := e.endpoints(ctx, c); err != nil {
			return err
		}
	}
	return each(append(e.allPods(), e.outside...), 4, func(p *pod) error { return p.run(ctx) })
}

func (e *estate) podOf(c *cluster, w *model.Workload, account string) {
	p := &pod{
		workload: w, name: account, ns: w.Service.Namespace.Name, account: account, labels: map[string]string{},
		bare: w.Stages.MTLS == model.MTLSNone,
	}
	for _, l := range w.Selector {
		p.labels[l.Key] = l.Value
	}
	for _, port := range w.Service.Doc.Spec.Ports {
		number := w.TargetPorts[port.Key.Value]
		if port.Value.Protocol.Value == "tcp" {
			p.redis = append(p.redis, number)
		} else if !slices.Contains(p.ports, number) {
			p.ports = append(p.ports, number)
		}
	}
	e.add(c, p)
}

func (e *estate) add(c *cluster, p *pod) {
	p.cluster = c
	i := len(c.pods)
	p.address = fmt.Sprintf("198.18.%d.%d", 16*c.number+i/200, i%200+1)
	p.ports = append(p.ports, anyPort)
	c.pods = append(c.pods, p)
}

// ranges are the addresses that Outsiders call from.
func (e *estate) ranges() []netip.Prefix {
	var all []netip.Prefix
	for _, o := range e.clusters[0].doc.Mesh.Outsiders {
		for _, t := range o.Doc.Spec.CIDRs.Items {
			if p, err := netip.ParsePrefix(t.Value); err == nil {
				all = append(all, p.Masked())
			}
		}
	}
	return all
}

// addOutside sets up places without a sidecar: one in each range that an Outsider calls from, and one elsewhere.
func (e *estate) addOutside() error {
	addresses := []string{"198.18.8.1"}
	for _, r := range e.ranges() {
		if err := e.box.shell("ip route add " + r.String() + " dev br0"); err != nil {
			return err
		}
		addresses = append(addresses, r.Addr().Next().String())
	}
	for i, a := range addresses {
		p := &pod{
			cluster: e.clusters[0], name: fmt.Sprintf("outside-%d", i), ns: "outside", address: a, ports: []int{anyPort}, bare: true,
		}
		if err := p.network(); err != nil {
			return err
		}
		e.outside = append(e.outside, p)
	}
	return nil
}

// services makes the Kubernetes Services in front of a workload.
func (e *estate) services(ctx context.Context, c *cluster, w *model.Workload) error {
	if len(w.Service.Doc.Spec.Ports) == 0 {
		return nil
	}
	ns := w.Service.Namespace.Name
	if err := c.namespace(ctx, ns); err != nil {
		return err
	}
	var ports []object
	for _, port := range w.Service.Doc.Spec.Ports {
		ports = append(ports, object{
			"name": port.Key.Value, "port": port.Value.Port.Value, "targetPort": w.TargetPorts[port.Key.Value], "appProtocol": protocol(port.Value),
		})
	}
	selector := object{}
	for _, l := range w.Selector {
		selector[l.Key] = l.Value
	}
	for _, host := range w.Hosts {
		if err := c.apply(ctx, object{
			"apiVersion": "v1", "kind": "Service", "metadata": object{"name": host, "namespace": ns},
			"spec": object{"selector": selector, "ports": ports},
		}); err != nil {
			return err
		}
	}
	return nil
}

func protocol(p syntax.Port) string {
	if p.Protocol.Value == "" {
		return "http"
	}
	return p.Protocol.Value
}

// endpoints says which pods are behind the Services, as no controller runs that would.
func (e *estate) endpoints(ctx context.Context, c *cluster) error {
	for _, w := range c.doc.Workloads {
		var ports, endpoints []object
		for _, port := range w.Service.Doc.Spec.Ports {
			ports = append(ports, object{
				"name": port.Key.Value, "port": w.TargetPorts[port.Key.Value], "protocol": "TCP", "appProtocol": protocol(port.Value),
			})
		}
		for _, p := range c.pods {
			if p.workload == w {
				endpoints = append(endpoints, object{
					"addresses": []string{p.address}, "conditions": object{"ready": true},
					"targetRef": object{"kind": "Pod", "name": p.name, "namespace": p.ns},
				})
			}
		}
		for _, host := range w.Hosts {
			if len(ports) == 0 {
				continue
			}
			if err := c.apply(ctx, object{
				"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
				"metadata": object{
					"name": host, "namespace": w.Service.Namespace.Name, "labels": object{"kubernetes.io/service-name": host},
				},
				"ports": ports, "endpoints": endpoints,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyAll applies the manifests of a folder, as `kubectl apply` would.
func (e *estate) applyAll(ctx context.Context, out string) error {
	for _, c := range e.clusters {
		files, err := filepath.Glob(filepath.Join(out, c.name, "*", "*.yaml"))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := c.namespace(ctx, filepath.Base(filepath.Dir(f))); err != nil {
				return err
			}
			if err := c.applyFile(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}
