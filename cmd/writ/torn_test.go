//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// estate is a repository whose every object changes with one word of the Mesh document: services x clusters
// PeerAuthentications, which are permissive or strict.
type estate struct {
	t   *testing.T
	dir string
	// all is what out/ holds, by the word.
	all map[string]map[string]string
}

const (
	meshFile   = "policies/platform/mesh.yaml"
	strict     = "strict"
	permissive = "permissive"
)

func newEstate(t *testing.T, dir string, clusters, services int) *estate {
	t.Helper()
	e := &estate{t: t, dir: dir, all: map[string]map[string]string{}}
	const head = "apiVersion: writ.dev/v1alpha1\nkind: "
	for i := range clusters {
		e.put(fmt.Sprintf("policies/platform/clusters/c%d.yaml", i), fmt.Sprintf(
			head+"Cluster\nmetadata: {name: c%d}\nspec: {mesh: main, trustDomain: c%d.example, skipValidateTrustDomain: true, istioVersion: \"1.31\"}\n", i, i))
	}
	e.put("policies/platform/team.yaml",
		head+"Team\nmetadata: {name: shop}\nspec: {contact: \"#shop\", owners: [\"@example/shop\"], namespaces: {shop: {}}}\n")
	var docs []string
	for i := range services {
		docs = append(docs, fmt.Sprintf(head+"Service\nmetadata: {name: s%d, namespace: shop}\nspec: {ports: {http: {port: 80}}}\n", i))
	}
	e.put("policies/teams/shop/services.yaml", strings.Join(docs, "---\n"))
	return e
}

func (e *estate) put(name, text string) {
	e.t.Helper()
	name = filepath.Join(e.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		e.t.Fatal(err)
	}
}

// want makes the policies ask for the word.
func (e *estate) want(word string) { e.put(meshFile, meshOf(word)) }

func meshOf(word string) string {
	return "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: main}\nspec: {stages: {mtls: " + word + ", authz: off, outbound: open}}\n"
}

// complete builds and checks for the word, and keeps what out/ then holds.
func (e *estate) complete(word string) {
	e.t.Helper()
	e.want(word)
	for _, command := range []string{"build", "check"} {
		if code, text := e.run(command); code != exitClean {
			e.t.Fatalf("writ %s for %s ends with %d: %s", command, word, code, text)
		}
	}
	now := e.out()
	if before := e.all[word]; before != nil && !maps.Equal(before, now) {
		e.t.Fatalf("out/ for %s is not what it was before", word)
	}
	e.all[word] = now
}

func (e *estate) command(args ...string) *exec.Cmd {
	return exec.Command("writ", append([]string{"-C", e.dir}, args...)...) // this test's binary, which TestMain put into PATH
}

func (e *estate) run(args ...string) (code int, text string) {
	e.t.Helper()
	out, err := e.command(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// out is every file of out/ with its text.
func (e *estate) out() map[string]string {
	e.t.Helper()
	all := map[string]string{}
	root := os.DirFS(e.dir)
	err := fs.WalkDir(root, "out", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, p)
		all[p] = string(data)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return all
}

func isTemporary(p string) bool {
	return strings.HasPrefix(filepath.Base(p), ".writ-") && strings.HasSuffix(p, ".tmp")
}

// mixture counts the files of each word, and fails the test for a file that is neither in full, is missing, or is nobody's.
func (e *estate) mixture() map[string]int {
	e.t.Helper()
	n := map[string]int{}
	now := e.out()
	for p, text := range now {
		switch {
		case isTemporary(p), e.all[strict][p] == e.all[permissive][p] && text == e.all[strict][p]:
		case text == e.all[strict][p]:
			n[strict]++
		case text == e.all[permissive][p]:
			n[permissive]++
		default:
			e.t.Fatalf("%s is torn: %q", p, text)
		}
	}
	for p := range e.all[strict] {
		if _, ok := now[p]; !ok {
			e.t.Fatalf("%s is gone", p)
		}
	}
	return n
}

// differing are the files that differ from what the word asks for, in the order in which they are replaced.
func (e *estate) differing(word string) []string {
	now := e.out()
	var paths []string
	for p, text := range e.all[word] {
		if now[p] != text {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// TestKilledBuildIsNeverTorn kills real builds while they put 2,000 files in place. Only a kill that left some of the files that
// it was to change old and some new is counted.
func TestKilledBuildIsNeverTorn(t *testing.T) {
	t.Parallel()
	kills, sides := 200, 2
	if testing.Short() {
		kills = 20
	}
	var all sync.WaitGroup
	counts := make([]int, sides)
	for side := range sides { // one for each of two processors
		e := newEstate(t, memory(t), 20, 100)
		e.complete(permissive)
		e.complete(strict)
		if n := len(e.differing(permissive)); n != 2000 {
			t.Fatalf("%d files change, not 2,000", n)
		}
		all.Go(func() { counts[side] = e.killOften(kills / sides) })
	}
	all.Wait()
	if t.Logf("kills that left a mixture: %d", counts); counts[0]+counts[1] < kills {
		t.Errorf("only %d kills came between the first and the last file that was put in place", counts[0]+counts[1])
	}
}

// memory is a folder in memory where there is one: a kill loses nothing that the kernel has, so a disk would only be slower.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "writ-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// killOften kills builds until so many kills left a mixture. Each goes to the word that fewer files have, so that there is
// always much to change; every tenth is followed by a build that may complete.
func (e *estate) killOften(kills int) (counted int) {
	random := rand.New(rand.NewPCG(uint64(kills), 1))
	window := 20 * time.Millisecond // between the first and the last file, as far as known
	tries := 0
	for ; counted < kills && tries < 4*kills && !e.t.Failed(); tries++ {
		word, n := permissive, e.mixture()
		if n[permissive] > n[strict] {
			word = strict
		}
		e.want(word)
		changing := e.differing(word)
		e.kill(changing[0], word, time.Duration(random.Int64N(int64(window))))
		left := len(e.differing(word))
		e.mixture()
		switch {
		case left == 0:
			window = max(window*4/5, time.Millisecond) // the kill came too late
		case left < len(changing):
			window = window * 11 / 10
			if counted++; counted%10 == 0 {
				e.complete(word)
			}
		}
	}
	e.complete(strict)
	e.t.Logf("%d of %d kills counted", counted, tries)
	return counted
}

// kill starts a build, waits until the first file is new, and kills it a little later.
func (e *estate) kill(first, word string, later time.Duration) {
	cmd := e.command("build")
	if err := cmd.Start(); err != nil {
		e.t.Error(err)
		return
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return // it was quicker
		default:
		}
		if data, err := os.ReadFile(filepath.Join(e.dir, first)); err == nil && string(data) == e.all[word][first] {
			break
		}
		time.Sleep(200 * time.Microsecond)
	}
	time.Sleep(later)
	_ = cmd.Process.Signal(syscall.SIGKILL)
	<-ended
}

// TestFullDiskLeavesEverythingOld gives a build less room than its new files need, and then none to write in at all.
func TestFullDiskLeavesEverythingOld(t *testing.T) {
	dir := t.TempDir()
	e := newEstate(t, dir, 4, 100)
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", out, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(out, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	e.complete(strict)
	old := e.out()
	for _, tt := range []struct {
		name, message string
		flags         uintptr
	}{
		{"full", "no space left on device; nothing was changed", 0},
		{"read-only", "read-only file system; nothing was changed", unix.MS_RDONLY},
	} {
		if err := unix.Mount("", out, "", unix.MS_REMOUNT|tt.flags, "size=3m"); err != nil {
			t.Fatal(err)
		}
		e.want(permissive)
		if code, text := e.run("build"); code != exitCannot || !strings.Contains(text, tt.message) {
			t.Errorf("on a disk that is %s writ ends with %d: %s", tt.name, code, text)
		}
		if !maps.Equal(old, e.out()) {
			t.Errorf("a disk that is %s changed out/", tt.name)
		}
	}
	if err := unix.Mount("", out, "", unix.MS_REMOUNT, "size=30m"); err != nil {
		t.Fatal(err)
	}
	e.complete(permissive)
}

// TestFileThatChangesWhileItIsRead rewrites the Mesh document in place, over and over, while builds read it: what a build makes
// of it is one of the two, or a finding.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	e := newEstate(t, t.TempDir(), 2, 50)
	e.complete(permissive)
	e.complete(strict)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			text := meshOf([]string{strict, permissive}[i%2])
			half := len(text) * 4 / 5
			name := filepath.Join(e.dir, meshFile)
			time.Sleep(20 * time.Millisecond)
			_ = os.WriteFile(name, []byte(text[:half]), 0o644)
			if f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0); err == nil {
				_, _ = f.WriteString(text[half:])
				_ = f.Close()
			}
		}
	})
	codes := map[int]int{}
	for range 30 {
		code, text := e.run("build")
		if codes[code]++; code != exitClean && code != exitFindings {
			t.Errorf("writ ends with %d: %s", code, text)
		}
		if n := e.mixture(); n[strict] > 0 && n[permissive] > 0 {
			t.Errorf("one build wrote both: %v", n)
		}
	}
	close(stop)
	writer.Wait()
	t.Logf("builds by exit code: %v", codes)
	e.complete(permissive)
}
