package check

import (
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/compiler/diag"
)

// TestIgnores: an ignore silences its own rule, on its own line, or on the next where it stands alone; it does so until its last
// day, and never for what withholds or stops.
func TestIgnores(t *testing.T) {
	t.Parallel()
	report := &diag.Rule{Code: "END-001", Name: "a-report", Effect: diag.Report}
	other := &diag.Rule{Code: "END-002", Name: "another-report", Effect: diag.Report}
	failing := &diag.Rule{Code: "END-003", Name: "a-report-that-fails", Effect: diag.Report, Level: diag.Error}
	withholds := &diag.Rule{Code: "ACC-001", Name: "a-withholding", Effect: diag.Withhold, Level: diag.Warning}
	catalogue := []*diag.Rule{withholds, report, other, failing}
	const source = "a: b # the ignore stands here\nc: d\n  # and here\ne: f\ng: h\n"
	at := func(file string, line int) diag.Span {
		offset := 0
		for range line - 1 {
			offset += strings.Index(source[offset:], "\n") + 1
		}
		column := max(strings.Index(source[offset:], "#"), 0)
		if line != 1 && line != 3 {
			column = 0
		}
		return diag.Span{File: file, Start: diag.At(line, column+1, offset+column), End: diag.At(line, column+2, offset+column+1)}
	}
	for _, c := range []struct {
		name     string
		found    *diag.Rule
		at       diag.Span
		ignore   string
		line     int
		until    string
		silenced bool
		says     *diag.Rule
		help     string
	}{
		{"on its line", report, at("a.yaml", 1), "END-001", 1, "2099-01-31", true, ignoreActive, ""},
		{"on its last day", report, at("a.yaml", 1), "END-001", 1, "2026-11-23", true, ignoreActive, ""},
		{"the day after", report, at("a.yaml", 1), "END-001", 1, "2026-11-22", false, ignoreExpired, "give it a new date"},
		{"behind something on the line above", report, at("a.yaml", 2), "END-001", 1, "2099-01-31", false, ignoreUnused, "delete the comment"},
		{"alone on the line above", report, at("a.yaml", 4), "END-001", 3, "2099-01-31", true, ignoreActive, ""},
		{"two lines above", report, at("a.yaml", 5), "END-001", 3, "2099-01-31", false, ignoreUnused, "delete the comment"},
		{"on the line below", report, at("a.yaml", 2), "END-001", 3, "2099-01-31", false, ignoreUnused, "delete the comment"},
		{"in another file", report, at("b.yaml", 1), "END-001", 1, "2099-01-31", false, ignoreUnused, "delete the comment"},
		{"of another rule", other, at("a.yaml", 1), "END-001", 1, "2099-01-31", false, ignoreUnused, "delete the comment"},
		{"of what withholds", withholds, at("a.yaml", 1), "ACC-001", 1, "2099-01-31", false, ignoreForbidden, "mend what it finds"},
		{"of what fails", failing, at("a.yaml", 1), "END-003", 1, "2099-01-31", false, ignoreForbidden, "mend what it finds"},
		{"of no rule, nearly", report, at("a.yaml", 1), "END-0001", 1, "2099-01-31", false, ignoreUnknown, "did you mean END-001?"},
		{"of no rule", report, at("a.yaml", 1), "QQQQQQQQ", 1, "2099-01-31", false, ignoreUnknown, "`writ rules` lists the codes"},
	} {
		found := diag.List{{Rule: c.found, Span: c.at}}
		ignores := []diag.Ignore{{Code: c.ignore, Until: c.until, Reason: "it is being mended", Span: at("a.yaml", c.line)}}
		got := Ignores(found, ignores, catalogue, map[string][]byte{"a.yaml": []byte(source), "b.yaml": []byte(source)}, "2026-11-23")
		i := slices.IndexFunc(got, func(f diag.Finding) bool { return f.Rule == c.found })
		if silenced := got[i].Ignored != nil; silenced != c.silenced {
			t.Errorf("%s: silenced: %v", c.name, silenced)
		}
		last := got[len(got)-1]
		if last.Rule != c.says || !strings.Contains(last.Help, c.help) {
			t.Errorf("%s: %s says %q, help %q", c.name, last.Rule.Code, last.Message, last.Help)
		}
	}
}

// TestTheCatalogueIsInOrder: the rules of all stages are listed by their codes, each once.
func TestTheCatalogueIsInOrder(t *testing.T) {
	t.Parallel()
	all := Catalogue()
	for i, r := range all[1:] {
		if all[i].Code >= r.Code {
			t.Errorf("%s comes before %s", all[i].Code, r.Code)
		}
	}
}

func TestSome(t *testing.T) {
	t.Parallel()
	if got, want := some([]string{"c", "a", "b", "a"}), "a, b, c"; got != want {
		t.Errorf("three, one of them twice: %q", got)
	}
	if got, want := some([]string{"d", "c", "b", "a"}), "a, b, c and 1 more"; got != want {
		t.Errorf("four: %q", got)
	}
	if got, want := listOr([]string{"b", "a", "b"}, "none"), "a, b"; got != want {
		t.Errorf("two: %q", got)
	}
	if got := listOr(nil, "none"); got != "none" {
		t.Errorf("none: %q", got)
	}
}
