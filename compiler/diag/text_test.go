package diag_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/diag"
)

var (
	unknownService = &diag.Rule{Code: "REF-001", Name: "unknown-service", Effect: diag.Withhold, Title: "an intent names a service"}
	unusedGrant    = &diag.Rule{Code: "REF-009", Name: "unused-grant", Effect: diag.Report, Level: diag.Notice, Title: "a grant is used"}
	untilPassed    = &diag.Rule{Code: "DAT-001", Name: "until-passed", Effect: diag.Report, Title: "an until lies ahead"}
)

// at is the span of the first occurrence of text in src.
func at(file, src, text string) diag.Span {
	start := strings.Index(src, text)
	if start < 0 {
		panic("no " + text)
	}
	return diag.Span{File: file, Start: pos(src, start), End: pos(src, start+len(text))}
}

func pos(src string, offset int) diag.Pos {
	before := src[:offset]
	return diag.At(strings.Count(before, "\n")+1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])+1, offset)
}

func text(t *testing.T, list diag.List, sources map[string]string, opts diag.TextOptions) string {
	t.Helper()
	files := map[string][]byte{}
	for name, src := range sources {
		files[name] = []byte(src)
	}
	var b bytes.Buffer
	if err := diag.Text(&b, list, files, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const checkout = `kind: Service
metadata: {name: checkout, namespace: shop}
spec:
  intents:
    - to: identity/custmers
      endpoints: [read-address]
      until: 2026-01-01
`

func TestAFindingShowsItsPlaceItsNextStepAndItsFix(t *testing.T) {
	const customers = "kind: Service\nmetadata: {name: customers, namespace: identity}\n"
	list := diag.List{{
		Rule:    unknownService,
		Span:    at("teams/shop/checkout.yaml", checkout, "identity/custmers"),
		Message: `no service "identity/custmers"`,
		Help:    "did you mean identity/customers?",
		Related: []diag.Related{{Span: at("teams/identity/customers.yaml", customers, "customers"), Message: "identity/customers is here"}},
		Fix:     &diag.Fix{Title: `rename "identity/custmers" to "identity/customers"`},
	}}
	got := text(t, list, map[string]string{"teams/shop/checkout.yaml": checkout}, diag.TextOptions{})
	want := `teams/shop/checkout.yaml:5:11: error: no service "identity/custmers"  [REF-001]
   5 |     - to: identity/custmers
     |           ^~~~~~~~~~~~~~~~~
  help: did you mean identity/customers?
  note: teams/identity/customers.yaml:2:18: identity/customers is here
  fix: rename "identity/custmers" to "identity/customers" (writ fix)

`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFindingsAreSortedAndIgnoredOnesTakeOneLine(t *testing.T) {
	list := diag.List{
		{
			Rule: untilPassed, Span: at("b.yaml", checkout, "2026-01-01"), Message: "until has passed",
			Ignored: &diag.Ignore{Code: "DAT-001", Until: "2026-12-01", Reason: "the printer moves in autumn"}, Help: "not shown",
		},
		{Rule: unusedGrant, Span: at("a.yaml", checkout, "checkout"), Message: "nobody uses the grant"},
		{Rule: untilPassed, Message: "the estate is empty"},
	}
	got := text(t, list, nil, diag.TextOptions{Brief: true})
	want := `warning: the estate is empty  [DAT-001]
a.yaml:2:18: notice: nobody uses the grant  [REF-009]
b.yaml:7:14: notice: until has passed; ignored until 2026-12-01: the printer moves in autumn  [DAT-001]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list[0].Span.File != "b.yaml" {
		t.Error("the caller's list was reordered")
	}
}

func TestSnippetsUnderlineWhatTheReaderSees(t *testing.T) {
	long := "paths: [" + strings.Repeat(`"/v1/a", `, 40) + `"/v1/*"` + strings.Repeat(`, "/v1/b"`, 40) + "]"
	tests := []struct {
		name, src, mark string
		width           int
		want            string
	}{
		{"wide characters", "because: 住所のラベル printed\n", "ラベル", 0, "" +
			"   1 | because: 住所のラベル printed\n" +
			"     |                ^~~~~~\n"},
		{"combining characters", "because: cafe\u0301 X\n", "X", 0, "" +
			"   1 | because: cafe\u0301 X\n" +
			"     |               ^\n"},
		{"tabs", "a:\t\"x\ty\"\tz\n", "x\ty", 0, "" +
			"   1 | a:  \"x  y\"  z\n" +
			"     |      ^~~~\n"},
		{"several lines", "a: |\n  first\n  second\nb: 1\n", "first\n  second", 0, "" +
			"   2 |   first\n" +
			"     |   ^~~~~\n"},
		{"the end of a line", "name:\r\n", "\r", 0, "" +
			"   1 | name:\n" +
			"     |      ^\n"},
		{"an escape sequence", "name: \x1b[31mred X\n", "X", 0, "" +
			"   1 | name: \\x1b[31mred X\n" +
			"     |                   ^\n"},
		{"a directional override", "name: \u202eab X\n", "X", 0, "" +
			"   1 | name: \\u202eab X\n" +
			"     |                ^\n"},
		{"a byte that is no text", "name: \xff X\n", "X", 0, "" +
			"   1 | name: \\xff X\n" +
			"     |            ^\n"},
		{"a long line", long, `"/v1/*"`, 60, "" +
			"   1 | ...1/a\", \"/v1/a\", \"/v1/*\", \"/v1/b\", \"/v1/b\", \"/v1/...\n" +
			"     |                   ^~~~~~~\n"},
		{"the end of a long line", long, `"/v1/b"]`, 60, "" +
			"   1 | ...\", \"/v1/b\", \"/v1/b\", \"/v1/b\", \"/v1/b\", \"/v1/b\"]\n" +
			"     |                                           ^~~~~~~~\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := diag.List{{Rule: unknownService, Span: at("a.yaml", tt.src, tt.mark), Message: "m"}}
			got := text(t, list, map[string]string{"a.yaml": tt.src}, diag.TextOptions{Width: tt.width})
			_, got, _ = strings.Cut(strings.TrimSuffix(got, "\n"), "\n")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnEmptySpanGetsOneCaret(t *testing.T) {
	s := at("a.yaml", "a: b\n", "b")
	s.End = s.Start
	got := text(t, diag.List{{Rule: unknownService, Span: s, Message: "m"}}, map[string]string{"a.yaml": "a: b\n"}, diag.TextOptions{})
	if want := "   1 | a: b\n     |    ^\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHelpMayShowLinesToPaste(t *testing.T) {
	list := diag.List{{
		Rule: unknownService, Message: "pending",
		Help: "add to the spec of identity/customers:\ngrants:\n  - {from: shop/checkout}\n",
	}}
	want := `error: pending  [REF-001]
  help: add to the spec of identity/customers:
        grants:
          - {from: shop/checkout}

`
	if diff := cmp.Diff(want, text(t, list, nil, diag.TextOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestColoursMarkLevelsOnlyWhenAsked(t *testing.T) {
	list := diag.List{{Rule: unknownService, Span: at("a.yaml", "a: b\n", "b"), Message: "m", Help: "h"}}
	want := "a.yaml:1:4: \x1b[1;31merror:\x1b[0m m  [REF-001]\n" +
		"\x1b[36m   1 |\x1b[0m a: b\n" +
		"\x1b[36m     |\x1b[0m    \x1b[1;31m^\x1b[0m\n" +
		"  \x1b[36mhelp:\x1b[0m h\n\n"
	got := text(t, list, map[string]string{"a.yaml": "a: b\n"}, diag.TextOptions{Color: true})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUserTextInMessagesCannotDriveTheTerminal(t *testing.T) {
	evil := "x\x1b]0;owned\x07\n\u009b31m\u2028"
	list := diag.List{{
		Rule: untilPassed, Span: diag.Span{File: "p\x1b[2J.yaml", Start: diag.At(1, 1, 0)},
		Message: evil, Help: evil, Related: []diag.Related{{Message: evil}}, Fix: &diag.Fix{Title: evil},
	}}
	assertTame(t, text(t, list, nil, diag.TextOptions{}))
}

func assertTame(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("output is not UTF-8: %q", out)
	}
	for _, r := range out {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)) {
			t.Errorf("output has the raw character %U: %q", r, out)
			return
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add(checkout, "no service", 50, 60, 80)
	f.Add("a:\t\x1b[31m住所\xff\r\n", "m\x07", 3, 9, 1)
	f.Add(strings.Repeat("é", 9000), "", 9001, 9003, 40)
	f.Fuzz(func(t *testing.T, src, message string, start, end, width int) {
		span := diag.Span{File: "a.yaml", Start: diag.At(1, 1, start), End: diag.At(1, 1, end)}
		list := diag.List{{
			Rule: untilPassed, Span: span, Message: message, Help: message,
			Related: []diag.Related{{Span: span, Message: message}}, Ignored: nil,
		}}
		out := text(t, list, map[string]string{"a.yaml": src}, diag.TextOptions{Width: width % 200})
		assertTame(t, out)
		head, _, _ := strings.Cut(out, "\n")
		if !strings.HasSuffix(head, "  [DAT-001]") {
			t.Errorf("the first line is not whole: %q", head)
		}
	})
}

// TestNotesKeepToTheirLine: a reader of logs, GitHub's for one, takes a line for a command by how it begins, whatever its indentation.
func TestNotesKeepToTheirLine(t *testing.T) {
	list := diag.List{{
		Rule: untilPassed, Message: "until has passed", Related: []diag.Related{{Message: "a\n::error::b"}}, Fix: &diag.Fix{Title: "a\n::error::b"},
	}}
	if got := text(t, list, nil, diag.TextOptions{}); strings.Contains(got, " ::error") {
		t.Error(got)
	}
}
