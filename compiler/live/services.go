package live

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// services compares the ports of Kubernetes Services with those that documents declare.
func (c *comparison) services() {
	if len(c.snapshot.services) == 0 {
		return
	}
	c.checked.Services = true
	for _, w := range c.cluster.Workloads {
		if w.Retired || len(w.Service.Doc.Spec.Ports) == 0 {
			continue // nobody calls it
		}
		for _, host := range w.Hosts {
			if v := c.service(w.Service.Namespace.Name, host); v != nil {
				c.ports(w, v)
				continue
			}
			c.add(serviceOtherwise, w.Service.Doc.Metadata.Name.Span, "hosts["+host+"]", diag.Finding{
				Message: fmt.Sprintf("%s has no Kubernetes Service %s/%s, by which callers would reach %s", c.cluster.Name, w.Service.Namespace.Name, host, w.Service.Key()),
				Help:    "deploy it, say its name under hosts, or take the cluster out of the document's clusters",
			}, w.Service.Object())
		}
	}
}

func (c *comparison) service(namespace, name string) *service {
	return c.snapshot.services[namespace+"/"+name]
}

func (c *comparison) ports(w *model.Workload, v *service) {
	for _, p := range w.Service.Doc.Spec.Ports {
		tell := func(format string, args ...any) {
			c.add(serviceOtherwise, p.Key.Span, "ports."+p.Key.Value, diag.Finding{
				Message: fmt.Sprintf(format, args...),
				Help:    "say in the document what runs, or change the Kubernetes Service",
				Related: []diag.Related{{Span: v.at, Message: "Service " + v.key()}},
			}, w.Service.Object())
		}
		i := slices.IndexFunc(v.Spec.Ports, func(is servicePort) bool { return is.Port == p.Value.Port.Value })
		if i < 0 {
			tell("Service %s in %s has no port %d", v.key(), c.cluster.Name, p.Value.Port.Value)
			continue
		}
		is, want := v.Spec.Ports[i], w.TargetPorts[p.Key.Value]
		if target, known := c.target(v, is); known && target != want {
			tell("port %d of Service %s in %s leads to port %d of its pods, and its document says %d", is.Port, v.key(), c.cluster.Name, target, want)
		}
		if runs, said := is.protocol(); said && readsHTTP(runs) != speaksHTTP(p.Value) {
			tell("port %d of Service %s in %s is %s to sidecars, and %s to its document", is.Port, v.key(), c.cluster.Name, runs, or(p.Value.Protocol.Value, "http"))
		}
	}
}

// target is the port of the pods that a port of the Service leads to. One that is named is known where all of its pods agree.
func (c *comparison) target(v *service, p servicePort) (number int, known bool) {
	if p.TargetPort == "" || p.TargetPort == "0" {
		return p.Port, true
	}
	if n, err := strconv.Atoi(p.TargetPort); err == nil {
		return n, true
	}
	for i := range c.snapshot.pods {
		pod := &c.snapshot.pods[i]
		if pod.Metadata.Namespace != v.Metadata.Namespace || !selects(v.Spec.Selector, pod.Metadata.Labels) {
			continue
		}
		n := pod.port(p.TargetPort)
		if n == 0 || known && n != number {
			return 0, false
		}
		number, known = n, true
	}
	return number, known
}

func (p *pod) port(name string) int {
	for _, c := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers) {
		for _, port := range c.Ports {
			if port.Name == name {
				return port.ContainerPort
			}
		}
	}
	return 0
}

// protocol is what the port says that it speaks, by its appProtocol or by the first part of its name, and whether it says anything
// that Istio knows. https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
func (p servicePort) protocol() (name string, said bool) {
	name = strings.ToLower(p.AppProtocol)
	switch name {
	case "":
		name, _, _ = strings.Cut(strings.ToLower(p.Name), "-")
	case "kubernetes.io/h2c":
		name = "http2"
	case "kubernetes.io/ws":
		name = "http"
	case "kubernetes.io/wss":
		name = "https"
	}
	known := []string{"http", "http2", "grpc", "grpc-web", "https", "tcp", "tls", "mongo", "mysql", "redis", "udp"}
	return name, slices.Contains(known, name)
}

// readsHTTP reports whether a sidecar reads a port of the protocol as HTTP. TLS that the application speaks itself it passes on.
func readsHTTP(protocol string) bool {
	return slices.Contains([]string{"http", "http2", "grpc", "grpc-web"}, protocol)
}

func speaksHTTP(p syntax.Port) bool { return p.Protocol.Value != "tcp" && p.Protocol.Value != "tls" }

// selects reports whether a selector picks a pod with the labels. A Service without one picks none.
func selects(selector, labels map[string]string) bool {
	for key, v := range selector {
		if have, ok := labels[key]; !ok || have != v {
			return false
		}
	}
	return len(selector) > 0
}
