package query_test

import (
	"io/fs"
	"maps"
	"os"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/query"
	"writ.dev/writ/compiler/syntax"
)

const today = "2026-11-23"

// asked is an estate with its index.
type asked struct {
	*query.Index
	estate  *model.Estate
	checked check.Checked
	found   diag.List
}

func ask(t testing.TB, fsys fs.FS) asked {
	t.Helper()
	tree, found := syntax.Parse(t.Context(), fsys)
	estate, resolved := model.Resolve(tree)
	checked, objections := check.Run(&check.Pass{Estate: estate, AsOf: today})
	found = append(append(found, resolved...), objections...)
	if found.Stops() {
		t.Fatalf("%+v", found)
	}
	return asked{query.NewIndex(checked, found), estate, checked, found}
}

// boutique is the example estate.
func boutique(t testing.TB) asked {
	t.Helper()
	return ask(t, os.DirFS("../.."))
}

// callers are the words for everybody who may be a caller in the mesh.
func callers(m *model.Mesh) map[string]model.Caller {
	all := map[string]model.Caller{}
	for _, s := range m.Services {
		all[s.Key()] = model.Caller{Service: s}
	}
	for _, o := range m.Outsiders {
		all["outsider/"+o.Name] = model.Caller{Outsider: o}
	}
	return all
}

// TestExplainAgreesWithTheAccesses: for every caller, endpoint and cluster of the example, the answer is yes exactly where an
// access holds.
func TestExplainAgreesWithTheAccesses(t *testing.T) {
	t.Parallel()
	x := boutique(t)
	type way struct{ caller, endpoint, cluster string }
	held := map[way]bool{}
	for _, m := range x.estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if x.checked.Holds(a, leg.From) {
					word := a.Caller.Key()
					if a.Caller.Outsider != nil {
						word = "outsider/" + a.Caller.Outsider.Name
					}
					held[way{word, a.Callee().Key() + ":" + a.Endpoint.Name, leg.To.Cluster.Name}] = true
				}
			}
		}
	}
	yes := 0
	for _, m := range x.estate.Meshes {
		for word := range callers(m) {
			for _, s := range m.Services {
				for _, e := range s.Endpoints {
					for _, w := range s.Workloads {
						to := s.Key() + ":" + e.Name
						answer, err := x.Explain(query.Question{From: word, To: to, Cluster: w.Cluster.Name})
						if err != nil {
							// An Outsider whose calls arrive in other clusters alone is asked about in vain.
							if held[way{word, to, w.Cluster.Name}] {
								t.Errorf("%s -> %s in %s: %v", word, to, w.Cluster.Name, err)
							}
							continue
						}
						if answer.Yes != held[way{word, to, w.Cluster.Name}] {
							t.Errorf("%s -> %s in %s: %v, %s", word, to, w.Cluster.Name, answer.Yes, answer.Parts[0].Headline)
						}
						if answer.Yes {
							yes++
						}
					}
				}
			}
		}
	}
	if yes < 100 {
		t.Errorf("%d answers are yes: the test proves little", yes)
	}
}

// TestTheEditOfANoAllowsIt: whoever follows the answer to a no has a yes.
func TestTheEditOfANoAllowsIt(t *testing.T) {
	t.Parallel()
	x := boutique(t)
	sources := fstest.MapFS{}
	for name, data := range x.estate.Tree.Sources {
		sources[name] = &fstest.MapFile{Data: data}
	}
	noes, seen := 0, map[query.Question]bool{}
	for _, m := range x.estate.Meshes {
		for word := range callers(m) {
			for _, s := range m.Services {
				for _, e := range s.Endpoints {
					q := query.Question{From: word, To: s.Key() + ":" + e.Name}
					if seen[q] {
						continue // in another mesh
					}
					seen[q] = true
					answer, err := x.Explain(q)
					if err != nil {
						t.Fatal(err)
					}
					if answer.Yes {
						continue
					}
					noes++
					// A Service that calls Services of a mesh is asked about in all of them: one edit serves for all.
					r := answer.Parts[len(answer.Parts)-1].Remedy
					if r == nil || len(r.Changes) == 0 {
						t.Errorf("%v has no edit: %s", q, answer.Parts[0].Headline)
						continue
					}
					edited := apply(t, sources, r.Fix())
					if after, err := edited.Explain(q); err != nil || !after.Yes {
						t.Errorf("%v is no yes after its edit: %v", q, after)
					}
					if edited.found.Fails() {
						t.Errorf("the edit for %v has findings: %v", q, edited.found)
					}
				}
			}
		}
	}
	if noes < 100 {
		t.Errorf("%d answers are no: the test proves little", noes)
	}
}

// apply applies the edit and asks the estate anew.
func apply(t *testing.T, fsys fstest.MapFS, fix *diag.Fix) asked {
	t.Helper()
	sources := map[string][]byte{}
	for name, f := range fsys {
		sources[name] = f.Data
	}
	changed, applied := diag.Apply(sources, []*diag.Fix{fix})
	if applied != 1 {
		t.Fatalf("the edits of %v meet", fix.Edits)
	}
	edited := maps.Clone(fsys)
	for name, data := range changed {
		edited[name] = &fstest.MapFile{Data: data}
	}
	return ask(t, edited)
}
