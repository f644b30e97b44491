package vocabulary

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// TestTheCountriesAreISOs holds the table against another one: CLDR's regions, less those that ISO has withdrawn or only reserved.
func TestTheCountriesAreISOs(t *testing.T) {
	t.Parallel()
	others := strings.Fields("AC CP CQ DG EA EZ IC TA UN XK AN CS FQ NT PC SU YU")
	count := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			region, err := language.ParseRegion(code)
			want := err == nil && region.IsCountry() && region.String() == code && region.Canonicalize() == region && !slices.Contains(others, code)
			place, ok := Country(code)
			if ok != want || ok && (place.Code != code || place.Name == "" || place.Organisation) {
				t.Errorf("%s is %+v, want a country: %v", code, place, want)
			}
			if ok {
				count++
			}
		}
	}
	if count != 249 || len(Countries()) != count+1 || !slices.IsSorted(Countries()) {
		t.Errorf("there are %d countries", count)
	}
	if epo, ok := Country("EPO"); !ok || !epo.Organisation || epo.EEA {
		t.Errorf("the patent organisation is %+v", epo)
	}
	for _, code := range []string{"", "nl", "EU", "UK", "EL", "EEA"} {
		if place, ok := Country(code); ok {
			t.Errorf("%q is %+v", code, place)
		}
	}
}

func TestTheEEA(t *testing.T) {
	t.Parallel()
	var members []string
	for _, code := range Countries() {
		if InEEA(code) {
			members = append(members, code)
		}
	}
	want := "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
	if got := strings.Join(members, " "); got != want {
		t.Errorf("the EEA is %s, want %s", got, want)
	}
}

func TestAdequacyOnADay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, day string
		want      Extent // none
		adequate  bool   // for every recipient
	}{
		{"GB", "2026-11-01", Full, true},
		{"GB", "2027-12-31", Full, true},
		{"GB", "2031-12-27", Full, true},
		{"GB", "2031-12-28", "", false},
		{"BR", "2026-01-25", "", false},
		{"BR", "2026-01-26", Full, true},
		{"EPO", "2025-07-14", "", false},
		{"EPO", "2025-07-15", Full, true},
		{"CH", "2040-01-01", Full, true},
		{"KR", "2026-11-01", Full, true},
		{"US", "2026-11-01", Certified, false},
		{"CA", "2026-11-01", Commercial, false},
		{"JP", "2026-11-01", PrivateSector, false},
		{"CN", "2026-11-01", "", false},
		{"NL", "2026-11-01", "", true},
		{"", "2026-11-01", "", false},
	} {
		var got Extent
		for _, d := range Adequate(c.code, c.day) {
			if got != "" || d.Code != c.code {
				t.Errorf("%s has two decisions on %s, or another's", c.code, c.day)
			}
			got = d.Extent
		}
		if got != c.want {
			t.Errorf("%s is adequate on %s for %q, want %q", c.code, c.day, got, c.want)
		}
		if got := Within(c.code, GroupAdequate, c.day); got != c.adequate {
			t.Errorf("%s is adequate for all on %s: %v", c.code, c.day, got)
		}
	}
}

func TestWhatThreatensADecision(t *testing.T) {
	t.Parallel()
	const today = "2026-11-01"
	for _, code := range Countries() {
		for _, d := range Adequate(code, today) {
			if (d.Fragile != "") != (code == "US") || (d.ValidTo != "") != (code == "GB") || (len(d.NotFrom) > 0) != (code == "BR") {
				t.Errorf("the decision for %s is %+v", code, d)
			}
			for _, exporter := range d.NotFrom {
				if !InEEA(exporter) {
					t.Errorf("the decision for %s is not for exporters of %s, who need none", code, exporter)
				}
			}
		}
	}
	gb := Adequate("GB", today)[0]
	for day, want := range map[string]int{"2031-12-27": 0, "2031-12-26": 1, "2031-12-28": -1, "2030-12-27": 365} {
		if got, ends := gb.DaysLeft(day); got != want || !ends {
			t.Errorf("on %s the decision for GB holds for %d days, want %d", day, got, want)
		}
	}
	if _, ends := Adequate("CH", today)[0].DaysLeft(today); ends {
		t.Error("the decision for CH ends")
	}
	Adequate("BR", today)[0].NotFrom[0] = "NL"
	if got := Adequate("BR", today)[0].NotFrom; !slices.Equal(got, []string{"IS", "LI", "NO"}) {
		t.Errorf("whoever asks can change the table: %q", got)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	const today = "2026-11-01"
	for _, c := range []struct {
		code, group string
		want        bool
	}{
		{"NL", GroupEEA, true},
		{"NO", GroupEEA, true},
		{"CH", GroupEEA, false},
		{"CH", "CH", true},
		{"CH", "GB", false},
		{"XX", "XX", false},
		{"EPO", "EPO", true},
		{"NL", "Benelux", false},
		{"", "", false},
	} {
		if got := Within(c.code, c.group, today); got != c.want {
			t.Errorf("%q lies within %q: %v", c.code, c.group, got)
		}
	}
	for name, want := range map[string]bool{"EEA": true, "adequate": true, "US": true, "EPO": true, "eea": false, "Benelux": false, "": false} {
		if got := Group(name); got != want {
			t.Errorf("%q is a group: %v", name, got)
		}
	}
}
