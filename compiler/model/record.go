package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// resolveRecord resolves what the privacy team writes. It comes before Clusters and Services, which refer to it.
func (r *resolver) resolveRecord(tree *syntax.Tree) {
	r.resolvePrivacy(tree.Privacies)
	r.resolveParties(tree.Parties)
	r.resolveApprovals(tree.Approvals)
	r.resolveActivities(tree.Activities)
	if d := r.estate.Privacy.Doc; d != nil {
		r.estate.Privacy.Controller = r.party(d.Spec.Controller, "Privacy "+d.Metadata.Name.Value, "spec.controller")
	}
}

func (r *resolver) resolvePrivacy(docs []*syntax.Privacy) {
	p := &Privacy{Categories: vocabulary.Categories(), Uses: vocabulary.Uses(), Subjects: vocabulary.Subjects(), Notice: 30}
	r.estate.Privacy = p
	for i, d := range docs {
		object := "Privacy " + d.Metadata.Name.Value
		r.liesIn("privacy", object, d.Header)
		if i > 0 {
			r.add(DuplicateName, d.Metadata.Name.Span, diag.Finding{
				Message: "a second Privacy document",
				Help:    "keep one: what the organisation decides about personal data stands in one place",
				Related: []diag.Related{{Span: docs[0].Metadata.Name.Span, Message: "the first one"}},
				Objects: []string{object}, Field: "metadata.name",
			})
			continue
		}
		p.Doc = d
		if d.Spec.Notice.Value > 0 {
			p.Notice = d.Spec.Notice.Value
		}
		p.Categories = r.extend(p.Categories, d.Spec.Categories.Items, object, "spec.categories")
		p.Uses = r.extend(p.Uses, d.Spec.Uses.Items, object, "spec.uses")
	}
}

// extend adds the organisation's own words; those that have no place are told and left out.
func (r *resolver) extend(t *vocabulary.Taxonomy, own []syntax.OwnTerm, object, field string) *vocabulary.Taxonomy {
	extensions := make([]vocabulary.Extension, len(own))
	for i, o := range own {
		class, _ := vocabulary.ParseClass(o.Class.Value)
		extensions[i] = vocabulary.Extension{Key: o.Key.Value, Class: class, Title: o.Because.Line(), Description: o.Because.Line()}
	}
	extended, problems := t.Extend(extensions)
	for _, p := range problems {
		o := own[p.Index]
		at := o.Key.Span
		if p.Part == vocabulary.PartClass {
			at = o.Class.Span
		}
		r.add(UnknownTerm, at, diag.Finding{
			Message: p.Message, Help: p.Help,
			Objects: []string{object}, Field: field + "[" + o.Key.Value + "]." + string(p.Part),
		})
	}
	return extended
}

func (r *resolver) resolveParties(docs []*syntax.Party) {
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if !r.takes(d.Header, "privacy") {
			continue
		}
		object := "Party " + name
		p := &Party{Doc: d, Name: name}
		p.Receives, _ = r.categories(d.Spec.Receives, object, "spec.receives")
		p.Mechanism = r.code(mechanism, d.Spec.Transfer.Mechanism, object, "spec.transfer.mechanism")
		r.country(d.Spec.Country, object, "spec.country")
		r.parties[name] = p
		r.estate.Parties = append(r.estate.Parties, p)
	}
	slices.SortFunc(r.estate.Parties, func(a, b *Party) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *resolver) resolveApprovals(docs []*syntax.Approval) {
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if !r.takes(d.Header, "privacy") {
			continue
		}
		object := "Approval " + name
		a := &Approval{Doc: d, Name: name}
		a.Categories, _ = r.categories(d.Spec.Covers.Categories, object, "spec.covers.categories")
		r.partyList(d.Spec.Covers.Parties, object, "spec.covers.parties")
		r.places(d.Spec.Covers.Places, object, "spec.covers.places")
		r.approvals[name] = a
		r.estate.Approvals = append(r.estate.Approvals, a)
	}
	slices.SortFunc(r.estate.Approvals, func(a, b *Approval) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *resolver) resolveActivities(docs []*syntax.Activity) {
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if !r.takes(d.Header, "privacy") {
			continue
		}
		object := "Activity " + name
		before := r.slips
		a := &Activity{Doc: d, Name: name}
		a.Purpose, _ = r.term(r.estate.Privacy.Uses, "data use", d.Spec.Purpose, object, "spec.purpose")
		for _, t := range d.Spec.Subjects.Items {
			if subject, known := r.term(r.estate.Privacy.Subjects, "data subject", t, object, "spec.subjects["+t.Value+"]"); known {
				a.Subjects = append(a.Subjects, subject)
			}
		}
		a.Categories, _ = r.categories(d.Spec.Categories, object, "spec.categories")
		a.Basis = r.code(legalBasis, d.Spec.LegalBasis.Code, object, "spec.legalBasis.code")
		a.Condition = r.code(condition, d.Spec.Condition.Code, object, "spec.condition.code")
		r.places(d.Spec.Stays, object, "spec.stays")
		a.Unsure = r.slips > before
		a.Controllers = r.partyList(d.Spec.Controllers, object, "spec.controllers")
		a.Recipients = r.partyList(d.Spec.Recipients, object, "spec.recipients")
		a.Approval = r.approval(d.Spec.Approval, object, "spec.approval")
		r.activities[name] = a
		r.estate.Activities = append(r.estate.Activities, a)
	}
	slices.SortFunc(r.estate.Activities, func(a, b *Activity) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range r.estate.Activities {
		for _, c := range a.Doc.Spec.CompatibleWith.Items {
			if source := r.activity(c.Activity, "Activity "+a.Name, "spec.compatibleWith["+c.Activity.Value+"]"); source != nil {
				a.Compatible = append(a.Compatible, source)
			}
		}
	}
	for _, a := range r.estate.Approvals {
		for _, t := range a.Doc.Spec.Covers.Activities.Items {
			r.activity(t, "Approval "+a.Name, "spec.covers.activities["+t.Value+"]")
		}
	}
}

// resolvePersonalData resolves what the Services of all meshes say of personal data.
func (r *resolver) resolvePersonalData() {
	for _, a := range r.estate.Approvals {
		if by := a.Doc.Spec.DecidedBy.Team; by.Value != "" && r.teams[by.Value] == nil {
			r.unknown(UnknownTeam, by, "Team", keys(r.teams), "Approval "+a.Name, "spec.decidedBy.team")
		}
	}
	for _, c := range r.estate.Clusters {
		c.Operator = r.party(c.Doc.Spec.Operator, "Cluster "+c.Name, "spec.operator")
		r.country(c.Doc.Spec.Country, "Cluster "+c.Name, "spec.country")
	}
	for _, m := range r.estate.Meshes {
		for _, s := range m.Services {
			r.resolveTags(s)
			if d := s.Doc.Spec.PersonalData; d != nil {
				s.PersonalData = r.personalData(s, d)
			}
		}
	}
}

// resolveTags resolves what the endpoints of a Service say. One with a word that nobody knows is closed: what it carries cannot be
// told.
func (r *resolver) resolveTags(s *Service) {
	for _, e := range s.Endpoints {
		field := "spec.endpoints." + e.Name
		var known [2]bool
		e.Returns, known[0] = r.data(e.Doc.Returns, s.Object(), field+".returns")
		e.Accepts, known[1] = r.data(e.Doc.Accepts, s.Object(), field+".accepts")
		e.Broken = e.Broken || known != [2]bool{true, true}
		if e.Doc.Purposes == nil {
			continue
		}
		for _, t := range e.Doc.Purposes.Items {
			use, known := r.term(r.estate.Privacy.Uses, "data use", t, s.Object(), field+".purposes["+t.Value+"]")
			if known {
				e.Purposes = append(e.Purposes, use)
			}
			e.Broken = e.Broken || !known
		}
	}
}

func (r *resolver) data(d *syntax.Categories, object, field string) (*Data, bool) {
	if d == nil {
		return nil, true
	}
	keys, known := r.categories(d.Keys, object, field)
	return &Data{Doc: d, Categories: keys}, known
}

func (r *resolver) personalData(s *Service, d *syntax.PersonalData) *PersonalData {
	p := &PersonalData{Doc: d}
	before := r.slips
	defer func() { p.Unsure = r.slips > before }()
	object := s.Object()
	for i := range d.Processes.Items {
		p.Processes = append(p.Processes, r.processing(s, &d.Processes.Items[i]))
	}
	for i := range d.Declassifies.Items {
		doc := &d.Declassifies.Items[i]
		field := "spec.personalData.declassifies[" + doc.Name.Value + "]"
		x := &Declassification{Doc: doc, Service: s, Name: doc.Name.Value}
		x.Drops, _ = r.categories(doc.Drops, object, field+".drops")
		x.Endpoints = r.resolveEndpointNames(s, doc.Endpoints.Items, object, field)
		x.Approval = r.approval(doc.Approval, object, field+".approval")
		p.Declassifications = append(p.Declassifications, x)
	}
	for i := range d.Channels.Items {
		p.Channels = append(p.Channels, r.channel(s, &d.Channels.Items[i]))
	}
	for i := range d.Acknowledges.Items {
		doc := &d.Acknowledges.Items[i]
		key := qualify(doc.Caller.Value, s.Namespace.Name)
		field := "spec.personalData.acknowledges[" + key + "/" + doc.Endpoint.Value + "]"
		x := &Acknowledgement{Doc: doc, Caller: r.serviceOf(s, doc.Caller, object, field)}
		x.Endpoint = r.endpointOf(s, doc.Endpoint, object, field)
		x.Categories, _ = r.categories(doc.Categories, object, field+".categories")
		p.Acknowledgements = append(p.Acknowledgements, x)
	}
	answers := s
	if through := d.Rights.Through; through.Value != "" {
		answers = r.serviceOf(s, through, object, "spec.personalData.rights.through")
	}
	p.Access = r.endpointOf(answers, d.Rights.Access, object, "spec.personalData.rights.access")
	p.Erasure = r.endpointOf(answers, d.Rights.Erasure, object, "spec.personalData.rights.erasure")
	p.Rectification = r.endpointOf(answers, d.Rights.Rectification, object, "spec.personalData.rights.rectification")
	return p
}

func (r *resolver) processing(s *Service, d *syntax.Processing) *Processing {
	field := "spec.personalData.processes[" + d.Activity.Value + "]"
	p := &Processing{Doc: d, Activity: r.activity(d.Activity, s.Object(), field)}
	var known, revealed bool
	p.Categories, known = r.categories(d.Categories, s.Object(), field+".categories")
	p.MayReveal, revealed = r.categories(d.MayReveal, s.Object(), field+".mayReveal")
	if !known || !revealed {
		for _, e := range s.Endpoints { // what they carry cannot be told
			e.Broken = true
		}
	}
	return p
}

func (r *resolver) channel(s *Service, d *syntax.Channel) *Channel {
	field := "spec.personalData.channels[" + d.Name.Value + "]"
	c := &Channel{Doc: d, Service: s, Key: qualify(d.Name.Value, s.Namespace.Name)}
	c.Sends, _ = r.categories(d.Sends, s.Object(), field+".sends")
	if d.Receives != nil {
		c.Receives, _ = r.categories(d.Receives.Keys, s.Object(), field+".receives")
	}
	c.Party = r.party(d.Party, s.Object(), field+".party")
	c.Activity = r.activity(d.Activity, s.Object(), field+".activity")
	return c
}

// serviceOf finds a Service that a document of another one names, nil where the mesh has none.
func (r *resolver) serviceOf(s *Service, name syntax.Text, object, field string) *Service {
	key := qualify(name.Value, s.Namespace.Name)
	if !r.services[key] && !r.misnamed[key] {
		r.unknown(UnknownService, name, "Service", keys(r.services), object, field)
	}
	return s.Mesh.services[key]
}

// endpointOf finds an endpoint of the Service by a name that may not be written.
func (r *resolver) endpointOf(s *Service, name syntax.Text, object, field string) *Endpoint {
	if name.Value == "" || s == nil {
		return nil
	}
	if e := s.Endpoint(name.Value); e != nil {
		return e
	}
	r.unknownEndpoint(UnknownEndpoint, s, name, object, field)
	return nil
}

func (r *resolver) activity(name syntax.Text, object, field string) *Activity {
	if a := r.activities[name.Value]; a != nil || name.Value == "" {
		return a
	}
	r.unknown(UnknownActivity, name, "Activity", keys(r.activities), object, field)
	return nil
}

func (r *resolver) approval(name syntax.Text, object, field string) *Approval {
	if a := r.approvals[name.Value]; a != nil || name.Value == "" {
		return a
	}
	r.unknown(UnknownApproval, name, "Approval", keys(r.approvals), object, field)
	return nil
}

func (r *resolver) party(name syntax.Text, object, field string) *Party {
	if p := r.parties[name.Value]; p != nil || name.Value == "" {
		return p
	}
	r.unknown(UnknownParty, name, "Party", keys(r.parties), object, field)
	return nil
}

func (r *resolver) partyList(names syntax.List[syntax.Text], object, field string) []*Party {
	var all []*Party
	for _, n := range names.Items {
		if p := r.party(n, object, field+"["+n.Value+"]"); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// categories are the keys of data categories in the words of today, and whether all are known.
func (r *resolver) categories(l syntax.List[syntax.Text], object, field string) ([]string, bool) {
	var all []string
	sure := true
	for _, t := range l.Items {
		key, known := r.term(r.estate.Privacy.Categories, "data category", t, object, field+"["+t.Value+"]")
		if known {
			all = append(all, key)
		}
		sure = sure && known
	}
	slices.Sort(all)
	return slices.Compact(all), sure
}

// term is a key in the words of today.
func (r *resolver) term(t *vocabulary.Taxonomy, kind string, text syntax.Text, object, field string) (string, bool) {
	if _, known := t.Find(text.Value); known {
		return text.Value, true
	}
	if today, moved := t.Current(text.Value); moved {
		r.add(MovedTerm, text.Span, diag.Finding{
			Message: fmt.Sprintf("the %s %s is called %s today", kind, text.Value, today),
			Help:    "write " + today,
			Fix:     rename(text, today),
			Objects: []string{object}, Field: field,
		})
		return today, true
	}
	r.slips++
	f := diag.Finding{
		Message: fmt.Sprintf("unknown %s %q", kind, text.Value),
		Help:    "write a key of fideslang, or have the privacy team add a word of your own to the Privacy document",
		Objects: []string{object}, Field: field,
	}
	if near := nearestTerm(t, text.Value); near != "" {
		f.Help = fmt.Sprintf("did you mean %q?", near)
		f.Fix = rename(text, near)
	}
	r.add(UnknownTerm, text.Span, f)
	return "", false
}

// nearestTerm also finds a key of which only the last part was written.
func nearestTerm(t *vocabulary.Taxonomy, key string) string {
	known := t.Keys()
	if near := diag.Nearest(key, known); near != "" {
		return near
	}
	var same []string
	for _, k := range known {
		if strings.HasSuffix(k, "."+key) {
			same = append(same, k)
		}
	}
	if len(same) == 1 {
		return same[0]
	}
	return ""
}
