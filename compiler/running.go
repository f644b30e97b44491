package compiler

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/live"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/prove"
	"writ.dev/writ/compiler/prove/manifest"
	"writ.dev/writ/compiler/syntax"
)

// ProveLive proves what runs in one cluster, as kubectl prints its objects, against the documents of the repository whose root is
// fsys. Dir of the options is what the text is called in findings. Beside the proof it compares what a proof takes on trust:
// the mesh's settings, Kubernetes Services, pods, and whether the cluster holds what the documents are rendered to.
func ProveLive(ctx context.Context, fsys fs.FS, printed []byte, opts ProveOptions) (*Proved, error) {
	var p *Proved
	var err error
	if ended := parallel.Await(ctx, func() { p, err = proveLive(ctx, fsys, printed, opts) }); ended != nil {
		return nil, ended
	}
	return p, err
}

func proveLive(ctx context.Context, fsys fs.FS, printed []byte, opts ProveOptions) (*Proved, error) {
	r := &Result{}
	tree, unread := syntax.Parse(opts.Progress.Begin(ctx, "reading policies/"), fsys)
	r.Sources, r.Findings = tree.Sources, unread
	opts.Texts = true
	objects, err := r.objects(ctx, fsys, tree, opts.Options)
	if err != nil {
		return nil, err
	}
	p := &Proved{Sources: r.Sources}
	if r.Findings.Stops() {
		p.Findings = r.Findings
		p.Findings.Sort()
		return p, nil
	}
	cluster, err := clusterOf(r.checked.Estate(), opts.Cluster)
	if err != nil {
		return nil, err
	}
	opts.Progress.Begin(ctx, "reading what runs")
	snapshot, err := live.Read(opts.Dir, printed)
	if err != nil {
		return nil, err
	}
	if opts.Proxies != nil {
		if err := snapshot.ReadProxies(opts.Proxies); err != nil {
			return nil, err
		}
	}
	var rendered []*manifest.Object
	for _, o := range objects {
		if !strings.HasPrefix(o.Path, cluster.Name+"/") {
			continue
		}
		read, err := manifest.Read("out/"+o.Path, o.Data)
		if err != nil {
			return nil, fmt.Errorf("a rendered manifest cannot be read: %w", err)
		}
		rendered = append(rendered, read...)
	}
	found, checked := snapshot.Compare(cluster, rendered)
	seen := prove.Seen{By: "what runs, read from " + opts.Dir, Mesh: checked.Mesh, Services: checked.Services, Pods: checked.Pods, Objects: true}
	files := map[string][]prove.File{cluster.Name: {{Path: opts.Dir, Data: printed}}}
	if p.Proof, err = proveAll(ctx, opts.Options, r.checked, files, []*model.Cluster{cluster}, seen); err != nil {
		return nil, err
	}
	p.Proof.Findings = slices.Concat(found, p.Proof.Findings) // a pod without a sidecar voids it as much as a policy too wide
	p.Proof.Findings.Sort()
	p.Findings = p.Proof.Findings
	return p, nil
}

// clusterOf is the Cluster of a name.
func clusterOf(e *model.Estate, name string) (*model.Cluster, error) {
	var names []string
	for _, c := range e.Clusters {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	if name == "" {
		return nil, fmt.Errorf("what runs is of one cluster; name it with --cluster: %s", diag.OneOf(names))
	}
	return nil, fmt.Errorf("there is no Cluster %q%s", name, expected(name, names))
}
