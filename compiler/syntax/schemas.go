package syntax

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"writ.dev/writ/schema"
)

// schemas are the embedded schemas, compiled for validation and as they are written: the library's messages are English for
// nobody in particular, so what a finding says is taken from the text of the schema itself.
var schemas = sync.OnceValue(func() *schemaSet {
	s := &schemaSet{byKind: map[string]*jsonschema.Schema{}, text: map[string]any{}, values: map[string]bool{}}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat = true
	compiler.Formats["cidr"] = isCIDR
	files, err := fs.Glob(schema.FS, "*")
	must(err)
	for _, file := range files {
		data, err := schema.FS.ReadFile(file)
		must(err)
		var text any
		must(json.Unmarshal(data, &text))
		s.text[schema.ID(file)] = text
		s.collect(text)
		must(compiler.AddResource(schema.ID(file), strings.NewReader(string(data))))
	}
	for _, k := range Kinds {
		s.byKind[k.Name] = compiler.MustCompile(schema.ID(k.Schema))
	}
	return s
})

// must panics: the schemas are a part of the program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

type schemaSet struct {
	byKind map[string]*jsonschema.Schema
	text   map[string]any // by address
	values map[string]bool
}

// collect notes the words of all enumerations: `authz: off` is what people write, and off is no truth value there.
func (s *schemaSet) collect(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if values, ok := child.([]any); ok && key == "enum" {
				for _, value := range values {
					s.values[value.(string)] = true
				}
			}
			s.collect(child)
		}
	case []any:
		for _, child := range v {
			s.collect(child)
		}
	}
}

// lookup is the piece of schema that an absolute location names, with its tail: the schema that holds the keyword.
func (s *schemaSet) lookup(location string) (holder schemaText, keyword string) {
	id, pointer, _ := strings.Cut(location, "#")
	at := s.text[id]
	for segment := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		segment = unescape(segment)
		switch v := at.(type) {
		case map[string]any:
			holder, keyword, at = v, segment, v[segment]
		default:
			return holder, keyword // the number of a list's item: the keyword holds the list
		}
	}
	return holder, keyword
}

// unescape undoes what the library does to a part of a JSON pointer in a fragment
// (https://www.rfc-editor.org/rfc/rfc6901#section-6).
func unescape(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		segment = s
	}
	return tildes.Replace(segment)
}

var tildes = strings.NewReplacer("~1", "/", "~0", "~")

// schemaText is a schema as it is written.
type schemaText map[string]any

func (t schemaText) text(keyword string) string {
	s, _ := t[keyword].(string)
	return s
}

func (t schemaText) strings(keyword string) []string {
	switch v := t[keyword].(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
		return all
	default:
		return nil
	}
}

func (t schemaText) number(keyword string) int {
	f, _ := t[keyword].(float64)
	return int(f)
}

func (t schemaText) schema(keyword string) schemaText {
	m, _ := t[keyword].(map[string]any)
	return m
}

// fields are the names of the properties, sorted.
func (t schemaText) fields() []string { return slices.Sorted(maps.Keys(t.schema("properties"))) }

// isCIDR asks for a range as routers know it: an address with host bits set is a slip in one or the other half. IPv4 written as
// IPv6 is a range that no proxy sees an address in.
func isCIDR(v any) bool {
	s, ok := v.(string)
	if !ok {
		return true
	}
	p, err := netip.ParsePrefix(s)
	return err == nil && p == p.Masked() && !p.Addr().Is4In6()
}

// resolve is the schema that a reference inside of the schemas names.
func (s *schemaSet) resolve(ref string) schemaText {
	file, pointer, _ := strings.Cut(ref, "#")
	if file == "" {
		file = "common.schema.json" // the one file that has definitions
	}
	holder, name := s.lookup(schema.ID(file) + "#" + pointer)
	return holder.schema(name)
}
