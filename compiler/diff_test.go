package compiler

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
	"writ.dev/writ/compiler/model"
)

// TestDiffs compares two revisions of each testdata/diff/*.txtar: the base estate with the files below before/ laid over it, and
// that with those below after/. diff.md is the comment of a pull request.
func TestDiffs(t *testing.T) {
	t.Parallel()
	holdGolden(t, "testdata/diff/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		before, after := revisions(t, archive)
		c := mustDiff(t, before, after)
		if c.Access == nil {
			t.Fatalf("stops: %v %v", describe(c.Before.Findings), describe(c.After.Findings))
		}
		var md strings.Builder
		if err := c.Access.Markdown(&md, c.OnTheWay, diag.Limit{Rows: 40, Bytes: 60_000, Elsewhere: "`writ diff` lists them"}); err != nil {
			t.Fatal(err)
		}
		return answered(archive, "diff.md", md.String())
	})
}

// revisions are the base estate with the files below before/ laid over it, and that with those below after/.
func revisions(t *testing.T, archive *txtar.Archive) (before, after fstest.MapFS) {
	t.Helper()
	around := base(t)
	if strings.Contains("\n"+string(archive.Comment), "\nover: personal\n") {
		around = layOver(around, Surroundings("PII-"))
	}
	before = layOver(around, inFolder("before/", archive))
	return before, layOver(before, inFolder("after/", archive))
}

// answered is the archive with another answer.
func answered(archive *txtar.Archive, name, answer string) *txtar.Archive {
	files := slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool { return f.Name == name })
	return &txtar.Archive{Comment: archive.Comment, Files: append(files, txtar.File{Name: name, Data: []byte(answer)})}
}

// inFolder are the archive's files below a folder, by their names in it.
func inFolder(folder string, archive *txtar.Archive) []txtar.File {
	var all []txtar.File
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, folder); ok {
			all = append(all, txtar.File{Name: name, Data: f.Data})
		}
	}
	return all
}

func mustDiff(t rapid.TB, before, after fstest.MapFS) *Change {
	t.Helper()
	c, err := Diff(context.Background(), after, Options{AsOf: today, Base: before})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDiffGoesByMeaning: neither moved lines nor renamed files nor the order of entries is a difference.
func TestDiffGoesByMeaning(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fsys := drawEstate(t).fs()
		elsewhere := fstest.MapFS{}
		for name, f := range fsys {
			data := "# a line more\n" + string(f.Data)
			elsewhere[strings.TrimSuffix(name, ".yaml")+"-moved.yaml"] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		}
		if c := mustDiff(t, fsys, elsewhere); !c.Access.Empty() {
			t.Fatalf("moving files is a difference: %+v", c.Access)
		}
	})
}

// TestDiffAgainstRequests: of two random estates, a caller gains access to a callee exactly where some request of an endpoint of
// either is allowed in the second and not in the first, decided request by request; and what one direction gains, the other loses.
func TestDiffAgainstRequests(t *testing.T) {
	t.Parallel()
	gained, lost := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawEstate(t).fs(), drawEstate(t).fs()
		there, back := mustDiff(t, before, after), mustDiff(t, after, before)
		if there.Access == nil || back.Access == nil {
			t.Skip("stops")
		}
		was, is := requests(there.Before), requests(there.After)
		holdGained(t, there.Access.Gained, is, was)
		holdGained(t, there.Access.Lost, was, is)
		if d := cmp.Diff(titles(there.Access.Gained), titles(back.Access.Lost)); d != "" {
			t.Fatalf("what is gained on the way there is not what is lost on the way back:\n%s", d)
		}
		gained += len(there.Access.Gained)
		lost += len(there.Access.Lost)
	})
	if gained == 0 || lost == 0 {
		t.Errorf("%d gained and %d lost in all: the estates differ too little to tell", gained, lost)
	}
}

func titles(all []diff.Change) []string {
	var out []string
	for i := range all {
		out = append(out, all[i].Title()+" "+all[i].Where()+" "+strings.Join(all[i].Requests, ";"))
	}
	slices.Sort(out)
	return out
}

// way is a caller and a callee in clusters.
type way struct{ caller, callee, from, to string }

// requests are the requests that an estate allows, one for each path and method that an endpoint names.
func requests(r *Result) map[way]map[string]bool {
	all := map[way]map[string]bool{}
	for _, m := range r.estate.Meshes {
		for _, a := range m.Accesses {
			for leg := range a.Legs() {
				if !r.checked.Holds(a, leg.From) || leg.From != nil && leg.From.Stages.MTLS == model.MTLSNone {
					continue
				}
				w := way{caller: a.Caller.Key(), callee: a.Callee().Key(), to: leg.To.Cluster.Name}
				if leg.From != nil {
					w.from = leg.From.Cluster.Name
				}
				if all[w] == nil {
					all[w] = map[string]bool{}
				}
				methods, paths := a.Endpoint.Methods, []string{"/"}
				if methods == nil {
					methods = []string{"GET", "OTHER"}
				}
				if a.Endpoint.Paths != nil {
					paths = nil
					for _, p := range a.Endpoint.Paths {
						paths = append(paths, strings.NewReplacer("{id}", "7", "{rest...}", "x/y").Replace(p.Text))
					}
				}
				for _, method := range methods {
					for _, path := range paths {
						all[w][strings.Join([]string{a.Endpoint.Port.Name, method, path}, " ")] = true
					}
				}
			}
		}
	}
	return all
}

// holdGained holds the changes of one direction against the requests of both sides.
func holdGained(t *rapid.T, changes []diff.Change, has, lacks map[way]map[string]bool) {
	want, got := map[way]bool{}, map[way]bool{}
	for w, rs := range has {
		for r := range rs {
			if !lacks[w][r] {
				want[w] = true
			}
		}
	}
	for _, c := range changes {
		for _, r := range c.Routes {
			for _, to := range r.To {
				if len(r.From) == 0 {
					got[way{c.Caller, c.Callee, "", to}] = true
				}
				for _, from := range r.From {
					got[way{c.Caller, c.Callee, from, to}] = true
				}
			}
		}
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(way{})); d != "" {
		t.Fatalf("ways that differ (-by requests +by the difference):\n%s", d)
	}
}
