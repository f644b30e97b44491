package query

import (
	"bytes"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// Change is a piece of an edit in one file: lines as somebody would write them, and the place where they go.
type Change struct {
	diag.Edit
	// Lines is what to write, as a block of YAML, and Where says where in words.
	Lines string
	Where string
}

// Item is a new item of a list: fields in their order, with values as YAML writes them.
type Item [][2]string

// Append is the edit that adds entries at the end of a list of a mapping, which it begins where it is not written. Span is the
// mapping's, within its braces where it has any.
func Append[T any](source []byte, key string, l syntax.List[T], span diag.Span, entries []Item) diag.Edit {
	var blocks, flows []string
	for _, e := range entries {
		blocks, flows = append(blocks, e.block()), append(flows, e.flow())
	}
	return placeOf(key, l, span).edit(source, strings.Join(blocks, "\n"), strings.Join(flows, ", "))
}

// place is a list of a document's spec that an entry can be added to, written or not.
type place struct {
	key   string
	where diag.Span // the list, zero where it is not written
	flow  bool
	spec  diag.Span
}

func placeOf[T any](key string, l syntax.List[T], spec diag.Span) place {
	return place{key: key, where: l.Span, flow: l.Flow, spec: spec}
}

// add is the change that appends the entry to the list, which it begins where it is not written.
func (p place) add(source []byte, e Item) Change {
	c := Change{Edit: p.edit(source, e.block(), e.flow()), Lines: e.block(), Where: "at the end of its " + p.key}
	switch {
	case p.where.IsZero() && flowed(source, p.spec):
		c.Lines, c.Where = p.key+":\n"+indent(e.block(), 2), "in its spec"
	case p.where.IsZero():
		c.Lines, c.Where = p.key+":\n"+indent(e.block(), 2), "at the end of its spec"
	}
	return c
}

// edit adds what is written as a block or in a row, as the list or the mapping around it is.
func (p place) edit(source []byte, block, flow string) diag.Edit {
	switch {
	case p.where.IsZero() && flowed(source, p.spec):
		return insert(p.spec, ", "+p.key+": ["+flow+"]")
	case p.where.IsZero():
		return insert(lineEnd(source, p.spec), "\n"+indent(p.key+":\n"+indent(block, 2), p.spec.Start.Column()-1))
	case p.flow:
		return insert(p.where, ", "+flow)
	default:
		return insert(lineEnd(source, p.where), "\n"+indent(block, p.where.Start.Column()-1))
	}
}

// addWord is the change that appends a word to a list of words.
func addWord(source []byte, l syntax.List[syntax.Text], word, where string) Change {
	c := Change{Lines: word, Where: where}
	if l.Flow {
		c.Edit = insert(l.Span, ", "+word)
		return c
	}
	c.Edit = insert(lineEnd(source, l.Span), "\n"+indent("- "+word, l.Span.Start.Column()-1))
	return c
}

func (e Item) block() string {
	var lines []string
	for i, f := range e {
		lead := "  "
		if i == 0 {
			lead = "- "
		}
		lines = append(lines, lead+f[0]+": "+f[1])
	}
	return strings.Join(lines, "\n")
}

func (e Item) flow() string {
	var fields []string
	for _, f := range e {
		fields = append(fields, f[0]+": "+f[1])
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func indent(lines string, by int) string {
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(lines, "\n", "\n"+pad)
}

// insert writes text at the end of the span.
func insert(at diag.Span, text string) diag.Edit {
	return diag.Edit{Span: diag.Span{File: at.File, Start: at.End, End: at.End}, New: text}
}

// lineEnd is the span up to the end of its last line: behind a value there may be a comment, which belongs to it.
func lineEnd(source []byte, s diag.Span) diag.Span {
	end := len(source)
	if i := bytes.IndexByte(source[s.End.Offset():], '\n'); i >= 0 {
		end = s.End.Offset() + i
	}
	s.End = diag.At(s.End.Line(), s.End.Column()+end-s.End.Offset(), end)
	return s
}

// flowed reports whether a mapping is written in braces.
func flowed(source []byte, s diag.Span) bool {
	before := bytes.TrimRight(source[:s.Start.Offset()], " \t\r\n")
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return bytes.HasSuffix(before, []byte("{")) && !bytes.Contains(line, []byte("#"))
}
