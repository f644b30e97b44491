package overlay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	kubernetes "sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/overlay"
	"writ.dev/writ/compiler/plan"
)

const dir = "policies/platform/clusters/eu-1/overlay"

// folder is a repository with nothing but an overlay of eu-1.
func folder(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[dir+"/"+name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return m
}

func apply(t testing.TB, fsys fs.FS, objects []istio.Object) ([]istio.Object, diag.List) {
	t.Helper()
	applied, found := overlay.Apply(t.Context(), fsys, []string{"eu-1", "eu-2"}, objects)
	return applied.Objects, found
}

func mustApply(t testing.TB, fsys fs.FS, objects []istio.Object) []istio.Object {
	t.Helper()
	all, found := apply(t, fsys, objects)
	if len(found) > 0 {
		t.Fatalf("%s: %s [%s]", found[0].Span, found[0].Message, found[0].Rule.Code)
	}
	return all
}

// cluster has n workloads, each with a policy, mutual TLS and a Sidecar, twenty to a namespace.
func cluster(t testing.TB, name string, n int) []istio.Object {
	t.Helper()
	c := plan.Cluster{Name: name, RootNamespace: "istio-system"}
	for i := range n {
		namespace, service := fmt.Sprintf("team-%03d", i/20), fmt.Sprintf("service-%04d", i)
		c.Workloads = append(c.Workloads, plan.Workload{
			Namespace: namespace, Name: service, Origin: "Service " + namespace + "/" + service,
			Selector: []plan.Label{{Key: "app", Value: service}}, MTLS: plan.StrictMTLS, PlaintextPorts: []int{9090}, Authz: plan.AuthzEnforce,
			AllowAll: &plan.Exception{Because: treacherous[i%len(treacherous)], Until: "2027-01-31", Origin: "Mesh prod"},
			Policies: []plan.Policy{{Name: service, Intents: []string{"a/b c", "d/e f"}, Rules: []plan.Rule{{
				Principals: []string{"eu.example/ns/a/sa/b", "eu.example/ns/d/sa/e"},
				Operations: []plan.Operation{
					{Port: 8080, Methods: []string{"GET", "NO"}, Paths: []string{"/v1/{*}/items", "/y", "/{**}"}},
					{Port: 9090},
				},
			}, {CIDRs: []string{"10.0.0.0/8", "::1/128"}, Operations: []plan.Operation{{Port: 80}}}}}},
			Outbound: &plan.Outbound{Hosts: []string{"a/b.a.svc.cluster.local", "d/*"}, Intents: []string{"a/b c"}},
		})
	}
	return istio.Render(t.Context(), c)
}

// treacherous are texts that YAML has to quote, or to write in several lines.
var treacherous = []string{
	"on", "No", "0x10", "1_000", "12:30", "2001-12-14", "null", "~", "a: b", "a #b", "- a", "'a'", "\"a\"", "{*}", "[a", "*a", "&a", "!a", "%a", "@a",
	" a", "a ", "\ta", "a\nb", "a\n\nb\n", " a\nb", "\n", "a\r\nb", "\u2028", "\ufeffa", "é", "\x07", "=", "<<", "a,b", "", "1.5e-3", "|", ">", "?", "a\\b",
}

const annotate = `patches:
  - target: {}
    patch: |-
      metadata: {annotations: {example.com/a: b}}
`

func TestWithoutAnOverlayNothingChanges(t *testing.T) {
	objects := cluster(t, "eu-1", 3)
	got := mustApply(t, fstest.MapFS{"policies/platform/mesh.yaml": {Data: []byte("a: b\n")}}, objects)
	if diff := cmp.Diff(objects, got); diff != "" {
		t.Error(diff)
	}
	if got := mustApply(t, fstest.MapFS{}, objects); len(got) != len(objects) {
		t.Error("an empty repository takes objects away")
	}
}

// A patch that adds two annotations is two new lines in the file, whatever stands around them.
func TestAPatchChangesThePlaceThatItIsAbout(t *testing.T) {
	objects := cluster(t, "eu-1", len(treacherous))
	patched := mustApply(t, folder(map[string]string{"kustomization.yaml": annotate}), objects)
	if len(patched) != len(objects) {
		t.Fatalf("%d objects, want %d", len(patched), len(objects))
	}
	added := fmt.Sprintf("    writ.dev/overlay: %s\n", dir)
	for i, o := range patched {
		if !strings.Contains(string(o.Data), added) || !strings.Contains(string(o.Data), "    example.com/a: b\n") {
			t.Fatalf("%s lacks an annotation:\n%s", o.Path, o.Data)
		}
		back := strings.Replace(strings.Replace(string(o.Data), added, "", 1), "    example.com/a: b\n", "", 1)
		if diff := cmp.Diff(string(objects[i].Data), back); diff != "" {
			t.Errorf("%s: more than the annotations changed (-was +is):\n%s", o.Path, diff)
		}
	}
}

func TestWhatNoPatchSelectsKeepsItsBytes(t *testing.T) {
	objects := slices.Concat(cluster(t, "eu-1", 3), cluster(t, "eu-2", 3))
	patched := mustApply(t, folder(map[string]string{"kustomization.yaml": `patches:
  - target: {kind: Sidecar, name: "service-000[12]"}
    patch: '[{"op": "replace", "path": "/spec/outboundTrafficPolicy/mode", "value": "ALLOW_ANY"}]'
`}), objects)
	var changed []string
	for i, o := range patched {
		if !bytes.Equal(o.Data, objects[i].Data) {
			changed = append(changed, o.Path)
		}
		if (o.Overlay != "") != (len(changed) > 0 && changed[len(changed)-1] == o.Path) {
			t.Errorf("%s: the overlay is %q", o.Path, o.Overlay)
		}
	}
	want := []string{"eu-1/team-000/sidecar-service-0001.yaml", "eu-1/team-000/sidecar-service-0002.yaml"}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Error(diff)
	}
}

func TestTheResultDoesNotDependOnOrderOrProcessors(t *testing.T) {
	fsys := folder(map[string]string{"kustomization.yaml": annotate + "resources: [a.yaml]\n", "a.yaml": destinationRule("a")})
	objects := cluster(t, "eu-1", 40)
	want := mustApply(t, fsys, objects)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for seed := range uint64(4) {
		runtime.GOMAXPROCS(1 + int(seed)*3)
		shuffled := slices.Clone(objects)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(want, mustApply(t, fsys, shuffled)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func destinationRule(name string) string {
	return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s, namespace: team-000}\nspec: {host: %s}\n", name, name)
}

// kustomize itself is asked what the same patches make of the same objects.
func TestPatchesMeanWhatKustomizeMeansByThem(t *testing.T) {
	objects := cluster(t, "eu-1", 3)
	for name, patches := range map[string]string{
		"merge with a target": `
  - target: {kind: AuthorizationPolicy}
    patch: |-
      apiVersion: security.istio.io/v1
      kind: AuthorizationPolicy
      metadata: {name: any}
      spec: {action: null, rules: [{from: [{source: {namespaces: [a]}}]}], selector: {matchLabels: {version: v1}}}`,
		"merge of one": `
  - path: one.yaml`,
		"replace directive": `
  - target: {kind: PeerAuthentication, namespace: team-.*}
    patch: |-
      apiVersion: security.istio.io/v1
      kind: PeerAuthentication
      metadata: {name: any}
      spec: {$patch: replace, mtls: {mode: PERMISSIVE}}`,
		"operations": `
  - target: {version: v1, group: "security.*", labelSelector: "app.kubernetes.io/managed-by in (writ, x),!absent"}
    patch: |-
      - {op: add, path: /metadata/annotations/example.com~1a, value: "yes"}
      - {op: test, path: /metadata/namespace, value: team-000}
      - {op: move, from: /spec/selector/matchLabels/app, path: /spec/selector/matchLabels/name}`,
		"one behind the other": `
  - target: {name: service-0001, kind: Sidecar}
    patch: |-
      - {op: add, path: /metadata/labels/tier, value: "1"}
  - target: {labelSelector: tier=1}
    patch: |-
      - {op: add, path: /spec/egress/0/hosts/-, value: ./*}
  - target: {annotationSelector: writ.dev/until}
    patch: |-
      - {op: add, path: /metadata/labels/tier, value: "2"}`,
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"kustomization.yaml": "patches:" + patches + "\n"}
			if strings.Contains(patches, "one.yaml") {
				files["one.yaml"] = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: service-0002, namespace: team-000}\nspec: {egress: [{hosts: [./*]}]}\n"
			}
			want := kustomize(t, objects, files)
			for _, o := range mustApply(t, folder(files), objects) {
				var got map[string]any
				if err := kubernetes.UnmarshalStrict(o.Data, &got); err != nil {
					t.Fatal(err)
				}
				delete(got["metadata"].(map[string]any)["annotations"].(map[string]any), "writ.dev/overlay")
				if diff := cmp.Diff(want[o.Path], got); diff != "" {
					t.Errorf("%s (-kustomize +writ):\n%s", o.Path, diff)
				}
			}
		})
	}
}

// kustomize is the objects as kustomize would build them, by path.
func kustomize(t *testing.T, objects []istio.Object, files map[string]string) map[string]map[string]any {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	write := func(name string, data []byte) {
		if err := disk.WriteFile("/"+name, data); err != nil {
			t.Fatal(err)
		}
	}
	resources := "resources:\n"
	for i, o := range objects {
		write(fmt.Sprintf("object-%d.yaml", i), o.Data)
		resources += fmt.Sprintf("- object-%d.yaml\n", i)
	}
	for name, text := range files {
		write(name, []byte(text))
	}
	write("kustomization.yaml", []byte(resources+files["kustomization.yaml"]))
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]any{}
	for _, r := range built.Resources() {
		data, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := json.Unmarshal(data, &tree); err != nil {
			t.Fatal(err)
		}
		all[istio.PathOf("eu-1", r.GetNamespace(), r.GetKind(), r.GetName())] = tree
	}
	if len(all) != len(objects) {
		t.Fatalf("kustomize built %d objects of %d", len(all), len(objects))
	}
	return all
}

func TestOverlaysLieBesideTheirClusters(t *testing.T) {
	elsewhere := "policies/platform/eu/clusters/eu-1/overlay"
	fsys := fstest.MapFS{
		elsewhere + "/kustomization.yml": {Data: []byte("resources: [a.yaml]\n")},
		elsewhere + "/a.yaml":            {Data: []byte(destinationRule("a"))},
		// No overlays: the one is a team's, the other no cluster's.
		"policies/teams/clusters/eu-1/overlay/kustomization.yaml": {Data: []byte("a: b\n")},
		"policies/platform/eu-1/overlay/kustomization.yaml":       {Data: []byte("a: b\n")},
	}
	got := mustApply(t, fsys, nil)
	if len(got) != 1 || got[0].Path != "eu-1/team-000/destinationrule-a.yaml" || got[0].Overlay != elsewhere {
		t.Errorf("got %+v", got)
	}
	fsys[dir+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: []\n")}
	_, found := apply(t, fsys, nil)
	expect(t, found, "OVL-001", "has another overlay already")
}

func TestAnOverlayLeadsNowhereElse(t *testing.T) {
	for name, c := range map[string]struct {
		files   fstest.MapFS
		code    string
		message string
	}{
		"a link to a file": {fstest.MapFS{
			dir + "/kustomization.yaml": {Data: []byte("resources: [a.yaml]\n")},
			dir + "/a.yaml":             {Data: []byte("../../../../../etc/passwd"), Mode: fs.ModeSymlink | 0o777},
		}, "SYN-006", "symbolic link"},
		"a link that nobody names": {fstest.MapFS{
			dir + "/kustomization.yaml": {Data: []byte("resources: []\n")},
			dir + "/notes":              {Data: []byte("/etc"), Mode: fs.ModeSymlink | 0o777},
		}, "SYN-006", "symbolic link"},
		"a pipe": {fstest.MapFS{
			dir + "/kustomization.yaml": {Data: []byte("resources: []\n")},
			dir + "/a.yaml":             {Mode: fs.ModeNamedPipe | 0o644},
		}, "SYN-006", "not a plain file"},
		"a file beyond all need": {fstest.MapFS{
			dir + "/kustomization.yaml": {Data: []byte("resources: []\n")},
			dir + "/a.yaml":             {Data: bytes.Repeat([]byte("# long\n"), 1<<18)},
		}, "SYN-004", "larger than 1 MiB"},
		"no kustomization": {fstest.MapFS{dir + "/a.yaml": {Data: []byte(destinationRule("a"))}}, "OVL-002", "has no kustomization.yaml"},
		"two of them": {fstest.MapFS{
			dir + "/kustomization.yaml": {Data: []byte("resources: []\n")},
			dir + "/Kustomization":      {Data: []byte("resources: []\n")},
		}, "OVL-002", "has both kustomization.yaml and Kustomization"},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := apply(t, c.files, nil)
			expect(t, found, c.code, c.message)
		})
	}
}

func expect(t *testing.T, found diag.List, code, message string) {
	t.Helper()
	if len(found) != 1 || found[0].Rule.Code != code || !strings.Contains(found[0].Message, message) {
		t.Errorf("want one %s that says %q, got %+v", code, message, found)
	}
}

func TestOneFaultOfManyObjectsIsToldOnce(t *testing.T) {
	_, found := apply(t, folder(map[string]string{"kustomization.yaml": "patches:\n  - target: {kind: Sidecar}\n    patch: '[{op: remove, path: /spec/ingress}]'\n"}), cluster(t, "eu-1", 30))
	expect(t, found, "OVL-005", "Sidecar team-000/service-0000")
}

// FuzzPatch holds that no text of a patch takes the build down, and that what is patched keeps its identity.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		"metadata: {annotations: {a: b}}", "spec: null", "$patch: delete", "spec: {rules: [{$patch: replace}]}", "- {op: add, path: /spec/rules/-, value: {}}",
		"- {op: move, from: /spec, path: /spec/a}", "- {op: remove, path: /metadata}", "- {op: replace, path: /metadata/labels, value: [a]}", "[]", "{}", "a", "spec: &a [*a]",
		"- {op: replace, path: /spec, value: 1e400}", "metadata: 7", "spec: {rules: {a: b}}", "- {op: add, path: /, value: a}", "kind: 3", "- {op: test, path: /~2, value: null}",
	} {
		f.Add(seed)
	}
	objects := cluster(f, "eu-1", 1)
	f.Fuzz(func(t *testing.T, text string) {
		entry, err := json.Marshal(map[string]any{"patches": []any{map[string]any{"target": map[string]any{}, "patch": text}}})
		if err != nil {
			t.Skip()
		}
		patched, found := apply(t, folder(map[string]string{"kustomization.yaml": string(entry)}), objects)
		if found.Stops() {
			return
		}
		for i, o := range patched {
			if o.Path != objects[i].Path || !bytes.HasPrefix(o.Data, []byte(emit.Header)) {
				t.Fatalf("%s became\n%s", objects[i].Path, o.Data)
			}
			for _, r := range istio.Validate(t.Context(), []istio.Object{o}) {
				if strings.Contains(r.Message, "in place of") {
					t.Fatal(r.Message)
				}
			}
		}
	})
}

// BenchmarkApply patches every object of a cluster: four to a workload.
func BenchmarkApply(b *testing.B) {
	fsys := folder(map[string]string{"kustomization.yaml": annotate})
	for _, n := range []int{250, 1000, 4000} {
		objects := cluster(b, "eu-1", n)
		b.Run(fmt.Sprint(len(objects)), func(b *testing.B) {
			for b.Loop() {
				mustApply(b, fsys, objects)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(objects)), "µs/object")
		})
	}
}
