package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"
)

// TestKinds reads testdata/kinds/*.txtar: manifests, and what is unknown in them, as lines of "line field" in the file "unknown".
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/kinds/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want, got string
			for _, f := range archive.Files {
				if f.Name == "unknown" {
					want = string(f.Data)
					continue
				}
				for _, o := range read(t, string(f.Data)) {
					for _, u := range o.Unknown {
						got += fmt.Sprintf("%d %s\n", u.Line, u.Field)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func read(t *testing.T, text string) []*Object {
	t.Helper()
	objects, err := Read("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestEveryFieldAndLine(t *testing.T) {
	data, err := os.ReadFile("testdata/every.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read("every.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app": "customers"}
	want := []*Object{
		{
			Path: "every.yaml", Line: 3, APIVersion: "security.istio.io/v1", Kind: "AuthorizationPolicy", Namespace: "identity", Name: "customers",
			Labels: map[string]string{"team": "identity"}, Annotations: map[string]string{"istio.io/dry-run": "true"},
			AuthorizationPolicy: &AuthorizationPolicy{
				Selector: labels, Action: "CUSTOM", Provider: "opa", DryRun: true,
				Rules: []Rule{{
					Line: 14,
					From: []Source{{
						Line: 15, Principals: []string{"a", "b"}, NotPrincipals: []string{"c"}, RequestPrincipals: []string{"d"},
						NotRequestPrincipals: []string{"e"}, Namespaces: []string{"f"}, NotNamespaces: []string{"g"}, TrustDomains: []string{"j"},
						NotTrustDomains: []string{"k"}, IPBlocks: []string{"l"}, NotIPBlocks: []string{"m"}, RemoteIPBlocks: []string{"n"},
						NotRemoteIPBlocks: []string{"o"},
					}, {Line: 29, ServiceAccounts: []string{"h"}, NotServiceAccounts: []string{"i"}}},
					To: []Operation{{
						Line: 33, Hosts: []string{"a"}, NotHosts: []string{"b"}, Ports: []string{"1"}, NotPorts: []string{"2"}, Methods: []string{"c"},
						NotMethods: []string{"d"}, Paths: []string{"e"}, NotPaths: []string{"f"},
					}, {Line: 42}},
					When: []Condition{{Line: 44, Key: "a", Values: []string{"b"}, NotValues: []string{"c"}}},
				}, {Line: 47}},
			},
		},
		{
			Path: "every.yaml", Line: 49, APIVersion: "security.istio.io/v1beta1", Kind: "PeerAuthentication", Namespace: "identity", Name: "customers",
			PeerAuthentication: &PeerAuthentication{
				Selector: labels, Mode: "STRICT", Ports: map[int]string{80: "DISABLE", 81: "PERMISSIVE", 82: "", 83: ""}, Created: "2026-11-23T00:00:00Z",
			},
		},
		{
			Path: "every.yaml", Line: 70, APIVersion: "security.istio.io/v1", Kind: "RequestAuthentication", Namespace: "identity", Name: "customers",
			RequestAuthentication: &RequestAuthentication{
				TargetRefs: []TargetRef{{Group: "gateway.networking.k8s.io", Kind: "Gateway", Name: "a"}, {Kind: "Service", Name: "b"}},
				Issuers:    []string{"https://a", "https://b"},
			},
		},
		{
			Path: "every.yaml", Line: 90, APIVersion: "networking.istio.io/v1alpha3", Kind: "Sidecar", Namespace: "identity", Name: "customers",
			Sidecar: &Sidecar{
				Selector: labels, Outbound: "REGISTRY_ONLY", Ingress: true, Created: "2026-11-23T00:00:00Z",
				Egress: []Egress{{Line: 102, Hosts: []string{"./*", "shop/checkout.shop.svc.cluster.local"}}, {Line: 105, Hosts: []string{"~/*"}, Port: 80, Bind: "127.0.0.1"}},
			},
		},
		{
			Path: "every.yaml", Line: 109, APIVersion: "networking.istio.io/v1", Kind: "DestinationRule", Namespace: "identity", Name: "customers",
			DestinationRule: &DestinationRule{
				Host: "customers", TLSModes: []TLSMode{{118, "ISTIO_MUTUAL"}, {121, "DISABLE"}, {125, "SIMPLE"}},
			},
		},
		{
			Path: "every.yaml", Line: 128, APIVersion: "networking.istio.io/v1", Kind: "VirtualService", Namespace: "identity", Name: "customers",
			VirtualService: &VirtualService{Hosts: []string{"customers"}, Gateways: []string{"mesh"}},
		},
		{
			Path: "every.yaml", Line: 133, APIVersion: "networking.istio.io/v1", Kind: "ServiceEntry", Namespace: "identity", Name: "customers",
			ServiceEntry: &ServiceEntry{Hosts: []string{"tax.example.com"}, Addresses: []string{"240.0.0.1"}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Object{})); diff != "" {
		t.Error(diff)
	}
}

// TestDryRun: Istio parses the annotation as a boolean of Go's, and takes what is none for false.
func TestDryRun(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "1": true, "T": true, "TRUE": true, "false": false, "0": false, "yes": false, "tRUE": false, "": false} {
		text := fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b, annotations: {istio.io/dry-run: %q}}\n", value)
		if got := read(t, text)[0].AuthorizationPolicy.DryRun; got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		apiVersion, kind string
		want             Meaning
	}{
		{"security.istio.io/v1", "AuthorizationPolicy", Modelled},
		{"security.istio.io/v1beta1", "PeerAuthentication", Modelled},
		{"networking.istio.io/v1alpha3", "Sidecar", Modelled},
		{"security.istio.io/v2", "AuthorizationPolicy", Foreign},
		{"networking.istio.io/v1", "VirtualService", Foreign},
		{"networking.istio.io/v1", "ServiceEntry", Foreign},
		{"networking.istio.io/v1alpha3", "EnvoyFilter", Foreign},
		{"networking.istio.io/v1", "Gateway", Foreign},
		{"networking.istio.io/v1", "WorkloadEntry", Foreign},
		{"networking.istio.io/v1beta1", "ProxyConfig", Foreign},
		{"extensions.istio.io/v1alpha1", "WasmPlugin", Foreign},
		{"install.istio.io/v1alpha1", "IstioOperator", Foreign},
		{"istio.io/v1", "Whatever", Foreign},
		{"gateway.networking.k8s.io/v1", "HTTPRoute", Foreign},
		{"gateway.networking.x-k8s.io/v1alpha1", "XBackend", Foreign},
		{"networking.k8s.io/v1", "NetworkPolicy", Foreign},
		{"networking.k8s.io/v1", "Ingress", Harmless},
		{"telemetry.istio.io/v1", "Telemetry", Harmless},
		{"telemetry.istio.io/v2", "Telemetry", Foreign},
		{"v1", "Service", Harmless},
		{"apps/v1", "Deployment", Harmless},
		{"notistio.io/v1", "EnvoyFilter", Harmless},
	} {
		spec := "{}"
		if c.kind == "DestinationRule" {
			spec = "{host: a}"
		}
		o := read(t, fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: a, namespace: b}\nspec: %s\n", c.apiVersion, c.kind, spec))[0]
		if got := o.Meaning(); got != c.want {
			t.Errorf("%s %s: %d, not %d", c.apiVersion, c.kind, got, c.want)
		}
	}
}

// TestDigest: the digest is of what the object says to a cluster, however it is written and wherever it stands.
func TestDigest(t *testing.T) {
	base := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: b}\nspec: {priority: 10, patch: {x: \"y\"}}\n"
	digest := func(text string) []string {
		var all []string
		for _, o := range read(t, text) {
			all = append(all, o.SHA256())
		}
		return all
	}
	want := digest(base)[0]
	const known = "afaf47aa69401906" // the form is a promise: platforms keep digests in their documents
	if !strings.HasPrefix(want, known) {
		t.Errorf("the digest was %s and is %s", known, want)
	}
	for name, text := range map[string]string{
		"comments and order": "# a\nkind: EnvoyFilter # b\nspec:\n  patch:\n    'x': 'y'\n  priority: 1_0\nmetadata:\n  namespace: \"b\"\n  name: a\napiVersion: networking.istio.io/v1alpha3\n",
		"JSON":               `{"apiVersion":"networking.istio.io/v1alpha3","kind":"EnvoyFilter","metadata":{"name":"a","namespace":"b"},"spec":{"priority":10.0,"patch":{"x":"y"}}}`,
		"marks of tools":     strings.Replace(base, "namespace: b", "namespace: b, uid: c, resourceVersion: \"1\", labels: {app: a}, annotations: {argocd.argoproj.io/x: b}", 1),
		"status":             base + "status: {a: b}\n",
		"second document":    "---\n" + base,
	} {
		if got := digest(text); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, not %s", name, got, want)
		}
	}
	for name, change := range map[string][2]string{
		"kind": {"EnvoyFilter", "WasmPlugin"}, "version": {"v1alpha3", "v1"}, "name": {"name: a", "name: c"}, "namespace": {"space: b", "space: c"},
		"number": {"10", "11"}, "number as a text": {"10", `"10"`}, "text": {`"y"`, `"z"`}, "boolean": {`"y"`, "y"},
		"field": {"priority", "priorities"}, "label of Istio's": {"name: a", "name: a, labels: {istio.io/rev: canary}"},
		"hook": {"name: a", "name: a, annotations: {argocd.argoproj.io/hook: Skip}"},
	} {
		if got := digest(strings.Replace(base, change[0], change[1], 1)); slices.Contains(got, want) {
			t.Errorf("another %s has the same digest", name)
		}
	}
	if got := digest("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret}\n- " + strings.ReplaceAll(base, "\n", "\n  ") + "\n"); got[1] != want {
		t.Errorf("in a List: %v", got)
	}
	if got := (&Object{}).SHA256(); got != "" {
		t.Errorf("of nothing: %s", got)
	}
}
