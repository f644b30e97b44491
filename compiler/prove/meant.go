package prove

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/authz"
)

// Meaning is what the documents of an estate mean, by the two ends of each access. It is derived from the model alone: how a plan
// or a manifest says the same is what is to be proved.
type Meaning struct {
	estate *model.Estate
	holds  func(*model.Access, *model.Workload) bool
	to     map[*model.Service][]*model.Access
	from   map[*model.Service][]*model.Access

	namespaces map[string]*model.Namespace
}

// Mean makes the meaning of an estate. Holds reports whether the part of an access that comes from a workload, nil for an
// Outsider, is to be allowed: no objection withholds it.
func Mean(e *model.Estate, holds func(a *model.Access, from *model.Workload) bool) *Meaning {
	m := &Meaning{
		estate: e, holds: holds,
		to: map[*model.Service][]*model.Access{}, from: map[*model.Service][]*model.Access{},
		namespaces: map[string]*model.Namespace{},
	}
	for _, n := range e.Namespaces {
		m.namespaces[n.Name] = n
	}
	for _, mesh := range e.Meshes {
		for _, a := range mesh.Accesses {
			m.to[a.Callee()] = append(m.to[a.Callee()], a)
			if a.Caller.Service != nil {
				m.from[a.Caller.Service] = append(m.from[a.Caller.Service], a)
			}
		}
	}
	return m
}

// meant is what should be so at the pods of a workload, or at pods that no document names.
type meant struct {
	namespace string
	// workload is nil for pods that no document names. Of them only what would open or close them all is meant: a floor, and
	// whether plaintext is taken.
	workload *model.Workload
	// bare pods have no sidecar: whatever selects them, nothing is enforced there.
	bare bool
	// open pods refuse nothing, whoever calls.
	open bool
	// dryRun says that the allowances are what a dry run should say, and are not enforced.
	dryRun bool
	// strict pods take no plaintext but on some ports.
	strict    bool
	plaintext map[int]bool
	ports     []authz.Port
	allowed   []allowed
}

// allowed is an endpoint with those who may call it, known by identity or by address.
type allowed struct {
	authz.Allowance
	endpoint *model.Endpoint
	accesses []*model.Access
}

// takesPlaintext reports whether connections without mutual TLS are meant to reach the policies of the port.
func (m *meant) takesPlaintext(port int) bool { return !m.strict || m.plaintext[port] }

// tls is the transport that is meant, as a point's.
func (m *meant) tls() *authz.TLS {
	if !m.strict {
		return &authz.TLS{Mode: permissive}
	}
	t := &authz.TLS{Mode: strict, Ports: map[int]string{}}
	for port := range m.plaintext {
		t.Ports[port] = permissive
	}
	return t
}

// enforced is what is meant to be enforced, and dry what a dry run is meant to say.
func (m *meant) enforced() *authz.Meant {
	w := &authz.Meant{Open: m.open, Plaintext: m.takesPlaintext}
	if !m.open {
		w.Allow = m.allowances()
	}
	return w
}

func (m *meant) dry() *authz.Meant {
	return &authz.Meant{Allow: m.allowances(), Plaintext: m.takesPlaintext}
}

func (m *meant) allowances() []authz.Allowance {
	var all []authz.Allowance
	for _, a := range m.allowed {
		all = append(all, a.Allowance)
	}
	return all
}

// others is what is meant of the pods of a namespace that no document names: they are closed under a floor, the namespace's or
// the cluster's, and open elsewhere.
func (m *Meaning) others(c *model.Cluster, namespace string) *meant {
	n := m.namespaces[namespace]
	floor := c.Doc.Spec.Floor.Value || n != nil && n.Floor(c) != nil
	return &meant{namespace: namespace, open: !floor, strict: isStrict(c)}
}

func isStrict(c *model.Cluster) bool { return c.Doc.Spec.Strict.Value || c.Mesh.Doc.Spec.Strict.Value }

// of is what is meant of a workload's pods.
//
// What it allows is enforced, or said by a dry run, or neither, as its stage has it. What does not enforce is open, unless it
// lies under a floor from which no exception frees it. A namespace that is retired keeps its floor, and allows nothing.
func (m *Meaning) of(w *model.Workload) *meant {
	p := &meant{
		namespace: w.Service.Namespace.Name, workload: w,
		bare:      w.Stages.MTLS == model.MTLSNone,
		strict:    w.Stages.MTLS == model.MTLSStrict,
		plaintext: map[int]bool{},
		ports:     portsOf(w),
	}
	enforce := w.Stages.Authz == model.AuthzEnforce
	floor := w.Floor && (w.OpenBy == nil || w.Retired)
	p.open = !enforce && !floor
	p.dryRun = w.Stages.Authz == model.AuthzShadow && !w.Retired
	if p.bare || w.Retired {
		return p
	}
	m.gather(p)
	if !enforce && !p.dryRun {
		p.allowed = nil
	}
	return p
}

// gather puts together who may call the endpoints of the workload.
func (m *Meaning) gather(p *meant) {
	w := p.workload
	type key struct {
		endpoint  *model.Endpoint
		byAddress bool
	}
	at := map[key]int{}
	for _, a := range m.to[w.Service] {
		for leg := range a.LegsTo(w) {
			if !m.holds(a, leg.From) || leg.From != nil && leg.From.Stages.MTLS == model.MTLSNone {
				continue // withheld, or without an identity to be let in by
			}
			principals, addresses := effective(a, leg)
			k := key{a.Endpoint, len(addresses) > 0}
			i, ok := at[k]
			if !ok {
				i = len(p.allowed)
				at[k] = i
				p.allowed = append(p.allowed, endpointAt(w, a.Endpoint))
			}
			e := &p.allowed[i]
			e.Principals = append(e.Principals, principals...)
			e.CIDRs = append(e.CIDRs, addresses...)
			if n := len(e.accesses); n == 0 || e.accesses[n-1] != a {
				e.accesses = append(e.accesses, a)
			}
			if len(addresses) > 0 {
				p.plaintext[e.Port] = true
			}
		}
	}
	for i := range p.allowed {
		e := &p.allowed[i]
		slices.Sort(e.Principals)
		e.Principals = slices.Compact(e.Principals)
		slices.SortFunc(e.CIDRs, netip.Prefix.Compare)
		e.CIDRs = slices.Compact(e.CIDRs)
	}
}

// endpointAt is the endpoint as the workload's sidecar sees its requests.
func endpointAt(w *model.Workload, e *model.Endpoint) allowed {
	a := allowed{endpoint: e, Allowance: authz.Allowance{Port: w.TargetPorts[e.Port.Name], Methods: e.Methods}}
	for _, g := range e.Doc.GRPC.Items {
		path := "/" + g.Value
		if !strings.Contains(g.Value, "/") {
			path += "/{method}" // every method of the service
		}
		a.Paths = append(a.Paths, path)
	}
	for _, t := range e.Doc.Paths.Items {
		a.Paths = append(a.Paths, t.Value)
	}
	return a
}

// effective is whom the wire knows the caller by: identities, in every trust domain that the callee's cluster takes for the
// caller's, or addresses.
func effective(a *model.Access, leg model.Leg) (principals []string, addresses []netip.Prefix) {
	c := leg.To.Cluster
	if o := a.Caller.Outsider; o != nil {
		if id := o.Doc.Spec.Identity.Value; id != "" {
			return admitted(c, id), nil
		}
		for _, t := range o.Doc.Spec.CIDRs.Items {
			p, err := netip.ParsePrefix(t.Value)
			if err != nil {
				panic(fmt.Sprintf("prove: %q passed for a range of addresses: %v", t.Value, err))
			}
			addresses = append(addresses, p.Masked())
		}
		return nil, addresses
	}
	for _, account := range leg.From.Accounts {
		all := admitted(c, leg.From.Principal(account))
		if principals == nil {
			principals = all // most have one account
		} else {
			principals = append(principals, all...)
		}
	}
	return principals, nil
}

// admitted are the identities that a policy of the cluster admits by naming the one. Who names cluster.local names the cluster's
// own trust domain, whatever it is called: a peer whose certificate really says cluster.local is another one.
func admitted(c *model.Cluster, principal string) []string {
	named, rest, _ := strings.Cut(principal, "/")
	var all []string
	add := func(peer string) {
		switch {
		case peer == named:
			all = append(all, principal)
		case c.Admits(named, peer):
			all = append(all, peer+"/"+rest)
		}
	}
	add(c.TrustDomain())
	if named != "cluster.local" && named != c.TrustDomain() {
		add(named)
	}
	for _, alias := range c.Doc.Spec.TrustDomainAliases.Items {
		add(alias.Value)
	}
	return all
}

// portsOf are the container ports of a workload with what they carry. A number that two ports of different protocols lead to is
// left out: it is then judged as both.
func portsOf(w *model.Workload) []authz.Port {
	carries := map[int]map[bool]bool{}
	for _, p := range w.Service.Doc.Spec.Ports {
		number := w.TargetPorts[p.Key.Value]
		if carries[number] == nil {
			carries[number] = map[bool]bool{}
		}
		carries[number][speaksHTTP(p.Value.Protocol.Value)] = true
	}
	var all []authz.Port
	for _, number := range slices.Sorted(maps.Keys(carries)) {
		if len(carries[number]) == 1 {
			all = append(all, authz.Port{Number: number, HTTP: carries[number][true]})
		}
	}
	return all
}

// speaksHTTP reports whether sidecars read a port of the protocol as HTTP, which one without is.
func speaksHTTP(protocol string) bool { return protocol != "tcp" && protocol != "tls" }

// outbound is what the sidecars of a workload are meant to reach in the mesh: everything, or the hosts of what it may call and
// those that the Mesh document lists for all.
type outbound struct {
	scoped bool
	hosts  map[string]*model.Access // namespace/host; nil for what is listed for all
}

func (m *Meaning) outbound(w *model.Workload) outbound {
	o := outbound{scoped: w.Stages.Outbound == model.OutboundScoped, hosts: map[string]*model.Access{}}
	if !o.scoped {
		return o
	}
	for _, a := range m.from[w.Service] {
		if !m.holds(a, w) {
			continue
		}
		for _, to := range a.Callee().Workloads {
			if w.Retired || to.Retired || !w.Cluster.Discovers(to.Cluster) {
				continue
			}
			for _, host := range hostsOf(to) {
				o.hosts[host] = a
			}
		}
	}
	for _, h := range w.Cluster.Mesh.Doc.Spec.Reachable.Items {
		o.hosts[h.Value] = nil
	}
	return o
}

// hostsOf are the names of the workload's Kubernetes Services as namespace/host.
func hostsOf(w *model.Workload) []string {
	namespace, domain := w.Service.Namespace.Name, w.Cluster.Mesh.Domain
	var all []string
	for _, h := range w.Hosts {
		all = append(all, namespace+"/"+h+"."+namespace+".svc."+domain)
	}
	return all
}
