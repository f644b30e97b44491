package prove

import (
	"fmt"
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
func (r *prover) setAside() {
	r.modelled = map[string]*contents{}
	hosts := hostsIn(r.Cluster)
	accepted := r.Cluster.Doc.Spec.Accepted.Items
	used := make([]bool, len(accepted))
	for _, o := range r.objects {
		unknown := outside(o, r.Cluster, hosts)
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
		for i, a := range accepted {
			if a.Object.Value != nameOf(o) {
				continue
			}
			used[i] = true
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
	for i, a := range accepted {
		if used[i] {
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
func outside(o *manifest.Object, c *model.Cluster, hosts names) []construct {
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
		if d := o.DestinationRule; hosts.touched(d.Host, o.Namespace) {
			for _, t := range d.TLSModes {
				if t.Mode != "ISTIO_MUTUAL" && t.Mode != "" {
					add(t.Line, "it has clients of %s call in TLS mode %s, without the identity that they are known by", d.Host, t.Mode)
				}
			}
		} else {
			all = nil // it is about a host that no access names
		}
	case o.VirtualService != nil:
		if v := o.VirtualService; len(v.Gateways) > 0 && !slices.Contains(v.Gateways, "mesh") {
			all = nil // it is for gateways, whose calls the callee's policies judge like everybody's
		} else if i := slices.IndexFunc(v.Hosts, func(h string) bool { return hosts.touched(h, o.Namespace) }); i >= 0 {
			add(o.Line, "it turns calls of %s, a host of the mesh, elsewhere", v.Hosts[i])
		} else {
			all = nil
		}
	case o.ServiceEntry != nil:
		outsideEntry(o, c, hosts, add)
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
	for _, h := range o.ServiceEntry.Hosts {
		if hosts.touched(h, o.Namespace) {
			add(o.Line, "it puts endpoints of its own behind %s, a host of the mesh", h)
		}
	}
	for _, a := range o.ServiceEntry.Addresses {
		if !apart(a, c.Doc.Spec.ServiceCIDR.Value) {
			add(o.Line, "it takes the calls to %s, which may be addresses of the mesh's services (serviceCIDR of the Cluster)", a)
		}
	}
}

// apart reports whether an address or a range has none of the Services' addresses.
func apart(address, services string) bool {
	p, err := netip.ParsePrefix(address)
	if err != nil {
		a, err := netip.ParseAddr(address)
		if err != nil {
			return false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	s, err := netip.ParsePrefix(services)
	return err == nil && !p.Overlaps(s)
}

// names are the hosts of the mesh's Services, in all the forms that clients write them in, and those that are always reachable.
type names struct {
	forms  map[string]bool
	domain string
}

func hostsIn(c *model.Cluster) names {
	n := names{map[string]bool{}, c.Mesh.Domain}
	for _, s := range c.Mesh.Services {
		for _, w := range s.Workloads {
			for _, h := range w.Hosts {
				short := h + "." + s.Namespace.Name
				n.forms[short], n.forms[short+".svc"], n.forms[short+".svc."+n.domain] = true, true, true
			}
		}
	}
	for _, h := range c.Mesh.Doc.Spec.Reachable.Items {
		_, host, _ := strings.Cut(h.Value, "/")
		n.forms[host] = true
	}
	return n
}

// touched reports whether a host, as an object of the namespace writes it, could stand for one of the names. A name without dots
// is one of the object's own namespace.
func (n names) touched(host, namespace string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if suffix, wild := strings.CutPrefix(host, "*"); wild {
		for name := range n.forms {
			if strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return false
	}
	if !strings.Contains(host, ".") {
		host += "." + namespace + ".svc." + n.domain
	}
	return n.forms[host]
}
