package diag

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// DefaultWidth is how many columns a finding's snippet takes where nobody said.
const DefaultWidth = 120

// TextOptions shape what Text writes.
type TextOptions struct {
	// Color marks levels and underlines in ANSI colours.
	Color bool
	// Width is how many columns a snippet may take; DefaultWidth where it is 0. Messages are never wrapped, because the
	// problem matchers of editors and forges read them by the line.
	Width int
	// Brief writes one line a finding, without snippet, help, notes and fix.
	Brief bool
}

// Text writes the findings for people, in their one order. A finding begins with `path:line:col: level: message  [CODE]`, the
// form that editors and problem matchers know, and goes on with the line of source, the next step, the related places and the
// fix. Control characters of user text are written as escapes, so that no document can take over the reader's terminal.
func Text(w io.Writer, list List, sources map[string][]byte, opts TextOptions) error {
	if len(list) == 0 {
		return nil
	}
	if opts.Width <= 0 {
		opts.Width = DefaultWidth
	}
	sorted := slices.Clone(list)
	sorted.Sort()
	p := printer{sources: sources, opts: opts}
	for i := range sorted {
		p.finding(&sorted[i])
	}
	_, err := w.Write(p.buf.Bytes())
	return err
}

// Visible is user text on one line, fit for a terminal: whatever does not show itself (control characters, line ends,
// directional overrides, bytes that are no text) is written as a Go escape.
func Visible(s string) string {
	var b strings.Builder
	for s != "" {
		text, _, size := glyph(s)
		b.WriteString(text)
		s = s[size:]
	}
	return b.String()
}

// Three styles, so that a page of findings stays calm.
const (
	styleError   = "\x1b[1;31m"
	styleWarning = "\x1b[33m"
	styleQuiet   = "\x1b[36m"
	styleReset   = "\x1b[0m"
)

func (l Level) style() string {
	switch l {
	case Error:
		return styleError
	case Warning:
		return styleWarning
	default:
		return styleQuiet
	}
}

// printer gathers the text, which is then written at once: a slow or closed terminal never shows half a finding.
type printer struct {
	buf     bytes.Buffer
	sources map[string][]byte
	opts    TextOptions
}

func (p *printer) finding(f *Finding) {
	level := f.Rule.Severity()
	if f.Ignored != nil {
		level = Notice
	}
	if !f.Span.IsZero() {
		p.buf.WriteString(Visible(f.Span.String()) + ": ")
	}
	p.styled(level.style(), level.String()+":")
	p.buf.WriteString(" " + Visible(f.Message))
	if f.Ignored != nil {
		fmt.Fprintf(&p.buf, "; ignored until %s: %s", Visible(f.Ignored.Until), Visible(f.Ignored.Reason))
	}
	fmt.Fprintf(&p.buf, "  [%s]\n", f.Rule.Code)
	if f.Ignored != nil || p.opts.Brief {
		return
	}
	p.snippet(f.Span, level.style())
	if f.Help != "" {
		p.paragraph("help", f.Help)
	}
	for _, r := range f.Related {
		p.related(r)
	}
	if f.Fix != nil {
		p.paragraph("fix", Visible(f.Fix.Title)+" (writ fix)")
	}
	p.buf.WriteByte('\n')
}

func (p *printer) related(r Related) {
	if r.Span.IsZero() {
		p.paragraph("note", Visible(r.Message))
		return
	}
	p.paragraph("note", Visible(r.Span.String()+": "+r.Message))
}

// paragraph writes `label: text`. Help may show lines to paste: they stay lines, under the first one's start.
func (p *printer) paragraph(label, text string) {
	p.buf.WriteString("  ")
	p.styled(styleQuiet, label+":")
	indent := strings.Repeat(" ", len("  ")+len(label)+len(":"))
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if i > 0 {
			p.buf.WriteString("\n")
			if line == "" {
				continue
			}
			p.buf.WriteString(indent)
		}
		p.buf.WriteString(" " + Visible(line))
	}
	p.buf.WriteByte('\n')
}

func (p *printer) styled(style, text string) {
	if !p.opts.Color {
		p.buf.WriteString(text)
		return
	}
	p.buf.WriteString(style + text + styleReset)
}

// snippet writes the span's first line and underlines the span on it. A span that lies outside its source writes nothing: a
// missing picture is better than a wrong one.
func (p *printer) snippet(s Span, style string) {
	src, ok := p.sources[s.File]
	if !ok || s.Start.Offset() > len(src) {
		return
	}
	number := fmt.Sprintf("%4d", s.Start.Line())
	gutter := strings.Repeat(" ", len(number))
	l := cut(src, s.Start.Offset(), s.End.Offset())
	text, indent, underline := l.fit(max(p.opts.Width-len(number)-len(" | "), minWindow))
	p.styled(styleQuiet, number+" |")
	if text != "" {
		p.buf.WriteString(" " + text)
	}
	p.buf.WriteByte('\n')
	p.styled(styleQuiet, gutter+" |")
	p.buf.WriteString(" " + strings.Repeat(" ", indent))
	p.styled(style, "^"+strings.Repeat("~", underline-1))
	p.buf.WriteByte('\n')
}

const (
	ellipsis = "..."
	// minWindow keeps some source on the narrowest terminal.
	minWindow = 20
	// reach is how much of a line is looked at on either side of the span's start: no terminal shows more, and a file of one
	// line with a megabyte and a thousand findings must not cost a gigabyte.
	reach = 4096
	// tabStop is how far apart tab stops stand.
	tabStop = 4
)

// line is the visible form of a line of source: cells[from:to] is what the span covers.
type line struct {
	cells      []cell
	from, to   int
	head, tail bool // more of the line lies to the left, to the right
}

// cell is one character as it is shown, and the columns that it takes.
type cell struct {
	text    string
	columns int
}

// cut makes the line of src that the offset start lies in. The span ends at the line's last character where end lies beyond.
func cut(src []byte, start, end int) line {
	first := bytes.LastIndexByte(src[:start], '\n') + 1
	last := len(src)
	if i := bytes.IndexByte(src[start:], '\n'); i >= 0 {
		last = start + i
	}
	last = first + len(bytes.TrimRight(src[first:last], " \t\r"))
	var l line
	if start-first > reach {
		first, l.head = runeStart(src, start-reach), true
	}
	if last-start > reach {
		last, l.tail = runeStart(src, start+reach), true
	}
	l.from, l.to = -1, -1
	columns := 0
	for at := first; at < last; {
		if at >= start && l.from < 0 {
			l.from = len(l.cells)
		}
		if at >= end && l.to < 0 {
			l.to = len(l.cells)
		}
		text, w, size := glyph(string(src[at:min(at+utf8.UTFMax, last)]))
		if src[at] == '\t' {
			w = tabStop - columns%tabStop
			text = strings.Repeat(" ", w)
		}
		l.cells = append(l.cells, cell{text, w})
		columns += w
		at += size
	}
	if l.from < 0 {
		l.from = len(l.cells)
	}
	if l.to < l.from {
		l.to = len(l.cells)
	}
	if end <= start {
		l.to = l.from
	}
	return l
}

// runeStart is the offset of the character that the byte at i belongs to.
func runeStart(src []byte, i int) int {
	for back := 1; back < utf8.UTFMax && i > 0 && !utf8.RuneStart(src[i]); back++ {
		i--
	}
	return i
}

// fit is the line in at most columns columns around the span, with the indent and the length of the underline.
func (l line) fit(columns int) (text string, indent, underline int) {
	lo, hi := l.window(columns)
	var b strings.Builder
	if lo > 0 || l.head {
		b.WriteString(ellipsis)
		indent = len(ellipsis)
	}
	for i := lo; i < hi; i++ {
		c := l.cells[i]
		b.WriteString(c.text)
		switch {
		case i < l.from:
			indent += c.columns
		case i < l.to:
			underline += c.columns
		}
	}
	if hi < len(l.cells) || l.tail {
		b.WriteString(ellipsis)
	}
	return b.String(), indent, max(underline, 1)
}

// window chooses the cells to show: all where they fit, else from somewhat before the span on.
func (l line) window(columns int) (lo, hi int) {
	total := 0
	for _, c := range l.cells {
		total += c.columns
	}
	if total <= columns {
		return 0, len(l.cells)
	}
	columns -= 2 * len(ellipsis)
	lo, used := l.from, 0
	for lo > 0 && used+l.cells[lo-1].columns <= columns/3 {
		lo--
		used += l.cells[lo].columns
	}
	hi = l.from
	for hi < len(l.cells) && used+l.cells[hi].columns <= columns {
		used += l.cells[hi].columns
		hi++
	}
	for lo > 0 && used+l.cells[lo-1].columns <= columns {
		lo--
		used += l.cells[lo].columns
	}
	return lo, hi
}

// Joiners have no glyph of their own; scripts and emoji need them.
const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// glyph is the first character of s as it is shown, the columns that it takes in a terminal, and its size in s.
func glyph(s string) (text string, columns, size int) {
	if s[0] < utf8.RuneSelf {
		if s[0] >= ' ' && s[0] != 0x7f {
			return s[:1], 1, 1
		}
		text = escape(rune(s[0]))
		return text, len(text), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		text = fmt.Sprintf(`\x%02x`, s[0])
		return text, len(text), 1
	case r == zeroWidthNonJoiner || r == zeroWidthJoiner || unicode.In(r, unicode.Mn, unicode.Me):
		return s[:size], 0, size
	case r >= 0x1160 && r <= 0x11ff: // Hangul vowels and final consonants join the syllable before them
		return s[:size], 0, size
	case !unicode.IsGraphic(r):
		text = escape(r)
		return text, len(text), size
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return s[:size], 2, size
	}
	return s[:size], 1, size
}

func escape(r rune) string { return strings.Trim(strconv.QuoteRuneToASCII(r), "'") }
