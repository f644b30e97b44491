package compiler

import (
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/cmd/estategen/estate"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove"
)

// TestFoldersMeanNothingToTheProof: the proof reads a cluster folder by folder, and folders are called as namespaces only by habit.
// Wherever the files lie, the same is proved, and what opens a namespace is found in the folder of another.
func TestFoldersMeanNothingToTheProof(t *testing.T) {
	t.Parallel()
	s := compiled(t, estate.Shape{Services: 1200, Clusters: 1, Seed: 1}) // more files than are read at a time
	c := s.estate.Clusters[0]
	meaning := prove.Mean(s.estate, s.checked.Holds)
	proof := func(files []prove.File) prove.Proof {
		p, err := prove.Equal(t.Context(), prove.Question{Meaning: meaning, Cluster: c, Files: files, AsOf: today})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	files := byCluster(s.files)[c.Name]
	want := proof(files)
	if len(want.Findings) > 0 || want.Objects != len(files) {
		t.Fatalf("%d of %d objects: %v", want.Objects, len(files), describe(want.Findings))
	}
	namespaces := []string{}
	for _, f := range files {
		if name := path.Base(path.Dir(f.Path)); !slices.Contains(namespaces, name) && name != c.Mesh.RootNamespace {
			namespaces = append(namespaces, name)
		}
	}
	flat, swapped := slices.Clone(files), slices.Clone(files)
	for i, f := range files {
		flat[i].Path = strings.ReplaceAll(strings.TrimPrefix(f.Path, "out/"), "/", "-")
		if j := slices.Index(namespaces, path.Base(path.Dir(f.Path))); j >= 0 {
			swapped[i].Path = path.Join("out", c.Name, namespaces[len(namespaces)-1-j], path.Base(f.Path))
		}
	}
	for name, moved := range map[string][]prove.File{"flat": flat, "swapped": swapped} {
		if got := proof(moved); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}

	first, last := namespaces[0], namespaces[len(namespaces)-1]
	for _, in := range []string{first, last, c.Mesh.RootNamespace, "unknown"} {
		open := prove.File{
			Path: path.Join("out", c.Name, in, "open.yaml"),
			Data: []byte(manifestOf("AuthorizationPolicy", first, "open", "{rules: [{}]}")),
		}
		p := proof(append(slices.Clone(files), open))
		at := func(f diag.Finding) bool { return f.Span.File == open.Path && f.Rule.Code == "PRV-001" }
		if !slices.ContainsFunc(p.Findings, at) || p.Wider == 0 {
			t.Errorf("a policy that opens %s from the folder %s is not seen: %v", first, in, describe(p.Findings))
		}
		twin := files[slices.IndexFunc(files, func(f prove.File) bool { return path.Base(path.Dir(f.Path)) == first })]
		twin.Path = path.Join("out", c.Name, in, "twin.yaml")
		if p := proof(append(slices.Clone(files), twin)); codes(p.Findings)["PRV-006"] == 0 {
			t.Errorf("an object of %s that is in the folder %s once more is not seen: %v", first, in, codes(p.Findings))
		}
	}
}
