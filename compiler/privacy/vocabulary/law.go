package vocabulary

import (
	"slices"
	"sync"
)

// Evidence is what must be kept to show that a Code may be relied on.
type Evidence string

// What a Code can need.
const (
	// ConsentRecord shows who consented to what, and when (Art. 7(1) GDPR).
	ConsentRecord Evidence = "consent-record"
	// Statute is the law of the Union or a member state that the code rests on (Art. 6(3) GDPR).
	Statute Evidence = "statute"
	// InterestsAssessment weighs legitimate interests against those of the persons (Art. 6(1)(f) GDPR).
	InterestsAssessment Evidence = "interests-assessment"
	// TransferAssessment looks at what the law of the country of destination makes of a safeguard (CJEU C-311/18, Schrems II).
	TransferAssessment Evidence = "transfer-assessment"
	// Authorisation is the supervisory authority's (Art. 46(3) GDPR).
	Authorisation Evidence = "authorisation"
)

// Kind is what sort of ground a transfer mechanism is.
type Kind string

// The kinds of Chapter V GDPR. A Code that is no mechanism has none.
const (
	Adequacy   Kind = "adequacy"   // Art. 45: the Commission has decided that the country protects well enough
	Safeguard  Kind = "safeguard"  // Art. 46: the parties see to it
	Derogation Kind = "derogation" // Art. 49: for the exception, not for a standing transfer
)

// Code is a ground of the GDPR: a legal basis of Art. 6, a condition of Art. 9(2), or a transfer mechanism of Chapter V.
type Code struct {
	// ID is DPV's, which is the article's number: A6-1-b-contract-performance.
	ID string
	// Base is the ID of the article's point, which is ID itself unless DPV refines the point: A6-1-b.
	Base        string
	Aliases     []string
	Article     string // as it is cited: Art. 6(1)(b) GDPR
	Title       string
	Description string // one sentence
	// Fides is the word for it in Fides' registers.
	Fides string
	Needs []Evidence
	Kind  Kind
}

// IRI returns the identifier of the code in DPV.
func (c Code) IRI() string { return "https://w3id.org/dpv/legal/eu/gdpr#" + c.ID }

// Need says whether the code needs a piece of evidence.
func (c Code) Need(e Evidence) bool { return slices.Contains(c.Needs, e) }

// LegalBasis finds a legal basis of Art. 6(1) GDPR by its code or an alias such as "consent".
func LegalBasis(name string) (Code, bool) { return legalBases().find(name) }

// Condition finds a condition of Art. 9(2) GDPR by its code or an alias such as "explicit-consent".
func Condition(name string) (Code, bool) { return conditions().find(name) }

// Mechanism finds a transfer mechanism of Chapter V GDPR by its code or an alias such as "standard-clauses".
func Mechanism(name string) (Code, bool) { return mechanisms().find(name) }

// LegalBases returns all of Art. 6(1), in its order.
func LegalBases() []Code { return legalBases().list() }

// Conditions returns all of Art. 9(2), in its order.
func Conditions() []Code { return conditions().list() }

// Mechanisms returns all of Chapter V, in its order.
func Mechanisms() []Code { return mechanisms().list() }

// codes are the codes of one table: all, and each by its ID and its aliases.
type codes struct {
	all  []Code
	name map[string]Code
}

var (
	legalBases = sync.OnceValue(func() codes { return readCodes("legal-bases", text("legal-bases")) })
	conditions = sync.OnceValue(func() codes { return readCodes("conditions", text("conditions")) })
	mechanisms = sync.OnceValue(func() codes { return readCodes("mechanisms", text("mechanisms")) })
)

func (c codes) find(name string) (Code, bool) {
	code, ok := c.name[name]
	return code.clone(), ok
}

func (c codes) list() []Code {
	all := make([]Code, len(c.all))
	for i, code := range c.all {
		all[i] = code.clone()
	}
	return all
}

func (c Code) clone() Code {
	c.Aliases, c.Needs = slices.Clone(c.Aliases), slices.Clone(c.Needs)
	return c
}
