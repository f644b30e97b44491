package prove

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// Many differences have one cause, so the first few of a point are told, and no more of a cluster than somebody reads.
const (
	toldPerPoint = 5
	toldInAll    = 100
)

// told is the findings that differences became.
type told struct {
	found diag.List
	// first is the finding, by place, that tells what is the same at several points that no document names.
	first map[string]int
	// untold is how many differences are not told.
	untold int
}

// tell makes findings of the differences at a point. What is the same at several points that no document names is told once: one
// floor that is gone is gone for all of them.
func (r *prover) tell(res result) {
	t := &r.told
	had := 0
	for i := range res.differences {
		d := &res.differences[i]
		if len(t.found) == toldInAll {
			t.untold += len(res.differences) - i
			break
		}
		if had == toldPerPoint {
			note(&t.found[len(t.found)-1], "and %d more differences at %s", len(res.differences)-i, r.pods(d.point))
			break
		}
		f := r.finding(d)
		if d.point.meant.workload == nil {
			same := f.Rule.Code + " " + f.Span.String() + " " + d.key
			if at, ok := t.first[same]; ok {
				note(&t.found[at], "the same is so of %s", r.pods(d.point))
				continue
			}
			if t.first == nil {
				t.first = map[string]int{}
			}
			t.first[same] = len(t.found)
		}
		t.found.Add(f)
		had++
	}
	if res.more > 0 && had > 0 {
		note(&t.found[len(t.found)-1], "and %s more", plural(res.more, "class of requests", "classes of requests"))
	}
}

// all is the findings, the last of which counts what is not told.
func (t *told) all(cluster string) diag.List {
	if t.untold > 0 {
		note(&t.found[len(t.found)-1], "and %d more differences in %s, which are not told", t.untold, cluster)
	}
	return t.found
}

func note(f *diag.Finding, format string, args ...any) {
	f.Related = append(f.Related, diag.Related{Message: fmt.Sprintf(format, args...)})
}

func (r *prover) finding(d *difference) diag.Finding {
	if d.access != nil {
		r.sayAccess(d)
	}
	f := diag.Finding{
		Rule: d.rule, Span: r.place(d), Message: d.message, Help: d.help, Related: d.related,
		Objects: []string{d.point.object(), "Cluster " + r.Cluster.Name}, Field: "proof." + d.key,
	}
	if d.point.extra != "" {
		f.Field += " of pods " + d.point.extra
	}
	if f.Help == "" {
		f.Help = r.help(d)
	}
	return f
}

// object is what a finding about the point is about, in fingerprints.
func (p *point) object() string {
	if p.meant.workload != nil {
		return p.meant.workload.Service.Object()
	}
	return "Namespace " + p.meant.namespace
}

// place is the text behind the object that makes the difference or, where one is missing, behind the pods.
func (r *prover) place(d *difference) diag.Span {
	switch {
	case d.by != nil && d.line > 0 && r.file(d.by.Path).Origin.IsZero():
		return spanAt(d.by.Path, d.line, 1)
	case d.by != nil:
		return r.span(d.by)
	case d.point.meant.workload != nil:
		return d.point.meant.workload.Service.Doc.Metadata.Name.Span
	default:
		return r.home(d.point.meant.namespace)
	}
}

// help is the next step, which depends on who made the manifest.
func (r *prover) help(d *difference) string {
	const ours = "if the documents are as they should be, this is a fault of writ: please report it"
	if d.by == nil {
		if r.rendered() {
			return ours
		}
		return "no manifest here does it: `writ build` renders those that do"
	}
	switch f := r.file(d.by.Path); {
	case f.Overlay != "":
		return "correct it in " + f.Overlay
	case !f.Origin.IsZero():
		return ours
	case d.rule == widerThanMeant:
		return "take it out of the manifest, or declare in policies/ who is meant to be let in"
	default:
		return "correct the manifest, or declare in policies/ that nobody is meant to be let in"
	}
}

// rendered reports whether the manifests are those of a build.
func (r *prover) rendered() bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return !f.Origin.IsZero() })
}

// pods is what people call the pods of a point.
func (r *prover) pods(p *point) string {
	switch {
	case p.meant.workload != nil && p.extra != "":
		return fmt.Sprintf("the pods of %s that have %s too", p.meant.workload.Service.Key(), p.extra)
	case p.meant.workload != nil:
		return "the pods of " + p.meant.workload.Service.Key()
	case p.meant.namespace == anyOther && p.extra != "":
		return fmt.Sprintf("pods with %s in any namespace", p.extra)
	case p.meant.namespace == anyOther:
		return "the pods of all other namespaces"
	case p.extra != "":
		return fmt.Sprintf("pods with %s in namespace %s", p.extra, p.meant.namespace)
	default:
		return "all other pods of namespace " + p.meant.namespace
	}
}

// sayAccess puts a difference of what policies allow into words.
func (r *prover) sayAccess(d *difference) {
	a, p := d.access, d.point
	to := r.pods(p)
	if p.meant.workload != nil && p.extra == "" {
		to = p.meant.workload.Service.Key()
	}
	may := "may"
	switch {
	case a.Decision.Answer == authz.Custom:
		may = fmt.Sprintf("may, if %s agrees,", a.Decision.Provider)
	case !a.Wider:
		may = "may not"
	}
	d.message = fmt.Sprintf("%s %s %s of %s in %s, %s", r.who(a), may, what(a), to, r.Cluster.Name, r.instead(d))
	if d.dryRun {
		d.message += ", by the dry run that shadow asks for"
	}
	d.key = key(a, d.dryRun)
	r.blame(d)
	d.related = append(d.related, diag.Related{Message: "the request: " + full(&a.Request)})
	if box := r.boxed(a.Box); box != "" {
		d.related = append(d.related, diag.Related{Message: "so are all of: " + box})
	}
}

// instead is what is meant of the request.
func (r *prover) instead(d *difference) string {
	switch m := d.point.meant; {
	case d.access.Wider && m.workload == nil, d.access.Wider && m.workload.Retired:
		return "which a floor is meant to refuse"
	case d.access.Wider:
		return "which no intent allows"
	case m.workload == nil:
		return "though no floor covers them"
	case m.open && !d.dryRun:
		return "though nothing is meant to be refused there yet"
	default:
		return "which an intent asks for"
	}
}

// key tells differences of access apart by what they are about.
func key(a *authz.Difference, dryRun bool) string {
	q := &a.Request
	k := fmt.Sprintf("access %s %d", q.Principal, q.Port)
	if q.HTTP {
		k += " " + q.Method + " " + q.Path
	}
	if dryRun {
		k += " dry-run"
	}
	return k
}

// what is the request without its caller.
func what(a *authz.Difference) string {
	q := &a.Request
	port := fmt.Sprintf("port %d", q.Port)
	if ports, matters := a.Box["port"]; !matters {
		port = "every port"
	} else if len(ports) == 1 && ports[0] == "any other" {
		port = "any port that nobody names"
	}
	if !q.HTTP {
		return "connect to " + port
	}
	var with []string
	if q.Token != nil {
		with = append(with, fmt.Sprintf("a token of %s for %s", q.Token.Issuer, q.Token.Subject))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Headers)) {
		with = append(with, fmt.Sprintf("header %s: %s", name, q.Headers[name]))
	}
	text := fmt.Sprintf("%s %s on %s", q.Method, q.Path, port)
	if len(with) > 0 {
		text += " with " + strings.Join(with, " and ")
	}
	return text
}

// full is the request to its last attribute, for whoever wants to send it.
func full(q *authz.Request) string {
	var b strings.Builder
	if q.HTTP {
		fmt.Fprintf(&b, "%s %s, ", q.Method, q.Path)
	}
	fmt.Fprintf(&b, "port %d, from ", q.Port)
	if q.Principal == "" {
		b.WriteString("a peer without certificate")
	} else {
		b.WriteString("spiffe://" + q.Principal)
	}
	for _, a := range []struct {
		name string
		addr netip.Addr
	}{{"at", q.Source}, {"forwarded for", q.Remote}, {"to address", q.Destination}} {
		if a.addr.IsValid() {
			fmt.Fprintf(&b, " %s %s", a.name, a.addr)
		}
	}
	if q.HTTP && q.Host != "" {
		b.WriteString(", host " + q.Host)
	}
	if q.SNI != "" {
		b.WriteString(", server name " + q.SNI)
	}
	return b.String()
}

// boxed is the box around a request, with the callers as people call them.
func (r *prover) boxed(box map[string][]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(box)) {
		var values []string
		for _, v := range box[name] {
			if service := r.service(v); name == peerAttribute && service != "" {
				v = service
			}
			if !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) > 6 {
			values = append(values[:6:6], fmt.Sprintf("... (%d in all)", len(values)))
		}
		all = append(all, name+" "+strings.Join(values, ", "))
	}
	return strings.Join(all, "; ")
}

// blame points at the lines of both sides.
func (r *prover) blame(d *difference) {
	a := d.access
	d.by = a.Decision.By
	switch {
	case d.by == nil && a.Decision.Answer == authz.Allow:
		d.related = append(d.related, diag.Related{Message: "no ALLOW policy selects them, and Istio then allows everything"})
	case d.by == nil:
		d.related = append(d.related, diag.Related{Message: "the connection is refused before any policy"})
	case a.Decision.Rule < 0:
		if d.by = r.lacking(d.point, d.dryRun); d.by == nil {
			d.related = append(d.related, diag.Related{Message: "no policy of theirs is there, and a floor refuses the rest"})
			break
		}
		d.related = append(d.related, diag.Related{
			Span: spanAt(d.by.Path, d.by.Line, 1), Message: "no rule of " + nameOf(d.by) + " matches, nor of another ALLOW policy",
		})
	default:
		d.line = d.by.AuthorizationPolicy.Rules[a.Decision.Rule].Line
		d.related = append(d.related, diag.Related{
			Span:    spanAt(d.by.Path, d.line, 1),
			Message: fmt.Sprintf("rule %d of %s (%s) decides", a.Decision.Rule+1, nameOf(d.by), actionOf(d.by)),
		})
	}
	if a.Wider {
		return
	}
	for _, i := range a.Allowances {
		if i < len(d.point.meant.allowed) {
			d.related = append(d.related, r.intents(&d.point.meant.allowed[i], d.point.meant.workload, a.Request.Principal)...)
		}
	}
}

// lacking is the policy that a rule is most likely missing in: one that an overlay changed, or else one for the pods alone. It is nil
// where only policies for whole namespaces attach.
func (r *prover) lacking(p *point, dryRun bool) *manifest.Object {
	var own *manifest.Object
	for _, o := range p.policies {
		switch a := o.AuthorizationPolicy; {
		case a.DryRun != dryRun || actionOf(o) != "ALLOW":
		case r.file(o.Path).Overlay != "":
			return o
		case own == nil && len(a.Selector) > 0:
			own = o
		}
	}
	return own
}

func actionOf(o *manifest.Object) string {
	if o.AuthorizationPolicy.Action == "" {
		return "ALLOW"
	}
	return o.AuthorizationPolicy.Action
}

// intents are the places that ask for an allowance on behalf of a caller.
func (r *prover) intents(e *allowed, to *model.Workload, principal string) []diag.Related {
	var all []diag.Related
	for _, a := range e.accesses {
		for leg := range a.LegsTo(to) {
			if ids, addresses := effective(a, leg); slices.Contains(ids, principal) || len(addresses) > 0 && principal == "" {
				all = append(all, diag.Related{Span: a.Span(), Message: "asked for here: " + a.String()})
				break
			}
		}
	}
	return all[:min(len(all), 2)]
}
