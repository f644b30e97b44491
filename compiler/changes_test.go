package compiler

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// TestWhatAChangeIsTold holds testdata/changes/*.txtar: policies/ is laid over the estate in which all personal data is declared as it
// should be. Each other file is a change of that, named as a sentence, as a diff of some files of policies/; below a line `=` stands
// all that is said of it then, what it is known by, and what is withheld.
func TestWhatAChangeIsTold(t *testing.T) {
	t.Parallel()
	holdGolden(t, "testdata/changes/*.txtar", changesTold)
}

// changesTold is the archive with its answers as they are now.
func changesTold(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	t.Helper()
	fsys := declaredWell(t)
	got := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "policies/") {
			fsys = layOver(fsys, []txtar.File{f})
			got.Files = append(got.Files, f)
			continue
		}
		change, _, _ := strings.Cut(string(f.Data), "\n=\n")
		change = strings.TrimSuffix(change, "\n")
		got.Files = append(got.Files, txtar.File{Name: f.Name, Data: []byte(change + "\n=\n" + toldOf(t, patched(t, fsys, change)))})
	}
	return got
}

// patched is the repository with a diff applied: a line with the name of a file, whose lines follow, each after a blank, a minus or a
// plus. A line @@ begins another place of the file. A file that is not there begins empty.
func patched(t *testing.T, fsys fstest.MapFS, diff string) fstest.MapFS {
	t.Helper()
	var name, before, after string
	apply := func() {
		if before == "" && after == "" {
			return
		}
		var text string
		if f := fsys[name]; f != nil {
			text = string(f.Data)
		}
		if !strings.Contains("\n"+text, "\n"+before) {
			t.Fatalf("%s does not have\n%s", name, before)
		}
		text = strings.Replace("\n"+text, "\n"+before, "\n"+after, 1)[1:]
		fsys = layOver(fsys, []txtar.File{{Name: name, Data: []byte(text)}})
		before, after = "", ""
	}
	for line := range strings.Lines(diff + "\n") {
		switch line[0] {
		case ' ':
			before, after = before+line[1:], after+line[1:]
		case '-':
			before += line[1:]
		case '+':
			after += line[1:]
		default:
			apply()
			if line = strings.TrimSpace(line); line != "@@" {
				name = "policies/" + line
			}
		}
	}
	apply()
	return fsys
}

// toldOf is all that is said of the repository's documents until the rules have spoken.
func toldOf(t testing.TB, fsys fs.FS) string {
	t.Helper()
	tree, all := syntax.Parse(t.Context(), fsys)
	var withheld []string
	if !all.Stops() {
		estate, found := model.Resolve(tree)
		if all = append(all, found...); !all.Stops() {
			checked, found := check.Run(&check.Pass{Estate: estate, AsOf: today})
			all = append(all, found...)
			withheld = withheldBy(estate, checked)
		}
	}
	all.Sort()
	var b bytes.Buffer
	for _, f := range all {
		rule := f.Rule
		fmt.Fprintf(&b, "%s: %s: %s  [%s, %s]\n", strings.TrimPrefix(f.Span.String(), "policies/"), rule.Severity(), f.Message, rule.Code, rule.Effect)
		if f.Help != "" {
			fmt.Fprintf(&b, "  help: %s\n", strings.ReplaceAll(f.Help, "\n", "\n    "))
		}
		for _, r := range f.Related {
			fmt.Fprintf(&b, "  note: %s: %s\n", strings.TrimPrefix(r.Span.String(), "policies/"), r.Message)
		}
		fmt.Fprintf(&b, "  of: %s, %s %s\n", strings.Join(f.Objects, ", "), f.Field, strings.Join(f.Items, ", "))
	}
	for _, w := range withheld {
		fmt.Fprintf(&b, "withheld: %s\n", w)
	}
	return b.String()
}

// withheldBy are the accesses that are withheld, with the clusters of their callers where they are in some.
func withheldBy(estate *model.Estate, checked check.Checked) []string {
	var all []string
	for _, m := range estate.Meshes {
		for _, a := range m.Accesses {
			if checked.WithheldBy(a, nil) != nil {
				all = append(all, a.String())
				continue
			}
			if a.Caller.Service == nil {
				continue
			}
			for _, w := range a.Caller.Service.Workloads {
				if checked.WithheldBy(a, w) != nil {
					all = append(all, a.String()+" in "+w.Cluster.Name)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}
