package main

import (
	"slices"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/gitops"
)

// publishDocument is what `writ publish --format json` prints: the findings' document, and what was done. Within a version fields are
// added, never renamed or removed.
type publishDocument struct {
	diag.Document
	Result  string          `json:"result"` // published, dry-run, unchanged, superseded, stopped
	Source  baseJSON        `json:"source"`
	Branch  string          `json:"branch"`
	Path    string          `json:"path"`
	Commit  string          `json:"commit"` // of the branch now, or to be; "" where there is none
	Parent  string          `json:"parent"` // "" where the branch begins
	Since   string          `json:"since"`  // what the branch was published from before; "" where that is not known
	Tries   int             `json:"tries"`
	Message string          `json:"message"` // "" without a commit
	Stats   *compiler.Stats `json:"stats"`   // null where nothing was compiled
	Proof   *proofJSON      `json:"proof"`
	Out     *outJSON        `json:"out"`    // null where nothing was to be published
	Access  *accessJSON     `json:"access"` // null where there is nothing to compare with
	// OnTheWay is what a cluster could go through while it holds some of the old objects and some of the new.
	OnTheWay []diag.JSONFinding `json:"onTheWay"`
}

type accessJSON struct {
	Gained    []changeJSON     `json:"gained"`
	Lost      []changeJSON     `json:"lost"`
	Switched  []switchJSON     `json:"switched"`
	Disclosed []disclosureJSON `json:"disclosed"`
	Withdrawn []disclosureJSON `json:"withdrawn"`
}

func newPublishDocument(p *published) publishDocument {
	doc := publishDocument{
		Document: diag.NewDocument(nil, nil), Result: p.result(), Source: baseJSON{p.revision, p.Source.Commit}, Branch: p.Branch, Path: p.Path,
		Commit: p.done.Commit, Parent: p.done.Parent, Since: p.done.Since, Tries: p.done.Tries, Message: p.done.Message, OnTheWay: []diag.JSONFinding{},
	}
	if p.change != nil {
		r := p.change.After
		doc.Document, doc.Stats, doc.Proof = diag.NewDocument(r.Findings, nil), &r.Stats, newProofJSON(r.Proof)
		doc.OnTheWay = diag.NewDocument(p.change.OnTheWay, nil).Findings
		if p.contents != nil {
			written := slices.Sorted(slices.Values(slices.Concat(r.Drift.Missing, r.Drift.Changed)))
			doc.Out = &outJSON{list(written), list(p.contents.Removed), p.contents.Unchanged, list(r.Drift.Foreign)}
		}
		if d := p.change.Access; d != nil {
			full := newDiffDocument("", "", d)
			doc.Access = &accessJSON{full.Gained, full.Lost, full.Switched, full.Disclosed, full.Withdrawn}
		}
	}
	return doc
}

func (p *published) result() string {
	switch {
	case p.stopped():
		return "stopped"
	case p.done.Outcome == gitops.Unchanged:
		return "unchanged"
	case p.done.Outcome == gitops.Superseded:
		return "superseded"
	case p.done.Outcome == gitops.WouldPublish:
		return "dry-run"
	default:
		return "published"
	}
}
