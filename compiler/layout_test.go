package compiler

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "writ.dev/writ"

// layout is the architecture: which package may import which of ours. A package that is not here has no place yet.
//
// diag, schema, emit and gitops are leaves: they know nothing of what writ is about. istio sees the plan and nothing earlier, so that every choice is taken before it writes.
var layout = map[string][]string{
	"schema":                  {},
	"compiler/diag":           {},
	"compiler/parallel":       {},
	"compiler/emit":           {"compiler/parallel"},
	"compiler/syntax":         {"schema", "compiler/diag", "compiler/parallel"},
	"compiler/model":          {"compiler/diag", "compiler/syntax", "compiler/privacy/vocabulary"},
	"compiler/privacy":        {"compiler/syntax", "compiler/model", "compiler/privacy/vocabulary"},
	"compiler/check":          {"compiler/diag", "compiler/syntax", "compiler/model", "compiler/privacy", "compiler/privacy/vocabulary"},
	"compiler/diff":           {"compiler/diag", "compiler/syntax", "compiler/model", "compiler/prove/atoms", "compiler/privacy", "compiler/privacy/vocabulary"},
	"compiler/weaken":         {"compiler/diag", "compiler/syntax", "compiler/model", "compiler/privacy", "compiler/privacy/vocabulary"},
	"compiler/query":          {"compiler/diag", "compiler/syntax", "compiler/model", "compiler/check", "compiler/privacy", "compiler/privacy/vocabulary"},
	"compiler/plan":           {"compiler/diag", "compiler/syntax", "compiler/model", "compiler/check", "compiler/parallel"},
	"compiler/istio":          {"compiler/diag", "compiler/plan", "compiler/emit", "compiler/parallel"},
	"compiler/overlay":        {"compiler/diag", "compiler/syntax", "compiler/istio", "compiler/emit", "compiler/parallel"},
	"compiler/prove/atoms":    {},
	"compiler/prove/manifest": {},
	"compiler/prove/authz":    {"compiler/prove/atoms", "compiler/prove/manifest"},
	"compiler/prove/envoy":    {"compiler/prove/atoms", "compiler/prove/authz", "compiler/prove/manifest"},
	// The proof is an independent witness: it sees what is meant and the bytes, never how one became the other.
	"compiler/prove": {"compiler/diag", "compiler/model", "compiler/parallel", "compiler/prove/atoms", "compiler/prove/authz", "compiler/prove/manifest"},
	"compiler/live":  {"compiler/diag", "compiler/model", "compiler/syntax", "compiler/prove/authz", "compiler/prove/envoy", "compiler/prove/manifest"},
	"compiler/report": {
		"compiler/diag", "compiler/syntax", "compiler/model", "compiler/check", "compiler/privacy", "compiler/privacy/vocabulary",
		"compiler/prove/manifest", "compiler/query", "compiler/emit",
	},
	// A second derivation of what documents mean must not share the first one's mistakes.
	"compiler/naive":    {"compiler/syntax"},
	"compiler/mutation": {},
	"compiler/github":   {},
	"compiler/gitops":   {"compiler/diag", "compiler/parallel"},
	"compiler/format":   {"compiler/diag", "compiler/parallel", "compiler/syntax"},
	// What the law and its vocabularies say, whatever documents say.
	"compiler/privacy/vocabulary": {},
	"compiler/codeowners":         {},
	"compiler/argocd":             {},
	"compiler": {
		"schema", "compiler/diag", "compiler/syntax", "compiler/model", "compiler/check", "compiler/plan", "compiler/istio",
		"compiler/overlay", "compiler/emit", "compiler/parallel", "compiler/prove", "compiler/query", "compiler/diff",
		"compiler/privacy", "compiler/privacy/vocabulary", "compiler/weaken", "compiler/codeowners", "compiler/argocd", "compiler/report", "compiler/live", "compiler/prove/manifest",
	},
	"compiler/lsp": {"schema", "compiler", "compiler/diag"},
	"cmd/writ":     {"schema", "compiler", "compiler/argocd", "compiler/codeowners", "compiler/diag", "compiler/diff", "compiler/emit", "compiler/format", "compiler/github", "compiler/gitops", "compiler/lsp", "compiler/prove", "compiler/query"},
	// Nothing that generates or measures is linked into writ.
	"cmd/estategen":        {"cmd/estategen/estate"},
	"cmd/estategen/estate": {},
	"cmd/estategen/bench":  {"cmd/estategen/estate"},
}

func TestImportsFollowTheLayout(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() && slices.Contains([]string{"../compiler/conformance", "../cmd/dist"}, filepath.ToSlash(path)) {
			return filepath.SkipDir // modules of their own, which nothing here can import
		}
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		allowed, known := layout[dir]
		if !known {
			t.Errorf("%s lies in %q, which the layout does not have", path, dir)
			return nil
		}
		found[dir] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			ours, ok := strings.CutPrefix(name, module+"/")
			if ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the layout does not allow", path, ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range layout {
		if !found[dir] {
			t.Errorf("the layout has %q, which has no Go file", dir)
		}
	}
}

// TestTheContributorsTableIsWhole: who looks for the place of a line finds every package in .github/CONTRIBUTING.md.
func TestTheContributorsTableIsWhole(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../.github/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range layout {
		if !strings.Contains(string(page), "`"+dir+"`") {
			t.Errorf("the table does not have %q", dir)
		}
	}
}
