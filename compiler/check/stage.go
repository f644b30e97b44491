package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var needsSidecar = &diag.Rule{
	Code: "STG-001", Name: "stage-needs-sidecar", Effect: diag.Stop,
	Title: "a stage asks a workload without sidecar to enforce",
	Why:   "Policies are enforced by the callee's sidecar and outbound scope by the caller's. Where there is none (`mtls: none`) the workload stands open, and the manifests would say that it does not.",
}

func runNeedsSidecar(p *Pass) {
	p.eachFaulty(func(w *model.Workload) bool {
		return !w.Retired && contradictory(w)
	}, func(s *model.Service, ws []*model.Workload) {
		st := ws[0].Stages
		asked, by := "authz: "+st.Authz.String(), st.AuthzBy
		if st.Authz == model.AuthzOff {
			asked, by = "outbound: "+st.Outbound.String(), st.OutboundBy
		}
		p.Report(st.MTLSBy, diag.Finding{
			Message: fmt.Sprintf("%s has no sidecar in %s (mtls: none), so nothing enforces %s", s.Key(), clusterNames(ws), asked),
			Help:    "give its pods a sidecar and say `mtls: permissive`, or let the exception say `authz: off` and `outbound: open` too",
			Related: related(by, asked+" is asked for here"),
			Objects: []string{s.Object()}, Field: "stages.mtls",
		})
	})
}

// contradictory stages ask a workload for what only the sidecar could do that it has not.
func contradictory(w *model.Workload) bool {
	return w.Stages.MTLS == model.MTLSNone && (w.Stages.Authz != model.AuthzOff || w.Stages.Outbound != model.OutboundOpen)
}

// eachFaulty visits every Service that has faulty workloads, with those of all meshes.
func (p *Pass) eachFaulty(faulty func(*model.Workload) bool, visit func(*model.Service, []*model.Workload)) {
	of := map[*syntax.Service][]*model.Workload{}
	for _, m := range p.Estate.Meshes {
		for _, s := range m.Services {
			for _, w := range s.Workloads {
				if faulty(w) {
					of[s.Doc] = append(of[s.Doc], w)
				}
			}
		}
	}
	eachService(p.Estate, func(s *model.Service) {
		if ws := of[s.Doc]; len(ws) > 0 {
			visit(ws[0].Service, ws)
		}
	})
}

func clusterNames(ws []*model.Workload) string {
	var all []string
	for _, w := range ws {
		all = append(all, w.Cluster.Name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func related(at diag.Span, message string) []diag.Related {
	if at.IsZero() {
		return nil
	}
	return []diag.Related{{Span: at, Message: message}}
}

var underFloor = &diag.Rule{
	Code: "STG-002", Name: "cut-off-by-floor", Effect: diag.Stop,
	Title: "a Service under a floor does not enforce and has no exception",
	Why:   "A floor refuses whatever no enforced policy allows. A Service in shadow or off has none, so all of its callers would be cut off.",
}

func runUnderFloor(p *Pass) {
	p.eachFaulty(func(w *model.Workload) bool {
		return !w.Retired && w.Floor && w.Stages.Authz != model.AuthzEnforce && w.OpenBy == nil
	}, func(s *model.Service, ws []*model.Workload) {
		w := ws[0]
		floor := w.Cluster.Doc.Spec.Floor.Span
		if part := s.Namespace.Floor(w.Cluster); part != nil {
			floor = part.Key.Span
		}
		p.Report(w.Stages.AuthzBy, diag.Finding{
			Message: fmt.Sprintf("%s is at authz: %s in %s, under a floor that would cut off all of its callers", s.Key(), w.Stages.Authz, clusterNames(ws)),
			Help:    "say `authz: enforce`, or let the platform write an exception for it in the Mesh document, with a reason and an end",
			Related: related(floor, "the floor"),
			Objects: []string{s.Object()}, Field: "stages.authz",
		})
	})
}

var callerWithoutIdentity = &diag.Rule{
	Code: "STG-003", Name: "caller-without-identity", Effect: diag.Withhold,
	Title: "a caller without sidecar calls a Service that asks for an identity",
	Why:   "An identity is what the sidecar shows in mutual TLS. A caller without one (`mtls: none`) calls in plaintext, which a strict callee refuses and an enforcing one cannot recognise.",
}

func runCallerWithoutIdentity(p *Pass) {
	type blind struct {
		clusters []string
		callees  []string
		at       diag.Span
	}
	of := map[*model.Service]*blind{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if leg.From == nil || leg.From.Stages.MTLS != model.MTLSNone || contradictory(leg.From) {
					continue
				}
				if leg.To.Stages.Authz != model.AuthzEnforce && leg.To.Stages.MTLS != model.MTLSStrict {
					continue
				}
				p.WithholdFrom(a, leg.From)
				b := of[a.Caller.Service]
				if b == nil {
					b = &blind{at: a.Span()}
					of[a.Caller.Service] = b
				}
				b.clusters = append(b.clusters, leg.From.Cluster.Name)
				b.callees = append(b.callees, a.Endpoint.String())
			}
		}
	}
	for s, b := range of {
		slices.Sort(b.clusters)
		p.Report(b.at, diag.Finding{
			Items:   b.callees,
			Message: fmt.Sprintf("%s has no sidecar in %s, so it has no identity to call with: withheld are %s", s.Key(), strings.Join(slices.Compact(b.clusters), ", "), some(b.callees)),
			Help:    "give its pods a sidecar (`mtls: permissive`); until then the provider can declare it an Outsider by its addresses, with an end date",
			Objects: []string{s.Object(), "Mesh " + s.Mesh.Name}, Field: "stages.mtls",
		})
	}
}

var floorOverGateways = &diag.Rule{
	Code: "STG-004", Name: "floor-over-gateways", Effect: diag.Stop,
	Title: "a Cluster has a floor and gateways whose edges nobody declared",
	Why:   "A cluster's floor is a policy in the root namespace, and gateways are workloads too: it would refuse all that comes in through them.",
}

func runFloorOverGateways(p *Pass) {
	for _, c := range p.Estate.Clusters {
		gateways := c.Doc.Spec.Gateways
		if !c.Doc.Spec.Floor.Value || !gateways.Span.IsZero() && len(gateways.Items) == 0 {
			continue
		}
		f := diag.Finding{
			Message: fmt.Sprintf("cluster %s has a floor and does not say which gateways it has", c.Name),
			Help:    "say `gateways: []` if it has none",
			Objects: []string{"Cluster " + c.Name}, Field: "spec.floor",
		}
		if n := len(gateways.Items); n > 0 {
			f.Message = fmt.Sprintf("cluster %s has a floor, which would cut off its gateway %s", c.Name, gateways.Items[0].Value)
			f.Help = "leave the cluster's floor out and set it on the namespaces; what is opened at a gateway cannot be declared yet"
			f.Related = []diag.Related{{Span: gateways.Items[0].Span, Message: "the gateway"}}
		}
		p.Report(c.Doc.Spec.Floor.Span, f)
	}
}

var idleException = &diag.Rule{
	Code: "STG-005", Name: "idle-exception", Effect: diag.Report,
	Title: "an exception loosens nothing",
	Why:   "It is written permission to stand open that nobody needs any more, or that misses the Service it was meant for.",
}

func runIdleException(p *Pass) {
	for _, m := range p.Estate.Meshes {
		exceptions := m.Doc.Spec.Exceptions.Items
		for i := range exceptions {
			e := &exceptions[i]
			s := m.Service(e.Service.Value)
			if s == nil || slices.ContainsFunc(s.Workloads, func(w *model.Workload) bool { return w.RestsOn(e) }) {
				continue // an unknown name has a finding of its own
			}
			p.Report(e.Service.Span, diag.Finding{
				Message: fmt.Sprintf("this exception loosens nothing for %s: its stages are no stricter without it", e.Service.Value),
				Help:    "delete it",
				Objects: []string{"Mesh " + m.Name}, Field: "spec.exceptions[" + e.Service.Value + "]",
			})
		}
	}
}

var inRetired = &diag.Rule{
	Code: "STG-006", Name: "retired-namespace", Effect: diag.Withhold, Level: diag.Warning,
	Title: "a Service is in a namespace that is retired",
	Why:   "A namespace leaves in two commits: `retired` keeps its floor and takes its allows away, and once nothing runs there it is deleted. Until then its Services call nobody and nobody calls them.",
}

func runInRetired(p *Pass) {
	retired := func(w *model.Workload) bool { return w.Retired }
	callers := map[*syntax.Service][]string{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			gone := slices.ContainsFunc(a.Callee().Workloads, retired)
			if a.Caller.Service != nil {
				gone = gone || slices.ContainsFunc(a.Caller.Service.Workloads, retired)
			}
			if !gone {
				continue
			}
			callers[a.Callee().Doc] = append(callers[a.Callee().Doc], a.Caller.Key())
			if !hasLegs(a) {
				p.Withhold(a)
			}
		}
	}
	p.eachFaulty(retired, func(s *model.Service, ws []*model.Workload) {
		f := diag.Finding{
			Message: fmt.Sprintf("namespace %s is retired in %s: %s calls nobody there and nobody calls it", s.Namespace.Name, clusterNames(ws), s.Key()),
			Help:    "move the Service to another namespace, or delete its document",
			Objects: []string{s.Object()}, Field: "metadata.namespace",
		}
		if who := callers[s.Doc]; len(who) > 0 {
			f.Message += " (it was called by " + some(who) + ")"
		}
		for _, part := range s.Namespace.Parts {
			if part.Doc.Retired.Value {
				f.Related = append(f.Related, diag.Related{Span: part.Doc.Retired.Span, Message: "retired here"})
			}
		}
		p.Report(s.Doc.Metadata.Namespace.Span, f)
	})
}

var inRootNamespace = &diag.Rule{
	Code: "OWN-006", Name: "in-root-namespace", Effect: diag.Stop,
	Title: "a Service or a floor is in a mesh's root namespace",
	Why:   "Istio applies policies of the root namespace to all namespaces: a Service's policy there would open every pod with the same label, and a namespace's floor would close the whole cluster.",
}

func runInRootNamespace(p *Pass) {
	for _, m := range p.Estate.Meshes {
		for _, s := range m.Services {
			if s.Namespace.Name == m.RootNamespace {
				p.Report(s.Doc.Metadata.Namespace.Span, diag.Finding{
					Message: fmt.Sprintf("%s is in %s, the root namespace of mesh %s, whose policies hold for all namespaces", s.Key(), m.RootNamespace, m.Name),
					Help:    "move it to a namespace of its own; what must stay there has policies of its own, which writ leaves alone",
					Objects: []string{s.Object()}, Field: "metadata.namespace",
				})
			}
		}
		for _, n := range p.Estate.Namespaces {
			for _, c := range m.Clusters {
				if part := n.Floor(c); part != nil && n.Name == m.RootNamespace {
					p.Report(part.Key.Span, diag.Finding{
						Message: fmt.Sprintf("a floor in %s, the root namespace of mesh %s, closes every namespace of cluster %s", n.Name, m.Name, c.Name),
						Help:    "set `floor: true` in the Cluster document if all of the cluster is meant",
						Objects: []string{"Team " + part.Team.Name}, Field: "spec.namespaces." + n.Name,
					})
					break
				}
			}
		}
	}
}

func hasLegs(a *model.Access) bool {
	for range a.Legs() {
		return true
	}
	return false
}
