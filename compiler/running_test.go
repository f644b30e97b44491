package compiler

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/compiler/diag"
)

// proveRunning proves cluster eu-1 where it runs what the estate is rendered to and what running.yaml of its files has besides.
func proveRunning(t *testing.T, fsys fs.FS) *Proved {
	t.Helper()
	printed := renderedOf(t, fsys)
	if more, err := fs.ReadFile(fsys, "running.yaml"); err == nil {
		printed = append(append(printed, "---\n"...), more...)
	}
	opts := ProveOptions{Options: Options{AsOf: today}, Dir: "stdin", Cluster: "eu-1"}
	if _, err := fs.Stat(fsys, "dumps"); err == nil {
		if opts.Proxies, err = fs.Sub(fsys, "dumps"); err != nil {
			t.Fatal(err)
		}
	}
	return proveProxies(t, fsys, printed, opts)
}

func provePrinted(t *testing.T, fsys fs.FS, printed []byte) *Proved {
	t.Helper()
	return proveProxies(t, fsys, printed, ProveOptions{Options: Options{AsOf: today}, Dir: "stdin", Cluster: "eu-1"})
}

func proveProxies(t *testing.T, fsys fs.FS, printed []byte, opts ProveOptions) *Proved {
	t.Helper()
	p, err := ProveLive(t.Context(), fsys, printed, opts)
	if err != nil || p.Proof == nil {
		t.Fatalf("%v, %v", err, p)
	}
	return p
}

// renderedOf is all objects of eu-1 in one text.
func renderedOf(t *testing.T, fsys fs.FS) []byte {
	t.Helper()
	var all [][]byte
	for _, f := range mustCompile(t, fsys).Files {
		if strings.HasPrefix(f.Path, "eu-1/") {
			all = append(all, f.Data)
		}
	}
	return bytes.Join(all, []byte("---\n"))
}

// holdRunning holds a rule about what runs to its examples.
func holdRunning(t *testing.T, d Doc, bad, good fs.FS) {
	t.Helper()
	p := proveRunning(t, bad)
	holdSaid(t, "testdata/said/"+d.Code+".txt", &Result{Findings: p.Findings, Sources: p.Sources})
	if codes(p.Findings)[d.Code] == 0 || len(codes(p.Findings)) > 1 || p.Proof.Holds() == (d.Effect == diag.Stop) {
		t.Errorf("the bad example raises %v", describe(p.Findings))
	}
	if p := proveRunning(t, good); len(p.Findings) > 0 || !p.Proof.Holds() {
		t.Errorf("the good example raises %v", describe(p.Findings))
	}
}

// running is what runs where everything is as its documents say, as kubectl prints it.
const running = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    trustDomain: eu.example
    outboundTrafficPolicy: {mode: ALLOW_ANY}
    pathNormalization: {normalization: BASE}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: customers, namespace: identity, resourceVersion: "7", managedFields: [{manager: helm, fieldsV1: {f:spec: {}}}]}
  spec: {type: ClusterIP, clusterIP: 10.0.0.1, selector: {app: customers}, ports: [{name: http-main, port: 80, targetPort: web, protocol: TCP}]}
  status: {loadBalancer: {}}
- apiVersion: v1
  kind: Pod
  metadata: {name: customers-1, namespace: identity, labels: {app: customers, pod-template-hash: abc}}
  spec:
    serviceAccountName: customers
    containers: [{name: main, ports: [{name: web, containerPort: 8080}]}]
    initContainers: [{name: istio-proxy, restartPolicy: Always}]
  status: {phase: Running}
- apiVersion: v1
  kind: Pod
  metadata: {name: checkout-1, namespace: shop, labels: {app: checkout}}
  spec: {serviceAccountName: checkout, containers: [{name: main}, {name: istio-proxy}]}
  status: {phase: Running}
- apiVersion: v1
  kind: Pod
  metadata: {name: migration-1, namespace: identity, labels: {app: migration}}
  spec: {containers: [{name: main}]}
  status: {phase: Succeeded}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: customers, namespace: identity}
`

// TestWhatRunsIsHeldAgainstTheDocuments changes one thing at a time in a cluster that is as its documents say.
func TestWhatRunsIsHeldAgainstTheDocuments(t *testing.T) {
	t.Parallel()
	fsys := base(t)
	whole := string(renderedOf(t, fsys)) + running
	for name, c := range map[string]struct {
		old, is string
		want    []string // codes
		says    string   // in one of the messages
	}{
		"nothing": {"", "", nil, ""},
		"a namespace's Service is another's": {
			"metadata: {name: customers, namespace: identity, resourceVersion", "metadata: {name: customers, namespace: elsewhere, resourceVersion",
			[]string{"RUN-007"},
			"eu-1 has no Kubernetes Service identity/customers",
		},
		"another port of the pods":  {"containerPort: 8080", "containerPort: 8081", []string{"RUN-007"}, "leads to port 8081 of its pods, and its document says 8080"},
		"another port":              {"port: 80, targetPort: web", "port: 81, targetPort: web", []string{"RUN-007"}, "has no port 80"},
		"another protocol":          {"name: http-main", "name: tcp-main", []string{"RUN-007"}, "is tcp to sidecars, and http to its document"},
		"a protocol by its field":   {"name: http-main, port", "name: http-main, appProtocol: tcp, port", []string{"RUN-007"}, "is tcp to sidecars"},
		"no trust domain":           {"    trustDomain: eu.example\n", "", []string{"RUN-001"}, `the trust domain "cluster.local", and its documents say "eu.example"`},
		"an alias":                  {"    trustDomain: eu.example\n", "    trustDomain: eu.example\n    trustDomainAliases: [us.example]\n", []string{"RUN-001"}, `the aliases "us.example", and its documents say "none"`},
		"another root":              {"    trustDomain: eu.example\n", "    trustDomain: eu.example\n    rootNamespace: mesh\n", []string{"RUN-001"}, `the root namespace "mesh"`},
		"slashes":                   {"{normalization: BASE}", "{normalization: MERGE_SLASHES}", []string{"RUN-001"}, `pathNormalization "MERGE_SLASHES", and its documents say "BASE"`},
		"the default of Istio":      {"{normalization: BASE}", "{normalization: DEFAULT}", nil, ""},
		"no identities":             {"    trustDomain: eu.example\n", "    trustDomain: eu.example\n    enableAutoMtls: false\n", []string{"RUN-001"}, "enableAutoMtls off"},
		"closed outbound":           {"{mode: ALLOW_ANY}", "{mode: REGISTRY_ONLY}", []string{"RUN-001"}, "outboundTrafficPolicy REGISTRY_ONLY"},
		"settings that are no YAML": {"    trustDomain: eu.example\n", "    trustDomain: [\n", []string{"RUN-001"}, "cannot be read"},
		"no sidecar":                {"    initContainers: [{name: istio-proxy, restartPolicy: Always}]\n", "", []string{"RUN-002"}, "identity/customers in eu-1: pod customers-1 has no sidecar"},
		"on the node":               {"    serviceAccountName: customers\n", "    serviceAccountName: customers\n    hostNetwork: true\n", []string{"RUN-003"}, "in the network of its node"},
		"not intercepted": {
			"name: customers-1, namespace: identity,", "name: customers-1, namespace: identity, annotations: {sidecar.istio.io/interceptionMode: NONE},",
			[]string{"RUN-003"},
			"no call is captured",
		},
		"some ports": {
			"name: customers-1, namespace: identity,", `name: customers-1, namespace: identity, annotations: {traffic.sidecar.istio.io/includeInboundPorts: "9090, 80"},`,
			[]string{"RUN-003"},
			"calls to its port 8080 are not captured",
		},
		"all ports": {
			"name: customers-1, namespace: identity,", `name: customers-1, namespace: identity, annotations: {traffic.sidecar.istio.io/includeInboundPorts: "*"},`, nil, "",
		},
		"another label":          {"labels: {app: checkout}", "labels: {app: checkuot}", []string{"RUN-006"}, "pod checkout-1 is none of its pods and runs with its service account checkout"},
		"the default account":    {"{serviceAccountName: checkout, ", "{", []string{"RUN-005"}, "runs with the service account default, and its document says checkout"},
		"a policy that is older": {"- /v1/customers/{*}/address", "- /v1/customers/{*}", []string{"PRV-001", "PRV-002", "RUN-008"}, "AuthorizationPolicy identity/customers in eu-1 is not as it is rendered"},
		"a pod that has ended":   {"labels: {app: migration}", "labels: {app: customers}", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.old != "" && strings.Count(whole, c.old) != 1 {
				t.Fatalf("%q stands %d times in what runs", c.old, strings.Count(whole, c.old))
			}
			p := provePrinted(t, fsys, []byte(strings.Replace(whole, c.old, c.is, 1)))
			var got []string
			for code := range codes(p.Findings) {
				got = append(got, code)
			}
			slices.Sort(got)
			said := strings.Join(describe(p.Findings), "\n")
			if !slices.Equal(got, c.want) || !strings.Contains(said, c.says) {
				t.Errorf("raises\n%s", said)
			}
			if stops := p.Findings.Stops(); stops == p.Proof.Holds() {
				t.Errorf("the findings stop: %v; the proof holds: %v", stops, p.Proof.Holds())
			}
		})
	}
}

// What no API server prints is refused where it stands.
func TestWhatIsNotPrintedByACluster(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Replace(running, "pod-template-hash: abc", "pod-template-hash: [1]", 1): "stdin:21:",
		"kind: [":  "stdin:2:",
		"- a list": "this is no",
		"apiVersion: v1\nkind: Pod\nspec: {containers: main}\n": "no API server would print this object",
		"\x00": "control character",
	} {
		_, err := ProveLive(t.Context(), base(t), []byte(text), ProveOptions{Options: Options{AsOf: today}, Dir: "stdin", Cluster: "eu-1"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// What a proof takes on trust is checked where it was looked at, and is not where kubectl printed nothing of it.
func TestWhatRunsIsNoLongerTakenOnTrust(t *testing.T) {
	t.Parallel()
	fsys := base(t)
	rendered := renderedOf(t, fsys)
	count := func(p *Proved) (n int) {
		for _, a := range p.Proof.Assumptions {
			if a.By == "what runs, read from stdin" {
				n++
			}
		}
		return n
	}
	if n := count(provePrinted(t, fsys, append(slices.Clone(rendered), running...))); n != 7 {
		t.Errorf("%d assumptions are checked by all that runs, want 7", n)
	}
	if n := count(provePrinted(t, fsys, rendered)); n != 1 {
		t.Errorf("%d assumptions are checked by policies alone, want 1", n)
	}
}

// Who changed an object is told where kubectl was asked for it.
func TestAHandIsNamed(t *testing.T) {
	t.Parallel()
	fsys := base(t)
	printed := string(renderedOf(t, fsys))
	printed = strings.Replace(printed, "- /v1/customers/{*}/address", "- /v1/customers/{*}/adress", 1)
	printed = strings.Replace(printed, "  name: customers\n  namespace: identity\n",
		"  name: customers\n  namespace: identity\n  managedFields:\n  - {manager: argocd-controller, fieldsV1: {f:spec: {}}}\n  - {manager: kubectl-edit, time: \"2026-11-20T10:00:00Z\", fieldsV1: {f:spec: {}}}\n", 1)
	p := provePrinted(t, fsys, []byte(printed))
	i := slices.IndexFunc(p.Findings, func(f diag.Finding) bool { return f.Rule.Code == "RUN-008" })
	if i < 0 || !strings.Contains(p.Findings[i].Help, "it was written by kubectl-edit 2026-11-20T10:00:00Z, and not by Argo CD") {
		t.Errorf("says %+v", p.Findings)
	}
}

// What is printed of a cluster with a missing object, or of another cluster, is told object by object.
func TestNothingOfTheClusterIsPrinted(t *testing.T) {
	t.Parallel()
	fsys := base(t)
	p := provePrinted(t, fsys, []byte("apiVersion: v1\nkind: List\nitems: []\n"))
	rendered := 0
	for _, f := range mustCompile(t, fsys).Files {
		if strings.HasPrefix(f.Path, "eu-1/") {
			rendered++
		}
	}
	if n := codes(p.Findings)["RUN-008"]; n != rendered || p.Proof.Holds() {
		t.Errorf("%d objects are told, of %d, and the proof holds: %v", n, rendered, p.Proof.Holds())
	}
}
