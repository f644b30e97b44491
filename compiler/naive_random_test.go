package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing/fstest"

	"pgregory.net/rapid"
)

// wideEstate draws an estate of everything that the language has, wise or not: what withholds is drawn on purpose, and what stops
// is left out where that is easy to see.
var wideEstate = rapid.Custom(func(t *rapid.T) fstest.MapFS {
	w := &wide{T: t, docs: fstest.MapFS{}}
	// Either everything is enforced unless an exception says otherwise, or nothing is unless somebody says more.
	w.enforcing = rapid.Bool().Draw(t, "enforcing")
	w.bare = !w.enforcing && w.oneIn(3, "without sidecars")
	for _, c := range []string{"eu-1", "eu-2", "us-1", "lab-1"} {
		w.cluster(c)
	}
	for _, team := range []string{"amber", "blue", "coral"} {
		w.team(team)
	}
	for range rapid.IntRange(3, 8).Draw(t, "services") {
		w.declare()
	}
	w.outsiders = []*wideCaller{
		{name: "balancer", team: w.pick("folder", "", "", "amber")},
		{name: "legacy"},
		{name: "machine", team: w.pick("folder", "", "blue")},
	}
	for range 4 * len(w.services) {
		w.call()
	}
	for _, s := range w.services {
		w.service(s)
	}
	for _, o := range w.outsiders {
		w.outsider(o)
	}
	w.mesh("main")
	w.mesh("lab")
	return w.docs
})

// wide is an estate that is being drawn.
type wide struct {
	*rapid.T
	docs      fstest.MapFS
	enforcing bool
	// teamClusters are those of the team that is being drawn.
	teamClusters string

	bare      bool     // the mesh has no sidecars unless somebody says more
	inLab     []string // teams with namespaces that exist in the cluster of the other mesh
	services  []*wideService
	outsiders []*wideCaller
}

// wideCaller is a Service or, without a namespace, an Outsider.
type wideCaller struct {
	team, namespace, name string
	intents               []string
}

type wideService struct {
	wideCaller
	clusters  string
	ports     string
	endpoints []string // with the names of them all in names
	names     []string
	grants    []string
}

func (s *wideService) key() string { return s.namespace + "/" + s.name }

func (w *wide) oneIn(n int, label string) bool { return rapid.IntRange(1, n).Draw(w.T, label) == n }

func (w *wide) pick(label string, of ...string) string { return rapid.SampledFrom(of).Draw(w.T, label) }

func (w *wide) pickService(label string) *wideService {
	return rapid.SampledFrom(w.services).Draw(w.T, label)
}

// some is a list in brackets of one or more of the names.
func (w *wide) some(label string, of ...string) string {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, min(3, len(of)), rapid.ID).Draw(w.T, label)
	return "[" + strings.Join(names, ", ") + "]"
}

func (w *wide) write(path, kind, metadata string, spec ...string) {
	text := "apiVersion: writ.dev/v1alpha1\nkind: " + kind + "\nmetadata: {" + metadata + "}\n"
	if fields := strings.Join(slices.DeleteFunc(spec, func(field string) bool { return field == "" }), "\n  "); fields != "" {
		text += "spec:\n  " + fields + "\n"
	} else {
		text += "spec: {}\n"
	}
	w.docs["policies/"+path+".yaml"] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
}

func (w *wide) cluster(name string) {
	region, mesh := name[:2], "main"
	domains := []string{region + ".example", region + ".example", name + ".example", "one.example"}
	aliases := []string{
		"", "", "",
		"trustDomainAliases: [old.example]", "trustDomainAliases: [one.example]", "trustDomainAliases: [eu.example, us.example]",
	}
	if name == "lab-1" {
		region, mesh, domains, aliases = "lab", "lab", []string{"lab.example"}, []string{"", "trustDomainAliases: [older.example]"}
	}
	stages := []string{"", "", "stages: {mtls: permissive}", "stages: {mtls: strict, outbound: scoped}"}
	floor := ""
	if w.enforcing {
		floor = w.pick("cluster floor", "", "", "floor: true\n  gateways: []")
		stages = append(stages, "stages: {authz: off}", "stages: {authz: enforce}")
	} else {
		stages = append(stages, "stages: {mtls: permissive, authz: shadow}", "stages: {mtls: permissive, authz: enforce}")
	}
	discovers := []string{"", "", "", "discovers: [eu-1]", "discovers: [eu-2, us-1]", "discovers: {region: eu}"}
	if mesh == "lab" {
		discovers = []string{""}
	}
	w.write("platform/clusters/"+name, "Cluster", "name: "+name+", labels: {region: "+region+"}",
		"mesh: "+mesh, "istioVersion: \"1.31\"", "trustDomain: "+w.pick("trust domain", domains...), w.pick("aliases", aliases...),
		w.pick("skip", "skipValidateTrustDomain: true", "skipValidateTrustDomain: true", "skipValidateTrustDomain: false"),
		w.pick("discovers", discovers...), w.pick("cluster stages", stages...), floor, w.pick("cluster strict", "", "", "strict: true"))
}

func (w *wide) team(name string) {
	w.teamClusters = w.pick("team clusters", "", "", "clusters: [eu-1, eu-2, us-1, lab-1]", "clusters: {region: eu}")
	namespaces := "namespaces: {" + name + ": {" + w.namespace(name, name) + "}"
	if name != "coral" {
		namespaces += ", common: {shared: true, " + w.namespace(name, "common") + "}"
	}
	w.write("platform/teams/"+name, "Team", "name: "+name,
		`contact: "#`+name+`"`, `owners: ["@example/`+name+`"]`, namespaces+"}", w.teamClusters)
}

func (w *wide) namespace(team, name string) string {
	var fields []string
	if w.oneIn(8, "retired") {
		fields = append(fields, "retired: true")
	}
	if w.enforcing && w.oneIn(2, "floor") {
		fields = append(fields, "floor: true")
	}
	if !w.enforcing && w.oneIn(4, "floor") {
		fields = append(fields, "floor: true", "stages: {mtls: permissive, authz: enforce}")
	} else {
		fields = append(fields, w.pick("namespace stages", "", "", "stages: {mtls: strict}",
			"stages: {mtls: permissive, authz: shadow}", "stages: {mtls: permissive, outbound: scoped}"))
	}
	clusters := w.pick("namespace clusters",
		"", "", "", "clusters: [eu-1, us-1]", "clusters: [eu-1, lab-1]", "clusters: {region: eu}")
	inAll := clusters == "" && w.teamClusters != "clusters: {region: eu}"
	if inAll || strings.Contains(clusters, "lab-1") {
		w.inLab = append(w.inLab, team+" "+name)
	}
	fields = append(fields, clusters)
	return strings.Join(slices.DeleteFunc(fields, func(f string) bool { return f == "" }), ", ")
}

// widePorts are the ports that Services have, each with endpoints that fit.
var widePorts = []struct {
	ports     string
	endpoints []string
}{
	{
		"http: {port: 80, targetPort: 8080}, grpc: {port: 90, protocol: grpc}, db: {port: 70, protocol: tcp}",
		[]string{
			`read: {port: http, methods: [GET, HEAD], paths: ["/things/{id}"]%s}`,
			`write: {methods: [POST], paths: ["/things", "/things/{id}/{rest...}"]%s}`,
			`watch: {grpc: [shop.v1.Things/Watch]%s}`,
			`admin: {grpc: [shop.v1.Admin]%s}`,
			`data: {port: db%s}`,
			`metrics: {port: grpc, methods: [GET], paths: [/metrics]%s}`,
		},
	},
	{
		"web: {port: 80, targetPort: 8080}, admin: {port: 81, targetPort: 8080}, tls: {port: 443, protocol: tls}",
		[]string{
			`read: {port: web, methods: [GET], paths: ["/{rest...}"]%s}`,
			`write: {port: admin, methods: any, paths: ["/things/{id}"]%s}`,
			`data: {port: tls%s}`,
			`mail: {port: tls%s}`,
			`metrics: {port: web, methods: [GET], paths: [/metrics]%s}`,
			`admin: {methods: [GET], paths: [/which]%s}`, // could be on two ports
		},
	},
	{
		"h2: {port: 8443, protocol: http2}",
		[]string{
			`read: {methods: [GET], paths: ["/a/{x}/b", "/a/c/{x}"]%s}`,
			`write: {methods: [GET, PUT], paths: ["/a/b/c"]%s}`,
			`watch: {grpc: [shop.v1.Things/Watch]%s}`,
			`metrics: {methods: [GET], paths: [/metrics, "/metrics/{part}"]%s}`,
			`data: {port: h2, grpc: [shop.v1.Data]%s}`,
			`admin: {methods: [GET], paths: ["/a/*"]%s}`, // not how paths are written
		},
	},
}

// declare adds a Service. A second one of its name is for the other mesh, or not added.
func (w *wide) declare() {
	team := w.pick("team", "amber", "blue", "coral")
	s := &wideService{wideCaller: wideCaller{team: team, namespace: team, name: w.pick("name", "api", "cart", "jobs", "web")}}
	if team != "coral" && w.oneIn(3, "common") {
		s.namespace = "common"
	}
	for _, o := range w.services {
		if o.key() == s.key() && (o.clusters != "" || !slices.Contains(w.inLab, s.team+" "+s.namespace)) {
			return
		}
		if o.key() == s.key() {
			o.clusters, s.clusters = "clusters: [eu-1]", "clusters: [lab-1]"
		}
	}
	w.services = append(w.services, s)
	if w.oneIn(6, "caller alone") {
		return
	}
	kind := rapid.SampledFrom(widePorts).Draw(w.T, "ports")
	s.ports = kind.ports
	for _, e := range kind.endpoints {
		if w.oneIn(3, "endpoint") {
			continue
		}
		name, _, _ := strings.Cut(e, ":")
		s.names = append(s.names, name)
		s.endpoints = append(s.endpoints, fmt.Sprintf(e, w.pick("audience", "", "", "", ", audience: mesh")))
	}
}

// call adds an intent, and often a grant that is meant for it.
func (w *wide) call() {
	to := w.pickService("to")
	names := append([]string{"typo"}, to.names...)
	if len(to.names) > 0 && !w.oneIn(10, "typo") {
		names = names[1:]
	}
	asked := w.some("asked", names...)
	var from *wideCaller
	var who string
	if w.oneIn(3, "from outside") {
		from = rapid.SampledFrom(w.outsiders).Draw(w.T, "outsider")
		who = "{outsider: " + from.name + "}"
	} else {
		s := w.pickService("from")
		from = &s.wideCaller
		who = w.pick("grant", s.key(), s.key(), "{team: "+s.team+"}")
		if s.namespace == to.namespace {
			who = s.name
		}
	}
	reference := to.key()
	if from.namespace == to.namespace {
		reference = w.pick("reference", to.key(), to.name)
	}
	if w.oneIn(20, "nobody") {
		reference = "amber/nobody"
	}
	from.intents = append(from.intents, "{to: "+reference+", endpoints: "+asked+", because: it needs to"+w.until()+"}")
	switch w.pick("consent", "none", "some", "all", "all") {
	case "some":
		to.grants = append(to.grants, "{from: "+who+", endpoints: "+w.some("granted", names...)+w.until()+"}")
	case "all":
		to.grants = append(to.grants, "{from: "+who+", endpoints: "+asked+w.until()+"}")
	}
}

func (w *wide) service(s *wideService) {
	if s.clusters == "" {
		s.clusters = w.pick("service clusters", "", "", "", "clusters: [eu-1]")
	}
	spec := []string{
		s.clusters,
		w.pick("accounts", "", "", "", "serviceAccounts: ["+s.name+", "+s.name+"-green]", "serviceAccounts: [runner]",
			"serviceAccounts: [default]"),
		w.pick("selector", "", "", "selector: {app: "+s.name+", tier: back}"),
		w.pick("hosts", "", "", "hosts: ["+s.name+", "+s.name+"-headless]"),
		w.pick("stages", "", "", "", "stages: {mtls: strict}", "stages: {mtls: permissive, authz: shadow}",
			"stages: {mtls: permissive, authz: enforce}", "stages: {mtls: permissive, outbound: scoped}"),
	}
	if s.ports != "" {
		spec = append(spec, "ports: {"+s.ports+"}")
	}
	if len(s.endpoints) > 0 {
		spec = append(spec, "endpoints:\n    "+strings.Join(s.endpoints, "\n    "))
	}
	spec = append(spec, w.per(s), section("grants", s.grants), section("intents", s.intents))
	path := fmt.Sprintf("teams/%s/%s-%d", s.team, s.name, slices.Index(w.services, s))
	w.write(path, "Service", "name: "+s.name+", namespace: "+s.namespace, spec...)
}

// section is a field with a list, "" where the list is empty.
func section(name string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return name + ":\n    - " + strings.Join(items, "\n    - ")
}

// per are entries for clusters that no two of them share.
func (w *wide) per(s *wideService) string {
	var entries []string
	for _, clusters := range []string{w.pick("per", "[us-1]", "{region: us}", "[us-1, eu-2]"), "[eu-1]"} {
		if !w.oneIn(3, "per "+clusters) {
			continue
		}
		there := s.name + "-there"
		fields := []string{"serviceAccounts: [" + there + "]", "selector: {app: " + there + "}", "hosts: [" + there + "]"}
		if port, _, ok := strings.Cut(s.ports, ":"); ok {
			fields = append(fields, "targetPorts: {"+port+": 9090}")
		}
		fields = rapid.SliceOfNDistinct(rapid.SampledFrom(fields), 1, len(fields), rapid.ID).Draw(w.T, "per fields")
		entries = append(entries, "{clusters: "+clusters+", "+strings.Join(fields, ", ")+"}")
	}
	return section("per", entries)
}

func (w *wide) until() string {
	return w.pick("until", "", "", ", until: 2020-01-31", ", until: 2099-01-31")
}

func (w *wide) outsider(o *wideCaller) {
	s := w.pickService("like")
	known := w.pick("known by", "cidrs: [10.1.0.0/16]", "cidrs: [10.1.0.0/16, 192.0.2.0/24]", "cidrs: [0.0.0.0/0]",
		"identity: eu.example/ns/vms/sa/machine", "identity: old.example/ns/vms/sa/machine",
		"identity: cluster.local/ns/vms/sa/machine", "identity: far.example/ns/vms/sa/machine",
		"identity: "+w.pick("domain", "eu.example", "us.example", "old.example", "one.example", "lab.example", "cluster.local")+
			"/ns/"+s.namespace+"/sa/"+w.pick("account", s.name, s.name+"-there", "vm"))
	folder := "platform/"
	if o.team != "" {
		folder = "teams/" + o.team + "/"
	}
	w.write(folder+o.name, "Outsider", "name: "+o.name, known, "because: it is not here yet", "until: 2099-01-31",
		w.pick("arrives", "", "", "clusters: [eu-1]", "clusters: {region: us}", "clusters: [lab-1, us-1]"),
		section("intents", o.intents))
}

func (w *wide) mesh(name string) {
	stages := []string{"", "stages: {authz: enforce}", "stages: {mtls: permissive}", "stages: {outbound: open}"}
	if !w.enforcing {
		stages = []string{
			"stages: {mtls: permissive, authz: off, outbound: open}", "stages: {mtls: permissive, authz: shadow, outbound: open}",
			"stages: {mtls: permissive, authz: shadow}",
		}
	}
	if w.bare {
		stages = []string{"stages: {mtls: none, authz: off, outbound: open}"}
	}
	spec := []string{
		w.pick("mesh stages", stages...),
		w.pick("mesh strict", "", "", "strict: true"),
		w.pick("domain", "", "", "domain: mesh.internal"),
		w.pick("root", "", "rootNamespace: istio-config"),
		w.pick("reachable", "", "reachable: [tracing/otel.tracing.svc.cluster.local]"),
	}
	if w.oneIn(2, "infrastructure") {
		from, teams := w.pickService("infrastructure").key(), w.pick("teams", "", ", teams: [amber, coral]")
		spec = append(spec, section("infrastructure", []string{
			"{name: scrape, from: " + from + ", endpoints: [metrics, data], because: it is scraped" + teams + "}",
		}))
	}
	var exceptions []string
	for range rapid.IntRange(0, 3).Draw(w.T, "exceptions") {
		stages := w.pick("excepted stages", "{authz: off}", "{authz: shadow}", "{mtls: permissive}", "{outbound: open}",
			"{mtls: none, authz: off, outbound: open}", "{authz: enforce}")
		where := w.pick("excepted clusters", "", "", ", clusters: [eu-1]", ", clusters: {region: us}")
		until := w.pick("excepted until", "2020-01-31", "2099-01-31")
		exceptions = append(exceptions,
			"{service: "+w.pickService("excepted").key()+", stages: "+stages+where+", because: it is late, until: "+until+"}")
	}
	w.write("platform/meshes/"+name, "Mesh", "name: "+name, append(spec, section("exceptions", exceptions), "delivery: carried")...)
}
