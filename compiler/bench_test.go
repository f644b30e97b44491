package compiler

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"writ.dev/writ/cmd/estategen/estate"
	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/plan"
	"writ.dev/writ/compiler/prove"
	manifests "writ.dev/writ/compiler/prove/manifest"
	"writ.dev/writ/compiler/syntax"
)

// stages is what a compilation of a generated estate hands from one stage to the next.
type stages struct {
	fsys     fstest.MapFS
	tree     *syntax.Tree
	estate   *model.Estate
	checked  check.Checked
	clusters []plan.Cluster
	objects  []istio.Object
	files    []emit.File
}

// benchEstate is small enough for a benchmark to run it ten times in a second, and large enough for a stage that is not linear
// to show. `make bench` tells what 40,000 Services cost.
var benchEstate = estate.Shape{Services: 1000, Clusters: 1, Seed: 1}

func compiled(tb testing.TB, shape estate.Shape) *stages {
	tb.Helper()
	s := &stages{fsys: fstest.MapFS{}}
	for path, text := range shape.Files() {
		s.fsys[path] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	s.tree, _ = syntax.Parse(tb.Context(), s.fsys)
	s.estate, _ = model.Resolve(s.tree)
	s.checked, _ = check.Run(&check.Pass{Estate: s.estate, AsOf: today})
	s.clusters = slices.Collect(plan.Lower(s.checked))
	for _, c := range s.clusters {
		s.objects = append(s.objects, istio.Render(tb.Context(), c)...)
	}
	for _, o := range s.objects {
		s.files = append(s.files, o.File)
	}
	if len(s.files) < shape.Services {
		tb.Fatalf("%d files of %d services", len(s.files), shape.Services)
	}
	return s
}

// BenchmarkStage has one benchmark for each stage, each on what the stage before it makes.
func BenchmarkStage(b *testing.B) {
	s := compiled(b, benchEstate)
	for _, stage := range []struct {
		name string
		run  func(b *testing.B)
	}{
		{"Parse", func(b *testing.B) { syntax.Parse(b.Context(), s.fsys) }},
		{"Resolve", func(*testing.B) { model.Resolve(s.tree) }},
		{"Run", func(*testing.B) { check.Run(&check.Pass{Estate: s.estate, AsOf: today}) }},
		{"Lower", func(*testing.B) { s.clusters = slices.Collect(plan.Lower(s.checked)) }},
		{"Render", func(b *testing.B) {
			for _, c := range s.clusters {
				istio.Render(b.Context(), c)
			}
		}},
		{"Validate", func(b *testing.B) { istio.Validate(b.Context(), s.objects) }},
		{"Prove", s.prove},
	} {
		b.Run(stage.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stage.run(b)
			}
		})
	}
	b.Run("Compare", s.compare)
	b.Run("Write", s.write)
}

// read reads every manifest back, on one processor.
func (s *stages) read(tb testing.TB) {
	for _, f := range s.files {
		if _, err := manifests.Read(f.Path, f.Data); err != nil {
			tb.Fatal(err)
		}
	}
}

// prove reads the manifests and proves them.
func (s *stages) prove(b *testing.B) {
	meaning := prove.Mean(s.estate, s.checked.Holds)
	files := byCluster(s.files)
	for _, c := range s.estate.Clusters {
		p, err := prove.Equal(b.Context(), prove.Question{Meaning: meaning, Cluster: c, Files: files[c.Name], AsOf: today})
		if err != nil || len(p.Findings) > 0 {
			b.Fatal(err, describe(p.Findings))
		}
	}
}

// BenchmarkProof tells what reading alone takes of the proof of a large cluster, and of one of twice the size. It is for -cpu 1: then
// the rest of Prove is the proof itself.
func BenchmarkProof(b *testing.B) {
	for _, services := range []int{estate.Proof.Services, 2 * estate.Proof.Services} {
		shape := estate.Proof
		shape.Services = services
		s := compiled(b, shape)
		b.Run(fmt.Sprintf("services=%d/Read", services), func(b *testing.B) {
			for b.Loop() {
				s.read(b)
			}
		})
		b.Run(fmt.Sprintf("services=%d/Prove", services), func(b *testing.B) {
			for b.Loop() {
				s.prove(b)
			}
		})
	}
}

// compare reads an out/ that is current: the whole of what `writ check` reads of it.
func (s *stages) compare(b *testing.B) {
	dir := b.TempDir()
	s.emit(b, dir)
	fsys := os.DirFS(dir)
	b.ReportAllocs()
	for b.Loop() {
		drift, err := emit.Compare(b.Context(), fsys, s.files)
		if err != nil || !drift.Clean() {
			b.Fatal(err, drift)
		}
	}
}

// write makes an out/ where there was none.
func (s *stages) write(b *testing.B) {
	root := b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		dir := filepath.Join(root, "out")
		s.emit(b, dir)
		b.StopTimer()
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func (s *stages) emit(b *testing.B, dir string) {
	if _, err := emit.Write(b.Context(), dir, s.files, emit.Options{}); err != nil {
		b.Fatal(err)
	}
}

// TestGeneratedEstatesAreWhole: an estate that has findings measures something else than what people have. They come in every
// kind of cluster, and a Service has as many rules on average as the shape says.
func TestGeneratedEstatesAreWhole(t *testing.T) {
	manyRules := estate.Proof
	manyRules.Services = 2000
	for _, shape := range []estate.Shape{
		{Services: 2, Clusters: 1, Seed: 1}, {Services: 300, Clusters: 1, Seed: 2}, {Services: 300, Clusters: 5, Seed: 3}, benchEstate, manyRules,
	} {
		s := compiled(t, shape)
		r := mustCompile(t, s.fsys)
		if len(r.Findings) > 0 || r.Stats.Pending > 0 || r.Stats.Withheld > 0 || r.Stats.Services != shape.Services || r.Stats.Clusters != shape.Clusters {
			t.Errorf("%+v: %+v with %v", shape, r.Stats, codes(r.Findings))
		}
		want, about := map[estate.Shape]float64{benchEstate: 5, manyRules: 12}[shape]
		if !about {
			continue
		}
		rules := 0
		for _, c := range s.clusters {
			for _, w := range c.Workloads {
				for _, p := range w.Policies {
					rules += len(p.Rules)
				}
			}
		}
		if mean := float64(rules) / float64(shape.Services); mean < 0.9*want || mean > 1.1*want {
			t.Errorf("a service has %.1f rules on average, want some %g", mean, want)
		}
	}
}
