package manifest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestWhatWritRendersIsTame: the second reader is for what others write. Where this fails, reading out/ takes twice as long.
func TestWhatWritRendersIsTame(t *testing.T) {
	odd, all := 0, 0
	err := filepath.WalkDir("../../../out", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if all++; !tame(data) {
			odd++
			t.Log(path)
		}
		return nil
	})
	if err != nil || all < 100 || odd > 0 {
		t.Errorf("%d of %d are not tame, %v", odd, all, err)
	}
}

func TestTame(t *testing.T) {
	for text, want := range map[string]bool{
		"# a\n\na: b\n": true, "a:\n- b: c\n  d: [e, \"8\"]\n": true, "a: |-\n  b: [\n  c\nd: {}\n": true, "a:\n- /v1/{*}/x\n- \"*\"\n": true,
		"a: b": false, "a: b\n# c\n": false, "a: b # c\n": false, "a: \tb\n": false, "a: b\r\n": false, "a: [b,\n  c]\n": false, "a: {b: c}\n": false,
		"a: b\n  c\n": false, "a: \"b\n  c\"\n": false, "a: \"b\\n\"\n": false, "a: é\n": false, "? a\n: b\n": false, "a: |+\n  b\n": false,
		"a: |-\n  b\n\n  c\n": false, "a: *b\n": false, "a: &b c\n": false, "a: !b c\n": false, "a: ['b', c]\n": false, "a: [b: c]\n": false, "a: b: c\n": false,
	} {
		if got := tame([]byte(text)); got != want {
			t.Errorf("%q is tame: %v", text, got)
		}
	}
}
