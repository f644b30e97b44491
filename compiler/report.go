package compiler

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/report"
)

// ReportOptions say what a report is made from. Options.Base is the revision to compare with, nil for none.
type ReportOptions struct {
	Options
	// Version is writ's own.
	Version string
	// Commit is the revision of the documents and Committed the repository as it has it; nil where there is no git.
	Commit    string
	Committed fs.FS
	// BaseName and BaseCommit are what Options.Base was named by.
	BaseName, BaseCommit string
}

// Reported is what Report made. Report and Files are nil where a finding stops, which Findings say.
type Reported struct {
	Findings diag.List
	Sources  map[string][]byte
	Report   *report.Report
	Files    []emit.File
	// BaseStops says that a finding stops the base, so that nothing can be compared with it.
	BaseStops bool
}

// Report makes the registers of personal data of the repository whose root is fsys. Like a build it compiles and proves first: what
// a register calls proved is proved by it.
func Report(ctx context.Context, fsys fs.FS, opts ReportOptions) (*Reported, error) {
	var r *Reported
	var err error
	if ended := parallel.Await(ctx, func() { r, err = makeReport(ctx, fsys, opts) }); ended != nil {
		return nil, ended
	}
	return r, err
}

func makeReport(ctx context.Context, fsys fs.FS, opts ReportOptions) (*Reported, error) {
	var before *report.Report
	if opts.Base != nil {
		base, err := compile(ctx, opts.Base, opts.Options)
		if err != nil {
			return nil, err
		}
		if base.Findings.Stops() {
			return &Reported{BaseStops: true}, nil
		}
		in, err := base.input(opts.AsOf, emit.Drift{}) // what the base's out/ held is nobody's business any more
		if err != nil {
			return nil, err
		}
		before = report.Make(in)
	}
	r, err := compile(ctx, fsys, opts.Options)
	if err != nil {
		return nil, err
	}
	out := &Reported{Findings: r.Findings, Sources: r.Sources}
	if r.Findings.Stops() {
		return out, nil
	}
	in, err := r.input(opts.AsOf, r.Drift)
	if err != nil {
		return nil, err
	}
	opts.Progress.Begin(ctx, "making the registers")
	in.Before = before
	origin, err := r.origin(fsys, opts)
	if err != nil {
		return nil, err
	}
	out.Report = report.Make(in)
	out.Files, err = out.Report.Files(origin)
	return out, err
}

func (r *Result) input(asOf string, drift emit.Drift) (report.Input, error) {
	policies, err := report.Policies(r.Files, func(path string) bool {
		return slices.Contains(drift.Missing, path) || slices.Contains(drift.Changed, path)
	})
	if err != nil {
		return report.Input{}, fmt.Errorf("read back what was rendered: %w", err)
	}
	return report.Input{
		Checked: r.checked, Findings: r.Findings, AsOf: asOf, Policies: policies, Proved: r.Proof != nil && r.Proof.Holds(),
	}, nil
}

func (r *Result) origin(fsys fs.FS, opts ReportOptions) (report.Origin, error) {
	o := report.Origin{
		Version: opts.Version, Commit: opts.Commit, Base: opts.BaseName, BaseCommit: opts.BaseCommit,
		Proof: "not tried", Current: r.Drift.Clean(),
	}
	if r.Proof != nil {
		o.Proof, o.Proved = r.Proof.Summary(), r.Proof.Holds()
	}
	documents, n, err := digest(fsys)
	if err != nil {
		return o, err
	}
	o.Documents, o.DocumentsCount = hex.EncodeToString(documents), n
	if opts.Committed == nil {
		return o, nil
	}
	committed, _, err := digest(opts.Committed)
	o.Uncommitted = !bytes.Equal(committed, documents)
	return o, err
}

// digest is that of policies/: of a line for each file, with its own digest and its name.
func digest(fsys fs.FS) (sum []byte, files int, err error) {
	all := sha256.New()
	err = fs.WalkDir(fsys, "policies", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files++
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(data), name)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) { // of a revision before there were documents
		err = nil
	}
	return all.Sum(nil), files, err
}

// OwnReport says why a folder is not a report that a later one may replace, nil where it is: it holds what its manifest lists, and
// nothing that somebody put beside that.
func OwnReport(folder fs.FS) error {
	data, err := fs.ReadFile(folder, report.ManifestName)
	if err != nil {
		return fmt.Errorf("it is no report of writ; name another folder with --out, or move it away")
	}
	listed, ok := report.Listed(data)
	if !ok {
		return fmt.Errorf("%s in it is not that of a report of writ", report.ManifestName)
	}
	return fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !slices.Contains(listed, name) {
			err = fmt.Errorf("%s in it is not of a report; move it away", name)
		}
		return err
	})
}
