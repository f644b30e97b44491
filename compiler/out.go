package compiler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/live"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/overlay"
	"writ.dev/writ/compiler/prove"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

// ForeignManifest is the code of the finding about a manifest in out/ that writ did not render.
const ForeignManifest = "OUT-003"

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
	floorGone = &diag.Rule{
		Code: "OUT-004", Name: "floor-gone", Effect: diag.Report,
		Title: "a floor is removed",
		Why:   "Pods that no document names are refused by the floor and by nothing else: where it goes, they stand open. A namespace that is given up is `retired` first, which keeps its floor.",
	}
	foreignManifest = &diag.Rule{
		Code: ForeignManifest, Name: "foreign-manifest", Effect: diag.Report, Level: diag.Error,
		Title: "a manifest lies in out/ that writ did not render",
		Why:   "Argo CD applies whatever lies there. ALLOW policies add up, so one manifest that no document stands behind can open what all the others close.",
	}
)

// Catalogue is every rule that a compilation applies, by code.
func Catalogue() []*diag.Rule {
	all := slices.Concat(check.Catalogue(), overlay.Rules, prove.Rules, live.Rules, query.Rules, judgeRules, ownerRules, []*diag.Rule{istioRefuses, manyRemoved, foreignManifest, floorGone, staleArgoCD, turnedArgoCD})
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
		help := "if the document is as it should be, this is a fault of writ: please report it"
		if r.Object.Overlay != "" {
			help = "correct it in " + r.Object.Overlay
		}
		found.Add(diag.Finding{
			Rule: istioRefuses, Span: r.Object.Origin, Help: help,
			Message: fmt.Sprintf("Istio refuses %s %s/%s: %s", r.Object.Kind, r.Object.Namespace, r.Object.Name, r.Message),
			Objects: []string{r.Object.Path}, Field: r.Object.Kind,
		})
	}
	return found
}

// carried leaves the clusters of published meshes out of the drift: their manifests lie elsewhere.
func carried(e *model.Estate, d *emit.Drift) {
	published := map[string]bool{}
	for _, c := range e.Clusters {
		published[c.Name] = c.Mesh.Published
	}
	elsewhere := func(name string) bool {
		cluster, _, _ := strings.Cut(name, "/")
		return published[cluster]
	}
	d.Missing = slices.DeleteFunc(d.Missing, elsewhere)
	d.Changed = slices.DeleteFunc(d.Changed, elsewhere)
	d.Orphaned = slices.DeleteFunc(d.Orphaned, elsewhere)
}

// foreign reports the manifests among the files that writ did not write: what lies where Argo CD looks for some. Other files, a
// README for one, are nobody's business.
func foreign(d emit.Drift) diag.List {
	var found diag.List
	for _, name := range d.Foreign {
		if !applied(name) {
			continue
		}
		at := diag.At(1, 1, 0)
		found.Add(diag.Finding{
			Rule: foreignManifest, Span: diag.Span{File: "out/" + name, Start: at, End: at},
			Message: "writ did not render this manifest, and Argo CD would apply it",
			Help:    "take it out of out/; an object that must stay beside writ's own belongs in the cluster's overlay/ folder",
			Objects: []string{name}, Field: "out",
		})
	}
	return found
}

// floors reports the floors among what would be removed.
func floors(e *model.Estate, d emit.Drift) diag.List {
	var found diag.List
	for _, name := range d.Orphaned {
		dir, isFloor := strings.CutSuffix(name, "/authorizationpolicy-writ.floor.yaml")
		cluster, namespace, ok := strings.Cut(dir, "/")
		if !isFloor || !ok {
			continue
		}
		span := removalSpan(e, cluster)
		for _, n := range e.Namespaces {
			if n.Name == namespace {
				span = n.Parts[0].Key.Span
			}
		}
		found.Add(diag.Finding{
			Rule: floorGone, Span: span,
			Message: fmt.Sprintf("namespace %s loses its floor in %s: pods there that no document names stand open", namespace, cluster),
			Help:    "leave `floor: true`; if the namespace is given up, write `retired: true` until nothing runs there",
			Objects: []string{"Namespace " + namespace, "Cluster " + cluster}, Field: "out",
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
	for _, name := range d.Orphaned {
		cluster, _, _ := strings.Cut(name, "/")
		orphaned[cluster]++
	}
	var found diag.List
	for _, cluster := range slices.Sorted(maps.Keys(orphaned)) {
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
	return diag.Span{File: "policies", Start: diag.At(1, 1, 0), End: diag.At(1, 1, 0)}
}
