package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

var outsidePlace = &diag.Rule{
	Code: "PII-058", Name: "outside-where-it-stays", Effect: diag.Withhold,
	Title: "personal data that stays somewhere is processed or read elsewhere",
	Why:   "Where an activity says where its data stays, a Cluster elsewhere, or one that somebody from elsewhere runs, is no place for it (GDPR Articles 32 and 44). Callers balance over all Clusters that they discover, so an access is withheld as a whole if one way of it leads out.",
}

// strayed is what is in a wrong place: for which activities, in which clusters, with the accesses that are withheld for it.
type strayed struct {
	activities []*model.Activity
	clusters   []*model.Cluster
	categories []string
	accesses   []*model.Access
	service    *model.Service // whose document the finding is about
	at         diag.Span
	asker      *model.Access // the first one
}

func (s *strayed) add(a *model.Activity, c *model.Cluster, category string) {
	if !slices.Contains(s.activities, a) {
		s.activities = append(s.activities, a)
	}
	if !slices.Contains(s.clusters, c) {
		s.clusters = append(s.clusters, c)
	}
	s.categories = append(s.categories, category)
}

// residency looks for what is outside where it stays.
type residency struct {
	p        *Pass
	flow     *privacy.Flow
	services map[*syntax.Service]*strayed // processing where they are not to
	askers   map[asker]*strayed           // asking from where they are not to, or of who is not
	unknown  map[*model.Cluster]*strayed  // nobody says where they are
	outside  map[placed]bool
}

// asker is a caller, with whether it is the callee that is in the wrong place for what is written to it.
type asker struct {
	object string
	writes bool
}

type placed struct {
	cluster  *model.Cluster
	activity *model.Activity
}

func runOutsidePlace(p *Pass) {
	if p.personal() == nil || !slices.ContainsFunc(p.Estate.Activities, stays) {
		return
	}
	r := p.residency()
	r.holders()
	for _, in := range p.asked() {
		r.callers(in)
	}
	r.tell()
}

func (p *Pass) residency() *residency {
	return &residency{
		p: p, flow: p.personal(), services: map[*syntax.Service]*strayed{}, askers: map[asker]*strayed{},
		unknown: map[*model.Cluster]*strayed{}, outside: map[placed]bool{},
	}
}

func stays(a *model.Activity) bool { return a != nil && len(a.Doc.Spec.Stays.Items) > 0 }

// strays reports whether the cluster, or who runs it, is outside where the activity's data stays. One that does not say where it is
// may be anywhere.
func (r *residency) strays(c *model.Cluster, a *model.Activity) bool {
	if !stays(a) {
		return false
	}
	at := placed{c, a}
	out, known := r.outside[at]
	if !known {
		out = !r.within(c.Doc.Spec.Country.Value, a) || c.Operator != nil && !r.within(c.Operator.Doc.Spec.Country.Value, a)
		r.outside[at] = out
	}
	return out
}

func (r *residency) within(country string, a *model.Activity) bool {
	return slices.ContainsFunc(a.Doc.Spec.Stays.Items, func(t syntax.Text) bool { return vocabulary.Within(country, t.Value, r.p.day()) })
}

// holders are Services that process data of an activity where it does not stay.
func (r *residency) holders() {
	for _, m := range r.p.Estate.Meshes {
		for _, s := range m.Services {
			if s.PersonalData == nil {
				continue
			}
			for _, x := range s.PersonalData.Processes {
				r.holder(s, x)
			}
		}
	}
}

func (r *residency) holder(s *model.Service, x *model.Processing) {
	categories := privacy.Personal(x.Categories)
	if len(categories) == 0 {
		return
	}
	for _, w := range s.Workloads {
		if w.Retired || !r.strays(w.Cluster, x.Activity) {
			continue
		}
		var accesses []*model.Access
		for _, a := range slices.Concat(r.flow.Calls(s), r.flow.Callers(s)) {
			if overlapAny(r.flow.Declared(a.Endpoint), categories) && passes(a, w) {
				accesses = append(accesses, a)
			}
		}
		var into *strayed
		if w.Cluster.Doc.Spec.Country.Value == "" {
			into = entry(r.unknown, w.Cluster)
		} else {
			into = entry(r.services, s.Doc)
		}
		into.service, into.at = s, x.Doc.Activity.Span
		into.accesses = append(into.accesses, accesses...)
		for _, c := range categories {
			into.add(x.Activity, w.Cluster, c)
		}
	}
}

func entry[K comparable](of map[K]*strayed, k K) *strayed {
	if of[k] == nil {
		of[k] = &strayed{}
	}
	return of[k]
}

// passes reports whether some calls of the access begin or end at the workload.
func passes(a *model.Access, w *model.Workload) bool {
	for leg := range a.Legs() {
		if leg.From == w || leg.To == w {
			return true
		}
	}
	return false
}

// callers looks at the ways of an intent's accesses: what is read comes to the caller's clusters, what is written to the callee's.
func (r *residency) callers(in *askedFor) {
	for _, a := range in.accesses {
		accepts := r.flow.Accepts(a.Endpoint)
		for _, category := range answeredFor(r.flow, a) {
			bound := []*model.Activity{in.activity}
			for _, x := range keptUnder(a.Endpoint, category) {
				bound = append(bound, x.Activity)
			}
			written := overlapAny([]string{category}, accepts)
			for leg := range a.Legs() {
				for _, activity := range bound {
					if leg.From != nil && r.strays(leg.From.Cluster, activity) {
						r.intent(in, a, a.Caller.Service, leg.From.Cluster, activity, category, false)
					}
				}
				if written && r.strays(leg.To.Cluster, in.activity) {
					r.intent(in, a, a.Callee(), leg.To.Cluster, in.activity, category, true)
				}
			}
		}
	}
}

// intent notes that an intent's data would be in the wrong place, unless the Service there says of itself that it has it there,
// which is told already.
func (r *residency) intent(in *askedFor, a *model.Access, there *model.Service, c *model.Cluster, activity *model.Activity, category string, writes bool) {
	if own := r.services[there.Doc]; own != nil && slices.Contains(own.clusters, c) {
		own.accesses = append(own.accesses, a)
		return
	}
	var into *strayed
	if c.Doc.Spec.Country.Value == "" {
		into = entry(r.unknown, c)
	} else {
		into = entry(r.askers, asker{in.caller.Object(), writes})
	}
	if into.service == nil {
		into.service, into.at, into.asker = there, a.Span(), a
	}
	into.accesses = append(into.accesses, a)
	into.add(activity, c, category)
}

func (r *residency) tell() {
	for _, c := range r.p.Estate.Clusters {
		if s := r.unknown[c]; s != nil {
			at := c.Doc.Metadata.Name.Span
			r.p.object(at, diag.Finding{
				Message: fmt.Sprintf("cluster %s does not say in which country it is, and data that %s would be there: %s", c.Name, s.where(), listed(s.categories)),
				Help:    "the platform writes country: and operator: in the Cluster document",
				Related: []diag.Related{{Span: s.activities[0].Doc.Spec.Stays.Span, Message: "where the data of activity " + s.activities[0].Name + " stays"}},
				Items:   unique(names(s.accesses)),
				Objects: []string{"Cluster " + c.Name}, Field: "spec.country",
			}, s.accesses...)
		}
	}
	r.tellHolders()
	told := map[asker]bool{}
	for _, in := range r.p.asked() {
		for _, writes := range []bool{false, true} {
			k := asker{in.caller.Object(), writes}
			x := r.askers[k]
			if x == nil || told[k] {
				continue
			}
			told[k] = true
			message := fmt.Sprintf("%s would read %s in %s; it %s", in.caller.Key(), listed(x.categories), x.places(), x.where())
			help := "do not deploy the caller there (`clusters:`), or split it in two Services, one of them without this intent"
			if writes {
				message = fmt.Sprintf("%s would write %s to %s in %s; it %s", in.caller.Key(), listed(x.categories), x.service.Key(), x.places(), x.where())
				help = "write to a Service that is where the data stays"
			}
			r.p.object(x.at, x.finding(message, help, in.caller.Object(), fmt.Sprintf("spec.intents/stays/%v", writes)), x.accesses...)
		}
	}
}

// tellHolders tells each Service that processes data where it does not stay; where there are several in one cluster, the cluster: then
// it is the cluster, more likely, that is not where it was.
func (r *residency) tellHolders() {
	in := map[*model.Cluster][]*strayed{}
	eachService(r.p.Estate, func(s *model.Service) {
		if x := r.services[s.Doc]; x != nil {
			for _, c := range x.clusters {
				in[c] = append(in[c], x)
			}
		}
	})
	for _, c := range r.p.Estate.Clusters {
		if len(in[c]) > 1 {
			r.tellCluster(c, in[c])
		}
	}
	eachService(r.p.Estate, func(s *model.Service) {
		x := r.services[s.Doc]
		if x == nil {
			return
		}
		x.clusters = slices.DeleteFunc(x.clusters, func(c *model.Cluster) bool { return len(in[c]) > 1 })
		if len(x.clusters) == 0 {
			return
		}
		r.p.object(x.at, x.finding(
			fmt.Sprintf("%s processes %s in %s; it %s", s.Key(), listed(x.categories), x.places(), x.where()),
			"leave those clusters out (`clusters:`), or process it under an activity that may be there",
			s.Object(), "spec.personalData/stays"), x.accesses...)
	})
}

func (r *residency) tellCluster(c *model.Cluster, in []*strayed) {
	at := c.Doc.Spec.Country.Span
	if c.Operator != nil && c.Operator.Doc.Spec.Country.Value != c.Doc.Spec.Country.Value {
		at = c.Doc.Spec.Operator.Span
	}
	all := &strayed{clusters: []*model.Cluster{c}}
	var services []string
	f := diag.Finding{
		Help:    "leave the cluster out in those Services (`clusters:`), or correct where it is and who runs it",
		Objects: []string{"Cluster " + c.Name}, Field: "spec.country/stays",
	}
	for _, x := range in {
		services = append(services, x.service.Key())
		f.Related = append(f.Related, diag.Related{Span: x.at, Message: x.service.Key() + " processes " + listed(x.categories)})
		all.accesses = append(all.accesses, x.accesses...)
		for _, a := range x.activities {
			if !slices.Contains(all.activities, a) {
				all.activities = append(all.activities, a)
			}
		}
	}
	f.Items = unique(services)
	f.Related = f.Related[:min(len(f.Related), 5)]
	f.Message = fmt.Sprintf("%s process data in %s that %s", some(services), all.places(), all.where())
	r.p.object(at, f, all.accesses...)
}

func (s *strayed) finding(message, help, object, field string) diag.Finding {
	f := diag.Finding{Message: message, Help: help, Objects: []string{object}, Field: field}
	for _, c := range s.clusters {
		f.Items = append(f.Items, c.Name)
		at := c.Doc.Spec.Country.Span
		if !at.IsZero() {
			f.Related = append(f.Related, diag.Related{Span: at, Message: "where cluster " + c.Name + " is"})
		}
	}
	for _, a := range s.activities {
		f.Related = append(f.Related, diag.Related{Span: a.Doc.Spec.Stays.Span, Message: "where the data of activity " + a.Name + " stays"})
	}
	return f
}

// where says where the data stays: stays in EEA (order-fulfilment).
func (s *strayed) where() string {
	var all []string
	for _, a := range s.activities {
		var places []string
		for _, t := range a.Doc.Spec.Stays.Items {
			places = append(places, t.Value)
		}
		all = append(all, fmt.Sprintf("%s (%s)", strings.Join(places, ", "), a.Name))
	}
	return "stays in " + listed(all)
}

// places are the clusters with their countries: us-1 (US, run from US).
func (s *strayed) places() string {
	var all []string
	for _, c := range s.clusters {
		place := cmp.Or(c.Doc.Spec.Country.Value, "nobody says where")
		if c.Operator != nil && c.Operator.Doc.Spec.Country.Value != c.Doc.Spec.Country.Value {
			place += ", run from " + c.Operator.Doc.Spec.Country.Value
		}
		all = append(all, fmt.Sprintf("%s (%s)", c.Name, place))
	}
	return listed(all)
}
