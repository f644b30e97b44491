package live

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/diag"
)

// settings are those of a mesh's configuration that decide what policies mean, with Istio's defaults.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
type settings struct {
	TrustDomain           string                         `yaml:"trustDomain"`
	TrustDomainAliases    []string                       `yaml:"trustDomainAliases"`
	RootNamespace         string                         `yaml:"rootNamespace"`
	PathNormalization     struct{ Normalization string } `yaml:"pathNormalization"`
	EnableAutoMtls        *bool                          `yaml:"enableAutoMtls"`
	OutboundTrafficPolicy struct{ Mode string }          `yaml:"outboundTrafficPolicy"`
}

// mesh compares the configuration that the cluster's istiod reads with the documents.
func (c *comparison) mesh() {
	doc := c.cluster.Doc
	for _, m := range c.snapshot.meshes {
		var is settings
		if err := yaml.Unmarshal([]byte(m.Data.Mesh), &is); err != nil {
			c.add(meshOtherwise, m.at, "mesh", diag.Finding{
				Message: fmt.Sprintf("the configuration of the mesh in ConfigMap %s cannot be read", m.key()),
				Help:    "it has to be YAML, under the key mesh",
			})
			continue
		}
		c.checked.Mesh = true
		differs := func(field string, at diag.Span, what, runs, says string) {
			if at.IsZero() {
				at = doc.Metadata.Name.Span
			}
			c.add(meshOtherwise, at, field, diag.Finding{
				Message: fmt.Sprintf("%s runs with %s %s, and its documents say %s", c.cluster.Name, what, runs, says),
				Help:    "say in policies/ what runs, or configure the mesh as policies/ says",
				Related: []diag.Related{{Span: m.at, Message: "ConfigMap " + m.key()}},
			})
		}
		compare := func(field string, at diag.Span, what, runs, says string) {
			if runs != says {
				differs(field, at, what, quoted(runs), quoted(says))
			}
		}
		compare("spec.trustDomain", doc.Spec.TrustDomain.Span, "the trust domain", or(is.TrustDomain, "cluster.local"), c.cluster.TrustDomain())
		var aliases []string
		for _, a := range doc.Spec.TrustDomainAliases.Items {
			aliases = append(aliases, a.Value)
		}
		compare("spec.trustDomainAliases", doc.Spec.TrustDomainAliases.Span, "the aliases", all(is.TrustDomainAliases), all(aliases))
		compare("spec.rootNamespace", c.cluster.Mesh.Doc.Spec.RootNamespace.Span, "the root namespace", or(is.RootNamespace, "istio-system"), c.cluster.Mesh.RootNamespace)
		normalization := or(is.PathNormalization.Normalization, "DEFAULT")
		if normalization == "DEFAULT" {
			normalization = "BASE" // https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ProxyPathNormalization-NormalizationType
		}
		compare("spec.pathNormalization", doc.Spec.PathNormalization.Span, "pathNormalization", normalization, or(doc.Spec.PathNormalization.Value, "BASE"))
		if is.EnableAutoMtls != nil && !*is.EnableAutoMtls {
			differs("enableAutoMtls", diag.Span{}, "enableAutoMtls", "off", "nothing of that: sidecars are taken to call one another with their identities")
		}
		if mode := is.OutboundTrafficPolicy.Mode; mode == "REGISTRY_ONLY" {
			differs("outboundTrafficPolicy", diag.Span{}, "outboundTrafficPolicy", mode, "nothing of that: a Service with outbound open is taken to reach every host")
		}
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func all(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }
