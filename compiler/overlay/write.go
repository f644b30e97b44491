package overlay

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/syntax"
)

const (
	overlayAnnotation = "writ.dev/overlay" // the folder that changed or added the object
	annotationsField  = "metadata.annotations." + "writ.dev/"
	managedByField    = "metadata.labels." + istio.ManagedByLabel
)

// kept are the fields of an object that no patch may change, with their values: what names it, and what writ finds it again by.
func kept(tree map[string]any) map[string]string {
	meta, _ := tree["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	all := map[string]string{
		"apiVersion": fmt.Sprint(tree["apiVersion"]), "kind": fmt.Sprint(tree["kind"]),
		"metadata.name": fmt.Sprint(meta["name"]), "metadata.namespace": fmt.Sprint(meta["namespace"]),
	}
	if v, ok := labels[istio.ManagedByLabel]; ok {
		all[managedByField] = fmt.Sprint(v)
	}
	for key, v := range annotations {
		if field := "metadata.annotations." + key; strings.HasPrefix(field, annotationsField) {
			all[field] = fmt.Sprint(v)
		}
	}
	return all
}

// seal puts into the object what every object of an overlay has.
func seal(tree map[string]any, dir string) error {
	meta, _ := tree["metadata"].(map[string]any)
	for _, s := range []struct{ field, key, value string }{
		{"labels", istio.ManagedByLabel, istio.ManagedBy}, {"annotations", overlayAnnotation, dir},
	} {
		if meta[s.field] == nil {
			meta[s.field] = map[string]any{}
		}
		m, ok := meta[s.field].(map[string]any)
		if !ok {
			return fmt.Errorf("metadata.%s is no mapping", s.field)
		}
		m[s.key] = s.value
	}
	return nil
}

// write is the file of an object: its fields in the order that they have in like, and those that it does not have after them, by
// name. So a patch that changes one field changes one place of the file.
func write(tree map[string]any, like syntax.Value) []byte {
	root := mapping(tree, like, "apiVersion", "kind", "metadata", "spec")
	return append([]byte(emit.Header), istio.Encode(root)...)
}

// value is the node of a field's value, or of a key or an item where field is empty. Labels and annotations are sorted.
func value(field string, v any, like syntax.Value) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		switch field {
		case "metadata":
			return mapping(v, like, "name", "namespace", "labels", "annotations")
		case "labels", "annotations":
			return mapping(v, syntax.Value{})
		}
		return mapping(v, like)
	case []any:
		return sequence(v, like)
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v, Style: style(v)}
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	default:
		panic(fmt.Sprintf("overlay: write %T", v))
	}
}

func mapping(m map[string]any, like syntax.Value, first ...string) *yaml.Node {
	keys := first
	for _, key := range like.Keys() {
		keys = append(keys, key.Name())
	}
	keys = append(keys, slices.Sorted(maps.Keys(m))...)
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	done := make(map[string]bool, len(m))
	for _, key := range keys {
		if v, ok := m[key]; ok && !done[key] {
			done[key] = true
			n.Content = append(n.Content, value("", key, like), value(key, v, like.Get(key)))
		}
	}
	return n
}

// word is what stands in brackets as it is.
var word = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

func sequence(list []any, like syntax.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	hints, words := like.Items(), true
	for i, item := range list {
		var hint syntax.Value
		if i < len(hints) {
			hint = hints[i]
		}
		text, ok := item.(string)
		words = words && ok && word.MatchString(text)
		n.Content = append(n.Content, value("", item, hint))
	}
	if like.IsFlow() && words {
		n.Style = yaml.FlowStyle
	}
	return n
}

// style is how the text is written in a manifest: the encoder has a way of its own with nodes, so it is asked about the text.
func style(text string) yaml.Style {
	switch encoded := istio.Encode([]string{text}); encoded[len("- ")] {
	case '"':
		return yaml.DoubleQuotedStyle
	case '\'':
		return yaml.SingleQuotedStyle
	case '|':
		return yaml.LiteralStyle
	default:
		return 0
	}
}
