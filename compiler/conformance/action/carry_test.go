package action

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// estate is a bare repository on the hub, in which services of team shop may read addresses, and a clone of it.
func estate(t *testing.T, published bool) (*hub, *repo) {
	t.Helper()
	h := newHub(t)
	h.git, h.pushes = t.TempDir(), map[string]string{"writer": "bot"}
	r := begin(t)
	r.git("rm", "-q", "policies/teams/identity/tests.yaml")
	r.replace("policies/teams/identity/customers.yaml", "from: shop/checkout", "from: {team: shop}")
	if published {
		r.replace("policies/platform/meshes/prod.yaml", "spec:\n", "spec:\n  delivery: published\n")
		r.git("rm", "-rq", "out")
	} else {
		r.writ("build")
	}
	r.commit("shop may read addresses")
	bare := filepath.Join(h.git, "access.git")
	r.git("clone", "-q", "--bare", ".", bare)
	r.git("-C", bare, "config", "http.receivepack", "true")
	r.git("remote", "add", "origin", bare)
	r.git("fetch", "-q", "origin")
	return h, r
}

// reader makes a service that reads addresses, on a branch of its own; it is built where out/ is carried.
func (r *repo) reader(branch, from string, carried bool) {
	r.t.Helper()
	r.git("checkout", "-q", "-b", branch, from)
	r.write("policies/teams/shop/"+branch+".yaml", fmt.Sprintf(`apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: %s, namespace: shop}
spec:
  personalData: {processes: [{activity: order-fulfilment, categories: [user.contact.address], stored: false}]}
  intents:
    - {to: identity/customers, endpoints: [read-address], because: a parcel is brought, activity: order-fulfilment}
`, branch))
	if carried {
		r.writ("build")
	}
	r.commit(branch)
	r.git("push", "-q", "origin", branch)
}

// merge is the button: the branch is merged into main of the hub, and all refs are fetched.
func (r *repo) merge(branch string) {
	r.t.Helper()
	r.git("fetch", "-q", "origin")
	r.git("checkout", "-q", "-B", "main", "origin/main")
	r.git("merge", "-q", "--no-ff", "-m", "Merge "+branch, "origin/"+branch)
	r.git("push", "-q", "origin", "main")
	r.git("fetch", "-q", "origin")
}

// carry runs the workflow that commits out/, on a branch as it stands on the hub.
func (h *hub) carry(r *repo, event, branch string, secrets ...string) *outcome {
	h.t.Helper()
	return h.carryAt(r, event, branch, "", secrets...)
}

// carryAt does so where the branch is checked out at a commit, and moves on while the workflow runs.
func (h *hub) carryAt(r *repo, event, branch, at string, secrets ...string) *outcome {
	h.t.Helper()
	f := newForge(h.t)
	f.api, f.secrets, f.remote, f.at = h.url, secrets, filepath.Join(h.git, "access.git"), at
	payload := pullRequest()
	pull := payload["pull_request"].(map[string]any)
	pull["head"].(map[string]any)["ref"] = branch
	if event != "pull_request" {
		payload = map[string]any{"ref": "refs/heads/" + branch, "repository": payload["repository"]}
	}
	o := f.run(r, "writ-out.yml", event, payload)
	r.git("fetch", "-q", "origin")
	return o
}

// current fails where out/ of a branch of the hub is behind, or lacks a reader.
func (r *repo) current(branch string, readers ...string) {
	r.t.Helper()
	r.git("checkout", "-q", "--detach", "origin/"+branch)
	if said := r.check(); !strings.Contains(said, "out/ is current") {
		r.t.Errorf("%s: %s", branch, said)
	}
	policy := r.read("out/prod-1/identity/authorizationpolicy-customers.yaml")
	for _, reader := range append(readers, "checkout") {
		if !strings.Contains(policy, "prod.example.org/ns/shop/sa/"+reader) {
			r.t.Errorf("%s has no %s:\n%s", branch, reader, policy)
		}
	}
	if strings.Contains(policy, "<<<<") {
		r.t.Errorf("%s: %s", branch, policy)
	}
}

func (r *repo) green(branch string) {
	r.t.Helper()
	r.git("checkout", "-q", "-B", "main", "origin/main")
	r.git("branch", "-q", "-f", branch, "origin/"+branch)
	r.merged(branch)
	if o := newForge(r.t).run(r, "writ.yml", "pull_request", pullRequest()); o.jobs["check"] != "success" {
		r.t.Errorf("%s: %v\n%s", branch, o.jobs, o.log)
	}
}

// TestTwoMeetInOneFile: both are green, the second conflicts once the first is merged, and is built anew by the workflow.
func TestTwoMeetInOneFile(t *testing.T) {
	t.Parallel()
	h, r := estate(t, false)
	r.reader("alpha", "main", true)
	r.reader("beta", "main", true)
	r.green("alpha")
	r.green("beta")
	r.merge("alpha")
	o := h.carry(r, "workflow_dispatch", "beta", "WRIT_TOKEN=writer")
	if o.jobs["carry"] != "success" || o.outputs["commit"] == "" {
		t.Fatalf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	r.current("beta", "alpha", "beta")
	r.green("beta")
	r.merge("beta")
	r.current("main", "alpha", "beta")
	if o := h.carry(r, "push", "main", "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] != "" {
		t.Errorf("main was current: %v %v\n%s", o.jobs, o.outputs, o.log)
	}
}

// TestTwoMeetByHand: the same on somebody's own machine.
func TestTwoMeetByHand(t *testing.T) {
	t.Parallel()
	_, r := estate(t, false)
	r.reader("alpha", "main", true)
	r.reader("beta", "main", true)
	r.merge("alpha")
	r.git("checkout", "-q", "beta")
	r.run("bash", "-c", "! git merge -q origin/main")
	r.writ("build")
	r.commit("merge")
	r.git("push", "-q", "origin", "beta")
	r.green("beta")
	r.merge("beta")
	r.current("main", "alpha", "beta")
}

// TestTwoThatMergeCleanlyAndWrong: no line conflicts, and out/ of the merge is what neither meant. The check of the merge says so, the
// workflow commits what is right; without it main would be behind, and is repaired.
func TestTwoThatMergeCleanlyAndWrong(t *testing.T) {
	t.Parallel()
	h, r := estate(t, false)
	r.git("checkout", "-q", "-b", "port", "main")
	r.replace("policies/teams/identity/customers.yaml", "targetPort: 8080", "targetPort: 8081")
	r.writ("build")
	r.commit("port")
	r.git("push", "-q", "origin", "port")
	r.git("checkout", "-q", "-b", "metrics", "main")
	r.replace("policies/teams/identity/customers.yaml", "  personalData:", "    list: {methods: [POST], paths: [/v1/parcels], returns: {none: numbers}}\n  personalData:")
	r.replace("policies/teams/identity/customers.yaml", "  grants:", "  grants:\n    - {from: shop/checkout, endpoints: [list]}")
	r.replace("policies/teams/shop/checkout.yaml", "  intents:", "  intents:\n    - {to: identity/customers, endpoints: [list], because: parcels are listed}")
	r.writ("build")
	r.commit("metrics")
	r.git("push", "-q", "origin", "metrics")
	r.green("port")
	r.green("metrics")
	r.merge("port")

	// What the check says of the second.
	r.git("branch", "-q", "-f", "metrics", "origin/metrics")
	r.merged("metrics")
	o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest())
	if o.jobs["check"] != "failure" || o.outputs["behind"] != "true" {
		t.Fatalf("the merge was not behind: %v %v\n%s", o.jobs, o.outputs, o.log)
	}
	// Without a token nothing is done, and nothing fails.
	o = h.carry(r, "pull_request", "metrics")
	if o.jobs["carry"] != "success" || o.outputs["commit"] != "" || len(o.annotations) != 1 {
		t.Errorf("without a token: %v %v %v\n%s", o.jobs, o.outputs, o.annotations, o.log)
	}
	// A token that may not push is told.
	o = h.carry(r, "pull_request", "metrics", "WRIT_TOKEN=reader")
	if o.jobs["carry"] != "failure" || strings.Contains(o.log, "reader@") {
		t.Errorf("a token without rights: %v\n%s", o.jobs, o.log)
	}
	// With one that may, the branch gets what the merge is to have, and main below it.
	r.git("push", "-q", "origin", "origin/metrics:refs/heads/metrics-2")
	o = h.carry(r, "pull_request", "metrics-2", "WRIT_TOKEN=writer")
	if o.jobs["carry"] != "success" || o.outputs["commit"] == "" {
		t.Fatalf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	r.git("merge-base", "--is-ancestor", "origin/main", "origin/metrics-2")
	r.green("metrics-2")
	// Somebody merges the other all the same: main is behind, and is repaired.
	wrong := r.git("rev-parse", "origin/metrics")
	r.merge("metrics")
	o = h.carry(r, "push", "main", "WRIT_TOKEN=writer")
	if o.jobs["carry"] != "success" || o.outputs["commit"] == "" {
		t.Fatalf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	r.current("main")
	if policy := r.read("out/prod-1/identity/authorizationpolicy-customers.yaml"); strings.Contains(policy, "8080") || strings.Count(policy, "8081") != 2 {
		t.Error(policy)
	}
	// Nothing was rewritten: all that was pushed is below main.
	r.git("merge-base", "--is-ancestor", wrong, "origin/main")
	r.git("merge-base", "--is-ancestor", "origin/port", "origin/main")
}

// TestCarryStepsBack: a conflict of people, a finding, a push meanwhile and a fork are none of its business.
func TestCarryStepsBack(t *testing.T) {
	t.Parallel()
	h, r := estate(t, false)
	// Both change the reason of one intent.
	for _, branch := range []string{"alpha", "beta"} {
		r.git("checkout", "-q", "-b", branch, "main")
		r.replace("policies/teams/shop/checkout.yaml", "labels for parcels are printed at checkout", "it is "+branch)
		r.writ("build")
		r.commit(branch)
		r.git("push", "-q", "origin", branch)
	}
	r.merge("alpha")
	before := r.git("rev-parse", "origin/beta")
	o := h.carry(r, "workflow_dispatch", "beta", "WRIT_TOKEN=writer")
	if o.jobs["carry"] != "failure" || !strings.Contains(fmt.Sprint(o.annotations), "outside of out/") {
		t.Errorf("%v %v\n%s", o.jobs, o.annotations, o.log)
	}
	// What fails for more than out/ is mended by people first.
	r.git("checkout", "-q", "-b", "typo", "origin/main")
	r.replace("policies/teams/shop/checkout.yaml", "endpoints: [read-address]", "endpoints: [read-adress]")
	r.commit("typo")
	r.git("push", "-q", "origin", "typo")
	if o := h.carry(r, "pull_request", "typo", "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] != "" || !strings.Contains(fmt.Sprint(o.annotations), "mend that first") {
		t.Errorf("%v %v %v\n%s", o.jobs, o.outputs, o.annotations, o.log)
	}
	// A fork is left alone.
	f := newForge(t)
	f.secrets = []string{"WRIT_TOKEN=writer"}
	payload := pullRequest()
	payload["pull_request"].(map[string]any)["head"].(map[string]any)["repo"] = map[string]any{"full_name": "stranger/access"}
	f.api = h.url
	if o := f.run(r, "writ-out.yml", "pull_request", payload); o.jobs["carry"] == "failure" || strings.Contains(o.log, "setup") {
		t.Errorf("a fork: %v\n%s", o.jobs, o.log)
	}
	// Somebody pushes between checkout and push.
	r.reader("gamma", "origin/main", false)
	r.git("checkout", "-q", "gamma")
	stale := r.head()
	r.write("note.md", "more\n")
	r.commit("more")
	r.git("push", "-q", "origin", "gamma")
	if o := h.carryAt(r, "pull_request", "gamma", stale, "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] != "" || !strings.Contains(fmt.Sprint(o.annotations), "pushed meanwhile") {
		t.Errorf("a push meanwhile: %v %v %v\n%s", o.jobs, o.outputs, o.annotations, o.log)
	}
	if now := r.git("--git-dir="+filepath.Join(h.git, "access.git"), "rev-parse", "beta"); now != before {
		t.Errorf("beta was touched: %s", now)
	}
}

// TestTwoMeetPublished: pull requests touch policies/ alone, so that nothing conflicts; the job after each merge writes out/.
func TestTwoMeetPublished(t *testing.T) {
	t.Parallel()
	h, r := estate(t, true)
	if o := h.carry(r, "push", "main", "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] == "" {
		t.Fatalf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	r.git("fetch", "-q", "origin")
	r.reader("alpha", "origin/main", false)
	r.reader("beta", "origin/main", false)
	for _, branch := range []string{"alpha", "beta"} {
		r.green(branch)
		if o := h.carry(r, "pull_request", branch, "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] != "" {
			t.Errorf("%s: %v %v\n%s", branch, o.jobs, o.outputs, o.log)
		}
	}
	r.merge("alpha")
	first := r.git("rev-parse", "origin/main")
	r.merge("beta")
	// The job of the first merge comes late: main has moved on, and the second's does it all.
	if o := h.carryAt(r, "push", "main", first, "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] != "" {
		t.Errorf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	if o := h.carry(r, "push", "main", "WRIT_TOKEN=writer"); o.jobs["carry"] != "success" || o.outputs["commit"] == "" {
		t.Errorf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	r.git("checkout", "-q", "--detach", "origin/main")
	if said := r.writ("build"); !strings.Contains(said, "out/: 0 written, 0 removed") {
		t.Error(said)
	}
	policy := r.read("out/prod-1/identity/authorizationpolicy-customers.yaml")
	for _, reader := range []string{"alpha", "beta", "checkout"} {
		if !strings.Contains(policy, "/sa/"+reader) {
			t.Errorf("no %s: %s", reader, policy)
		}
	}
}

// TestTwoMeetOnTheBranch: where `writ publish` keeps rendered manifests on a branch of its own, the job of each merge commits there, and
// one that comes late takes nothing back.
func TestTwoMeetOnTheBranch(t *testing.T) {
	t.Parallel()
	h, r := estate(t, true)
	h.pushes[secret] = "bot"
	publish := func(at string, vars ...string) *outcome {
		f := newForge(t)
		f.api, f.secrets, f.vars, f.remote, f.at = h.url, []string{"GITHUB_TOKEN=" + secret}, vars, filepath.Join(h.git, "access.git"), at
		o := f.run(r, "writ-publish.yml", "push", map[string]any{"ref": "refs/heads/main", "repository": map[string]any{"full_name": "shop/access", "default_branch": "main"}})
		r.git("fetch", "-q", "origin")
		return o
	}
	const branch = "WRIT_PUBLISH_BRANCH=rendered"
	if o := publish(""); o.jobs["publish"] == "failure" || strings.Contains(r.git("branch", "-r"), "rendered") {
		t.Errorf("without the variable: %v\n%s", o.jobs, o.log)
	}
	r.reader("alpha", "origin/main", false)
	r.reader("beta", "origin/main", false)
	r.green("alpha")
	r.green("beta")
	r.merge("alpha")
	first := r.git("rev-parse", "origin/main")
	r.merge("beta")
	for _, at := range []string{"", first} {
		if o := publish(at, branch); at == "" && o.jobs["publish"] != "success" || strings.Contains(o.log, secret) {
			t.Fatalf("%v\n%s", o.jobs, o.log)
		}
	}
	policy := r.git("show", "origin/rendered:out/prod-1/identity/authorizationpolicy-customers.yaml")
	for _, reader := range []string{"alpha", "beta", "checkout"} {
		if !strings.Contains(policy, "/sa/"+reader) {
			t.Errorf("no %s: %s", reader, policy)
		}
	}
	if n := r.git("rev-list", "--count", "origin/rendered"); n != "1" {
		t.Errorf("%s commits on the branch", n)
	}
}
