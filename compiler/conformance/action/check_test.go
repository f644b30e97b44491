package action

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func pullRequest() map[string]any {
	const number = 1
	return map[string]any{
		"action": "opened", "number": number,
		"pull_request": map[string]any{
			"number": number, "head": map[string]any{"ref": "change", "repo": map[string]any{"full_name": "shop/access"}},
			"base": map[string]any{"ref": "main", "repo": map[string]any{"full_name": "shop/access"}},
		},
		"repository": map[string]any{"full_name": "shop/access", "default_branch": "main"},
	}
}

func TestCleanChange(t *testing.T) {
	t.Parallel()
	r := begin(t)
	r.git("checkout", "-q", "-b", "change")
	r.replace("policies/teams/shop/checkout.yaml", "labels for parcels are printed at checkout", "labels are printed")
	r.writ("build")
	r.commit("say it shorter")
	r.merged("change")
	o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest())
	if o.jobs["check"] != "success" || o.outputs["result"] != "clean" || len(o.annotations) > 0 {
		t.Errorf("%v %v %v\n%s", o.jobs, o.outputs, o.annotations, o.log)
	}
	if !strings.HasPrefix(o.summary, "## writ: passes, no findings\n") {
		t.Errorf("summary: %s", o.summary)
	}
}

// wrong is a change with an intent on an endpoint that nobody offers.
func wrong(r *repo) {
	r.git("checkout", "-q", "-b", "change")
	r.replace("policies/teams/shop/checkout.yaml", "endpoints: [read-address]", "endpoints: [read-adress]")
	r.writ("build")
	r.commit("read addresses")
	r.merged("change")
}

func TestFindingStandsOnItsLine(t *testing.T) {
	t.Parallel()
	r := begin(t)
	wrong(r)
	f := newForge(t)
	f.vars = []string{"WRIT_CODE_SCANNING=true"}
	f.repository = "shop/access"
	o := f.run(r, "writ.yml", "pull_request", pullRequest())
	if o.jobs["code-scanning"] != "success" {
		t.Errorf("%v\n%s", o.jobs, o.log)
	}
	if data, err := os.ReadFile(filepath.Join(f.artifacts, "uploaded.sarif")); err != nil || !strings.Contains(string(data), "REF-006") {
		t.Errorf("uploaded: %s, %v", data, err)
	}
	if o.jobs["check"] != "failure" || o.outputs["result"] != "findings" || o.outputs["behind"] != "false" {
		t.Errorf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	want := annotation{"error", "policies/teams/shop/checkout.yaml", "11", "REF-006 unknown-endpoint", "identity/customers has no endpoint \"read-adress\""}
	if len(o.annotations) == 0 || !strings.HasPrefix(o.annotations[0].message, want.message) {
		t.Fatalf("annotations: %v", o.annotations)
	}
	if o.annotations[0].message = want.message; o.annotations[0] != want {
		t.Errorf("annotation: %v", o.annotations[0])
	}
	for _, part := range []string{"## writ: fails", "### Access lost (1)", "### Who must agree", "### Findings"} {
		if !strings.Contains(o.summary, part) {
			t.Errorf("the summary lacks %q:\n%s", part, o.summary)
		}
	}
	for _, name := range []string{"writ/review.json", "writ-sarif/writ.sarif"} {
		if data, err := os.ReadFile(filepath.Join(f.artifacts, "777", name)); err != nil || !json.Valid(data) {
			t.Errorf("artifact %s: %v", name, err)
		}
	}
}

func TestOutBehindIsAPatch(t *testing.T) {
	t.Parallel()
	r := begin(t)
	r.git("checkout", "-q", "-b", "change")
	r.replace("policies/teams/identity/customers.yaml", "targetPort: 8080", "targetPort: 8081")
	r.commit("another port")
	r.merged("change")
	f := newForge(t)
	// A fork has the same rights here: to read, and no secret.
	o := f.run(r, "writ.yml", "pull_request", pullRequest())
	if o.jobs["check"] != "failure" || o.outputs["behind"] != "true" || len(o.annotations) != 1 {
		t.Fatalf("%v %v %v\n%s", o.jobs, o.outputs, o.annotations, o.log)
	}
	r.git("checkout", "-q", "change")
	r.git("apply", filepath.Join(f.artifacts, "777", "writ", "out.patch"))
	r.commit("build")
	r.merged("change")
	if o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest()); o.jobs["check"] != "success" {
		t.Errorf("after the patch: %v\n%s", o.jobs, o.log)
	}
}

func TestEventsAreJudgedByTheirBase(t *testing.T) {
	t.Parallel()
	r := begin(t)
	first := r.head()
	r.replace("policies/teams/shop/checkout.yaml", "endpoints: [read-address]", "endpoints: [read-adress]")
	r.writ("build")
	second := r.commit("read addresses")
	r.replace("policies/teams/shop/checkout.yaml", "labels for parcels", "labels")
	r.writ("build")
	third := r.commit("shorter")
	main := map[string]any{"full_name": "shop/access", "default_branch": "main"}
	tests := []struct {
		name, event string
		payload     map[string]any
		want        string
	}{
		{"a group that brings the mistake", "merge_group", map[string]any{"merge_group": map[string]any{"base_sha": first, "head_sha": third, "head_ref": "refs/heads/gh-readonly-queue/main/pr-1"}}, "failure"},
		{"a group behind it", "merge_group", map[string]any{"merge_group": map[string]any{"base_sha": second, "head_sha": third}}, "success"},
		{"a group whose base is not there", "merge_group", map[string]any{"merge_group": map[string]any{"base_sha": strings.Repeat("1", 40)}}, "failure"},
		{"a push that brings it", "push", map[string]any{"ref": "refs/heads/main", "before": first, "after": third}, "failure"},
		{"a push behind it", "push", map[string]any{"ref": "refs/heads/main", "before": second, "after": third}, "success"},
		{"a new branch", "push", map[string]any{"ref": "refs/heads/main", "before": strings.Repeat("0", 40), "after": third}, "failure"},
		{"a head that is no merge", "pull_request", pullRequest(), "failure"},
	}
	for _, test := range tests {
		test.payload["repository"] = main
		o := newForge(t).run(r, "writ.yml", test.event, test.payload)
		if o.jobs["check"] != test.want {
			t.Errorf("%s: %v\n%s", test.name, o.jobs, o.log)
		}
		if strings.Contains(test.name, "not there") || strings.Contains(test.name, "no merge") {
			if o.outputs["result"] != "error" || len(o.annotations) != 1 || !strings.Contains(o.annotations[0].message, "fetch-depth") {
				t.Errorf("%s: %v %v", test.name, o.outputs, o.annotations)
			}
		}
	}
}

// TestPublishedIsRenderedInMemory: where out/ is no part of a change, nobody misses it in one.
func TestPublishedIsRenderedInMemory(t *testing.T) {
	t.Parallel()
	r := begin(t)
	r.replace("policies/platform/meshes/prod.yaml", "spec:\n", "spec:\n  delivery: published\n")
	r.git("rm", "-rq", "out")
	r.commit("published")
	r.git("checkout", "-q", "-b", "change")
	r.replace("policies/teams/identity/customers.yaml", "targetPort: 8080", "targetPort: 8081")
	r.commit("another port")
	r.merged("change")
	o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest())
	if o.jobs["check"] != "success" || o.outputs["behind"] != "false" || !strings.Contains(o.summary, "container ports http 8080 → http 8081") {
		t.Errorf("%v %v %s\n%s", o.jobs, o.outputs, o.summary, o.log)
	}
}

// TestBuiltFromSource: without a cache the action builds writ from its own commit.
func TestBuiltFromSource(t *testing.T) {
	t.Parallel()
	r := begin(t)
	wrong(r)
	f := newForge(t)
	f.uncached = true
	if o := f.run(r, "writ.yml", "pull_request", pullRequest()); o.outputs["result"] != "findings" || !strings.Contains(o.outputs["writ"], "writ-bin/writ") {
		t.Errorf("%v\n%s", o.outputs, o.log)
	}
}

// TestReleaseIsTakenByItsDigest: an archive with other bytes is not unpacked.
func TestReleaseIsTakenByItsDigest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	archive := filepath.Join(folder, "v1.2.3", fmt.Sprintf("writ_1.2.3_linux_%s.tar.gz", runtime.GOARCH))
	if err := os.Mkdir(filepath.Dir(archive), 0o755); err != nil {
		t.Fatal(err)
	}
	r := begin(t)
	r.run("tar", "-czf", archive, "-C", filepath.Dir(built.writ), "writ")
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	use := fmt.Sprintf("        with: {version: v1.2.3, releases: %q, sha256: %x}\n", server.URL, sha256.Sum256(data))
	setup := "      - uses: " + source + "/.github/actions/setup@" + ref + "\n"
	r.replace(".github/workflows/writ.yml", setup, setup+use)
	r.commit("a release")
	wrong(r)
	if o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest()); o.outputs["result"] != "findings" {
		t.Errorf("%v\n%s", o.outputs, o.log)
	}
	data[len(data)-1]++
	if err := os.WriteFile(archive, data, 0o644); err != nil {
		t.Fatal(err)
	}
	o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest())
	if o.jobs["check"] != "failure" || o.outputs["writ"] != "" || len(o.annotations) != 1 || !strings.Contains(o.annotations[0].message, "is asked for") {
		t.Errorf("another digest: %v %v\n%s", o.outputs, o.annotations, o.log)
	}
}
