// Package overlay lays each cluster's kustomize folder over the objects that were rendered for it: patches change some of them,
// and hand-written objects take their place beside them.
//
// An overlay has a small part of kustomize's language, `resources` and `patches`, and the patches are applied by kustomize's own
// code, to one object at a time: kustomize takes quadratic time in the objects of one build, and a patch sees only the object
// that it changes. An overlay can read nothing but its folder, which is in memory before the first patch is applied. Objects
// that no patch selects keep their bytes.
package overlay

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/syntax"
)

// Applied is what Apply makes.
type Applied struct {
	Objects []istio.Object
	// Sources are the files of the overlays: what findings point into.
	Sources map[string][]byte
}

// Apply lays the overlays of a repository over the objects of its clusters. Where there is no overlay, the objects are returned
// as they are. The result does not depend on the order of the objects. When the context ends, it is worth nothing.
func Apply(ctx context.Context, fsys fs.FS, clusters []string, objects []istio.Object) (Applied, diag.List) {
	overlays, found := syntax.ParseOverlays(fsys)
	applied := Applied{Objects: objects, Sources: map[string][]byte{}}
	for _, o := range overlays {
		maps.Copy(applied.Sources, o.Sources)
	}
	if found.Stops() {
		return applied, found
	}
	if len(overlays) > 0 {
		readSchemas()
	}
	byCluster := map[string]*syntax.Overlay{}
	for i := range overlays {
		o := &overlays[i]
		if f := stray(o, clusters, byCluster[o.Cluster]); f != nil {
			found.Add(*f)
			continue
		}
		byCluster[o.Cluster] = o
		k, diags := read(o)
		if found = append(found, diags...); diags.Stops() {
			continue
		}
		applied.Objects, diags = k.apply(ctx, applied.Objects)
		found = append(found, diags...)
	}
	return applied, found
}

// readSchemas lets kustomize read its schemas of Kubernetes' kinds before several goroutines ask for them: the reading of one is
// not guarded against the look-ups of another (kyaml openapi.IsNamespaceScoped).
var readSchemas = sync.OnceFunc(func() { openapi.SchemaForResourceType(yaml.TypeMeta{}) })

// stray says why the folder is no overlay of a cluster.
func stray(o *syntax.Overlay, clusters []string, other *syntax.Overlay) *diag.Finding {
	f := fileFinding(strayOverlay, o, o.Dir)
	switch {
	case !slices.Contains(clusters, o.Cluster):
		f.Message, f.Help = fmt.Sprintf("no Cluster has the name %q", o.Cluster), "the folder above overlay/ is called as a Cluster is: "+diag.OneOf(clusters)
		if near := diag.Nearest(o.Cluster, clusters); near != "" {
			f.Help = fmt.Sprintf("rename the folder above overlay/; did you mean %q?", near)
		}
	case other != nil:
		f.Message, f.Help = fmt.Sprintf("Cluster %s has another overlay already", o.Cluster), "put all of it into one folder"
		f.Related = []diag.Related{{Span: fileSpan(other.Dir), Message: "the other one"}}
	default:
		return nil
	}
	return &f
}

// fileFinding is about a file or folder of the overlay as a whole.
func fileFinding(rule *diag.Rule, o *syntax.Overlay, file string) diag.Finding {
	name := strings.TrimPrefix(strings.TrimPrefix(file, o.Dir), "/")
	return diag.Finding{Rule: rule, Span: fileSpan(file), Objects: []string{"Overlay " + o.Cluster, name}}
}

func fileSpan(file string) diag.Span {
	start := diag.At(1, 1, 0)
	return diag.Span{File: file, Start: start, End: start}
}

// apply adds the overlay's objects to those of its cluster, and patches them all.
func (k *kustomization) apply(ctx context.Context, objects []istio.Object) ([]istio.Object, diag.List) {
	all, found := k.add(objects)
	results := make([]patched, len(all))
	err := parallel.Each(ctx, len(all), runtime.GOMAXPROCS(0), func(i int) {
		if all[i].Path[:strings.Index(all[i].Path, "/")] == k.overlay.Cluster {
			results[i] = k.patch(&all[i])
		}
	})
	if err != nil {
		return nil, nil
	}
	selected, failed := map[*patch]bool{}, map[*patch]bool{}
	for i, r := range results {
		for _, p := range r.selected {
			selected[p] = true
		}
		switch {
		case r.fault == nil && len(r.selected) > 0:
			all[i] = r.object
		case r.fault != nil && !failed[r.culprit]: // the next object would say the same
			failed[r.culprit] = true
			found.Add(*r.fault)
		}
	}
	for _, p := range k.patches {
		if !selected[p] && len(failed) == 0 { // no patch was tried on an object behind one that failed there
			found.Add(p.finding(selectsNothing, "the patch selects no object of Cluster "+k.overlay.Cluster, k.help(p, all)))
		}
	}
	return all, found
}

// add appends the overlay's own objects, in the order of their paths.
func (k *kustomization) add(objects []istio.Object) ([]istio.Object, diag.List) {
	var found diag.List
	origin := make(map[string]diag.Span, len(objects))
	for _, o := range objects {
		origin[o.Path] = o.Origin
	}
	all := slices.Clone(objects)
	for _, o := range k.objects {
		other, twice := origin[o.Path]
		if !twice {
			origin[o.Path] = o.Origin
			all = append(all, o)
			continue
		}
		f := k.fileFinding(collides, o.Origin)
		f.Message = fmt.Sprintf("there is a %s %s/%s in Cluster %s already", o.Kind, o.Namespace, o.Name, k.overlay.Cluster)
		f.Help, f.Field = "give it another name, or change the other one by a patch", o.Path
		f.Related = []diag.Related{{Span: other, Message: "the other one comes from here"}}
		found.Add(f)
	}
	slices.SortStableFunc(all, func(a, b istio.Object) int { return strings.Compare(a.Path, b.Path) })
	return all, found
}

func (k *kustomization) fileFinding(rule *diag.Rule, at diag.Span) diag.Finding {
	f := fileFinding(rule, k.overlay, at.File)
	f.Span = at
	return f
}

// help names what a patch for one object was probably meant to select.
func (k *kustomization) help(p *patch, objects []istio.Object) string {
	const help = "correct what it selects by, or remove the patch; `writ build` without it shows what there is in out/"
	if p.only == nil {
		return help
	}
	var names []string
	for _, o := range objects {
		if strings.HasPrefix(o.Path, k.overlay.Cluster+"/") && o.Kind == p.only.Kind {
			names = append(names, o.Namespace+"/"+o.Name)
		}
	}
	if near := diag.Nearest(p.only.Namespace+"/"+p.only.Name, names); near != "" {
		return fmt.Sprintf("did you mean %s %s?", p.only.Kind, near)
	}
	return help
}
