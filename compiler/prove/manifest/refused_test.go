package manifest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	head  = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\n"
	mtls  = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: shop}\n"
	scope = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, namespace: shop}\n"
	rule  = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, namespace: shop}\n"
	token = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: a, namespace: shop}\n"
	plug  = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: shop}\n"
)

// TestRefused: what a cluster refuses or reads otherwise is an error, at its place.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, at, says string }{
		"port as a number":       {head + "spec: {rules: [{to: [{operation: {ports: [8080]}}]}]}\n", "4:43", `spec.rules[0].to[0].operation.ports[0]: a cluster reads 8080 without quotes as a number`},
		"method as a boolean":    {head + "spec:\n  rules:\n  - to:\n    - operation:\n        methods: [on]\n", "8:19", "as a boolean"},
		"YAML 1.1 number":        {head + "spec: {rules: [{when: [{key: 0o17}]}]}\n", "4:30", "as a number"},
		"null for a text":        {head + "spec: {rules: [{when: [{key: ~}]}]}\n", "4:30", "nothing stands"},
		"null for a list":        {head + "spec:\n  rules:\n", "5:9", "spec.rules: this is no list"},
		"null for a rule":        {head + "spec: {rules: [~]}\n", "4:16", "spec.rules[0]: this is no mapping"},
		"null for the spec":      {head + "spec:\n", "4:6", "spec: this is no mapping"},
		"text for a list":        {head + "spec: {rules: [{to: [{operation: {paths: /a}}]}]}\n", "4:42", "this is no list"},
		"list for a text":        {head + "spec: {action: [DENY]}\n", "4:16", "this is no text"},
		"unknown action":         {head + "spec: {action: LOG}\n", "4:16", `"LOG" is none of ALLOW, DENY, AUDIT, CUSTOM`},
		"action as a number":     {head + "spec: {action: 1}\n", "4:16", "as a number"},
		"field twice":            {head + "spec:\n  rules: [{}]\n  rules: []\n", "6:3", `the field "rules" stands twice`},
		"field twice, in many":   {head + "spec: {" + many(30) + "f7: 1}\n", "4:", `the field "f7" stands twice`},
		"anchor":                 {head + "spec: &a {}\n", "4:7", "the anchor &a"},
		"alias":                  {head + "spec: {action: &a DENY, rules: *a}\n", "4:16", "the anchor &a"},
		"merge":                  {head + "spec: {<<: {}}\n", "4:8", "'<<' merges"},
		"tag":                    {head + "spec: {action: !!str DENY}\n", "4:16", "the tag !!str"},
		"name read otherwise":    {mtls + "spec: {selector: {matchLabels: {yes: a}}}\n", "4:33", "the field's name yes"},
		"port in hexadecimal":    {mtls + "spec: {selector: {matchLabels: {a: b}}, portLevelMtls: {0x50: {}}}\n", "4:57", "the field's name 0x50"},
		"port beyond all":        {mtls + "spec: {selector: {matchLabels: {a: b}}, portLevelMtls: {70000: {}}}\n", "4:64", `"70000" is no port`},
		"ports without selector": {mtls + "spec: {portLevelMtls: {80: {}}}\n", "4:23", "without a selector"},
		"mode in lower case":     {mtls + "spec: {mtls: {mode: strict}}\n", "4:21", `"strict" is none of`},
		"two attachments":        {head + "spec: {selector: {}, targetRef: {kind: Service, name: a}}\n", "4:33", "more than one of selector"},
		"target without a name":  {head + "spec: {targetRefs: [{kind: Service}]}\n", "4:21", "no kind or no name"},
		"accounts and others":    {head + "spec: {rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]}\n", "4:33", "serviceAccounts stand beside"},
		"too many accounts":      {head + "spec: {rules: [{from: [{source: {serviceAccounts: [" + strings.Repeat("a,", 17) + "]}}]}]}\n", "4:33", "more than 16"},
		"too many rules":         {head + "spec: {rules: [" + strings.Repeat("{},", 513) + "]}\n", "4:15", "513 entries where a cluster takes 512"},
		"condition without key":  {head + "spec: {rules: [{when: [{values: [a]}]}]}\n", "4:24", "no key"},
		"label of 64 characters": {head + "spec: {selector: {matchLabels: {app: " + strings.Repeat("a", 64) + "}}}\n", "4:38", "longer than 63"},
		"label with a star":      {head + `spec: {selector: {matchLabels: {app: "a*"}}}` + "\n", "4:38", "'*'"},
		"listener without hosts": {scope + "spec: {egress: [{hosts: []}]}\n", "4:17", "no hosts"},
		"rule without host":      {rule + "spec: {}\n", "4:7", "no host"},
		"no namespace":           {"apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\n", "1:1", "no namespace"},
		"no name":                {"apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\n", "1:1", "no name"},
		"no object":              {"a: b\n", "1:1", "no object of a cluster"},
		"list of nothing":        {"- a\n", "1:1", "no mapping"},
		"List without items":     {"apiVersion: v1\nkind: List\nitem: []\n", "3:7", "item: a List has no such field"},
		"List in a List":         {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: []}\n", "4:3", "a List stands in a List"},
		"fault in a List":        {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: a, namespace: b}, spec: {mtls: []}}\n", "4:112", "items[0].spec.mtls: "},
		"items of another kind":  {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nitems: []\n", "4:8", "items: whoever applies this takes it for a List"},
		"items in a List":        {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, items: []}\n", "4:44", "items[0].items: whoever applies"},
		"passed over, by a text": {head + "spec: {rules: [{to: [{operation: {paths: [\"/a+argocd:skip-file-rendering\"]}}]}]}\n", "4:46", "Argo CD passes over the whole file"},
		"passed over, by a mark": {"# +argocd:skip-file-rendering\n" + head, "1:3", "Argo CD passes over the whole file"},
		"name in two lines":      {"apiVersion: v1\nkind: Secret\nmetadata: {name: \"a\\n::error::b\"}\n", "3:18", "metadata.name: no object is called"},
		"kind that hides":        {"apiVersion: v1\nkind: \"a\\u202eb\"\n", "2:7", "kind: no object is called"},
		"infinity":               {plug + "spec: {a: .inf}\n", "4:11", "no way to write"},
		"second document":        {head + "---\n" + head + "spec: {action: LOG}\n", "8:16", "LOG"},
		"text after ---":         {head + "--- {a: b}\n", "4:4", "text follows"},
		"--- that begins a word": {head + "---a: b\n", "4:4", "text follows"},
		"end of a document":      {head + "...\n" + head, "4:1", "'...' ends"},
		"directive":              {"%YAML 1.1\n---\n" + head, "1:1", "directive"},
		"not closed":             {head + "spec: {a: [\n", "5:1", "this is not YAML"},
		"not YAML, further down": {head + "---\na: b: c\n", "5:5", "this is not YAML"},
		"NUL":                    {head + "spec: {a: \x00}\n", "4:11", "U+0000"},
		"bell":                   {head + "spec: {a: é\a}\n", "4:12", "U+0007"},
		"next line":              {head + "spec: {a: \u0085}\n", "4:11", "U+0085"},
		"line separator":         {head + "spec: {a: \u2028}\n", "4:11", "U+2028"},
		"lone carriage return":   {head + "spec: {}\r---\n", "4:9", "carriage return"},
		"byte order mark":        {"\ufeff" + head, "1:1", "byte order mark"},
		"UTF-16":                 {"\xff\xfea\x00", "1:1", "not UTF-8"},
		"Latin-1":                {head + "spec: {a: \xe9}\n", "4:11", "not UTF-8"},
		"tab for indentation":    {"a:\n\tb: c\n", "", ""},
		"readers differ":         {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |+\n ", "1:1", "a cluster reads this document otherwise"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := Read("a.yaml", []byte(c.text))
			var fault *Error
			if !errors.As(err, &fault) || objects != nil {
				t.Fatalf("%d objects, %v", len(objects), err)
			}
			if at := fmt.Sprintf("%d:%d", fault.Line, fault.Column); !strings.HasPrefix(at, c.at) || !strings.Contains(fault.Message, c.says) || fault.Help == "" {
				t.Errorf("%v\nnot at %s for %s", err, c.at, c.says)
			}
		})
	}
}

func many(n int) string {
	var fields strings.Builder
	for i := range n {
		fmt.Fprintf(&fields, "f%d: 1, ", i)
	}
	return fields.String()
}

// TestHostile: what is made to cost a reader much is refused or read in the time of its length. Where a reader needs the square of
// it, the limit of a test's time ends this one.
func TestHostile(t *testing.T) {
	const n = 200_000
	for name, text := range map[string]string{
		"deep brackets":   strings.Repeat("[", n),
		"deep braces":     strings.Repeat("{a: ", n),
		"deep dashes":     strings.Repeat("- ", n),
		"deep questions":  strings.Repeat("? ", n),
		"laughs":          "a: &a [x]\n" + strings.Repeat("b: &a [*a,*a,*a,*a,*a,*a,*a,*a]\n", 50),
		"many fields":     head + "spec: {" + many(n/4) + "}\n",
		"many unknown":    head + "spec:\n" + strings.Repeat("- \n", 1) + strings.ReplaceAll(many(n/8), ", ", "\n"),
		"many rules":      head + "spec: {rules: [" + strings.Repeat("{},", n) + "]}\n",
		"many comments":   strings.Repeat("#\n", n) + head,
		"comments inside": head + "spec:\n" + strings.Repeat("  # a\n", n) + "  a: b\n",
		"long key":        strings.Repeat("a", n) + ": b\n",
		"long number":     head + "spec: {action: " + strings.Repeat("1", n) + "}\n",
		"long text":       plug + "spec: {a: \"" + strings.Repeat("\\n", n) + "\"}\n",
		"many documents":  strings.Repeat("---\n#\n", n),
		"quotes":          strings.Repeat("'", n),
		"colons":          strings.Repeat(": ", n),
		"commas":          "[" + strings.Repeat(",", n),
		"tags":            strings.Repeat("!a ", n),
		"anchors":         strings.Repeat("&a ", n),
		"too long":        head + strings.Repeat("#"+strings.Repeat("a", 99)+"\n", 40_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read("a.yaml", []byte(text)); err != nil && len(err.Error()) > 500 {
				t.Errorf("the message is %d bytes long", len(err.Error()))
			}
		})
	}
}
