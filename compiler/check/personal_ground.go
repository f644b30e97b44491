package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// eachActivity visits the Activities that are judged, with what they withhold: a processor's grounds are the controller's to have.
func (p *Pass) eachActivity(visit func(a *model.Activity, controls bool)) {
	if p.personal() == nil {
		return
	}
	for _, a := range p.Estate.Activities {
		visit(a, a.Doc.Spec.Role.Value != "processor")
	}
}

// lacking reports what an Activity lacks. All that is processed under it lacks it, so its accesses are withheld.
func (p *Pass) lacking(a *model.Activity, at diag.Span, field string, f diag.Finding) {
	f.Objects, f.Field = []string{"Activity " + a.Name}, field
	p.object(at, f, p.used(a).accesses...)
}

var incompleteActivity = &diag.Rule{
	Code: "PII-007", Name: "incomplete-activity", Effect: diag.Withhold,
	Title: "an Activity lacks what a record of processing has to say",
	Why:   "The record of processing has the purposes, the categories of persons and of data and the time limits of erasure (GDPR Article 30(1)), for a processor those for whom it works (Article 30(2)); and without a legal basis processing is unlawful (Article 6(1)).",
}

func runIncompleteActivity(p *Pass) {
	if p.personal() != nil { // an activity that nobody declares is told where it is named, and lacks everything
		for _, x := range p.used(nil).processed {
			p.withholdThese(p.affected([]processed{x}, x.Categories...))
		}
	}
	p.eachActivity(func(a *model.Activity, controls bool) {
		if a.Unsure { // what it lacks may be meant by the word that nobody knows
			p.withholdThese(p.used(a).accesses)
		}
		lacks := missing(&a.Doc.Spec, controls)
		if len(lacks) == 0 {
			return
		}
		p.lacking(a, a.Doc.Metadata.Name.Span, "spec", diag.Finding{
			Message: fmt.Sprintf("activity %s does not say %s", a.Name, and(lacks)),
			Help:    "the privacy team writes it here",
			Items:   lacks,
		})
	})
}

func missing(s *syntax.ActivitySpec, controls bool) []string {
	var all []string
	for _, field := range []struct {
		needed, written bool
		words           string
	}{
		{controls, len(s.Subjects.Items) > 0, "whose data it is (subjects)"},
		{true, len(s.Categories.Items) > 0, "which data it is about (categories)"},
		{controls, s.LegalBasis.Code.Value != "", "on which ground the data is processed (legalBasis)"},
		{controls, s.Retention.Period.Value != "", "how long the data is kept (retention)"},
		{!controls || s.Role.Value == "joint-controller", len(s.Controllers.Items) > 0, "who its controllers are (controllers)"},
	} {
		if field.needed && !field.written {
			all = append(all, field.words)
		}
	}
	return all
}

// sensitive is why an Activity has to do with data of a class: a category of its own, or what Services say that their data may reveal.
type sensitive struct {
	key      string // of the class
	category string // that has it
	says     string
	at       diag.Span
	own      bool // at is in the Activity
}

// sensitive is all of the class that the Activity has to do with.
func (p *Pass) sensitive(a *model.Activity, class vocabulary.Class) []sensitive {
	words := p.Estate.Privacy.Categories
	var all []sensitive
	for _, t := range a.Doc.Spec.Categories.Items {
		category := today(words, t)
		key := p.lies(category, class)
		switch {
		case category == "" || key == "":
		case key == category:
			all = append(all, sensitive{key, category, "is about " + key, t.Span, true})
		default:
			all = append(all, sensitive{key, category, fmt.Sprintf("is about %s, which has %s below it", category, key), t.Span, true})
		}
	}
	for _, x := range p.used(a).processed {
		all = append(all, p.revealed(x, class, "may reveal %s by what %s processes")...)
	}
	for _, access := range p.used(a).accesses {
		if d := access.Callee().PersonalData; d != nil {
			for _, x := range d.Processes {
				if len(x.MayReveal) > 0 && slices.ContainsFunc(p.personal().Carries(access), func(c string) bool { return overlaps(c, x.Categories) }) {
					all = append(all, p.revealed(processed{access.Callee(), x}, class, "may reveal %s by what is read from %s")...)
				}
			}
		}
	}
	var once []sensitive
	for _, s := range all {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

func (p *Pass) revealed(x processed, class vocabulary.Class, says string) []sensitive {
	var all []sensitive
	for _, t := range x.Doc.MayReveal.Items {
		if key := p.lies(today(p.Estate.Privacy.Categories, t), class); key != "" {
			all = append(all, sensitive{key, key, fmt.Sprintf(says, key, x.service.Key()), t.Span, false})
		}
	}
	return all
}

// classed reports that an Activity has to do with data of a class and lacks what that asks for.
func (p *Pass) classed(a *model.Activity, facts []sensitive, field, lacks, help string) {
	at := a.Doc.Metadata.Name.Span
	f := diag.Finding{Message: fmt.Sprintf("activity %s %s, and %s", a.Name, facts[0].says, lacks), Help: help}
	for _, s := range facts {
		f.Items = append(f.Items, s.says)
	}
	if facts[0].own {
		at = facts[0].at
	}
	for _, s := range facts {
		if s.at != at {
			f.Related = append(f.Related, diag.Related{Span: s.at, Message: "it " + s.says})
		}
	}
	slices.Sort(f.Items)
	p.lacking(a, at, field, f)
}

var noCondition = &diag.Rule{
	Code: "PII-020", Name: "special-category-without-condition", Effect: diag.Withhold,
	Title: "an Activity has special categories of data and names no condition for it",
	Why:   "Data on health, belief, origin, sex life and what else Article 9(1) of the GDPR names may only be processed under a condition of Article 9(2). It is special too where it only lets one guess: an order of medicines is data on health (CJEU C-21/23).",
}

func runNoCondition(p *Pass) {
	p.eachActivity(func(a *model.Activity, controls bool) {
		if !controls || a.Doc.Spec.Condition.Code.Value != "" {
			return
		}
		if facts := p.sensitive(a, vocabulary.Special); len(facts) > 0 {
			p.classed(a, facts, "spec.condition", "names no condition of Article 9(2)", narrower(facts[0], "condition: {code: explicit-consent, reference: ...}, or another condition"))
		}
	})
}

// narrower is the next step where a word covers more than may be meant.
func narrower(s sensitive, write string) string {
	if strings.Contains(s.says, "below it") {
		return "name the categories that are meant; where " + s.key + " is among them, write " + write
	}
	return "write " + write
}

var noAssessment = &diag.Rule{
	Code: "PII-021", Name: "no-impact-assessment", Effect: diag.Withhold,
	Title: "an Activity of high risk has neither an impact assessment nor a reason why none is required",
	Why:   "Special categories, data on convictions and decisions by machine ask for a data protection impact assessment, or for a screening that says why not (GDPR Article 35(1), (3) and (7)).",
}

func runNoAssessment(p *Pass) {
	p.eachActivity(func(a *model.Activity, controls bool) {
		if !controls || a.Doc.Spec.Assessment.Reference.Value != "" || p.waitsForNarrower(a) {
			return
		}
		const field, lacks, help = "spec.assessment", "has no assessment", "write assessment: {required: ..., reference: ...}: the impact assessment, or the screening that says that none is required"
		facts := slices.Concat(p.sensitive(a, vocabulary.Special), p.sensitive(a, vocabulary.Criminal))
		switch {
		case len(facts) > 0:
			p.classed(a, facts, field, lacks, help)
		case a.Doc.Spec.Profiling.Value != "" || profiles(a.Purpose):
			p.lacking(a, a.Doc.Metadata.Name.Span, field, diag.Finding{Message: fmt.Sprintf("activity %s profiles people, and has no assessment", a.Name), Help: help})
		}
	})
}

// profiles reports whether a use is to make a picture of a person.
func profiles(use string) bool {
	return slices.ContainsFunc(profiling, func(p string) bool { return vocabulary.Covers(p, use) })
}

var profiling = []string{"marketing.advertising.profiling", "personalize.content.profiled", "personalize.content.profiling"}

var noStatute = &diag.Rule{
	Code: "PII-022", Name: "convictions-without-statute", Effect: diag.Withhold,
	Title: "an Activity has data on criminal convictions and names no law that allows it",
	Why:   "Data on convictions and offences is processed under the control of an authority or where a law authorises it (GDPR Article 10).",
}

func runNoStatute(p *Pass) {
	p.eachActivity(func(a *model.Activity, controls bool) {
		facts := p.sensitive(a, vocabulary.Criminal)
		if !controls || a.Doc.Spec.Statute.Value != "" || len(facts) == 0 || p.waitsForNarrower(a) {
			return
		}
		p.classed(a, facts, "spec.statute", "names no law that allows it", narrower(facts[0], "statute: the law, with its article"))
	})
}

// waitsForNarrower reports whether a word that stands for everything is told by runNoCondition already: it is one mistake.
func (p *Pass) waitsForNarrower(a *model.Activity) bool {
	return a.Doc.Spec.Condition.Code.Value == "" && slices.ContainsFunc(a.Categories, p.vague)
}

func (p *Pass) vague(category string) bool {
	t, _ := p.Estate.Privacy.Categories.Find(category)
	return t.Vague
}

var noEvidence = &diag.Rule{
	Code: "PII-023", Name: "ground-without-evidence", Effect: diag.Withhold,
	Title: "an Activity rests on a ground whose evidence is nowhere",
	Why:   "Consent is shown by its record (GDPR Article 7(1)), legitimate interests are weighed in writing (Articles 5(2) and 6(1)(f)), and a legal obligation or public task is laid down by a law (Article 6(3)).",
}

func runNoEvidence(p *Pass) {
	p.eachActivity(func(a *model.Activity, controls bool) {
		if !controls {
			return
		}
		p.unevidenced(a, a.Basis, a.Doc.Spec.LegalBasis, "spec.legalBasis")
		p.unevidenced(a, a.Condition, a.Doc.Spec.Condition, "spec.condition")
	})
}

func (p *Pass) unevidenced(a *model.Activity, code *vocabulary.Code, ground syntax.LegalGround, field string) {
	if code == nil || ground.Reference.Value != "" {
		return
	}
	for _, evidence := range []struct {
		of          vocabulary.Evidence
		lacks, help string
	}{
		{vocabulary.ConsentRecord, "where consents are recorded", "write reference: the register of consents"},
		{vocabulary.InterestsAssessment, "where the interests are weighed", "write reference: the assessment of legitimate interests"},
		{vocabulary.Statute, "which law it is", "write statute: the law, with its article"},
	} {
		if !code.Need(evidence.of) || evidence.of == vocabulary.Statute && a.Doc.Spec.Statute.Value != "" {
			continue
		}
		p.lacking(a, ground.Code.Span, field+".reference", diag.Finding{
			Message: fmt.Sprintf("activity %s rests on %q (%s), and does not say %s", a.Name, ground.Code.Value, code.Article, evidence.lacks),
			Help:    evidence.help,
		})
		return
	}
}

const nationalNumber = "user.government_id.national_identification_number"

var nationalNumberWithoutLaw = &diag.Rule{
	Code: "PII-024", Name: "national-number-without-statute", Effect: diag.Withhold,
	Title: "an Activity has national identification numbers and names no law that allows it",
	Why:   "Each member state says when its national number may be used (GDPR Article 87); in the Netherlands only where a law says so (UAVG Article 46).",
}

func runNationalNumber(p *Pass) {
	p.eachActivity(func(a *model.Activity, controls bool) {
		if !controls || a.Doc.Spec.Statute.Value != "" {
			return
		}
		for _, t := range a.Doc.Spec.Categories.Items {
			category := today(p.Estate.Privacy.Categories, t)
			if category == "" || p.vague(category) || !vocabulary.Overlap(nationalNumber, category) {
				continue // of a word for everything, runNoStatute tells
			}
			fact := sensitive{nationalNumber, category, "is about " + category, t.Span, true}
			if !vocabulary.Covers(nationalNumber, category) {
				fact.says += ", which has " + nationalNumber + " below it"
			}
			p.classed(a, []sensitive{fact}, "spec.statute", "names no law that allows national numbers", narrower(fact, "statute: the law, with its article, such as UAVG Article 46"))
			return
		}
	})
}

var credentialsHandedOut = &diag.Rule{
	Code: "PII-028", Name: "credentials-handed-out", Effect: diag.Withhold,
	Title: "credentials are returned by an endpoint, or sent to somebody else",
	Why:   "Whoever has a password or a key of a person can act as that person. What checks credentials takes them in and answers yes or no (GDPR Article 32).",
}

const credentials = "user.authorization"

func runCredentials(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachDocument(p.Estate, func(in []*model.Service) {
		s := in[0]
		if s.PersonalData == nil {
			return
		}
		held := slices.DeleteFunc(slices.Clone(f.Holds(s)), func(c string) bool { return !vocabulary.Overlap(credentials, c) })
		for _, e := range s.Endpoints {
			p.returnsCredentials(in, e, held)
		}
		for _, c := range s.PersonalData.Channels {
			sends := f.Sends(c)
			i := slices.IndexFunc(sends, func(k string) bool { return vocabulary.Covers(credentials, k) })
			if i < 0 || c.Party == nil || own(c.Party) {
				continue
			}
			at, help := textOf(p.Estate.Privacy.Categories, c.Doc.Sends, sends[i]), "take it from sends, and from the channel"
			if at.IsZero() {
				at, help = c.Doc.Name.Span, "say what is sent (sends:), and do not send it"
			}
			p.object(at, diag.Finding{
				Message: fmt.Sprintf("%s sends %s to party %s by channel %s", s.Key(), sends[i], c.Party.Name, c.Key),
				Help:    help,
				Objects: []string{s.Object()}, Field: "spec.personalData.channels[" + c.Doc.Name.Value + "].sends[" + sends[i] + "]",
			})
		}
	})
}

func (p *Pass) returnsCredentials(in []*model.Service, e *model.Endpoint, held []string) {
	s := in[0]
	at, help := e.Key.Span, "say what it returns (returns: ...), and do not hand out credentials"
	var out []string
	if e.Returns == nil {
		out = vocabulary.Both(p.personal().Returns(e), held)
	} else {
		// A broad word means credentials where the Service has any.
		out = slices.DeleteFunc(privacy.Personal(e.Returns.Categories), func(c string) bool {
			return !vocabulary.Covers(credentials, c) && (!vocabulary.Covers(c, credentials) || len(held) == 0)
		})
		help = "answer whether the credentials are right, and return what else is needed"
		if len(out) > 0 {
			at = textOf(p.Estate.Privacy.Categories, e.Returns.Doc.Keys, out[0])
		}
	}
	if len(out) == 0 {
		return
	}
	message := fmt.Sprintf("%s returns %s", e, and(out))
	if e.Returns == nil {
		message = fmt.Sprintf("%s does not say what it returns, which counts as all that %s processes, %s too", e, s.Key(), and(out))
	}
	p.object(at, diag.Finding{
		Message: message, Help: help,
		Objects: []string{s.Object()}, Field: "spec.endpoints." + e.Name + ".returns",
	}, p.callersOf(in, e)...)
}
