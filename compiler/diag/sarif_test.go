package diag_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"writ.dev/writ/compiler/diag"
)

// sarifSchema is OASIS's JSON Schema of SARIF 2.1.0, out of the library that these tests read logs with.
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

// validate holds the log against the schema.
func validate(t *testing.T, log string) error {
	t.Helper()
	schema, err := sarifSchema()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(log), &v); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

// readSARIF reads a valid log as a viewer does, and returns its run.
func readSARIF(t *testing.T, log string) *sarif.Run {
	t.Helper()
	if err := validate(t, log); err != nil {
		t.Fatalf("%#v", err)
	}
	report, err := sarif.FromString(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 1 {
		t.Fatalf("%d runs", len(report.Runs))
	}
	return report.Runs[0]
}

func TestTheSARIFSchemaRefusesWhatIsNoSARIF(t *testing.T) {
	log := write(t, diag.SARIF, outcome())
	if err := validate(t, log); err != nil {
		t.Fatalf("%#v", err)
	}
	for old, new := range map[string]string{
		`"startLine": 5`:         `"startLine": 0`,
		`"level": "note"`:        `"level": "notice"`,
		`"columnKind"`:           `"columnkind"`,
		`"unicodeCodePoints"`:    `"bytes"`,
		`"executionSuccessful"`:  `"successful"`,
		`"baselineState": "new"`: `"baselineState": "caused"`,
	} {
		broken := strings.Replace(log, old, new, 1)
		if broken == log {
			t.Errorf("no %s in the log", old)
		} else if validate(t, broken) == nil {
			t.Errorf("%s is taken for %s", new, old)
		}
	}
}

// TestCodeScanningHasWhatItRequires checks what GitHub requires beyond the schema.
func TestCodeScanningHasWhatItRequires(t *testing.T) {
	o := outcome()
	long := *unusedGrant
	long.Code, long.Why = "REF-010", strings.Repeat("é", 3000)
	o.Rules = append(slices.Clone(o.Rules), &long)
	run := readSARIF(t, write(t, diag.SARIF, o))
	var codes []string
	for _, rule := range run.Tool.Driver.Rules {
		codes = append(codes, *rule.ID)
		for _, text := range []*string{rule.ShortDescription.Text, rule.FullDescription.Text} {
			if n := utf8.RuneCountInString(*text); n == 0 || n > 1024 {
				t.Errorf("%s has a description of %d characters", *rule.ID, n)
			}
		}
		if rule.Help == nil || *rule.Help.Text == "" {
			t.Errorf("%s has no help", *rule.ID)
		}
	}
	if d := cmp.Diff([]string{"DAT-001", "REF-001", "REF-009", "REF-010"}, codes); d != "" {
		t.Error(d)
	}
	prints := map[string]bool{}
	for _, r := range run.Results {
		if codes[r.RuleIndex] != *r.RuleID {
			t.Errorf("rule %d is not %s", r.RuleIndex, *r.RuleID)
		}
		at := r.Locations[0].PhysicalLocation
		region := at.Region
		if *region.StartLine < 1 || *region.StartColumn < 1 || *region.EndLine != *region.StartLine || *region.EndColumn <= *region.StartColumn {
			t.Errorf("%q has the region %d:%d to %d:%d", *r.Message.Text, *region.StartLine, *region.StartColumn, *region.EndLine, *region.EndColumn)
		}
		if uri := *at.ArtifactLocation.URI; uri != "access/policies/a%20b.yaml" && uri != "access/policies" {
			t.Errorf("uri %q", uri)
		}
		prints[r.PartialFingerprints["primaryLocationLineHash"]] = true
	}
	if len(prints) != 4 {
		t.Errorf("fingerprints %v of 4 findings", prints)
	}
}

func TestCodeScanningGetsTheMostImportantFirst(t *testing.T) {
	run := readSARIF(t, write(t, diag.SARIF, outcome()))
	var got []string
	for _, r := range run.Results {
		got = append(got, strings.Join([]string{r.Level, *r.BaselineState, *r.Message.Text}, " "))
	}
	want := []string{
		"error new no service \"identity/custmers\"\nhelp: did you mean this?\n\nto: identity/customers\nfix: replace \"custmers\" (writ fix)",
		"error unchanged known before",
		"warning new until 2026-01-01 has passed",
		"note new a notice that points nowhere",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	o := outcome()
	o.Caused = nil
	if log := write(t, diag.SARIF, o); strings.Contains(log, "baselineState") {
		t.Error("without a base there is a state against it")
	}
}

func TestCodeScanningGetsWhatItKeeps(t *testing.T) {
	o := &diag.Outcome{
		Findings: slices.Concat(many(unusedGrant, 20), many(untilPassed, 30), many(unknownService, 4990)),
		Caused:   func(f *diag.Finding) bool { return f.Message == "until-passed 30" },
	}
	run := readSARIF(t, write(t, diag.SARIF, o))
	if len(run.Results) != 5000 {
		t.Fatalf("%d results", len(run.Results))
	}
	if first, last := *run.Results[4990].Message.Text, *run.Results[4999].Message.Text; first != "until-passed 30" || last != "until-passed 9" {
		t.Errorf("the warnings that are kept begin with %q and end with %q", first, last)
	}
	want := "40 findings are left out, as code scanning keeps 5000: 0 errors, 20 warnings, 20 notices"
	if told := run.Invocations[0].ToolExecutionNotifications; len(told) != 1 || *told[0].Message.Text != want {
		t.Errorf("told %+v", told)
	}
}

// fingerprints are those of the log, sorted.
func fingerprints(t *testing.T, o *diag.Outcome) []string {
	t.Helper()
	var all []string
	for _, r := range readSARIF(t, write(t, diag.SARIF, o)).Results {
		all = append(all, r.PartialFingerprints["primaryLocationLineHash"])
	}
	slices.Sort(all)
	return all
}

func TestAnAlertSurvivesMovedLinesAndAnotherFile(t *testing.T) {
	before, after := outcome(), outcome()
	twin := before.Findings[1]
	twin.Span = at("policies/a b.yaml", checkout, "until")
	before.Findings.Add(twin)
	after.Findings.Add(twin)
	for i := range after.Findings {
		s := &after.Findings[i].Span
		s.File = "policies/moved.yaml"
		s.Start = diag.At(s.Start.Line()+7, s.Start.Column(), s.Start.Offset())
		s.End = diag.At(s.End.Line()+7, s.End.Column(), s.End.Offset())
		after.Findings[i].Message += ", reworded"
	}
	after.Sources = nil
	is := fingerprints(t, before)
	if d := cmp.Diff(is, fingerprints(t, after)); d != "" {
		t.Error(d)
	}
	if n := len(slices.Compact(slices.Clone(is))); n != len(is) {
		t.Errorf("%d findings are %d alerts", len(is), n)
	}
	before.Findings[1].Field = "other"
	if cmp.Equal(is, fingerprints(t, before)) {
		t.Error("another field is the same alert")
	}
}

func TestAnEmptyRunIsALogThatClosesAlerts(t *testing.T) {
	log := write(t, diag.SARIF, &diag.Outcome{Rules: catalogue})
	if run := readSARIF(t, log); len(run.Results) != 0 || !strings.Contains(log, `"results": []`) {
		t.Errorf("results %+v", run.Results)
	}
}

// link is an embedded link of a plain message, SARIF 2.1.0 section 3.11.6: `](` whose bracket no backslash escapes.
var link = regexp.MustCompile(`(^|[^\\])(\\\\)*\]\(`)

func TestTextCannotBreakOutOfAResult(t *testing.T) {
	o := hostileOutcome(hostile)
	if !link.MatchString(diag.Visible(hostile)) {
		t.Fatal("the text has no link")
	}
	for _, r := range readSARIF(t, write(t, diag.SARIF, o)).Results {
		texts := []string{*r.Message.Text}
		for _, l := range r.RelatedLocations {
			texts = append(texts, *l.Message.Text)
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "\r\x1b\x00\x7f\u202e\ufffd") || link.MatchString(text) {
				t.Errorf("message %q", text)
			}
		}
	}
}

func TestAnyPathIsAURI(t *testing.T) {
	for _, file := range []string{"a b.yaml", "a#b?c.yaml", "100%41.yaml", "c:d.yaml", "é/日本.yaml", "a\x1b\n.yaml", "[a](b)"} {
		o := &diag.Outcome{Findings: diag.List{{Rule: unknownService, Message: "m", Span: diag.Span{File: file}}}}
		uri := *readSARIF(t, write(t, diag.SARIF, o)).Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI
		back, err := url.Parse(uri)
		if err != nil || back.IsAbs() || filepath.Clean(back.Path) != file {
			t.Errorf("%q is %q, which is read as %v (%v)", file, uri, back, err)
		}
	}
}
