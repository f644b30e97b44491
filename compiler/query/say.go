package query

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// sayer puts the answer of pairs that have the same one into words; pair is the first of them.
type sayer struct {
	*Index
	pair
	pairs []pair
}

func (s sayer) callees() []*model.Workload {
	var all []*model.Workload
	for _, p := range s.pairs {
		all = append(all, p.to)
	}
	return all
}

func (s sayer) clusters() []string { return clusterNames(s.callees()) }

// endpoints are those that decide, or that were asked about.
func (s sayer) endpoints() []string {
	var all []string
	for _, p := range s.pairs {
		switch {
		case p.endpoint != nil:
			all = append(all, p.endpoint.Name)
		case p.want.endpoint != nil:
			all = append(all, p.want.endpoint.Name)
		}
	}
	return unique(all)
}

// what is asked about, as the object of a sentence.
func (s sayer) what() string {
	callee := s.to.Service.Key()
	switch {
	case s.want.request != nil:
		return fmt.Sprintf("%s of %s", s.want.request, callee)
	case len(s.endpoints()) > 4:
		return "any endpoint of " + callee
	case s.outcome != Meant && len(s.endpoints()) > 1:
		return strings.Join(s.endpoints()[:len(s.endpoints())-1], ", ") + " or " + s.endpoints()[len(s.endpoints())-1] + " of " + callee
	default:
		return join(s.endpoints()) + " of " + callee
	}
}

// doing is what is asked about, as the predicate of a sentence.
func (s sayer) doing() string {
	if s.want.request != nil {
		return fmt.Sprintf("send %s to %s", s.want.request, s.to.Service.Key())
	}
	return "call " + s.what()
}

func (s sayer) headline() string {
	where := "in " + join(s.clusters())
	if s.outcome == Meant {
		if len(s.endpoints()) > 4 {
			return fmt.Sprintf("yes: %s may call %d endpoints of %s %s: %s", s.asker, len(s.endpoints()), s.to.Service.Key(), where, join(s.endpoints()))
		}
		return fmt.Sprintf("yes: %s may %s %s", s.asker, s.doing(), where)
	}
	if s.outcome == NoWay && s.from != nil {
		var from []*model.Workload
		for _, p := range s.pairs {
			from = append(from, p.from)
		}
		return fmt.Sprintf("no: calls of %s from %s do not arrive at %s, which is %s", s.asker, join(clusterNames(from)), s.to.Service.Key(), where)
	}
	return fmt.Sprintf("no: %s may not %s %s: %s", s.asker, s.doing(), where, s.short())
}

// short is the reason of a no in a few words; the steps have the rest.
func (s sayer) short() string {
	switch s.outcome {
	case NoWay:
		if s.to.Retired || s.from != nil && s.from.Retired {
			return "a namespace is being retired"
		}
		return "its calls do not arrive there"
	case NotOffered:
		return "no endpoint stands for it"
	case NoIntent:
		switch {
		case len(s.sharers) > 0:
			return "none of " + join(s.sharers) + " asks for it"
		case !s.known():
			return "nobody has declared who that is"
		}
		return "it does not ask for it"
	case NoConsent:
		return "it asks, and the provider has not agreed"
	default:
		return s.rule.Code + " objects"
	}
}

// steps are the stations of the way, as far as the call comes.
func (s sayer) steps() []Step {
	all := []Step{s.callerStep()}
	all = append(all, s.reachStep())
	if s.outcome == NoWay {
		return all
	}
	all = append(all, s.transportStep(), s.policyStep())
	if step, ok := s.requestStep(); ok {
		all = append(all, step)
	}
	if s.outcome == NotOffered || !s.known() && s.outcome != Meant {
		return all
	}
	all = append(all, s.intentStep())
	if s.outcome == NoIntent || s.outcome == Refused {
		return append(all, s.objections()...)
	}
	return append(append(all, s.consentStep()), s.objections()...)
}

func (s sayer) callerStep() Step {
	step := Step{Name: "caller"}
	switch {
	case !s.known() && s.identity == "":
		step.Text = "a connection without a certificate has no identity"
		return step
	case len(s.sharers) > 0:
		step.Text = join(s.sharers) + " have this identity"
		return step
	case !s.known():
		step.Text = "no document declares who has this identity"
		return step
	case s.caller.Outsider != nil:
		o := s.caller.Outsider
		step.Span, step.Text = o.Doc.Spec.Identity.Span, "shows "+o.Doc.Spec.Identity.Value
		if o.Doc.Spec.Identity.Value == "" {
			step.Span = o.Doc.Spec.CIDRs.Span
			var ranges []string
			for _, t := range o.Doc.Spec.CIDRs.Items {
				ranges = append(ranges, t.Value)
			}
			step.Text = "any peer from " + join(ranges) + ", with or without identity"
		}
		return step
	}
	step.Span = s.caller.Service.Doc.Metadata.Name.Span
	if accounts := s.caller.Service.Doc.Spec.ServiceAccounts; len(accounts.Items) > 0 {
		step.Span = accounts.Items[0].Span
	}
	var ids, without []string
	for _, p := range s.pairs {
		ids = append(ids, principals(p.from)...)
		if p.from.Stages.MTLS == model.MTLSNone {
			without = append(without, p.from.Cluster.Name)
			step.Span = p.from.Stages.MTLSBy
		}
	}
	if len(ids) > 0 {
		step.Text = "shows " + identities(ids) + s.alike(ids)
	}
	if len(without) > 0 {
		step.Text = strings.TrimPrefix(step.Text+"; ", "; ") + "has no sidecar in " + join(unique(without)) + ", so it shows no identity"
	}
	return step
}

// identities shows principals of one namespace shortly: the accounts once, and the trust domains that vouch for them.
func identities(ids []string) string {
	var domains, rest []string
	for _, id := range ids {
		domain, account, _ := strings.Cut(id, "/")
		domains, rest = append(domains, domain), append(rest, account)
	}
	domains, rest = unique(domains), unique(rest)
	if len(domains) == 1 && len(rest) == 1 {
		return domains[0] + "/" + rest[0]
	}
	if len(domains)*len(rest) != len(unique(ids)) {
		return some(ids)
	}
	return strings.Join(rest, " or ") + " of " + join(domains)
}

// alike names the caller's clusters that share a trust domain of these identities: policies take them for one.
func (s sayer) alike(ids []string) string {
	domains := map[string][]string{}
	for _, w := range s.caller.Service.Workloads {
		if w.Stages.MTLS != model.MTLSNone {
			domains[w.Cluster.TrustDomain()] = append(domains[w.Cluster.TrustDomain()], w.Cluster.Name)
		}
	}
	var parts []string
	for domain, names := range domains {
		shown := slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, domain+"/") })
		if shown && len(names) > 1 {
			parts = append(parts, join(unique(names))+" share a trust domain and look alike")
		}
	}
	slices.Sort(parts)
	return strings.Join(append([]string{""}, parts...), "; ")
}

// reachStep says where calls from each of the caller's clusters arrive.
func (s sayer) reachStep() Step {
	step := Step{Name: "reach"}
	if s.from == nil {
		step.Text = "arrives in " + join(s.clusters())
		if o := s.caller.Outsider; o != nil {
			step.Span = o.Doc.Spec.Clusters.Span
			if s.outcome == NoWay {
				var in []string
				for _, c := range o.Clusters {
					in = append(in, c.Name)
				}
				step.Text = "its calls arrive in " + join(in) + " alone"
			}
		}
		return step
	}
	to := map[string][]string{}
	for _, p := range s.pairs {
		to[p.from.Cluster.Name] = append(to[p.from.Cluster.Name], p.to.Cluster.Name)
	}
	from := map[string][]string{}
	for name, arrives := range to {
		key := join(unique(arrives))
		from[key] = append(from[key], name)
	}
	var parts []string
	for key, names := range from {
		parts = append(parts, join(unique(names))+" -> "+key)
	}
	slices.Sort(parts)
	step.Text = strings.Join(parts, "; ")
	if s.outcome == NoWay {
		step.Span, step.Text = s.from.Cluster.Doc.Spec.Discovers.Span, join(s.clusters())+" is not discovered from "+strings.Split(parts[0], " -> ")[0]
		if s.to.Retired || s.from.Retired {
			step.Span, step.Text = diag.Span{}, "the namespace of one side is retired: it calls nobody, and nobody calls it"
		}
	}
	return step
}

func (s sayer) transportStep() Step {
	st := s.to.Stages
	text := map[model.MTLS]string{
		model.MTLSNone:       "no sidecar: plain text, and nothing that could refuse it",
		model.MTLSPermissive: "mutual TLS or plain text",
		model.MTLSStrict:     "mutual TLS only",
	}[st.MTLS]
	return Step{"transport", text + " (mtls: " + st.MTLS.String() + ")", st.MTLSBy}
}

func (s sayer) policyStep() Step {
	st := s.to.Stages
	text := map[model.Authz]string{
		model.AuthzOff:     "nothing is refused",
		model.AuthzShadow:  "nothing is refused yet, only counted",
		model.AuthzEnforce: "refuses whoever is not named",
	}[st.Authz]
	return Step{"policy", text + " (authz: " + st.Authz.String() + ")", st.AuthzBy}
}

func (s sayer) requestStep() (Step, bool) {
	switch {
	case s.want.request == nil:
		return Step{}, false
	case s.endpoint == nil:
		return Step{"request", fmt.Sprintf("%s takes %s", s.to.Service.Key(), s.nearest()), s.to.Service.Doc.Metadata.Name.Span}, true
	default:
		return Step{"request", "is endpoint " + s.endpoint.Name, s.endpoint.Key.Span}, true
	}
}

// nearest is what the callee offers that is most like the request: what it takes on the same path, or a few of all.
func (s sayer) nearest() string {
	var same, all []string
	for _, e := range s.to.Service.Endpoints {
		if e.Broken || !e.Port.HTTP() {
			continue
		}
		all = append(all, Offers(e)...)
		if e.Matches(s.want.request.Path) {
			same = append(same, Offers(e)...)
		}
	}
	switch {
	case len(same) > 0:
		return some(same) + " there, and nothing else"
	case len(all) == 0:
		return "nothing over HTTP"
	default:
		return some(all)
	}
}

func (s sayer) intentStep() Step {
	switch {
	case s.access == nil && s.outcome == Refused:
		return Step{"intent", "is there, and cannot be", s.callerSpan()}
	case s.access == nil:
		return Step{"intent", fmt.Sprintf("none: %s does not name %s", s.asker, s.what()), s.callerSpan()}
	case s.access.Infrastructure != nil:
		return Step{"intent", "infrastructure of the mesh: " + s.access.Because(), s.access.Span()}
	default:
		return Step{"intent", s.access.Because(), s.access.Span()}
	}
}

func (s sayer) callerSpan() diag.Span {
	if o := s.caller.Outsider; o != nil {
		return o.Doc.Metadata.Name.Span
	}
	return s.caller.Service.Doc.Metadata.Name.Span
}

func (s sayer) consentStep() Step {
	callee := s.to.Service
	switch s.access.Consent {
	case model.SameTeam:
		return Step{"consent", "both are team " + callee.Team.Name + "'s", callee.Doc.Metadata.Name.Span}
	case model.ByGrant:
		text := "granted by " + callee.Key()
		if why := s.access.Grant.Doc.Because.Line(); why != "" {
			text += ": " + why
		}
		return Step{"consent", text, s.access.Grant.Doc.From.Span}
	case model.ByAudience:
		return Step{"consent", "open to all of the mesh (audience: mesh)", s.access.Endpoint.Doc.Audience.Span}
	case model.ByPlatform:
		return Step{"consent", "by the platform, for every Service with such an endpoint", s.access.Infrastructure.Name.Span}
	default:
		return Step{"consent", "none: no grant of " + callee.Key() + " names it", callee.Doc.Metadata.Name.Span}
	}
}

func (s sayer) objections() []Step {
	if s.rule == nil {
		return nil
	}
	if f := s.objection(s.decision, s.asker); f != nil {
		return []Step{{"withheld", f.Message + " [" + f.Rule.Code + "]", f.Span}}
	}
	return []Step{{"withheld", s.rule.Title + " [" + s.rule.Code + "]", diag.Span{}}}
}
