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
	last diag.Pos
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
	s.last = diag.Pos{Line: 1, Column: 1, Offset: s.lines[0]}
	return s
}

// text is the file without its byte order mark.
func (s *source) text() []byte { return s.data[s.lines[0]:] }

// pos is the place of a column. One beyond the end of its line or of the file is the end of that.
func (s *source) pos(line, column int) diag.Pos {
	line = min(max(line, 1), len(s.lines))
	p := diag.Pos{Line: line, Column: 1, Offset: s.lines[line-1]}
	if s.last.Line == line && s.last.Column <= column {
		p = s.last
	}
	for p.Column < column && p.Offset < len(s.data) && !s.lineEnds(p.Offset) {
		p = s.next(p)
	}
	s.last = p
	return p
}

// at is the place of an offset.
func (s *source) at(offset int) diag.Pos {
	offset = min(max(offset, s.lines[0]), len(s.data))
	p := s.last
	if offset < p.Offset || p.Line < len(s.lines) && offset >= s.lines[p.Line] {
		line := sort.SearchInts(s.lines, offset+1)
		p = diag.Pos{Line: line, Column: 1, Offset: s.lines[line-1]}
	}
	for p.Offset < offset {
		p = s.next(p)
	}
	s.last = p
	return p
}

func (s *source) next(p diag.Pos) diag.Pos {
	_, size := utf8.DecodeRune(s.data[p.Offset:])
	return diag.Pos{Line: p.Line, Column: p.Column + 1, Offset: p.Offset + size}
}

// lineEnds reports whether a line break stands at the offset.
func (s *source) lineEnds(offset int) bool {
	return s.data[offset] == '\n' || bytes.HasPrefix(s.data[offset:], []byte("\r\n"))
}

func (s *source) span(start, end diag.Pos) diag.Span {
	return diag.Span{File: s.file, Start: start, End: end}
}

// char is the span of the one character at p, or the empty span at the end of the file or line.
func (s *source) char(p diag.Pos) diag.Span {
	if p.Offset >= len(s.data) || s.lineEnds(p.Offset) {
		return s.span(p, p)
	}
	return s.span(p, s.next(p))
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
