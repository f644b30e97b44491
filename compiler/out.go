package compiler

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var (
	istioRefuses = &diag.Rule{
		Code: "OUT-001", Name: "istio-refuses", Effect: diag.Stop,
		Title: "Istio's own validation refuses a rendered object",
		Why:   "The same code runs in istiod's webhook: the cluster would refuse the object, and Argo CD would stop in the middle of a sync.",
	}
	manyRemoved = &diag.Rule{
		Code: "OUT-002", Name: "many-removed", Effect: diag.Stop,
		Title: "more than 30 % of a Cluster's objects would be removed at once",
		Why:   "A policy that is gone can open what it closed, and a slip in one selection takes hundreds away. Nobody does this by accident twice: say it in the Mesh document first.",
	}
)

// Catalogue is every rule that a compilation applies, by code.
func Catalogue() []*diag.Rule {
	all := append(check.Catalogue(), istioRefuses, manyRemoved)
	slices.SortFunc(all, func(a, b *diag.Rule) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// refusals makes findings of what Istio would refuse, each at the document that the object comes from.
func refusals(all []istio.Refusal) diag.List {
	var found diag.List
	for _, r := range all {
		if r.Warning {
			continue
		}
		found.Add(diag.Finding{
			Rule: istioRefuses, Span: r.Object.Origin,
			Message: fmt.Sprintf("Istio refuses %s %s/%s: %s", r.Object.Kind, r.Object.Namespace, r.Object.Name, r.Message),
			Help:    "if the document is as it should be, this is a fault of writ: please report it",
			Objects: []string{r.Object.Path}, Field: r.Object.Kind,
		})
	}
	return found
}

// Where a cluster's folder holds at least fewObjects, removing more than largestShare of them needs a `removals` entry.
const (
	fewObjects   = 20
	largestShare = 0.3
)

// removals objects to what would take too much of a cluster away at once. The entry that permits it stands in the Mesh
// document, not in the Cluster's, so that a Cluster whose document goes can be removed too.
func removals(e *model.Estate, d emit.Drift, asOf string) diag.List {
	orphaned := map[string]int{}
	for _, path := range d.Orphaned {
		cluster, _, _ := strings.Cut(path, "/")
		orphaned[cluster]++
	}
	var found diag.List
	for _, cluster := range keysOf(orphaned) {
		n, had := orphaned[cluster], d.Existing[cluster]
		if had < fewObjects || float64(n) <= largestShare*float64(had) || permitted(e, cluster, asOf) {
			continue
		}
		found.Add(diag.Finding{
			Rule: manyRemoved, Span: removalSpan(e, cluster),
			Message: fmt.Sprintf("%d of the %d objects in out/%s would be removed", n, had, cluster),
			Help:    fmt.Sprintf("if that is meant, add to the Mesh document: removals: [{cluster: %s, because: ..., until: YYYY-MM-DD}]", cluster),
			Objects: []string{"Cluster " + cluster}, Field: "out",
		})
	}
	return found
}

func permitted(e *model.Estate, cluster, asOf string) bool {
	for _, m := range e.Meshes {
		if slices.ContainsFunc(m.Doc.Spec.Removals.Items, func(r syntax.Removal) bool {
			return r.Cluster.Value == cluster && r.Until.Value >= asOf
		}) {
			return true
		}
	}
	return false
}

// removalSpan is the cluster's document, or the first mesh's where the document is gone.
func removalSpan(e *model.Estate, cluster string) diag.Span {
	for _, c := range e.Clusters {
		if c.Name == cluster {
			return c.Doc.Metadata.Name.Span
		}
	}
	for _, m := range e.Meshes {
		return m.Doc.Metadata.Name.Span
	}
	return diag.Span{File: "policies", Start: diag.Pos{Line: 1, Column: 1}, End: diag.Pos{Line: 1, Column: 1}}
}

func keysOf(m map[string]int) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
