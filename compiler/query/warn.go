package query

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// warnings say what a yes or no does not.
func (s sayer) warnings() []Step {
	var all []Step
	if w := s.to; open(w) && s.outcome != NoWay {
		what := "a no would not be enforced"
		if s.outcome != Meant {
			what = "this no is not enforced"
		}
		text := fmt.Sprintf("%s in %s: authz is %s there", what, join(s.clusters()), w.Stages.Authz)
		all = append(all, Step{"not enforced", text, w.Stages.AuthzBy})
	}
	if s.outcome != Meant || !s.known() {
		return append(all, s.letInAnyway()...)
	}
	if c := s.caller.Service; c != nil {
		if twins := s.twins(c, s.callees()); len(twins) > 0 {
			all = append(all, Step{"let in too", join(twins) + ": policies see the same identity", diag.Span{}})
		}
	} else if s.caller.Outsider.Doc.Spec.Identity.Value == "" {
		all = append(all, Step{"let in too", "whoever else calls from these addresses", s.caller.Outsider.Doc.Spec.CIDRs.Span})
	}
	return all
}

// letInAnyway says whose access admits the caller's identity although nothing is meant for it.
func (s sayer) letInAnyway() []Step {
	if s.caller.Service == nil || s.outcome == Meant {
		return nil
	}
	for _, p := range s.pairs {
		for _, ad := range s.admissions(p.to) {
			if ad.access.Caller == s.caller || p.endpoint == nil || ad.access.Endpoint != p.endpoint {
				continue
			}
			for _, id := range principals(p.from) {
				if ad.admitsIdentity(p.to.Cluster, id) {
					return []Step{{"let in anyway", fmt.Sprintf("its identity is that of %s, which may", ad.access.Caller.Key()), ad.access.Span()}}
				}
			}
		}
	}
	return nil
}

// remedy is for one endpoint or request: for several, the asker chooses first.
func (s sayer) remedy() *Remedy {
	if len(s.endpoints()) > 1 {
		return &Remedy{Instead: fmt.Sprintf("ask about one of them, like %s:%s, and this says which lines would allow it", s.to.Service.Key(), s.endpoints()[0])}
	}
	r := s.Index.remedy(s.asker, s.to, s.decision, s.want)
	if r != nil && len(r.Changes) > 0 {
		if elsewhere := s.elsewhere(); len(elsewhere) > 0 {
			r.Also = append(r.Also, "the same in "+join(elsewhere)+": documents speak of all clusters of both sides")
		}
	}
	return r
}

// elsewhere are clusters that the answer is not about and the edit is, since one document speaks of all.
func (s sayer) elsewhere() []string {
	var all []string
	for _, m := range s.checked.Estate().Meshes {
		callee := m.Service(s.to.Service.Key())
		if callee == nil {
			continue
		}
		who := s.asker
		if c := s.caller.Service; c != nil {
			if who.caller.Service = m.Service(c.Key()); who.caller.Service == nil {
				continue
			}
		} else if m != s.to.Cluster.Mesh {
			continue
		}
		for _, to := range callee.Workloads {
			if slices.ContainsFunc(who.sources(), func(from *model.Workload) bool { return arrives(who, from, to) }) {
				all = append(all, to.Cluster.Name)
			}
		}
	}
	return slices.DeleteFunc(unique(all), func(name string) bool { return slices.Contains(s.clusters(), name) })
}
