package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/diag"
)

// readYAML returns the roots of the documents of a file. At the first place that is no YAML it stops: what follows can be
// anything, so the documents before are returned with one finding.
func readYAML(src *source) ([]*yaml.Node, *diag.Finding) {
	loader, err := yaml.NewLoader(bytes.NewReader(src.text()))
	if err != nil {
		panic(err) // no option is set that could be wrong
	}
	var roots []*yaml.Node
	for {
		var document yaml.Node
		err := load(loader, &document)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return roots, src.yamlFault(err)
		}
		if len(document.Content) > 0 {
			roots = append(roots, document.Content[0])
		}
	}
}

// directive finds what tells a reader of YAML how to read the rest: a version, or other meanings of tags. The library takes some
// and gives up at others. A directive stands before the first document, or behind a line of '...'
// (https://yaml.org/spec/1.2.2/#912-document-markers).
func (s *source) directive() *diag.Finding {
	before := true
	for line, start := range s.lines {
		end := len(s.data)
		if line+1 < len(s.lines) {
			end = s.lines[line+1]
		}
		switch text := s.data[start:end]; {
		case len(bytes.TrimSpace(text)) == 0 || text[0] == '#':
		case text[0] == '%' && before:
			return &diag.Finding{
				Rule: yamlFeature, Span: s.char(s.at(start)), Message: "a directive is not allowed here", Help: "leave the line out",
			}
		default:
			before = bytes.HasPrefix(text, []byte("..."))
		}
	}
	return nil
}

// load turns a panic of the library on hostile input into an error: one file must not take down the build that should name it.
func load(loader *yaml.Loader, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return loader.Load(into)
}

// yamlFault says in plain words what the library found, where its author can mend it.
func (s *source) yamlFault(err error) *diag.Finding {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		start := s.pos(1, 1)
		return &diag.Finding{Rule: unreadableYAML, Span: s.span(start, start), Message: "the file is not YAML"}
	}
	mark := s.mark(load.Mark)
	f := &diag.Finding{Rule: unreadableYAML, Message: "this is not YAML", Help: "look for a missing quote, bracket or space on the line above"}
	for _, e := range yamlFaults {
		if !strings.HasPrefix(load.Message, e.message) {
			continue
		}
		if e.rule != nil {
			f.Rule = e.rule
		}
		if e.opened {
			mark = s.mark(load.ContextMark)
		}
		f.Message, f.Help = e.says, e.help
		break
	}
	f.Span = s.char(mark)
	if load.Message == noToken {
		s.cannotBegin(f)
	}
	for _, line := range []int{f.Span.Start.Line(), load.Mark.Line} {
		if s.barePath(f, line) {
			break
		}
	}
	return f
}

// variable is a path with a variable that stands without quotes, where YAML takes the brace for a mapping's.
var variable = regexp.MustCompile(`(?:^|[\s\[,])(/[^\s"',\[\]]*\{[^\s"',\[\]]*)`)

// barePath explains the commonest slip of the language, where it is on the line.
func (s *source) barePath(f *diag.Finding, line int) bool {
	if line < 1 || line > len(s.lines) {
		return false
	}
	start, end := s.lines[line-1], len(s.data)
	if line < len(s.lines) {
		end = s.lines[line]
	}
	at := variable.FindSubmatchIndex(s.data[start:end])
	if at == nil {
		return false
	}
	path := string(s.data[start+at[2] : start+at[3]])
	f.Span = s.span(s.at(start+at[2]), s.at(start+at[3]))
	f.Message, f.Help = fmt.Sprintf("the path %s stands without quotes, and YAML takes its '{' for a mapping's", path), fmt.Sprintf("write %q", path)
	if strings.Count(path, "{") == strings.Count(path, "}") {
		f.Fix = &diag.Fix{Title: fmt.Sprintf("put %s in quotes", path), Edits: []diag.Edit{{Span: f.Span, New: `"` + path + `"`}}}
	}
	return true
}

func (s *source) mark(m yaml.Mark) diag.Pos {
	if m.Line > len(s.lines) || m.Line == len(s.lines) && s.lines[m.Line-1] == len(s.data) {
		return s.at(len(bytes.TrimRight(s.data, "\r\n"))) // past the end: the reader sees the last line as the end
	}
	return s.pos(m.Line, m.Column)
}

// cannotBegin names the character that no value begins with (https://yaml.org/spec/1.2.2/#rule-c-indicator).
func (s *source) cannotBegin(f *diag.Finding) {
	text := string(s.data[f.Span.Start.Offset():f.Span.End.Offset()])
	if text == "\t" {
		f.Message, f.Help = tabIndents, tabHelp
		return
	}
	f.Message, f.Help = fmt.Sprintf("a text cannot begin with %q", text), "put it in quotes"
}

const (
	noToken    = "found character that cannot start any token"
	tabIndents = "a tab indents this line"
	tabHelp    = "indent with spaces"
	tagRefused = "a tag is not allowed here"
	tagHelp    = "leave it out; quotes make a text of anything"
)

// yamlFaults translates the library's messages, found by how they begin. One that is not listed is told as no YAML, at its
// place all the same.
var yamlFaults = []struct {
	message, says, help string
	opened              bool // point at where the text was opened, not at where it should have been closed
	rule                *diag.Rule
}{
	{message: "mapping values are not allowed", says: "a ':' stands where none can be", help: "put a text that holds ': ' in quotes, and indent the fields of a mapping alike"},
	{message: "did not find expected key", says: "the line is indented like no line above it", help: "indent it as far as the fields that it belongs to"},
	{message: "did not find expected '-'", says: "a list goes on without '-'", help: "begin the item with '-', or indent the line as far as what it belongs to"},
	{message: "did not find expected ',' or ']'", says: "the list that begins here is not closed", help: "add the missing ',' or ']'", opened: true},
	{message: "did not find expected ',' or '}'", says: "the mapping that begins here is not closed", help: "add the missing ',' or '}'", opened: true},
	{message: "did not find expected node content", says: "a value is missing here", help: "close the bracket that is open, or write the value"},
	{message: "found unexpected end of stream", says: "the quote that begins here is not closed", help: "close it", opened: true},
	{message: "found unexpected document indicator", says: "the quote that begins here is not closed", help: "close it", opened: true},
	{message: "found unknown escape character", says: "the escape after '\\' is not one of YAML's", help: "write '\\\\' for a backslash, or use single quotes"},
	{message: "did not find expected hexadecimal number", says: "the escape after '\\' needs hexadecimal digits", help: "write '\\\\' for a backslash, or use single quotes"},
	{message: "found invalid Unicode character escape", says: "the escape after '\\' is no character", help: "write '\\\\' for a backslash, or use single quotes"},
	{message: noToken},
	{message: "could not find expected ':'", says: "the line has no ':' after its field", help: "write 'field: value', or indent a text that goes on"},
	{message: "found a tab", says: tabIndents, help: tabHelp},
	{message: "found mixed spaces and tabs", says: tabIndents, help: tabHelp},
	{message: "block sequence entries are not allowed", says: "a '-' stands where no list can begin", help: "begin the list on a line of its own"},
	{message: "mapping keys are not allowed", says: "a '?' stands where no field can begin", help: "put the text in quotes"},
	{message: "did not find expected <document start>", says: "there is text behind the end of the document", help: "separate documents with a line of '---'"},
	{message: "found unexpected content after document-end", says: "there is text behind the end of the document", help: "separate documents with a line of '---'"},
	{message: "found a comment without preceding whitespace", says: "a '#' without a space before it begins no comment", help: "put a space before it"},
	{message: "did not find expected comment or line break", says: "there is text behind '|' or '>'", help: "begin the text on the next line"},
	{message: "did not find expected alphabetic or numeric character", says: "a name should follow '&' or '*'", help: "put a text that begins with '&' or '*' in quotes"},
	{message: "unknown anchor", says: "an alias is not allowed here", help: "write the value itself; put a text that begins with '*' in quotes", rule: yamlFeature},
	{message: "found undefined tag handle", says: tagRefused, help: tagHelp, rule: yamlFeature},
	{message: "did not find expected tag URI", says: tagRefused, help: tagHelp, rule: yamlFeature},
	{message: "did not find expected '!'", says: tagRefused, help: tagHelp, rule: yamlFeature},
	{message: "found character", says: tagRefused, help: tagHelp, rule: yamlFeature},
	{message: "exceeded max depth", says: "the document is more than 64 levels deep", help: "say it flatter", rule: tooDeep},
}
