package compiler

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/argocd"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
)

var (
	staleArgoCD = &diag.Rule{
		Code: "OUT-005", Name: "stale-argo-cd", Effect: diag.Report, Level: diag.Error,
		Title: argocd.Path + " is not what the documents say",
		Why:   "Its AppProject is what Argo CD admits. What it lacks never reaches a cluster, so that a new namespace stands open for want of its floor; what it has too much, nobody needs.",
	}
	turnedArgoCD = &diag.Rule{
		Code: "OUT-006", Name: "turned-argo-cd", Effect: diag.Report, Level: diag.Warning,
		Title: "a change has Argo CD apply something else, or takes away what says what it applies",
		Why:   "What is proved is what writ renders here. From another repository, branch or folder, or into a cluster of another name, Argo CD may apply what nobody has proved.",
	}
)

// placed is what Argo CD must admit for the estate: the namespaces of the documents, which the platform's team decides, and what lies
// elsewhere because the mesh or an overlay has it there. So no team's change of its own documents needs another AppProject.
func placed(e *model.Estate, objects []istio.Object) argocd.Admitted {
	places, kinds := map[argocd.Place]bool{}, map[argocd.Kind]bool{}
	for _, n := range e.Namespaces {
		for _, c := range e.Clusters {
			if n.In(c) {
				places[argocd.Place{Cluster: c.Name, Namespace: n.Name}] = true
			}
		}
	}
	versions := istio.Kinds()
	add := func(kind string) {
		group, _, _ := strings.Cut(versions[kind], "/")
		kinds[argocd.Kind{Group: group, Kind: kind}] = true
	}
	for _, kind := range istio.Rendered() {
		add(kind)
	}
	for i := range objects {
		cluster, _, _ := strings.Cut(objects[i].Path, "/")
		places[argocd.Place{Cluster: cluster, Namespace: objects[i].Namespace}] = true
		add(objects[i].Kind)
	}
	var a argocd.Admitted
	for p := range places {
		a.Places = append(a.Places, p)
	}
	for k := range kinds {
		a.Kinds = append(a.Kinds, k)
	}
	return a
}

// argoCD holds the file for Argo CD against the estate, where there is one.
func (r *Result) argoCD(fsys fs.FS) {
	file, err := fs.ReadFile(fsys, argocd.Path)
	if err != nil {
		return
	}
	r.Sources[argocd.Path] = file
	f := diag.Finding{Rule: staleArgoCD, Help: "run `writ argocd --write`", Objects: []string{argocd.Path}, Field: "argocd"}
	settings, line, err := argocd.Read(file)
	f.Span = lineOf(argocd.Path, file, line)
	if err != nil {
		f.Message, f.Items = err.Error(), []string{"unreadable"}
		f.Help = "run `writ argocd --write --repo URL`; what else lies in the file belongs elsewhere"
		r.Findings.Add(f)
		return
	}
	want, err := argocd.Render(settings, r.Admitted)
	if err != nil {
		panic(err) // Read has checked the settings
	}
	has := bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))
	if bytes.Equal(has, want) {
		return
	}
	f.Span = lineOf(argocd.Path, file, firstDifference(has, want))
	f.Message = "the file is not what writ renders"
	if len(has) < 2*len(want)+1<<16 { // nobody reads what fills a larger one
		f.Items = different(entries(has), entries(want))
		slices.Sort(f.Items) // what it has too much comes first
	}
	if len(f.Items) > 0 {
		f.Message += ": " + listed(f.Items)
	}
	r.Findings.Add(f)
}

// firstDifference is the first line, from 1, in which the file is not as it should be.
func firstDifference(has, want []byte) int {
	line := 1
	for i, c := range has {
		if i >= len(want) || want[i] != c {
			break
		}
		if c == '\n' {
			line++
		}
	}
	return line
}

// entries are the destinations and the kinds in the file.
func entries(file []byte) []string {
	var all []string
	for line := range strings.Lines(string(file)) {
		if entry, ok := strings.CutPrefix(strings.TrimSpace(line), "- {"); ok {
			all = append(all, "{"+entry)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// argoCDTurned tells of a change of what Argo CD applies, and where: the file is current again with whatever it is made with.
func (r *Result) argoCDTurned(base, now fs.FS) {
	file, err := fs.ReadFile(base, argocd.Path)
	if err != nil || r.resolved == nil {
		return
	}
	was, _, err := argocd.Read(file)
	if err != nil {
		return
	}
	f := diag.Finding{Rule: turnedArgoCD, Objects: []string{argocd.Path}, Field: "settings"}
	file, err = fs.ReadFile(now, argocd.Path)
	if err != nil {
		f.Span, f.Items = r.someMesh(), []string{"gone"}
		f.Message = "this change takes " + argocd.Path + " away: nothing says any more what Argo CD admits"
		f.Help = "run `writ argocd --write --repo " + was.Repo + "`, unless the file lies elsewhere now"
	} else {
		is, line, err := argocd.Read(file)
		if err != nil {
			return // which is told
		}
		before, after := without(was.Flags(), is.Flags()), without(is.Flags(), was.Flags())
		if f.Items = append(before, after...); len(f.Items) == 0 {
			return
		}
		f.Span = lineOf(argocd.Path, file, line)
		f.Message = fmt.Sprintf("this change has Argo CD apply something else: it reads by %s, and did by %s", flags(after), flags(before))
		f.Help = "say in the pull request who wants that: only what is rendered here is proved"
	}
	r.Findings.Add(f)
	r.gone.recall(r.Sources, r.Findings)
	r.Findings.Sort()
}

// without are those that are not among the others.
func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(others, one) })
}

func flags(some []string) string {
	if len(some) == 0 {
		return "the defaults"
	}
	return listed(some)
}
