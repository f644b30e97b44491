package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var samePattern = &diag.Rule{
	Code: "END-005", Name: "duplicate-pattern", Effect: diag.Report, Mends: true,
	Title: "one request is offered twice",
	Why:   "Where two endpoints offer one request, a grant to either is a grant to both. Twice in one endpoint it says nothing the second time.",
}

func runSamePattern(p *Pass) {
	eachService(p.Estate, func(s *model.Service) {
		if pathBytes(s) > largestEndpoints {
			return // it is refused as a whole, and every pair would be compared
		}
		for i, e := range s.Endpoints {
			p.sameWithin(e)
			for _, o := range s.Endpoints[:i] {
				p.sameAcross(o, e)
			}
		}
	})
}

func (p *Pass) sameWithin(e *model.Endpoint) {
	for i, q := range e.Paths {
		if slices.ContainsFunc(e.Paths[:i], func(o model.Pattern) bool { return o.Istio() == q.Istio() }) {
			list, at := patternText(e, q)
			p.Report(at.Span, diag.Finding{
				Message: fmt.Sprintf("endpoint %q has %q twice", e.Name, q.Text),
				Help:    "write it once: the names of variables make no difference",
				Fix:     syntax.RemoveItem(list, at),
				Objects: []string{e.Service.Object()}, Field: "spec.endpoints." + e.Name + "[" + q.Istio() + "]",
			})
		}
	}
}

func (p *Pass) sameAcross(first, second *model.Endpoint) {
	if first.Broken || second.Broken || !first.Overlaps(second) {
		return
	}
	for _, q := range second.Paths {
		if slices.ContainsFunc(first.Paths, func(o model.Pattern) bool { return o.Istio() == q.Istio() }) {
			_, at := patternText(second, q)
			p.Report(at.Span, diag.Finding{
				Message: fmt.Sprintf("endpoint %q offers %q, which endpoint %q offers too: a grant to one is a grant to both", second.Name, q.Text, first.Name),
				Help:    "offer it once, or give the two different methods",
				Related: []diag.Related{{Span: first.Key.Span, Message: "the other endpoint"}},
				Objects: []string{first.Service.Object()}, Field: "spec.endpoints." + second.Name + "[" + q.Istio() + "]/" + first.Name,
			})
		}
	}
}

// patternText is where a pattern of an endpoint was written, and the list that it stands in, which has no text twice (SYN-020).
func patternText(e *model.Endpoint, q model.Pattern) (syntax.List[syntax.Text], syntax.Text) {
	list := e.Doc.Paths
	if len(e.Doc.GRPC.Items) > 0 {
		list = e.Doc.GRPC
	}
	i := slices.IndexFunc(list.Items, func(t syntax.Text) bool { return t.Value == q.Text })
	return list, list.Items[i]
}

var coveredPattern = &diag.Rule{
	Code: "END-006", Name: "covered-pattern", Effect: diag.Report, Mends: true,
	Title: "a pattern is covered by a wider one of its endpoint",
	Why:   "It never decides anything. Who reads it believes that the endpoint is narrower than it is.",
}

func runCoveredPattern(p *Pass) {
	eachService(p.Estate, func(s *model.Service) {
		if pathBytes(s) > largestEndpoints {
			return
		}
		for _, e := range s.Endpoints {
			for _, q := range e.Paths {
				wider := slices.IndexFunc(e.Paths, func(o model.Pattern) bool { return o.Istio() != q.Istio() && o.Covers(q) })
				if wider < 0 {
					continue
				}
				list, at := patternText(e, q)
				_, by := patternText(e, e.Paths[wider])
				p.Report(at.Span, diag.Finding{
					Message: fmt.Sprintf("%q is covered by %q of the same endpoint", q.Text, by.Value),
					Help:    "leave one of them out: the narrow one if all is meant, the wide one if not",
					Related: []diag.Related{{Span: by.Span, Message: "the wider pattern"}},
					Fix:     syntax.RemoveItem(list, at),
					Objects: []string{s.Object()}, Field: "spec.endpoints." + e.Name + "[" + q.Istio() + "]",
				})
			}
		}
	})
}

var audiencesOverlap = &diag.Rule{
	Code: "ACC-003", Name: "audiences-overlap", Effect: diag.Withhold,
	Title: "an endpoint for all of the mesh overlaps one that needs a grant",
	Why:   "Requests that match both would be open to everybody, whatever the second endpoint's grants say. What the mesh cannot tell apart is the path and the port: endpoints that share a TCP port always overlap.",
}

func runAudiencesOverlap(p *Pass) {
	open := map[*syntax.Endpoint]*model.Endpoint{} // the endpoint for all of the mesh, and one that it overlaps in some mesh
	var order []*model.Endpoint
	for _, m := range p.Estate.Meshes {
		for _, s := range m.Services {
			for _, wide := range s.Endpoints {
				i := slices.IndexFunc(s.Endpoints, func(o *model.Endpoint) bool {
					return wide.ForMesh && !o.ForMesh && !o.Broken && !wide.Broken && wide.Overlaps(o)
				})
				if i >= 0 && open[wide.Doc] == nil {
					open[wide.Doc] = s.Endpoints[i]
					order = append(order, wide)
				}
			}
		}
	}
	withheld := map[*syntax.Endpoint][]string{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			if a.Consent == model.ByAudience && open[a.Endpoint.Doc] != nil {
				p.Withhold(a)
				withheld[a.Endpoint.Doc] = append(withheld[a.Endpoint.Doc], a.String())
			}
		}
	}
	for _, wide := range order {
		narrow := open[wide.Doc]
		p.Report(wide.Doc.Audience.Span, diag.Finding{
			Message: fmt.Sprintf("endpoint %q is for all of the mesh and overlaps %q, which is not", wide.Name, narrow.Name),
			Help:    "give them paths (for TCP, ports) that do not overlap, or one audience; until then callers without a grant are withheld",
			Related: []diag.Related{{Span: narrow.Key.Span, Message: "the endpoint that needs a grant"}},
			Items:   withheld[wide.Doc],
			Objects: []string{wide.Service.Object()}, Field: "spec.endpoints." + wide.Name + ".audience",
		})
	}
}

var idleGrant = &diag.Rule{
	Code: "ACC-002", Name: "unused-grant", Effect: diag.Report, Level: diag.Notice,
	Title: "nobody uses a grant",
	Why:   "It is consent to an access that nobody asks for: given ahead of an intent that is still to come, or left behind by one that went.",
}

func runIdleGrant(p *Pass) {
	used := map[*syntax.Grant]map[string]bool{}
	var order []*model.Grant
	for _, m := range p.Estate.Meshes {
		for _, s := range m.Services {
			for _, g := range s.Grants {
				if used[g.Doc] == nil {
					used[g.Doc] = map[string]bool{}
					order = append(order, g)
				}
				for _, e := range g.Used {
					used[g.Doc][e.Name] = true
				}
			}
		}
	}
	for _, g := range order {
		var idle []string
		for _, e := range g.Endpoints {
			if !used[g.Doc][e.Name] && !e.Broken {
				idle = append(idle, e.Name)
			}
		}
		if len(idle) == 0 || misspelt(g) {
			continue
		}
		help := "take it away, or wait for the caller's intent"
		if g.From != nil && g.From.Team == g.Provider.Team || g.Team == g.Provider.Team {
			help = "take it away: Services of one team need no grant among themselves"
		}
		p.Report(g.Doc.From.Span, diag.Finding{
			Message: fmt.Sprintf("no intent of %s uses the grant of %s to %s", granteeName(g), g.Provider.Key(), strings.Join(idle, ", ")),
			Help:    help,
			Objects: []string{g.Provider.Object()}, Field: "spec.grants[" + granteeName(g) + "]." + strings.Join(idle, ","),
		})
	}
}

// misspelt reports whether a caller that the grant admits has names in its document that resolve nowhere: one of them may be
// the use.
func misspelt(g *model.Grant) bool {
	return slices.ContainsFunc(g.Provider.Mesh.Services, func(s *model.Service) bool {
		return s.Slips && (s == g.From || s.Team == g.Team)
	})
}

func granteeName(g *model.Grant) string {
	switch {
	case g.Team != nil:
		return "team " + g.Team.Name
	case g.Outsider != nil:
		return "outsider " + g.Outsider.Name
	default:
		return g.From.Key()
	}
}
