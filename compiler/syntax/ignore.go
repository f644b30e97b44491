package syntax

import (
	"bytes"
	"regexp"
	"sort"
	"strings"
	"time"

	"writ.dev/writ/compiler/diag"
)

const ignoreWord = "writ:ignore"

var ignoreForm = regexp.MustCompile(`^#[ \t]*writ:ignore[ \t]+([A-Z]{2,8}-[0-9]{3})[ \t]+until=([0-9]{4}-[0-9]{2}-[0-9]{2})[ \t]+--[ \t]*(\S.*)$`)

// ignored collects the ignores of a file. YAML's comments have no place once they are parsed, so they are searched for in the
// text, outside of the scalars.
func (f *file) ignored(src *source, roots []*node) {
	if !bytes.Contains(src.data, []byte(ignoreWord)) {
		return
	}
	scalars := scalarsOf(roots)
	for line, start := range src.lines {
		end := len(src.data)
		if line+1 < len(src.lines) {
			end = src.lines[line+1]
		}
		text := strings.TrimRight(string(src.data[start:end]), " \t\r\n")
		if i := commentStart(text, start, scalars); i >= 0 {
			f.ignore(src, start+i, text[i:])
		}
	}
}

// commentStart is where the comment of a line begins that speaks to writ, -1 where there is none.
func commentStart(line string, offset int, scalars []diag.Span) int {
	for i := strings.IndexByte(line, '#'); i >= 0; {
		if strings.HasPrefix(strings.TrimLeft(line[i+1:], " \t"), ignoreWord) && isComment(line, i, offset+i, scalars) {
			return i
		}
		next := strings.IndexByte(line[i+1:], '#')
		if next < 0 {
			return -1
		}
		i += 1 + next
	}
	return -1
}

// isComment reports whether the # begins a comment: behind white space, and in no scalar.
func isComment(line string, i, offset int, scalars []diag.Span) bool {
	if i > 0 && line[i-1] != ' ' && line[i-1] != '\t' {
		return false
	}
	at := sort.Search(len(scalars), func(k int) bool { return scalars[k].End.Offset() > offset })
	return at == len(scalars) || scalars[at].Start.Offset() > offset
}

// scalarsOf are the places of all scalars, in the order of the text.
func scalarsOf(roots []*node) []diag.Span {
	var spans []diag.Span
	for _, root := range roots {
		root.scalars(func(n *node, _ bool) { spans = append(spans, n.span) })
	}
	return spans
}

func (f *file) ignore(src *source, offset int, comment string) {
	start := src.at(offset)
	span := src.span(start, src.at(offset+len(comment)))
	m := ignoreForm.FindStringSubmatch(comment)
	if m == nil || !isDay(m[2]) {
		f.diags.Add(diag.Finding{
			Rule: malformedIgnore, Span: span, Objects: []string{src.file}, Field: comment,
			Message: "this comment ignores nothing: it has not the form of an ignore",
			Help:    "write # writ:ignore CODE until=YYYY-MM-DD -- reason",
		})
		return
	}
	f.ignores = append(f.ignores, diag.Ignore{Code: m[1], Until: m[2], Reason: m[3], Span: span})
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
