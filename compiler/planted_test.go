package compiler

import (
	"context"
	"encoding/json"
	"flag"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/prove"
	"writ.dev/writ/compiler/syntax"
)

// TestNoFaultGoesUnseen breaks rendered manifests in every way that a renderer could be broken in, at every place where that is
// possible, one at a time: the proof tells each fault, but for those that change no access, which the fault's author has to say.
func TestNoFaultGoesUnseen(t *testing.T) {
	t.Parallel()
	kinds := map[string]*tally{}
	for name, fsys := range map[string]fstest.MapFS{"the example": exampleEstate(t), "the base": base(t)} {
		r := mustCompile(t, fsys)
		if r.Files == nil {
			t.Fatalf("%s stops: %v", name, describe(r.Findings))
		}
		tree, _ := syntax.Parse(t.Context(), fsys)
		estate, _ := model.Resolve(tree)
		checked, _ := check.Run(&check.Pass{Estate: estate, AsOf: today})
		meaning := prove.Mean(estate, checked.Holds)
		for _, c := range estate.Clusters {
			plantIn(t, meaning, c, folderOf(c, r.Files), kinds)
		}
	}
	planted, same := 0, 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[kind]
		planted, same = planted+k.planted, same+k.same
		t.Logf("%-44s %5d planted, %4d wider, %4d narrower, %4d otherwise told, %4d change nothing", kind, k.planted, k.wider, k.narrower, k.other, k.same)
		if k.planted == k.same && !strings.HasPrefix(kind, "no change: ") {
			t.Errorf("%s: no fault of the kind changes anything", kind)
		}
	}
	t.Logf("%d kinds, %d faults, %d of which change nothing", len(kinds), planted, same)
	if len(kinds) < 25 || planted < 1000 {
		t.Errorf("only %d kinds of faults at %d places", len(kinds), planted)
	}
}

var everyFault = flag.Bool("every-fault", false, "plant every fault, and not only some of each kind")

// some are the first faults of each kind, and a share of the others.
func some(faults []fault) []fault {
	seen := map[string]int{}
	return slices.DeleteFunc(faults, func(f fault) bool {
		seen[f.kind]++
		n := seen[f.kind]
		return n > 3 && n%7 != 0
	})
}

type tally struct{ planted, wider, narrower, other, same int }

func folderOf(c *model.Cluster, files []emit.File) []prove.File {
	var all []prove.File
	for _, f := range files {
		if strings.HasPrefix(f.Path, c.Name+"/") {
			all = append(all, prove.File{Path: f.Path, Data: f.Data})
		}
	}
	return all
}

func plantIn(t *testing.T, meaning *prove.Meaning, c *model.Cluster, files []prove.File, kinds map[string]*tally) {
	t.Helper()
	proof := func(files []prove.File) prove.Proof {
		p, err := prove.Equal(context.Background(), prove.Question{Meaning: meaning, Cluster: c, Files: files, AsOf: today})
		if err != nil {
			panic(err)
		}
		return p
	}
	if p := proof(files); len(p.Findings) > 0 {
		t.Fatalf("%s is not as it is meant before anything is planted: %v", c.Name, describe(p.Findings))
	}
	faults := faultsIn(c, files)
	if !*everyFault {
		faults = some(faults)
	}
	var lock sync.Mutex
	err := parallel.Each(t.Context(), len(faults), runtime.GOMAXPROCS(0), func(i int) {
		f := &faults[i]
		p := proof(f.folder(files))
		lock.Lock()
		defer lock.Unlock()
		k := kinds[f.kind]
		if k == nil {
			k = &tally{}
			kinds[f.kind] = k
		}
		k.planted++
		found := codes(p.Findings)
		switch {
		case found["PRV-001"] > 0:
			k.wider++
		case found["PRV-002"] > 0:
			k.narrower++
		case len(p.Findings) > 0:
			k.other++
		default:
			k.same++
		}
		if told := len(p.Findings) > 0; told == (f.same != "") {
			t.Errorf("%s at %s: told %v, though it should change nothing: %q; %v", f.kind, f.where, told, f.same, describe(p.Findings))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fault is one file made wrong, taken away, or put beside the others.
type fault struct {
	kind, where string
	index       int    // of the file
	data        []byte // nil where it is taken away
	beside      bool   // the file stays as it is, and the data is another one
	same        string // why the fault changes no access, "" where it does
}

func (f *fault) folder(files []prove.File) []prove.File {
	all := slices.Clone(files)
	switch {
	case f.beside:
		all = append(all, prove.File{Path: c2(files[f.index].Path), Data: f.data})
	case f.data == nil:
		all = slices.Delete(all, f.index, f.index+1)
	default:
		all[f.index].Data = f.data
	}
	return all
}

// c2 is a path beside another.
func c2(path string) string { return strings.TrimSuffix(path, ".yaml") + "-2.yaml" }

// tree is a manifest as a tree, so that the test knows no more of Istio's kinds than it breaks.
type tree = map[string]any

func at(o tree, path ...string) any {
	var v any = o
	for _, name := range path {
		m, ok := v.(tree)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func list(v any) []any { l, _ := v.([]any); return l }

// planter breaks the manifests of one cluster.
type planter struct {
	cluster *model.Cluster
	// floors are the namespaces that have one, and strict says that the mesh has a PeerAuthentication that asks for mutual TLS.
	floors map[string]bool
	strict bool
	// scoped and pods are the workloads of a namespace with a Sidecar, and those with a sidecar proxy.
	scoped, pods map[string]int
	shadow       map[string]int // policies of a namespace that are a dry run
	faults       []fault
}

func faultsIn(c *model.Cluster, files []prove.File) []fault {
	p := &planter{cluster: c, floors: map[string]bool{}, scoped: map[string]int{}, pods: map[string]int{}, shadow: map[string]int{}}
	objects := make([]tree, len(files))
	for i, f := range files {
		if err := yaml.Unmarshal(f.Data, &objects[i]); err != nil {
			panic(err)
		}
		namespace, name := textAt(objects[i], "metadata", "namespace"), textAt(objects[i], "metadata", "name")
		switch kind := textAt(objects[i], "kind"); {
		case textAt(objects[i], "metadata", "annotations", "istio.io/dry-run") == "true":
			p.shadow[namespace]++
		case name == "writ.floor":
			p.floors[namespace] = true
		case kind == "PeerAuthentication" && at(objects[i], "spec", "selector") == nil:
			p.strict = true
		case kind == "PeerAuthentication":
			p.pods[namespace]++
		case kind == "Sidecar":
			p.scoped[namespace]++
		}
	}
	for i, o := range objects {
		b := &breaker{planter: p, index: i, file: &files[i], o: o}
		switch textAt(o, "kind") {
		case "AuthorizationPolicy":
			b.policy()
		case "PeerAuthentication":
			b.peers()
		case "Sidecar":
			b.sidecar()
		}
	}
	return p.faults
}

func textAt(o tree, path ...string) string { s, _ := at(o, path...).(string); return s }

// breaker breaks one manifest.
type breaker struct {
	*planter
	index int
	file  *prove.File
	o     tree
}

func (b *breaker) namespace() string { return textAt(b.o, "metadata", "namespace") }

// plant breaks a copy of the object. Same says why that changes nothing.
func (b *breaker) plant(kind, where, same string, do func(tree)) {
	b.faults = append(b.faults, fault{kind: kind, where: b.file.Path + " " + where, index: b.index, data: b.broken(do), same: same})
}

func (b *breaker) broken(do func(tree)) []byte {
	whole, err := json.Marshal(b.o)
	if err != nil {
		panic(err)
	}
	var copied tree
	if err := json.Unmarshal(whole, &copied); err != nil {
		panic(err)
	}
	do(copied)
	data, err := yaml.Marshal(copied)
	if err != nil {
		panic(err)
	}
	return data
}

func (b *breaker) drop(kind, same string) {
	b.faults = append(b.faults, fault{kind: kind, where: b.file.Path, index: b.index, same: same})
}

func (b *breaker) put(kind, same string, do func(tree)) {
	b.faults = append(b.faults, fault{kind: kind, where: b.file.Path, index: b.index, beside: true, data: b.broken(do), same: same})
}

func metadata(o tree) tree { return o["metadata"].(tree) }
func specOf(o tree) tree   { return o["spec"].(tree) }
