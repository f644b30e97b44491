package naive

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/syntax"
)

// picks reports whether a selection that somebody wrote picks the cluster: by name, or by having all of the labels.
func picks(s syntax.Selection, c *syntax.Cluster) bool {
	for _, name := range s.Names {
		if name.Value == c.Metadata.Name.Value {
			return true
		}
	}
	for _, want := range s.Labels {
		if !slices.ContainsFunc(c.Metadata.Labels, func(has syntax.Entry[syntax.Text]) bool {
			return has.Key.Value == want.Key.Value && has.Value.Value == want.Value.Value
		}) {
			return false
		}
	}
	return len(s.Labels) > 0
}

// namespaceIsIn reports whether a team's namespace exists in a cluster: as it says, else as its team says, else everywhere.
func namespaceIsIn(t *syntax.Team, ns syntax.Namespace, c *syntax.Cluster) bool {
	switch {
	case ns.Clusters.IsSet():
		return picks(ns.Clusters, c)
	case t.Spec.Clusters.IsSet():
		return picks(t.Spec.Clusters, c)
	default:
		return true
	}
}

// teamOf is the team in whose folder a document lies; "" for the platform's.
func teamOf(file string) string {
	below, ofTeam := strings.CutPrefix(file, "policies/teams/")
	if !ofTeam {
		return ""
	}
	team, _, _ := strings.Cut(below, "/")
	return team
}

// runsIn: a Service runs in its clusters, unless said in those of its namespace.
func (d derivation) runsIn(s *syntax.Service, c *syntax.Cluster) bool {
	if s.Spec.Clusters.IsSet() {
		return picks(s.Spec.Clusters, c)
	}
	for _, t := range d.Teams {
		for _, ns := range t.Spec.Namespaces {
			if t.Metadata.Name.Value == teamOf(s.File) && ns.Key.Value == s.Metadata.Namespace.Value {
				return namespaceIsIn(t, ns.Value, c)
			}
		}
	}
	return false
}

// isIn reports whether a Service runs in any cluster of a mesh.
func (d derivation) isIn(s *syntax.Service, m *syntax.Mesh) bool {
	return slices.ContainsFunc(d.Clusters, func(c *syntax.Cluster) bool { return d.mesh(c) == m && d.runsIn(s, c) })
}

func (d derivation) workload(s *syntax.Service, c *syntax.Cluster) *Workload {
	w := &Workload{
		Selector:  selector(s, c),
		MTLS:      d.stage(s, c, func(s syntax.Stages) string { return s.MTLS.Value }, "none", "permissive", "strict"),
		Authz:     d.stage(s, c, func(s syntax.Stages) string { return s.Authz.Value }, "off", "shadow", "enforce"),
		Outbound:  d.stage(s, c, func(s syntax.Stages) string { return s.Outbound.Value }, "open", "scoped"),
		Allowed:   map[Allowance]bool{},
		Admitted:  map[Allowance]bool{},
		Plaintext: map[int]bool{},
		Hosts:     map[string]bool{},
	}
	w.Retired = d.isRetired(s, c)
	w.Open = d.isUnderFloor(s, c) && w.Authz != "enforce" && w.MTLS != "none" && !w.Retired
	for _, host := range d.mesh(c).Spec.Reachable.Items {
		w.Hosts[host.Value] = true
	}
	return w
}

// stage is how far a Service has come on one axis, whose values are given from the loosest to the strictest. The strictest of
// Mesh, Cluster, namespace and Service wins; a Mesh that says nothing asks for the strictest there is. An exception of the Mesh
// loosens.
func (d derivation) stage(s *syntax.Service, c *syntax.Cluster, axis func(syntax.Stages) string, values ...string) string {
	strictness := func(stages syntax.Stages) int { return slices.Index(values, axis(stages)) } // -1 where nothing is said
	holds := slices.Index(values, or(axis(d.mesh(c).Spec.Stages), values[len(values)-1]))
	holds = max(holds, strictness(c.Spec.Stages), strictness(s.Spec.Stages))
	for _, t := range d.Teams {
		for _, ns := range t.Spec.Namespaces {
			if ns.Key.Value == s.Metadata.Namespace.Value && namespaceIsIn(t, ns.Value, c) {
				holds = max(holds, strictness(ns.Value.Stages))
			}
		}
	}
	for _, e := range d.mesh(c).Spec.Exceptions.Items {
		there := !e.Clusters.IsSet() || picks(e.Clusters, c)
		if e.Service.Value == key(s) && there && strictness(e.Stages) >= 0 {
			holds = min(holds, strictness(e.Stages))
		}
	}
	return values[holds]
}

// isUnderFloor reports whether the cluster or the namespace refuses what nobody named.
func (d derivation) isUnderFloor(s *syntax.Service, c *syntax.Cluster) bool {
	for _, t := range d.Teams {
		for _, ns := range t.Spec.Namespaces {
			if ns.Key.Value == s.Metadata.Namespace.Value && ns.Value.Floor.Value && namespaceIsIn(t, ns.Value, c) {
				return true
			}
		}
	}
	return c.Spec.Floor.Value
}

// isRetired reports whether the Service's namespace is being given up in the cluster, by any of the teams that share it.
func (d derivation) isRetired(s *syntax.Service, c *syntax.Cluster) bool {
	for _, t := range d.Teams {
		for _, ns := range t.Spec.Namespaces {
			if ns.Key.Value == s.Metadata.Namespace.Value && ns.Value.Retired.Value && namespaceIsIn(t, ns.Value, c) {
				return true
			}
		}
	}
	return false
}

// per are the entries that replace something in the cluster.
func per(s *syntax.Service, c *syntax.Cluster) []syntax.Per {
	var there []syntax.Per
	for _, p := range s.Spec.Per.Items {
		if picks(p.Clusters, c) {
			there = append(there, p)
		}
	}
	return there
}

func selector(s *syntax.Service, c *syntax.Cluster) map[string]string {
	labels := s.Spec.Selector
	for _, p := range per(s, c) {
		if len(p.Selector) > 0 {
			labels = p.Selector
		}
	}
	if len(labels) == 0 {
		return map[string]string{"app": s.Metadata.Name.Value}
	}
	all := map[string]string{}
	for _, l := range labels {
		all[l.Key.Value] = l.Value.Value
	}
	return all
}

func serviceAccounts(s *syntax.Service, c *syntax.Cluster) []string {
	accounts := s.Spec.ServiceAccounts.Items
	for _, p := range per(s, c) {
		if len(p.ServiceAccounts.Items) > 0 {
			accounts = p.ServiceAccounts.Items
		}
	}
	return texts(accounts, s.Metadata.Name.Value)
}

func hosts(s *syntax.Service, c *syntax.Cluster) []string {
	hosts := s.Spec.Hosts.Items
	for _, p := range per(s, c) {
		if len(p.Hosts.Items) > 0 {
			hosts = p.Hosts.Items
		}
	}
	return texts(hosts, s.Metadata.Name.Value)
}

// texts are the values of a list, or the one that holds where none is written.
func texts(list []syntax.Text, unlessSaid string) []string {
	if len(list) == 0 {
		return []string{unlessSaid}
	}
	var all []string
	for _, t := range list {
		all = append(all, t.Value)
	}
	return all
}

// containerPort is the container's port behind a named port: what policy is enforced on.
func containerPort(s *syntax.Service, c *syntax.Cluster, name string) int {
	for _, p := range per(s, c) {
		for _, target := range p.TargetPorts {
			if target.Key.Value == name {
				return target.Value.Value
			}
		}
	}
	for _, p := range s.Spec.Ports {
		if p.Key.Value == name && p.Value.TargetPort.Value != 0 {
			return p.Value.TargetPort.Value
		}
		if p.Key.Value == name {
			return p.Value.Port.Value
		}
	}
	return 0
}
