package format

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// structOf is the struct that documents of the kind are read into, nil for an unknown one. The tree has a list of each.
func structOf(kind string) reflect.Type {
	for f := range reflect.TypeFor[syntax.Tree]().Fields() {
		if t := f.Type; t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Pointer && t.Elem().Elem().Name() == kind {
			return t.Elem().Elem()
		}
	}
	return nil
}

// fieldAt is the place of a key among the fields of the struct, and the type of its value. Keys that authors choose have the
// place 0, so that they keep their order, and so have all where t is nil; an unknown one comes last.
func fieldAt(t reflect.Type, key string) (int, reflect.Type) {
	switch {
	case t == nil || t == reflect.TypeFor[syntax.Selection]():
		return 0, nil
	case t.Kind() == reflect.Slice: // of Entry
		if value, ok := t.Elem().FieldByName("Value"); ok {
			return 0, value.Type
		}
		return 0, nil
	case t.Kind() != reflect.Struct:
		return 0, nil
	}
	fields := reflect.VisibleFields(t)
	for i, f := range fields {
		// A key is the name of its field but for the case: apiVersion is APIVersion.
		if !f.Anonymous && f.Type != reflect.TypeFor[diag.Span]() && strings.EqualFold(f.Name, key) {
			return i, f.Type
		}
	}
	return len(fields), nil
}

// itemOf is the type of the items of a list.
func itemOf(t reflect.Type) reflect.Type {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	if items, ok := t.FieldByName("Items"); ok && items.Type.Kind() == reflect.Slice {
		return items.Type.Elem()
	}
	return nil
}

// documentType is the struct of the document whose root is y.
func documentType(y *yaml.Node) reflect.Type {
	if y.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		if y.Content[i].Value == "kind" {
			return structOf(y.Content[i+1].Value)
		}
	}
	return nil
}
