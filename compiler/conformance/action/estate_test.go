package action

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // has the schema
	"github.com/santhosh-tekuri/jsonschema/v5"
)

var sarifSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	text, err := strconv.Unquote(file.Scope.Lookup("schema").Decl.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
	if err != nil {
		return nil, err
	}
	return jsonschema.CompileString("sarif-2.1.0.json", text)
})

// spitefulNames are names of files, each with a document that cannot be read.
var spitefulNames = []string{
	"$(touch pwned).yaml", "`touch pwned`.yaml", "; touch pwned;.yaml", "a\n::error::pwned\n.yaml", "a%0A::error::pwned.yaml", "x,line=1,title=pwned::.yaml",
	"::set-output name=result::clean.yaml", "##[add-mask]pwned.yaml", "<script>pwned<.yaml", "a|b|@org.yaml", "-rf.yaml", "\u202eevil.yaml", "'\"pwned.yaml",
}

// command is a rule's code, which the title of every annotation of a finding begins with.
var ruleTitle = regexp.MustCompile(`^[A-Z]{3}-\d{3} [a-z-]+( \(not of this change\))?$`)

// TestSpitefulChange: names and texts of a change that are made to break out come out as texts, in the log, on the page and in the
// files, and nothing of them is run.
func TestSpitefulChange(t *testing.T) {
	t.Parallel()
	r := begin(t)
	branch := `change$(touch${IFS}pwned);"'<b>`
	r.git("checkout", "-q", "-b", branch)
	for _, name := range spitefulNames {
		r.write("policies/teams/shop/"+name, "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: x, namespace: shop}\nspec: {pwned: 1}\n")
	}
	r.commit("names")
	r.merged(branch)
	h := spitefulRun(t, r, branch)
	if len(h.annotations) == 0 {
		t.Errorf("no annotation\n%s", h.log)
	}

	// Texts, where the rest is right: they come to the tables of who gains access.
	r = begin(t)
	r.git("checkout", "-q", "-b", branch)
	for i, text := range spiteful {
		because, err := json.Marshal("x " + strings.Map(func(c rune) rune {
			if c == 0 || c == 0x1b {
				return '?'
			}
			return c
		}, text))
		if err != nil {
			t.Fatal(err)
		}
		r.write(fmt.Sprintf("policies/teams/shop/s%d.yaml", i), fmt.Sprintf(`apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: s%d, namespace: shop}
spec:
  ports: {http: {port: 80}}
  endpoints: {read: {methods: [GET], paths: [/x], returns: {none: x}}}
  personalData: {none: x}
  intents:
    - {to: checkout, endpoints: [%[2]s], because: %[2]s}
    - {to: s0, endpoints: [read], because: %[2]s}
`, i, because))
	}
	r.commit("texts")
	r.merged(branch)
	spitefulRun(t, r, branch)
}

func spitefulRun(t *testing.T, r *repo, branch string) *outcome {
	t.Helper()
	f := newForge(t)
	payload := pullRequest()
	pull := payload["pull_request"].(map[string]any)
	pull["title"], pull["body"] = "$(touch pwned)", "`touch pwned`\n::error::pwned"
	pull["head"].(map[string]any)["ref"] = branch
	o := f.run(r, "writ.yml", "pull_request", payload)
	if o.jobs["check"] != "failure" || o.outputs["result"] != "findings" {
		t.Errorf("%v %v\n%s", o.jobs, o.outputs, o.log)
	}
	own := 0
	for _, a := range o.annotations {
		if !ruleTitle.MatchString(a.title) && a.title != "writ" {
			t.Errorf("an annotation that is not writ's: %v", a)
		}
		if own++; own > 30 {
			t.Error("more annotations than GitHub shows")
		}
	}
	_ = filepath.WalkDir(filepath.Dir(r.dir), func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "pwned" {
			t.Errorf("%s was made", p)
		}
		return nil
	})
	unharmed(t, o.summary, "")
	comment, err := os.ReadFile(o.outputs["comment"])
	if err == nil {
		unharmed(t, string(comment), "")
	}
	data, err := os.ReadFile(filepath.Join(f.artifacts, "777/writ-sarif/writ.sarif"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := sarifSchema()
	if err != nil {
		t.Fatal(err)
	}
	var log any
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(log); err != nil {
		t.Errorf("%#v", err)
	}
	// And the comment that the other workflow makes of it.
	review, err := os.ReadFile(filepath.Join(f.artifacts, "777/writ/review.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := ready(t, string(review))
	if code, said := h.direct(runOf("stranger", 99), "GITHUB_SERVER_URL="+h.url); code != 0 || len(h.comments) != 1 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	unharmed(t, strings.TrimPrefix(h.comments[0]["body"].(string), "<!-- writ: review -->\n"), h.url)
	return o
}
