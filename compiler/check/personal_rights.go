package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
)

var beyondRights = &diag.Rule{
	Code: "PII-080", Name: "out-of-reach-of-rights", Effect: diag.Report, Level: diag.Error,
	Title: "a Service stores personal data, and the Service that answers data subjects does not reach it",
	Why:   "Who asks for their data or for its erasure gets an answer within a month (GDPR Articles 12(3), 15, 17 and 20). What cannot be reached is forgotten in it.",
}

func runBeyondRights(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	desk := p.Estate.Privacy.Doc.Spec.Rights
	if desk.Value == "" {
		return
	}
	if !slices.ContainsFunc(p.Estate.Meshes, func(m *model.Mesh) bool { return m.Service(desk.Value) != nil }) {
		p.object(desk.Span, diag.Finding{
			Message: fmt.Sprintf("%q is no Service, so nobody answers data subjects", desk.Value),
			Help:    "name the Service that does, as namespace/name",
			Objects: []string{"Privacy " + p.Estate.Privacy.Doc.Metadata.Name.Value}, Field: "spec.rights",
		})
		return
	}
	reached := map[*syntax.Endpoint]bool{}
	for _, m := range p.Estate.Meshes {
		if s := m.Service(desk.Value); s != nil {
			if s.Slips {
				return // a misspelt name may be what reaches it
			}
			for _, a := range f.Calls(s) {
				reached[a.Endpoint.Doc] = true
			}
		}
	}
	eachService(p.Estate, func(s *model.Service) {
		if d := s.PersonalData; d != nil && d.Stores() && !d.Unsure && len(f.Holds(s)) > 0 {
			p.rightsOf(s, desk, reached)
		}
	})
}

func (p *Pass) rightsOf(s *model.Service, desk syntax.Text, reached map[*syntax.Endpoint]bool) {
	d := s.PersonalData
	var missing, beyond []string
	if d.Access == nil {
		missing = append(missing, "access")
	}
	if d.Erasure == nil {
		missing = append(missing, "erasure")
	}
	at := d.Doc.Span
	finding := diag.Finding{
		Related: []diag.Related{{Span: desk.Span, Message: "who answers data subjects"}},
		Objects: []string{s.Object()}, Field: "spec.personalData.rights",
	}
	if len(missing) > 0 {
		finding.Message = fmt.Sprintf("%s stores personal data and names no endpoint for %s by a data subject", s.Key(), listed(missing))
		finding.Help = fmt.Sprintf("write under personalData: rights: {access: ..., erasure: ...}, naming endpoints that %s may call", desk.Value)
		finding.Items = missing
		p.object(at, finding)
		return
	}
	if s.Key() == desk.Value {
		return
	}
	for _, e := range []*model.Endpoint{d.Access, d.Erasure, d.Rectification} {
		if e != nil && !e.Broken && !e.Service.Slips && !reached[e.Doc] {
			beyond = append(beyond, e.Name)
		}
	}
	if len(beyond) == 0 {
		return
	}
	if !d.Doc.Rights.Access.Span.IsZero() {
		at = d.Doc.Rights.Access.Span
	}
	finding.Message = fmt.Sprintf("%s answers data subjects and does not reach %s of %s", desk.Value, listed(beyond), s.Key())
	finding.Help = fmt.Sprintf("team %s adds to the intents of %s: - {to: %s, endpoints: [%s], activity: ..., because: ...}, and %s grants it",
		p.teamOf(desk.Value), desk.Value, s.Key(), strings.Join(beyond, ", "), s.Key())
	finding.Items = beyond
	p.object(at, finding)
}

func (p *Pass) teamOf(key string) string {
	for _, m := range p.Estate.Meshes {
		if s := m.Service(key); s != nil {
			return s.Team.Name
		}
	}
	return ""
}

var cutOffHolder = &diag.Rule{
	Code: "PII-081", Name: "holder-without-ways", Effect: diag.Report, Level: diag.Notice,
	Title: "a Service stores personal data, and nothing says how it comes there",
	Why:   "The record of processing is to be right (GDPR Article 30): data comes from somewhere, over a call or over a channel that nobody declared.",
}

func runCutOffHolder(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	alive := map[*syntax.Service]bool{}
	slips := map[*model.Team]bool{} // one of its Services may mean another by a name that is misspelt
	for _, m := range p.Estate.Meshes {
		for _, s := range m.Services {
			slips[s.Team] = slips[s.Team] || s.Slips
			reads := slices.ContainsFunc(f.Calls(s), func(a *model.Access) bool { return len(f.DeclaredReturns(a.Endpoint)) > 0 })
			// Whom a grant names is meant to come: that nobody does is told of the grant, or of the intent that misspells it.
			alive[s.Doc] = alive[s.Doc] || reads || len(s.Grants) > 0 || len(f.Callers(s)) > 0 || s.PersonalData != nil && len(s.PersonalData.Channels) > 0
		}
		for _, a := range m.Pending {
			alive[a.Callee().Doc] = true
		}
	}
	eachService(p.Estate, func(s *model.Service) {
		if d := s.PersonalData; d == nil || !d.Stores() || len(f.Holds(s)) == 0 || alive[s.Doc] || slips[s.Team] {
			return
		}
		p.object(s.PersonalData.Doc.Processes.Span, diag.Finding{
			Message: fmt.Sprintf("%s stores %s, and no intent and no channel says how it comes there", s.Key(), listed(f.Holds(s))),
			Help:    "declare the channel by which it comes (personalData.channels), or delete what is not so any more",
			Objects: []string{s.Object()}, Field: "spec.personalData.processes",
		})
	})
}

var acknowledged = &diag.Rule{
	Code: "PII-094", Name: "acknowledged", Effect: diag.Report,
	Title: "a caller gets personal data that it does not declare yet, by its provider's acknowledgement",
	Why:   "The provider has said that an endpoint carries more than it used to say, and keeps who called it before. The record of processing is right again when the caller declares it (GDPR Articles 5(2) and 30).",
}

var idleAcknowledgement = &diag.Rule{
	Code: "PII-098", Name: "idle-acknowledgement", Effect: diag.Report, Level: diag.Notice, Mends: true,
	Title: "an acknowledgement is not needed any more",
	Why:   "It is leave to read undeclared, for a caller that declares what it reads or reads it no longer.",
}

// needed are the accesses for which acknowledgements are needed still, by entry.
func (p *Pass) needed(f *privacy.Flow) map[*syntax.Acknowledgement][]privacy.Step {
	all := map[*syntax.Acknowledgement][]privacy.Step{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			s := a.Caller.Service
			if s == nil || a.Callee().PersonalData == nil || len(a.Callee().PersonalData.Acknowledgements) == 0 {
				continue
			}
			for _, c := range f.DeclaredReturns(a.Endpoint) {
				if k := leaveFor(f, a, c); k != nil {
					all[k.Doc] = append(all[k.Doc], privacy.Step{Category: c, From: a.Callee(), To: s, Access: a})
				}
			}
		}
	}
	return all
}

func runAcknowledged(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	needed := p.needed(f)
	p.eachAcknowledgement(func(s *model.Service, k *model.Acknowledgement) {
		steps := needed[k.Doc]
		if len(steps) == 0 {
			return
		}
		var what []string
		for _, step := range steps {
			what = append(what, step.Category)
		}
		caller := steps[0].To
		p.object(steps[0].Access.Span(), diag.Finding{
			Message: fmt.Sprintf("%s gets %s from %s since %s and does not declare it", caller.Key(), listed(what), steps[0].Access.Endpoint, k.Doc.Since.Value),
			Help: fmt.Sprintf("declare it (personalData.processes: {activity: %s, categories: [%s], stored: ...}) and say the activity here, or take the endpoint out of the intent; until then %s keeps your access",
				activityOr(steps[0].Access, "..."), strings.Join(unique(what), ", "), s.Key()),
			Related: []diag.Related{{Span: k.Doc.Span, Message: "the provider's acknowledgement"}},
			Items:   unique(what),
			Objects: []string{caller.Object(), s.Object()}, Field: "spec.intents[" + s.Key() + "].endpoints[" + k.Endpoint.Name + "]",
		})
	})
}

func activityOr(a *model.Access, none string) string {
	if a.Activity() == nil {
		return none
	}
	return a.Activity().Name
}

// eachAcknowledgement visits the entries that name somebody and something.
func (p *Pass) eachAcknowledgement(visit func(*model.Service, *model.Acknowledgement)) {
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil {
			return
		}
		for _, k := range s.PersonalData.Acknowledgements {
			if k.Endpoint != nil && !k.Endpoint.Broken && len(k.Categories) == len(k.Doc.Categories.Items) {
				visit(s, k)
			}
		}
	})
}

func runIdleAcknowledgement(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	needed := p.needed(f)
	p.eachAcknowledgement(func(s *model.Service, k *model.Acknowledgement) {
		if len(needed[k.Doc]) > 0 || k.Caller == nil || k.Caller.Slips || k.Caller.PersonalData != nil && k.Caller.PersonalData.Unsure {
			return
		}
		p.object(k.Doc.Span, diag.Finding{
			Message: fmt.Sprintf("%s declares what it gets from %s, or gets it no longer", k.Caller.Key(), k.Endpoint),
			Help:    "take the acknowledgement away",
			Fix:     k.Doc.Removal,
			Objects: []string{s.Object()}, Field: "spec.personalData.acknowledges[" + k.Doc.Caller.Value + "/" + k.Doc.Endpoint.Value + "]",
		})
	})
}
