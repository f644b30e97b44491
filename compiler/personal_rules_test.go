package compiler

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

const (
	customersFile  = "policies/teams/identity/customers.yaml"
	activitiesFile = "policies/privacy/activities.yaml"
	privacyFile    = "policies/privacy/privacy.yaml"
	partiesFile    = "policies/privacy/parties.yaml"
	moreFile       = "policies/privacy/more.yaml"
)

// personalCase is the estate of the examples with a change, and all that is said of it then: the level's letter, the code and the
// document.
type personalCase struct {
	name     string
	replace  []string // file, old, new, and so on
	add      map[string]string
	want     []string
	withheld int
}

func personalEstate(t *testing.T) fstest.MapFS {
	t.Helper()
	return layOver(fstest.MapFS{}, Surroundings("PII-001"))
}

func holdPersonal(t *testing.T, cases []personalCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fsys := personalEstate(t)
			for i := 0; i < len(c.replace); i += 3 {
				file, old, now := c.replace[i], c.replace[i+1], c.replace[i+2]
				before := string(fsys[file].Data)
				if !strings.Contains(before, old) {
					t.Fatalf("%s has no %q", file, old)
				}
				fsys[file] = &fstest.MapFile{Data: []byte(strings.Replace(before, old, now, 1)), Mode: 0o644}
			}
			var files []txtar.File
			for name, text := range c.add {
				files = append(files, txtar.File{Name: name, Data: []byte(text)})
			}
			r := mustCompile(t, layOver(fsys, files))
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Rule.Severity().String()[:1]+" "+f.Rule.Code+" "+strings.Join(f.Objects, ", "))
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("said is\n  %s\nwant\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "), strings.Join(describe(r.Findings), "\n"))
			}
			if r.Stats.Withheld != c.withheld {
				t.Errorf("%d accesses are withheld, want %d", r.Stats.Withheld, c.withheld)
			}
		})
	}
}

// activity is an Activity in which nothing is missing, with some lines of it written otherwise; an empty value takes a line away.
func activity(name string, otherwise ...string) string {
	fields := [][2]string{
		{"title", "Something"},
		{"purpose", "essential.service"},
		{"subjects", "[customer]"},
		{"categories", "[user.name]"},
		{"legalBasis", "{code: contract}"},
		{"retention", "{period: P1Y, from: last order}"},
		{"assessment", "{required: false, reference: PRIV-1}"},
		{"reviewed", "2026-09-01"},
	}
	for i := 0; i < len(otherwise); i += 2 {
		at := slices.IndexFunc(fields, func(f [2]string) bool { return f[0] == otherwise[i] })
		if at < 0 {
			fields, at = append(fields, [2]string{otherwise[i]}), len(fields)
		}
		fields[at][1] = otherwise[i+1]
	}
	text := "---\napiVersion: writ.dev/v1alpha1\nkind: Activity\nmetadata: {name: " + name + "}\nspec:\n"
	for _, f := range fields {
		if f[1] != "" {
			text += "  " + f[0] + ": " + f[1] + "\n"
		}
	}
	return text
}

func party(country, rest string) string {
	return "---\napiVersion: writ.dev/v1alpha1\nkind: Party\nmetadata: {name: other}\nspec: {legalName: Some Example, country: " + country +
		", role: processor, contract: {reference: CTR-1, signed: 2026-01-05}, reviewed: 2026-09-01" + rest + "}\n"
}

func approval(name, covers, rest string) string {
	return "---\napiVersion: writ.dev/v1alpha1\nkind: Approval\nmetadata: {name: " + name + "}\nspec: {decision: approved, covers: {" + covers +
		"}, decidedBy: {role: privacy-board}, granted: 2026-05-12, until: 2027-05-12" + rest + "}\n"
}

func TestWhatServicesDeclare(t *testing.T) {
	t.Parallel()
	const processes = "{activity: customer-account, categories: [user.name, user.contact], stored: true}"
	holdPersonal(t, []personalCase{
		{name: "nothing"},
		{
			name: "nobody answers, and it is said once", replace: []string{privacyFile, "kind: Privacy\nmetadata: {name: privacy}\nspec:\n  controller: example\n  owners: [\"@example/privacy\"]\n  plainPaths: [/healthz, /metrics]\n", "kind: Party\nmetadata: {name: other}\nspec: {legalName: Other, country: NL, role: own}\n"},
			want: []string{"w PII-090 Privacy"},
		},
		{
			name: "none, and an endpoint has some", replace: []string{customersFile, "processes:\n      - " + processes, "none: only articles"},
			want: []string{"e PII-009 Service identity/customers"}, withheld: 1,
		},
		{
			name: "an endpoint accepts what nobody processes", replace: []string{customersFile, "health:", "write-gender: {methods: [PUT], paths: [/v1/gender], returns: {none: whether it was written}, accepts: [user.demographic.gender]}\n    health:"},
			want: []string{"e PII-009 Service identity/customers"},
		},
		{
			name: "several endpoints and a channel have what the declaration lacks: it is one mistake",
			replace: []string{
				customersFile, "health:", "write-gender: {methods: [PUT], paths: [/v1/gender], returns: [user.demographic], accepts: [user.demographic.gender]}\n    health:",
				customersFile, processes, processes + "\n    channels: [{name: out, sends: [user.demographic.gender], activity: customer-account, because: b}]",
			},
			want: []string{"e PII-009 Service identity/customers", "w PII-004 Service identity/customers", "w PII-050 Service identity/customers"},
		},
		{
			name: "a narrower category is no other", replace: []string{customersFile, "categories: [user.name, user.contact]", "categories: [user.contact.address]"},
		},
		{
			name: "a channel has what nobody processes", replace: []string{customersFile, processes, processes + "\n    channels: [{name: out, sends: [user.name, user.device.cookie], activity: customer-account, because: b}]"},
			want: []string{"e PII-009 Service identity/customers", "w PII-050 Service identity/customers"},
		},
		{
			name: "an acknowledgement has what nobody processes", replace: []string{customersFile, processes, processes + "\n    acknowledges: [{caller: shop/checkout, endpoint: read-address, categories: [user.device.cookie], since: 2026-11-01}]"},
			want: []string{"e PII-009 Service identity/customers", "n PII-098 Service identity/customers"},
		},
		{
			name: "a misspelt word is told alone", replace: []string{customersFile, "categories: [user.name, user.contact]", "categories: [user.name, user.contract]"},
			want: []string{"e PII-002 Service identity/customers"}, // what it carries cannot be told: there is no access
		},
		{
			name: "an unknown activity is told alone, and nothing holds under it", replace: []string{checkoutFile, "processes:\n      - {activity: order-fulfilment", "processes:\n      - {activity: order-fulfillment"},
			want: []string{"e REF-011 Service shop/checkout"}, withheld: 1,
		},
		{
			name: "what is revealed is special", replace: []string{customersFile, "stored: true", "stored: true, mayReveal: [user.location]"},
			want: []string{"e PII-099 Service identity/customers"},
		},
		{
			name: "an approval's team is looked up", add: map[string]string{moreFile: strings.Replace(approval("x", "services: [shop/checkout]", ""), "role: privacy-board", "role: business-owner, team: shoop", 1)},
			want: []string{"e REF-007 Approval x"},
		},
		{
			name:    "one Service goes beyond its activity",
			replace: []string{checkoutFile, "[user.contact.address], stored", "[user.contact.address, user.device.cookie], stored"},
			want:    []string{"e PII-008 Service shop/checkout"},
		},
		{
			name:    "an activity lost a category that several Services process: it is one mistake",
			replace: []string{activitiesFile, "categories: [user.name, user.contact]\n  legalBasis: {code: contract}\n  retention: {period: P2Y, from: order", "categories: [user.name]\n  legalBasis: {code: contract}\n  retention: {period: P2Y, from: order"},
			add: map[string]string{"policies/teams/shop/labels.yaml": "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: labels, namespace: shop}\nspec:\n" +
				"  personalData: {processes: [{activity: order-fulfilment, categories: [user.contact.address], stored: true}]}\n"},
			want: []string{"e PII-008 Activity order-fulfilment", "n PII-081 Service shop/labels"}, withheld: 1,
		},
		{
			name: "what waits for consent brings data too", replace: []string{customersFile, "  grants:\n    - {from: shop/checkout, endpoints: [read-address]}\n", ""},
			want: []string{"w ACC-001 Service shop/checkout"},
		},
		{
			name: "what is stored came some time", replace: []string{checkoutFile, "[user.contact.address], stored: false}", "[user.contact.address], stored: false}\n      - {activity: order-fulfilment, categories: [user.name], stored: true}"},
		},
		{
			name: "nothing brings it", replace: []string{checkoutFile, "[user.contact.address], stored: false}", "[user.contact.address], stored: false}\n      - {activity: order-fulfilment, categories: [user.name], stored: false}"},
			want: []string{"w PII-003 Service shop/checkout"},
		},
		{
			name: "credentials behind an endpoint that says nothing",
			replace: []string{
				customersFile, "health:", "any: {methods: [GET], paths: [/v1/any]}\n    health:",
				customersFile, processes, processes + "\n      - {activity: sign-in, categories: [user.authorization.password], stored: true}",
			},
			add:  map[string]string{moreFile: activity("sign-in", "categories", "[user.authorization]", "condition", "{code: explicit-consent, reference: CR-1}", "approval", "sign-in") + approval("sign-in", "activities: [sign-in], categories: [user.authorization]", "")},
			want: []string{"e PII-028 Service identity/customers"},
		},
		{
			name:    "credentials for somebody else",
			replace: []string{customersFile, processes, processes + "\n      - {activity: sign-in, categories: [user.authorization.password], stored: true}\n    channels: [{name: out, sends: [user.authorization.password], party: other, activity: sign-in, because: b}]"},
			add: map[string]string{moreFile: activity("sign-in", "categories", "[user.authorization.password]", "approval", "sign-in") + party("DE", ", receives: [user.authorization]") +
				approval("sign-in", "activities: [sign-in], categories: [user.authorization], services: [identity/customers], parties: [other]", "")},
			want: []string{"e PII-028 Service identity/customers"},
		},
	})
}

// That nobody comes for what a Service stores is told where nothing else says why.
func TestACallersMistakeIsNotToldOfTheHolder(t *testing.T) {
	t.Parallel()
	const checkoutFile = "policies/teams/shop/checkout.yaml"
	const archive = `apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: archive, namespace: shop}
spec:
  ports: {http: {port: 80}}
  endpoints: {read: {methods: [GET], paths: [/orders], returns: [user.contact.address]}}
  personalData: {processes: [{activity: order-fulfilment, categories: [user.contact.address], stored: true}]}
`
	const reader = `apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: reader, namespace: shop}
spec:
  personalData: {processes: [{activity: order-fulfilment, categories: [user.contact.address], stored: true}]}
  intents: [{to: archive, endpoints: [%s], because: it reads, activity: order-fulfilment}]
`
	in := func(endpoint string) map[string]string {
		return map[string]string{
			"policies/teams/shop/archive.yaml": archive,
			"policies/teams/shop/reader.yaml":  strings.Replace(reader, "%s", endpoint, 1),
		}
	}
	holdPersonal(t, []personalCase{
		{name: "a misspelt endpoint of another team", replace: []string{checkoutFile, "[read-address]", "[read-adress]"}, want: []string{"e REF-006 Service shop/checkout"}},
		{name: "a call in the team", add: in("read")},
		{name: "a misspelt endpoint of the team", add: in("raed"), want: []string{"e REF-006 Service shop/reader"}},
		{
			name: "nobody calls", add: map[string]string{"policies/teams/shop/archive.yaml": archive},
			want: []string{"n PII-081 Service shop/archive"},
		},
	})
}

func TestGroundsOfActivities(t *testing.T) {
	t.Parallel()
	const account = "legalBasis: {code: contract}\n  retention: {period: P2Y, from: account closed}"
	holdPersonal(t, []personalCase{
		{name: "nothing is missing", add: map[string]string{moreFile: activity("a")}},
		{
			name: "all is missing, and it is one finding", add: map[string]string{moreFile: activity("a", "subjects", "", "categories", "", "legalBasis", "", "retention", "")},
			want: []string{"e PII-007 Activity a"},
		},
		{
			name: "what an activity lacks keeps its accesses out", replace: []string{activitiesFile, "  retention: {period: P2Y, from: order delivered}\n", ""},
			want: []string{"e PII-007 Activity order-fulfilment"}, withheld: 1,
		},
		{
			name: "a processor has controllers instead of grounds",
			add: map[string]string{moreFile: activity("a", "role", "processor", "subjects", "", "legalBasis", "", "retention", "") +
				activity("b", "role", "processor", "legalBasis", "", "controllers", "[example]")},
			want: []string{"e PII-007 Activity a"},
		},
		{name: "joint controllers have each other", add: map[string]string{moreFile: activity("a", "role", "joint-controller")}, want: []string{"e PII-007 Activity a"}},
		{
			name: "an unknown ground is told alone", replace: []string{activitiesFile, "legalBasis: {code: contract}\n  retention: {period: P2Y, from: order", "legalBasis: {code: contrakt}\n  retention: {period: P2Y, from: order"},
			want: []string{"e PII-002 Activity order-fulfilment"}, withheld: 1,
		},
		{name: "an unknown country", add: map[string]string{moreFile: party("XX", "")}, want: []string{"e PII-002 Party other"}},
		{name: "an unknown mechanism", add: map[string]string{moreFile: party("US", ", transfer: {mechanism: standard-clause}")}, want: []string{"e PII-002 Party other"}},
		{name: "a code is as good as its alias", replace: []string{activitiesFile, account, strings.Replace(account, "contract", "A6-1-b-contract-performance", 1)}},
		{
			name: "a word for everything is one finding", add: map[string]string{moreFile: activity("a", "categories", "[user]")},
			want: []string{"e PII-020 Activity a"},
		},
		{
			name: "with a condition it is asked for the rest", add: map[string]string{moreFile: activity("a", "categories", "[user]", "condition", "{code: explicit-consent, reference: CR-1}")},
			want: []string{"e PII-022 Activity a", "e PII-040 Activity a"},
		},
		{
			name: "a broad word may mean a special category", add: map[string]string{moreFile: activity("a", "categories", "[user.demographic]", "approval", "x") + approval("x", "activities: [a], categories: [user.demographic]", "")},
			want: []string{"e PII-020 Activity a"},
		},
		{
			name: "an organisation's own word may be special", replace: []string{privacyFile, "  plainPaths", "  categories: [{key: user.content.x_example.diagnosis, because: b, class: special}]\n  plainPaths"},
			add:  map[string]string{moreFile: activity("a", "categories", "[user.content.x_example]")},
			want: []string{"e PII-002 Activity a"},
		},
		{
			name: "an organisation's own word is asked like others", replace: []string{privacyFile, "  plainPaths", "  categories: [{key: user.content.x_example, because: b, class: special}]\n  plainPaths"},
			add:  map[string]string{moreFile: activity("a", "categories", "[user.content.x_example]", "approval", "x") + approval("x", "activities: [a], categories: [user.content]", "")},
			want: []string{"e PII-020 Activity a"},
		},
		{
			name:    "what data may reveal asks for all of it, of whoever reads it too",
			replace: []string{customersFile, "categories: [user.name, user.contact], stored: true", "categories: [user.name, user.contact], stored: true, mayReveal: [user.health_and_medical]"},
			want: []string{
				"e PII-020 Activity customer-account", "e PII-020 Activity order-fulfilment",
				"e PII-040 Activity customer-account", "e PII-040 Activity order-fulfilment",
			},
			withheld: 1,
		},
		{
			name: "convictions need a law", add: map[string]string{moreFile: activity("a", "categories", "[user.criminal_history]", "approval", "x") + approval("x", "activities: [a], categories: [user.criminal_history]", "")},
			want: []string{"e PII-022 Activity a"},
		},
		{name: "high risk needs an assessment", add: map[string]string{moreFile: activity("a", "assessment", "", "profiling", "the order of articles")}, want: []string{"e PII-021 Activity a"}},
		{name: "low risk needs none", add: map[string]string{moreFile: activity("a", "assessment", "")}},
		{name: "consent is recorded", add: map[string]string{moreFile: activity("a", "legalBasis", "{code: A6-1-a-explicit-consent}")}, want: []string{"e PII-023 Activity a"}},
		{name: "interests are weighed", add: map[string]string{moreFile: activity("a", "legalBasis", "{code: legitimate-interests}")}, want: []string{"e PII-023 Activity a"}},
		{name: "a duty has a law", add: map[string]string{moreFile: activity("a", "legalBasis", "{code: legal-obligation}")}, want: []string{"e PII-023 Activity a"}},
		{name: "a duty has a statute", add: map[string]string{moreFile: activity("a", "legalBasis", "{code: legal-obligation}", "statute", "wage tax act")}},
		{name: "all government numbers may be the national one", add: map[string]string{moreFile: activity("a", "categories", "[user.government_id]")}, want: []string{"e PII-024 Activity a"}},
		{name: "a passport is not", add: map[string]string{moreFile: activity("a", "categories", "[user.government_id.passport_number]")}},
		{
			name: "children are not profiled", add: map[string]string{moreFile: activity("a", "categories", "[user.childrens]", "purpose", "marketing.advertising.profiling", "profiling", "none", "legalBasis", "{code: consent, reference: CR-1}", "ageCheck", "A-1")},
			want: []string{"e PII-025 Activity a"},
		},
		{
			name: "nor by a broader purpose", add: map[string]string{moreFile: activity("a", "subjects", "[x_gdpr_child]", "purpose", "marketing.advertising", "legalBasis", "{code: consent, reference: CR-1}", "ageCheck", "A-1")},
			want: []string{"e PII-025 Activity a"},
		},
		{name: "children on a contract need no age check", add: map[string]string{moreFile: activity("a", "subjects", "[x_gdpr_child]")}},
		{name: "a model is not trained on contract", add: map[string]string{moreFile: activity("a", "purpose", "train_ai_system")}, want: []string{"e PII-026 Activity a"}},
		{
			name: "an endpoint's purposes are looked at too", replace: []string{customersFile, "returns: [user.contact.address]", "returns: [user.contact.address], purposes: [essential.service, collect, operations]"},
			want: []string{"e PII-031 Service identity/customers", "w PII-032 Service identity/customers"}, withheld: 1,
		},
	})
}

func TestApprovals(t *testing.T) {
	t.Parallel()
	const processes = "{activity: customer-account, categories: [user.name, user.contact], stored: true}"
	counts := func(method, rest string) []string {
		return []string{
			customersFile, "health:", "by-city: {methods: [GET], paths: [/v1/by-city]}\n    health:",
			customersFile, processes, processes + "\n    declassifies: [{name: by-city, drops: [user], method: " + method + ", endpoints: [by-city], because: b" + rest + "}]",
			customersFile, "endpoints: [read-address]}", "endpoints: [read-address, by-city]}",
			checkoutFile, "endpoints: [read-address]", "endpoints: [read-address, by-city]",
		}
	}
	const covers = "activities: [customer-account], categories: [user.name, user.contact], services: [identity/customers], declassifications: [by-city]"
	health := func(rest ...string) string {
		return activity("a", append([]string{"categories", "[user.name, user.health_and_medical]", "condition", "{code: explicit-consent, reference: CR-1}"}, rest...)...)
	}
	channel := []string{customersFile, processes, processes + "\n    channels: [{name: out, sends: [user.name], party: other, activity: customer-account, because: b}]"}
	approved := append(slices.Clone(channel), activitiesFile, "  reviewed: 2026-09-01\n---", "  reviewed: 2026-09-01\n  approval: x\n---")
	other := party("DE", ", receives: [user.name]")
	const channelCovers = "activities: [customer-account], categories: [user.name], services: [identity/customers], parties: [other]"
	holdPersonal(t, []personalCase{
		{name: "a sum needs one", replace: counts("aggregate", ""), want: []string{"e PII-040 Service identity/customers"}, withheld: 1},
		{name: "a sum has one", replace: counts("aggregate", ", approval: x"), add: map[string]string{moreFile: approval("x", covers, "")}},
		{
			name: "it is for fewer categories", replace: counts("anonymise", ", approval: x"), withheld: 1,
			add:  map[string]string{moreFile: approval("x", strings.Replace(covers, ", user.contact", "", 1), "")},
			want: []string{"e PII-042 Approval x, Service identity/customers"},
		},
		{
			name: "it is for another declassification", replace: counts("aggregate", ", approval: x"), withheld: 1,
			add:  map[string]string{moreFile: approval("x", strings.Replace(covers, "by-city", "by-day", 1), "")},
			want: []string{"e PII-042 Approval x, Service identity/customers"},
		},
		{
			name: "it is unknown", replace: counts("aggregate", ", approval: nobody"), withheld: 1,
			want: []string{"e REF-013 Service identity/customers"},
		},
		{
			name: "it was taken back, for all that rest on it", replace: counts("aggregate", ", approval: x"), withheld: 1,
			add:  map[string]string{moreFile: strings.Replace(approval("x", covers, ""), "approved", "revoked", 1) + health("approval", "x")},
			want: []string{"e PII-040 Approval x"},
		},
		{name: "special categories need one", add: map[string]string{moreFile: health()}, want: []string{"e PII-040 Activity a"}},
		{
			name: "special categories have one: the others need none", add: map[string]string{moreFile: health("approval", "x") + approval("x", "activities: [a], categories: [user.health_and_medical]", "")},
		},
		{
			name: "a second Service is not covered", replace: []string{customersFile, processes, processes + "\n      - {activity: a, categories: [user.health_and_medical], stored: true}"},
			add:  map[string]string{moreFile: health("approval", "x") + approval("x", "activities: [a], categories: [user.health_and_medical], services: [shop/checkout]", "")},
			want: []string{"e PII-042 Approval x, Activity a"},
		},
		{
			name: "a cluster abroad is not covered",
			replace: []string{
				customersFile, processes, processes + "\n      - {activity: a, categories: [user.health_and_medical], stored: true}",
				"policies/platform/clusters/eu-1.yaml", "country: NL", "country: US",
			},
			add:  map[string]string{moreFile: health("approval", "x") + approval("x", "activities: [a], categories: [user.health_and_medical], services: [identity/customers], places: [EEA]", "")},
			want: []string{"e PII-042 Approval x, Activity a"},
		},
		{name: "a recipient outside needs one", replace: channel, add: map[string]string{moreFile: other}, want: []string{"e PII-040 Activity customer-account"}},
		{name: "one of us needs none", replace: channel, add: map[string]string{moreFile: strings.Replace(other, "role: processor", "role: own", 1)}},
		{name: "a recipient has one", replace: approved, add: map[string]string{moreFile: other + approval("x", channelCovers, "")}},
		{
			name: "it is for another recipient", replace: approved, add: map[string]string{moreFile: other + approval("x", strings.Replace(channelCovers, "other", "example", 1), "")},
			want: []string{"e PII-042 Approval x, Activity customer-account"},
		},
		{
			name: "it is for recipients elsewhere", replace: approved, add: map[string]string{moreFile: other + approval("x", channelCovers+", places: [GB, adequate, FR]", "")},
		},
		{
			name: "it runs out", replace: approved, add: map[string]string{moreFile: other + strings.Replace(approval("x", channelCovers, ""), "2027-05-12", "2026-12-10", 1)},
			want: []string{"n PII-041 Approval x"},
		},
		{
			name: "it ran out", replace: approved, add: map[string]string{moreFile: other + strings.Replace(approval("x", channelCovers, ""), "2027-05-12", "2026-11-22", 1)},
			want: []string{"w PII-041 Approval x"},
		},
		{
			name: "its last day is one on which it holds", replace: append(slices.Clone(approved), privacyFile, "  plainPaths", "  notice: 1\n  plainPaths"),
			add: map[string]string{moreFile: other + strings.Replace(approval("x", channelCovers, ""), "2027-05-12", "2026-11-25", 1)},
		},
		{
			name: "it is not given yet", replace: approved, add: map[string]string{moreFile: other + strings.Replace(approval("x", channelCovers, ""), "2026-05-12", "2026-12-01", 1)},
			want: []string{"w PII-041 Approval x"},
		},
		{
			name:    "the day withholds nothing, whatever the organisation says",
			replace: append(slices.Clone(approved), privacyFile, "  plainPaths", "  effects: [{rule: PII-041, effect: withhold, because: b}]\n  plainPaths"),
			add:     map[string]string{moreFile: other + strings.Replace(approval("x", channelCovers, ""), "2027-05-12", "2026-11-22", 1)},
			want:    []string{"e PII-041 Approval x", "e PII-092 Privacy privacy"},
		},
		{
			name: "nobody approves their own", add: map[string]string{moreFile: approval("x", "services: [shop/checkout]", ", advice: {outcome: positive, given: 2026-05-01, reference: R}") + strings.Replace(approval("z", "services: [shop/checkout]", ""), "role: privacy-board", "role: business-owner, team: shop", 1)},
			want: []string{"w PII-043 Approval z"},
		},
		{
			name: "what was refused needs no reason against advice", add: map[string]string{moreFile: strings.Replace(approval("x", "services: [shop/checkout]", ", advice: {outcome: negative, given: 2026-05-01, reference: R}"), "approved", "rejected", 1)},
		},
	})
}

func TestWhoAnswersAndWhatIsStricter(t *testing.T) {
	t.Parallel()
	effects := func(list string) []string {
		return []string{privacyFile, "  plainPaths", "  effects: [" + list + "]\n  plainPaths"}
	}
	holdPersonal(t, []personalCase{
		{name: "a contact that reaches nobody", replace: []string{"policies/platform/teams/shop.yaml", `"#shop"`, "TBD"}, want: []string{"e PII-005 Team shop"}},
		{name: "a controller abroad has nobody in the Union", replace: []string{partiesFile, "country: NL", "country: US"}, want: []string{"e PII-005 Party example"}},
		{name: "a person's address", replace: []string{partiesFile, "privacy@example.org", "jane.doe@example.org"}, want: []string{"n PII-006 Party example"}},
		{name: "a role's address", replace: []string{partiesFile, "privacy@example.org", "customer.privacy@example.org"}},
		{name: "an IBAN in a reason", replace: []string{checkoutFile, "labels for parcels", "refunds to NL91 ABNA 0417 1643 00"}, want: []string{"e PII-006 Service shop/checkout"}},
		{name: "two numbers are two findings", replace: []string{checkoutFile, "spec:", "# 4111 1111 1111 1111, 123456782\nspec:"}, want: []string{"e PII-006 Service shop/checkout", "e PII-006 Service shop/checkout"}},
		{
			name: "an assessment is looked at again", add: map[string]string{moreFile: activity("a", "assessment", "{required: true, reference: DPIA-1, reviewed: 2025-01-01}") + activity("b", "assessment", "{required: true, reference: DPIA-1}")},
			want: []string{"w PII-045 Activity a", "w PII-045 Activity b"},
		},
		{name: "nobody ever looked", add: map[string]string{moreFile: activity("a", "reviewed", "")}, want: []string{"w PII-045 Activity a"}},
		{name: "a code that nobody knows", replace: effects("{rule: PII-999, effect: stop, because: b}"), want: []string{"e PII-092 Privacy privacy"}},
		{name: "a code that is not checked yet", replace: effects("{rule: PII-056, effect: stop, because: b}"), want: []string{"e PII-092 Privacy privacy"}},
		{name: "a rule as it is", replace: effects("{rule: PII-010, effect: withhold, because: b}")},
		{name: "a day that has passed", replace: effects("{rule: PII-003, effect: report, announced: 2026-11-22, because: b}"), want: []string{"w PII-092 Privacy privacy"}},
		{name: "a day to come", replace: effects("{rule: PII-003, effect: report, announced: 2027-01-01, because: b}")},
		{
			name: "a rule made stricter fails", replace: append(effects("{rule: PII-032, effect: report, because: b}"), customersFile, "returns: [user.contact.address]", "returns: [user.contact.address], purposes: [essential, operations]"),
			want: []string{"e PII-032 Service identity/customers"},
		},
		{
			name: "a rule made stricter withholds", withheld: 1,
			replace: append(effects("{rule: PII-032, effect: withhold, because: b}"), customersFile, "returns: [user.contact.address]", "returns: [user.contact.address], purposes: [essential, operations]"),
			want:    []string{"e PII-032 Service identity/customers"},
		},
	})
}

// What is withheld is withheld in every mesh of a document, though it is told once.
func TestADocumentInTwoMeshesIsWithheldInBoth(t *testing.T) {
	t.Parallel()
	for code, breakIt := range map[string]string{"PII-009": "none: only articles", "PII-001": ""} {
		fsys := personalEstate(t)
		text := string(fsys[customersFile].Data)
		const said = "personalData:\n    processes:\n      - {activity: customer-account, categories: [user.name, user.contact], stored: true}\n"
		if breakIt == "" {
			text = strings.Replace(text, "  "+said, "", 1)
		} else {
			text = strings.Replace(text, said, "personalData: {"+breakIt+"}\n", 1)
		}
		r := mustCompile(t, layOver(fsys, []txtar.File{
			{Name: customersFile, Data: []byte(text)},
			{Name: "policies/platform/two.yaml", Data: []byte("apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: second}\nspec: {}\n---\n" +
				"apiVersion: writ.dev/v1alpha1\nkind: Cluster\nmetadata: {name: eu-2}\nspec: {mesh: second, trustDomain: two.example, istioVersion: \"1.31\", country: NL, operator: example}\n")},
		}))
		if found := slices.DeleteFunc(slices.Clone(r.Findings), func(f diag.Finding) bool { return f.Rule.Code != code }); len(found) != 1 || r.Stats.Withheld < 2 {
			t.Errorf("%s: %d findings, %d accesses withheld: %v", code, len(found), r.Stats.Withheld, describe(r.Findings))
		}
	}
}

// TestEveryRuleOfTheReferenceIsInTheCatalogue: what is not checked yet is listed as that, and nothing is forgotten.
func TestEveryRuleOfTheReferenceIsInTheCatalogue(t *testing.T) {
	t.Parallel()
	const reference = "001 002 003 004 005 006 007 008 009 010 011 012 013 014 015 016 017 018 019 020 021 022 023 024 025 026 027 028 029 030 031 032 " +
		"033 034 035 036 037 038 039 040 041 042 043 044 045 046 050 051 052 053 054 055 056 057 058 059 060 061 070 071 072 073 074 075 076 077 078 " +
		"079 080 081 082 083 084 085"
	known := map[string]*diag.Rule{}
	for _, r := range Catalogue() {
		known[r.Code] = r
		if r.Later != "" && (!strings.HasPrefix(r.Later, "waits for ") || r.Retired || r.Mends) {
			t.Errorf("%s is not checked yet: %+v", r.Code, r)
		}
	}
	all := strings.Fields(reference)
	if len(all) != 74 {
		t.Fatalf("the reference has 74 rules, not %d", len(all))
	}
	for _, code := range all {
		if known["PII-"+code] == nil {
			t.Errorf("PII-%s is not in the catalogue", code)
		}
	}
}
