package weaken

import (
	"reflect"
	"unicode"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// kinds are the structs of all kinds of documents.
var kinds = map[string]reflect.Type{
	"Mesh": reflect.TypeFor[syntax.Mesh](), "Cluster": reflect.TypeFor[syntax.Cluster](), "Team": reflect.TypeFor[syntax.Team](),
	"Outsider": reflect.TypeFor[syntax.Outsider](), "Service": reflect.TypeFor[syntax.Service](), "Test": reflect.TypeFor[syntax.Test](),
	"Privacy": reflect.TypeFor[syntax.Privacy](), "Activity": reflect.TypeFor[syntax.Activity](), "Party": reflect.TypeFor[syntax.Party](),
	"Approval": reflect.TypeFor[syntax.Approval](),
}

// leaves are the types that are one field to whoever writes a document.
var leaves = map[reflect.Type]bool{
	reflect.TypeFor[syntax.Text](): true, reflect.TypeFor[syntax.Int](): true, reflect.TypeFor[syntax.Bool](): true,
	reflect.TypeFor[syntax.Selection](): true, reflect.TypeFor[syntax.From](): true, reflect.TypeFor[syntax.Peer](): true,
	reflect.TypeFor[syntax.Categories](): true,
}

// fieldPaths are the fields of a type, each as the keys that lead to it. Lists and mappings add nothing to a path.
func fieldPaths(t reflect.Type, path string) []string {
	switch {
	case leaves[t]:
		return []string{path}
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice:
		return fieldPaths(t.Elem(), path)
	}
	if items, isList := t.FieldByName("Items"); isList {
		return fieldPaths(items.Type, path)
	}
	if value, isEntry := t.FieldByName("Value"); isEntry && t.NumField() == 2 {
		return fieldPaths(value.Type, path)
	}
	var all []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		switch {
		case key == "-", f.Type == reflect.TypeFor[diag.Span](), f.Type == reflect.TypeFor[syntax.Header]():
			continue
		case f.Anonymous:
			all = append(all, fieldPaths(f.Type, path)...)
			continue
		case key == "":
			key = string(unicode.ToLower(rune(f.Name[0]))) + f.Name[1:]
		}
		all = append(all, fieldPaths(f.Type, path+"."+key)...)
	}
	return all
}
