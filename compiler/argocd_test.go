package compiler

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/argocd"
	"writ.dev/writ/compiler/diag"
)

// withArgoCD is the estate with a file for Argo CD that is current.
func withArgoCD(t *testing.T) fstest.MapFS {
	t.Helper()
	s := argocd.Defaults()
	s.Repo = "https://git.example.com/access.git"
	file, err := argocd.Render(s, mustCompile(t, base(t)).Admitted)
	if err != nil {
		t.Fatal(err)
	}
	return layOver(base(t), []txtar.File{{Name: argocd.Path, Data: file}})
}

// stale are the findings about the file.
func stale(r *Result) diag.List {
	var found diag.List
	for _, f := range r.Findings {
		if f.Rule == staleArgoCD {
			found = append(found, f)
		}
	}
	return found
}

// TestOnlyThePlatformMakesTheFileStale: a team that adds what calls, what is called, and what runs where its namespace is, needs nobody.
func TestOnlyThePlatformMakesTheFileStale(t *testing.T) {
	t.Parallel()
	estate := withArgoCD(t)
	for name, c := range map[string]struct{ files, lacks string }{
		"nothing": {},
		"a service that calls": {
			"-- policies/teams/shop/reports.yaml --\napiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: reports, namespace: shop}\nspec:\n" +
				"  intents: [{to: identity/customers, endpoints: [health], because: it waits for it}]\n", "",
		},
		"a namespace": {
			"-- policies/platform/parcels.yaml --\napiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: parcels}\nspec:\n  contact: parcels@example.com\n" +
				"  owners: [\"@example/parcels\"]\n  clusters: [eu-1]\n  namespaces: {parcels: {}}\n",
			"lacks {name: eu-1, namespace: parcels}",
		},
		"a kind in an overlay": {
			"-- policies/platform/clusters/eu-1/overlay/kustomization.yaml --\n" +
				"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [rule.yaml]\n" +
				"-- policies/platform/clusters/eu-1/overlay/rule.yaml --\n" +
				"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: other, namespace: elsewhere}\nspec: {host: other.elsewhere.svc.cluster.local}\n",
			"lacks {group: networking.istio.io, kind: DestinationRule}, lacks {name: eu-1, namespace: elsewhere}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustCompile(t, layOver(estate, txtar.Parse([]byte(c.files)).Files))
			if r.Findings.Stops() {
				t.Fatal(describe(r.Findings))
			}
			found := stale(r)
			if c.lacks == "" && len(found) > 0 || c.lacks != "" && (len(found) != 1 || !strings.HasSuffix(found[0].Message, ": "+c.lacks)) {
				t.Errorf("%v, want %q", describe(found), c.lacks)
			}
		})
	}
}

// TestAChangeFailsOnTheFileItMakesStale, and on no other.
func TestAChangeFailsOnTheFileItMakesStale(t *testing.T) {
	t.Parallel()
	estate := withArgoCD(t)
	before := layOver(estate, []txtar.File{{Name: argocd.Path, Data: append(estate[argocd.Path].Data, "    - {name: \"*\", namespace: \"*\"}\n"...)}})
	if r := mustCompileAgainst(t, before, before); len(stale(r)) != 1 || r.Fails() {
		t.Errorf("what the base had fails: %v", describe(r.Findings))
	}
	if r := mustCompileAgainst(t, before, estate); len(stale(r)) != 1 || !r.Fails() {
		t.Errorf("what the change causes does not fail: %v", describe(r.Findings))
	}
}

// TestAFileForArgoCDOfAnySizeIsToldInOneLine: somebody may send a change that holds anything.
func TestAFileForArgoCDOfAnySizeIsToldInOneLine(t *testing.T) {
	t.Parallel()
	estate := withArgoCD(t)
	var more strings.Builder
	for range 200_000 {
		more.WriteString("    - {name: \"\x1b[2J\", namespace: x}\n")
	}
	r := mustCompile(t, layOver(estate, []txtar.File{{Name: argocd.Path, Data: append(estate[argocd.Path].Data, more.String()...)}}))
	if found := stale(r); len(found) != 1 || found[0].Message != "the file is not what writ renders" || len(found[0].Items) > 0 {
		t.Errorf("%d findings: %v", len(found), describe(found))
	}
}

// TestAChangeThatTurnsArgoCDIsTold, be it to another place or away.
func TestAChangeThatTurnsArgoCDIsTold(t *testing.T) {
	t.Parallel()
	before := withArgoCD(t)
	turned := func(r *Result) diag.List {
		return slices.DeleteFunc(slices.Clone(r.Findings), func(f diag.Finding) bool { return f.Rule != turnedArgoCD })
	}
	if r := mustCompileAgainst(t, before, base(t)); len(turned(r)) > 0 || r.Fails() {
		t.Errorf("the first file is told: %v", describe(r.Findings))
	}
	r := mustCompileAgainst(t, base(t), before)
	if found := turned(r); len(found) != 1 || !strings.HasPrefix(found[0].Message, "this change takes policies/platform/argocd.yaml away") || r.Fails() {
		t.Errorf("a file that goes: %v", describe(r.Findings))
	}
	for text, want := range map[string]string{
		"--repo https://git.example.com/access.git":                              "",
		"--repo https://git.example.com/access.git --path elsewhere":             "it reads by --path elsewhere, and did by the defaults",
		"--repo https://git.example.com/other.git":                               "it reads by --repo https://git.example.com/other.git, and did by --repo https://git.example.com/access.git",
		"--repo https://git.example.com/access.git --cluster eu-1=somebody-else": "it reads by --cluster eu-1=somebody-else, and did by the defaults",
	} {
		s, _, err := argocd.Read([]byte("# writ argocd " + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		file, err := argocd.Render(s, mustCompile(t, base(t)).Admitted)
		if err != nil {
			t.Fatal(err)
		}
		found := turned(mustCompileAgainst(t, layOver(base(t), []txtar.File{{Name: argocd.Path, Data: file}}), before))
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.HasSuffix(found[0].Message, ": "+want)) {
			t.Errorf("%s: %v", text, describe(found))
		}
	}
}
