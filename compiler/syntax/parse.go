// Package syntax makes of YAML files the documents of an estate, in which the shape is right and every scalar knows its place.
//
// Parse is all of it. A file goes through four steps, each in a file of its own: source finds places in its bytes, node gives
// YAML's values their exact extent, shape checks them against the JSON Schemas and says in plain words what is wrong, decode
// fills the structs of kinds.go. A document in which anything is wrong is left out of the tree.
package syntax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/parallel"
)

const (
	folder = "policies"
	// maxSize is how many bytes a file may have. Ten thousand lines of intents fit.
	maxSize = 1 << 20
	// maxFindings is how many findings of one file are told. The next one after a hundred helps nobody, and a hostile file of
	// 1 MiB could have half a million.
	maxFindings = 100
	// manyFindings is how many are looked at before the first are picked.
	manyFindings = 10 * maxFindings
)

// Parse reads every document below policies/ of an estate. It returns all that it finds, sorted, with what could be read: a
// list that stops means that the tree is not the whole estate. Folders called overlay below platform/clusters/ hold no
// documents, and what Argo CD reads is none. The result does not depend on how many files are read at once. When the context ends, it is worth nothing.
func Parse(ctx context.Context, fsys fs.FS) (*Tree, diag.List) {
	paths, diags := walk(fsys)
	files := readAll(ctx, fsys, paths)
	tree := &Tree{Sources: make(map[string][]byte, len(files))}
	documents := 0
	for i, f := range files {
		if f.src != nil {
			tree.Sources[paths[i]] = f.src
		}
		documents += f.documents
		diags = append(diags, f.diags...)
		tree.Ignores = append(tree.Ignores, f.ignores...)
		tree.Literals = append(tree.Literals, f.literals...)
		for _, d := range f.decoded {
			tree.add(d)
		}
	}
	if documents == 0 && len(diags) == 0 {
		diags.Add(fileFinding(noPolicies, folder, "there are no documents in policies/",
			"run writ in the repository's root, or writ init to begin one"))
	}
	diags.Sort()
	return tree, diags
}

// add appends to the slice of the document's kind: files come in order, so the slices are sorted.
func (t *Tree) add(document any) {
	switch d := document.(type) {
	case *Mesh:
		t.Meshes = append(t.Meshes, d)
	case *Cluster:
		t.Clusters = append(t.Clusters, d)
	case *Team:
		t.Teams = append(t.Teams, d)
	case *Outsider:
		t.Outsiders = append(t.Outsiders, d)
	case *Service:
		t.Services = append(t.Services, d)
	case *Test:
		t.Tests = append(t.Tests, d)
	case *Privacy:
		t.Privacies = append(t.Privacies, d)
	case *Activity:
		t.Activities = append(t.Activities, d)
	case *Party:
		t.Parties = append(t.Parties, d)
	case *Approval:
		t.Approvals = append(t.Approvals, d)
	default:
		panic(fmt.Sprintf("syntax: no place in the tree for %T", document))
	}
}

// walk lists the files to read, sorted by path. Links are refused, never followed: who owns a document follows from its path.
func walk(fsys fs.FS) ([]string, diag.List) {
	var paths []string
	var diags diag.List
	if info, err := fs.Lstat(fsys, folder); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		diags.Add(fileFinding(notAPlainFile, folder, "policies is a symbolic link", "put the folder itself there"))
		return nil, diags
	}
	visit := func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == folder:
			return nil // told as no policies
		case err != nil:
			diags.Add(fileFinding(unreadableFile, name, "the folder cannot be read: "+cause(err), "let writ read it"))
			return fs.SkipDir
		case entry.IsDir() && isOverlay(name):
			return fs.SkipDir
		case entry.IsDir() || strings.HasPrefix(entry.Name(), ".#"): // Emacs marks a file that is being edited by a link
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			diags.Add(fileFinding(notAPlainFile, name, "the file is a symbolic link", "put the file itself there"))
		case !isYAML(name) || name == argoCD:
		case !entry.Type().IsRegular():
			diags.Add(fileFinding(notAPlainFile, name, "this is not a plain file", "remove it"))
		default:
			paths = append(paths, name)
		}
		return nil
	}
	if err := fs.WalkDir(fsys, folder, visit); err != nil {
		panic(err) // visit returns none
	}
	slices.Sort(paths)
	return paths, diags
}

func isYAML(name string) bool {
	name = strings.ToLower(name) // a file that is passed over for its letters is a document that nobody misses
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// argoCD is the one file below policies/ that writ renders: it lies there to be the platform's.
const argoCD = folder + "/platform/argocd.yaml"

// isOverlay reports whether the folder holds a cluster's kustomize patches and hand-written objects.
func isOverlay(name string) bool {
	_, ok := overlayOf(name)
	return ok
}

// fileFinding is about a file or folder as a whole.
func fileFinding(rule *diag.Rule, file, message, help string) diag.Finding {
	start := diag.At(1, 1, 0)
	return diag.Finding{Rule: rule, Span: diag.Span{File: file, Start: start, End: start}, Message: message, Help: help, Objects: []string{file}}
}

// cause is the error without the operation and the path, which the finding has already.
func cause(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// file is what one file holds.
type file struct {
	src       []byte
	documents int   // that were seen, right or wrong
	decoded   []any // pointers to the structs of kinds.go
	ignores   []diag.Ignore
	literals  []Literal
	diags     diag.List
	more      int // findings that are counted alone
}

// cut keeps the first findings of a file that has more than so many, and counts the others.
func (f *file) cut(many int) {
	if len(f.diags) <= many {
		return
	}
	f.diags.Sort()
	f.more += len(f.diags) - maxFindings
	f.diags = slices.Clone(f.diags[:maxFindings]) // so that the others can go
}

// tellMore says how many findings were cut, behind the last one that was not.
func (f *file) tellMore(name string) {
	if f.more == 0 {
		return
	}
	last := f.diags[len(f.diags)-1].Span
	f.diags.Add(diag.Finding{
		Rule: tooManyFindings, Span: diag.Span{File: name, Start: last.Start, End: last.Start}, Objects: []string{name},
		Message: fmt.Sprintf("at least %d more findings in this file are not shown", f.more), Help: "mend the first ones, then look again",
	})
}

// readAll reads files side by side, one worker a processor, and returns them in the order of their paths.
func readAll(ctx context.Context, fsys fs.FS, paths []string) []file {
	files := make([]file, len(paths))
	_ = parallel.Each(ctx, len(paths), runtime.GOMAXPROCS(0), func(i int) { files[i] = readFile(fsys, paths[i]) })
	return files
}

func readFile(fsys fs.FS, name string) file {
	data, err := readBytes(fsys, name)
	if err != nil {
		return file{diags: diag.List{fileFinding(unreadableFile, name, "the file cannot be read: "+cause(err), "let writ read it")}}
	}
	if len(data) > maxSize {
		return file{diags: diag.List{fileFinding(fileTooLarge, name, "the file is larger than 1 MiB", "split it: any file of the folder may hold documents")}}
	}
	return parseFile(name, data)
}

// readBytes reads one byte more than is allowed at most, whatever size the file says it has.
func readBytes(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int64(0)
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	var b bytes.Buffer // with room for the end of the file to be seen in
	b.Grow(int(min(max(size, 0), maxSize)) + bytes.MinRead)
	_, err = b.ReadFrom(io.LimitReader(f, maxSize+1))
	return bytes.Clone(b.Bytes()), err
}

func parseFile(name string, data []byte) file {
	f := file{src: data}
	src := newSource(name, data)
	if fault := src.readable(); fault != nil {
		fault.Objects = []string{name}
		f.diags.Add(*fault)
		return f
	}
	if fault := src.directive(); fault != nil {
		fault.Objects = []string{name}
		f.diags.Add(*fault)
		return f
	}
	roots, fault := readYAML(src)
	if fault != nil {
		fault.Objects = []string{name}
		f.diags.Add(*fault)
	}
	var nodes []*node
	for _, root := range roots {
		b := &builder{source: src}
		n := b.build(root, nil, 0, 0)
		nodes = append(nodes, n)
		if n.isNull() && n.value == "" && !b.opaque {
			continue // between two separators, or comments alone
		}
		f.documents++
		d := &document{root: n, file: name, diags: b.diags}
		if decoded := d.parse(b.opaque); decoded != nil {
			f.decoded = append(f.decoded, decoded)
		}
		f.diags = append(f.diags, d.diags...)
		f.more += d.more
		f.cut(manyFindings)
	}
	if fault == nil {
		f.ignored(src, nodes)
		f.literals = literals(src, nodes)
	}
	f.cut(maxFindings)
	f.tellMore(name)
	return f
}
