// Package authz is what Istio's sidecars decide, for one enforcement point: the pods of a namespace to which the same policies
// attach. It answers two ways that share nothing but how policies are read. Decide takes one request and walks the policies as a
// proxy does. Compare takes sets: it holds all requests that the policies allow against all that are meant, and says where they
// differ with a request that Decide confirms.
//
// The semantics is that of the policies istiod compiles (istio.io/istio pilot/pkg/security/authz), not that of Istio's
// documentation, which differ in places: the module compiler/conformance holds the two against each other.
package authz

import (
	"net/netip"

	"writ.dev/writ/compiler/prove/manifest"
)

// Mesh is what of a cluster's mesh configuration decides about access.
type Mesh struct {
	TrustDomain   string
	Aliases       []string // trustDomainAliases
	RootNamespace string
	// Normalization is meshConfig.pathNormalization: NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES. Zero is BASE.
	Normalization string
}

// Point is an enforcement point: pods of one namespace with the policies that attach to them.
type Point struct {
	Mesh      Mesh
	Namespace string
	// Policies attach to the point, in any order. Dry-run policies are passed over unless DryRun says that they are asked about,
	// and then all others are.
	Policies []*manifest.Object
	DryRun   bool
	// TLS is how the point takes connections. Nil takes both plaintext and mutual TLS on every port.
	TLS *TLS
	// Issuers are the token issuers whose tokens a RequestAuthentication of the point accepts. Without one, no request carries a
	// token that a policy sees.
	Issuers []string
}

// TLS is how pods take connections, by container port: STRICT, PERMISSIVE or DISABLE.
type TLS struct {
	Mode  string
	Ports map[int]string
}

// Request is one request or, on a TCP port, one connection, as the point's proxy sees it.
type Request struct {
	// Principal is the peer's identity without spiffe://, of a workload <trust domain>/ns/<namespace>/sa/<account>. It is "" for a
	// peer without a certificate.
	Principal string
	Port      int  // the container's port
	HTTP      bool // whether the proxy reads the port as HTTP; on others the fields below up to Token mean nothing
	Method    string
	Path      string            // without query and fragment, after normalisation
	Host      string            // the authority, with its port where it has one
	Headers   map[string]string // by name in lower case; one that is not here is absent
	Token     *Token            // nil without a valid one
	// Source is the address of the connection, Remote that of the client that a trusted proxy forwards for.
	Source, Remote, Destination netip.Addr
	SNI                         string
}

// Token is the claims of a valid JSON Web Token.
type Token struct {
	Issuer, Subject string
	Audiences       []string
	Presenter       string // azp
	// Claims are the others, by their path as conditions write it: [groups], [realm_access][roles].
	Claims map[string][]string
}

// Answer is what becomes of a request. The zero value is Deny.
type Answer int

// The answers.
const (
	Deny Answer = iota
	Allow
	// Custom asks an external authorizer, and is Allow if it agrees: a request that DENY and ALLOW policies refuse anyway is Deny.
	Custom
)

// Decision is an answer, with the rule that decided it.
type Decision struct {
	Answer Answer
	// Provider is who is asked where the answer is Custom.
	Provider string
	// By is the policy that decided, and Rule the index of its rule. Rule is -1 where the request is denied because no rule of any
	// ALLOW policy matches it; By is then the first of them. Where By is nil, no policy decided: an Allow means that there is no
	// ALLOW policy, a Deny that the connection is refused before any policy, as it lacks mutual TLS.
	By   *manifest.Object
	Rule int
}

// Meant is what a point should allow. Port protocols are part of it: what a declared port carries is taken on trust.
type Meant struct {
	// Open allows everything that reaches the policies.
	Open bool
	// Allow are the meant accesses; nothing else is.
	Allow []Allowance
	// Plaintext reports whether connections without mutual TLS are meant to reach the policies, by container port. Nil is for none.
	Plaintext func(port int) bool
}

// Allowance is one meant access: any of the peers, any of the methods on any of the paths.
type Allowance struct {
	// Principals are exact identities, as the wire has them. CIDRs are addresses of the connection, of whatever identity. Exactly
	// one of the two is set.
	Principals []string
	CIDRs      []netip.Prefix
	Port       int
	Methods    []string // nil for any
	Paths      []string // as people write them, with {id} and {rest...}; nil for any
}

// Port is a container port that the point is known to have.
type Port struct {
	Number int
	HTTP   bool
}

// Comparison is what came of holding the policies against what is meant.
type Comparison struct {
	// Classes is how many classes of requests were decided; no two requests of one class differ in anything that a policy or an
	// allowance looks at.
	Classes     int64
	Differences []Difference
	// More is how many classes differ that no difference here tells, as there are too many.
	More int64
}

// Difference is requests that one side allows and the other does not.
type Difference struct {
	// Wider says that the policies allow what is not meant; otherwise they refuse what is.
	Wider bool
	// Request is the shortest request of the difference, and Decision what the policies say to it.
	Request  Request
	Decision Decision
	// Box is the largest set of requests around Request that differs throughout, by attribute, in the words of the patterns on
	// both sides, like {"method": ["GET"], "path": ["/v1/{**} but not /v1/{*}"]}. An attribute that does not matter is left out.
	Box map[string][]string
	// Allowances are the indexes of the meant accesses nearest to the request: those that allow it or, where none does, that
	// differ from it in the fewest attributes.
	Allowances []int
}
