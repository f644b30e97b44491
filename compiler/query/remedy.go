package query

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// Remedy is the smallest edit that would allow what is not, with what else it would allow.
type Remedy struct {
	Changes []Change
	Also    []string // in sentences; empty where it would allow nothing else
	// Data is the personal data that comes with it: the caller declares it first, and says for which activity it asks.
	Data []string
	// Instead says in words what to do where no edit of documents alone would do; Changes is empty then.
	Instead string
}

// Fix is the edit as one.
func (r *Remedy) Fix() *diag.Fix {
	f := &diag.Fix{Title: "allow it"}
	for _, c := range r.Changes {
		f.Edits = append(f.Edits, c.Edit)
	}
	return f
}

// reason is what stands for a sentence that only the author can write. It is plain text to YAML, in braces too.
const reason = "<what the call is for>"

// purpose is what stands for the activity, which only who answers for the caller knows.
const purpose = "<which activity>"

// remedy finds the edit for the nearest of what is not meant.
func (x *Index) remedy(who asker, to *model.Workload, d decision, want wish) *Remedy {
	switch d.outcome {
	case NoWay:
		return x.openWay(who, to, want)
	case NotOffered:
		return x.offer(who, to, want)
	case NoIntent:
		switch {
		case len(who.sharers) > 0:
			return &Remedy{Instead: "ask about one of " + join(who.sharers)}
		case !who.known():
			return &Remedy{Instead: "declare who it is: a Service with this service account, or an Outsider"}
		}
		r := &Remedy{Changes: x.ask(who, d.endpoint), Data: x.carried(d.endpoint)}
		r.Also = x.also(who, d.endpoint, want)
		return r
	case NoConsent:
		r := &Remedy{Changes: []Change{x.grant(who, d.endpoint)}}
		r.Also = x.also(who, d.endpoint, want)
		return r
	case Refused, Withheld:
		if f := x.objection(d, who); f != nil {
			return &Remedy{Instead: f.Help + " (" + f.Span.String() + ")"}
		}
	}
	return nil
}

func (x *Index) source(s diag.Span) []byte { return x.checked.Estate().Tree.Sources[s.File] }

// ask adds the intent, and the grant where the callee does not agree already.
func (x *Index) ask(who asker, e *model.Endpoint) []Change {
	changes := []Change{x.intent(who, e)}
	if consent, _ := e.ConsentTo(who.caller); consent == model.NoConsent {
		changes = append(changes, x.grant(who, e))
	}
	return changes
}

func (x *Index) intent(who asker, e *model.Endpoint) Change {
	for _, in := range intents(who.caller) {
		if in.To == e.Service && len(in.Endpoints) > 0 && (in.Activity != nil || len(x.carried(e)) == 0) {
			return addWord(x.source(in.Doc.Span), in.Doc.Endpoints, e.Name, "in the endpoints of its intent for "+e.Service.Key())
		}
	}
	list, spec := intentList(who.caller)
	item := Item{{"to", e.Service.Key()}, {"endpoints", "[" + e.Name + "]"}, {"because", reason}}
	if len(x.carried(e)) > 0 {
		item = append(item, [2]string{"activity", purpose})
	}
	return placeOf("intents", list, spec).add(x.source(spec), item)
}

// carried is the personal data that comes with the endpoint, where somebody answers for personal data.
func (x *Index) carried(e *model.Endpoint) []string {
	if x.checked.Estate().Privacy.Doc == nil {
		return nil
	}
	return x.data().Tagged(e)
}

func intents(c model.Caller) []*model.Intent {
	if c.Outsider != nil {
		return c.Outsider.Intents
	}
	return c.Service.Intents
}

func intentList(c model.Caller) (syntax.List[syntax.Intent], diag.Span) {
	if c.Outsider != nil {
		return c.Outsider.Doc.Spec.Intents, c.Outsider.Doc.Spec.Span
	}
	return c.Service.Doc.Spec.Intents, c.Service.Doc.Spec.Span
}

// grant adds the provider's consent, to a grant that the caller alone has where there is one.
func (x *Index) grant(who asker, e *model.Endpoint) Change {
	s := e.Service
	for _, g := range s.Grants {
		if g.From != nil && g.From == who.caller.Service || g.Outsider != nil && g.Outsider == who.caller.Outsider {
			return addWord(x.source(g.Doc.Span), g.Doc.Endpoints, e.Name, "in the endpoints of its grant to "+who.String())
		}
	}
	from := who.String()
	if o := who.caller.Outsider; o != nil {
		from = "{outsider: " + o.Name + "}"
	}
	return placeOf("grants", s.Doc.Spec.Grants, s.Doc.Spec.Span).add(x.source(s.Doc.Spec.Span), Item{
		{"from", from},
		{"endpoints", "[" + e.Name + "]"},
	})
}

// openWay lets an Outsider's calls arrive in one more cluster. Where a Service runs is no matter of a line.
func (x *Index) openWay(who asker, to *model.Workload, want wish) *Remedy {
	o := who.caller.Outsider
	if to.Retired || o == nil || !o.Doc.Spec.Clusters.IsSet() {
		return &Remedy{Instead: "let both run in clusters of one mesh that discover each other (`clusters:` of either, `discovers:` of the Cluster)"}
	}
	var names []string
	for _, c := range o.Clusters {
		names = append(names, c.Name)
	}
	r := &Remedy{}
	if e := want.first(to); e != nil {
		r.Changes, r.Data = x.ask(who, e), x.carried(e)
		r.Also = append(r.Also, x.also(who, e, want)...)
	}
	selection := o.Doc.Spec.Clusters.Span
	text := "[" + strings.Join(unique(append(names, to.Cluster.Name)), ", ") + "]"
	r.Changes = append([]Change{{Edit: diag.Edit{Span: selection, New: text}, Lines: "clusters: " + text, Where: "as its clusters"}}, r.Changes...)
	r.Also = append(r.Also, fmt.Sprintf("whatever outsider %s may call already, in %s too", o.Name, to.Cluster.Name))
	return r
}

// first is an endpoint that stands for what is wanted, nil where none does.
func (w wish) first(to *model.Workload) *model.Endpoint {
	if all := w.offered(to); len(all) > 0 {
		return all[0]
	}
	return nil
}

// offer is about a request that no endpoint stands for: a method more where the path is there, else an endpoint more, which the
// caller then asks for.
func (x *Index) offer(who asker, to *model.Workload, want wish) *Remedy {
	s := to.Service
	if e := x.nearestEndpoint(who, to, want); e != nil {
		r := &Remedy{Changes: []Change{addWord(x.source(e.Doc.Span), e.Doc.Methods, want.request.Method, "in the methods of its endpoint "+e.Name)}}
		if callers := x.callersOf(e, who); len(callers) > 0 {
			r.Also = append(r.Also, fmt.Sprintf("%s on %s to %s, who may call %s", want.request.Method, some(texts(e.Paths)), some(callers), e.Name))
		}
		if who.known() && x.decideEndpoint(who, nil, to, e).outcome != Meant {
			r.Changes, r.Data = append(r.Changes, x.ask(who, e)...), x.carried(e)
			r.Also = append(r.Also, x.also(who, e, want)...)
		}
		return r
	}
	name := endpointName(s, want.request)
	return &Remedy{Instead: fmt.Sprintf("%s would declare an endpoint for it, like\n  %s: {methods: [%s], paths: [%q]}\nand then the caller asks for it",
		s.Key(), name, want.request.Method, want.request.Path)}
}

// nearestEndpoint is the endpoint with the path that a method more would open to the fewest others, first among those that the caller may
// call already; nil where none has the path.
func (x *Index) nearestEndpoint(who asker, to *model.Workload, want wish) *model.Endpoint {
	var best *model.Endpoint
	cost := func(e *model.Endpoint) int {
		n := len(x.callersOf(e, who))
		if !who.known() || x.decideEndpoint(who, nil, to, e).outcome != Meant {
			n += 1 << 20
		}
		return n
	}
	for _, e := range to.Service.Endpoints {
		if e.Broken || len(e.Doc.Methods.Items) == 0 || !e.Matches(want.request.Path) {
			continue
		}
		if best == nil || cost(e) < cost(best) {
			best = e
		}
	}
	return best
}

func texts(patterns []model.Pattern) []string {
	var all []string
	for _, p := range patterns {
		all = append(all, p.Text)
	}
	return all
}

func (x *Index) callersOf(e *model.Endpoint, but asker) []string {
	var all []string
	for _, a := range x.accesses[e.Service] {
		if a.Endpoint == e && a.Caller != but.caller && x.holdsAnywhere(a) {
			all = append(all, a.Caller.Key())
		}
	}
	return unique(all)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// endpointName is a name that the Service has not yet, from the method and the last words of the path.
func endpointName(s *model.Service, r *Request) string {
	verb := map[string]string{"GET": "read", "HEAD": "read", "POST": "create", "PUT": "write", "PATCH": "write", "DELETE": "delete"}[r.Method]
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(verb+"-"+r.Path[strings.LastIndexByte(r.Path, '/')+1:]), "-"), "-")
	if len(name) > 40 || name == "" {
		name = "new-endpoint"
	}
	for s.Endpoint(name) != nil {
		name += "-2"
	}
	return name
}

// also is what an access to the endpoint allows beside what is wanted.
func (x *Index) also(who asker, e *model.Endpoint, want wish) []string {
	var all []string
	if want.request != nil {
		asked := want.request.Method + " " + want.request.Path
		if rest := slices.DeleteFunc(Offers(e), func(o string) bool { return o == asked }); len(rest) > 0 {
			all = append(all, fmt.Sprintf("all that %s stands for: %s", e.Name, some(rest)))
		}
	}
	if s := who.caller.Service; s != nil {
		if twins := x.twins(s, e.Service.Workloads); len(twins) > 0 {
			all = append(all, fmt.Sprintf("the same to %s: policies cannot tell it from %s", join(twins), s.Key()))
		}
	}
	if o := who.caller.Outsider; o != nil && o.Doc.Spec.Identity.Value == "" {
		all = append(all, "the same to any peer from its addresses, with or without identity")
	}
	return all
}

// Offers is what an endpoint stands for, a method and a path each.
func Offers(e *model.Endpoint) []string {
	if e.Paths == nil {
		return []string{"everything on port " + e.Port.Name}
	}
	var all []string
	methods := e.Methods
	if methods == nil {
		methods = []string{"any method of"}
	}
	for _, p := range e.Paths {
		for _, m := range methods {
			text := p.Text
			if len(e.Doc.GRPC.Items) > 0 {
				text = "/" + text
			}
			all = append(all, m+" "+text)
		}
	}
	return all
}

// twins are callers that policies of the callees cannot tell from the Service: others with its account, and itself in clusters
// that do not discover the callee.
func (x *Index) twins(s *model.Service, callees []*model.Workload) []string {
	var all []string
	for _, to := range callees {
		for _, from := range s.Workloads {
			if !arrives(asker{caller: model.Caller{Service: s}}, from, to) {
				continue
			}
			for _, id := range principals(from) {
				for _, twin := range x.bearers(to.Cluster, id) {
					switch {
					case twin.Service != s:
						all = append(all, twin.Service.Key())
					case !twin.Cluster.Discovers(to.Cluster):
						all = append(all, fmt.Sprintf("%s of %s (which does not discover %s)", s.Key(), twin.Cluster.Name, to.Cluster.Name))
					}
				}
			}
		}
	}
	return unique(all)
}
