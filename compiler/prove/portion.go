package prove

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"sync"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/manifest"
)

// portion is namespaces that are proved together. What decides at the pods of a namespace lies in it or in the root namespace, so
// that the objects of the others need not be alive.
type portion struct {
	namespaces []string
	places     []int // of the files that are expected to hold their objects and no others
}

// largePortion is how many files make a portion large enough: all processors have work, and little memory is taken.
const largePortion = 2048

// expectation makes a function that says which namespace all objects of a file are thought to be in, "" where they may be anywhere.
// It need not be so: a file is read before anything is concluded from it.
type expectation func(r *prover) func(f *File) string

// errElsewhere says that an object is in another namespace than its file was thought to be about. What was proved of that namespace
// was proved without it.
var errElsewhere = errors.New("an object is in another namespace than its folder is called")

// byFolder expects what a build writes: folders called as namespaces. What somebody else wrote or changed may say anything.
func byFolder(r *prover) func(f *File) string {
	rendered := r.rendered()
	return func(f *File) string {
		if f.Overlay != "" || f.Origin.IsZero() && rendered {
			return ""
		}
		name := path.Base(path.Dir(f.Path))
		if _, named := r.workloads[name]; named || name == r.Cluster.Mesh.RootNamespace {
			return name
		}
		return ""
	}
}

func anywhere(*prover) func(f *File) string { return func(*File) string { return "" } }

// newProver reads what may be anywhere, and what is in the root namespace: these objects stay alive.
func newProver(ctx context.Context, q Question, expected expectation) (*prover, error) {
	r := indexed(q)
	r.proof.Clusters = 1
	r.hosts = sync.OnceValue(func() names { return hostsIn(q.Cluster) })
	r.accepted = make([]bool, len(q.Cluster.Doc.Spec.Accepted.Items))
	r.workloads = map[string][]*model.Workload{}
	for _, n := range q.Meaning.estate.Namespaces {
		if n.In(q.Cluster) {
			r.workloads[n.Name] = nil
		}
	}
	for _, w := range q.Cluster.Workloads {
		r.workloads[w.Service.Namespace.Name] = append(r.workloads[w.Service.Namespace.Name], w)
	}
	var loose []int
	root := portion{namespaces: []string{q.Cluster.Mesh.RootNamespace}}
	r.expected = make([]string, len(q.Files))
	namespaceOf := expected(r)
	for i := range q.Files {
		switch r.expected[i] = namespaceOf(&q.Files[i]); r.expected[i] {
		case "":
			loose = append(loose, i)
		case root.namespaces[0]:
			root.places = append(root.places, i)
		}
	}
	objects, err := r.read(ctx, loose)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		r.strewn[o.Namespace] = append(r.strewn[o.Namespace], o)
	}
	return r, r.load(ctx, &root)
}

// indexed is a prover that finds its files.
func indexed(q Question) *prover {
	r := &prover{Question: q, places: make(map[string]int, len(q.Files)), strewn: map[string][]*manifest.Object{}, modelled: map[string]*contents{}}
	for i := range q.Files {
		r.places[q.Files[i].Path] = i
	}
	return r
}

// portions divide the namespaces, in their order. The root namespace is loaded before all of them.
func (r *prover) portions() []portion {
	root := r.Cluster.Mesh.RootNamespace
	places := map[string][]int{}
	for i, name := range r.expected {
		if name != "" && name != root {
			places[name] = append(places[name], i)
		}
	}
	names := map[string]bool{anyOther: true, root: true}
	for name := range r.workloads {
		names[name] = true
	}
	for name := range r.strewn {
		names[name] = true
	}
	all := []portion{{}}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		last := &all[len(all)-1]
		if len(last.places) >= largePortion {
			all = append(all, portion{})
			last = &all[len(all)-1]
		}
		last.namespaces, last.places = append(last.namespaces, name), append(last.places, places[name]...)
	}
	return all
}

// load puts the objects of a portion to their namespaces.
func (r *prover) load(ctx context.Context, part *portion) error {
	objects, err := r.read(ctx, part.places)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if o.Namespace != r.expected[r.places[o.Path]] {
			return errElsewhere
		}
	}
	strewn := 0
	for _, name := range part.namespaces {
		objects = append(objects, r.strewn[name]...)
		strewn += len(r.strewn[name])
		delete(r.strewn, name)
	}
	if strewn > 0 { // in the order of their files again: the second of two twins is told
		slices.SortStableFunc(objects, func(a, b *manifest.Object) int { return cmp.Compare(r.places[a.Path], r.places[b.Path]) })
	}
	objects = r.refuseTwins(objects)
	r.proof.Objects += len(objects)
	r.setAside(objects)
	return nil
}

// forget lets go of the objects of a portion, but for those of the root namespace.
func (r *prover) forget(part *portion) {
	for _, name := range part.namespaces {
		if name != r.Cluster.Mesh.RootNamespace {
			delete(r.modelled, name)
		}
	}
}
