package syntax

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/diag"
)

// maxDepth is how many collections may lie in each other.
const maxDepth = 64

type nodeKind uint8

const (
	scalar nodeKind = iota + 1
	sequence
	mapping
)

// node is a value of a document that knows where it begins, and unlike YAML libraries' nodes, where it ends.
type node struct {
	kind  nodeKind
	quote byte // the character that a scalar's text begins with in the file if it is one of ' " | >; 0 otherwise
	flow  bool // a collection in brackets
	// told says that a finding is about the value, key or mapping, which a second one would only repeat.
	told  bool
	tag   string // like !!str, as YAML resolves it
	value string // of a scalar, unquoted
	// span is the whole text, quotes and brackets included.
	span diag.Span
	// inner covers the first item to the end of the last, without the brackets; with its dash in a block sequence.
	inner diag.Span

	parent *node
	at     int     // place among the items of parent
	keys   []*node // of a mapping
	items  []*node // of a mapping or sequence
	index  map[string]int
}

// key is the node of the key that n is the value of, nil where n is no value of a mapping.
func (n *node) key() *node {
	if n.parent == nil || n.parent.kind != mapping {
		return nil
	}
	return n.parent.keys[n.at]
}

// get is the value of a key, nil where it is not written.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	i, ok := n.index[key]
	if !ok || i == len(n.items) { // a key whose value is still being built
		return nil
	}
	return n.items[i]
}

// anchor is the text to point at when something is missing in n: the key that holds n, else the first thing in it.
func (n *node) anchor() diag.Span {
	switch {
	case n.key() != nil:
		return n.key().span
	case len(n.keys) > 0:
		return n.keys[0].span
	default:
		return n.span
	}
}

// first is the first thing in a collection that has one.
func (n *node) first() *node {
	if n.kind == mapping {
		return n.keys[0]
	}
	return n.items[0]
}

func (n *node) isNull() bool { return n.kind == scalar && n.tag == "!!null" }

// path is the field by its keys, like spec.intents[identity/customers].until. It survives moved lines and reordered lists.
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	if key := n.key(); key != nil {
		return join(n.parent.path(), key.value)
	}
	return n.parent.path() + "[" + n.label() + "]"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// label names an item of a list by what it is about, else by its number.
func (n *node) label() string {
	if n.kind == scalar {
		return n.value
	}
	for _, key := range []string{"to", "from", "service", "name", "cluster"} {
		about := n.get(key)
		switch {
		case about == nil:
		case about.kind == scalar:
			return about.value
		case about.kind == mapping && len(about.items) == 1 && about.items[0].kind == scalar:
			return about.keys[0].value + " " + about.items[0].value
		}
	}
	return strconv.Itoa(n.at)
}

// noun is what to call the node in a message about its value: its own key, or its list's.
func (n *node) noun() string {
	for ; n.parent != nil; n = n.parent {
		if key := n.key(); key != nil {
			return key.value
		}
	}
	return "the document"
}

// scalars calls f for every scalar below n, keys first.
func (n *node) scalars(f func(n *node, isKey bool)) {
	if n.kind == scalar {
		f(n, false)
	}
	for i, item := range n.items {
		if n.kind == mapping {
			f(n.keys[i], true)
		}
		item.scalars(f)
	}
}

// builder makes nodes from the library's, in the order of the text, and finds what plain YAML does not have.
type builder struct {
	*source
	diags diag.List
	// opaque says that the document has parts whose meaning lies elsewhere, or that were cut: its shape cannot be judged.
	opaque bool
}

func (b *builder) build(y *yaml.Node, parent *node, at, depth int) *node {
	n := &node{kind: scalar, tag: y.ShortTag(), parent: parent, at: at}
	start := b.pos(y.Line, y.Column)
	n.span = b.span(start, start)
	if b.feature(y, n) {
		return n
	}
	switch y.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		if depth == maxDepth {
			b.opaque = true
			b.add(tooDeep, n, "the document is more than 64 levels deep", "say it flatter")
			return n
		}
		b.collection(y, n, depth)
	default:
		b.scalar(y, n)
	}
	return n
}

func (b *builder) add(rule *diag.Rule, n *node, message, help string) {
	b.diags.Add(diag.Finding{Rule: rule, Span: n.span, Message: message, Help: help, Field: n.path()})
}

// feature refuses what makes a value depend on another place or on a type of its own.
func (b *builder) feature(y *yaml.Node, n *node) bool {
	help := "write the value itself"
	var what string
	switch {
	case y.Kind == yaml.AliasNode:
		what = "an alias"
	case y.Anchor != "":
		what = "an anchor"
	case y.Style&yaml.TaggedStyle != 0:
		what, help = "a tag", "leave it out; quotes make a text of anything"
	case y.Tag == "!!merge":
		what, help = "a merge key", "write the fields themselves"
	default:
		return false
	}
	b.opaque, n.value = true, y.Value
	n.span = b.span(n.span.Start, b.at(b.wordEnd(n.span.Start.Offset())))
	b.add(yamlFeature, n, what+" is not allowed here", help)
	return true
}

func (b *builder) wordEnd(offset int) int {
	for offset < len(b.data) && !strings.ContainsRune(" \t\r\n,[]{}", rune(b.data[offset])) {
		offset++
	}
	return offset
}

func (b *builder) scalar(y *yaml.Node, n *node) {
	n.value = y.Value
	start := n.span.Start.Offset()
	switch y.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle:
		n.quote = b.data[start]
	}
	var end int
	switch n.quote {
	case '"':
		end = b.doubleQuotedEnd(start)
	case '\'':
		end = b.singleQuotedEnd(start)
	case '|', '>':
		end = b.blockEnd(start, n.parent)
	default:
		end = b.plainEnd(start, y.Value)
	}
	n.span.End = b.at(end)
	n.inner = n.span
	if strings.ContainsFunc(n.value, invisible) {
		n.told = true
		b.add(controlCharacter, n, "an escape makes a character that cannot be seen", "remove it")
	}
}

func (b *builder) doubleQuotedEnd(start int) int {
	for i := start + 1; i < len(b.data); i++ {
		switch b.data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b.data)
}

func (b *builder) singleQuotedEnd(start int) int {
	for i := start + 1; i < len(b.data); i++ {
		if b.data[i] != '\'' {
			continue
		}
		if i+1 == len(b.data) || b.data[i+1] != '\'' {
			return i + 1
		}
		i++
	}
	return len(b.data)
}

// plainEnd follows the value through the text: a run of white space in either stands for one in the other, as lines fold.
func (b *builder) plainEnd(start int, value string) int {
	i := start
	for j := 0; j < len(value) && i < len(b.data); {
		if !space(value[j]) {
			if b.data[i] != value[j] {
				return i
			}
			i, j = i+1, j+1
			continue
		}
		for j < len(value) && space(value[j]) {
			j++
		}
		for i < len(b.data) && space(b.data[i]) {
			i++
		}
	}
	return i
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// blockEnd is the end of the last line with text of a literal or folded scalar. Its lines are indented as far as the first of
// them, or as its header says (https://yaml.org/spec/1.2.2/#81-block-scalar-styles).
func (b *builder) blockEnd(start int, parent *node) int {
	around := 0
	if parent != nil {
		around = parent.span.Start.Column() - 1
	}
	line := b.lineEnd(start)
	header, _, _ := strings.Cut(string(b.data[start:line]), " ")
	end, indent := start+len(strings.TrimRight(header, "\r")), 0
	if i := strings.IndexAny(header, "123456789"); i >= 0 {
		indent = around + int(header[i]-'0')
	}
	for line < len(b.data) {
		first := line + 1
		line = b.lineEnd(first)
		text := strings.TrimRight(string(b.data[first:line]), " \t\r")
		if text == "" {
			continue
		}
		depth := len(text) - len(strings.TrimLeft(text, " "))
		if indent == 0 {
			indent = max(depth, around+1)
		}
		if depth < indent {
			break
		}
		end = first + len(text)
	}
	return end
}

// lineEnd is the offset of the line feed at or after the offset, or the end of the file.
func (b *builder) lineEnd(offset int) int {
	for offset < len(b.data) && b.data[offset] != '\n' {
		offset++
	}
	return min(offset, len(b.data))
}

func (b *builder) collection(y *yaml.Node, n *node, depth int) {
	// The one pair of [a: b] is a flow mapping without brackets of its own.
	n.flow = y.Style&yaml.FlowStyle != 0 && strings.ContainsRune("[{", rune(b.data[n.span.Start.Offset()]))
	n.kind = sequence
	size := len(y.Content)
	if y.Kind == yaml.MappingNode {
		n.kind = mapping
		size /= 2
		n.index, n.keys = make(map[string]int, size), make([]*node, 0, size)
	}
	n.items = make([]*node, 0, size)
	for i := 0; i < len(y.Content); i++ {
		if n.kind == mapping {
			n.keys = append(n.keys, b.mappingKey(y.Content[i], n, depth))
			i++
		}
		n.items = append(n.items, b.build(y.Content[i], n, len(n.items), depth+1))
	}
	b.extent(n)
}

// mappingKey builds the next key of n. The first of two equal keys counts.
func (b *builder) mappingKey(y *yaml.Node, n *node, depth int) *node {
	key := b.build(y, nil, 0, depth+1)
	at := len(n.keys)
	key.parent, key.at = n, at
	if key.kind != scalar {
		b.opaque = true
		b.diags.Add(diag.Finding{
			Rule: wrongType, Span: key.span, Field: n.path(), Message: "a key is a collection; expected text",
			Help: "write one word before the ':'",
		})
		return key
	}
	if key.value == "" { // no location that the validator gives can name it
		b.opaque = true
		b.diags.Add(diag.Finding{Rule: wrongForm, Span: key.span, Field: n.path(), Message: "a field has no name", Help: "write one before the ':'"})
		return key
	}
	first, twice := n.index[key.value]
	if !twice {
		n.index[key.value] = at
		return key
	}
	key.told = true
	if n.parent == nil && b.joined(n, key) {
		return key
	}
	b.diags.Add(diag.Finding{
		Rule: duplicateKey, Span: key.span, Field: join(n.path(), key.value),
		Message: "duplicate field " + quoted(key.value),
		Help:    "keep one of the two",
		Related: []diag.Related{{Span: n.keys[first].span, Message: "the first one"}},
	})
	return key
}

// joined tells the fields of a second document that begins without a line of dashes as the one mistake that they are.
func (b *builder) joined(n, key *node) bool {
	const first = "apiVersion"
	if i := n.index[first]; key.value != first {
		return slices.ContainsFunc(n.keys[i+1:], func(k *node) bool { return k.value == first && k.told })
	}
	f := diag.Finding{
		Rule: duplicateKey, Span: key.span, Field: key.value,
		Message: "a second document begins here, in the middle of the first", Help: "put a line of '---' before it",
	}
	if !n.flow && key.span.Start.Column() == 1 {
		at := diag.Span{File: key.span.File, Start: key.span.Start, End: key.span.Start}
		f.Fix = &diag.Fix{Title: "put '---' before the second document", Edits: []diag.Edit{{Span: at, New: "---\n"}}}
	}
	b.diags.Add(f)
	return true
}

// extent sets the spans of a collection whose items are there.
func (b *builder) extent(n *node) {
	first := n.span.Start
	last := first
	switch {
	case len(n.items) > 0:
		last = later(last, n.items[len(n.items)-1].span.End)
		if n.kind == mapping { // the value may be nowhere, behind a key alone
			last = later(last, n.keys[len(n.keys)-1].span.End)
		}
		if n.flow {
			first = n.first().span.Start
		}
	case n.flow:
		last = b.at(first.Offset() + 1)
		first = last
	}
	n.inner = b.span(first, last)
	n.span.End = last
	if n.flow {
		n.span.End = b.at(b.bracketEnd(last.Offset()))
	}
}

func later(a, b diag.Pos) diag.Pos {
	if b.Offset() > a.Offset() {
		return b
	}
	return a
}

// bracketEnd is the offset behind the bracket that closes the collection whose last item ends at the offset: only white space,
// comments and a comma may stand between.
func (b *builder) bracketEnd(offset int) int {
	for offset < len(b.data) {
		switch b.data[offset] {
		case ']', '}':
			return offset + 1
		case '#':
			offset = b.lineEnd(offset)
		default:
			offset++
		}
	}
	return offset
}
