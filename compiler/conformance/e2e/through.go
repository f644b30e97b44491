package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
	"writ.dev/writ/compiler/naive"
)

// service is a name that clients call, with the pods behind it in all clusters that run.
type service struct {
	namespace, host string
	callees         []*callee
	// addresses are its addresses, by the cluster whose API server gave it.
	addresses map[*cluster]string
}

// services are the names of all callees.
func (e *estate) servicesOf(ctx context.Context, callees []*callee) ([]*service, error) {
	var all []*service
	for _, to := range callees {
		if to.workload == nil || len(to.workload.Service.Doc.Spec.Ports) == 0 {
			continue
		}
		for _, host := range to.workload.Hosts {
			i := slices.IndexFunc(all, func(s *service) bool { return s.namespace == to.ns() && s.host == host })
			if i < 0 {
				i = len(all)
				all = append(all, &service{namespace: to.ns(), host: host, addresses: map[*cluster]string{}})
			}
			var o struct{ Spec struct{ ClusterIP string } }
			if err := to.cluster.get(ctx, fmt.Sprintf("/api/v1/namespaces/%s/services/%s", to.ns(), host), &o); err != nil {
				return nil, err
			}
			all[i].callees = append(all[i].callees, to)
			all[i].addresses[to.cluster] = o.Spec.ClusterIP
		}
	}
	return all, nil
}

// fullName is the name as clients everywhere write it.
func (s *service) fullName(c *cluster) string {
	return s.host + "." + s.namespace + ".svc." + c.doc.Mesh.Domain
}

// sent is a request through a sidecar, with what is meant to come of it.
type sent struct {
	wire.Request
	from    *pod
	class   class
	service *service
	reaches []*callee // whose pods its sidecar balances over
	meant   []bool    // by callee, what is meant to become of it there
	leaves  bool      // whether the caller's Sidecar lets it out
}

// either reports whether what becomes of the request depends on where it arrives.
func (s *sent) either() bool {
	return s.leaves && slices.Contains(s.meant, true) && slices.Contains(s.meant, false)
}

// toItself reports whether the request may arrive at who sends it, whose log then says nothing of it.
func (s *sent) toItself() bool {
	return slices.ContainsFunc(s.reaches, func(to *callee) bool { return slices.Contains(to.pods, s.from) })
}

// at is what is meant to become of it at a pod, and whether it is to get there at all.
func (s *sent) at(p *pod) (meant, reaches bool) {
	i := slices.IndexFunc(s.reaches, func(to *callee) bool { return slices.Contains(to.pods, p) })
	return i >= 0 && s.leaves && s.meant[i], i >= 0 && s.leaves
}

// requestsOf are the requests of all classes to all services that the pod's cluster knows, each as often as there are pods behind it.
func (e *estate) requestsOf(from *pod, services []*service, scoped bool) []sent {
	var all []sent
	for _, s := range services {
		var reaches []*callee
		address := ""
		for _, to := range s.callees {
			if from.cluster.doc.Discovers(to.cluster.doc) {
				reaches = append(reaches, to)
				if to.cluster == from.cluster || address == "" {
					address = s.addresses[to.cluster]
				}
			}
		}
		if len(reaches) == 0 {
			continue
		}
		leaves := !scoped || !e.isScoped(from) || e.imports(from, s)
		for _, port := range reaches[0].workload.Service.Doc.Spec.Ports {
			for _, q := range classesAt(reaches, port.Key.Value) {
				r := sent{
					Request: q.request(fmt.Sprintf("%s:%d", address, port.Value.Port.Value), s.fullName(from.cluster), port.Value.Protocol.Value == "grpc"),
					from:    from, class: q, service: s, reaches: reaches, leaves: leaves, meant: e.meantThrough(from, reaches, port.Key.Value, q),
				}
				for range endpoints(reaches) {
					all = append(all, r)
				}
			}
		}
	}
	// What is no host of the mesh: whoever has a Sidecar does not get there.
	leaves := !scoped || !e.isScoped(from)
	for _, p := range e.outside {
		to := &service{namespace: p.ns, host: p.name}
		q := class{http: true, method: "GET", path: "/"}
		all = append(all, sent{
			Request: q.request(fmt.Sprintf("%s:%d", p.address, anyPort), p.name, false), from: from, class: q, service: to, leaves: leaves, meant: []bool{true},
		})
	}
	return all
}

func endpoints(reaches []*callee) int {
	n := 0
	for _, to := range reaches {
		n += len(to.pods)
	}
	return n
}

// classesAt are the classes of a named port, which may lead to another container port in each cluster: that of a class is left out.
func classesAt(reaches []*callee, port string) []class {
	var all []class
	for _, to := range reaches {
		for _, q := range to.classes {
			if q.port != to.workload.TargetPorts[port] {
				continue
			}
			q.port = 0
			if !slices.Contains(all, q) {
				all = append(all, q)
			}
		}
	}
	return all
}

// meantThrough is what is meant to become of a request, by where it arrives.
func (e *estate) meantThrough(from *pod, reaches []*callee, port string, q class) []bool {
	who := caller{from.cluster.trustDomain() + "/ns/" + from.ns + "/sa/" + from.account, netip.MustParseAddr(from.address)}
	var meant []bool
	for _, to := range reaches {
		q.port = to.workload.TargetPorts[port]
		meant = append(meant, e.answers(to, who, q))
	}
	return meant
}

// isScoped reports whether the pod is meant to have a Sidecar.
func (e *estate) isScoped(from *pod) bool {
	return from.workload != nil && e.meant.Workloads[from.place()].Outbound == "scoped"
}

// imports reports whether the pod's Sidecar is meant to know the service.
func (e *estate) imports(from *pod, s *service) bool {
	return e.meant.Workloads[from.place()].Hosts[s.namespace+"/"+s.fullName(from.cluster)]
}

func (p *pod) place() naive.Place {
	return naive.Place{Cluster: p.cluster.name, Namespace: p.ns, Name: p.workload.Service.Name}
}

// allPods are those of all clusters.
func (e *estate) allPods() []*pod {
	var all []*pod
	for _, c := range e.clusters {
		all = append(all, c.pods...)
	}
	return all
}

// throughSidecars sends the requests of pods through their sidecars: as their Sidecars have it if scoped, else to whatever the mesh
// has.
func (e *estate) throughSidecars(ctx context.Context, name string, pods []*pod, callees []*callee, scoped bool) (*tally, error) {
	services, err := e.servicesOf(ctx, callees)
	if err != nil {
		return nil, err
	}
	all := newTally()
	var mu sync.Mutex
	asked := map[string]*sent{}
	err = each(pods, 2, func(p *pod) error {
		requests := e.requestsOf(p, services, scoped)
		plain := make([]wire.Request, len(requests))
		for i := range requests {
			requests[i].Case = fmt.Sprintf("%s/%s/%d", name, p.id(), i)
			plain[i] = requests[i].Request
		}
		answers, err := p.call(ctx, plain)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for i, a := range answers {
			r := &requests[i]
			asked[r.Case] = r
			expected := []string{closed}
			switch {
			case !r.leaves:
				expected = []string{closed, unknown}
			case r.class.http:
				expected = []string{byPolicy}
			}
			meant := r.leaves && r.meant[0]
			if r.either() {
				all.either++
				meant = a.Answered() // the log says where it arrived
			}
			all.count(fmt.Sprintf("%s/%s by %s, leaves: %t", r.service.namespace, r.service.host, r.Proto, r.leaves),
				fmt.Sprintf("%s: %s %s", p.id(), r.Method, r.Path), meant, expected, &a)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, e.holdAgainstLogs(asked, all)
}

// logLine is what a sidecar writes of a request.
type logLine struct {
	Case, Details, Cluster string
	Code                   int
}

// holdAgainstLogs looks for each HTTP request in the access logs of the callees: what is not to leave must be in none, and what they
// refuse must be refused by their policies.
func (e *estate) holdAgainstLogs(asked map[string]*sent, all *tally) error {
	time.Sleep(2 * time.Second) // Envoy writes its log every second
	seen := map[string]int{}
	for _, c := range e.clusters {
		for _, p := range c.pods {
			data, err := os.ReadFile(p.agent.log)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(data)) {
				var l logLine
				if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &l) != nil {
					continue
				}
				r := asked[l.Case]
				if r == nil || r.from == p {
					continue // of another round, or written by the caller's own sidecar
				}
				seen[l.Case]++
				meant, reaches := r.at(p)
				if refused := strings.HasPrefix(l.Details, "rbac_access_denied"); !reaches || refused == meant {
					all.differ(fmt.Sprintf("at %s: meant to arrive: %t, to be answered: %t, and it is %d %s", p.id(), reaches, meant, l.Code, l.Details), l.Case, 1)
					all.differing++
				}
			}
		}
	}
	arrived := 0
	for id, r := range asked {
		switch {
		case seen[id] > 0:
			arrived++
		case len(r.reaches) > 0 && r.class.http && r.leaves && !r.toItself():
			all.differ(fmt.Sprintf("%s/%s: a request never arrives", r.service.namespace, r.service.host), id, 1)
			all.differing++
		}
	}
	all.arrived = arrived
	return nil
}
