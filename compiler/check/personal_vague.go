package check

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

var unsaidPurpose = &diag.Rule{
	Code: "PII-031", Name: "unsaid-purpose", Effect: diag.Withhold,
	Title: "a purpose is to collect, which says none",
	Why:   "Personal data is collected for specified purposes (GDPR Article 5(1)(b)). The key `collect` stands for a purpose that is yet to be found.",
}

func runUnsaidPurpose(p *Pass) {
	uses := p.Estate.Privacy.Uses
	p.eachPurpose(
		func(key string) bool { t, _ := uses.Find(key); return t.Unspecified },
		"is no purpose", "write what the data is for")
}

var vaguePurpose = &diag.Rule{
	Code: "PII-032", Name: "vague-purpose", Effect: diag.Report,
	Title: "a purpose is too broad for a record of processing",
	Why:   "Purposes are specified and told to those whose data it is (GDPR Articles 5(1)(b) and 13(1)(c)). Marketing, operations and functions are heaps of them.",
}

func runVaguePurpose(p *Pass) {
	uses := p.Estate.Privacy.Uses
	p.eachPurpose(
		func(key string) bool { t, _ := uses.Find(key); return t.Vague },
		"is too broad a purpose", "write a key below it")
}

// eachPurpose reports the purposes of Activities and endpoints that are of the kind, with the accesses that rest on them.
func (p *Pass) eachPurpose(is func(key string) bool, message, help string) {
	if p.personal() == nil {
		return
	}
	uses := p.Estate.Privacy.Uses
	for _, a := range p.Estate.Activities {
		if t := a.Doc.Spec.Purpose; is(a.Purpose) {
			p.lacking(a, t.Span, "spec.purpose", diag.Finding{Message: fmt.Sprintf("%q %s", t.Value, message), Help: help + lists(uses, a.Purpose)})
		}
	}
	eachDocument(p.Estate, func(in []*model.Service) {
		for _, e := range in[0].Endpoints {
			if e.Doc.Purposes == nil {
				continue
			}
			for _, t := range e.Doc.Purposes.Items {
				if key := today(uses, t); is(key) {
					p.object(t.Span, diag.Finding{
						Message: fmt.Sprintf("%q %s", t.Value, message), Help: help + lists(uses, key),
						Objects: []string{in[0].Object()}, Field: "spec.endpoints." + e.Name + ".purposes[" + t.Value + "]",
					}, p.callersOf(in, e)...)
				}
			}
		}
	})
}

// lists are some keys below, for a help.
func lists(words *vocabulary.Taxonomy, key string) string {
	if below := words.Below(key); len(below) > 0 {
		return ": " + some(below)
	}
	return ""
}

var childrenUnguarded = &diag.Rule{
	Code: "PII-025", Name: "children-unguarded", Effect: diag.Withhold,
	Title: "children's data is processed on consent without an age check, or for advertising that profiles",
	Why:   "Below sixteen, or the younger age of a member state, a parent consents for a child, and it is made sure that they did (GDPR Article 8). Children are not profiled for advertising (recital 38).",
}

func runChildren(p *Pass) {
	p.eachActivity(func(a *model.Activity, _ bool) {
		about := p.children(a)
		if about == "" {
			return
		}
		if i := slices.IndexFunc(advertising, func(use string) bool { return a.Purpose != "" && vocabulary.Overlap(use, a.Purpose) }); i >= 0 {
			f := diag.Finding{
				Message: fmt.Sprintf("activity %s has %s and is for %s", a.Name, about, a.Purpose),
				Help:    "take children's data out of it",
			}
			if !vocabulary.Covers(advertising[i], a.Purpose) {
				f.Message += ", which may be " + advertising[i]
				f.Help = "name the purpose more narrowly, one that does not profile, or take children's data out of it"
			}
			p.lacking(a, a.Doc.Spec.Purpose.Span, "spec.purpose", f)
			return
		}
		if a.Basis != nil && a.Basis.Base == "A6-1-a" && a.Doc.Spec.AgeCheck.Value == "" {
			p.lacking(a, a.Doc.Spec.LegalBasis.Code.Span, "spec.ageCheck", diag.Finding{
				Message: fmt.Sprintf("activity %s has %s on consent, and does not say how a parent's consent is made sure of", a.Name, about),
				Help:    "write ageCheck: where the check of age and of the parent's consent is described",
			})
		}
	})
}

// advertising are uses that follow people to show them something.
var advertising = []string{
	"marketing.advertising.profiling", "marketing.advertising.first_party.targeted", "marketing.advertising.third_party.targeted",
}

// children says what an Activity has of children, "" where nothing.
func (p *Pass) children(a *model.Activity) string {
	if slices.Contains(a.Subjects, "x_gdpr_child") {
		return "children's data"
	}
	for _, c := range a.Categories {
		if vocabulary.Overlap("user.childrens", c) && !p.vague(c) { // of a word for everything, others tell
			return c
		}
	}
	return ""
}

var marketingOnContract = &diag.Rule{
	Code: "PII-026", Name: "marketing-on-contract", Effect: diag.Withhold,
	Title: "an Activity of marketing, or that trains a model, rests on a contract or a legal obligation",
	Why:   "A contract or a law covers what it needs (GDPR Article 6(1)(b) and (c)), and neither needs to win people for more. Such purposes have a ground of their own, consent or legitimate interests.",
}

func runMarketingOnContract(p *Pass) {
	p.eachActivity(func(a *model.Activity, controls bool) {
		marketing := slices.ContainsFunc([]string{"marketing", "train_ai_system"}, func(use string) bool { return vocabulary.Covers(use, a.Purpose) })
		if !controls || !marketing || a.Basis == nil || a.Basis.Base != "A6-1-b" && a.Basis.Base != "A6-1-c" {
			return
		}
		p.lacking(a, a.Doc.Spec.LegalBasis.Code.Span, "spec.legalBasis.code", diag.Finding{
			Message: fmt.Sprintf("activity %s is for %s and rests on %q (%s)", a.Name, a.Purpose, a.Doc.Spec.LegalBasis.Code.Value, a.Basis.Article),
			Help:    "give it a ground of its own: code: consent, or code: legitimate-interests, with the reference of the evidence",
		})
	})
}

var unsaidProfiling = &diag.Rule{
	Code: "PII-027", Name: "unsaid-profiling", Effect: diag.Report,
	Title: "an Activity profiles people and does not say what is decided by machine",
	Why:   "People are not subject to decisions by machine alone without a way to a person, and are told the logic of it (GDPR Articles 13(2)(f), 22 and 35(3)(a)).",
}

func runUnsaidProfiling(p *Pass) {
	p.eachActivity(func(a *model.Activity, _ bool) {
		if !profiles(a.Purpose) || a.Doc.Spec.Profiling.Value != "" {
			return
		}
		p.lacking(a, a.Doc.Spec.Purpose.Span, "spec.profiling", diag.Finding{
			Message: fmt.Sprintf("activity %s is for %s, and does not say what is decided by machine", a.Name, a.Purpose),
			Help:    "write profiling: which decisions are taken by machine alone and how a person is reached, or that none are",
		})
	})
}
