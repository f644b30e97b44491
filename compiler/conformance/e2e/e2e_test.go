package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/parts"
)

// The tests run in namespaces of their own: the first process gets the parts, which needs the network, and starts itself anew inside.
const (
	wanted = "E2E"        // set by `make e2e`: it takes long, and root
	inside = "E2E_INSIDE" // set for the second process: its folder
	reason = "E2E_REASON" // why the tests cannot run
)

func TestMain(m *testing.M) {
	if os.Getenv(wanted) == "" || os.Getenv(inside) != "" || os.Getenv(reason) != "" {
		os.Exit(m.Run())
	}
	code, err := outside()
	if err != nil {
		var missing *parts.MissingError
		if !errors.As(err, &missing) || os.Getenv("CI") != "" {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			os.Exit(1)
		}
		os.Setenv(reason, err.Error())
		code = m.Run()
	}
	os.Exit(code)
}

// outside runs the tests inside namespaces of their own, and returns their exit code. All that they start ends with them: it lives in a
// process namespace whose first process ends when this one does, however that happens.
func outside() (int, error) {
	if os.Geteuid() != 0 {
		return 0, &parts.MissingError{Part: "root", Reason: "network namespaces and iptables need it"}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	here, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	if _, err := parts.Get(ctx, filepath.Join(here, "parts"), os.Stderr); err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "writ-e2e-")
	if err != nil {
		return 0, err
	}
	if err := os.Chmod(folder, 0o755); err != nil { // sidecars run as somebody else
		return 0, err
	}
	runtime.LockOSThread() // whose end is what Pdeathsig goes by
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	args := append([]string{
		"--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--", self,
	}, os.Args[1:]...)
	cmd := exec.Command("unshare", args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, &parts.MissingError{Part: "unshare", Reason: err.Error()}
	}
	go endWith(ctx, cmd.Process)
	if err := cmd.Wait(); err != nil {
		fmt.Fprintf(os.Stderr, "logs are in %s\n", folder)
		return max(cmd.ProcessState.ExitCode(), 1), nil
	}
	return 0, os.RemoveAll(folder)
}

// endWith ends the tests when somebody interrupts them, or kills what started them.
func endWith(ctx context.Context, p *os.Process) {
	parent := os.Getppid()
	for ctx.Err() == nil && os.Getppid() == parent {
		time.Sleep(200 * time.Millisecond)
	}
	_ = p.Kill()
}

// need skips a test that cannot run here.
func need(t *testing.T) {
	t.Helper()
	if why := os.Getenv(reason); why != "" {
		t.Skip(why)
	}
	if os.Getenv(inside) == "" {
		t.Skip("make e2e runs this")
	}
}

// repository is the root of this repository.
func repository(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(here, "/compiler/conformance/e2e")
}

// start runs two clusters of a repository, with the workloads of some Services or of all.
func start(t *testing.T, from string, only ...string) *estate {
	t.Helper()
	e := &estate{only: only}
	e.run(t, from, "eu-1", "us-1")
	return e
}

// run runs clusters of a repository.
func (e *estate) run(t *testing.T, from string, clusters ...string) {
	t.Helper()
	ctx := t.Context()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parts.Get(ctx, filepath.Join(here, "parts"), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	box, err := newSandbox(filepath.Join(os.Getenv(inside), strings.ReplaceAll(t.Name(), " ", "-")), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.close)
	e.box, e.parts = box, p
	if e.model, e.meant, err = readEstate(ctx, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := e.start(ctx, clusters...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d control planes in %.1f s", len(clusters), time.Since(begin).Seconds())
	if err := e.populate(ctx); err != nil {
		t.Fatal(err)
	}
	n, err := memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d pods in %.1f s, %d MiB in all", len(e.allPods()), time.Since(begin).Seconds(), n>>20)
}

// TestBoutique: the example, as it is, in two clusters.
func TestBoutique(t *testing.T) {
	need(t)
	e := start(t, repository(t))
	ctx := t.Context()
	begin := time.Now()
	argo, err := e.startArgoCD(ctx, repository(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := argo.synced(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("Argo CD has applied out/ after %.1f s", time.Since(begin).Seconds())
	if err := e.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("and the sidecars have it after %.1f s", time.Since(begin).Seconds())
	callees, err := e.callees(os.DirFS(filepath.Join(argo.repository, "out")))
	if err != nil {
		t.Fatal(err)
	}
	identities, err := e.identities(ctx)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, to := range callees {
		n += len(to.classes) * len(to.pods) * len(identities)
	}
	t.Logf("%d callees, %d identities, %d requests", len(callees), len(identities), n)
	t.Run("the callee alone", func(t *testing.T) { e.askDirectly(t, callees, identities) })
	e.askThrough(t, argo, callees)
	t.Run("planted faults", func(t *testing.T) { e.plant(t, argo, callees, identities) })
	t.Run("the life of a change", func(t *testing.T) { e.theLifeOfAChange(t, argo) })
	t.Run("what runs", func(t *testing.T) { e.runsAsMeant(t, argo.repository) })
}

// askDirectly asks every callee with every identity, from a place that no document names and from those that Outsiders call from.
func (e *estate) askDirectly(t *testing.T, callees []*callee, identities []identity) {
	begin := time.Now()
	all := newTally()
	for _, to := range callees {
		for i, sender := range e.outside {
			who := identities
			if i > 0 && !e.byAddress(to) {
				who = identities[:1] // nobody
			}
			asked, err := e.direct(t.Context(), sender, to, who)
			if err != nil {
				t.Fatal(err)
			}
			all.join(asked)
		}
	}
	tell(t, all, begin)
}

// askThrough sends the requests of all pods through their sidecars: as rendered, then with the Sidecars taken away by a commit, and at last
// with them back.
func (e *estate) askThrough(t *testing.T, argo *argoCD, callees []*callee) {
	ctx := t.Context()
	round := func(name string, scoped bool) {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			all, err := e.throughSidecars(ctx, strings.ReplaceAll(name, " ", "-"), e.allPods(), callees, scoped)
			if err != nil {
				t.Fatal(err)
			}
			tell(t, all, begin)
		})
	}
	round("through the Sidecars as rendered", true)
	scoped := e.sizes(t)
	files, err := filepath.Glob(filepath.Join(argo.repository, "out/*/*/sidecar-*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Sidecars: %v", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	argo.roll(t, "take the Sidecars away")
	round("without the callers' scope", false)
	t.Run("the scope makes the configuration smaller", func(t *testing.T) { e.scopeMakesSmaller(t, scoped, e.sizes(t)) })
	if err := argo.git("revert", "--no-edit", "HEAD"); err != nil {
		t.Fatal(err)
	}
	argo.roll(t, "")
}

// roll commits what changed, unless the subject is empty, and waits until the sidecars have it.
func (a *argoCD) roll(t *testing.T, subject string) {
	t.Helper()
	begin := time.Now()
	if subject != "" {
		if err := a.commit(subject); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.synced(t.Context()); err != nil {
		t.Fatal(err)
	}
	applied := time.Since(begin).Seconds()
	if err := a.estate.pushed(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("applied after %.1f s, in the sidecars after %.1f s", applied, time.Since(begin).Seconds())
}

// tell says what came of asking, and fails where anything differs.
func tell(t *testing.T, all *tally, begin time.Time) {
	t.Helper()
	t.Logf("%s; %.1f s", all, time.Since(begin).Seconds())
	for _, key := range slices.Sorted(maps.Keys(all.differences)) {
		t.Errorf("%d times, %s; first by %s", all.differences[key].n, key, all.differences[key].first)
	}
	if all.differing > 0 || all.allowed == 0 || all.refused == 0 {
		t.Errorf("%d of %d differ", all.differing, all.sent)
	}
}

// byAddress reports whether somebody may call the workload by where they are.
func (e *estate) byAddress(to *callee) bool {
	if to.workload == nil {
		return false
	}
	for a := range e.meant.Workloads[to.place()].Admitted {
		if strings.Contains(a.Peer, "/") && !strings.Contains(a.Peer, "/ns/") {
			return true
		}
	}
	return false
}
