package model

import (
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// Privacy is what the organisation decides about personal data.
type Privacy struct {
	// Doc is nil where nobody answers for personal data yet: then Services need not say what they process.
	Doc        *syntax.Privacy
	Controller *Party
	// The words of the vocabulary, with the organisation's own.
	Categories, Uses, Subjects *vocabulary.Taxonomy
	// Notice is how many days before something runs out it is told.
	Notice int
}

// Activity is an entry of the record of processing. What its document says in keys is here in those of today.
type Activity struct {
	Doc         *syntax.Activity
	Name        string
	Purpose     string // "" where the key is unknown
	Subjects    []string
	Categories  []string
	Controllers []*Party
	Recipients  []*Party
	// Compatible are the Activities whose data may be processed further for this one.
	Compatible []*Activity
	Approval   *Approval
	// Basis and Condition are its grounds of Articles 6(1) and 9(2), nil where none is named, or none of the name is known.
	Basis, Condition *vocabulary.Code
	// Unsure says that a word of its purpose, data, grounds or places is unknown: what seems to be missing may be meant by it.
	Unsure bool
}

// Party is one legal person.
type Party struct {
	Doc      *syntax.Party
	Name     string
	Receives []string
	// Mechanism allows transfers to it, nil where none is named, or none of the name is known.
	Mechanism *vocabulary.Code
}

// Approval is a decision.
type Approval struct {
	Doc        *syntax.Approval
	Name       string
	Categories []string
}

// PersonalData is what a Service says of the personal data that it processes. Without Processes it says that there is none.
type PersonalData struct {
	Doc               *syntax.PersonalData
	Processes         []*Processing
	Declassifications []*Declassification
	Channels          []*Channel
	Acknowledgements  []*Acknowledgement
	// The endpoints that serve data subjects, nil where none does.
	Access, Erasure, Rectification *Endpoint
	// Unsure says that a word of it resolved nowhere: what seems to be undeclared may be meant by it.
	Unsure bool
}

// None reports whether the Service says that it processes no personal data.
func (d *PersonalData) None() bool { return d.Doc.None.Value != "" }

// Stores reports whether the Service keeps any of it.
func (d *PersonalData) Stores() bool {
	for _, p := range d.Processes {
		if p.Doc.Stored.Value {
			return true
		}
	}
	return false
}

// Processing is what a Service processes under one Activity, nil where the name resolved nowhere.
type Processing struct {
	Doc        *syntax.Processing
	Activity   *Activity
	Categories []string
	MayReveal  []string
}

// Declassification is where personal data goes in and less comes out.
type Declassification struct {
	Doc       *syntax.Declassification
	Service   *Service
	Name      string
	Drops     []string
	Endpoints []*Endpoint
	Approval  *Approval
}

// Channel is one Service's end of a way that the mesh does not carry.
type Channel struct {
	Doc      *syntax.Channel
	Service  *Service
	Key      string // namespace/name
	Sends    []string
	Receives []string
	Party    *Party // nil where there is none, or none of the name
	Activity *Activity
}

// Acknowledgement is a caller that has used an endpoint since before it said that it has more personal data.
type Acknowledgement struct {
	Doc        *syntax.Acknowledgement
	Caller     *Service
	Endpoint   *Endpoint
	Categories []string
}

// Data is what an endpoint says that it returns or accepts; without Categories it says none.
type Data struct {
	Doc        *syntax.Categories
	Categories []string
}

// Activity is what the access is for, nil where nobody says, or says a name that resolves nowhere.
func (a *Access) Activity() *Activity {
	if a.Intent == nil {
		return nil
	}
	return a.Intent.Activity
}
