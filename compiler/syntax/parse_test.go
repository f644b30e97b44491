package syntax

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/diag"
)

func meshDoc(name string) string {
	return "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: " + name + "}\nspec: {}\n"
}

func TestParseReadsWhatLiesBelowPolicies(t *testing.T) {
	tree, diags := Parse(t.Context(), mapOf(map[string]string{
		"policies/b.yaml":                                    meshDoc("b1") + "---\n" + meshDoc("b2"),
		"policies/a/z.yml":                                   meshDoc("a"),
		"policies/a-b.yaml":                                  meshDoc("a-b"),
		"policies/empty.yaml":                                "",
		"policies/comments.yaml":                             "# nothing yet\n---\n# nor here\n---\n",
		"policies/README.md":                                 "no YAML: [",
		"policies/platform/clusters/eu-1/overlay/x.yaml":     "kind: Kustomization\n",
		"policies/teams/shop/overlay/y.yaml":                 meshDoc("z"),
		"out/eu-1/shop/authorizationpolicy-cart.yaml":        "kind: AuthorizationPolicy\n",
		"policies/platform/clusters/eu-1/overlay/deep/z.yml": "a: b\n",
	}))
	if len(diags) > 0 {
		t.Fatal(render(diags))
	}
	var names []string
	for _, m := range tree.Meshes {
		names = append(names, m.File+" "+m.Metadata.Name.Value)
	}
	want := []string{
		"policies/a-b.yaml a-b", "policies/a/z.yml a", "policies/b.yaml b1", "policies/b.yaml b2", "policies/teams/shop/overlay/y.yaml z",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("documents (-want +got)\n%s", diff)
	}
	if len(tree.Sources) != 6 || tree.Sources["policies/empty.yaml"] == nil {
		t.Errorf("got %d sources", len(tree.Sources))
	}
}

// A document with a mistake is left out, and those beside it are kept.
func TestParseKeepsWhatIsRight(t *testing.T) {
	tree, diags := parseOne(meshDoc("a") + "---\n" + meshDoc("B") + "---\n" + meshDoc("c") + "---\na: [\n")
	if got := render(diags); got != "8:18 SYN-018 \"B\" is not a valid name\n16:5 SYN-001 a value is missing here\n" {
		t.Errorf("findings\n%s", got)
	}
	if len(tree.Meshes) != 2 {
		t.Errorf("got %d meshes, want 2", len(tree.Meshes))
	}
}

func TestParseOfNothing(t *testing.T) {
	for name, fsys := range map[string]fstest.MapFS{
		"no folder":    {},
		"empty folder": {"policies": {Mode: fs.ModeDir}},
		"no documents": mapOf(map[string]string{"policies/a.yaml": "# nothing\n"}),
	} {
		t.Run(name, func(t *testing.T) {
			tree, diags := Parse(t.Context(), fsys)
			if tree == nil || len(diags) != 1 || diags[0].Rule != noPolicies || !diags.Stops() {
				t.Errorf("got\n%s", render(diags))
			}
		})
	}
}

func TestParseRefusesLargeFiles(t *testing.T) {
	just := bytes.Repeat([]byte("# a comment of 32 bytes, padded\n"), maxSize/32)
	copy(just, meshDoc("a")+"#")
	over := append(bytes.Clone(just), '#')
	tree, diags := Parse(t.Context(), fstest.MapFS{"policies/a.yaml": {Data: just}, "policies/b.yaml": {Data: over}})
	if got := render(diags); got != "1:1 SYN-004 the file is larger than 1 MiB\n" || diags[0].Span.File != "policies/b.yaml" {
		t.Errorf("findings\n%s", got)
	}
	if len(tree.Meshes) != 1 || tree.Sources["policies/b.yaml"] != nil {
		t.Error("the file of just 1 MiB is read, and the larger one is not kept")
	}
}

// The first findings are those of the first lines, whichever step finds them, and in however many documents they are.
func TestParseTellsOfManyFindingsTheFirst(t *testing.T) {
	for name, text := range map[string]string{
		"one document":   service + "spec:\n" + strings.Repeat("  a: b\n", 1000),
		"many documents": strings.Repeat("a\n---\n", 1000),
		"ignores":        service + "spec: {}\n" + strings.Repeat("# writ:ignore\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := parseOne(text)
			if len(diags) != maxFindings+1 || !diags.Stops() {
				t.Fatalf("got %d findings", len(diags))
			}
			last := diags[maxFindings]
			if want := "at least 900 more findings in this file are not shown"; last.Rule != tooManyFindings || last.Message != want {
				t.Errorf("got %s", line(last))
			}
			if got := last.Span.Start.Line() - diags[0].Span.Start.Line(); got > 2*maxFindings {
				t.Errorf("the findings are those of %d lines", got)
			}
		})
	}
	if _, diags := parseOne(strings.Repeat("a\n---\n", maxFindings)); len(diags) != maxFindings {
		t.Errorf("got %d findings, all of which can be shown", len(diags))
	}
}

func TestParseRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err) // not every system lets a test make links
		}
	}
	write("policies/a.yaml", meshDoc("a"))
	write("elsewhere/b.yaml", meshDoc("b"))
	link("../elsewhere/b.yaml", "policies/b.yaml")
	link("../elsewhere", "policies/c")
	link("somebody@example.org:1", "policies/.#a.yaml") // Emacs edits a.yaml
	tree, diags := Parse(t.Context(), os.DirFS(dir))
	want := "1:1 SYN-006 the file is a symbolic link\n1:1 SYN-006 the file is a symbolic link\n"
	if got := render(diags); got != want || diags[0].Span.File != "policies/b.yaml" || diags[1].Span.File != "policies/c" {
		t.Errorf("findings\n%s", got)
	}
	if len(tree.Meshes) != 1 {
		t.Errorf("got %d meshes: a link was followed", len(tree.Meshes))
	}

	dir = filepath.Join(dir, "other")
	write("real/a.yaml", meshDoc("a"))
	link("real", "policies")
	if _, diags := Parse(t.Context(), os.DirFS(dir)); render(diags) != "1:1 SYN-006 policies is a symbolic link\n" {
		t.Errorf("findings\n%s", render(diags))
	}
}

// brokenFS cannot read one file.
type brokenFS struct{ fstest.MapFS }

func (b brokenFS) Open(name string) (fs.File, error) {
	if name == "policies/b.yaml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return b.MapFS.Open(name)
}

func TestParseTellsWhatCannotBeRead(t *testing.T) {
	_, diags := Parse(t.Context(), brokenFS{mapOf(map[string]string{"policies/a.yaml": meshDoc("a"), "policies/b.yaml": meshDoc("b")})})
	if got := render(diags); got != "1:1 SYN-007 the file cannot be read: permission denied\n" || !diags.Stops() {
		t.Errorf("findings\n%s", got)
	}
}

func TestParseDoesNotDependOnProcessors(t *testing.T) {
	files := map[string]string{}
	for _, dir := range []string{"a", "b", "c"} {
		for i := range 40 {
			text := meshDoc(dir)
			if i%3 == 0 {
				text = service + "spec: {hosts: [A], port: 1} # writ:ignore X\n"
			}
			files["policies/"+dir+"/"+strings.Repeat("x", i+1)+".yaml"] = text
		}
	}
	fsys := mapOf(files)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, oneDiags := Parse(t.Context(), fsys)
	runtime.GOMAXPROCS(8)
	many, manyDiags := Parse(t.Context(), fsys)
	if !reflect.DeepEqual(one, many) || render(oneDiags) != render(manyDiags) {
		t.Error("the result depends on the number of workers")
	}
	if len(oneDiags) != 3*14*3 {
		t.Errorf("got %d findings", len(oneDiags))
	}
}

func TestIgnores(t *testing.T) {
	tree, diags := parseOne(service + `# writ:ignore REF-010 until=2027-01-01 -- two ways in
spec: # writ:ignore NET-002 until=2027-02-03 --   said twice   
  intents:
    - {to: a, endpoints: [a], because: 'x # writ:ignore B'}
    - to: b
      endpoints: [c]
      because: |
        # writ:ignore C
    # writ:ignore REF-010 until=2027-02-30 -- no such day
    #writ:ignore lower-1 until=2027-01-01 -- no code
  # see writ:ignore in the manual
`)
	var got []string
	for _, i := range tree.Ignores {
		got = append(got, strings.Join([]string{i.Span.String(), i.Code, i.Until, i.Reason}, "|"))
	}
	want := []string{
		"policies/a.yaml:4:1|REF-010|2027-01-01|two ways in",
		"policies/a.yaml:5:7|NET-002|2027-02-03|said twice",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ignores (-want +got)\n%s", diff)
	}
	const malformed = " SYN-022 this comment ignores nothing: it has not the form of an ignore\n"
	if got := render(diags); got != "12:5"+malformed+"13:5"+malformed {
		t.Errorf("findings\n%s", got)
	}
	if diags.Fails() || diags.Stops() {
		t.Error("a malformed ignore only warns")
	}
	if len(tree.Services) != 1 {
		t.Error("a malformed ignore costs its document nothing")
	}
}

// One mistake costs linear time, however long its file and its line are.
func BenchmarkParseService(b *testing.B) {
	files := map[string]string{}
	for i := range 200 {
		name := strings.Repeat("s", i%40+1)
		files["policies/teams/"+name+"/"+name+strings.Repeat("x", i/40)+".yaml"] = service + `spec:
  ports: {http: {port: 80, targetPort: 8080}}
  endpoints:
    read-address: {methods: [GET], paths: ["/v1/customers/{id}/address"]}
    health: {methods: [GET], paths: [/healthz], audience: mesh}
  grants:
    - {from: shop/checkout, endpoints: [read-address]}
  intents:
    - {to: identity/customers, endpoints: [read-address], because: labels for parcels are printed at checkout}
    - {to: identity/accounts, endpoints: [read], because: the name stands on the bill, until: 2027-05-01}
`
	}
	fsys := mapOf(files)
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := Parse(b.Context(), fsys); len(diags) > 0 {
			b.Fatal(render(diags))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(files)), "µs/service")
}

func FuzzParse(f *testing.F) {
	for _, tt := range findings {
		f.Add([]byte(tt.in))
	}
	f.Add([]byte("\ufeffa: {é: x, b: [1, 'y z' ,]}\r\nb:\r\n  - é: é #c\r\n    q:\r\n  -\r\nc: |\r\n  text\r\n\r\nd: foo\r\n  bar\r\n"))
	f.Add([]byte("? [a]\n: b\n? |\n  c\n: d\n"))
	f.Add([]byte("- - a\n- {}: x\n- [b: c]\n---\n...\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const name = "policies/a.yaml"
		one := parseFile(name, data) // not Parse: a panic in its workers has no input to blame
		for _, finding := range one.diags {
			checkSpan(t, data, finding.Span)
			for _, r := range finding.Related {
				checkSpan(t, data, r.Span)
			}
			if finding.Fix != nil {
				checkMended(t, data, finding)
			}
		}
		for _, i := range one.ignores {
			checkSpan(t, data, i.Span)
		}
		for _, d := range one.decoded {
			checkSpans(t, data, reflect.ValueOf(d).Elem())
		}
	})
}

// checkSpan asks that the span lies in the file and that its lines and columns are those of its offsets.
func checkSpan(t *testing.T, data []byte, s diag.Span) {
	t.Helper()
	if s.IsZero() || s.File == folder { // not written, or about no file
		return
	}
	if s.Start.Offset() > s.End.Offset() || s.End.Offset() > len(data) {
		t.Fatalf("span %+v of %d bytes", s, len(data))
	}
	src := newSource(s.File, data)
	for _, p := range []diag.Pos{s.Start, s.End} {
		if whole := src.at(p.Offset()); p.Offset() >= src.lines[0] && whole != p {
			t.Fatalf("place %+v is really %+v", p, whole)
		}
	}
}

func checkSpans(t *testing.T, data []byte, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		if s, ok := v.Interface().(diag.Span); ok {
			checkSpan(t, data, s)
			return
		}
		for i := range v.NumField() {
			checkSpans(t, data, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkSpans(t, data, v.Index(i))
		}
	}
}

// checkMended asks that a fix leaves YAML behind.
func checkMended(t *testing.T, data []byte, f diag.Finding) {
	t.Helper()
	changed, applied := diag.Apply(map[string][]byte{"policies/a.yaml": data}, []*diag.Fix{f.Fix})
	if applied != 1 {
		t.Fatalf("the fix %+v cannot be applied", f.Fix)
	}
	_, before := readYAML(newSource("a", data))
	if _, fault := readYAML(newSource("a", changed["policies/a.yaml"])); fault != nil && before == nil {
		t.Fatalf("the fix %+v of %q leaves %q", f.Fix, data, changed["policies/a.yaml"])
	}
}
