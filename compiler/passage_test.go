package compiler

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// TestPassages compares two revisions of each testdata/passage/*.txtar, as TestDiffs does, and says what a cluster goes through
// from one to the other: findings.txt has what check finds with the old revision as its base.
func TestPassages(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/passage/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(txtar.Format(archive))
			archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "findings.txt" })
			before := layOver(base(t), inFolder("before/", archive))
			after := layOver(before, inFolder("after/", archive))
			r, err := Compile(t.Context(), after, Options{AsOf: today, Base: before})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if err := diag.Text(&text, r.Findings, r.Sources, diag.TextOptions{}); err != nil {
				t.Fatal(err)
			}
			archive.Files = append(archive.Files, txtar.File{Name: "findings.txt", Data: []byte(text.String())})
			got := txtar.Format(archive)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Errorf("differs from the golden file (-want +got); `make golden` rewrites it:\n%s", d)
			}
		})
	}
}
