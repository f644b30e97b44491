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
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden compiles each testdata/*_*.txtar: its policies/ (laid over the base estate where the comment has a line
// `over: base`), and compares findings.txt, stats.txt and those files of out/ that a line `show: PATTERN` asks for.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*_*.txtar")
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
			got := golden(t, archive)
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); d != "" {
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
	r := mustCompile(t, overlay(fsys, got.Files))
	var text bytes.Buffer
	if err := diag.Text(&text, r.Findings, r.Sources, diag.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	got.Files = append(got.Files, txtar.File{Name: "findings.txt", Data: text.Bytes()})
	got.Files = append(got.Files, txtar.File{Name: "stats.txt", Data: fmt.Appendf(nil, "%+v\n", r.Stats)})
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
