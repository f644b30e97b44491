//go:build unix

package emit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The test binary runs itself again as a build of its own, told what to write by these two variables.
const (
	childDir     = "WRIT_TEST_EMIT_DIR"
	childVersion = "WRIT_TEST_EMIT_VERSION"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir, os.Getenv(childVersion)))
	}
	os.Exit(m.Run())
}

// child is one build. It says each step before it takes it.
func child(dir, version string) int {
	_, err := Write(context.Background(), dir, estate(version), Options{fault: func(verb, p string) error {
		_, err := fmt.Println(verb, p)
		return err
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// estate is 60 files, a third of them of this version alone.
func estate(version string) []File {
	var files []File
	body := strings.Repeat(version+"\n", 3000) // larger than one page, so that a torn file could show
	for i := range 40 {
		files = append(files, rendered(fmt.Sprintf("c%d/ns%d/x-%d.yaml %s", i%2, i%5, i, body))...)
	}
	for i := range 20 {
		files = append(files, rendered(fmt.Sprintf("c%d/ns-%s/y-%d.yaml %s", i%2, version, i, body))...)
	}
	return files
}

func TestKilledBuildLeavesFilesOldOrNew(t *testing.T) {
	dir := t.TempDir()
	foreign := tree{"c0/by-hand.yaml": "kind: Gateway\n"}
	put(t, dir, "c0/by-hand.yaml", foreign["c0/by-hand.yaml"])
	old := estate("v0")
	write(t, dir, old)
	half := 0
	for i := range 20 {
		version := fmt.Sprintf("v%d", i+1)
		renewed := estate(version)
		kill(t, dir, version, 1+i*9)
		got := readTree(t, dir).files()
		notTorn(t, got, old, renewed, foreign)
		if drift := compare(t, dir, renewed); len(drift.Missing) < 20 && !drift.Clean() {
			half++
		}

		write(t, dir, renewed)
		want := asTree(renewed)
		want["c0/by-hand.yaml"] = foreign["c0/by-hand.yaml"]
		if diff := cmp.Diff(want, readTree(t, dir).files()); diff != "" {
			t.Fatalf("the build after kill %d did not complete: %s", i, diff)
		}
		old = renewed
	}
	t.Logf("%d of 20 kills left a mixture of old and new", half)
	if half == 0 {
		t.Error("no kill came while files were replaced")
	}
}

// kill starts a build and kills it when it comes to its nth step.
func kill(t *testing.T, dir, version string, n int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childVersion+"="+version)
	steps, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(steps)
	for range n {
		lines.Scan()
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_, _ = io.Copy(io.Discard, steps)
	_ = cmd.Wait()
}

// notTorn is mixture for a killed build, whose temporary files may hold anything.
func notTorn(t *testing.T, got tree, old, renewed []File, foreign tree) {
	t.Helper()
	for p := range got {
		if isTemp(p) {
			delete(got, p)
		}
	}
	mixture(t, got, old, renewed, foreign)
}

func TestReadOnlyFolderSaysSo(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, estate("v0"))
	before := readTree(t, dir)
	for _, folder := range []string{dir, filepath.Join(dir, "c0"), filepath.Join(dir, "c0", "ns0")} {
		if err := os.Chmod(folder, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(folder, 0o755) })
	}
	message, failed := asNobody(t, dir, "v1")
	if !failed || !strings.Contains(message, filepath.Join(dir, "c0")) || !strings.Contains(message, "permission denied; nothing was changed") {
		t.Errorf("got: %s", message)
	}
	if diff := cmp.Diff(before, readTree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// asNobody runs a build that permissions apply to, whoever runs the test.
func asNobody(t *testing.T, dir, version string) (message string, failed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childVersion+"="+version)
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.Path = copyForAll(t, os.Args[0])
		for up := dir; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
			if info, err := os.Stat(up); err != nil || os.Chmod(up, info.Mode()|0o555) != nil {
				t.Skipf("cannot open %s to everybody", up)
			}
		}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err != nil
}

// copyForAll copies the test binary to where everybody may run it.
func copyForAll(t *testing.T, binary string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "writ-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "emit.test")
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestNamedPipeIsForeignAndNotRead(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	done := make(chan Drift, 1)
	go func() { done <- compare(t, dir, rendered("pipe/x.yaml 1")) }()
	select {
	case drift := <-done:
		if diff := cmp.Diff([]Obstacle{{"pipe", "is no regular file"}}, drift.Blocked); diff != "" {
			t.Error(diff)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("waits for somebody to write to the pipe")
	}
}
