package compiler

import (
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove"
	"writ.dev/writ/compiler/syntax"
)

// proveWith proves the estate's one cluster with manifests beside those that are rendered.
func proveWith(t *testing.T, fsys fstest.MapFS, manifests string) prove.Proof {
	t.Helper()
	tree, _ := syntax.Parse(t.Context(), fsys)
	estate, _ := model.Resolve(tree)
	checked, found := check.Run(&check.Pass{Estate: estate, AsOf: today})
	r := mustCompile(t, fsys)
	if found.Stops() || r.Files == nil {
		t.Fatalf("stops: %v", describe(r.Findings))
	}
	files := folderOf(estate.Clusters[0], r.Files)
	if manifests != "" {
		files = append(files, prove.File{Path: "by-hand.yaml", Data: []byte(manifests)})
	}
	p, err := prove.Equal(t.Context(), prove.Question{
		Meaning: prove.Mean(estate, checked.Holds), Cluster: estate.Clusters[0], Files: files, AsOf: today,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func cluster(spec string) txtar.File {
	return txtar.File{Name: "policies/platform/clusters/eu-1.yaml", Data: []byte(
		"apiVersion: writ.dev/v1alpha1\nkind: Cluster\nmetadata: {name: eu-1, labels: {region: eu}}\n" +
			"spec: {mesh: main, trustDomain: eu.example, istioVersion: \"1.31\"" + spec + "}\n")}
}

func manifestOf(kind, namespace, name, spec string) string {
	group := "security.istio.io/v1"
	switch kind {
	case "Sidecar", "VirtualService", "DestinationRule", "ServiceEntry", "Gateway":
		group = "networking.istio.io/v1"
	case "EnvoyFilter":
		group = "networking.istio.io/v1alpha3"
	}
	return "---\napiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: " + spec + "\n"
}

// TestManifestsByHand: what somebody wrote beside the rendered manifests is judged under the whole semantics.
func TestManifestsByHand(t *testing.T) {
	t.Parallel()
	open := []txtar.File{{Name: "policies/platform/teams/shop.yaml", Data: []byte(
		"apiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: shop}\nspec: {contact: \"#shop\", owners: [\"@example/shop\"], namespaces: {shop: {}}}\n")}}
	bare := []txtar.File{
		{Name: "policies/platform/mesh.yaml", Data: []byte(
			"apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: main}\nspec: {stages: {mtls: none, authz: off, outbound: open}}\n")},
		{Name: "policies/platform/teams/identity.yaml", Data: []byte(
			"apiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: identity}\nspec: {contact: \"#identity\", owners: [\"@example/identity\"], namespaces: {identity: {}}}\n")},
		open[0],
	}
	for _, c := range []struct {
		name      string
		estate    []txtar.File
		manifests string
		want      string // the code and a part of the message, "" where nothing is found
	}{
		{"nothing", nil, "", ""},
		{"what is of nobody's business", nil, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n", ""},
		{
			"DENY for everybody but the meant", nil,
			manifestOf("AuthorizationPolicy", "identity", "a", `{action: DENY, rules: [{from: [{source: {notPrincipals: [eu.example/ns/shop/sa/checkout]}}]}]}`), "",
		},
		{
			"DENY for the meant", nil,
			manifestOf("AuthorizationPolicy", "identity", "a", `{action: DENY, rules: [{from: [{source: {principals: ["*/sa/checkout"]}}]}]}`),
			"PRV-002 shop/checkout may not GET /v1/customers/x/address on port 8080 of identity/customers in eu-1, which an intent asks for",
		},
		{
			"DENY of a path that nobody may call", nil,
			manifestOf("AuthorizationPolicy", "identity", "a", `{action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}]}`), "",
		},
		{
			"somebody else is asked", nil,
			manifestOf("AuthorizationPolicy", "identity", "a", `{action: CUSTOM, provider: {name: opa}, rules: [{}]}`),
			"PRV-002 shop/checkout may, if opa agrees, GET /v1/customers/x/address",
		},
		{
			"a policy of the root namespace for all", nil,
			manifestOf("AuthorizationPolicy", "istio-system", "a", `{rules: [{to: [{operation: {paths: [/healthz]}}]}]}`),
			"PRV-001 anybody may",
		},
		{
			"a policy of the root namespace for some", nil,
			manifestOf("AuthorizationPolicy", "istio-system", "a", `{selector: {matchLabels: {istio: gateway}}, rules: [{}]}`),
			"PRV-001 any identity may GET / on every port of the pods of identity/customers that have {istio: gateway} too",
		},
		{
			"a policy that closes undeclared pods where no floor is", open,
			manifestOf("AuthorizationPolicy", "shop", "a", `{selector: {matchLabels: {app: legacy}}}`),
			"PRV-004 anybody may not GET / on every port of pods with {app: legacy} in namespace shop in eu-1, though no floor covers them",
		},
		{
			"a policy of a namespace that nobody named", nil,
			manifestOf("AuthorizationPolicy", "elsewhere", "a", `{}`), "",
		},
		{
			"a policy that opens undeclared pods under a cluster's floor",
			[]txtar.File{cluster(", floor: true, gateways: []")},
			manifestOf("AuthorizationPolicy", "elsewhere", "a", `{rules: [{}]}`),
			"PRV-001 anybody may GET / on every port of all other pods of namespace elsewhere in eu-1, which a floor is meant to refuse",
		},
		{
			"a policy for a Gateway's pods", nil,
			manifestOf("AuthorizationPolicy", "shop", "a", `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}], rules: [{}]}`),
			"PRV-001 any identity may GET / on every port of the pods of shop/checkout that have {gateway.networking.k8s.io/gateway-name: front} too",
		},
		{
			"a policy for a waypoint", nil,
			manifestOf("AuthorizationPolicy", "shop", "a", `{targetRefs: [{kind: Service, name: checkout}], rules: [{}]}`),
			"PRV-003 AuthorizationPolicy shop/a in eu-1: it has spec.targetRefs[0]: Service, which a waypoint enforces",
		},
		{
			"a dry run where nothing is in shadow", nil,
			strings.Replace(manifestOf("AuthorizationPolicy", "shop", "a", `{action: DENY, rules: [{}]}`), "namespace: shop}", "namespace: shop, annotations: {istio.io/dry-run: \"true\"}}", 1), "",
		},
		{
			"two for one pod, and the older decides", nil,
			manifestOf("PeerAuthentication", "shop", "a", `{selector: {matchLabels: {app: checkout}}, mtls: {mode: PERMISSIVE}}`),
			"PRV-001 the pods of shop/checkout take plaintext from anybody on every port in eu-1",
		},
		{
			"one for the namespace, which the nearer ones pass over", nil,
			manifestOf("PeerAuthentication", "shop", "a", `{mtls: {mode: STRICT}}`),
			"PRV-004 all other pods of namespace shop refuse plaintext on every port in eu-1",
		},
		{
			"a selector in the root namespace, which Istio passes over", nil,
			manifestOf("PeerAuthentication", "istio-system", "a", `{selector: {matchLabels: {app: checkout}}, mtls: {mode: DISABLE}}`), "",
		},
		{
			"a Sidecar for the namespace, which the nearer ones pass over", nil,
			manifestOf("Sidecar", "shop", "a", `{egress: [{hosts: ["./*"]}]}`), "",
		},
		{
			"an EnvoyFilter", nil,
			manifestOf("EnvoyFilter", "istio-system", "a", `{}`), "PRV-003 EnvoyFilter istio-system/a in eu-1: it is of kind EnvoyFilter",
		},
		{
			"a VirtualService of a host of the mesh", nil,
			manifestOf("VirtualService", "shop", "a", `{hosts: [customers.identity.svc.cluster.local], http: [{route: [{destination: {host: b}}]}]}`),
			"PRV-003 VirtualService shop/a in eu-1: it turns calls of customers.identity.svc.cluster.local",
		},
		{
			"a VirtualService of a gateway", nil,
			manifestOf("VirtualService", "shop", "a", `{hosts: ["*"], gateways: [front], http: [{route: [{destination: {host: b}}]}]}`), "",
		},
		{
			"a VirtualService of a host outside", nil,
			manifestOf("VirtualService", "shop", "a", `{hosts: [api.example.com], http: [{route: [{destination: {host: b}}]}]}`), "",
		},
		{
			"a DestinationRule without TLS", nil,
			manifestOf("DestinationRule", "identity", "a", `{host: customers, trafficPolicy: {tls: {mode: DISABLE}}}`),
			"PRV-003 DestinationRule identity/a in eu-1: it has clients of customers call in TLS mode DISABLE",
		},
		{
			"a DestinationRule with Istio's TLS", nil,
			manifestOf("DestinationRule", "identity", "a", `{host: customers, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}`), "",
		},
		{
			"a DestinationRule with Istio's TLS for pods without sidecars", bare,
			manifestOf("DestinationRule", "identity", "a", `{host: "*.identity.svc.cluster.local", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}`),
			"PRV-003 DestinationRule identity/a in eu-1: it has clients of *.identity.svc.cluster.local call in TLS mode ISTIO_MUTUAL, which identity/customers has no sidecar to take",
		},
		{
			"a DestinationRule of a host outside", nil,
			manifestOf("DestinationRule", "identity", "a", `{host: api.example.com, trafficPolicy: {tls: {mode: SIMPLE}}}`), "",
		},
		{
			"a ServiceEntry of a host of the mesh", nil,
			manifestOf("ServiceEntry", "shop", "a", `{hosts: [customers.identity.svc.cluster.local], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}`),
			"PRV-003 ServiceEntry shop/a in eu-1: it puts endpoints of its own behind customers.identity.svc.cluster.local",
		},
		{
			"a ServiceEntry of a host outside", nil,
			manifestOf("ServiceEntry", "shop", "a", `{hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}`), "",
		},
		{
			"a ServiceEntry that makes pods of the mesh endpoints", nil,
			manifestOf("ServiceEntry", "identity", "a", `{hosts: [api.example.com], ports: [{number: 8080, name: tcp, protocol: TCP}], resolution: STATIC, workloadSelector: {labels: {app: customers}}}`),
			"PRV-003 ServiceEntry identity/a in eu-1: it makes pods of identity/customers endpoints of api.example.com",
		},
		{
			"a ServiceEntry that makes other pods endpoints", nil,
			manifestOf("ServiceEntry", "identity", "a", `{hosts: [api.example.com], ports: [{number: 8080, name: tcp, protocol: TCP}], resolution: STATIC, workloadSelector: {labels: {app: legacy}}}`), "",
		},
		{
			"a ServiceEntry without addresses on a port of the mesh", nil,
			manifestOf("ServiceEntry", "shop", "a", `{hosts: [db.example.com], ports: [{number: 80, name: tcp, protocol: TCP}], resolution: DNS}`),
			"PRV-003 ServiceEntry shop/a in eu-1: it has no addresses, and takes every call to port 80, where identity/customers speaks HTTP",
		},
		{
			"a ServiceEntry with addresses on a port of the mesh",
			[]txtar.File{cluster(", serviceCIDR: 10.96.0.0/12")},
			manifestOf("ServiceEntry", "shop", "a", `{hosts: [db.example.com], addresses: [192.0.2.1], ports: [{number: 80, name: tcp, protocol: TCP}], resolution: DNS}`), "",
		},
		{
			"a ServiceEntry of HTTP on a port of the mesh", nil,
			manifestOf("ServiceEntry", "shop", "a", `{hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}`), "",
		},
		{
			"what is accepted with another content",
			[]txtar.File{cluster(`, accepted: [{object: EnvoyFilter istio-system/a, sha256: "` + strings.Repeat("0", 64) + `", because: it was looked at, until: 2027-01-31}]`)},
			manifestOf("EnvoyFilter", "istio-system", "a", `{}`), "PRV-003 EnvoyFilter istio-system/a in eu-1",
		},
		{
			"one object twice", nil,
			manifestOf("AuthorizationPolicy", "identity", "customers", `{}`), "PRV-006 AuthorizationPolicy identity/customers is in two manifests",
		},
		{
			"an object without a namespace", nil,
			strings.Replace(manifestOf("AuthorizationPolicy", "x", "a", `{}`), ", namespace: x", "", 1), "PRV-006 the object has no namespace",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := proveWith(t, layOver(base(t), c.estate), c.manifests)
			told := ""
			for _, f := range p.Findings {
				if text := f.Rule.Code + " " + f.Message; c.want != "" && strings.HasPrefix(text, c.want) {
					told = text
				}
			}
			if (told == "") != (c.want == "") || c.want == "" && len(p.Findings) > 0 {
				t.Errorf("want %q, and there is %v", c.want, describeAll(p.Findings))
			}
		})
	}
}

func describeAll(l diag.List) string {
	return "\n" + strings.Join(describe(l), "\n")
}

// TestFolderOfAnotherTool: what has Argo CD make something else of a folder than its manifests is refused, whatever it says.
// https://argo-cd.readthedocs.io/en/stable/user-guide/tool_detection/
func TestFolderOfAnotherTool(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml", "open.jsonnet"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys, folder := base(t), fstest.MapFS{"eu-1/shop/" + name: {Data: []byte("{apiVersion: v1, kind: ConfigMap}\n")}}
			fsys["out/eu-1/shop/"+name] = folder["eu-1/shop/"+name]
			if found := describeAll(mustCompile(t, fsys).Findings); !strings.Contains(found, "PRV-006") || !strings.Contains(found, "OUT-003") {
				t.Errorf("in out/: %s", found)
			}
			p, err := Prove(t.Context(), fsys, folder, ProveOptions{Options: Options{AsOf: today}, Dir: "there"})
			if err != nil {
				t.Fatal(err)
			}
			if found := describeAll(p.Findings); !strings.Contains(found, "PRV-006") {
				t.Errorf("elsewhere: %s", found)
			}
		})
	}
}

// TestPortsPastTheSidecar: what a document means to close where no sidecar guards anything is not closed by any manifest.
func TestPortsPastTheSidecar(t *testing.T) {
	t.Parallel()
	r := mustCompile(t, layOver(base(t), []txtar.File{{Name: "policies/teams/identity/customers.yaml", Data: []byte(
		"apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: customers, namespace: identity}\n" +
			"spec:\n  ports: {http: {port: 80, targetPort: 8080}, metrics: {port: 15090}}\n" +
			"  endpoints: {read-address: {port: http, methods: [GET], paths: [\"/v1/customers/{id}/address\"]}}\n" +
			"  grants: [{from: shop/checkout, endpoints: [read-address]}]\n")}}))
	if found := describeAll(r.Findings); !strings.Contains(found, "anybody may call port 15090 of identity/customers in eu-1") {
		t.Errorf("there is %s", found)
	}
}
