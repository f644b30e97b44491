package action

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the README shows of runs anew")

// shown is a block of the README that shows a part of a run.
var shown = regexp.MustCompile("(?s)<!-- run: ([a-z]+) -->\n```[a-z]+\n(.*?)```\n")

// TestREADME holds what the README shows of a newcomer's pull request against a run of it.
func TestREADME(t *testing.T) {
	t.Parallel()
	r := begin(t)
	wrong(r)
	f := newForge(t)
	o := f.run(r, "writ.yml", "pull_request", pullRequest())
	review, err := os.ReadFile(filepath.Join(f.artifacts, "777/writ/review.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, o.log)
	}
	h := ready(t, string(review))
	if code, said := h.direct(runOf("stranger", 99)); code != 0 || len(h.comments) != 1 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	comment := h.comments[0]["body"].(string)
	if !strings.Contains(comment, strings.TrimSpace(o.summary)) {
		t.Errorf("the summary is not what the comment says:\n%s", o.summary)
	}
	real := map[string]string{"annotations": o.commands, "comment": comment}
	file := filepath.Join(root(), "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	now := shown.ReplaceAllStringFunc(string(text), func(block string) string {
		m := shown.FindStringSubmatch(block)
		blocks++
		return strings.TrimSuffix(block, m[2]+"```\n") + real[m[1]] + "```\n"
	})
	switch {
	case blocks != len(real):
		t.Errorf("the README shows %d parts of a run, not %d", blocks, len(real))
	case *update:
		if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	case now != string(text):
		t.Errorf("the README shows something else of a run; `go test -run README -update` mends it:\n%s", strings.Join([]string{real["annotations"], real["comment"]}, "\n"))
	}
}
