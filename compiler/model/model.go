// Package model makes an estate of a tree: names become pointers, services become workloads in clusters, intents and consent
// become accesses. It decides *whether* somebody may call something; *where* that is enforced is decided later, in plan.
package model

import (
	"iter"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// Estate is everything that the documents say, resolved. Slices are sorted by name, and pointers are unique: two values are the
// same thing exactly when their pointers are equal.
type Estate struct {
	Meshes     []*Mesh
	Clusters   []*Cluster // of all meshes
	Teams      []*Team
	Namespaces []*Namespace
	Tests      []*Test
	Privacy    *Privacy
	Activities []*Activity
	Parties    []*Party
	Approvals  []*Approval
	Tree       *syntax.Tree
}

// Mesh is one Istio mesh. Reach never leaves it.
type Mesh struct {
	Doc           *syntax.Mesh
	Name          string
	RootNamespace string
	Domain        string
	Stages        Stages
	Published     bool
	Clusters      []*Cluster
	Services      []*Service
	Outsiders     []*Outsider
	// Accesses are those that have consent; Pending are those that wait for it.
	Accesses []*Access
	Pending  []*Access

	// Slips says that a name in its infrastructure resolved nowhere.
	Slips bool

	services map[string]*Service // by namespace/name
}

// Service finds a Service of the mesh by namespace/name, nil if there is none.
func (m *Mesh) Service(key string) *Service { return m.services[key] }

// Cluster is one Kubernetes cluster.
type Cluster struct {
	Doc       *syntax.Cluster
	Name      string
	Mesh      *Mesh
	Workloads []*Workload
	Operator  *Party // nil where nobody says who runs it

	trust    map[string]bool // the local trust domain and its aliases
	discover map[*Cluster]bool
}

// TrustDomain is the domain of the identities that the cluster's istiod hands out.
func (c *Cluster) TrustDomain() string { return c.Doc.Spec.TrustDomain.Value }

// Discovers reports whether callers in c balance over the endpoints in other, which is always so for c itself.
func (c *Cluster) Discovers(other *Cluster) bool { return c == other || c.discover[other] }

// Accepts reports whether a proxy of c lets a peer of the trust domain finish its TLS handshake: an istiod validates peers
// against its own trust domain and aliases unless PILOT_SKIP_VALIDATE_TRUST_DOMAIN is set.
func (c *Cluster) Accepts(trustDomain string) bool {
	return c.Doc.Spec.SkipValidateTrustDomain.Value || c.trust[trustDomain]
}

// Admits reports whether a policy in c that names the first trust domain admits a peer of the second: istiod expands a
// principal of its own domain, or of an alias, to all of them, and keeps any other as it is
// (istio pilot/pkg/security/trustdomain, ReplaceTrustDomainAliases). To it, cluster.local is whatever its own domain is.
func (c *Cluster) Admits(named, peer string) bool {
	return named == peer || (c.trust[named] || named == "cluster.local") && c.trust[peer]
}

// Team owns namespaces and a folder.
type Team struct {
	Doc  *syntax.Team
	Name string
}

// Namespace is a Kubernetes namespace, of one team or of several that share it.
type Namespace struct {
	Name  string
	Parts []NamespacePart
}

// NamespacePart is a namespace as one team has it.
type NamespacePart struct {
	Team     *Team
	Key      syntax.Text // the namespace's name in the team's document
	Doc      *syntax.Namespace
	Clusters []*Cluster

	unsure bool // its selection has a finding, which others would only repeat
}

// In reports whether the namespace exists in the cluster.
func (n *Namespace) In(c *Cluster) bool {
	return slices.ContainsFunc(n.Parts, func(p NamespacePart) bool { return slices.Contains(p.Clusters, c) })
}

// Retired reports whether the namespace is on its way out in the cluster: its floor stands, its allows are gone.
func (n *Namespace) Retired(c *Cluster) bool {
	return slices.ContainsFunc(n.Parts, func(p NamespacePart) bool {
		return p.Doc.Retired.Value && slices.Contains(p.Clusters, c)
	})
}

// Floor is the part that closes the namespace in the cluster, nil where none does.
func (n *Namespace) Floor(c *Cluster) *NamespacePart {
	for i, p := range n.Parts {
		if (p.Doc.Floor.Value || p.Doc.Retired.Value) && slices.Contains(p.Clusters, c) {
			return &n.Parts[i]
		}
	}
	return nil
}

// Service is a Service document in one mesh; a document that spans two meshes is two Services.
type Service struct {
	Doc       *syntax.Service
	Mesh      *Mesh
	Team      *Team
	Namespace *Namespace
	Name      string
	Workloads []*Workload // sorted by cluster
	Endpoints []*Endpoint // sorted by name
	Grants    []*Grant
	Intents   []*Intent
	// PersonalData is nil where the Service does not say what it processes.
	PersonalData *PersonalData

	// Slips says that a name in its intents or grants resolved nowhere: what seems to be missing may be meant by it.
	Slips bool
	// Namesake says that another document has the same namespace and name, in another mesh.
	Namesake bool

	key        string // kept, as all that is sorted is sorted by it
	ports      map[string]*Port
	portsClash bool
}

// Key is namespace/name.
func (s *Service) Key() string {
	if s.key == "" {
		return s.Namespace.Name + "/" + s.Name
	}
	return s.key
}

// Object names the Service's document in fingerprints.
func (s *Service) Object() string {
	if s.Namesake {
		return "Service " + s.Key() + " of mesh " + s.Mesh.Name
	}
	return "Service " + s.Key()
}

// Endpoint finds an endpoint by name, nil if there is none.
func (s *Service) Endpoint(name string) *Endpoint {
	i, found := slices.BinarySearchFunc(s.Endpoints, name, func(e *Endpoint, name string) int { return strings.Compare(e.Name, name) })
	if !found {
		return nil
	}
	return s.Endpoints[i]
}

// Workload is a Service in one cluster: where its policy is enforced and its calls begin.
type Workload struct {
	Service     *Service
	Cluster     *Cluster
	Accounts    []string
	Selector    []Label
	Hosts       []string
	TargetPorts map[string]int // by name of port
	Stages      Stages
	// OpenBy is the exception that lets the workload stand at its authz under a floor, nil where none does.
	OpenBy *syntax.Exception
	// Floor says that whatever the workload does not allow is refused by its namespace or cluster.
	Floor bool
	// Retired says that the namespace is on its way out: nobody calls the workload and it calls nobody.
	Retired bool

	loosenedBy []*syntax.Exception
}

// RestsOn reports whether the workload's stages would be stricter without the exception.
func (w *Workload) RestsOn(e *syntax.Exception) bool {
	return slices.Contains(w.loosenedBy, e) || e == w.OpenBy && w.Floor && w.Stages.Authz != AuthzEnforce
}

// Label is a label that the workload's pods carry.
type Label struct{ Key, Value string }

// Port is a port of a Service.
type Port struct {
	Name     string
	Number   int
	Protocol string // http, http2, grpc, tcp, tls
	Doc      *syntax.Port
}

// HTTP reports whether requests on the port can be told apart by method and path.
func (p *Port) HTTP() bool {
	return p.Protocol == "http" || p.Protocol == "http2" || p.Protocol == "grpc"
}

// Endpoint is something a Service offers.
type Endpoint struct {
	Service *Service
	Name    string
	Key     *syntax.Text // its name in the document
	Doc     *syntax.Endpoint
	Port    *Port
	Methods []string  // nil for any; sorted, upper case
	Paths   []Pattern // nil for any; in the document's order
	// Returns and Accepts are the personal data that callers read and write, nil where nobody says.
	Returns, Accepts *Data
	Purposes         []string // what it may be used for; nil where the endpoint does not say
	// ForMesh consents to every Service of the mesh.
	ForMesh bool
	// Broken endpoints have a finding of their own; nothing can be allowed to them.
	Broken bool
}

// Key is how the endpoint is called from anywhere: namespace/name endpoint.
func (e *Endpoint) String() string { return e.Service.Key() + " " + e.Name }

// Grant is a provider's consent to a caller. Exactly one of From, Team and Outsider is set: what names nobody of the mesh is none.
type Grant struct {
	Doc       *syntax.Grant
	Provider  *Service
	From      *Service
	Team      *Team
	Outsider  *Outsider
	Endpoints []*Endpoint
	// Used are the endpoints that an access rests on the grant for, each as often as one does.
	Used []*Endpoint
}

func (g *Grant) admits(c Caller, e *Endpoint) bool {
	if !slices.Contains(g.Endpoints, e) {
		return false
	}
	switch {
	case g.From != nil:
		return c.Service == g.From
	case g.Team != nil:
		return c.Service != nil && c.Service.Team == g.Team
	default:
		return c.Outsider == g.Outsider
	}
}

// Outsider is an Outsider document in one mesh.
type Outsider struct {
	Doc      *syntax.Outsider
	Mesh     *Mesh
	Team     *Team // nil where the platform owns the document
	Name     string
	Clusters []*Cluster // where its calls arrive
	Intents  []*Intent
	// Slips says that a name in its intents resolved nowhere.
	Slips bool
}

// Caller is who calls: a Service or an Outsider, never both.
type Caller struct {
	Service  *Service
	Outsider *Outsider
}

// Key is how the caller is called in annotations and findings: namespace/name, or `outsider <name>`.
func (c Caller) Key() string {
	if c.Outsider != nil {
		return "outsider " + c.Outsider.Name
	}
	return c.Service.Key()
}

// Team is the caller's team, nil for an Outsider of the platform.
func (c Caller) Team() *Team {
	if c.Outsider != nil {
		return c.Outsider.Team
	}
	return c.Service.Team
}

// Object names the caller's document in fingerprints.
func (c Caller) Object() string {
	if c.Outsider != nil {
		return "Outsider " + c.Outsider.Name
	}
	return c.Service.Object()
}

// Intent is one entry of a caller.
type Intent struct {
	Doc       *syntax.Intent
	Caller    Caller
	To        *Service // nil where the name resolved nowhere in the mesh
	Endpoints []*Endpoint
	Activity  *Activity // nil where none is named, or none of the name is known
}

// Consent is why an access may exist. The zero value is no consent.
type Consent int

const (
	NoConsent Consent = iota
	// SameTeam needs no words: the caller's team owns the callee.
	SameTeam
	// ByGrant is an entry of the callee's document.
	ByGrant
	// ByAudience is an endpoint that is open to every Service of the mesh.
	ByAudience
	// ByPlatform is an infrastructure entry of the Mesh document.
	ByPlatform
)

func (c Consent) String() string {
	return [...]string{"none", "same team", "grant", "audience: mesh", "infrastructure"}[c]
}

// Access is one caller's use of one endpoint: what is rendered, proved and asked about.
type Access struct {
	Caller   Caller
	Endpoint *Endpoint
	// Intent is the caller's entry; nil for infrastructure, whose entry is Infrastructure.
	Intent         *Intent
	Infrastructure *syntax.Infrastructure
	Consent        Consent
	Grant          *Grant // where Consent is ByGrant
}

// Callee is the Service that is called.
func (a *Access) Callee() *Service { return a.Endpoint.Service }

// Because is the reason that its people give for it, on one line.
func (a *Access) Because() string {
	if a.Infrastructure != nil {
		return a.Infrastructure.Because.Line()
	}
	return a.Intent.Doc.Because.Line()
}

// Span is the text that asks for the access: the endpoint's name in the intent, or in the infrastructure entry.
func (a *Access) Span() diag.Span {
	list := &a.infrastructureOrIntent().Items
	for _, t := range *list {
		if t.Value == a.Endpoint.Name {
			return t.Span
		}
	}
	return diag.Span{}
}

func (a *Access) infrastructureOrIntent() *syntax.List[syntax.Text] {
	if a.Infrastructure != nil {
		return &a.Infrastructure.Endpoints
	}
	return &a.Intent.Doc.Endpoints
}

// String is the access in a sentence's middle: shop/checkout -> identity/customers read-address.
func (a *Access) String() string { return a.Caller.Key() + " -> " + a.Endpoint.String() }

// Leg is one way that the calls of an access take: from a workload of the caller, nil for an Outsider, to one of the callee.
type Leg struct{ From, To *Workload }

// Legs yields every way that the calls of the access take. A caller in one cluster balances over the callee's endpoints in
// every cluster that it discovers, so all ways of one From are taken in turn.
func (a *Access) Legs() iter.Seq[Leg] {
	return func(yield func(Leg) bool) {
		for _, to := range a.Callee().Workloads {
			for leg := range a.LegsTo(to) {
				if !yield(leg) {
					return
				}
			}
		}
	}
}

// LegsTo yields the ways that end at one workload of the callee.
func (a *Access) LegsTo(to *Workload) iter.Seq[Leg] {
	return func(yield func(Leg) bool) {
		for _, from := range a.sources() {
			if a.arrives(from, to) && !yield(Leg{from, to}) {
				return
			}
		}
	}
}

// sources are the workloads that call: one nil for an Outsider, which is no workload.
func (a *Access) sources() []*Workload {
	if a.Caller.Outsider != nil {
		return []*Workload{nil}
	}
	return a.Caller.Service.Workloads
}

func (a *Access) arrives(from, to *Workload) bool {
	if to.Retired {
		return false
	}
	if o := a.Caller.Outsider; o != nil {
		return slices.Contains(o.Clusters, to.Cluster)
	}
	return !from.Retired && from.Cluster.Discovers(to.Cluster)
}

// Principal is the identity of an account of the workload, in Istio's five segments without scheme.
func (w *Workload) Principal(account string) string {
	return Principal(w.Cluster.TrustDomain(), w.Service.Namespace.Name, account)
}

// Principal joins an identity: <trust domain>/ns/<namespace>/sa/<account>.
func Principal(trustDomain, namespace, account string) string {
	return strings.Join([]string{trustDomain, "ns", namespace, "sa", account}, "/")
}
