package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	diff "github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/gitops"
)

// fixRounds is how often fixes are applied at most: one may bring about the next, and two that undo each other must not run for
// ever.
const fixRounds = 10

func (a *app) fix() *cobra.Command {
	var dryRun bool
	var base string
	cmd := &cobra.Command{
		Use:   "fix",
		Short: "Apply the edits that findings carry",
		Long: "fix applies the edits that findings carry to the documents in policies/, until none is left.\n\n" +
			"With a base revision it also applies those of findings about the change since: callers of an endpoint that says it has more\n" +
			"personal data are acknowledged in its Service's document.\n\n" +
			"With --dry-run it writes nothing, prints the difference, and exits with 1 if there is one.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("base") && base == "" {
				return errors.New("--base is empty; name a git revision, like main or origin/main")
			}
			return a.runFix(cmd.Context(), base, dryRun)
		},
	}
	cmd.Flags().StringVar(&base, "base", "", "the git `REV` that the change is compared with, like main or origin/main")
	must(cmd.RegisterFlagCompletionFunc("base", cobra.NoFileCompletions))
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "print what would change as a diff")
	return cmd
}

// mended is the outcome of all rounds.
type mended struct {
	result  *compiler.Result // of the last round
	applied []*diag.Fix
	before  map[string][]byte // of the files that change
	after   map[string][]byte
}

func (a *app) runFix(ctx context.Context, base string, dryRun bool) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	var before fs.FS
	if base != "" {
		if before, _, err = gitops.Revision(a.dir, base); err != nil {
			return err
		}
	}
	m, err := a.mend(ctx, repo.FS(), before)
	if err != nil {
		return err
	}
	if !dryRun {
		for _, file := range m.files() {
			if err := replaceFile(repo, file, m.before[file], m.after[file]); err != nil {
				return err
			}
		}
	}
	if err := a.tellFix(m, dryRun); err != nil {
		return err
	}
	if m.result.Fails() || dryRun && len(m.after) > 0 {
		return errFails
	}
	return nil
}

// mend applies fixes in memory, round after round, until a compilation carries none that can be applied.
func (a *app) mend(ctx context.Context, fsys, before fs.FS) (*mended, error) {
	m := &mended{before: map[string][]byte{}, after: map[string][]byte{}}
	for range fixRounds {
		var err error
		if m.result, err = a.compile(ctx, overlay{fsys, m.after}, before); err != nil {
			return nil, err
		}
		fixes := diag.Compatible(m.result.Sources, fixesOf(m.result.Findings))
		changed, _ := diag.Apply(m.result.Sources, fixes)
		if len(changed) == 0 {
			return m, nil
		}
		m.applied = append(m.applied, fixes...)
		for file, data := range changed {
			if _, ok := m.before[file]; !ok {
				m.before[file] = m.result.Sources[file]
			}
			m.after[file] = data
		}
	}
	var err error
	m.result, err = a.compile(ctx, overlay{fsys, m.after}, before)
	return m, err
}

// fixesOf is what the findings carry. Only documents are edited.
func fixesOf(list diag.List) []*diag.Fix {
	var fixes []*diag.Fix
	for _, f := range list {
		if f.Fix == nil || f.Ignored != nil {
			continue
		}
		if !slices.ContainsFunc(f.Fix.Edits, func(e diag.Edit) bool { return !strings.HasPrefix(e.Span.File, "policies/") }) {
			fixes = append(fixes, f.Fix)
		}
	}
	return fixes
}

// files are those that differ in the end, sorted.
func (m *mended) files() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.after)), func(file string) bool {
		return bytes.Equal(m.before[file], m.after[file])
	})
}

// fixDocument is what `writ fix --format json` prints: what was applied, and the findings that remain.
type fixDocument struct {
	diag.Document
	Applied []appliedJSON `json:"applied"`
	Files   []string      `json:"files"`
	DryRun  bool          `json:"dryRun"`
}

type appliedJSON struct {
	Path  string `json:"path"`
	Line  int    `json:"line"`
	Title string `json:"title"`
}

func (a *app) tellFix(m *mended, dryRun bool) error {
	if a.format == formatJSON {
		doc := fixDocument{Document: diag.NewDocument(m.result.Findings, nil), Applied: []appliedJSON{}, Files: list(m.files()), DryRun: dryRun}
		for _, f := range m.applied {
			at := f.Edits[0].Span
			doc.Applied = append(doc.Applied, appliedJSON{at.File, at.Start.Line(), f.Title})
		}
		return a.json(doc)
	}
	if dryRun {
		a.diffs(m)
		return nil
	}
	for _, f := range m.applied {
		at := f.Edits[0].Span
		a.printf("%s:%d: %s\n", diag.Visible(at.File), at.Start.Line(), diag.Visible(f.Title))
	}
	rest := tally(m.result.Findings)
	if len(m.result.Findings) > 0 {
		rest += " (" + a.command("check") + ")"
	}
	a.printf("%s applied in %s; remaining: %s\n", count(len(m.applied), "fix", "fixes"), count(len(m.files()), "file", "files"), rest)
	return nil
}

// diffs prints what would change, as `git apply` reads it.
func (a *app) diffs(m *mended) {
	for _, file := range m.files() {
		a.raw(string(diff.Diff("a/"+file, m.before[file], "b/"+file, m.after[file])))
	}
}
