package query

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// Outcome is what is meant to become of a call, by how far it comes. The zero value is invalid.
type Outcome int

// The outcomes, each one step nearer to an access than the one before.
const (
	// NoWay: the caller's clusters do not discover the callee's, or one side is being retired.
	NoWay Outcome = iota + 1
	// NotOffered: no endpoint of the callee stands for the request.
	NotOffered
	// NoIntent: the caller does not ask for the endpoint.
	NoIntent
	// Refused: a rule keeps the intent from becoming an access at all.
	Refused
	// NoConsent: the caller asks, and the callee does not agree.
	NoConsent
	// Withheld: both agree, and a rule objects.
	Withheld
	// Meant: the access is there.
	Meant
)

func (o Outcome) String() string {
	return [...]string{"", "no way", "not offered", "no intent", "refused", "no consent", "withheld", "meant"}[o]
}

// decision is what is meant for one caller's request, at one pair of workloads.
type decision struct {
	outcome  Outcome
	endpoint *model.Endpoint // the one that decides: nil where none is offered
	access   *model.Access
	rule     *diag.Rule // that refuses or withholds
}

// wish is what somebody wants to call: an endpoint, or a request, which any endpoint may stand for that has it.
type wish struct {
	endpoint *model.Endpoint
	request  *Request
}

// offered are the endpoints of the workload that stand for what is wanted.
func (w wish) offered(to *model.Workload) []*model.Endpoint {
	if w.request == nil {
		return []*model.Endpoint{w.endpoint}
	}
	var all []*model.Endpoint
	for _, e := range to.Service.Endpoints {
		if !e.Broken && e.Port.HTTP() && takes(e, w.request.Method) && e.Matches(w.request.Path) {
			all = append(all, e)
		}
	}
	return all
}

// decide finds the best that any endpoint has to say.
func (x *Index) decide(who asker, from, to *model.Workload, want wish) decision {
	if !arrives(who, from, to) {
		return decision{outcome: NoWay}
	}
	best := decision{outcome: NotOffered}
	for _, e := range want.offered(to) {
		if d := x.decideEndpoint(who, from, to, e); d.outcome > best.outcome {
			best = d
		}
	}
	return best
}

func arrives(who asker, from, to *model.Workload) bool {
	switch {
	case to.Retired:
		return false
	case who.caller.Outsider != nil:
		return slices.Contains(who.caller.Outsider.Clusters, to.Cluster)
	case from != nil:
		return !from.Retired && from.Cluster.Discovers(to.Cluster)
	default:
		return true
	}
}

func (x *Index) decideEndpoint(who asker, from, to *model.Workload, e *model.Endpoint) decision {
	is := func(a *model.Access) bool { return a.Endpoint == e && a.Caller == who.caller }
	if !who.known() {
		return x.stranger(who, to, e)
	}
	if i := slices.IndexFunc(x.accesses[e.Service], is); i >= 0 {
		a := x.accesses[e.Service][i]
		if rule := x.checked.WithheldBy(a, from); rule != nil {
			return decision{Withheld, e, a, rule}
		}
		return decision{outcome: Meant, endpoint: e, access: a}
	}
	if i := slices.IndexFunc(x.pending[e.Service], is); i >= 0 {
		return decision{outcome: NoConsent, endpoint: e, access: x.pending[e.Service][i]}
	}
	if asks(who.caller, e) { // and there is neither an access nor one that waits
		return decision{outcome: Refused, endpoint: e, rule: model.ForeignOutsider}
	}
	return decision{outcome: NoIntent, endpoint: e}
}

// stranger decides about a caller that no document knows: some access may admit its identity all the same.
func (x *Index) stranger(who asker, to *model.Workload, e *model.Endpoint) decision {
	for _, ad := range x.admissions(to) {
		if who.identity != "" && ad.access.Endpoint == e && ad.admitsIdentity(to.Cluster, who.identity) {
			return decision{outcome: Meant, endpoint: e, access: ad.access}
		}
	}
	return decision{outcome: NoIntent, endpoint: e}
}

func asks(c model.Caller, e *model.Endpoint) bool {
	var intents []*model.Intent
	if c.Outsider != nil {
		intents = c.Outsider.Intents
	} else {
		intents = c.Service.Intents
	}
	return slices.ContainsFunc(intents, func(in *model.Intent) bool { return slices.Contains(in.Endpoints, e) })
}

// objection is the finding of the rule that speaks of the access: one that names it, or else its caller, or else its callee.
func (x *Index) objection(d decision, who asker) *diag.Finding {
	speaks := []func(*diag.Finding) bool{
		func(f *diag.Finding) bool { return d.access != nil && slices.Contains(f.Items, d.access.String()) },
		func(f *diag.Finding) bool { return slices.Contains(f.Objects, who.caller.Object()) },
		func(f *diag.Finding) bool { return slices.Contains(f.Objects, d.endpoint.Service.Object()) },
	}
	for _, of := range speaks {
		for i := range x.findings {
			if f := &x.findings[i]; f.Rule == d.rule && of(f) {
				return f
			}
		}
	}
	return nil
}

// why says in a sentence why a call is not meant.
func (x *Index) why(d decision, who asker, from, to *model.Workload) string {
	callee := to.Service.Key()
	switch d.outcome {
	case NoWay:
		if to.Retired || from != nil && from.Retired {
			return fmt.Sprintf("the namespace of one of them is being retired in %s", to.Cluster.Name)
		}
		return fmt.Sprintf("its calls do not arrive in %s", to.Cluster.Name)
	case NotOffered:
		return fmt.Sprintf("no endpoint of %s stands for the request", callee)
	case NoIntent:
		if !who.known() {
			return "no document lets it in"
		}
		return fmt.Sprintf("no intent of %s names %s of %s", who, d.endpoint.Name, callee)
	case NoConsent:
		return fmt.Sprintf("%s asks for %s, and %s does not agree", who, d.endpoint.Name, callee)
	case Refused, Withheld:
		if f := x.objection(d, who); f != nil {
			return fmt.Sprintf("%s withholds it: %s", d.rule.Code, f.Message)
		}
		return fmt.Sprintf("%s withholds it: %s", d.rule.Code, d.rule.Title)
	default:
		return ""
	}
}
