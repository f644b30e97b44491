package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler"
)

// TestHostileInputEndsWithFindings builds the compiler's hostile cases as a person would: exit 1, and no out/. Those that are
// benign, that withhold, or that are written with escapes are left to the compiler's own test.
func TestHostileInputEndsWithFindings(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("../../compiler/testdata/hostile/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.Comment) > 0 {
			continue
		}
		built++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, f := range append(compiler.Surroundings(""), archive.Files...) {
				name := filepath.Join(dir, f.Name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, f.Data, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), []string{"-C", dir, "build"}, &stream{w: &stdout}, &stream{w: &stderr})
			if code != exitFindings || stderr.Len() > 0 || !strings.Contains(stdout.String(), "nothing written: ") {
				t.Errorf("writ build ends with %d: %s%s", code, &stdout, &stderr)
			}
			if _, err := os.Stat(filepath.Join(dir, "out")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("out/ was made: %v", err)
			}
		})
	}
	if built < 60 {
		t.Errorf("only %d cases", built)
	}
}
