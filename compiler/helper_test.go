package compiler

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

const today = "2026-11-23"

// base is the estate that examples and golden cases stand in.
func base(t testing.TB) fstest.MapFS {
	t.Helper()
	return layOver(fstest.MapFS{}, Surroundings(""))
}

// layOver lays files over a repository. A file that is empty is taken away.
func layOver(fsys fstest.MapFS, files []txtar.File) fstest.MapFS {
	all := fstest.MapFS{}
	for name, f := range fsys {
		all[name] = f
	}
	for _, f := range files {
		if len(f.Data) == 0 {
			delete(all, f.Name)
			continue
		}
		all[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return all
}

func mustCompile(t testing.TB, fsys fs.FS) *Result {
	t.Helper()
	r, err := Compile(t.Context(), fsys, Options{AsOf: today})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func codes(l diag.List) map[string]int {
	n := map[string]int{}
	for _, f := range l {
		n[f.Rule.Code]++
	}
	return n
}

func mustCompileAgainst(t testing.TB, fsys, base fs.FS) *Result {
	t.Helper()
	r, err := Compile(t.Context(), fsys, Options{AsOf: today, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
