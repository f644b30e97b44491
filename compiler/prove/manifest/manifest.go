// Package manifest reads Kubernetes objects back from their bytes, as the proof needs them: Istio's security and scope kinds with
// every field and the lines that they stand on. It shares nothing with the code that renders: what it reads is what a cluster
// would.
package manifest

// Object is one Kubernetes object. At most one of the pointers is set: the object's own kind, where the proof knows it.
type Object struct {
	Path string // the file, slash-separated
	Line int    // of the object's first line in it, from 1

	APIVersion, Kind, Namespace, Name string
	Labels, Annotations               map[string]string

	AuthorizationPolicy   *AuthorizationPolicy
	PeerAuthentication    *PeerAuthentication
	RequestAuthentication *RequestAuthentication
	Sidecar               *Sidecar
	DestinationRule       *DestinationRule
	VirtualService        *VirtualService
	ServiceEntry          *ServiceEntry

	// Unknown is what the reader understood no meaning of, in the order of lines: fields that its kind does not have here.
	Unknown []Unknown

	document *document // where the object was read, for its digest
	index    int       // in the document's List
}

// Meaning is what an object has to do with access. The zero value is the one to fail by.
type Meaning int

const (
	// Foreign is a kind that can change who is called, by whom or how that is decided, in ways that the proof has no semantics
	// for: EnvoyFilter, Gateway, NetworkPolicy, and whatever Istio may have next. Of VirtualService and ServiceEntry the proof
	// sees the hosts that they are about.
	Foreign Meaning = iota
	// Modelled is a kind whose every field is in Object, in Unknown, or changes no access.
	Modelled
	// Harmless is a kind that changes no access.
	Harmless
)

// Unknown is a construct that the proof has no semantics for.
type Unknown struct {
	Line  int
	Field string // like spec.rules[0].from[0].source.trustDomainz
}

// AuthorizationPolicy is https://istio.io/latest/docs/reference/config/security/authorization-policy/.
type AuthorizationPolicy struct {
	Selector   map[string]string // matchLabels; nil selects every pod
	TargetRefs []TargetRef       // with the older targetRef
	Action     string            // ALLOW where it is not written; DENY, AUDIT, CUSTOM
	Provider   string            // of CUSTOM
	DryRun     bool              // annotation istio.io/dry-run: "true"
	Rules      []Rule
}

// TargetRef attaches a policy to a gateway, a service or a class of gateways.
type TargetRef struct{ Group, Kind, Namespace, Name string }

// Rule is one rule: any source, any operation, every condition. A rule without sources is for all of them.
type Rule struct {
	Line int
	From []Source
	To   []Operation
	When []Condition
}

// Source is one entry of from: every field that is written holds.
type Source struct {
	Line                                    int
	Principals, NotPrincipals               []string
	RequestPrincipals, NotRequestPrincipals []string
	Namespaces, NotNamespaces               []string
	ServiceAccounts, NotServiceAccounts     []string
	TrustDomains, NotTrustDomains           []string
	IPBlocks, NotIPBlocks                   []string
	RemoteIPBlocks, NotRemoteIPBlocks       []string
}

// Operation is one entry of to: every field that is written holds.
type Operation struct {
	Line                int
	Hosts, NotHosts     []string
	Ports, NotPorts     []string
	Methods, NotMethods []string
	Paths, NotPaths     []string
}

// Condition is one entry of when.
type Condition struct {
	Line              int
	Key               string
	Values, NotValues []string
}

// PeerAuthentication is https://istio.io/latest/docs/reference/config/security/peer_authentication/. A mode that is not written,
// or is UNSET, is "", which inherits.
type PeerAuthentication struct {
	Selector map[string]string
	Mode     string         // STRICT, PERMISSIVE, DISABLE, ""
	Ports    map[int]string // portLevelMtls, by container port
	// Created is metadata.creationTimestamp where the object was read from a cluster: of two that are equally near the oldest
	// wins, and then the first by name and namespace.
	Created string
}

// RequestAuthentication is https://istio.io/latest/docs/reference/config/security/request_authentication/.
type RequestAuthentication struct {
	Selector   map[string]string
	TargetRefs []TargetRef
	Issuers    []string // of jwtRules
}

// Sidecar is https://istio.io/latest/docs/reference/config/networking/sidecar/.
type Sidecar struct {
	Selector map[string]string // workloadSelector.labels; nil is the namespace's own, which an empty one is not
	Outbound string            // outboundTrafficPolicy.mode: REGISTRY_ONLY, ALLOW_ANY, "" for the mesh's
	Egress   []Egress
	Ingress  bool // whether it has ingress listeners of its own
	Created  string
}

// Egress is one listener of a Sidecar.
type Egress struct {
	Line  int
	Hosts []string // namespace/host
	Port  int      // 0 for every port
	Bind  string
}

// DestinationRule is what of https://istio.io/latest/docs/reference/config/networking/destination-rule/ changes who is called and
// with which identity. The rest (pools, balancing, outliers) changes neither. Who sees the rule is left out: it is held for
// visible to all.
type DestinationRule struct {
	Host     string
	TLSModes []TLSMode // of the traffic policy, its ports and its subsets
}

// TLSMode is a client's TLS mode and its line.
type TLSMode struct {
	Line int
	Mode string // DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL; DISABLE where tls stands without one
}

// VirtualService is the hosts whose calls a VirtualService may turn elsewhere, and the gateways that it is for.
type VirtualService struct{ Hosts, Gateways []string }

// ServiceEntry is what of https://istio.io/latest/docs/reference/config/networking/service-entry/ could concern other hosts than
// its own.
type ServiceEntry struct {
	Hosts, Addresses []string
	Selector         map[string]string // workloadSelector.labels; nil selects no pod
	Ports            []EntryPort
}

// EntryPort is a port of a ServiceEntry.
type EntryPort struct {
	Line, Number int
	HTTP         bool
}
