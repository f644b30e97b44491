package privacy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
)

const around = `apiVersion: writ.dev/v1alpha1
kind: Mesh
metadata: {name: main}
spec: {}
---
apiVersion: writ.dev/v1alpha1
kind: Cluster
metadata: {name: eu-1}
spec: {mesh: main, trustDomain: eu.example, istioVersion: "1.31"}
---
apiVersion: writ.dev/v1alpha1
kind: Team
metadata: {name: shop}
spec: {contact: "#shop", owners: ["@example/shop"], namespaces: {shop: {}}}
`

const record = `apiVersion: writ.dev/v1alpha1
kind: Privacy
metadata: {name: privacy}
spec: {controller: example, owners: ["@example/privacy"], plainPaths: [/healthz]}
---
apiVersion: writ.dev/v1alpha1
kind: Party
metadata: {name: example}
spec: {legalName: Example B.V., country: NL, role: own}
---
apiVersion: writ.dev/v1alpha1
kind: Activity
metadata: {name: a}
spec: {title: All, purpose: essential.service}
`

// resolve is the estate of Services of one namespace, each given by its name and the rest of its spec.
func resolve(t testing.TB, services map[string]string) *model.Estate {
	t.Helper()
	var text strings.Builder
	for name, spec := range services {
		fmt.Fprintf(&text, "---\napiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: %s, namespace: shop}\nspec:\n%s\n", name, spec)
	}
	tree, found := syntax.Parse(t.Context(), fstest.MapFS{
		"policies/platform/all.yaml":   {Data: []byte(around)},
		"policies/privacy/all.yaml":    {Data: []byte(record)},
		"policies/teams/shop/all.yaml": {Data: []byte(strings.TrimPrefix(text.String(), "---\n"))},
	})
	if found.Fails() {
		t.Fatalf("%v\n%s", found, text.String())
	}
	estate, found := model.Resolve(tree)
	if found.Fails() {
		t.Fatalf("%v\n%s", found, text.String())
	}
	return estate
}

// gaps are the gaps in words: service, category, the Services on the way, and those further down.
func gaps(f *privacy.Flow) []string {
	var all []string
	for _, g := range f.Gaps() {
		line := g.Service.Name + " " + g.Category + ":"
		for _, s := range g.Path {
			from := "nobody"
			if s.From != nil {
				from = s.From.Name
			}
			line += " " + from + "->" + s.To.Name
		}
		for _, s := range g.Also {
			line += ", also " + s.Name
		}
		all = append(all, line)
	}
	return all
}

const (
	processes = "  personalData: {processes: [{activity: a, categories: [%s], stored: true}]%s}\n"
	http      = "  ports: {http: {port: 80}}\n"
	none      = "  personalData: {none: prices only}\n"
)

func calls(endpoint ...string) string {
	var b strings.Builder
	b.WriteString("  intents:\n")
	for _, e := range endpoint {
		to, name, _ := strings.Cut(e, " ")
		fmt.Fprintf(&b, "    - {to: %s, endpoints: [%s], activity: a, because: it has to}\n", to, name)
	}
	return b.String()
}

func offers(endpoint ...string) string {
	return http + "  endpoints:\n    " + strings.Join(endpoint, "\n    ") + "\n"
}

func get(name, rest string) string {
	return fmt.Sprintf("%s: {methods: [GET], paths: [/%s]%s}", name, name, rest)
}

func holds(categories, rest string) string { return fmt.Sprintf(processes, categories, rest) }

func TestFlow(t *testing.T) {
	t.Parallel()
	address := get("address", ", returns: [user.contact.address]")
	for name, c := range map[string]struct {
		services map[string]string
		want     []string
	}{
		"a caller that declares what it reads has no gap": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ""),
				"checkout":  calls("customers address") + holds("user.contact.address", ""),
			}, nil,
		},
		"to hold what is narrower is not to hold what is wider": {
			map[string]string{
				"customers": offers(get("all", "")) + holds("user.contact", ""),
				"checkout":  calls("customers all") + holds("user.contact.address", ""),
			}, []string{"checkout user.contact: customers->checkout"},
		},
		"an untagged endpoint hands on all that its Service holds": {
			map[string]string{
				"customers": offers(get("all", "")) + holds("user.contact, user.name", ""),
				"checkout":  calls("customers all") + none,
			}, []string{"checkout user.contact: customers->checkout", "checkout user.name: customers->checkout"},
		},
		"one missing declaration is one gap, and those further down are told of with it": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ""),
				"checkout":  offers(get("order", "")) + calls("customers address") + none,
				"frontend":  offers(get("page", "")) + calls("checkout order") + none,
				"edge":      calls("frontend page") + none,
			}, []string{"checkout user.contact.address: customers->checkout, also edge, also frontend"},
		},
		"who declares it further down has none": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ""),
				"checkout":  offers(get("order", "")) + calls("customers address") + none,
				"frontend":  calls("checkout order") + holds("user.contact", ""),
			}, []string{"checkout user.contact.address: customers->checkout"},
		},
		"calls in circles end, and have the gap where it begins": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ""),
				"ping":      offers(get("p", "")) + calls("pong p", "customers address") + none,
				"pong":      offers(get("p", "")) + calls("ping p") + none,
			}, []string{"ping user.contact.address: customers->ping, also pong"},
		},
		"what is written to a Service counts as what it reads": {
			map[string]string{
				"sink":   offers("put: {methods: [PUT], paths: [/put], accepts: [user.name]}", get("all", "")) + none,
				"writer": calls("sink put") + holds("user.name", ""),
				"reader": calls("sink all") + none,
			}, []string{"sink user.name: writer->sink, also reader"},
		},
		"what is discarded goes no farther": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ""),
				"checkout": offers(get("order", "")) + calls("customers address") +
					holds("user.name", ", declassifies: [{name: d, drops: [user.contact], method: discard, because: it is not kept}]"),
				"frontend": calls("checkout order") + holds("user.name", ""),
			}, nil,
		},
		"what is declassified is left out of its endpoint alone": {
			map[string]string{
				"orders": offers(get("sums", ""), get("all", "")) +
					holds("user.behavior, user.name", ", declassifies: [{name: d, drops: [user.behavior], method: aggregate, endpoints: [sums], because: sums}]"),
				"stats":  calls("orders sums") + holds("user.name", ""),
				"report": calls("orders all") + holds("user.name", ""),
			}, []string{"report user.behavior: orders->report"},
		},
		"two declassifications of one endpoint both hold": {
			map[string]string{
				"orders": offers(get("sums", "")) + holds("user.behavior, user.name",
					", declassifies: [{name: d, drops: [user.behavior], method: aggregate, endpoints: [sums], because: sums}, {name: e, drops: [user.name], method: aggregate, endpoints: [sums], because: sums}]"),
				"stats": calls("orders sums") + none,
			}, nil,
		},
		"a pseudonym is personal data still": {
			map[string]string{
				"orders": offers(get("rows", "")) +
					holds("user.behavior", ", declassifies: [{name: d, drops: [user.behavior], method: pseudonymise, endpoints: [rows], because: hashed}]"),
				"stats": offers(get("out", "")) + calls("orders rows") + none,
				"next":  calls("stats out") + none,
			}, []string{"stats user.unique_id.pseudonymous: orders->stats, also next"},
		},
		"what is acknowledged stops at the caller": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ", acknowledges: [{caller: checkout, endpoint: address, categories: [user.contact.address], since: 2026-01-01}]"),
				"checkout":  offers(get("order", "")) + calls("customers address") + none,
				"frontend":  calls("checkout order") + none,
			}, nil,
		},
		"an acknowledgement is for one caller": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ", acknowledges: [{caller: checkout, endpoint: address, categories: [user.contact.address], since: 2026-01-01}]"),
				"checkout":  calls("customers address") + none,
				"ads":       calls("customers address") + none,
			}, []string{"ads user.contact.address: customers->ads"},
		},
		"a plain path carries nothing": {
			map[string]string{
				"customers": offers("health: {methods: [GET], paths: [/healthz]}") + holds("user.contact", ""),
				"checkout":  calls("customers health") + none,
			}, nil,
		},
		"a path beside the plain one carries all": {
			map[string]string{
				"customers": offers("health: {methods: [GET], paths: [/healthz, /debug]}") + holds("user.contact", ""),
				"checkout":  calls("customers health") + none,
			}, []string{"checkout user.contact: customers->checkout"},
		},
		"who takes from a channel gets what others send": {
			map[string]string{
				"orders":  holds("user.name", ", channels: [{name: topic, sends: [user.name], activity: a, because: events}]"),
				"mailing": holds("user.contact", ", channels: [{name: topic, receives: none, activity: a, because: events}]"),
			}, []string{"mailing user.name: orders->mailing"},
		},
		"a channel that does not say what is sent carries all": {
			map[string]string{
				"customers": offers(address) + holds("user.contact", ""),
				"orders":    calls("customers address") + holds("user.name", ", channels: [{name: topic, activity: a, because: events}]"),
				"mailing":   holds("user.behavior", ", channels: [{name: topic, receives: none, activity: a, because: events}]"),
			}, []string{"mailing user.name: orders->mailing", "orders user.contact.address: customers->orders, also mailing"},
		},
		"what comes of one thing by two names is one gap": {
			map[string]string{
				"customers": offers(get("all", ", returns: [user.contact]"), address) + holds("user.contact", ""),
				"checkout":  calls("customers all", "customers address") + none,
			}, []string{"checkout user.contact: customers->checkout"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := privacy.Trace(resolve(t, c.services))
			if got := gaps(f); !slices.Equal(got, c.want) {
				t.Errorf("gaps:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestWhatComesOverAChannelIsFollowedOn(t *testing.T) {
	t.Parallel()
	f := privacy.Trace(resolve(t, map[string]string{
		"orders":  holds("user.name", ", channels: [{name: topic, sends: [user.name], activity: a, because: events}]"),
		"mailing": offers(get("all", "")) + holds("user.contact", ", channels: [{name: topic, receives: none, activity: a, because: events}]"),
		"desk":    calls("mailing all") + holds("user.contact", ""),
	}))
	all := f.Gaps()
	if len(all) != 1 || len(all[0].Onward) != 1 || all[0].Onward[0].To.Name != "desk" {
		t.Errorf("nothing can hold the topic back, so what follows on it has to be: %+v", all)
	}
}
