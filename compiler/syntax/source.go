package syntax

import (
	"bytes"
	"fmt"
	"sort"
	"unicode"
	"unicode/utf8"

	"writ.dev/writ/compiler/diag"
)

// source is the text of a file, and finds places in it. Lines end with LF or CRLF; a byte order mark belongs to no column.
type source struct {
	file  string
	data  []byte
	lines []int // offset of the first character of each line
	// last is where the latest question was answered. Places are asked for in order nearly always, and counting on from here
	// keeps one very long line linear.
	last place
}

var bom = []byte("\ufeff")

func newSource(file string, data []byte) *source {
	s := &source{file: file, data: data, lines: []int{0}}
	if bytes.HasPrefix(data, bom) {
		s.lines[0] = len(bom)
	}
	for i, c := range data {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.last = place{1, 1, s.lines[0]}
	return s
}

// text is the file without its byte order mark.
func (s *source) text() []byte { return s.data[s.lines[0]:] }

// pos is the place of a column. One beyond the end of its line or of the file is the end of that.
func (s *source) pos(line, column int) diag.Pos {
	line = min(max(line, 1), len(s.lines))
	p := place{line, 1, s.lines[line-1]}
	if s.last.line == line && s.last.column <= column {
		p = s.last
	}
	for p.column < column && p.offset < len(s.data) && !s.lineEnds(p.offset) {
		s.next(&p)
	}
	s.last = p
	return p.pos()
}

// at is the place of an offset.
func (s *source) at(offset int) diag.Pos {
	offset = min(max(offset, s.lines[0]), len(s.data))
	p := s.last
	if offset < p.offset || p.line < len(s.lines) && offset >= s.lines[p.line] {
		line := sort.SearchInts(s.lines, offset+1)
		p = place{line, 1, s.lines[line-1]}
	}
	for p.offset < offset {
		s.next(&p)
	}
	s.last = p
	return p.pos()
}

// next moves the place by one character.
func (s *source) next(p *place) {
	size := 1
	if s.data[p.offset] >= utf8.RuneSelf {
		_, size = utf8.DecodeRune(s.data[p.offset:])
	}
	p.column, p.offset = p.column+1, p.offset+size
}

// place is a diag.Pos for counting.
type place struct{ line, column, offset int }

func (p place) pos() diag.Pos { return diag.At(p.line, p.column, p.offset) }

// lineEnds reports whether a line break stands at the offset.
func (s *source) lineEnds(offset int) bool {
	return s.data[offset] == '\n' || bytes.HasPrefix(s.data[offset:], []byte("\r\n"))
}

func (s *source) span(start, end diag.Pos) diag.Span {
	return diag.Span{File: s.file, Start: start, End: end}
}

// char is the span of the one character at p, or the empty span at the end of the file or line.
func (s *source) char(p diag.Pos) diag.Span {
	if p.Offset() >= len(s.data) || s.lineEnds(p.Offset()) {
		return s.span(p, p)
	}
	after := place{p.Line(), p.Column(), p.Offset()}
	s.next(&after)
	return s.span(p, after.pos())
}

// readable says what keeps the bytes from being text that people see as it is. One finding a file: the first is enough to send
// its author to an editor, and a binary file would have thousands.
func (s *source) readable() *diag.Finding {
	if bytes.HasPrefix(s.data, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.data, []byte{0xfe, 0xff}) {
		start := s.pos(1, 1)
		return &diag.Finding{Rule: notUTF8, Span: s.span(start, start), Message: "the file is UTF-16", Help: "save it as UTF-8"}
	}
	for i := s.lines[0]; i < len(s.data); {
		r, size := utf8.DecodeRune(s.data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &diag.Finding{
				Rule: notUTF8, Span: s.char(s.at(i)), Help: "save the file as UTF-8",
				Message: fmt.Sprintf("the byte 0x%02x is not UTF-8", s.data[i]),
			}
		case r == '\r' && s.lineEnds(i):
		case invisible(r):
			return &diag.Finding{
				Rule: controlCharacter, Span: s.char(s.at(i)), Help: "remove it",
				Message: fmt.Sprintf("the character %U cannot be seen", r),
			}
		}
		i += size
	}
	return nil
}

// invisible reports whether a reviewer cannot see the character, or sees the text around it in another order: the controls
// without tab and line feed, Unicode's line separators, which editors count as lines and git does not, and the characters of
// direction (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
func invisible(r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return false
	case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	default:
		// All other format characters too, but for the joiners, which some scripts are spelt with.
		return unicode.Is(unicode.Cf, r) && r != 0x200c && r != 0x200d
	}
}
