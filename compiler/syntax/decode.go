package syntax

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unique"

	"writ.dev/writ/compiler/diag"
)

// decodable values fill themselves from a node. The shape has been checked before, so a node that does not fit is a fault of
// a schema, and leaves the value zero.
type decodable interface{ decode(*node) }

func (t *Text) decode(n *node) {
	if n.kind == scalar {
		t.Value, t.Span = shared(n.value), n.span
	}
}

// shared is the same text for all places of an estate that say it: names come again and again, sentences hardly.
func shared(text string) string {
	if strings.Contains(text, " ") {
		return text
	}
	return unique.Make(text).Value()
}

func (i *Int) decode(n *node) {
	if v, err := strconv.Atoi(n.value); err == nil {
		i.Value, i.Span = v, n.span
	}
}

func (b *Bool) decode(n *node) {
	if n.tag == "!!bool" {
		b.Value, b.Span = strings.EqualFold(n.value, "true"), n.span
	}
}

// decode takes a scalar for a list of one, as `methods: any` is written.
func (l *List[T]) decode(n *node) {
	l.Span, l.Flow = n.inner, n.flow
	items := n.items
	if n.kind == scalar {
		items = []*node{n}
	}
	l.Items = make([]T, len(items))
	for i, item := range items {
		decode(reflect.ValueOf(&l.Items[i]).Elem(), item)
	}
}

func (s *Selection) decode(n *node) {
	s.Span = n.span
	switch n.kind {
	case sequence:
		var names List[Text]
		names.decode(n)
		s.Names = names.Items
	case mapping:
		decode(reflect.ValueOf(&s.Labels).Elem(), n)
	}
}

func (f *From) decode(n *node) {
	f.Span = n.span
	if n.kind == scalar {
		f.Service.decode(n)
		return
	}
	if team := n.get("team"); team != nil {
		f.Team.decode(team)
	}
	if outsider := n.get("outsider"); outsider != nil {
		f.Outsider.decode(outsider)
	}
}

func (p *Peer) decode(n *node) {
	p.Span = n.span
	if n.kind == scalar {
		p.Service.decode(n)
		return
	}
	for key, into := range map[string]*Text{"team": &p.Team, "outsider": &p.Outsider, "identity": &p.Identity, "peer": &p.Peer} {
		if value := n.get(key); value != nil {
			into.decode(value)
		}
	}
}

func (c *Categories) decode(n *node) {
	c.Span = n.span
	switch n.kind {
	case scalar:
		c.None.decode(n)
	case mapping:
		if reason := n.get("none"); reason != nil {
			c.None = Text{Value: "none", Span: n.span}
			c.Because.decode(reason)
		}
	default:
		c.Keys.decode(n)
	}
}

// decode fills v from n: a decodable by itself, a pointer by what it points to, a slice of entries from a mapping, a struct by the names of its fields.
func decode(v reflect.Value, n *node) {
	if d, ok := v.Addr().Interface().(decodable); ok {
		d.decode(n)
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		decodeEntries(v, n)
	case reflect.Struct:
		decodeStruct(v, n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		decode(v.Elem(), n)
	default:
		panic(fmt.Sprintf("syntax: cannot decode into %s", v.Type()))
	}
}

func decodeEntries(v reflect.Value, n *node) {
	v.Set(reflect.MakeSlice(v.Type(), len(n.keys), len(n.keys)))
	for i, key := range n.keys {
		entry := v.Index(i)
		decode(entry.FieldByName("Key"), key)
		decode(entry.FieldByName("Value"), n.items[i])
	}
}

func decodeStruct(v reflect.Value, n *node) {
	for _, f := range fieldsOf(v.Type()) {
		if child := n.get(f.key); child != nil {
			decode(v.FieldByIndex(f.index), child)
		}
	}
	if span := v.FieldByName("Span"); span.IsValid() {
		span.Set(reflect.ValueOf(n.inner))
	}
}

func (a *Acknowledgement) decode(n *node) {
	decodeStruct(reflect.ValueOf(a).Elem(), n)
	a.Removal = n.removal()
}

// field is a field of a struct that stands in documents.
type field struct {
	key   string
	index []int
}

var fieldCache sync.Map // of reflect.Type to []field

// fieldsOf are the fields of a struct type by their keys in YAML: the name in lower camel case unless a tag says another.
func fieldsOf(t reflect.Type) []field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]field)
	}
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag.Get("yaml")
		if tag == "-" || f.Anonymous || f.Type == reflect.TypeFor[diag.Span]() {
			continue
		}
		key := tag
		if key == "" {
			key = lowerCamel(f.Name)
		}
		fields = append(fields, field{key, f.Index})
	}
	fieldCache.Store(t, fields)
	return fields
}

// lowerCamel lowers the first word of a Go name, an abbreviation as a whole: APIVersion becomes apiVersion.
func lowerCamel(name string) string {
	runes := []rune(name)
	for i := range runes {
		if i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1]) || !unicode.IsUpper(runes[i]) {
			break
		}
		runes[i] = unicode.ToLower(runes[i])
	}
	return string(runes)
}

func (h *Header) setFile(file string) { h.File = file }

// newDocument is the empty struct of a kind.
func newDocument(kind string) any {
	switch kind {
	case "Mesh":
		return new(Mesh)
	case "Cluster":
		return new(Cluster)
	case "Team":
		return new(Team)
	case "Outsider":
		return new(Outsider)
	case "Service":
		return new(Service)
	case "Test":
		return new(Test)
	case "Privacy":
		return new(Privacy)
	case "Activity":
		return new(Activity)
	case "Party":
		return new(Party)
	case "Approval":
		return new(Approval)
	default:
		panic("syntax: no struct for the kind " + kind)
	}
}

// decodeDocument makes the struct of the kind from a document whose shape is right.
func decodeDocument(kind, file string, root *node) any {
	d := newDocument(kind)
	decode(reflect.ValueOf(d).Elem(), root)
	d.(interface{ setFile(string) }).setFile(file)
	return d
}
