package syntax

import (
	"strings"

	"writ.dev/writ/compiler/diag"
)

// APIVersion is the one version of the language.
const APIVersion = "writ.dev/v1alpha1"

// Kind is one line of the table of kinds: what a document of the kind is checked against and where it may lie.
type Kind struct {
	Name string
	// Schema is the file in the schema folder.
	Schema string
	// Folder is the folder below policies/ that documents of the kind lie in; "" for those that lie in their team's folder, or in
	// whichever folder their owner writes.
	Folder string
	// Namespaced kinds have metadata.namespace.
	Namespaced bool
}

// Kinds is every kind of document, in the order in which people meet them.
var Kinds = []Kind{
	{Name: "Mesh", Schema: "mesh.schema.json", Folder: "platform"},
	{Name: "Cluster", Schema: "cluster.schema.json", Folder: "platform"},
	{Name: "Team", Schema: "team.schema.json", Folder: "platform"},
	{Name: "Outsider", Schema: "outsider.schema.json"},
	{Name: "Service", Schema: "service.schema.json", Namespaced: true},
	{Name: "Test", Schema: "test.schema.json", Namespaced: true},
	{Name: "Privacy", Schema: "privacy.schema.json", Folder: "privacy"},
	{Name: "Activity", Schema: "activity.schema.json", Folder: "privacy"},
	{Name: "Party", Schema: "party.schema.json", Folder: "privacy"},
	{Name: "Approval", Schema: "approval.schema.json", Folder: "privacy"},
}

// Tree is every document of an estate: the shape is right and every scalar knows its place. Each slice is sorted by file and
// position.
type Tree struct {
	Meshes     []*Mesh
	Clusters   []*Cluster
	Teams      []*Team
	Outsiders  []*Outsider
	Services   []*Service
	Tests      []*Test
	Privacies  []*Privacy
	Activities []*Activity
	Parties    []*Party
	Approvals  []*Approval
	// Ignores are the `# writ:ignore` comments of all files.
	Ignores []diag.Ignore
	// Literals are the numbers that look like somebody's.
	Literals []Literal
	// Sources are the bytes of every file that was read, by path: what snippets are cut from and edits apply to.
	Sources map[string][]byte
}

// Text is a scalar and its place. A Text that the author did not write has a zero Span.
type Text struct {
	Value string
	Span  diag.Span
}

// Line is the value as prose on one line: a reason that is a block of YAML has several, and ends with one.
func (t Text) Line() string { return strings.Join(strings.Fields(t.Value), " ") }

// Int is an integer and its place.
type Int struct {
	Value int
	Span  diag.Span
}

// Bool is a truth value and its place.
type Bool struct {
	Value bool
	Span  diag.Span
}

// Entry is one key of a mapping, with its value. Mappings keep the order of the file.
type Entry[T any] struct {
	Key   Text
	Value T
}

// List is a sequence.
type List[T any] struct {
	Items []T
	// Span covers the sequence, from its first item to the end of its last one: with the first dash of a block, and without
	// the brackets of a flow, so that an item can be added at its end. It is empty, between the brackets, in [].
	Span diag.Span
	// Flow says that the sequence is written in brackets.
	Flow bool
}

// Values are the texts of a list, nil where it has none.
func Values(l List[Text]) []string {
	var all []string
	for _, t := range l.Items {
		all = append(all, t.Value)
	}
	return all
}

// Header is what every document begins with.
type Header struct {
	APIVersion Text
	Kind       Text
	Metadata   Metadata
	// File is the document's path below the repository's root.
	File string `yaml:"-"`
}

// Metadata names a document.
type Metadata struct {
	Name      Text
	Namespace Text          // Service and Test only
	Labels    []Entry[Text] // Cluster only
}

// Selection picks clusters by name or by label: {names} or {labels}, never both. A selection that was not written is the
// zero value.
type Selection struct {
	Names  []Text
	Labels []Entry[Text]
	Span   diag.Span
}

// IsSet reports whether the author wrote the selection.
func (s Selection) IsSet() bool { return !s.Span.IsZero() }

// Stages says how far adoption has come on each of three axes; an axis that is not written is "".
type Stages struct {
	MTLS     Text `yaml:"mtls"`     // none, permissive, strict
	Authz    Text `yaml:"authz"`    // off, shadow, enforce
	Outbound Text `yaml:"outbound"` // open, scoped
}

// Mesh is one Istio mesh.
type Mesh struct {
	Header `yaml:",inline"`
	Spec   MeshSpec
}

// MeshSpec is what a Mesh says.
type MeshSpec struct {
	RootNamespace  Text
	Domain         Text // the clusters' DNS domain, cluster.local unless said
	TrustRoot      Text // names the root of trust that signs the mesh's workload certificates
	Stages         Stages
	Strict         Bool
	Delivery       Text // carried or published
	Owners         List[Text]
	Infrastructure List[Infrastructure]
	Reachable      List[Text] // namespace/host that every scoped caller may reach
	Exceptions     List[Exception]
	Removals       List[Removal]
}

// Infrastructure lets one Service call an endpoint of many, on the platform's word.
type Infrastructure struct {
	Name      Text
	From      Text       // namespace/name of a Service
	Endpoints List[Text] // names of endpoints; a callee without one of that name is passed over
	Teams     List[Text] // whose Services; all of the mesh's where empty
	Because   Text
	Span      diag.Span `yaml:"-"`
}

// Exception loosens the stages of one Service until a date.
type Exception struct {
	Service  Text // namespace/name
	Clusters Selection
	Stages   Stages
	Because  Text
	Until    Text
	Span     diag.Span `yaml:"-"`
}

// Removal lets many objects of a cluster go at once until a date.
type Removal struct {
	Cluster Text
	Because Text
	Until   Text
	Span    diag.Span `yaml:"-"`
}

// Cluster is one Kubernetes cluster of a mesh.
type Cluster struct {
	Header `yaml:",inline"`
	Spec   ClusterSpec
}

// ClusterSpec is what a Cluster says.
type ClusterSpec struct {
	Mesh                    Text
	TrustDomain             Text
	TrustDomainAliases      List[Text]
	SkipValidateTrustDomain Bool
	Discovers               Selection // clusters of the same mesh whose endpoints this one's istiod reads; all unless said
	DataPlane               Text      // sidecar
	IstioVersion            Text      // major.minor
	Country                 Text      // ISO 3166-1 alpha-2
	Operator                Text      // a Party
	Tier                    Text      // production unless said; test
	Gateways                List[Text]
	ServiceCIDR             Text `yaml:"serviceCIDR"`
	Stages                  Stages
	Floor                   Bool
	Strict                  Bool
	PathNormalization       Text // BASE unless said; NONE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES
	Accepted                List[Accepted]
}

// Accepted is an object that the proof has no semantics for and the platform answers for, by the digest of its content.
type Accepted struct {
	Object  Text // Kind namespace/name
	SHA256  Text `yaml:"sha256"`
	Because Text
	Until   Text
	Span    diag.Span `yaml:"-"`
}

// Team owns namespaces and the folder policies/teams/<name>.
type Team struct {
	Header `yaml:",inline"`
	Spec   TeamSpec
}

// TeamSpec is what a Team says.
type TeamSpec struct {
	Contact    Text
	Owners     List[Text]
	Clusters   Selection
	Namespaces []Entry[Namespace]
}

// Namespace is a Kubernetes namespace as its team has it.
type Namespace struct {
	Clusters Selection // the team's unless said
	Floor    Bool
	Shared   Bool
	Retired  Bool
	Stages   Stages
	Span     diag.Span `yaml:"-"`
}

// Outsider is a caller that is no Service here.
type Outsider struct {
	Header `yaml:",inline"`
	Spec   OutsiderSpec
}

// OutsiderSpec is what an Outsider says.
type OutsiderSpec struct {
	Identity Text       // <trust domain>/ns/<namespace>/sa/<account>
	CIDRs    List[Text] `yaml:"cidrs"`
	Clusters Selection  // where its calls arrive; all clusters of the callee's mesh unless said
	Because  Text
	Until    Text
	Intents  List[Intent]
	// Span covers the spec.
	Span diag.Span `yaml:"-"`
}

// Service is a workload and its identity.
type Service struct {
	Header `yaml:",inline"`
	Spec   ServiceSpec
}

// ServiceSpec is what a Service says.
type ServiceSpec struct {
	Clusters        Selection
	Selector        []Entry[Text]
	ServiceAccounts List[Text]
	Hosts           List[Text]
	Ports           []Entry[Port]
	Endpoints       []Entry[Endpoint]
	PersonalData    *PersonalData // nil where nothing is said
	Grants          List[Grant]
	Intents         List[Intent]
	Stages          Stages
	Per             List[Per]
	// Span covers the spec.
	Span diag.Span `yaml:"-"`
}

// Port is a port of the Kubernetes Service.
type Port struct {
	Port       Int
	TargetPort Int       // the container's port; the same unless said
	Protocol   Text      // http unless said; http2, grpc, tcp, tls
	Span       diag.Span `yaml:"-"`
}

// Endpoint is something a Service offers: methods and paths, gRPC methods, or a bare port.
type Endpoint struct {
	Port     Text       // name of a port, where several fit
	Methods  List[Text] // `any` is kept as the one item "any"
	Paths    List[Text]
	GRPC     List[Text] `yaml:"grpc"` // package.Service or package.Service/Method
	Audience Text       // mesh
	Returns  *Categories
	Accepts  *Categories
	Purposes *List[Text]
	Span     diag.Span `yaml:"-"`
}

// Grant is the provider's consent to a caller.
type Grant struct {
	From      From
	Endpoints List[Text]
	Because   Text
	Until     Text
	Span      diag.Span `yaml:"-"`
}

// From is whom a grant admits: exactly one is written.
type From struct {
	Service  Text // namespace/name, or a name of the provider's own namespace
	Team     Text
	Outsider Text
	Span     diag.Span
}

// Intent is one entry of a caller: these endpoints of that Service, because, until.
type Intent struct {
	To        Text
	Endpoints List[Text]
	Because   Text
	Activity  Text
	Until     Text
	Span      diag.Span `yaml:"-"`
}

// Per replaces whole fields in some clusters.
type Per struct {
	Clusters        Selection
	ServiceAccounts List[Text]
	Selector        []Entry[Text]
	Hosts           List[Text]
	TargetPorts     []Entry[Int] // by name of port
	Span            diag.Span    `yaml:"-"`
}

// Test is assertions about who may call whom.
type Test struct {
	Header `yaml:",inline"`
	Spec   TestSpec
}

// TestSpec is what a Test says.
type TestSpec struct {
	Because  Text
	Clusters Selection // where the callee runs; everywhere unless said
	Enforced Bool
	Allow    List[Assertion]
	Deny     List[Assertion]
	Only     List[OnlyAssertion]
}

// Assertion is about one caller's requests.
type Assertion struct {
	From  Peer
	To    Text
	Calls `yaml:",inline"`
	Span  diag.Span `yaml:"-"`
}

// OnlyAssertion is about everybody's requests but the named callers'.
type OnlyAssertion struct {
	To    Text
	Calls `yaml:",inline"`
	From  List[Peer]
	Span  diag.Span `yaml:"-"`
}

// Calls are the requests that an assertion is about: endpoints by name, or requests in an endpoint's own words.
type Calls struct {
	Endpoints List[Text]
	Port      Text
	Methods   List[Text] // `any` is kept as the one item "any"
	Paths     List[Text]
	GRPC      List[Text] `yaml:"grpc"`
}

// Peer is a caller as a Test names it: exactly one is written.
type Peer struct {
	Service  Text // namespace/name, or a name of the Test's own namespace
	Team     Text
	Outsider Text
	Identity Text
	Peer     Text // plaintext or any
	Span     diag.Span
}
