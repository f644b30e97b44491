package weaken

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// partner is an endpoint of the earlier revision that answered what an endpoint of the later one answers.
type partner struct {
	before *model.Endpoint
	named  bool // they have one name
}

// partners are the endpoint of the same name, and those whose requests the endpoint has taken over: a tag belongs to requests, under
// whichever name.
func partners(b *model.Service, a *model.Endpoint) []partner {
	var all []partner
	fresh := *a
	if o := b.Endpoint(a.Name); o != nil && !o.Broken {
		all = append(all, partner{o, true})
		fresh.Paths = slices.DeleteFunc(slices.Clone(a.Paths), func(p model.Pattern) bool {
			return methodsWithin(a.Methods, o.Methods) && slices.ContainsFunc(o.Paths, func(q model.Pattern) bool { return q.Covers(p) })
		})
		if len(fresh.Paths) == 0 {
			return all
		}
	}
	for _, o := range b.Endpoints {
		if o.Name != a.Name && !o.Broken && meet(o, &fresh) {
			all = append(all, partner{o, false})
		}
	}
	return all
}

func methodsWithin(a, b []string) bool {
	return b == nil || a != nil && len(outside(a, b, same)) == 0
}

// meet reports whether some request is answered by both. Where ports alone tell requests apart, the port does.
func meet(b, a *model.Endpoint) bool {
	if b.Paths == nil && a.Paths == nil {
		return b.Port != nil && a.Port != nil && b.Port.Number == a.Port.Number
	}
	if b.Paths == nil || a.Paths == nil {
		return false
	}
	methods := b.Methods == nil || a.Methods == nil || slices.ContainsFunc(a.Methods, func(m string) bool { return slices.Contains(b.Methods, m) })
	return methods && slices.ContainsFunc(a.Paths, func(p model.Pattern) bool { return slices.ContainsFunc(b.Paths, p.Overlaps) })
}

// tags compares what an endpoint says that it carries.
func (d *document) tags(b, a *model.Endpoint) {
	before, after := d.c.before.Flow, d.c.after.Flow
	at := a.Key.Span
	if a.Doc.Returns != nil {
		at = a.Doc.Returns.Span
	}
	const field = "Service.spec.endpoints."
	words := a.Name + " no longer returns %s"
	switch {
	case b.Returns != nil && a.Returns == nil && a.Name == b.Name && a.Service.PersonalData != nil:
		d.tell(field+"returns", at, "-"+a.Name, a.Name+" no longer says what it returns")
	case b.Returns != nil:
		d.loses(field+"returns", at, a.Name, words, before.Returns(b), after.Returns(a), vocabulary.Covers)
	case a.Returns != nil && b.Service.PersonalData != nil:
		// What the Service has given up is told of the Service.
		had := vocabulary.Both(after.Exposed(a.Service), before.Returns(b))
		d.loses(field+"returns first", at, a.Name, a.Name+" is said not to return %s, which its Service has", had, after.Returns(a), vocabulary.Covers)
	}
	at = a.Key.Span
	if a.Doc.Accepts != nil {
		at = a.Doc.Accepts.Span
	}
	if b.Accepts != nil && a.Accepts == nil && a.Name == b.Name && a.Service.PersonalData != nil {
		d.tell(field+"accepts", at, "-"+a.Name, a.Name+" no longer says what it accepts")
	}
	d.loses(field+"accepts", at, a.Name, a.Name+" no longer accepts %s", before.Accepts(b), after.Accepts(a), vocabulary.Covers)
	if len(before.Tagged(b)) == 0 || b.Name != a.Name || b.Doc.Purposes == nil && a.Doc.Purposes == nil {
		return // what the Service processes for decides, and is judged
	}
	at = a.Key.Span
	if a.Doc.Purposes != nil {
		at = a.Doc.Purposes.Span
	}
	d.gains(field+"purposes", at, a.Name, a.Name+" may be used for %s", purposes(b), purposes(a), vocabulary.Covers)
}

// purposes are what the personal data of an endpoint may be used for.
func purposes(e *model.Endpoint) []string {
	if e.Doc.Purposes != nil || e.Service.PersonalData == nil {
		return e.Purposes
	}
	var all []string
	for _, p := range e.Service.PersonalData.Processes {
		if p.Activity != nil && p.Activity.Purpose != "" {
			all = append(all, p.Activity.Purpose)
		}
	}
	return vocabulary.Minimal(all)
}

// operations compares the requests that an endpoint with personal data answers.
func (d *document) operations(b, a *model.Endpoint) {
	const field = "Service.spec.endpoints."
	switch {
	case len(a.Doc.GRPC.Items) == 0 && len(a.Doc.Methods.Items) == 0:
		if (len(b.Doc.GRPC.Items) > 0 || len(b.Doc.Methods.Items) > 0) && a.Port != nil {
			d.tell(field+"port", a.Key.Span, "+"+a.Name, fmt.Sprintf("%s answers everything on port %s", a.Name, a.Port.Name))
		}
		return
	case len(b.Doc.GRPC.Items) == 0 && len(b.Doc.Methods.Items) == 0:
		return // it was everything
	}
	switch {
	case b.Methods == nil:
	case a.Methods == nil:
		d.tell(field+"methods", a.Doc.Methods.Span, "+"+a.Name+"\x00any", a.Name+" answers any method")
	default:
		d.gains(field+"methods", a.Doc.Methods.Span, a.Name, a.Name+" answers %s", b.Methods, a.Methods, same)
	}
	list, part := a.Doc.Paths.Span, "paths"
	if len(a.Doc.GRPC.Items) > 0 {
		list, part = a.Doc.GRPC.Span, "grpc"
	}
	if b.Paths == nil {
		return
	}
	if a.Paths == nil {
		d.tell(field+part, a.Key.Span, "+"+a.Name+"\x00any", a.Name+" answers any path")
	}
	for _, p := range a.Paths {
		if !slices.ContainsFunc(b.Paths, func(q model.Pattern) bool { return q.Covers(p) }) {
			d.tell(field+part, list, "+"+a.Name+"\x00"+p.Istio(), fmt.Sprintf("%s answers %s", a.Name, p.Text))
		}
	}
}

// grants compares whom an endpoint with personal data lets in.
func (d *document) grants(b, a *model.Endpoint) {
	for _, g := range a.Service.Grants {
		if !slices.Contains(g.Endpoints, a) {
			continue
		}
		who := admitted(g)
		var had []*model.Grant
		for _, o := range b.Service.Grants {
			if slices.Contains(o.Endpoints, b) && (admitted(o) == who || o.Team != nil && g.From != nil && g.From.Team.Name == o.Team.Name) {
				had = append(had, o)
			}
		}
		switch {
		case who == "" || g.From != nil && g.From.Team.Name == a.Service.Team.Name:
			// Nobody of that name, or somebody who needs no grant.
		case len(had) == 0 && !d.endpointGranted(b, g):
			d.tell("Service.spec.grants.from", g.Doc.From.Span, "+"+a.Name+"\x00"+who, who+" may call "+a.Name)
		case len(had) == 0:
			d.tell("Service.spec.grants.endpoints", g.Doc.Endpoints.Span, "+"+a.Name+"\x00"+who, who+" may call "+a.Name)
		default:
			last := slices.MaxFunc(had, func(x, y *model.Grant) int { return strings.Compare(end(x), end(y)) })
			d.later("Service.spec.grants.until", a.Name+"\x00"+who, "the consent to "+who+" for "+a.Name, last.Doc.Until, g.Doc.Until)
		}
	}
}

// endpointGranted reports whether the caller was let in before, to something else.
func (d *document) endpointGranted(b *model.Endpoint, g *model.Grant) bool {
	return slices.ContainsFunc(b.Service.Grants, func(o *model.Grant) bool { return admitted(o) == admitted(g) })
}

// end is the last day of a grant, beyond all others where it has none.
func end(g *model.Grant) string {
	if g.Doc.Until.Value == "" {
		return "~"
	}
	return g.Doc.Until.Value
}

// admitted is whom a grant lets in, "" where the name resolved nowhere.
func admitted(g *model.Grant) string {
	switch {
	case g.From != nil:
		return g.From.Key()
	case g.Team != nil:
		return "team " + g.Team.Name
	case g.Outsider != nil:
		return "outsider " + g.Outsider.Name
	default:
		return ""
	}
}
