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

// answeredFor is the personal data that an access carries and its caller has to answer for. Of what the caller does not declare at all
// it is told elsewhere (PII-001, PII-010, PII-095), and of what its provider acknowledges too (PII-094): whoever declares nothing has no
// purpose for it either, and that is one mistake.
func answeredFor(f *privacy.Flow, a *model.Access) []string {
	s, accepts := a.Caller.Service, f.Accepts(a.Endpoint)
	if s == nil {
		return f.Declared(a.Endpoint)
	}
	if s.PersonalData == nil {
		return nil
	}
	var all []string
	for _, c := range f.DeclaredReturns(a.Endpoint) {
		if (privacy.Covered(c, f.Holds(s)) || privacy.Covered(c, f.Discards(s))) && leaveFor(f, a, c) == nil {
			all = append(all, c)
		}
	}
	if overlapAny(accepts, slices.Concat(f.Exposed(s), f.Discards(s))) {
		all = append(all, accepts...)
	}
	return vocabulary.Minimal(all)
}

// leaveFor is the acknowledgement by which the caller reads a category that it does not answer for yet, nil where there is none or it
// does by now: it declares the category and says for which activity it asks, or discards it.
func leaveFor(f *privacy.Flow, a *model.Access, category string) *model.Acknowledgement {
	s := a.Caller.Service
	if s == nil || privacy.Covered(category, f.Holds(s)) && a.Activity() != nil || privacy.Covered(category, f.Discards(s)) {
		return nil
	}
	return f.Acknowledgement(privacy.Step{Category: category, From: a.Callee(), To: s, Access: a})
}

// keptUnder are the entries under which the endpoint's Service processes a category that the endpoint carries. A pseudonym that the
// Service makes is of what it makes it of.
func keptUnder(e *model.Endpoint, category string) []*model.Processing {
	d := e.Service.PersonalData
	if d == nil {
		return nil
	}
	categories := []string{category}
	if vocabulary.Covers(category, privacy.Pseudonymous) {
		for _, x := range d.Declassifications {
			if x.Doc.Method.Value == "pseudonymise" && slices.Contains(x.Endpoints, e) {
				categories = append(categories, x.Drops...)
			}
		}
	}
	var all []*model.Processing
	for _, p := range d.Processes {
		if overlapAny(categories, p.Categories) {
			all = append(all, p)
		}
	}
	return all
}

// complaint is what is wrong with an intent under one rule: the endpoints and the categories that it is about.
type complaint struct {
	endpoints, categories, against []string
	accesses                       []*model.Access
	quiet                          []*model.Access // of which another rule tells
}

func (c *complaint) add(a *model.Access, category string, against ...string) {
	c.endpoints, c.categories = append(c.endpoints, a.Endpoint.Name), append(c.categories, category)
	c.against = append(c.against, against...)
	c.accesses = append(c.accesses, a)
}

// eachComplaint visits the intents for an activity that is known, category by category, and tells where the rule complains.
func (p *Pass) eachComplaint(look func(c *complaint, a *model.Access, category string), tell func(*askedFor, *complaint)) {
	f := p.personal()
	if f == nil {
		return
	}
	for _, in := range p.asked() {
		if in.activity == nil {
			continue // which is the finding
		}
		c := &complaint{}
		for _, a := range in.accesses {
			for _, category := range answeredFor(f, a) {
				look(c, a, category)
			}
		}
		for _, a := range c.quiet {
			p.Withhold(a)
		}
		if len(c.accesses) > 0 {
			tell(in, c)
		}
	}
}

var withoutActivity = &diag.Rule{
	Code: "PII-015", Name: "no-activity", Effect: diag.Withhold,
	Title: "an intent asks for personal data and does not say for which activity",
	Why:   "Personal data is processed for specified purposes (GDPR Article 5(1)(b)). The activity names the purpose, the legal ground and who answers for it.",
}

func runWithoutActivity(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	for _, in := range p.asked() {
		c := &complaint{}
		for _, a := range in.accesses {
			for _, category := range answeredFor(f, a) {
				c.add(a, category)
			}
		}
		if in.activity != nil || len(c.accesses) == 0 {
			continue
		}
		if in.doc.Activity.Value != "" || unsure(c.accesses[0].Callee()) { // an unknown name is told where it is written
			for _, a := range c.accesses {
				p.Withhold(a)
			}
			continue
		}
		callee := c.accesses[0].Callee()
		p.object(in.doc.To.Span, diag.Finding{
			Message: fmt.Sprintf("%s asks for %s of %s and does not say for which activity", in.caller.Key(), listed(c.categories), callee.Key()),
			Help:    activityFor(in.caller.Service, c.categories),
			Related: []diag.Related{{Span: c.accesses[0].Endpoint.Key.Span, Message: "what is asked for"}},
			Items:   unique(c.endpoints),
			Objects: []string{in.caller.Object()}, Field: "spec.intents[" + callee.Key() + "].activity",
		}, c.accesses...)
	}
}

// activityFor is what the caller most likely means: the activities under which it processes the data itself.
func activityFor(s *model.Service, categories []string) string {
	var all []string
	if s != nil && s.PersonalData != nil {
		for _, x := range s.PersonalData.Processes {
			if x.Activity != nil && overlapAny(categories, x.Categories) {
				all = append(all, x.Activity.Name)
			}
		}
	}
	if all = unique(all); len(all) == 0 {
		return "write activity: and the name of an Activity; the privacy team keeps them in policies/privacy"
	}
	return "write activity: " + diag.OneOf(all)
}

func unique(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

var otherPurpose = &diag.Rule{
	Code: "PII-014", Name: "other-purpose", Effect: diag.Withhold,
	Title: "an intent asks for personal data for a purpose that it is not there for",
	Why:   "Personal data is not processed further in a manner incompatible with the purposes that it was collected for (GDPR Articles 5(1)(b) and 6(4)). A purpose matches its own and what lies above it, never what merely lies below it.",
}

func runOtherPurpose(p *Pass) {
	p.eachComplaint(func(c *complaint, a *model.Access, category string) {
		kept := keptUnder(a.Endpoint, category)
		if len(kept) == 0 && len(a.Endpoint.Purposes) == 0 {
			return // that the callee does not process it is the finding
		}
		sure, fits := true, false
		var purposes []string
		for _, use := range a.Endpoint.Purposes {
			fits = fits || vocabulary.Covers(use, a.Activity().Purpose)
			purposes = append(purposes, use)
		}
		if len(a.Endpoint.Purposes) == 0 {
			for _, x := range kept {
				if x.Activity == nil || x.Activity.Purpose == "" {
					sure = false
					continue
				}
				fits = fits || x.Activity == a.Activity() || vocabulary.Covers(x.Activity.Purpose, a.Activity().Purpose) || slices.Contains(a.Activity().Compatible, x.Activity)
				purposes = append(purposes, x.Activity.Purpose+" ("+x.Activity.Name+")")
			}
		}
		switch {
		case a.Activity().Purpose == "" || !fits && !sure:
			c.quiet = append(c.quiet, a)
		case !fits:
			c.add(a, category, purposes...)
		}
	}, func(in *askedFor, c *complaint) {
		callee := c.accesses[0].Callee()
		p.object(in.doc.Activity.Span, diag.Finding{
			Message: fmt.Sprintf("%s asks for %s of %s for %s, and it is there for %s",
				in.caller.Key(), listed(c.categories), callee.Key(), in.activity.Purpose, listed(c.against)),
			Help: fmt.Sprintf("name the activity that it is really for, or ask the privacy team for an assessment under Article 6(4) (compatibleWith of activity %s), or take %s out of the intent",
				in.activity.Name, listed(c.endpoints)),
			Related: []diag.Related{
				{Span: in.activity.Doc.Spec.Purpose.Span, Message: "the purpose of activity " + in.activity.Name},
				{Span: purposeSpan(c.accesses[0].Endpoint), Message: "what it is there for"},
			},
			Items:   unique(c.endpoints),
			Objects: []string{in.caller.Object()}, Field: "spec.intents[" + callee.Key() + "].activity",
		}, c.accesses...)
	})
}

func purposeSpan(e *model.Endpoint) diag.Span {
	if e.Doc.Purposes != nil {
		return e.Doc.Purposes.Span
	}
	return e.Service.Doc.Spec.PersonalData.Processes.Span
}

var keptLonger = &diag.Rule{
	Code: "PII-017", Name: "kept-longer", Effect: diag.Report,
	Title: "a Service keeps what it reads for longer than its source does",
	Why:   "Data is kept no longer than its purposes need (GDPR Article 5(1)(e)). A copy that outlives the original is what is forgotten when somebody asks for erasure.",
}

func runKeptLonger(p *Pass) {
	p.eachComplaint(func(c *complaint, a *model.Access, category string) {
		mine := a.Activity()
		if mine.Doc.Spec.Retention.Because.Value != "" || !stores(a.Caller.Service, mine, category) || !overlapAny([]string{category}, p.personal().DeclaredReturns(a.Endpoint)) {
			return // who says why has an answer
		}
		longest, source := -1, (*model.Activity)(nil)
		for _, x := range keptUnder(a.Endpoint, category) {
			if x.Activity == nil || !x.Doc.Stored.Value {
				continue
			}
			if n := days(x.Activity.Doc.Spec.Retention.Period.Value); n < 0 {
				return // without a period it is kept for who knows how long, which is the finding
			} else if n > longest {
				longest, source = n, x.Activity
			}
		}
		if source == nil || mine == source || days(mine.Doc.Spec.Retention.Period.Value)*100 <= longest*102 {
			return
		}
		c.add(a, category, source.Doc.Spec.Retention.Period.Value+" ("+source.Name+")")
	}, func(in *askedFor, c *complaint) {
		callee := c.accesses[0].Callee()
		p.object(in.doc.Activity.Span, diag.Finding{
			Message: fmt.Sprintf("%s keeps %s for %s (%s), and %s, which it comes from, for %s",
				in.caller.Key(), listed(c.categories), in.activity.Doc.Spec.Retention.Period.Value, in.activity.Name, callee.Key(), listed(c.against)),
			Help:    fmt.Sprintf("keep it for no longer, or let the privacy team say why in activity %s (retention.because)", in.activity.Name),
			Related: []diag.Related{{Span: in.activity.Doc.Spec.Retention.Period.Span, Message: "how long it is kept"}},
			Items:   unique(c.endpoints),
			Objects: []string{in.caller.Object()}, Field: "spec.intents[" + callee.Key() + "].retention",
		})
	})
}

// stores reports whether the Service keeps some of the category under the activity.
func stores(s *model.Service, a *model.Activity, category string) bool {
	return s != nil && s.PersonalData != nil && slices.ContainsFunc(s.PersonalData.Processes, func(x *model.Processing) bool {
		return x.Activity == a && x.Doc.Stored.Value && overlapAny([]string{category}, x.Categories)
	})
}

// days is about how many days a period of ISO 8601 has, -1 where there is none. Months differ in length: who compares two allows
// for it.
func days(period string) int {
	rest, ok := strings.CutPrefix(period, "P")
	if !ok || rest == "" {
		return -1
	}
	total, n := 0.0, 0.0
	for _, r := range rest {
		switch r {
		case 'Y':
			total, n = total+n*365.25, 0
		case 'M':
			total, n = total+n*365.25/12, 0
		case 'W':
			total, n = total+n*7, 0
		case 'D':
			total, n = total+n, 0
		default:
			if r < '0' || r > '9' {
				return -1
			}
			n = n*10 + float64(r-'0')
		}
	}
	return int(total)
}

var otherPeople = &diag.Rule{
	Code: "PII-018", Name: "other-subjects", Effect: diag.Report,
	Title: "an intent asks for data of other people than its activity is about",
	Why:   "An activity is recorded with whose data it is (GDPR Articles 5(1)(b) and 30(1)(c)). Data of employees in an activity about customers is in nobody's record.",
}

func runOtherPeople(p *Pass) {
	p.eachComplaint(func(c *complaint, a *model.Access, category string) {
		var theirs []string
		for _, x := range keptUnder(a.Endpoint, category) {
			if x.Activity == nil || len(x.Activity.Subjects) == 0 {
				return // which is the finding
			}
			theirs = append(theirs, x.Activity.Subjects...)
		}
		mine := a.Activity().Subjects
		if len(theirs) == 0 || len(mine) == 0 || slices.ContainsFunc(mine, func(s string) bool { return slices.Contains(theirs, s) }) {
			return
		}
		c.add(a, category, theirs...)
	}, func(in *askedFor, c *complaint) {
		callee := c.accesses[0].Callee()
		p.object(in.doc.Activity.Span, diag.Finding{
			Message: fmt.Sprintf("%s asks for %s of %s for activity %s, which is about %s; it is data of %s",
				in.caller.Key(), listed(c.categories), callee.Key(), in.activity.Name, listed(in.activity.Subjects), listed(c.against)),
			Help:    fmt.Sprintf("name the activity that it is really for, or ask the privacy team to correct the subjects of %s", in.activity.Name),
			Related: []diag.Related{{Span: in.activity.Doc.Spec.Subjects.Span, Message: "whom the activity is about"}},
			Items:   unique(c.endpoints),
			Objects: []string{in.caller.Object()}, Field: "spec.intents[" + callee.Key() + "].subjects",
		})
	})
}

var moreThanNeeded = &diag.Rule{
	Code: "PII-019", Name: "more-than-needed", Effect: diag.Withhold,
	Title: "an intent asks for personal data that its activity does not list",
	Why:   "Data is limited to what the purpose needs (GDPR Articles 5(1)(c) and 25(2)), and the activity says what that is.",
}

// What the caller discards it has justified. Where a Service processes the category under this very activity, the activity is too
// narrow for it, which is the finding (PII-008).
func runMoreThanNeeded(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	p.eachComplaint(func(c *complaint, a *model.Access, category string) {
		mine, s := a.Activity(), a.Caller.Service
		switch {
		case privacy.Covered(category, mine.Categories):
		case len(mine.Categories) == 0 || slices.ContainsFunc(mine.Doc.Spec.Categories.Items, p.unknownCategory):
			c.quiet = append(c.quiet, a) // that the activity lists nothing, or a word that nobody knows, is the finding
		case p.goesBeyond(mine, category):
			c.quiet = append(c.quiet, a)
		case s != nil && privacy.Covered(category, f.Discards(s)) && !privacy.Covered(category, f.Holds(s)):
		default:
			c.add(a, category)
		}
	}, func(in *askedFor, c *complaint) {
		callee := c.accesses[0].Callee()
		p.object(in.doc.Activity.Span, diag.Finding{
			Message: fmt.Sprintf("%s asks for %s of %s for activity %s, which does not list it", in.caller.Key(), listed(c.categories), callee.Key(), in.activity.Name),
			Help: fmt.Sprintf("take %s out of the intent or ask for it in another one with its own activity, or ask the privacy team to add the category to %s",
				listed(c.endpoints), in.activity.Name),
			Related: []diag.Related{{Span: in.activity.Doc.Spec.Categories.Span, Message: "what the activity lists"}},
			Items:   unique(c.endpoints),
			Objects: []string{in.caller.Object()}, Field: "spec.intents[" + callee.Key() + "].categories",
		}, c.accesses...)
	})
}

func (p *Pass) unknownCategory(t syntax.Text) bool {
	_, known := p.Estate.Privacy.Categories.Current(t.Value)
	return !known
}
