package diag

import (
	"fmt"
	"strings"
	"testing"
)

func TestMarkdownIsCutWithACount(t *testing.T) {
	rule := &Rule{Code: "REF-001", Effect: Withhold}
	o := &Outcome{}
	for i := range 500 {
		o.Findings.Add(Finding{Rule: rule, Span: Span{File: "policies/a.yaml", Start: At(i+1, 1, 0)}, Message: strings.Repeat("x", 400), Help: "do it"})
	}
	for _, limit := range []Limit{{Rows: 40, Bytes: 60_000}, {Rows: 4000, Bytes: 60_000}, {Rows: 0, Bytes: 10}, {Rows: 10, Bytes: -5}} {
		limit.Elsewhere = "elsewhere"
		var b strings.Builder
		if err := Markdown(&b, o.Items(), limit); err != nil {
			t.Fatal(err)
		}
		shown := strings.Count(b.String(), "- **error**")
		if !strings.Contains(b.String(), fmt.Sprintf("\n%d more: elsewhere.\n", 500-shown)) || shown > limit.Rows || b.Len() > max(limit.Bytes, 0)+100 {
			t.Errorf("%+v: %d shown in %d bytes", limit, shown, b.Len())
		}
	}
}

func TestCodeIsOneSpan(t *testing.T) {
	tests := map[string]string{
		"plain":               "`plain`",
		"@org/team <b>":       "`@org/team <b>`",
		"a`b``c":              "```a`b``c```",
		"`":                   "`` ` ``",
		"a\nb":                "`a\\nb`",
		" ":                   "",
		"::error::x\r\n::y::": "`::error::x\\r\\n::y::`",
	}
	for s, want := range tests {
		if got := Code(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	for s, want := range map[string]string{
		`identity/customers has no endpoint "read-adress"`:    "`identity/customers` has no endpoint `\"read-adress\"`",
		"@org/team must agree (GDPR, Article 5): don't wait.": "`@org/team` must agree (GDPR, Article 5): don't wait.",
		"see www.x.example, #1 and deadbeef or :tada:":        "see `www.x.example`, `#1` and `deadbeef` or `:tada`:",
		"a `b` | *c* <d>": "a ``` `b` | *c* <d> ```",
		"adds to identity/customers: - {from: a, endpoints: [x]} now": "adds to `identity/customers`: `- {from: a, endpoints: [x]}` now",
		"authz off -> enforce, :: -> x":                               "authz off → enforce, `:`: → x",
		"größer ist 1 1. -":                                           "größer ist 1 1. `-`",
	} {
		if got := Prose(s); got != want && got != strings.ReplaceAll(want, "```", "``") {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	if got := Cell("a|b"); got != "`a\\|b`" {
		t.Error(got)
	}
}
