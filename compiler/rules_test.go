package compiler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// generated are the examples that are too large to be read: what `writ rules` cannot show, a test still holds.
var generated = map[string]func() (bad, good []txtar.File){
	"LIM-002": manyCallers,
}

func TestEveryRuleHasItsPlaceInTheCatalogue(t *testing.T) {
	t.Parallel()
	seen, names := map[string]bool{}, map[string]bool{}
	for _, r := range Catalogue() {
		if seen[r.Code] || names[r.Name] {
			t.Errorf("%s (%s) is in the catalogue twice", r.Code, r.Name)
		}
		seen[r.Code], names[r.Name] = true, true
		if r.Title == "" || r.Why == "" || r.Effect == 0 {
			t.Errorf("%s lacks a title, a reason or an effect", r.Code)
		}
		if strings.HasSuffix(r.Title, ".") {
			t.Errorf("%s: a title has no full stop: %q", r.Code, r.Title)
		}
	}
}

// TestExamples holds each rule to its own documentation: the bad example raises the code and the good one does not; a rule
// that says a machine can mend it has an edit that makes the finding of its bad example go.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, d := range Rules() {
		t.Run(d.Code, func(t *testing.T) {
			t.Parallel()
			if d.Retired {
				return
			}
			bad, good := d.Bad, d.Good
			if make := generated[d.Code]; make != nil {
				bad, good = make()
			}
			if len(bad) == 0 || len(good) == 0 {
				t.Fatalf("no example in check/testdata/%s.txtar", d.Code)
			}
			files := overlay(base(t), bad)
			r := mustCompile(t, files)
			found := slices.DeleteFunc(slices.Clone(r.Findings), func(f diag.Finding) bool { return f.Rule.Code != d.Code })
			if len(found) == 0 {
				t.Errorf("the bad example does not raise %s but %v", d.Code, describe(r.Findings))
			}
			for _, f := range r.Findings {
				if f.Rule.Code != d.Code && f.Ignored == nil && f.Rule.Severity() <= diag.Error && !strings.HasPrefix(d.Code, "IGN") {
					t.Errorf("the bad example also raises %v", describe(diag.List{f}))
				}
			}
			if r := mustCompile(t, overlay(base(t), good)); codes(r.Findings)[d.Code] > 0 || r.Findings.Fails() {
				t.Errorf("the good example raises %v", describe(r.Findings))
			}
			mend(t, d, files, found)
		})
	}
}

func mend(t *testing.T, d Doc, files fstest.MapFS, found diag.List) {
	t.Helper()
	var fixes []*diag.Fix
	for _, f := range found {
		if f.Fix != nil {
			fixes = append(fixes, f.Fix)
		}
	}
	if d.Mends != (len(fixes) > 0) {
		t.Errorf("the rule says that a machine can mend it: %v; its bad example has %d fixes", d.Mends, len(fixes))
	}
	if !d.Mends {
		return
	}
	sources := map[string][]byte{}
	for name, f := range files {
		sources[name] = f.Data
	}
	changed, _ := diag.Apply(sources, fixes)
	for name, data := range changed {
		files[name] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	if r := mustCompile(t, files); codes(r.Findings)[d.Code] > 0 || r.Findings.Fails() {
		t.Errorf("the fixed example still raises %v", describe(r.Findings))
	}
}

func describe(l diag.List) []string {
	var all []string
	for _, f := range l {
		all = append(all, fmt.Sprintf("%s: %s [%s]", f.Span, f.Message, f.Rule.Code))
	}
	return all
}

// manyCallers is a Service whose callers' identities are more text than its policies may hold.
func manyCallers() (bad, good []txtar.File) {
	checkout := func(services int) []txtar.File {
		var all []txtar.File
		for i := range services {
			var b strings.Builder
			fmt.Fprintf(&b, "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: job-%d, namespace: shop}\nspec:\n  serviceAccounts:\n", i)
			for j := range 3000 {
				fmt.Fprintf(&b, "    - %s-%d-%d\n", strings.Repeat("a", 200), i, j)
			}
			b.WriteString("  intents:\n    - {to: identity/customers, endpoints: [health], because: it waits until customers are served}\n")
			all = append(all, txtar.File{Name: fmt.Sprintf("policies/teams/shop/job-%d.yaml", i), Data: []byte(b.String())})
		}
		return all
	}
	return checkout(14), checkout(1)
}

func TestCodesKeepTheirFamilies(t *testing.T) {
	t.Parallel()
	families := map[string]bool{}
	for _, r := range Catalogue() {
		family, _, _ := strings.Cut(r.Code, "-")
		families[family] = true
	}
	want := []string{"ACC", "CLU", "DAT", "END", "IDN", "IGN", "LIM", "OUT", "OWN", "PER", "REF", "STG", "SYN"}
	if got := slices.Sorted(maps.Keys(families)); !slices.Equal(got, want) {
		t.Errorf("families are %v, want %v", got, want)
	}
}
