package lsp

import (
	"slices"
	"strings"
)

// cursor is where somebody writes: the scalar there, and the document around it. It is read from the text alone, because the
// document is no YAML most of the time while it is written.
type cursor struct {
	token
	doc []token
}

// token is a scalar in the outline of a document.
type token struct {
	start, end int
	text       string
	role       role
	// path leads to the value; that of a key, to the mapping that has it.
	path []step
	// colon says that a key is followed by one.
	colon bool
}

type role int

const (
	value role = iota + 1
	key
	// beginning is the first word of a line or of an item: a value, or the first key of a mapping.
	beginning
)

// step is a field, with the number of its mapping, or an item of a sequence, with a number of its own. Two paths with equal steps
// lead to one place.
type step struct {
	name string
	in   int
}

const item = "[]"

// here stands where the cursor is while the text is read, so that there is a scalar also where nothing is written yet.
const here = '\x00'

const maxDepth = 64

// readCursor reads the document around the offset. Without a scalar there, as in a comment, ok is false.
func readCursor(text string, offset int) (c cursor, ok bool) {
	r := outliner{src: text[:offset] + string(here) + text[offset:]}
	start, end := documentAround(r.src, offset)
	r.at, r.src = start, r.src[:end]
	for r.at < len(r.src) {
		r.line()
	}
	c.doc = r.tokens
	for i, t := range r.tokens {
		if t.start > offset || offset >= t.end {
			continue
		}
		c.token, ok = t, true
		c.end--
		c.text = strings.Replace(t.text, string(here), "", 1)
		c.doc[i] = c.token
	}
	return c, ok
}

// documentAround is the stretch of the file between the separators before and after the offset.
func documentAround(src string, offset int) (start, end int) {
	at := 0
	for line := range strings.Lines(src) {
		if strings.HasPrefix(line, "---") {
			if at > offset {
				return start, at
			}
			start = min(at+len(line), len(src))
		}
		at += len(line)
	}
	return min(start, offset), len(src)
}

// names is the path without the numbers.
func (t token) names() []string {
	var all []string
	for _, s := range t.path {
		all = append(all, s.name)
	}
	return all
}

// at is the scalar that the path leads to, "" where there is none.
func (c cursor) at(path ...string) string {
	for _, t := range c.doc {
		if t.role != key && slices.Equal(t.names(), path) {
			return t.text
		}
	}
	return ""
}

// beside is the scalar of another field of the mapping that has the last such field above the cursor.
func (c cursor) beside(field, other string) string {
	for i, s := range slices.Backward(c.path) {
		if s.name != field {
			continue
		}
		want := append(slices.Clone(c.path[:i]), step{other, s.in})
		for _, t := range c.doc {
			if t.role != key && slices.Equal(t.path, want) {
				return t.text
			}
		}
		return ""
	}
	return ""
}

// keys are the fields of the mapping at the path.
func (c cursor) keys(path ...string) []string {
	var all []string
	for _, t := range c.doc {
		if t.role == key && t.colon && slices.Equal(t.names(), path) {
			all = append(all, t.text)
		}
	}
	return all
}

// has reports whether the mapping at the cursor has the field already, elsewhere.
func (c cursor) has(field string) bool {
	return slices.ContainsFunc(c.doc, func(t token) bool {
		return t.role == key && t.text == field && t.start != c.start && slices.Equal(t.path, c.path)
	})
}

// outliner reads as much of YAML as documents use, and passes over everything else: it never fails.
type outliner struct {
	src    string
	at     int
	tokens []token
	frames []frame
	number int
}

// frame is a block mapping or sequence that the line being read belongs to. Its step is the field or item that was begun last.
type frame struct {
	indent int
	seq    bool
	in     int
	step   step
}

func (r *outliner) next() int { r.number++; return r.number }

func (r *outliner) top() *frame {
	if len(r.frames) == 0 {
		return &frame{indent: -1}
	}
	return &r.frames[len(r.frames)-1]
}

// leave ends what is indented deeper than the column.
func (r *outliner) leave(column int) {
	for len(r.frames) > 0 && r.top().indent > column {
		r.frames = r.frames[:len(r.frames)-1]
	}
}

func (r *outliner) path() []step {
	var all []step
	for _, f := range r.frames {
		if f.step.name != "" {
			all = append(all, f.step)
		}
	}
	return all
}

func (r *outliner) emit(t token) {
	t.text = unquote(r.src[t.start:t.end])
	r.tokens = append(r.tokens, t)
}

// unquote takes quotes away. Escapes stay: no name has one.
func unquote(s string) string {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return s
	}
	return strings.TrimSuffix(s[1:], s[:1])
}

// line reads one line of block YAML, and further ones where a value goes on.
func (r *outliner) line() {
	start := r.at
	r.blanks()
	for !r.lineEnds() && r.src[r.at] == '-' && r.spaceAt(r.at+1) {
		r.dash(r.at - start)
		r.at++
		r.blanks()
	}
	if !r.lineEnds() {
		r.content(r.at - start)
	}
	r.endLine()
}

func (r *outliner) blanks() {
	for r.at < len(r.src) && (r.src[r.at] == ' ' || r.src[r.at] == '\t') {
		r.at++
	}
}

// lineEnds reports whether nothing more is said on the line.
func (r *outliner) lineEnds() bool {
	return r.at >= len(r.src) || strings.IndexByte("\r\n#", r.src[r.at]) >= 0
}

// lineEnd is where the line break stands, or the end of the file.
func (r *outliner) lineEnd() int {
	if i := strings.IndexByte(r.src[r.at:], '\n'); i >= 0 {
		return r.at + i
	}
	return len(r.src)
}

func (r *outliner) endLine() { r.at = min(r.lineEnd()+1, len(r.src)) }

// spaceAt reports whether a word ends before the offset. The cursor counts as the end of one.
func (r *outliner) spaceAt(i int) bool {
	return i >= len(r.src) || strings.IndexByte(" \t\r\n\x00", r.src[i]) >= 0
}

// dash begins an item of the block sequence at the column.
func (r *outliner) dash(column int) {
	r.leave(column)
	if !r.top().seq || r.top().indent != column {
		r.frames = append(r.frames, frame{indent: column, seq: true})
	}
	r.top().step = step{item, r.next()}
}

// content reads a key with its value, or a value.
func (r *outliner) content(column int) {
	r.leave(column)
	if r.top().seq && r.top().indent == column {
		r.frames = r.frames[:len(r.frames)-1] // a sequence may stand as far left as the field that has it
	}
	if r.src[r.at] == '[' || r.src[r.at] == '{' {
		r.flow(r.path(), r.top().indent)
		return
	}
	start, end := r.scalar(false)
	t := token{start: start, end: end, role: beginning}
	t.colon = r.at < len(r.src) && r.src[r.at] == ':' && r.spaceAt(r.at+1)
	inMapping := r.top().indent == column
	if t.colon && !inMapping {
		r.frames = append(r.frames, frame{indent: column, in: r.next()})
		inMapping = true
	}
	if !inMapping {
		t.path = r.path()
		r.emit(t)
		return
	}
	mapping := r.top()
	mapping.step = step{}
	t.role, t.path = key, r.path()
	r.emit(t)
	if t.colon {
		mapping.step = step{r.tokens[len(r.tokens)-1].text, mapping.in}
		r.at++
		r.valueOf(mapping)
	}
}

// valueOf reads what stands behind the colon.
func (r *outliner) valueOf(mapping *frame) {
	r.blanks()
	switch {
	case r.lineEnds():
	case r.src[r.at] == '[' || r.src[r.at] == '{':
		r.flow(r.path(), mapping.indent)
	case r.src[r.at] == '|' || r.src[r.at] == '>':
		r.skipText(mapping.indent)
	default:
		start, end := r.scalar(false)
		r.emit(token{start: start, end: end, role: value, path: r.path()})
	}
}

// skipText passes over a block of literal text, up to the last line of it.
func (r *outliner) skipText(indent int) {
	for {
		end := r.lineEnd()
		next := min(end+1, len(r.src))
		rest := strings.TrimLeft(r.src[next:], " ")
		if deep := len(r.src) - next - len(rest); rest == "" || deep <= indent && rest[0] != '\n' {
			r.at = end
			return
		}
		r.at = next
	}
}

// scalar reads one scalar and says where it stands. A plain one ends before a comment and before a colon that makes a key of it,
// and in a flow before what separates there.
func (r *outliner) scalar(flow bool) (start, end int) {
	start = r.at
	if c := r.src[r.at]; c == '"' || c == '\'' {
		for r.at++; r.at < len(r.src) && r.src[r.at] != '\n'; r.at++ {
			if r.src[r.at] == '\\' && c == '"' {
				r.at = min(r.at+1, len(r.src)-1)
			} else if r.src[r.at] == c {
				r.at++
				break
			}
		}
		end = r.at
		r.blanks()
		return start, end
	}
	for ; r.at < len(r.src); r.at++ {
		c := r.src[r.at]
		if c == '\n' || c == '\r' || c == ':' && (r.spaceAt(r.at+1) || flow && strings.IndexByte(",]}", r.src[r.at+1]) >= 0) ||
			c == '#' && r.at > start && r.spaceAt(r.at-1) || flow && strings.IndexByte(",[]{}", c) >= 0 {
			break
		}
	}
	return start, start + len(strings.TrimRight(r.src[start:r.at], " \t"))
}

// flow reads a sequence in brackets or a mapping in braces. Lines that are not indented deeper than what has it end it: its
// bracket is missing.
func (r *outliner) flow(path []step, indent int) {
	open, in := r.src[r.at], r.next()
	r.at++
	at := step{item, r.next()}
	for r.flowSpace(indent) {
		switch c := r.src[r.at]; c {
		case ']', '}':
			r.at++
			return
		case ',':
			r.at++
			at = step{item, r.next()}
		case ':':
			r.at++
		default:
			if open == '[' {
				r.flowValue(slices.Concat(path, []step{at}), indent, beginning)
				continue
			}
			r.flowField(path, in, indent)
		}
	}
}

// flowField reads a key in braces, with its value.
func (r *outliner) flowField(path []step, in, indent int) {
	if c := r.src[r.at]; c == '[' || c == '{' {
		r.flowValue(path, indent, value)
		return
	}
	start, end := r.scalar(true)
	t := token{start: start, end: end, role: key, path: path, colon: r.at < len(r.src) && r.src[r.at] == ':'}
	r.emit(t)
	if !t.colon {
		return
	}
	r.at++
	name := r.tokens[len(r.tokens)-1].text
	if r.flowSpace(indent) && strings.IndexByte(",]}", r.src[r.at]) < 0 {
		r.flowValue(slices.Concat(path, []step{{name, in}}), indent, value)
	}
}

func (r *outliner) flowValue(path []step, indent int, as role) {
	c := r.src[r.at]
	if c != '[' && c != '{' {
		start, end := r.scalar(true)
		r.emit(token{start: start, end: end, role: as, path: path})
		return
	}
	if len(path) > maxDepth {
		r.at++
		return
	}
	r.flow(path, indent)
}

// flowSpace passes over space, line breaks and comments, and reports whether the flow goes on behind them. Where it does not, the
// line break is left.
func (r *outliner) flowSpace(indent int) bool {
	for {
		r.blanks()
		if r.at >= len(r.src) {
			return false
		}
		if !r.lineEnds() {
			return true
		}
		end := r.lineEnd()
		if end >= len(r.src) {
			r.at = len(r.src)
			return false
		}
		rest := strings.TrimLeft(r.src[end+1:], " \t")
		deep := len(r.src) - end - 1 - len(rest)
		if rest != "" && deep <= indent && strings.IndexByte("\r\n]}", rest[0]) < 0 {
			r.at = end
			return false
		}
		r.at = end + 1
	}
}
