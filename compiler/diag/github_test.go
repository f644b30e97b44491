package diag_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/diag"
)

// annotation is a workflow command as the runner of GitHub Actions understands it.
type annotation struct {
	command    string
	properties map[string]string
	message    string
}

// annotations reads a log as the runner does (actions/runner, src/Runner.Common/ActionCommand.cs), and refuses a line that is
// no annotation: whatever else stood there would be somebody's text.
func annotations(t *testing.T, log string) []annotation {
	t.Helper()
	var all []annotation
	for _, line := range logLines(log) {
		c, ok := parseCommand(line)
		if !ok || !slices.Contains([]string{"error", "warning", "notice"}, c.command) {
			t.Errorf("the runner reads no annotation in %q", line)
			continue
		}
		all = append(all, c)
	}
	return all
}

// logLines splits as .NET's StreamReader.ReadLine does, which also ends a line at a lone CR.
func logLines(log string) []string {
	log = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(log)
	return strings.Split(strings.TrimSuffix(log, "\n"), "\n")
}

// parseCommand reads `::name key=value,key=value::message`.
func parseCommand(line string) (annotation, bool) {
	line, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::")
	if !ok {
		return annotation{}, false
	}
	head, message, ok := strings.Cut(line, "::")
	if !ok {
		return annotation{}, false
	}
	name, rest, _ := strings.Cut(head, " ")
	c := annotation{name, map[string]string{}, unescape(message, false)}
	for pair := range strings.SplitSeq(rest, ",") {
		if key, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			c.properties[key] = unescape(value, true)
		}
	}
	return c, true
}

// unescape undoes the runner's escapes in its order, the percent sign last.
func unescape(s string, inProperty bool) string {
	pairs := []string{"%0D", "\r", "%0A", "\n"}
	if inProperty {
		pairs = append(pairs, "%3A", ":", "%2C", ",")
	}
	for i := 0; i < len(pairs); i += 2 {
		s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
	}
	return strings.ReplaceAll(s, "%25", "%")
}

func TestGitHubReadsWhatWasFound(t *testing.T) {
	got := annotations(t, write(t, diag.GitHub, outcome()))
	want := []annotation{
		{"error", map[string]string{"title": "writ"}, "out/ is not current: writ build"},
		{
			"error",
			map[string]string{
				"file": "access/policies/a b.yaml", "line": "5", "endLine": "5", "col": "11", "endColumn": "28",
				"title": "REF-001 unknown-service",
			},
			"no service \"identity/custmers\"\nhelp: did you mean this?\n\nto: identity/customers\nfix: replace \"custmers\" (writ fix)\n" +
				"note: policies/a b.yaml:2:39: written here\nnote: nowhere",
		},
		{
			"error",
			map[string]string{
				"file": "access/policies/a b.yaml", "line": "2", "endLine": "2", "col": "18", "endColumn": "26",
				"title": "REF-001 unknown-service (not of this change)",
			},
			"known before",
		},
		{
			"warning",
			map[string]string{
				"file": "access/policies/a b.yaml", "line": "8", "endLine": "8", "col": "16", "endColumn": "17",
				"title": "DAT-001 until-passed",
			},
			"until 2026-01-01 has passed",
		},
		{"notice", map[string]string{"title": "REF-009 unused-grant"}, "a notice that points nowhere"},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(annotation{})); d != "" {
		t.Error(d)
	}
}

func TestGitHubIsToldNoMoreThanItShows(t *testing.T) {
	o := &diag.Outcome{
		Findings: slices.Concat(many(unusedGrant, 12), many(untilPassed, 10), many(unknownService, 25)),
		Caused:   func(f *diag.Finding) bool { return strings.HasSuffix(f.Message, "5") },
	}
	byLevel := map[string][]string{}
	for _, a := range annotations(t, write(t, diag.GitHub, o)) {
		byLevel[a.command] = append(byLevel[a.command], a.message)
	}
	rest := func(n int, level string) string {
		return fmt.Sprintf("and %d more %s, which GitHub does not show; the formats text, sarif and junit have them", n, level)
	}
	want := map[string][]string{
		"error": {
			"unknown-service 5", "unknown-service 15", "unknown-service 25", "unknown-service 1", "unknown-service 2",
			"unknown-service 3", "unknown-service 4", "unknown-service 6", "unknown-service 7", rest(16, "errors"),
		},
		"warning": {
			"until-passed 5", "until-passed 1", "until-passed 2", "until-passed 3", "until-passed 4", "until-passed 6",
			"until-passed 7", "until-passed 8", "until-passed 9", "until-passed 10",
		},
		"notice": {
			"unused-grant 5", "unused-grant 1", "unused-grant 2", "unused-grant 3", "unused-grant 4", "unused-grant 6",
			"unused-grant 7", "unused-grant 8", "unused-grant 9", rest(3, "notices"),
		},
	}
	if d := cmp.Diff(want, byLevel); d != "" {
		t.Error(d)
	}
}

func TestTextCannotBreakOutOfAWorkflowCommand(t *testing.T) {
	o := hostileOutcome(hostile)
	got := annotations(t, write(t, diag.GitHub, o))
	if len(got) != 4 {
		t.Fatalf("%d annotations", len(got))
	}
	for _, a := range got[1:] {
		if len(a.properties) != 6 || !strings.HasPrefix(a.properties["title"], "REF-") && a.properties["title"] != "DAT-001 until-passed" {
			t.Errorf("properties %q", a.properties)
		}
		if file := path.Join(hostile, "policies", hostile); a.properties["file"] != diag.Visible(file) {
			t.Errorf("file %q, want %q", a.properties["file"], diag.Visible(file))
		}
		if strings.ContainsAny(a.message, "\r\x1b\x00\x7f\u202e") {
			t.Errorf("message %q", a.message)
		}
		if !strings.HasPrefix(a.message, diag.Visible(hostile)+"\nhelp: a\n::error::b\\r\n::set-output name=x::y\\x1b[31m") {
			t.Errorf("message %q does not tell what was found", a.message)
		}
	}
}
