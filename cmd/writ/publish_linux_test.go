//go:build linux

package main

import (
	"encoding/pem"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gitIn runs git as a tester would.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git binary here")
	}
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = testerEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func testerEnv() []string {
	env := append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+who+"_NAME=tester", "GIT_"+who+"_EMAIL=tester@example.org")
	}
	return env
}

// publisher is an estate under git with a repository to publish to, and the URLs by which that is reached.
func newPublisher(t *testing.T, clusters, services int) (e *estate, dir string, urls map[string]string) {
	e = newEstate(t, t.TempDir(), clusters, services)
	dir = filepath.Join(t.TempDir(), "deploy.git")
	gitIn(t, ".", "init", "-q", "--bare", dir)
	gitIn(t, dir, "config", "http.receivepack", "true")
	gitIn(t, dir, "config", "gc.auto", "0")
	gitIn(t, e.dir, "init", "-q", "-b", "main")
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&cgi.Handler{
		Path: git, Args: []string{"http-backend"}, InheritEnv: []string{"PATH"},
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	})
	t.Cleanup(s.Close)
	return e, dir, map[string]string{"file": "file://" + dir, "http": s.URL + "/deploy.git"}
}

func (e *estate) commit(message string) {
	e.t.Helper()
	gitIn(e.t, e.dir, "add", ".")
	gitIn(e.t, e.dir, "commit", "-q", "-m", message)
}

func (e *estate) publish(url string, args ...string) (code int, text string) {
	e.t.Helper()
	cmd := e.command(append([]string{"publish", "--to", url, "--branch", "deploy"}, args...)...)
	cmd.Env = testerEnv()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		e.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestKilledPublishersLeaveTheBranchOldOrNew kills real publishers at any moment. The branch then is where it was or where it was to
// be, everything in it is whole, and the next run completes to the very commit that the dead one would have made.
func TestKilledPublishersLeaveTheBranchOldOrNew(t *testing.T) {
	t.Parallel()
	kills := 24
	if testing.Short() {
		kills = 6
	}
	e, dir, urls := newPublisher(t, 5, 60)
	words := []string{permissive, strict}
	e.want(words[0])
	e.commit("begin")
	began := time.Now()
	if code, text := e.publish(urls["file"]); code != exitClean {
		t.Fatal(text)
	}
	long := time.Since(began)
	counts := map[string]int{}
	for i := range kills {
		e.want(words[(i+1)%2])
		e.commit("the other word")
		old := gitIn(t, dir, "rev-parse", "deploy")
		way := []string{"file", "http"}[i%2]
		_, shown := e.publish(urls[way], "--dry-run")
		_, after, _ := strings.Cut(shown, "would be published to deploy as ")
		fresh, _, found := strings.Cut(after, ":")
		if !found {
			t.Fatal(shown)
		}
		cmd := e.command("publish", "--to", urls[way], "--branch", "deploy")
		cmd.Env = testerEnv()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(long/3 + rand.N(long))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		time.Sleep(20 * time.Millisecond) // the server may still be at it, and must be whole all the same
		switch now := gitIn(t, dir, "rev-parse", "deploy"); now {
		case old:
			counts[way+" old"]++
		case fresh:
			counts[way+" new"]++
		default:
			t.Fatalf("the branch is at %s, neither at %s nor at %s", now, old, fresh)
		}
		gitIn(t, dir, "fsck", "--connectivity-only", "--no-dangling")
		if code, text := e.publish(urls[way]); code != exitClean || gitIn(t, dir, "rev-parse", "deploy") != fresh {
			t.Fatalf("the next run ends with %d, and the branch is not at %s: %s", code, fresh, text)
		}
	}
	if got := gitIn(t, dir, "rev-list", "--count", "--merges", "deploy"); got != "0" {
		t.Errorf("%s merges", got)
	}
	t.Logf("killed, the branch was: %v", counts)
}

// TestAnInterruptedPublisherSaysSo: Ctrl-C ends it at once, and says how far it was.
func TestAnInterruptedPublisherSaysSo(t *testing.T) {
	t.Parallel()
	e, _, _ := newPublisher(t, 1, 1)
	e.want(strict)
	e.commit("begin")
	asked, stop := make(chan bool, 1), make(chan bool)
	s := httptest.NewServer(waiting{asked, stop})
	defer s.Close()
	defer close(stop)
	cmd := e.command("publish", "--to", s.URL+"/x.git", "--branch", "deploy")
	cmd.Env = testerEnv()
	var text strings.Builder
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitCannot || !strings.HasPrefix(text.String(), "writ: interrupted: fetch deploy: ") {
		t.Errorf("exit code %d, %q", got, text.String())
	}
	if code, text := e.publish(s.URL+"/x.git", "--timeout", "50ms"); code != exitCannot || !strings.Contains(text, "given up after 50ms (--timeout): fetch deploy") {
		t.Errorf("exit code %d, %q", code, text)
	}
}

// TestManyRemovalsAreJudgedByTheBranch: the source has no out/ to count in.
func TestManyRemovalsAreJudgedByTheBranch(t *testing.T) {
	t.Parallel()
	e, dir, urls := newPublisher(t, 1, 30)
	mesh := strings.TrimSuffix(meshOf(strict), "}\n") + ", delivery: published"
	e.put(meshFile, mesh+"}\n")
	e.commit("begin")
	if code, text := e.publish(urls["http"]); code != exitClean {
		t.Fatal(text)
	}
	tip := gitIn(t, dir, "rev-parse", "deploy")
	few := newEstate(t, t.TempDir(), 1, 10)
	data, err := os.ReadFile(filepath.Join(few.dir, "policies/teams/shop/services.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	e.put("policies/teams/shop/services.yaml", string(data))
	e.commit("twenty go")
	if code, text := e.publish(urls["http"]); code != exitFindings || !strings.Contains(text, "20 of the 30 objects in out/c0 would be removed  [OUT-002]") ||
		gitIn(t, dir, "rev-parse", "deploy") != tip {
		t.Errorf("exit code %d: %s", code, text)
	}
	e.put(meshFile, mesh+", removals: [{cluster: c0, because: they moved, until: 2999-01-01}]}\n")
	e.commit("they moved")
	if code, text := e.publish(urls["http"]); code != exitClean || !strings.Contains(text, "0 written, 20 removed, 11 unchanged") {
		t.Errorf("exit code %d: %s", code, text)
	}
	if got := gitIn(t, dir, "ls-tree", "-r", "--name-only", "deploy"); strings.Count(got, "\n") != 10 {
		t.Errorf("the branch holds\n%s", got)
	}
}

// waiting is a server that never answers.
type waiting struct{ asked, stop chan bool }

func (w waiting) ServeHTTP(http.ResponseWriter, *http.Request) {
	select {
	case w.asked <- true:
	default:
	}
	<-w.stop
}

// TestATokenOpensHTTPSAndIsNeverShown: over TLS, with the token where a job of GitHub has it.
func TestATokenOpensHTTPSAndIsNeverShown(t *testing.T) {
	t.Parallel()
	e, dir, _ := newPublisher(t, 1, 2)
	e.want(strict)
	e.commit("begin")
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git binary here")
	}
	behind := &cgi.Handler{Path: git, Args: []string{"http-backend"}, InheritEnv: []string{"PATH"}, Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1"}}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, token, _ := r.BasicAuth(); token != "s3cret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	defer s.Close()
	trust := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(env ...string) (int, string) {
		cmd := e.command("publish", "--to", s.URL+"/deploy.git", "--branch", "deploy", "--format", "json")
		cmd.Env = append(testerEnv(), env...)
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, c := range []struct {
		env  []string
		code int
		want string
	}{
		{[]string{"WRIT_GIT_TOKEN=s3cret"}, exitCannot, "certificate signed by unknown authority"},
		{[]string{"SSL_CERT_FILE=" + trust, "WRIT_GIT_TOKEN="}, exitCannot, "give WRIT_GIT_TOKEN"},
		{[]string{"SSL_CERT_FILE=" + trust, "WRIT_GIT_TOKEN=0ther"}, exitCannot, "is the token right"},
		{[]string{"SSL_CERT_FILE=" + trust, "WRIT_GIT_TOKEN=s3cret"}, exitClean, `"result": "published"`},
	} {
		code, text := run(append(c.env, "GIT_ASKPASS=", "SSH_ASKPASS=")...)
		if code != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "s3cret") || strings.Contains(text, "0ther") {
			t.Errorf("%v: exit code %d, %s", c.env, code, text)
		}
	}
	if got := gitIn(t, dir, "cat-file", "-p", "deploy"); strings.Contains(got, "s3cret") {
		t.Errorf("the commit holds it: %s", got)
	}
}
