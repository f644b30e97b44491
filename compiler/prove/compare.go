package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// The modes of mutual TLS.
const (
	strict     = "STRICT"
	permissive = "PERMISSIVE"
	disable    = "DISABLE"
)

// result is what came of comparing a point.
type result struct {
	requests    int64
	differences []difference
	// more is how many classes of requests differ besides those that the differences tell.
	more int64
}

// difference is one thing that is not as it is meant at a point.
type difference struct {
	rule    *diag.Rule
	point   *point
	message string
	help    string
	related []diag.Related
	// by is the object that makes the difference, nil where it is one that is missing.
	by *manifest.Object
	// line is the line in that object that does, 0 for all of it.
	line int
	// key tells differences of one point apart.
	key string

	// access is the difference in what policies allow, in force or as a dry run; the words follow from it.
	access *authz.Difference
	dryRun bool
}

// compare holds the point against what is meant there. Where the transport differs, the rest is compared as if it did not, so that
// one fault is told once.
func (r *prover) compare(p *point) result {
	if p.meant.bare {
		return result{}
	}
	var res result
	res.differences = r.transport(p)
	r.access(p, &res, p.meant.enforced(), false)
	if p.meant.dryRun {
		r.access(p, &res, p.meant.dry(), true)
	}
	if p.meant.workload != nil {
		res.differences = append(res.differences, r.calls(p)...)
		res.differences = append(res.differences, r.past(p)...)
	}
	res.differences = slices.DeleteFunc(res.differences, deliberate)
	return res
}

// deliberate reports whether a manifest closes pods of its own namespace, which no document names: nothing is meant of it, and what
// is not closed elsewhere by the way is closed there on purpose.
func deliberate(d difference) bool {
	by := d.by
	if d.access != nil {
		by = d.access.Decision.By
	}
	return d.rule == closesOthers && !d.point.named && by != nil && by.Namespace == d.point.pod.Namespace
}

// transport compares how connections are taken, port by port: whichever of the PeerAuthentications that could decide does.
func (r *prover) transport(p *point) []difference {
	ways := choices(p.peers, func(o *manifest.Object) string { return o.PeerAuthentication.Created })
	if ways == nil {
		return []difference{{rule: tooComplex, point: p, key: "transport", message: "too many PeerAuthentications could decide for " + r.pods(p)}}
	}
	for _, way := range ways {
		tls := authz.TLSOf(way, p.pod, r.Cluster.Mesh.RootNamespace)
		if all := r.transportOf(p, tls, way); len(all) > 0 {
			if len(ways) > 1 {
				for i := range all {
					all[i].help = "several PeerAuthentications are equally near, and the oldest in the cluster decides: leave one of them"
				}
			}
			return all
		}
	}
	return nil
}

// ownPorts are those that Istio's injection keeps out of what a sidecar guards: its agent's, for probes and metrics.
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
var ownPorts = []int{15020, 15021, 15090}

// past tells of the workload's ports that calls reach without asking a policy.
func (r *prover) past(p *point) []difference {
	if p.meant.open && !p.meant.strict || p.extra != "" {
		return nil
	}
	var all []difference
	for _, port := range slices.Compact(slices.Sorted(maps.Values(p.meant.workload.TargetPorts))) {
		if slices.Contains(ownPorts, port) {
			all = append(all, difference{
				rule: widerThanMeant, point: p, key: fmt.Sprintf("past the sidecar on port %d", port),
				message: fmt.Sprintf("anybody may call port %d of %s in %s, which Istio keeps out of what a sidecar guards",
					port, p.meant.workload.Service.Key(), r.Cluster.Name),
				help: "leave the port out of the Service, or let the application listen on another one",
			})
		}
	}
	return all
}

// everyOtherPort stands for the ports that neither side names.
const everyOtherPort = 0

func (r *prover) transportOf(p *point, tls *authz.TLS, way []*manifest.Object) []difference {
	ports := map[int]bool{everyOtherPort: true}
	for port := range tls.Ports {
		ports[port] = true
	}
	for port := range p.meant.plaintext {
		ports[port] = true
	}
	type fault struct {
		wider bool
		mode  string
	}
	found := map[fault][]int{}
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		mode, ok := tls.Ports[port]
		if !ok {
			mode = tls.Mode
		}
		switch want := p.meant.takesPlaintext(port); {
		case !want && mode != strict:
			found[fault{true, mode}] = append(found[fault{true, mode}], port)
		case want && mode != permissive:
			found[fault{false, mode}] = append(found[fault{false, mode}], port)
		}
	}
	var by *manifest.Object
	if len(way) > 0 {
		by = way[0] // the nearest
	}
	var all []difference
	for _, mode := range []string{permissive, disable, strict} {
		for _, wider := range []bool{true, false} {
			if ports := found[fault{wider, mode}]; len(ports) > 0 {
				all = append(all, r.transportDifference(p, wider, mode, ports, by))
			}
		}
	}
	return all
}

func (r *prover) transportDifference(p *point, wider bool, mode string, ports []int, by *manifest.Object) difference {
	d := difference{point: p, by: by, key: "transport " + mode}
	where := portList(ports)
	if wider {
		d.rule = widerThanMeant
		d.message = fmt.Sprintf("%s take plaintext from anybody %s in %s, where mutual TLS is meant to be asked for (mode %s)", r.pods(p), where, r.Cluster.Name, mode)
	} else {
		d.rule = r.narrower(p)
		refused := "plaintext"
		if mode == disable {
			refused = "mutual TLS, and with it every identity,"
		}
		d.message = fmt.Sprintf("%s refuse %s %s in %s, which is meant to be taken (mode %s)", r.pods(p), refused, where, r.Cluster.Name, mode)
	}
	if by != nil {
		d.related = append(d.related, diag.Related{Span: spanAt(by.Path, by.Line, 1), Message: nameOf(by) + " decides"})
	} else {
		d.related = append(d.related, diag.Related{Message: "no PeerAuthentication selects them"})
	}
	return d
}

// portList is a list of ports, of which everyOtherPort comes first.
func portList(ports []int) string {
	if len(ports) == 1 && ports[0] == everyOtherPort {
		return "on every port"
	}
	var all []string
	for _, port := range ports {
		if port == everyOtherPort {
			all = append(all, "every other port")
		} else {
			all = append(all, fmt.Sprintf("port %d", port))
		}
	}
	return "on " + strings.Join(all, ", ")
}

// narrower is the rule for what is refused and not meant to be. Of pods that no document names nothing is promised but what a
// floor promises.
func (r *prover) narrower(p *point) *diag.Rule {
	if p.meant.workload == nil {
		return closesOthers
	}
	return narrowerThanMeant
}

// peerAttribute is what a difference calls the caller's identity.
const peerAttribute = "peer"

// access compares what the policies allow, in force or as a dry run, under the transport that is meant.
func (r *prover) access(p *point, res *result, want *authz.Meant, dryRun bool) {
	at := &authz.Point{
		Mesh: r.mesh(), Namespace: p.pod.Namespace, Policies: p.policies, DryRun: dryRun, TLS: p.meant.tls(),
	}
	for _, o := range p.tokens {
		at.Issuers = append(at.Issuers, o.RequestAuthentication.Issuers...)
	}
	slices.Sort(at.Issuers)
	at.Issuers = slices.Compact(at.Issuers)
	c, err := authz.Compare(at, want, p.meant.ports)
	if err != nil {
		res.differences = append(res.differences, difference{
			rule: tooComplex, point: p, key: "policies",
			message: fmt.Sprintf("the policies of %s in %s cannot be compared: %v", r.pods(p), r.Cluster.Name, err),
			help:    "use fewer wildcards in the policies that select them",
		})
		return
	}
	res.requests += c.Classes
	res.more += c.More
	for i := range c.Differences {
		d := difference{rule: r.narrower(p), point: p, access: &c.Differences[i], dryRun: dryRun}
		if d.access.Wider {
			d.rule = widerThanMeant
		}
		res.differences = append(res.differences, d)
	}
}

func (r *prover) mesh() authz.Mesh {
	spec := r.Cluster.Doc.Spec
	m := authz.Mesh{
		TrustDomain: r.Cluster.TrustDomain(), RootNamespace: r.Cluster.Mesh.RootNamespace, Normalization: spec.PathNormalization.Value,
	}
	for _, alias := range spec.TrustDomainAliases.Items {
		m.Aliases = append(m.Aliases, alias.Value)
	}
	return m
}
