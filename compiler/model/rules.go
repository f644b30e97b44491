package model

import "writ.dev/writ/compiler/diag"

// What names resolve to. A name that decides where a policy stands stops the build, as the policy would vanish; a name that
// decides who is let in withholds, as nobody is let in.
var (
	DuplicateName = &diag.Rule{
		Code: "REF-001", Name: "duplicate-name", Effect: diag.Stop,
		Title: "two documents have one kind and name",
		Why:   "Every other document, and every manifest, finds a document by its kind and name. Two of one name would be two answers to one question.",
	}
	UnknownMesh = &diag.Rule{
		Code: "REF-002", Name: "unknown-mesh", Effect: diag.Stop, Mends: true,
		Title: "a Cluster names a Mesh that no document declares",
		Why:   "Without its mesh nothing can be said about a cluster, and what stands in its folder of out/ would be removed.",
	}
	UnknownCluster = &diag.Rule{
		Code: "REF-003", Name: "unknown-cluster", Effect: diag.Stop, Mends: true,
		Title: "a selection names a Cluster that no document declares",
		Why:   "A selection decides where policies stand. Passing over a name would take the policy of a cluster away without a word.",
	}
	SelectsNothing = &diag.Rule{
		Code: "REF-004", Name: "selects-nothing", Effect: diag.Stop, Mends: true,
		Title: "a selection by label matches no Cluster",
		Why:   "A selection decides where policies stand. One that matches nothing is a slip of the pen nearly always, and takes policies away.",
	}
	UnknownService = &diag.Rule{
		Code: "REF-005", Name: "unknown-service", Effect: diag.Withhold, Mends: true,
		Title: "a name refers to a Service that no document declares",
		Why:   "An access needs both sides: who calls, and what is called with its ports and paths. Nobody is let in on a name that nobody declared.",
	}
	UnknownEndpoint = &diag.Rule{
		Code: "REF-006", Name: "unknown-endpoint", Effect: diag.Withhold, Mends: true,
		Title: "a name refers to an endpoint that the Service does not declare",
		Why:   "Callers ask for endpoints by name, so that the provider alone says which methods and paths a name stands for.",
	}
	UnknownTeam = &diag.Rule{
		Code: "REF-007", Name: "unknown-team", Effect: diag.Withhold, Mends: true,
		Title: "a name refers to a Team that no document declares",
		Why:   "A grant to a team is a grant to every Service of it, now and later; to nobody it is a slip of the pen.",
	}
	UnknownOutsider = &diag.Rule{
		Code: "REF-008", Name: "unknown-outsider", Effect: diag.Withhold, Mends: true,
		Title: "a name refers to an Outsider that no document declares",
		Why:   "An Outsider is let in by its address or a literal identity, and both stand in its document alone.",
	}
	UnknownPort = &diag.Rule{
		Code: "REF-009", Name: "unknown-port", Effect: diag.Stop, Mends: true,
		Title: "a name refers to a port that the Service does not declare",
		Why:   "A policy names container ports. A port that is passed over would leave the policy with another port than the author meant.",
	}
	DuplicateReference = &diag.Rule{
		Code: "REF-010", Name: "duplicate-reference", Effect: diag.Report, Mends: true,
		Title: "one caller asks for one endpoint twice",
		Why:   "Two reasons and two end dates for one access leave open which one holds, and removing one of them would change nothing.",
	}

	UnknownActivity = &diag.Rule{
		Code: "REF-011", Name: "unknown-activity", Effect: diag.Withhold, Mends: true,
		Title: "a name refers to an Activity that no document declares",
		Why:   "The purpose, the legal ground and the retention of personal data follow from its Activity. Without one nobody answers for why it is processed.",
	}
	UnknownParty = &diag.Rule{
		Code: "REF-012", Name: "unknown-party", Effect: diag.Report, Level: diag.Error, Mends: true,
		Title: "a name refers to a Party that no document declares",
		Why:   "Who receives personal data, under which contract and in which country, stands in the Party's document alone.",
	}
	UnknownApproval = &diag.Rule{
		Code: "REF-013", Name: "unknown-approval", Effect: diag.Report, Level: diag.Error, Mends: true,
		Title: "a name refers to an Approval that no document declares",
		Why:   "What nobody decided is not approved.",
	}
	UnknownTerm = &diag.Rule{
		Code: "PII-002", Name: "unknown-term", Effect: diag.Withhold, Mends: true,
		Title: "a word about personal data is none of the vocabulary: a category, a use, a subject, a legal ground or a country",
		Why:   "The record of processing is kept in defined terms (GDPR Article 30(1)(b) and (c)). Passing over a word that nobody knows would untag what it stands at, so the endpoint is closed.",
	}
	MovedTerm = &diag.Rule{
		Code: "PII-091", Name: "moved-term", Effect: diag.Report, Mends: true,
		Title: "a key of the vocabulary has another name today",
		Why:   "The vocabulary moves keys from one version to the next. The old key is read as the new one; reports have the new one.",
	}

	OutsideFolder = &diag.Rule{
		Code: "OWN-001", Name: "outside-folder", Effect: diag.Stop,
		Title: "a document lies outside its owner's folder",
		Why:   "Ownership is a path: code owners agree to changes below it. A document elsewhere would be changed without its owners being asked.",
	}
	NamespaceOfNobody = &diag.Rule{
		Code: "OWN-002", Name: "namespace-of-nobody", Effect: diag.Stop, Mends: true,
		Title: "a Service's namespace is in no Team document",
		Why:   "Who may create pods in a namespace can take any identity in it, so a namespace has an owner before anything is let in or out.",
	}
	NamespaceOfTwo = &diag.Rule{
		Code: "OWN-003", Name: "namespace-of-two-teams", Effect: diag.Stop,
		Title: "two Teams have one namespace, and do not both say that it is shared",
		Why:   "Who may create pods in a namespace can take any identity in it. Two teams share one only where both know.",
	}
	NotInNamespace = &diag.Rule{
		Code: "OWN-004", Name: "outside-namespace-clusters", Effect: diag.Stop,
		Title: "a Service is placed in a Cluster that its namespace does not exist in",
		Why:   "The Team document says in which clusters a namespace exists, and so where its floor stands. A Service beyond them would stand on no floor.",
	}

	ForeignOutsider = &diag.Rule{
		Code: "OWN-005", Name: "foreign-outsider", Effect: diag.Withhold,
		Title: "an Outsider in one team's folder calls a Service of another team",
		Why:   "Whoever owns an Outsider's document says which addresses or identity it stands for. That is the platform, or the team that lets it in: a grant to another team's Outsider would be a grant to whatever that team writes there next.",
	}

	BadPath = &diag.Rule{
		Code: "END-001", Name: "bad-path", Effect: diag.Withhold, Mends: true,
		Title: "a path is not written as a template, or can never be matched",
		Why:   "Paths are literal segments, {id} for one segment and {rest...} for all that follow. What proxies rewrite before a policy sees it (`//`, `..`, `%2F`) never matches, or matches more than was meant (CVE-2021-31920).",
	}
	NoPortFits = &diag.Rule{
		Code: "END-002", Name: "no-port-fits", Effect: diag.Withhold,
		Title: "an endpoint fits none of the Service's ports",
		Why:   "Methods and paths exist on HTTP ports alone: Istio drops a rule with HTTP fields from a TCP port, so the access would be refused.",
	}
	SeveralPortsFit = &diag.Rule{
		Code: "END-003", Name: "several-ports-fit", Effect: diag.Withhold,
		Title: "an endpoint fits several ports and names none",
		Why:   "A policy without a port opens all of them. writ does not guess which was meant.",
	}
	HTTPOnTCP = &diag.Rule{
		Code: "END-004", Name: "http-on-tcp", Effect: diag.Withhold,
		Title: "an endpoint with methods, paths or gRPC names a port that carries no HTTP",
		Why:   "Istio drops a rule with HTTP fields from a TCP port (pilot/pkg/security/authz/model, checkError), so the access would be refused.",
	}

	DuplicatePort = &diag.Rule{
		Code: "END-007", Name: "duplicate-port", Effect: diag.Stop,
		Title: "two ports of a Service have one number",
		Why:   "A Kubernetes Service has each port number once, so one of the two is not what its author means, and a policy would open the other.",
	}

	PerTwice = &diag.Rule{
		Code: "PER-001", Name: "per-overlap", Effect: diag.Stop,
		Title: "two `per` entries of a Service meet in one Cluster",
		Why:   "`per` replaces whole fields in some clusters. Two replacements for one cluster are two answers to one question.",
	}
	PerNowhere = &diag.Rule{
		Code: "PER-002", Name: "per-nowhere", Effect: diag.Report,
		Title: "a `per` entry selects no Cluster that the Service is in",
		Why:   "It changes nothing, and its author believes that it does.",
	}
	NoCluster = &diag.Rule{
		Code: "CLU-001", Name: "service-in-no-cluster", Effect: diag.Report, Level: diag.Error,
		Title: "a Service is in no Cluster",
		Why:   "Nothing is rendered for it, neither its own policy nor what it calls.",
	}

	Pending = &diag.Rule{
		Code: "ACC-001", Name: "pending", Effect: diag.Withhold, Level: diag.Warning,
		Title: "an intent waits for the provider's consent",
		Why:   "An access exists when an intent names it and the callee consents. Either change may be merged first, so waiting fails nothing; until then the access is not rendered.",
	}
)

// What a Test says wrongly stops and withholds nothing: the estate is what it is without its tests.
var (
	UnknownInTest = &diag.Rule{
		Code: "TST-001", Name: "unknown-in-test", Effect: diag.Report, Level: diag.Error, Mends: true,
		Title: "a Test names something that no document declares",
		Why:   "A test of a name that nobody bears would hold for ever, and prove nothing.",
	}
	UnreadableAssertion = &diag.Rule{
		Code: "TST-002", Name: "unreadable-assertion", Effect: diag.Report, Level: diag.Error, Mends: true,
		Title: "an assertion of a Test is about requests that cannot be told",
		Why:   "A path that is no template, or a port that carries no such requests, leaves open what the assertion is about. writ does not guess.",
	}
)

// TestRules are the rules about what Tests name.
var TestRules = []*diag.Rule{UnknownInTest, UnreadableAssertion}

// Rules are the rules that resolving applies.
var Rules = []*diag.Rule{
	DuplicateName, UnknownMesh, UnknownCluster, SelectsNothing, UnknownService, UnknownEndpoint, UnknownTeam, UnknownOutsider,
	UnknownPort, DuplicateReference, UnknownActivity, UnknownParty, UnknownApproval, UnknownTerm, MovedTerm,
	OutsideFolder, NamespaceOfNobody, NamespaceOfTwo, NotInNamespace, ForeignOutsider,
	BadPath, NoPortFits, SeveralPortsFit, HTTPOnTCP, DuplicatePort,
	PerTwice, PerNowhere, NoCluster, Pending,
	UnknownInTest, UnreadableAssertion,
}
