package check

import (
	"fmt"
	"slices"
	"time"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// recipient is a Party that gets personal data from us.
type recipient struct {
	party      *model.Party
	categories []string
	by         []diag.Related // how it gets it
}

// recipients are the Parties that get personal data: over channels, as an Activity says, and as operators of clusters where it is
// processed, who can look into it. Parties of one's own are none. What a Party does without is not asked of it.
func (p *Pass) recipients() []*recipient {
	f := p.personal()
	of := map[*model.Party]*recipient{}
	add := func(to *model.Party, categories []string, at diag.Span, message string) {
		if to == nil || to.Doc.Spec.Role.Value == "own" || len(categories) == 0 {
			return
		}
		if of[to] == nil {
			of[to] = &recipient{party: to}
		}
		of[to].categories = append(of[to].categories, categories...)
		of[to].by = append(of[to].by, diag.Related{Span: at, Message: message})
	}
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil {
			return
		}
		for _, end := range s.PersonalData.Channels {
			add(end.Party, f.Sends(end), end.Doc.Party.Span, fmt.Sprintf("%s sends it %s over channel %s", s.Key(), listed(f.Sends(end)), end.Key))
		}
	})
	for _, a := range p.Estate.Activities {
		for _, to := range a.Recipients {
			add(to, privacy.Personal(a.Categories), a.Doc.Spec.Recipients.Span, "it gets data of activity "+a.Name)
		}
	}
	for _, c := range p.Estate.Clusters {
		var what []string
		for _, w := range c.Workloads {
			what = append(what, f.Exposed(w.Service)...)
		}
		add(c.Operator, unique(what), c.Doc.Spec.Operator.Span, "it runs cluster "+c.Name+", where personal data is processed")
	}
	var all []*recipient
	for _, party := range p.Estate.Parties {
		if r := of[party]; r != nil {
			r.categories = unique(r.categories)
			r.by = r.by[:min(len(r.by), 3)]
			all = append(all, r)
		}
	}
	return all
}

// eachRecipient visits them where somebody answers for personal data.
func (p *Pass) eachRecipient(visit func(*recipient)) {
	if p.personal() == nil {
		return
	}
	for _, r := range p.recipients() {
		visit(r)
	}
}

func (p *Pass) ofParty(r *recipient, at diag.Span, field string, message, help string) {
	if at.IsZero() {
		at = r.party.Doc.Metadata.Name.Span
	}
	p.object(at, diag.Finding{Message: message, Help: help, Related: r.by, Objects: []string{"Party " + r.party.Name}, Field: field})
}

var toNobody = &diag.Rule{
	Code: "PII-050", Name: "channel-to-nobody", Effect: diag.Report,
	Title: "personal data goes into a channel, and nobody is known at its other end",
	Why:   "Recipients of personal data are in the record of processing (GDPR Articles 28 and 30(1)(d)). A channel that no Service takes from and no Party is named for has one that nobody knows.",
}

func runToNobody(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil || s.PersonalData.Unsure {
			return
		}
		for _, end := range s.PersonalData.Channels {
			taken := slices.ContainsFunc(f.Ends(end), func(o *model.Channel) bool {
				return o.Service.Doc != s.Doc && (o.Doc.Receives != nil || o.Party != nil)
			})
			if taken || end.Doc.Party.Value != "" || len(f.Sends(end)) == 0 {
				continue
			}
			p.object(end.Doc.Name.Span, diag.Finding{
				Message: fmt.Sprintf("%s sends %s into channel %s, and nobody is known at its other end", s.Key(), listed(f.Sends(end)), end.Key),
				Help:    "name who gets it (party:), yourselves too, or let the Service that takes it declare the channel with receives",
				Objects: []string{s.Object()}, Field: "spec.personalData.channels[" + end.Doc.Name.Value + "].party",
			})
		}
	})
}

var withoutContract = &diag.Rule{
	Code: "PII-051", Name: "party-without-contract", Effect: diag.Report, Level: diag.Error,
	Title: "a Party processes personal data for or with us, and there is no contract",
	Why:   "A processor acts under a contract (GDPR Article 28(3)), joint controllers under an arrangement (Article 26).",
}

func runWithoutContract(p *Pass) {
	p.eachRecipient(func(r *recipient) {
		role := r.party.Doc.Spec.Role.Value
		if r.party.Doc.Spec.Contract.Reference.Value != "" || role != "processor" && role != "joint-controller" {
			return
		}
		p.ofParty(r, r.party.Doc.Spec.Role.Span, "spec.contract",
			fmt.Sprintf("%s gets %s as %s, and has no contract", r.party.Name, listed(r.categories), role),
			"write contract: {reference: ..., signed: ...}, or send it nothing")
	})
}

var contractEnds = &diag.Rule{
	Code: "PII-097", Name: "contract-ends", Effect: diag.Report,
	Title: "the contract of a Party that gets personal data has ended, ends soon, or has not begun",
	Why:   "Without a contract in force the processing has no ground (GDPR Article 28(3)). Dates only report: nothing is cut off overnight.",
}

func runContractEnds(p *Pass) {
	p.eachRecipient(func(r *recipient) {
		c := r.party.Doc.Spec.Contract
		switch left, dated := daysUntil(p.AsOf, c.Until.Value); {
		case c.Signed.Value > p.AsOf:
			p.ofParty(r, c.Signed.Span, "spec.contract.signed", fmt.Sprintf("the contract with %s is signed on %s, and it gets %s already", r.party.Name, c.Signed.Value, listed(r.categories)),
				"send it nothing until then, or correct the day")
		case dated && left < 0:
			p.ofParty(r, c.Until.Span, "spec.contract.until", fmt.Sprintf("the contract with %s ended on %s, and it still gets %s", r.party.Name, c.Until.Value, listed(r.categories)),
				"renew it and write its new last day, or send it nothing")
		case dated && left <= p.Estate.Privacy.Notice:
			p.ofParty(r, c.Until.Span, "spec.contract.until", fmt.Sprintf("the contract with %s ends on %s", r.party.Name, c.Until.Value), "renew it and write its new last day")
		}
	})
}

// daysUntil is how many days lie between two days, where both are some.
func daysUntil(from, to string) (int, bool) {
	a, err := time.Parse(time.DateOnly, from)
	b, err2 := time.Parse(time.DateOnly, to)
	if err != nil || err2 != nil {
		return 0, false
	}
	return int(b.Sub(a).Hours() / 24), true
}

var moreThanReceives = &diag.Rule{
	Code: "PII-052", Name: "more-than-party-receives", Effect: diag.Report, Level: diag.Error,
	Title: "a Party is sent personal data that it may not receive",
	Why:   "A processor gets what its instructions cover (GDPR Article 28(3)(a)), and no recipient more than is needed (Article 5(1)(c)).",
}

func runMoreThanReceives(p *Pass) {
	f := p.personal()
	p.eachRecipient(func(r *recipient) {
		if len(r.party.Doc.Spec.Receives.Items) == 0 && r.party.Doc.Spec.Role.Value != "authority" {
			p.ofParty(r, diag.Span{}, "spec.receives", fmt.Sprintf("%s gets %s, and nobody says what it may receive", r.party.Name, listed(r.categories)), "write receives: [...], the most that it may get")
		}
	})
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		if s.PersonalData == nil || s.PersonalData.Unsure {
			return
		}
		for _, end := range s.PersonalData.Channels {
			if end.Party == nil || end.Party.Doc.Spec.Role.Value == "own" || len(end.Party.Receives) == 0 {
				continue
			}
			p.tooMuch(f, end)
		}
	})
	for _, a := range p.Estate.Activities {
		for _, to := range a.Recipients {
			if len(to.Receives) > 0 && len(a.Categories) > 0 && !overlapAny(a.Categories, to.Receives) {
				p.object(a.Doc.Spec.Recipients.Span, diag.Finding{
					Message: fmt.Sprintf("activity %s names %s as recipient, which may receive nothing of what the activity has", a.Name, to.Name),
					Help:    "take it out of the recipients, or say in the Party what it may receive",
					Related: []diag.Related{{Span: to.Doc.Spec.Receives.Span, Message: "the most that it may receive"}},
					Objects: []string{"Activity " + a.Name}, Field: "spec.recipients[" + to.Name + "]",
				})
			}
		}
	}
}

func (p *Pass) tooMuch(f *privacy.Flow, end *model.Channel) {
	over := vocabulary.CoveredBy(f.Sends(end), end.Party.Receives)
	if len(over) == 0 {
		return
	}
	at, help := end.Doc.Sends.Span, fmt.Sprintf("send less, or ask the privacy team whether %s may receive it", end.Party.Name)
	if at.IsZero() {
		at, help = end.Doc.Name.Span, "say what is sent (sends:); until then it is all that comes to the Service"
	}
	p.object(at, diag.Finding{
		Message: fmt.Sprintf("%s sends %s to %s, which may not receive it", end.Service.Key(), listed(over), end.Party.Name),
		Help:    help,
		Related: []diag.Related{{Span: end.Party.Doc.Spec.Receives.Span, Message: "the most that it may receive"}},
		Items:   over,
		Objects: []string{end.Service.Object()}, Field: "spec.personalData.channels[" + end.Doc.Name.Value + "].sends",
	})
}
