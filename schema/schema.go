// Package schema holds the JSON Schemas (draft 2020-12) of writ's documents: what the compiler checks shapes against, what an
// editor completes and explains from, and the words that both use for a value of the wrong form.
//
// Two keywords beside the standard ones carry such words, and editors on yaml-language-server show them too:
// patternErrorMessage says which form a pattern or format asks for, and errorMessage why a rule about a whole value stands.
// The title of a form is what a message calls a value of it: `"Shop" is not a valid name`.
package schema

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// FS holds the schemas: a file for each kind, writ.schema.json that picks by kind, and the definitions that they share in
// common.schema.json.
//
//go:embed *.schema.json
var FS embed.FS

const (
	root   = "writ.schema.json"
	common = "common.schema.json"
	suffix = ".schema.json"
)

// ID is the address that a compiler of schemas knows a file by. It stands in no file: a reader that found it there would ask
// the network for what lies beside the file.
func ID(file string) string { return "https://writ.dev/schema/" + file }

// Bundle is all schemas in one document with local references alone, the form that every editor reads: many do not resolve
// an $id inside of a document. Its bytes depend on the schemas only.
func Bundle() ([]byte, error) {
	doc, err := bundle()
	if err != nil {
		return nil, err
	}
	return encode(doc)
}

// bundle puts the schema of a kind under $defs by the name of its file, beside the shared definitions.
func bundle() (map[string]any, error) {
	files, err := fs.Glob(FS, "*"+suffix)
	if err != nil {
		return nil, err
	}
	out, defs := map[string]any{}, map[string]any{}
	for _, file := range files {
		doc, err := read(file)
		if err != nil {
			return nil, err
		}
		localize(doc)
		switch file {
		case root:
			out = doc
		case common:
			err = add(defs, doc["$defs"].(map[string]any))
		default:
			delete(doc, "$id")
			delete(doc, "$schema")
			err = add(defs, map[string]any{strings.TrimSuffix(file, suffix): doc})
		}
		if err != nil {
			return nil, err
		}
	}
	out["$id"] = ID("bundle.schema.json")
	out["$defs"] = defs
	return out, nil
}

func read(file string) (map[string]any, error) {
	data, err := FS.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return doc, nil
}

// add refuses a name that two files define: a reference would then depend on the order of the files.
func add(defs, more map[string]any) error {
	for name, def := range more {
		if defs[name] != nil {
			return fmt.Errorf("two schemas are called %q", name)
		}
		defs[name] = def
	}
	return nil
}

// localize turns references to other files into references to the bundle's own definitions.
func localize(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if ref, ok := child.(string); ok && key == "$ref" {
				v[key] = local(ref)
				continue
			}
			localize(child)
		}
	case []any:
		for _, child := range v {
			localize(child)
		}
	}
}

// local is the reference inside the bundle: common.schema.json#/$defs/name becomes #/$defs/name, mesh.schema.json becomes
// #/$defs/mesh.
func local(ref string) string {
	file, fragment, ok := strings.Cut(ref, "#")
	if ok {
		return "#" + fragment
	}
	return "#/$defs/" + strings.TrimSuffix(file, suffix)
}

func encode(doc map[string]any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(doc)
	return buf.Bytes(), err
}
