package emit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPatchIsWhatBuildWouldDo: git makes of the folder what Write makes of it, whatever files are called.
func TestPatchIsWhatBuildWouldDo(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git")
	}
	files := []File{
		{"eu/a/changed.yaml", []byte(Header + "now: 1\n")},
		{"eu/a/new.yaml", []byte(Header + "new: 1")}, // without an end of line
		{"eu/a/same.yaml", []byte(Header + "same: 1\n")},
	}
	had := map[string]string{
		"eu/a/changed.yaml":           Header + "was: 1",
		"eu/a/same.yaml":              Header + "same: 1\n",
		"eu/a/orphan.yaml":            Header + "gone: 1\n",
		"eu/a/an \"odd\"\tname\\ü.md": Header,
		"eu/a/$(touch pwned).yaml":    Header + "gone: 1\n",
		"eu/a/foreign.yaml":           "by hand: 1\n",
	}
	patched, written := t.TempDir(), t.TempDir()
	for _, dir := range []string{patched, written} {
		for name, text := range had {
			p := filepath.Join(dir, "out", filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Skip(err) // a file system that knows fewer names
			}
		}
	}
	out := os.DirFS(filepath.Join(patched, "out"))
	drift, err := Compare(t.Context(), out, files)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := drift.Patch(out, "out", files)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(git, "apply", "-")
	cmd.Dir, cmd.Stdin = patched, bytes.NewReader(patch)
	if told, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, told, patch)
	}
	now := out
	if drift, err = Compare(t.Context(), now, files); err != nil || !drift.Clean() || len(drift.Foreign) != 1 {
		t.Errorf("behind after the patch: %+v, %v", drift, err)
	}
	if patch, err = drift.Patch(now, "out", files); err != nil || len(patch) > 0 {
		t.Errorf("what is current has the patch %s, %v", patch, err)
	}
}
