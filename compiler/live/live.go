package live

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/manifest"
)

// Checked says of what a proof takes on trust the comparison has seen enough to answer for.
type Checked struct {
	Mesh     bool // the mesh's settings
	Services bool // ports of Kubernetes Services
	Pods     bool // labels, sidecars and accounts
}

// comparison is one cluster with what was found of it.
type comparison struct {
	cluster   *model.Cluster
	snapshot  *Snapshot
	workloads map[string][]*model.Workload // by namespace
	found     diag.List
	checked   Checked
}

// Compare holds a cluster against its documents. Rendered are the objects that they are rendered to.
func (s *Snapshot) Compare(c *model.Cluster, rendered []*manifest.Object) (diag.List, Checked) {
	x := &comparison{cluster: c, snapshot: s, workloads: map[string][]*model.Workload{}}
	for _, w := range c.Workloads {
		n := w.Service.Namespace.Name
		x.workloads[n] = append(x.workloads[n], w)
	}
	x.mesh()
	x.services()
	x.pods()
	x.synced(rendered)
	x.compared()
	x.found.Sort()
	return x.found, x.checked
}

// add notes a finding about the cluster and an object of it.
func (c *comparison) add(rule *diag.Rule, at diag.Span, field string, f diag.Finding, objects ...string) {
	f.Rule, f.Span, f.Field = rule, at, field
	f.Objects = append(objects, "Cluster "+c.cluster.Name)
	c.found.Add(f)
}

// workload is whose pod it is by its labels, nil where it is none's.
func (c *comparison) workload(p *pod) *model.Workload {
	for _, w := range c.workloads[p.Metadata.Namespace] {
		if selects(selectorOf(w), p.Metadata.Labels) {
			return w
		}
	}
	return nil
}

// few is some names of many.
func few(names []string) string {
	const most = 3
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
