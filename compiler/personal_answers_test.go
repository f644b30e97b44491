package compiler

import (
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestWhoAnswersIsAskedWhereverDataIsSpokenOf: each word about personal data is enough to ask for the Privacy document, which is asked
// for once, where the first of them stands.
func TestWhoAnswersIsAskedWhereverDataIsSpokenOf(t *testing.T) {
	t.Parallel()
	const (
		of      = "apiVersion: writ.dev/v1alpha1\n"
		profile = "policies/teams/identity/profiles.yaml"
		service = of + "kind: Service\nmetadata: {name: profiles, namespace: identity}\nspec:\n  ports: {http: {port: 80}}\n"
		own     = of + "kind: Party\nmetadata: {name: example}\nspec: {legalName: Example, country: NL, role: own}\n"
	)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing is about it", map[string]string{profile: service}, nil},
		{"an Activity", map[string]string{"policies/privacy/a.yaml": activity("account")}, []string{"PII-090 policies/privacy/a.yaml:3:7"}},
		{"a Party", map[string]string{"policies/privacy/a.yaml": own}, []string{"PII-090 policies/privacy/a.yaml:2:7"}},
		{"an Approval", map[string]string{"policies/privacy/a.yaml": approval("x", "services: [identity/customers]", "")}, []string{"PII-090 policies/privacy/a.yaml:3:7"}},
		{
			"who runs a Cluster, before the Party", map[string]string{
				"policies/platform/clusters/eu-1.yaml": of + "kind: Cluster\nmetadata: {name: eu-1}\nspec: {mesh: main, trustDomain: eu.example, istioVersion: \"1.31\", operator: example}\n",
				"policies/privacy/a.yaml":              own,
			}, []string{"PII-090 policies/platform/clusters/eu-1.yaml:4:77"},
		},
		{"what a Service declares", map[string]string{profile: service + "  personalData: {none: articles}\n"}, []string{"PII-090 " + profile + ":6:18"}},
		{"what an endpoint returns", map[string]string{profile: service + "  endpoints: {read: {methods: [GET], paths: [/v1], returns: [user.name]}}\n"}, []string{"PII-090 " + profile + ":6:61"}},
		{"what it accepts", map[string]string{profile: service + "  endpoints: {read: {methods: [GET], paths: [/v1], accepts: [user.name]}}\n"}, []string{"PII-090 " + profile + ":6:61"}},
		{"what it is there for", map[string]string{profile: service + "  endpoints: {read: {methods: [GET], paths: [/v1], purposes: [essential]}}\n"}, []string{"PII-090 " + profile + ":6:63"}},
		{
			"what an intent is for",
			map[string]string{profile: service + "  intents: [{to: identity/customers, endpoints: [health], activity: account, because: it asks}]\n"},
			[]string{"PII-090 " + profile + ":6:69", "REF-011 " + profile + ":6:69"},
		},
	} {
		var files []txtar.File
		for name, text := range c.files {
			files = append(files, txtar.File{Name: name, Data: []byte(text)})
		}
		var got []string
		for _, f := range mustCompile(t, layOver(base(t), files)).Findings {
			got = append(got, f.Rule.Code+" "+f.Span.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: said is %q, want %q", c.name, got, c.want)
		}
	}
}
