package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// Test is a Test document. Its assertions are judged by others: the model says only what they are about.
type Test struct {
	Doc        *syntax.Test
	Team       *Team  // nil where the platform or privacy owns the document
	Key        string // namespace/name, or the name alone
	Assertions []*Assertion

	lost bool // its namespace is nobody's, so that bare names are not worth a finding of their own
}

// AssertionKind says what an assertion asserts. The zero value is invalid.
type AssertionKind int

// The kinds of assertions.
const (
	AssertAllow AssertionKind = iota + 1
	AssertDeny
	AssertOnly
)

func (k AssertionKind) String() string { return [...]string{"", "allow", "deny", "only"}[k] }

// Assertion is one entry of a Test. A name that resolves nowhere has a finding, and makes the assertion Broken: nothing can be
// said about it.
type Assertion struct {
	Test   *Test
	Kind   AssertionKind
	Span   diag.Span
	Field  string // its place in the document by its own words, for fingerprints
	Broken bool
	Cases  []*Case
}

// Case is what an assertion is about in one mesh.
type Case struct {
	Mesh *Mesh
	To   *Service
	// Requests are the callee's endpoints, or such as the Test says in its own words, which have no name.
	Requests []*Endpoint
	// Workloads are those of the callee in the clusters of the Test.
	Workloads []*Workload
	// From is who calls, or with only who may; those that the mesh does not have are left out.
	From []Peer
}

// Peer is whom an assertion names. Exactly one field is set, or none where the mesh does not have the Service.
type Peer struct {
	Service   *Service
	Team      *Team
	Outsider  *Outsider
	Identity  string
	Plaintext bool
	Any       bool
}

// Stranger is what a peer that is no Service and shows no identity is called.
func (p Peer) Stranger() string {
	switch {
	case p.Outsider != nil:
		return "outsider " + p.Outsider.Name
	case p.Plaintext:
		return "a peer without identity"
	default:
		return "anybody"
	}
}

// resolveTests gives assertions their pointers.
func (r *resolver) resolveTests(docs []*syntax.Test) {
	first := map[string]syntax.Text{}
	for _, d := range docs {
		t := &Test{Doc: d, Team: r.teams[teamOfFile(d.File)], Key: d.Metadata.Name.Value}
		if namespace := d.Metadata.Namespace.Value; namespace != "" {
			t.Key = namespace + "/" + t.Key
		}
		if other, ok := first[t.Key]; ok {
			r.duplicate("Test", t.Key, other, d.Metadata.Name)
			continue
		}
		first[t.Key] = d.Metadata.Name
		if t.Team == nil && !strings.HasPrefix(d.File, "policies/privacy/") {
			r.liesIn("platform", t.Object(), d.Header)
		}
		if namespace := d.Metadata.Namespace; namespace.Value != "" && r.namespaces[namespace.Value] == nil {
			r.unknown(UnknownInTest, namespace, "namespace", keys(r.namespaces), t.Object(), "metadata.namespace")
			t.lost = true
		}
		r.testClusters(t)
		for i := range d.Spec.Allow.Items {
			a := &d.Spec.Allow.Items[i]
			r.assertion(t, AssertAllow, a.From.Span, a.To, &a.Calls, []syntax.Peer{a.From})
		}
		for i := range d.Spec.Deny.Items {
			a := &d.Spec.Deny.Items[i]
			r.assertion(t, AssertDeny, a.From.Span, a.To, &a.Calls, []syntax.Peer{a.From})
		}
		for i := range d.Spec.Only.Items {
			a := &d.Spec.Only.Items[i]
			r.assertion(t, AssertOnly, a.To.Span, a.To, &a.Calls, a.From.Items)
		}
		r.estate.Tests = append(r.estate.Tests, t)
	}
	slices.SortFunc(r.estate.Tests, func(a, b *Test) int { return cmp.Compare(a.Key, b.Key) })
}

// Object names the Test's document in fingerprints.
func (t *Test) Object() string { return "Test " + t.Key }

// testClusters tells names and labels that select nothing: like all that is wrong with a Test, it stops nobody else.
func (r *resolver) testClusters(t *Test) {
	s := t.Doc.Spec.Clusters
	for _, n := range s.Names {
		if r.clusters[n.Value] == nil {
			r.unknown(UnknownInTest, n, "Cluster", keys(r.clusters), t.Object(), "spec.clusters["+n.Value+"]")
		}
	}
	if len(s.Labels) > 0 && !slices.ContainsFunc(r.estate.Clusters, func(c *Cluster) bool { return hasLabels(c, s.Labels) }) {
		r.selectsNothing(UnknownInTest, s, t.Object(), "spec.clusters")
	}
}

// assertion resolves one entry, mesh by mesh.
func (r *resolver) assertion(t *Test, kind AssertionKind, at diag.Span, to syntax.Text, calls *syntax.Calls, from []syntax.Peer) {
	a := &Assertion{Test: t, Kind: kind, Span: at}
	key := qualify(to.Value, t.Doc.Metadata.Namespace.Value)
	a.Field = "spec." + kind.String() + "[" + strings.Join(peerNames(from), ",") + " -> " + key + " " + said(calls) + "]"
	t.Assertions = append(t.Assertions, a)
	before := r.told
	defer func() { a.Broken = a.Broken || r.told > before }()
	if !r.services[key] {
		a.Broken = true
		if !r.misnamed[key] && !t.vain(to) {
			r.unknown(UnknownInTest, to, "Service", keys(r.services), t.Object(), a.Field+".to")
		}
		return
	}
	r.knownPeers(a, from)
	for _, m := range r.estate.Meshes {
		s := m.services[key]
		if s == nil {
			continue
		}
		c := &Case{Mesh: m, To: s, Requests: r.requests(a, s, calls)}
		for _, w := range s.Workloads {
			if selects(t.Doc.Spec.Clusters, w.Cluster) {
				c.Workloads = append(c.Workloads, w)
			}
		}
		for _, p := range from {
			c.From = append(c.From, r.peers(m, t, p)...)
		}
		if len(c.Workloads) > 0 {
			a.Cases = append(a.Cases, c)
		}
	}
}

// vain reports whether a name cannot resolve, and not for its own sake.
func (t *Test) vain(name syntax.Text) bool { return t.lost && !strings.Contains(name.Value, "/") }

func peerNames(from []syntax.Peer) []string {
	var all []string
	for _, p := range from {
		switch {
		case p.Service.Value != "":
			all = append(all, p.Service.Value)
		case p.Team.Value != "":
			all = append(all, "team "+p.Team.Value)
		case p.Outsider.Value != "":
			all = append(all, "outsider "+p.Outsider.Value)
		default:
			all = append(all, cmp.Or(p.Identity.Value, p.Peer.Value))
		}
	}
	return all
}

// said is the requests of an assertion in its own words, on one line.
func said(c *syntax.Calls) string {
	var all []string
	for _, l := range [][]syntax.Text{c.Endpoints.Items, {c.Port}, c.Methods.Items, c.Paths.Items, c.GRPC.Items} {
		for _, t := range l {
			if t.Value != "" {
				all = append(all, t.Value)
			}
		}
	}
	return strings.Join(all, " ")
}

// knownPeers tells names of callers that nobody bears in any mesh.
func (r *resolver) knownPeers(a *Assertion, from []syntax.Peer) {
	object, field := a.Test.Object(), a.Field+".from"
	for _, p := range from {
		key := qualify(p.Service.Value, a.Test.Doc.Metadata.Namespace.Value)
		switch {
		case p.Service.Value != "" && (r.misnamed[key] || a.Test.vain(p.Service)):
			a.Broken = true
		case p.Service.Value != "" && !r.services[key]:
			r.unknown(UnknownInTest, p.Service, "Service", keys(r.services), object, field+"["+key+"]")
		case p.Team.Value != "" && r.teams[p.Team.Value] == nil:
			r.unknown(UnknownInTest, p.Team, "Team", keys(r.teams), object, field+"[team "+p.Team.Value+"]")
		case p.Outsider.Value != "" && !r.outsiders[p.Outsider.Value]:
			r.unknown(UnknownInTest, p.Outsider, "Outsider", keys(r.outsiders), object, field+"[outsider "+p.Outsider.Value+"]")
		}
	}
}

// peers is a caller as the mesh has it: none, or one that is nobody, where it is not there.
func (r *resolver) peers(m *Mesh, t *Test, p syntax.Peer) []Peer {
	switch {
	case p.Service.Value != "":
		return []Peer{{Service: m.services[qualify(p.Service.Value, t.Doc.Metadata.Namespace.Value)]}}
	case p.Team.Value != "":
		return []Peer{{Team: r.teams[p.Team.Value]}}
	case p.Outsider.Value != "":
		if i := slices.IndexFunc(m.Outsiders, func(o *Outsider) bool { return o.Name == p.Outsider.Value }); i >= 0 {
			return []Peer{{Outsider: m.Outsiders[i]}}
		}
	case p.Identity.Value != "":
		return []Peer{{Identity: p.Identity.Value}}
	default:
		return []Peer{{Plaintext: p.Peer.Value == "plaintext", Any: p.Peer.Value == "any"}}
	}
	return nil
}

// requests are the endpoints that an assertion names, or those that it says in its own words: one for each port that they may
// be on. An assertion that says nothing is about everything on every port.
func (r *resolver) requests(a *Assertion, s *Service, calls *syntax.Calls) []*Endpoint {
	object := a.Test.Object()
	if len(calls.Endpoints.Items) > 0 {
		var all []*Endpoint
		for _, n := range calls.Endpoints.Items {
			switch e := s.Endpoint(n.Value); {
			case e == nil:
				r.unknownEndpoint(UnknownInTest, s, n, object, a.Field)
			case e.Broken:
				a.Broken = true // which has a finding of its own
			default:
				all = append(all, e)
			}
		}
		return all
	}
	doc := &syntax.Endpoint{Port: calls.Port, Methods: calls.Methods, Paths: calls.Paths, GRPC: calls.GRPC}
	e := Endpoint{Service: s, Key: &syntax.Text{Value: said(calls), Span: a.Span}, Doc: doc}
	e.setMethods()
	for _, t := range calls.Paths.Items {
		p, err := ParsePattern(t.Value)
		if err == nil {
			e.Paths = append(e.Paths, p)
			continue
		}
		r.add(UnreadableAssertion, t.Span, badPath(t, err, object, a.Field+".paths["+t.Value+"]"))
	}
	var all []*Endpoint
	for _, p := range r.requestPorts(a, &e, calls.Port) {
		on := e
		on.Port = p
		all = append(all, &on)
	}
	return all
}

// requestPorts are the ports that requests in a Test's own words may be on.
func (r *resolver) requestPorts(a *Assertion, e *Endpoint, named syntax.Text) []*Port {
	s, object := e.Service, a.Test.Object()
	if named.Value != "" {
		p := s.ports[named.Value]
		switch {
		case p == nil:
			r.unknown(UnknownInTest, named, "port", keys(s.ports), object, a.Field+".port")
		case !e.fits(p):
			r.add(UnreadableAssertion, named.Span, diag.Finding{
				Message: fmt.Sprintf("the assertion has %s, but port %q of %s carries %s", e.speaks(), p.Name, s.Key(), p.Protocol),
				Help:    "name a port of " + e.wants() + ", or leave methods, paths and grpc out",
				Objects: []string{object}, Field: a.Field + ".port",
			})
		default:
			return []*Port{p}
		}
		return nil
	}
	fitting := e.candidates()
	if a.Kind != AssertAllow { // what must not be is asked of every port
		fitting = slices.DeleteFunc(keys(s.ports), func(name string) bool { return !e.fits(s.ports[name]) })
	}
	switch {
	case len(fitting) == 0:
		r.add(UnreadableAssertion, a.Span, diag.Finding{
			Message: fmt.Sprintf("the assertion has %s, but %s declares no port of %s", e.speaks(), s.Key(), e.wants()),
			Help:    "say requests that the Service can have, or name its endpoints",
			Objects: []string{object}, Field: a.Field + ".port",
		})
	case a.Kind == AssertAllow && len(fitting) > 1:
		r.add(UnreadableAssertion, a.Span, diag.Finding{
			Message: fmt.Sprintf("the requests could be on port %s of %s", strings.Join(fitting, " or "), s.Key()),
			Help:    "say which with `port:`",
			Objects: []string{object}, Field: a.Field + ".port",
		})
		return nil
	}
	var all []*Port
	for _, name := range fitting {
		all = append(all, s.ports[name])
	}
	return all
}
