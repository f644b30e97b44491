// Package codeowners keeps a block of lines in a CODEOWNERS file, between two comments, and leaves all else of the file as it is.
//
// GitHub asks the owners of the last line that matches a path, and of no other; it reads no file beyond 3 MB
// (https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners).
// So a line for a folder stands before those for what lies in it, and a line behind the block can undo it.
package codeowners

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Path is where the file lies: of the places that GitHub knows, the one that it looks at first.
const Path = ".github/CODEOWNERS"

// Limit is the size of the largest file that GitHub reads.
const Limit = 3 << 20

const (
	begin = "# writ:owners begin"
	end   = "# writ:owners end"
	note  = "# Written by `writ codeowners --write` from what the documents say. Lines outside of this block are yours."
)

// Line says who owns the files that a pattern matches.
type Line struct {
	Pattern string // as /policies/teams/shop/
	Owners  []string
}

var (
	owner   = regexp.MustCompile(`^(@[A-Za-z0-9][-A-Za-z0-9_]*(/[A-Za-z0-9][-A-Za-z0-9_.]*)?|[-A-Za-z0-9.!$%&'*+/=?^_{|}~]+@[-A-Za-z0-9]+(\.[-A-Za-z0-9]+)+)$`)
	pattern = regexp.MustCompile(`^(/[-A-Za-z0-9_.]+)+/?$`)
)

// String is the line as it stands in the file.
func (l Line) String() string { return l.Pattern + " " + strings.Join(l.Owners, " ") }

// check refuses what would be read as something else. A pattern without owners would take its files from everybody.
func (l Line) check() error {
	if !pattern.MatchString(l.Pattern) {
		return fmt.Errorf("%q cannot stand in CODEOWNERS", l.Pattern)
	}
	if len(l.Owners) == 0 {
		return fmt.Errorf("nobody owns %s", l.Pattern)
	}
	for _, o := range l.Owners {
		if !owner.MatchString(o) {
			return fmt.Errorf("%q cannot own %s: a code owner is @org/team, @user or an e-mail address", o, l.Pattern)
		}
	}
	return nil
}

// Render returns the file with the lines in its block, which comes at the end where there is none.
func Render(file []byte, lines []Line) ([]byte, error) {
	for _, l := range lines {
		if err := l.check(); err != nil {
			return nil, err
		}
	}
	b, err := find(file)
	if err != nil {
		return nil, err
	}
	newline := "\n"
	if i := bytes.IndexByte(file, '\n'); i > 0 && file[i-1] == '\r' {
		newline = "\r\n"
	}
	var out bytes.Buffer
	out.Write(file[:b.start])
	if b.start == len(file) && len(file) > 0 { // it is new: last, so that it wins
		if !bytes.HasSuffix(file, []byte("\n")) {
			out.WriteString(newline)
		}
		out.WriteString(newline)
	}
	all := []string{begin, note}
	for _, l := range lines {
		all = append(all, l.String())
	}
	out.WriteString(strings.Join(append(all, end), newline))
	if b.end == len(file) && !b.open {
		out.WriteString(newline)
	}
	out.Write(file[b.end:])
	if out.Len() > Limit {
		return nil, fmt.Errorf("%s would have %d bytes, and GitHub reads none of more than %d", Path, out.Len(), Limit)
	}
	return out.Bytes(), nil
}

// Managed reports whether the file has the block, whole or broken.
func Managed(file []byte) bool {
	b, err := find(file)
	return err != nil || b.start < len(file)
}

// Current is what the block says, each line on its own, and the number of the line that it begins on. The notes of writ are left out.
func Current(file []byte) (lines []string, at int, err error) {
	b, err := find(file)
	if err != nil || b.start == len(file) {
		return nil, 1, err
	}
	for line := range strings.Lines(string(file[b.start:b.end])) {
		if line = strings.TrimRight(line, "\r\n"); line != begin && line != note && line != end {
			lines = append(lines, line)
		}
	}
	return lines, bytes.Count(file[:b.start], []byte("\n")) + 1, nil
}

// block is where the block lies in a file, at its end where there is none.
type block struct {
	start, end int
	open       bool // the file ends with the last line of the block, without a newline
}

// BrokenError is a block that cannot be told from what is around it.
type BrokenError struct {
	Line    int
	Problem string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("%s:%d: %s", Path, e.Line, e.Problem) }

func find(file []byte) (block, error) {
	b := block{start: len(file), end: len(file)}
	offset, number, begun, ended := 0, 0, 0, 0
	for line := range bytes.Lines(file) {
		number++
		switch strings.TrimRight(string(line), " \t\r\n") {
		case begin:
			if begun > 0 {
				return b, &BrokenError{number, fmt.Sprintf("writ's block begins on line %d already", begun)}
			}
			begun, b.start = number, offset
		case end:
			if begun == 0 || ended > 0 {
				return b, &BrokenError{number, "writ's block ends here and has not begun"}
			}
			ended = number
			b.end = offset + len(bytes.TrimRight(line, "\r\n"))
			b.open = b.end == offset+len(line)
		}
		offset += len(line)
	}
	if begun > 0 && ended == 0 {
		return b, &BrokenError{begun, fmt.Sprintf("writ's block begins here and does not end: %q is gone", end)}
	}
	return b, nil
}

// Undoing returns the numbers of the lines behind the block that could match what it names: GitHub asks their owners instead.
func Undoing(file []byte, lines []Line) []int {
	b, err := find(file)
	if err != nil || b.start == len(file) {
		return nil
	}
	var all []int
	number := bytes.Count(file[:b.end], []byte("\n"))
	for line := range strings.Lines(string(file[b.end:])) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if slices.ContainsFunc(lines, func(l Line) bool { return meets(fields[0], l.Pattern) }) {
			all = append(all, number)
		}
	}
	return all
}

// meets reports whether a pattern may match a file that ours does. In doubt it does: of a pattern with a slash, a part that differs
// from ours says no; of one without, which matches at any depth, an ending that no document has.
func meets(theirs, ours string) bool {
	if anchored := strings.Contains(strings.TrimSuffix(theirs, "/"), "/"); !anchored {
		name := strings.TrimSuffix(theirs, "/")
		ext := path.Ext(name)
		if strings.ContainsAny(name, "*?[\\") {
			return strings.ContainsAny(ext, "*?[\\") || ext == "" || ext == ".yaml" || ext == ".yml"
		}
		return slices.Contains(strings.Split(strings.Trim(ours, "/"), "/"), name) || ext == ".yaml" || ext == ".yml"
	}
	a, b := strings.Split(strings.Trim(theirs, "/"), "/"), strings.Split(strings.Trim(ours, "/"), "/")
	for i := range min(len(a), len(b)) {
		if a[i] == "**" {
			return true
		}
		if ok, err := path.Match(a[i], b[i]); err == nil && !ok {
			return false
		}
	}
	return true
}
