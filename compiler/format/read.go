package format

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// page is a document as it stands in the text: what it means, and where its comments are.
type page struct {
	root  *yaml.Node // nil where there are only comments
	head  []string   // lines before the root
	value *value
	tail  []string // lines behind it
	after string   // a comment on the last line of a root in brackets

	comments []string // all of them, in order
}

// value is one of three: a block collection, a block scalar, or tokens, which are a collection in brackets or a scalar.
type value struct {
	block   *block
	literal *literal
	tokens  []token
}

// block is a collection without brackets. Lines are comments, and "" for a blank one.
type block struct {
	sequence bool
	head     []string // lines that stay before the first entry, whichever that is
	entries  []*entry
	tail     []string
}

// entry is a field or an item, with its comments.
type entry struct {
	rank  int // the place of the field
	lead  []string
	key   string // as it is written; "" in a sequence
	open  string // the comment between key or dash and the end of their line
	below bool   // the value begins on another line
	above []string
	value *value
	after string // the comment behind the value
}

// literal is a block scalar.
type literal struct {
	header string
	digit  int // of columns that the header asks for, 0 if none
	lines  []string
}

type tokenKind int

const (
	text tokenKind = iota + 1
	opening
	closing
	comma
	colon
	remark  // a comment
	newline // one or two, for a blank line
)

type token struct {
	kind tokenKind
	text string
}

// reader reads a text along the nodes that YAML made of it, which know where they begin. Whatever it meets in between is white
// space, a comment or a character that the node leads it to expect; anything else fails, and the reader stands still from there.
type reader struct {
	src      string
	lines    []int // where they begin
	pos      int
	last     struct{ line, column, pos int } // a place whose column is known
	failed   bool
	comments []string
}

// read returns nil and false for what cannot be laid out.
func read(src string) (*page, bool) {
	p := &page{}
	loader, err := yaml.NewLoader(strings.NewReader(src))
	if err != nil {
		panic(err) // no option is set that could be wrong
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err == nil && len(doc.Content) > 0 {
		p.root = doc.Content[0]
	}
	r := &reader{src: src, lines: []int{0}}
	for i := range src {
		if src[i] == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	if p.root != nil {
		p.head = r.lead()
		r.documentRoot(p)
	}
	p.tail = r.own(0)
	r.space(" \t\n")
	p.comments = r.comments
	return p, !r.failed && r.pos == len(src)
}

func (r *reader) documentRoot(p *page) {
	t := documentType(p.root)
	if isBlock(p.root) {
		b := r.block(p.root, t, 0)
		// What speaks to the line below it goes with that line; all else that a document begins with is about the document.
		cut := len(p.head)
		for endsInIgnore(p.head[:cut]) {
			cut--
		}
		b.entries[0].lead = p.head[cut:]
		p.head, p.value = p.head[:cut], &value{block: b}
		return
	}
	p.value = &value{tokens: r.tokens(p.root, t)}
	p.after = r.comment()
}

// endsInIgnore reports whether the last of the lines silences findings on the line below it.
func endsInIgnore(lines []string) bool {
	return len(lines) > 0 && strings.HasPrefix(strings.TrimLeft(lines[len(lines)-1], "# \t"), "writ:ignore")
}

func isBlock(y *yaml.Node) bool {
	return (y.Kind == yaml.MappingNode || y.Kind == yaml.SequenceNode) && y.Style&yaml.FlowStyle == 0
}

func (r *reader) fail() { r.failed, r.pos = true, len(r.src) }

// space passes over the characters and returns them.
func (r *reader) space(of string) string {
	start := r.pos
	for r.pos < len(r.src) && strings.IndexByte(of, r.src[r.pos]) >= 0 {
		r.pos++
	}
	return r.src[start:r.pos]
}

func (r *reader) at(c byte) bool { return r.pos < len(r.src) && r.src[r.pos] == c }

func (r *reader) expect(c byte) {
	if !r.at(c) {
		r.fail()
		return
	}
	r.pos++
}

// column is how far the place is from the beginning of its line, in bytes: before a block there are only spaces and dashes.
func (r *reader) column() int {
	return r.pos - 1 - strings.LastIndexByte(r.src[:r.pos], '\n')
}

// rest takes the text to the end of the line: a comment.
func (r *reader) rest() string {
	end := strings.IndexByte(r.src[r.pos:], '\n')
	if end < 0 {
		end = len(r.src) - r.pos
	}
	line := strings.TrimRight(r.src[r.pos:r.pos+end], " \t")
	r.pos += end
	r.comments = append(r.comments, line)
	return line
}

// comment takes the comment that ends this line, with the space in front of it.
func (r *reader) comment() string {
	start := r.pos
	space := r.space(" \t")
	if !r.at('#') {
		r.pos = start
		return ""
	}
	if strings.Contains(space, "\t") || space == "" {
		space = " "
	}
	return space + r.rest()
}

// own takes the comments that have lines of their own, up to the first that begins left of the column, with blank lines
// between.
func (r *reader) own(column int) []string {
	var taken []string
	for {
		start := r.pos
		space := r.space(" \t\n")
		if !r.at('#') || r.column() < column || !strings.Contains(space, "\n") && start > 0 {
			r.pos = start
			return taken
		}
		if strings.Count(space, "\n") > 1 {
			taken = append(taken, "")
		}
		taken = append(taken, r.rest())
	}
}

// lead takes all lines before a token.
func (r *reader) lead() []string {
	taken := r.own(0)
	if strings.Count(r.space(" \t\n"), "\n") > 1 {
		taken = append(taken, "")
	}
	return taken
}

// block takes a block collection. The comments behind its last entry are its own that begin at the column or right of it.
func (r *reader) block(y *yaml.Node, t reflect.Type, tail int) *block {
	b := &block{sequence: y.Kind == yaml.SequenceNode}
	column := r.column()
	step := 2
	if b.sequence {
		step, t = 1, itemOf(t)
	}
	for i := 0; i < len(y.Content) && !r.failed; i += step {
		e := &entry{}
		if i > 0 {
			e.lead = r.lead()
		}
		if r.column() != column {
			r.fail()
		}
		if b.sequence {
			r.expect('-')
			r.entryValue(e, y.Content[i], t, column)
		} else {
			var field reflect.Type
			e.key = r.key(y.Content[i])
			e.rank, field = fieldAt(t, y.Content[i].Value)
			r.entryValue(e, y.Content[i+1], field, column)
		}
		b.entries = append(b.entries, e)
	}
	b.tail = r.own(tail)
	return b
}

// key takes a field's name and its colon.
func (r *reader) key(y *yaml.Node) string {
	key := r.scalar(y)
	r.space(" \t")
	r.expect(':')
	if strings.Contains(key, "\n") {
		r.fail()
	}
	return key
}

// entryValue takes the value of a field or item whose block begins at the column, and the comments around it.
func (r *reader) entryValue(e *entry, y *yaml.Node, t reflect.Type, column int) {
	e.open = r.comment()
	r.space(" \t")
	e.below = r.at('\n')
	e.above = r.lead()
	e.value = &value{}
	switch {
	case isBlock(y):
		r.entryBlock(e, y, t, column)
		return
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		e.value.literal = r.literal(column)
		if e.below {
			r.fail()
		}
		return
	}
	e.above = withoutBlankEnds(e.above, true, false)
	e.value.tokens = r.tokens(y, t)
	e.after = r.comment()
}

// entryBlock takes a block. The lines above it are its first entry's; up to the last blank one they are about all of it.
func (r *reader) entryBlock(e *entry, y *yaml.Node, t reflect.Type, column int) {
	above := e.above
	e.above = nil
	if e.key == "" && y.Kind == yaml.SequenceNode { // a list of lists, which no kind has
		r.fail()
		return
	}
	// The dashes of a list may stand below their key. A comment there is about what follows the list.
	b := r.block(y, t, max(r.column(), column+1))
	cut := 0
	for i, line := range above {
		if line == "" {
			cut = i + 1
		}
	}
	b.head = above[:cut]
	if len(b.entries) > 0 {
		b.entries[0].lead = above[cut:]
	}
	if e.key == "" && endsInIgnore(e.lead) { // it speaks to the line of the first field, which another would take
		for _, field := range b.entries {
			field.rank = 0
		}
	}
	e.value.block = b
}

// begins reports whether the node begins here. Nodes come in the order of the text, and counting on from the last one keeps a
// very long line linear.
func (r *reader) begins(y *yaml.Node) bool {
	at := &r.last
	if at.line != y.Line {
		if y.Line < 1 || y.Line > len(r.lines) {
			return false
		}
		at.line, at.column, at.pos = y.Line, 1, r.lines[y.Line-1]
	}
	for at.column < y.Column && at.pos < len(r.src) {
		_, size := utf8.DecodeRuneInString(r.src[at.pos:])
		at.column, at.pos = at.column+1, at.pos+size
	}
	return at.column == y.Column && at.pos == r.pos
}

// scalar takes a scalar that is no block.
func (r *reader) scalar(y *yaml.Node) string {
	start := r.pos
	if r.failed || y.Kind != yaml.ScalarNode || y.Anchor != "" || y.Style&yaml.TaggedStyle != 0 || !r.begins(y) {
		r.fail()
		return ""
	}
	switch y.Style {
	case yaml.DoubleQuotedStyle:
		r.quoted('"', '\\')
	case yaml.SingleQuotedStyle:
		r.quoted('\'', '\'')
	default:
		r.plain(y.Value)
	}
	if r.pos == start { // nothing is written
		r.fail()
	}
	return r.src[start:r.pos]
}

// quoted passes over a text in quotes, in which a quote can stand behind the escape.
func (r *reader) quoted(quote, escape byte) {
	r.expect(quote)
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		escaped := r.pos+1 < len(r.src) && c == escape && (escape != quote || r.src[r.pos+1] == quote)
		switch {
		case escaped:
			r.pos += 2
		case c == quote:
			r.pos++
			return
		default:
			r.pos++
		}
	}
	r.fail()
}

// plain follows the value through the text: a run of white space in either stands for one in the other, as lines fold.
func (r *reader) plain(value string) {
	for i := 0; i < len(value); {
		if strings.IndexByte(" \t\n", value[i]) < 0 {
			r.expect(value[i])
			i++
			continue
		}
		for i < len(value) && strings.IndexByte(" \t\n", value[i]) >= 0 {
			i++
		}
		r.space(" \t\n")
	}
}

// tokens takes a collection in brackets or a scalar.
func (r *reader) tokens(y *yaml.Node, t reflect.Type) []token {
	if y.Kind == yaml.ScalarNode {
		return []token{{text, r.scalar(y)}}
	}
	brackets := "{}"
	step := 2
	if y.Kind == yaml.SequenceNode {
		brackets, step, t = "[]", 1, itemOf(t)
	}
	if r.failed || y.Anchor != "" || y.Style&yaml.TaggedStyle != 0 || !r.begins(y) || !r.at(brackets[0]) {
		r.fail()
		return nil
	}
	r.pos++
	var pieces []piece
	comma := false
	for i := 0; i < len(y.Content) && !r.failed; i += step {
		if i > 0 && !comma {
			r.fail()
		}
		var p piece
		p.tokens = r.gap()
		if step == 2 {
			p.tokens = append(p.tokens, token{text, r.scalar(y.Content[i])})
			p.tokens = append(p.tokens, r.gap()...)
			r.expect(':')
			p.tokens = append(append(p.tokens, token{colon, ":"}), r.gap()...)
			var field reflect.Type
			p.rank, field = fieldAt(t, y.Content[i].Value)
			p.tokens = append(p.tokens, r.tokens(y.Content[i+1], field)...)
		} else {
			p.tokens = append(p.tokens, r.tokens(y.Content[i], t)...)
		}
		p.tokens = append(p.tokens, r.gap()...)
		if comma = r.at(','); comma {
			r.pos++
		}
		pieces = append(pieces, p)
	}
	end := r.gap()
	r.expect(brackets[1])
	return join(brackets, pieces, comma, end)
}

// piece is a field or item in brackets.
type piece struct {
	rank   int
	tokens []token
}

// join puts the pieces in order. Fields on several lines keep theirs: which of them a comment is about cannot be told there.
func join(brackets string, pieces []piece, trailing bool, end []token) []token {
	breaks := func(t token) bool { return t.kind == remark || strings.Contains(t.text, "\n") }
	broken := slices.ContainsFunc(end, breaks) ||
		slices.ContainsFunc(pieces, func(p piece) bool { return slices.ContainsFunc(p.tokens, breaks) })
	if !broken {
		slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.rank, b.rank) })
	}
	all := []token{{opening, brackets[:1]}}
	for i, p := range pieces {
		all = append(all, p.tokens...)
		if i+1 < len(pieces) || trailing {
			all = append(all, token{comma, ","})
		}
	}
	return append(append(all, end...), token{closing, brackets[1:]})
}

// gap takes the line ends and comments between two tokens in brackets.
func (r *reader) gap() []token {
	var all []token
	for {
		if c := r.comment(); c != "" {
			all = append(all, token{remark, c})
		}
		space := r.space(" \t\n")
		if n := min(strings.Count(space, "\n"), 2); n > 0 {
			all = append(all, token{newline, strings.Repeat("\n", n)})
		}
		if !r.at('#') {
			return all
		}
	}
}

// literal takes a block scalar in a block that begins at the column
// (https://yaml.org/spec/1.2.2/#81-block-scalar-styles).
func (r *reader) literal(column int) *literal {
	if r.failed || !r.at('|') && !r.at('>') {
		r.fail()
		return &literal{}
	}
	header, body, _ := strings.Cut(r.src[r.pos:], "\n")
	l := &literal{header: strings.TrimRight(header, " \t")}
	indicator, _, _ := strings.Cut(l.header, " ")
	if i := strings.IndexAny(indicator, "123456789"); i >= 0 {
		l.digit = int(indicator[i] - '0')
	}
	if i := strings.Index(l.header, " #"); i >= 0 {
		r.comments = append(r.comments, strings.TrimSpace(l.header[i:]))
	}
	r.pos = min(r.pos+len(header)+1, len(r.src))
	indent := column + l.digit
	if l.digit == 0 {
		indent = contentIndent(body)
	}
	if indent <= column {
		r.fail()
		return l
	}
	r.content(l, body, indent, strings.Contains(indicator, "+"))
	return l
}

func contentIndent(body string) int {
	for line := range strings.Lines(body) {
		if content := strings.TrimLeft(line, " "); content != "\n" && content != "" {
			return len(line) - len(content)
		}
	}
	return 0
}

// content takes the lines of a block scalar. Blank ones at its end belong to it if it keeps them.
func (r *reader) content(l *literal, body string, indent int, keep bool) {
	size, blank := 0, 0
	var lines []string
	for line := range strings.Lines(body) {
		line, ended := strings.CutSuffix(line, "\n")
		content := strings.TrimLeft(line, " ")
		if content != "" && len(line)-len(content) < indent {
			break
		}
		if !ended && content != "" { // the line feed that it lacks would be part of its value
			r.fail()
			return
		}
		size += len(line) + 1
		if len(line) <= indent {
			lines = append(lines, "")
			blank += len(line) + 1
			continue
		}
		lines, blank = append(lines, line[indent:]), 0
	}
	if !keep {
		size -= blank
		for len(lines) > 0 && lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
	}
	l.lines = lines
	r.pos = min(r.pos+size, len(r.src))
	if r.pos > 0 && r.pos < len(r.src) && r.src[r.pos-1] == '\n' {
		r.pos-- // so that a blank line behind it shows
	}
}
