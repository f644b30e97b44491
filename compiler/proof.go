package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/prove"
	"writ.dev/writ/compiler/syntax"
)

// prove proves what out/ will hold: the objects, and the manifests in it that writ leaves alone.
func (r *Result) prove(ctx context.Context, opts Options, out fs.FS, checked check.Checked, objects []istio.Object) error {
	byCluster := map[string][]prove.File{}
	for i := range objects {
		o := &objects[i]
		cluster, _, _ := strings.Cut(o.Path, "/")
		byCluster[cluster] = append(byCluster[cluster], prove.File{Path: "out/" + o.Path, Data: o.Data, Origin: o.Origin, Overlay: o.Overlay})
	}
	for _, name := range r.Drift.Foreign {
		cluster, _, _ := strings.Cut(name, "/")
		if !applied(name) || slices.ContainsFunc(r.Drift.Blocked, func(o emit.Obstacle) bool { return o.Path == name }) {
			continue // what stands in the way of a rendered file is moved before anything is written
		}
		data, err := readManifest(out, name)
		if err != nil {
			return err
		}
		byCluster[cluster] = append(byCluster[cluster], prove.File{Path: "out/" + name, Data: data})
	}
	proof, err := proveAll(ctx, opts, checked, byCluster, checked.Estate().Clusters, prove.Seen{})
	if err != nil {
		return err
	}
	r.Proof = proof
	r.Findings = append(r.Findings, proof.Findings...)
	return nil
}

// proveAll proves the clusters one after the other: each is proved by all processors.
func proveAll(ctx context.Context, opts Options, checked check.Checked, files map[string][]prove.File, clusters []*model.Cluster, seen prove.Seen) (*prove.Proof, error) {
	meaning := prove.Mean(checked.Estate(), checked.Holds)
	proof := &prove.Proof{}
	stage := opts.Progress.Begin(ctx, "proving")
	within := stage
	if len(clusters) > 1 {
		within = parallel.Quiet(stage) // clusters are counted, and not what is in them
	}
	for i, c := range clusters {
		one, err := prove.Equal(within, prove.Question{
			Meaning: meaning, Cluster: c, Files: files[c.Name], AsOf: opts.AsOf, Seen: seen,
		})
		if err != nil {
			return nil, err
		}
		proof.Join(one)
		if len(clusters) > 1 {
			parallel.Tell(stage, i+1, len(clusters))
		}
	}
	return proof, nil
}

// errNoManifest is why a file is not read.
var errNoManifest = errors.New("it is no regular file")

// readManifest reads a file that lies where Argo CD would apply it. What is not regular, a link for one, reads as nothing that a
// cluster would: it is a finding of the proof, and is not followed.
func readManifest(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Lstat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return []byte("\x00"), nil
	}
	return fs.ReadFile(fsys, name)
}

// applied reports whether Argo CD would take the file of out/ for a manifest.
func applied(name string) bool { return strings.Count(name, "/") >= 2 && isRead(name) }

// isRead reports whether Argo CD reads a file of the name: as a manifest, or to make manifests.
func isRead(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".jsonnet"}, path.Ext(name)) || path.Base(name) == "Kustomization"
}

// ProveOptions say what Prove compares.
type ProveOptions struct {
	Options
	// Dir is what the folder is called in findings.
	Dir string
	// Cluster is the one cluster whose manifests the folder holds; "" where it has a folder for each.
	Cluster string
	// Proxies is a folder with what proxies answer to /config_dump, of what runs; nil where nobody asked them.
	Proxies fs.FS
}

// Proved is what Prove found. Proof is nil where the documents themselves cannot be compiled, which Findings say.
type Proved struct {
	Findings diag.List
	Sources  map[string][]byte
	Proof    *prove.Proof
}

// Prove proves any folder of manifests against the documents of the repository whose root is fsys: a folder for each cluster, with
// manifests at any depth, or one cluster's alone. An error says that the folder cannot be judged.
func Prove(ctx context.Context, fsys, folder fs.FS, opts ProveOptions) (*Proved, error) {
	var p *Proved
	var err error
	if ended := parallel.Await(ctx, func() { p, err = proveFolder(ctx, fsys, folder, opts) }); ended != nil {
		return nil, ended
	}
	return p, err
}

func proveFolder(ctx context.Context, fsys, folder fs.FS, opts ProveOptions) (*Proved, error) {
	tree, found := syntax.Parse(opts.Progress.Begin(ctx, "reading policies/"), fsys)
	p := &Proved{Sources: tree.Sources}
	if found.Stops() || ctx.Err() != nil {
		p.Findings = found
		return p, ctx.Err()
	}
	estate, resolved := model.Resolve(tree)
	checked, more := check.Run(&check.Pass{Estate: estate, AsOf: opts.AsOf})
	if found = slices.Concat(found, resolved, more); found.Stops() || ctx.Err() != nil {
		p.Findings = found
		p.Findings.Sort()
		return p, ctx.Err()
	}
	files, err := manifestsIn(folder, estate, opts)
	if err != nil {
		return nil, err
	}
	var clusters []*model.Cluster
	for _, c := range estate.Clusters {
		if _, ok := files[c.Name]; ok {
			clusters = append(clusters, c)
		}
	}
	if p.Proof, err = proveAll(ctx, opts.Options, checked, files, clusters, prove.Seen{}); err != nil {
		return nil, err
	}
	p.Findings = p.Proof.Findings
	return p, nil
}

// manifestsIn reads the manifests of a folder, by cluster.
func manifestsIn(folder fs.FS, e *model.Estate, opts ProveOptions) (map[string][]prove.File, error) {
	var names []string
	for _, c := range e.Clusters {
		names = append(names, c.Name)
	}
	if opts.Cluster != "" && !slices.Contains(names, opts.Cluster) {
		return nil, fmt.Errorf("there is no Cluster %q%s", opts.Cluster, expected(opts.Cluster, names))
	}
	files := map[string][]prove.File{}
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "." || d.IsDir():
			return nil
		case !isRead(name):
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s: %w, and what it leads to is not judged", path.Join(opts.Dir, name), errNoManifest)
		}
		cluster, _, below := strings.Cut(name, "/")
		if opts.Cluster != "" {
			cluster = opts.Cluster
		} else if !below {
			return fmt.Errorf("%s lies in no cluster's folder; name the cluster with --cluster: %s", path.Join(opts.Dir, name), diag.OneOf(names))
		}
		if !slices.Contains(names, cluster) {
			return fmt.Errorf("%s: there is no Cluster %q%s; where all of the folder is of one cluster, name it with --cluster",
				path.Join(opts.Dir, cluster), cluster, expected(cluster, names))
		}
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		files[cluster] = append(files[cluster], prove.File{Path: path.Join(opts.Dir, name), Data: data})
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(files) == 0:
		return nil, fmt.Errorf("no manifests in %s: nothing to prove", opts.Dir)
	}
	return files, nil
}

// expected ends the message about a name that nothing has.
func expected(name string, names []string) string {
	if near := diag.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; expected " + diag.OneOf(names)
}
