package naive

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/syntax"
)

// caller is who asks: a Service with its intents, an Outsider with its own, or a Service that the Mesh lists as infrastructure,
// with what it is listed for.
type caller struct {
	key      string
	service  *syntax.Service
	outsider *syntax.Outsider
	intents  []syntax.Intent
	listed   []syntax.Infrastructure
}

// callers are all who could call in a mesh.
func (d derivation) callers(m *syntax.Mesh) []*caller {
	var all []*caller
	for _, s := range d.Services {
		if !d.isIn(s, m) {
			continue
		}
		all = append(all, &caller{key: key(s), service: s, intents: s.Spec.Intents.Items})
		for _, i := range m.Spec.Infrastructure.Items {
			if i.From.Value == key(s) {
				all = append(all, &caller{key: key(s), service: s, listed: []syntax.Infrastructure{i}})
			}
		}
	}
	for _, o := range d.Outsiders {
		if d.arrives(o, m) {
			all = append(all, &caller{key: "outsider " + o.Metadata.Name.Value, outsider: o, intents: o.Spec.Intents.Items})
		}
	}
	return all
}

// asks reports whether an intent names the endpoint, or the Mesh lists it. An Outsider in a team's folder asks that team alone.
func (c *caller) asks(to *syntax.Service, endpoint string) bool {
	if c.outsider != nil && c.team() != "" && c.team() != teamOf(to.File) {
		return false
	}
	for _, i := range c.intents {
		if c.means(i.To.Value, to) && has(i.Endpoints.Items, endpoint) {
			return true
		}
	}
	return c.isListed(to, endpoint)
}

// team is the caller's team; "" for an Outsider of the platform.
func (c *caller) team() string {
	if c.outsider != nil {
		return teamOf(c.outsider.File)
	}
	return teamOf(c.service.File)
}

// means reports whether a reference of the caller is the Service's; a bare name is one of the caller's own namespace.
func (c *caller) means(reference string, to *syntax.Service) bool {
	if c.service != nil && !strings.Contains(reference, "/") {
		reference = c.service.Metadata.Namespace.Value + "/" + reference
	}
	return reference == key(to)
}

func (c *caller) isListed(to *syntax.Service, endpoint string) bool {
	for _, i := range c.listed {
		ofTeam := len(i.Teams.Items) == 0 || has(i.Teams.Items, teamOf(to.File))
		if ofTeam && has(i.Endpoints.Items, endpoint) && key(to) != c.key {
			return true
		}
	}
	return false
}

// consents: both are of one team, or a grant names the caller, or the endpoint is for every Service of the mesh. What the Mesh
// lists needs no consent.
func consents(from *caller, to *syntax.Service, endpoint syntax.Entry[syntax.Endpoint]) bool {
	forAll := endpoint.Value.Audience.Value == "mesh" && from.service != nil
	return forAll || consentsToCaller(from, to, endpoint.Key.Value)
}

// consentsToCaller is consent that is not everybody's.
func consentsToCaller(from *caller, to *syntax.Service, endpoint string) bool {
	if from.isListed(to, endpoint) || from.team() == teamOf(to.File) {
		return true
	}
	for _, g := range to.Spec.Grants.Items {
		if !has(g.Endpoints.Items, endpoint) {
			continue
		}
		service := g.From.Service.Value
		if service != "" && !strings.Contains(service, "/") {
			service = to.Metadata.Namespace.Value + "/" + service
		}
		switch {
		case from.outsider != nil && g.From.Outsider.Value == from.outsider.Metadata.Name.Value:
			return true
		case from.service != nil && service == from.key:
			return true
		case from.service != nil && g.From.Team.Value == from.team():
			return true
		}
	}
	return false
}

// leg is where a call leaves and where it arrives. An Outsider's leaves nowhere: from is nil.
type leg struct{ from, to *syntax.Cluster }

// legs are all ways of a call from one cluster, nil for an Outsider: to every cluster of the callee whose endpoints that one
// discovers. A namespace that is being given up calls nobody, and nobody calls it.
func (d derivation) legs(m *syntax.Mesh, from *caller, here *syntax.Cluster, to *syntax.Service) []leg {
	switch {
	case (from.service == nil) != (here == nil):
		return nil
	case here != nil && (d.mesh(here) != m || !d.runsIn(from.service, here) || d.isRetired(from.service, here)):
		return nil
	}
	var all []leg
	for _, there := range d.Clusters {
		if d.mesh(there) != m || !d.runsIn(to, there) || d.isRetired(to, there) {
			continue
		}
		if here == nil && arrivesIn(from.outsider, there) || here != nil && discovers(here, there) {
			all = append(all, leg{here, there})
		}
	}
	return all
}

// arrivesIn: an Outsider's calls arrive in all clusters, unless said.
func arrivesIn(o *syntax.Outsider, c *syntax.Cluster) bool {
	return !o.Spec.Clusters.IsSet() || picks(o.Spec.Clusters, c)
}

// arrives reports whether an Outsider's calls arrive anywhere in a mesh.
func (d derivation) arrives(o *syntax.Outsider, m *syntax.Mesh) bool {
	return slices.ContainsFunc(d.Clusters, func(c *syntax.Cluster) bool { return d.mesh(c) == m && arrivesIn(o, c) })
}

// discovers: all clusters of the mesh, unless said. An istiod always reads its own cluster's endpoints.
func discovers(here, there *syntax.Cluster) bool {
	return !here.Spec.Discovers.IsSet() || picks(here.Spec.Discovers, there) || here == there
}

// trustDomains are those whose identities the cluster takes for its own.
func trustDomains(c *syntax.Cluster) []string {
	own := []string{c.Spec.TrustDomain.Value}
	for _, alias := range c.Spec.TrustDomainAliases.Items {
		own = append(own, alias.Value)
	}
	return own
}

// accepts reports whether sidecars of the cluster take a certificate of the trust domain.
func accepts(c *syntax.Cluster, trustDomain string) bool {
	return c.Spec.SkipValidateTrustDomain.Value || slices.Contains(trustDomains(c), trustDomain)
}

// oneIdentity are all identities that a policy of the cluster admits that names the given one. Istio reads cluster.local as the
// cluster's own trust domain, whatever that is.
func oneIdentity(c *syntax.Cluster, identity string) []string {
	trustDomain, rest, ok := strings.Cut(identity, "/ns/")
	if !ok || trustDomain != "cluster.local" && !slices.Contains(trustDomains(c), trustDomain) {
		return []string{identity}
	}
	all := []string{identity}
	for _, same := range trustDomains(c) {
		all = append(all, same+"/ns/"+rest)
	}
	return all
}

// peers are what a policy knows the caller by on a leg. A Service without a sidecar has no identity.
func (d derivation) peers(from *caller, l leg) []string {
	if o := from.outsider; o != nil {
		return texts(o.Spec.CIDRs.Items, o.Spec.Identity.Value)
	}
	if d.Workloads[place(from.service, l.from)].MTLS == "none" {
		return nil
	}
	return identities(from.service, l.from)
}

func identities(s *syntax.Service, c *syntax.Cluster) []string {
	var all []string
	for _, account := range serviceAccounts(s, c) {
		all = append(all, c.Spec.TrustDomain.Value+"/ns/"+s.Metadata.Namespace.Value+"/sa/"+account)
	}
	return all
}
