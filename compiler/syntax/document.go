package syntax

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// document is one document of a file while it is read.
type document struct {
	root  *node
	file  string
	kind  *Kind // nil until it is known
	diags diag.List
	more  int // mistakes that are counted alone
}

// full reports whether the document has so many findings that no more are worth the work.
func (d *document) full() bool { return len(d.diags) >= manyFindings }

// parse returns the struct of the document's kind, nil where anything is wrong with it. The shape of an opaque document cannot
// be judged: it is read no further than its name.
func (d *document) parse(opaque bool) any {
	defer d.name()
	if !opaque && d.header() {
		d.shape()
	}
	if len(d.diags) > 0 {
		return nil
	}
	return decodeDocument(d.kind.Name, d.file, d.root)
}

// header finds the document's kind, and says why there is none.
func (d *document) header() bool {
	if d.root.kind != mapping {
		d.add(wrongType, d.root, "the document is "+d.root.describe()+"; expected fields like apiVersion and kind", "begin with apiVersion: "+APIVersion, nil)
		return false
	}
	if !d.apiVersion() {
		return false
	}
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = k.Name
	}
	n := d.root.get("kind")
	if n == nil && d.misspeltKind() {
		return false
	}
	if n == nil {
		d.lacks(unknownKind, d.root, "kind", "the document has no kind", "add kind: "+diag.OneOf(names), nil)
		return false
	}
	if n.kind != scalar {
		d.add(unknownKind, n, "kind is "+n.describe()+"; expected "+diag.OneOf(names), "write one of them", nil)
		return false
	}
	i := slices.Index(names, n.value)
	if i < 0 {
		d.unknown(unknownKind, n, "unknown kind "+quoted(n.value)+"; expected "+diag.OneOf(names), names)
		return false
	}
	d.kind = &Kinds[i]
	return true
}

// misspeltKind finds the field that was meant to be kind.
func (d *document) misspeltKind() bool {
	for _, key := range d.root.keys {
		if diag.Nearest(key.value, []string{"kind"}) != "" {
			d.add(unknownField, key, "unknown field "+quoted(key.value)+" in the document", `did you mean "kind"?`, key.rename("kind"))
			return true
		}
	}
	return false
}

// apiVersion reports whether the document is of this language, as far as can be told. That the field is missing is for the
// shape to say.
func (d *document) apiVersion() bool {
	n := d.root.get("apiVersion")
	if n == nil || n.kind == scalar && n.value == APIVersion {
		return true
	}
	if n.kind != scalar {
		d.add(unknownAPIVersion, n, "apiVersion is "+n.describe()+"; expected "+APIVersion, "write "+APIVersion, n.replace(APIVersion))
		return true
	}
	group, _, _ := strings.Cut(n.value, "/")
	if group == "writ.dev" || diag.Nearest(n.value, []string{APIVersion}) != "" {
		d.add(unknownAPIVersion, n, "unknown apiVersion "+quoted(n.value)+"; expected "+APIVersion, "write "+APIVersion, n.replace(APIVersion))
		return true
	}
	d.add(unknownAPIVersion, n, quoted(n.value)+" is no document of writ; expected "+APIVersion,
		"keep other files out of "+folder+"/; a cluster's hand-written objects lie in its overlay folder", nil)
	return false
}

// add is a finding about a value or key. A value that nobody wrote is pointed at by its key.
func (d *document) add(rule *diag.Rule, n *node, message, help string, fix *diag.Fix) {
	span := n.span
	if span.Start == span.End {
		span = n.anchor()
	}
	d.diags.Add(diag.Finding{Rule: rule, Span: span, Field: n.path(), Message: message, Help: help, Fix: fix})
}

// lacks is a finding about a field that n should have. It points at what holds the field, as there is no text of its own.
func (d *document) lacks(rule *diag.Rule, n *node, field, message, help string, fix *diag.Fix) {
	d.diags.Add(diag.Finding{Rule: rule, Span: n.anchor(), Field: join(n.path(), field), Message: message, Help: help, Fix: fix})
}

// unknown is a finding about a value that is none of the candidates.
func (d *document) unknown(rule *diag.Rule, n *node, message string, candidates []string) {
	if near := diag.Nearest(n.value, candidates); near != "" {
		d.add(rule, n, message, "did you mean "+quoted(near)+"?", n.replace(near))
		return
	}
	d.add(rule, n, message, "write one of them", nil)
}

// name puts the document's name on its findings: with the code and the field it is what a finding is known by.
func (d *document) name() {
	object := d.object()
	for i := range d.diags {
		d.diags[i].Objects = []string{object}
	}
}

// object is what the document is called, its file's name where it has none.
func (d *document) object() string {
	object := d.file
	name := d.root.get("metadata").get("name")
	if d.kind != nil && name != nil && name.kind == scalar {
		object = d.kind.Name + " " + name.value
		if namespace := d.root.get("metadata").get("namespace"); d.kind.Namespaced && namespace != nil && namespace.kind == scalar {
			object = d.kind.Name + " " + namespace.value + "/" + name.value
		}
	}
	return object
}
