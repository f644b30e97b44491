package weaken

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

func (c *comparison) services() {
	c.index()
	went := map[*model.Service]bool{}
	for _, m := range c.after.Meshes {
		for _, a := range m.Services {
			before := c.predecessors(a)
			for _, b := range before {
				went[b] = true
				c.service(b, a)
			}
			if len(before) == 0 {
				c.newService(a)
			}
		}
	}
	for _, m := range c.before.Meshes {
		for _, b := range m.Services {
			if !went[b] && b.PersonalData != nil && b.PersonalData.Stores() {
				c.gone(b)
			}
		}
	}
}

// index finds the Services of the earlier revision by what a later one may have in common with them.
func (c *comparison) index() {
	c.named, c.within = map[string][]*model.Service{}, map[string][]*model.Service{}
	for _, m := range c.before.Meshes {
		for _, b := range m.Services {
			c.named[b.Key()] = append(c.named[b.Key()], b)
			c.within[b.Namespace.Name] = append(c.within[b.Namespace.Name], b)
		}
	}
}

// predecessors are what a Service was before: the one of its name, and those whose pods it has taken over. Under a new name the same
// pods have the same data.
func (c *comparison) predecessors(a *model.Service) []*model.Service {
	var all []*model.Service
	for _, b := range c.named[a.Key()] {
		if b.Mesh.Name == a.Mesh.Name || c.elsewhere(b) {
			all = append(all, b)
		}
	}
	for _, b := range c.within[a.Namespace.Name] {
		if c.tookOver(b, a) {
			all = append(all, b)
		}
	}
	return all
}

// elsewhere reports whether the Service has left its mesh.
func (c *comparison) elsewhere(b *model.Service) bool {
	for _, m := range c.after.Meshes {
		if m.Name == b.Mesh.Name {
			return m.Service(b.Key()) == nil
		}
	}
	return true
}

func (c *comparison) tookOver(b, a *model.Service) bool {
	for _, w := range a.Workloads {
		for _, o := range b.Workloads {
			if w.Cluster.Name == o.Cluster.Name && b.Name != a.Name && slices.Equal(w.Selector, o.Selector) {
				return true
			}
		}
	}
	return false
}

func (c *comparison) serviceDocument(s *model.Service) *document {
	return &document{c: c, object: s.Object(), name: s.Key(), team: s.Team, at: s.Doc.Metadata.Name.Span}
}

func (c *comparison) gone(b *model.Service) {
	d := c.serviceDocument(b)
	d.at = c.after.Near(b.Doc.File)
	for _, p := range b.PersonalData.Processes {
		if p.Doc.Stored.Value {
			d.loses("Service.metadata", diag.Span{}, p.Doc.Activity.Value, "the Service is gone, and stored %s", p.Categories, nil, same)
		}
	}
}

// newService tells of the recipients of a Service that there was not: all else of it is new and was never protected.
func (c *comparison) newService(a *model.Service) {
	if a.PersonalData == nil {
		return
	}
	d := c.serviceDocument(a)
	for _, ch := range a.PersonalData.Channels {
		if ch.Party != nil && ch.Party.Doc.Spec.Role.Value != "own" {
			d.tell("Service.spec.personalData.channels.name", ch.Doc.Name.Span, "+"+ch.Key+"\x00"+ch.Party.Name+"\x00"+list(ch.Sends), "channel "+ch.Key+" is new, with "+ch.Party.Name)
		}
	}
}

func (c *comparison) service(b, a *model.Service) {
	d := c.serviceDocument(a)
	switch {
	case b.PersonalData == nil: // nobody said anything
	case a.PersonalData == nil:
		d.tell("Service.spec.personalData", diag.Span{}, "-", "it no longer says whether it processes personal data")
	default:
		d.personalData(b.PersonalData, a.PersonalData, func(category string) bool { return c.readNoMore(b, a, category) })
		d.acknowledges(b, a)
	}
	for _, e := range a.Endpoints {
		if e.Broken {
			continue // what it carries cannot be told, and it is closed
		}
		for _, p := range partners(b, e) {
			d.tags(p.before, e)
			if len(c.before.Flow.Tagged(p.before)) == 0 {
				continue
			}
			if p.named {
				d.operations(p.before, e)
			}
			d.grants(p.before, e)
		}
	}
	if len(c.before.Flow.Exposed(b)) > 0 {
		c.places(d, b, a)
		c.stages(d, b, a)
	}
}

// personalData compares what two revisions of a Service say. A word that is misspelt has a finding of its own, and is no loss.
func (d *document) personalData(b, a *model.PersonalData, readNoMore func(category string) bool) {
	d.at = cmp.Or(a.Doc.Span, d.at)
	if a.Unsure {
		return
	}
	d.processes(b, a, readNoMore)
	d.declassifies(b, a)
	d.channels(b, a)
	d.changes("Service.spec.personalData.rights.through", "", "the Service that serves data subjects for it", b.Doc.Rights.Through, a.Doc.Rights.Through)
	d.goes("Service.spec.personalData.rights.access", "the endpoint for access", b.Doc.Rights.Access, a.Doc.Rights.Access)
	d.goes("Service.spec.personalData.rights.erasure", "the endpoint for erasure", b.Doc.Rights.Erasure, a.Doc.Rights.Erasure)
	d.goes("Service.spec.personalData.rights.rectification", "the endpoint for rectification", b.Doc.Rights.Rectification, a.Doc.Rights.Rectification)
}

// processed is what a Service processes under one Activity.
type processed struct {
	categories, stored, reveals []string
	at                          diag.Span
}

func byActivity(d *model.PersonalData) map[string]processed {
	all := map[string]processed{}
	for _, p := range d.Processes {
		name := p.Doc.Activity.Value
		one := all[name]
		one.at = p.Doc.Categories.Span
		one.categories = append(one.categories, p.Categories...)
		one.reveals = append(one.reveals, p.MayReveal...)
		if p.Doc.Stored.Value {
			one.stored = append(one.stored, p.Categories...)
		}
		all[name] = one
	}
	return all
}

func (d *document) processes(before, after *model.PersonalData, readNoMore func(category string) bool) {
	now := byActivity(after)
	for activity, b := range byActivity(before) {
		b.categories = slices.DeleteFunc(b.categories, readNoMore)
		a, still := now[activity]
		field := "Service.spec.personalData.processes.categories"
		if !still {
			field = "Service.spec.personalData.processes.activity"
		}
		if after.None() {
			field = "Service.spec.personalData.none"
		}
		d.loses(field, a.at, activity, "it no longer says that it processes %s for "+activity, vocabulary.Minimal(b.categories), a.categories, vocabulary.Covers)
		kept := vocabulary.Both(a.categories, b.stored)
		d.loses("Service.spec.personalData.processes.stored", a.at, activity, "it no longer says that it stores %s for "+activity, kept, a.stored, vocabulary.Covers)
		if still {
			d.loses("Service.spec.personalData.processes.mayReveal", a.at, activity, "it no longer says that its data for "+activity+" may reveal %s", b.reveals, a.reveals, vocabulary.Covers)
		}
	}
}

// readNoMore reports whether the Service had the category only because it read it from others, handed it to nobody, and reads none of
// it any more: to say so is right, and weakens nothing.
func (c *comparison) readNoMore(b, a *model.Service, category string) bool {
	some := func(keys []string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return vocabulary.Overlap(k, category) })
	}
	kept := slices.ContainsFunc(b.PersonalData.Processes, func(p *model.Processing) bool { return p.Doc.Stored.Value && some(p.Categories) })
	if kept || len(b.PersonalData.Channels)+len(a.PersonalData.Channels) > 0 || c.carried(c.before, b, some) || c.carried(c.after, a, some) {
		return false
	}
	read := func(r Revision, s *model.Service) bool {
		return slices.ContainsFunc(r.Flow.Calls(s), func(x *model.Access) bool { return some(r.Flow.Returns(x.Endpoint)) })
	}
	written := func(x *model.Access) bool { return some(c.after.Flow.Accepts(x.Endpoint)) }
	return read(c.before, b) && !read(c.after, a) && !slices.ContainsFunc(c.after.Flow.Calls(a), written)
}

// carried reports whether an endpoint of the Service has some of the categories, or does not say.
func (c *comparison) carried(r Revision, s *model.Service, some func(keys []string) bool) bool {
	return slices.ContainsFunc(s.Endpoints, func(e *model.Endpoint) bool {
		return e.Returns == nil && !r.Flow.Plain(e) || some(r.Flow.Tagged(e))
	})
}

func (d *document) declassifies(before, after *model.PersonalData) {
	const field = "Service.spec.personalData.declassifies."
	for _, a := range after.Declassifications {
		i := slices.IndexFunc(before.Declassifications, func(o *model.Declassification) bool { return o.Name == a.Name })
		if i < 0 {
			d.tell(field+"name", a.Doc.Name.Span, "+"+a.Name+"\x00"+a.Doc.Method.Value+"\x00"+list(a.Drops)+"\x00"+list(syntax.Values(a.Doc.Endpoints)),
				"declassification "+a.Name+" is new: "+a.Doc.Method.Value+" of "+list(a.Drops))
			continue
		}
		b := before.Declassifications[i]
		d.gains(field+"drops", a.Doc.Drops.Span, a.Name, a.Name+" drops %s", b.Drops, a.Drops, vocabulary.Covers)
		d.changes(field+"method", a.Name, "the method of "+a.Name, b.Doc.Method, a.Doc.Method)
		d.gains(field+"endpoints", a.Doc.Endpoints.Span, a.Name, a.Name+" holds for %s", syntax.Values(b.Doc.Endpoints), syntax.Values(a.Doc.Endpoints), same)
		d.changes(field+"approval", a.Name, "the Approval of "+a.Name, b.Doc.Approval, a.Doc.Approval)
	}
}

func (d *document) channels(before, after *model.PersonalData) {
	const field = "Service.spec.personalData.channels."
	find := func(all []*model.Channel, key string) *model.Channel {
		i := slices.IndexFunc(all, func(o *model.Channel) bool { return o.Key == key })
		if i < 0 {
			return nil
		}
		return all[i]
	}
	for _, a := range after.Channels {
		b := find(before.Channels, a.Key)
		if b == nil {
			d.tell(field+"name", a.Doc.Name.Span, "+"+a.Key+"\x00"+a.Doc.Party.Value+"\x00"+list(a.Sends), "channel "+a.Key+" is new")
			continue
		}
		d.sends(b, a)
		d.loses(field+"receives", a.Doc.Name.Span, a.Key, "it no longer says that it takes %s from channel "+a.Key, b.Receives, a.Receives, vocabulary.Covers)
		if b.Doc.Receives != nil && a.Doc.Receives == nil {
			d.tell(field+"receives", a.Doc.Name.Span, "-"+a.Key, "it no longer says that it takes anything from channel "+a.Key)
		}
		switch {
		case b.Doc.Party.Value == "" && a.Doc.Party.Value != "":
			d.tell(field+"party", a.Doc.Party.Span, "+"+a.Key+"\x00"+a.Doc.Party.Value, a.Doc.Party.Value+" is at the other end of channel "+a.Key)
		default:
			d.changes(field+"party", a.Key, "the other end of channel "+a.Key, b.Doc.Party, a.Doc.Party)
		}
		d.changes(field+"activity", a.Key, "what channel "+a.Key+" is for", b.Doc.Activity, a.Doc.Activity)
	}
	for _, b := range before.Channels {
		if find(after.Channels, b.Key) == nil {
			d.tell(field+"receives", diag.Span{}, "-"+b.Key+"\x00gone", "channel "+b.Key+" is no longer said")
		}
	}
}

// sends compares what goes into a channel, which is all that the Service has where it says neither what it sends nor what it takes.
func (d *document) sends(b, a *model.Channel) {
	at, words := a.Doc.Sends.Span, "%s goes into channel "+a.Key
	if at.IsZero() {
		at, words = a.Doc.Name.Span, words+", of which it does not say what it sends"
	}
	d.gains("Service.spec.personalData.channels.sends", at, a.Key, words, d.c.before.Flow.Sends(b), d.c.after.Flow.Sends(a), vocabulary.Covers)
}

// acknowledges compares the callers that keep an access which they do not declare. One that had the access before the endpoint had
// the data is what acknowledgements are for; any other is let in past the rule.
func (d *document) acknowledges(b, a *model.Service) {
	const field = "Service.spec.personalData.acknowledges."
	for _, k := range a.PersonalData.Acknowledgements {
		if k.Caller == nil || k.Endpoint == nil {
			continue // which is told, and acknowledges nothing
		}
		var had []string
		for _, o := range b.PersonalData.Acknowledgements {
			if o.Caller != nil && o.Endpoint != nil && o.Caller.Key() == k.Caller.Key() && o.Endpoint.Name == k.Endpoint.Name {
				had = append(had, o.Categories...)
			}
		}
		was := d.c.access(k.Caller, b, k.Endpoint.Name)
		for _, category := range outside(k.Categories, had, vocabulary.Covers) {
			switch {
			case was == nil:
				d.tell(field+"caller", k.Doc.Caller.Span, "+"+k.Caller.Key()+"\x00"+k.Endpoint.Name+"\x00"+category,
					k.Caller.Key()+" gets "+category+" from "+k.Endpoint.Name+" undeclared, and did not call it before")
			case d.c.had(was, category):
				d.tell(field+"categories", k.Doc.Categories.Span, "+"+k.Caller.Key()+"\x00"+k.Endpoint.Name+"\x00"+category,
					k.Caller.Key()+" gets "+category+" from "+k.Endpoint.Name+" undeclared, which had it before")
			}
		}
	}
}

// had reports whether the access had data of the category before, of which its caller did not say that it has it.
func (c *comparison) had(was *model.Access, category string) bool {
	holds := c.before.Flow.Holds(was.Caller.Service)
	return slices.ContainsFunc(c.before.Flow.Returns(was.Endpoint), func(r string) bool {
		return vocabulary.Covers(r, category) || vocabulary.Covers(category, r) && len(vocabulary.CoveredBy([]string{r}, holds)) > 0
	})
}

// access is the access of a Service to an endpoint in the earlier revision, nil where there was none.
func (c *comparison) access(caller, callee *model.Service, endpoint string) *model.Access {
	for _, x := range c.before.Flow.Callers(callee) {
		if s := x.Caller.Service; s != nil && s.Key() == caller.Key() && x.Endpoint.Name == endpoint {
			return x
		}
	}
	return nil
}
