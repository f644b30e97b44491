package action

import (
	"strings"
	"testing"
)

func pullRequest(number int) map[string]any {
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
	r := begin(t)
	r.git("checkout", "-q", "-b", "change")
	r.replace("policies/teams/shop/checkout.yaml", "labels for parcels are printed at checkout", "labels are printed")
	r.writ("build")
	r.commit("say it shorter")
	r.merged("change")
	o := newForge(t).run(r, "writ.yml", "pull_request", pullRequest(1))
	if o.jobs["check"] != "success" || o.outputs["result"] != "clean" || len(o.annotations) > 0 {
		t.Errorf("%v %v %v\n%s", o.jobs, o.outputs, o.annotations, o.log)
	}
	if !strings.HasPrefix(o.summary, "## writ: passes, no findings\n") {
		t.Errorf("summary: %s", o.summary)
	}
}
