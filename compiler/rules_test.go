package compiler

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// generated are the examples that no text can show: too large to be read, or not text at all. `writ rules` tells these rules
// in words only; the test holds them like the others.
var generated = map[string]func(testing.TB) (bad, good fs.FS){
	"LIM-002": manyCallers,
	"SYN-004": func(t testing.TB) (bad, good fs.FS) {
		return with(t, checkoutFile, strings.Repeat("# a long comment\n", 1<<16)), base(t)
	},
	"SYN-006": func(t testing.TB) (bad, good fs.FS) {
		linked := base(t)
		linked["policies/teams/shop/shared.yaml"] = &fstest.MapFile{Data: []byte("../identity/customers.yaml"), Mode: fs.ModeSymlink | 0o777}
		return linked, base(t)
	},
	"SYN-007": func(t testing.TB) (bad, good fs.FS) { return unreadable{base(t)}, base(t) },
	"SYN-023": func(t testing.TB) (bad, good fs.FS) {
		return with(t, checkoutFile, string(base(t)[checkoutFile].Data)+strings.Repeat("---\nkind: Servcie\n", 200)), base(t)
	},
	"PRV-005": manyLabels,
	"PII-093": func(testing.TB) (bad, good fs.FS) { // no document makes a table old
		estate := layOver(fstest.MapFS{}, Surroundings("PII-093"))
		return estate, estate
	},
	"SYN-008": func(t testing.TB) (bad, good fs.FS) { return fstest.MapFS{}, base(t) },
}

// days are when the bad example is bad, where that is the day's doing.
var days = map[string]string{"PII-093": "2028-01-01"}

const checkoutFile = "policies/teams/shop/checkout.yaml"

func with(t testing.TB, name, data string) fstest.MapFS {
	return layOver(base(t), []txtar.File{{Name: name, Data: []byte(data)}})
}

// unreadable is a repository one of whose files the user may not read.
type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	if name == checkoutFile {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

func (u unreadable) ReadFile(name string) ([]byte, error) {
	f, err := u.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
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
			holdExample(t, d)
		})
	}
}

func holdExample(t *testing.T, d Doc) {
	t.Helper()
	if d.Retired || d.Later != "" {
		return
	}
	bad, good := examples(t, d)
	if strings.HasPrefix(d.Code, "RUN-") {
		holdRunning(t, d, bad, good)
		return
	}
	r := mustCompile(t, bad)
	if day := days[d.Code]; day != "" {
		var err error
		if r, err = Compile(t.Context(), bad, Options{AsOf: day}); err != nil {
			t.Fatal(err)
		}
	}
	if d.Base != nil {
		r = mustCompileAgainst(t, bad, layOver(around(d), d.Base))
	}
	if d.Code == "TST-005" { // who causes a failure shows against a base alone
		r = mustCompileAgainst(t, bad, good)
	}
	if generated[d.Code] == nil {
		holdSaid(t, "testdata/said/"+d.Code+".txt", r)
	}
	found := slices.DeleteFunc(slices.Clone(r.Findings), func(f diag.Finding) bool { return f.Rule.Code != d.Code })
	if len(found) == 0 {
		t.Errorf("the bad example does not raise %s but %v", d.Code, describe(r.Findings))
	}
	for _, f := range r.Findings {
		// An ignore stands with what it ignores, a count of findings with those that it counts, and a manifest that
		// nobody rendered with what it opens.
		if f.Rule.Code != d.Code && f.Fails() && !strings.HasPrefix(d.Code, "IGN") && d.Code != "SYN-023" && beside[d.Code] != f.Rule.Code {
			t.Errorf("the bad example also raises %v", describe(diag.List{f}))
		}
	}
	r = mustCompile(t, good)
	if d.Base != nil {
		r = mustCompileAgainst(t, good, layOver(around(d), d.Base))
	}
	if codes(r.Findings)[d.Code] > 0 || r.Findings.Fails() {
		t.Errorf("the good example raises %v", describe(r.Findings))
	}
	mend(t, d, bad, found)
}

// holdSaid holds all that is said of an estate, to people and to machines, against a file.
func holdSaid(t *testing.T, file string, r *Result) {
	t.Helper()
	var said bytes.Buffer
	if err := diag.Text(&said, r.Findings, r.Sources, diag.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&said, "%s of %s, %s, items %q\n", f.Rule.Code, strings.Join(f.Objects, ", "), f.Field, f.Items)
	}
	fmt.Fprintf(&said, "%+v\n", r.Stats)
	if *update {
		if err := os.WriteFile(file, said.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), said.String()); d != "" {
		t.Errorf("says something else than %s (-want +got); `make golden` rewrites it:\n%s", file, d)
	}
}

var beside = map[string]string{"OUT-003": "PRV-001", "PRV-006": "OUT-003"}

// around is the estate that a rule's examples stand in.
func around(d Doc) fstest.MapFS { return layOver(fstest.MapFS{}, Surroundings(d.Code)) }

func examples(t *testing.T, d Doc) (bad, good fs.FS) {
	t.Helper()
	if generate := generated[d.Code]; generate != nil {
		return generate(t)
	}
	if len(d.Bad) == 0 || len(d.Good) == 0 {
		t.Fatalf("no example in check/testdata/%s.txtar", d.Code)
	}
	return layOver(around(d), d.Bad), layOver(around(d), d.Good)
}

func mend(t *testing.T, d Doc, bad fs.FS, found diag.List) {
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
	files, ok := bad.(fstest.MapFS)
	if !ok {
		t.Fatal("only files can be mended")
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
func manyCallers(t testing.TB) (bad, good fs.FS) {
	callers := func(services int) fs.FS {
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
		return layOver(base(t), all)
	}
	return callers(14), callers(1)
}

// manyLabels is a namespace with selectors of many different labels, which combine to too many kinds of pods.
func manyLabels(t testing.TB) (bad, good fs.FS) {
	selecting := func(labels int) fs.FS {
		var b strings.Builder
		for i := range labels {
			fmt.Fprintf(&b, "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: tier-%d, namespace: legacy}\n"+
				"spec: {selector: {matchLabels: {tier-%d: x}}, mtls: {mode: PERMISSIVE}}\n", i, i)
		}
		const folder = "policies/platform/clusters/eu-1/overlay/"
		return layOver(base(t), []txtar.File{
			{Name: folder + "kustomization.yaml", Data: []byte("resources: [tiers.yaml]\n")},
			{Name: folder + "tiers.yaml", Data: []byte(b.String())},
		})
	}
	return selecting(20), selecting(2)
}

func TestCodesKeepTheirFamilies(t *testing.T) {
	t.Parallel()
	families := map[string]bool{}
	for _, r := range Catalogue() {
		family, _, _ := strings.Cut(r.Code, "-")
		families[family] = true
	}
	want := []string{"ACC", "CLU", "DAT", "END", "IDN", "IGN", "LIM", "OUT", "OVL", "OWN", "PER", "PII", "PRV", "REF", "RUN", "STG", "SYN", "TST"}
	if got := slices.Sorted(maps.Keys(families)); !slices.Equal(got, want) {
		t.Errorf("families are %v, want %v", got, want)
	}
}
