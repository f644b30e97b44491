package vocabulary

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExtensionsInheritAndRise(t *testing.T) {
	t.Parallel()
	before := Categories().Keys()
	got, problems := Categories().Extend([]Extension{
		{Key: "user.behavior.x_shop.wishlist.gifts", Title: "Gifts", Reveals: []string{"user.demographic.religious_belief"}},
		{Key: "user.behavior.x_shop.wishlist.gifts.for_children", Class: Elevated},
		{Key: "user.behavior.x_shop.wishlist", Title: "Wish list", Description: "What a person would like to have."},
		{Key: "user.financial.credit_card.x_pci.pan.x_shop", Title: "Masked card number"},
		{Key: "user.name.x_shop.faith", Class: Special, Reveals: []string{"user.name.x_shop.faith"}},
		{Key: "system.operations.x_shop", Class: None},
		{Key: "user.content.x_shop.review.of_medicine"},
		{Key: "user.content.x_shop.review", Class: Special},
	})
	if len(problems) > 0 {
		t.Fatalf("there are problems: %+v", problems)
	}
	for _, want := range []Term{
		{
			Key: "user.behavior.x_shop.wishlist", Title: "Wish list", Description: "What a person would like to have.", Class: Personal,
			Reveals: []string{"user.health_and_medical"},
		},
		{
			Key: "user.behavior.x_shop.wishlist.gifts", Title: "Gifts", Class: Personal,
			Reveals: []string{"user.demographic.religious_belief", "user.health_and_medical"},
		},
		{
			Key: "user.behavior.x_shop.wishlist.gifts.for_children", Class: Elevated,
			Reveals: []string{"user.demographic.religious_belief", "user.health_and_medical"},
		},
		{Key: "user.financial.credit_card.x_pci.pan.x_shop", Title: "Masked card number", Class: Elevated},
		{Key: "user.name.x_shop.faith", Class: Special, Reveals: []string{"user.name.x_shop.faith"}},
		{Key: "system.operations.x_shop", Class: None},
		{Key: "user.content.x_shop.review.of_medicine", Class: Special},
		{Key: "user.content.x_shop.review", Class: Special},
	} {
		term, ok := got.Find(want.Key)
		if diff := cmp.Diff(want, term); !ok || diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Key, diff)
		}
	}
	if diff := cmp.Diff(before, Categories().Keys()); diff != "" {
		t.Errorf("the built-in taxonomy was changed:\n%s", diff)
	}
	if len(got.Keys()) != len(before)+8 || got.Highest("user.name") != Special || Categories().Highest("user.name") != Personal {
		t.Error("the extended taxonomy does not see all of its terms")
	}
	if now, ok := got.Current("user.gender"); !ok || now != "user.demographic.gender" {
		t.Errorf("the extended taxonomy has lost what moved: %q", now)
	}
	again, problems := got.Extend([]Extension{{Key: "user.behavior.x_shop.wishlist.x_toys"}})
	if _, ok := again.Find("user.behavior.x_shop.wishlist.x_toys"); !ok || len(problems) > 0 {
		t.Errorf("an extended taxonomy cannot be extended: %+v", problems)
	}
}

func TestExtensionsThatCannotStand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		taxonomy  *Taxonomy
		extension Extension
		part      Part
		message   string
		help      string
		stays     bool
	}{
		{"no key", Categories(), Extension{Key: "user.name.x_Shop"}, PartKey, `"user.name.x_Shop" is not a key`, "lower-case", false},
		{"empty", Categories(), Extension{}, PartKey, `"" is not a key`, "lower-case", false},
		{"no organisation", Categories(), Extension{Key: "user.name.nick"}, PartKey, "does not say which key it extends", "x_<organisation>", false},
		{"no base", Categories(), Extension{Key: "x_shop.nick"}, PartKey, "does not say which key it extends", "x_<organisation>", false},
		{"no name of one", Categories(), Extension{Key: "user.name.x_"}, PartKey, "does not say which key it extends", "x_<organisation>", false},
		{"unknown base", Categories(), Extension{Key: "user.nam.x_shop"}, PartKey, `extends "user.nam", which is not a known key`, "known key", false},
		{
			"old base", Categories(),
			Extension{Key: "user.gender.x_shop.title"},
			PartKey, `which is called "user.demographic.gender" today`,
			"write user.demographic.gender.x_shop.title", false,
		},
		{"reserved", Categories(), Extension{Key: "user.name.x_gdpr.nick"}, PartKey, `"x_gdpr" is reserved`, "your organisation", false},
		{"built in", Categories(), Extension{Key: "user.financial.credit_card.x_pci.pan"}, PartKey, `"x_pci" is reserved`, "your organisation", false},
		{
			"lower", Categories(),
			Extension{Key: "user.health_and_medical.x_shop", Class: Personal},
			PartClass, "of class personal, below the class special", "write special", true,
		},
		{"declared none", Categories(), Extension{Key: "user.name.x_shop", Class: None}, PartClass, "of class none", "write personal", true},
		{"not personal", Categories(), Extension{Key: "system.x_shop", Class: Personal}, PartClass, `does not lie below "user"`, "below user", true},
		{"a use has no class", Uses(), Extension{Key: "essential.x_shop", Class: Special}, PartClass, `does not lie below "user"`, "drop", true},
		{
			"reveals nothing special", Categories(),
			Extension{Key: "user.name.x_shop", Reveals: []string{"user.contact"}},
			PartReveals, `"user.contact" is not a key of special`, "revealed", true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, problems := c.taxonomy.Extend([]Extension{c.extension})
			if len(problems) != 1 || problems[0].Part != c.part || !strings.Contains(problems[0].Message, c.message) ||
				!strings.Contains(problems[0].Help, c.help) {
				t.Fatalf("the problems are %+v", problems)
			}
			term, stays := got.Find(c.extension.Key)
			if _, builtIn := c.taxonomy.Find(c.extension.Key); stays != (c.stays || builtIn) {
				t.Errorf("it is found: %v", stays)
			}
			if len(term.Reveals) > 0 {
				t.Errorf("it reveals %q", term.Reveals)
			}
			if above := got.above(term.Key); stays && term.Class != above.Class && !strings.Contains(term.Key, "x_pci") {
				t.Errorf("it is of class %s and inherits %s", term.Class, above.Class)
			}
		})
	}
}

func TestAnExtensionStandsOnce(t *testing.T) {
	t.Parallel()
	got, problems := Subjects().Extend([]Extension{
		{Key: "customer.x_shop.regular", Title: "First"}, {Key: "nobody.x_shop"}, {Key: "customer.x_shop.regular", Title: "Second"},
	})
	if len(problems) != 2 || problems[0].Index != 1 || problems[1].Index != 2 || !strings.Contains(problems[1].Message, "twice") {
		t.Errorf("the problems are %+v", problems)
	}
	if term, _ := got.Find("customer.x_shop.regular"); term.Title != "First" {
		t.Errorf("it is %+v", term)
	}
}
