package report

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// subjectSheets are a register for each kind of data subject, and who receives what of theirs, for the next comparison.
func (f *facts) subjectSheets(before *Report) ([]*Register, map[string][]string) {
	of := map[string][]*holding{}
	for _, h := range f.holdings {
		if h.Processing.Activity == nil {
			of[""] = append(of[""], h)
			continue
		}
		if len(h.Processing.Activity.Subjects) == 0 {
			of[""] = append(of[""], h)
		}
		for _, s := range h.Processing.Activity.Subjects {
			of[s] = append(of[s], h)
		}
	}
	var kinds []string
	for kind := range of {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	var sheets []*Register
	shared := map[string][]string{}
	for _, kind := range kinds {
		sheets = append(sheets, f.subjectSheet(kind, of[kind], before, shared))
	}
	return sheets, shared
}

func (f *facts) subjectSheet(kind string, all []*holding, before *Report, shared map[string][]string) *Register {
	name, title := "subject-"+kind, kind
	if term, known := f.estate.Privacy.Subjects.Find(kind); known && term.Title != "" {
		title = term.Title
	}
	if kind == "" {
		name, title = "subject-unknown", "nobody says whose data"
	}
	endpoint := func(of func(*model.PersonalData) *model.Endpoint) func(*holding) Cell {
		return func(h *holding) Cell {
			if e := of(h.PersonalData); e != nil {
				return required(append([]string{h.Key() + " " + e.Name}, requests(e)...)...)
			}
			if h.stored() {
				return required()
			}
			return or("nothing is kept")
		}
	}
	return about[*holding]{
		name: name, title: "Data subjects: " + title,
		text: "Where the data of these people lies, how long, who receives it, and what hands it out, corrects and erases it (GDPR Articles 15 to 17). One row for each service and activity.",
		columns: []column[*holding]{
			says("service", "Service", func(h *holding) Cell { return required(h.Key()) }).main(),
			says("team", "Team", func(h *holding) Cell { return required(h.Team.Name) }),
			says("contact", "Contact", func(h *holding) Cell { return required(contactOfTeam(h.Team)) }),
			says("activity", "Activity", func(h *holding) Cell { return required(names(some(h.Processing.Activity))...) }).main(),
			says("purpose", "Purpose", func(h *holding) Cell { return ofHolding(h, f.purpose) }).main(),
			says("categories", "Categories of data", func(h *holding) Cell { return required(h.Processing.Categories...) }).main().change("categories"),
			says("class", "Highest class", func(h *holding) Cell { return f.highest(h.Processing.Categories) }),
			says("mayReveal", "May reveal", func(h *holding) Cell { return listed(h.Processing.MayReveal) }),
			says("kept", "Kept", func(h *holding) Cell { return required(yes(h.stored())) }).main().change("what is kept"),
			says("retention", "Erased after", func(h *holding) Cell { return f.retentionOf(h) }).main().change("retention"),
			says("legalBasis", "Legal basis", func(h *holding) Cell { return ofHolding(h, legalBasis) }),
			says("clusters", "Clusters", func(h *holding) Cell { return listed(clusterNames(h.workloads())) }),
			says("countries", "Countries", func(h *holding) Cell { return whereabouts(h) }).main().change("country"),
			says("recipients", "Received now by, within", func(h *holding) Cell { return listed(f.recipientsOfHolding(h)) }).main(),
			says("parties", "Received now by, outside", func(h *holding) Cell { return listed(f.partiesOfHolding(h)) }).main(),
			says("before", "Received before by, and no more", func(h *holding) Cell {
				now := append(f.recipientsOfHolding(h), cell(f.partiesOfHolding(h)).Items...)
				place := name + " " + holdingKey(h)
				shared[place] = append(shared[place], now...)
				if before == nil {
					return or("no earlier revision was compared")
				}
				return listed(slices.DeleteFunc(slices.Clone(before.shared[place]), func(who string) bool { return slices.Contains(now, who) }))
			}),
			says("access", "Handed out by", endpoint(func(d *model.PersonalData) *model.Endpoint { return d.Access })),
			says("erasure", "Erased by", endpoint(func(d *model.PersonalData) *model.Endpoint { return d.Erasure })),
			says("rectification", "Corrected by", func(h *holding) Cell {
				if e := h.PersonalData.Rectification; e != nil {
					return required(append([]string{h.Key() + " " + e.Name}, requests(e)...)...)
				}
				return optional()
			}),
			source(func(h *holding) diag.Span { return h.Processing.Doc.Span }).main(),
		},
		row: func(h *holding) Row {
			return Row{
				Key: holdingKey(h), Label: h.Key() + " under " + h.activity(), Owner: h.Team.Name, Source: h.Processing.Doc.Span,
				Facets: Facets{
					Categories: h.Processing.Categories, Teams: []string{h.Team.Name}, Countries: countries(h.workloads()),
					Activities: names(some(h.Processing.Activity)),
				},
			}
		},
	}.of(all)
}

func holdingKey(h *holding) string {
	return strings.Join([]string{h.Mesh.Name, h.Key(), h.activity()}, " ")
}

func ofHolding(h *holding, of func(*model.Activity) Cell) Cell {
	if a := h.Processing.Activity; a != nil {
		return of(a)
	}
	return required()
}

func (f *facts) retentionOf(h *holding) Cell {
	if !h.stored() {
		return or("nothing is kept")
	}
	return ofHolding(h, f.retentionCell)
}

// whereabouts are the countries of the Service's clusters; one that says none is a gap, also beside others that do.
func whereabouts(h *holding) Cell {
	var all []string
	for _, w := range h.workloads() {
		if w.Cluster.Doc.Spec.Country.Value == "" {
			return required()
		}
		all = append(all, country(w.Cluster.Doc.Spec.Country.Value))
	}
	return listed(unique(all))
}
