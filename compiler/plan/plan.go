// Package plan decides what each cluster must enforce, in no vendor's words: every choice of identity, stage, port and limit
// is taken here, so that a renderer only writes.
package plan

import "writ.dev/writ/compiler/diag"

// Cluster is what one cluster must enforce, or a part of it. Slices are sorted by namespace and name, the floor of the whole cluster
// last.
type Cluster struct {
	Name          string
	RootNamespace string
	// Strict asks every workload of the cluster for mutual TLS that does not say otherwise; nil where it is not switched on.
	Strict    *Switch
	Floors    []Floor
	Workloads []Workload
}

// Switch is a setting of a whole cluster, with the document that switched it.
type Switch struct {
	Origin string // like "Mesh prod"
	Span   diag.Span
}

// Floor refuses whatever nobody named in one namespace. In the root namespace it is the floor of the whole cluster.
type Floor struct {
	Namespace string
	Origin    string // like "Team shop"
	Span      diag.Span
}

// MTLS is how a workload takes connections. The zero value is invalid.
type MTLS int

const (
	// NoMTLS renders nothing: the workload has no sidecar yet.
	NoMTLS MTLS = iota + 1
	PermissiveMTLS
	StrictMTLS
)

// Authz is how far a workload's authorization has come. The zero value is invalid.
type Authz int

const (
	// AuthzOff renders no policy.
	AuthzOff Authz = iota + 1
	// AuthzShadow renders the full set as dry-run, and enforces nothing.
	AuthzShadow
	// AuthzEnforce renders the real set.
	AuthzEnforce
)

// Workload is one Service in one cluster: an enforcement point.
type Workload struct {
	Namespace, Name string
	Selector        []Label
	Origin          string // like "Service shop/checkout"
	Span            diag.Span
	MTLS            MTLS
	// PlaintextPorts take connections without mutual TLS: container ports that an Outsider without identity calls. Sorted.
	PlaintextPorts []int
	Authz          Authz
	// AllowAll opens the workload in spite of the floor above it, by an exception: it is what the exception's reader sees.
	AllowAll *Exception
	// Policies are the allow rules, in one or more objects: always one at least where Authz is not AuthzOff, even without rules.
	Policies []Policy
	// Outbound is what the workload may call; nil where that is open.
	Outbound *Outbound
}

// Label is a label of pods.
type Label struct{ Key, Value string }

// Exception is why a workload stands open under a floor.
type Exception struct {
	Because, Until string
	Origin         string
}

// Policy is the rules of one object. Name is unique in the namespace.
type Policy struct {
	Name  string
	Rules []Rule
	// Intents are the callers behind the rules with the endpoints they name, like "shop/checkout read-address". Sorted.
	Intents []string
}

// Rule admits callers to operations: any of the callers to any of the operations. Callers are either Principals or CIDRs.
type Rule struct {
	Principals []string // <trust domain>/ns/<namespace>/sa/<account>, sorted
	CIDRs      []string // addresses of the direct peer, sorted
	Operations []Operation
}

// Operation is requests to one port: any of the methods on any of the paths; a nil slice means every one.
type Operation struct {
	Port    int      // the container's port
	Methods []string // upper case, sorted
	Paths   []string // absolute, in Istio's syntax of exact paths, {*} and trailing {**}
}

// Outbound is the hosts that a workload may call, each as namespace/host. No host at all means none.
type Outbound struct {
	Hosts   []string
	Intents []string // like "identity/customers read-address", sorted
}
