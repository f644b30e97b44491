package compiler

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/diag"
)

// words are what a slip of the fingers can hit in the example estate: the fields of documents, and the names that refer to
// something. The group is the word itself.
var words = map[string]*regexp.Regexp{
	"field":     regexp.MustCompile(`(?m)^[^#\n]*?\b(apiVersion|kind|metadata|spec|clusters|ports|targetPort|protocol|endpoints|methods|paths|audience|grants|intents|because|until|floor|stages|mtls|authz|outbound|owners|contact|namespaces|trustDomain|istioVersion|infrastructure|exceptions|reachable|cidrs|serviceCIDR):`),
	"grpc":      regexp.MustCompile(`\b(grpc): \[`), // where it is no port's name
	"kind":      regexp.MustCompile(`(?m)^kind: (\w+)$`),
	"callee":    regexp.MustCompile(`(?m)\bto: ([a-z][a-z/-]+)`),
	"caller":    regexp.MustCompile(`(?m)\bfrom: ([a-z][a-z/-]+)`),
	"endpoint":  regexp.MustCompile(`(?m)^\s+endpoints: \[([a-z-]+)`),
	"cluster":   regexp.MustCompile(`(?m)\bclusters: \[([a-z0-9-]+)`),
	"namespace": regexp.MustCompile(`(?m)\bnamespace: ([a-z]+)`),
	"value":     regexp.MustCompile(`(?m)\b(?:mtls|authz|outbound|protocol|audience): ([a-z]+)`),
}

// TestATypoIsOneFinding misspells every field and every reference of the example estate, one at a time: there is exactly one
// finding that fails, it is on the line of the slip, and where it has a fix, the fix is what was there before.
func TestATypoIsOneFinding(t *testing.T) {
	t.Parallel()
	estate := exampleEstate(t)
	slips := 0
	for name, file := range estate {
		for what, expr := range words {
			for _, at := range expr.FindAllSubmatchIndex(file.Data, -1) {
				start, end := at[2], at[3]
				if what == "caller" && strings.HasPrefix(name, "policies/privacy/") {
					continue // a retention has a `from` in words
				}
				if slips++; testing.Short() && slips%7 != 0 || strings.Contains(name, "/overlay/") {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s/%d", name, what, file.Data[start:end], start), func(t *testing.T) {
					t.Parallel()
					misspell(t, estate, name, start, end)
				})
			}
		}
	}
	if slips < 300 {
		t.Errorf("only %d words can be misspelt", slips)
	}
}

func misspell(t *testing.T, estate fstest.MapFS, name string, start, end int) {
	source := string(estate[name].Data)
	middle := start + (end-start)/2
	wrong := fstest.MapFS{}
	for n, f := range estate {
		wrong[n] = f
	}
	wrong[name] = &fstest.MapFile{Data: []byte(source[:middle] + source[middle+1:])}
	var failing diag.List
	for _, f := range mustCompile(t, wrong).Findings {
		if f.Fails() {
			failing = append(failing, f)
		}
	}
	if len(failing) != 1 {
		t.Fatalf("%d findings fail: %v", len(failing), describe(failing))
	}
	f := failing[0]
	if line := 1 + strings.Count(source[:start], "\n"); f.Span.File != name || f.Span.Start.Line() != line {
		t.Errorf("it is at %s, and the slip in line %d of %s", f.Span, line, name)
	}
	if f.Fix == nil {
		return
	}
	changed, _ := diag.Apply(map[string][]byte{name: wrong[name].Data}, []*diag.Fix{f.Fix})
	if got := strings.ReplaceAll(string(changed[name]), `"`, ""); got != strings.ReplaceAll(source, `"`, "") {
		t.Errorf("the fix is not what was there: %s", f.Fix.Title)
	}
}

// exampleEstate is policies/ of this repository.
func exampleEstate(t *testing.T) fstest.MapFS {
	t.Helper()
	root, estate := os.DirFS(".."), fstest.MapFS{}
	err := fs.WalkDir(root, "policies", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		estate[path] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return estate
}
