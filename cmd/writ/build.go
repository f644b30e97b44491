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
			"A finding that stops keeps it from writing anything; one that withholds leaves out the accesses that it is about.\n\n" + formatsHelp,
		Args:        noArgs,
		Annotations: map[string]string{everyFormat: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.runBuild(cmd.Context()) },
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
	b := built{Result: r}
	if !r.Findings.Stops() {
		b.out, b.err = a.write(ctx, r)
	}
	err = a.tell(func(a *app) error { return a.buildResult(b) })
	switch {
	case b.err != nil:
		return b.err
	case err != nil:
		return err
	case r.Findings.Stops():
		return errFails
	default:
		return nil
	}
}

// built is a compilation with what was written, or with why that failed.
type built struct {
	*compiler.Result
	out emit.Result
	err error
}

func (a *app) buildResult(b built) error {
	switch a.format {
	case formatText:
		return a.tellBuild(b)
	case formatJSON:
		return a.buildJSON(b)
	}
	if b.Findings.Stops() {
		return a.report(b.Result, nil)
	}
	written := diag.Check{Name: "out/ is written"}
	if b.err != nil {
		written.Failure = b.err.Error()
	}
	return a.report(b.Result, nil, written)
}

func (a *app) tellBuild(b built) error {
	if err := a.findings(b.Findings, b.Result, a.textOptions()); err != nil || b.err != nil {
		return err
	}
	if b.Findings.Stops() {
		n := stopping(b.Findings)
		a.printf("nothing written: %s\n", count(n, "finding stops the build", "findings stop the build"))
		return nil
	}
	a.foreign(beside(b.out.Found))
	a.stats(b.Result)
	a.printf("out/: %d written, %d removed, %d unchanged\n", len(b.out.Written), len(b.out.Removed), b.out.Unchanged)
	return nil
}

func (a *app) write(ctx context.Context, r *compiler.Result) (emit.Result, error) {
	hear, done := a.progress()
	defer done()
	return emit.Write(ctx, filepath.Join(a.dir, "out"), r.Files, emit.Options{Progress: hear})
}

// buildDocument is what `writ build --format json` prints: the findings' document, and what was done.
type buildDocument struct {
	diag.Document
	Stats compiler.Stats `json:"stats"`
	Proof *proofJSON     `json:"proof"` // null where nothing came to be proved
	Out   *outJSON       `json:"out"`   // null where a finding stops, and where writing failed
}

type outJSON struct {
	Written   []string `json:"written"`
	Removed   []string `json:"removed"`
	Unchanged int      `json:"unchanged"`
	Foreign   []string `json:"foreign"`
}

func (a *app) buildJSON(b built) error {
	doc := buildDocument{Document: diag.NewDocument(b.Findings, nil), Stats: b.Stats, Proof: newProofJSON(b.Proof)}
	if b.err == nil && !b.Findings.Stops() {
		doc.Out = &outJSON{list(b.out.Written), list(b.out.Removed), b.out.Unchanged, list(b.out.Found.Foreign)}
	}
	return a.json(doc)
}
