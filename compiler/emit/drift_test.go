package emit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestCompareNamesEveryDifference(t *testing.T) {
	files := rendered("eu/shop/same.yaml 1", "eu/shop/other.yaml 1", "eu/shop/new.yaml 1", "us/shop/same.yaml 1")
	fsys := fstest.MapFS{
		".gitattributes":        {Data: []byte(attributes)},
		"eu/shop/same.yaml":     {Data: []byte(Header + "1\n")},
		"eu/shop/other.yaml":    {Data: []byte(Header + "2\n")},
		"us/shop/same.yaml":     {Data: []byte(Header + "1\n")},
		"us/shop/gone.yaml":     {Data: []byte("# Rendered by writ in words of an older release\n")},
		"us/shop/crlf.yaml":     {Data: []byte(strings.ReplaceAll(Header, "\n", "\r\n"))},
		"us/shop/by-hand.yaml":  {Data: []byte("kind: Gateway\n")},
		"us/shop/empty.yaml":    {},
		"us/.gitattributes":     {Data: []byte("* text\n")},
		"us/shop/.writ-7.tmp":   {Data: []byte(Header)},
		"us/shop/not-writ-tmp":  {Data: []byte("x")},
		"README.md":             {Data: []byte("# Rendered by")},
		"old/shop/retired.yaml": {Data: []byte(Header)},
	}
	got, err := Compare(t.Context(), fsys, files)
	if err != nil {
		t.Fatal(err)
	}
	want := Drift{
		Missing:  []string{"eu/shop/new.yaml"},
		Changed:  []string{"eu/shop/other.yaml"},
		Orphaned: []string{"old/shop/retired.yaml", "us/shop/crlf.yaml", "us/shop/gone.yaml"},
		Foreign:  []string{"README.md", "us/.gitattributes", "us/shop/by-hand.yaml", "us/shop/empty.yaml", "us/shop/not-writ-tmp"},
		Existing: map[string]int{"eu": 2, "us": 3, "old": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Clean() {
		t.Error("a folder that differs is called clean")
	}
}

func TestCompareWithoutFolderMissesEverything(t *testing.T) {
	got := compare(t, filepath.Join(t.TempDir(), "out"), rendered("eu/a/x.yaml 1"))
	want := Drift{Missing: []string{".gitattributes", "eu/a/x.yaml"}, Existing: map[string]int{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompareOfAFileInsteadOfAFolderFails(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "out", "a file")
	if _, err := Compare(t.Context(), os.DirFS(filepath.Join(dir, "out")), nil); err == nil {
		t.Error("a file was taken for an output folder")
	}
}

func TestAttributesOfSomebodyElseAreChanged(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, ".gitattributes", "* text=auto\n")
	if got := compare(t, dir, nil).Changed; !cmp.Equal(got, []string{".gitattributes"}) {
		t.Errorf("changed: %q", got)
	}
}

func TestObstacles(t *testing.T) {
	outside := t.TempDir()
	put(t, outside, "shop/x.yaml", Header+"1\n")
	tests := map[string]struct {
		arrange func(dir string)
		want    Obstacle
	}{
		"a file without header": {
			func(dir string) { put(t, dir, "eu/shop/x.yaml", "kind: Gateway\n") },
			Obstacle{"eu/shop/x.yaml", "does not begin with the header of a rendered file"},
		},
		"a link to the right bytes": {
			func(dir string) {
				put(t, dir, "eu/shop/y.yaml", Header)
				link(t, filepath.Join(outside, "shop/x.yaml"), dir, "eu/shop/x.yaml")
			},
			Obstacle{"eu/shop/x.yaml", "is a symbolic link"},
		},
		"a cluster folder that is a link": {
			func(dir string) { link(t, outside, dir, "eu") },
			Obstacle{"eu", "is a symbolic link"},
		},
		"attributes that are a link": {
			func(dir string) { link(t, "nowhere", dir, ".gitattributes") },
			Obstacle{".gitattributes", "is a symbolic link"},
		},
		"a folder": {
			func(dir string) { put(t, dir, "eu/shop/x.yaml/notes.txt", "notes") },
			Obstacle{"eu/shop/x.yaml", "is a folder"},
		},
		"a file for a folder": {
			func(dir string) { put(t, dir, "eu/shop", "notes") },
			Obstacle{"eu/shop", "does not begin with the header of a rendered file"},
		},
		"an orphan for a folder": {
			func(dir string) { put(t, dir, "eu/shop", Header) },
			Obstacle{"eu/shop", "is a file where a folder must be"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tt.arrange(dir)
			before := readTree(t, dir)
			files := rendered("eu/shop/x.yaml 1")

			drift := compare(t, dir, files)
			if diff := cmp.Diff([]Obstacle{tt.want}, drift.Blocked); diff != "" {
				t.Error(diff)
			}
			if drift.Clean() {
				t.Error("a blocked folder is called clean")
			}
			_, err := Write(t.Context(), dir, files, Options{})
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, tt.want.Path)+" "+tt.want.Reason) {
				t.Errorf("the error does not name the obstacle: %v", err)
			}
			if diff := cmp.Diff(before, readTree(t, dir)); diff != "" {
				t.Errorf("a refused write changed something: %s", diff)
			}
		})
	}
	if diff := cmp.Diff(tree{".": "/", "shop": "/", "shop/x.yaml": Header + "1\n"}, readTree(t, outside)); diff != "" {
		t.Errorf("the target of a link changed: %s", diff)
	}
}

func TestFaultsOfTheRendererPanic(t *testing.T) {
	tests := map[string][]File{
		"parent":    rendered("../x.yaml 1"),
		"inside":    rendered("eu/../../x.yaml 1"),
		"absolute":  rendered("/etc/x.yaml 1"),
		"empty":     rendered(" 1"),
		"dot":       rendered(". 1"),
		"temporary": rendered("eu/.writ-1.tmp 1"),
		"twice":     rendered("eu/x.yaml 1", "eu/x.yaml 1"),
		"ours":      rendered(".gitattributes 1"),
		"no header": {{Path: "eu/x.yaml", Data: []byte("kind: Gateway\n")}},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			defer func() {
				if recover() == nil {
					t.Error("was accepted")
				}
				if _, err := os.Lstat(dir); err == nil {
					t.Error("the folder was made before the files were checked")
				}
			}()
			_, _ = Write(t.Context(), dir, files, Options{})
		})
	}
}
