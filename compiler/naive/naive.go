// Package naive says a second time what documents mean: who may call whom, where, and how far it is enforced. It is written from
// the design and the descriptions in schema/, not from the packages that compile, and it is for tests alone: they hold it against
// model, check and the rendered manifests. So it shares nothing with them, looks everything up by walking over everything, and
// prefers a loop that reads like a sentence to one that is quick.
//
// It takes for granted that nothing stops: of a tree that the compiler refuses it says nothing useful.
package naive

import (
	"slices"

	"writ.dev/writ/compiler/syntax"
)

// Estate is what documents mean.
type Estate struct {
	// Workloads are the Services in each of their clusters.
	Workloads map[Place]*Workload
	// Calls are all that somebody asks for and that can be understood: both sides are declared in one mesh, and the endpoint is
	// declared so that it can be rendered.
	Calls map[Call]Fate
	// Floors are the places that refuse what nobody named; a cluster as a whole has no namespace.
	Floors map[Floor]bool
	// Strict are the clusters that ask every workload for mutual TLS.
	Strict map[string]bool
}

// Place is a Service in a cluster.
type Place struct{ Cluster, Namespace, Name string }

// Floor is a namespace in a cluster, or a whole cluster.
type Floor struct{ Cluster, Namespace string }

// Call is one endpoint that one caller asks for. From is namespace/name of a Service, or "outsider " and a name. Infrastructure
// says that the Mesh asks for it in the caller's name, and on the platform's word.
type Call struct {
	Mesh, From, To, Endpoint string
	Infrastructure           bool
}

// Fate is what becomes of a call.
type Fate int

// The fates.
const (
	// Held calls are let in.
	Held Fate = iota + 1
	// Pending calls have no consent.
	Pending
	// Withheld calls have consent, and a rule keeps them out.
	Withheld
)

// Workload is a Service in one cluster.
type Workload struct {
	Selector map[string]string
	// MTLS, Authz and Outbound are the stages that hold.
	MTLS, Authz, Outbound string
	// Retired says that the namespace is being given up: its floor stands, and the workload has no policy of its own.
	Retired bool
	// Open says that an exception lets everybody in under a floor.
	Open bool
	// Allowed are the accesses that are meant, whatever the stage.
	Allowed map[Allowance]bool
	// Admitted are those and what the trust domains cannot tell apart from them.
	Admitted map[Allowance]bool
	// Plaintext are the container ports that take plaintext though the workload is strict.
	Plaintext map[int]bool
	// Hosts are the namespace/host that the workload calls.
	Hosts map[string]bool
}

// Allowance is one peer, by principal or by range of addresses, that may make one kind of request. Method and Path are as Istio
// has them; "" stands for every one.
type Allowance struct {
	Peer         string
	Port         int
	Method, Path string
}

// derivation is the documents, and what has been derived of them.
type derivation struct {
	*syntax.Tree
	*Estate
}

// Derive says what the documents mean.
func Derive(tree *syntax.Tree) *Estate {
	d := derivation{tree, &Estate{map[Place]*Workload{}, map[Call]Fate{}, map[Floor]bool{}, map[string]bool{}}}
	for _, c := range d.Clusters {
		for _, s := range d.Services {
			if d.runsIn(s, c) {
				d.Workloads[place(s, c)] = d.workload(s, c)
			}
		}
		d.floors(c)
		d.Strict[c.Metadata.Name.Value] = c.Spec.Strict.Value || d.mesh(c).Spec.Strict.Value
	}
	for _, m := range d.Meshes {
		for _, from := range d.callers(m) {
			for _, to := range d.Services {
				for _, endpoint := range to.Spec.Endpoints {
					if d.isIn(to, m) && from.asks(to, endpoint.Key.Value) && declared(to, endpoint.Value) {
						d.call(m, from, to, endpoint)
					}
				}
			}
		}
	}
	return d.Estate
}

// call decides one call, and lets it in where nothing speaks against it.
func (d derivation) call(m *syntax.Mesh, from *caller, to *syntax.Service, endpoint syntax.Entry[syntax.Endpoint]) {
	call := Call{m.Metadata.Name.Value, from.key, key(to), endpoint.Key.Value, from.listed != nil}
	if !consents(from, to, endpoint) {
		d.Calls[call] = Pending
		return
	}
	d.Calls[call] = Withheld
	if d.objects(m, from, to, endpoint) {
		return
	}
	for _, here := range append([]*syntax.Cluster{nil}, d.Clusters...) {
		if legs := d.legs(m, from, here, to); len(legs) > 0 && !d.objectsToLegs(from, to, legs) {
			d.Calls[call] = Held
			for _, l := range legs {
				d.allow(from, to, endpoint.Value, l)
			}
		}
	}
}

// allow lets the caller in on one leg.
func (d derivation) allow(from *caller, to *syntax.Service, endpoint syntax.Endpoint, l leg) {
	w := d.Workloads[place(to, l.to)]
	port := containerPort(to, l.to, portOf(to, endpoint))
	for _, method := range methods(endpoint) {
		for _, path := range paths(endpoint) {
			for _, peer := range d.peers(from, l) {
				w.Allowed[Allowance{peer, port, method, path}] = true
				for _, same := range oneIdentity(l.to, peer) {
					w.Admitted[Allowance{same, port, method, path}] = true
				}
			}
		}
	}
	if from.outsider != nil && len(from.outsider.Spec.CIDRs.Items) > 0 && w.MTLS == "strict" {
		w.Plaintext[port] = true
	}
	if from.service != nil {
		for _, host := range hosts(to, l.to) {
			domain := or(d.mesh(l.to).Spec.Domain.Value, "cluster.local")
			ns := to.Metadata.Namespace.Value
			d.Workloads[place(from.service, l.from)].Hosts[ns+"/"+host+"."+ns+".svc."+domain] = true
		}
	}
}

// floors are those of a cluster and of the namespaces in it.
func (d derivation) floors(c *syntax.Cluster) {
	if c.Spec.Floor.Value {
		d.Floors[Floor{c.Metadata.Name.Value, ""}] = true
	}
	for _, t := range d.Teams {
		for _, ns := range t.Spec.Namespaces {
			if (ns.Value.Floor.Value || ns.Value.Retired.Value) && namespaceIsIn(t, ns.Value, c) {
				d.Floors[Floor{c.Metadata.Name.Value, ns.Key.Value}] = true
			}
		}
	}
}

func (d derivation) mesh(c *syntax.Cluster) *syntax.Mesh {
	i := slices.IndexFunc(d.Meshes, func(m *syntax.Mesh) bool { return m.Metadata.Name.Value == c.Spec.Mesh.Value })
	return d.Meshes[i]
}

func key(s *syntax.Service) string { return s.Metadata.Namespace.Value + "/" + s.Metadata.Name.Value }

func place(s *syntax.Service, c *syntax.Cluster) Place {
	return Place{c.Metadata.Name.Value, s.Metadata.Namespace.Value, s.Metadata.Name.Value}
}

// or is what somebody wrote, and otherwise what holds unless said.
func or(written, unlessSaid string) string {
	if written == "" {
		return unlessSaid
	}
	return written
}
