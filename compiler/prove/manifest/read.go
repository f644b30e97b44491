package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// The limits keep a hostile file from costing more than a large honest one.
const (
	// maxDocument is room for what kubectl prints of a whole cluster, which is one List: 100,000 rules take 40 MiB. Reading takes
	// some twenty times as much memory as the text.
	maxDocument = 64 << 20
	// maxObject is the longest request that an API server reads: https://github.com/kubernetes/kubernetes/pull/73805.
	// What etcd keeps of it is half as long.
	maxObject = 3 << 20
	// maxDocuments is more than a file of all objects of a large cluster has.
	maxDocuments = 100_000
	// maxDepth is some four times as deep as the EnvoyFilters that people write.
	maxDepth = 128
)

// Error says what of a file cannot be read, where, and what to do.
type Error struct {
	Path          string
	Line, Column  int // from 1
	Message, Help string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", e.Path, e.Line, e.Column, e.Message, e.Help)
}

// Read returns the objects of a file in their order, those of a List among them. An object of a kind that the proof knows is
// read whole; of others only what they are called is. The error is an *Error, and comes without objects: of a file that a
// cluster might read otherwise than Read does, nothing can be said. Data must not change as long as the objects are used.
func Read(name string, data []byte) ([]*Object, error) {
	documents, fault := split(data)
	if fault == nil {
		fault = passedOver(data)
	}
	if builds(name) {
		fault = &Error{
			Line: 1, Column: 1, Message: "by a file of this name, Argo CD applies something else than the manifests of the folder",
			Help: "take it out of the folder",
		}
	}
	var objects []*Object
	for i := 0; i < len(documents) && fault == nil; i++ {
		var read []*Object
		read, fault = documents[i].read()
		objects = append(objects, read...)
	}
	if fault != nil {
		fault.Path, fault.Message, fault.Help = name, short(fault.Message), short(fault.Help)
		return nil, fault
	}
	for _, o := range objects {
		o.Path = name
	}
	return objects, nil
}

// short cuts a message that quotes something long.
func short(message string) string {
	const most = 200
	if utf8.RuneCountInString(message) <= most {
		return message
	}
	return string([]rune(message)[:most]) + "..."
}

// split divides a file where kubectl and Argo CD do, at lines that begin with "---", before anything knows of YAML. Where YAML
// itself would divide otherwise, the file is refused: either reader would drop what the other one takes.
// https://github.com/kubernetes/apimachinery/blob/master/pkg/util/yaml/decoder.go
func split(data []byte) ([]*document, *Error) {
	if fault := characters(data); fault != nil {
		return nil, fault
	}
	var documents []*document
	start, first := 0, 1
	end := func(at int) *Error {
		if at-start > maxDocument {
			return &Error{Line: first, Column: 1, Message: "the document is longer than 64 MiB", Help: "divide it"}
		}
		if len(documents) == maxDocuments {
			return &Error{Line: first, Column: 1, Message: "the file has more than 100,000 documents", Help: "divide it"}
		}
		documents = append(documents, &document{data: data[start:at], above: first - 1})
		return nil
	}
	for line, at := 1, 0; at < len(data); line++ {
		next := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		switch text := data[at:next]; {
		case bytes.HasPrefix(text, []byte("---")):
			if rest := bytes.TrimSpace(text[3:]); len(rest) > 0 && (rest[0] != '#' || !isBlank(text[3])) {
				return nil, &Error{
					Line: line, Column: 4, Message: "text follows '---' on its line, where a cluster's tools drop it or give up",
					Help: "begin the document on the next line",
				}
			}
			if fault := end(at); fault != nil {
				return nil, fault
			}
			start, first = next, line+1
		case bytes.HasPrefix(text, []byte("...")):
			return nil, &Error{
				Line: line, Column: 1, Message: "'...' ends a document, and a cluster's tools drop what follows",
				Help: "separate documents with a line of '---'",
			}
		case text[0] == '%':
			return nil, &Error{Line: line, Column: 1, Message: "a directive changes how YAML is read", Help: "leave the line out"}
		}
		at = next
	}
	return documents, end(len(data))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// characters refuses what is no text, and what ends a line for one reader and not for another.
func characters(data []byte) *Error {
	for i := 0; i < len(data); {
		c := data[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		var message, help string
		switch {
		case r == utf8.RuneError && size == 1:
			message, help = "this is not UTF-8", "save the file as UTF-8"
		case r == '\r' && i+1 < len(data) && data[i+1] == '\n':
		case r == '\r':
			message, help = "a carriage return stands alone", "end lines with a line feed"
		case r == '\ufeff':
			message, help = "a byte order mark stands here", "save the file as UTF-8 without one"
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufffe' || r == '\uffff':
			message, help = fmt.Sprintf("the control character %U stands here", r), `leave it out, or write it as "\u...." in double quotes`
		}
		if message != "" {
			start := bytes.LastIndexByte(data[:i], '\n') + 1
			return &Error{
				Line: 1 + bytes.Count(data[:i], []byte("\n")), Column: 1 + utf8.RuneCount(data[start:i]), Message: message, Help: help,
			}
		}
		i += size
	}
	return nil
}

// builds reports whether a file's name has Argo CD run kustomize or Helm on the folder, or Jsonnet on the file.
// https://argo-cd.readthedocs.io/en/stable/user-guide/tool_detection/
func builds(name string) bool {
	switch path.Base(name) {
	case "kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml":
		return true
	}
	return path.Ext(name) == ".jsonnet"
}

// skip is what has Argo CD pass over a file, wherever it stands in it: in a comment, in an annotation, in the path of a rule.
// https://argo-cd.readthedocs.io/en/stable/user-guide/directory/#skipping-file-rendering
const skip = "+argocd:skip-file-rendering"

// passedOver refuses a file of which nothing would arrive.
func passedOver(data []byte) *Error {
	i := bytes.Index(data, []byte(skip))
	if i < 0 {
		return nil
	}
	start := bytes.LastIndexByte(data[:i], '\n') + 1
	return &Error{
		Line: 1 + bytes.Count(data[:i], []byte("\n")), Column: 1 + utf8.RuneCount(data[start:i]),
		Message: "Argo CD passes over the whole file, which says " + skip, Help: "write something else",
	}
}

// read returns the objects of the document; none of one that is empty.
func (d *document) read() ([]*Object, *Error) {
	long := &Error{Line: d.above + 1, Column: 1, Message: "the object is longer than 3 MiB, which no cluster takes", Help: "divide it"}
	if len(d.data) > maxObject && !bytes.Contains(d.data, []byte("List")) {
		return nil, long
	}
	root, fault := d.parse()
	if root == nil || fault != nil {
		return nil, fault
	}
	items, list := listed(root)
	switch {
	case list:
		r := reader{root: root, above: d.above}
		if r.list(root); r.fault != nil {
			return nil, r.fault
		}
	case len(d.data) > maxObject:
		return nil, long
	}
	objects := make([]*Object, len(items))
	for i, item := range items {
		r := reader{root: item, prefix: prefix(list, i), above: d.above}
		objects[i] = r.object(item)
		if r.fault != nil {
			return nil, r.fault
		}
		objects[i].document, objects[i].index = d, i
	}
	return objects, nil
}

func prefix(list bool, i int) string {
	if list {
		return fmt.Sprintf("items[%d]", i)
	}
	return ""
}

// parse returns the root of the document, nil where there is none, once nothing in it can be read in two ways.
func (d *document) parse() (*yaml.Node, *Error) {
	root, fault := d.root()
	if fault != nil {
		return nil, fault
	}
	if root != nil {
		s := soundness{above: d.above}
		if s.check(root); s.fault != nil {
			return nil, s.fault
		}
	}
	if !tame(d.data) && !asKubernetes(d.data, root) {
		return nil, &Error{
			Line: d.above + 1, Column: 1, Message: "a cluster reads this document otherwise, or not at all",
			Help: "write it in plainer YAML: without tabs, for one",
		}
	}
	return root, nil
}

func (d *document) root() (*yaml.Node, *Error) {
	loader, err := yaml.NewLoader(bytes.NewReader(d.data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		panic(err) // no option is set that could be wrong
	}
	var first, second yaml.Node
	if err := load(loader, &first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, d.notYAML(err)
	}
	if err := load(loader, &second); err == nil {
		return nil, d.at(&second, "a second document begins without a line of '---'", "separate documents with a line of '---'")
	} else if !errors.Is(err, io.EOF) {
		return nil, d.notYAML(err)
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

// load turns a panic of the library on hostile input into an error.
func load(loader *yaml.Loader, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return loader.Load(into)
}

func (d *document) notYAML(err error) *Error {
	fault := &Error{Line: d.above + 1, Column: 1, Message: "this is not YAML", Help: "look at the line and the one above it"}
	if told := new(yaml.LoadError); errors.As(err, &told) {
		fault.Line, fault.Column = d.above+max(told.Mark.Line, 1), max(told.Mark.Column, 1)
		fault.Message += ": " + strings.TrimPrefix(told.Message, "yaml: ")
	}
	return fault
}

func (d *document) at(n *yaml.Node, message, help string) *Error {
	return &Error{Line: d.above + n.Line, Column: n.Column, Message: message, Help: help}
}

// listed returns the items of a List, which is how kubectl prints several objects, and whether it is one; what is none is its
// own only item.
func listed(root *yaml.Node) ([]*yaml.Node, bool) {
	if text(root, "kind") != "List" || text(root, "apiVersion") != "v1" {
		return []*yaml.Node{root}, false
	}
	if items := value(root, "items"); items != nil {
		return items.Content, true
	}
	return nil, true
}

// value is the value of a field, nil where the mapping has none.
func value(mapping *yaml.Node, field string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == field {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// text is the value of a field that is a scalar, "" of any other.
func text(mapping *yaml.Node, field string) string {
	if v := value(mapping, field); v != nil {
		return v.Value
	}
	return ""
}
