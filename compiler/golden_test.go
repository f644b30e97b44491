package compiler

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden compiles each testdata/*_*.txtar: its policies/ (laid over the base estate where the comment has a line
// `over: base`, or over that of examples about personal data with `over: personal`), and compares findings.txt, stats.txt and those
// files of out/ that a line `show: PATTERN` asks for; with `show: identities` also what findings are known by when a change is judged:
// their objects, field and items.
func TestGolden(t *testing.T) {
	t.Parallel()
	holdGolden(t, "testdata/*_*.txtar", golden)
}

// holdGolden holds each archive against itself with its answers as they are now.
func holdGolden(t *testing.T, pattern string, answer func(*testing.T, *txtar.Archive) *txtar.Archive) {
	t.Helper()
	cases, err := filepath.Glob(pattern)
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.Format(archive)
			got := txtar.Format(answer(t, archive))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("differs from the golden file (-want +got); `make golden` rewrites it:\n%s", d)
			}
		})
	}
}

// golden is the archive with its answers as they are now.
func golden(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	t.Helper()
	fsys, show := fstest.MapFS{}, []string(nil)
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "over":
			fsys = base(t)
			if value == "personal" {
				fsys = layOver(fsys, Surroundings("PII-010"))
			}
		case "show":
			show = append(show, value)
		}
	}
	got := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "policies/") {
			got.Files = append(got.Files, f)
		}
	}
	r := mustCompile(t, layOver(fsys, got.Files))
	var text bytes.Buffer
	if err := diag.Text(&text, r.Findings, r.Sources, diag.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	got.Files = append(got.Files, txtar.File{Name: "findings.txt", Data: text.Bytes()})
	got.Files = append(got.Files, txtar.File{Name: "stats.txt", Data: fmt.Appendf(nil, "%+v\n", r.Stats)})
	if slices.Contains(show, "identities") {
		var known []byte
		for _, f := range r.Findings {
			known = fmt.Appendf(known, "%s %s %s %q\n", f.Rule.Code, strings.Join(f.Objects, ", "), f.Field, f.Items)
		}
		got.Files = append(got.Files, txtar.File{Name: "identities.txt", Data: known})
	}
	files := map[string][]byte{}
	for _, f := range r.Files {
		files[f.Path] = f.Data
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if slices.ContainsFunc(show, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
			got.Files = append(got.Files, txtar.File{Name: "out/" + name, Data: files[name]})
		}
	}
	return got
}

// Objects that an overlay adds count like those that are rendered: many of them cannot go at once by accident.
func TestAnOverlayThatGoesIsNotedBeforeItsObjectsGo(t *testing.T) {
	t.Parallel()
	const folder = "policies/platform/clusters/eu-1/overlay/"
	var objects strings.Builder
	for i := range 20 {
		fmt.Fprintf(&objects, "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a-%d, namespace: shop}\nspec: {host: a}\n", i)
	}
	fsys := layOver(base(t), []txtar.File{
		{Name: folder + "kustomization.yaml", Data: []byte("resources: [a.yaml]\n")},
		{Name: folder + "a.yaml", Data: []byte(objects.String())},
	})
	plain := mustCompile(t, base(t))
	r := mustCompile(t, fsys)
	if len(r.Files) != len(plain.Files)+20 {
		t.Fatalf("%d files: %v", len(r.Files), describe(r.Findings))
	}
	for _, f := range r.Files {
		fsys["out/"+f.Path] = &fstest.MapFile{Data: f.Data}
	}
	if r := mustCompile(t, fsys); r.Drift.Existing["eu-1"] != len(r.Files) || len(r.Drift.Changed)+len(r.Drift.Orphaned) > 0 {
		t.Fatalf("out/ is not current: %+v, %v", r.Drift, describe(r.Findings))
	}
	delete(fsys, folder+"kustomization.yaml")
	delete(fsys, folder+"a.yaml")
	if r := mustCompile(t, fsys); codes(r.Findings)["OUT-002"] != 1 || r.Files != nil {
		t.Errorf("the objects go without a word: %v", describe(r.Findings))
	}
	for _, f := range plain.Files {
		if !slices.ContainsFunc(r.Files, func(g emit.File) bool { return g.Path == f.Path && bytes.Equal(g.Data, f.Data) }) {
			t.Errorf("%s is not what it is without the overlay", f.Path)
		}
	}
}
