package compiler

import (
	"context"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// randomEstate is an estate in the language itself, small and of every feature: shared and distinct trust domains, gRPC, HTTP
// and TCP endpoints, grants to Services and teams, audiences, pending intents, stages, `per`, infrastructure and Outsiders.
type randomEstate struct {
	clusters []string
	teams    []string
	services []*randomService
	docs     map[string]string // path -> document
}

type randomService struct {
	team, name string
	endpoints  []string
	grants     []string
	intents    []string
	clusters   string
	rest       string
}

func (s *randomService) key() string  { return s.team + "/" + s.name }
func (s *randomService) path() string { return "policies/teams/" + s.team + "/" + s.name + ".yaml" }

func (s *randomService) document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: %s, namespace: %s}\nspec:\n", s.name, s.team)
	b.WriteString(s.clusters + s.rest + "  ports: {http: {port: 80, targetPort: 8080}, grpc: {port: 90, protocol: grpc}, db: {port: 70, protocol: tcp}}\n")
	section := func(name string, lines []string) {
		if len(lines) > 0 {
			b.WriteString("  " + name + ":\n" + strings.Join(lines, ""))
		}
	}
	section("endpoints", s.endpoints)
	section("grants", s.grants)
	section("intents", s.intents)
	return b.String()
}

var endpointKinds = []string{
	"    read: {port: http, methods: [GET], paths: [\"/v1/things/{id}\"]}\n",
	"    write: {port: http, methods: [POST, PUT], paths: [\"/v1/things\", \"/v1/things/{id}/{rest...}\"]}\n",
	"    watch: {grpc: [shop.v1.Things/Watch]}\n",
	"    data: {port: db}\n",
	"    health: {port: http, methods: [GET], paths: [/healthz], audience: mesh}\n",
	"    metrics: {port: http, methods: [GET], paths: [/metrics]}\n",
}

var endpointNames = []string{"read", "write", "watch", "data", "health", "metrics"}

func drawEstate(t *rapid.T) *randomEstate {
	e := &randomEstate{clusters: []string{"eu-1", "eu-2", "us-1"}, teams: []string{"amber", "blue", "coral"}, docs: map[string]string{}}
	stages := rapid.SampledFrom([]string{"", "{authz: shadow}", "{mtls: permissive, authz: off, outbound: open}"}).Draw(t, "stages")
	meshSpec := "spec: {}\n"
	if stages != "" {
		meshSpec = "spec:\n  stages: " + stages + "\n"
	}
	e.docs["policies/platform/mesh.yaml"] = "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: main}\n" + meshSpec
	shared := rapid.Bool().Draw(t, "shared trust domain")
	for _, c := range e.clusters {
		domain := c + ".example"
		if shared {
			domain = c[:2] + ".example"
		}
		e.docs["policies/platform/clusters/"+c+".yaml"] = fmt.Sprintf(
			"apiVersion: writ.dev/v1alpha1\nkind: Cluster\nmetadata: {name: %s, labels: {region: %s}}\nspec: {mesh: main, trustDomain: %s, skipValidateTrustDomain: true, istioVersion: \"1.31\"}\n", c, c[:2], domain)
	}
	for _, team := range e.teams {
		floor := stages == "" && rapid.Bool().Draw(t, "floor")
		e.docs["policies/platform/teams/"+team+".yaml"] = fmt.Sprintf(
			"apiVersion: writ.dev/v1alpha1\nkind: Team\nmetadata: {name: %s}\nspec: {contact: \"#%s\", owners: [\"@example/%s\"], namespaces: {%s: {floor: %v}}}\n", team, team, team, team, floor)
	}
	n := rapid.IntRange(2, 8).Draw(t, "services")
	for i := range n {
		s := &randomService{team: rapid.SampledFrom(e.teams).Draw(t, "team"), name: fmt.Sprintf("s%d", i)}
		s.clusters = rapid.SampledFrom([]string{"", "  clusters: [eu-1]\n", "  clusters: {region: eu}\n", "  clusters: [eu-2, us-1]\n"}).Draw(t, "clusters")
		s.rest = rapid.SampledFrom([]string{
			"", "", "  serviceAccounts: [blue-" + s.name + ", green-" + s.name + "]\n",
			"  per:\n    - {clusters: [us-1], serviceAccounts: [us-" + s.name + "], targetPorts: {http: 9090}}\n",
		}).Draw(t, "rest")
		for j, kind := range endpointKinds {
			if rapid.Bool().Draw(t, endpointNames[j]) {
				s.endpoints = append(s.endpoints, kind)
			}
		}
		e.services = append(e.services, s)
	}
	for _, from := range e.services {
		for _, to := range e.services {
			if from != to && rapid.IntRange(0, 3).Draw(t, "calls") == 0 {
				e.call(from, to, rapid.SampledFrom([]string{"", "service", "team"}).Draw(t, "grant"), rapid.IntRange(0, 5).Draw(t, "endpoint"))
			}
		}
	}
	for _, s := range e.services {
		e.docs[s.path()] = s.document()
	}
	return e
}

// call adds an intent, with a grant of the kind, for one endpoint of the callee; it reports whether there is one.
func (e *randomEstate) call(from, to *randomService, grant string, pick int) bool {
	if len(to.endpoints) == 0 {
		return false
	}
	endpoint, _, _ := strings.Cut(strings.TrimSpace(to.endpoints[pick%len(to.endpoints)]), ":")
	from.intents = append(from.intents, fmt.Sprintf("    - {to: %s, endpoints: [%s], because: it needs to}\n", to.key(), endpoint))
	switch grant {
	case "service":
		to.grants = append(to.grants, fmt.Sprintf("    - {from: %s, endpoints: [%s]}\n", from.key(), endpoint))
	case "team":
		to.grants = append(to.grants, fmt.Sprintf("    - {from: {team: %s}, endpoints: [%s]}\n", from.team, endpoint))
	}
	return true
}

func (e *randomEstate) fs() fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, doc := range e.docs {
		fsys[name] = &fstest.MapFile{Data: []byte(doc), Mode: 0o644}
	}
	return fsys
}

func rendered(t rapid.TB, fsys fstest.MapFS) map[string]string {
	t.Helper()
	r, err := Compile(context.Background(), fsys, Options{AsOf: today})
	if err != nil {
		t.Fatal(err)
	}
	if r.Files == nil && r.Findings.Stops() {
		t.Fatalf("stops: %v", describe(r.Findings))
	}
	files := map[string]string{}
	for _, f := range r.Files {
		files[f.Path] = string(f.Data)
	}
	return files
}

// TestSameInputSameBytes: neither the names of files, nor the order of documents and entries, nor the number of processors
// changes a byte.
func TestSameInputSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEstate(t)
		want := rendered(t, e.fs())
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(rapid.IntRange(1, 4).Draw(t, "processors")))
		shuffled := fstest.MapFS{}
		for team := range maps.Keys(map[string]bool{"amber": true, "blue": true, "coral": true}) {
			var docs []string
			for _, s := range e.services {
				if s.team == team {
					c := *s
					c.endpoints = rapid.Permutation(s.endpoints).Draw(t, "endpoints")
					c.grants = rapid.Permutation(s.grants).Draw(t, "grants")
					c.intents = rapid.Permutation(s.intents).Draw(t, "intents")
					docs = append(docs, c.document())
				}
			}
			all := strings.Join(rapid.Permutation(docs).Draw(t, "documents"), "---\n")
			shuffled["policies/teams/"+team+"/any/where.yml"] = &fstest.MapFile{Data: []byte(all), Mode: 0o644}
		}
		for name, doc := range e.docs {
			if strings.HasPrefix(name, "policies/platform/") {
				moved := "policies/platform/" + strings.ReplaceAll(strings.TrimPrefix(name, "policies/platform/"), "/", "-")
				shuffled[moved] = &fstest.MapFile{Data: []byte(doc), Mode: 0o644}
			}
		}
		if got := rendered(t, shuffled); !maps.Equal(got, want) {
			t.Fatalf("shuffled input renders other bytes: %v", differing(want, got))
		}
	})
}

// TestOneCallerMore: one caller more changes the files of that callee and of that caller's namespace, and no others.
func TestOneCallerMore(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawEstate(t)
		before := rendered(t, e.fs())
		from := rapid.SampledFrom(e.services).Draw(t, "caller")
		to := rapid.SampledFrom(e.services).Draw(t, "callee")
		if from == to || !e.call(from, to, "service", rapid.IntRange(0, 5).Draw(t, "endpoint")) {
			return
		}
		e.docs[from.path()], e.docs[to.path()] = from.document(), to.document()
		diff := differing(before, rendered(t, e.fs()))
		changed += len(diff)
		for _, file := range diff {
			dir, name := path.Split(file)
			ofCallee := strings.HasSuffix(dir, "/"+to.team+"/") && strings.HasSuffix(name, "-"+to.name+".yaml")
			if !ofCallee && !strings.HasSuffix(dir, "/"+from.team+"/") {
				t.Fatalf("%s -> %s changes %s", from.key(), to.key(), file)
			}
		}
	})
	if changed == 0 {
		t.Fatal("no caller changed any file: the test proves nothing")
	}
}

func differing(a, b map[string]string) []string {
	var all []string
	for name := range a {
		if a[name] != b[name] {
			all = append(all, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
