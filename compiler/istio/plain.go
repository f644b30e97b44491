package istio

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/emit"
)

// plainJSON makes JSON of a manifest in the plain part of YAML, that which appendPlainly writes: there every reader reads the same.
// Of anything else, a field that is written twice included, ok is false and nothing is said. Nearly all manifests are
// plain, and to read them with Kubernetes' own reader took as long as all else that validation does.
func plainJSON(data []byte) (json []byte, ok bool) {
	text, ours := strings.CutPrefix(string(data), emit.Header)
	text, whole := strings.CutSuffix(text, "\n")
	if !ours || !whole {
		return nil, false
	}
	r := plainReader{lines: make([]plainLine, 0, strings.Count(text, "\n")+1), json: make([]byte, 0, len(text)), ok: true}
	for line := range strings.SplitSeq(text, "\n") {
		content := strings.TrimLeft(line, " ")
		r.lines = append(r.lines, plainLine{len(line) - len(content), content})
	}
	r.mapping(0)
	return r.json, r.ok && len(r.lines) == 0
}

// plainReader reads lines until something is not plain.
type plainReader struct {
	lines []plainLine // those that are not read yet
	json  []byte
	ok    bool
}

type plainLine struct {
	indent  int
	content string
}

// next reports whether the next line is indented so far.
func (r *plainReader) next(indent int) bool {
	return r.ok && len(r.lines) > 0 && r.lines[0].indent == indent
}

const dash = "- "

// mapping reads the fields that begin in the column. There is one at least.
func (r *plainReader) mapping(indent int) {
	const longest, deepest = 100, 60
	var seen []string
	for r.next(indent) && !strings.HasPrefix(r.lines[0].content, dash) {
		key, value, isField := strings.Cut(r.lines[0].content, ":")
		key, isKey := plainScalar(key, false)
		if !isField || !isKey || len(key) > longest || slices.Contains(seen, key) || indent > deepest {
			break
		}
		r.separate(len(seen) == 0, '{')
		seen = append(seen, key)
		r.text(key)
		r.json = append(r.json, ':')
		r.lines = r.lines[1:]
		r.value(value, indent)
	}
	if len(seen) == 0 || r.next(indent) && !strings.HasPrefix(r.lines[0].content, dash) {
		r.ok = false
		return
	}
	r.json = append(r.json, '}')
}

// value reads what stands behind the colon of a field, or below it.
func (r *plainReader) value(rest string, indent int) {
	switch {
	case rest == "" && r.next(indent) && strings.HasPrefix(r.lines[0].content, dash):
		r.sequence(indent)
	case rest == "" && r.next(indent+step):
		r.mapping(indent + step)
	case rest == " |-":
		r.literal(indent + step)
	case strings.HasPrefix(rest, " [") && strings.HasSuffix(rest, "]") && rest != " []":
		r.flow(rest[len(" [") : len(rest)-len("]")])
	case strings.HasPrefix(rest, " "):
		r.scalar(rest[len(" "):])
	default:
		r.ok = false
	}
}

// sequence reads the items whose dashes stand in the column.
func (r *plainReader) sequence(indent int) {
	for first := true; r.next(indent) && strings.HasPrefix(r.lines[0].content, dash); first = false {
		r.separate(first, '[')
		content := r.lines[0].content[len(dash):]
		if strings.Contains(content, ":") {
			r.lines[0] = plainLine{indent + step, content}
			r.mapping(indent + step)
			continue
		}
		r.lines = r.lines[1:]
		r.scalar(content)
	}
	r.json = append(r.json, ']')
}

// literal reads the lines of a text.
func (r *plainReader) literal(indent int) {
	var lines []string
	for r.next(indent) && isWord(r.lines[0].content, inLiteral) {
		lines = append(lines, r.lines[0].content)
		r.lines = r.lines[1:]
	}
	if len(lines) == 0 || len(r.lines) > 0 && r.lines[0].indent >= indent {
		r.ok = false
		return
	}
	r.text(strings.Join(lines, "\n"))
}

// flow reads the items between brackets.
func (r *plainReader) flow(items string) {
	first := true
	for item := range strings.SplitSeq(items, ", ") {
		text, ok := plainScalar(item, true)
		r.ok = r.ok && ok
		r.separate(first, '[')
		r.text(text)
		first = false
	}
	r.json = append(r.json, ']')
}

func (r *plainReader) scalar(s string) {
	if s == "{}" || s == "[]" {
		r.json = append(r.json, s...)
		return
	}
	text, ok := plainScalar(s, false)
	r.ok = r.ok && ok
	r.text(text)
}

// plainScalar is the text of a scalar that is bare, or a number or truth value in quotes.
func plainScalar(s string, inBrackets bool) (text string, ok bool) {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		text, closed := strings.CutSuffix(quoted, `"`)
		return text, closed && isQuoted(text)
	}
	return s, isPlain(s, inBrackets)
}

// separate begins a collection, or goes on to its next item.
func (r *plainReader) separate(first bool, bracket byte) {
	if first {
		r.json = append(r.json, bracket)
		return
	}
	r.json = append(r.json, ',')
}

var jsonEscapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`)

func (r *plainReader) text(s string) {
	r.json = append(append(append(r.json, '"'), jsonEscapes.Replace(s)...), '"')
}
