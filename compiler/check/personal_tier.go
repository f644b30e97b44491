package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
)

var intoTests = &diag.Rule{
	Code: "PII-077", Name: "personal-data-into-tests", Effect: diag.Withhold,
	Title: "personal data of production comes to a Cluster for tests",
	Why:   "Tests are another purpose, and what runs there is guarded less (GDPR Articles 5(1)(b) and (c), 25 and 32).",
}

func runIntoTests(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	type pair struct{ test, production *model.Cluster }
	into := map[pair][]*model.Access{}
	var order []pair
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			reads, written := len(f.DeclaredReturns(a.Endpoint)) > 0, len(f.Accepts(a.Endpoint)) > 0
			if !reads && !written {
				continue
			}
			for leg := range a.Legs() {
				if leg.From == nil {
					continue
				}
				var k pair
				switch from, to := leg.From.Cluster, leg.To.Cluster; {
				case reads && forTests(from) && !forTests(to):
					k = pair{from, to}
				case written && forTests(to) && !forTests(from):
					k = pair{to, from}
				default:
					continue
				}
				if into[k] == nil {
					order = append(order, k)
				}
				if n := len(into[k]); n == 0 || into[k][n-1] != a {
					into[k] = append(into[k], a)
				}
			}
		}
	}
	for _, k := range order {
		p.object(k.test.Doc.Spec.Tier.Span, diag.Finding{
			Message: fmt.Sprintf("cluster %s is for tests and would get personal data from production in %s: withheld are %s", k.test.Name, k.production.Name, some(names(into[k]))),
			Help:    fmt.Sprintf("let neither of %s and %s discover the other (`discovers:`), or give the tests data that is nobody's", k.test.Name, k.production.Name),
			Related: []diag.Related{{Span: into[k][0].Span(), Message: "one of them"}},
			Items:   unique(names(into[k])),
			Objects: []string{"Cluster " + k.test.Name, "Cluster " + k.production.Name}, Field: "spec.tier",
		}, into[k]...)
	}
	p.intoTestsByChannel(f)
}

func forTests(c *model.Cluster) bool { return c.Doc.Spec.Tier.Value == "test" }

// intoTestsByChannel tells of channels from a Service that is in production alone to one that is in tests alone: whose documents span
// both have a channel in each.
func (p *Pass) intoTestsByChannel(f *privacy.Flow) {
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil || !allIn(s, forTests) {
			return
		}
		for _, end := range s.PersonalData.Channels {
			if end.Doc.Receives == nil {
				continue
			}
			for _, other := range f.Ends(end) {
				if len(f.Sends(other)) == 0 || !allIn(other.Service, func(c *model.Cluster) bool { return !forTests(c) }) {
					continue
				}
				p.object(end.Doc.Name.Span, diag.Finding{
					Message: fmt.Sprintf("%s is for tests and takes %s of production from channel %s", s.Key(), listed(f.Sends(other)), end.Key),
					Help:    "give the tests a channel of their own, with data that is nobody's",
					Related: []diag.Related{{Span: other.Doc.Name.Span, Message: other.Service.Key() + " sends it"}},
					Objects: []string{s.Object(), other.Service.Object()}, Field: "spec.personalData.channels[" + end.Doc.Name.Value + "]",
				})
			}
		}
	})
}

func allIn(s *model.Service, of func(*model.Cluster) bool) bool {
	return len(s.Workloads) > 0 && !slices.ContainsFunc(s.Workloads, func(w *model.Workload) bool { return !of(w.Cluster) })
}
