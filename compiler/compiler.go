// Package compiler makes Istio manifests of intents. This page is the architecture.
//
// A compilation is a row of stages, values in and values out; a reader who follows Compile sees all of them:
//
//	syntax.Parse   files            -> Tree       the shape is right, and every scalar knows its place
//	model.Resolve  Tree             -> Estate     names are pointers; accesses are derived: *whether*
//	check.Run      Estate           -> Checked    objections are known, with what they withhold
//	plan.Lower     Checked          -> []Cluster  *where*: decisions per workload, in no vendor's words
//	istio.Render   Cluster          -> []Object   bytes
//	istio.Validate []Object         -> refusals   Istio's own opinion of them
//	emit.Compare   files, out/      -> Drift      what out/ lacks, and what it has too much
//
// A stage tells everything that it finds and then, if anything stops, ends the row: what follows would only repeat the same
// mistake in other words. Three kinds of failure have three ways: the author's mistake is a diag.Finding, the world's is an
// error, ours is a panic.
package compiler

import (
	"context"
	"io/fs"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/plan"
	"writ.dev/writ/compiler/syntax"
)

// Options decide which findings fail, and nothing about the output.
type Options struct {
	// AsOf is the day to judge dates by, as YYYY-MM-DD.
	AsOf string
	// Base is the repository at the revision to compare with; nil without one.
	Base fs.FS
}

// Result is what a compilation made. Findings are sorted and complete, with ignores applied.
type Result struct {
	Findings diag.List
	// Sources are the files that the findings point into.
	Sources map[string][]byte
	// Files are what out/ should hold; nil where a finding stops.
	Files []emit.File
	// Drift is what out/ holds instead. It is empty where a finding stops.
	Drift emit.Drift
	// Published says that out/ is not part of the repository, so that its drift means nothing here.
	Published bool
	Stats     Stats

	known map[string]bool // fingerprints of the base's findings; nil without a base
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

// Compile compiles the repository whose root is fsys: policies/ is read, out/ is compared with.
func Compile(ctx context.Context, fsys fs.FS, opts Options) (*Result, error) {
	r, err := compile(ctx, fsys, opts.AsOf)
	if err != nil || opts.Base == nil {
		return r, err
	}
	base, err := compile(ctx, opts.Base, opts.AsOf)
	if err != nil {
		return nil, err
	}
	r.known = map[string]bool{}
	for _, f := range base.Findings {
		r.known[f.Fingerprint()] = true
	}
	return r, nil
}

func compile(ctx context.Context, fsys fs.FS, asOf string) (*Result, error) {
	r := &Result{}
	tree, found := syntax.Parse(fsys)
	r.Sources = tree.Sources
	defer r.close(tree, asOf)
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return r, ctx.Err()
	}
	estate, found := model.Resolve(tree)
	r.count(estate)
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return r, ctx.Err()
	}
	checked, found := check.Run(&check.Pass{Estate: estate, AsOf: asOf})
	r.Stats.Withheld = checked.Withheld()
	r.Stats.Accesses -= r.Stats.Withheld
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return r, ctx.Err()
	}
	var objects []istio.Object
	for _, cluster := range plan.Lower(checked) {
		objects = append(objects, istio.Render(cluster)...)
	}
	found = refusals(istio.Validate(objects))
	if r.Findings = append(r.Findings, found...); r.Findings.Stops() || ctx.Err() != nil {
		return r, ctx.Err()
	}
	return r, r.compare(fsys, estate, objects, asOf)
}

// compare holds what was rendered against out/.
func (r *Result) compare(fsys fs.FS, estate *model.Estate, objects []istio.Object, asOf string) error {
	files := make([]emit.File, 0, len(objects))
	for _, o := range objects {
		files = append(files, o.File)
	}
	r.Stats.Objects = len(files)
	out, err := fs.Sub(fsys, "out")
	if err != nil {
		return err
	}
	if r.Drift, err = emit.Compare(out, files); err != nil {
		return err
	}
	if found := removals(estate, r.Drift, asOf); len(found) > 0 {
		r.Findings = append(r.Findings, found...)
		return nil
	}
	r.Files = files
	return nil
}

func (r *Result) count(e *model.Estate) {
	docs, waiting := map[*syntax.Service]bool{}, map[*syntax.Intent]bool{}
	for _, m := range e.Meshes {
		r.Published = r.Published || m.Published
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
}

// Caused reports whether the base did not have the finding, which is always so without a base.
func (r *Result) Caused(f *diag.Finding) bool { return !r.known[f.Fingerprint()] }

// Fails reports whether the findings fail a check: one that fails is caused here.
func (r *Result) Fails() bool {
	for i := range r.Findings {
		if r.Findings[i].Fails() && r.Caused(&r.Findings[i]) {
			return true
		}
	}
	return false
}
