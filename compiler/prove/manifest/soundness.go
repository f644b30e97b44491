package manifest

import (
	"cmp"
	"fmt"
	"math"

	"go.yaml.in/yaml/v4"
)

// soundness looks for what one reader of YAML takes in one way and the next in another, or what lets a short text stand for a
// long one. A manifest needs none of it.
type soundness struct {
	above int // how many lines of the file stand above the document
	fault *Error
}

func (s *soundness) fail(n *yaml.Node, message, help string) {
	if s.fault == nil {
		s.fault = &Error{Line: s.above + n.Line, Column: n.Column, Message: message, Help: help}
	}
}

// check looks at a value and all below it. The depth is bounded by the parser.
func (s *soundness) check(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		s.fail(n, fmt.Sprintf("the alias *%s stands for text elsewhere", n.Value), "write the value itself; put a text that begins with '*' in quotes")
	case n.Anchor != "":
		s.fail(n, fmt.Sprintf("the anchor &%s gives a value a name", n.Anchor), "leave it out; put a text that begins with '&' in quotes")
	case n.Style&yaml.TaggedStyle != 0:
		s.fail(n, fmt.Sprintf("the tag %s changes how a value is read", n.Tag), "leave it out; quotes make a text of anything")
	case n.Kind == yaml.MappingNode:
		s.mapping(n)
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			s.check(item)
		}
	default:
		v, _ := otherwise(n)
		if v, ok := v.(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			s.fail(n, n.Value+" is a number that a cluster has no way to write", "put a text in quotes")
		}
	}
}

// name looks at the name of a field. A cluster makes a string of a number or boolean, so that 0x10 becomes 16 and yes true; what
// it writes as it stands here is a name.
func (s *soundness) name(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		s.fail(n, "the name of a field is no text", "write 'field: value'")
		return
	}
	s.check(n)
	if n.Style == 0 && n.Value == "<<" {
		s.fail(n, "'<<' merges another mapping into this one", "write the fields themselves")
	}
	v, other := otherwise(n)
	switch v.(type) {
	case bool, int64:
		other = fmt.Sprint(v) != n.Value
	}
	if !other {
		return
	}
	s.fail(n, fmt.Sprintf("a cluster reads the field's name %s otherwise than it stands here", cmp.Or(n.Value, "of nothing")), "put it in quotes")
}

// few is how many fields are compared one by one before a map is worth its making.
const few = 16

func (s *soundness) mapping(n *yaml.Node) {
	var seen map[string]bool
	if len(n.Content) > 2*few {
		seen = make(map[string]bool, len(n.Content)/2)
	}
	for i := 0; i+1 < len(n.Content) && s.fault == nil; i += 2 {
		key := n.Content[i]
		s.name(key)
		twice := seen[key.Value]
		if seen != nil {
			seen[key.Value] = true
		} else {
			for j := 0; j < i && !twice; j += 2 {
				twice = n.Content[j].Value == key.Value
			}
		}
		if twice {
			s.fail(key, fmt.Sprintf("the field %q stands twice, and a cluster takes one of the two", key.Value), "leave one of them out")
		}
		s.check(n.Content[i+1])
	}
}
