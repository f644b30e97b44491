package compiler

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/codeowners"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
	"writ.dev/writ/compiler/model"
)

// Agreement is somebody who must agree to a change, and why they are asked.
type Agreement struct {
	// Who is in the words of the documents: code owners, and teams with theirs.
	Who string
	Why string
	// First says that the change fails until they have agreed in another one, which comes first.
	First bool
}

// review gathers what a pull request is read by: what changes for whom, and who must agree.
func (r *Result) review(base *Result, before, now fs.FS) error {
	if r.resolved == nil || base.resolved == nil {
		return nil
	}
	if !r.Findings.Stops() && !base.Findings.Stops() {
		r.Access = diff.Compare(base.side(), r.side())
	}
	slices.SortStableFunc(r.Agreements, func(a, b Agreement) int {
		switch {
		case a.First == b.First:
			return 0
		case a.First:
			return -1
		}
		return 1
	})
	r.Agreements = append(r.Agreements, r.consents()...)
	asked, err := reviewers(base.resolved, before, now)
	r.Agreements = append(r.Agreements, asked...)
	return err
}

// consents are the teams whose grants the change waits for.
func (r *Result) consents() []Agreement {
	waits := map[diag.Span]bool{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Rule == model.Pending && r.Caused(f) {
			waits[f.Span] = true
		}
	}
	var all []Agreement
	for _, m := range r.resolved.Meshes {
		for _, a := range m.Pending {
			if !waits[a.Intent.Doc.To.Span] {
				continue
			}
			team := a.Callee().Team
			consent := Agreement{
				Who: fmt.Sprintf("team %s (%s)", team.Name, owners(team.Doc.Spec.Owners)),
				Why: fmt.Sprintf("%s asks for %s of %s, and waits for a grant", a.Caller.Key(), a.Endpoint.Name, a.Callee().Key()),
			}
			if !slices.Contains(all, consent) {
				all = append(all, consent)
			}
		}
	}
	return all
}

// filesShown is how many files are named that somebody owns.
const filesShown = 3

// reviewers are the owners of the documents that the change touches, as the base has them: who owns what is not the change's to say.
func reviewers(e *model.Estate, before, now fs.FS) ([]Agreement, error) {
	touched, err := touchedFiles(before, now)
	if err != nil {
		return nil, err
	}
	lines := ownersOf(e)
	files := map[string][]string{}
	var order []string
	for _, name := range touched {
		who := "" // nobody says who owns it
		for _, l := range lines {
			if "/"+name == l.Pattern || strings.HasSuffix(l.Pattern, "/") && strings.HasPrefix("/"+name, l.Pattern) {
				who = strings.Join(l.Owners, ", ")
			}
		}
		if who == "" {
			continue
		}
		if files[who] == nil {
			order = append(order, who)
		}
		files[who] = append(files[who], name)
	}
	var all []Agreement
	for _, who := range order {
		why := "owns " + strings.Join(files[who][:min(len(files[who]), filesShown)], ", ")
		if more := len(files[who]) - filesShown; more > 0 {
			why += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, Agreement{Who: who, Why: why})
	}
	return all, nil
}

// touchedFiles are the files below policies/, and CODEOWNERS, that two revisions do not have alike, sorted.
func touchedFiles(before, now fs.FS) ([]string, error) {
	one, err := plainFiles(before)
	if err != nil {
		return nil, err
	}
	two, err := plainFiles(now)
	if err != nil {
		return nil, err
	}
	var all []string
	for name, data := range one {
		if other, ok := two[name]; !ok || !bytes.Equal(data, other) {
			all = append(all, name)
		}
	}
	for name := range two {
		if _, ok := one[name]; !ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all, nil
}

// plainFiles are the files that somebody owns, without what is no plain file.
func plainFiles(fsys fs.FS) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, top := range []string{"policies", codeowners.Path} {
		if _, err := fs.Stat(fsys, top); err != nil {
			continue // there is none
		}
		err := fs.WalkDir(fsys, top, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			all[name], err = fs.ReadFile(fsys, name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// PatchOfOut is the difference between out/ and what it should hold, for `git apply`; empty where it is current or means nothing here.
func (r *Result) PatchOfOut(fsys fs.FS) ([]byte, error) {
	if r.Files == nil || r.Published {
		return nil, nil
	}
	out, err := fs.Sub(fsys, "out")
	if err != nil {
		return nil, err
	}
	return r.Drift.Patch(out, "out", r.Files)
}
