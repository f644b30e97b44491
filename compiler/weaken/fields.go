package weaken

import (
	"maps"
	"slices"
)

// Kind is a kind of weakening. Privacy documents name those that rely on the review of code owners alone.
type Kind string

// The kinds.
const (
	Tag             Kind = "tag"       // less is said of what personal data there is
	FirstTag        Kind = "first-tag" // an endpoint that had all of its Service's data is said to have less
	Endpoint        Kind = "endpoint"  // an endpoint with personal data answers more
	Grant           Kind = "grant"     // an endpoint with personal data lets more callers in
	Declassify      Kind = "declassification"
	Acknowledgement Kind = "acknowledgement" // a caller need not declare what it gets
	Recipient       Kind = "recipient"       // personal data goes to more, or by more ways
	Place           Kind = "place"           // personal data is in more countries, with more operators, or where less is asked
	Transfer        Kind = "transfer"        // less justifies a transfer
	Approval        Kind = "approval"        // a decision covers more, or is gone
	Scope           Kind = "scope"           // an Activity bounds less
	Ground          Kind = "ground"          // less shows that processing is lawful
	Rights          Kind = "rights"          // data subjects reach less
	Enforcement     Kind = "enforcement"     // clusters enforce less where personal data is
	Judge           Kind = "rules"           // the rules about personal data ask for less
)

// Kinds returns all kinds, sorted.
func Kinds() []Kind {
	all := map[Kind]bool{}
	for _, l := range fields {
		if l.kind != "" {
			all[l.kind] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// line is what the table says of a field: the kind of weakening that a change of it can be, the field that it is compared with, or why
// no change of it weakens anything.
type line struct {
	kind     Kind
	with     string
	harmless string
}

func is(k Kind) line           { return line{kind: k} }
func with(field string) line   { return line{with: field} }
func harmless(why string) line { return line{harmless: why} }

const (
	words    = "words for people, that no rule reads"
	asserted = "a Test says what is meant and changes nothing of it"
	called   = "an access needs the provider's consent and an Activity, and rules judge it (PII-010 to PII-019)"
	pods     = "a Service that takes over pods is compared with the one that had them; shared identities are PII-037"
	shown    = "what the platform renders, and the proof holds"
)

// fields is the table: every field of every kind of document. A field that is not here fails a test until somebody decides.
var fields = map[string]line{
	"metadata.name":      harmless("a document of another name is another document"),
	"metadata.namespace": harmless("a Service in another namespace is another Service; pods that it takes over are compared"),
	"metadata.labels":    with("Service.spec.clusters"), // which select Clusters
	"apiVersion":         harmless("there is one"),
	"kind":               harmless("a document of another kind is another document"),

	"Service.metadata":          is(Tag),
	"Service.spec.personalData": is(Tag),
	"Cluster.metadata":          is(Place),
	"Privacy.metadata":          is(Judge),

	"Mesh.spec.rootNamespace":              harmless(shown),
	"Mesh.spec.domain":                     harmless(shown),
	"Mesh.spec.trustRoot":                  is(Enforcement),
	"Mesh.spec.stages.mtls":                is(Enforcement),
	"Mesh.spec.stages.authz":               is(Enforcement),
	"Mesh.spec.stages.outbound":            is(Enforcement),
	"Mesh.spec.strict":                     is(Enforcement),
	"Mesh.spec.delivery":                   harmless("how manifests travel, not what they say"),
	"Mesh.spec.owners":                     harmless("the platform's folder is its own, whose owners agree to it"),
	"Mesh.spec.infrastructure.name":        harmless(words),
	"Mesh.spec.infrastructure.from":        harmless("infrastructure never reaches tagged endpoints (PII-030)"),
	"Mesh.spec.infrastructure.endpoints":   harmless("infrastructure never reaches tagged endpoints (PII-030)"),
	"Mesh.spec.infrastructure.teams":       harmless("infrastructure never reaches tagged endpoints (PII-030)"),
	"Mesh.spec.infrastructure.because":     harmless(words),
	"Mesh.spec.reachable":                  is(Enforcement),
	"Mesh.spec.exceptions.service":         with("Mesh.spec.exceptions.stages.mtls"),
	"Mesh.spec.exceptions.clusters":        is(Enforcement),
	"Mesh.spec.exceptions.stages.mtls":     is(Enforcement),
	"Mesh.spec.exceptions.stages.authz":    is(Enforcement),
	"Mesh.spec.exceptions.stages.outbound": is(Enforcement),
	"Mesh.spec.exceptions.because":         harmless(words),
	"Mesh.spec.exceptions.until":           is(Enforcement),
	"Mesh.spec.removals.cluster":           harmless("which objects may go at once; what goes with them is compared"),
	"Mesh.spec.removals.because":           harmless(words),
	"Mesh.spec.removals.until":             harmless("which objects may go at once; what goes with them is compared"),

	"Cluster.spec.mesh":                    harmless("Services are compared across meshes; reach never leaves one"),
	"Cluster.spec.trustDomain":             harmless("whom the cluster's identities can be told from is judged as it is (CLU, IDN)"),
	"Cluster.spec.trustDomainAliases":      is(Enforcement),
	"Cluster.spec.skipValidateTrustDomain": is(Enforcement),
	"Cluster.spec.discovers":               harmless("who reaches what across clusters is judged by residency (PII-058, PII-059)"),
	"Cluster.spec.dataPlane":               harmless("there is one"),
	"Cluster.spec.istioVersion":            harmless("what a version cannot do is withheld"),
	"Cluster.spec.country":                 is(Place),
	"Cluster.spec.operator":                is(Place),
	"Cluster.spec.tier":                    is(Place),
	"Cluster.spec.gateways":                harmless("gateways reach no tagged endpoint (PII-030)"),
	"Cluster.spec.serviceCIDR":             harmless(shown),
	"Cluster.spec.stages.mtls":             is(Enforcement),
	"Cluster.spec.stages.authz":            is(Enforcement),
	"Cluster.spec.stages.outbound":         is(Enforcement),
	"Cluster.spec.floor":                   is(Enforcement),
	"Cluster.spec.strict":                  is(Enforcement),
	"Cluster.spec.pathNormalization":       is(Enforcement),
	"Cluster.spec.accepted.object":         is(Enforcement),
	"Cluster.spec.accepted.sha256":         is(Enforcement),
	"Cluster.spec.accepted.because":        harmless(words),
	"Cluster.spec.accepted.until":          is(Enforcement),

	"Team.spec.contact":                    harmless(words),
	"Team.spec.owners":                     harmless("the platform's folder is its own, whose owners agree to it"),
	"Team.spec.clusters":                   is(Place),
	"Team.spec.namespaces.clusters":        is(Place),
	"Team.spec.namespaces.floor":           is(Enforcement),
	"Team.spec.namespaces.shared":          is(Enforcement),
	"Team.spec.namespaces.retired":         with("Team.spec.namespaces.floor"), // which it closes too
	"Team.spec.namespaces.stages.mtls":     is(Enforcement),
	"Team.spec.namespaces.stages.authz":    is(Enforcement),
	"Team.spec.namespaces.stages.outbound": is(Enforcement),

	"Outsider.spec.identity":          is(Grant),
	"Outsider.spec.cidrs":             is(Grant),
	"Outsider.spec.clusters":          is(Grant),
	"Outsider.spec.because":           harmless(words),
	"Outsider.spec.until":             is(Grant),
	"Outsider.spec.intents.to":        harmless(called),
	"Outsider.spec.intents.endpoints": harmless(called),
	"Outsider.spec.intents.because":   harmless(words),
	"Outsider.spec.intents.activity":  harmless(called),
	"Outsider.spec.intents.until":     harmless(called),

	"Service.spec.clusters":           is(Place),
	"Service.spec.selector":           harmless(pods),
	"Service.spec.serviceAccounts":    harmless(pods),
	"Service.spec.hosts":              harmless("where callers find it, not who may call it"),
	"Service.spec.ports.port":         harmless("where it is offered, not what"),
	"Service.spec.ports.targetPort":   harmless("where it is offered, not what"),
	"Service.spec.ports.protocol":     harmless("a port that tells no requests apart is PII-034"),
	"Service.spec.endpoints.port":     is(Endpoint),
	"Service.spec.endpoints.methods":  is(Endpoint),
	"Service.spec.endpoints.paths":    is(Endpoint),
	"Service.spec.endpoints.grpc":     is(Endpoint),
	"Service.spec.endpoints.audience": harmless("audience: mesh on a tagged endpoint is PII-030"),
	"Service.spec.endpoints.returns":  is(Tag),
	// An endpoint that said nothing, and so had all that its Service has.
	"Service.spec.endpoints.returns first": is(FirstTag),
	"Service.spec.endpoints.accepts":       is(Tag),
	"Service.spec.endpoints.purposes":      is(Scope),

	"Service.spec.personalData.none":                    is(Tag),
	"Service.spec.personalData.processes.activity":      is(Tag),
	"Service.spec.personalData.processes.categories":    is(Tag),
	"Service.spec.personalData.processes.stored":        is(Tag),
	"Service.spec.personalData.processes.mayReveal":     is(Tag),
	"Service.spec.personalData.declassifies.name":       is(Declassify),
	"Service.spec.personalData.declassifies.drops":      is(Declassify),
	"Service.spec.personalData.declassifies.method":     is(Declassify),
	"Service.spec.personalData.declassifies.endpoints":  is(Declassify),
	"Service.spec.personalData.declassifies.because":    harmless(words),
	"Service.spec.personalData.declassifies.approval":   is(Declassify),
	"Service.spec.personalData.channels.name":           is(Recipient),
	"Service.spec.personalData.channels.sends":          is(Recipient),
	"Service.spec.personalData.channels.receives":       is(Tag),
	"Service.spec.personalData.channels.party":          is(Recipient),
	"Service.spec.personalData.channels.activity":       is(Recipient),
	"Service.spec.personalData.channels.because":        harmless(words),
	"Service.spec.personalData.rights.through":          is(Rights),
	"Service.spec.personalData.rights.access":           is(Rights),
	"Service.spec.personalData.rights.erasure":          is(Rights),
	"Service.spec.personalData.rights.rectification":    is(Rights),
	"Service.spec.personalData.acknowledges.caller":     is(Acknowledgement),
	"Service.spec.personalData.acknowledges.endpoint":   with("Service.spec.personalData.acknowledges.caller"),
	"Service.spec.personalData.acknowledges.categories": is(Acknowledgement),
	"Service.spec.personalData.acknowledges.since":      harmless("a day alone only reports"),

	"Service.spec.grants.from":         is(Grant),
	"Service.spec.grants.endpoints":    is(Grant),
	"Service.spec.grants.because":      harmless(words),
	"Service.spec.grants.until":        is(Grant),
	"Service.spec.intents.to":          harmless(called),
	"Service.spec.intents.endpoints":   harmless(called),
	"Service.spec.intents.because":     harmless(words),
	"Service.spec.intents.activity":    harmless(called),
	"Service.spec.intents.until":       harmless(called),
	"Service.spec.stages.mtls":         is(Enforcement),
	"Service.spec.stages.authz":        is(Enforcement),
	"Service.spec.stages.outbound":     is(Enforcement),
	"Service.spec.per.clusters":        harmless(pods),
	"Service.spec.per.serviceAccounts": harmless(pods),
	"Service.spec.per.selector":        harmless(pods),
	"Service.spec.per.hosts":           harmless("where callers find it, not who may call it"),
	"Service.spec.per.targetPorts":     harmless("where it is offered, not what"),

	"Test.spec.because":         harmless(words),
	"Test.spec.clusters":        harmless(asserted),
	"Test.spec.enforced":        harmless(asserted),
	"Test.spec.allow.from":      harmless(asserted),
	"Test.spec.allow.to":        harmless(asserted),
	"Test.spec.allow.endpoints": harmless(asserted),
	"Test.spec.allow.port":      harmless(asserted),
	"Test.spec.allow.methods":   harmless(asserted),
	"Test.spec.allow.paths":     harmless(asserted),
	"Test.spec.allow.grpc":      harmless(asserted),
	"Test.spec.deny.from":       harmless(asserted),
	"Test.spec.deny.to":         harmless(asserted),
	"Test.spec.deny.endpoints":  harmless(asserted),
	"Test.spec.deny.port":       harmless(asserted),
	"Test.spec.deny.methods":    harmless(asserted),
	"Test.spec.deny.paths":      harmless(asserted),
	"Test.spec.deny.grpc":       harmless(asserted),
	"Test.spec.only.to":         harmless(asserted),
	"Test.spec.only.endpoints":  harmless(asserted),
	"Test.spec.only.port":       harmless(asserted),
	"Test.spec.only.methods":    harmless(asserted),
	"Test.spec.only.paths":      harmless(asserted),
	"Test.spec.only.grpc":       harmless(asserted),
	"Test.spec.only.from":       harmless(asserted),

	"Privacy.spec.controller":         is(Ground),
	"Privacy.spec.owners":             is(Judge),
	"Privacy.spec.vocabulary":         harmless("there is one"),
	"Privacy.spec.categories.key":     harmless("a word that is gone is unknown wherever it stands (PII-002)"),
	"Privacy.spec.categories.because": harmless(words),
	"Privacy.spec.categories.class":   is(Judge),
	"Privacy.spec.uses.key":           harmless("a word that is gone is unknown wherever it stands (PII-002)"),
	"Privacy.spec.uses.because":       harmless(words),
	"Privacy.spec.uses.class":         harmless("purposes have no class that a rule reads"),
	"Privacy.spec.plainPaths":         is(Judge),
	"Privacy.spec.rights":             is(Rights),
	"Privacy.spec.notice":             is(Judge),
	"Privacy.spec.effects.rule":       with("Privacy.spec.effects.effect"),
	"Privacy.spec.effects.effect":     is(Judge),
	"Privacy.spec.effects.announced":  with("Privacy.spec.effects.effect"), // which holds no more
	"Privacy.spec.effects.because":    harmless(words),
	"Privacy.spec.reviewAlone":        is(Judge),

	"Activity.spec.title":                     harmless(words),
	"Activity.spec.purpose":                   is(Scope),
	"Activity.spec.description":               harmless(words),
	"Activity.spec.role":                      is(Ground),
	"Activity.spec.controllers":               is(Ground),
	"Activity.spec.subjects":                  is(Scope),
	"Activity.spec.categories":                is(Scope),
	"Activity.spec.legalBasis.code":           is(Ground),
	"Activity.spec.legalBasis.reference":      is(Ground),
	"Activity.spec.condition.code":            is(Ground),
	"Activity.spec.condition.reference":       is(Ground),
	"Activity.spec.ageCheck":                  is(Ground),
	"Activity.spec.statute":                   is(Ground),
	"Activity.spec.retention.period":          is(Scope),
	"Activity.spec.retention.from":            is(Scope),
	"Activity.spec.retention.because":         harmless(words),
	"Activity.spec.compatibleWith.activity":   is(Scope),
	"Activity.spec.compatibleWith.assessment": is(Ground),
	"Activity.spec.recipients":                is(Recipient),
	"Activity.spec.stays":                     is(Place),
	"Activity.spec.security":                  is(Ground),
	"Activity.spec.assessment.required":       is(Ground),
	"Activity.spec.assessment.reference":      is(Ground),
	"Activity.spec.assessment.reviewed":       is(Ground),
	"Activity.spec.profiling":                 is(Ground),
	"Activity.spec.approval":                  is(Approval),
	"Activity.spec.reviewed":                  is(Ground),

	"Party.spec.legalName":           is(Recipient),
	"Party.spec.country":             is(Place),
	"Party.spec.role":                is(Recipient),
	"Party.spec.contact":             is(Rights),
	"Party.spec.protectionOfficer":   is(Rights),
	"Party.spec.representative":      is(Rights),
	"Party.spec.receives":            is(Recipient),
	"Party.spec.contract.reference":  is(Transfer),
	"Party.spec.contract.signed":     harmless("the day of what the reference names"),
	"Party.spec.contract.until":      harmless("a contract that holds for longer protects for longer; one that has ended is PII-051"),
	"Party.spec.transfer.mechanism":  is(Transfer),
	"Party.spec.transfer.module":     is(Transfer),
	"Party.spec.transfer.assessment": is(Transfer),
	"Party.spec.transfer.reviewBy":   is(Transfer),
	"Party.spec.transfer.certified":  is(Transfer),
	"Party.spec.processors.list":     is(Transfer),
	"Party.spec.processors.reviewed": is(Transfer),
	"Party.spec.reviewed":            is(Transfer),

	"Approval.spec.decision":                 is(Approval),
	"Approval.spec.covers.activities":        is(Approval),
	"Approval.spec.covers.categories":        is(Approval),
	"Approval.spec.covers.services":          is(Approval),
	"Approval.spec.covers.declassifications": is(Approval),
	"Approval.spec.covers.parties":           is(Approval),
	"Approval.spec.covers.places":            is(Approval),
	"Approval.spec.covers.weakenings":        is(Approval),
	"Approval.spec.decidedBy.role":           is(Approval),
	"Approval.spec.decidedBy.team":           is(Approval),
	"Approval.spec.advice.outcome":           is(Approval),
	"Approval.spec.advice.given":             harmless("the day of what the reference names"),
	"Approval.spec.advice.reference":         is(Approval),
	"Approval.spec.advice.deviation":         is(Approval),
	"Approval.spec.granted":                  harmless("an approval holds until its last day, which is compared"),
	"Approval.spec.until":                    is(Approval),
	"Approval.spec.reference":                is(Approval),
	"Approval.spec.conditions":               is(Approval),
}
