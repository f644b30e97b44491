package format

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// step is how far a level is indented.
const step = 2

// furthest is the last column that lines are aligned behind: beyond, and in hostile input far beyond, there is no line to read.
const furthest = 80

// printer writes lines.
type printer struct {
	out    strings.Builder
	column int // how many characters the last line has so far
}

func (w *printer) write(s string) {
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		w.column = 0
		w.out.WriteString(s[:i+1])
		s = s[i+1:]
	}
	w.column += utf8.RuneCountInString(s)
	w.out.WriteString(s)
}

func (p *page) print() string {
	w := &printer{}
	w.own(0, withoutBlankEnds(p.head, true, p.value == nil && len(p.tail) == 0))
	switch {
	case p.value == nil:
	case p.value.block != nil:
		w.block(p.value.block, 0)
	default:
		w.tokens(p.value.tokens, -step)
		w.write(p.after + "\n")
	}
	w.own(0, withoutBlankEnds(p.tail, p.value == nil && len(p.head) == 0, true))
	return w.out.String()
}

// withoutBlankEnds takes blank lines from the beginning and the end.
func withoutBlankEnds(lines []string, first, last bool) []string {
	for first && len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for last && len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func (w *printer) line(indent int, parts ...string) {
	w.indent(indent)
	for _, part := range parts {
		w.write(part)
	}
	w.write("\n")
}

func (w *printer) indent(n int) { w.write(strings.Repeat(" ", n)) }

// own writes comments that have lines of their own.
func (w *printer) own(indent int, lines []string) {
	for _, line := range lines {
		if line == "" {
			w.write("\n")
			continue
		}
		w.line(indent, line)
	}
}

// block writes a block at the indentation.
func (w *printer) block(b *block, indent int) {
	b.order()
	w.own(indent, b.head)
	for i, e := range b.entries {
		w.entry(b, e, indent, i == 0 && len(b.head) == 0)
	}
	w.own(indent, b.tail)
}

// order puts fields into their order. A blank line stays between two entries and does not move to the beginning of the block.
func (b *block) order() {
	if len(b.entries) == 0 {
		return
	}
	was := b.entries[0]
	slices.SortStableFunc(b.entries, func(a, b *entry) int { return cmp.Compare(a.rank, b.rank) })
	now := b.entries[0]
	if now != was && len(now.lead) > 0 && now.lead[0] == "" {
		now.lead = now.lead[1:]
		was.lead = append([]string{""}, was.lead...)
	}
}

func (w *printer) entry(b *block, e *entry, indent int, first bool) {
	lead := e.lead
	// An ignore above a dash that stands alone silences nothing, and must not begin to.
	inline := b.sequence && e.value.block != nil && e.open == "" && (!e.below || !endsInIgnore(lead))
	if inline {
		lead = append(slices.Clone(lead), e.value.block.hoist()...)
	}
	w.own(indent, withoutBlankEnds(squeeze(lead), first, false))
	w.indent(indent)
	if b.sequence {
		w.write("-")
	} else {
		w.write(e.key + ":")
	}
	switch {
	case inline:
		w.inline(e.value.block, indent+step)
	case e.value.block != nil:
		w.write(e.open + "\n")
		e.value.block.head = withoutBlankEnds(e.value.block.head, true, false)
		w.block(e.value.block, indent+step)
	case e.value.literal != nil:
		w.write(" ")
		w.literal(e.value.literal, indent)
	default:
		w.flow(b, e, indent)
	}
}

// hoist takes the comments before the first field of an item, to stand before its dash.
func (b *block) hoist() []string {
	b.order()
	lead := b.head
	b.head = nil
	if len(b.entries) > 0 {
		lead = append(slices.Clone(lead), b.entries[0].lead...)
		b.entries[0].lead = nil
	}
	return withoutBlankEnds(lead, true, false)
}

// inline writes a mapping whose first field stands behind a dash.
func (w *printer) inline(b *block, indent int) {
	inner := &printer{}
	inner.block(b, indent)
	w.write(" ")
	w.write(strings.TrimLeft(inner.out.String(), " "))
}

// flow writes a value in brackets or a scalar. One that begins below its key stays there; behind a dash it moves up.
func (w *printer) flow(b *block, e *entry, indent int) {
	stays := e.below && (!b.sequence || endsInIgnore(e.lead))
	if e.open == "" && len(e.above) == 0 && !stays {
		w.write(" ")
	} else {
		w.write(e.open + "\n")
		w.own(indent+step, e.above)
		w.indent(indent + step)
	}
	w.tokens(e.value.tokens, indent)
	w.write(e.after + "\n")
}

// squeeze leaves one of several blank lines.
func squeeze(lines []string) []string {
	return slices.CompactFunc(lines, func(a, b string) bool { return a == "" && b == "" })
}

func (w *printer) literal(l *literal, indent int) {
	w.write(l.header + "\n")
	by := cmp.Or(l.digit, step)
	for _, line := range l.lines {
		if line == "" {
			w.write("\n")
			continue
		}
		w.line(indent+by, line)
	}
}

// level is how far the lines of a collection in brackets are indented.
type level struct{ content, close int }

// tokens writes what stands in brackets, or a scalar, in a block at the indentation.
func (w *printer) tokens(all []token, indent int) {
	levels := []level{{content: indent + step}}
	for i, t := range all {
		at := levels[len(levels)-1]
		switch {
		case i == 0 || t.kind == newline:
		case all[i-1].kind == newline && t.kind == closing:
			w.indent(at.close)
		case all[i-1].kind == newline:
			w.indent(at.content)
			t.text = strings.TrimLeft(t.text, " ") // of a comment
		case t.kind == closing || t.kind == comma || t.kind == colon || t.kind == remark:
		case all[i-1].kind == comma || all[i-1].kind == colon:
			w.write(" ")
		}
		switch t.kind {
		case opening:
			next := level{w.column + 1, w.column}
			if k := all[i+1].kind; k == newline || k == remark || w.column > furthest {
				next = level{at.content + step, at.content}
			}
			levels = append(levels, next)
			w.write(t.text)
		case closing:
			levels = levels[:len(levels)-1]
			w.write(t.text)
		case text:
			w.scalar(t.text, at.content)
		default:
			w.write(t.text)
		}
	}
}

// scalar writes a scalar. Where it goes on over lines, white space at their ends and beginnings means nothing
// (https://yaml.org/spec/1.2.2/#65-line-folding) unless a backslash precedes it.
func (w *printer) scalar(s string, indent int) {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if i > 0 {
			w.write("\n")
			line = strings.TrimLeft(line, " \t")
		}
		if trimmed := strings.TrimRight(line, " \t"); i+1 < len(lines) && !strings.HasSuffix(trimmed, `\`) {
			line = trimmed
		}
		if i > 0 && line != "" {
			w.indent(indent)
		}
		w.write(line)
	}
}

// reads reports whether the other page says the same: the same values, fields in any order, and the same comments.
func (p *page) reads(other *page) bool {
	if (p.root == nil) != (other.root == nil) {
		return false
	}
	a, b := slices.Sorted(slices.Values(p.comments)), slices.Sorted(slices.Values(other.comments))
	return slices.Equal(a, b) && (p.root == nil || reflect.DeepEqual(meaning(p.root), meaning(other.root)))
}

// meaning is the value of a node without its place, style and order of fields.
func meaning(y *yaml.Node) any {
	switch y.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(y.Content); i += 2 {
			m[y.Content[i].Value] = meaning(y.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		var list []any
		for _, item := range y.Content {
			list = append(list, meaning(item))
		}
		return list
	default:
		return [2]string{y.ShortTag(), y.Value}
	}
}
