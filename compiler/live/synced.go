package live

import (
	"fmt"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove/manifest"
)

// managed is the label of what writ renders.
const managed, writ = "app.kubernetes.io/managed-by", "writ"

// synced compares the objects of the cluster with those that the documents are rendered to.
func (c *comparison) synced(rendered []*manifest.Object) {
	runs := map[identity]*manifest.Object{}
	for _, o := range c.snapshot.objects {
		runs[identify(o)] = o
	}
	want := map[identity]bool{}
	for _, o := range rendered {
		id := identify(o)
		want[id] = true
		is := runs[id]
		switch {
		case is == nil:
			c.add(notInSync, at(o), id.String(), diag.Finding{
				Message: fmt.Sprintf("%s is not in %s", id, c.cluster.Name),
				Help:    "Argo CD has not synced it, or somebody took it away: look at the Application " + application(c.cluster.Name, id),
			}, id.String())
		case is.SHA256() != o.SHA256():
			help := "Argo CD has not synced it, or somebody changed it: look at the Application " + application(c.cluster.Name, id)
			if by := c.snapshot.managers[id]; len(by) > 0 {
				help = "it was written by " + few(by) + ", and not by Argo CD: have Argo CD sync it again"
			}
			c.add(notInSync, at(o), id.String(), diag.Finding{
				Message: fmt.Sprintf("%s in %s is not as it is rendered", id, c.cluster.Name),
				Help:    help,
				Related: []diag.Related{{Span: at(is), Message: "what runs"}},
			}, id.String())
		}
	}
	for id, o := range runs {
		if o.Labels[managed] == writ && !want[id] {
			c.add(notInSync, at(o), id.String(), diag.Finding{
				Message: fmt.Sprintf("%s is in %s still, and no document asks for it", id, c.cluster.Name),
				Help:    "Argo CD has not pruned it, or waits for somebody to confirm that: look at the Application " + application(c.cluster.Name, id),
			}, id.String())
		}
	}
}

// application is what the ApplicationSet of `writ argocd` calls the Application of a namespace.
func application(cluster string, id identity) string {
	return strings.Join([]string{cluster, id.namespace}, ".")
}

func at(o *manifest.Object) diag.Span {
	start := diag.At(max(o.Line, 1), 1, 0)
	return diag.Span{File: o.Path, Start: start, End: start}
}
