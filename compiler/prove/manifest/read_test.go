package manifest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestWhatWritRendersIsUnderstood: nothing that stands in the example's out/ is unknown to the reader.
func TestWhatWritRendersIsUnderstood(t *testing.T) {
	read := 0
	err := filepath.WalkDir("../../../out", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := Read(path, data)
		if err != nil {
			t.Error(err)
		}
		for _, o := range objects {
			read++
			if len(o.Unknown) > 0 || o.Meaning() != Modelled || o.Line != 2 || len(o.SHA256()) != 64 {
				t.Errorf("%s: line %d, meaning %d, unknown %v", path, o.Line, o.Meaning(), o.Unknown)
			}
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Fatal(read, err)
	}
}
