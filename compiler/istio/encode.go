package istio

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// Encode writes a value as every manifest is written.
func Encode(v any) []byte {
	var b bytes.Buffer
	// No line is ever folded: a fold moves when a word before it changes, and a diff would show both lines.
	d, err := yaml.NewDumper(&b, yaml.WithV4Defaults(), yaml.WithLineWidth(-1), yaml.WithQuotePreference(yaml.QuoteDouble))
	if err == nil {
		err = d.Dump(v)
	}
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("istio: encode %T: %v", v, err))
	}
	return b.Bytes()
}

// appendPlainly appends what Encode makes of the value, where all of it is as plain as nearly everything in a manifest is: structs,
// lists and mappings of strings that nobody could read as something else. Otherwise ok is false. The library keeps
// every event of a document until its end, 200 KB for a small policy, and that was a fifth of a build.
func appendPlainly(to []byte, v any) (data []byte, ok bool) {
	e := plainEncoder{data: to, ok: true}
	e.value(reflect.ValueOf(v), 0, atLineStart)
	return append(e.data, '\n'), e.ok
}

// plainEncoder appends to data until something is not plain.
type plainEncoder struct {
	data []byte
	ok   bool
}

// place is where a value begins.
type place int

const (
	atLineStart place = iota // of the document
	afterKey                 // behind the colon
	afterDash                // behind the dash and its space
)

// value appends v, whose fields begin in the column indent if it has some.
func (e *plainEncoder) value(v reflect.Value, indent int, at place) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			e.ok = false
			return
		}
		e.value(v.Elem(), indent, at)
	case reflect.Struct:
		e.structure(v, indent, at)
	case reflect.Map:
		e.mapping(v, indent, at)
	case reflect.Slice:
		e.sequence(v, indent, at)
	case reflect.String:
		e.text(v.String(), indent, at)
	default:
		e.ok = false
	}
}

func (e *plainEncoder) structure(v reflect.Value, indent int, at place) {
	empty := true
	for _, f := range encodedFields(v.Type()) {
		value := v.Field(f.index)
		if f.omitEmpty && isEmpty(value) {
			continue
		}
		e.begin(indent, empty, at)
		empty = false
		e.data = append(append(e.data, f.name...), ':')
		if f.flow {
			e.flow(value)
		} else {
			e.value(value, indent+step, afterKey)
		}
	}
	if empty {
		e.nothing("{}", at)
	}
}

func (e *plainEncoder) mapping(v reflect.Value, indent int, at place) {
	keys, ok := sortable(v)
	if !ok {
		e.ok = false
		return
	}
	for i, key := range keys {
		e.begin(indent, i == 0, at)
		e.scalar(key, false)
		e.data = append(e.data, ':')
		e.value(v.MapIndex(reflect.ValueOf(key)), indent+step, afterKey)
	}
	if len(keys) == 0 {
		e.nothing("{}", at)
	}
}

// sortable are the keys in their order. The library's takes digits for numbers and letters for more than marks: among keys of
// small letters and a few marks it is the order of their bytes.
func sortable(v reflect.Value) (keys []string, ok bool) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, false
	}
	for _, key := range v.MapKeys() {
		text := key.String()
		const longest = 100 // the library has another way with keys of more than 128 bytes
		if len(text) > longest || v.Len() > 1 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz./-") != "" {
			return nil, false
		}
		keys = append(keys, text)
	}
	slices.Sort(keys)
	return keys, true
}

// sequence stands no deeper than the key that it belongs to.
func (e *plainEncoder) sequence(v reflect.Value, indent int, at place) {
	if v.Len() == 0 {
		e.nothing("[]", at)
		return
	}
	if at != afterKey {
		e.ok = false
		return
	}
	for i := range v.Len() {
		e.line(indent - step)
		e.data = append(e.data, "- "...)
		e.value(v.Index(i), indent, afterDash)
	}
}

// flow is a list in brackets, behind its key.
func (e *plainEncoder) flow(v reflect.Value) {
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.String || v.Len() == 0 {
		e.ok = false
		return
	}
	for i := range v.Len() {
		e.data = append(e.data, [...]string{" [", ", "}[min(i, 1)]...)
		e.scalar(v.Index(i).String(), true)
	}
	e.data = append(e.data, ']')
}

const step = 2

// begin goes to where a field of a collection stands, which for the first one is where the collection does.
func (e *plainEncoder) begin(indent int, first bool, at place) {
	if !first || at == afterKey {
		e.line(indent)
	}
}

// line begins a new one.
func (e *plainEncoder) line(indent int) {
	e.data = append(e.data, '\n')
	for range indent {
		e.data = append(e.data, ' ')
	}
}

// nothing is an empty collection.
func (e *plainEncoder) nothing(brackets string, at place) {
	if at == afterKey {
		e.data = append(e.data, ' ')
	}
	e.data = append(e.data, brackets...)
}

// text is a string behind a key or a dash, or between the lines of a literal.
func (e *plainEncoder) text(s string, indent int, at place) {
	if at == afterKey {
		e.data = append(e.data, ' ')
	}
	if !strings.Contains(s, "\n") {
		e.scalar(s, false)
		return
	}
	if at != afterKey {
		e.ok = false
		return
	}
	e.data = append(e.data, "|-"...)
	for line := range strings.SplitSeq(s, "\n") {
		if !isWord(line, inLiteral) {
			e.ok = false
			return
		}
		e.line(indent)
		e.data = append(e.data, line...)
	}
}

// scalar is a string of one line.
func (e *plainEncoder) scalar(s string, inBrackets bool) {
	switch {
	case isQuoted(s):
		e.data = append(append(append(e.data, '"'), s...), '"')
	case isPlain(s, inBrackets):
		e.data = append(e.data, s...)
	default:
		e.ok = false
	}
}

// isQuoted reports whether everybody reads the string, written bare, as the same whole number or truth value.
func isQuoted(s string) bool {
	const longest = 15
	return s == "true" || s == "false" || s != "" && len(s) <= longest && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// isPlain reports whether everybody reads the string, written bare, as the string.
func isPlain(s string, inBrackets bool) bool {
	marks := inBlock
	if inBrackets {
		marks = inFlow
	}
	const longest = 5 // of the words below
	return isWord(s, marks) && s[len(s)-1] != ' ' && (len(s) > longest || !slices.Contains(meaningful, strings.ToLower(s)))
}

// meaningful are the words that some reader of YAML takes for a truth value or for nothing.
var meaningful = []string{"y", "yes", "n", "no", "on", "off", "true", "false", "null"}

// What a string may hold beside letters and digits: where a bare string stands, in brackets, and on a line of a literal.
var (
	inFlow    = marks("-./@_")
	inBlock   = marks("-./@_ ()*,{}")
	inLiteral = marks("-./@_ ()*,{}:;'\"#&%=+?!~$|<>[]")
)

func marks(some string) *[256]bool {
	var set [256]bool
	for _, c := range []byte(some + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
		set[c] = true
	}
	return &set
}

// isWord reports whether the string begins with a letter or a slash and has none but the characters.
func isWord(s string, characters *[256]bool) bool {
	if s == "" {
		return false
	}
	if small := s[0] | 0x20; s[0] != '/' && (small < 'a' || small > 'z') {
		return false
	}
	for i := range len(s) {
		if !characters[s[i]] {
			return false
		}
	}
	return true
}

// encodedField is a field of a struct that is written.
type encodedField struct {
	name            string
	index           int
	omitEmpty, flow bool
}

var encodedFieldsOf sync.Map // of reflect.Type to []encodedField

// encodedFields are the fields of a struct, as their tags have them.
func encodedFields(t reflect.Type) []encodedField {
	if known, ok := encodedFieldsOf.Load(t); ok {
		return known.([]encodedField)
	}
	var fields []encodedField
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("yaml"), ",")
		if tag[0] == "-" {
			continue
		}
		if tag[0] == "" || !f.IsExported() {
			panic(fmt.Sprintf("istio: field %s of %s has no name for YAML", f.Name, t))
		}
		fields = append(fields, encodedField{tag[0], i, slices.Contains(tag, "omitempty"), slices.Contains(tag, "flow")})
	}
	encodedFieldsOf.Store(t, fields)
	return fields
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}
