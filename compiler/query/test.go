package query

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// Verdict is what came of an assertion.
type Verdict struct {
	*model.Assertion
	// Finding says why the assertion does not hold, nil where it does. A Broken assertion was not judged: its names have findings of
	// their own.
	Finding *diag.Finding
	// Unsure says that the assertion fails, and that a name in the documents of caller or callee resolves nowhere, which may be what
	// it lacks. The name has a finding, and the assertion none.
	Unsure bool
}

// Holds reports whether the assertion was judged and holds.
func (v Verdict) Holds() bool { return v.Finding == nil && !v.Broken && !v.Unsure }

// Result is a Test with what came of its assertions.
type Result struct {
	*model.Test
	Verdicts []Verdict
	// Findings are why it does not hold: of its assertions, of what it names, and of names elsewhere that may be what they lack.
	Findings diag.List
}

// Holds reports whether every assertion holds.
func (r *Result) Holds() bool {
	return len(r.Findings) == 0 && !slices.ContainsFunc(r.Verdicts, func(v Verdict) bool { return !v.Holds() })
}

// Results are the Tests as they were judged, by name.
func (x *Index) Results() []Result {
	var all []Result
	for _, t := range x.checked.Estate().Tests {
		all = append(all, Result{Test: t})
	}
	for _, v := range x.Judge() {
		i := slices.IndexFunc(all, func(r Result) bool { return r.Test == v.Test })
		all[i].Verdicts = append(all[i].Verdicts, v)
		if v.Finding != nil {
			all[i].Findings.Add(*v.Finding)
		}
	}
	for i := range all {
		unsure := slices.ContainsFunc(all[i].Verdicts, func(v Verdict) bool { return v.Unsure })
		for _, f := range x.findings {
			mine := slices.Contains(model.TestRules, f.Rule) && slices.Contains(f.Objects, all[i].Object())
			if mine || unsure && strings.HasPrefix(f.Rule.Code, "REF-") {
				all[i].Findings.Add(f)
			}
		}
	}
	return all
}

// Judge judges every assertion of every Test, in the order of the documents.
func (x *Index) Judge() []Verdict {
	var all []Verdict
	for _, t := range x.checked.Estate().Tests {
		for _, a := range t.Assertions {
			v := Verdict{Assertion: a}
			if !a.Broken {
				v.Finding, v.Unsure = x.verdict(a)
			}
			all = append(all, v)
		}
	}
	return all
}

func (x *Index) verdict(a *model.Assertion) (found *diag.Finding, unsure bool) {
	j := x.judge(a, nil)
	f := &diag.Finding{Span: a.Span, Objects: []string{a.Test.Object()}, Field: a.Field}
	switch {
	case j.vacuous:
		f.Rule = VacuousAssertion
		f.Message = x.vacuous(a)
		f.Help = "name clusters, a caller and a callee that meet somewhere, or delete the assertion"
		return f, false
	case len(j.breaches) == 0:
		return nil, false
	case a.Kind == model.AssertAllow && slices.ContainsFunc(j.breaches, x.slips):
		return nil, true
	}
	f.Rule = TestFails
	f.Message, f.Help, f.Related = x.tell(a, j)
	for _, b := range j.breaches {
		f.Items = append(f.Items, b.String())
	}
	if f.Items = unique(f.Items); j.more > 0 { // so that one more of them is the fault of who adds it
		f.Items = append(f.Items, fmt.Sprintf("%d more", j.more))
	}
	return f, false
}

// slips reports whether what the caller lacks may be meant by a name that resolves nowhere.
func (x *Index) slips(b breach) bool {
	who := x.asking(b).caller
	return b.to.Service.Slips || b.to.Cluster.Mesh.Slips || who.Service != nil && who.Service.Slips || who.Outsider != nil && who.Outsider.Slips
}

func (x *Index) vacuous(a *model.Assertion) string {
	if len(a.Cases) == 0 {
		return fmt.Sprintf("%s is about a Service that is in none of the clusters", a.Test.Key)
	}
	callee := a.Cases[0].To.Key()
	var in []string
	for _, c := range a.Cases {
		in = append(in, clusterNames(c.Workloads)...)
	}
	if a.Kind == model.AssertAllow {
		return fmt.Sprintf("no call of the caller arrives at %s in %s", callee, join(unique(in)))
	}
	return fmt.Sprintf("the caller is in no mesh where %s is (%s)", callee, join(unique(in)))
}

// String names the breach for fingerprints: whom it is about and where.
func (b breach) String() string {
	if b.from != nil {
		return fmt.Sprintf("%s from %s to %s in %s", b.who, b.from.Cluster.Name, b.to.Service.Key(), b.to.Cluster.Name)
	}
	return fmt.Sprintf("%s to %s in %s", b.who, b.to.Service.Key(), b.to.Cluster.Name)
}

// tell tells the first breach, with the places to look at, and counts the others.
func (x *Index) tell(a *model.Assertion, j judgement) (message, help string, places []diag.Related) {
	b := j.breaches[0]
	where := "in " + join(clustersOf(b, j.breaches))
	callee := b.to.Service.Key()
	switch {
	case a.Kind == model.AssertAllow:
		message = fmt.Sprintf("%s may not %s of %s %s", b.who, b.request, callee, where)
		message, help, places = x.lacking(b, message)
	case b.open:
		message = fmt.Sprintf("%s may %s of %s %s: nothing is enforced there", b.who, b.request, callee, where)
		help = "enforce there (`authz: enforce`), leave the clusters out, or judge what is meant (`enforced: false`)"
		places = []diag.Related{{Span: b.to.Stages.AuthzBy, Message: "authz: " + b.to.Stages.Authz.String()}}
	default:
		message = fmt.Sprintf("%s may %s of %s %s, by %s", b.who, b.request, callee, where, b.access.Endpoint.Name)
		help = "take the intent or its consent away, or let the Test say that this is meant"
		places = related(b.access)
	}
	if b.note != "" {
		message += ": " + b.note
	}
	if others := strangers(j.breaches, b); len(others) > 0 {
		message += "; so may " + someOf(others, j.more)
		if a.Kind == model.AssertAllow {
			message = strings.Replace(message, "; so may ", "; nor may ", 1)
		}
	}
	if reason := a.Test.Doc.Spec.Because; reason.Line() != "" {
		places = append(places, diag.Related{Span: reason.Span, Message: "the Test is there because " + reason.Line()})
	}
	return message, help, slices.DeleteFunc(places, func(r diag.Related) bool { return r.Span.IsZero() })
}

// clustersOf are the callee's clusters in which the caller of the breach has one.
func clustersOf(b breach, all []breach) []string {
	var names []string
	for _, o := range all {
		if o.who == b.who && o.to.Service.Key() == b.to.Service.Key() {
			names = append(names, o.to.Cluster.Name)
		}
	}
	return unique(names)
}

func strangers(all []breach, but breach) []string {
	var names []string
	for _, b := range all {
		if b.who != but.who {
			names = append(names, b.who)
		}
	}
	return unique(names)
}

// lacking says why a request that must be allowed is not.
func (x *Index) lacking(b breach, message string) (_, help string, places []diag.Related) {
	who := x.asking(b)
	want := wish{request: &b.request}
	if !b.request.Port.HTTP() {
		want = wish{endpoint: x.wholePort(b)}
	}
	if want.request == nil && want.endpoint == nil {
		return message + ": it offers no endpoint for all of the port", "the provider declares one (`port:` alone)", nil
	}
	d := x.decide(who, b.from, b.to, want)
	if d.outcome == Meant { // and not enforced so: the connection ends before
		return message + ": mutual TLS refuses it", "see the stages of both sides (`mtls`)", nil
	}
	message += ": " + x.why(d, who, b.from, b.to)
	help = fmt.Sprintf("`writ explain %s %s` shows what would allow it; or let the Test not ask for it", shellName(who), asked(b, d))
	switch {
	case d.access != nil:
		places = append(places, diag.Related{Span: d.access.Span(), Message: "the intent"})
	case d.endpoint != nil:
		places = append(places, diag.Related{Span: d.endpoint.Key.Span, Message: "the endpoint"})
	}
	if f := x.objectionOf(d, who); f != nil {
		places = append(places, diag.Related{Span: f.Span, Message: f.Rule.Code})
	}
	return message, help, places
}

// asked is what the breach is about as `writ explain` takes it.
func asked(b breach, d decision) string {
	switch callee := b.to.Service.Key(); {
	case b.request.Port.HTTP():
		return fmt.Sprintf("%s %s %s", callee, b.request.Method, b.request.Path)
	case d.endpoint != nil:
		return callee + ":" + d.endpoint.Name
	default:
		return callee
	}
}

func (x *Index) objectionOf(d decision, who asker) *diag.Finding {
	if d.rule == nil {
		return nil
	}
	return x.objection(d, who)
}

// asking is the caller of a breach of an allow, which every caller of an access is.
func (x *Index) asking(b breach) asker {
	if b.from != nil {
		return asker{caller: model.Caller{Service: b.from.Service}}
	}
	for _, o := range b.to.Cluster.Mesh.Outsiders {
		if b.who == "outsider "+o.Name {
			return asker{caller: model.Caller{Outsider: o}}
		}
	}
	if strings.Count(b.who, "/") == 4 {
		return asker{identity: b.who}
	}
	return asker{}
}

// wholePort is an endpoint that stands for everything on the port of the breach, nil where there is none.
func (x *Index) wholePort(b breach) *model.Endpoint {
	for _, e := range b.to.Service.Endpoints {
		if !e.Broken && e.Port != nil && e.Methods == nil && e.Paths == nil && b.to.TargetPorts[e.Port.Name] == b.to.TargetPorts[b.request.Port.Name] {
			return e
		}
	}
	return nil
}

// shellName is the caller as `writ explain` takes it.
func shellName(who asker) string {
	switch {
	case who.caller.Outsider != nil:
		return "outsider/" + who.caller.Outsider.Name
	case who.caller.Service != nil:
		return who.caller.Service.Key()
	case who.identity != "":
		return who.identity
	default:
		return "plaintext"
	}
}
