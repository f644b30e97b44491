package weaken

import (
	"slices"
	"testing"
)

// TestOtherNamesHideNothing: what is renamed, split or handed on is held against what it was.
func TestOtherNamesHideNothing(t *testing.T) {
	t.Parallel()
	files := estate(t)
	const address = `    read-address: {port: http, methods: [GET], paths: ["/v1/customers/{id}/address"], returns: [user.contact.address], purposes: [essential.service]}`
	for _, c := range []struct {
		name, before, after string
		kind                Kind // "" where it weakens nothing
	}{
		{"another endpoint answers the tagged request", "  endpoints:\n    read-address", "  endpoints:\n    plain: {port: http, methods: [GET], paths: [\"/v1/customers/{x}/address\"], returns: none}\n    read-address", Tag},
		{"another endpoint answers another request", "  endpoints:\n    read-address", "  endpoints:\n    plain: {port: http, methods: [GET], paths: [\"/v3/towns\"], returns: none}\n    read-address", ""},
		{"an endpoint takes over a request of another", address, address + "\n    more: {port: http, methods: any, paths: [\"/{rest...}\"], returns: none}", Tag},
		{"another name of a variable", `paths: ["/v1/customers/{id}/address"], returns`, `paths: ["/v1/customers/{customer}/address"], returns`, ""},
		{"a narrower path", `[GET], paths: ["/v1/customers/{id}"]}`, `[GET], paths: ["/v1/customers/me"]}`, ""},
		{
			"a new document has the pods", "metadata: {name: profiles, namespace: accounts}\nspec:\n  ports: {http: {port: 80}}\n  endpoints: {show: {methods: [GET], paths: [/me]}}\n  personalData: {processes: [{activity: accounts, categories: [user.name], stored: true}]}",
			"metadata: {name: other, namespace: accounts}\nspec:\n  selector: {app: profiles}\n  personalData: {none: it has none}", Tag,
		},
		{"a wider word", "returns: [user.name]}", "returns: [user]}", ""},
		{"a key that has moved, by its name of today", "acknowledges:\n      - {caller: shop/checkout, endpoint: read-address, categories: [user.device]", "acknowledges:\n      - {caller: shop/checkout, endpoint: read-address, categories: [user.device.cookie_id]", ""},
		{"a grant to a team of which a caller had one", "from: shop/checkout, endpoints", "from: {team: shop}, endpoints", Grant},
		{"words for people", "because: \"the carrier wants to know\"", "because: \"the carrier asked for it\"", ""},
		{"a recipient in a new document", "kind: Service\nmetadata: {name: checkout, namespace: shop}", "kind: Service\nmetadata: {name: exporter, namespace: shop}\nspec:\n  personalData:\n    processes: [{activity: orders, categories: [user.contact.address], stored: false}]\n    channels: [{name: out, party: carrier, sends: [user.contact.address], activity: orders, because: \"it is exported\"}]\n---\napiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: checkout, namespace: shop}", Recipient},
		{"nobody says any more what goes to a recipient", "own-topic, sends: [user.contact.address], activity", "own-topic, activity", Recipient},
		{"nobody answers any more", "kind: Privacy\nmetadata: {name: privacy}", "kind: Privacy\nmetadata: {name: renamed}", ""},
	} {
		found := compare(t, files, replaced(t, files, c.before, c.after))
		told := slices.ContainsFunc(found, func(w Weakening) bool { return w.Kind == c.kind })
		if told != (c.kind != "") || c.kind == "" && len(found) > 0 {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}

func TestWithoutPrivacyNothingWasProtected(t *testing.T) {
	t.Parallel()
	with := estate(t)
	without := estate(t)
	delete(without, "policies/privacy/privacy.yaml")
	for name := range without { // its record stays: it is no rule
		without[name] = with[name]
	}
	if found := compare(t, without, with); len(found) > 0 {
		t.Errorf("the first Privacy document is told as %+v", found)
	}
	found := compare(t, with, without)
	if len(found) != 1 || found[0].Kind != Judge || found[0].At.IsZero() {
		t.Errorf("the last one is told as %+v", found)
	}
}

// TestEntriesBindExactlyWhatIsLost: an entry covers its weakening and no other.
func TestEntriesBindExactlyWhatIsLost(t *testing.T) {
	t.Parallel()
	files := estate(t)
	entries := map[string]string{}
	for _, c := range changes {
		for _, w := range compare(t, files, replaced(t, files, c.more, c.less)) {
			if other, again := entries[w.Entry()]; again && other != c.less {
				t.Errorf("%q and %q have the entry %s", other, c.less, w.Entry())
			}
			entries[w.Entry()] = c.less
		}
	}
	moved := map[string]string{}
	for name, text := range files {
		moved[name] = "# further down\n\n" + text
	}
	c := changes[len(changes)-1]
	one, two := compare(t, files, replaced(t, files, c.more, c.less)), compare(t, moved, replaced(t, moved, c.more, c.less))
	if one[0].Entry() != two[0].Entry() {
		t.Errorf("moved lines make %s of %s", two[0].Entry(), one[0].Entry())
	}
}
