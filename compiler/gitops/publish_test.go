package gitops

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
)

func TestAPublicationIsOneCommitOnTop(t *testing.T) {
	f, dir := documents(t), bare(t)
	first := publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"eu-1/a.yaml": "ours a", "eu-1/b.yaml": "ours b", "eu-2/c.yaml": "ours c"}))
	if first.Outcome != Published || first.Parent != "" || first.Commit != gitBinary(t, dir, "rev-parse", "deploy") {
		t.Fatalf("got %+v", first)
	}
	// Somebody puts more on the branch: beside ours, and elsewhere.
	work := t.TempDir()
	gitBinary(t, ".", "clone", "-q", "-b", "deploy", dir, work)
	for name, text := range map[string]string{"README.md": "read me", "out/eu-1/theirs.txt": "theirs", "tools/run": "#!/bin/sh", "out.txt": "sorts before out/"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o755), os.WriteFile(filepath.Join(work, name), []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../README.md", filepath.Join(work, "out", "link")); err != nil {
		t.Fatal(err)
	}
	gitBinary(t, work, "add", ".")
	gitBinary(t, work, "update-index", "--add", "--cacheinfo", "160000,"+first.Commit+",module")
	gitBinary(t, work, "commit", "-qm", "by hand")
	gitBinary(t, work, "push", "-q", "origin", "deploy")
	before := gitBinary(t, dir, "ls-tree", "-r", "deploy")

	f.put("policies/b.yaml", "b\n")
	f.commit("the second")
	p := publication(t, f.dir, "HEAD", dir, map[string]string{"eu-1/a.yaml": "ours anew", "eu-1/b.yaml": "ours b", "eu-3/d.yaml": "ours d"})
	second := publish(t, p)
	if second.Outcome != Published || second.Parent == first.Commit || second.Since != p.At("HEAD~1") {
		t.Errorf("got %+v", second)
	}
	if got := gitBinary(t, dir, "diff", "--name-status", "deploy~1", "deploy"); got != "M\tout/eu-1/a.yaml\nD\tout/eu-2/c.yaml\nA\tout/eu-3/d.yaml" {
		t.Errorf("it changes\n%s", got)
	}
	after := gitBinary(t, dir, "ls-tree", "-r", "deploy")
	for line := range strings.Lines(before) {
		if !strings.Contains(line, "a.yaml") && !strings.Contains(line, "c.yaml") && !strings.Contains(after+"\n", strings.TrimSuffix(line, "\n")+"\n") {
			t.Errorf("it lost %s", line)
		}
	}
	gitBinary(t, dir, "fsck", "--strict", "--no-dangling")
	if third := publish(t, p); third.Outcome != Unchanged || third.Commit != second.Commit || gitBinary(t, dir, "rev-parse", "deploy") != second.Commit {
		t.Errorf("got %+v", third)
	}
	if got := gitBinary(t, dir, "rev-list", "--count", "deploy"); got != "3" {
		t.Errorf("%s commits", got)
	}
}

// At is the commit of a revision of the source.
func (p *Publication) At(rev string) string {
	c, err := p.Source.repo.resolve(rev)
	if err != nil {
		panic(err)
	}
	return c.Hash.String()
}

func TestTwoRunsMakeTheSameCommit(t *testing.T) {
	f := documents(t)
	var ids []string
	for _, dry := range []bool{true, false, false} {
		dir := bare(t)
		p := publication(t, f.dir, "HEAD", dir, map[string]string{"eu-1/a.yaml": "ours"})
		p.DryRun = dry
		done := publish(t, p)
		ids = append(ids, done.Commit)
		if there := gitBinary(t, dir, "branch", "--list", "deploy"); (there == "") != dry {
			t.Errorf("dry: %v, and the branches are %q", dry, there)
		}
		if !dry && gitBinary(t, dir, "log", "-1", "--format=%an <%ae> %at %cn <%ce> %ct", "deploy") != "writ <writ@boutique.example> 1800000001 writ <writ@boutique.example> 1800000001" {
			t.Errorf("the commit is of %s", gitBinary(t, dir, "log", "-1", "--format=%an <%ae> %at %cn <%ce> %ct", "deploy"))
		}
	}
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("got %v", ids)
	}
}

// TestOnlyLaterRevisionsArePublished: a slow job takes nothing back, and who cannot tell does not try.
func TestOnlyLaterRevisionsArePublished(t *testing.T) {
	f, dir := documents(t), bare(t)
	old := f.commit("older")
	side := f.commit("aside", old)
	now := f.commit("newer", old)
	f.reference("refs/heads/side", side)
	files := func(s string) map[string]string { return map[string]string{"eu-1/a.yaml": "ours " + s} }
	publish(t, publication(t, f.dir, now.String(), dir, files("newer")))
	tip := gitBinary(t, dir, "rev-parse", "deploy")

	slow := publish(t, publication(t, f.dir, old.String(), dir, files("older")))
	if slow.Outcome != Superseded || slow.Since != now.String() || gitBinary(t, dir, "rev-parse", "deploy") != tip {
		t.Errorf("got %+v", slow)
	}
	clone := filepath.Join(t.TempDir(), "shallow")
	gitBinary(t, ".", "clone", "-q", "--depth=1", "-b", "side", "file://"+f.dir, clone)
	_, err := Publish(t.Context(), publication(t, clone, "HEAD", dir, files("aside")))
	if err == nil || !strings.Contains(err.Error(), "fetch-depth: 0") || gitBinary(t, dir, "rev-parse", "deploy") != tip {
		t.Errorf("got %v", err)
	}
	back := publication(t, f.dir, old.String(), dir, files("older"))
	back.Rollback = true
	if done := publish(t, back); done.Outcome != Published || done.Parent != tip {
		t.Errorf("got %+v", done)
	}
	// Neither comes after the other: both people said to publish, and nothing is lost.
	if done := publish(t, publication(t, f.dir, now.String(), dir, files("newer"))); done.Outcome != Published {
		t.Errorf("got %+v", done)
	}
	if done := publish(t, publication(t, f.dir, side.String(), dir, files("aside"))); done.Outcome != Published {
		t.Errorf("got %+v", done)
	}
	// Behind many commits of others the last publication is found again.
	work := t.TempDir()
	gitBinary(t, ".", "clone", "-q", "-b", "deploy", dir, work)
	for range 70 {
		gitBinary(t, work, "commit", "-q", "--allow-empty", "-m", "not ours")
	}
	gitBinary(t, work, "push", "-q", "origin", "deploy")
	for _, filter := range []string{"false", "true"} {
		gitBinary(t, dir, "config", "uploadpack.allowFilter", filter)
		for _, url := range []string{dir, overHTTP(t, dir, backend(t, dir))} {
			if done := publish(t, publication(t, f.dir, old.String(), url, files("older"))); done.Outcome != Superseded || done.Since != side.String() {
				t.Errorf("got %+v", done)
			}
		}
	}
}

func TestWhatStandsInTheWayIsSaid(t *testing.T) {
	f, dir := documents(t), bare(t)
	files := map[string]string{"eu-1/a.yaml": "ours"}
	publish(t, publication(t, f.dir, "HEAD", dir, files))
	for _, c := range []struct {
		change func(*Publication)
		want   string
	}{
		{func(p *Publication) { p.Branch = "refs/heads/x" }, `"refs/heads/x" is no name of a branch`},
		{func(p *Publication) { p.Branch = "a..b" }, `"a..b" is no name of a branch`},
		{func(p *Publication) { p.Branch = "-x" }, `"-x" is no name of a branch`},
		{func(p *Publication) { p.Path = "../out" }, "is no path in a repository"},
		{func(p *Publication) { p.Path = "a/.GIT/b" }, "is no path in a repository"},
		{func(p *Publication) { p.Path = "out/eu-1/a.yaml" }, "out/eu-1/a.yaml is there, and is no folder"},
		{func(p *Publication) { p.Path = "out/eu-1/a.yaml/b" }, "out/eu-1/a.yaml on the branch is no folder"},
		{func(p *Publication) { p.Author.Name = "a\nparent 0" }, "cannot make a commit"},
		{func(p *Publication) { p.Committer.Email = "a> 0 +0000\n" }, "cannot make a commit"},
		{func(p *Publication) { p.URL = filepath.Join(dir, "none") }, "is no repository, or none that you may see"},
		{func(p *Publication) { p.URL = "git://git.boutique.example/x" }, "git:// is not spoken here"},
		{func(p *Publication) { p.URL = "https:///x" }, "it names no host"},
		{func(p *Publication) { p.URL = "" }, "it is empty"},
		// Another branch of the name of a folder of branches.
		{func(p *Publication) { p.Branch = "deploy/eu" }, "there cannot be a branch deploy/eu beside deploy"},
	} {
		p := publication(t, f.dir, "HEAD", dir, files)
		c.change(p)
		if _, err := Publish(t.Context(), p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestNoSecretOfAURLIsRepeated(t *testing.T) {
	f := documents(t)
	for _, url := range []string{
		"https://s3cret@git.boutique.example/x", "https://user:s3cret@git.boutique.example/x", "HTTPS://user:s3cret@git.boutique.example/%zz",
		"ssh://git:s3cret@git.boutique.example/x", "http://:s3cret@git.boutique.example", "https://user:s3cret@[::1/x", "git://s3cret@git.boutique.example/x",
	} {
		_, err := Publish(t.Context(), publication(t, f.dir, "HEAD", url, nil))
		if !errors.Is(err, errSecret) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// race lets eight publishers commit at once, each to a folder of its own, and looks for every commit.
func race(t *testing.T, dir, url string, publishers, each int) {
	f := documents(t)
	var commits sync.Map
	var tries atomic.Int64
	var all sync.WaitGroup
	for who := range publishers {
		all.Go(func() {
			for i := range each {
				p := publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours " + strings.Repeat("x", i)})
				p.Path = "out/" + string(rune('a'+who))
				done, err := Publish(t.Context(), p)
				if err != nil || done.Outcome != Published {
					t.Errorf("publisher %d, commit %d: %+v, %v", who, i, done, err)
					return
				}
				tries.Add(int64(done.Tries))
				if _, twice := commits.LoadOrStore(done.Commit, true); twice {
					t.Errorf("%s was published twice", done.Commit)
				}
			}
		})
	}
	all.Wait()
	lines := strings.Split(gitBinary(t, dir, "rev-list", "--parents", "deploy"), "\n")
	for i, line := range lines {
		ids := strings.Fields(line)
		if _, ours := commits.Load(ids[0]); !ours || len(ids) != 2 && i < len(lines)-1 || len(ids) != 1 && i == len(lines)-1 {
			t.Errorf("the history has %s", line)
		}
	}
	if len(lines) != publishers*each {
		t.Errorf("%d commits arrived, of %d", len(lines), publishers*each)
	}
	gitBinary(t, dir, "fsck", "--strict", "--no-dangling")
	t.Logf("%d commits in %d tries", len(lines), tries.Load())
}

func TestPublishersRaceAndLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	dir := bare(t)
	race(t, dir, overHTTP(t, dir, backend(t, dir)), 8, 25)
}

func TestPublishersRaceInAFolder(t *testing.T) {
	dir := bare(t)
	race(t, dir, "file://"+dir, 4, 5)
}

func TestPublishersRaceOverSSH(t *testing.T) {
	dir := bare(t)
	race(t, dir, overSSH(t, dir), 4, 5)
}

// TestSlowJobsRace: eight jobs for eight revisions of one line of history. Whoever comes last, the newest stays.
func TestSlowJobsRace(t *testing.T) {
	f, dir := documents(t), bare(t)
	url := overHTTP(t, dir, backend(t, dir))
	var revisions []plumbing.Hash
	for i := range 8 {
		f.put("policies/a.yaml", strings.Repeat("a\n", i+2))
		revisions = append(revisions, f.commit("one more"))
	}
	var all sync.WaitGroup
	for i, rev := range revisions {
		all.Go(func() {
			if _, err := Publish(t.Context(), publication(t, f.dir, rev.String(), url, map[string]string{"a.yaml": "ours " + strings.Repeat("x", i)})); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := gitBinary(t, dir, "show", "deploy:out/a.yaml"); got != "ours xxxxxxx" {
		t.Errorf("the branch ends with %q", got)
	}
	order := []string{}
	for _, h := range strings.Fields(gitBinary(t, dir, "log", "--reverse", "--format=%(trailers:key=Writ-Source-Revision,valueonly)", "deploy")) {
		order = append(order, string(rune('0'+slices.Index(revisions, plumbing.NewHash(h)))))
	}
	if !slices.IsSorted(order) {
		t.Errorf("revisions were published in the order %v", order)
	}
}

func TestARefusedPushShowsWhy(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("hooks are shell scripts")
	}
	f, dir := documents(t), bare(t)
	publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"a.yaml": "ours"}))
	tip := gitBinary(t, dir, "rev-parse", "deploy")
	hook := "#!/bin/sh\nprintf 'deploy is protected\\nask \\033[31mthe platform\\n' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{dir, overHTTP(t, dir, backend(t, dir)), overSSH(t, dir)} {
		_, err := Publish(t.Context(), publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours anew"}))
		var refused *Refused
		if !errors.As(err, &refused) || refused.Reason != "pre-receive hook declined" {
			t.Fatalf("%s: got %v", url, err)
		}
		if d := cmp.Diff([]string{"deploy is protected", "ask \x1b[31mthe platform"}, refused.Told); d != "" {
			t.Error(d)
		}
		if now := gitBinary(t, dir, "rev-parse", "deploy"); now != tip {
			t.Errorf("the branch moved to %s", now)
		}
	}
}

// TestADiskThatIsFull: files of the server end after a few blocks, as if nothing more fitted.
func TestADiskThatIsFull(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no limits there")
	}
	f, dir := documents(t), bare(t)
	publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"a.yaml": "ours"}))
	tip := gitBinary(t, dir, "rev-parse", "deploy")
	full := overHTTP(t, dir, backend(t, dir, "/bin/sh", "-c", `trap "" XFSZ; ulimit -f 64; exec "$@"`, "sh"))
	files := map[string]string{}
	for i := range 40 { // which no packing makes small
		files[string(rune('A'+i))+".yaml"] = "ours " + string(randomText(i, 1<<16))
	}
	_, err := Publish(t.Context(), publication(t, f.dir, "HEAD", full, files))
	var refused *Refused
	if !errors.As(err, &refused) || !strings.Contains(strings.Join(append(refused.Told, refused.Reason), "\n"), "large") {
		t.Errorf("got %v, %+v", err, refused)
	}
	if now := gitBinary(t, dir, "rev-parse", "deploy"); now != tip {
		t.Errorf("the branch moved to %s", now)
	}
	gitBinary(t, dir, "fsck", "--strict", "--no-dangling")
	if done := publish(t, publication(t, f.dir, "HEAD", dir, files)); done.Outcome != Published {
		t.Errorf("got %+v", done)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if _, err := Publish(t.Context(), publication(t, f.dir, "HEAD", dir, nil)); err == nil || !strings.Contains(err.Error(), "make a temporary folder") {
		t.Errorf("got %v", err)
	}
}

// randomText is the same text every time, and no packing makes it small.
func randomText(seed, n int) []byte {
	text := make([]byte, n)
	x := uint64(seed)*2654435761 + 88172645463325252
	for i := range text {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		text[i] = byte(x)
	}
	return text
}

// cutting is a network that fails in the middle of one kind of request, or once behind it.
type cutting struct {
	http.Handler
	method, service string
	after           bool // the server has done its work, and its answer is lost
	once            atomic.Bool
}

func (c *cutting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != c.method || !strings.Contains(r.URL.String(), c.service) || c.once.Swap(true) && c.after {
		c.Handler.ServeHTTP(w, r)
		return
	}
	if c.after {
		c.Handler.ServeHTTP(discard{http.Header{}}, r)
	} else {
		_, _ = io.CopyN(io.Discard, r.Body, 50)
	}
	panic(http.ErrAbortHandler)
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestALostNetworkIsToldAsWhatItDid(t *testing.T) {
	f := documents(t)
	for _, c := range []struct {
		method, service string
		after           bool
		want            string // "" where it was published all the same
	}{
		{"GET", "git-upload-pack", false, "fetch deploy: "},
		{"POST", "git-upload-pack", false, "fetch deploy: "},
		{"GET", "git-receive-pack", false, "so far deploy is as it was"},
		{"POST", "git-receive-pack", false, "so far deploy is as it was"},
		{"POST", "git-receive-pack", true, ""},
	} {
		dir := bare(t)
		publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"a.yaml": "ours"}))
		tip := gitBinary(t, dir, "rev-parse", "deploy")
		url := overHTTP(t, dir, &cutting{Handler: backend(t, dir), method: c.method, service: c.service, after: c.after})
		done, err := Publish(t.Context(), publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours anew"}))
		now := gitBinary(t, dir, "rev-parse", "deploy")
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || now != tip):
			t.Errorf("%+v: got %v, and the branch is at %s", c, err, now)
		case c.want == "" && (err != nil || done.Outcome != Published || now != done.Commit || now == tip):
			t.Errorf("%+v: got %+v, %v", c, done, err)
		}
	}
	p := publication(t, f.dir, "HEAD", "http://127.0.0.1:1/x.git", nil)
	if _, err := Publish(t.Context(), p); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// TestALostAnswerBehindAnother: the answer is lost, and before anybody can look somebody else has pushed on top.
func TestALostAnswerBehindAnother(t *testing.T) {
	f, dir := documents(t), bare(t)
	publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"a.yaml": "ours"}))
	inner := &cutting{Handler: backend(t, dir), method: "POST", service: "git-receive-pack", after: true}
	var once sync.Once
	url := overHTTP(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inner.once.Load() {
			once.Do(func() {
				other := publication(t, f.dir, "HEAD", dir, map[string]string{"b.yaml": "ours"})
				other.Path = "other"
				publish(t, other)
			})
		}
		inner.ServeHTTP(w, r)
	}))
	done := publish(t, publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours anew"}))
	if done.Outcome != Published || done.Commit != gitBinary(t, dir, "rev-parse", "deploy~1") {
		t.Errorf("got %+v", done)
	}
}

// TestASilentServerIsNotBelieved: one that takes a push with an empty answer may have done it, or not.
func TestASilentServerIsNotBelieved(t *testing.T) {
	f, dir := documents(t), bare(t)
	publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"a.yaml": "ours"}))
	for _, does := range []bool{false, true} {
		real := backend(t, dir)
		url := overHTTP(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" && strings.Contains(r.URL.Path, "git-receive-pack") {
				if does {
					real.ServeHTTP(discard{http.Header{}}, r)
				}
				return
			}
			real.ServeHTTP(w, r)
		}))
		done, err := Publish(t.Context(), publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours anew"}))
		now := gitBinary(t, dir, "rev-parse", "deploy")
		if does && (err != nil || done.Commit != now) || !does && (err == nil || !strings.Contains(err.Error(), "the server did not answer; so far deploy is as it was")) {
			t.Errorf("got %+v, %v", done, err)
		}
	}
}

func TestAServerThatNeverAnswersIsLeft(t *testing.T) {
	f := documents(t)
	stop := make(chan struct{})
	url := overHTTP(t, "x.git", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	t.Cleanup(func() { close(stop) })
	ctx, cancel := contextFor(t, 50*time.Millisecond)
	defer cancel()
	if _, err := Publish(ctx, publication(t, f.dir, "HEAD", url, nil)); !errors.Is(err, ctx.Err()) || ctx.Err() == nil {
		t.Errorf("got %v", err)
	}
}

// TestWhatComesBackIsFetched: the tip alone was fetched, and meanwhile somebody brings back what the branch had before it.
func TestWhatComesBackIsFetched(t *testing.T) {
	for _, over := range []string{"file", "http"} {
		f, dir := documents(t), bare(t)
		for _, text := range []string{"ours long ago", "ours now"} {
			publish(t, publication(t, f.dir, "HEAD", dir, map[string]string{"eu-1/a.yaml": text, "eu-1/b/c.yaml": text, "same.yaml": "ours"}))
		}
		gitBinary(t, dir, "repack", "-adbq") // with bitmaps, by which servers guess what a client has
		url := dir
		if over == "http" {
			url = overHTTP(t, dir, backend(t, dir))
		}
		p := publication(t, f.dir, "HEAD", url, map[string]string{"eu-1/d.yaml": "ours"})
		render, calls := p.Render, 0
		p.Render = func(ctx context.Context, fsys fs.FS, since string) (*Contents, error) {
			c, err := render(ctx, fsys, since)
			if calls++; calls == 1 {
				work := t.TempDir()
				gitBinary(t, ".", "clone", "-q", "-b", "deploy", dir, work)
				gitBinary(t, work, "commit", "-q", "--allow-empty", "-m", "between")
				gitBinary(t, work, "revert", "-n", "HEAD~1")
				gitBinary(t, work, "commit", "-q", "-m", "back")
				gitBinary(t, work, "push", "-q", "origin", "deploy")
			}
			return c, err
		}
		done := publish(t, p)
		if done.Outcome != Published || done.Tries != 2 || calls != 2 {
			t.Errorf("%s: got %+v after %d calls", over, done, calls)
		}
		if got := gitBinary(t, dir, "log", "--format=%s", "deploy"); !strings.HasPrefix(got, "Publish ") || strings.Count(got, "\n") != 4 {
			t.Errorf("the history is\n%s", got)
		}
		if got := gitBinary(t, dir, "ls-tree", "-r", "--name-only", "deploy"); got != "out/eu-1/d.yaml" {
			t.Errorf("the branch holds\n%s", got)
		}
		gitBinary(t, dir, "fsck", "--strict", "--no-dangling")
	}
}
