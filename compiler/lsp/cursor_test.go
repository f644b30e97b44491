package lsp

import (
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
)

// at reads the cursor where the text has a bar.
func at(t *testing.T, marked string) (cursor, bool) {
	t.Helper()
	before, after, ok := strings.Cut(marked, "|")
	if !ok {
		t.Fatal("the text has no bar for the cursor")
	}
	return readCursor(before+after, len(before))
}

const head = "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: cart, namespace: orders}\n"

func TestTheCursorKnowsItsPlace(t *testing.T) {
	for _, tt := range []struct {
		name, text string // of the document behind its head
		path       string
		role       role
		word       string
	}{
		{"a value", "spec:\n  intents:\n    - to: cata|log/a\n", "spec.intents.[].to", value, "catalog/a"},
		{"no value yet", "spec:\n  intents:\n    - to: |\n      endpoints: [a]\n", "spec.intents.[].to", value, ""},
		{"no space yet", "spec:\n  intents:\n    - to:|\n", "spec.intents.[].to", value, ""},
		{"a quoted value", "spec:\n  intents:\n    - to: \"cata|log/a\"\n", "spec.intents.[].to", value, "catalog/a"},
		{"before a comment", "spec:\n  intents:\n    - to: cata| # why\n", "spec.intents.[].to", value, "cata"},
		{"an item in brackets", "spec:\n  intents:\n    - to: a\n      endpoints: [get, p|ut]\n", "spec.intents.[].endpoints.[]", beginning, "put"},
		{"empty brackets", "spec:\n  intents:\n    - endpoints: [|]\n      to: a\n", "spec.intents.[].endpoints.[]", beginning, ""},
		{"an open bracket", "spec:\n  intents:\n    - to: a\n      endpoints: [get, |\n      because: b\n", "spec.intents.[].endpoints.[]", beginning, ""},
		{"an open bracket at the end", "spec:\n  intents:\n    - to: a\n      endpoints: [|", "spec.intents.[].endpoints.[]", beginning, ""},
		{"brackets over lines", "spec:\n  hosts: [\n    a,\n    b|\n  ]\n", "spec.hosts.[]", beginning, "b"},
		{"an item of a block", "spec:\n  clusters:\n    - eu-1\n    - |\n", "spec.clusters.[]", beginning, ""},
		{"a block as far left as its field", "spec:\n  clusters:\n  - eu|\n  hosts: [a]\n", "spec.clusters.[]", beginning, "eu"},
		{"braces", "spec:\n  grants:\n    - {from: {team: sh|op}, endpoints: [a]}\n", "spec.grants.[].from.team", value, "shop"},
		{"a field in braces", "spec:\n  grants:\n    - {from: a, end|}\n", "spec.grants.[]", key, "end"},
		{"braces that are not closed", "spec:\n  grants:\n    - {from: a, end|\n  hosts: [a]\n", "spec.grants.[]", key, "end"},
		{"a field in the middle", "spec:\n  ports: {}\n  in|\n  hosts: [a]\n", "spec", key, "in"},
		{"a whole field", "spec:\n  inte|nts:\n    - to: a\n", "spec", key, "intents"},
		{"an empty line of a mapping", "spec:\n  ports: {}\n  |\n", "spec", key, ""},
		{"the first field", "spec:\n  |\n", "spec", beginning, ""},
		{"the first field of an item", "spec:\n  intents:\n    - t|\n", "spec.intents.[]", beginning, "t"},
		{"below a text of several lines", "spec:\n  intents:\n    - because: >-\n        a: b\n        - c\n      to: x/|y\n", "spec.intents.[].to", value, "x/y"},
		{"outside of all", "sp|\n", "", key, "sp"},
		{"the next document", "spec: {}\n---\nkind: Team\nspec:\n  clu|\n", "spec", beginning, "clu"},
		{"windows", "spec:\r\n  intents:\r\n    - to: a|\r\n      endpoints: [b]\r\n", "spec.intents.[].to", value, "a"},
		{"other letters", "spec:\n  intents:\n    - because: größer 😀\n      to: a|b\n", "spec.intents.[].to", value, "ab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := at(t, head+tt.text)
			if !ok {
				t.Fatal("there is no cursor")
			}
			if got := strings.Join(c.names(), "."); got != tt.path || c.role != tt.role || c.text != tt.word {
				t.Errorf("%q, role %d, %q; want %q, role %d, %q", got, c.role, c.text, tt.path, tt.role, tt.word)
			}
			plain := strings.Replace(head+tt.text, "|", "", 1)
			if got := unquote(plain[c.start:c.end]); got != tt.word {
				t.Errorf("its extent is %q", got)
			}
		})
	}
}

func TestNothingIsSaidInComments(t *testing.T) {
	for _, text := range []string{"# to: |a\n", "spec: {} # a|\n", "spec:\n  hosts: [a] |# b\n", "spec:\n  intents:\n    - because: >-\n        a|b\n"} {
		if c, ok := at(t, head+text); ok {
			t.Errorf("%q: %+v", text, c.token)
		}
	}
}

func TestTheCursorSeesItsNeighbours(t *testing.T) {
	c, ok := at(t, "kind: Team\n---\n"+head+`spec:
  intents:
    - {to: a/b, endpoints: [x]}
    - endpoints: [get, |
      to: c
    - to: d/e
      endpoints: [y]
`)
	if !ok {
		t.Fatal("there is no cursor")
	}
	if got := c.beside("endpoints", "to"); got != "c" {
		t.Errorf("beside endpoints stands to: %q", got)
	}
	if service, _ := c.callee(); service != "orders/c" {
		t.Errorf("the callee is %q", service)
	}
	if kind := c.at("kind"); kind != "Service" {
		t.Errorf("the kind is %q", kind)
	}
}

var known = estate{
	{Kind: "Service", Name: "orders/cart"}:                        {Team: "orders", Endpoints: []string{"get"}},
	{Kind: "Service", Name: "orders/cart", Endpoint: "get"}:       {Offers: []string{"GET /cart"}},
	{Kind: "Service", Name: "catalog/products"}:                   {Endpoints: []string{"list", "find"}},
	{Kind: "Service", Name: "catalog/products", Endpoint: "list"}: {},
	{Kind: "Service", Name: "catalog/products", Endpoint: "find"}: {},
	{Kind: "Team", Name: "shop"}:                                  {},
	{Kind: "Cluster", Name: "eu-1"}:                               {},
	{Kind: "Mesh", Name: "prod"}:                                  {},
	{Kind: "Outsider", Name: "lb"}:                                {},
	{Kind: "Activity", Name: "fulfilment"}:                        {},
	{Kind: "Party", Name: "carrier"}:                              {},
	{Kind: "Approval", Name: "sales"}:                             {},
	{Kind: "data category", Name: "user.name"}:                    {Means: "What a person is called.", Class: "personal"},
	{Kind: "data category", Name: "user.x_boutique.size"}:         {Means: "a [size]", Class: "personal", Declared: diag.Span{File: "policies/privacy/privacy.yaml"}},
	{Kind: "data use", Name: "essential.service"}:                 {Means: "What was asked for."},
	{Kind: "data subject", Name: "customer"}:                      {Means: "Who buys."},
}

func TestProposals(t *testing.T) {
	service := func(spec string) string { return head + "spec:\n" + spec }
	test := func(spec string) string { return strings.Replace(head, "Service", "Test", 1) + "spec:\n" + spec }
	activity := func(spec string) string { return "kind: Activity\nmetadata: {name: a}\nspec:\n" + spec }
	const categories = "user.name user.x_boutique.size"
	for _, tt := range []struct {
		name, text string
		want       string
	}{
		{"services", service("  intents:\n    - to: |"), "cart catalog/products orders/cart"},
		{"services that grant", service("  grants:\n    - from: |"), "cart catalog/products orders/cart"},
		{"services from a mesh", "kind: Mesh\nmetadata: {name: a}\nspec:\n  infrastructure:\n    - from: |", "catalog/products orders/cart"},
		{"endpoints of the callee", service("  intents:\n    - to: catalog/products\n      endpoints: [|"), "find list"},
		{"endpoints of the callee below", service("  intents:\n    - endpoints:\n        - |\n      to: catalog/products\n"), "find list"},
		{"endpoints of a bare name", service("  intents:\n    - to: cart\n      endpoints: [|]"), "get"},
		{"endpoints of its own", service("  endpoints:\n    put: {}\n  grants:\n    - from: a\n      endpoints: [|]"), "get put"},
		{"teams", service("  grants:\n    - from: {team: |}"), "shop"},
		{"outsiders", service("  grants:\n    - from: {outsider: |}"), "lb"},
		{"clusters in brackets", service("  clusters: [|]"), "eu-1"},
		{"clusters in a block", service("  per:\n    - clusters:\n        - |"), "eu-1"},
		{"meshes", "kind: Cluster\nspec:\n  mesh: |", "prod"},
		{"words", service("  ports:\n    a: {port: 1, protocol: |}"), "http http2 grpc tcp tls"},
		{"truth", "kind: Cluster\nspec: {floor: |}", "true false"},
		{"kinds", "kind: |", "Mesh Cluster Team Outsider Service Test Privacy Activity Party Approval"},
		{"fields", service("  intents:\n    - to: a\n      |"), "activity because endpoints until"},
		{"fields in braces", service("  grants:\n    - {from: a, |}"), "because endpoints until"},
		{"first fields", "kind: Cluster\nspec:\n  stages:\n    |\n    mtls: strict\n", "authz outbound"},
		{"fields of an endpoint", service("  endpoints:\n    a: {methods: [GET], |}"), "accepts audience grpc paths port purposes returns"},
		{"what a grant is from", service("  grants:\n    - from: {|}"), "outsider team"},
		{"callers of a test", test("  only:\n    - to: cart\n      from: [|]"), "cart catalog/products orders/cart identity outsider peer team"},
		{"endpoints of an assertion", test("  deny:\n    - to: catalog/products\n      endpoints: [|]"), "find list"},
		{"kinds of caller", test("  deny:\n    - from: {|}"), "identity outsider peer team"},
		{"fields of an assertion", test("  allow:\n    - from: cart\n      to: cart\n      |"), "endpoints grpc methods paths port"},
		{"categories of a tag", service("  endpoints:\n    a: {returns: [|]}"), categories},
		{"categories below", service("  endpoints:\n    a:\n      accepts:\n        - user.|"), categories},
		{"categories that are processed", service("  personalData:\n    processes:\n      - {categories: [user.name, |]}"), categories},
		{"categories that may be revealed", service("  personalData: {processes: [{mayReveal: [|"), categories},
		{"categories that are dropped", service("  personalData: {declassifies: [{drops: [|"), categories},
		{"categories that are sent", service("  personalData: {channels: [{sends: [|"), categories},
		{"categories that are received", service("  personalData: {channels: [{receives: [|"), categories},
		{"categories that are acknowledged", service("  personalData: {acknowledges: [{categories: [|"), categories},
		{"categories of an activity", activity("  categories: [|"), categories},
		{"categories of a party", "kind: Party\nspec:\n  receives: [|", categories},
		{"categories of an approval", "kind: Approval\nspec:\n  covers: {categories: [|", categories},
		{"a purpose", activity("  purpose: |"), "essential.service"},
		{"purposes of an endpoint", service("  endpoints: {a: {purposes: [|"), "essential.service"},
		{"whose data it is", activity("  subjects:\n    - |"), "customer"},
		{"what an intent is for", service("  intents:\n    - to: a\n      activity: |"), "fulfilment"},
		{"what data is processed for", service("  personalData: {processes: [{activity: |"), "fulfilment"},
		{"what data was collected for", activity("  compatibleWith: [{activity: |"), "fulfilment"},
		{"activities of an approval", "kind: Approval\nspec:\n  covers: {activities: [|", "fulfilment"},
		{"who runs a cluster", "kind: Cluster\nspec: {operator: |", "carrier"},
		{"who is sent to", service("  personalData: {channels: [{party: |"), "carrier"},
		{"recipients", activity("  recipients: [|"), "carrier"},
		{"the controller", "kind: Privacy\nspec: {controller: |", "carrier"},
		{"who agreed", activity("  approval: |"), "sales"},
		{"endpoints that give less", service("  endpoints: {put: {}}\n  personalData: {declassifies: [{endpoints: [|"), "get put"},
		{"an endpoint for erasure", service("  endpoints: {put: {}}\n  personalData: {rights: {erasure: |"), "get put"},
		{"an endpoint of another for erasure", service("  personalData: {rights: {through: catalog/products, erasure: |"), "find list"},
		{"an endpoint that is acknowledged", service("  personalData: {acknowledges: [{endpoint: |"), "get"},
		{"nowhere", service("  nothing: |"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := at(t, tt.text)
			if !ok {
				t.Fatal("there is no cursor")
			}
			var got []string
			for _, p := range c.proposals(known) {
				got = append(got, p.label)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestAWordIsProposedWithWhatItMeans(t *testing.T) {
	c, _ := at(t, head+"spec: {endpoints: {a: {returns: [|]}}}\n")
	want := []proposal{
		{label: "user.name", insert: "user.name", detail: "personal", documentation: "What a person is called."},
		{label: "user.x_boutique.size", insert: "user.x_boutique.size", detail: "personal", documentation: "`a [size]`"},
	}
	if got := c.proposals(known); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestSubjects(t *testing.T) {
	for _, tt := range []struct {
		text string
		want compiler.Reference
	}{
		{"spec:\n  intents:\n    - to: c|art\n", compiler.Reference{Kind: "Service", Name: "orders/cart"}},
		{"spec:\n  intents:\n    - to: a/b\n      endpoints: [x, y|]\n", compiler.Reference{Kind: "Service", Name: "a/b", Endpoint: "y"}},
		{"spec:\n  grants:\n    - {from: {team: |shop}, endpoints: [y]}\n", compiler.Reference{Kind: "Team", Name: "shop"}},
		{"spec:\n  grants:\n    - {from: a, endpoints: [|y]}\n", compiler.Reference{Kind: "Service", Name: "orders/cart", Endpoint: "y"}},
		{"spec:\n  endpoints:\n    r|ead: {}\n", compiler.Reference{Kind: "Service", Name: "orders/cart", Endpoint: "read"}},
		{"spec:\n  clusters: [|eu-1]\n", compiler.Reference{Kind: "Cluster", Name: "eu-1"}},
	} {
		c, ok := at(t, head+tt.text)
		if got, named := c.subject(); !ok || !named || got != tt.want {
			t.Errorf("%q: %+v, %v", tt.text, got, named)
		}
	}
	for _, text := range []string{"spec:\n  |intents: []\n", "spec:\n  intents:\n    - because: a|b\n", "spec:\n  intents:\n    - to: |\n"} {
		if c, _ := at(t, head+text); true {
			if got, named := c.subject(); named {
				t.Errorf("%q: %+v", text, got)
			}
		}
	}
}

func TestHoverTellsWhatAFieldMeans(t *testing.T) {
	for text, want := range map[string]string{
		"spec:\n  inte|nts: []\n":                                    "Whom the Service calls.",
		"spec:\n  ports: {a: {target|Port: 1}}\n":                    "The container's port",
		"spec:\n  intents:\n    - to: nobody/kno|ws\n":               "",
		"spec:\n  endpoints: {get: {audience: me|sh}}\n":             "`mesh` lets every Service of the mesh in",
		"spec:\n  endpoints:\n    ge|t: {port: a}\n":                 "- `GET /cart`",
		"spec:\n  intents:\n    - to: ca|rt\n":                       "team `orders`",
		"spec: {endpoints: {a: {returns: [user.n|ame]}}}":            "data category `user.name`, class personal\n\nWhat a person is called.\n",
		"spec: {endpoints: {a: {returns: [user.x|_boutique.size]}}}": "\n`a [size]`\n",
		"spec: {endpoints: {a: {purposes: [essential.s|ervice]}}}":   "data use `essential.service`\n\nWhat was asked for.\n",
		"spec: {endpoints: {a: {returns: [user.n|ever]}}}":           "",
	} {
		c, _ := at(t, head+text)
		got := c.hover(known)
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestALongListIsCut(t *testing.T) {
	said := compiler.Description{Callers: slices.Repeat([]string{"a/b `c`"}, 50)}
	got := describe(compiler.Reference{Kind: "Service", Name: "a/b"}, said)
	if strings.Count(got, "\n- `` a/b `c` ``\n") == 0 || strings.Count(got, "\n") > 30 || !strings.Contains(got, "and 30 more") {
		t.Error(got)
	}
}

// Reading what somebody types must end, whatever it is, and keep to the text.
func FuzzCursor(f *testing.F) {
	f.Add(head+"spec:\n  intents:\n    - {to: a, endpoints: [b, 'c\n", 60)
	f.Add("[[[{{{,:]-  - - \"a\\", 5)
	f.Add("a: |\n  b\n---\n? x\n- >\n", 3)
	f.Add("\x00: [\x00", 1)
	f.Fuzz(func(t *testing.T, text string, offset int) {
		if offset < 0 || offset > len(text) {
			return
		}
		c, ok := readCursor(text, offset)
		if !ok {
			return
		}
		if c.start > offset || c.end < offset || c.end > len(text) {
			t.Errorf("the cursor at %d is in %d..%d of %d", offset, c.start, c.end, len(text))
		}
		c.proposals(known)
		c.hover(known)
	})
}
