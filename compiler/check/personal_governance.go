package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

var officerDecides = &diag.Rule{
	Code: "PII-043", Name: "officer-decides", Effect: diag.Report, Level: diag.Error,
	Title: "an approval is decided by the protection officer, or by the team that asks for it",
	Why:   "The controller decides (GDPR Article 24). Its protection officer advises and watches, and may have no part that conflicts with it (Articles 38(3), 38(6) and 39(1)). Nobody approves their own request.",
}

// officers are what protection officers are called.
var officers = []string{"dpo", "data-protection-officer", "protection-officer", "fg", "functionaris-gegevensbescherming", "datenschutzbeauftragter", "delegue-a-la-protection-des-donnees"}

func runOfficerDecides(p *Pass) {
	if p.personal() == nil {
		return
	}
	teams := map[string]string{} // of Services, by key
	eachService(p.Estate, func(s *model.Service) { teams[s.Key()] = s.Team.Name })
	for _, a := range p.Estate.Approvals {
		by := a.Doc.Spec.DecidedBy
		f := diag.Finding{Objects: []string{"Approval " + a.Name}, Field: "spec.decidedBy"}
		if slices.Contains(officers, by.Role.Value) {
			f.Message = fmt.Sprintf("approval %s is decided by %q, who advises", a.Name, by.Role.Value)
			f.Help = "name who decides as decidedBy, such as business-owner or privacy-board, and write what the officer says under advice"
			p.object(by.Role.Span, f)
			continue
		}
		i := slices.IndexFunc(a.Doc.Spec.Covers.Services.Items, func(t syntax.Text) bool { return teams[t.Value] == by.Team.Value })
		if by.Team.Value == "" || i < 0 {
			continue
		}
		f.Message = fmt.Sprintf("approval %s is decided by team %s, whose own %s it is for", a.Name, by.Team.Value, a.Doc.Spec.Covers.Services.Items[i].Value)
		f.Help = "let somebody else decide: a privacy board, or whoever answers for the business"
		p.milder(diag.Warning, by.Team.Span, f)
	}
}

// milder reports a finding of the rule that is running at a lower level, unless the Privacy document makes the rule stricter.
func (p *Pass) milder(level diag.Level, at diag.Span, f diag.Finding) {
	rule := p.sharpened(p.rule)
	if *rule == *p.rule {
		mild := *rule
		mild.Level, rule = level, &mild
	}
	f.Rule, f.Span = rule, at
	f.Help += p.announced(p.rule)
	p.found.Add(f)
}

var adviceNotFollowed = &diag.Rule{
	Code: "PII-044", Name: "advice-not-followed", Effect: diag.Report, Level: diag.Error,
	Title: "an approval goes against the protection officer's advice and does not say why",
	Why:   "Who does not follow the advice of the protection officer writes down why (guidelines WP243 rev.01, 4.2 and WP248 rev.01, III; GDPR Articles 35(2) and 39(1)(c)).",
}

func runAdvice(p *Pass) {
	if p.personal() == nil {
		return
	}
	for _, a := range p.Estate.Approvals {
		advice := a.Doc.Spec.Advice
		if advice.Outcome.Value != "negative" || advice.Deviation.Value != "" || a.Doc.Spec.Decision.Value != "approved" {
			continue
		}
		p.object(advice.Outcome.Span, diag.Finding{
			Message: fmt.Sprintf("approval %s is given against the advice of the protection officer, and does not say why", a.Name),
			Help:    "write deviation: why the decision is not what was advised; or decide as advised",
			Objects: []string{"Approval " + a.Name}, Field: "spec.advice.deviation",
		})
	}
}

var notReviewed = &diag.Rule{
	Code: "PII-045", Name: "not-reviewed", Effect: diag.Report,
	Title: "nobody has looked at an Activity, an assessment or a Party for a year",
	Why:   "Measures are reviewed and updated, the record is kept true (GDPR Articles 5(1)(d), 24(1) and 30), and an impact assessment is reviewed where the risk changes (Article 35(11)).",
}

func runNotReviewed(p *Pass) {
	if p.personal() == nil {
		return
	}
	for _, a := range p.Estate.Activities {
		p.reviewed(a.Doc.Metadata.Name.Span, a.Doc.Spec.Reviewed, "activity "+a.Name, "Activity "+a.Name, "spec.reviewed")
		if x := a.Doc.Spec.Assessment; x.Required.Value {
			p.reviewed(x.Reference.Span, x.Reviewed, "the impact assessment of activity "+a.Name, "Activity "+a.Name, "spec.assessment.reviewed")
		}
	}
	for _, party := range p.Estate.Parties {
		p.reviewed(party.Doc.Metadata.Name.Span, party.Doc.Spec.Reviewed, "party "+party.Name, "Party "+party.Name, "spec.reviewed")
	}
}

func (p *Pass) reviewed(at diag.Span, day syntax.Text, what, object, field string) {
	f := diag.Finding{Help: "look whether all of it is still so, and write the day as reviewed", Objects: []string{object}, Field: field}
	switch {
	case day.Value == "":
		f.Message = fmt.Sprintf("%s does not say when somebody last looked whether it is still so", what)
		p.byDate(diag.Warning, at, f)
	case later(day.Value, 12, 0) < p.AsOf:
		f.Message = fmt.Sprintf("%s was last reviewed on %s, more than a year ago", what, day.Value)
		p.byDate(diag.Warning, day.Span, f)
	}
}

var nobodyReached = &diag.Rule{
	Code: "PII-005", Name: "nobody-reached", Effect: diag.Report, Level: diag.Error,
	Title: "who answers for personal data cannot be reached",
	Why:   "The record names who answers and how to reach them (GDPR Article 30(1)(a) and 30(2)(a)), outside the Union a representative (Article 27), and after a breach there are 72 hours (Article 33). No access is safer without, so none is withheld.",
}

// placeholders are written where there is nothing to say yet.
var placeholders = []string{"tbd", "todo", "none", "n/a", "na", "unknown", "nobody", "-", "?", "...", "x", "xxx", "fixme", "later"}

func runNobodyReached(p *Pass) {
	if p.personal() == nil {
		return
	}
	asked := map[*model.Team]bool{}
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData != nil && !s.PersonalData.None() {
			asked[s.Team] = true
		}
	})
	for _, t := range p.Estate.Teams {
		if contact := t.Doc.Spec.Contact; asked[t] && placeholder(contact) {
			p.object(contact.Span, diag.Finding{
				Message: fmt.Sprintf("team %s processes personal data, and %q reaches nobody", t.Name, contact.Value),
				Help:    "write where people reach the team at any hour: a channel, an address, a page",
				Objects: []string{"Team " + t.Name}, Field: "spec.contact",
			})
		}
	}
	controllers := map[*model.Party]bool{}
	for _, a := range p.Estate.Activities {
		for _, c := range a.Controllers {
			controllers[c] = true
		}
	}
	ours := p.Estate.Privacy.Controller
	for _, party := range p.Estate.Parties {
		var lacks []string
		if (controllers[party] || party == ours) && placeholder(party.Doc.Spec.Contact) {
			lacks = append(lacks, "where it is reached (contact)")
		}
		if party == ours && !vocabulary.InEEA(party.Doc.Spec.Country.Value) && placeholder(party.Doc.Spec.Representative) {
			lacks = append(lacks, "who represents it in the Union (representative)")
		}
		if len(lacks) > 0 {
			p.object(party.Doc.Metadata.Name.Span, diag.Finding{
				Message: fmt.Sprintf("party %s is a controller, and does not say %s", party.Name, and(lacks)),
				Help:    "write it here: a role's address, not a person's",
				Objects: []string{"Party " + party.Name}, Field: "spec.contact", Items: lacks,
			})
		}
	}
}

func placeholder(t syntax.Text) bool {
	word := strings.ToLower(strings.TrimSpace(t.Value))
	return word == "" || slices.Contains(placeholders, word)
}

var personInRepository = &diag.Rule{
	Code: "PII-006", Name: "person-in-repository", Effect: diag.Report, Level: diag.Error,
	Title: "the text of policies has a number of a person, or the address of one",
	Why:   "What stands in a repository stays in its history for ever, where nobody erases it (GDPR Articles 5(1)(c), 17 and 32). Roles and invented examples say the same.",
}

func runPersonInRepository(p *Pass) {
	if p.personal() == nil {
		return
	}
	count := map[string]int{}
	for _, l := range p.Estate.Tree.Literals {
		count[l.Object+l.What]++
		p.object(l.Span, diag.Finding{
			Message: "this looks like " + l.What,
			Help:    "take it out, and out of the repository's history; for an example, write one whose check digits are wrong",
			Objects: []string{l.Object}, Field: fmt.Sprintf("%s (%d)", l.What, count[l.Object+l.What]),
		})
	}
	for _, c := range contacts(p.Estate.Tree) {
		if name := personsAddress.FindString(c.text.Value); name != "" && !role(name) {
			p.milder(diag.Notice, c.text.Span, diag.Finding{
				Message: "this looks like the address of one person",
				Help:    "write the address of a role: people leave, and their names stay in the history of the repository",
				Objects: []string{c.object}, Field: c.field + "[" + c.text.Value + "]",
			})
		}
	}
}

// contact is a text that says where somebody is reached.
type contact struct {
	text          syntax.Text
	object, field string
}

func contacts(t *syntax.Tree) []contact {
	var all []contact
	for _, d := range t.Teams {
		object := "Team " + d.Metadata.Name.Value
		all = append(all, contact{d.Spec.Contact, object, "spec.contact"})
		for _, o := range d.Spec.Owners.Items {
			all = append(all, contact{o, object, "spec.owners"})
		}
	}
	for _, d := range t.Parties {
		object := "Party " + d.Metadata.Name.Value
		all = append(all, contact{d.Spec.Contact, object, "spec.contact"}, contact{d.Spec.ProtectionOfficer, object, "spec.protectionOfficer"},
			contact{d.Spec.Representative, object, "spec.representative"})
	}
	for _, d := range t.Privacies {
		for _, o := range d.Spec.Owners.Items {
			all = append(all, contact{o, "Privacy " + d.Metadata.Name.Value, "spec.owners"})
		}
	}
	return all
}

// personsAddress is an address that begins with two words, as those of people do.
var personsAddress = regexp.MustCompile(`(?i)\b[a-z]+\.[a-z]{2,}@`)

// role reports whether a word of the address names a task.
func role(address string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(address), func(r rune) bool { return r == '.' || r == '@' }), func(word string) bool {
		return slices.Contains(roles, word)
	})
}

var roles = []string{
	"abuse", "admin", "board", "business", "care", "compliance", "contact", "controller", "customer", "customers", "data", "datenschutz", "desk", "dev",
	"dpo", "eu", "feedback", "finance", "gdpr", "group", "help", "helpdesk", "hr", "info", "it", "legal", "mail", "marketing", "media", "oncall", "office",
	"officer", "ops", "orders", "people", "platform", "press", "privacy", "product", "protection", "representative", "risk", "sales", "security", "service",
	"services", "shop", "site", "sre", "staff", "support", "team", "tech", "web",
}
