package emit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWriteMakesTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "out")
	files := rendered("us/b/x.yaml 1", "eu/a/x.yaml 1")
	result := write(t, dir, files)
	if diff := cmp.Diff(asTree(files), readTree(t, dir).files()); diff != "" {
		t.Error(diff)
	}
	if want := []string{".gitattributes", "eu/a/x.yaml", "us/b/x.yaml"}; !slices.Equal(result.Written, want) {
		t.Errorf("written: %q", result.Written)
	}
}

func TestLinksAreForeignAndNotFollowed(t *testing.T) {
	outside := t.TempDir()
	put(t, outside, "x.yaml", Header)
	dir := t.TempDir()
	write(t, dir, rendered("eu/a/x.yaml 1", "eu/a/y.yaml 1"))
	link(t, outside, dir, "eu/b")
	link(t, filepath.Join(outside, "x.yaml"), dir, "eu/a/z.yaml")
	link(t, ".", dir, "eu/a/loop")
	link(t, "nowhere", dir, "eu/a/.writ-0.tmp")

	files := rendered("eu/c/x.yaml 1")
	result := write(t, dir, files)
	if want := []string{"eu/a/.writ-0.tmp", "eu/a/loop", "eu/a/z.yaml", "eu/b"}; !slices.Equal(result.Found.Foreign, want) {
		t.Errorf("foreign: %q", result.Found.Foreign)
	}
	want := asTree(files)
	want["eu/b"], want["eu/a/z.yaml"] = "-> "+outside, "-> "+filepath.Join(outside, "x.yaml")
	want["eu/a/loop"], want["eu/a/.writ-0.tmp"] = "-> .", "-> nowhere"
	if diff := cmp.Diff(want, readTree(t, dir).files()); diff != "" {
		t.Error(diff)
	}
	if got := readTree(t, outside).files(); !cmp.Equal(got, tree{"x.yaml": Header}) {
		t.Errorf("the target of a link changed: %q", got)
	}
}

func TestSecondBuildIsRefused(t *testing.T) {
	dir := t.TempDir()
	files := rendered("eu/a/x.yaml 1")
	var second error
	_, err := Write(t.Context(), dir, files, Options{Approve: func(Drift) error {
		_, second = Write(t.Context(), dir, rendered("eu/a/x.yaml 2"), Options{})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, ErrLocked) || second.Error() != "another writ build is running on "+dir {
		t.Errorf("the second build got: %v", second)
	}
	if diff := cmp.Diff(asTree(files), readTree(t, dir).files()); diff != "" {
		t.Error(diff)
	}
	write(t, dir, files) // and the lock is gone
}

func TestApproveSeesTheDriftAndMayRefuse(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, rendered("eu/a/x.yaml 1", "eu/a/y.yaml 1"))
	before := readTree(t, dir)
	refusal := errors.New("too many go")
	_, err := Write(t.Context(), dir, nil, Options{Approve: func(d Drift) error {
		if len(d.Orphaned) != 2 || d.Existing["eu"] != 2 {
			t.Errorf("approve saw %+v", d)
		}
		return refusal
	}})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, readTree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestCancelStopsBetweenTwoFiles(t *testing.T) {
	old := rendered("eu/a/w.yaml old", "eu/a/x.yaml old", "eu/a/y.yaml old", "eu/a/z.yaml old")
	renewed := rendered("eu/a/x.yaml new", "eu/a/y.yaml new", "eu/b/z.yaml new")
	tests := []struct {
		verb, path string
		written    int
		message    string
	}{
		{"write", "eu/a/x.yaml", 0, "context canceled; nothing was changed"},
		{"replace", "eu/a/x.yaml", 1, "context canceled; 1 of 5 files are done, run `writ build` again for the rest"},
		{"replace", "eu/a/y.yaml", 2, "context canceled; 2 of 5 files are done, run `writ build` again for the rest"},
		{"remove", "eu/a/w.yaml", 4, "context canceled; 4 of 5 files are done, run `writ build` again for the rest"},
	}
	for _, tt := range tests {
		t.Run(tt.verb+" "+tt.path, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, old)
			before := readTree(t, dir)
			ctx, cancel := context.WithCancel(t.Context())
			result, err := Write(ctx, dir, renewed, Options{fault: func(verb, p string) error {
				if verb == tt.verb && p == tt.path {
					cancel()
				}
				return nil
			}})
			if !errors.Is(err, context.Canceled) || err.Error() != tt.message {
				t.Errorf("got %v", err)
			}
			if got := len(result.Written) + len(result.Removed); got != tt.written {
				t.Errorf("%d files were done", got)
			}
			after := readTree(t, dir)
			if tt.written == 0 && !cmp.Equal(before, after) {
				t.Error(cmp.Diff(before, after))
			}
			for p := range after {
				if isTemp(p) {
					t.Errorf("%s was left behind", p)
				}
			}
			write(t, dir, renewed)
			if diff := cmp.Diff(asTree(renewed), readTree(t, dir).files()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTempsOfAKilledBuildAreSwept(t *testing.T) {
	dir := t.TempDir()
	files := rendered("eu/a/x.yaml 1")
	put(t, dir, "eu/a/.writ-0.tmp", "torn")
	put(t, dir, "eu/gone/.writ-1.tmp", "torn")
	put(t, dir, ".writ-0.tmp", "torn")
	write(t, dir, files)
	want := asTree(files)
	want["."], want["eu"], want["eu/a"] = "/", "/", "/"
	if diff := cmp.Diff(want, readTree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Whatever step fails, each file is old or new, nothing foreign changes, no temporary file stays, nothing changes before every
// new byte is written, and the next build completes.
func TestFailureAtAnyStepLeavesFilesOldOrNew(t *testing.T) {
	old := rendered("eu/a/change.yaml old", "eu/a/same.yaml 1", "eu/b/orphan.yaml old", "us/c/orphan.yaml old")
	renewed := rendered("eu/a/change.yaml new", "eu/a/same.yaml 1", "eu/a/more.yaml new", "jp/d/fresh.yaml new")
	broken := errors.New("no space left on device")
	verbs := map[string]bool{}
	for n := 0; ; n++ {
		dir := t.TempDir()
		write(t, dir, old)
		put(t, dir, "eu/b/by-hand.yaml", "kind: Gateway\n")
		put(t, dir, "us/c/.writ-9.tmp", "torn")
		before := readTree(t, dir)

		verb, err := failAt(t, dir, renewed, n, broken)
		if err == nil {
			break
		}
		verbs[verb] = true
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("step %d: the error does not say what failed where: %v", n, err)
		}
		after := readTree(t, dir)
		mixture(t, after.files(), old, renewed, tree{"eu/b/by-hand.yaml": "kind: Gateway\n"})
		delete(before, "us/c/.writ-9.tmp")
		delete(after, "us/c/.writ-9.tmp")
		if slices.Contains([]string{"sweep", "create", "write"}, verb) && !cmp.Equal(before, after) {
			t.Fatalf("step %d, %s: %s", n, verb, cmp.Diff(before, after))
		}
		write(t, dir, renewed)
		want := asTree(renewed)
		want["eu/b/by-hand.yaml"] = "kind: Gateway\n"
		if diff := cmp.Diff(want, readTree(t, dir).files()); diff != "" {
			t.Fatalf("step %d, %s: %s", n, verb, diff)
		}
	}
	if want := []string{"create", "remove", "replace", "sweep", "sync", "write"}; !slices.Equal(slices.Sorted(maps.Keys(verbs)), want) {
		t.Errorf("steps that failed: %v", verbs)
	}
}

// failAt lets step n fail, and says which kind of step that was.
func failAt(t *testing.T, dir string, files []File, n int, broken error) (verb string, err error) {
	t.Helper()
	steps := make(chan int, 1)
	steps <- 0
	_, err = Write(t.Context(), dir, files, Options{fault: func(v, _ string) error {
		step := <-steps
		steps <- step + 1
		if step == n {
			verb = v
			return broken
		}
		return nil
	}})
	return verb, err
}

// mixture fails the test unless each file of the tree is foreign, left behind by an earlier crash, or whole: old or new.
func mixture(t *testing.T, got tree, old, renewed []File, foreign tree) {
	t.Helper()
	was, will := asTree(old), asTree(renewed)
	for p, data := range got {
		switch {
		case isTemp(p) && data == "torn", foreign[p] == data:
		case was[p] != data && will[p] != data:
			t.Errorf("%s is neither old nor new: %q", p, data)
		}
	}
	for p := range foreign {
		if _, ok := got[p]; !ok {
			t.Errorf("%s, a foreign file, is gone", p)
		}
	}
	for p := range was {
		if _, ok := got[p]; !ok && will[p] != "" {
			t.Errorf("%s is gone, though it is in both", p)
		}
	}
}

func TestWriteIsExactAndIdempotent(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(parent, "")
		if err != nil {
			rt.Fatal(err)
		}
		first, second := drawFiles(rt, "first"), drawFiles(rt, "second")
		foreign := rapid.MapOf(rapid.SampledFrom([]string{
			"README.md", "eu/notes.txt", "eu/a/by-hand.yaml", "us/own/gateway.yaml", "us/.writ-", "jp/x.yaml",
		}), rapid.StringMatching(`[a-z]{0,40}`)).Draw(rt, "foreign")
		write(t, dir, first)
		for p, data := range foreign {
			put(t, dir, p, data)
		}
		before, stamps := readTree(t, dir).files(), stat(t, dir)

		result := write(t, dir, second)
		want := asTree(second)
		maps.Copy(want, foreign)
		if diff := cmp.Diff(want, readTree(t, dir).files()); diff != "" {
			rt.Fatal(diff)
		}
		untouched(rt, stamps, stat(t, dir), func(p string) bool { return before[p] == want[p] })
		accounts(rt, result, asTree(first), asTree(second))
		noEmptyFolder(rt, readTree(t, dir))

		drift := compare(t, dir, second)
		if !drift.Clean() || len(drift.Foreign) != len(foreign) {
			rt.Fatalf("drift after writing: %+v", drift)
		}
		stamps = stat(t, dir)
		if again := write(t, dir, second); len(again.Written)+len(again.Removed) != 0 || again.Unchanged != len(second)+1 {
			rt.Fatalf("writing again did something: %+v", again)
		}
		untouched(rt, stamps, stat(t, dir), func(string) bool { return true })
	})
}

// drawFiles draws a few files, so that two draws often meet.
func drawFiles(rt *rapid.T, label string) []File {
	paths := rapid.MapOf(
		rapid.Custom(func(rt *rapid.T) string {
			return path.Join(
				rapid.SampledFrom([]string{"eu", "eu-1", "us"}).Draw(rt, "cluster"),
				rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "namespace"),
				rapid.SampledFrom([]string{"v", "w", "x", "y"}).Draw(rt, "name")+".yaml",
			)
		}),
		rapid.IntRange(1, 3),
	).Draw(rt, label)
	var files []File
	for p, body := range paths {
		files = append(files, rendered(fmt.Sprintf("%s %d", p, body))...)
	}
	return files
}

func stat(t *testing.T, dir string) map[string]os.FileInfo {
	t.Helper()
	stamps := map[string]os.FileInfo{}
	for p := range readTree(t, dir).files() {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		stamps[p] = info
	}
	return stamps
}

func untouched(rt *rapid.T, before, after map[string]os.FileInfo, expect func(p string) bool) {
	for p, was := range before {
		if is := after[p]; expect(p) && (is == nil || !os.SameFile(was, is) || !was.ModTime().Equal(is.ModTime())) {
			rt.Fatalf("%s was right, and was written", p)
		}
	}
}

func accounts(rt *rapid.T, r Result, was, will tree) {
	var written, removed []string
	for p, data := range will {
		if was[p] != data {
			written = append(written, p)
		}
	}
	for p := range was {
		if will[p] == "" {
			removed = append(removed, p)
		}
	}
	slices.Sort(written)
	slices.Sort(removed)
	if !slices.Equal(r.Written, written) || !slices.Equal(r.Removed, removed) || r.Unchanged != len(will)-len(written) {
		rt.Fatalf("the result %+v is not what happened: %q written, %q removed", r, written, removed)
	}
}

func noEmptyFolder(rt *rapid.T, tr tree) {
	for dir, data := range tr {
		if data != "/" {
			continue
		}
		below := func(p string) bool { return dir == "." || strings.HasPrefix(p, dir+"/") }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(tr.files())), below) {
			rt.Fatalf("%s was left empty", dir)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	files := many(10000, "1")
	dir := b.TempDir()
	if _, err := Write(b.Context(), dir, files, Options{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if drift := compare(b, dir, files); !drift.Clean() {
			b.Fatal("drift")
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	versions := [][]File{many(2000, "1"), many(2000, "2")}
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		write(b, dir, versions[i%2])
	}
}

// many is files of about a kilobyte.
func many(n int, body string) []File {
	files := make([]File, n)
	for i := range files {
		data := Header + strings.Repeat(fmt.Sprintf("%s: %s\n", body, path.Join("a", body)), 100)
		files[i] = File{Path: fmt.Sprintf("c%d/ns%d/authorizationpolicy-%d.yaml", i%3, i%97, i), Data: []byte(data)}
	}
	return files
}
