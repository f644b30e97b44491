package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var trustShared = &diag.Rule{
	Code: "CLU-002", Name: "meshes-share-trust-domain", Effect: diag.Stop,
	Title: "two meshes share a trust domain",
	Why:   "An identity is a trust domain, a namespace and a service account. Where two meshes share or alias a trust domain and trust one root, a workload of nonprod is its namesake of prod.",
}

func runTrustShared(p *Pass) {
	type claim struct {
		cluster *model.Cluster
		text    syntax.Text
	}
	first := map[string][]claim{}
	for _, c := range p.Estate.Clusters {
		domains := append([]syntax.Text{c.Doc.Spec.TrustDomain}, c.Doc.Spec.TrustDomainAliases.Items...)
		for _, d := range domains {
			for _, other := range first[d.Value] {
				if rootsDiffer(c.Mesh, other.cluster.Mesh) {
					continue
				}
				p.Report(d.Span, diag.Finding{
					Message: fmt.Sprintf("trust domain %q of mesh %s is one of mesh %s too", d.Value, c.Mesh.Name, other.cluster.Mesh.Name),
					Help:    "give each mesh trust domains of its own, or say in both Mesh documents which root of trust signs their certificates (`trustRoot:`), if the roots differ",
					Related: []diag.Related{{Span: other.text.Span, Message: "cluster " + other.cluster.Name + " has it here"}},
					Objects: []string{"Mesh " + c.Mesh.Name, "Mesh " + other.cluster.Mesh.Name}, Field: d.Value,
				})
				break
			}
			first[d.Value] = append(first[d.Value], claim{c, d})
		}
	}
}

// rootsDiffer reports whether an identity of one mesh means nothing in the other.
func rootsDiffer(a, b *model.Mesh) bool {
	x, y := a.Doc.Spec.TrustRoot.Value, b.Doc.Spec.TrustRoot.Value
	return a == b || x != "" && y != "" && x != y
}

var localTrustDomain = &diag.Rule{
	Code: "CLU-003", Name: "cluster-local-trust-domain", Effect: diag.Stop,
	Title: "a mesh of several trust domains has one that is named cluster.local",
	Why:   "Istio reads cluster.local in a principal as whatever the reading cluster's own trust domain is (pilot/pkg/security/trustdomain), so a policy elsewhere that names it would admit its own namesakes instead (istio#47027).",
}

func runLocalTrustDomain(p *Pass) {
	for _, c := range p.Estate.Clusters {
		other := slices.IndexFunc(c.Mesh.Clusters, func(o *model.Cluster) bool { return o.TrustDomain() != c.TrustDomain() })
		if c.TrustDomain() != "cluster.local" || other < 0 {
			continue
		}
		o := c.Mesh.Clusters[other]
		p.Report(c.Doc.Spec.TrustDomain.Span, diag.Finding{
			Message: fmt.Sprintf("cluster %s has the trust domain cluster.local, which stands for %q in cluster %s", c.Name, o.TrustDomain(), o.Name),
			Help:    "give the cluster a trust domain of its own (Istio's meshConfig.trustDomain), like " + c.Name + ".example",
			Related: []diag.Related{{Span: o.Doc.Spec.TrustDomain.Span, Message: "the other trust domain"}},
			Objects: []string{"Cluster " + c.Name}, Field: "spec.trustDomain",
		})
	}
}

// oldestMinor is the first Istio 1.x that reads security.istio.io/v1 and path templates like /orders/{*}
// (istio.io release notes of 1.22); older ones take the templates for literal text.
const oldestMinor = 22

var oldIstio = &diag.Rule{
	Code: "CLU-004", Name: "old-istio", Effect: diag.Stop,
	Title: "a Cluster runs an Istio that does not read what writ renders",
	Why:   "Path templates and the v1 API came with Istio 1.22. An older istiod takes {*} for literal text: what should be allowed is refused.",
}

func runOldIstio(p *Pass) {
	for _, c := range p.Estate.Clusters {
		v := c.Doc.Spec.IstioVersion
		major, minor, _ := strings.Cut(v.Value, ".")
		n, _ := strconv.Atoi(minor) // digits (SYN-018), and the largest number where they are too many
		if major != "1" || n >= oldestMinor {
			continue
		}
		p.Report(v.Span, diag.Finding{
			Message: fmt.Sprintf("cluster %s runs Istio %s, which does not read path templates", c.Name, v.Value),
			Help:    fmt.Sprintf("writ renders for Istio 1.%d and later", oldestMinor),
			Objects: []string{"Cluster " + c.Name}, Field: "spec.istioVersion",
		})
	}
}

var trustBlurs = &diag.Rule{
	Code: "CLU-005", Name: "trust-domain-blurs", Effect: diag.Report,
	Title: "the trust domains cannot tell apart two Clusters that are to be treated differently",
	Why:   "Clusters that share or alias a trust domain are one caller to every policy (measured on real Envoys). A caller in a cluster that does not discover the callee is admitted all the same, if it finds a way there.",
}

func runTrustBlurs(p *Pass) {
	type pair struct{ hidden, callee *model.Cluster }
	admitted := map[pair][]string{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if leg.From == nil {
					continue
				}
				for _, twin := range a.Caller.Service.Workloads {
					k := pair{twin.Cluster, leg.To.Cluster}
					if !twin.Cluster.Discovers(leg.To.Cluster) && sharesAccount(leg.From, twin) &&
						leg.To.Cluster.Admits(leg.From.Cluster.TrustDomain(), twin.Cluster.TrustDomain()) {
						admitted[k] = append(admitted[k], a.String())
					}
				}
			}
		}
	}
	for k, accesses := range admitted {
		p.Report(k.hidden.Doc.Spec.Discovers.Span, diag.Finding{
			Message: fmt.Sprintf("%s does not discover %s, but %s admits its callers: the trust domain %q does not tell them apart (%s)",
				k.hidden.Name, k.callee.Name, k.callee.Name, k.hidden.TrustDomain(), some(accesses)),
			Help:    "let it discover the cluster, give the callers service accounts of their own there (`per:`), do not deploy them there, or give the clusters distinct trust domains with skipValidateTrustDomain",
			Objects: []string{"Cluster " + k.hidden.Name, "Cluster " + k.callee.Name}, Field: "spec.discovers",
		})
	}
}

func sharesAccount(v, w *model.Workload) bool {
	return slices.ContainsFunc(v.Accounts, func(a string) bool { return slices.Contains(w.Accounts, a) })
}

// some shows a few of many.
func some(all []string) string {
	all = slices.Compact(slices.Sorted(slices.Values(all)))
	if len(all) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:3], ", "), len(all)-3)
	}
	return strings.Join(all, ", ")
}

var holdsInSome = &diag.Rule{
	Code: "CLU-006", Name: "refused-trust-domain", Effect: diag.Withhold,
	Title: "callers balance over a Cluster that refuses their trust domain",
	Why:   "A proxy ends connections of a trust domain that is neither its own nor an alias, unless its istiod skips that check (istio#30349). Callers balance over all clusters that they discover, so the access would hold in some and fail at random in others; it is withheld.",
}

func runHoldsInSome(p *Pass) {
	type pair struct{ from, to *model.Cluster }
	refused := map[pair][]string{}
	told := map[outsiderAt]bool{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if leg.To.Stages.MTLS == model.MTLSNone {
					continue
				}
				if leg.From == nil {
					p.outsiderRefused(a, leg.To, told)
					continue
				}
				if leg.From.Stages.MTLS != model.MTLSNone && !leg.To.Cluster.Accepts(leg.From.Cluster.TrustDomain()) {
					k := pair{leg.From.Cluster, leg.To.Cluster}
					refused[k] = append(refused[k], a.String())
					p.WithholdFrom(a, leg.From)
				}
			}
		}
	}
	for k, accesses := range refused {
		p.Report(k.to.Doc.Spec.TrustDomain.Span, diag.Finding{
			Message: fmt.Sprintf("cluster %s refuses callers from %s, whose trust domain is %q: withheld there are %s",
				k.to.Name, k.from.Name, k.from.TrustDomain(), some(accesses)),
			Help: fmt.Sprintf("set PILOT_SKIP_VALIDATE_TRUST_DOMAIN in the istiods and `skipValidateTrustDomain: true` here, add %q to `trustDomainAliases` (the clusters are then one caller), or leave %s out of what %s `discovers`",
				k.from.TrustDomain(), k.to.Name, k.from.Name),
			Related: []diag.Related{{Span: k.from.Doc.Spec.TrustDomain.Span, Message: "the callers' trust domain"}},
			Items:   accesses,
			Objects: []string{"Cluster " + k.to.Name, "Cluster " + k.from.Name}, Field: "spec.trustDomain",
		})
	}
}

// outsiderAt is an Outsider before a workload that refuses it.
type outsiderAt struct {
	outsider *model.Outsider
	to       *model.Workload
}

func (p *Pass) outsiderRefused(a *model.Access, to *model.Workload, told map[outsiderAt]bool) {
	id := a.Caller.Outsider.Doc.Spec.Identity
	domain, _, _ := strings.Cut(id.Value, "/")
	if id.Value == "" || to.Cluster.Accepts(domain) {
		return
	}
	p.Withhold(a)
	at := outsiderAt{a.Caller.Outsider, to}
	if told[at] {
		return
	}
	told[at] = true
	p.Report(id.Span, diag.Finding{
		Message: fmt.Sprintf("cluster %s, where %s runs, refuses the trust domain %q of outsider %s", to.Cluster.Name, to.Service.Key(), domain, a.Caller.Outsider.Name),
		Help:    "select with `clusters:` those that accept it, or let the platform add it to the Cluster's trustDomainAliases",
		Objects: []string{a.Caller.Object(), "Cluster " + to.Cluster.Name, to.Service.Object()}, Field: "spec.identity",
	})
}

var unreachable = &diag.Rule{
	Code: "CLU-007", Name: "unreachable-callee", Effect: diag.Withhold,
	Title: "the callee is in no Cluster that its caller reaches",
	Why:   "The call cannot arrive: a caller reaches the callee in the clusters of its own mesh that its cluster discovers.",
}

// outsidersNowhere reports Outsiders whose callee is in none of the clusters where their calls arrive.
func (p *Pass) outsidersNowhere() {
	told := map[*syntax.Intent]bool{}
	reached := map[*syntax.Intent]bool{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			if a.Caller.Outsider != nil && hasLegs(a) {
				reached[a.Intent.Doc] = true
			}
		}
	}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			if a.Caller.Outsider == nil || reached[a.Intent.Doc] || slices.ContainsFunc(a.Callee().Workloads, func(w *model.Workload) bool { return w.Retired }) {
				continue
			}
			p.Withhold(a)
			if told[a.Intent.Doc] {
				continue
			}
			told[a.Intent.Doc] = true
			p.Report(a.Intent.Doc.To.Span, diag.Finding{
				Message: fmt.Sprintf("%s is in no cluster where the calls of %s arrive", a.Callee().Key(), a.Caller.Key()),
				Help:    "name the clusters where it arrives (`clusters:`), or take the intent away",
				Objects: []string{a.Caller.Object()}, Field: "spec.intents[" + a.Callee().Key() + "]",
			})
		}
	}
}

var partlyUnreachable = &diag.Rule{
	Code: "CLU-008", Name: "unreachable-from-some", Effect: diag.Report,
	Title: "the callee is in no Cluster that its caller reaches from one of its Clusters",
	Why:   "The call works in some of the caller's clusters and fails in the others.",
}

func runUnreachable(p *Pass) {
	p.outsidersNowhere()
	for _, r := range p.reaches() {
		if len(r.from) > 0 || len(r.without) == 0 {
			continue
		}
		for _, a := range r.accesses {
			p.Withhold(a)
		}
		p.Report(r.doc.To.Span, diag.Finding{
			Message: fmt.Sprintf("%s is in %s, which %s does not reach from %s", r.callee, listOr(r.calleeIn, "no cluster of this mesh"), r.caller.Key(), strings.Join(r.without, ", ")),
			Help:    "deploy one of them in a cluster of the other's mesh that is discovered (`clusters:`), or take the intent away",
			Objects: []string{r.caller.Object()}, Field: "spec.intents[" + r.callee + "]",
		})
	}
}

func runPartlyUnreachable(p *Pass) {
	for _, r := range p.reaches() {
		if len(r.from) == 0 || len(r.without) == 0 {
			continue
		}
		p.Report(r.doc.To.Span, diag.Finding{
			Message: fmt.Sprintf("%s is in %s, which %s does not reach from %s", r.callee, listOr(r.calleeIn, "no cluster of this mesh"), r.caller.Key(), strings.Join(r.without, ", ")),
			Help:    "deploy the callee where its caller runs, let the cluster discover one where it does, or leave the caller out there",
			Objects: []string{r.caller.Object()}, Field: "spec.intents[" + r.callee + "]",
		})
	}
}

func listOr(all []string, none string) string {
	if len(all) == 0 {
		return none
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// reach is from which of the caller's clusters an intent's calls arrive somewhere.
type reach struct {
	doc      *syntax.Intent
	caller   model.Caller
	callee   string
	calleeIn []string
	from     []string
	without  []string
	accesses []*model.Access
}

// reaches is computed once for the two rules that read it.
func (p *Pass) reaches() []*reach {
	if p.reached == nil {
		p.reached = reaches(p.Estate)
	}
	return p.reached
}

// reaches puts together what an intent means in the meshes that its document spans. Retired namespaces are told of elsewhere.
func reaches(e *model.Estate) []*reach {
	byDoc := map[*syntax.Intent]*reach{}
	var all []*reach
	for _, m := range e.Meshes {
		for _, s := range m.Services {
			for _, in := range s.Intents {
				r := byDoc[in.Doc]
				if r == nil {
					r = &reach{doc: in.Doc, caller: in.Caller, callee: calleeKey(in, s)}
					byDoc[in.Doc] = r
					all = append(all, r)
				}
				r.add(in, s)
			}
		}
		for _, a := range m.Accesses {
			if a.Intent != nil && byDoc[a.Intent.Doc] != nil {
				r := byDoc[a.Intent.Doc]
				r.accesses = append(r.accesses, a)
			}
		}
	}
	return all
}

func calleeKey(in *model.Intent, s *model.Service) string {
	if strings.Contains(in.Doc.To.Value, "/") {
		return in.Doc.To.Value
	}
	return s.Namespace.Name + "/" + in.Doc.To.Value
}

func (r *reach) add(in *model.Intent, caller *model.Service) {
	var callees []*model.Workload
	if in.To != nil {
		callees = in.To.Workloads
	}
	if len(callees) > 0 && !slices.ContainsFunc(callees, func(w *model.Workload) bool { return !w.Retired }) {
		return
	}
	for _, w := range callees {
		r.calleeIn = append(r.calleeIn, w.Cluster.Name)
	}
	for _, w := range caller.Workloads {
		switch {
		case w.Retired:
		case slices.ContainsFunc(callees, func(to *model.Workload) bool { return !to.Retired && w.Cluster.Discovers(to.Cluster) }):
			r.from = append(r.from, w.Cluster.Name)
		default:
			r.without = append(r.without, w.Cluster.Name)
		}
	}
}

// addressesFull is the share of a cluster's service addresses from which on writ asks to overflow.
const addressesFull = 0.8

var addressesShort = &diag.Rule{
	Code: "LIM-001", Name: "service-addresses", Effect: diag.Report,
	Title: "a Cluster runs out of service addresses",
	Why:   "Each Kubernetes Service takes an address of the cluster's service CIDR, which cannot be replaced on a running cluster by a larger one without care. At 80 % the next services belong elsewhere.",
}

func runAddressesShort(p *Pass) {
	for _, c := range p.Estate.Clusters {
		size, used := serviceAddresses(c), usedAddresses(c)
		if size == 0 || float64(used) < addressesFull*float64(size) {
			continue
		}
		help := "no other cluster of the mesh has addresses left: add one"
		if o := overflow(c); o != nil {
			help = fmt.Sprintf("place the next services in %s, which has %d of %d left", o.Name, serviceAddresses(o)-usedAddresses(o), serviceAddresses(o))
		}
		p.Report(c.Doc.Spec.ServiceCIDR.Span, diag.Finding{
			Message: fmt.Sprintf("cluster %s uses %d of its %d service addresses (%d %%)", c.Name, used, size, 100*used/size),
			Help:    help,
			Objects: []string{"Cluster " + c.Name}, Field: "spec.serviceCIDR",
		})
	}
}

// overflow is the cluster to go on in: the one of the same mesh with the most addresses left, one of the same trust domain
// first, as callers there keep their identity. It is never c itself, which is full.
func overflow(c *model.Cluster) *model.Cluster {
	var best *model.Cluster
	free := func(o *model.Cluster) int { return serviceAddresses(o) - usedAddresses(o) }
	same := func(o *model.Cluster) bool { return o.TrustDomain() == c.TrustDomain() }
	for _, o := range c.Mesh.Clusters {
		if float64(usedAddresses(o)) >= addressesFull*float64(serviceAddresses(o)) {
			continue
		}
		if best == nil || same(o) && !same(best) || same(o) == same(best) && free(o) > free(best) {
			best = o
		}
	}
	return best
}

// serviceAddresses is how many Services fit into the cluster's CIDR: all addresses but the first, and for IPv4 the last
// (k8s.io/kubernetes pkg/registry/core/service/ipallocator); 0 where it is not known.
func serviceAddresses(c *model.Cluster) int {
	prefix, err := netip.ParsePrefix(c.Doc.Spec.ServiceCIDR.Value)
	if err != nil {
		return 0
	}
	bits := min(prefix.Addr().BitLen()-prefix.Bits(), 40)
	if prefix.Addr().Is4() {
		return max(1<<bits-2, 0)
	}
	return 1<<bits - 1
}

// usedAddresses counts the hosts of the cluster's Services. It is a lower bound: writ does not know of Services that no
// document declares.
func usedAddresses(c *model.Cluster) int {
	n := 0
	for _, w := range c.Workloads {
		if len(w.Service.Doc.Spec.Ports) > 0 {
			n += len(w.Hosts)
		}
	}
	return n
}

var tooManyRules = &diag.Rule{
	Code: "LIM-002", Name: "policy-too-large", Effect: diag.Withhold,
	Title: "the callers of a Service are more than its policies can carry",
	Why:   "An AuthorizationPolicy holds 512 rules and an object about 1.5 MiB (etcd). writ splits a workload's rules over several objects, but each proxy of the workload holds all of them, so there is an end to it.",
}

// largestPolicies is the text of principals, in bytes, that writ renders for one workload: about 80,000 callers.
const largestPolicies = 8 << 20

func runTooManyRules(p *Pass) {
	type callers struct {
		bytes    int
		accesses []*model.Access
	}
	p.wideEndpoints()
	for _, m := range p.Estate.Meshes {
		of := map[*model.Service]*callers{}
		for _, a := range m.Accesses {
			c := of[a.Callee()]
			if c == nil {
				c = &callers{}
				of[a.Callee()] = c
			}
			c.accesses = append(c.accesses, a)
			if a.Caller.Service != nil {
				for _, w := range a.Caller.Service.Workloads {
					for _, account := range w.Accounts {
						c.bytes += len(w.Cluster.TrustDomain()) + len(w.Service.Namespace.Name) + len(account)
					}
				}
			}
		}
		for s, c := range of {
			if c.bytes <= largestPolicies {
				continue
			}
			for _, a := range c.accesses {
				p.Withhold(a)
			}
			p.Report(s.Doc.Metadata.Name.Span, diag.Finding{
				Message: fmt.Sprintf("%d accesses to %s make policies of %d MiB, and %d MiB is the most for one workload", len(c.accesses), s.Key(), c.bytes>>20, largestPolicies>>20),
				Help:    "open what everybody calls through a gateway of its own, or split the Service",
				Items:   names(c.accesses),
				Objects: []string{s.Object(), "Mesh " + m.Name}, Field: "spec.grants",
			})
		}
	}
}

func names(accesses []*model.Access) []string {
	var all []string
	for _, a := range accesses {
		all = append(all, a.String())
	}
	return all
}

// largestEndpoints is the text of a Service's paths, in bytes: every caller's rule may hold all of them, and a rule cannot be
// divided over two objects.
const largestEndpoints = 96 << 10

// wideEndpoints refuses Services whose paths alone fill an object.
func (p *Pass) wideEndpoints() {
	wide := map[*syntax.Service]int{}
	eachService(p.Estate, func(s *model.Service) {
		n := pathBytes(s)
		if n <= largestEndpoints {
			return
		}
		wide[s.Doc] = n
		p.Report(s.Doc.Metadata.Name.Span, diag.Finding{
			Message: fmt.Sprintf("the paths of %s are %d KiB, and %d KiB is the most that a policy can carry", s.Key(), n>>10, largestEndpoints>>10),
			Help:    "say them with variables, {id} for a segment and {rest...} for all that follow, or split the Service",
			Objects: []string{s.Object()}, Field: "spec.endpoints",
		})
	})
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			if wide[a.Callee().Doc] > 0 {
				p.Withhold(a)
			}
		}
	}
}

// pathBytes is about what the paths of a Service take in a manifest.
func pathBytes(s *model.Service) int {
	n := 0
	for _, e := range s.Endpoints {
		for _, path := range e.Paths {
			n += len(path.Istio()) + 16
		}
	}
	return n
}
