package lsp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler"
)

// estate is what is known of everything that documents refer to.
type estate map[compiler.Reference]compiler.Description

// subject is what the scalar at the cursor names: by reference, or because it declares it.
func (c cursor) subject() (compiler.Reference, bool) {
	kind, path := c.at("kind"), c.names()
	own := compiler.Reference{Kind: kind, Name: c.qualified(c.at("metadata", "name"))}
	switch {
	case c.text == "":
		return compiler.Reference{}, false
	case c.role == key:
		own.Endpoint = c.text
		return own, kind == "Service" && slices.Equal(path, []string{"spec", "endpoints"})
	case slices.Equal(path, []string{"metadata", "name"}):
		return own, true
	}
	if service, ok := c.callee(); ok {
		return compiler.Reference{Kind: "Service", Name: service, Endpoint: c.text}, true
	}
	f, ok := lookup(kind, path)
	if !ok || f.refers == "" {
		return compiler.Reference{}, false
	}
	ref := compiler.Reference{Kind: f.refers, Name: c.text}
	if f.refers == "Service" {
		ref.Name = c.qualified(c.text)
	}
	return ref, true
}

// callee is the Service whose endpoint the cursor is in, or a list of them: that which an intent or an assertion calls, the one that
// grants, or the one that says what of its personal data they have.
func (c cursor) callee() (string, bool) {
	path := strings.Join(c.names(), ".")
	switch {
	case strings.HasPrefix(path, "spec.intents.[].endpoints"), strings.HasPrefix(path, "spec.allow.[].endpoints"),
		strings.HasPrefix(path, "spec.deny.[].endpoints"), strings.HasPrefix(path, "spec.only.[].endpoints"):
		return c.qualified(c.beside("endpoints", "to")), true
	case strings.HasPrefix(path, "spec.grants.[].endpoints"), strings.HasPrefix(path, "spec.personalData.declassifies.[].endpoints"),
		path == "spec.personalData.acknowledges.[].endpoint":
		return c.qualified(c.at("metadata", "name")), true
	case path == "spec.personalData.rights.access", path == "spec.personalData.rights.erasure", path == "spec.personalData.rights.rectification":
		return c.qualified(cmp.Or(c.at("spec", "personalData", "rights", "through"), c.at("metadata", "name"))), true
	default:
		return "", false
	}
}

// qualified is the name with the namespace of the document, where it says none itself and the document has one.
func (c cursor) qualified(name string) string {
	namespace := c.at("metadata", "namespace")
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return name
	}
	return namespace + "/" + name
}

// proposal is one way to go on at the cursor.
type proposal struct {
	label, insert, detail, documentation string
	isField                              bool
}

// proposals are the ways to go on, the likeliest first.
func (c cursor) proposals(e estate) []proposal {
	kind, path := c.at("kind"), c.names()
	f, ok := lookup(kind, path)
	if !ok {
		return nil
	}
	if c.role == key {
		return c.fieldsOf(f)
	}
	all := c.valuesOf(f, e)
	if c.role == beginning {
		all = append(all, c.fieldsOf(f)...)
	}
	return all
}

// fieldsOf are the fields that the mapping does not have yet.
func (c cursor) fieldsOf(f field) []proposal {
	var all []proposal
	for _, name := range f.fields() {
		if c.has(name) {
			continue
		}
		child, _ := f.child(name)
		p := proposal{label: name, insert: name, documentation: resolved(child).description, isField: true}
		if !c.colon {
			p.insert += ": "
		}
		all = append(all, p)
	}
	return all
}

func (c cursor) valuesOf(f field, e estate) []proposal {
	if service, ok := c.callee(); ok {
		return c.endpointsOf(service, e)
	}
	if f.refers == "Service" {
		return c.services(e)
	}
	var all []proposal
	if f.refers != "" {
		for _, ref := range e.documents(f.refers) {
			said := e[ref]
			all = append(all, proposal{label: ref.Name, insert: ref.Name, detail: cmp.Or(said.Contact, said.Class), documentation: meaning(said)})
		}
		return all
	}
	for _, word := range f.words() {
		all = append(all, proposal{label: word, insert: word})
	}
	return all
}

// services are those of the own namespace by their bare names, and then all by their whole names.
func (c cursor) services(e estate) []proposal {
	var near, all []proposal
	namespace := c.at("metadata", "namespace")
	for _, ref := range e.documents("Service") {
		detail := ""
		if e[ref].Team != "" {
			detail = "team " + e[ref].Team
		}
		all = append(all, proposal{label: ref.Name, insert: ref.Name, detail: detail})
		if bare, own := strings.CutPrefix(ref.Name, namespace+"/"); own {
			near = append(near, proposal{label: bare, insert: bare, detail: detail})
		}
	}
	return append(near, all...)
}

// endpointsOf knows those of the document itself from its text, which is newer than the estate.
func (c cursor) endpointsOf(service string, e estate) []proposal {
	names := slices.Clone(e[compiler.Reference{Kind: "Service", Name: service}].Endpoints)
	if service == c.qualified(c.at("metadata", "name")) {
		names = append(names, c.keys("spec", "endpoints")...)
	}
	slices.Sort(names)
	var all []proposal
	for _, name := range slices.Compact(names) {
		said := e[compiler.Reference{Kind: "Service", Name: service, Endpoint: name}]
		all = append(all, proposal{label: name, insert: name, detail: strings.Join(said.Offers, "; ")})
	}
	return all
}

// documents are the references to all documents of a kind, by name.
func (e estate) documents(kind string) []compiler.Reference {
	var all []compiler.Reference
	for ref := range e {
		if ref.Kind == kind && ref.Endpoint == "" {
			all = append(all, ref)
		}
	}
	slices.SortFunc(all, func(a, b compiler.Reference) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// find is the description of what a reference leads to. A misspelt endpoint leads to its Service.
func (e estate) find(ref compiler.Reference) (compiler.Reference, compiler.Description, bool) {
	said, known := e[ref]
	if !known && ref.Endpoint != "" {
		ref.Endpoint = ""
		said, known = e[ref]
	}
	return ref, said, known
}

// updated is the estate as it is now. While a document cannot be read, what it said last stands.
func (e estate) updated(now estate, whole bool) estate {
	if whole {
		return now
	}
	both := maps.Clone(e)
	if both == nil {
		both = estate{}
	}
	maps.Copy(both, now)
	return both
}

// hover is what there is to say at the cursor, as Markdown.
func (c cursor) hover(e estate) string {
	if ref, ok := c.subject(); ok {
		if ref, said, known := e.find(ref); known {
			return describe(ref, said)
		}
	}
	path := c.names()
	if c.role == key {
		path = append(path, c.text)
	}
	f, ok := lookup(c.at("kind"), path)
	if !ok || c.role != key && f.refers != "" {
		return ""
	}
	return f.description
}

// maxEntries is how many entries of a list a hover shows. More would fill the screen.
const maxEntries = 20

func describe(ref compiler.Reference, said compiler.Description) string {
	var b strings.Builder
	if ref.Endpoint != "" {
		fmt.Fprintf(&b, "%s of %s", code(ref.Endpoint), code(ref.Name))
	} else {
		fmt.Fprintf(&b, "%s %s", ref.Kind, code(ref.Name))
	}
	if said.Team != "" && ref.Kind != "Team" {
		fmt.Fprintf(&b, ", team %s", code(said.Team))
	}
	if said.Contact != "" {
		fmt.Fprintf(&b, ", contact %s", code(said.Contact))
	}
	if said.Class != "" {
		fmt.Fprintf(&b, ", class %s", said.Class)
	}
	b.WriteString("\n")
	if said.Means != "" {
		fmt.Fprintf(&b, "\n%s\n", meaning(said))
	}
	list(&b, "Stands for:", said.Offers)
	list(&b, "Endpoints:", said.Endpoints)
	if ref.Kind != "Service" {
		return b.String()
	}
	if len(said.Callers) == 0 {
		b.WriteString("\nNobody can call it.\n")
		return b.String()
	}
	list(&b, "Who can call it:", said.Callers)
	return b.String()
}

// meaning is that of a word, as Markdown. What an organisation says of its own word is a text of its documents.
func meaning(said compiler.Description) string {
	if said.Means == "" || said.Declared.IsZero() {
		return said.Means
	}
	return code(said.Means)
}

func list(b *strings.Builder, title string, entries []string) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n", title)
	for _, entry := range entries[:min(len(entries), maxEntries)] {
		fmt.Fprintf(b, "- %s\n", code(entry))
	}
	if more := len(entries) - maxEntries; more > 0 {
		fmt.Fprintf(b, "- and %d more\n", more)
	}
}

// code shows a text of the documents as it is: nothing in it is Markdown.
func code(s string) string {
	if strings.Contains(s, "`") {
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}
