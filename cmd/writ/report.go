package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/gitops"
)

func (a *app) registers() *cobra.Command {
	var out, base string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write the registers of personal data: records of processing, access, transfers, gaps",
		Long: "report writes a folder with what a privacy officer is asked for: the records of processing (GDPR Article 30), who may read or\n" +
			"write which personal data and why, third countries, processors and other recipients, approvals, declassifications, channels, a\n" +
			"sheet for each kind of data subject (Articles 15 to 17), and what is missing. Each is there as CSV, as a sheet of report.xlsx, in\n" +
			"report.json and on index.html, which is one file for the browser and the printer. manifest.json has the digests of all of them.\n\n" +
			"It compiles and proves as build does, and writes nothing else. With --base it has a log of what changed since a revision. The\n" +
			"same documents on the same --as-of give the same bytes. The folder is replaced as a whole, unless it holds something else.",
		Example: "  writ report\n" +
			"  writ report --as-of 2026-12-31 --base v1 --out ../evidence",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("out") && out == "" {
				return errors.New("--out is empty; name a folder")
			}
			if cmd.Flags().Changed("base") && base == "" {
				return errors.New("--base is empty; name a git revision to compare with, like main or origin/main")
			}
			return a.runReport(cmd.Context(), out, base)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the folder `DIR` to write, from where you stand; report/ of the repository unless said")
	cmd.Flags().StringVar(&base, "base", "", "the git `REV` to compare with, like main or origin/main")
	must(cmd.MarkFlagDirname("out"))
	must(cmd.RegisterFlagCompletionFunc("base", cobra.NoFileCompletions))
	return cmd
}

func (a *app) runReport(ctx context.Context, out, base string) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	dir := out
	if dir == "" {
		dir = filepath.Join(a.dir, "report")
	}
	if err := a.besideDocuments(dir); err != nil {
		return err
	}
	opts := compiler.ReportOptions{
		Options: compiler.Options{AsOf: a.asOf}, Version: readVersion(debug.ReadBuildInfo()).Version, BaseName: base,
	}
	if base != "" {
		if opts.Base, opts.BaseCommit, err = gitops.Revision(a.dir, base); err != nil {
			return err
		}
	}
	if committed, commit, err := gitops.Revision(a.dir, "HEAD"); err == nil { // else there is no git, or nothing in it yet
		opts.Committed, opts.Commit = committed, commit
	}
	hear, done := a.progress()
	opts.Progress = hear
	r, err := compiler.Report(ctx, repo.FS(), opts)
	done()
	if err != nil {
		return err
	}
	if r.BaseStops {
		return fmt.Errorf("%s does not compile, so nothing can be compared with it: %s there says why", diag.Visible(base), a.command("check"))
	}
	if r.Report == nil {
		return a.unreported(r)
	}
	if err := emit.Replace(dir, r.Files, compiler.OwnReport); err != nil {
		return err
	}
	return a.tellReport(r, dir)
}

// besideDocuments refuses a folder in policies/ or out/, where the report would be read as a part of them.
func (a *app) besideDocuments(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for _, name := range []string{"policies", "out"} {
		of, err := filepath.Abs(filepath.Join(a.dir, name))
		if err != nil {
			return err
		}
		if rel, err := filepath.Rel(of, abs); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("a report cannot lie in %s/: name a folder elsewhere with --out", name)
		}
	}
	return nil
}

// unreported tells why there is no report.
func (a *app) unreported(r *compiler.Reported) error {
	if a.format == formatJSON {
		if err := a.json(diag.NewDocument(r.Findings, nil)); err != nil {
			return err
		}
		return errFails
	}
	if err := diag.Text(a.stdout, r.Findings, r.Sources, a.textOptions()); err != nil {
		return err
	}
	a.printf("no report written: %s\n", count(stopping(r.Findings), "finding stops", "findings stop"))
	return errFails
}

// reportDocument is what `writ report --format json` prints. Within a version fields are added, never renamed or removed.
type reportDocument struct {
	Version   int            `json:"version"` // 1
	Dir       string         `json:"dir"`
	Files     []string       `json:"files"`
	Registers []registerJSON `json:"registers"`
}

type registerJSON struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Entries int    `json:"entries"`
}

func (a *app) tellReport(r *compiler.Reported, dir string) error {
	if a.format == formatJSON {
		doc := reportDocument{Version: 1, Dir: dir}
		for _, f := range r.Files {
			doc.Files = append(doc.Files, f.Path)
		}
		for _, t := range r.Report.Registers {
			doc.Registers = append(doc.Registers, registerJSON{t.Name, t.Title, len(t.Rows)})
		}
		return a.json(doc)
	}
	for _, t := range r.Report.Registers {
		a.printf("%6d  %s\n", len(t.Rows), t.Title)
	}
	a.printf("%s: %s written; open %s\n", dir, count(len(r.Files), "file", "files"), filepath.Join(dir, "index.html"))
	if n := r.Report.Count("gaps"); n > 0 {
		a.printf("%s missing: the first register says which\n", count(n, "declaration is", "declarations are"))
	}
	return nil
}
