package action

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const head = "0123456789abcdef0123456789abcdef01234567"

// runOf is the event that a run of the check causes, for the branch `change` of the owner's repository.
func runOf(owner string, repository int) map[string]any {
	of := func(id int, name, owner string) map[string]any {
		return map[string]any{"id": id, "full_name": name, "owner": map[string]any{"login": owner}}
	}
	return map[string]any{
		"action": "completed", "repository": of(1, "shop/access", "shop"),
		"workflow_run": map[string]any{
			"id": 777, "event": "pull_request", "conclusion": "failure", "workflow_id": 41, "head_sha": head, "head_branch": "change",
			"repository": of(1, "shop/access", "shop"), "head_repository": of(repository, owner+"/access", owner),
		},
	}
}

// open is a pull request.
func (h *hub) open(number int, owner, branch, sha string, repository int) {
	h.pulls = append(h.pulls, map[string]any{
		"number": number, "state": "open",
		"head": map[string]any{"sha": sha, "ref": branch, "owner": owner, "repo": map[string]any{"id": repository}},
		"base": map[string]any{"ref": "main", "repo": map[string]any{"id": 1}},
	})
}

// reviewed is what the check of a wrong change leaves behind.
func reviewed(t *testing.T) (*repo, []byte) {
	t.Helper()
	r := begin(t)
	wrong(r)
	o := r.check("--format", "review="+filepath.Join(r.dir, "../review.json"), "--format", "text")
	if !strings.Contains(o, "REF-006") {
		t.Fatal(o)
	}
	data, err := os.ReadFile(filepath.Join(r.dir, "../review.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r, data
}

func (h *hub) comment(r *repo, payload map[string]any) *outcome {
	f := newForge(h.t)
	f.api, f.secrets = h.url, []string{"GITHUB_TOKEN=" + secret}
	return f.run(r, "writ-comment.yml", "workflow_run", payload)
}

func TestOneCommentIsKept(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	r, review := reviewed(t)
	h.keep(map[string][]byte{"review.json": review, "out.patch": []byte("x")})
	for i := range 230 { // ours is on the third page, behind somebody's who would like it to be theirs
		body := fmt.Sprintf("comment %d", i)
		if i == 3 {
			body = "<!-- writ: review -->\nmine"
		}
		h.comments = append(h.comments, map[string]any{"id": i + 1, "issue": "7", "body": body, "user": map[string]any{"login": "somebody"}})
	}
	h.open(6, "shop", "other", strings.Repeat("a", 40), 1)
	h.open(7, "stranger", "change", head, 99)
	o := h.comment(r, runOf("stranger", 99))
	if o.jobs["comment"] != "success" || len(h.comments) != 231 || !strings.Contains(o.log, "pull request 7: commented") {
		t.Fatalf("%v, %d comments\n%s", o.jobs, len(h.comments), o.log)
	}
	body := h.comments[230]["body"].(string)
	for _, part := range []string{"<!-- writ: review -->\n## writ: fails, 1 error", "`identity/customers` has no endpoint `\"read-adress\"`", "[The run for 0123456789ab](" + h.url + "/shop/access/actions/runs/777)"} {
		if !strings.Contains(body, part) {
			t.Errorf("the comment lacks %q:\n%s", part, body)
		}
	}
	// The same again changes nothing, something else edits the one that is there.
	if o := h.comment(r, runOf("stranger", 99)); !strings.Contains(o.log, "the comment says it already") || len(h.comments) != 231 {
		t.Errorf("%d comments\n%s", len(h.comments), o.log)
	}
	h.keep(map[string][]byte{"review.json": []byte(`{"version": 1, "passes": true}`)}) // of a second attempt
	if o := h.comment(r, runOf("stranger", 99)); !strings.Contains(o.log, "edited the comment") || len(h.comments) != 231 {
		t.Errorf("%d comments\n%s", len(h.comments), o.log)
	}
	if body := h.comments[230]["body"].(string); !strings.Contains(body, "## writ: passes, no findings") {
		t.Error(body)
	}
	if h.comments[3]["body"] != "<!-- writ: review -->\nmine" {
		t.Error("somebody else's comment was edited")
	}
}
