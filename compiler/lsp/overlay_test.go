package lsp

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
)

func TestOpenDocumentsLieOverTheDisk(t *testing.T) {
	disk := fstest.MapFS{
		"policies/a.yaml": {Data: []byte("disk")},
		"policies/b.yaml": {Data: []byte("disk")},
		"policies/link":   {Data: []byte("b.yaml"), Mode: fs.ModeSymlink},
	}
	o := overlay{disk, map[string][]byte{
		"policies/a.yaml":         []byte("typed"),
		"policies/link":           []byte("typed"),
		"policies/new/deep/c.yml": []byte("new"),
	}}
	var walked []string
	err := fs.WalkDir(o, "policies", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			data, read := fs.ReadFile(o, name)
			walked, err = append(walked, name+"="+string(data)), read
		}
		return err
	})
	want := []string{"policies/a.yaml=typed", "policies/b.yaml=disk", "policies/new/deep/c.yml=new"}
	if err != nil || !slices.Equal(walked, want) {
		t.Errorf("%q, %v; a link stays one", walked, err)
	}
	if _, err := fs.ReadDir(o, "policies/none"); err == nil {
		t.Error("a folder is made up")
	}
}

// Before the first file is saved there is no policies/ at all.
func TestAnEstateThatWasNeverSaved(t *testing.T) {
	o := overlay{fstest.MapFS{}, map[string][]byte{"policies/a.yaml": []byte("typed")}}
	if err := fs.WalkDir(o, "policies", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Error(err)
	}
}
