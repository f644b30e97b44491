package plan

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/syntax"
)

// Lower decides what each cluster enforces. It cannot fail: what could not be enforced was withheld by a rule before.
//
// A cluster comes in parts: first all that is no workload's, then so many workloads at a time. The plan of a large one takes as much
// room as its manifests, and nobody needs the whole of it at once.
func Lower(c check.Checked) iter.Seq[Cluster] {
	return func(yield func(Cluster) bool) {
		if c.Estate() == nil {
			return
		}
		l := newLowering(c)
		for _, cluster := range c.Estate().Clusters {
			if !yield(l.cluster(cluster)) {
				return
			}
			for workloads := range slices.Chunk(cluster.Workloads, partSize) {
				if !yield(Cluster{Name: cluster.Name, RootNamespace: cluster.Mesh.RootNamespace, Workloads: l.workloads(workloads)}) {
					return
				}
			}
		}
	}
}

const partSize = 512

func newLowering(c check.Checked) *lowering {
	l := &lowering{checked: c, to: map[*model.Service][]*model.Access{}, from: map[*model.Service][]*model.Access{}}
	for _, m := range c.Estate().Meshes {
		for _, a := range m.Accesses {
			l.to[a.Callee()] = append(l.to[a.Callee()], a)
			l.from[a.Caller.Service] = append(l.from[a.Caller.Service], a)
		}
	}
	return l
}

// lowering holds the accesses by their two ends.
type lowering struct {
	checked check.Checked
	to      map[*model.Service][]*model.Access
	from    map[*model.Service][]*model.Access
}

// cluster is the plan without the workloads.
func (l *lowering) cluster(c *model.Cluster) Cluster {
	p := Cluster{Name: c.Name, RootNamespace: c.Mesh.RootNamespace, Strict: strict(c)}
	for _, n := range l.checked.Estate().Namespaces {
		if part := n.Floor(c); part != nil {
			p.Floors = append(p.Floors, Floor{Namespace: n.Name, Origin: "Team " + part.Team.Name, Span: part.Key.Span})
		}
	}
	if floor := c.Doc.Spec.Floor; floor.Value {
		p.Floors = append(p.Floors, Floor{Namespace: c.Mesh.RootNamespace, Origin: "Cluster " + c.Name, Span: floor.Span})
	}
	return p
}

func strict(c *model.Cluster) *Switch {
	switch {
	case c.Doc.Spec.Strict.Value:
		return &Switch{Origin: "Cluster " + c.Name, Span: c.Doc.Spec.Strict.Span}
	case c.Mesh.Doc.Spec.Strict.Value:
		return &Switch{Origin: "Mesh " + c.Mesh.Name, Span: c.Mesh.Doc.Spec.Strict.Span}
	default:
		return nil
	}
}

// workloads are side by side: none looks at another.
func (l *lowering) workloads(all []*model.Workload) []Workload {
	lowered := make([]Workload, len(all))
	_ = parallel.Each(context.Background(), len(all), runtime.GOMAXPROCS(0), func(i int) { lowered[i] = l.workload(all[i]) })
	return lowered
}

func (l *lowering) workload(w *model.Workload) Workload {
	p := Workload{
		Namespace: w.Service.Namespace.Name, Name: w.Service.Name,
		Origin: "Service " + w.Service.Key(), Span: w.Service.Doc.Metadata.Name.Span,
		MTLS: MTLS(w.Stages.MTLS), Authz: Authz(w.Stages.Authz),
	}
	for _, s := range w.Selector {
		p.Selector = append(p.Selector, Label(s))
	}
	if w.Stages.MTLS == model.MTLSNone {
		return p // no sidecar: nobody reads what would be rendered
	}
	g := l.gather(w)
	p.PlaintextPorts = slices.Sorted(maps.Keys(g.plaintext))
	if w.Retired {
		p.Authz = AuthzOff // its allows are gone, and the floor stands; what was strict or scoped stays so
	}
	p.Policies = g.policies(p.Name)
	if w.Floor && !w.Retired && w.Stages.Authz != model.AuthzEnforce { // and an exception says so (STG-002)
		p.AllowAll = allowAll(w)
	}
	if w.Stages.Outbound == model.OutboundScoped {
		p.Outbound = l.outbound(w)
	}
	return p
}

func allowAll(w *model.Workload) *Exception {
	return &Exception{Because: w.OpenBy.Because.Value, Until: w.OpenBy.Until.Value, Origin: "Mesh " + w.Cluster.Mesh.Name}
}

// outbound is the hosts of every Service that the workload may call, and those that the mesh lists as always reachable.
func (l *lowering) outbound(w *model.Workload) *Outbound {
	hosts, intents := map[string]bool{}, map[line]bool{}
	for _, h := range w.Cluster.Mesh.Doc.Spec.Reachable.Items {
		hosts[h.Value] = true
	}
	for _, a := range l.from[w.Service] {
		if !l.checked.Holds(a, w) {
			continue
		}
		for _, to := range a.Callee().Workloads {
			if w.Retired || to.Retired || !w.Cluster.Discovers(to.Cluster) {
				continue
			}
			ns := to.Service.Namespace.Name
			for _, h := range to.Hosts {
				hosts[ns+"/"+h+"."+ns+".svc."+w.Cluster.Mesh.Domain] = true
			}
			intents[line{a.Callee().Key(), a.Consent == model.ByPlatform, a.Endpoint.Name}] = true
		}
	}
	return &Outbound{Hosts: slices.Sorted(maps.Keys(hosts)), Intents: few(lines(intents))}
}

// gathered is who may do what at one workload.
type gathered struct {
	callers   map[peer][]*model.Endpoint
	keys      map[peer]map[line]bool // who asks for what, for the annotation
	target    map[*model.Endpoint]int
	plaintext map[int]bool
}

// peer is one principal, or the addresses of one Outsider joined by commas.
type peer struct {
	principal string
	cidrs     string
}

func (l *lowering) gather(w *model.Workload) *gathered {
	g := &gathered{
		callers: map[peer][]*model.Endpoint{}, keys: map[peer]map[line]bool{},
		target: map[*model.Endpoint]int{}, plaintext: map[int]bool{},
	}
	for _, e := range w.Service.Endpoints {
		if e.Port != nil {
			g.target[e] = w.TargetPorts[e.Port.Name]
		}
	}
	for _, a := range l.to[w.Service] {
		for leg := range a.LegsTo(w) {
			if !l.checked.Holds(a, leg.From) || leg.From != nil && leg.From.Stages.MTLS == model.MTLSNone {
				continue
			}
			for _, p := range peers(a, leg) {
				g.add(p, a)
				if p.cidrs != "" {
					g.plaintext[g.target[a.Endpoint]] = true
				}
			}
		}
	}
	return g
}

// peers are what the callee's proxy sees of a caller.
func peers(a *model.Access, leg model.Leg) []peer {
	if o := a.Caller.Outsider; o != nil {
		if id := o.Doc.Spec.Identity.Value; id != "" {
			return []peer{{principal: id}}
		}
		return []peer{{cidrs: strings.Join(slices.Compact(slices.Sorted(slices.Values(syntax.Values(o.Doc.Spec.CIDRs)))), ",")}}
	}
	var all []peer
	for _, account := range leg.From.Accounts {
		all = append(all, peer{principal: leg.From.Principal(account)})
	}
	return all
}

func (g *gathered) add(p peer, a *model.Access) {
	if !slices.Contains(g.callers[p], a.Endpoint) { // an identity in several clusters comes once for each
		g.callers[p] = append(g.callers[p], a.Endpoint)
	}
	if g.keys[p] == nil {
		g.keys[p] = map[line]bool{}
	}
	g.keys[p][line{a.Caller.Key(), a.Consent == model.ByPlatform, a.Endpoint.Name}] = true
}

// line is an endpoint that somebody asks for: a caller's intent, or the platform for a caller.
type line struct {
	caller   string
	platform bool
	endpoint string
}

// Istio takes 512 rules in an AuthorizationPolicy (istio.io/api security/v1beta1/authorization_policy.proto). An object is kept
// well under etcd's 1.5 MiB and Kubernetes' 256 KiB for annotations, which the callers' keys are part of; the principals of one
// rule are cut so that rules of one caller set still divide.
const (
	maxRules      = 512
	maxBytes      = 256 << 10
	maxPrincipals = 500
	maxObjects    = 1024 // many more than LIM-002 lets come to be
)

// policies divides the rules over as few objects as their limits allow: always a power of two, each caller in the one that its
// hash says, so that one caller more changes one object.
func (g *gathered) policies(name string) []Policy {
	var policies []Policy
	for n, fits := uint32(1), false; !fits && n <= maxObjects; n *= 2 {
		policies, fits = g.divided(name, n)
	}
	return slices.DeleteFunc(policies, func(p Policy) bool { return len(p.Rules) == 0 && p.Name != name })
}

// divided is the rules in n objects, and whether each of them is within its limits, or of a single caller.
func (g *gathered) divided(name string, n uint32) (policies []Policy, fits bool) {
	buckets := make([][]peer, n)
	for p := range g.callers {
		h := fnv.New32a()
		h.Write([]byte(p.principal + p.cidrs))
		i := h.Sum32() % n
		buckets[i] = append(buckets[i], p)
	}
	fits = true
	for i, b := range buckets {
		p := g.policy(name, b)
		if i > 0 {
			p.Name = fmt.Sprintf("%s.%d", name, i)
		}
		if len(b) > 1 && (len(p.Rules) > maxRules || size(p) > maxBytes) {
			fits = false
		}
		policies = append(policies, p)
	}
	return policies, fits
}

func size(p Policy) int {
	n := 0
	for _, r := range p.Rules {
		for _, s := range slices.Concat(r.Principals, r.CIDRs) {
			n += len(s) + len("        - \n")
		}
		for _, o := range r.Operations {
			n += 80
			for _, s := range slices.Concat(o.Methods, o.Paths) {
				n += len(s) + len("          - \n")
			}
		}
	}
	for _, s := range p.Intents {
		n += len(s) + len("      \n")
	}
	return n
}

// policy groups callers that may do the same.
func (g *gathered) policy(name string, peers []peer) Policy {
	slices.SortFunc(peers, func(a, b peer) int {
		return cmp.Or(cmp.Compare(a.principal, b.principal), cmp.Compare(a.cidrs, b.cidrs))
	})
	rules := map[string]*Rule{}
	var order []string
	intents := map[line]bool{}
	for _, p := range peers {
		endpoints := g.callers[p] // by name, as accesses are
		key := ruleKey(p, endpoints)
		if rules[key] == nil {
			rules[key] = &Rule{Operations: g.operations(endpoints)}
			order = append(order, key)
		}
		if p.cidrs != "" {
			rules[key].CIDRs = strings.Split(p.cidrs, ",")
		} else {
			rules[key].Principals = append(rules[key].Principals, p.principal)
		}
		maps.Copy(intents, g.keys[p])
	}
	slices.Sort(order)
	policy := Policy{Name: name, Intents: lines(intents)}
	for _, key := range order {
		for _, r := range apart(*rules[key]) {
			policy.Rules = append(policy.Rules, cut(r)...)
		}
	}
	return policy
}

// ruleKey tells rules apart: by what they open, and addresses from identities and from each other, as one rule holds either.
func ruleKey(p peer, endpoints []*model.Endpoint) string {
	var b strings.Builder
	for _, e := range endpoints {
		b.WriteString(e.Name)
		b.WriteByte(' ')
	}
	b.WriteString(p.cidrs)
	return b.String()
}

// apart gives operations on whole ports a rule of their own: on a TCP port Istio drops every rule of which any operation has a
// method or a path (pilot/pkg/security/authz/model, Generate), the operations without them included.
func apart(r Rule) []Rule {
	var ports, requests []Operation
	for _, o := range r.Operations {
		if o.Paths == nil { // and no methods (SYN-015)
			ports = append(ports, o)
		} else {
			requests = append(requests, o)
		}
	}
	if len(ports) == 0 || len(requests) == 0 {
		return []Rule{r}
	}
	return []Rule{
		{Principals: r.Principals, CIDRs: r.CIDRs, Operations: ports},
		{Principals: r.Principals, CIDRs: r.CIDRs, Operations: requests},
	}
}

func cut(r Rule) []Rule {
	if r.CIDRs != nil {
		return []Rule{r}
	}
	var all []Rule
	for chunk := range slices.Chunk(r.Principals, maxPrincipals) {
		all = append(all, Rule{Principals: chunk, Operations: r.Operations})
	}
	return all
}

// operations joins endpoints of one port and one set of methods.
func (g *gathered) operations(endpoints []*model.Endpoint) []Operation {
	var all []Operation
	for _, e := range endpoints {
		op := Operation{Port: g.target[e], Methods: e.Methods}
		for _, p := range e.Paths {
			op.Paths = append(op.Paths, p.Istio())
		}
		i := slices.IndexFunc(all, func(o Operation) bool {
			return o.Port == op.Port && slices.Equal(o.Methods, op.Methods) && (o.Paths == nil) == (op.Paths == nil)
		})
		if i < 0 {
			all = append(all, op)
			continue
		}
		all[i].Paths = append(all[i].Paths, op.Paths...)
	}
	for i := range all {
		slices.Sort(all[i].Paths)
		all[i].Paths = slices.Compact(all[i].Paths)
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), slices.Compare(a.Methods, b.Methods), slices.Compare(a.Paths, b.Paths))
	})
	return all
}

// lines writes keys for an annotation: who, and the endpoints that they name.
func lines(intents map[line]bool) []string {
	endpoints := map[line][]string{}
	for l := range intents {
		who := line{caller: l.caller, platform: l.platform}
		endpoints[who] = append(endpoints[who], l.endpoint)
	}
	var all []string
	for who, names := range endpoints {
		slices.Sort(names)
		text := who.caller + " " + strings.Join(names, ",")
		if who.platform {
			text += " (infrastructure)"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// few keeps an annotation that cannot be divided over several objects well below Kubernetes' limit.
func few(lines []string) []string {
	n := 0
	for i, l := range lines {
		if n += len(l) + 1; n > maxBytes/2 {
			return append(slices.Clone(lines[:i]), fmt.Sprintf("... and %d more", len(lines)-i))
		}
	}
	return lines
}
