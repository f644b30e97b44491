package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
)

// TestReviewIsCutWhereGitHubCuts: of a change that nobody could read, each part shows its first, and the count of what is left.
func TestReviewIsCutWhereGitHubCuts(t *testing.T) {
	const n = 20_000
	r := &review{Version: 1, Based: true, Errors: n, Access: &diff.Difference{}, Behind: "out/ is not current", Lacks: []string{"missing out/x"}, LacksAll: n}
	for i := range n {
		name := fmt.Sprintf("team-%d/a-service-with-a-name-%d", i%100, i)
		change := diff.Change{Caller: name, Callee: "identity/customers", Endpoint: "read", Because: strings.Repeat("a reason | ", 20), Requests: []string{"GET /a", "GET /b"}}
		r.Access.Gained = append(r.Access.Gained, change)
		r.Access.Lost = append(r.Access.Lost, change)
		r.Access.Disclosed = append(r.Access.Disclosed, diff.Disclosure{Recipient: name, Category: "user.contact"})
		r.Access.Switched = append(r.Access.Switched, diff.Switch{Subject: "Service " + name, What: "mtls", Clusters: []string{"eu-1"}})
		r.Agreements = append(r.Agreements, compiler.Agreement{Who: "team " + name, Why: "owns policies/teams/" + name})
		r.Findings = append(r.Findings, diag.Item{Level: "error", Caused: true, File: "policies/a.yaml", Line: i, Code: "REF-006", Message: strings.Repeat("ü", 200), Help: "mend it"})
	}
	for limit, most := range map[*diag.Limit]int{&commentLimit: 60_000, &summaryLimit: 900 << 10} {
		page, err := r.markdown(*limit)
		if err != nil {
			t.Fatal(err)
		}
		text := string(page)
		if len(page) > most || !utf8.Valid(page) {
			t.Errorf("the page has %d bytes, more than %d", len(page), most)
		}
		left := regexp.MustCompile(`(?m)^(\d+) more: `).FindAllStringSubmatch(text, -1)
		if len(left) != 6 {
			t.Errorf("%d parts say what is left out:\n%.3000s", len(left), text)
		}
		for _, m := range left {
			if count, err := strconv.Atoi(m[1]); err != nil || count < n-limit.Rows || count > n {
				t.Errorf("%s are left of %d", m[1], n)
			}
		}
		for _, title := range []string{"### Personal data", "### Access gained (20000)", "### Access lost", "### Who must agree (20000)", "### `out/` is behind", "### Findings (20000)"} {
			if !strings.Contains(text, title) {
				t.Errorf("the page lacks %q", title)
			}
		}
		t.Logf("%d bytes", len(page))
	}
}
