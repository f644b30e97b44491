package weaken

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// The words of each axis, from the loosest to the strictest. Where nothing is said, nothing is asked, but by a Mesh: what nobody loosened
// there in writing is closed.
var (
	mtls     = []string{"none", "", "permissive", "strict"}
	authz    = []string{"off", "", "shadow", "enforce"}
	outbound = []string{"open", "", "scoped"}
)

// platform compares the platform's documents, as far as Services with personal data lie in what they speak of.
func (c *comparison) platform() {
	for b, a := range byName(c.before.Clusters, c.after.Clusters, func(c *model.Cluster) string { return c.Name }) {
		if c.hasData(b) {
			c.cluster(b, a)
		}
	}
	for b, a := range byName(c.before.Meshes, c.after.Meshes, func(m *model.Mesh) string { return m.Name }) {
		if slices.ContainsFunc(b.Clusters, c.hasData) {
			d := c.document("Mesh", a.Doc.Header)
			d.denies("Mesh.spec.strict", "mutual TLS is no longer asked of the whole mesh", b.Doc.Spec.Strict, a.Doc.Spec.Strict)
			d.changes("Mesh.spec.trustRoot", "", "the root of trust", b.Doc.Spec.TrustRoot, a.Doc.Spec.TrustRoot)
			d.gains("Mesh.spec.reachable", a.Doc.Spec.Reachable.Span, "", "every caller may reach %s", syntax.Values(b.Doc.Spec.Reachable), syntax.Values(a.Doc.Spec.Reachable), same)
		}
	}
	for b, a := range byName(c.before.Namespaces, c.after.Namespaces, func(n *model.Namespace) string { return n.Name }) {
		c.namespace(b, a)
	}
	for _, m := range c.after.Meshes {
		for _, a := range m.Outsiders {
			for _, was := range c.before.Meshes {
				for _, b := range was.Outsiders {
					if was.Name == m.Name && b.Name == a.Name && c.callsData(a) {
						c.outsider(b, a)
					}
				}
			}
		}
	}
}

// hasData reports whether a Service with personal data lay in the cluster.
func (c *comparison) hasData(b *model.Cluster) bool {
	return slices.ContainsFunc(b.Workloads, func(w *model.Workload) bool { return len(c.before.Flow.Exposed(w.Service)) > 0 })
}

func (c *comparison) cluster(before, after *model.Cluster) {
	d := c.document("Cluster", after.Doc.Header)
	b, a := &before.Doc.Spec, &after.Doc.Spec
	if !vocabulary.InEEA(a.Country.Value) {
		d.changes("Cluster.spec.country", "", "its country", b.Country, a.Country)
	}
	d.changes("Cluster.spec.operator", "", "its operator", b.Operator, a.Operator)
	if was, is := or(b.Tier, "production"), or(a.Tier, "production"); is.Value == "test" {
		d.changes("Cluster.spec.tier", "", "its tier", was, is)
	}
	d.gains("Cluster.spec.trustDomainAliases", a.TrustDomainAliases.Span, "", "identities of %s count as its own", syntax.Values(b.TrustDomainAliases), syntax.Values(a.TrustDomainAliases), same)
	d.claims("Cluster.spec.skipValidateTrustDomain", "", "identities of any trust domain finish a handshake", b.SkipValidateTrustDomain, a.SkipValidateTrustDomain)
	d.denies("Cluster.spec.strict", "mutual TLS is no longer asked of the whole cluster", b.Strict, a.Strict)
	normal := []string{"NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"}
	d.lowers("Cluster.spec.pathNormalization", "", "the normalisation of paths", or(b.PathNormalization, "BASE"), or(a.PathNormalization, "BASE"), normal)
	for _, x := range a.Accepted.Items {
		i := slices.IndexFunc(b.Accepted.Items, func(o syntax.Accepted) bool { return o.Object.Value == x.Object.Value })
		if i < 0 {
			d.tell("Cluster.spec.accepted.object", x.Object.Span, "+"+x.Object.Value+"\x00"+x.SHA256.Value, x.Object.Value+" is accepted without proof")
			continue
		}
		d.changes("Cluster.spec.accepted.sha256", x.Object.Value, "the digest of "+x.Object.Value, b.Accepted.Items[i].SHA256, x.SHA256)
		d.later("Cluster.spec.accepted.until", x.Object.Value, "the acceptance of "+x.Object.Value, b.Accepted.Items[i].Until, x.Until)
	}
}

// namespace compares who may create pods beside those of a Service with personal data.
func (c *comparison) namespace(b, a *model.Namespace) {
	had := false
	for _, m := range c.before.Meshes {
		for _, s := range m.Services {
			had = had || s.Namespace == b && len(c.before.Flow.Exposed(s)) > 0
		}
	}
	if !had {
		return
	}
	for _, p := range a.Parts {
		i := slices.IndexFunc(b.Parts, func(o model.NamespacePart) bool { return o.Team.Name == p.Team.Name })
		d := c.document("Team", p.Team.Doc.Header)
		d.at = p.Key.Span
		if i < 0 || p.Doc.Shared.Value && !b.Parts[i].Doc.Shared.Value {
			d.tell("Team.spec.namespaces.shared", p.Doc.Shared.Span, "+"+a.Name, "team "+p.Team.Name+" shares namespace "+a.Name+" or has it now, and may take any identity in it")
		}
	}
}

// callsData reports whether an Outsider has an access to personal data.
func (c *comparison) callsData(o *model.Outsider) bool {
	return slices.ContainsFunc(o.Mesh.Accesses, func(a *model.Access) bool {
		return a.Caller.Outsider == o && len(c.after.Flow.Carries(a)) > 0
	})
}

func (c *comparison) outsider(before, after *model.Outsider) {
	d := c.document("Outsider", after.Doc.Header)
	d.team = after.Team
	b, a := &before.Doc.Spec, &after.Doc.Spec
	d.changes("Outsider.spec.identity", "", "its identity", b.Identity, a.Identity)
	d.gains("Outsider.spec.cidrs", a.CIDRs.Span, "", "it calls from %s", syntax.Values(b.CIDRs), syntax.Values(a.CIDRs), same)
	if b.Clusters.IsSet() || a.Clusters.IsSet() { // else it is all of them, however many there are
		d.gains("Outsider.spec.clusters", a.Clusters.Span, "", "it calls in %s", names(before.Clusters), names(after.Clusters), same)
	}
	d.later("Outsider.spec.until", "", "it", b.Until, a.Until)
}

func names(all []*model.Cluster) []string {
	var texts []string
	for _, c := range all {
		texts = append(texts, c.Name)
	}
	return texts
}

// places compares where the pods of a Service with personal data are. That a cluster itself has changed is told of the cluster.
func (c *comparison) places(d *document, b, a *model.Service) {
	if len(b.Workloads) == 0 {
		return
	}
	var countries, operators []string
	var least model.Stages
	production := false
	for i, w := range b.Workloads {
		countries = append(countries, w.Cluster.Doc.Spec.Country.Value)
		operators = append(operators, w.Cluster.Doc.Spec.Operator.Value)
		production = production || w.Cluster.Doc.Spec.Tier.Value != "test"
		if i == 0 {
			least = w.Stages
		}
		least.MTLS, least.Authz = min(least.MTLS, w.Stages.MTLS), min(least.Authz, w.Stages.Authz)
	}
	for _, w := range a.Workloads {
		if slices.ContainsFunc(b.Workloads, func(o *model.Workload) bool { return o.Cluster.Name == w.Cluster.Name }) {
			continue
		}
		at, field := c.blamed(d, a, w.Cluster)
		spec := &w.Cluster.Doc.Spec
		if country := spec.Country.Value; !vocabulary.InEEA(country) {
			at.gains(field, at.at, "country", "personal data is processed in cluster "+w.Cluster.Name+", country %s", countries, []string{cmp.Or(country, "not said")}, same)
		}
		at.gains(field, at.at, "operator", "personal data is processed in cluster "+w.Cluster.Name+", operated by %s", operators, []string{cmp.Or(spec.Operator.Value, "nobody who is said")}, sameOr(""))
		if production && spec.Tier.Value == "test" {
			at.tell(field, at.at, "+test\x00"+w.Cluster.Name, "personal data is processed in test cluster "+w.Cluster.Name)
		}
		if w.Stages.MTLS < least.MTLS || w.Stages.Authz < least.Authz {
			at.tell(field, at.at, "+stages\x00"+w.Cluster.Name, "personal data is processed in cluster "+w.Cluster.Name+", where mtls is "+w.Stages.MTLS.String()+" and authz "+w.Stages.Authz.String())
		}
	}
}

// sameOr is same where a word that is not said stands for itself.
func sameOr(unsaid string) cover {
	return func(wide, narrow string) bool {
		return wide == narrow || wide == unsaid && narrow == "nobody who is said"
	}
}

// blamed is the document by which a Service has come to a cluster: a Cluster that is new, a Team that has its namespaces there, or the
// Service's own.
func (c *comparison) blamed(d *document, a *model.Service, to *model.Cluster) (*document, string) {
	isNew := !slices.ContainsFunc(c.before.Clusters, func(o *model.Cluster) bool { return o.Name == to.Name })
	switch {
	case isNew:
		return c.document("Cluster", to.Doc.Header), "Cluster.metadata"
	case a.Doc.Spec.Clusters.IsSet():
		own := *d
		own.at = a.Doc.Spec.Clusters.Span
		return &own, "Service.spec.clusters"
	}
	for _, p := range a.Namespace.Parts {
		if p.Team == a.Team && p.Doc.Clusters.IsSet() {
			team := c.document("Team", p.Team.Doc.Header)
			team.at = p.Doc.Clusters.Span
			return team, "Team.spec.namespaces.clusters"
		}
	}
	team := c.document("Team", a.Team.Doc.Header)
	if s := a.Team.Doc.Spec.Clusters; s.IsSet() {
		team.at = s.Span
	}
	return team, "Team.spec.clusters"
}
