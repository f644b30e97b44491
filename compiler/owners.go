package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/codeowners"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var (
	staleOwners = &diag.Rule{
		Code: "OWN-008", Name: "stale-code-owners", Effect: diag.Report, Level: diag.Error,
		Title: "writ's block in .github/CODEOWNERS is not what the documents say",
		Why:   "Whose a document is decides who agrees to a change of it, and GitHub asks whom CODEOWNERS names. Where the two differ, the wrong people agree, or nobody does.",
	}
	undoneOwners = &diag.Rule{
		Code: "OWN-009", Name: "undone-code-owners", Effect: diag.Report, Level: diag.Error,
		Title: "a line behind writ's block in .github/CODEOWNERS takes documents from their owners",
		Why:   "GitHub asks the owners of the last line that matches, and of no other.",
	}

	ownerRules = []*diag.Rule{staleOwners, undoneOwners}
)

// Owners are the lines of CODEOWNERS that documents ask for.
type Owners struct {
	Lines []codeowners.Line
	// Nobody says that no Mesh has owners.
	Nobody   bool
	Findings diag.List
	Sources  map[string][]byte
}

// CodeOwners reads who owns the documents of the repository whose root is fsys. Where a finding stops there is no answer.
func CodeOwners(ctx context.Context, fsys fs.FS) (*Owners, error) {
	tree, found := syntax.Parse(ctx, fsys)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if found.Stops() {
		return &Owners{Findings: found, Sources: tree.Sources}, nil
	}
	estate, resolved := model.Resolve(tree)
	o := &Owners{Lines: ownersOf(estate), Findings: append(found, resolved...), Sources: tree.Sources}
	o.Nobody = !owned(o.Lines)
	o.Findings.Sort()
	return o, nil
}

// ownersOf are the lines for an estate, a folder before what lies in it. The platform's owners are those of its meshes, and have what
// nobody else does; the file itself is theirs and the privacy team's. Without owners of the platform there is no line for what is theirs.
func ownersOf(e *model.Estate) []codeowners.Line {
	var lines []codeowners.Line
	add := func(pattern string, owners []string) {
		if len(owners) > 0 {
			lines = append(lines, codeowners.Line{Pattern: pattern, Owners: owners})
		}
	}
	var platform, privacy []string
	for _, m := range e.Meshes {
		platform = append(platform, syntax.Values(m.Doc.Spec.Owners)...)
	}
	platform = once(platform)
	if d := e.Privacy.Doc; d != nil {
		privacy = once(syntax.Values(d.Spec.Owners))
	}
	add("/policies/", platform)
	add("/policies/platform/", platform)
	add("/policies/privacy/", privacy)
	for _, t := range e.Teams {
		add("/policies/teams/"+t.Name+"/", once(syntax.Values(t.Doc.Spec.Owners)))
	}
	add("/"+codeowners.Path, once(slices.Concat(platform, privacy)))
	return lines
}

// owned reports whether somebody owns the platform's documents.
func owned(lines []codeowners.Line) bool {
	return slices.ContainsFunc(lines, func(l codeowners.Line) bool { return l.Pattern == "/policies/platform/" })
}

// once is each of them once, in the order in which somebody wrote them: GitHub asks all of a line alike.
func once(all []string) []string {
	var kept []string
	for _, one := range all {
		if !slices.Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	return kept
}

// owners holds CODEOWNERS against the documents. Who does not let writ write a block there is not asked for one.
func (r *Result) owners(fsys fs.FS, e *model.Estate) {
	file, err := fs.ReadFile(fsys, codeowners.Path)
	if err != nil || !codeowners.Managed(file) {
		return
	}
	r.Sources[codeowners.Path] = file
	want := ownersOf(e)
	stale := diag.Finding{
		Rule: staleOwners, Help: "run `writ codeowners --write`, which leaves other lines as they are",
		Objects: []string{codeowners.Path}, Field: "owners",
	}
	has, line, err := codeowners.Current(file)
	if err != nil {
		var broken *codeowners.BrokenError
		if errors.As(err, &broken) {
			line, stale.Message = broken.Line, broken.Problem
		}
		stale.Help = "put the two comments back around writ's lines, or delete both, and run `writ codeowners --write`"
		stale.Span, stale.Items = lineOf(codeowners.Path, file, line), []string{"broken"}
		r.Findings.Add(stale)
		return
	}
	if !owned(want) {
		stale.Span, stale.Message, stale.Help = lineOf(codeowners.Path, file, line), "no Mesh says who owns policies/platform/", "write spec.owners into its document, and run `writ codeowners --write`"
		stale.Items = []string{"platform"}
		r.Findings.Add(stale)
		return
	}
	var wants []string
	for _, l := range want {
		wants = append(wants, l.String())
	}
	if stale.Items = different(has, wants); !slices.Equal(has, wants) {
		stale.Span = lineOf(codeowners.Path, file, line)
		stale.Message = "writ's block is not what the documents say"
		if len(stale.Items) > 0 {
			stale.Message += ": " + listed(stale.Items)
		}
		r.Findings.Add(stale)
	}
	for _, n := range codeowners.Undoing(file, want) {
		at := lineOf(codeowners.Path, file, n)
		text := strings.TrimSpace(string(file[at.Start.Offset():at.End.Offset()]))
		r.Findings.Add(diag.Finding{
			Rule: undoneOwners, Span: at, Message: fmt.Sprintf("%q comes behind writ's block and may take documents from their owners", text),
			Help:    "move the line above the block: the last line that matches is the one that counts",
			Objects: []string{codeowners.Path}, Field: text,
		})
	}
}

// different are the lines that one has and the other has not, each with what is wrong with it.
func different(has, wants []string) []string {
	var all []string
	for _, w := range wants {
		if !slices.Contains(has, w) {
			all = append(all, "lacks "+w)
		}
	}
	for _, h := range has {
		if !slices.Contains(wants, h) {
			all = append(all, "has "+h)
		}
	}
	return all
}

// lineOf is the place of a line, without its end.
func lineOf(name string, file []byte, line int) diag.Span {
	offset, number := 0, 0
	for text := range strings.Lines(string(file)) {
		if number++; number == line {
			text = strings.TrimRight(text, "\r\n")
			return diag.Span{File: name, Start: diag.At(line, 1, offset), End: diag.At(line, 1+len([]rune(text)), offset+len(text))}
		}
		offset += len(text)
	}
	return diag.Span{File: name, Start: diag.At(1, 1, 0), End: diag.At(1, 1, 0)}
}

// ownersGone tells of a change that takes writ's block out of CODEOWNERS: what no longer asks anybody cannot be stale.
func (r *Result) ownersGone(base, now fs.FS) {
	was, err := fs.ReadFile(base, codeowners.Path)
	if err != nil || !codeowners.Managed(was) || r.resolved == nil {
		return
	}
	if is, err := fs.ReadFile(now, codeowners.Path); err == nil && codeowners.Managed(is) {
		return
	}
	r.Findings.Add(diag.Finding{
		Rule: staleOwners, Span: r.someMesh(), Message: "this change takes writ's block out of " + codeowners.Path + ": nobody is asked about documents any more",
		Help:    "run `writ codeowners --write`",
		Objects: []string{codeowners.Path}, Field: "owners", Items: []string{"gone"},
	})
	r.gone.recall(r.Sources, r.Findings)
	r.Findings.Sort()
}

// someMesh is where a finding about what is not there stands.
func (r *Result) someMesh() diag.Span {
	at := diag.Span{File: "policies", Start: diag.At(1, 1, 0), End: diag.At(1, 1, 0)}
	for _, m := range r.resolved.Meshes {
		at = m.Doc.Metadata.Name.Span
	}
	return at
}
