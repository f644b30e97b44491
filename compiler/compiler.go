// Package compiler makes Istio manifests of intents. This page is the architecture.
//
// A compilation is a row of stages, values in and values out; a reader who follows Compile sees all of them:
//
//	syntax.Parse   files            -> Tree       the shape is right, and every scalar knows its place
//	model.Resolve  Tree             -> Estate     names are pointers; accesses are derived: *whether*
//	check.Run      Estate           -> Checked    objections are known, with what they withhold
//	query.Judge    Checked          -> []Verdict  what Tests assert is proved, on what is meant
//	plan.Lower     Checked          -> Clusters   *where*: decisions per workload, in no vendor's words
//	istio.Render   Cluster          -> []Object   bytes
//	overlay.Apply  []Object         -> Applied    the platform's patches, and objects of its own
//	istio.Validate []Object         -> refusals   Istio's own opinion of them
//	emit.Compare   files, out/      -> Drift      what out/ lacks, and what it has too much
//	prove.Equal    bytes, Estate    -> Proof      what out/ will hold allows exactly what is meant: read back, and compared
//
// With a base revision three more follow: prove.OnTheWay asks what a cluster could go through while it holds some of the base's objects
// and some of the new ones, weaken.Compare what the change takes away from the protection of personal data, and diff.Compare who gains
// and who loses access.
//
// Publish runs the same row for what a branch holds in the place of out/.
//
// A stage tells everything that it finds and then, if anything stops, ends the row: what follows would only repeat the same
// mistake in other words. Three kinds of failure have three ways: the author's mistake is a diag.Finding, the world's is an
// error, ours is a panic.
package compiler

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/argocd"
	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/overlay"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/plan"
	"writ.dev/writ/compiler/prove"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// APIVersion is the version of the language that documents are written in.
const APIVersion = syntax.APIVersion

// Options decide which findings fail, and nothing about the output.
type Options struct {
	// AsOf is the day to judge dates by, as YYYY-MM-DD.
	AsOf string
	// Base is the repository at the revision to compare with; nil without one.
	Base fs.FS
	// Review asks for what a pull request is read by, against the base: Result.Access and Result.Agreements.
	Review bool
	// Texts keeps all of Result.Sources, for an editor.
	Texts bool
	// Branch says that out/ is what a branch holds that all is published to: it means something for published meshes, too.
	Branch bool
	// Progress hears which stage runs and how far it is; nil for nobody.
	Progress parallel.Progress
}

// Result is what a compilation made. Findings are sorted and complete, with ignores applied.
type Result struct {
	Findings diag.List
	// Sources are the files that the findings point into, and with Options.Texts all others that were read.
	Sources map[string][]byte
	// Files are what out/ should hold; nil where a finding stops.
	Files []emit.File
	// Drift is what out/ holds instead. It is empty where a finding stops.
	Drift emit.Drift
	// Published says that out/ is not part of the repository, so that its drift means nothing here. Where that is so for some
	// meshes only, Drift is without their clusters.
	Published bool
	Stats     Stats
	// Admitted is what Argo CD must admit; empty where a finding stops.
	Admitted argocd.Admitted
	// Proof says that Files, with what else lies in out/, allow exactly what the documents mean; nil where no proof was tried.
	Proof *prove.Proof
	// Access is who gains and who loses what since the base. It is nil unless Options.Review asks, and where a finding stops either side.
	Access *diff.Difference
	// Agreements are who must agree to the change, the most pressing first. They are empty unless Options.Review asks.
	Agreements []Agreement

	known  map[string]bool // fingerprints of the base's findings; nil without a base
	estate *model.Estate   // nil where a finding stops
	// resolved is the estate as far as its names resolve, nil where its documents cannot be read.
	resolved *model.Estate
	gone     *forgotten // nil where no source is
	checked  check.Checked
}

// Stats counts what was compiled. Services are documents, Workloads are Services in clusters; Accesses are those that are
// rendered, per mesh; Pending are intents that wait for consent; Withheld are accesses that an objection keeps out.
type Stats struct {
	Meshes    int `json:"meshes"`
	Clusters  int `json:"clusters"`
	Teams     int `json:"teams"`
	Services  int `json:"services"`
	Workloads int `json:"workloads"`
	Accesses  int `json:"accesses"`
	Objects   int `json:"objects"`
	Pending   int `json:"pending"`
	Withheld  int `json:"withheld"`
}

// Compile compiles the repository whose root is fsys: policies/ is read, out/ is compared with. When the context ends, it returns
// at once.
func Compile(ctx context.Context, fsys fs.FS, opts Options) (*Result, error) {
	var r *Result
	var err error
	if ended := parallel.Await(ctx, func() { r, err = compileBoth(ctx, fsys, opts) }); ended != nil {
		return nil, ended
	}
	return r, err
}

func compileBoth(ctx context.Context, fsys fs.FS, opts Options) (*Result, error) {
	r, err := compile(ctx, fsys, opts)
	if err != nil || opts.Base == nil {
		return r, err
	}
	base, err := compile(ctx, opts.Base, opts)
	if err != nil {
		return nil, err
	}
	if r.Files != nil {
		if err := r.removedSince(ctx, opts); err != nil {
			return nil, err
		}
	}
	found, err := r.onTheWay(ctx, base, opts)
	if err != nil {
		return nil, err
	}
	r.Findings = append(r.Findings, found...)
	r.Findings.Sort()
	r.known = map[string]bool{}
	for _, f := range append(base.Findings, behind(ctx, base, opts)...) {
		r.known[f.Fingerprint()] = true
		for _, item := range f.Items {
			r.known[f.Fingerprint()+item] = true
		}
	}
	r.ownersGone(opts.Base, fsys)
	r.argoCDTurned(opts.Base, fsys)
	if err := r.judge(ctx, base, opts, fsys); err != nil {
		return nil, err
	}
	if err := r.tellOwners(opts.Base, fsys); err != nil || !opts.Review {
		return r, err
	}
	return r, r.review(base, opts.Base, fsys)
}

// removedSince holds what the change removes against the base's out/: the change may have removed it from its own already.
func (r *Result) removedSince(ctx context.Context, opts Options) error {
	out, err := fs.Sub(opts.Base, "out")
	if err != nil {
		return err
	}
	drift, err := emit.Compare(ctx, out, r.Files)
	if err != nil {
		return err
	}
	carried(r.estate, &drift)
	for _, f := range floors(r.estate, drift) {
		if !slices.ContainsFunc(r.Findings, func(had diag.Finding) bool { return had.Fingerprint() == f.Fingerprint() }) {
			r.Findings.Add(f)
		}
	}
	r.Findings.Sort()
	if found := removals(r.estate, drift, opts.AsOf); len(found) > 0 {
		r.Findings, r.Files = append(r.Findings, found...), nil
		r.Findings.Sort()
	}
	r.gone.recall(r.Sources, r.Findings)
	return nil
}

// behind is what later stages have against a base that an earlier one stopped, as far as it can be told. Without it, who mends
// what stopped the base would be told that they cause all that it hid.
func behind(ctx context.Context, base *Result, opts Options) diag.List {
	if !base.Findings.Stops() {
		return nil
	}
	tree, _ := syntax.Parse(ctx, opts.Base)
	estate, resolved := model.Resolve(tree)
	done, checked := check.Run(&check.Pass{Estate: estate, AsOf: opts.AsOf})
	found := append(resolved, checked...)
	return append(found, failures(query.NewIndex(done, found))...)
}

func compile(ctx context.Context, fsys fs.FS, opts Options) (*Result, error) {
	r := &Result{}
	tree, found := syntax.Parse(opts.Progress.Begin(ctx, "reading policies/"), fsys)
	r.Sources = tree.Sources
	defer r.close(tree, opts.AsOf)
	r.Findings = append(r.Findings, found...)
	objects, err := r.objects(ctx, fsys, tree, opts)
	if err != nil || r.Findings.Stops() {
		return r, err
	}
	r.Admitted = placed(r.checked.Estate(), objects)
	r.argoCD(fsys)
	return r, r.compare(ctx, fsys, r.checked, objects, opts)
}

// objects are what the documents of the tree are rendered to, overlays laid over them, and valid. There are none where a finding
// stops.
func (r *Result) objects(ctx context.Context, fsys fs.FS, tree *syntax.Tree, opts Options) ([]istio.Object, error) {
	if r.Findings.Stops() || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !opts.Texts {
		r.gone = forget(fsys, r.Sources, r.Findings, tree.Ignores)
	}
	opts.Progress.Begin(ctx, "resolving names")
	estate, found := model.Resolve(tree)
	r.resolved = estate
	r.count(estate)
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.owners(fsys, estate)
	opts.Progress.Begin(ctx, "checking")
	checked, found := check.Run(&check.Pass{Estate: estate, AsOf: opts.AsOf})
	r.checked = checked
	r.Stats.Withheld = checked.Withheld()
	r.Stats.Accesses -= r.Stats.Withheld
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(estate.Tests) > 0 {
		opts.Progress.Begin(ctx, "testing")
		r.Findings = append(r.Findings, failures(query.NewIndex(checked, r.Findings))...)
	}
	objects := render(ctx, opts.Progress, checked)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var clusters []string
	for _, c := range estate.Clusters {
		clusters = append(clusters, c.Name)
	}
	laid, found := overlay.Apply(opts.Progress.Begin(ctx, "laying overlays"), fsys, clusters, objects)
	maps.Copy(r.Sources, laid.Sources)
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	found = refusals(istio.Validate(opts.Progress.Begin(ctx, "validating"), laid.Objects))
	r.Findings = append(r.Findings, found...)
	return laid.Objects, ctx.Err()
}

// render writes the objects of all clusters, sorted by path.
func render(ctx context.Context, progress parallel.Progress, checked check.Checked) []istio.Object {
	all := 0
	for _, c := range checked.Estate().Clusters {
		all += len(c.Workloads)
	}
	stage := progress.Begin(ctx, "rendering")
	var objects []istio.Object
	done := 0
	for cluster := range plan.Lower(checked) {
		objects = append(objects, istio.Render(ctx, cluster)...)
		done += len(cluster.Workloads)
		parallel.Tell(stage, done, all)
	}
	slices.SortFunc(objects, func(a, b istio.Object) int { return strings.Compare(a.Path, b.Path) })
	return objects
}

// compare holds what was rendered against out/, and proves it with what else lies there.
func (r *Result) compare(ctx context.Context, fsys fs.FS, checked check.Checked, objects []istio.Object, opts Options) error {
	files := make([]emit.File, 0, len(objects))
	for _, o := range objects {
		files = append(files, o.File)
	}
	r.Stats.Objects = len(files)
	out, err := fs.Sub(fsys, "out")
	if err != nil {
		return err
	}
	if r.Drift, err = emit.Compare(opts.Progress.Begin(ctx, "comparing out/"), out, files); err != nil {
		return err
	}
	if err := r.prove(ctx, opts, out, checked, objects); err != nil || r.Findings.Stops() {
		r.Findings = append(r.Findings, foreign(r.Drift)...)
		r.Drift = emit.Drift{}
		return err
	}
	estate := checked.Estate()
	r.estate = estate
	if !opts.Branch {
		carried(estate, &r.Drift)
	}
	r.Findings = append(r.Findings, slices.Concat(foreign(r.Drift), floors(estate, r.Drift))...)
	if found := removals(estate, r.Drift, opts.AsOf); len(found) > 0 {
		r.Findings = append(r.Findings, found...)
		return nil
	}
	r.Files = files
	return nil
}

func (r *Result) count(e *model.Estate) {
	r.Published = len(e.Meshes) > 0
	docs, waiting := map[*syntax.Service]bool{}, map[*syntax.Intent]bool{}
	for _, m := range e.Meshes {
		r.Published = r.Published && m.Published
		r.Stats.Accesses += len(m.Accesses)
		for _, a := range m.Pending {
			waiting[a.Intent.Doc] = true
		}
		for _, s := range m.Services {
			docs[s.Doc] = true
			r.Stats.Workloads += len(s.Workloads)
		}
	}
	r.Stats.Meshes, r.Stats.Clusters, r.Stats.Teams = len(e.Meshes), len(e.Clusters), len(e.Teams)
	r.Stats.Services, r.Stats.Pending = len(docs), len(waiting)
}

// close applies the ignores and sorts, whichever stage was the last.
func (r *Result) close(tree *syntax.Tree, asOf string) {
	r.Findings = check.Ignores(r.Findings, tree.Ignores, Catalogue(), r.Sources, asOf)
	r.Findings.Sort()
	r.gone.recall(r.Sources, r.Findings)
}

// Caused reports whether the base did not have the finding, or had it for less, which is always so without a base.
func (r *Result) Caused(f *diag.Finding) bool {
	return !r.known[f.Fingerprint()] || slices.ContainsFunc(f.Items, func(item string) bool { return !r.known[f.Fingerprint()+item] })
}

// Fails reports whether the findings fail a check: one that fails is caused here, or one stops, whoever caused it. What cannot
// be compiled cannot be judged.
func (r *Result) Fails() bool {
	if r.Findings.Stops() {
		return true
	}
	for i := range r.Findings {
		if r.Findings[i].Fails() && r.Caused(&r.Findings[i]) {
			return true
		}
	}
	return false
}
