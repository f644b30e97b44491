package prove

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// construct is something in an object that the proof has no semantics for.
type construct struct {
	line int
	what string
}

// setAside puts the objects to their namespaces, but for those that the semantics does not cover. Of these the platform may have
// accepted some by their content; each of the others is a finding.
func (r *prover) setAside(objects []*manifest.Object) {
	for _, o := range objects {
		unknown := outside(o, r.Cluster, r.hosts)
		if len(unknown) == 0 {
			r.sort(o)
			continue
		}
		digest := o.SHA256()
		f := diag.Finding{
			Rule: outsideSemantics, Span: r.span(o), Objects: []string{nameOf(o), "Cluster " + r.Cluster.Name}, Field: "accepted",
			Message: fmt.Sprintf("%s in %s: %s, which the proof has no semantics for", nameOf(o), r.Cluster.Name, unknown[0].what),
			Help: fmt.Sprintf("take it out, or let the platform look at it and add to the Cluster document: accepted: [{object: %s, sha256: \"%s\", because: ..., until: YYYY-MM-DD}]",
				nameOf(o), digest),
		}
		known := false
		for i, a := range r.Cluster.Doc.Spec.Accepted.Items {
			if a.Object.Value != nameOf(o) {
				continue
			}
			r.accepted[i] = true
			if a.SHA256.Value == digest {
				known = true
				r.vouch(a.Until.Value, a.Because.Value, a.Until.Span, o)
				continue
			}
			f.Related = append(f.Related, diag.Related{Span: a.SHA256.Span, Message: "accepted here with another content"})
		}
		if known {
			continue
		}
		for _, u := range unknown {
			f.Related = append(f.Related, diag.Related{Span: spanAt(o.Path, u.line, 1), Message: u.what})
		}
		r.found.Add(f)
	}
}

// idle tells the platform of what it accepted and nothing needs.
func (r *prover) idle() {
	for i, a := range r.Cluster.Doc.Spec.Accepted.Items {
		if r.accepted[i] {
			continue
		}
		r.found.Add(diag.Finding{
			Rule: idleAcceptance, Span: a.Object.Span,
			Message: fmt.Sprintf("%s has no %s that the proof needs to have accepted", r.Cluster.Name, a.Object.Value),
			Help:    "delete the entry",
			Objects: []string{"Cluster " + r.Cluster.Name}, Field: "spec.accepted[" + a.Object.Value + "]",
		})
	}
}

// vouch takes the object on the platform's word.
func (r *prover) vouch(until, because string, at diag.Span, o *manifest.Object) {
	r.vouched = append(r.vouched, Assumption{
		What: fmt.Sprintf("%s in %s opens nothing and cuts nobody off: %s", nameOf(o), r.Cluster.Name, because),
		By:   "the platform, until " + until,
	})
	if until >= r.AsOf {
		return
	}
	r.found.Add(diag.Finding{
		Rule: pastAcceptance, Span: at,
		Message: fmt.Sprintf("%s was accepted until %s", nameOf(o), until),
		Help:    "look at it again and give it a new date, or take it out of the cluster",
		Objects: []string{"Cluster " + r.Cluster.Name}, Field: "spec.accepted[" + nameOf(o) + "].until",
	})
}

// outside is what the semantics does not cover in an object, in the order of lines; nothing where it covers all that matters.
func outside(o *manifest.Object, c *model.Cluster, hosts func() names) []construct {
	var all []construct
	add := func(line int, format string, args ...any) {
		all = append(all, construct{line, fmt.Sprintf(format, args...)})
	}
	for _, u := range o.Unknown {
		add(u.Line, "it has %s", u.Field)
	}
	switch {
	case o.AuthorizationPolicy != nil, o.RequestAuthentication != nil, o.PeerAuthentication != nil:
		for _, u := range authz.Unmodelled(o) {
			add(u.Line, "it has %s", u.Field)
		}
	case o.Sidecar != nil:
		outsideSidecar(o, add)
	case o.DestinationRule != nil:
		if d := o.DestinationRule; hosts().touched(d.Host, o.Namespace) {
			for _, t := range d.TLSModes {
				if t.Mode != "ISTIO_MUTUAL" && t.Mode != "" {
					add(t.Line, "it has clients of %s call in TLS mode %s, without the identity that they are known by", d.Host, t.Mode)
				} else if bare := hosts().bareAt(d.Host, o.Namespace); bare != "" {
					add(t.Line, "it has clients of %s call in TLS mode %s, which %s has no sidecar to take", d.Host, t.Mode, bare)
				}
			}
		} else {
			all = nil // it is about a host that no access names
		}
	case o.VirtualService != nil:
		if v := o.VirtualService; len(v.Gateways) > 0 && !slices.Contains(v.Gateways, "mesh") {
			all = nil // it is for gateways, whose calls the callee's policies judge like everybody's
		} else if i := slices.IndexFunc(v.Hosts, func(h string) bool { return hosts().touched(h, o.Namespace) }); i >= 0 {
			add(o.Line, "it turns calls of %s, a host of the mesh, elsewhere", v.Hosts[i])
		} else {
			all = nil
		}
	case o.ServiceEntry != nil:
		outsideEntry(o, c, hosts(), add)
	case o.Meaning() == manifest.Foreign:
		add(o.Line, "it is of kind %s", o.Kind)
	}
	return all
}

func outsideSidecar(o *manifest.Object, add func(int, string, ...any)) {
	s := o.Sidecar
	if s.Ingress {
		add(o.Line, "it has ingress listeners of its own, which change the ports that policies see")
	}
	for i, e := range s.Egress {
		switch {
		case e.Port != 0 || e.Bind != "":
			add(e.Line, "an egress listener has a port or an address of its own")
		case i > 0:
			add(e.Line, "it has two egress listeners for every port")
		}
		for _, h := range e.Hosts {
			if strings.Contains(strings.TrimPrefix(h, noNamespace+"/"), "~") {
				add(e.Line, "egress host %s takes hosts out again", h)
			}
		}
	}
}

func outsideEntry(o *manifest.Object, c *model.Cluster, hosts names, add func(int, string, ...any)) {
	e := o.ServiceEntry
	for _, h := range e.Hosts {
		if hosts.touched(h, o.Namespace) {
			add(o.Line, "it puts endpoints of its own behind %s, a host of the mesh", h)
		}
	}
	for _, a := range e.Addresses {
		if !apart(a, c.Doc.Spec.ServiceCIDR.Value) {
			add(o.Line, "it takes the calls to %s, which may be addresses of the mesh's services (serviceCIDR of the Cluster)", a)
		}
	}
	// A sidecar reads its own ports as the oldest of the services says that its pod is an endpoint of:
	// pilot/pkg/networking/core, getFilterChainsByServicePort.
	for _, w := range c.Workloads {
		if w.Service.Namespace.Name == o.Namespace && e.Selector != nil && together(e.Selector, selectorOf(w)) {
			add(o.Line, "it makes pods of %s endpoints of %s, and may change how their ports are read", w.Service.Key(), strings.Join(e.Hosts, ", "))
		}
	}
	if len(e.Addresses) > 0 {
		return
	}
	// The listener is one for all addresses, and of two such that disagree on HTTP the older one stays:
	// pilot/pkg/networking/core, buildSidecarOutboundListener.
	for _, port := range e.Ports {
		if by := hosts.http[port.Number]; by != "" && !port.HTTP {
			add(port.Line, "it has no addresses, and takes every call to port %d, where %s speaks HTTP", port.Number, by)
		}
	}
}

// together reports whether one pod can have the labels of both selectors.
func together(a, b map[string]string) bool {
	for key, v := range a {
		if other, both := b[key]; both && other != v {
			return false
		}
	}
	return true
}

// apart reports whether an address or a range has none of the Services' addresses.
func apart(address, services string) bool {
	p, err := netip.ParsePrefix(address)
	if err != nil {
		a, err := netip.ParseAddr(address)
		if err != nil {
			return false
		}
		a = a.Unmap()
		p = netip.PrefixFrom(a, a.BitLen())
	}
	s, err := netip.ParsePrefix(services)
	return err == nil && !p.Overlaps(s)
}

// names are the hosts of the mesh's Services, in all the forms that clients write them in, and those that are always reachable.
type names struct {
	// forms has the key of a Service with pods without sidecars behind the name, "" where all have one.
	forms  map[string]string
	domain string
	// http is who speaks HTTP on a port of its Kubernetes Service.
	http map[int]string
}

func hostsIn(c *model.Cluster) names {
	n := names{map[string]string{}, c.Mesh.Domain, map[int]string{}}
	for _, h := range c.Mesh.Doc.Spec.Reachable.Items {
		_, host, _ := strings.Cut(h.Value, "/")
		n.forms[host] = ""
	}
	for _, s := range c.Mesh.Services {
		for _, w := range s.Workloads {
			bare := ""
			if w.Stages.MTLS == model.MTLSNone {
				bare = s.Key()
			}
			for _, h := range w.Hosts {
				short := h + "." + s.Namespace.Name
				for _, form := range []string{short, short + ".svc", short + ".svc." + n.domain} {
					n.forms[form] = cmp.Or(n.forms[form], bare)
				}
			}
		}
		for _, p := range s.Doc.Spec.Ports {
			if speaksHTTP(p.Value.Protocol.Value) {
				n.http[p.Value.Port.Value] = cmp.Or(n.http[p.Value.Port.Value], s.Key())
			}
		}
	}
	return n
}

// touched reports whether a host, as an object of the namespace writes it, could stand for one of the names.
func (n names) touched(host, namespace string) bool {
	for range n.meant(host, namespace) {
		return true
	}
	return false
}

// bareAt is the Service with pods without sidecars that the host could stand for, "" where there is none: the first by key.
func (n names) bareAt(host, namespace string) string {
	var all []string
	for name := range n.meant(host, namespace) {
		if bare := n.forms[name]; bare != "" {
			all = append(all, bare)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return slices.Min(all)
}

// meant goes over the names that a host could stand for, as an object of the namespace writes it, in any order. One without dots
// is a name of the object's own namespace.
func (n names) meant(host, namespace string) iter.Seq[string] {
	return func(yield func(string) bool) {
		host := strings.ToLower(strings.TrimSuffix(host, "."))
		if suffix, wild := strings.CutPrefix(host, "*"); wild {
			for name := range n.forms {
				if strings.HasSuffix(name, suffix) && !yield(name) {
					return
				}
			}
			return
		}
		if !strings.Contains(host, ".") {
			host += "." + namespace + ".svc." + n.domain
		}
		if _, is := n.forms[host]; is {
			yield(host)
		}
	}
}
