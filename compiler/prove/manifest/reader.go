package manifest

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader takes an object apart. It keeps the first fault, after which what it returns means nothing, and notes what it has no
// meaning for. Where a value stands is looked for only once somebody has to be told: a search is cheaper than a path for every
// value.
type reader struct {
	root    *yaml.Node // the object
	prefix  string     // its place in the document
	above   int        // how many lines of the file stand above the document
	fault   *Error
	unknown map[*yaml.Node]bool
}

func (r *reader) fail(n *yaml.Node, message, help string) {
	if r.fault == nil {
		r.fault = &Error{Line: r.line(n), Column: n.Column, Message: r.path(n) + message, Help: help}
	}
}

// line is a value's line in the file.
func (r *reader) line(n *yaml.Node) int { return r.above + n.Line }

// path is a value's place in the object, like "spec.rules[0].from: ".
func (r *reader) path(n *yaml.Node) string {
	var found string
	walk(r.root, r.prefix, func(_, v *yaml.Node, path string) bool {
		if v == n {
			found = path
		}
		return found == ""
	})
	if found == "" {
		return ""
	}
	return found + ": "
}

// walk visits every value with the node that its line is told by, its field's name or the item itself, and with its path, until
// visit returns false.
func walk(n *yaml.Node, path string, visit func(at, v *yaml.Node, path string) bool) bool {
	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			if below := path + "[" + strconv.Itoa(i) + "]"; !visit(item, item, below) || !walk(item, below, visit) {
				return false
			}
		}
		return true
	}
	if n.Kind != yaml.MappingNode {
		return true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		below := n.Content[i].Value
		if path != "" {
			below = path + "." + below
		}
		if !visit(n.Content[i], n.Content[i+1], below) || !walk(n.Content[i+1], below, visit) {
			return false
		}
	}
	return true
}

// ignore notes a value that the proof has no meaning for.
func (r *reader) ignore(n *yaml.Node) {
	if r.unknown == nil {
		r.unknown = map[*yaml.Node]bool{}
	}
	r.unknown[n] = true
}

// unknowns are the noted values in their order.
func (r *reader) unknowns() []Unknown {
	if len(r.unknown) == 0 {
		return nil
	}
	var all []Unknown
	walk(r.root, "", func(at, v *yaml.Node, path string) bool {
		if r.unknown[v] {
			all = append(all, Unknown{Line: r.line(at), Field: path})
		}
		return true
	})
	return all
}

// fields goes over the fields of a mapping.
func (r *reader) fields(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			r.fail(n, "this is no mapping, and a cluster refuses it", "write 'field: value', or leave the field out")
			return
		}
		for i := 0; i+1 < len(n.Content) && r.fault == nil; i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// items are the entries of a list.
func (r *reader) items(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "this is no list, and a cluster refuses it", "write '- ' before each entry, or leave the field out")
		return nil
	}
	return n.Content
}

// text is a value that has to be a string.
func (r *reader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "this is no text, and a cluster refuses it", "write one value")
		return ""
	}
	v, other := otherwise(n)
	if !other {
		return n.Value
	}
	var what string
	switch v.(type) {
	case nil:
		r.fail(n, "nothing stands where a text is due", `write it, or "" for an empty one`)
		return ""
	case bool:
		what = "a boolean"
	default:
		what = "a number"
	}
	r.fail(n, fmt.Sprintf("a cluster reads %s without quotes as %s, and refuses it here", n.Value, what), fmt.Sprintf("write %q", n.Value))
	return ""
}

// texts is a list of strings; nil where it is empty, which means the same in every field.
func (r *reader) texts(n *yaml.Node) []string {
	items := r.items(n)
	if len(items) == 0 {
		return nil
	}
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = r.text(item)
	}
	return all
}

// dictionary is a mapping of strings; nil where it is empty.
func (r *reader) dictionary(n *yaml.Node) map[string]string {
	var all map[string]string
	for key, v := range r.fields(n) {
		if all == nil {
			all = make(map[string]string, len(n.Content)/2)
		}
		all[key] = r.text(v)
	}
	return all
}

// one is a string out of a few.
func (r *reader) one(n *yaml.Node, of ...string) string {
	text := r.text(n)
	if r.fault == nil && !slices.Contains(of, text) {
		r.fail(n, fmt.Sprintf("%q is none of %s, and a cluster refuses it", text, strings.Join(of, ", ")), "write one of them")
	}
	return text
}

// count is a number from 0 to what 32 bits hold.
func (r *reader) count(n *yaml.Node) int {
	if n.Kind == yaml.ScalarNode {
		if v, ok := scalar(n).(int64); ok && v >= 0 && v <= math.MaxUint32 {
			return int(v)
		}
	}
	r.fail(n, "this is no number of a port", "write it without quotes")
	return 0
}

// limited is items of a list that has at most so many in a cluster.
func (r *reader) limited(n *yaml.Node, most int) []*yaml.Node {
	items := r.items(n)
	if len(items) > most {
		r.fail(n, fmt.Sprintf("there are %d entries where a cluster takes %d", len(items), most), "divide the object")
		return nil
	}
	return items
}
