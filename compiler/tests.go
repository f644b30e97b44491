package compiler

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// failures are the findings of Tests that do not hold.
func failures(x *query.Index) diag.List {
	var found diag.List
	for _, v := range x.Judge() {
		if v.Finding != nil {
			found.Add(*v.Finding)
		}
	}
	return found
}

// tellOwners makes failures of a team's Tests warnings where the change touches nothing of the team's: a Test fails the changes of
// its owner alone, and of those that it is not asked to agree with it is told.
func (r *Result) tellOwners(base, now fs.FS) error {
	for i := range r.Findings {
		f := &r.Findings[i]
		folder := teamFolder(f.Span.File)
		if f.Rule != query.TestFails || folder == "" || !r.Caused(f) {
			continue
		}
		same, err := sameFiles(base, now, folder)
		if err != nil {
			return err
		}
		if same {
			f.Rule = query.TestFailsElsewhere
		}
	}
	r.Findings.Sort()
	return nil
}

// teamFolder is the folder of the team that a file is of, "" where it is none's.
func teamFolder(file string) string {
	parts := strings.Split(file, "/")
	if len(parts) < 4 || parts[1] != "teams" {
		return ""
	}
	return path.Join(parts[:3]...)
}

// sameFiles reports whether a folder holds the same in both.
func sameFiles(a, b fs.FS, folder string) (bool, error) {
	one, err := contents(a, folder)
	if err != nil {
		return false, err
	}
	two, err := contents(b, folder)
	if err != nil || len(one) != len(two) {
		return false, err
	}
	for name, data := range one {
		if other, ok := two[name]; !ok || !bytes.Equal(data, other) {
			return false, nil
		}
	}
	return true, nil
}

func contents(fsys fs.FS, folder string) (map[string][]byte, error) {
	all := map[string][]byte{}
	if _, err := fs.Stat(fsys, folder); err != nil {
		return all, nil // there is none
	}
	err := fs.WalkDir(fsys, folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[name], err = fs.ReadFile(fsys, name)
		return err
	})
	return all, err
}

// Asked is an estate that can be asked. Index is nil where a finding stops: what cannot be read cannot be asked.
type Asked struct {
	*query.Index
	Findings diag.List
	Sources  map[string][]byte
}

// Ask reads and checks the repository whose root is fsys, as Compile does, and goes no further.
func Ask(ctx context.Context, fsys fs.FS, opts Options) (*Asked, error) {
	tree, found := syntax.Parse(opts.Progress.Begin(ctx, "reading policies/"), fsys)
	a := &Asked{Findings: found, Sources: tree.Sources}
	if found.Stops() || ctx.Err() != nil {
		return a, ctx.Err()
	}
	estate, found := model.Resolve(tree)
	a.Findings = append(a.Findings, found...)
	if found.Stops() {
		return a, nil
	}
	opts.Progress.Begin(ctx, "checking")
	checked, found := check.Run(&check.Pass{Estate: estate, AsOf: opts.AsOf})
	a.Findings = append(a.Findings, found...)
	if !found.Stops() {
		a.Index = query.NewIndex(checked, a.Findings)
	}
	a.Findings.Sort()
	return a, nil
}
