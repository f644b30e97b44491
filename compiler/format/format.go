// Package format lays out documents in the one style of writ, and never touches what they mean.
//
// The style is what the example estate looks like:
//
//   - UTF-8 without byte order mark, lines that end with LF and without white space, a line feed at the end of the file;
//   - two spaces a level; a list lies one level below its key, and the fields of an item behind its dash;
//   - apiVersion, kind, metadata, spec, and within them the fields in the order of the structs in syntax/kinds.go, an entry with
//     its comments; what authors name themselves (ports, endpoints, labels) and lists keep their order;
//   - {name: x, port: 80} and [a, b]: no space inside of brackets, one behind a comma and a colon;
//   - at most one blank line in a row, and none where a document or the value of a key begins or ends.
//
// The rest is the author's: block or flow, quotes, where a long list breaks, where a blank line or a comment stands, and how far
// from the code a comment at the end of a line stands. A line in brackets that goes on is aligned behind its bracket, or two
// levels below its key where nothing follows the bracket or the bracket is far out.
//
// The text itself is moved, with its comments, rather than written anew from values: a library's writer knows neither where a
// comment belongs nor which quotes its author chose. A document with a construct that no kind needs, such as a key behind '?',
// is left as it is, and so is one of which the result would not read the same.
package format

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/syntax"
)

// File is a file of documents as it is and as it should be.
type File struct {
	Path          string
	Before, After []byte
}

// Changed reports whether the file is not in style.
func (f *File) Changed() bool { return !bytes.Equal(f.Before, f.After) }

// Estate formats every file of documents below policies/ and returns all of them, sorted by path. The findings are those of
// syntax.Parse that stop: a file that has one is as it was, since what cannot be read cannot be held against what it meant.
// Formatting what Estate returned changes nothing.
func Estate(ctx context.Context, fsys fs.FS) ([]File, diag.List) {
	tree, all := syntax.Parse(ctx, fsys)
	var found diag.List
	unread := map[string]bool{}
	for _, f := range all {
		// That there are no documents (SYN-008) is a finding about an estate; an empty one is in style.
		if f.Rule.Effect == diag.Stop && f.Rule.Code != "SYN-008" {
			found.Add(f)
			unread[f.Span.File] = true
		}
	}
	files := make([]File, 0, len(tree.Sources))
	for _, name := range slices.Sorted(maps.Keys(tree.Sources)) {
		files = append(files, File{name, tree.Sources[name], tree.Sources[name]})
	}
	// An error is the context's: the files that it left out are as they were.
	_ = parallel.Each(ctx, len(files), runtime.GOMAXPROCS(0), func(i int) {
		if f := &files[i]; !unread[f.Path] {
			f.After = file(f.Before)
		}
	})
	return files, found
}

// Source formats one file as Estate does. Its name is for the findings alone.
func Source(ctx context.Context, name string, data []byte) ([]byte, diag.List) {
	const place = "policies/a.yaml"
	fsys, err := txtar.FS(&txtar.Archive{Files: []txtar.File{{Name: place, Data: data}}})
	if err != nil {
		panic(err) // the one name is valid
	}
	files, found := Estate(ctx, fsys)
	for i := range found {
		rename(&found[i], place, name)
	}
	if len(files) == 0 { // it is too large to be read
		return data, found
	}
	return files[0].After, found
}

// rename gives the finding's one file another name.
func rename(f *diag.Finding, from, to string) {
	f.Span.File = to
	for i := range f.Related {
		f.Related[i].Span.File = to
	}
	for i, object := range f.Objects {
		if object == from {
			f.Objects[i] = to
		}
	}
	if f.Fix != nil {
		for i := range f.Fix.Edits {
			f.Fix.Edits[i].Span.File = to
		}
	}
}

// largest is how many bytes syntax reads of a file.
const largest = 1 << 20

// file formats a file that can be read, unless it could not be read any more.
func file(data []byte) []byte {
	var out strings.Builder
	for _, p := range split(normal(data)) {
		body, _ := document(p.body)
		out.WriteString(p.marker + body)
	}
	if out.Len() > largest {
		return data
	}
	return []byte(out.String())
}

// normal is the text without byte order mark, with LF.
func normal(data []byte) string {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	return string(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
}

// part is a stretch of a file: the line that separates it from the one before, "" for the first, and the text behind it that
// can be laid out.
type part struct{ marker, body string }

// split cuts a file at its lines of --- and ..., which no value can hold (https://yaml.org/spec/1.2.2/#rule-c-forbidden). A
// document that begins on the line of its marker is no text that could be laid out, and stays with it.
func split(text string) []part {
	var parts []part
	marker, start, at := "", 0, 0
	for line := range strings.Lines(text) {
		if isMarker(line) {
			parts = append(parts, newPart(marker, text[start:at]))
			marker, start = line, at+len(line)
		}
		at += len(line)
	}
	return append(parts, newPart(marker, text[start:]))
}

func newPart(marker, body string) part {
	if marker == "" {
		return part{"", body}
	}
	if rest := strings.TrimSpace(marker[3:]); rest != "" && !strings.HasPrefix(rest, "#") {
		return part{marker + body, ""}
	}
	return part{strings.TrimRight(marker, " \t\n") + "\n", body}
}

func isMarker(line string) bool {
	return (strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")) && (len(line) == 3 || strings.ContainsRune(" \t\n", rune(line[3])))
}

// document lays out the text between two markers, and reports whether it could.
func document(text string) (string, bool) {
	before, ok := read(text)
	if !ok {
		return text, false
	}
	laid := before.print()
	after, ok := read(laid)
	if !ok || !before.reads(after) {
		return text, false
	}
	return laid, true
}
