package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// tagged is the estate that examples about personal data stand in.
func tagged(t testing.TB) fstest.MapFS {
	t.Helper()
	return layOver(fstest.MapFS{}, Surroundings("PII-046"))
}

// edited is the estate with one text of a file for another.
func edited(t testing.TB, fsys fstest.MapFS, file, before, after string) fstest.MapFS {
	t.Helper()
	text := string(fsys[file].Data)
	if strings.Count(text, before) != 1 {
		t.Fatalf("%q stands %d times in %s", before, strings.Count(text, before), file)
	}
	return layOver(fsys, []txtar.File{{Name: file, Data: []byte(strings.Replace(text, before, after, 1))}})
}

func approving(decision, granted, until string, entries ...string) txtar.File {
	return txtar.File{Name: "policies/privacy/untag.yaml", Data: fmt.Appendf(nil,
		"apiVersion: writ.dev/v1alpha1\nkind: Approval\nmetadata: {name: untag}\nspec:\n  decision: %s\n  covers: {weakenings: [%q]}\n"+
			"  decidedBy: {role: privacy-board}\n  granted: %s\n  until: %s\n", decision, strings.Join(entries, `", "`), granted, until)}
}

func only(t testing.TB, r *Result, code string) diag.Finding {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(r.Findings), func(f diag.Finding) bool { return f.Rule.Code != code })
	if len(found) != 1 {
		t.Fatalf("%d findings of %s: %v", len(found), code, describe(r.Findings))
	}
	return found[0]
}

func TestAWeakeningPassesWithAnApprovalOfTheBaseAlone(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	now := edited(t, before, customersFile, "categories: [user.name, user.contact]", "categories: [user.contact]")
	r := mustCompileAgainst(t, now, before)
	f := only(t, r, "PII-046")
	if !r.Fails() || !strings.Contains(f.Help, f.Field) || !strings.Contains(f.Help, "@example/privacy and team identity (@example/identity)") {
		t.Errorf("it fails: %v; %s", r.Fails(), f.Help)
	}
	for _, c := range []struct {
		name     string
		approval txtar.File
		base     bool
		fails    bool
	}{
		{"the base has it", approving("approved", "2026-11-01", "2027-01-01", f.Field), true, false},
		{"the change brings it", approving("approved", "2026-11-01", "2027-01-01", f.Field), false, true},
		{"it was refused", approving("rejected", "2026-11-01", "2027-01-01", f.Field), true, true},
		{"it has run out", approving("approved", "2026-01-01", "2026-11-22", f.Field), true, true},
		{"it is to come", approving("approved", "2026-11-24", "2027-01-01", f.Field), true, true},
		{"it is about something else", approving("approved", "2026-11-01", "2027-01-01", f.Field+"0"), true, true},
	} {
		base, change := before, layOver(now, []txtar.File{c.approval})
		if c.base {
			base = layOver(before, []txtar.File{c.approval})
		}
		if r := mustCompileAgainst(t, change, base); r.Fails() != c.fails {
			t.Errorf("%s: fails is %v: %v", c.name, r.Fails(), describe(r.Findings))
		}
	}
}

// TestTheBaseDecidesNothingThatIsRendered: out/ depends on the documents of one revision alone.
func TestTheBaseDecidesNothingThatIsRendered(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	for _, now := range []fstest.MapFS{
		edited(t, before, customersFile, "returns: [user.contact.address]", "returns: [user.contact.address, user.name]"),
		edited(t, before, customersFile, "categories: [user.name, user.contact]", "categories: [user.contact]"),
		layOver(before, []txtar.File{{Name: privacyFile}}),
	} {
		alone, against := mustCompile(t, now), mustCompileAgainst(t, now, before)
		if len(alone.Files) != len(against.Files) {
			t.Fatalf("%d files without a base and %d with one", len(alone.Files), len(against.Files))
		}
		for i, f := range alone.Files {
			if string(f.Data) != string(against.Files[i].Data) {
				t.Errorf("%s differs with a base", f.Path)
			}
		}
	}
}

func TestReviewAloneIsTheBases(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	lax := edited(t, before, privacyFile, "plainPaths", "reviewAlone: [tag]\n  plainPaths")
	untag := func(fsys fstest.MapFS) fstest.MapFS {
		return edited(t, fsys, customersFile, "categories: [user.name, user.contact]", "categories: [user.contact]")
	}
	if r := mustCompileAgainst(t, untag(lax), lax); r.Fails() || codes(r.Findings)["PII-100"] != 1 {
		t.Errorf("the base leaves it to review: %v", describe(r.Findings))
	}
	if r := mustCompileAgainst(t, untag(lax), before); codes(r.Findings)["PII-046"] != 2 {
		t.Errorf("the change leaves it to review, and itself: %v", describe(r.Findings))
	}
}

// callers are many Services that call customers and declare the address alone.
func callers(n int) []txtar.File {
	var all []txtar.File
	grants := ""
	for i := range n {
		all = append(all, txtar.File{Name: fmt.Sprintf("policies/teams/shop/caller-%d.yaml", i), Data: fmt.Appendf(nil,
			"apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: caller-%d, namespace: shop}\nspec:\n"+
				"  intents: [{to: identity/customers, endpoints: [read-address], activity: order-fulfilment, because: it prints labels}]\n"+
				"  personalData: {processes: [{activity: order-fulfilment, categories: [user.contact.address], stored: false}]}\n", i)})
		grants += fmt.Sprintf("    - {from: shop/caller-%d, endpoints: [read-address]}\n", i)
	}
	return append(all, txtar.File{Name: "grants", Data: []byte(grants)})
}

func TestAWiderTagIsOneFindingOfTheProvider(t *testing.T) {
	t.Parallel()
	many := callers(40)
	before := tagged(t)
	before = edited(t, before, customersFile, "  grants:\n", "  grants:\n"+string(many[40].Data))
	before = layOver(before, many[:40])
	untagged := edited(t, before, customersFile, ", returns: [user.contact.address]", "")
	untagged = edited(t, untagged, customersFile, "categories: [user.name, user.contact], ", "categories: [user.contact.address], ")
	const processes, block = "      - {activity: customer-account, categories: [user.name, user.contact], stored: true}\n", "    acknowledges:\n      - {caller: shop/checkout, endpoint: health, categories: [user.name], since: 2026-01-01} # known\n"
	for _, c := range []struct {
		name, more string
		base       fstest.MapFS
		text       string
	}{
		{"a tag", "returns: [user.contact.address, user.name]", before, "returns: [user.contact.address]"},
		{"a tag, beside entries", "returns: [user.contact.address, user.name]", edited(t, before, customersFile, processes, processes+block), "returns: [user.contact.address]"},
		{
			"a tag, beside entries in brackets", "returns: [user.contact.address, user.name]",
			edited(t, before, customersFile, processes, processes+"    acknowledges: [{caller: shop/checkout, endpoint: health, categories: [user.name], since: 2026-01-01}]\n"), "returns: [user.contact.address]",
		},
		{
			"a tag, all in braces", "returns: [user.contact.address, user.name]",
			edited(t, before, customersFile, "  personalData:\n    processes:\n"+processes, "  personalData: {processes: [{activity: customer-account, categories: [user.name, user.contact], stored: true}]}\n"), "returns: [user.contact.address]",
		},
		{"what the Service processes", "categories: [user.contact.address, user.name], ", untagged, "categories: [user.contact.address], "},
	} {
		now := edited(t, c.base, customersFile, c.text, c.more)
		r := mustCompileAgainst(t, now, c.base)
		f := only(t, r, "PII-102")
		if n := codes(r.Findings)["PII-010"]; n != 0 || f.Span.File != customersFile || f.Fix == nil || len(f.Items) != 41 || !r.Fails() {
			t.Errorf("%s: %d callers are told, and the provider as %+v", c.name, n, f)
		}
		sources := map[string][]byte{customersFile: now[customersFile].Data}
		changed, _ := diag.Apply(sources, []*diag.Fix{f.Fix})
		mended := layOver(now, []txtar.File{{Name: customersFile, Data: changed[customersFile]}})
		if r := mustCompileAgainst(t, mended, c.base); r.Fails() || codes(r.Findings)["PII-046"] > 0 || r.Stats.Withheld > 0 {
			t.Errorf("%s: mended, it is\n%s\n%v", c.name, changed[customersFile], describe(r.Findings))
		}
		if text := string(changed[customersFile]); !strings.Contains(text, "since: "+today) || strings.Count(text, "caller: ") < 41 {
			t.Errorf("%s: mended, it is\n%s", c.name, text)
		}
	}
}

func TestANewCallerDeclaresAtOnce(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	one := callers(1)
	now := edited(t, before, customersFile, "returns: [user.contact.address]", "returns: [user.contact.address, user.name]")
	now = layOver(edited(t, now, customersFile, "  grants:\n", "  grants:\n"+string(one[1].Data)), one[:1])
	r := mustCompileAgainst(t, now, before)
	if f := only(t, r, "PII-010"); f.Objects[0] != "Service shop/caller-0" {
		t.Errorf("told is %v", describe(r.Findings))
	}
	if f := only(t, r, "PII-102"); !slices.Equal(f.Items, []string{"shop/checkout read-address user.name"}) {
		t.Errorf("acknowledged are %q", f.Items)
	}
	acknowledged := edited(t, now, customersFile, "stored: true}\n", "stored: true}\n    acknowledges:\n"+
		"      - {caller: shop/checkout, endpoint: read-address, categories: [user.name], since: 2026-11-23}\n"+
		"      - {caller: shop/caller-0, endpoint: read-address, categories: [user.name], since: 2026-11-23}\n")
	r = mustCompileAgainst(t, acknowledged, before)
	if !slices.ContainsFunc(r.Findings, func(f diag.Finding) bool {
		return f.Rule == weakening && strings.HasPrefix(f.Field, "acknowledgement of ")
	}) {
		t.Errorf("who was not let in is acknowledged, and told is %v", describe(r.Findings))
	}
}

// TestACallersOwnMistakeStaysItsOwn: who drops a declaration in the same change is told, not acknowledged.
func TestACallersOwnMistakeStaysItsOwn(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	now := edited(t, before, checkoutFile, "categories: [user.contact.address]", "categories: [user.name]")
	r := mustCompileAgainst(t, now, before)
	f := only(t, r, "PII-046")
	if n := codes(r.Findings); f.Span.File != checkoutFile || n["PII-102"] != 0 || !slices.ContainsFunc(f.Related, func(r diag.Related) bool { return strings.Contains(r.Message, "gets user.contact.address") }) {
		t.Errorf("told is %v", describe(r.Findings))
	}
}

func TestOnlyThePrivacyTeamsChangeIsTheirs(t *testing.T) {
	t.Parallel()
	before := tagged(t)
	for _, c := range []struct {
		name   string
		now    fstest.MapFS
		theirs bool
	}{
		{"nothing", before, true},
		{"a document of theirs", edited(t, before, privacyFile, "plainPaths: [/healthz, /metrics]", "plainPaths: [/healthz]"), true},
		{"out/", layOver(before, []txtar.File{{Name: "out/x", Data: []byte("x")}}), true},
		{"a team's document", edited(t, before, checkoutFile, "labels for parcels", "labels"), false},
		{"a comment of the platform's", layOver(before, []txtar.File{{Name: "policies/platform/mesh.yaml", Data: append([]byte("# x\n"), before["policies/platform/mesh.yaml"].Data...)}}), false},
		{"a folder more", layOver(before, []txtar.File{{Name: "policies/facts/eu-1.json", Data: []byte("{}")}}), false},
		{"a document less", layOver(before, []txtar.File{{Name: checkoutFile}}), false},
	} {
		if theirs, err := onlyPrivacy(before, c.now); err != nil || theirs != c.theirs {
			t.Errorf("%s: theirs is %v: %v", c.name, theirs, err)
		}
	}
}

func TestAnIgnoreOfWhatFailsIsTheBases(t *testing.T) {
	t.Parallel()
	fails := &diag.Rule{Code: "PII-012", Effect: diag.Report, Level: diag.Error}
	finding := func(field, until string) diag.Finding {
		return diag.Finding{Rule: fails, Objects: []string{"Service shop/cart"}, Field: field, Ignored: &diag.Ignore{Code: "PII-012", Until: until}}
	}
	base := &Result{Findings: diag.List{finding("a", "2026-12-01"), finding("b", "2026-12-01")}}
	j := judgement{Result: &Result{Findings: diag.List{finding("a", "2026-12-01"), finding("b", "2027-12-01"), finding("c", "2026-12-01")}}}
	j.ignoredBefore(base)
	for i, want := range []bool{true, false, false} {
		if got := j.Findings[i].Ignored != nil; got != want {
			t.Errorf("%s is ignored: %v", j.Findings[i].Field, got)
		}
	}
}

func TestAnApprovalCountsAsFarAsTheBaseHasIt(t *testing.T) {
	t.Parallel()
	list := func(all ...string) (l syntax.List[syntax.Text]) {
		for _, v := range all {
			l.Items = append(l.Items, syntax.Text{Value: v})
		}
		return l
	}
	text := func(v string) syntax.Text { return syntax.Text{Value: v} }
	approval := func(edit func(*syntax.ApprovalSpec)) *syntax.Approval {
		a := &syntax.Approval{Spec: syntax.ApprovalSpec{Decision: text("approved"), Until: text("2027-01-01"), Covers: syntax.Covers{
			Activities: list("a"), Categories: list("user.name"), Services: list("s/a"), Declassifications: list("d"), Parties: list("p"), Places: list("EEA"),
		}}}
		edit(&a.Spec)
		return a
	}
	base := approval(func(*syntax.ApprovalSpec) {})
	for name, stretch := range map[string]func(*syntax.ApprovalSpec){
		"activities":        func(s *syntax.ApprovalSpec) { s.Covers.Activities = list("a", "b") },
		"categories":        func(s *syntax.ApprovalSpec) { s.Covers.Categories = list("user.name", "user.contact") },
		"services":          func(s *syntax.ApprovalSpec) { s.Covers.Services = list("s/a", "s/b") },
		"declassifications": func(s *syntax.ApprovalSpec) { s.Covers.Declassifications = list("d", "e") },
		"parties":           func(s *syntax.ApprovalSpec) { s.Covers.Parties = list("p", "q") },
		"places":            func(s *syntax.ApprovalSpec) { s.Covers.Places = list("EEA", "US") },
		"everywhere":        func(s *syntax.ApprovalSpec) { s.Covers.Places = list() },
		"until":             func(s *syntax.ApprovalSpec) { s.Until = text("2028-01-01") },
	} {
		got := narrowed(approval(stretch), base)
		if got == nil {
			t.Fatalf("%s is stretched, and counts", name)
		}
		if narrowed(got, base) != nil || narrowed(base, approval(stretch)) != nil {
			t.Errorf("%s: what is left of it is still more than the base has, or less is not taken as it is", name)
		}
	}
	if got := narrowed(base, nil); got == nil || len(got.Spec.Covers.Activities.Items) > 0 {
		t.Error("a new one covers something")
	}
	refused := approval(func(s *syntax.ApprovalSpec) { s.Decision = text("rejected") })
	if got := narrowed(base, refused); got == nil || got.Spec.Decision.Value != "rejected" {
		t.Error("what was rejected is approved")
	}
}

// TestWhoReadsNoMoreMaySaySo: to stop reading data, and to say so, protects it better.
func TestWhoReadsNoMoreMaySaySo(t *testing.T) {
	t.Parallel()
	before := layOver(fstest.MapFS{}, Surroundings("PII-"))
	const head = "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: checkout, namespace: shop}\nspec:\n"
	for said, tells := range map[string]bool{
		"  personalData: {none: labels are printed elsewhere now}\n": false,
		"  personalData: {none: labels are printed elsewhere now}\n  intents: [{to: identity/customers, endpoints: [read-address], activity: order-fulfilment, because: b}]\n":               true,
		"  personalData: {none: labels are printed elsewhere now}\n  ports: {http: {port: 80}}\n  endpoints: {label: {methods: [GET], paths: [/labels], returns: [user.contact.address]}}\n": true,
		"  personalData: {none: labels are printed elsewhere now}\n  ports: {http: {port: 80}}\n  endpoints: {label: {methods: [GET], paths: [/labels]}}\n":                                  true,
	} {
		r := mustCompileAgainst(t, layOver(before, []txtar.File{{Name: checkoutFile, Data: []byte(head + said)}}), before)
		if codes(r.Findings)["PII-046"] > 0 != tells {
			t.Errorf("%s: %v", said, describe(r.Findings))
		}
	}
}
