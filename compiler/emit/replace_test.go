package emit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func anyFolder(fs.FS) error { return nil }

func TestReplaceMakesTheFolderWhole(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "below", "report")
	files := []File{{"index.html", []byte("1")}, {"csv/a.csv", []byte("2")}}
	if err := Replace(dir, files, anyFolder); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree{"index.html": "1", "csv/a.csv": "2"}, readTree(t, dir).files()); d != "" {
		t.Error(d)
	}
	if err := Replace(dir, []File{{"csv/b.csv", []byte("3")}}, anyFolder); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree{"csv/b.csv": "3"}, readTree(t, dir).files()); d != "" {
		t.Error(d)
	}
	alone(t, filepath.Dir(dir))
}

// alone holds that nothing lies beside the folder.
func alone(t *testing.T, parent string) {
	t.Helper()
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the folder lies %v, %v", entries, err)
	}
}

func TestReplaceKeepsWhatIsNotOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	put(t, dir, "notes.txt", "mine")
	err := Replace(dir, []File{{"a", nil}}, func(fsys fs.FS) error {
		if _, err := fs.Stat(fsys, "notes.txt"); err != nil {
			t.Error(err)
		}
		return errors.New("somebody's notes are in it")
	})
	if err == nil || !strings.Contains(err.Error(), "stays as it is: somebody's notes are in it") {
		t.Errorf("got: %v", err)
	}
	if d := cmp.Diff(tree{"notes.txt": "mine"}, readTree(t, dir).files()); d != "" {
		t.Error(d)
	}
	alone(t, filepath.Dir(dir))
}

func TestReplaceFollowsNoLink(t *testing.T) {
	parent := t.TempDir()
	put(t, parent, "real/a", "1")
	link := filepath.Join(parent, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Skip(err)
	}
	if err := Replace(link, nil, anyFolder); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("got: %v", err)
	}
	if err := Replace(filepath.Join(parent, "real", "a"), nil, anyFolder); err == nil {
		t.Error("a file is replaced by a folder")
	}
}

func TestReplaceOfAnEmptyFolderAsksNobody(t *testing.T) {
	dir := t.TempDir()
	if err := Replace(dir, []File{{"a", []byte("1")}}, func(fs.FS) error { return errors.New("not ours") }); err != nil {
		t.Fatal(err)
	}
}

// Where two folders cannot be exchanged, they take turns.
func TestFoldersTakeTurns(t *testing.T) {
	parent := t.TempDir()
	put(t, parent, "new/a", "1")
	put(t, parent, "old/b", "2")
	if err := inTurn(filepath.Join(parent, "new"), filepath.Join(parent, "old")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree{"old/a": "1"}, readTree(t, parent).files()); d != "" {
		t.Error(d)
	}
}
