package compiler

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/argocd"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/model"
)

var staleArgoCD = &diag.Rule{
	Code: "OUT-005", Name: "stale-argo-cd", Effect: diag.Report, Level: diag.Error,
	Title: argocd.Path + " is not what the documents say",
	Why:   "Its AppProject is what Argo CD admits. What it lacks never reaches a cluster, so that a new namespace stands open for want of its floor; what it has too much, nobody needs.",
}

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
