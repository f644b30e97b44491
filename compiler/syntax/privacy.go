package syntax

import "writ.dev/writ/compiler/diag"

// Categories is what an endpoint returns or accepts: data categories, or none with or without a reason. One that was not written is
// nil, which says something else.
type Categories struct {
	Keys    List[Text]
	None    Text // "none" where it was written
	Because Text // why none, where that was written
	Span    diag.Span
}

// PersonalData is what a Service says of the personal data that it processes: None alone, or the rest.
type PersonalData struct {
	None         Text // the reason
	Processes    List[Processing]
	Declassifies List[Declassification]
	Channels     List[Channel]
	Rights       Rights
	Acknowledges List[Acknowledgement]
	Span         diag.Span `yaml:"-"`
}

// Processing is what a Service processes under one Activity.
type Processing struct {
	Activity   Text
	Categories List[Text]
	Stored     Bool
	MayReveal  List[Text]
	Span       diag.Span `yaml:"-"`
}

// Declassification is where personal data goes in and less comes out.
type Declassification struct {
	Name      Text
	Drops     List[Text]
	Method    Text // aggregate, anonymise, pseudonymise, discard
	Endpoints List[Text]
	Because   Text
	Approval  Text
	Span      diag.Span `yaml:"-"`
}

// Channel is a way of personal data that the mesh does not carry.
type Channel struct {
	Name     Text // namespace/name, or a name of the Service's own namespace
	Sends    List[Text]
	Receives *Categories
	Party    Text
	Activity Text
	Because  Text
	Span     diag.Span `yaml:"-"`
}

// Rights are the endpoints that serve data subjects, by name.
type Rights struct {
	Through       Text // the Service that they are of; itself unless said
	Access        Text
	Erasure       Text
	Rectification Text
}

// Acknowledgement is a caller that has used an endpoint since before it said that it has more personal data.
type Acknowledgement struct {
	Caller     Text // namespace/name, or a name of the Service's own namespace
	Endpoint   Text
	Categories List[Text]
	Since      Text
	Span       diag.Span `yaml:"-"`
	// Removal takes the entry away, and with the last one the list.
	Removal *diag.Fix `yaml:"-"`
}

// Privacy is what the organisation decides about personal data once for everybody.
type Privacy struct {
	Header `yaml:",inline"`
	Spec   PrivacySpec
}

// PrivacySpec is what a Privacy document says.
type PrivacySpec struct {
	Controller Text // a Party
	Owners     List[Text]
	Vocabulary Text
	Categories List[OwnTerm]
	Uses       List[OwnTerm]
	PlainPaths List[Text]
	Rights     Text // namespace/name of the Service that answers data subjects
	Notice     Int  // days; 30 unless said
	Effects    List[Effect]
	// ReviewAlone are kinds of weakening that need no Approval.
	ReviewAlone List[Text]
	Span        diag.Span `yaml:"-"`
}

// OwnTerm is a word of the organisation's own.
type OwnTerm struct {
	Key     Text
	Because Text
	Class   Text      // personal, elevated, special, criminal; that of what it lies below unless said
	Span    diag.Span `yaml:"-"`
}

// Effect makes a rule stricter.
type Effect struct {
	Rule      Text
	Effect    Text // report, withhold, stop
	Announced Text // told until the entry has none
	Because   Text
	Span      diag.Span `yaml:"-"`
}

// Activity is an entry of the record of processing.
type Activity struct {
	Header `yaml:",inline"`
	Spec   ActivitySpec
}

// ActivitySpec is what an Activity says.
type ActivitySpec struct {
	Title          Text
	Purpose        Text // a data use
	Description    Text
	Role           Text // controller unless said; joint-controller, processor
	Controllers    List[Text]
	Subjects       List[Text]
	Categories     List[Text]
	LegalBasis     LegalGround
	Condition      LegalGround
	Statute        Text
	AgeCheck       Text
	Retention      Retention
	CompatibleWith List[Compatible]
	Recipients     List[Text]
	Stays          List[Text]
	Security       List[Text]
	Assessment     Assessment
	Profiling      Text
	Approval       Text
	Reviewed       Text
	Span           diag.Span `yaml:"-"`
}

// LegalGround is a ground of Article 6(1) or a condition of Article 9(2), with where its evidence lies.
type LegalGround struct {
	Code      Text
	Reference Text
	Span      diag.Span `yaml:"-"`
}

// Retention is how long data is kept.
type Retention struct {
	Period  Text // ISO 8601
	From    Text
	Because Text
	Span    diag.Span `yaml:"-"`
}

// Compatible is an Activity whose data may be processed further.
type Compatible struct {
	Activity   Text
	Assessment Text
	Span       diag.Span `yaml:"-"`
}

// Assessment is a data protection impact assessment, or why there is none.
type Assessment struct {
	Required  Bool
	Reference Text
	Reviewed  Text
	Span      diag.Span `yaml:"-"`
}

// Party is one legal person.
type Party struct {
	Header `yaml:",inline"`
	Spec   PartySpec
}

// PartySpec is what a Party says.
type PartySpec struct {
	LegalName         Text
	Country           Text
	Role              Text // own, processor, controller, joint-controller, authority
	Contact           Text
	ProtectionOfficer Text
	Representative    Text
	Receives          List[Text]
	Contract          Contract
	Transfer          Transfer
	Processors        Processors
	Reviewed          Text
	Span              diag.Span `yaml:"-"`
}

// Contract is the contract of Article 28(3), or the arrangement of Article 26.
type Contract struct {
	Reference Text
	Signed    Text
	Until     Text
	Span      diag.Span `yaml:"-"`
}

// Transfer is what allows a transfer to a Party's country.
type Transfer struct {
	Mechanism  Text
	Module     Int
	Assessment Text
	ReviewBy   Text
	Certified  Bool
	Span       diag.Span `yaml:"-"`
}

// Processors is where a Party's own processors are listed.
type Processors struct {
	List     Text
	Reviewed Text
	Span     diag.Span `yaml:"-"`
}

// Approval is a decision about personal data.
type Approval struct {
	Header `yaml:",inline"`
	Spec   ApprovalSpec
}

// ApprovalSpec is what an Approval says.
type ApprovalSpec struct {
	Decision   Text // approved, rejected, revoked
	Covers     Covers
	DecidedBy  Decider
	Advice     Advice
	Granted    Text
	Until      Text
	Reference  Text
	Conditions List[Text]
	Span       diag.Span `yaml:"-"`
}

// Covers bounds what a decision holds for.
type Covers struct {
	Activities        List[Text]
	Categories        List[Text]
	Services          List[Text]
	Declassifications List[Text]
	Parties           List[Text]
	Places            List[Text]
	Weakenings        List[Text]
	Span              diag.Span `yaml:"-"`
}

// Decider is who decided.
type Decider struct {
	Role Text
	Team Text
	Span diag.Span `yaml:"-"`
}

// Advice is what the protection officer advised.
type Advice struct {
	Outcome   Text // positive, negative
	Given     Text
	Reference Text
	Deviation Text
	Span      diag.Span `yaml:"-"`
}
