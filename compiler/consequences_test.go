package compiler

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// failing are the codes and files of what a change fails by.
func failing(t testing.TB, r *Result) []string {
	t.Helper()
	var all []string
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Fails() && r.Caused(f) {
			all = append(all, f.Rule.Code+" "+f.Span.File)
		}
	}
	return all
}

// TestWhatFollowsIsToldWithItsCause: the finding of a changed document has what it brings about elsewhere, and nothing else has.
func TestWhatFollowsIsToldWithItsCause(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	narrowed := string(before[activitiesFile].Data)
	i := strings.LastIndex(narrowed, "categories: [user.name, user.contact]")
	narrowed = narrowed[:i] + "categories: [user.name]" + narrowed[i+len("categories: [user.name, user.contact]"):]
	now := layOver(before, []txtar.File{{Name: activitiesFile, Data: []byte(narrowed)}})
	if got := failing(t, mustCompileAgainst(t, now, before)); !slices.Equal(got, []string{"PII-103 " + activitiesFile}) {
		t.Errorf("an Activity that is narrowed fails by %q", got)
	}

	// A mistake in a document that the change edits or adds is its author's, and told beside it.
	other := layOver(now, []txtar.File{{Name: "policies/teams/shop/cart.yaml", Data: []byte("apiVersion: writ.dev/v1alpha1\nkind: Service\n" +
		"metadata: {name: cart, namespace: shop}\nspec:\n  personalData: {processes: [{activity: order-fulfilment, categories: [user.device], stored: true}]}\n")}})
	got := failing(t, mustCompileAgainst(t, other, before))
	if !slices.Contains(got, "PII-008 policies/teams/shop/cart.yaml") || !slices.Contains(got, "PII-103 "+activitiesFile) || len(got) != 2 {
		t.Errorf("two mistakes fail by %q", got)
	}
	edits := edited(t, now, checkoutFile, "labels for parcels are printed", "labels are printed")
	if got := failing(t, mustCompileAgainst(t, edits, before)); !slices.Equal(got, []string{"PII-008 " + checkoutFile}) {
		t.Errorf("who edits what breaks is told by %q", got)
	}

	// What the base had is nobody's consequence.
	if got := failing(t, mustCompileAgainst(t, now, now)); len(got) > 0 {
		t.Errorf("nothing changes, and it fails by %q", got)
	}

	// Without a base there is no cause.
	if n := codes(mustCompile(t, now).Findings)["PII-103"]; n > 0 {
		t.Error("a change is told without a base")
	}
}

// TestWhatIsAgreedToIsNoCause: an Approval of a weakening agrees to it, not to what it breaks.
func TestWhatIsAgreedToIsNoCause(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	now := edited(t, before, customersFile, "categories: [user.name, user.contact]", "categories: [user.name]")
	r := mustCompileAgainst(t, now, before)
	f := only(t, r, "PII-046")
	if got := failing(t, r); len(got) != 1 || len(f.Related) == 0 {
		t.Errorf("it fails by %q; %+v", got, f.Related)
	}
	agreed := layOver(before, []txtar.File{approving("approved", "2026-11-01", "2027-01-01", f.Field)})
	now = layOver(now, []txtar.File{approving("approved", "2026-11-01", "2027-01-01", f.Field)})
	r = mustCompileAgainst(t, now, agreed)
	if got := failing(t, r); len(got) == 0 || slices.ContainsFunc(r.Findings, func(f diag.Finding) bool { return f.Rule == weakening }) {
		t.Errorf("agreed to, it fails by %q", got)
	}
}

// TestFoldingNeverPasses: every bad example of a rule fails against its good one as it does alone.
func TestFoldingNeverPasses(t *testing.T) {
	t.Parallel()
	for _, d := range Rules() {
		if !strings.HasPrefix(d.Code, "PII-") || len(d.Bad) == 0 || d.Base != nil || d.Severity() != diag.Error {
			continue
		}
		bad, good := layOver(around(d), d.Bad), layOver(around(d), d.Good)
		if r := mustCompileAgainst(t, bad, good); mustCompile(t, bad).Findings.Fails() && !r.Fails() {
			t.Errorf("%s passes against its good example: %v", d.Code, describe(r.Findings))
		}
	}
}
