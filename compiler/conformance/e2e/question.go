package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	"writ.dev/writ/compiler/conformance/e2e/wire"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/naive"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// class is a class of requests to a workload that neither the documents nor the manifests tell apart, but for who sends them.
type class struct {
	port         int
	http         bool
	method, path string
}

// callee is the pods of one cluster that requests are sent to: a workload's, or one that no document names.
type callee struct {
	cluster  *cluster
	workload *model.Workload // nil for pods that no document names
	pods     []*pod
	classes  []class
}

func (c *callee) ns() string { return c.pods[0].ns }

func (c *callee) String() string {
	return c.cluster.name + "." + c.ns() + "." + c.pods[0].labels["app"]
}

// place is where the second reading of the documents has the workload.
func (c *callee) place() naive.Place {
	return naive.Place{Cluster: c.cluster.name, Namespace: c.ns(), Name: c.workload.Service.Name}
}

// callees are all there are, with their classes of requests: by what is meant, and by what the policies in out say.
func (e *estate) callees(out fs.FS) ([]*callee, error) {
	var all []*callee
	for _, c := range e.clusters {
		objects, err := manifestsOf(out, c.name)
		if err != nil {
			return nil, err
		}
		for _, w := range c.doc.Workloads {
			to := &callee{cluster: c, workload: w}
			for _, p := range c.pods {
				if p.workload == w {
					to.pods = append(to.pods, p)
				}
			}
			if len(to.pods) > 0 {
				all = append(all, to)
			}
		}
		for _, p := range c.pods {
			if p.workload == nil {
				all = append(all, &callee{cluster: c, pods: []*pod{p}})
			}
		}
		for _, to := range all {
			if to.cluster != c {
				continue
			}
			if to.classes, err = e.classesOf(to, objects); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// manifestsOf are the manifests of a cluster.
func manifestsOf(out fs.FS, cluster string) ([]*manifest.Object, error) {
	files, err := fs.Glob(out, cluster+"/*/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []*manifest.Object
	for _, name := range files {
		data, err := fs.ReadFile(out, name)
		if err != nil {
			return nil, err
		}
		objects, err := manifest.Read(name, data)
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

// classesOf divides the requests to a callee.
func (e *estate) classesOf(to *callee, objects []*manifest.Object) ([]class, error) {
	mesh := authz.Mesh{TrustDomain: to.cluster.trustDomain(), RootNamespace: to.cluster.doc.Mesh.RootNamespace}
	mesh.Normalization = to.cluster.doc.Doc.Spec.PathNormalization.Value
	scope := authz.Scope{Mesh: mesh, TLS: &authz.TLS{Mode: "STRICT"}}
	for _, o := range objects {
		if o.AuthorizationPolicy != nil && authz.Attaches(o, authz.Pod{Namespace: to.ns(), Labels: to.pods[0].labels}, mesh.RootNamespace) {
			scope.Policies = append(scope.Policies, o)
		}
	}
	if to.workload != nil {
		meant := &authz.Meant{}
		for a := range e.meant.Workloads[to.place()].Admitted {
			meant.Allow = append(meant.Allow, allowance(a))
		}
		slices.SortFunc(meant.Allow, func(a, b authz.Allowance) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		scope.Meant = []*authz.Meant{meant}
		for _, p := range to.workload.Service.Doc.Spec.Ports {
			scope.Ports = append(scope.Ports, authz.Port{Number: to.workload.TargetPorts[p.Key.Value], HTTP: p.Value.Protocol.Value != "tcp"})
		}
	}
	space, err := authz.NewSpace(scope)
	if err != nil {
		return nil, err
	}
	var all []class
	seen := map[class]bool{}
	for r := range space.Classes() {
		c := class{r.Port, r.HTTP, r.Method, r.Path}
		if !seen[c] {
			seen[c] = true
			all = append(all, c)
		}
	}
	return all, nil
}

// allowance is one of the second reading, in the proof's words.
func allowance(a naive.Allowance) authz.Allowance {
	m := authz.Allowance{Port: a.Port}
	if cidr, err := netip.ParsePrefix(a.Peer); err == nil {
		m.CIDRs = []netip.Prefix{cidr}
	} else {
		m.Principals = []string{a.Peer}
	}
	if a.Method != "" {
		m.Methods = []string{a.Method}
	}
	if a.Path != "" {
		m.Paths = []string{strings.NewReplacer("{**}", "{rest...}", "{*}", "{one}").Replace(a.Path)}
	}
	return m
}

// caller is who sends a request, as the callee's proxy sees it.
type caller struct {
	identity string // "" for nobody
	source   netip.Addr
}

// answers is what the documents say becomes of a request that reaches the callee: the second reading of them.
func (e *estate) answers(to *callee, from caller, q class) bool {
	domain, _, _ := strings.Cut(from.identity, "/")
	if from.identity != "" && !to.cluster.doc.Accepts(domain) {
		return false
	}
	floor := e.meant.Floors[naive.Floor{Cluster: to.cluster.name}] || e.meant.Floors[naive.Floor{Cluster: to.cluster.name, Namespace: to.ns()}]
	if to.workload == nil {
		return !floor && (from.identity != "" || !e.meant.Strict[to.cluster.name])
	}
	w := e.meant.Workloads[to.place()]
	switch {
	case from.identity == "" && w.MTLS == "strict" && !w.Plaintext[q.port]:
		return false
	case w.Open || w.Authz != "enforce" && !floor:
		return true
	case w.Authz != "enforce":
		return false
	}
	for a := range w.Admitted {
		if a.Port == q.port && from.is(a.Peer) && (a.Method == "" && a.Path == "" || q.http && (a.Method == "" || a.Method == q.method) && matches(a.Path, q.path)) {
			return true
		}
	}
	return false
}

func (c *caller) is(peer string) bool {
	if cidr, err := netip.ParsePrefix(peer); err == nil {
		return cidr.Contains(c.source)
	}
	return c.identity != "" && c.identity == peer
}

// matches reports whether a path is one that a pattern stands for: {*} for a segment, a last {**} for what remains.
func matches(pattern, is string) bool {
	if pattern == "" {
		return true
	}
	want, has := strings.Split(pattern, "/"), strings.Split(is, "/")
	for i, w := range want {
		switch {
		case i >= len(has):
			return false
		case w == "{**}":
			return !strings.ContainsFunc(path.Join(has[i:]...), unlikely)
		case w == "{*}" && (has[i] == "" || strings.ContainsFunc(has[i], unlikely)), w != "{*}" && w != has[i]:
			return false
		}
	}
	return len(want) == len(has)
}

// unlikely are the characters that no template of Istio's takes.
func unlikely(r rune) bool {
	return r > '~' || r < '!' || strings.ContainsRune(`"<>[]\^{|}#?`, r) || r == '`'
}

// request is a request of the class to an address.
func (q class) request(to, host string, grpc bool) wire.Request {
	r := wire.Request{To: to, Host: host, Method: q.method, Path: q.path, Proto: "http1"}
	switch {
	case !q.http:
		r.Proto = "tcp"
	case grpc && q.method == "POST":
		r.Proto = "grpc"
	case !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}, q.method):
		r.Proto = "http2" // Envoy takes no methods of one's own in HTTP/1.1
	}
	return r
}

// difference is requests to one place that are answered otherwise than is meant, all in the same way.
type difference struct {
	n     int
	first string
}

// tally is what came of asking.
type tally struct {
	sent, allowed, refused, differing int
	either                            int            // meant otherwise by where they arrive
	arrived                           int            // by the callees' logs of HTTP; 0 where nobody looked
	how                               map[string]int // refused how
	differences                       map[string]*difference
}

func (t *tally) String() string {
	s := fmt.Sprintf("%d sent, %d allowed, %d refused, %d differing;", t.sent, t.allowed, t.refused, t.differing)
	if t.either > 0 {
		s += fmt.Sprintf(" %d answered in one cluster and refused in another;", t.either)
	}
	if t.arrived > 0 {
		s += fmt.Sprintf(" %d in the callees' logs;", t.arrived)
	}
	for _, how := range slices.Sorted(maps.Keys(t.how)) {
		s += fmt.Sprintf(" %s: %d;", how, t.how[how])
	}
	return strings.TrimSuffix(s, ";")
}

func (t *tally) join(o *tally) {
	t.sent, t.allowed, t.refused, t.differing = t.sent+o.sent, t.allowed+o.allowed, t.refused+o.refused, t.differing+o.differing
	for how, n := range o.how {
		t.how[how] += n
	}
	for key, d := range o.differences {
		t.differ(key, d.first, d.n)
	}
}

// count holds an answer against what is meant. A refusal has to be one of policy or of transport: whatever else keeps a request from
// being answered proves nothing.
func (t *tally) count(to, what string, meant bool, expected []string, a *wire.Answer) {
	t.sent++
	how := refusal(a)
	fine := a.Answered() == meant
	if a.Answered() {
		t.allowed++
	} else {
		t.refused++
		t.how[how]++
		fine = fine && slices.Contains(expected, how)
	}
	if !fine {
		t.differing++
		t.differ(fmt.Sprintf("%s: meant %t, and it is %s", to, meant, cmp.Or(how, "answered")), fmt.Sprintf("%s: %+v", what, *a), 1)
	}
}

func (t *tally) differ(key, first string, n int) {
	if t.differences[key] == nil {
		t.differences[key] = &difference{first: first}
	}
	t.differences[key].n += n
}

func newTally() *tally { return &tally{how: map[string]int{}, differences: map[string]*difference{}} }

// The ways of being refused.
const (
	byPolicy = "forbidden"    // the callee's policies, in HTTP
	closed   = "closed"       // the callee's policies in TCP, its transport, or the caller's Sidecar
	unknown  = "unknown host" // the caller's Sidecar, in HTTP
)

// refusal is how a request was refused, "" where it was not.
func refusal(a *wire.Answer) string {
	const said = "RBAC: access denied"
	switch {
	case a.Answered():
		return ""
	case a.Status == 403 && (a.Said == said || a.Said == ""), a.GRPC == "7" && a.Said == said:
		return byPolicy
	case a.Status == 502 && a.Said == "", a.GRPC == "14" && a.Said == "":
		return unknown
	case a.Status != 0:
		return fmt.Sprintf("status %d", a.Status)
	case strings.Contains(a.Said, "reset by peer"), strings.Contains(a.Said, "EOF"), strings.Contains(a.Said, "broken pipe"),
		strings.Contains(a.Said, "remote error: tls"), strings.Contains(a.Said, "client conn could not be established"):
		return closed
	default:
		return a.Said
	}
}

// direct asks the callee alone, with the certificate of each identity and no sidecar at the caller's end. The sender is the place that
// the connections come from.
func (e *estate) direct(ctx context.Context, sender *pod, to *callee, identities []identity) (*tally, error) {
	source := netip.MustParseAddr(sender.address)
	var requests []wire.Request
	var meant []bool
	var expected [][]string
	for _, id := range identities {
		for _, p := range to.pods {
			for _, q := range to.classes {
				r := q.request(fmt.Sprintf("%s:%d", p.address, q.port), to.host(), to.grpc(q.port))
				r.Identity = id.folder
				requests = append(requests, r)
				meant = append(meant, e.answers(to, caller{id.name, source}, q))
				how := []string{closed}
				switch domain, _, _ := strings.Cut(id.name, "/"); {
				case !q.http || id.name != "" && !to.cluster.doc.Accepts(domain):
				case id.name == "":
					how = []string{byPolicy, closed}
				default:
					how = []string{byPolicy}
				}
				expected = append(expected, how)
			}
		}
	}
	answers, err := sender.call(ctx, requests)
	if err != nil {
		return nil, err
	}
	t := newTally()
	for i, a := range answers {
		r := &requests[i]
		who := cmp.Or(strings.TrimPrefix(r.Identity, e.box.path("identities")+"/"), "nobody") + " at " + sender.address
		_, port, _ := strings.Cut(r.To, ":")
		t.count(fmt.Sprintf("%s port %s by %s", to, port, r.Proto), fmt.Sprintf("%s: %s %s", who, r.Method, r.Path), meant[i], expected[i], &a)
	}
	return t, nil
}

// host is a name that clients write, where there is one.
func (c *callee) host() string {
	name := "stranger"
	if c.workload != nil {
		name = c.workload.Hosts[0]
	}
	return name + "." + c.ns() + ".svc." + c.cluster.doc.Mesh.Domain
}

func (c *callee) grpc(port int) bool {
	if c.workload == nil {
		return false
	}
	for _, p := range c.workload.Service.Doc.Spec.Ports {
		if c.workload.TargetPorts[p.Key.Value] == port {
			return p.Value.Protocol.Value == "grpc"
		}
	}
	return false
}

// identity is a name in a certificate, and the folder with it. Nobody has neither.
type identity struct{ name, folder string }

// identities are nobody's and those of all workloads and Outsiders of the mesh and of some that no document names, in the trust domains
// of all clusters.
func (e *estate) identities(ctx context.Context) ([]identity, error) {
	names := map[[2]string]bool{{"elsewhere", "default"}: true, {"orders", "default"}: true, {"other", "other"}: true}
	mesh := e.clusters[0].doc.Mesh
	for _, s := range mesh.Services {
		for _, w := range s.Workloads {
			for _, account := range w.Accounts {
				names[[2]string{s.Namespace.Name, account}] = true
			}
		}
	}
	for _, o := range mesh.Outsiders {
		_, rest, _ := strings.Cut(o.Doc.Spec.Identity.Value, "/ns/")
		if ns, account, ok := strings.Cut(rest, "/sa/"); ok {
			names[[2]string{ns, account}] = true
		}
	}
	all := []identity{{}}
	for _, c := range e.clusters {
		for name := range names {
			folder, err := c.identity(ctx, name[0], name[1])
			if err != nil {
				return nil, err
			}
			all = append(all, identity{c.trustDomain() + "/ns/" + name[0] + "/sa/" + name[1], folder})
		}
	}
	slices.SortFunc(all, func(a, b identity) int { return cmp.Compare(a.folder, b.folder) })
	return all, nil
}
