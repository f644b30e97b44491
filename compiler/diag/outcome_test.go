package diag_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"writ.dev/writ/compiler/diag"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var retired = &diag.Rule{Code: "REF-008", Name: "gone", Effect: diag.Report, Retired: true}

// later is in no report of what was checked.
var later = &diag.Rule{Code: "PII-056", Name: "unbuilt", Effect: diag.Report, Later: "waits for Externals"}

// catalogue is what the outcomes of these tests could have found.
var catalogue = []*diag.Rule{unknownService, unusedGrant, untilPassed, retired, later}

// outcome has a finding of every sort: one that fails, one that the base had, one over several lines, one that is ignored.
func outcome() *diag.Outcome {
	source := checkout + "      because: |\n        long\n        story\n"
	return &diag.Outcome{
		Findings: diag.List{
			{
				Rule: untilPassed, Span: diag.Span{File: "policies/a b.yaml", Start: at("", source, "|").Start, End: pos(source, len(source))},
				Message: "until 2026-01-01 has passed", Objects: []string{"Service shop/checkout"}, Field: "until",
			},
			{
				Rule: unknownService, Span: at("policies/a b.yaml", source, "identity/custmers"), Message: `no service "identity/custmers"`,
				Help: "did you mean this?\n\nto: identity/customers", Objects: []string{"Service shop/checkout"}, Field: "to",
				Fix:     &diag.Fix{Title: `replace "custmers"`, Edits: []diag.Edit{{New: "customers"}}},
				Related: []diag.Related{{Span: at("policies/a b.yaml", source, "shop"), Message: "written here"}, {Message: "nowhere"}},
			},
			{
				Rule: unknownService, Span: at("policies/a b.yaml", source, "checkout"), Message: "known before", Objects: []string{"known"},
			},
			{Rule: unusedGrant, Message: "a notice that points nowhere", Objects: []string{"nowhere"}},
			{
				Rule: untilPassed, Span: at("policies/a b.yaml", source, "2026-01-01"), Message: "silenced",
				Ignored: &diag.Ignore{Until: "2026-12-01", Reason: "in its way"},
			},
		},
		Caused:  func(f *diag.Finding) bool { return f.Message != "known before" },
		Checks:  []diag.Check{{Name: "out/ is current", Failure: "out/ is not current: writ build"}, {Name: "the rest"}},
		Sources: map[string][]byte{"policies/a b.yaml": []byte(source)},
		Rules:   catalogue,
		Prefix:  "access",
		Version: "v1.2.3",
	}
}

type format = func(io.Writer, *diag.Outcome) error

func write(t testing.TB, f format, o *diag.Outcome) string {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOutcome(t *testing.T) {
	for name, f := range map[string]format{"outcome.sarif": diag.SARIF, "outcome.github": diag.GitHub, "outcome.junit.xml": diag.JUnit} {
		t.Run(name, func(t *testing.T) {
			got, file := write(t, f, outcome()), filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// many is n findings of the rule, on a line each, with the last first.
func many(rule *diag.Rule, n int) diag.List {
	var list diag.List
	for i := n; i > 0; i-- {
		list.Add(diag.Finding{
			Rule: rule, Message: fmt.Sprintf("%s %d", rule.Name, i), Objects: []string{rule.Name, fmt.Sprint(i)},
			Span: diag.Span{File: "a.yaml", Start: diag.At(i, 1, 0), End: diag.At(i, 2, 0)},
		})
	}
	return list
}

// hostile is text that tries to break out of whatever it is written into.
const hostile = "a\n::error::b\r\n::set-output name=x::y\x1b[31m\x00\x7f<script>&amp;]]></failure>%0A::stop-commands::z,file=c:d" +
	"##[add-mask]e [f](https://example.org) \\](g) \u202e\ufffe\xff{0}\""

// hostileOutcome has it everywhere where a document's author can put text.
func hostileOutcome(text string) *diag.Outcome {
	span := diag.Span{File: "policies/" + text, Start: diag.At(1, 1, 0), End: diag.At(3, 1, 0)}
	var list diag.List
	for _, rule := range []*diag.Rule{unknownService, untilPassed, unusedGrant} {
		list.Add(diag.Finding{
			Rule: rule, Span: span, Message: text, Help: text, Objects: []string{text}, Field: text,
			Related: []diag.Related{{Span: span, Message: text}, {Message: text}},
			Fix:     &diag.Fix{Title: text, Edits: []diag.Edit{{Span: span, New: text}}},
		})
	}
	return &diag.Outcome{
		Findings: list, Rules: catalogue, Prefix: text, Sources: map[string][]byte{span.File: []byte(text)},
		Checks: []diag.Check{{Name: "c", Failure: text}},
	}
}

// TestFormatsHoldAnyText is that no text makes an output that its readers cannot read, or read as something else.
func TestFormatsHoldAnyText(t *testing.T) {
	for _, text := range []string{"", hostile, "%", "]](", "\xed\xa0\x80", strings.Repeat("\\", 1<<16)} {
		holds(t, hostileOutcome(text))
	}
	pieces := rapid.OneOf(
		rapid.String(), rapid.SampledFrom([]string{"::", "%0A", "%25", "\r\n", "](", "\\", "]]>", "\x1b[0m", "\xff", "##["}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		holds(t, hostileOutcome(strings.Join(rapid.SliceOf(pieces).Draw(rt, "text"), "")))
	})
}

// holds reads every format back and counts what its reader finds.
func holds(t *testing.T, o *diag.Outcome) {
	t.Helper()
	failing := len(o.Findings)
	if o.Checks[0].Failure != "" {
		failing++
	}
	if got := annotations(t, write(t, diag.GitHub, o)); len(got) != failing {
		t.Errorf("%d annotations of %d failures", len(got), failing)
	}
	if got := readSARIF(t, write(t, diag.SARIF, o)); len(got.Results) != len(o.Findings) {
		t.Errorf("%d results of %d findings", len(got.Results), len(o.Findings))
	}
	if got := tests(t, write(t, diag.JUnit, o)); len(got) != len(o.Checks)+3 {
		t.Errorf("%d tests of 3 rules and %d checks", len(got), len(o.Checks))
	}
}
