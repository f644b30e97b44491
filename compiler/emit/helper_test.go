package emit

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is what a folder holds: bytes by path, "-> target" for a link and "/" for a folder.
type tree map[string]string

func readTree(t testing.TB, dir string) tree {
	t.Helper()
	got := tree{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		full := filepath.Join(dir, filepath.FromSlash(p))
		switch {
		case err != nil:
			return err
		case d.IsDir():
			got[p] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(full)
			got[p] = "-> " + target
			return err
		case d.Type().IsRegular():
			data, err := os.ReadFile(full)
			got[p] = string(data)
			return err
		default:
			got[p] = d.Type().String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// files drops the folders of a tree.
func (tr tree) files() tree {
	only := maps.Clone(tr)
	maps.DeleteFunc(only, func(_, data string) bool { return data == "/" })
	return only
}

// put makes a file, and its folders, behind emit's back.
func put(t testing.TB, dir, p, data string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(p))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, target, dir, p string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(p))); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// rendered is one rendered file for each "path body".
func rendered(pairs ...string) []File {
	var files []File
	for _, pair := range pairs {
		p, body, _ := strings.Cut(pair, " ")
		files = append(files, File{Path: p, Data: []byte(Header + body + "\n")})
	}
	return files
}

// asTree is what a folder with just these files holds.
func asTree(files []File) tree {
	want := tree{attributesPath: attributes}
	for _, f := range files {
		want[f.Path] = string(f.Data)
	}
	return want
}

func write(t testing.TB, dir string, files []File) Result {
	t.Helper()
	result, err := Write(t.Context(), dir, files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func compare(t testing.TB, dir string, files []File) Drift {
	t.Helper()
	drift, err := Compare(t.Context(), os.DirFS(dir), files)
	if err != nil {
		t.Fatal(err)
	}
	return drift
}
