package syntax

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"writ.dev/writ/compiler/diag"
)

// shape checks the document against the schema of its kind.
func (d *document) shape() {
	c := &checker{document: d, renamed: map[*node]map[string]bool{}}
	var invalid *jsonschema.ValidationError
	if schema := schemas().byKind[d.kind.Name]; !fits(schema, d.root) {
		if err := schema.Validate(d.root.json()); errors.As(err, &invalid) {
			c.tellAll(c.faults(invalid))
		} else if err != nil {
			panic(err) // the value is JSON and the schema has no loop
		}
	}
	d.root.scalars(c.rewritten)
}

// json is the value as the validator knows values. Of two equal keys the first counts.
func (n *node) json() any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.items))
		for key, i := range n.index {
			m[key] = n.items[i].json()
		}
		return m
	case sequence:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.json()
		}
		return list
	}
	switch n.tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.value, "true")
	case "!!int", "!!float":
		if number, ok := n.number(); ok {
			return number
		}
	}
	return n.value // a date is a text to writ, and an infinity is no number to JSON
}

// number is the number that YAML reads in the scalar, written as JSON writes it.
func (n *node) number() (json.Number, bool) {
	text := strings.ReplaceAll(n.value, "_", "")
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		return json.Number(strconv.FormatInt(i, 10)), true
	}
	if u, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 0, 64); err == nil {
		return json.Number(strconv.FormatUint(u, 10)), true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), true
}

// checker turns what the validator says into findings: one for each mistake, told once.
type checker struct {
	*document
	// renamed are, by mapping, the fields that a misspelt one was probably meant to be: they are not missing.
	renamed map[*node]map[string]bool
}

// fault is one thing that the validator says.
type fault struct {
	at      *node      // the value, or the key where the schema of names refused it
	schema  schemaText // the schema that holds the keyword
	keyword string
	given   string // with dependentRequired, the field that asks for others
}

// faults are the leaves of the error, the most telling of one value first.
func (c *checker) faults(invalid *jsonschema.ValidationError) []fault {
	var all []fault
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) == 0 {
			all = append(all, c.fault(e))
		}
	}
	walk(invalid)
	slices.SortStableFunc(all, func(a, b fault) int {
		return cmp.Or(
			cmp.Compare(slices.Index(ranked, a.keyword), slices.Index(ranked, b.keyword)),
			cmp.Compare(a.at.span.Start.Offset(), b.at.span.Start.Offset()),
			cmp.Compare(a.keyword, b.keyword),
			cmp.Compare(a.given, b.given),
		)
	})
	return all
}

func (c *checker) fault(e *jsonschema.ValidationError) fault {
	holder, keyword := schemas().lookup(e.AbsoluteKeywordLocation)
	f := fault{at: c.root, schema: holder, keyword: keyword}
	parts := strings.Split(e.AbsoluteKeywordLocation, "/")
	if len(parts) > 2 && parts[len(parts)-3] == "dependentRequired" {
		f.given = parts[len(parts)-2]
		f.schema, f.keyword = schemas().lookup(strings.Join(parts[:len(parts)-2], "/"))
	}
	for _, part := range steps(e.InstanceLocation) {
		f.at = f.at.step(unescape(part))
	}
	if slices.Contains(strings.Split(e.KeywordLocation, "/"), "propertyNames") {
		f.at = f.at.key()
	}
	return f
}

// steps are the parts of a JSON pointer; "" is the root and "/" the field without a name.
func steps(pointer string) []string { return strings.Split(pointer, "/")[1:] }

// step is the value below n that a part of a location names.
func (n *node) step(part string) *node {
	if n.kind == mapping {
		if child := n.get(part); child != nil {
			return child
		}
		return n
	}
	i, err := strconv.Atoi(part)
	if err != nil || i >= len(n.items) {
		return n
	}
	return n.items[i]
}

// ranked are the keywords of the schemas by how much they tell: of several that break at one value, the first one is told.
var ranked = []string{
	"not", "type", "enum", "minLength", "pattern", "format", "maxLength", "minimum", "maximum", "minItems", "uniqueItems",
	"additionalProperties", "required", "dependentRequired", "minProperties", "maxProperties", "const",
}

func (c *checker) tellAll(faults []fault) {
	for i, f := range faults {
		if c.full() {
			c.more += len(faults) - i
			return
		}
		c.tell(f)
	}
}

func (c *checker) tell(f fault) {
	if f.at.kind == scalar {
		if f.at.told {
			return
		}
		f.at.told = true
	}
	switch f.keyword {
	case "not":
		c.excluded(f)
	case "type":
		c.otherType(f)
	case "enum":
		c.enum(f)
	case "minLength":
		c.emptyText(f)
	case "pattern", "format":
		c.form(f)
	case "maxLength":
		c.tooLong(f)
	case "minimum", "maximum":
		c.outOfRange(f)
	case "minItems", "minProperties":
		c.empty(f)
	case "uniqueItems":
		c.twice(f)
	case "additionalProperties":
		c.unknownFields(f)
	case "required":
		c.required(f)
	case "dependentRequired":
		c.dependent(f)
	case "maxProperties":
		c.tooMany(f)
	case "const": // apiVersion and kind, which the header has told
	default:
		panic("syntax: no words for the schema keyword " + f.keyword)
	}
}

// excluded values have words of their own in the schema: of two fields that do not go together, or of a value that is known and
// not taken.
func (c *checker) excluded(f fault) {
	words := f.schema.text("errorMessage")
	if values := f.schema.strings("enum"); values != nil {
		c.add(unknownValue, f.at, words, "write "+diag.OneOf(values), nil)
		return
	}
	if f.at.parent.told { // methods and paths beside grpc are one mistake
		return
	}
	f.at.parent.told = true
	c.add(fieldsClash, f.at.key(), words, "keep one of the two", nil)
}

func (c *checker) otherType(f fault) {
	types := f.schema.strings("type")
	if slices.Contains(types, "string") && f.at.kind == scalar && !f.at.isNull() {
		c.quote(f.at)
		return
	}
	expected := make([]string, len(types))
	for i, t := range types {
		expected[i] = typeWords[t]
	}
	message := fmt.Sprintf("%s is %s; expected %s", f.at.path(), f.at.describe(), strings.Join(expected, " or "))
	fix := c.retype(f, types)
	help := "write " + strings.Join(expected, " or ")
	if fix != nil {
		help = "write " + strings.TrimSpace(fix.Edits[0].New)
	}
	c.add(wrongType, f.at, message, help, fix)
}

var typeWords = map[string]string{
	"string": "text", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "a mapping",
}

// retype is the edit that makes the value one of the type, where it is clear which is meant.
func (c *checker) retype(f fault, types []string) *diag.Fix {
	n := f.at
	if n.kind != scalar {
		return nil
	}
	switch {
	case n.isNull():
		if slices.Contains(types, "object") && len(f.schema.strings("required")) == 0 && f.schema.number("minProperties") == 0 && f.schema["else"] == nil {
			return c.emptyMapping(n)
		}
	case types[0] == "boolean" && truthWords.MatchString(n.value):
		return n.rewrite(strconv.FormatBool(strings.ContainsAny(n.value[:1], "yYtT") || strings.EqualFold(n.value, "on")))
	case types[0] == "integer" && canonical.MatchString(n.value):
		return n.rewrite(n.value)
	case types[0] == "array" && n.tag == "!!str" && (n.quote == '"' || n.quote == '\'' || readsAsText(n.value)):
		return n.bracket()
	}
	return nil
}

// bracket is the fix that makes a list of one of a scalar.
func (n *node) bracket() *diag.Fix { return n.rewrite("[" + n.spell(n.value) + "]") }

// emptyMapping writes {} where nothing stands behind the colon.
func (c *checker) emptyMapping(n *node) *diag.Fix {
	fix := n.rewrite("{}")
	if n.value == "" {
		fix.Edits[0].New = " {}"
	}
	if key := n.key(); n.value == "" && (key == nil || n.span.Start.Line() != key.span.End.Line() || n.span.Start.Offset() == key.span.End.Offset()) {
		return nil // {a} has no colon to write behind
	}
	return fix
}

// quote is about a number or truth value where text is expected.
func (c *checker) quote(n *node) {
	what := "a number"
	if n.tag == "!!bool" {
		what = "a truth value"
	}
	c.add(rewrittenByYAML, n, fmt.Sprintf("%s is %s, which YAML reads as %s; expected text", n.path(), n.value, what),
		"put it in quotes", n.rewrite(doubleQuoted(n.value)))
}

func (c *checker) enum(f fault) {
	values := f.schema.strings("enum")
	if f.at.kind != scalar || f.at.isNull() {
		c.add(wrongType, f.at, fmt.Sprintf("%s is %s; expected %s", f.at.path(), f.at.describe(), diag.OneOf(values)), "write one of them", nil)
		return
	}
	c.unknown(unknownValue, f.at, fmt.Sprintf("unknown %s %s; expected %s", f.at.noun(), quoted(f.at.value), diag.OneOf(values)), values)
}

func (c *checker) emptyText(f fault) {
	c.add(wrongForm, f.at, f.at.path()+" is empty", f.schema.text("patternErrorMessage"), nil)
}

func (c *checker) tooLong(f fault) {
	most := f.schema.number("maxLength")
	c.add(wrongForm, f.at, fmt.Sprintf("%s is %d characters long; at most %d are allowed", quoted(f.at.value), utf8.RuneCountInString(f.at.value), most),
		"shorten it", nil)
}

func (c *checker) outOfRange(f fault) {
	low, high := f.schema.number("minimum"), f.schema.number("maximum")
	c.add(wrongForm, f.at, fmt.Sprintf("%s is %s; expected %d to %d", f.at.path(), f.at.value, low, high), "write a number in that range", nil)
}

// form is about a value that does not match its pattern or format. A clear correction is offered: the first of the usual ones
// that the schema takes.
func (c *checker) form(f fault) {
	n, words := f.at, f.schema.text("patternErrorMessage")
	message := fmt.Sprintf("%s is not a valid %s", quoted(n.value), f.schema.text("title"))
	if i := strings.IndexFunc(n.value, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 { // which may look like another
		r, _ := utf8.DecodeRuneInString(n.value[i:])
		message += fmt.Sprintf(": it has the character %U", r)
	}
	if item := f.schema.schema("items"); item != nil && slices.Contains(f.schema.strings("type"), "array") && schemaTakes(item, n.value) {
		c.add(wrongForm, n, message, words+": ["+n.value+"]", n.bracket())
		return
	}
	for _, candidate := range corrections(n.value) {
		if candidate != n.value && schemaTakes(f.schema, candidate) {
			c.add(wrongForm, n, message, words+": "+candidate, n.replace(candidate))
			return
		}
	}
	c.add(wrongForm, n, message, words, nil)
}

// schemaTakes reports whether the schema of a text takes the value.
func schemaTakes(s schemaText, value string) bool {
	if pattern := s.text("pattern"); pattern != "" && !compiled(pattern).MatchString(value) {
		return false
	}
	if most := s.number("maxLength"); most > 0 && utf8.RuneCountInString(value) > most {
		return false
	}
	switch s.text("format") {
	case "date":
		return jsonschema.Formats["date"](value)
	case "cidr":
		return isCIDR(value)
	default:
		return true
	}
}

var patterns sync.Map // of string to *regexp.Regexp

func compiled(pattern string) *regexp.Regexp {
	if re, ok := patterns.Load(pattern); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(pattern)
	patterns.Store(pattern, re)
	return re
}

func (c *checker) empty(f fault) {
	if len(f.at.keys) > 0 || f.at.told {
		return
	}
	help := "give at least one item"
	if words := f.schema.text("errorMessage"); words != "" {
		help = words
	}
	f.at.told = true
	c.add(wrongCount, f.at, fmt.Sprintf("%s is an empty %s", f.at.path(), map[nodeKind]string{sequence: "list", mapping: "mapping"}[f.at.kind]), help, nil)
}

// tooMany is about a mapping that picks one of several fields. A field that nobody knows is told already.
func (c *checker) tooMany(f fault) {
	known := f.schema.schema("properties")
	var names []string
	for _, key := range f.at.keys {
		if known[key.value] == nil {
			return
		}
		names = append(names, key.value)
	}
	c.add(fieldsClash, f.at, fmt.Sprintf("%s has %s", f.at.path(), strings.Join(names, " and ")), f.schema.text("errorMessage"), nil)
}

func (c *checker) twice(f fault) {
	seen := map[string]*node{}
	for _, item := range f.at.items {
		first := seen[item.value]
		if item.kind != scalar || first == nil {
			seen[item.value] = item
			continue
		}
		c.add(listedTwice, item, fmt.Sprintf("%s is listed twice in %s", quoted(item.value), f.at.path()), "remove one of the two", item.remove())
		last := &c.diags[len(c.diags)-1]
		last.Related = []diag.Related{{Span: first.span, Message: "the first one"}}
	}
}

// remove takes a later item out of its list in brackets, with the comma before it. In a block the comments between the lines
// are somebody's, so a person removes the line.
func (n *node) remove() *diag.Fix {
	if !n.parent.flow {
		return nil
	}
	before := n.parent.items[n.at-1].span
	return &diag.Fix{
		Title: "remove the second " + quoted(n.value),
		Edits: []diag.Edit{{Span: diag.Span{File: n.span.File, Start: before.End, End: n.span.End}}},
	}
}

// unknownFields tells every field that the schema does not have. A guess may not be a field that is written already.
func (c *checker) unknownFields(f fault) {
	known := f.schema.fields()
	free := slices.DeleteFunc(slices.Clone(known), func(name string) bool { return f.at.get(name) != nil })
	c.renamed[f.at] = map[string]bool{}
	for _, key := range f.at.keys {
		if slices.Contains(known, key.value) || key.told {
			continue
		}
		key.told = true
		message := fmt.Sprintf("unknown field %s in %s", quoted(key.value), f.at.owner())
		if field, value, glued := strings.Cut(key.value, ":"); glued && value != "" && slices.Contains(free, field) && !f.at.items[key.at].follows(key) {
			c.renamed[f.at][field] = true
			var fix *diag.Fix
			if key.quote == 0 && readsAsText(value) { // other text may be half of something, and means what it means to its author alone
				fix = key.rewrite(field + ": " + value)
			}
			c.add(unknownField, key, fmt.Sprintf("a space is missing behind %s", quoted(field+":")), "write "+field+": "+value, fix)
			continue
		}
		if near := diag.Nearest(key.value, free); near != "" {
			c.renamed[f.at][near] = true
			c.add(unknownField, key, message, "did you mean "+quoted(near)+"?", key.rename(near))
			continue
		}
		c.add(unknownField, key, message, "expected "+diag.OneOf(known), nil)
	}
}

// follows reports whether there is text between the key and the value: the ':' of a key, which {a:b} has not.
func (n *node) follows(key *node) bool { return n.span.Start.Offset() > key.span.End.Offset() }

func (c *checker) required(f fault) {
	words := f.schema.text("errorMessage")
	for _, name := range f.schema.strings("required") {
		if f.at.get(name) != nil || c.renamed[f.at][name] || words != "" && len(c.renamed[f.at]) > 0 {
			continue
		}
		message, help := f.at.owner()+" has no "+name, "add "+example(f.schema, name)
		if words != "" {
			message, help = words, cmp.Or(f.schema.text("helpMessage"), "write one of the two")
		}
		var fix *diag.Fix
		if f.at == c.root && name == "apiVersion" {
			fix = c.insertAPIVersion()
			help = fix.Title
		}
		c.lacks(missingField, f.at, name, message, help, fix)
	}
}

// owner is what to call a mapping in a message.
func (n *node) owner() string { return cmp.Or(n.path(), "the document") }

// insertAPIVersion writes the one value that is certain before the first field.
func (c *checker) insertAPIVersion() *diag.Fix {
	start := c.root.inner.Start
	separator := "\n" + strings.Repeat(" ", start.Column()-1)
	if c.root.flow {
		separator = ", "
	}
	return &diag.Fix{
		Title: "add apiVersion: " + APIVersion,
		Edits: []diag.Edit{{Span: diag.Span{File: c.file, Start: start, End: start}, New: "apiVersion: " + APIVersion + separator}},
	}
}

// example is how a field may look, as its schema says.
func example(holder schemaText, name string) string {
	property := holder.schema("properties").schema(name)
	if _, ok := property["examples"]; !ok && property.text("$ref") != "" {
		property = schemas().resolve(property.text("$ref"))
	}
	examples, _ := property["examples"].([]any)
	if len(examples) == 0 {
		return name
	}
	if s, ok := examples[0].(string); ok && readsAsText(s) {
		return name + ": ..., like " + s
	}
	data, err := json.Marshal(examples[0])
	must(err)
	return name + ": ..., like " + string(data)
}

// dependent is about a field that means nothing without another one.
func (c *checker) dependent(f fault) {
	if f.at.told {
		return // the fields clash with a third one
	}
	for _, name := range f.schema.schema("dependentRequired").strings(f.given) {
		if f.at.get(name) != nil || c.renamed[f.at][name] {
			continue
		}
		c.diags.Add(diag.Finding{
			Rule: missingField, Span: f.at.get(f.given).key().span, Field: join(f.at.path(), name),
			Message: fmt.Sprintf("%s has %s without %s", f.at.path(), f.given, name),
			Help:    "add " + example(f.schema, name),
		})
	}
}

// canonical is how a whole number is written that everybody reads alike.
var canonical = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// rewritten finds what passed the schema and still reads otherwise than it is written: numbers in other notations, and the
// truth words of YAML 1.1 where text is expected.
func (c *checker) rewritten(n *node, isKey bool) {
	if n.told || n.quote != 0 || c.full() {
		return
	}
	switch {
	case isKey && n.tag != "!!str" && n.tag != "!!timestamp":
		c.add(rewrittenByYAML, n, fmt.Sprintf("the field %s is no text to YAML", quoted(n.value)), "put it in quotes", n.rewrite(doubleQuoted(n.value)))
	case n.tag == "!!str" && truthWords.MatchString(n.value) && !schemas().values[n.value]:
		c.add(rewrittenByYAML, n, fmt.Sprintf("%s is a truth value to many readers of YAML; expected text", n.value), "put it in quotes", n.rewrite(doubleQuoted(n.value)))
	case (n.tag == "!!int" || n.tag == "!!float") && !canonical.MatchString(n.value):
		c.notation(n)
	}
}

// notation is about a number that is not written in decimal digits alone. What 0777 was meant to be only its author knows.
func (c *checker) notation(n *node) {
	number, ok := n.number()
	if !ok {
		c.quote(n)
		return
	}
	var fix *diag.Fix
	if canonical.MatchString(number.String()) && !strings.HasPrefix(n.value, "0") {
		fix = n.rewrite(number.String())
	}
	c.add(rewrittenByYAML, n, fmt.Sprintf("%s is %s, which YAML reads as %s", n.path(), n.value, number), "write it in decimal digits", fix)
}
