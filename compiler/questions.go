package compiler

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// Reference is what a document calls something by: a document by its kind and name, and an endpoint by its own name and that of
// its Service besides. The name of a Service is namespace/name. A word for personal data is of one of the kinds below, and
// its name is its key.
type Reference struct{ Kind, Name, Endpoint string }

// The kinds of words for personal data.
const (
	DataCategory = "data category"
	DataUse      = "data use"
	DataSubject  = "data subject"
)

// Description is what somebody wants to know of what a reference leads to. Slices are sorted, and each value stands once.
type Description struct {
	// Declared is the name where it is declared; nowhere, for a word that every estate has.
	Declared diag.Span
	// Team and Contact are of the owner; "" for what the platform owns.
	Team, Contact string
	// Endpoints are the names of a Service's.
	Endpoints []string
	// Offers says in the words of the document what an endpoint stands for.
	Offers []string
	// Callers may call the endpoint, or an endpoint of the Service, each with the consent that it has.
	Callers []string
	// Means is a word for personal data in a sentence, and Class how sensitive a category is, and the worst that lies below it.
	Means, Class string
}

// Describe answers for everything in the estate that a document can refer to. Where the estate is not whole, because a document
// cannot be read, it answers for the rest. Callers are those whose calls are rendered: neither pending nor withheld.
func Describe(ctx context.Context, fsys fs.FS, asOf string) (about map[Reference]Description, whole bool, err error) {
	tree, found := syntax.Parse(ctx, fsys)
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	estate, _ := model.Resolve(tree)
	checked, _ := check.Run(&check.Pass{Estate: estate, AsOf: asOf})
	d := describer{about: map[Reference]Description{}}
	d.words(estate.Privacy)
	for _, m := range tree.Meshes {
		d.document(m.Header, Description{})
	}
	for _, c := range tree.Clusters {
		d.document(c.Header, Description{})
	}
	for _, o := range tree.Outsiders {
		d.document(o.Header, Description{})
	}
	for _, a := range tree.Activities {
		d.document(a.Header, Description{})
	}
	for _, p := range tree.Parties {
		d.document(p.Header, Description{})
	}
	for _, a := range tree.Approvals {
		d.document(a.Header, Description{})
	}
	for _, t := range tree.Teams {
		d.document(t.Header, Description{Team: t.Metadata.Name.Value, Contact: t.Spec.Contact.Value})
	}
	for _, s := range tree.Services {
		d.service(s)
	}
	for _, m := range estate.Meshes {
		d.mesh(m, checked)
	}
	return d.about, !found.Stops(), ctx.Err()
}

// describer gathers descriptions. A document that spans two meshes is described once, with what holds in either.
type describer struct{ about map[Reference]Description }

// words describes the words for personal data, with the organisation's own.
func (d describer) words(p *model.Privacy) {
	own := map[Reference]diag.Span{}
	if p.Doc != nil {
		for _, t := range p.Doc.Spec.Categories.Items {
			own[Reference{Kind: DataCategory, Name: t.Key.Value}] = t.Key.Span
		}
		for _, t := range p.Doc.Spec.Uses.Items {
			own[Reference{Kind: DataUse, Name: t.Key.Value}] = t.Key.Span
		}
	}
	for kind, words := range map[string]*vocabulary.Taxonomy{DataCategory: p.Categories, DataUse: p.Uses, DataSubject: p.Subjects} {
		for _, key := range usable(words) {
			term, _ := words.Find(key)
			ref := Reference{Kind: kind, Name: key}
			said := Description{Declared: own[ref], Means: term.Description}
			if kind == DataCategory {
				said.Class = term.Class.String()
				if worst := words.Highest(key); worst > term.Class {
					said.Class += ", some of it " + worst.String()
				}
			}
			d.about[ref] = said
		}
	}
}

// usable are the keys that a document can have. A use that stands for a purpose that nobody has said yet is refused.
func usable(words *vocabulary.Taxonomy) []string {
	return slices.DeleteFunc(words.Keys(), func(key string) bool {
		term, _ := words.Find(key)
		return term.Unspecified
	})
}

// document describes a document; of two with one name, the first.
func (d describer) document(h syntax.Header, said Description) Reference {
	ref := Reference{Kind: h.Kind.Value, Name: h.Metadata.Name.Value}
	if h.Metadata.Namespace.Value != "" {
		ref.Name = h.Metadata.Namespace.Value + "/" + ref.Name
	}
	if _, second := d.about[ref]; !second {
		said.Declared = h.Metadata.Name.Span
		d.about[ref] = said
	}
	return ref
}

// service describes a Service by its document alone, so that one is known of which the model has no place.
func (d describer) service(s *syntax.Service) {
	var names []string
	for _, e := range s.Spec.Endpoints {
		names = append(names, e.Key.Value)
	}
	slices.Sort(names)
	ref := d.document(s.Header, Description{Endpoints: names})
	for _, e := range s.Spec.Endpoints {
		ref.Endpoint = e.Key.Value
		if _, second := d.about[ref]; !second {
			d.about[ref] = Description{Declared: e.Key.Span, Offers: offers(&e.Value)}
		}
	}
}

// offers is the endpoint in the words of its document, a line for each path or method.
func offers(e *syntax.Endpoint) []string {
	var all []string
	methods := strings.Join(syntax.Values(e.Methods), ", ")
	for _, path := range syntax.Values(e.Paths) {
		all = append(all, methods+" "+path)
	}
	for _, method := range syntax.Values(e.GRPC) {
		all = append(all, "gRPC "+method)
	}
	if len(all) == 0 && e.Port.Value != "" {
		all = append(all, "everything on port "+e.Port.Value)
	}
	return all
}

// mesh adds what is known of Services once names are resolved: whose they are, and who calls them.
func (d describer) mesh(m *model.Mesh, checked check.Checked) {
	for _, s := range m.Services {
		ref := Reference{Kind: "Service", Name: s.Key()}
		d.owned(ref, s.Team)
		for _, e := range s.Endpoints {
			d.owned(Reference{"Service", s.Key(), e.Name}, s.Team)
		}
	}
	for _, o := range m.Outsiders {
		d.owned(Reference{Kind: "Outsider", Name: o.Name}, o.Team)
	}
	for _, a := range m.Accesses {
		if !allowed(a, checked) {
			continue
		}
		caller, key := fmt.Sprintf("%s (%s)", a.Caller.Key(), a.Consent), a.Callee().Key()
		d.called(Reference{Kind: "Service", Name: key}, caller)
		d.called(Reference{"Service", key, a.Endpoint.Name}, caller)
	}
}

// allowed reports whether a call of the access arrives anywhere.
func allowed(a *model.Access, checked check.Checked) bool {
	for leg := range a.Legs() {
		if checked.Holds(a, leg.From) {
			return true
		}
	}
	return false
}

func (d describer) owned(ref Reference, team *model.Team) {
	said, known := d.about[ref]
	if !known || team == nil {
		return
	}
	said.Team, said.Contact = team.Name, team.Doc.Spec.Contact.Value
	d.about[ref] = said
}

func (d describer) called(ref Reference, caller string) {
	said := d.about[ref]
	if i, has := slices.BinarySearch(said.Callers, caller); !has {
		said.Callers = slices.Insert(said.Callers, i, caller)
		d.about[ref] = said
	}
}
