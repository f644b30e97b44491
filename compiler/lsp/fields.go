package lsp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"writ.dev/writ/compiler"
	"writ.dev/writ/schema"
)

// field is what the schemas say of a place in a document.
type field struct {
	node map[string]any
	// description is that of the field itself, or of the form that its value has.
	description string
	// refers is the kind of document or of word that the value names, "" where it names none.
	refers string
}

// referring are the definitions of the schemas whose values are names of documents, or words for personal data.
var referring = map[string]string{
	"serviceReference":          "Service",
	"qualifiedServiceReference": "Service",
	"from":                      "Service", // where it is a text
	"peer":                      "Service", // where it is a text
	"meshReference":             "Mesh",
	"clusterReference":          "Cluster",
	"teamReference":             "Team",
	"outsiderReference":         "Outsider",
	"activityReference":         "Activity",
	"partyReference":            "Party",
	"approvalReference":         "Approval",
	"dataCategory":              compiler.DataCategory,
	"dataUse":                   compiler.DataUse,
	"dataSubject":               compiler.DataSubject,
}

var bundle = sync.OnceValue(func() map[string]any {
	data, err := schema.Bundle()
	if err != nil {
		panic(err) // it is embedded
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		panic(err)
	}
	return doc
})

// lookup finds what a document of the kind has at the path. A document without a kind has what all kinds have.
func lookup(kind string, path []string) (field, bool) {
	f := resolved(bundle())
	defs := bundle()["$defs"].(map[string]any)
	if def, ok := defs[strings.ToLower(kind)].(map[string]any); ok && kind != "" && !slices.Equal(path, []string{"kind"}) {
		f = resolved(def)
	}
	for _, name := range path {
		node, ok := f.child(name)
		if !ok {
			return field{}, false
		}
		f = resolved(node)
	}
	return f, true
}

// child is the schema of a field or of the items.
func (f field) child(name string) (map[string]any, bool) {
	if name == item {
		node, ok := f.node["items"].(map[string]any)
		return node, ok
	}
	if node, ok := f.properties()[name].(map[string]any); ok {
		return node, true
	}
	node, ok := f.node["additionalProperties"].(map[string]any)
	return node, ok
}

func (f field) properties() map[string]any {
	all, _ := f.node["properties"].(map[string]any)
	return all
}

// resolved follows the references of a schema. The words nearest to the field say most about it.
func resolved(node map[string]any) field {
	var f field
	for {
		if words, ok := node["description"].(string); ok && f.description == "" {
			f.description = words
		}
		ref, ok := node["$ref"].(string)
		if !ok {
			f.node = node
			return f
		}
		if f.refers == "" {
			f.refers = referring[strings.TrimPrefix(ref, "#/$defs/")]
		}
		node = pointed(ref)
	}
}

// pointed is what a local reference of the bundle leads to.
func pointed(ref string) map[string]any {
	node := bundle()
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		node = node[name].(map[string]any) // references are held together by the tests of the schemas
	}
	return node
}

// fields are the names of the fields that a mapping here may have, sorted.
func (f field) fields() []string { return slices.Sorted(maps.Keys(f.properties())) }

// holds reports whether the value may be of the JSON type.
func (f field) holds(kind string) bool {
	switch t := f.node["type"].(type) {
	case string:
		return t == kind
	case []any:
		return slices.Contains(t, any(kind))
	}
	return false
}

// words are the values that the schema lists.
func (f field) words() []string {
	var all []string
	if f.holds("boolean") {
		all = append(all, "true", "false")
	}
	values, _ := f.node["enum"].([]any)
	if only, ok := f.node["const"]; ok {
		values = append(values, only)
	}
	for _, v := range values {
		if word, ok := v.(string); ok {
			all = append(all, word)
		}
	}
	return all
}
