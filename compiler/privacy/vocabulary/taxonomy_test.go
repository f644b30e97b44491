package vocabulary

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var all = map[string]func() *Taxonomy{"categories": Categories, "uses": Uses, "subjects": Subjects}

// TestTheTaxonomyIsWhole counts what fideslang 3.1.3 has; keys with a part x_ are ours.
func TestTheTaxonomyIsWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		theirs        int
		ours          []string
		oldAreAtLeast int
	}{
		{"categories", 85, []string{
			"user.demographic.x_gdpr.philosophical_belief", "user.demographic.x_gdpr.sex_life", "user.demographic.x_gdpr.trade_union_membership",
			"user.financial.credit_card.x_pci.pan", "user.financial.credit_card.x_pci.sad",
		}, 70},
		// The wheel has 56, of which personalize.profiling is deprecated.
		{"uses", 55, nil, 20},
		{"subjects", 15, []string{"x_gdpr_child"}, 0},
	} {
		var ours []string
		theirs := 0
		for _, key := range all[c.name]().Keys() {
			if strings.HasPrefix(key, "x_") || strings.Contains(key, ".x_") {
				ours = append(ours, key)
			} else {
				theirs++
			}
		}
		if theirs != c.theirs || !slices.Equal(ours, c.ours) {
			t.Errorf("%s has %d keys of fideslang and %q of ours", c.name, theirs, ours)
		}
		if got := len(all[c.name]().Moved()); got < c.oldAreAtLeast {
			t.Errorf("%s has %d keys that moved", c.name, got)
		}
	}
}

func TestEveryKeyHasItsPlaceAndItsWords(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	for name, taxonomy := range all {
		keys := taxonomy().Keys()
		if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
			t.Errorf("the keys of %s are not a sorted set", name)
		}
		titles := map[string]string{}
		for _, key := range keys {
			term, ok := taxonomy().Find(key)
			if !ok || term.Key != key || !keyShape.MatchString(key) {
				t.Errorf("%s finds %+v for %q", name, term, key)
			}
			above := parent(key)
			if i := strings.Index(key, ".x_"); i > 0 {
				above = key[:i]
			}
			if above != "" && !slices.Contains(keys, above) {
				t.Errorf("%s has %q without %q", name, key, above)
			}
			if text := term.Description; !oneSentence(text) {
				t.Errorf("%s describes %q in other than one sentence: %q", name, key, text)
			}
			if other := said[term.Description]; other != "" {
				t.Errorf("%q and %q are described alike", key, other)
			}
			if other := titles[term.Title]; other != "" || term.Title == "" || strings.HasSuffix(term.Title, ".") {
				t.Errorf("%q has the title %q, as has %q", key, term.Title, other)
			}
			said[term.Description], titles[term.Title] = key, key
		}
	}
}

func oneSentence(text string) bool {
	plain := strings.ReplaceAll(text, "Art. ", "Art ")
	return len(plain) > 10 && strings.HasSuffix(plain, ".") && !strings.Contains(plain, ". ") && strings.ToUpper(plain[:1]) == plain[:1]
}

func TestClassesOnlyRise(t *testing.T) {
	t.Parallel()
	by := map[Class][]string{}
	for _, key := range Categories().Keys() {
		term, _ := Categories().Find(key)
		if above := Categories().above(key); above.Key != "" && term.Class < above.Class {
			t.Errorf("%q is %s, below %q, which is %s", key, term.Class, above.Key, above.Class)
		}
		if (term.Class > None) != IsPersonal(key) {
			t.Errorf("%q is of class %s", key, term.Class)
		}
		by[term.Class] = append(by[term.Class], key)
	}
	want := map[Class][]string{
		Criminal: {"user.criminal_history"},
		Special: {
			"user.authorization.biometric", "user.biometric", "user.demographic.political_opinion", "user.demographic.race_ethnicity",
			"user.demographic.religious_belief", "user.demographic.sexual_orientation", "user.demographic.x_gdpr.philosophical_belief",
			"user.demographic.x_gdpr.sex_life", "user.demographic.x_gdpr.trade_union_membership", "user.health_and_medical",
		},
		Elevated: {
			"user.authorization", "user.childrens", "user.content.private", "user.financial", "user.government_id", "user.location.precise",
			"user.payment",
		},
		None: {"system"},
	}
	for class, keys := range want {
		if diff := cmp.Diff(keys, Minimal(by[class])); diff != "" {
			t.Errorf("class %s (-want +got):\n%s", class, diff)
		}
	}
	for _, key := range append(Uses().Keys(), Subjects().Keys()...) {
		for _, taxonomy := range []*Taxonomy{Uses(), Subjects()} {
			if term, ok := taxonomy.Find(key); ok && term.Class != None {
				t.Errorf("%q is of class %s", key, term.Class)
			}
		}
	}
}

func TestHighestLooksBelow(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]Class{
		"user": Criminal, "user.demographic": Special, "user.authorization": Special, "user.content": Elevated, "user.name": Personal,
		"user.name.first": Personal, "system": None, "user.demographic.x_gdpr": Special, "user.nothing": 0,
	} {
		if got := Categories().Highest(key); got != want {
			t.Errorf("the highest class of %q is %s, want %s", key, got, want)
		}
	}
}

func TestBehaviourMayRevealHealth(t *testing.T) {
	t.Parallel()
	for _, key := range Categories().Keys() {
		term, _ := Categories().Find(key)
		if want := Covers("user.behavior", key); slices.Equal(term.Reveals, []string{"user.health_and_medical"}) != want {
			t.Errorf("%q reveals %q", key, term.Reveals)
		}
	}
	term, _ := Categories().Find("user.behavior")
	term.Reveals[0] = "changed"
	if again, _ := Categories().Find("user.behavior"); again.Reveals[0] == "changed" {
		t.Error("whoever asks can change the table")
	}
}

func TestVagueUses(t *testing.T) {
	t.Parallel()
	var vague, unspecified []string
	for _, taxonomy := range []*Taxonomy{Categories(), Uses(), Subjects()} {
		for _, key := range taxonomy.Keys() {
			term, _ := taxonomy.Find(key)
			if term.Vague {
				vague = append(vague, key)
			}
			if term.Unspecified {
				unspecified = append(unspecified, key)
			}
		}
	}
	if want := []string{"user", "functional", "marketing", "operations"}; !slices.Equal(vague, want) {
		t.Errorf("vague are %q, want %q", vague, want)
	}
	if want := []string{"collect"}; !slices.Equal(unspecified, want) {
		t.Errorf("unspecified are %q, want %q", unspecified, want)
	}
}

func TestKeysThatMovedLeadToOnesInUse(t *testing.T) {
	t.Parallel()
	for name, taxonomy := range all {
		for _, old := range taxonomy().Moved() {
			now, ok := taxonomy().Current(old)
			if _, known := taxonomy().Find(now); !ok || !known {
				t.Errorf("%s: %q has moved to %q, which is not known", name, old, now)
			}
			if _, known := taxonomy().Find(old); known {
				t.Errorf("%s: %q has moved and is in use", name, old)
			}
		}
		for _, key := range taxonomy().Keys() {
			if now, ok := taxonomy().Current(key); !ok || now != key {
				t.Errorf("%s: %q is in use, and said to be %q", name, key, now)
			}
		}
	}
	for _, c := range []struct {
		taxonomy *Taxonomy
		old, now string
	}{
		{Uses(), "personalize.profiling", "personalize.content.profiling"},
		{Uses(), "improve.system", "functional.service.improve"},
		{Uses(), "advertising", "marketing.advertising"},
		{Uses(), "provide.service.operations.support", "essential.service.operations.support"},
		{Categories(), "user.cookie_id", "user.device.cookie_id"},
		{Categories(), "user.contact.state", "user.contact.address.state"},
		{Categories(), "user.provided.identifiable.credentials.password", "user.authorization.password"},
		{Categories(), "user.derived.identifiable.race", "user.demographic.race_ethnicity"},
	} {
		if now, ok := c.taxonomy.Current(c.old); !ok || now != c.now {
			t.Errorf("%q is %q today, want %q", c.old, now, c.now)
		}
	}
	if now, ok := Categories().Current("user.shoe_size"); ok || now != "" {
		t.Errorf("an unknown key is %q today", now)
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	if got, want := Categories().Below("user.name"), []string{"user.name.first", "user.name.last"}; !slices.Equal(got, want) {
		t.Errorf("below user.name are %q, want %q", got, want)
	}
	if got := Categories().Below("user.name.first"); len(got) > 0 {
		t.Errorf("below a leaf are %q", got)
	}
}
