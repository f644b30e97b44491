// Package estate makes estates of any size in writ's own language, with the shape that real ones have: most Services have a
// handful of callers and a few have thousands; a quarter speaks gRPC and some plain TCP; teams own several namespaces, and not
// all of them enforce yet.
package estate

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Shape says which estate to make. The same Shape makes the same bytes, on any machine.
type Shape struct {
	// Services is how many Service documents there are, Prometheus among them; at least 2.
	Services int
	// Clusters is how many Clusters run them, two of them in each region and trust domain; at least 1.
	Clusters int
	Seed     uint64
	// Callers multiplies how many callers a Service has that is not popular; 0 is 1, with five rules on average in one cluster.
	Callers float64
	// Personal says of every Service which personal data it processes. The estate is the same otherwise.
	Personal bool
}

// Proof is what the proof is measured with: one cluster, in which a Service has twelve rules on average.
var Proof = Shape{Services: 10_000, Clusters: 1, Seed: 1, Callers: 5.2}

// Bench is what benchmarks are about: one cluster, in which a Service has five rules on average.
var Bench = Shape{Services: 4000, Clusters: 1, Seed: 1}

const (
	// PopularCallers is how many callers each popular Service has, where there are that many.
	PopularCallers = 2000
	// popularEvery is how many Services share a popular one: identity, feature flags, the audit log.
	popularEvery = 1000
	// servicesPerNamespace and namespacesPerTeam are upper limits; both are drawn.
	servicesPerNamespace = 60
	namespacesPerTeam    = 3
	// mostCallers ends the tail of Services that are not popular.
	mostCallers = 200
)

// estate is the documents before they are written.
type estate struct {
	Shape
	*rand.Rand
	teams    []*team
	services []*service
}

type team struct {
	name       string
	namespaces []*namespace
	services   []*service
}

type namespace struct {
	name   string
	stages string
}

type service struct {
	team      *team
	namespace *namespace
	name      string
	clusters  string // the line of the document; "" for the team's
	protocol  protocol
	endpoints []endpoint
	popular   bool
	intents   []intent
	grants    []string
	processes map[string]bool // categories of personal data; nil where the estate says nothing of any
}

type intent struct {
	to        *service
	endpoints []string
}

func (s *service) key() string { return s.namespace.name + "/" + s.name }

// Files makes every document of the estate, by its path in a repository. Services come in the order of their teams.
func (s Shape) Files() iter.Seq2[string, []byte] {
	e := &estate{Shape: s, Rand: rand.New(rand.NewPCG(s.Seed, 0x77726974))}
	e.people()
	for i, callee := range e.services {
		if callee != e.prometheus() {
			e.calls(callee, e.callersOf(i))
		}
	}
	if e.Personal {
		e.tag()
	}
	return func(yield func(string, []byte) bool) {
		for path, text := range e.documents() {
			if !yield("policies/"+path, []byte(text)) {
				return
			}
		}
	}
}

// prometheus is the Service that the Mesh lets in everywhere.
func (e *estate) prometheus() *service { return e.services[0] }

// people makes teams, their namespaces and Services.
func (e *estate) people() {
	platform := &team{name: "observability"}
	platform.namespaces = []*namespace{{name: "observability", stages: enforcing}}
	e.teams = append(e.teams, platform)
	e.add(platform, platform.namespaces[0], "prometheus")
	for len(e.services) < e.Services {
		domain := domains[len(e.teams)%len(domains)]
		t := &team{name: fmt.Sprintf("%s-%d", domain, len(e.teams))}
		e.teams = append(e.teams, t)
		for range 1 + e.IntN(namespacesPerTeam) {
			ns := &namespace{name: fmt.Sprintf("%s-%c", t.name, 'a'+len(t.namespaces)), stages: e.stages()}
			t.namespaces = append(t.namespaces, ns)
			for range min(servicesPerNamespace/3+e.IntN(servicesPerNamespace*2/3), e.Services-len(e.services)) {
				e.add(t, ns, fmt.Sprintf("%s-%s-%d", domain, roles[e.IntN(len(roles))], len(e.services)))
			}
		}
	}
}

func (e *estate) add(t *team, ns *namespace, name string) {
	s := &service{team: t, namespace: ns, name: name}
	if len(e.services) > 0 { // Prometheus is everywhere, and nothing of its own is offered
		s.clusters = e.selection()
		s.popular = len(e.services)%popularEvery == min(popularEvery, e.Services)/2
		s.offer(e.protocol(s.popular))
	}
	t.services, e.services = append(t.services, s), append(e.services, s)
}

// selection is where a Service runs: everywhere, in one region or in one cluster.
func (e *estate) selection() string {
	switch n := e.IntN(100); {
	case e.Clusters == 1 || n < 60:
		return ""
	case n < 85:
		return fmt.Sprintf("  clusters: {region: %s}\n", region(e.IntN(e.Clusters)))
	default:
		return fmt.Sprintf("  clusters: [%s]\n", clusterName(e.IntN(e.Clusters)))
	}
}

// callersOf draws who calls a Service. The numbers follow a Pareto distribution, as degrees in call graphs do; a third of the
// callers are of the Service's own team.
func (e *estate) callersOf(callee int) []*service {
	own := e.services[callee].team.services
	const least, exponent = 2.5, 1.5
	n := min(int(least*cmp.Or(e.Callers, 1)*math.Pow(1-e.Float64(), -1/exponent)), mostCallers)
	if e.services[callee].popular {
		n = PopularCallers
	}
	n = min(n, len(e.services)/2)
	seen := map[*service]bool{e.services[callee]: true, e.prometheus(): true}
	var all []*service
	for tries := 0; len(all) < n && tries < 4*n; tries++ {
		from := e.services[e.IntN(len(e.services))]
		if !e.services[callee].popular && e.IntN(3) == 0 {
			from = own[e.IntN(len(own))]
		}
		if !seen[from] {
			seen[from] = true
			all = append(all, from)
		}
	}
	return all
}

// calls writes an intent for each caller, and what the callee's team agrees to: nothing for its own Services and where the
// endpoints are for all of the mesh, a team as a whole where several of its Services call, and else the caller alone.
func (e *estate) calls(callee *service, callers []*service) {
	perTeam := map[*team]int{}
	for _, from := range callers {
		perTeam[from.team]++
	}
	granted := map[string]map[string]bool{}
	for _, from := range callers {
		endpoints := callee.pick(e.Rand)
		from.intents = append(from.intents, intent{callee, endpoints})
		if from.team == callee.team || callee.popular {
			continue
		}
		to := from.key()
		if perTeam[from.team] > 1 {
			to = "{team: " + from.team.name + "}"
		}
		if granted[to] == nil {
			granted[to] = map[string]bool{}
		}
		for _, name := range endpoints {
			granted[to][name] = true
		}
	}
	for _, to := range slices.Sorted(maps.Keys(granted)) {
		names := strings.Join(slices.Sorted(maps.Keys(granted[to])), ", ")
		callee.grants = append(callee.grants, fmt.Sprintf("    - {from: %s, endpoints: [%s]}\n", to, names))
	}
}

// pick draws the endpoints that one caller uses: one mostly, sometimes two.
func (s *service) pick(r *rand.Rand) []string {
	var names []string
	for _, i := range r.Perm(len(s.endpoints))[:min(len(s.endpoints), 1+r.IntN(10)/7)] {
		names = append(names, s.endpoints[i].name)
	}
	slices.SortFunc(names, cmp.Compare)
	return names
}
