package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// Question is what somebody wants to have explained.
type Question struct {
	// From is namespace/name of a Service, a name that one namespace alone has, outsider/<name>, an identity, or plaintext.
	From string
	// To is a Service in the same words, with :endpoint where one is meant.
	To string
	// Method and Path are of one request; both or neither are set.
	Method, Path string
	// Cluster keeps the answer to one cluster of the callee; "" for all.
	Cluster string
}

// Answer is what is meant, part by part: clusters and endpoints that have the same answer share one.
type Answer struct {
	// Yes says that every part is a yes.
	Yes   bool
	Parts []Part
}

// Part is one answer with its reasons.
type Part struct {
	Yes      bool
	Headline string
	Steps    []Step
	// Warnings say what the headline does not: that nothing is enforced, or that others are let in too.
	Warnings []Step
	// Remedy is for a no, nil where nobody knows one.
	Remedy *Remedy
	// Clusters are those of the callee.
	Clusters []string
	// Endpoints are those that the answer is about, none where no endpoint stands for the request.
	Endpoints []string
	Outcome   Outcome
}

// Step is one station of the way that a call takes, with the line that decides there.
type Step struct {
	Name, Text string
	Span       diag.Span // zero where nobody wrote anything
}

// Explain answers the question. An error says what of it names nothing.
func (x *Index) Explain(q Question) (*Answer, error) {
	in, err := x.inquire(q)
	if err != nil {
		return nil, err
	}
	a := &Answer{Yes: true}
	for _, g := range x.group(in) {
		p := x.part(g)
		a.Parts = append(a.Parts, p)
		a.Yes = a.Yes && p.Yes
	}
	if len(a.Parts) == 0 {
		return nil, fmt.Errorf("%s and %s meet in no mesh%s", q.From, q.To, in.where())
	}
	return a, nil
}

// inquiry is a question whose names are resolved.
type inquiry struct {
	askers   map[*model.Mesh]asker
	services []*model.Service
	named    map[*model.Service]*model.Endpoint // nil unless an endpoint is named
	request  *Request
	cluster  string
}

func (in *inquiry) where() string {
	if in.cluster != "" {
		return " of cluster " + in.cluster
	}
	return ""
}

func (x *Index) inquire(q Question) (*inquiry, error) {
	in := &inquiry{cluster: q.Cluster}
	var err error
	if in.askers, err = x.askers(q.From); err != nil {
		return nil, err
	}
	to, endpoint, named := strings.Cut(q.To, ":")
	if in.services, err = x.services(to); err != nil {
		return nil, err
	}
	if named {
		if in.named, err = endpoints(in.services, endpoint); err != nil {
			return nil, err
		}
	}
	var clusters []string
	for _, c := range x.checked.Estate().Clusters {
		clusters = append(clusters, c.Name)
	}
	if q.Cluster != "" && !slices.Contains(clusters, q.Cluster) {
		return nil, fmt.Errorf("there is no Cluster %q%s", q.Cluster, meant(q.Cluster, clusters))
	}
	switch {
	case q.Method == "" && q.Path == "":
		return in, nil
	case named:
		return nil, errors.New("ask about an endpoint or about a request, not both")
	case q.Path == "" || !strings.HasPrefix(q.Path, "/"):
		return nil, errors.New("a request is a method and a path, like GET /healthz")
	case strings.ContainsAny(q.Path, "{}?#"):
		return nil, errors.New("the path is one that a caller would send, without {variables}, query and fragment")
	}
	in.request = &Request{Method: strings.ToUpper(q.Method), Path: q.Path}
	return in, nil
}

// pair is one caller at one workload of the callee, with what is decided there.
type pair struct {
	asker
	from, to *model.Workload
	want     wish
	decision
}

// group decides every pair and puts those together that have one answer.
func (x *Index) group(in *inquiry) [][]pair {
	groups := map[string][]pair{}
	var order []string
	for _, s := range in.services {
		who, there := in.askers[s.Mesh]
		if !there {
			continue
		}
		for _, want := range x.wishes(in, s, who) {
			for _, to := range s.Workloads {
				if in.cluster != "" && to.Cluster.Name != in.cluster {
					continue
				}
				for _, from := range who.sources() {
					p := pair{who, from, to, want, x.decide(who, from, to, want)}
					if p.outcome == NoWay && x.otherWay(who, from, to) {
						continue // calls from there arrive elsewhere, and calls from elsewhere arrive here
					}
					key := p.key()
					if groups[key] == nil {
						order = append(order, key)
					}
					groups[key] = append(groups[key], p)
				}
			}
		}
	}
	all := make([][]pair, 0, len(order))
	for _, key := range order {
		all = append(all, groups[key])
	}
	slices.SortStableFunc(all, func(a, b []pair) int { return int(b[0].outcome) - int(a[0].outcome) })
	return all
}

// wishes are what is asked about: the request, the endpoint or, where neither is said, each endpoint that the caller asks for;
// all where it asks for none.
func (x *Index) wishes(in *inquiry, s *model.Service, who asker) []wish {
	switch {
	case in.request != nil:
		return []wish{{request: in.request}}
	case in.named != nil && in.named[s] != nil:
		return []wish{{endpoint: in.named[s]}}
	case in.named != nil:
		return nil
	}
	var wanted, all []wish
	for _, e := range s.Endpoints {
		if e.Broken {
			continue
		}
		all = append(all, wish{endpoint: e})
		if slices.ContainsFunc(s.Workloads, func(to *model.Workload) bool {
			return x.decideEndpoint(who, nil, to, e).outcome > NoIntent
		}) {
			wanted = append(wanted, wish{endpoint: e})
		}
	}
	if len(wanted) > 0 {
		return wanted
	}
	return all
}

// sources are the workloads that calls begin at: one nil for whoever is none.
func (a asker) sources() []*model.Workload {
	if a.caller.Service == nil {
		return []*model.Workload{nil}
	}
	if a.identity == "" {
		return a.caller.Service.Workloads
	}
	return slices.DeleteFunc(slices.Clone(a.caller.Service.Workloads), func(w *model.Workload) bool {
		return !slices.Contains(principals(w), a.identity)
	})
}

// otherWay reports whether the pair is one that nobody expects to meet: calls from its one side arrive in some cluster.
func (x *Index) otherWay(who asker, from, to *model.Workload) bool {
	if who.caller.Outsider != nil {
		return slices.ContainsFunc(to.Service.Workloads, func(w *model.Workload) bool { return arrives(who, from, w) })
	}
	return from != nil && !from.Retired && !to.Retired &&
		slices.ContainsFunc(to.Service.Workloads, func(w *model.Workload) bool { return arrives(who, from, w) })
}

// key tells answers apart.
func (p pair) key() string {
	st := p.to.Stages
	parts := []any{p.outcome, st.MTLS, st.MTLSBy, st.Authz, st.AuthzBy, p.to.Retired, p.from != nil && p.from.Stages.MTLS == model.MTLSNone, p.known()}
	if p.access != nil {
		if p.access.Intent != nil {
			parts = append(parts, fmt.Sprintf("%p", p.access.Intent.Doc))
		}
		if p.access.Grant != nil {
			parts = append(parts, fmt.Sprintf("%p", p.access.Grant.Doc))
		}
		parts = append(parts, p.access.Consent, fmt.Sprintf("%p", p.access.Infrastructure))
	}
	if p.rule != nil {
		parts = append(parts, p.rule.Code)
	}
	if p.want.request != nil && p.endpoint != nil {
		parts = append(parts, p.endpoint.Name)
	}
	return fmt.Sprint(parts...)
}

// part puts the answer of a group into words.
func (x *Index) part(g []pair) Part {
	p := g[0]
	said := sayer{Index: x, pairs: g, pair: p}
	part := Part{Yes: p.outcome == Meant, Outcome: p.outcome, Clusters: said.clusters(), Endpoints: said.endpoints()}
	part.Headline = said.headline()
	part.Steps = said.steps()
	part.Warnings = said.warnings()
	if !part.Yes {
		part.Remedy = said.remedy()
	}
	return part
}
