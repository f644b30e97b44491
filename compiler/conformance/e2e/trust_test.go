package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTrustDomains: who writ says that a principal admits is who the wire admits, however the clusters trust each other. That of the
// example, domains of their own with certificates of all of them accepted, is what TestBoutique runs.
func TestTrustDomains(t *testing.T) {
	need(t)
	const domain, skip = `(?m)^  trustDomain: .*$`, `(?m)^  skipValidateTrustDomain: true$`
	const eu, us = "  trustDomain: eu.boutique.example", "  trustDomain: us.boutique.example"
	const aliasEU, aliasUS = "\n  trustDomainAliases: [eu.boutique.example]", "\n  trustDomainAliases: [us.boutique.example]"
	type edits map[string]string // by file, the lines of the trust domain
	for name, c := range map[string]struct {
		edits edits
		skip  bool
	}{
		"domains of their own":           {edits{"eu-1": eu, "eu-2": eu, "us-1": us}, false},
		"one domain":                     {edits{"eu-1": "  trustDomain: mesh.example", "eu-2": "  trustDomain: mesh.example", "us-1": "  trustDomain: mesh.example"}, false},
		"an alias in one direction":      {edits{"eu-1": eu, "eu-2": eu, "us-1": us + aliasEU}, false},
		"aliases in both directions":     {edits{"eu-1": eu + aliasUS, "eu-2": eu + aliasUS, "us-1": us + aliasEU}, false},
		"an alias, and all are accepted": {edits{"eu-1": eu, "eu-2": eu, "us-1": us + aliasEU}, true},
	} {
		t.Run(name, func(t *testing.T) {
			from := t.TempDir()
			for _, part := range []string{"policies", "out"} {
				if err := os.CopyFS(filepath.Join(from, part), os.DirFS(filepath.Join(repository(t), part))); err != nil {
					t.Fatal(err)
				}
			}
			for cluster, lines := range c.edits {
				path := filepath.Join(from, "policies/platform/clusters", cluster+".yaml")
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				text := regexp.MustCompile(domain).ReplaceAllString(string(data), lines)
				if !c.skip {
					text = regexp.MustCompile(skip).ReplaceAllString(text, "")
				}
				if text == string(data) && !strings.Contains(text, lines) {
					t.Fatalf("%s is as it was", path)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			e := start(t, from, "storefront/frontend", "payments/paymentservice", "orders/cartservice", "catalog/currencyservice")
			build := exec.Command(e.parts.Programs["writ"], "build")
			build.Dir = from
			if said, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if err := e.applyAll(t.Context(), filepath.Join(from, "out")); err != nil {
				t.Fatal(err)
			}
			if err := e.pushed(t.Context()); err != nil {
				t.Fatal(err)
			}
			callees, err := e.callees(os.DirFS(filepath.Join(from, "out")))
			if err != nil {
				t.Fatal(err)
			}
			identities, err := e.identities(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e.askDirectly(t, callees, identities)
		})
	}
}
