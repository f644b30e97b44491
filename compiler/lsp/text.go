package lsp

import (
	"bytes"
	"slices"
	"sort"
	"unicode/utf8"

	"go.lsp.dev/protocol"

	"writ.dev/writ/compiler/diag"
)

// text finds places in a file. writ counts bytes, and the protocol counts lines and UTF-16 code units
// (https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#position).
type text struct {
	data  []byte
	lines []int // offset of the first character of each line
}

func newText(data []byte) text {
	t := text{data: data, lines: []int{0}}
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		t.lines[0] = len("\ufeff") // an editor shows a file without it
	}
	for i, c := range data {
		if c == '\n' || c == '\r' && !bytes.HasPrefix(data[i+1:], []byte("\n")) {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// position is the place of an offset; one beyond the end is the end.
func (t text) position(offset int) protocol.Position {
	offset = min(max(offset, t.lines[0]), len(t.data))
	line := sort.SearchInts(t.lines, offset+1) - 1
	units := 0
	for i := t.lines[line]; i < offset; {
		r, size := utf8.DecodeRune(t.data[i:])
		units += width(r)
		i += size
	}
	return protocol.Position{Line: uint32(line), Character: uint32(units)}
}

// offset is where the place lies. One beyond the end of its line is that end, and one inside of a character its beginning.
func (t text) offset(p protocol.Position) int {
	if int64(p.Line) >= int64(len(t.lines)) {
		return len(t.data)
	}
	at := t.lines[p.Line]
	for units := 0; at < len(t.data) && t.data[at] != '\n' && t.data[at] != '\r'; {
		r, size := utf8.DecodeRune(t.data[at:])
		if units += width(r); units > int(p.Character) {
			break
		}
		at += size
	}
	return at
}

// width is how many UTF-16 code units the character takes.
func width(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

func (t text) rangeOf(s diag.Span) protocol.Range {
	return t.between(s.Start.Offset(), s.End.Offset())
}

func (t text) between(start, end int) protocol.Range {
	return protocol.Range{Start: t.position(start), End: t.position(end)}
}

// edited is the text after a change of the editor's.
func (t text) edited(r protocol.Range, insert string) []byte {
	start, end := t.offset(r.Start), t.offset(r.End)
	return slices.Concat(t.data[:start], []byte(insert), t.data[max(start, end):])
}
