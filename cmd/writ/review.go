package main

import (
	"bytes"
	"fmt"
	"strings"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
)

// GitHub takes 65,536 characters in a comment, and 1 MiB in the summary of a step, of which it drops all where there is more. Nobody
// reads longer tables than these in a comment; a workflow adds a few lines around it.
var (
	commentLimit = diag.Limit{Rows: 40, Bytes: 58_000, Elsewhere: "the summary of the run has more of them, `writ check` all"}
	summaryLimit = diag.Limit{Rows: 2000, Bytes: 880 << 10, Elsewhere: "`writ check` and `writ diff` list them"}
)

// tellReview writes what a pull request is read by: what changes for personal data and for whom, who must agree, what is wrong. Each
// part leaves room for those behind it.
func (a *app) tellReview(c checked, limit diag.Limit) error {
	var page bytes.Buffer
	fmt.Fprintf(&page, "## writ: %s\n\n", c.verdict(a))
	part := func(share int) diag.Limit {
		return diag.Limit{Rows: limit.Rows, Bytes: limit.Bytes*share/100 - page.Len(), Elsewhere: limit.Elsewhere}
	}
	switch {
	case c.base == "":
	case c.Access != nil:
		if err := c.Access.Markdown(&page, nil, part(60)); err != nil {
			return err
		}
	case c.Findings.Stops():
		page.WriteString("A finding stops, so nobody can say what changes for whom.\n\n")
	default:
		page.WriteString("The base does not compile, so nobody can say what changes for whom.\n\n")
	}
	agreements(&page, c.Agreements, part(75))
	a.tellOut(&page, c)
	if err := diag.Markdown(&page, a.outcome(c.Result, c.causes()), part(98)); err != nil {
		return err
	}
	if c.Files != nil {
		fmt.Fprintf(&page, "Proved: %s.\n", c.Proof.Summary())
	}
	_, err := a.stdout.Write(page.Bytes())
	return err
}

// verdict is the result in a line.
func (c checked) verdict(a *app) string {
	var caused diag.List
	for i := range c.Findings {
		if c.Caused(&c.Findings[i]) || c.base == "" {
			caused = append(caused, c.Findings[i])
		}
	}
	said := tally(caused)
	if c.drifts() {
		said += "; `out/` is behind"
	}
	if c.Fails() || c.drifts() {
		return said
	}
	return "passes, " + said
}

// agreements are who must agree, and why.
func agreements(page *bytes.Buffer, all []compiler.Agreement, limit diag.Limit) {
	if len(all) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Who must agree (%d)\n\n", len(all))
	for i, one := range all {
		row := fmt.Sprintf("- %s: %s\n", diag.Code(one.Who), diag.Code(one.Why))
		if one.First {
			row = fmt.Sprintf("- %s, **in a change that comes first**: %s\n", diag.Code(one.Who), diag.Code(one.Why))
		}
		if !limit.Fits(i, b.Len()+len(row)) {
			fmt.Fprintf(&b, "\n%s\n", limit.Left(len(all)-i))
			break
		}
		b.WriteString(row)
	}
	b.WriteString("\n")
	page.WriteString(b.String())
}

// tellOut says that out/ is behind, and how it is repaired.
func (a *app) tellOut(page *bytes.Buffer, c checked) {
	if !c.drifts() {
		return
	}
	fmt.Fprintf(page, "### `out/` is behind\n\n%s\n\n", diag.Code(a.currency(c).Failure))
	const most = 10
	listed := 0
	for _, side := range []struct {
		word  string
		paths []string
	}{{"missing", c.Drift.Missing}, {"changed", c.Drift.Changed}, {"orphaned", c.Drift.Orphaned}} {
		for _, p := range side.paths {
			if listed++; listed <= most {
				fmt.Fprintf(page, "- %s: %s\n", side.word, diag.Code("out/"+p))
			}
		}
	}
	if listed > most {
		fmt.Fprintf(page, "- and %d more\n", listed-most)
	}
	page.WriteString("\n")
}
