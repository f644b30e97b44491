package weaken

import (
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// axis is one of the three of a stage.
type axis struct {
	name  string
	ranks []string
	text  func(syntax.Stages) syntax.Text
	of    func(model.Stages) int
}

var axes = []axis{
	{"mtls", mtls, func(s syntax.Stages) syntax.Text { return s.MTLS }, func(s model.Stages) int { return int(s.MTLS) }},
	{"authz", authz, func(s syntax.Stages) syntax.Text { return s.Authz }, func(s model.Stages) int { return int(s.Authz) }},
	{"outbound", outbound, func(s syntax.Stages) syntax.Text { return s.Outbound }, func(s model.Stages) int { return int(s.Outbound) }},
}

// stages finds the documents by which what is enforced of a Service with personal data has become less. A word that is lowered where a
// stricter one still holds lowers nothing.
func (c *comparison) stages(d *document, b, a *model.Service) {
	for _, was := range b.Workloads {
		for _, is := range a.Workloads {
			if was.Cluster.Name != is.Cluster.Name {
				continue
			}
			for _, x := range axes {
				if x.of(is.Stages) < x.of(was.Stages) {
					c.lowered(d, x, was, is)
				}
			}
			if was.Floor && !is.Floor {
				c.unfloored(was, is)
			}
			c.prolonged(was, is)
		}
	}
}

// lowered tells of every document that asks for less on the axis.
func (c *comparison) lowered(d *document, x axis, was, is *model.Workload) {
	lowers := func(d *document, field, of string, b, a syntax.Stages) {
		d.lowers(field+".stages."+x.name, of, "its "+x.name, x.text(b), x.text(a), x.ranks)
	}
	lowers(d, "Service.spec", "", was.Service.Doc.Spec.Stages, is.Service.Doc.Spec.Stages)
	lowers(c.document("Cluster", is.Cluster.Doc.Header), "Cluster.spec", "", was.Cluster.Doc.Spec.Stages, is.Cluster.Doc.Spec.Stages)
	strictest := func(s syntax.Stages) syntax.Stages {
		return syntax.Stages{MTLS: or(s.MTLS, "strict"), Authz: or(s.Authz, "enforce"), Outbound: or(s.Outbound, "scoped")}
	}
	mesh := c.document("Mesh", is.Cluster.Mesh.Doc.Header)
	lowers(mesh, "Mesh.spec", "", strictest(was.Cluster.Mesh.Doc.Spec.Stages), strictest(is.Cluster.Mesh.Doc.Spec.Stages))
	for _, a := range is.Service.Namespace.Parts {
		for _, b := range was.Service.Namespace.Parts {
			if a.Team.Name == b.Team.Name {
				team := c.document("Team", a.Team.Doc.Header)
				team.at = a.Key.Span
				lowers(team, "Team.spec.namespaces", is.Service.Namespace.Name, b.Doc.Stages, a.Doc.Stages)
			}
		}
	}
	for i := range is.Cluster.Mesh.Doc.Spec.Exceptions.Items {
		e := &is.Cluster.Mesh.Doc.Spec.Exceptions.Items[i]
		if text := x.text(e.Stages); text.Value != "" && is.RestsOn(e) && !excepted(was, x, text.Value) {
			field := "Mesh.spec.exceptions.stages." + x.name
			if slices.ContainsFunc(was.Cluster.Mesh.Doc.Spec.Exceptions.Items, func(o syntax.Exception) bool {
				return o.Service.Value == e.Service.Value && x.text(o.Stages).Value == text.Value
			}) {
				field = "Mesh.spec.exceptions.clusters"
			}
			mesh.tell(field, text.Span, "+"+e.Service.Value+"\x00"+text.Value+"\x00"+is.Cluster.Name,
				"an exception lets "+e.Service.Value+" stay at "+x.name+" "+text.Value+" in "+is.Cluster.Name)
		}
	}
}

// excepted reports whether an exception let the workload stay there before.
func excepted(w *model.Workload, x axis, value string) bool {
	for i := range w.Cluster.Mesh.Doc.Spec.Exceptions.Items {
		if e := &w.Cluster.Mesh.Doc.Spec.Exceptions.Items[i]; w.RestsOn(e) && x.text(e.Stages).Value == value {
			return true
		}
	}
	return false
}

// prolonged tells of exceptions for a workload that end later than they did.
func (c *comparison) prolonged(was, is *model.Workload) {
	for i := range is.Cluster.Mesh.Doc.Spec.Exceptions.Items {
		a := &is.Cluster.Mesh.Doc.Spec.Exceptions.Items[i]
		for j := range was.Cluster.Mesh.Doc.Spec.Exceptions.Items {
			b := &was.Cluster.Mesh.Doc.Spec.Exceptions.Items[j]
			if is.RestsOn(a) && was.RestsOn(b) && stagesOf(a) == stagesOf(b) {
				mesh := c.document("Mesh", is.Cluster.Mesh.Doc.Header)
				mesh.later("Mesh.spec.exceptions.until", a.Service.Value, "the exception for "+a.Service.Value, b.Until, a.Until)
			}
		}
	}
}

func stagesOf(e *syntax.Exception) [3]string {
	return [3]string{e.Stages.MTLS.Value, e.Stages.Authz.Value, e.Stages.Outbound.Value}
}

// unfloored tells of the document that closed what nobody declared beside the Service, and does no more.
func (c *comparison) unfloored(was, is *model.Workload) {
	cluster := c.document("Cluster", is.Cluster.Doc.Header)
	cluster.denies("Cluster.spec.floor", "its floor is gone", was.Cluster.Doc.Spec.Floor, is.Cluster.Doc.Spec.Floor)
	part := was.Service.Namespace.Floor(was.Cluster)
	if part == nil {
		return
	}
	for _, a := range is.Service.Namespace.Parts {
		if a.Team.Name == part.Team.Name {
			team := c.document("Team", a.Team.Doc.Header)
			team.at = a.Key.Span
			team.tell("Team.spec.namespaces.floor", diag.Span{}, "-"+is.Service.Namespace.Name, "the floor of namespace "+is.Service.Namespace.Name+" is gone")
		}
	}
}
