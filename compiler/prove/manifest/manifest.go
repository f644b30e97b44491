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

	// SHA256 is the digest of the object's content in a canonical form, in lower-case hexadecimal: comments, the order of keys
	// and the style of quotes change nothing in it. It is what a platform accepts an object by that the proof does not know.
	SHA256 string
	// Unknown is what the reader understood no meaning of, in the order of lines: fields that its kind does not have here.
	Unknown []Unknown
}

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

// PeerAuthentication is https://istio.io/latest/docs/reference/config/security/peer_authentication/. A mode that is not written
// is "", which inherits, as UNSET does.
type PeerAuthentication struct {
	Selector map[string]string
	Mode     string         // STRICT, PERMISSIVE, DISABLE, UNSET
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
	Selector map[string]string // workloadSelector.labels
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
// with which identity. The rest (pools, balancing, outliers) changes neither.
type DestinationRule struct {
	Host     string
	TLSModes []TLSMode // of the traffic policy, its ports and its subsets
}

// TLSMode is a client's TLS mode and its line.
type TLSMode struct {
	Line int
	Mode string // DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL
}

// VirtualService is the hosts whose calls a VirtualService may turn elsewhere, and the gateways that it is for.
type VirtualService struct{ Hosts, Gateways []string }

// ServiceEntry is the hosts and addresses that a ServiceEntry puts into the registry.
type ServiceEntry struct{ Hosts, Addresses []string }
