package syntax

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/diag"
)

const (
	service = "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"
	cluster = "apiVersion: writ.dev/v1alpha1\nkind: Cluster\nmetadata: {name: eu-1}\n"
	team    = "apiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: shop}\n"
	mesh    = "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: prod}\n"
	lb      = "apiVersion: writ.dev/v1alpha1\nkind: Outsider\nmetadata: {name: lb}\n"
)

// findings are the cases that have one mistake each: the file, the finding as `line:col code message`, its help, and the file
// after its fix where it has one.
var findings = []struct {
	name, in, want, help, fixed string
}{
	{
		"colon in plain text", service + "spec: a: b\n", `4:8 SYN-001 a ':' stands where none can be`,
		"put a text that holds ': ' in quotes, and indent the fields of a mapping alike", "",
	},
	{
		"indentation", service + "spec:\n    hosts: [a]\n  stages: {}\n", `6:3 SYN-001 the line is indented like no line above it`,
		"indent it as far as the fields that it belongs to", "",
	},
	{"tab", service + "spec:\n\thosts: [a]\n", `5:1 SYN-001 a tab indents this line`, "indent with spaces", ""},
	{"open list", service + "spec:\n  hosts: [a\n  clusters: [b]\n", `5:10 SYN-001 the list that begins here is not closed`, "add the missing ',' or ']'", ""},
	{"open mapping", service + "spec: {hosts: [a]\n", `4:7 SYN-001 the mapping that begins here is not closed`, "add the missing ',' or '}'", ""},
	{"open quote", service + "spec: {hosts: ['a]}\n", `4:16 SYN-001 the quote that begins here is not closed`, "close it", ""},
	{"character that begins no text", team + "spec: {owners: [@a/b]}\n", `4:17 SYN-001 a text cannot begin with "@"`, "put it in quotes", ""},
	{
		"escape", team + "spec: {contact: \"a\\q\"}\n", `4:19 SYN-001 the escape after '\' is not one of YAML's`,
		`write '\\' for a backslash, or use single quotes`, "",
	},

	{"not UTF-8", service + "spec: {} # caf\xe9\n", `4:15 SYN-002 the byte 0xe9 is not UTF-8`, "save the file as UTF-8", ""},
	{"UTF-16", "\xff\xfea\x00", `1:1 SYN-002 the file is UTF-16`, "save it as UTF-8", ""},
	{"control character", service + "spec: {} # é\x07\n", `4:13 SYN-003 the character U+0007 cannot be seen`, "remove it", ""},
	{"lone carriage return", "a: b\rc: d\n", `1:5 SYN-003 the character U+000D cannot be seen`, "remove it", ""},
	{"direction", "# a \u202e b\n", `1:5 SYN-003 the character U+202E cannot be seen`, "remove it", ""},
	{"escaped control character", service + "spec: {hosts: [\"a\\u202e\"]}\n", `4:16 SYN-003 an escape makes a character that cannot be seen`, "remove it", ""},
	{
		"too deep", service + "spec: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\n",
		`4:70 SYN-005 the document is more than 64 levels deep`, "say it flatter", "",
	},

	{"duplicate key", service + "spec:\n  hosts: [a]\n  hosts: [b]\n", `6:3 SYN-009 duplicate field "hosts"`, "keep one of the two", ""},
	{"anchor", service + "spec:\n  hosts: &h [a]\n", `5:10 SYN-010 an anchor is not allowed here`, "write the value itself", ""},
	{
		"alias", service + "spec: {hosts: *h}\n", `4:15 SYN-010 an alias is not allowed here`,
		"write the value itself; put a text that begins with '*' in quotes", "",
	},
	{"merge key", service + "spec:\n  <<: {hosts: [a]}\n", `5:3 SYN-010 a merge key is not allowed here`, "write the fields themselves", ""},
	{"directive", "# a comment\n%YAML 1.1\n---\n" + service + "spec: {}\n", `2:1 SYN-010 a directive is not allowed here`, "leave the line out", ""},
	{"directive behind a document", mesh + "spec: {}\n...\n%TAG ! a:\n---\n" + service + "spec: {}\n", `6:1 SYN-010 a directive is not allowed here`, "leave the line out", ""},
	{"tag", service + "spec: {hosts: [!!str a]}\n", `4:16 SYN-010 a tag is not allowed here`, "leave it out; quotes make a text of anything", ""},

	{
		"version as number", cluster + "spec: {mesh: p, trustDomain: a, istioVersion: 1.30}\n",
		`4:47 SYN-011 spec.istioVersion is 1.30, which YAML reads as a number; expected text`, "put it in quotes",
		cluster + "spec: {mesh: p, trustDomain: a, istioVersion: \"1.30\"}\n",
	},
	{
		"truth value as label", service + "spec: {selector: {app: true}}\n",
		`4:24 SYN-011 spec.selector.app is true, which YAML reads as a truth value; expected text`, "put it in quotes",
		service + "spec: {selector: {app: \"true\"}}\n",
	},
	{
		"truth word as label", service + "spec: {selector: {app: on}}\n",
		`4:24 SYN-011 on is a truth value to many readers of YAML; expected text`, "put it in quotes",
		service + "spec: {selector: {app: \"on\"}}\n",
	},
	{
		"truth word as key", service + "spec: {selector: {y: a}}\n",
		`4:19 SYN-011 y is a truth value to many readers of YAML; expected text`, "put it in quotes",
		service + "spec: {selector: {\"y\": a}}\n",
	},
	{
		"octal", service + "spec: {ports: {http: {port: 0777}}}\n",
		`4:29 SYN-011 spec.ports.http.port is 0777, which YAML reads as 511`, "write it in decimal digits", "",
	},
	{
		"underscore", service + "spec: {ports: {http: {port: 1_000}}}\n",
		`4:29 SYN-011 spec.ports.http.port is 1_000, which YAML reads as 1000`, "write it in decimal digits",
		service + "spec: {ports: {http: {port: 1000}}}\n",
	},
	{
		"number as key", service + "spec: {ports: {8080: {port: 80}}}\n",
		`4:16 SYN-011 the field "8080" is no text to YAML`, "put it in quotes",
		service + "spec: {ports: {\"8080\": {port: 80}}}\n",
	},

	{
		"apiVersion of another time", "apiVersion: writ.dev/v1\nkind: Mesh\nmetadata: {name: a}\nspec: {}\n",
		`1:13 SYN-012 unknown apiVersion "writ.dev/v1"; expected writ.dev/v1alpha1`, "write writ.dev/v1alpha1",
		"apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: a}\nspec: {}\n",
	},
	{
		"manifest", "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n",
		`1:13 SYN-012 "security.istio.io/v1" is no document of writ; expected writ.dev/v1alpha1`,
		"keep other files out of policies/; a cluster's hand-written objects lie in its overlay folder", "",
	},
	{
		"kind misspelt", "apiVersion: writ.dev/v1alpha1\nkind: service\n",
		`2:7 SYN-013 unknown kind "service"; expected one of Mesh, Cluster, Team, Outsider, Service, Test, Privacy, Activity, Party, Approval`, `did you mean "Service"?`,
		"apiVersion: writ.dev/v1alpha1\nkind: Service\n",
	},
	{
		"no kind", "apiVersion: writ.dev/v1alpha1\n", `1:1 SYN-013 the document has no kind`,
		"add kind: one of Mesh, Cluster, Team, Outsider, Service, Test, Privacy, Activity, Party, Approval", "",
	},
	{
		"kind of another type", "apiVersion: writ.dev/v1alpha1\nkind: [Mesh]\n",
		`2:7 SYN-013 kind is a list; expected one of Mesh, Cluster, Team, Outsider, Service, Test, Privacy, Activity, Party, Approval`, "write one of them", "",
	},

	{
		"unknown field", service + "spec: {intents: [{to: identity/customers, enpoints: [a], because: b}]}\n",
		`4:43 SYN-014 unknown field "enpoints" in spec.intents[identity/customers]`, `did you mean "endpoints"?`,
		service + "spec: {intents: [{to: identity/customers, endpoints: [a], because: b}]}\n",
	},
	{
		"personal data of which nothing is said", service + "spec: {personalData: {}}\n",
		`4:8 SYN-015 personalData does not say what is processed`, "write what under processes, or none with a reason", "",
	},
	{
		"personal data and none", service + "spec: {personalData: {none: prices only, processes: [{activity: a, categories: [user.name], stored: true}]}}\n",
		`4:42 SYN-021 a Service processes personal data or none, not both`, "keep one of the two", "",
	},
	{
		"an endpoint that returns none", service + "spec: {endpoints: {a: {port: b, returns: user.name}}}\n",
		`4:42 SYN-018 "user.name" is not a valid value`, "write data categories in a list like [user.contact.address], or the word none: [user.name]",
		service + "spec: {endpoints: {a: {port: b, returns: [user.name]}}}\n",
	},
	{
		"field of another kind", "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: a, namespace: b}\nspec: {}\n",
		`3:21 SYN-014 unknown field "namespace" in metadata`, "expected name", "",
	},
	{
		"guess is taken", service + "spec: {hosts: [a], host: [b]}\n",
		`4:20 SYN-014 unknown field "host" in spec`,
		"expected one of clusters, endpoints, grants, hosts, intents, per, personalData, ports, selector, serviceAccounts, stages", "",
	},

	{
		"missing field", team + "spec: {owners: [\"@a/b\"], namespaces: {shop: {}}}\n",
		`4:1 SYN-015 spec has no contact`, `add contact: ..., like "#team-shop"`, "",
	},
	{
		"missing field of an item", service + "spec:\n  intents:\n    - to: a/b\n      endpoints: [c]\n",
		`6:7 SYN-015 spec.intents[a/b] has no because`, `add because: ..., like "labels for parcels are printed at checkout"`, "",
	},
	{
		"missing apiVersion", "# a comment\nkind: Mesh\nmetadata: {name: a}\nspec: {}\n",
		`2:1 SYN-015 the document has no apiVersion`, "add apiVersion: writ.dev/v1alpha1",
		"# a comment\napiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: a}\nspec: {}\n",
	},
	{
		"methods without paths", service + "spec: {endpoints: {read: {methods: [GET]}}}\n",
		`4:27 SYN-015 spec.endpoints.read has methods without paths`, `add paths: ..., like ["/v1/customers/{id}/address"]`, "",
	},
	{
		"neither identity nor cidrs", lb + "spec: {because: a, until: 2027-05-01}\n",
		`4:1 SYN-015 an outsider is known by identity or by cidrs, and has neither`, "write one of the two", "",
	},

	{
		"document of another type", "- a\n", `1:1 SYN-016 the document is a list; expected fields like apiVersion and kind`,
		"begin with apiVersion: writ.dev/v1alpha1", "",
	},
	{
		"text for a number", service + "spec: {ports: {http: {port: \"80\"}}}\n",
		`4:29 SYN-016 spec.ports.http.port is the text "80"; expected a whole number`, "write 80",
		service + "spec: {ports: {http: {port: 80}}}\n",
	},
	{
		"word for a truth value", cluster + "spec: {mesh: p, trustDomain: a, istioVersion: \"1.30\", floor: yes}\n",
		`4:62 SYN-016 spec.floor is the text "yes"; expected true or false`, "write true",
		cluster + "spec: {mesh: p, trustDomain: a, istioVersion: \"1.30\", floor: true}\n",
	},
	{
		"text for a list", service + "spec: {hosts: cart}\n",
		`4:15 SYN-016 spec.hosts is the text "cart"; expected a list`, "write [cart]", service + "spec: {hosts: [cart]}\n",
	},
	{
		"nothing for a mapping", team + "spec:\n  contact: a\n  owners: [\"@a/b\"]\n  namespaces:\n    shop:\n",
		`8:5 SYN-016 spec.namespaces.shop is empty; expected a mapping`, "write {}",
		team + "spec:\n  contact: a\n  owners: [\"@a/b\"]\n  namespaces:\n    shop: {}\n",
	},
	{
		"list for a value", mesh + "spec:\n  stages:\n    mtls:\n      - strict\n",
		`7:7 SYN-016 spec.stages.mtls is a list; expected one of none, permissive, strict`, "write one of them", "",
	},
	{
		"list for a selection", service + "spec: {clusters: eu-1}\n",
		`4:18 SYN-016 spec.clusters is the text "eu-1"; expected a list or a mapping`, "write [eu-1]",
		service + "spec: {clusters: [eu-1]}\n",
	},

	{
		"unknown value", mesh + "spec: {stages: {mtls: stict}}\n",
		`4:23 SYN-017 unknown mtls "stict"; expected one of none, permissive, strict`, `did you mean "strict"?`,
		mesh + "spec: {stages: {mtls: strict}}\n",
	},
	{
		"ambient", cluster + "spec: {mesh: p, trustDomain: a, istioVersion: \"1.30\", dataPlane: ambient}\n",
		`4:66 SYN-017 ambient is not built yet; only sidecar`, "write sidecar", "",
	},

	{
		"name in capitals", "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: 'Prod'}\nspec: {}\n",
		`3:18 SYN-018 "Prod" is not a valid name`,
		"a name is lower-case letters, digits and '-', and begins and ends with a letter or digit: prod",
		"apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: 'prod'}\nspec: {}\n",
	},
	{
		"look-alike", "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: \u0441art}\nspec: {}\n",
		"3:18 SYN-018 \"\u0441art\" is not a valid name: it has the character U+0441",
		"a name is lower-case letters, digits and '-', and begins and ends with a letter or digit", "",
	},
	{
		"key with an underscore", service + "spec: {endpoints: {read_it: {port: http}}}\n",
		`4:20 SYN-018 "read_it" is not a valid name`,
		"a name is lower-case letters, digits and '-', and begins and ends with a letter or digit: read-it",
		service + "spec: {endpoints: {read-it: {port: http}}}\n",
	},
	{
		"name too long", service + "spec: {ports: {name-of-a-long-port: {port: 80}}}\n",
		`4:16 SYN-018 "name-of-a-long-port" is 19 characters long; at most 15 are allowed`, "shorten it", "",
	},
	{
		"method", service + "spec: {endpoints: {a: {methods: [get], paths: [/]}}}\n",
		`4:34 SYN-018 "get" is not a valid method`, "methods are upper case: GET",
		service + "spec: {endpoints: {a: {methods: [GET], paths: [/]}}}\n",
	},
	{
		"methods as text", service + "spec: {endpoints: {a: {methods: GET, paths: [/]}}}\n",
		`4:33 SYN-018 "GET" is not a valid value of methods`, "methods are a list like [GET, HEAD], or the word any: [GET]",
		service + "spec: {endpoints: {a: {methods: [GET], paths: [/]}}}\n",
	},
	{
		"any of methods", service + "spec: {endpoints: {a: {methods: [\"*\"], paths: [/]}}}\n",
		`4:34 SYN-018 "*" is not a valid method`, "methods are upper case", "",
	},
	{
		"relative path", service + "spec: {endpoints: {a: {methods: [GET], paths: [v1/a]}}}\n",
		`4:48 SYN-018 "v1/a" is not a valid path`, "a path begins with '/' and has no control characters: /v1/a",
		service + "spec: {endpoints: {a: {methods: [GET], paths: [/v1/a]}}}\n",
	},
	{
		"gRPC path", service + "spec: {endpoints: {a: {grpc: [/a.B/C]}}}\n",
		`4:31 SYN-018 "/a.B/C" is not a valid gRPC method`,
		"a gRPC method is package.Service/Method, or package.Service for all of its methods: a.B/C",
		service + "spec: {endpoints: {a: {grpc: [a.B/C]}}}\n",
	},
	{
		"day that is none", lb + "spec: {cidrs: [10.0.0.0/8], because: a, until: 2027-02-30}\n",
		`4:48 SYN-018 "2027-02-30" is not a valid date`, "a date is a real day written YYYY-MM-DD", "",
	},
	{
		"short date", lb + "spec: {cidrs: [10.0.0.0/8], because: a, until: 2027-5-1}\n",
		`4:48 SYN-018 "2027-5-1" is not a valid date`, "a date is a real day written YYYY-MM-DD: 2027-05-01",
		lb + "spec: {cidrs: [10.0.0.0/8], because: a, until: 2027-05-01}\n",
	},
	{
		"IPv4 written as IPv6", lb + "spec: {cidrs: [\"::ffff:10.0.0.0/104\"], because: a, until: 2027-05-01}\n",
		`4:16 SYN-018 "::ffff:10.0.0.0/104" is not a valid CIDR`,
		"a CIDR is an address, '/' and the length of the prefix, with zero host bits, like 10.0.0.0/16 or fd00:10::/108: 10.0.0.0/8",
		lb + "spec: {cidrs: [\"10.0.0.0/8\"], because: a, until: 2027-05-01}\n",
	},
	{
		"host bits", lb + "spec: {cidrs: [10.1.2.3/8], because: a, until: 2027-05-01}\n",
		`4:16 SYN-018 "10.1.2.3/8" is not a valid CIDR`,
		"a CIDR is an address, '/' and the length of the prefix, with zero host bits, like 10.0.0.0/16 or fd00:10::/108: 10.0.0.0/8",
		lb + "spec: {cidrs: [10.0.0.0/8], because: a, until: 2027-05-01}\n",
	},
	{
		"SPIFFE identity", lb + "spec: {identity: \"spiffe://a.b/ns/c/sa/d\", because: a, until: 2027-05-01}\n",
		`4:18 SYN-018 "spiffe://a.b/ns/c/sa/d" is not a valid identity`,
		"an identity is <trust domain>/ns/<namespace>/sa/<account>, without spiffe:// and without wildcards: a.b/ns/c/sa/d",
		lb + "spec: {identity: \"a.b/ns/c/sa/d\", because: a, until: 2027-05-01}\n",
	},
	{
		"patch release", cluster + "spec: {mesh: p, trustDomain: a, istioVersion: 1.30.2}\n",
		`4:47 SYN-018 "1.30.2" is not a valid Istio version`, "an Istio version is major.minor, like \"1.30\": 1.30",
		cluster + "spec: {mesh: p, trustDomain: a, istioVersion: \"1.30\"}\n",
	},
	{
		"port out of range", service + "spec: {ports: {http: {port: 70000}}}\n",
		`4:29 SYN-018 spec.ports.http.port is 70000; expected 1 to 65535`, "write a number in that range", "",
	},
	{
		"empty reason", service + "spec: {intents: [{to: a/b, endpoints: [c], because: \"\"}]}\n",
		`4:53 SYN-018 spec.intents[a/b].because is empty`,
		"say why in a sentence that somebody of another team understands a year from now", "",
	},
	{
		"blank reason", service + "spec: {intents: [{to: a/b, endpoints: [c], because: \" \"}]}\n",
		`4:53 SYN-018 " " is not a valid reason`,
		"say why in a sentence that somebody of another team understands a year from now", "",
	},

	{"field without a name", service + "spec: {selector: {: a}}\n", `4:19 SYN-018 a field has no name`, "write one before the ':'", ""},

	{"empty list", service + "spec: {hosts: []}\n", `4:15 SYN-019 spec.hosts is an empty list`, "give at least one item", ""},
	{"empty mapping", service + "spec: {endpoints: {}}\n", `4:19 SYN-019 spec.endpoints is an empty mapping`, "give at least one item", ""},
	{
		"grant from nobody", service + "spec: {grants: [{from: {}, endpoints: [a]}]}\n",
		`4:24 SYN-019 spec.grants[0].from is an empty mapping`,
		"a grant is from one Service, or from one team, or from one outsider", "",
	},
	{
		"listed twice in a block, whose comments are somebody's", service + "spec:\n  hosts:\n    - a # kept\n    - b\n    - a\n",
		`8:7 SYN-020 "a" is listed twice in spec.hosts`, "remove one of the two", "",
	},
	{
		"listed twice", service + "spec: {hosts: [a, b, a]}\n",
		`4:22 SYN-020 "a" is listed twice in spec.hosts`, "remove one of the two", service + "spec: {hosts: [a, b]}\n",
	},
	{
		"a path without quotes", service + "spec: {endpoints: {a: {methods: [GET], paths: [/product/{id}]}}}\n",
		`4:48 SYN-001 the path /product/{id} stands without quotes, and YAML takes its '{' for a mapping's`, `write "/product/{id}"`,
		service + "spec: {endpoints: {a: {methods: [GET], paths: [\"/product/{id}\"]}}}\n",
	},
	{
		"two documents without a line between them", service + "spec: {hosts: [a]}\n" + service + "spec: {hosts: [b]}\n",
		`5:1 SYN-009 a second document begins here, in the middle of the first`, "put a line of '---' before it",
		service + "spec: {hosts: [a]}\n---\n" + service + "spec: {hosts: [b]}\n",
	},
	{
		"an endpoint that says nothing", service + "spec: {endpoints: {a: {audience: mesh}}}\n",
		`4:20 SYN-015 an endpoint says what it offers, and this one says nothing`, "write methods and paths, or grpc, or a port alone for everything on it", "",
	},
	{
		"no space behind a colon", "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name:a, namespace: b}\nspec: {}\n",
		`3:12 SYN-014 a space is missing behind "name:"`, "write name: a",
		"apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {}\n",
	},
	{
		"grant from two", service + "spec: {grants: [{from: {team: a, outsider: b}, endpoints: [c]}]}\n",
		`4:24 SYN-021 spec.grants[0].from has team and outsider`,
		"a grant is from one Service, or from one team, or from one outsider", "",
	},
	{
		"identity and cidrs", lb + "spec: {identity: a/ns/b/sa/c, cidrs: [10.0.0.0/8], because: a, until: 2027-05-01}\n",
		`4:8 SYN-021 an outsider is known by identity or by cidrs, not by both`, "keep one of the two", "",
	},
	{
		"gRPC with methods", service + "spec: {endpoints: {a: {grpc: [a.B], methods: [GET], paths: [/]}}}\n",
		`4:37 SYN-021 an endpoint is HTTP by methods and paths, or gRPC by grpc, not both`, "keep one of the two", "",
	},
	{
		"gRPC with methods alone", service + "spec: {endpoints: {a: {grpc: [a.B], methods: [GET]}}}\n",
		`4:37 SYN-021 an endpoint is HTTP by methods and paths, or gRPC by grpc, not both`, "keep one of the two", "",
	},
	{
		"ignore without a reason", service + "spec: {} # writ:ignore REF-001 until=2027-01-01\n",
		`4:10 SYN-022 this comment ignores nothing: it has not the form of an ignore`,
		"write # writ:ignore CODE until=YYYY-MM-DD -- reason", "",
	},
}

func TestFindings(t *testing.T) {
	for _, tt := range findings {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := parseOne(tt.in)
			if len(diags) != 1 {
				t.Fatalf("got %d findings, want 1:\n%s", len(diags), render(diags))
			}
			f := diags[0]
			if got := line(f); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if f.Help != tt.help {
				t.Errorf("help\ngot  %s\nwant %s", f.Help, tt.help)
			}
			if len(f.Objects) == 0 {
				t.Error("the finding names no object")
			}
			checkFix(t, tt.in, tt.fixed, f)
		})
	}
}

// checkFix applies the finding's fix, which must give what is wanted and make the finding go.
func checkFix(t *testing.T, in, fixed string, f diag.Finding) {
	t.Helper()
	if f.Fix == nil {
		if fixed != "" {
			t.Error("the finding has no fix")
		}
		return
	}
	if !f.Rule.Mends {
		t.Errorf("%s has a fix and its rule does not say so", f.Rule.Code)
	}
	changed, _ := diag.Apply(map[string][]byte{"policies/a.yaml": []byte(in)}, []*diag.Fix{f.Fix})
	got := string(changed["policies/a.yaml"])
	if diff := cmp.Diff(fixed, got); diff != "" {
		t.Errorf("fix (-want +got)\n%s", diff)
	}
	_, after := parseOne(got)
	if slices.ContainsFunc(after, func(g diag.Finding) bool { return g.Fingerprint() == f.Fingerprint() }) {
		t.Errorf("the finding is still there after its fix:\n%s", render(after))
	}
}

func TestEveryRuleIsTested(t *testing.T) {
	elsewhere := []string{"SYN-004", "SYN-006", "SYN-007", "SYN-008", "SYN-023"} // of files and folders: parse_test.go
	tested := map[string]bool{}
	mended := map[string]bool{}
	for _, code := range elsewhere {
		tested[code] = true
	}
	for _, tt := range findings {
		code := strings.Fields(tt.want)[1]
		tested[code] = true
		mended[code] = mended[code] || tt.fixed != ""
	}
	for i, r := range Rules {
		if want := fmt.Sprintf("SYN-%03d", i+1); r.Code != want {
			t.Errorf("rule %d is %s, want %s", i, r.Code, want)
		}
		if !tested[r.Code] {
			t.Errorf("%s %s has no case", r.Code, r.Name)
		}
		if r.Mends != mended[r.Code] {
			t.Errorf("%s %s: mends is %v, and a case with a fix is there: %v", r.Code, r.Name, r.Mends, mended[r.Code])
		}
		if r.Title == "" || r.Why == "" {
			t.Errorf("%s says not what or why", r.Code)
		}
	}
}

// One document full of mistakes gives them all at once, and none twice.
func TestAllAtOnce(t *testing.T) {
	_, diags := parseOne(`kind: Service
metadata: {name: Cart}
spec:
  clusters: [eu-1, eu-1]
  ports: {http: {port: "80", protocl: http}}
  endpoints:
    a: {methods: [get, 5], paths: [v1]}
    b: {methods: [GET], paths: [/b], grpc: [a.B]}
  intents:
    - {to: a/b, enpoints: [x], because: y}
    - {endpoints: [], because:, until: 2027-13-01}
  stages: {mtls: on}
`)
	want := `1:1 SYN-015 the document has no apiVersion
2:1 SYN-015 metadata has no namespace
2:18 SYN-018 "Cart" is not a valid name
4:20 SYN-020 "eu-1" is listed twice in spec.clusters
5:24 SYN-016 spec.ports.http.port is the text "80"; expected a whole number
5:30 SYN-014 unknown field "protocl" in spec.ports.http
7:19 SYN-018 "get" is not a valid method
7:24 SYN-011 spec.endpoints.a.methods[5] is 5, which YAML reads as a number; expected text
7:36 SYN-018 "v1" is not a valid path
8:9 SYN-021 an endpoint is HTTP by methods and paths, or gRPC by grpc, not both
10:17 SYN-014 unknown field "enpoints" in spec.intents[a/b]
10:41 SYN-011 y is a truth value to many readers of YAML; expected text
11:8 SYN-015 spec.intents[1] has no to
11:19 SYN-019 spec.intents[1].endpoints is an empty list
11:23 SYN-016 spec.intents[1].because is empty; expected text
11:40 SYN-018 "2027-13-01" is not a valid date
12:18 SYN-017 unknown mtls "on"; expected one of none, permissive, strict
`
	if diff := cmp.Diff(want, render(diags)); diff != "" {
		t.Errorf("findings (-want +got)\n%s", diff)
	}
}

func TestFindingsAreKnownByNames(t *testing.T) {
	_, diags := parseOne(service + "spec: {intents: [{to: a/b, endpoints: [C], because: d}], grants: [{from: {team: e}, endpoints: [F]}]}\n")
	var got []string
	for _, f := range diags {
		got = append(got, strings.Join(f.Objects, ",")+" "+f.Field)
	}
	want := []string{"Service shop/cart spec.intents[a/b].endpoints[C]", "Service shop/cart spec.grants[team e].endpoints[F]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identities (-want +got)\n%s", diff)
	}
}

func parseOne(text string) (*Tree, diag.List) {
	return Parse(context.Background(), fstest.MapFS{"policies/a.yaml": {Data: []byte(text)}})
}

func line(f diag.Finding) string {
	return fmt.Sprintf("%d:%d %s %s", f.Span.Start.Line(), f.Span.Start.Column(), f.Rule.Code, f.Message)
}

func render(diags diag.List) string {
	var b strings.Builder
	for _, f := range diags {
		b.WriteString(line(f) + "\n")
	}
	return b.String()
}

// mapOf is a file system of files by name.
func mapOf(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fsys[name] = &fstest.MapFile{Data: []byte(files[name])}
	}
	return fsys
}
