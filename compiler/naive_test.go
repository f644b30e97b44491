package compiler

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/naive"
	"writ.dev/writ/compiler/syntax"
)

// agreement is what came of holding the naive derivation of an estate against what the compiler derives and what it renders.
type agreement struct {
	findings    diag.List
	stops       bool // the estate is not rendered, and so not compared
	differences []string
	compared    int // facts
	fates       map[naive.Fate]int
}

func agree(t rapid.TB, fsys fs.FS) agreement {
	t.Helper()
	r, err := Compile(context.Background(), fsys, Options{AsOf: today})
	if err != nil {
		t.Fatal(err)
	}
	if r.Files == nil {
		return agreement{findings: r.Findings, stops: true}
	}
	tree, _ := syntax.Parse(context.Background(), fsys)
	meant := naive.Derive(tree)
	roots := map[string]string{}
	for _, c := range r.estate.Clusters {
		roots[c.Name] = c.Mesh.RootNamespace
	}
	rendered, err := manifestFacts(r.Files)
	if err != nil {
		t.Fatal(err)
	}
	estate, _ := model.Resolve(tree)
	checked, _ := check.Run(&check.Pass{Estate: estate, AsOf: today})
	derived := modelFacts(estate, checked)
	return agreement{
		findings:    r.Findings,
		differences: append(differ(rendered, naiveManifests(meant, roots)), differ(derived, naiveAccesses(meant))...),
		compared:    len(rendered) + len(derived),
		fates:       fatesOf(meant),
	}
}

func fatesOf(e *naive.Estate) map[naive.Fate]int {
	n := map[naive.Fate]int{}
	for _, fate := range e.Calls {
		n[fate]++
	}
	return n
}

// TestNaiveAgreesOnTheExample: two derivations of the example estate say one thing.
func TestNaiveAgreesOnTheExample(t *testing.T) {
	t.Parallel()
	a := agree(t, os.DirFS(".."))
	if a.compared < 1000 {
		t.Fatalf("%d facts, stops: %v", a.compared, describe(a.findings))
	}
	for _, d := range a.differences {
		t.Error(d)
	}
}

// TestNaiveAgreesOnGoldenCases: and of all golden cases and examples of rules that compile.
func TestNaiveAgreesOnGoldenCases(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	compiled := 0
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var policies []txtar.File
		if strings.Contains("\n"+string(archive.Comment), "\nover: base\n") {
			policies = Surroundings("")
		}
		for _, f := range archive.Files {
			if strings.HasPrefix(f.Name, "policies/") {
				policies = append(policies, f)
			}
		}
		if !strings.HasPrefix(filepath.Base(file), "overlay_") { // an overlay makes something else of what is meant
			compiled += agreeOn(t, filepath.Base(file), policies)
		}
	}
	for _, rule := range Rules() {
		if strings.HasPrefix(rule.Code, "OVL-") || strings.HasPrefix(rule.Code, "PRV-") {
			continue // their examples have overlays
		}
		for name, files := range map[string][]txtar.File{"bad": rule.Bad, "good": rule.Good} {
			compiled += agreeOn(t, rule.Code+" "+name, append(Surroundings(rule.Code), files...))
		}
	}
	if compiled < 80 {
		t.Errorf("%d cases compile: the test proves little", compiled)
	}
}

// agreeOn is 1 where the case compiles.
func agreeOn(t *testing.T, name string, files []txtar.File) int {
	t.Helper()
	a := agree(t, layOver(nil, files))
	if slices.ContainsFunc(a.findings, func(f diag.Finding) bool {
		return (strings.HasPrefix(f.Rule.Code, "PII-") || f.Rule.Code == "REF-011") && f.Rule.Effect == diag.Withhold
	}) {
		return 0 // the second derivation knows who may call whom, not what personal data keeps out
	}
	for _, d := range a.differences {
		t.Errorf("%s: %s", name, d)
	}
	if a.stops {
		return 0
	}
	return 1
}

// TestNaiveAgreesOnRandomEstates: and of estates that nobody would write.
func TestNaiveAgreesOnRandomEstates(t *testing.T) {
	estates, facts, found, fates := 0, 0, map[string]int{}, map[naive.Fate]int{}
	rapid.Check(t, func(t *rapid.T) {
		fsys := wideEstate.Draw(t, "estate")
		a := agree(t, fsys)
		if a.stops {
			t.Fatalf("the estate stops, so it shows nothing: %v\n%s", describe(a.findings), text(fsys))
		}
		if len(a.differences) > 0 {
			t.Fatalf("the derivations differ:\n%s\n%s", strings.Join(a.differences, "\n"), text(fsys))
		}
		estates++
		facts += a.compared
		for code := range codes(a.findings) {
			found[code]++
		}
		for fate, n := range a.fates {
			fates[fate] += n
		}
	})
	t.Logf("%d estates, %d facts; %d calls held, %d pending, %d withheld; estates by what is found in them: %v",
		estates, facts, fates[naive.Held], fates[naive.Pending], fates[naive.Withheld], found)
}

// text is an estate as one can read it, and put into a golden case.
func text(fsys fstest.MapFS) []byte {
	a := &txtar.Archive{}
	for _, name := range slices.Sorted(maps.Keys(fsys)) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: fsys[name].Data})
	}
	return txtar.Format(a)
}
