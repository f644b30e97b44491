package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/query"
)

func askAbout(t *testing.T, fsys fstest.MapFS) *Asked {
	t.Helper()
	asked, err := Ask(t.Context(), fsys, Options{AsOf: today})
	if err != nil || asked.Index == nil {
		t.Fatalf("%v, %v", asked, err)
	}
	return asked
}

// users are an answer in short lines.
func users(u *query.DataUsers) []string {
	var all []string
	for _, h := range u.Holders {
		all = append(all, fmt.Sprintf("%s has %s for %s, kept %t", h.Service, strings.Join(h.Categories, " "), h.Activity, h.Stored))
	}
	for _, a := range u.Accesses {
		all = append(all, fmt.Sprintf("%s of %s %s for %s: reads %s, writes %s, %s:%d", a.Caller, a.Callee, a.Endpoint, a.Activity, a.Reads, a.Writes, a.Asked.File, a.Asked.Start.Line()))
	}
	for _, c := range u.Channels {
		all = append(all, fmt.Sprintf("channel %s of %s: sends %s, receives %s, to %s in %s", c.Channel, c.Service, c.Sends, c.Receives, c.Party, c.Country))
	}
	for _, s := range u.Silent {
		all = append(all, s+" does not say")
	}
	for _, w := range slices.Concat(u.Waiting, u.Withheld) {
		all = append(all, "not let in: "+w)
	}
	return all
}

func TestWhoHasToDoWithData(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	asked := askAbout(t, now)
	for category, want := range map[string][]string{
		"user.contact.address.city": { // below what is declared
			"identity/customers has user.contact for customer-account, kept true",
			"shop/checkout has user.contact.address for order-fulfilment, kept true",
			"shop/front has user.contact.address for order-fulfilment, kept false",
			"shop/checkout of identity/customers read-address for order-fulfilment: reads [user.contact.address], writes [], policies/teams/shop/checkout.yaml:15",
			"shop/front of shop/checkout place-order for order-fulfilment: reads [], writes [user.contact.address], policies/teams/shop/shop-front.yaml:14",
			"channel shop/labels of shop/checkout: sends [user.contact.address], receives [], to Example Parcels GmbH in DE",
			"insight/rota does not say",
		},
		"user.health_and_medical.genetic": {
			"insight/prescriptions has user.health_and_medical for prescriptions, kept true",
			"insight/reader has user.health_and_medical for prescriptions, kept false",
			"insight/reader of insight/prescriptions prescriptions for prescriptions: reads [user.health_and_medical], writes [], policies/teams/insight/reader.yaml:7",
			"insight/rota does not say",
		},
		"user.location": {"insight/rota does not say"},
	} {
		u, err := asked.WhoCanData(category)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, users(u)); d != "" {
			t.Errorf("%s (-want +got):\n%s", category, d)
		}
	}
	if u, err := asked.WhoCanData("user.nothing"); err == nil {
		t.Errorf("an unknown category has %v", users(u))
	}
}

// Nobody whom the access register has is left out of an answer, and the other way round.
func TestWhoCanDataAgreesWithTheRegister(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	r := registers(t, now, ReportOptions{})
	asked := askAbout(t, now)
	for _, category := range vocabulary.Categories().Keys() {
		if !vocabulary.IsPersonal(category) {
			continue
		}
		var want, got []string
		for _, row := range r.Report.Register("access").Rows {
			if slices.ContainsFunc(row.Categories, func(c string) bool { return vocabulary.Overlap(c, category) }) {
				want = append(want, row.Label)
			}
		}
		u, err := asked.WhoCanData(category)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range u.Accesses {
			got = append(got, a.Caller+" -> "+a.Callee+" "+a.Endpoint)
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-register +answer):\n%s", category, d)
		}
	}
}

func TestWhoIsNotLetInIsTold(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	const grant = "  grants:\n    - {from: shop/checkout, endpoints: [read-address]}\n"
	replaceIn(t, now, "policies/teams/identity/customers.yaml", grant, "")
	u, err := askAbout(t, now).WhoCanData("user.contact.address")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"shop/checkout -> identity/customers read-address"}; !slices.Equal(u.Waiting, want) {
		t.Errorf("waiting: %v", u.Waiting)
	}
	if slices.ContainsFunc(u.Accesses, func(a query.DataAccess) bool { return a.Callee == "identity/customers" }) {
		t.Error("who waits is let in")
	}
}

func TestWhatABreachTouches(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	asked := askAbout(t, now)
	m, err := asked.Impact("checkout")
	if err != nil {
		t.Fatal(err)
	}
	var touched, contacts []string
	for _, c := range m.Touched {
		touched = append(touched, c.Category+" "+c.Class+": "+strings.Join(c.Ways, ", "))
	}
	for _, c := range m.Contacts {
		contacts = append(contacts, c.Who+" "+c.Contact)
	}
	want := []string{
		"user.behavior.purchase_history personal: processed, sent by callers",
		"user.contact.address personal: called for, processed, sent by callers",
		"user.name personal: processed",
	}
	if d := cmp.Diff(want, touched); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"team shop #shop", "privacy dpo@example.org", "team identity #identity", "Example Parcels GmbH privacy@parcels.example"}, contacts); d != "" {
		t.Error(d)
	}
	if len(m.Calls) != 1 || len(m.Callers) != 1 || len(m.Channels) != 1 || len(m.Places) != 1 || m.Places[0].Country != "NL" || m.Silent || !slices.Equal(m.Subjects, []string{"customer"}) {
		t.Errorf("%+v", m)
	}
	if m, err := asked.Impact("insight/reader"); err != nil || m.Touched[0].Class != "special" || m.Places[0].OperatorCountry != "US" || !slices.Equal(m.Subjects, []string{"patient"}) {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := asked.Impact("rota"); err != nil || !m.Silent || len(m.Touched) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := asked.Impact("nobody"); err == nil {
		t.Error("a Service that is not there has an impact")
	}
}

// What a Service reads and throws away is open to whoever has the Service, and lies in its cluster.
func TestWhatIsDiscardedIsTouched(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	const reader = "policies/teams/insight/reader.yaml"
	replaceIn(t, now, reader, "      - {activity: prescriptions, categories: [user.name, user.health_and_medical], stored: false}\n",
		"      - {activity: prescriptions, categories: [user.name], stored: false}\n    declassifies:\n"+
			"      - {name: counts, drops: [user.health_and_medical], method: discard, because: it only counts them}\n")
	m, err := askAbout(t, now).Impact("reader")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.Touched, func(c query.Touched) bool { return c.Category == "user.health_and_medical" }) {
		t.Errorf("touched: %+v", m.Touched)
	}
	reg := registers(t, now, ReportOptions{}).Report.Register("services")
	for _, row := range reg.Rows {
		if row.Label == "insight/reader" && !slices.Contains(row.Categories, "user.health_and_medical") {
			t.Errorf("the inventory does not have it: %v", row.Categories)
		}
	}
}
