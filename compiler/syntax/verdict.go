package syntax

import (
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// fits reports whether the schema takes the value, for certain: where it does not, or where the schema has a keyword that is not
// known here, the library is asked, which also says why. Nearly every document fits, and the library is slow to say so: it makes
// sets of names and locations for errors that do not come.
func fits(s *jsonschema.Schema, n *node) bool {
	v := verdict{sure: true}
	return v.takes(s, n) && v.sure
}

// verdict is what a schema makes of a value. It follows the compiled schemas of the library, keyword by keyword.
type verdict struct{ sure bool }

// doubt gives up.
func (v *verdict) doubt() bool {
	v.sure = false
	return false
}

func (v *verdict) takes(s *jsonschema.Schema, n *node) bool {
	switch {
	case s.Always != nil:
		return *s.Always
	case s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil || s.RecursiveRef != nil || s.DynamicRef != nil || s.Extensions != nil:
		return v.doubt()
	case n.jsonType() == "number" || slices.Contains(s.Types, "number"):
		return v.doubt()
	case s.Ref != nil && !v.takes(s.Ref, n):
		return false
	case len(s.Types) > 0 && !slices.Contains(s.Types, n.jsonType()):
		return false
	case len(s.Constant) > 0 && !v.isOneOf(s.Constant, n) || len(s.Enum) > 0 && !v.isOneOf(s.Enum, n):
		return false
	case s.Not != nil && v.takes(s.Not, n):
		return false
	}
	if s.If != nil {
		branch := s.Else
		if v.takes(s.If, n) {
			branch = s.Then
		}
		if branch != nil && !v.takes(branch, n) {
			return false
		}
	}
	switch n.jsonType() {
	case "object":
		return v.takesFields(s, n)
	case "array":
		return v.takesItems(s, n)
	case "string":
		return v.takesText(s, n.value)
	case "integer":
		return v.takesNumber(s, n)
	default:
		return s.Format == "" || v.doubt()
	}
}

// jsonType is the type that the validator sees in the value. An integer in a notation of its own is a number here.
func (n *node) jsonType() string {
	switch n.kind {
	case mapping:
		return "object"
	case sequence:
		return "array"
	}
	switch n.tag {
	case "!!null":
		return "null"
	case "!!bool":
		return "boolean"
	case "!!int", "!!float":
		if canonical.MatchString(n.value) {
			return "integer"
		}
		return "number"
	default:
		return "string"
	}
}

// isOneOf compares texts.
func (v *verdict) isOneOf(values []any, n *node) bool {
	if slices.ContainsFunc(values, func(value any) bool { _, ok := value.(string); return !ok }) {
		return v.doubt()
	}
	return n.jsonType() == "string" && slices.Contains(values, any(n.value))
}

func (v *verdict) takesFields(s *jsonschema.Schema, n *node) bool {
	if s.PatternProperties != nil || s.Dependencies != nil || s.UnevaluatedProperties != nil || s.RegexProperties || s.Format != "" {
		return v.doubt()
	}
	if len(n.index) < s.MinProperties || s.MaxProperties != -1 && len(n.index) > s.MaxProperties {
		return false
	}
	has := func(name string) bool { return n.get(name) != nil }
	if !all(s.Required, has) {
		return false
	}
	for name, others := range s.DependentRequired {
		if has(name) && !all(others, has) {
			return false
		}
	}
	for name, schema := range s.DependentSchemas {
		if has(name) && !v.takes(schema, n) {
			return false
		}
	}
	for i, key := range n.keys {
		if n.index[key.value] != i {
			return v.doubt() // a field that is written twice
		}
		if s.PropertyNames != nil && !v.takes(s.PropertyNames, key.asText()) || !v.takesField(s, key.value, n.items[i]) {
			return false
		}
	}
	return true
}

func all(names []string, has func(string) bool) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !has(name) })
}

// asText is a key as the validator sees it, whatever it would be as a value.
func (n *node) asText() *node {
	if n.jsonType() == "string" {
		return n
	}
	return &node{kind: scalar, tag: "!!str", value: n.value}
}

func (v *verdict) takesField(s *jsonschema.Schema, name string, n *node) bool {
	if schema, ok := s.Properties[name]; ok {
		return v.takes(schema, n)
	}
	switch others := s.AdditionalProperties.(type) {
	case nil:
		return true
	case bool:
		return others
	case *jsonschema.Schema:
		return v.takes(others, n)
	default:
		return v.doubt()
	}
}

func (v *verdict) takesItems(s *jsonschema.Schema, n *node) bool {
	if s.MaxItems != -1 || s.Items != nil || s.AdditionalItems != nil || s.PrefixItems != nil || s.Contains != nil || s.UnevaluatedItems != nil || s.Format != "" {
		return v.doubt()
	}
	if len(n.items) < s.MinItems || s.UniqueItems && !v.unique(n.items) {
		return false
	}
	return s.Items2020 == nil || !slices.ContainsFunc(n.items, func(item *node) bool { return !v.takes(s.Items2020, item) })
}

// unique compares texts.
func (v *verdict) unique(items []*node) bool {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		if item.jsonType() != "string" {
			return v.doubt()
		}
		seen[item.value] = true
	}
	return len(seen) == len(items)
}

func (v *verdict) takesText(s *jsonschema.Schema, text string) bool {
	if s.ContentEncoding != "" || s.ContentMediaType != "" || s.ContentSchema != nil {
		return v.doubt()
	}
	if s.Pattern != nil && !s.Pattern.MatchString(text) {
		return false
	}
	if s.MinLength != -1 || s.MaxLength != -1 {
		if length := utf8.RuneCountInString(text); length < s.MinLength || s.MaxLength != -1 && length > s.MaxLength {
			return false
		}
	}
	switch s.Format {
	case "":
		return true
	case "date":
		return jsonschema.Formats["date"](text)
	case "cidr":
		return isCIDR(text)
	default:
		return v.doubt()
	}
}

func (v *verdict) takesNumber(s *jsonschema.Schema, n *node) bool {
	if s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil || s.Format != "" {
		return v.doubt()
	}
	if s.Minimum == nil && s.Maximum == nil {
		return true
	}
	number, ok := new(big.Rat).SetString(n.value)
	if !ok {
		return v.doubt()
	}
	return (s.Minimum == nil || number.Cmp(s.Minimum) >= 0) && (s.Maximum == nil || number.Cmp(s.Maximum) <= 0)
}
