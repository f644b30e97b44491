package gitops

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"
)

// fixture is a repository under construction.
type fixture struct {
	t    testing.TB
	dir  string
	repo *git.Repository
	tick int
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	repo, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: "refs/heads/main"}})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, dir: dir, repo: repo}
}

func (f *fixture) put(p, data string) {
	f.t.Helper()
	full := filepath.Join(f.dir, filepath.FromSlash(p))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// commit commits everything in the work tree.
func (f *fixture) commit(message string, parents ...plumbing.Hash) plumbing.Hash {
	f.t.Helper()
	work, err := f.repo.Worktree()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := work.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		f.t.Fatal(err)
	}
	f.tick++
	h, err := work.Commit(message, &git.CommitOptions{Author: f.signature(), Parents: parents, AllowEmptyCommits: true})
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

func (f *fixture) signature() *object.Signature {
	return &object.Signature{Name: "tester", Email: "tester@example.com", When: time.Unix(1_800_000_000+int64(f.tick), 0)}
}

func (f *fixture) reference(name string, h plumbing.Hash) {
	f.t.Helper()
	if err := f.repo.Storer.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), h)); err != nil {
		f.t.Fatal(err)
	}
}

// gitBinary runs git, and skips the test where there is none.
func gitBinary(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git binary here to compare with")
	}
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "safe.directory=*", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func at(t testing.TB, dir, rev string) fs.FS {
	t.Helper()
	fsys, _, err := Revision(dir, rev)
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// contents is every file of the file system, with the target of each link.
func contents(t testing.TB, fsys fs.FS) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case d.Type()&fs.ModeSymlink != 0:
			target, err := fs.ReadLink(fsys, p)
			got[p] = "-> " + target
			return err
		}
		data, err := fs.ReadFile(fsys, p)
		got[p] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// estate is a repository with all that a tree can hold, committed at v1; v2 changes it, and the work tree differs from both.
func estate(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	f.put("policies/teams/shop/checkout.yaml", "kind: Service\n")
	f.put("policies/teams/shop.yaml", "sorts before the folder for git, behind it for us\n")
	f.put("policies/empty.yaml", "")
	f.put("policies/big.yaml", strings.Repeat("larger than go-git keeps in memory\n", 3000))
	f.put("out/eu/shop/x.yaml", "old\n")
	if err := os.Chmod(filepath.Join(f.dir, "policies/empty.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../etc/passwd", filepath.Join(f.dir, "policies/link.yaml")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("teams", filepath.Join(f.dir, "policies/linked")); err != nil {
		t.Skip(err)
	}
	f.commit("v1")
	f.put("out/eu/shop/x.yaml", "new\n")
	f.commit("v2")
	f.put("out/eu/shop/x.yaml", "not committed\n")
	f.put("policies/untracked.yaml", "not committed\n")
	return f
}

func TestRevisionReadsObjectsNotTheWorkTree(t *testing.T) {
	f := estate(t)
	want := map[string]string{
		"policies/teams/shop/checkout.yaml": "kind: Service\n",
		"policies/teams/shop.yaml":          "sorts before the folder for git, behind it for us\n",
		"policies/empty.yaml":               "",
		"policies/big.yaml":                 strings.Repeat("larger than go-git keeps in memory\n", 3000),
		"policies/link.yaml":                "-> ../../etc/passwd",
		"policies/linked":                   "-> teams",
		"out/eu/shop/x.yaml":                "new\n",
	}
	if diff := cmp.Diff(want, contents(t, at(t, f.dir, "HEAD"))); diff != "" {
		t.Error(diff)
	}
	want["out/eu/shop/x.yaml"] = "old\n"
	if diff := cmp.Diff(want, contents(t, at(t, f.dir, "HEAD~1"))); diff != "" {
		t.Error(diff)
	}
	below := map[string]string{"eu/shop/x.yaml": "new\n"}
	if diff := cmp.Diff(below, contents(t, at(t, filepath.Join(f.dir, "out"), "main"))); diff != "" {
		t.Error(diff)
	}
	sub, err := fs.Sub(at(t, f.dir, "main"), "out")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(below, contents(t, sub)); diff != "" {
		t.Error(diff)
	}
}

func TestFileSystemContract(t *testing.T) {
	f := estate(t)
	for _, pack := range []bool{false, true} {
		if pack {
			gitBinary(t, f.dir, "repack", "-adfq")
		}
		t.Run(fmt.Sprintf("packed %v", pack), func(t *testing.T) {
			err := fstest.TestFS(at(t, f.dir, "HEAD"), "policies/teams/shop/checkout.yaml", "policies/teams/shop.yaml",
				"policies/empty.yaml", "policies/big.yaml", "policies/link.yaml", "policies/linked", "out/eu/shop/x.yaml")
			if err != nil {
				t.Error(err)
			}
			if err := fstest.TestFS(at(t, filepath.Join(f.dir, "policies", "teams"), "HEAD"), "shop/checkout.yaml"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	fsys := at(t, estate(t).dir, "HEAD")
	if _, err := fs.ReadFile(fsys, "policies/link.yaml"); !errors.Is(err, errLink) {
		t.Errorf("ReadFile of a link: %v", err)
	}
	if _, err := fs.ReadFile(fsys, "policies/linked/shop.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadFile through a link: %v", err)
	}
	file, err := fsys.Open("policies/link.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.ReadAll(file); !errors.Is(err, errLink) {
		t.Errorf("reading an open link: %v", err)
	}
	if info, err := fs.Stat(fsys, "policies/linked"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("Stat of a link: %v, %v", info, err)
	}
	if info, err := fs.Stat(fsys, "policies/empty.yaml"); err != nil || info.Mode() != 0o755 {
		t.Errorf("Stat of a program: %v, %v", info, err)
	}
}

func TestSubmoduleIsAnEmptyFolder(t *testing.T) {
	f := newFixture(t)
	f.put("policies/x.yaml", "x\n")
	head := f.commit("x")
	fsys := at(t, f.dir, f.storeTree(object.TreeEntry{Name: "vendored", Mode: filemode.Submodule, Hash: head}).String())
	if err := fstest.TestFS(fsys, "vendored"); err != nil {
		t.Error(err)
	}
	if entries, err := fs.ReadDir(fsys, "vendored"); err != nil || len(entries) != 0 {
		t.Errorf("submodule holds %v, %v", entries, err)
	}
}

func TestImpossibleNamesAreRefused(t *testing.T) {
	f := newFixture(t)
	f.put("x.yaml", "x\n")
	f.commit("x")
	blob := f.store(plumbing.BlobObject, []byte("x"))
	for _, name := range []string{"..", ".", "a/b"} {
		commit := f.storeTree(object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: blob})
		if _, err := fs.ReadDir(at(t, f.dir, commit.String()), "."); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func (f *fixture) store(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	f.t.Helper()
	o := f.repo.Storer.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	h, err := f.repo.Storer.SetEncodedObject(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

// storeTree stores a commit of one entry, written by hand as go-git would not write an impossible one.
func (f *fixture) storeTree(e object.TreeEntry) plumbing.Hash {
	f.t.Helper()
	tree := f.store(plumbing.TreeObject, fmt.Appendf(nil, "%o %s\x00%s", uint32(e.Mode), e.Name, e.Hash[:]))
	return f.store(plumbing.CommitObject, fmt.Appendf(nil,
		"tree %s\nauthor t <t@example.com> 1800000000 +0000\ncommitter t <t@example.com> 1800000000 +0000\n\nby hand\n", tree))
}

func TestMissingFolderIsEmpty(t *testing.T) {
	f := newFixture(t)
	f.put("README.md", "no policies yet\n")
	f.put("out", "a file where the folder will be\n")
	f.commit("before writ")
	if err := os.Remove(filepath.Join(f.dir, "out")); err != nil {
		t.Fatal(err)
	}
	f.put("policies/x.yaml", "x\n")
	f.put("out/x.yaml", "x\n")
	for _, folder := range []string{"policies", "out"} {
		if err := fstest.TestFS(at(t, filepath.Join(f.dir, folder), "HEAD")); err != nil {
			t.Error(err)
		}
	}
}

func TestRevisionsResolveAsGitDoes(t *testing.T) {
	f := newFixture(t)
	f.put("x", "1")
	one := f.commit("one")
	f.put("x", "2")
	two := f.commit("two")
	f.put("x", "3")
	three := f.commit("three", one)
	octopus := f.commit("octopus", three, two, one)
	f.reference("refs/remotes/origin/main", two)
	f.reference("refs/remotes/origin/HEAD", two)
	f.reference("refs/heads/feature/a-b", three)
	f.reference("refs/heads/config", one) // as .git/config is called
	f.reference("refs/heads/"+octopus.String()[:6], one)
	f.reference("refs/heads/both", one)
	f.reference("refs/tags/both", two)
	tag, err := f.repo.CreateTag("v1.0", two, &git.CreateTagOptions{Tagger: f.signature(), Message: "annotated"})
	if err != nil {
		t.Fatal(err)
	}
	nested := f.store(plumbing.TagObject, fmt.Appendf(nil,
		"object %s\ntype tag\ntag nested\ntagger t <t@example.com> 1800000000 +0000\n\nnested\n", tag.Hash()))
	f.reference("refs/tags/nested", nested)

	want := map[string]plumbing.Hash{
		"HEAD": octopus, "@": octopus, "main": octopus, "heads/main": octopus, "refs/heads/main": octopus,
		"HEAD~": three, "HEAD^": three, "HEAD^1": three, "HEAD^2": two, "HEAD^3": one, "HEAD^0": octopus, "HEAD~0": octopus,
		"HEAD~2": one, "HEAD^^": one, "HEAD^2~1": one, "@~1": three,
		"origin/main": two, "origin": two, "origin/main^": one, "feature/a-b": three, "config": one, "both": two,
		"v1.0": two, "v1.0~1": one, "nested": two, tag.Hash().String(): two,
		two.String(): two, two.String()[:7]: two, strings.ToUpper(two.String()[:9]): two, octopus.String()[:6]: one,
	}
	for rev, commit := range want {
		_, got, err := Revision(f.dir, rev)
		if err != nil || got != commit.String() {
			t.Errorf("%s: got %s, %v; want %s", rev, got, err, commit)
		}
	}
	for rev, commit := range want {
		if got := gitBinary(t, f.dir, "rev-parse", rev+"^{commit}"); !strings.HasSuffix(got, commit.String()) {
			t.Errorf("git itself says that %s is %s", rev, got)
		}
	}
}

func TestUnknownRevisions(t *testing.T) {
	f := newFixture(t)
	f.put("x", "1")
	f.commit("one")
	blob := f.store(plumbing.BlobObject, []byte("1"))
	const fetch = "no branch, tag or commit has this name; if the remote has it, run `git fetch` first"
	const spelling = "expected a branch, a tag or a commit, with ~N or ^N behind it"
	tests := map[string]string{
		"origin/main":                 fetch,
		"cafe":                        fetch,
		"index":                       fetch,
		"":                            spelling,
		"~1":                          spelling,
		"^main":                       spelling,
		"main..HEAD":                  spelling,
		"main@{1}":                    spelling,
		"main^{tree}":                 spelling,
		"main:policies":               spelling,
		":/one":                       spelling,
		"../../x":                     spelling,
		"a\nb":                        spelling,
		"HEAD~1":                      "has no parent 1",
		"HEAD^2":                      "has no parent 2",
		"HEAD~9999999999999999999999": "~9999999999999999999999 is too far",
		blob.String():                 "it names a blob, not a commit",
		"0123456789012345678901234567890123456789": "object 0123456789012345678901234567890123456789 is not in this clone",
	}
	for rev, want := range tests {
		_, _, err := Revision(f.dir, rev)
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("unknown revision %q", rev)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", rev, err)
		}
	}
}

func TestNotARepository(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Revision(dir, "HEAD"); err == nil || err.Error() != dir+" is not in a git repository" {
		t.Errorf("got %v", err)
	}
	if _, _, err := Revision(filepath.Join(dir, "nowhere"), "HEAD"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestClonesOfEveryKind(t *testing.T) {
	f := estate(t)
	want := contents(t, at(t, f.dir, "HEAD"))
	url := "file://" + filepath.ToSlash(f.dir)
	parent := t.TempDir()
	tests := map[string][]string{
		"full":     {"clone", "-q", url, "full"},
		"shared":   {"clone", "-q", "--shared", f.dir, "shared"},
		"borrowed": {"clone", "-q", "--shared", "shared", "borrowed"},
		"sparse":   {"clone", "-q", "--sparse", url, "sparse"},
		"partial":  {"clone", "-q", "--filter=blob:none", url, "partial"},
		"shallow":  {"clone", "-q", "--depth=1", url, "shallow"},
	}
	gitBinary(t, f.dir, "config", "uploadpack.allowFilter", "true")
	for _, name := range []string{"full", "shared", "borrowed", "sparse", "partial", "shallow"} {
		gitBinary(t, parent, tests[name]...)
		dir := filepath.Join(parent, name)
		if name == "sparse" {
			gitBinary(t, dir, "sparse-checkout", "set", "policies")
		}
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, contents(t, at(t, dir, "origin/main"))); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, _, err := Revision(filepath.Join(parent, "shallow"), "HEAD~1")
	if err == nil || !strings.Contains(err.Error(), "shallow; fetch all of its history, with `fetch-depth: 0`") {
		t.Errorf("a parent beyond the depth: %v", err)
	}
	_, _, err = Revision(filepath.Join(parent, "shallow"), "release")
	if err == nil || !strings.Contains(err.Error(), "shallow") {
		t.Errorf("a branch that was not fetched: %v", err)
	}
}

func TestLinkedWorkTreeHasItsOwnHead(t *testing.T) {
	f := estate(t)
	linked := filepath.Join(t.TempDir(), "linked")
	gitBinary(t, f.dir, "worktree", "add", "-q", "-b", "other", linked, "HEAD~1")
	if diff := cmp.Diff(map[string]string{"eu/shop/x.yaml": "old\n"}, contents(t, at(t, filepath.Join(linked, "out"), "HEAD"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"eu/shop/x.yaml": "new\n"}, contents(t, at(t, filepath.Join(linked, "out"), "main"))); diff != "" {
		t.Error(diff)
	}
}

func TestFolderBehindALink(t *testing.T) {
	f := estate(t)
	link := filepath.Join(t.TempDir(), "estate")
	if err := os.Symlink(filepath.Join(f.dir, "out"), link); err != nil {
		t.Skip(err)
	}
	if diff := cmp.Diff(map[string]string{"eu/shop/x.yaml": "new\n"}, contents(t, at(t, link, "HEAD"))); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	gitBinary(t, dir, "init", "-q", "--object-format=sha256")
	if _, _, err := Revision(dir, "HEAD"); err == nil || !strings.Contains(err.Error(), "objectformat = sha256") {
		t.Errorf("got %v", err)
	}
}

func TestSeveralReadersAtOnce(t *testing.T) {
	f := newFixture(t)
	for i := range 200 {
		f.put(fmt.Sprintf("policies/t%d/s%d.yaml", i%7, i), strings.Repeat(fmt.Sprintf("line of %d\n", i), i*20))
	}
	f.commit("many")
	if _, err := exec.LookPath("git"); err == nil {
		gitBinary(t, f.dir, "repack", "-adfq")
	}
	want := contents(t, os.DirFS(filepath.Join(f.dir, "policies")))
	fsys := at(t, filepath.Join(f.dir, "policies"), "HEAD")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for p, data := range want {
				got, err := fs.ReadFile(fsys, p)
				if err != nil || !bytes.Equal(got, []byte(data)) {
					t.Errorf("%s: %d bytes, %v", p, len(got), err)
				}
				if info, err := fs.Stat(fsys, p); err != nil || info.Size() != int64(len(data)) {
					t.Errorf("%s: %v, %v", p, info, err)
				}
			}
		})
	}
	wait.Wait()
}

// Reading all of 10,000 files: from git objects, by the git binary, and from the disk.
func BenchmarkRead10000(b *testing.B) {
	f := newFixture(b)
	for i := range 10000 {
		f.put(fmt.Sprintf("policies/teams/t%d/s%d.yaml", i%100, i), strings.Repeat(fmt.Sprintf("- {to: shop/s%d, endpoints: [e]}\n", i), 20))
	}
	gitBinary(b, f.dir, "add", "-A")
	gitBinary(b, f.dir, "commit", "-qm", "many")
	gitBinary(b, f.dir, "repack", "-adq")
	read := func(b *testing.B, open func() fs.FS) {
		for b.Loop() {
			if n := len(contents(b, open())); n != 10000 {
				b.Fatal(n)
			}
		}
	}
	b.Run("gitops", func(b *testing.B) { read(b, func() fs.FS { return at(b, f.dir, "HEAD") }) })
	b.Run("disk", func(b *testing.B) { read(b, func() fs.FS { return os.DirFS(filepath.Join(f.dir, "policies")) }) })
	b.Run("binary", func(b *testing.B) {
		for b.Loop() {
			names := gitBinary(b, f.dir, "ls-tree", "-r", "--format=%(objectname)", "HEAD")
			cmd := exec.Command("git", "-C", f.dir, "cat-file", "--batch")
			cmd.Stdin = strings.NewReader(names + "\n")
			if out, err := cmd.Output(); err != nil || len(out) < 10000 {
				b.Fatal(len(out), err)
			}
		}
	})
}
