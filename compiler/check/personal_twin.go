package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

var cannotTellApart = &diag.Rule{
	Code: "PII-059", Name: "place-not-told-apart", Effect: diag.Withhold,
	Title: "a caller outside of where personal data stays cannot be told apart from one inside",
	Why:   "Clusters that share or alias a trust domain are one caller to every policy (measured on real Envoys). What is opened to the caller where the data stays is open to its twin elsewhere, if that finds a way there (GDPR Articles 32 and 44).",
}

// Only twins that really run are told: a Cluster elsewhere that merely discovers the callee has no identity that is let in.
func runCannotTellApart(p *Pass) {
	if p.personal() == nil || !slices.ContainsFunc(p.Estate.Activities, stays) {
		return
	}
	r := p.residency()
	r.holders() // of which 058 tells
	for _, in := range p.asked() {
		x := &strayed{}
		var callee *model.Cluster
		for _, a := range in.accesses {
			for leg := range a.Legs() {
				for _, twin := range twins(a, leg) {
					if r.strayTwin(x, in, a, twin) {
						callee = leg.To.Cluster
					}
				}
			}
		}
		if len(x.accesses) == 0 {
			continue
		}
		to := in.accesses[0].Callee().Key()
		f := x.finding(
			fmt.Sprintf("%s asks for %s, which %s, and %s cannot tell it from %s in %s: they share a trust domain", in.caller.Key(), listed(x.categories), x.where(), callee.Name, in.caller.Key(), x.places()),
			"give it a service account of its own there (`per:`), do not deploy it there, or let the platform give the clusters distinct trust domains with skipValidateTrustDomain",
			in.caller.Object(), "spec.intents["+to+"]/trustDomain")
		f.Related = append(f.Related, diag.Related{Span: x.clusters[0].Doc.Spec.TrustDomain.Span, Message: "its trust domain there"})
		p.object(x.accesses[0].Span(), f, x.accesses...)
	}
}

// twins are the caller's workloads that do not call this way and that the callee takes for the one that does.
func twins(a *model.Access, leg model.Leg) []*model.Workload {
	if leg.From == nil {
		return nil
	}
	var all []*model.Workload
	for _, w := range a.Caller.Service.Workloads {
		if w != leg.From && !w.Retired && !w.Cluster.Discovers(leg.To.Cluster) && sharesAccount(leg.From, w) &&
			leg.To.Cluster.Admits(leg.From.Cluster.TrustDomain(), w.Cluster.TrustDomain()) {
			all = append(all, w)
		}
	}
	return all
}

// strayTwin notes a twin that is outside of where some of the access's data stays, unless the Service processes it there by its own
// word, which is told already.
func (r *residency) strayTwin(x *strayed, in *askedFor, a *model.Access, twin *model.Workload) bool {
	if own := r.services[twin.Service.Doc]; own != nil && slices.Contains(own.clusters, twin.Cluster) {
		return false
	}
	found := false
	for _, category := range answeredFor(r.flow, a) {
		bound := []*model.Activity{in.activity}
		for _, k := range keptUnder(a.Endpoint, category) {
			bound = append(bound, k.Activity)
		}
		for _, activity := range bound {
			if !r.strays(twin.Cluster, activity) {
				continue
			}
			found = true
			x.add(activity, twin.Cluster, category)
			if !slices.Contains(x.accesses, a) {
				x.accesses = append(x.accesses, a)
			}
		}
	}
	return found
}
