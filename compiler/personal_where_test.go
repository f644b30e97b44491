package compiler

import (
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// declaredWell is an estate in which all personal data is declared as it should be.
func declaredWell(t testing.TB) fstest.MapFS {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/privacy/estate.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return layOver(layOver(base(t), Surroundings("PII-010")), archive.Files)
}

// mistaken is the estate with texts of files replaced, each given as file, old and new. What is not there fails the test.
func mistaken(t testing.TB, fsys fstest.MapFS, edits ...string) fstest.MapFS {
	t.Helper()
	for i := 0; i < len(edits); i += 3 {
		name, old, text := "policies/"+edits[i]+".yaml", edits[i+1], edits[i+2]
		f := fsys[name]
		if f == nil || !strings.Contains(string(f.Data), old) {
			t.Fatalf("%s has no %q", name, old)
		}
		fsys = layOver(fsys, []txtar.File{{Name: name, Data: []byte(strings.Replace(string(f.Data), old, text, 1))}})
	}
	return fsys
}

// told are the codes of the findings with the files that they point into.
func told(l diag.List) []string {
	var all []string
	for _, f := range l {
		all = append(all, f.Rule.Code+" "+strings.TrimSuffix(path.Base(f.Span.File), ".yaml"))
	}
	slices.Sort(all)
	return all
}

func TestWhatIsDeclaredAsItShouldBeHasNoFinding(t *testing.T) {
	t.Parallel()
	r := mustCompile(t, declaredWell(t))
	if len(r.Findings) > 0 {
		t.Errorf("%v", describe(r.Findings))
	}
}

const (
	customers, checkout, desk, stats, warehouse = "teams/identity/customers", "teams/shop/checkout", "teams/identity/desk", "teams/shop/stats", "teams/shop/warehouse"
	activities, carrier, theMesh, eu, us        = "privacy/activities", "privacy/carrier", "platform/mesh", "platform/clusters/eu-1", "platform/clusters/us-1"
	frontend, privacyDoc                        = "teams/shop/frontend", "privacy/privacy"
)

// TestOneMistakeIsOneFinding makes one mistake at a time, and holds who is told of it, and what is withheld.
func TestOneMistakeIsOneFinding(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edits    []string
		want     []string
		withheld int
	}{
		"the activity of an intent is gone": {
			[]string{checkout, "      activity: order-fulfilment\n      because: labels", "      because: labels"},
			[]string{"PII-015 checkout"},
			1,
		},
		"a caller declares nothing": {
			[]string{frontend, "  personalData:\n    processes:\n      - {activity: order-fulfilment, categories: [user.name, user.contact.address], stored: false}\n", ""},
			[]string{"PII-001 frontend"},
			1,
		},
		"a caller writes what it has none of": {
			[]string{frontend, "\n    processes:\n      - {activity: order-fulfilment, categories: [user.name, user.contact.address], stored: false}", " {none: it shows pages}"},
			[]string{"PII-095 frontend"},
			1,
		},
		"a caller declares less than it is sent over a channel": {
			[]string{warehouse, "categories: [user.name, user.contact.address]", "categories: [user.contact.address]", warehouse, "returns: [user.name, user.contact.address]", "returns: [user.contact.address]"},
			[]string{"PII-010 warehouse"},
			0,
		},
		"a category is gone from what is processed, and from nowhere else": {
			[]string{warehouse, "categories: [user.name, user.contact.address]", "categories: [user.contact.address]"},
			[]string{"PII-010 warehouse"},
			1,
		},
		"an activity lists less": {
			[]string{activities, "categories: [user.name, user.contact]\n  legalBasis: {code: contract}\n  retention: {period: P2Y, from: order", "categories: [user.name]\n  legalBasis: {code: contract}\n  retention: {period: P2Y, from: order"},
			[]string{"PII-008 activities"},
			5,
		},
		"an endpoint loses its tag, and hands out more": {
			[]string{customers, ", returns: [user.contact.address]}\n    correct", "}\n    correct"},
			[]string{"PII-010 checkout"},
			1,
		},
		"a declassification is gone": {
			[]string{customers, "    declassifies:\n      - {name: by-town, drops: [user.name, user.contact], method: aggregate, endpoints: [by-town], because: counts of at least 20 customers, approval: by-town}\n", ""},
			[]string{"PII-010 stats"},
			1,
		},
		"a declassification names no endpoint": {
			[]string{customers, "endpoints: [by-town], because", "because", customers, "by-town: {methods: [GET], paths: [/v1/by-town]}", "by-town: {methods: [GET], paths: [/v1/by-town], returns: {none: counts}}"},
			[]string{"PII-013 customers"},
			0,
		},
		"a pseudonym is said to be nothing": {
			[]string{customers, "method: aggregate", "method: pseudonymise", customers, "paths: [/v1/by-town]}", "paths: [/v1/by-town], returns: {none: hashed}}"},
			[]string{"PII-013 customers"},
			1,
		},
		"a pseudonym is dropped": {
			[]string{customers, "drops: [user.name, user.contact], method: aggregate", "drops: [user], method: pseudonymise", customers, "paths: [/v1/by-town]}", "paths: [/v1/by-town], returns: {none: hashed}}"},
			[]string{"PII-013 customers"},
			1,
		},
		"what is stored is said to be discarded": {
			[]string{customers, "method: aggregate, endpoints: [by-town]", "method: discard", customers, "paths: [/v1/by-town]}", "paths: [/v1/by-town], returns: {none: counts}}"},
			[]string{"PII-013 customers"},
			3,
		},
		"what is sent on is said to be discarded": {
			[]string{checkout, "categories: [user.name, user.contact.address], stored: false}\n", "categories: [user.name, user.contact.address], stored: false}\n    declassifies:\n      - {name: names, drops: [user.name], method: discard, because: they are not needed}\n"},
			[]string{"PII-013 checkout"},
			1,
		},
		"none without a reason": {
			[]string{customers, "erase: {methods: [DELETE], paths: [\"/v1/customers/{id}\"], returns: {none: it answers with a status alone}}", "erase: {methods: [DELETE], paths: [\"/v1/customers/{id}\"], returns: none}"},
			[]string{"PII-011 customers"},
			1,
		},
		"no personal data, by another name": {
			[]string{customers, "erase: {methods: [DELETE], paths: [\"/v1/customers/{id}\"], returns: {none: it answers with a status alone}}", "erase: {methods: [DELETE], paths: [\"/v1/customers/{id}\"], returns: [system.operations]}"},
			[]string{"PII-011 customers"},
			1,
		},
		"what is accepted is not said": {
			[]string{checkout, "      accepts: [user.name, user.contact.address]\n", ""},
			[]string{"PII-012 checkout"},
			0,
		},
		"what a TCP port accepts is not said": {
			[]string{warehouse, ", accepts: none}", "}"},
			[]string{"PII-012 warehouse"},
			0,
		},
		"an endpoint is for other purposes": {
			[]string{customers, "returns: [user.contact.address]}", "returns: [user.contact.address], purposes: [essential.fraud_detection]}"},
			[]string{"PII-014 checkout"},
			1,
		},
		"an activity for part of a purpose asks for all of it": {
			[]string{customers, "returns: [user.contact.address]}", "returns: [user.contact.address], purposes: [essential.service.operations.support]}"},
			[]string{"PII-014 checkout"},
			1,
		},
		"an endpoint for all of the mesh": {
			[]string{customers, "returns: [user.contact.address]}", "returns: [user.contact.address], audience: mesh}"},
			[]string{"PII-030 customers"},
			0,
		},
		"an infrastructure endpoint with personal data": {
			[]string{theMesh, "spec: {}", "spec:\n  infrastructure:\n    - {name: maps, from: shop/stats, endpoints: [read-address], because: maps are drawn of all}"},
			[]string{"PII-010 stats", "PII-030 customers"},
			1,
		},
		"a wider pattern with a narrower tag": {
			[]string{customers, "paths: [/v1/by-town]", "paths: [\"/v1/{rest...}\"]"},
			[]string{"PII-033 customers", "PII-033 customers"},
			1,
		},
		"a TCP port of two tags": {
			[]string{warehouse, "    stock:", "    people: {port: sql, returns: [user.name], accepts: none}\n    stock:"},
			[]string{"PII-034 warehouse"},
			0,
		},
		"mutual TLS is loosened for one": {
			[]string{theMesh, "spec: {}", "spec:\n  exceptions:\n    - {service: identity/customers, stages: {mtls: permissive}, because: the old shop, until: 2027-01-31}"},
			[]string{"PII-035 mesh"},
			3,
		},
		"nothing is enforced for one": {
			[]string{theMesh, "spec: {}", "spec:\n  exceptions:\n    - {service: identity/customers, stages: {mtls: permissive, authz: shadow}, because: the old shop, until: 2027-01-31}"},
			[]string{"PII-036 mesh"},
			0,
		},
		"the default account": {
			[]string{checkout, "spec:\n", "spec:\n  serviceAccounts: [default]\n"},
			[]string{"IDN-002 checkout", "PII-037 checkout"},
			2,
		},
		"a service in another country": {
			[]string{frontend, "clusters: [eu-1]", "clusters: [eu-1, us-1]", us, "discovers: [us-1]", "discovers: [us-1, eu-1]"},
			[]string{"PII-058 frontend"},
			1,
		},
		"a service in another country, where it reaches nobody": {
			[]string{frontend, "clusters: [eu-1]", "clusters: [eu-1, us-1]"},
			[]string{"CLU-008 frontend", "PII-058 frontend"},
			0,
		},
		"a cluster run from elsewhere": {
			[]string{eu, "operator: example", "operator: parcel-carrier"},
			[]string{"PII-058 eu-1"},
			5,
		},
		"a cluster that does not say where it is": {
			[]string{eu, "  country: NL\n", ""},
			[]string{"PII-058 eu-1"},
			5,
		},
		"a party without a contract": {
			[]string{carrier, "  contract: {reference: CTR-2219, signed: 2025-11-03, until: 2027-11-03}\n", ""},
			[]string{"PII-051 carrier"},
			0,
		},
		"a contract that ends soon": {
			[]string{carrier, "until: 2027-11-03", "until: 2026-12-03"}, []string{"PII-097 carrier"}, 0,
		},
		"a contract that is not signed yet": {
			[]string{carrier, "signed: 2025-11-03", "signed: 2026-12-03"}, []string{"PII-097 carrier"}, 0,
		},
		"nobody says what a party may receive": {
			[]string{carrier, "  receives: [user.name, user.contact.address]\n", ""}, []string{"PII-052 carrier"}, 0,
		},
		"more is sent than a party may receive": {
			[]string{checkout, "name: labels, sends: [user.contact.address]", "name: labels, sends: [user.name, user.contact.address]", carrier, "receives: [user.name, ", "receives: ["},
			[]string{"PII-052 checkout"},
			0,
		},
		"no mechanism": {
			[]string{carrier, "  transfer: {mechanism: standard-clauses, module: 2, assessment: PRIV-655, reviewBy: 2027-06-01}\n", ""}, []string{"PII-053 carrier"}, 0,
		},
		"a decision that asks for a certificate": {
			[]string{carrier, "mechanism: standard-clauses, module: 2, ", "mechanism: adequacy, "}, []string{"PII-053 carrier"}, 0,
		},
		"no assessment of a transfer": {
			[]string{carrier, "assessment: PRIV-655, ", ""}, []string{"PII-054 carrier"}, 0,
		},
		"an assessment that is due": {
			[]string{carrier, "reviewBy: 2027-06-01", "reviewBy: 2026-06-01"}, []string{"PII-054 carrier"}, 0,
		},
		"processors nobody lists": {
			[]string{carrier, "  processors: {list: the annex of CTR-2219, reviewed: 2026-09-01}\n", ""}, []string{"PII-060 carrier"}, 0,
		},
		"nobody at the other end": {
			[]string{warehouse, "    channels:\n      - {name: orders, receives: none, activity: order-fulfilment, because: the warehouse packs what was ordered}\n", ""},
			[]string{"PII-050 checkout"},
			0,
		},
		"no endpoint for erasure": {
			[]string{warehouse, ", erasure: erase", ""}, []string{"PII-080 warehouse"}, 0,
		},
		"no rights at all": {
			[]string{warehouse, "    rights: {access: export, erasure: erase}\n", ""}, []string{"PII-080 warehouse"}, 0,
		},
		"who answers data subjects does not call": {
			[]string{desk, "endpoints: [export, erase]\n      activity: order", "endpoints: [export]\n      activity: order"}, []string{"ACC-002 warehouse", "PII-080 warehouse"}, 0,
		},
		"nobody answers data subjects": {
			[]string{privacyDoc, "rights: identity/desk", "rights: identity/help"}, []string{"PII-080 privacy"}, 0,
		},
		"a path that names people": {
			[]string{customers, "/v1/customers/{id}/address\"], returns", "/v1/customers/by-email/{value}/address\"], returns"},
			[]string{"PII-070 customers", "PII-071 customers"},
			0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustCompile(t, mistaken(t, declaredWell(t), c.edits...))
			slices.Sort(c.want)
			if got := told(r.Findings); !slices.Equal(got, c.want) || r.Stats.Withheld != c.withheld {
				t.Errorf("%v, %d withheld; want %v, %d\n%s", got, r.Stats.Withheld, c.want, c.withheld, strings.Join(describe(r.Findings), "\n"))
			}
		})
	}
}
