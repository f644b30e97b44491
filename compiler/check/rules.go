// Package check holds the estate against the rules of the catalogue and says what is withheld and why. A rule is a value: its
// line in the catalogue and one function over a Pass; its bad and its good example lie in testdata/<CODE>.txtar and are its
// test and its documentation.
package check

import (
	"cmp"
	"embed"
	"slices"
	"sync"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
)

// Rule is a line of the catalogue with the function that looks for what it forbids.
type Rule struct {
	*diag.Rule
	Run func(*Pass)
}

// Rules are the rules that Run applies, by family.
var Rules = []Rule{
	{trustShared, runTrustShared},
	{localTrustDomain, runLocalTrustDomain},
	{oldIstio, runOldIstio},
	{trustBlurs, runTrustBlurs},
	{holdsInSome, runHoldsInSome},
	{unreachable, runUnreachable},
	{partlyUnreachable, runPartlyUnreachable},
	{addressesShort, runAddressesShort},

	{sharedAccount, runSharedAccount},
	{defaultAccount, runDefaultAccount},
	{selectorsMeet, runSelectorsMeet},
	{outsiderIsService, runOutsiderIsService},
	{outsiderIsEverybody, runOutsiderIsEverybody},
	{outsidersShare, runOutsidersShare},
	{outsiderSquats, runOutsiderSquats},
	{inRootNamespace, runInRootNamespace},

	{samePattern, runSamePattern},
	{coveredPattern, runCoveredPattern},
	{audiencesOverlap, runAudiencesOverlap},
	{idleGrant, runIdleGrant},

	{needsSidecar, runNeedsSidecar},
	{underFloor, runUnderFloor},
	{callerWithoutIdentity, runCallerWithoutIdentity},
	{floorOverGateways, runFloorOverGateways},
	{idleException, runIdleException},
	{inRetired, runInRetired},

	{pastUntil, runPastUntil},
	{pastException, runPastException},
	{tooManyRules, runTooManyRules},

	{undeclaredService, runUndeclaredService},
	{undeclaredFlow, runUndeclaredFlow},
	{saysNone, runSaysNone},
	{saysNothingAccepted, runSaysNothingAccepted},
	{falselyClean, runFalselyClean},
	{otherPurpose, runOtherPurpose},
	{withoutActivity, runWithoutActivity},
	{keptLonger, runKeptLonger},
	{otherPeople, runOtherPeople},
	{moreThanNeeded, runMoreThanNeeded},
	{openToMany, runOpenToMany},
	{widerThanItsTag, runWiderThanItsTag},
	{portAlone, runPortAlone},
	{notEncrypted, runNotEncrypted},
	{notEnforced, runNotEnforced},
	{oneIdentityForTwo, runOneIdentityForTwo},
	{toNobody, runToNobody},
	{withoutContract, runWithoutContract},
	{moreThanReceives, runMoreThanReceives},
	{withoutMechanism, runWithoutMechanism},
	{thinTransfer, runThinTransfer},
	{standingDerogation, runStandingDerogation},
	{outsidePlace, runOutsidePlace},
	{cannotTellApart, runCannotTellApart},
	{unseenProcessors, runUnseenProcessors},
	{inTheURL, runInTheURL},
	{inTheSpans, runInTheSpans},
	{intoTests, runIntoTests},
	{beyondRights, runBeyondRights},
	{cutOffHolder, runCutOffHolder},
	{acknowledged, runAcknowledged},
	{writesWithout, runWritesWithout},
	{anyRequest, runAnyRequest},
	{contractEnds, runContractEnds},
	{idleAcknowledgement, runIdleAcknowledgement},

	{nobodyAnswers, runNobodyAnswers},
	{staleDeclaration, runStaleDeclaration},
	{broadTag, runBroadTag},
	{revealsNothing, runRevealsNothing},
	{outsideActivity, runOutsideActivity},
	{beyondDeclared, runBeyondDeclared},
	{credentialsHandedOut, runCredentials},

	{incompleteActivity, runIncompleteActivity},
	{noCondition, runNoCondition},
	{noAssessment, runNoAssessment},
	{noStatute, runNoStatute},
	{noEvidence, runNoEvidence},
	{nationalNumberWithoutLaw, runNationalNumber},
	{childrenUnguarded, runChildren},
	{marketingOnContract, runMarketingOnContract},
	{unsaidProfiling, runUnsaidProfiling},
	{unsaidPurpose, runUnsaidPurpose},
	{vaguePurpose, runVaguePurpose},

	{noApproval, runNoApproval},
	{approvalEnds, runApprovalEnds},
	{notCovered, runNotCovered},
	{officerDecides, runOfficerDecides},
	{adviceNotFollowed, runAdvice},
	{notReviewed, runNotReviewed},
	{nobodyReached, runNobodyReached},
	{personInRepository, runPersonInRepository},
	{effectLowered, runEffectLowered},
	{staleTables, runStaleTables},
}

// Catalogue is every rule of every stage up to this one, by code.
func Catalogue() []*diag.Rule {
	all := slices.Concat(syntax.Rules, model.Rules, ignoreRules, laterRules)
	for _, r := range Rules {
		all = append(all, r.Rule)
	}
	slices.SortFunc(all, func(a, b *diag.Rule) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

// Examples hold a bad and a good case of each rule, as testdata/<CODE>.txtar.
//
//go:embed testdata/*.txtar
var Examples embed.FS

// Pass is what a rule sees and where it says what it found.
type Pass struct {
	Estate *model.Estate
	// AsOf is the day to judge dates by, as YYYY-MM-DD.
	AsOf string

	rule     *diag.Rule
	found    diag.List
	withheld map[withheld]*diag.Rule // the first rule that kept it out
	reached  []*reach
	flow     *privacy.Flow
	sharp    map[*diag.Rule]*diag.Rule // rules about personal data as strict as they are here
	intents  []*askedFor
	callers  map[*syntax.Endpoint][]*model.Access
	uses     map[*model.Activity]*use
	worst    map[worstOf]string
	claims   []*claim
	coming   map[*model.Service][]string // by comesUndeclared
	codes    []*diag.Rule                // the catalogue
}

// withheld is an access, or the part of it that comes from one workload.
type withheld struct {
	access *model.Access
	from   *model.Workload
}

// Report adds a finding of the rule that is running.
func (p *Pass) Report(at diag.Span, f diag.Finding) {
	f.Rule, f.Span = p.rule, at
	p.found.Add(f)
}

// Withhold keeps the whole access out of the manifests.
func (p *Pass) Withhold(a *model.Access) { p.WithholdFrom(a, nil) }

// WithholdFrom keeps the part of the access that comes from one workload out of the manifests.
func (p *Pass) WithholdFrom(a *model.Access, w *model.Workload) {
	if p.withheld[withheld{a, w}] == nil {
		p.withheld[withheld{a, w}] = p.rule
	}
}

// Checked is an estate that was held against every rule, with what they withheld. Only Run makes one that renders anything:
// the zero value has no estate.
type Checked struct {
	estate   *model.Estate
	withheld map[withheld]*diag.Rule
	flow     func() *privacy.Flow // traced once, when first asked for
}

// Run applies every rule. The findings are complete also where some of them stop.
func Run(p *Pass) (Checked, diag.List) {
	p.withheld, p.codes = map[withheld]*diag.Rule{}, Catalogue()
	for _, r := range Rules {
		p.rule = r.Rule
		r.Run(p)
	}
	return Checked{estate: p.Estate, withheld: p.withheld, flow: sync.OnceValue(p.traced)}, p.found
}

// Estate is the estate that was checked, nil in the zero value.
func (c Checked) Estate() *model.Estate { return c.estate }

// Flow is the flow of personal data in the estate.
func (c Checked) Flow() *privacy.Flow { return c.flow() }

// Holds reports whether calls of the access from the workload, nil for an Outsider, are to be allowed.
func (c Checked) Holds(a *model.Access, from *model.Workload) bool {
	return c.WithheldBy(a, from) == nil
}

// WithheldBy is the rule that keeps calls of the access from the workload out of the manifests, nil where none does.
func (c Checked) WithheldBy(a *model.Access, from *model.Workload) *diag.Rule {
	if r := c.withheld[withheld{a, nil}]; r != nil {
		return r
	}
	return c.withheld[withheld{a, from}]
}

// Withheld counts the accesses that are kept out of the manifests, wholly or in part. Pending ones are not among them.
func (c Checked) Withheld() int {
	accesses := map[*model.Access]bool{}
	for w := range c.withheld {
		accesses[w.access] = true
	}
	return len(accesses)
}
