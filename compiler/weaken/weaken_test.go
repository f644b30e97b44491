package weaken

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
)

const today = "2026-11-23"

// change is a text of the estate that a change takes for another: the first protects more.
type change struct{ field, more, less string }

// changes are a way to weaken each field that can, and Cluster documents and Services beside.
var changes = []change{
	{"Mesh.spec.stages.mtls", "mtls: strict, authz: enforce, outbound: scoped}\n  reachable", "mtls: permissive, authz: enforce, outbound: scoped}\n  reachable"},
	{"Mesh.spec.stages.authz", "authz: enforce, outbound: scoped}\n  reachable", "authz: shadow, outbound: scoped}\n  reachable"},
	{"Mesh.spec.stages.outbound", "outbound: scoped}\n  reachable", "outbound: open}\n  reachable"},
	{"Mesh.spec.strict", "trustRoot: prod-root\n  strict: true", "trustRoot: prod-root\n  strict: false"},
	{"Mesh.spec.reachable", "[observability/otel.observability.svc.cluster.local]", "[observability/otel.observability.svc.cluster.local, web/example.org]"},
	{"Mesh.spec.exceptions.clusters", "clusters: [eu-1], stages: {mtls: permissive}", "clusters: [eu-1, us-1], stages: {mtls: permissive}"},
	{"Mesh.spec.exceptions.stages.mtls", "stages: {mtls: permissive}", "stages: {mtls: none}"},
	{"Mesh.spec.exceptions.stages.authz", "stages: {mtls: permissive}", "stages: {mtls: permissive, authz: shadow}"},
	{"Mesh.spec.exceptions.stages.outbound", "stages: {mtls: permissive}", "stages: {mtls: permissive, outbound: open}"},
	{"Mesh.spec.exceptions.until", `sidecar yet", until: 2027-01-01`, `sidecar yet", until: 2028-01-01`},

	{"Cluster.spec.trustDomainAliases", "[old.example]", "[old.example, new.example]"},
	{"Cluster.spec.skipValidateTrustDomain", "floor: true\n  strict: true", "floor: true\n  skipValidateTrustDomain: true\n  strict: true"},
	{"Cluster.spec.country", "country: NL\n  operator", "country: IN\n  operator"},
	{"Cluster.spec.tier", "tier: production", "tier: test"},
	{"Cluster.spec.floor", "floor: true\n  strict", "floor: false\n  strict"},
	{"Cluster.spec.strict", "floor: true\n  strict: true", "floor: true\n  strict: false"},
	{"Cluster.spec.pathNormalization", "MERGE_SLASHES", "BASE"},
	{"Cluster.spec.accepted.object", "  accepted:\n", "  accepted:\n    - {object: EnvoyFilter identity/more, sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab, because: it adds another, until: 2027-01-01}\n"},
	{"Cluster.spec.accepted.until", `a header", until: 2027-01-01`, `a header", until: 2028-01-01`},

	{"Team.spec.clusters", "clusters: [eu-1]\n  namespaces", "clusters: [eu-1, us-1]\n  namespaces"},
	{"Team.spec.namespaces.clusters", "archive: {clusters: [eu-1]}", "archive: {clusters: [eu-1, us-1]}"},
	{"Team.spec.namespaces.shared", "accounts: {}", "accounts: {shared: true}"},
	{"Service.spec.clusters", "  clusters: [eu-1]\n  stages", "  clusters: [eu-1, us-1]\n  stages"},

	{"Outsider.spec.cidrs", "[10.1.0.0/16]", "[10.1.0.0/16, 10.2.0.0/16]"},
	{"Outsider.spec.clusters", "clusters: [eu-1]\n  because", "clusters: [eu-1, us-1]\n  because"},
	{"Outsider.spec.until", "because: it prints labels\n  until: 2027-01-01\n  intents:\n    - {to: identity/customers, endpoints: [read-address], activity: orders, because: it prints labels}\n---", "because: it prints labels\n  until: 2028-01-01\n  intents:\n    - {to: identity/customers, endpoints: [read-address], activity: orders, because: it prints labels}\n---"},

	{"Service.spec.endpoints.port", "all: {port: http, methods: [GET], paths: [\"/v1/customers/{id}\"]}", "all: {port: http}"},
	{"Service.spec.endpoints.methods", "read-address: {port: http, methods: [GET]", "read-address: {port: http, methods: [GET, POST]"},
	{"Service.spec.endpoints.paths", `[GET], paths: ["/v1/customers/{id}/address"]`, `[GET], paths: ["/v1/customers/{id}/address", "/v2/address"]`},
	{"Service.spec.endpoints.grpc", "[identity.Customers/Read]", "[identity.Customers]"},
	{"Service.spec.endpoints.returns", "returns: [user.name]}", "returns: [user.name.first]}"},
	{"Service.spec.endpoints.accepts", "accepts: [user.contact.address], returns: none", "accepts: none, returns: none"},
	{"Service.spec.endpoints.purposes", "purposes: [essential.service]", "purposes: [essential.service, marketing]"},

	{"Service.spec.personalData.none", "personalData: {processes: [{activity: orders, categories: [user.contact.address], stored: false}]}", "personalData: {none: it has none}"},
	{"Service.spec.personalData.processes.activity", "      - {activity: orders, categories: [user.contact.address], stored: false}\n", ""},
	{"Service.spec.personalData.processes.categories", "categories: [user.name, user.contact], stored", "categories: [user.contact], stored"},
	{"Service.spec.personalData.processes.stored", "[user.name, user.contact], stored: true", "[user.name, user.contact], stored: false"},
	{"Service.spec.personalData.processes.mayReveal", ", mayReveal: [user.health_and_medical]", ""},
	{"Service.spec.personalData.declassifies.name", "    declassifies:\n", "    declassifies:\n      - {name: more, drops: [user.name], method: discard, because: \"it is read only\"}\n"},
	{"Service.spec.personalData.declassifies.drops", "drops: [user.contact.email], method: pseudonymise", "drops: [user.contact], method: pseudonymise"},
	{"Service.spec.personalData.declassifies.endpoints", "endpoints: [by-town]", "endpoints: [by-town, by-street]"},
	{"Service.spec.personalData.declassifies.approval", ", approval: sums}", "}"},
	{"Service.spec.personalData.channels.sends", "moved-house, sends: [user.contact.address]", "moved-house, sends: [user.contact]"},
	{"Service.spec.personalData.channels.receives", "receives: [user.contact.address], party", "receives: none, party"},
	{"Service.spec.personalData.rights.access", "access: export, ", ""},
	{"Service.spec.personalData.rights.erasure", "erasure: erase, ", ""},
	{"Service.spec.personalData.rights.rectification", ", rectification: correct", ""},
	{"Service.spec.personalData.acknowledges.caller", "    acknowledges:\n", "    acknowledges:\n      - {caller: shop/checkout, endpoint: all, categories: [user.name], since: 2026-11-01}\n"},
	{"Service.spec.personalData.acknowledges.endpoint", "    acknowledges:\n", "    acknowledges:\n      - {caller: shop/checkout, endpoint: by-town, categories: [user.name], since: 2026-11-01}\n"},
	{"Service.spec.personalData.acknowledges.categories", "categories: [user.device]", "categories: [user.device, user.contact.address.street]"},
	{"Service.spec.grants.from", "  grants:\n", "  grants:\n    - {from: {team: shop}, endpoints: [all]}\n"},
	{"Service.spec.grants.endpoints", "from: shop/checkout, endpoints: [read-address]", "from: shop/checkout, endpoints: [read-address, all]"},
	{"Service.spec.grants.until", "endpoints: [read-address], until: 2027-01-01", "endpoints: [read-address]"},
	{"Service.spec.personalData", "  personalData: {processes: [{activity: orders, categories: [user.contact.address], stored: false}]}\n", ""},
	{"Service.metadata", "---\napiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: profiles, namespace: accounts}\nspec:\n  ports: {http: {port: 80}}\n  endpoints: {show: {methods: [GET], paths: [/me]}}\n  personalData: {processes: [{activity: accounts, categories: [user.name], stored: true}]}\n", ""},
	{"Cluster.metadata", "---\napiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: shop}", "---\napiVersion: writ.dev/v1alpha1\nkind: Cluster\nmetadata: {name: in-1}\nspec: {mesh: prod, trustDomain: in.example, istioVersion: \"1.31\", country: IN, operator: boutique}\n---\napiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: shop}"},

	{"Privacy.spec.categories.class", "class: special", "class: personal"},
	{"Privacy.spec.plainPaths", "[/healthz]", "[/healthz, /v1/towns]"},
	{"Privacy.spec.rights", "  rights: identity/customers\n", ""},
	{"Privacy.spec.notice", "  notice: 60\n", ""},
	{"Privacy.spec.effects.effect", "effect: withhold", "effect: report"},
	{"Privacy.spec.effects.announced", "effect: withhold", "effect: withhold, announced: 2027-01-01"},
	{"Privacy.spec.reviewAlone", "[first-tag]", "[first-tag, grant]"},

	{"Activity.spec.purpose", "purpose: essential.service\n", "purpose: essential\n"},
	{"Activity.spec.subjects", "role: joint-controller\n  controllers: [partner]\n  subjects: [customer]", "role: joint-controller\n  controllers: [partner]\n  subjects: [customer, employee]"},
	{"Activity.spec.categories", "categories: [user.name, user.contact]\n", "categories: [user.name, user.contact, user.device]\n"},
	{"Activity.spec.legalBasis.code", "  legalBasis: {code: contract, reference: T-1}\n", ""},
	{"Activity.spec.legalBasis.reference", "code: contract, reference: T-1", "code: contract"},
	{"Activity.spec.condition.code", "  condition: {code: explicit-consent, reference: C-1}\n", ""},
	{"Activity.spec.condition.reference", "explicit-consent, reference: C-1", "explicit-consent"},
	{"Activity.spec.ageCheck", "  ageCheck: AGE-1\n", ""},
	{"Activity.spec.statute", "  statute: UAVG Article 46\n", ""},
	{"Activity.spec.retention.period", "period: P2Y", "period: P7Y"},
	{"Activity.spec.compatibleWith.activity", "  compatibleWith: [{activity: orders, assessment: PRIV-640}]", "  compatibleWith: [{activity: orders, assessment: PRIV-640}, {activity: accounts, assessment: PRIV-641}]"},
	{"Activity.spec.recipients", "recipients: [carrier]", "recipients: [carrier, partner]"},
	{"Activity.spec.stays", "stays: [EEA]", "stays: [EEA, US]"},
	{"Activity.spec.stays", "  stays: [EEA]\n", ""},
	{"Activity.spec.security", "  security: [encrypted at rest]\n", ""},
	{"Activity.spec.assessment.required", "required: true", "required: false"},
	{"Activity.spec.assessment.reference", "  assessment: {required: true, reference: DPIA-7, reviewed: 2026-05-01}\n", ""},
	{"Activity.spec.assessment.reviewed", ", reviewed: 2026-05-01}\n  profiling", "}\n  profiling"},
	{"Activity.spec.profiling", "  profiling: none is automated\n", ""},
	{"Activity.spec.approval", "  approval: sums\n", ""},
	{"Activity.spec.reviewed", "  reviewed: 2026-09-01\n", ""},

	{"Party.spec.country", "country: NL, role: joint-controller", "country: IN, role: joint-controller"},
	{"Party.spec.contact", "  contact: privacy@carrier.example\n", ""},
	{"Party.spec.protectionOfficer", "  protectionOfficer: dpo@carrier.example\n", ""},
	{"Party.spec.representative", "  representative: eu@carrier.example\n", ""},
	{"Party.spec.receives", "receives: [user.contact.address]\n  contract", "receives: [user.contact]\n  contract"},
	{"Party.spec.contract.reference", "  contract: {reference: CTR-1, signed: 2025-11-03}\n", ""},
	{"Party.spec.transfer.mechanism", "  transfer: {mechanism: standard-clauses, module: 2, assessment: TIA-7, reviewBy: 2027-01-01}\n", ""},
	{"Party.spec.transfer.module", ", module: 2", ""},
	{"Party.spec.transfer.assessment", ", assessment: TIA-7", ""},
	{"Party.spec.transfer.reviewBy", "reviewBy: 2027-01-01", "reviewBy: 2028-01-01"},
	{"Party.spec.transfer.certified", "reviewBy: 2027-01-01", "reviewBy: 2027-01-01, certified: true"},
	{"Party.spec.processors.list", "  processors: {list: \"https://carrier.example/list\", reviewed: 2026-05-01}\n", ""},
	{"Party.spec.processors.reviewed", "/list\", reviewed: 2026-05-01", "/list\", reviewed: 2026-04-01"},
	{"Party.spec.reviewed", "  reviewed: 2026-06-01\n", ""},

	{"Approval.spec.decision", "decision: rejected", "decision: approved"},
	{"Approval.spec.covers.activities", "activities: [orders]\n", "activities: [orders, accounts]\n"},
	{"Approval.spec.covers.categories", "    categories: [user.contact.address]\n", "    categories: [user.contact]\n"},
	{"Approval.spec.covers.services", "services: [identity/customers]", "services: [identity/customers, shop/checkout]"},
	{"Approval.spec.covers.declassifications", "declassifications: [sums]", "declassifications: [sums, towns]"},
	{"Approval.spec.covers.parties", "parties: [carrier]", "parties: [carrier, partner]"},
	{"Approval.spec.covers.places", "places: [EEA]", "places: [adequate]"},
	{"Approval.spec.covers.places", "    places: [EEA]\n", ""},
	{"Approval.spec.covers.weakenings", "[tag of Service shop/x 0]", "[tag of Service shop/x 0, tag of Service shop/y 0]"},
	{"Approval.spec.decidedBy.team", ", team: shop", ""},
	{"Approval.spec.advice.outcome", "  advice: {outcome: negative, given: 2026-05-10, reference: PRIV-812, deviation: \"the board has decided\"}\n", ""},
	{"Approval.spec.advice.reference", "  advice: {outcome: negative, given: 2026-05-10, reference: PRIV-812, deviation: \"the board has decided\"}\n", ""},
	{"Approval.spec.advice.deviation", ", deviation: \"the board has decided\"", ""},
	{"Approval.spec.until", "until: 2027-05-12\n  reference", "until: 2028-05-12\n  reference"},
	{"Approval.spec.reference", "  reference: PRIV-813\n", ""},
	{"Approval.spec.conditions", "  conditions: [at least 20 people in each cell]\n", ""},
}

// either are changes of which both directions are weakenings: neither text protects more than the other.
var either = []change{
	{"Service.spec.personalData.rights.through", "through: identity/customers, access: export", "through: accounts/profiles, access: show"},
	{"Service.spec.endpoints.returns first", `[GET], paths: ["/v1/customers/{id}"]}`, `[GET], paths: ["/v1/customers/{id}"], returns: [user.name]}`},
	{"Service.spec.personalData.channels.party", "own-topic, sends: [user.contact.address]", "own-topic, party: carrier, sends: [user.contact.address]"},
	{"Privacy.spec.owners", `owners: ["@example/privacy"]`, `owners: ["@example/privacy", "@example/shop"]`},
	{"Privacy.spec.effects.rule", "rule: PII-012, effect: withhold", "rule: PII-013, effect: withhold"},
	{"Mesh.spec.trustRoot", "trustRoot: prod-root", "trustRoot: other-root"},
	{"Mesh.spec.exceptions.service", "service: identity/old, clusters: [eu-1], stages: {mtls: permissive}", "service: identity/customers, clusters: [eu-1], stages: {mtls: permissive}"},
	{"Cluster.spec.operator", "operator: boutique", "operator: carrier"},
	{"Outsider.spec.identity", "vm/sa/old", "vm/sa/new"},
	{"Service.spec.personalData.channels.name", "    channels:\n", "    channels:\n      - {name: more, sends: [user.contact.address], activity: orders, because: \"another way\"}\n"},
	{"Cluster.spec.accepted.sha256", strings.Repeat("a", 64), strings.Repeat("b", 64)},
	{"Service.spec.personalData.declassifies.method", "method: pseudonymise", "method: aggregate"},
	{"Service.spec.personalData.channels.activity", "party: carrier, activity: orders", "party: carrier, activity: accounts"},
	{"Service.spec.personalData.processes.activity", "{activity: orders, categories: [user.contact.address], stored: false}]}", "{activity: accounts, categories: [user.contact.address], stored: false}]}"},
	{"Privacy.spec.controller", "controller: boutique", "controller: partner"},
	{"Activity.spec.role", "role: joint-controller\n  controllers", "role: controller\n  controllers"},
	{"Activity.spec.controllers", "controllers: [partner]", "controllers: [carrier]"},
	{"Activity.spec.retention.from", "from: account closed", "from: last call"},
	{"Activity.spec.compatibleWith.assessment", "PRIV-640", "PRIV-641"},
	{"Party.spec.legalName", "legalName: Carrier Inc.", "legalName: Other Inc."},
	{"Party.spec.role", "role: processor", "role: own"},
	{"Approval.spec.decidedBy.role", "role: business-owner, team", "role: privacy-board, team"},
}

func TestEveryFieldCanWeakenOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, c := range append(slices.Clone(changes), either...) {
		tested[c.field] = true
	}
	seen := map[string]bool{}
	for _, k := range syntax.Kinds {
		for _, f := range fieldPaths(kinds[k.Name], k.Name) {
			seen[f] = true
			l, decided := fields[f]
			switch {
			case !decided:
				t.Errorf("%s: can a change of it weaken protection? Say so in fields.go, with a case here, or why not", f)
			case l.harmless == "" && !tested[f] && !staged(f):
				t.Errorf("%s is a way to weaken, and no case does", f)
			}
		}
	}
	for _, f := range fieldPaths(reflect.TypeFor[syntax.Metadata](), "metadata") {
		if _, decided := fields[f]; !decided {
			t.Errorf("%s: can a change of it weaken protection?", f)
		}
	}
	for f, l := range fields {
		if kind, _, _ := strings.Cut(f, "."); !seen[f] && kinds[kind] != nil && !strings.HasSuffix(f, ".metadata") && !strings.HasSuffix(f, " first") && f != "Service.spec.personalData" {
			t.Errorf("%s is no field", f)
		}
		if l.with != "" && fields[l.with].kind == "" || len(string(l.kind))+len(l.with)+len(l.harmless) != max(len(string(l.kind)), len(l.with), len(l.harmless)) {
			t.Errorf("%s: its line says not one thing", f)
		}
	}
}

// staged fields are tested by TestStages: only the strictest word of many decides.
func staged(field string) bool {
	return strings.Contains(field, ".stages.") && !strings.HasPrefix(field, "Mesh") || strings.HasPrefix(field, "Team.spec.namespaces.floor") || field == "Team.spec.namespaces.retired"
}

func TestEveryWayToWeaken(t *testing.T) {
	t.Parallel()
	files := estate(t)
	for _, c := range changes {
		after := replaced(t, files, c.more, c.less)
		tells(t, c, compare(t, files, after))
		if found := compare(t, after, files); len(found) > 0 {
			t.Errorf("%s: the other way round it strengthens, and is told as %+v", c.field, found)
		}
	}
	for _, c := range either {
		after := replaced(t, files, c.more, c.less)
		tells(t, c, compare(t, files, after))
		if found := compare(t, after, files); len(found) == 0 {
			t.Errorf("%s: the other way round it weakens too, and is not told", c.field)
		}
	}
	if found := compare(t, files, files); len(found) > 0 {
		t.Errorf("nothing changes, and %+v", found)
	}
}

func tells(t *testing.T, c change, found []Weakening) {
	t.Helper()
	field := c.field
	if with := fields[field].with; with != "" {
		field = with
	}
	var told []string
	for _, w := range found {
		for _, f := range w.Facts {
			told = append(told, f.Field)
			if w.Kind != fields[f.Field].kind || f.At.IsZero() || w.At.IsZero() {
				t.Errorf("%s: %+v has another kind than %s, or no place", c.field, w, f.Field)
			}
		}
	}
	if !slices.Contains(told, field) {
		t.Errorf("%s: %q for %q is told as %q", c.field, c.less, c.more, told)
	}
	if len(found) > 1 {
		t.Errorf("%s: one change is told as %+v", c.field, found)
	}
}

// TestStages lowers each axis in each document while no other asks for it, and while another does: then nothing is lowered.
func TestStages(t *testing.T) {
	t.Parallel()
	const all = "stages: {mtls: strict, authz: enforce, outbound: scoped}"
	loose := "stages: {mtls: none, authz: off, outbound: open}"
	strict := estate(t)
	for _, doc := range []struct{ field, before, behind string }{
		{"Mesh.spec", "prod-root\n  strict: true\n  ", ""},
		{"Cluster.spec", "  strict: true\n  ", "\n  pathN"},
		{"Team.spec.namespaces", "floor: true, ", ""},
		{"Service.spec", "  clusters: [eu-1]\n  ", ""},
	} {
		alone := map[string]string{}
		for name, text := range strict {
			alone[name] = strings.ReplaceAll(text, all, loose)
		}
		for name, text := range strict {
			if at := doc.before + all + doc.behind; strings.Contains(text, at) {
				alone[name] = strings.Replace(alone[name], strings.Replace(at, all, loose, 1), at, 1)
			}
		}
		for _, x := range []struct{ axis, more, less string }{
			{"mtls", "mtls: strict", "mtls: permissive"}, {"authz", "authz: enforce", "authz: shadow"}, {"outbound", "outbound: scoped", "outbound: open"},
		} {
			c := change{field: doc.field + ".stages." + x.axis, more: doc.before + all + doc.behind}
			c.less = strings.Replace(c.more, x.more, x.less, 1)
			after := replaced(t, alone, c.more, c.less)
			tells(t, c, compare(t, alone, after))
			if found := compare(t, after, alone); len(found) > 0 {
				t.Errorf("%s: tightened, and told as %+v", c.field, found)
			}
			if found := compare(t, strict, replaced(t, strict, c.more, c.less)); len(found) > 0 && doc.field != "Mesh.spec" {
				t.Errorf("%s: another document asks for as much, and it is told as %+v", c.field, found)
			}
		}
	}
}

func TestFloors(t *testing.T) {
	t.Parallel()
	files := replaced(t, estate(t), "floor: true\n  strict", "floor: false\n  strict")
	for _, f := range []string{"floor: true, ", "retired: true, "} {
		closed := replaced(t, files, "floor: true, ", f)
		open := replaced(t, files, "floor: true, ", "")
		tells(t, change{field: "Team.spec.namespaces.floor", more: f}, compare(t, closed, open))
		if found := compare(t, open, closed); len(found) > 0 {
			t.Errorf("a floor is told as %+v", found)
		}
	}
}

func estate(t testing.TB) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/estate.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

// replaced is the estate with one text for another, which stands in it once.
func replaced(t testing.TB, files map[string]string, before, after string) map[string]string {
	t.Helper()
	all, n := map[string]string{}, 0
	for name, text := range files {
		n += strings.Count(text, before)
		all[name] = strings.ReplaceAll(text, before, after)
	}
	if n != 1 {
		t.Fatalf("%q stands in the estate %d times", before, n)
	}
	return all
}

func compare(t testing.TB, before, after map[string]string) []Weakening {
	t.Helper()
	revision := func(e *model.Estate) Revision { return Revision{e, privacy.Trace(e)} }
	return Compare(revision(resolve(t, before)), revision(resolve(t, after)), today)
}

func resolve(t testing.TB, files map[string]string) *model.Estate {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, found := syntax.Parse(t.Context(), fsys)
	e, more := model.Resolve(tree)
	for _, f := range append(found, more...) {
		if f.Rule.Severity() == diag.Error {
			t.Fatalf("%s: %s [%s]", f.Span, f.Message, f.Rule.Code)
		}
	}
	return e
}
