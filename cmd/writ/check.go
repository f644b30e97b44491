package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/gitops"
)

func (a *app) check() *cobra.Command {
	var base string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check everything that a pull request must pass, and write nothing",
		Long: "check compiles policies/ without writing, and compares out/ with what follows.\n\n" +
			"With a base revision it fails on the findings that the change causes, and lists those that the base had already.\n\n" +
			formatsHelp + "\n\n" +
			"For pull requests it also writes markdown (a comment: what changes for personal data, who gains and who loses access, who\n" +
			"must agree and why, the findings), summary (the same and more of it, for the page of the run), review (the same as data, for\n" +
			"`writ comment`) and patch (what out/ lacks, for `git apply`).",
		Args:        noArgs,
		Annotations: map[string]string{everyFormat: "yes", everyReview: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("base") && base == "" {
				return errors.New("--base is empty; name a git revision, like main or origin/main")
			}
			return a.runCheck(cmd.Context(), base)
		},
	}
	cmd.Flags().StringVar(&base, "base", "", "the git `REV` to compare with, like main or origin/main")
	must(cmd.RegisterFlagCompletionFunc("base", cobra.NoFileCompletions))
	return cmd
}

// checked is a compilation with what it was compared with.
type checked struct {
	*compiler.Result
	base, commit string // "" without a base
	repo         fs.FS
}

func (a *app) runCheck(ctx context.Context, base string) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	var before fs.FS
	c := checked{base: base}
	if base != "" {
		if before, c.commit, err = gitops.Revision(a.dir, base); err != nil {
			return err
		}
	}
	c.repo = repo.FS()
	if c.Result, err = a.compile(ctx, c.repo, before); err != nil {
		return err
	}
	if err := a.tell(func(a *app) error { return a.checkResult(c) }); err != nil {
		return err
	}
	if c.Fails() || c.drifts() {
		return errFails
	}
	return nil
}

// drifts reports whether out/ is not what it should be. Where a finding stops there is nothing to compare, and where out/ is
// published elsewhere it means nothing here.
func (c checked) drifts() bool { return c.comparable() && !c.Drift.Clean() }

func (c checked) comparable() bool { return c.Files != nil && !c.Published }

func (a *app) checkResult(c checked) error {
	switch a.format {
	case formatText:
		return a.tellCheck(c)
	case formatJSON:
		return a.checkJSON(c)
	case formatMarkdown, formatSummary, formatReview, formatPatch:
		return a.tellReview(c)
	}
	if !c.comparable() {
		return a.report(c.Result, c.causes())
	}
	return a.report(c.Result, c.causes(), a.currency(c))
}

// causes tells the findings of the change from others, nil without a base.
func (c checked) causes() func(*diag.Finding) bool {
	if c.base == "" {
		return nil
	}
	return c.Caused
}

// currency is whether out/ is current, as a check.
func (a *app) currency(c checked) diag.Check {
	current := diag.Check{Name: "out/ is current"}
	if !c.drifts() {
		return current
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{len(c.Drift.Missing), "missing"},
		{len(c.Drift.Changed), "changed"},
		{len(c.Drift.Orphaned), "orphaned"},
		{len(c.Drift.Blocked), "in the way"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	current.Failure = a.stateOfOut(c) + " (" + strings.Join(parts, ", ") + ")"
	return current
}

func (a *app) tellCheck(c checked) error {
	if err := a.tellFindings(c); err != nil {
		return err
	}
	if c.comparable() {
		a.foreign(beside(c.Drift))
	}
	if c.drifts() {
		a.drift(c)
	}
	if c.Files != nil { // else some stage did not come to count
		a.stats(c.Result)
	}
	a.printf("%s; %s\n", tally(c.Findings), a.stateOfOut(c))
	return nil
}

// stateOfOut says whether out/ is current and, where it is not, the command that repairs it.
func (a *app) stateOfOut(c checked) string {
	switch {
	case c.Files == nil:
		return "a finding stops, so nothing else was judged and out/ was not compared"
	case c.Published:
		return "out/ is published elsewhere"
	case c.Drift.Clean():
		return "out/ is current"
	case len(c.Drift.Blocked) > 0:
		return "out/ is not current: move away what is in the way, then " + a.command("build")
	default:
		return "out/ is not current: " + a.command("build")
	}
}

// tellFindings prints the findings; with a base those that the change causes, and the others in a line each.
func (a *app) tellFindings(c checked) error {
	opts := a.textOptions()
	if c.base == "" {
		return a.findings(c.Findings, c.Result, opts)
	}
	var caused, had diag.List
	for i := range c.Findings {
		if c.Caused(&c.Findings[i]) {
			caused.Add(c.Findings[i])
		} else {
			had.Add(c.Findings[i])
		}
	}
	since := diag.Visible(c.base)
	if short := c.commit[:min(len(c.commit), 12)]; short != "" && short != c.base {
		since += " (" + short + ")"
	}
	if len(caused) == 0 {
		a.printf("not in %s: no findings\n\n", since)
	} else {
		a.printf("not in %s: %s\n\n", since, count(len(caused), "finding", "findings"))
	}
	if err := a.findings(caused, c.Result, opts); err != nil || len(had) == 0 {
		return err
	}
	a.printf("already in %s: %s\n", since, count(len(had), "finding", "findings"))
	opts.Brief = true
	if err := a.findings(had, c.Result, opts); err != nil {
		return err
	}
	a.printf("\n")
	return nil
}

func (a *app) drift(c checked) {
	a.printf("out/ is not what policies/ says:\n")
	a.paths("missing", c.Drift.Missing)
	a.paths("changed", c.Drift.Changed)
	a.paths("orphaned", c.Drift.Orphaned)
	var blocked []string
	for _, o := range c.Drift.Blocked {
		blocked = append(blocked, o.String())
	}
	a.paths("in the way", blocked)
	a.printf("\n")
}

// checkDocument is what `writ check --format json` prints: the findings' document, and how out/ differs.
type checkDocument struct {
	diag.Document
	Base  *baseJSON      `json:"base"` // null without a base
	Stats compiler.Stats `json:"stats"`
	Proof *proofJSON     `json:"proof"` // null where nothing came to be proved
	Drift *driftJSON     `json:"drift"` // null where out/ was not compared
	Fails bool           `json:"fails"`
}

type baseJSON struct {
	Revision string `json:"revision"`
	Commit   string `json:"commit"`
}

func (a *app) checkJSON(c checked) error {
	doc := checkDocument{Document: diag.NewDocument(c.Findings, c.Caused), Stats: c.Stats, Proof: newProofJSON(c.Proof), Fails: c.Fails() || c.drifts()}
	if c.base != "" {
		doc.Base = &baseJSON{c.base, c.commit}
	}
	if c.comparable() {
		doc.Drift = newDriftJSON(c.Drift)
	}
	return a.json(doc)
}
