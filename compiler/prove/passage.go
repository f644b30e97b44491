package prove

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// Passage is what a cluster goes through from one revision to the next. Argo CD applies one object after the other, stops at the
// first that is refused, and begins again: for a while, and after a failure for long, the cluster holds any mixture of old objects
// and new ones.
type Passage struct {
	// Before and After are the manifests of the two revisions.
	Before, After []File
	// Declared reports whether a document of the old revision declares the Service with that namespace/name in the cluster. What
	// else was let in to its pods before was let in by nobody's word, and is nobody's to keep.
	Declared func(service string) bool
	Meaning  *Meaning // of the new revision
	Cluster  *model.Cluster
}

// OnTheWay says whether some mixture allows what neither revision does, or cuts off what both do. Three kinds of objects are held,
// each for itself: policies, how connections are taken, and what may be called. An error says that the context ended.
func OnTheWay(ctx context.Context, q Passage) (diag.List, error) {
	// Reading is what costs. Mostly the files that differ say already that there is no mixture but the old and the new.
	few := q
	few.Before, few.After = differing(q.Before, q.After)
	w, err := newWay(ctx, few)
	if err != nil || len(w.namespaces()) == 0 {
		return nil, err
	}
	if w, err = newWay(ctx, q); err != nil {
		return nil, err
	}
	for _, namespace := range w.namespaces() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.namespace(namespace)
	}
	w.found.Sort()
	return w.found, nil
}

// differing are the files that only one side has, or that hold other bytes there.
func differing(before, after []File) (old, latest []File) {
	had := make(map[string][]byte, len(before))
	for _, f := range before {
		had[f.Path] = f.Data
	}
	same := map[string]bool{}
	for _, f := range after {
		if data, ok := had[f.Path]; ok && bytes.Equal(data, f.Data) {
			same[f.Path] = true
		} else {
			latest = append(latest, f)
		}
	}
	for _, f := range before {
		if !same[f.Path] {
			old = append(old, f)
		}
	}
	return old, latest
}

// newWay reads both revisions.
func newWay(ctx context.Context, q Passage) (*way, error) {
	before := indexed(Question{Meaning: q.Meaning, Cluster: q.Cluster, Files: q.Before})
	after := indexed(Question{Meaning: q.Meaning, Cluster: q.Cluster, Files: q.After})
	old, err := before.objects(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := after.objects(ctx)
	if err != nil {
		return nil, err
	}
	return &way{q: q, prover: after, pairs: pairsOf(old, latest)}, nil
}

// pair is one object in both revisions, nil in the one that does not have it.
type pair struct{ old, new *manifest.Object }

// changed reports whether the cluster is to hold something else.
func (p pair) changed() bool {
	return p.old == nil || p.new == nil || p.old.SHA256() != p.new.SHA256()
}

// any is the object in either revision.
func (p pair) any() *manifest.Object { return cmp.Or(p.new, p.old) }

// decides reports whether the object is of a kind whose mixtures are asked about. Who changes which tokens are taken changes who
// somebody is, and not what they may do.
func decides(o *manifest.Object) bool {
	return o.AuthorizationPolicy != nil || o.PeerAuthentication != nil || o.Sidecar != nil
}

func pairsOf(old, new []*manifest.Object) []pair {
	type id struct{ kind, namespace, name string }
	idOf := func(o *manifest.Object) id { return id{o.Kind, o.Namespace, o.Name} }
	at := map[id]int{}
	var all []pair
	for _, o := range old {
		if decides(o) {
			at[idOf(o)] = len(all)
			all = append(all, pair{old: o})
		}
	}
	for _, o := range new {
		if !decides(o) {
			continue
		}
		i, had := at[idOf(o)]
		if !had {
			i = len(all)
			all = append(all, pair{})
		}
		all[i].new = o
	}
	return all
}

// way walks over the pods of a cluster and asks of each what may become of them on the way.
type way struct {
	q      Passage
	prover *prover
	pairs  []pair
	found  diag.List
}

// namespaces are those in which two objects change or, where one does that holds for all of them, all.
func (w *way) namespaces() []string {
	root := w.q.Cluster.Mesh.RootNamespace
	changed, all := map[string]int{}, map[string]bool{anyOther: true}
	for _, p := range w.pairs {
		all[p.any().Namespace] = true
		if p.changed() {
			changed[p.any().Namespace]++
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		n := changed[name]
		if name != root {
			n += changed[root]
		}
		return n < 2
	})
}

// namespace asks about every class of pods in a namespace.
func (w *way) namespace(name string) {
	root := w.q.Cluster.Mesh.RootNamespace
	var s selectors
	bySelector := map[int][]pair{}
	add := func(p pair, selector map[string]string) {
		i := noSelector
		if len(selector) > 0 {
			i = s.number(selector)
		}
		if !slices.Contains(bySelector[i], p) {
			bySelector[i] = append(bySelector[i], p)
		}
	}
	for _, p := range w.pairs {
		if ns := p.any().Namespace; ns != name && ns != root {
			continue
		}
		for _, o := range []*manifest.Object{p.old, p.new} {
			for _, selector := range selectorsIn(o) {
				add(p, selector)
			}
		}
	}
	workloads := map[int]*model.Workload{}
	for _, wl := range w.q.Cluster.Workloads {
		if wl.Service.Namespace.Name == name {
			workloads[s.number(selectorOf(wl))] = wl
		}
	}
	classes, ok := classesOf(s.all)
	if !ok {
		return // the proof of either revision says so
	}
	for _, c := range classes {
		at := crossing{way: w, pod: authz.Pod{Namespace: name, Labels: c.labels}}
		at.pairs = slices.Clone(bySelector[noSelector])
		for _, i := range c.selected {
			at.workload = cmp.Or(at.workload, workloads[i])
			for _, p := range bySelector[i] {
				if !slices.Contains(at.pairs, p) {
					at.pairs = append(at.pairs, p)
				}
			}
		}
		at.policies()
		at.transport()
		at.calls()
	}
}

// selectorsIn are the selectors by which an object picks pods; nil among them picks all.
func selectorsIn(o *manifest.Object) []map[string]string {
	switch {
	case o == nil:
		return nil
	case o.AuthorizationPolicy != nil && len(o.AuthorizationPolicy.TargetRefs) > 0:
		var all []map[string]string
		for _, t := range o.AuthorizationPolicy.TargetRefs {
			all = append(all, map[string]string{gatewayName: t.Name})
		}
		return all
	case o.AuthorizationPolicy != nil:
		return []map[string]string{o.AuthorizationPolicy.Selector}
	case o.PeerAuthentication != nil:
		return []map[string]string{o.PeerAuthentication.Selector}
	case o.Sidecar != nil:
		return []map[string]string{o.Sidecar.Selector}
	default:
		return nil
	}
}

// crossing is the pods of one class on the way.
type crossing struct {
	*way
	pod      authz.Pod
	workload *model.Workload // nil where no document names the pods
	pairs    []pair
}

// kept reports whether what both revisions allow is somebody's word, and so must not be cut off.
func (c *crossing) kept() bool { return c.workload != nil && c.q.Declared(c.workload.Service.Key()) }

// forms are the pairs of one kind as they hold for the pods, and how many of them change. A form that does not hold for them is
// none at all.
func (c *crossing) forms(holds func(*manifest.Object) bool) (forms []pair, changing []pair) {
	for _, p := range c.pairs {
		here := p
		if p.old == nil || !holds(p.old) {
			here.old = nil
		}
		if p.new == nil || !holds(p.new) {
			here.new = nil
		}
		if here.old == nil && here.new == nil {
			continue
		}
		forms = append(forms, here)
		if here.changed() {
			changing = append(changing, here)
		}
	}
	return forms, changing
}

// policies holds what AuthorizationPolicies decide.
func (c *crossing) policies() {
	root := c.q.Cluster.Mesh.RootNamespace
	forms, changing := c.forms(func(o *manifest.Object) bool {
		return o.AuthorizationPolicy != nil && !o.AuthorizationPolicy.DryRun && authz.Attaches(o, c.pod, root)
	})
	peers, changingPeers := c.peers()
	before, after := c.tls(side(peers, oldOf)), c.tls(side(peers, newOf))
	if before.Mode != after.Mode || !maps.Equal(before.Ports, after.Ports) {
		// Another mixture: a policy that guards a port may come after the port is opened, and go before it is closed.
		if len(changing) > 0 {
			changing = append(changing, changingPeers...)
		}
		forms = append(forms, pair{plaintextDenied(before), plaintextDenied(after)})
	}
	if len(changing) < 2 {
		return // there is no mixture but the old and the new
	}
	scope := authz.Scope{Mesh: c.prover.mesh()}
	if c.workload != nil {
		scope.Ports = portsOf(c.workload)
	}
	for _, p := range forms {
		for _, o := range []*manifest.Object{p.old, p.new} {
			if o != nil {
				scope.Policies = append(scope.Policies, o)
			}
		}
	}
	space, err := authz.NewSpace(scope)
	if err != nil {
		c.add(tooComplex, "policies", changing, fmt.Sprintf("nobody can tell what %s go through: %v", c.pods(), err))
		return
	}
	// An authorizer that a CUSTOM policy asks may refuse all, or none.
	for _, refuses := range []bool{true, false} {
		m := mixer{space, refuses}
		opens, cuts := m.mixtures(forms)
		if !opens.Empty() {
			c.sayRequest(opensOnTheWay, changing, opens, "%s could %s of %s, which neither the old manifests allow nor the new")
			return
		}
		if !cuts.Empty() && c.kept() {
			c.sayRequest(cutsOffOnTheWay, changing, cuts, "%s could not %s of %s, which the old manifests allow and the new")
			return
		}
	}
}

// plaintextDenied is what mutual TLS refuses, as a policy: whoever comes without an identity, where it is asked for. It is nil where
// it is asked for nowhere.
func plaintextDenied(t *authz.TLS) *manifest.Object {
	var is, not []string
	for _, port := range slices.Sorted(maps.Keys(t.Ports)) {
		if t.Ports[port] == strict {
			is = append(is, strconv.Itoa(port))
		} else {
			not = append(not, strconv.Itoa(port))
		}
	}
	rule := manifest.Rule{From: []manifest.Source{{NotPrincipals: []string{"*"}}}}
	switch {
	case t.Mode == strict && len(not) > 0:
		rule.To = []manifest.Operation{{NotPorts: not}}
	case t.Mode != strict && len(is) > 0:
		rule.To = []manifest.Operation{{Ports: is}}
	case t.Mode != strict:
		return nil
	}
	return &manifest.Object{
		Kind: "AuthorizationPolicy", AuthorizationPolicy: &manifest.AuthorizationPolicy{Action: "DENY", Rules: []manifest.Rule{rule}},
	}
}

// mixer decides over mixtures of policies.
type mixer struct {
	space *authz.Space
	// refuses says that external authorizers refuse whatever they are asked.
	refuses bool
}

// mixtures are the requests that some mixture allows and neither revision, and those that some mixture refuses and both revisions
// allow.
func (m mixer) mixtures(forms []pair) (opens, cuts authz.Region) {
	var old, new []pair
	for _, p := range forms {
		old, new = append(old, pair{p.old, p.old}), append(new, pair{p.new, p.new})
	}
	reached, refused := m.between(forms)
	before, _ := m.between(old)
	after, _ := m.between(new)
	return reached.AndNot(before).AndNot(after), refused.And(before).And(after)
}

// between is the requests that some mixture of the forms allows, and those that some mixture refuses. It follows each request alone:
// it is refused where a policy that denies it is there, or where some policy allows and none of them this one.
//
//   - It can be allowed if each object has a form that does not deny it and, with such forms, one allows it or none is an ALLOW
//     policy at all. An object never both denies and allows, so that the choices do not get into each other's way.
//   - It can be refused if some form denies it; or if no object allows it in both its forms, and one that is an ALLOW policy does
//     not allow it.
func (m mixer) between(forms []pair) (allowed, refused authz.Region) {
	all, _ := m.space.Decided(nil)
	none := all.AndNot(all)
	alwaysDenied, everDenied := none, none
	alwaysAllowed, everAllowed := none, none
	open, shut := all, none
	for _, p := range forms {
		a0, d0, is0 := m.form(p.old, none)
		a1, d1, is1 := m.form(p.new, none)
		alwaysDenied, everDenied = alwaysDenied.Or(d0.And(d1)), everDenied.Or(d0).Or(d1)
		alwaysAllowed, everAllowed = alwaysAllowed.Or(a0.And(a1)), everAllowed.Or(a0).Or(a1)
		away := none // requests for which some form neither is an ALLOW policy nor denies them
		if is0 {
			shut = shut.Or(all.AndNot(a0))
		} else {
			away = away.Or(all.AndNot(d0))
		}
		if is1 {
			shut = shut.Or(all.AndNot(a1))
		} else {
			away = away.Or(all.AndNot(d1))
		}
		open = open.And(away)
	}
	allowed = everAllowed.Or(open).AndNot(alwaysDenied)
	refused = everDenied.Or(shut.AndNot(alwaysAllowed))
	return allowed, refused
}

// form is what one form of an object allows and denies, and whether it is an ALLOW policy.
func (m mixer) form(o *manifest.Object, none authz.Region) (allows, denies authz.Region, isAllow bool) {
	if o == nil {
		return none, none, false
	}
	switch actionOf(o) {
	case "ALLOW":
		return m.space.Matched(o), none, true
	case "DENY":
		return none, m.space.Matched(o), false
	case "CUSTOM":
		if m.refuses {
			return none, m.space.Matched(o), false
		}
	}
	return none, none, false
}

// choicesOf are all mixtures of the forms: 2 to the number of those that change, which is small or told as too many.
func choicesOf(forms []pair, changing int) ([][]*manifest.Object, bool) {
	const most = 12
	if changing > most {
		return nil, false
	}
	all := [][]*manifest.Object{nil}
	for _, p := range forms {
		var next [][]*manifest.Object
		for _, chosen := range all {
			next = append(next, with(chosen, p.old))
			if p.changed() {
				next = append(next, with(chosen, p.new))
			}
		}
		all = next
	}
	return all, true
}

func with(chosen []*manifest.Object, o *manifest.Object) []*manifest.Object {
	if o == nil {
		return chosen
	}
	return append(slices.Clone(chosen), o)
}

func side(forms []pair, of func(pair) *manifest.Object) []*manifest.Object {
	var all []*manifest.Object
	for _, p := range forms {
		all = with(all, of(p))
	}
	return all
}

func oldOf(p pair) *manifest.Object { return p.old }
func newOf(p pair) *manifest.Object { return p.new }

// peers are the PeerAuthentications that could decide for the pods.
func (c *crossing) peers() (forms, changing []pair) {
	return c.forms(func(o *manifest.Object) bool {
		return o.PeerAuthentication != nil && (o.Namespace == c.pod.Namespace || o.Namespace == c.q.Cluster.Mesh.RootNamespace)
	})
}

func (c *crossing) tls(objects []*manifest.Object) *authz.TLS {
	return authz.TLSOf(objects, c.pod, c.q.Cluster.Mesh.RootNamespace)
}

// transport holds how connections are taken, port by port: in plaintext, and with an identity.
func (c *crossing) transport() {
	forms, changing := c.peers()
	if len(changing) < 2 {
		return
	}
	choices, ok := choicesOf(forms, len(changing))
	if !ok {
		c.add(tooComplex, "transport", changing, "too many PeerAuthentications change at once for "+c.pods())
		return
	}
	before, after := c.tls(side(forms, oldOf)), c.tls(side(forms, newOf))
	for _, chosen := range choices {
		mixed := c.tls(chosen)
		for _, port := range portsIn(before, after, mixed) {
			old, new, now := modeAt(before, port), modeAt(after, port), modeAt(mixed, port)
			switch {
			case now != strict && old == strict && new == strict:
				c.add(opensOnTheWay, "transport", changing, fmt.Sprintf("%s could take plaintext %s, which they take neither before nor after", c.pods(), portList([]int{port})))
				return
			case c.kept() && (now == strict && old != strict && new != strict || now == disable && old != disable && new != disable):
				c.add(cutsOffOnTheWay, "transport", changing, fmt.Sprintf("%s could refuse connections %s that they take before and after (mode %s)", c.pods(), portList([]int{port}), now))
				return
			}
		}
	}
}

func portsIn(all ...*authz.TLS) []int {
	ports := map[int]bool{everyOtherPort: true}
	for _, t := range all {
		for port := range t.Ports {
			ports[port] = true
		}
	}
	return slices.Sorted(maps.Keys(ports))
}

func modeAt(t *authz.TLS, port int) string {
	if mode, ok := t.Ports[port]; ok {
		return mode
	}
	return t.Mode
}

// calls holds what the pods may call.
func (c *crossing) calls() {
	root := c.q.Cluster.Mesh.RootNamespace
	forms, changing := c.forms(func(o *manifest.Object) bool {
		return o.Sidecar != nil && (o.Namespace == c.pod.Namespace || o.Namespace == root && o.Sidecar.Selector == nil)
	})
	if len(changing) < 2 || c.workload == nil {
		return
	}
	choices, ok := choicesOf(forms, len(changing))
	if !ok {
		c.add(tooComplex, "calls", changing, "too many Sidecars change at once for "+c.pods())
		return
	}
	before, after := c.importsOf(side(forms, oldOf)), c.importsOf(side(forms, newOf))
	names := map[string]bool{"": true} // "" is every host that nobody names
	for _, i := range []imports{before, after} {
		for name := range i.patterns {
			names[name] = true
		}
	}
	for _, chosen := range choices {
		mixed := c.importsOf(chosen)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			old, new, now := before.reaches(name), after.reaches(name), mixed.reaches(name)
			switch {
			case now && !old && !new:
				c.add(opensOnTheWay, "calls", changing, fmt.Sprintf("%s could call %s, which they may neither before nor after", c.pods(), spokenHost(name)))
				return
			case !now && old && new && c.kept():
				c.add(cutsOffOnTheWay, "calls", changing, fmt.Sprintf("%s could not call %s, which they may before and after", c.pods(), spokenHost(name)))
				return
			}
		}
	}
}

func spokenHost(name string) string {
	if name == "" {
		return "hosts that no document names"
	}
	return spoken(name)
}

// reaches reports whether a host, or a pattern that somebody wrote, is imported whole.
func (i imports) reaches(name string) bool { return i.everything || name != "" && i.has(name) }

// importsOf is what the nearest of the Sidecars imports.
func (c *crossing) importsOf(sidecars []*manifest.Object) imports {
	rank := func(o *manifest.Object) int {
		switch {
		case len(o.Sidecar.Selector) > 0:
			return 0
		case o.Namespace == c.pod.Namespace:
			return 1
		default:
			return 2
		}
	}
	if len(sidecars) == 0 {
		return imports{everything: true}
	}
	return importsOf(slices.MinFunc(sidecars, func(a, b *manifest.Object) int { return cmp.Compare(rank(a), rank(b)) }), c.pod.Namespace)
}

func (c *crossing) pods() string {
	p := &point{pod: c.pod, meant: &meant{namespace: c.pod.Namespace, workload: c.workload}}
	labels := class{labels: c.pod.Labels}
	switch {
	case c.workload != nil:
		p.extra = beside(labels, selectorOf(c.workload))
	case len(c.pod.Labels) > 0:
		p.extra = labels.String()
	}
	return c.prover.pods(p)
}

func (c *crossing) sayRequest(rule *diag.Rule, changing []pair, region authz.Region, format string) {
	q, box := region.Witness(), region.Box()
	d := &authz.Difference{Wider: rule == opensOnTheWay, Request: q, Box: box}
	message := fmt.Sprintf(format, c.prover.who(d), what(d), c.pods())
	related := []diag.Related{{Message: "the request: " + full(&q)}}
	if words := c.prover.boxed(box); words != "" {
		related = append(related, diag.Related{Message: "so are all of: " + words})
	}
	c.add(rule, "policies", changing, message, related...)
}

// add is a finding about what the pods go through while the objects change.
func (c *crossing) add(rule *diag.Rule, key string, changing []pair, message string, related ...diag.Related) {
	f := diag.Finding{
		Rule: rule, Message: "while " + c.q.Cluster.Name + " is synced, " + message, Related: related,
		Objects: []string{"Namespace " + c.pod.Namespace, "Cluster " + c.q.Cluster.Name}, Field: "on the way." + key + " " + c.pods(),
		Help: "Argo CD applies objects one by one and may stop between them: make two changes of it, one that only opens, and when it is synced everywhere one that only closes",
	}
	f.Span = c.prover.home(c.pod.Namespace)
	if c.workload != nil {
		f.Objects[0] = c.workload.Service.Object()
		f.Span = c.workload.Service.Doc.Metadata.Name.Span
	}
	var names []string
	for _, p := range changing {
		what := "changes"
		switch {
		case p.old == nil:
			what = "comes"
		case p.new == nil:
			what = "goes"
		}
		names = append(names, nameOf(p.any())+" "+what)
	}
	slices.Sort(names)
	f.Related = append(f.Related, diag.Related{Message: strings.Join(names[:min(len(names), 6)], ", ")})
	c.found.Add(f)
}
