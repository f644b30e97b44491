package compiler

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/report"
)

// An end of a channel that says neither what it sends nor what it takes sends all that its Service has, as the rules take it. So do
// the answers: `who-can --data`, the registers and `diff`.
func TestAnEndThatSaysNothingSendsAll(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	silent := edited(t, now, checkoutFile, "sends: [user.name, user.contact.address], party: carrier", "party: carrier")
	without := edited(t, now, checkoutFile,
		"    channels:\n      - {name: labels, sends: [user.name, user.contact.address], party: carrier, activity: order-fulfilment, because: the carrier prints them}\n", "")
	all := []string{"user.behavior.purchase_history", "user.contact.address", "user.name"}

	u, err := askAbout(t, silent).WhoCanData("user.behavior")
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Channels) != 1 || !slices.Equal(u.Channels[0].Sends, []string{"user.behavior.purchase_history"}) {
		t.Errorf("who-can --data knows these channels: %+v", u.Channels)
	}

	r := registers(t, silent, ReportOptions{})
	if got := cell(t, r.Report, "channels", "shop/labels", "Sends"); got != strings.Join(all, "; ") {
		t.Errorf("the register of channels has it send %q", got)
	}
	if got := cell(t, r.Report, "processors", "Example Parcels GmbH", "Receives"); got != strings.Join(all, "; ") {
		t.Errorf("the register of recipients has it receive %q", got)
	}

	var disclosed []string
	for _, d := range mustDiff(t, without, silent).Access.Disclosed {
		disclosed = append(disclosed, d.Words())
	}
	var want []string
	for _, c := range all {
		want = append(want, "party carrier gets "+c+" in DE, from channel shop/labels")
	}
	if d := cmp.Diff(want, disclosed); d != "" {
		t.Errorf("diff says (-want +got):\n%s", d)
	}
}

// What a rule reads of the flow of data, the next rule and every answer read too.
func TestRulesLeaveTheFlowAsItIs(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	estates := []fs.FS{now}
	for _, d := range Rules() {
		if strings.HasPrefix(d.Code, "PII-") && !d.Retired && d.Later == "" {
			bad, good := examples(t, d)
			estates = append(estates, bad, good)
		}
	}
	for _, fsys := range estates {
		checked := mustCompile(t, fsys).checked
		if checked.Estate() == nil {
			continue
		}
		is, want := checked.Flow(), privacy.Trace(checked.Estate())
		for _, m := range checked.Estate().Meshes {
			for _, s := range m.Services {
				for name, of := range map[string]func(*privacy.Flow) []string{
					"holds": func(f *privacy.Flow) []string { return f.Holds(s) }, "has": func(f *privacy.Flow) []string { return f.Exposed(s) },
					"discards": func(f *privacy.Flow) []string { return f.Discards(s) },
				} {
					if d := cmp.Diff(of(want), of(is)); d != "" {
						t.Errorf("what %s %s was changed (-want +got):\n%s", s.Key(), name, d)
					}
				}
			}
		}
	}
}

// cell is what a register has in one column of the row with a key that begins so.
func cell(t *testing.T, r *report.Report, register, key, column string) string {
	t.Helper()
	for _, reg := range r.Registers {
		at := slices.IndexFunc(reg.Columns, func(c report.Column) bool { return c.Title == column })
		for _, row := range reg.Rows {
			if reg.Name == register && at >= 0 && slices.ContainsFunc(row.Cells, func(c report.Cell) bool { return strings.HasPrefix(c.Text(), key) }) {
				return row.Cells[at].Text()
			}
		}
	}
	t.Fatalf("no register %s with %q and column %s", register, key, column)
	return ""
}
