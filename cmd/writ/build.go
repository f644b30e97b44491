package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
)

func (a *app) build() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Compile policies/ and write out/",
		Long: "build compiles policies/ and makes out/ hold exactly the manifests that follow.\n\n" +
			"A finding that stops keeps it from writing anything; one that withholds leaves out the accesses that it is about.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runBuild(cmd.Context()) },
	}
}

func (a *app) runBuild(ctx context.Context) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	r, err := a.compile(ctx, repo.FS(), nil)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		return a.buildJSON(ctx, r)
	}
	if err := a.findings(r.Findings, r, a.textOptions()); err != nil {
		return err
	}
	if r.Findings.Stops() {
		n := stopping(r.Findings)
		a.printf("nothing written: %s\n", count(n, "finding stops the build", "findings stop the build"))
		return errFails
	}
	written, err := a.write(ctx, r)
	if err != nil {
		return err
	}
	a.foreign(beside(written.Found))
	a.stats(r.Stats)
	a.printf("out/: %d written, %d removed, %d unchanged\n", len(written.Written), len(written.Removed), written.Unchanged)
	return nil
}

func (a *app) write(ctx context.Context, r *compiler.Result) (emit.Result, error) {
	return emit.Write(ctx, filepath.Join(a.dir, "out"), r.Files, emit.Options{})
}

// buildDocument is what `writ build --format json` prints: the findings' document, and what was done.
type buildDocument struct {
	diag.Document
	Stats compiler.Stats `json:"stats"`
	Out   *outJSON       `json:"out"` // null where nothing was written
}

type outJSON struct {
	Written   []string `json:"written"`
	Removed   []string `json:"removed"`
	Unchanged int      `json:"unchanged"`
	Foreign   []string `json:"foreign"`
}

func (a *app) buildJSON(ctx context.Context, r *compiler.Result) error {
	doc := buildDocument{Document: diag.NewDocument(r.Findings, nil), Stats: r.Stats}
	if r.Findings.Stops() {
		if err := a.json(doc); err != nil {
			return err
		}
		return errFails
	}
	written, err := a.write(ctx, r)
	if err != nil {
		return err
	}
	doc.Out = &outJSON{list(written.Written), list(written.Removed), written.Unchanged, list(written.Found.Foreign)}
	return a.json(doc)
}
