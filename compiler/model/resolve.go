package model

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// Resolve makes an estate of the tree. Every finding that it can see is returned with what could be resolved; a list that
// stops means that the estate must not be rendered.
func Resolve(tree *syntax.Tree) (*Estate, diag.List) {
	r := &resolver{
		estate:     &Estate{Tree: tree},
		names:      map[string]syntax.Text{},
		meshes:     map[string]*Mesh{},
		clusters:   map[string]*Cluster{},
		teams:      map[string]*Team{},
		namespaces: map[string]*Namespace{},
		services:   map[string]bool{},
		outsiders:  map[string]bool{},
		activities: map[string]*Activity{},
		parties:    map[string]*Party{},
		approvals:  map[string]*Approval{},
		misnamed:   map[string]bool{},
		patterns:   map[string]Pattern{},
	}
	r.resolveRecord(tree)
	r.resolveMeshes(tree.Meshes)
	r.resolveClusters(tree.Clusters)
	r.resolveTeams(tree.Teams)
	r.placeServices(tree.Services)
	r.placeOutsiders(tree.Outsiders)
	r.checkExceptions()
	r.resolvePersonalData()
	r.resolveCalls()
	r.deriveAccesses()
	r.resolveTests(tree.Tests)
	r.doubtFixes()
	return r.estate, r.found
}

// resolver holds the indexes that only resolving needs.
type resolver struct {
	estate     *Estate
	found      diag.List
	names      map[string]syntax.Text // of documents that takes has seen, by kind and name
	meshes     map[string]*Mesh
	clusters   map[string]*Cluster
	teams      map[string]*Team
	namespaces map[string]*Namespace
	services   map[string]bool // namespace/name of every Service document
	outsiders  map[string]bool // name of every Outsider document
	activities map[string]*Activity
	parties    map[string]*Party
	approvals  map[string]*Approval
	misnamed   map[string]bool    // namespace/name that a Service with a misspelt namespace was meant to have
	patterns   map[string]Pattern // by their text
	seen       map[string]bool    // findings already made for a document's other mesh
	slips      int                // names and words that resolved nowhere
	told       int                // findings, those that were made already among them
}

func (r *resolver) add(rule *diag.Rule, at diag.Span, f diag.Finding) {
	r.told++
	f.Rule, f.Span = rule, at
	key := rule.Code + at.String() + strings.Join(f.Objects, " ") + f.Field
	if r.seen[key] {
		return // a document that spans two meshes is resolved twice, and told once
	}
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[key] = true
	r.found.Add(f)
}

func (r *resolver) duplicate(kind, name string, first, second syntax.Text) {
	r.add(DuplicateName, second.Span, diag.Finding{
		Message: fmt.Sprintf("a second %s %q", kind, name),
		Help:    "rename one of the two, or delete it",
		Related: []diag.Related{{Span: first.Span, Message: "the first one"}},
		Objects: []string{kind + " " + name}, Field: "metadata.name",
	})
}

func (r *resolver) resolveMeshes(docs []*syntax.Mesh) {
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if !r.takes(d.Header, "platform") {
			continue
		}
		m := &Mesh{
			Doc: d, Name: name,
			RootNamespace: cmp.Or(d.Spec.RootNamespace.Value, "istio-system"),
			Domain:        cmp.Or(d.Spec.Domain.Value, "cluster.local"),
			Stages:        strictest.replace(d.Spec.Stages),
			Published:     d.Spec.Delivery.Value == "published",
			services:      map[string]*Service{},
		}
		r.meshes[name] = m
		r.estate.Meshes = append(r.estate.Meshes, m)
	}
	slices.SortFunc(r.estate.Meshes, func(a, b *Mesh) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *resolver) resolveClusters(docs []*syntax.Cluster) {
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if !r.takes(d.Header, "platform") {
			continue
		}
		c := &Cluster{Doc: d, Name: name, trust: map[string]bool{d.Spec.TrustDomain.Value: true}, discover: map[*Cluster]bool{}}
		for _, alias := range d.Spec.TrustDomainAliases.Items {
			c.trust[alias.Value] = true
		}
		r.clusters[name] = c
		if c.Mesh = r.meshes[d.Spec.Mesh.Value]; c.Mesh == nil {
			r.unknown(UnknownMesh, d.Spec.Mesh, "Mesh", keys(r.meshes), "Cluster "+name, "spec.mesh")
			continue
		}
		c.Mesh.Clusters = append(c.Mesh.Clusters, c)
		r.estate.Clusters = append(r.estate.Clusters, c)
	}
	byName := func(a, b *Cluster) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(r.estate.Clusters, byName)
	for _, m := range r.estate.Meshes {
		slices.SortFunc(m.Clusters, byName)
		for _, c := range m.Clusters {
			for _, other := range r.choose(c.Doc.Spec.Discovers, m.Clusters, m.Clusters, "Cluster "+c.Name, "spec.discovers") {
				c.discover[other] = true
			}
		}
	}
}

// choose picks clusters of a set by a selection, which stands for fallback where it was not written. A name outside the set
// that is a cluster all the same is passed over: a document that spans meshes names clusters of several.
func (r *resolver) choose(s syntax.Selection, set, fallback []*Cluster, object, field string) []*Cluster {
	if !s.IsSet() {
		return fallback
	}
	for _, n := range s.Names {
		if r.clusters[n.Value] == nil {
			r.unknown(UnknownCluster, n, "Cluster", keys(r.clusters), object, field+"["+n.Value+"]")
		}
	}
	if len(s.Labels) > 0 && !slices.ContainsFunc(r.estate.Clusters, func(c *Cluster) bool { return hasLabels(c, s.Labels) }) {
		r.selectsNothing(SelectsNothing, s, object, field)
	}
	var chosen []*Cluster
	for _, c := range set {
		byName := slices.ContainsFunc(s.Names, func(n syntax.Text) bool { return n.Value == c.Name })
		if byName || hasLabels(c, s.Labels) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

func (r *resolver) selectsNothing(rule *diag.Rule, s syntax.Selection, object, field string) {
	var wanted []string
	f := diag.Finding{Objects: []string{object}, Field: field, Help: "the clusters have these labels: " + r.labelsInUse()}
	for _, l := range s.Labels {
		wanted = append(wanted, l.Key.Value+": "+l.Value.Value)
		var values []string
		for _, c := range r.estate.Clusters {
			for _, have := range c.Doc.Metadata.Labels {
				if have.Key.Value == l.Key.Value {
					values = append(values, have.Value.Value)
				}
			}
		}
		if near := diag.Nearest(l.Value.Value, values); near != "" && !slices.Contains(values, l.Value.Value) {
			f.Help = fmt.Sprintf("did you mean %s: %s?", l.Key.Value, near)
			f.Fix = rename(l.Value, near)
		}
	}
	f.Message = fmt.Sprintf("no Cluster has the labels {%s}", strings.Join(wanted, ", "))
	r.add(rule, s.Span, f)
}

func (r *resolver) labelsInUse() string {
	var all []string
	for _, c := range r.estate.Clusters {
		for _, l := range c.Doc.Metadata.Labels {
			all = append(all, l.Key.Value+": "+l.Value.Value)
		}
	}
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// hasLabels reports whether the cluster is selected by the labels: by none where there are none.
func hasLabels(c *Cluster, labels []syntax.Entry[syntax.Text]) bool {
	for _, want := range labels {
		if !slices.ContainsFunc(c.Doc.Metadata.Labels, func(have syntax.Entry[syntax.Text]) bool {
			return have.Key.Value == want.Key.Value && have.Value.Value == want.Value.Value
		}) {
			return false
		}
	}
	return len(labels) > 0
}

func (r *resolver) resolveTeams(docs []*syntax.Team) {
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if !r.takes(d.Header, "platform") {
			continue
		}
		t := &Team{Doc: d, Name: name}
		r.teams[name] = t
		r.estate.Teams = append(r.estate.Teams, t)
		r.resolveNamespaces(t)
	}
	slices.SortFunc(r.estate.Teams, func(a, b *Team) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.estate.Namespaces, func(a, b *Namespace) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *resolver) resolveNamespaces(t *Team) {
	object := "Team " + t.Name
	told := len(r.found)
	ofTeam := r.choose(t.Doc.Spec.Clusters, r.estate.Clusters, r.estate.Clusters, object, "spec.clusters")
	for i := range t.Doc.Spec.Namespaces {
		e := &t.Doc.Spec.Namespaces[i]
		name := e.Key.Value
		n := r.namespaces[name]
		if n == nil {
			n = &Namespace{Name: name}
			r.namespaces[name] = n
			r.estate.Namespaces = append(r.estate.Namespaces, n)
		}
		for _, p := range n.Parts {
			if !p.Doc.Shared.Value || !e.Value.Shared.Value {
				r.add(NamespaceOfTwo, e.Key.Span, diag.Finding{
					Message: fmt.Sprintf("namespace %q belongs to team %q already", name, p.Team.Name),
					Help:    "leave it to one team, or write `shared: true` in both documents",
					Related: []diag.Related{{Span: p.Key.Span, Message: "team " + p.Team.Name + " has it here"}},
					Objects: []string{object}, Field: "spec.namespaces." + name,
				})
			}
		}
		clusters := r.choose(e.Value.Clusters, r.estate.Clusters, ofTeam, object, "spec.namespaces."+name+".clusters")
		n.Parts = append(n.Parts, NamespacePart{Team: t, Key: e.Key, Doc: &e.Value, Clusters: clusters, unsure: len(r.found) > told})
	}
}

// checkExceptions looks up the names that exceptions use.
func (r *resolver) checkExceptions() {
	for _, m := range r.estate.Meshes {
		for _, e := range m.Doc.Spec.Exceptions.Items {
			object, field := "Mesh "+m.Name, "spec.exceptions["+e.Service.Value+"]"
			r.inMesh(m, e.Service, object, field)
			r.choose(e.Clusters, m.Clusters, nil, object, field+".clusters")
		}
	}
}

// inMesh finds a Service of the mesh that the platform names, and says if there is none.
func (r *resolver) inMesh(m *Mesh, name syntax.Text, object, field string) *Service {
	s := m.services[name.Value]
	if s == nil && !r.misnamed[name.Value] {
		r.unknown(UnknownService, name, "Service of mesh "+m.Name, keys(m.services), object, field)
	}
	return s
}

// takes reports whether the document is the first of its kind and name, and tells of a second one. Documents of the kind lie in the
// folder.
func (r *resolver) takes(h syntax.Header, folder string) bool {
	object := h.Kind.Value + " " + h.Metadata.Name.Value
	if first, twice := r.names[object]; twice {
		r.duplicate(h.Kind.Value, h.Metadata.Name.Value, first, h.Metadata.Name)
		return false
	}
	r.names[object] = h.Metadata.Name
	r.liesIn(folder, object, h)
	return true
}

// liesIn checks that a document lies in the folder of its owner.
func (r *resolver) liesIn(folder, object string, h syntax.Header) {
	folder = "policies/" + folder
	if strings.HasPrefix(h.File, folder+"/") {
		return
	}
	r.add(OutsideFolder, h.Kind.Span, diag.Finding{
		Message: fmt.Sprintf("%s lies in %s, outside %s", object, path.Dir(h.File), folder),
		Help:    fmt.Sprintf("move it below %s, whose owners answer for it", folder),
		Objects: []string{object},
	})
}

// teamOfFile is the team whose folder a file lies in, "" where it is none's.
func teamOfFile(file string) string {
	inTeams, ok := strings.CutPrefix(file, "policies/teams/")
	if !ok {
		return ""
	}
	team, _, _ := strings.Cut(inTeams, "/")
	return team
}

// unknown reports a name that resolves nowhere, with the one that was probably meant.
func (r *resolver) unknown(rule *diag.Rule, name syntax.Text, kind string, known []string, object, field string) {
	r.slips++
	f := diag.Finding{
		Message: fmt.Sprintf("there is no %s %q", kind, name.Value),
		Help:    fmt.Sprintf("declare it, or name %s", diag.OneOf(shorten(known))),
		Objects: []string{object}, Field: field,
	}
	if len(known) == 0 {
		f.Help = "declare it first"
	}
	if near := nearestName(name.Value, known); near != "" {
		f.Help = fmt.Sprintf("did you mean %q?", near)
		f.Fix = rename(name, near)
	}
	r.add(rule, name.Span, f)
}

// doubtFixes takes the fix away where several files use a name that nobody declares: then it is its declaration, more likely,
// that is misspelt, and a machine that follows it would misspell all of them. What is wrong with a text itself is so in every file.
func (r *resolver) doubtFixes() {
	ofTexts := []*diag.Rule{BadPath, UnreadableAssertion, DuplicateReference}
	files := map[string]map[string]bool{}
	key := func(f diag.Finding) string { return f.Rule.Code + f.Message }
	for _, f := range r.found {
		if files[key(f)] == nil {
			files[key(f)] = map[string]bool{}
		}
		files[key(f)][f.Span.File] = true
	}
	for i := range r.found {
		f := &r.found[i]
		if n := len(files[key(*f)]); f.Fix != nil && n > 1 && !slices.Contains(ofTexts, f.Rule) {
			f.Help += fmt.Sprintf(" or is it the declaration that is misspelt, as %d files say this name?", n)
			f.Fix = nil
		}
	}
}

// nearestName also finds a name whose last part was right and whose namespace was not.
func nearestName(name string, known []string) string {
	if near := diag.Nearest(name, known); near != "" {
		return near
	}
	// A host of Kubernetes' DNS is the name of its Service, the other way round.
	service, rest, _ := strings.Cut(name, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	if slices.Contains(known, namespace+"/"+service) {
		return namespace + "/" + service
	}
	_, last, qualified := strings.Cut(name, "/")
	if !qualified {
		last = name
	}
	var same []string
	for _, k := range known {
		if strings.HasSuffix(k, "/"+last) {
			same = append(same, k)
		}
	}
	if len(same) == 1 {
		return same[0]
	}
	return ""
}

// shorten keeps lists of names readable.
func shorten(names []string) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > 8 {
		return append(slices.Clone(names[:8]), fmt.Sprintf("... (%d in all)", len(names)))
	}
	return names
}

func rename(old syntax.Text, name string) *diag.Fix {
	return &diag.Fix{
		Title: fmt.Sprintf("replace %q with %q", old.Value, name),
		Edits: []diag.Edit{{Span: old.Span, New: name}},
	}
}

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
