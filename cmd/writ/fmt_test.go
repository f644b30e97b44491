package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnInterruptedFmtWritesNothing(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := execute(t.Context(), "init", dir); code != exitClean {
		t.Fatal(stderr)
	}
	file := filepath.Join(dir, "policies/teams/shop/checkout.yaml")
	messy := strings.Replace(read(t, file), "kind: ", "kind:    ", 1)
	write(t, file, messy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := execute(ctx, "fmt", "-C", dir)
	if code != exitCannot || stdout != "" || stderr != "writ: interrupted\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if read(t, file) != messy {
		t.Error("an interrupted fmt wrote")
	}
}

// Links are refused like everywhere: what fmt writes lies where its path says.
func TestFmtFollowsNoLinks(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := execute(t.Context(), "init", dir); code != exitClean {
		t.Fatal(stderr)
	}
	outside := filepath.Join(t.TempDir(), "outside.yaml")
	messy := strings.Replace(read(t, filepath.Join(dir, "policies/platform/meshes/prod.yaml")), "kind: ", "kind:   ", 1)
	write(t, outside, messy)
	link := filepath.Join(dir, "policies/teams/shop/link.yaml")
	folder := filepath.Join(dir, "policies/teams/linked")
	if err := errors.Join(os.Symlink(outside, link), os.Symlink(filepath.Dir(outside), folder)); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{{"fmt"}, {"fmt", link}, {"fmt", folder}} {
		code, stdout, _ := execute(t.Context(), append(args, "-C", dir)...)
		if code != exitFindings || !strings.Contains(stdout, "is a symbolic link  [SYN-006]") {
			t.Errorf("%v: exit code %d\n%s", args, code, stdout)
		}
	}
	if code, _, stderr := execute(t.Context(), "fmt", "-C", dir, filepath.Join(folder, "outside.yaml")); code != exitCannot && code != exitFindings {
		t.Errorf("through a linked folder: exit code %d, %s", code, stderr)
	}
	if read(t, outside) != messy {
		t.Error("a file outside of the repository was written")
	}
}
