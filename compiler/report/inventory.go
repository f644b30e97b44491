package report

import (
	"cmp"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// inventory is every Service with what it says of personal data.
func (f *facts) inventory() *Register {
	return about[*service]{
		name: "services", title: "Services",
		text: "Every service and whether it processes personal data: which, under which activity, kept or passed on (GDPR Articles 5(2), 15 to 17 and 30). An endpoint without a tag counts as returning all that its service gets to see.",
		columns: []column[*service]{
			says("service", "Service", func(s *service) Cell { return required(s.Key()) }).main(),
			says("team", "Team", func(s *service) Cell { return required(s.Team.Name) }).main(),
			says("contact", "Contact", func(s *service) Cell { return required(contactOfTeam(s.Team)) }).law("GDPR Articles 5(2) and 33"),
			says("personalData", "Personal data", statement).main().law("GDPR Articles 5(2) and 30").change("what is processed"),
			says("categories", "Categories of data", func(s *service) Cell { return listed(f.flow.Holds(s.Service)) }).main().change("categories"),
			says("class", "Highest class", func(s *service) Cell { return required(f.class(f.seesAnywhere(s)).String()) }).main(),
			says("sees", "Gets to see besides", func(s *service) Cell {
				return listed(vocabulary.CoveredBy(f.seesAnywhere(s), f.flow.Holds(s.Service)))
			}).change("categories"),
			says("stored", "Kept", func(s *service) Cell { return listed(kept(s)) }).change("what is kept"),
			says("activities", "Activities", func(s *service) Cell { return f.activitiesOf(s) }).main().law("GDPR Article 30(1)").change("purpose"),
			says("tagged", "Endpoints that say what they return", func(s *service) Cell { return required(coverage(s)) }).change("tags"),
			says("access", "Endpoint that hands data out", func(s *service) Cell {
				return rightsEndpoint(s, func(d *model.PersonalData) *model.Endpoint { return d.Access })
			}).law("GDPR Articles 15 and 20").change("rights"),
			says("erasure", "Endpoint that erases", func(s *service) Cell {
				return rightsEndpoint(s, func(d *model.PersonalData) *model.Endpoint { return d.Erasure })
			}).law("GDPR Article 17").change("rights"),
			says("rectification", "Endpoint that corrects", func(s *service) Cell {
				if s.PersonalData == nil || s.PersonalData.Rectification == nil {
					return optional()
				}
				return required(s.PersonalData.Rectification.Name)
			}).change("rights"),
			says("clusters", "Clusters", func(s *service) Cell { return listed(clusterNames(s.workloads())) }).change("clusters"),
			source(func(s *service) diag.Span { return s.Doc.Metadata.Name.Span }).main(),
		},
		row: func(s *service) Row {
			return Row{
				Key: s.Key() + " " + s.Mesh.Name, Label: s.Key(), Owner: s.Team.Name, Source: s.Doc.Metadata.Name.Span,
				Facets: Facets{Categories: f.seesAnywhere(s), Teams: []string{s.Team.Name}, Countries: countries(s.workloads()), Activities: activityNames(s)},
			}
		},
	}.of(f.services)
}

// statement is what the Service says, in a word.
func statement(s *service) Cell {
	switch {
	case s.PersonalData == nil:
		return required()
	case s.PersonalData.None():
		return required("none: " + s.PersonalData.Doc.None.Line())
	case s.PersonalData.Stores():
		return required("processed and kept")
	default:
		return required("processed and passed on")
	}
}

func (f *facts) activitiesOf(s *service) Cell {
	all := activityNames(s)
	if s.PersonalData == nil || s.PersonalData.None() {
		return listed(all)
	}
	return required(all...)
}

func activityNames(s *service) []string {
	var all []string
	if s.PersonalData != nil {
		for _, p := range s.PersonalData.Processes {
			all = append(all, names(some(p.Activity))...)
		}
	}
	return unique(all)
}

func kept(s *service) []string {
	var all []string
	if s.PersonalData != nil {
		for _, p := range s.PersonalData.Processes {
			if p.Doc.Stored.Value {
				all = append(all, p.Categories...)
			}
		}
	}
	return vocabulary.Minimal(all)
}

func coverage(s *service) string {
	said := 0
	for _, e := range s.Endpoints {
		if e.Returns != nil {
			said++
		}
	}
	return decimal(said) + " of " + decimal(len(s.Endpoints))
}

// rightsEndpoint is asked for where data is kept.
func rightsEndpoint(s *service, of func(*model.PersonalData) *model.Endpoint) Cell {
	if s.PersonalData == nil {
		return or(notApplicable)
	}
	if e := of(s.PersonalData); e != nil {
		return required(e.Name)
	}
	if s.PersonalData.Stores() {
		return required()
	}
	return or(notApplicable)
}

func clusterNames(all []*model.Workload) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.Cluster.Name)
	}
	return unique(out)
}

// place is a cluster with the personal data in it.
type place struct {
	*model.Cluster
	receipt
}

// places are where personal data is.
func (f *facts) places() *Register {
	var all []*place
	for _, c := range f.estate.Clusters {
		if exposed := f.exposedIn(c); len(exposed.Categories) > 0 {
			all = append(all, &place{c, exposed})
		}
	}
	slices.SortStableFunc(all, func(a, b *place) int { return cmp.Compare(a.Name, b.Name) })
	return about[*place]{
		name: "places", title: "Where personal data is",
		text: "The clusters in which services have personal data, the country that each stands in and who runs it (GDPR Articles 28, 30(1)(e) and 44).",
		columns: slices.Concat([]column[*place]{
			says("cluster", "Cluster", func(p *place) Cell { return required(p.Name) }).main(),
			says("mesh", "Mesh", func(p *place) Cell { return required(p.Mesh.Name) }),
			says("tier", "Tier", func(p *place) Cell { return or("production", p.Doc.Spec.Tier.Value) }).main().change("tier"),
			says("country", "Country", func(p *place) Cell { return required(country(p.Doc.Spec.Country.Value)) }).main().law("GDPR Articles 30(1)(e) and 44").change("country"),
			says("operator", "Run by", func(p *place) Cell {
				if p.Operator == nil {
					return required()
				}
				return required(partyText(p.Operator))
			}).main().law("GDPR Articles 28 and 30(1)(d)").change("operator"),
			says("categories", "Categories of data", func(p *place) Cell { return required(p.Categories...) }).main().change("categories"),
			says("class", "Highest class", func(p *place) Cell { return f.highest(p.Categories) }).main(),
			says("services", "Services", func(p *place) Cell { return listed(p.Services) }).change("services"),
			says("activities", "Activities", func(p *place) Cell { return listed(names(p.Activities)) }),
			source(func(p *place) diag.Span { return p.Doc.Metadata.Name.Span }).main(),
		}, watched[*place]()),
		row: func(p *place) Row {
			row := Row{
				Key: p.Name, Label: "cluster " + p.Name, Owner: "platform", Source: p.Doc.Metadata.Name.Span,
				Facets: Facets{Categories: p.Categories, Teams: p.Teams, Countries: []string{p.Doc.Spec.Country.Value}, Activities: names(p.Activities)},
			}
			if p.Operator != nil {
				row.Countries = append(row.Countries, p.Operator.Doc.Spec.Country.Value)
			}
			return row
		},
	}.of(all)
}
