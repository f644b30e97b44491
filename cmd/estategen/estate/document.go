package estate

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stages of namespaces, above the Mesh's own: mutual TLS where it can be had, and policies as dry-run.
const (
	meshStages = "{mtls: permissive, authz: shadow, outbound: open}"
	shadowing  = "{}"
	enforcing  = "{floor: true, stages: {mtls: strict, authz: enforce}}"
	scoped     = "{floor: true, stages: {mtls: strict, authz: enforce, outbound: scoped}}"
)

// stages draws how far a namespace has come.
func (e *estate) stages() string {
	switch n := e.IntN(100); {
	case n < 15:
		return shadowing
	case n < 65:
		return enforcing
	default:
		return scoped
	}
}

func region(cluster int) string { return fmt.Sprintf("r%d", cluster/2+1) }

func clusterName(cluster int) string { return fmt.Sprintf("%s-%d", region(cluster), cluster%2+1) }

func head(kind, metadata string) string {
	return "apiVersion: writ.dev/v1alpha1\nkind: " + kind + "\nmetadata: {" + metadata + "}\nspec:\n"
}

const mesh = `  rootNamespace: istio-system
  stages: ` + meshStages + `
  delivery: carried
  infrastructure:
    - name: prometheus
      from: observability/prometheus
      endpoints: [metrics]
      because: alerts and dashboards are built from every service's metrics
  reachable:
    - istio-system/collector.istio-system.svc.cluster.local
`

// documents writes every document, by its path below policies/.
func (e *estate) documents() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if !yield("platform/meshes/prod.yaml", head("Mesh", "name: prod")+mesh) {
			return
		}
		for i := range e.Clusters {
			if !yield("platform/clusters/"+clusterName(i)+".yaml", e.cluster(i)) {
				return
			}
		}
		for path, text := range e.record() {
			if !yield(path, text) {
				return
			}
		}
		for _, t := range e.teams {
			if !yield("platform/teams/"+t.name+".yaml", t.document()) {
				return
			}
		}
		for _, s := range e.services {
			if !yield("teams/"+s.team.name+"/"+s.namespace.name+"/"+s.name+".yaml", s.document()) {
				return
			}
		}
	}
}

func (e *estate) cluster(i int) string {
	text := head("Cluster", fmt.Sprintf("name: %s, labels: {env: prod, region: %s}", clusterName(i), region(i))) +
		fmt.Sprintf("  mesh: prod\n  trustDomain: %s.example\n  skipValidateTrustDomain: true\n  istioVersion: \"1.31\"\n  serviceCIDR: 10.0.0.0/8\n", region(i))
	if e.Personal {
		text += "  country: NL\n  operator: example\n"
	}
	return text
}

func (t *team) document() string {
	var b strings.Builder
	b.WriteString(head("Team", "name: "+t.name))
	fmt.Fprintf(&b, "  contact: %s@example.com\n  owners: [\"@example/%s\"]\n  clusters: {env: prod}\n  namespaces:\n", t.name, t.name)
	for _, ns := range t.namespaces {
		fmt.Fprintf(&b, "    %s: %s\n", ns.name, ns.stages)
	}
	return b.String()
}

func (s *service) document() string {
	var b strings.Builder
	b.WriteString(head("Service", "name: "+s.name+", namespace: "+s.namespace.name))
	b.WriteString(s.clusters)
	fmt.Fprintf(&b, "  ports:\n%s  endpoints:\n", s.protocol.ports())
	for _, e := range s.endpoints {
		fmt.Fprintf(&b, "    %s: {%s%s}\n", e.name, e.text, e.tags(s))
	}
	b.WriteString("    metrics: {methods: [GET], paths: [/metrics]}\n")
	b.WriteString(s.personalData())
	if len(s.grants) > 0 {
		b.WriteString("  grants:\n" + strings.Join(s.grants, ""))
	}
	if len(s.intents) > 0 {
		b.WriteString("  intents:\n")
	}
	slices.SortFunc(s.intents, func(x, y intent) int { return strings.Compare(x.to.key(), y.to.key()) })
	for _, i := range s.intents {
		names := strings.Join(i.endpoints, ", ")
		fmt.Fprintf(&b, "    - to: %s\n      endpoints: [%s]\n%s      because: %s keeps what %s works with\n", i.to.key(), names, i.activity(s), i.to.team.name, s.name)
	}
	return b.String()
}

// Write writes the estate below a folder, which must not hold policies yet.
func (s Shape) Write(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, "policies")); err == nil {
		return fmt.Errorf("%q holds policies already; choose another folder", dir)
	}
	for path, text := range s.Files() {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
