package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
)

// GitHub takes 65,536 characters in a comment, and 1 MiB in the summary of a step, of which it drops all where there is more. Nobody
// reads longer tables than these in a comment; who posts it adds a few lines.
var (
	commentLimit = diag.Limit{Rows: 40, Bytes: 58_000, Elsewhere: "the summary of the run has more of them, `writ check` all"}
	summaryLimit = diag.Limit{Rows: 2000, Bytes: 880 << 10, Elsewhere: "`writ check` and `writ diff` list them"}
)

// review is what a pull request is read by: what changes for personal data and for whom, who must agree, what is wrong. The one who
// posts it may have it from a stranger, as JSON: its texts are shown as texts, whatever they are.
type review struct {
	Version int `json:"version"` // 1
	// Passes says that nothing fails.
	Passes bool `json:"passes"`
	// Based says that it was compared with a base.
	Based    bool `json:"based"`
	Errors   int  `json:"errors"` // that the change causes, as those that follow
	Warnings int  `json:"warnings"`
	Notices  int  `json:"notices"`
	// Access is null without a base, and where a finding stops either side; Stops says that it is this one.
	Access     *diff.Difference     `json:"access"`
	Stops      bool                 `json:"stops"`
	Agreements []compiler.Agreement `json:"agreements"`
	// Behind says in a line that out/ is not current; "" where it is. Lacks are the first files, of as many as LacksAll.
	Behind   string      `json:"behind"`
	Lacks    []string    `json:"lacks"`
	LacksAll int         `json:"lacksAll"`
	Findings []diag.Item `json:"findings"`
	Proved   string      `json:"proved"`
}

// lacksShown is how many files are named that out/ lacks.
const lacksShown = 10

func (a *app) newReview(c checked) *review {
	r := &review{
		Version: 1, Passes: !c.Fails() && !c.drifts(), Based: c.base != "", Access: c.Access, Stops: c.Findings.Stops(),
		Agreements: c.Agreements, Findings: a.outcome(c.Result, c.causes()).Items(),
	}
	for _, item := range r.Findings {
		switch {
		case !item.Caused:
		case item.Level == diag.Error.String():
			r.Errors++
		case item.Level == diag.Warning.String():
			r.Warnings++
		default:
			r.Notices++
		}
	}
	if c.Files != nil {
		r.Proved = c.Proof.Summary()
	}
	if c.drifts() {
		r.Behind = a.currency(c).Failure
		for _, side := range []struct {
			word  string
			paths []string
		}{{"missing", c.Drift.Missing}, {"changed", c.Drift.Changed}, {"orphaned", c.Drift.Orphaned}} {
			for _, p := range side.paths {
				if r.LacksAll++; r.LacksAll <= lacksShown {
					r.Lacks = append(r.Lacks, side.word+" out/"+p)
				}
			}
		}
	}
	return r
}

// quiet reports whether there is nothing to say of the change.
func (r *review) quiet() bool {
	return r.Passes && (r.Access == nil || r.Access.Empty()) && len(r.Agreements)+r.Errors+r.Warnings+r.Notices == 0
}

// markdown is the review as a page. Each part leaves room for those behind it.
func (r *review) markdown(limit diag.Limit) ([]byte, error) {
	var page bytes.Buffer
	fmt.Fprintf(&page, "## writ: %s\n\n", r.verdict())
	part := func(share int) diag.Limit {
		return diag.Limit{Rows: limit.Rows, Bytes: limit.Bytes*share/100 - page.Len(), Elsewhere: limit.Elsewhere}
	}
	switch {
	case !r.Based:
	case r.Access != nil:
		if err := r.Access.Markdown(&page, nil, part(60)); err != nil {
			return nil, err
		}
	case r.Stops:
		page.WriteString("A finding stops, so nobody can say what changes for whom.\n\n")
	default:
		page.WriteString("The base does not compile, so nobody can say what changes for whom.\n\n")
	}
	r.agreements(&page, part(75))
	r.out(&page)
	if err := diag.Markdown(&page, r.Findings, part(97)); err != nil {
		return nil, err
	}
	if r.Proved != "" {
		fmt.Fprintf(&page, "Proved: %s.\n", diag.Prose(r.Proved))
	}
	return page.Bytes(), nil
}

// verdict is the result in a line.
func (r *review) verdict() string {
	var parts []string
	for _, level := range []struct {
		n    int
		word string
	}{{r.Errors, "error"}, {r.Warnings, "warning"}, {r.Notices, "notice"}} {
		if level.n > 0 {
			parts = append(parts, count(level.n, level.word, level.word+"s"))
		}
	}
	said := strings.Join(parts, ", ")
	if said == "" {
		said = "no findings"
	}
	if r.Behind != "" {
		said += "; `out/` is behind"
	}
	if r.Passes {
		return "passes, " + said
	}
	return "fails, " + said
}

// agreements are who must agree, and why.
func (r *review) agreements(page *bytes.Buffer, limit diag.Limit) {
	if len(r.Agreements) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Who must agree (%d)\n\n", len(r.Agreements))
	for i, one := range r.Agreements {
		first := ""
		if one.First {
			first = ", **in a change that comes first**"
		}
		row := fmt.Sprintf("- %s%s: %s\n", diag.Prose(one.Who), first, diag.Prose(one.Why))
		if !limit.Fits(i, b.Len()+len(row)) {
			fmt.Fprintf(&b, "\n%s\n", limit.Left(len(r.Agreements)-i))
			break
		}
		b.WriteString(row)
	}
	b.WriteString("\n")
	page.WriteString(b.String())
}

// out says that out/ is behind, and how it is repaired.
func (r *review) out(page *bytes.Buffer) {
	if r.Behind == "" {
		return
	}
	fmt.Fprintf(page, "### `out/` is behind\n\n%s\n\n", diag.Prose(r.Behind))
	shown := r.Lacks[:min(len(r.Lacks), lacksShown)]
	for _, line := range shown {
		fmt.Fprintf(page, "- %s\n", diag.Code(line))
	}
	if more := r.LacksAll - len(shown); more > 0 {
		fmt.Fprintf(page, "- and %d more\n", more)
	}
	page.WriteString("\n")
}

// tellReview writes the review in one of its formats.
func (a *app) tellReview(c checked) error {
	limit := commentLimit
	switch a.format {
	case formatReview:
		return a.json(a.newReview(c))
	case formatPatch:
		return a.tellPatch(c.repo, c.Result)
	case formatSummary:
		limit = summaryLimit
	}
	page, err := a.newReview(c).markdown(limit)
	a.printf("%s", page)
	return err
}

// tellPatch writes what out/ lacks.
func (a *app) tellPatch(fsys fs.FS, r *compiler.Result) error {
	patch, err := r.PatchOfOut(fsys)
	a.raw(string(patch))
	return err
}
