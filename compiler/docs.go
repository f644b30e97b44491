package compiler

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
	"writ.dev/writ/schema"
)

// Doc is a rule with its examples: files that make a finding of it, and the same files mended.
type Doc struct {
	*diag.Rule
	Bad, Good []txtar.File
	// Base is the revision before, where the rule is about a change.
	Base []txtar.File
}

// Rules is the catalogue with its examples, by code.
func Rules() []Doc {
	var all []Doc
	for _, r := range Catalogue() {
		d := Doc{Rule: r}
		if data, err := check.Examples.ReadFile("testdata/" + r.Code + ".txtar"); err == nil {
			d.Bad, d.Good, d.Base = split(txtar.Parse(data))
		}
		all = append(all, d)
	}
	return all
}

// Surroundings are the files that the examples of a rule stand in: an example shows only those that differ from them, and takes one
// away by an empty file.
func Surroundings(code string) []txtar.File {
	all := archive("base")
	if strings.HasPrefix(code, "PII-") || slices.Contains([]string{"REF-011", "REF-012", "REF-013"}, code) {
		for _, f := range archive("personal") {
			all = slices.DeleteFunc(all, func(under txtar.File) bool { return under.Name == f.Name })
			all = append(all, f)
		}
	}
	return all
}

func archive(name string) []txtar.File {
	data, err := check.Examples.ReadFile("testdata/" + name + ".txtar")
	if err != nil {
		panic(err) // it is embedded
	}
	return txtar.Parse(data).Files
}

// split divides an example into its two cases, and the revision before them. Files outside bad/, good/ and base/ belong to both.
func split(a *txtar.Archive) (bad, good, base []txtar.File) {
	cases := map[string]*[]txtar.File{"bad/": &bad, "good/": &good, "base/": &base}
	for _, f := range a.Files {
		shared := true
		for folder, files := range cases {
			if name, below := strings.CutPrefix(f.Name, folder); below {
				*files = append(*files, txtar.File{Name: name, Data: f.Data})
				shared = false
			}
		}
		if shared {
			bad, good = append(bad, f), append(good, f)
		}
	}
	return bad, good, base
}

// Names are the estate's names, as far as its documents can be read: what an editor completes.
func Names(ctx context.Context, fsys fs.FS) (schema.Names, error) {
	tree, _ := syntax.Parse(ctx, fsys)
	estate, _ := model.Resolve(tree)
	n := schema.Names{
		Services:   map[string][]string{},
		Categories: usable(estate.Privacy.Categories), Uses: usable(estate.Privacy.Uses), Subjects: usable(estate.Privacy.Subjects),
	}
	for _, m := range estate.Meshes {
		n.Meshes = append(n.Meshes, m.Name)
		for _, s := range m.Services {
			n.Services[s.Key()] = nil
			for _, e := range s.Endpoints {
				n.Services[s.Key()] = append(n.Services[s.Key()], e.Name)
			}
		}
	}
	for _, c := range estate.Clusters {
		n.Clusters = append(n.Clusters, c.Name)
	}
	for _, t := range estate.Teams {
		n.Teams = append(n.Teams, t.Name)
	}
	for _, t := range estate.Tests {
		n.Tests = append(n.Tests, t.Key)
	}
	for _, o := range tree.Outsiders {
		n.Outsiders = append(n.Outsiders, o.Metadata.Name.Value)
	}
	for _, a := range estate.Activities {
		n.Activities = append(n.Activities, a.Name)
	}
	for _, p := range estate.Parties {
		n.Parties = append(n.Parties, p.Name)
	}
	for _, a := range estate.Approvals {
		n.Approvals = append(n.Approvals, a.Name)
	}
	return n, nil
}
