package prove

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
)

// assumptions are what the proof takes on trust, each with what looks after it or what would have to.
func (r *prover) assumptions() []Assumption {
	c := r.Cluster
	spec := c.Doc.Spec
	normalization := spec.PathNormalization.Value
	if normalization == "" {
		normalization = "BASE"
	}
	trust := fmt.Sprintf("its trust domain is %s", c.TrustDomain())
	for _, alias := range spec.TrustDomainAliases.Items {
		trust += " with the alias " + alias.Value
	}
	seen := func(what string, is bool) Assumption {
		if is {
			return Assumption{What: what, Checked: true, By: r.Seen.By}
		}
		return Assumption{What: what}
	}
	all := []Assumption{
		seen("a pod that has the labels of a Service's selector is the Service's, and every pod of the Service has them", r.Seen.Pods),
		{What: "no pod belongs to two Services: their selectors cannot both hold", Checked: true, By: "rule IDN-004"},
		seen("every pod of a Service whose mtls stage is not none has a sidecar, and no call goes past it but those to the agent's own ports: 15020, 15021 and 15090", r.Seen.Pods),
		seen("a Kubernetes Service leads to the ports of pods that its document declares", r.Seen.Services),
		{What: "the application listens on the target ports that its Service declares, and speaks the protocol that is declared"},
		{What: "a host of a Service leads to its endpoints in every cluster that the caller's cluster discovers, and to nothing else"},
		seen("the cluster holds the objects of its folder, and none besides that could change access", r.Seen.Objects),
		{What: "no pod is a waypoint or an ambient workload: the data plane is sidecars", Checked: true, By: "the schema of Cluster, dataPlane"},
		{What: "a workload's key is with its own pods alone, and the mesh's root of trust signs for nobody else"},
		{What: fmt.Sprintf("%s runs Istio %s", c.Name, spec.IstioVersion.Value)},
		seen(fmt.Sprintf("%s has the root namespace %s and pathNormalization %s", c.Name, c.Mesh.RootNamespace, normalization), r.Seen.Mesh),
		seen(fmt.Sprintf("%s: %s", c.Name, trust), r.Seen.Mesh),
		{What: fmt.Sprintf("%s: peers of other trust domains are %s", c.Name, taken(c))},
	}
	all = append(all,
		seen(c.Name+": its mesh configuration has enableAutoMtls on and outboundTrafficPolicy ALLOW_ANY, as Istio has them unless told", r.Seen.Mesh),
		Assumption{What: c.Name + ": its istiod takes one external authorizer for a pod, as Istio does unless told"})
	if r.tokens {
		all = append(all, Assumption{
			What: fmt.Sprintf("no caller in %s sends a token that a RequestAuthentication refuses: such a request is refused whatever is meant", c.Name),
		})
	}
	slices.Sort(r.bare)
	if bare := slices.Compact(r.bare); len(bare) > 0 {
		all = append(all, Assumption{
			What: fmt.Sprintf("in %s nothing is enforced at %s, which have no sidecar (mtls: none)", c.Name, strings.Join(bare, ", ")),
			By:   "the stages in the documents",
		})
	}
	return join(all, r.vouched)
}

func taken(c *model.Cluster) string {
	if c.Doc.Spec.SkipValidateTrustDomain.Value {
		return "taken (PILOT_SKIP_VALIDATE_TRUST_DOMAIN)"
	}
	return "refused"
}

// takenOnTrust notes what the points are taken on trust for, and counts those at which something is enforced.
func (r *prover) takenOnTrust(points []point) {
	for i := range points {
		p := &points[i]
		r.tokens = r.tokens || len(p.tokens) > 0
		if p.meant.bare {
			r.bare = append(r.bare, p.meant.workload.Service.Key())
		} else {
			r.proof.Points++
		}
	}
}
