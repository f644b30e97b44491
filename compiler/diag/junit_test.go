package diag_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joshdk/go-junit"

	"writ.dev/writ/compiler/diag"
)

// tests reads a report as CI systems do, after a strict look at its XML.
func tests(t *testing.T, text string) []junit.Test {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	suites, err := junit.Ingest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []junit.Test
	for _, s := range suites {
		if s.Totals.Tests != len(s.Tests) {
			t.Errorf("suite %q has %d tests and says %d", s.Name, len(s.Tests), s.Totals.Tests)
		}
		all = append(all, s.Tests...)
	}
	return all
}

func names(all []junit.Test) []string {
	var names []string
	for _, test := range all {
		names = append(names, test.Classname+"/"+test.Name)
	}
	return names
}

func TestJUnitReadersSeeWhatFails(t *testing.T) {
	all := tests(t, write(t, diag.JUnit, outcome()))
	status := map[string]junit.Status{}
	for _, test := range all {
		status[test.Name] = test.Status
	}
	want := map[string]junit.Status{
		"out/ is current":         junit.StatusFailed,
		"the rest":                junit.StatusPassed,
		"REF-001 unknown-service": junit.StatusFailed,
		"REF-009 unused-grant":    junit.StatusPassed,
		"DAT-001 until-passed":    junit.StatusPassed,
	}
	if d := cmp.Diff(want, status); d != "" {
		t.Fatal(d)
	}
	ref := all[slices.IndexFunc(all, func(test junit.Test) bool { return test.Name == "REF-001 unknown-service" })]
	if ref.Message != `policies/a b.yaml:5:11: no service "identity/custmers"` || ref.Properties["file"] != "access/policies/a b.yaml" {
		t.Errorf("message %q, properties %q", ref.Message, ref.Properties)
	}
	if failed := ref.Error.Error(); !strings.Contains(failed, "^~~~~~~~~~~~~~~~~") || strings.Contains(failed, "known before") {
		t.Errorf("the failure is not what the change causes:\n%s", failed)
	}
	if !strings.Contains(ref.SystemOut, "known before") {
		t.Errorf("what the base had is not told: %q", ref.SystemOut)
	}
	dat := all[slices.IndexFunc(all, func(test junit.Test) bool { return test.Name == "DAT-001 until-passed" })]
	for _, told := range []string{"until 2026-01-01 has passed", "silenced; ignored until 2026-12-01: in its way"} {
		if !strings.Contains(dat.SystemOut, told) {
			t.Errorf("no %q in %q", told, dat.SystemOut)
		}
	}
}

func TestTheTestsAreTheSameInEveryRun(t *testing.T) {
	found, clean := outcome(), outcome()
	clean.Findings = nil
	clean.Checks[0].Failure = ""
	all := tests(t, write(t, diag.JUnit, clean))
	if d := cmp.Diff(names(tests(t, write(t, diag.JUnit, found))), names(all)); d != "" {
		t.Error(d)
	}
	for _, test := range all {
		if test.Status != junit.StatusPassed || test.SystemOut != "" {
			t.Errorf("%s of a clean run: %s, %q", test.Name, test.Status, test.SystemOut)
		}
	}
	if len(all) == 0 {
		t.Error("a clean run has no tests, which Jenkins refuses")
	}
}

func TestJUnitCountsFailuresOfARule(t *testing.T) {
	all := tests(t, write(t, diag.JUnit, &diag.Outcome{Findings: many(unknownService, 3)}))
	if len(all) != 1 || all[0].Message != "a.yaml:1:1: unknown-service 1 (and 2 more)" {
		t.Errorf("got %+v", all)
	}
}

func TestJUnitIsXMLWhateverTheTextHolds(t *testing.T) {
	text := write(t, diag.JUnit, hostileOutcome(hostile))
	for _, r := range text {
		// https://www.w3.org/TR/xml/#charsets; U+FFFD is what a reader makes of bytes that are no text.
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == 0xfffd || r == 0xfffe || r == '\u202e' {
			t.Errorf("%U stands in the report", r)
		}
	}
	for _, test := range tests(t, text) {
		if test.Name == "REF-001 unknown-service" && !strings.Contains(test.Message, diag.Visible(hostile)) {
			t.Errorf("message %q", test.Message)
		}
	}
}
