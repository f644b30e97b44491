package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// placeServices makes a Service of every document in every mesh that it is placed in, with its workloads and endpoints.
func (r *resolver) placeServices(docs []*syntax.Service) {
	first := map[string]*syntax.Service{}
	documents := map[string]int{}
	for _, d := range docs {
		documents[d.Metadata.Namespace.Value+"/"+d.Metadata.Name.Value]++
	}
	for _, d := range docs {
		key := d.Metadata.Namespace.Value + "/" + d.Metadata.Name.Value
		r.services[key] = true
		n, t := r.owner(d)
		if n == nil {
			continue
		}
		clusters := r.clustersOf(d, n, t)
		placed := false
		for _, m := range r.estate.Meshes {
			in := slices.DeleteFunc(slices.Clone(clusters), func(c *Cluster) bool { return c.Mesh != m })
			if len(in) == 0 {
				continue
			}
			placed = true
			if m.services[key] != nil {
				r.duplicate("Service", key, m.services[key].Doc.Metadata.Name, d.Metadata.Name)
				continue
			}
			s := &Service{Doc: d, Mesh: m, Team: t, Namespace: n, Name: d.Metadata.Name.Value, Namesake: documents[key] > 1, key: key}
			m.services[key] = s
			m.Services = append(m.Services, s)
			r.resolvePorts(s)
			r.resolveEndpoints(s)
			r.resolveWorkloads(s, in)
		}
		if !placed {
			if first[key] != nil {
				r.duplicate("Service", key, first[key].Metadata.Name, d.Metadata.Name)
			}
			r.inNoCluster(d, key)
		}
		first[key] = d
	}
	for _, m := range r.estate.Meshes {
		slices.SortFunc(m.Services, func(a, b *Service) int { return cmp.Compare(a.Key(), b.Key()) })
	}
	for _, c := range r.estate.Clusters {
		slices.SortFunc(c.Workloads, func(a, b *Workload) int { return cmp.Compare(a.Service.Key(), b.Service.Key()) })
	}
}

func (r *resolver) inNoCluster(d *syntax.Service, key string) {
	if r.found.Stops() {
		return // a cluster, a mesh or a selection has a finding of its own
	}
	r.add(NoCluster, d.Metadata.Name.Span, diag.Finding{
		Message: fmt.Sprintf("%s is in no Cluster", key),
		Help:    "say `clusters:` in its spec, or in its Team's, so that it selects one",
		Objects: []string{"Service " + key}, Field: "spec.clusters",
	})
}

// owner is the namespace that a Service names and the team whose folder it lies in; nil where they do not go together.
func (r *resolver) owner(d *syntax.Service) (*Namespace, *Team) {
	object := "Service " + d.Metadata.Namespace.Value + "/" + d.Metadata.Name.Value
	n := r.namespaces[d.Metadata.Namespace.Value]
	if n == nil {
		f := diag.Finding{
			Message: fmt.Sprintf("no Team has the namespace %q", d.Metadata.Namespace.Value),
			Help:    "the platform adds it to the Team's document",
			Objects: []string{object}, Field: "metadata.namespace",
		}
		if near := diag.Nearest(d.Metadata.Namespace.Value, keys(r.namespaces)); near != "" {
			f.Help = fmt.Sprintf("did you mean %q?", near)
			f.Fix = rename(d.Metadata.Namespace, near)
			r.misnamed[near+"/"+d.Metadata.Name.Value] = true // who names it rightly is not told that it is unknown
		}
		r.add(NamespaceOfNobody, d.Metadata.Namespace.Span, f)
		return nil, nil
	}
	folder := teamOfFile(d.File)
	var owners []string
	for _, p := range n.Parts {
		if p.Team.Name == folder {
			return n, p.Team
		}
		owners = append(owners, "policies/teams/"+p.Team.Name)
	}
	r.add(OutsideFolder, d.Metadata.Namespace.Span, diag.Finding{
		Message: fmt.Sprintf("%s lies in %s, but its namespace %q belongs to team %q", object, d.File, n.Name, n.Parts[0].Team.Name),
		Help:    fmt.Sprintf("move it to %s, or name a namespace of the team whose folder it lies in", diag.OneOf(owners)),
		Related: []diag.Related{{Span: n.Parts[0].Key.Span, Message: "the namespace is declared here"}},
		Objects: []string{object}, Field: "metadata.namespace",
	})
	return nil, nil
}

// clustersOf is where a Service is placed: its own selection, or all clusters of its namespace.
func (r *resolver) clustersOf(d *syntax.Service, n *Namespace, t *Team) []*Cluster {
	var home []*Cluster
	unsure := false
	for _, p := range n.Parts {
		if p.Team == t {
			home, unsure = p.Clusters, p.unsure
		}
	}
	key := n.Name + "/" + d.Metadata.Name.Value
	chosen := r.choose(d.Spec.Clusters, r.estate.Clusters, home, "Service "+key, "spec.clusters")
	var placed []*Cluster
	for _, c := range chosen {
		if slices.Contains(home, c) {
			placed = append(placed, c)
			continue
		}
		if unsure {
			continue
		}
		r.add(NotInNamespace, d.Spec.Clusters.Span, diag.Finding{
			Message: fmt.Sprintf("%s is placed in cluster %q, where namespace %q does not exist", key, c.Name, n.Name),
			Help:    "the platform adds the cluster to the namespace in the Team's document, or the Service leaves it out",
			Related: []diag.Related{{Span: n.Parts[0].Key.Span, Message: "the namespace is declared here"}},
			Objects: []string{"Service " + key}, Field: "spec.clusters[" + c.Name + "]",
		})
	}
	return placed
}

func (r *resolver) resolvePorts(s *Service) {
	s.ports = map[string]*Port{}
	for i := range s.Doc.Spec.Ports {
		e := &s.Doc.Spec.Ports[i]
		for _, other := range s.Doc.Spec.Ports[:i] {
			if other.Value.Port.Value == e.Value.Port.Value {
				r.add(DuplicatePort, e.Value.Port.Span, diag.Finding{
					Message: fmt.Sprintf("ports %q and %q of %s have one number, %d", other.Key.Value, e.Key.Value, s.Key(), e.Value.Port.Value),
					Help:    "a Kubernetes Service has each number once: delete one, or correct its number",
					Related: []diag.Related{{Span: other.Value.Port.Span, Message: "the other port"}},
					Objects: []string{s.Object()}, Field: "spec.ports." + e.Key.Value + ".port",
				})
				s.portsClash = true
			}
		}
		s.ports[e.Key.Value] = &Port{
			Name: e.Key.Value, Number: e.Value.Port.Value, Doc: &e.Value,
			Protocol: cmp.Or(e.Value.Protocol.Value, "http"),
		}
	}
}

func (r *resolver) resolveWorkloads(s *Service, clusters []*Cluster) {
	taken := map[*Cluster]*syntax.Per{}
	for i := range s.Doc.Spec.Per.Items {
		p := &s.Doc.Spec.Per.Items[i]
		object, field := s.Object(), "spec.per"
		chosen := r.choose(p.Clusters, r.estate.Clusters, nil, object, field)
		for _, c := range chosen {
			if other := taken[c]; other != nil && c.Mesh == s.Mesh {
				r.add(PerTwice, p.Clusters.Span, diag.Finding{
					Message: fmt.Sprintf("two `per` entries of %s select cluster %q", s.Key(), c.Name),
					Help:    "let each cluster be selected by one entry",
					Related: []diag.Related{{Span: other.Clusters.Span, Message: "the first one"}},
					Objects: []string{object}, Field: field + "[" + c.Name + "]",
				})
				continue
			}
			taken[c] = p
		}
		if !slices.ContainsFunc(chosen, s.placedIn) && len(chosen) > 0 {
			r.add(PerNowhere, p.Clusters.Span, diag.Finding{
				Message: fmt.Sprintf("this `per` entry selects no cluster that %s is in", s.Key()),
				Help:    "select a cluster of the Service, or delete the entry",
				Objects: []string{object}, Field: field,
			})
		}
		r.checkTargetPorts(s, p)
	}
	for _, c := range clusters {
		w := newWorkload(s, c, taken[c])
		s.Workloads = append(s.Workloads, w)
		c.Workloads = append(c.Workloads, w)
	}
}

// placedIn reports whether the document places its Service in the cluster, in whichever mesh that is.
func (s *Service) placedIn(c *Cluster) bool {
	sel := s.Doc.Spec.Clusters
	if !sel.IsSet() {
		return s.Namespace.In(c)
	}
	byName := slices.ContainsFunc(sel.Names, func(n syntax.Text) bool { return n.Value == c.Name })
	return s.Namespace.In(c) && (byName || hasLabels(c, sel.Labels))
}

func (r *resolver) checkTargetPorts(s *Service, p *syntax.Per) {
	for _, e := range p.TargetPorts {
		if s.ports[e.Key.Value] == nil {
			r.unknown(UnknownPort, e.Key, "port", keys(s.ports), s.Object(), "spec.per.targetPorts."+e.Key.Value)
		}
	}
}

func newWorkload(s *Service, c *Cluster, per *syntax.Per) *Workload {
	if per == nil {
		per = &syntax.Per{}
	}
	spec := &s.Doc.Spec
	w := &Workload{
		Service: s, Cluster: c,
		Accounts:    firstOf(per.ServiceAccounts, spec.ServiceAccounts, s.Name),
		Hosts:       firstOf(per.Hosts, spec.Hosts, s.Name),
		TargetPorts: map[string]int{},
	}
	selector := spec.Selector
	if len(per.Selector) > 0 {
		selector = per.Selector
	}
	for _, l := range selector {
		w.Selector = append(w.Selector, Label{l.Key.Value, l.Value.Value})
	}
	if len(w.Selector) == 0 {
		w.Selector = []Label{{"app", s.Name}}
	}
	slices.SortFunc(w.Selector, func(a, b Label) int { return cmp.Compare(a.Key, b.Key) })
	for name, p := range s.ports {
		w.TargetPorts[name] = cmp.Or(p.Doc.TargetPort.Value, p.Number)
	}
	for _, e := range per.TargetPorts {
		w.TargetPorts[e.Key.Value] = e.Value.Value
	}
	w.resolveStages()
	return w
}

func firstOf(per, spec syntax.List[syntax.Text], fallback string) []string {
	items := spec.Items
	if len(per.Items) > 0 {
		items = per.Items
	}
	if len(items) == 0 {
		return []string{fallback}
	}
	var all []string
	for _, t := range items {
		all = append(all, t.Value)
	}
	slices.Sort(all)
	return all
}

// resolveStages takes the strictest of mesh, cluster, namespace and service, then what an exception loosens.
func (w *Workload) resolveStages() {
	s, c := w.Service, w.Cluster
	st := c.Mesh.Stages.tighten(c.Doc.Spec.Stages)
	for _, p := range s.Namespace.Parts {
		if slices.Contains(p.Clusters, c) {
			st = st.tighten(p.Doc.Stages)
		}
	}
	w.Stages = st.tighten(s.Doc.Spec.Stages)
	w.except(c.Mesh.Doc.Spec.Exceptions.Items)
	w.Floor = s.Namespace.Floor(c) != nil || c.Doc.Spec.Floor.Value
	w.Retired = s.Namespace.Retired(c)
}

// except loosens each axis as far as some exception for the workload does.
func (w *Workload) except(exceptions []syntax.Exception) {
	strict := w.Stages
	var all []*syntax.Exception
	for i := range exceptions {
		e := &exceptions[i]
		if e.Service.Value != w.Service.Key() || !selects(e.Clusters, w.Cluster) {
			continue
		}
		all = append(all, e)
		if l := strict.loosen(e.Stages); l.MTLS < strict.MTLS || l.Authz < strict.Authz || l.Outbound < strict.Outbound {
			w.loosenedBy = append(w.loosenedBy, e)
		}
		w.Stages = w.Stages.loosen(e.Stages)
	}
	for _, e := range all {
		if a := value[Authz](authzNames, e.Stages.Authz); a != 0 && a <= w.Stages.Authz && w.OpenBy == nil {
			w.OpenBy = e
		}
	}
}

// selects reports whether a selection, all clusters where it was not written, has the cluster in it.
func selects(s syntax.Selection, c *Cluster) bool {
	return !s.IsSet() || slices.ContainsFunc(s.Names, func(n syntax.Text) bool { return n.Value == c.Name }) || hasLabels(c, s.Labels)
}

func (r *resolver) resolveEndpoints(s *Service) {
	for i := range s.Doc.Spec.Endpoints {
		entry := &s.Doc.Spec.Endpoints[i]
		d := &entry.Value
		e := &Endpoint{Service: s, Name: entry.Key.Value, Key: &entry.Key, Doc: d, ForMesh: d.Audience.Value == "mesh"}
		r.resolvePort(e)
		r.resolveOperations(e)
		s.Endpoints = append(s.Endpoints, e)
	}
	slices.SortFunc(s.Endpoints, func(a, b *Endpoint) int { return cmp.Compare(a.Name, b.Name) })
}

// resolvePort finds the one port that the endpoint is on.
func (r *resolver) resolvePort(e *Endpoint) {
	s, d := e.Service, e.Doc
	object, field := s.Object(), "spec.endpoints."+e.Name
	if d.Port.Value != "" {
		e.Port = s.ports[d.Port.Value]
		switch {
		case e.Port == nil:
			r.unknown(UnknownPort, d.Port, "port", keys(s.ports), object, field+".port")
			e.Broken = true
		case !e.fits(e.Port):
			r.add(HTTPOnTCP, d.Port.Span, diag.Finding{
				Message: fmt.Sprintf("endpoint %q has %s, but port %q carries %s", e.Name, e.speaks(), e.Port.Name, e.Port.Protocol),
				Help:    "name a port of " + e.wants() + ", or say the port's `protocol:`",
				Related: []diag.Related{{Span: e.Port.Doc.Span, Message: "the port is declared here"}},
				Objects: []string{object}, Field: field + ".port",
			})
			e.Broken = true
		}
		return
	}
	fit := e.candidates()
	if len(fit) == 1 {
		e.Port = s.ports[fit[0]]
		return
	}
	e.Broken = true
	if s.portsClash {
		return // what fits is not to be told until the ports are
	}
	if len(fit) == 0 {
		r.noPortFits(e, object, field)
		return
	}
	r.add(SeveralPortsFit, e.Key.Span, diag.Finding{
		Message: fmt.Sprintf("endpoint %q could be on port %s", e.Name, strings.Join(fit, " or ")),
		Help:    fmt.Sprintf("say which: `port: %s`", fit[0]),
		Objects: []string{object}, Field: field + ".port",
	})
}

func (r *resolver) noPortFits(e *Endpoint, object, field string) {
	f := diag.Finding{
		Message: fmt.Sprintf("endpoint %q has %s, but %s declares no port of %s", e.Name, e.speaks(), e.Service.Key(), e.wants()),
		Help:    "declare the port in `ports:` with its `protocol:`",
		Objects: []string{object}, Field: field,
	}
	for _, name := range keys(e.Service.ports) {
		p := e.Service.ports[name]
		f.Related = append(f.Related, diag.Related{Span: p.Doc.Span, Message: fmt.Sprintf("port %q carries %s", name, p.Protocol)})
	}
	r.add(NoPortFits, e.Key.Span, f)
}

// candidates are the ports that an endpoint can mean that names none: those of its own protocol, and where there is none,
// any that it fits.
func (e *Endpoint) candidates() []string {
	var own, fit []string
	for _, name := range keys(e.Service.ports) {
		p := e.Service.ports[name]
		if !e.fits(p) {
			continue
		}
		fit = append(fit, name)
		if slices.Contains(e.protocols(), p.Protocol) {
			own = append(own, name)
		}
	}
	if len(own) > 0 {
		return own
	}
	return fit
}

// protocols are those that an endpoint of its form is usually on.
func (e *Endpoint) protocols() []string {
	switch {
	case len(e.Doc.GRPC.Items) > 0:
		return []string{"grpc"}
	case len(e.Doc.Methods.Items) > 0:
		return []string{"http", "http2"}
	default:
		return []string{"tcp", "tls"}
	}
}

// fits reports whether the endpoint's requests can be told apart on the port.
func (e *Endpoint) fits(p *Port) bool {
	switch {
	case len(e.Doc.GRPC.Items) > 0:
		return p.Protocol == "grpc" || p.Protocol == "http2"
	case len(e.Doc.Methods.Items) > 0:
		return p.HTTP()
	default:
		return true
	}
}

func (e *Endpoint) speaks() string {
	switch {
	case len(e.Doc.GRPC.Items) > 0:
		return "gRPC methods"
	case len(e.Doc.Methods.Items) > 0:
		return "methods and paths"
	default:
		return "a port only"
	}
}

func (e *Endpoint) wants() string {
	switch {
	case len(e.Doc.GRPC.Items) > 0:
		return "protocol grpc or http2"
	case len(e.Doc.Methods.Items) > 0:
		return "protocol http, http2 or grpc"
	default:
		return "any protocol"
	}
}

func (r *resolver) resolveOperations(e *Endpoint) {
	e.setMethods()
	for _, t := range e.Doc.Paths.Items {
		p, err := r.pattern(t.Value)
		if err == nil {
			e.Paths = append(e.Paths, p)
			continue
		}
		e.Broken = true
		r.add(BadPath, t.Span, badPath(t, err, e.Service.Object(), "spec.endpoints."+e.Name+".paths["+t.Value+"]"))
	}
}

// setMethods takes over the methods of the document, and for gRPC the paths that its methods are.
func (e *Endpoint) setMethods() {
	for _, g := range e.Doc.GRPC.Items {
		e.Methods = []string{"POST"} // every gRPC call is a POST
		e.Paths = append(e.Paths, grpcPattern(g.Value))
	}
	for _, m := range e.Doc.Methods.Items {
		if m.Value != "any" {
			e.Methods = append(e.Methods, m.Value)
		}
	}
	slices.Sort(e.Methods)
}

// badPath is about a path that is no template, with the one that was probably meant.
func badPath(t syntax.Text, err error, object, field string) diag.Finding {
	f := diag.Finding{
		Message: err.Error(),
		Help:    "write literal segments, {id} for one segment, {rest...} at the end for all that follow",
		Objects: []string{object}, Field: field,
	}
	if meant := meantPattern(t.Value); meant != "" {
		f.Help = fmt.Sprintf("did you mean %q?", meant)
		f.Fix = &diag.Fix{Title: fmt.Sprintf("write %q", meant), Edits: []diag.Edit{{Span: t.Span, New: fmt.Sprintf("%q", meant)}}}
	}
	return f
}

// pattern reads a path, once for all Services that have it: they write the same few.
func (r *resolver) pattern(text string) (Pattern, error) {
	if p, known := r.patterns[text]; known {
		return p, nil
	}
	p, err := ParsePattern(text)
	if err == nil {
		r.patterns[text] = p
	}
	return p, err
}

// meantPattern is the template that a path in another notation stands for: stars, colons, a missing or doubled slash, a query.
// Empty where that cannot be told.
func meantPattern(text string) string {
	if _, rest, isURL := strings.Cut(text, "://"); isURL {
		_, rest, _ = strings.Cut(rest, "/")
		text = "/" + rest
	}
	if host, _, _ := strings.Cut(text, "/"); strings.ContainsAny(host, ".:") {
		return "" // a host in front of the path, or something else again
	}
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	parts := strings.Split(strings.TrimPrefix(text, "/"), "/")
	var kept []string
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "" && !last:
			continue
		case part == "**" || part == "{**}" || part == "*" && last:
			part = "{rest...}"
		case part == "*" || part == "{*}":
			part = "{id}"
		case strings.HasPrefix(part, ":"):
			part = "{" + part[1:] + "}"
		}
		kept = append(kept, part)
	}
	meant := "/" + strings.Join(kept, "/")
	if _, err := ParsePattern(meant); err != nil {
		return ""
	}
	return meant
}
