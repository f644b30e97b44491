package vocabulary

import (
	"slices"
	"sync"
	"time"
)

// Place is a country, or an international organisation, which Art. 45 GDPR treats alike.
type Place struct {
	Code         string // ISO 3166-1 alpha-2; an organisation's own acronym
	Name         string // English short name
	EEA          bool
	Organisation bool
}

// Extent is how much of a country an adequacy decision speaks of.
type Extent string

// The extents of adequacy decisions. All but Full depend on who receives the data, which a country's code does not tell.
const (
	Full          Extent = "full"           // every recipient
	Certified     Extent = "certified"      // those that have certified themselves, as under the EU-US Data Privacy Framework
	Commercial    Extent = "commercial"     // those that a law on commerce binds, as Canada's PIPEDA
	PrivateSector Extent = "private-sector" // those of the private sector
)

// Decision is a decision of the Commission that a place protects personal data well enough (Art. 45(3) GDPR).
type Decision struct {
	Code   string // of the Place
	Extent Extent
	Scope  string // the extent in words
	// Decision is its number or what is known of it, where the table knows.
	Decision string
	// ValidFrom and ValidTo are its first and last day, as YYYY-MM-DD. Without the first it has been in force for as long as the
	// table looks back, without the last nobody has set an end.
	ValidFrom, ValidTo string
	// Fragile says why it may not last, such as a case before the Court. Empty where nothing is known to threaten it.
	Fragile string
	// NotFrom are EEA states for whose exporters it was not yet in force when the table was made.
	NotFrom []string
	Source  string
}

// DaysLeft returns how many days after a day the decision still holds, if it ends at all.
func (d Decision) DaysLeft(day string) (int, bool) {
	if d.ValidTo == "" {
		return 0, false
	}
	return int(parseDay(d.ValidTo).Sub(parseDay(day)).Hours() / 24), true
}

// The groups of places that a residency can name beside a place's own code.
const (
	GroupEEA      = "EEA"      // the EU's member states, Iceland, Liechtenstein and Norway
	GroupAdequate = "adequate" // the EEA, and where an adequacy decision for every recipient is in force
)

type placeTable struct {
	codes  []string // sorted
	places map[string]Place
}

var (
	places    = sync.OnceValue(func() placeTable { return readPlaces("countries", text("countries")) })
	decisions = sync.OnceValue(func() []Decision { return readDecisions("adequacy", text("adequacy")) })
)

// Country finds a place by its code, in upper case.
//
// ISO gives codes of their own to Åland and to France's outermost regions; for what lies there, name the member state.
func Country(code string) (Place, bool) {
	place, ok := places().places[code]
	return place, ok
}

// Countries returns all codes that Country takes, sorted.
func Countries() []string { return slices.Clone(places().codes) }

// InEEA says whether a code is that of a state of the European Economic Area.
func InEEA(code string) bool { return places().places[code].EEA }

// Adequate returns the adequacy decisions for a place that are in force on a day, given as YYYY-MM-DD. Each says for whom: that the
// result is not empty does not mean that data may go there.
func Adequate(code, day string) []Decision {
	parseDay(day)
	var inForce []Decision
	for _, d := range decisions() {
		if d.Code == code && d.ValidFrom <= day && (d.ValidTo == "" || day <= d.ValidTo) {
			d.NotFrom = slices.Clone(d.NotFrom)
			inForce = append(inForce, d)
		}
	}
	return inForce
}

// Group says whether a residency may name a group: EEA, adequate, or the code of a place.
func Group(name string) bool {
	_, place := Country(name)
	return place || name == GroupEEA || name == GroupAdequate
}

// Within says whether a place lies in a group on a day. A place that is adequate for some recipients only is not in GroupAdequate,
// since its code does not tell who receives; nor is any place or group that the tables do not have.
func Within(code, group, day string) bool {
	switch group {
	case GroupEEA:
		return InEEA(code)
	case GroupAdequate:
		return InEEA(code) || slices.ContainsFunc(Adequate(code, day), func(d Decision) bool { return d.Extent == Full })
	}
	_, known := Country(code)
	return known && code == group
}

// parseDay panics on what is not a day: those that documents write have been looked at before, and the others are ours.
func parseDay(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic("vocabulary: " + err.Error())
	}
	return t
}
