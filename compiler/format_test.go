package compiler

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v4"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"writ.dev/writ/compiler/format"
)

// formatted is the repository with every file that can be read in style, and whether that changed one.
func formatted(t rapid.TB, fsys fs.FS) (fstest.MapFS, bool) {
	t.Helper()
	files, _ := format.Estate(context.Background(), fsys)
	all, changed := fstest.MapFS{}, false
	for _, f := range files {
		all[f.Path] = &fstest.MapFile{Data: f.After, Mode: 0o644}
		changed = changed || f.Changed()
	}
	again, found := format.Estate(context.Background(), all)
	for _, f := range again {
		if f.Changed() && len(found) == 0 {
			t.Fatalf("%s changes twice, from\n%s\nto\n%s", f.Path, f.Before, f.After)
		}
	}
	return all, changed
}

// outcome is what people see of a compilation but for places: the findings by name, silenced or not, and the files.
func outcome(t rapid.TB, fsys fs.FS) []string {
	t.Helper()
	r, err := Compile(context.Background(), fsys, Options{AsOf: today})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%s %s %v", f.Rule.Code, f.Fingerprint(), f.Ignored != nil))
	}
	slices.Sort(all)
	for _, f := range r.Files {
		all = append(all, f.Path+"\n"+string(f.Data))
	}
	return all
}

// TestFormattingChangesNoOutcome: the examples of the rules and the golden estates find and render the same when they are in
// style. The example estate is in style, which a test of package format holds.
func TestFormattingChangesNoOutcome(t *testing.T) {
	t.Parallel()
	estates := map[string]fstest.MapFS{}
	for _, d := range Rules() {
		if len(d.Bad) > 0 {
			estates[d.Code+" bad"], estates[d.Code+" good"] = layOver(base(t), d.Bad), layOver(base(t), d.Good)
		}
	}
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		policies := slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return !strings.HasPrefix(f.Name, "policies/") })
		estates[name] = layOver(base(t), policies)
	}
	changes := 0
	for name, fsys := range estates {
		after, changed := formatted(t, fsys)
		if changed {
			changes++
		}
		whole := maps.Clone(fsys) // with what is no document, such as overlays
		maps.Copy(whole, after)
		if a, b := outcome(t, fsys), outcome(t, whole); !slices.Equal(a, b) {
			t.Errorf("%s: in style it comes to something else:\n%s", name, strings.Join(b, "\n"))
		}
	}
	if changes < 10 {
		t.Errorf("only %d of %d estates were not in style: the test proves little", changes, len(estates))
	}
}

// TestFormattingRandomEstates writes random estates down in random ways, with comments all over. In style they render the same
// and each comment stands beside the words that it stood beside.
func TestFormattingRandomEstates(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawEstate(t)
		want := rendered(t, e.fs())
		fsys := fstest.MapFS{}
		for _, name := range slices.Sorted(maps.Keys(e.docs)) {
			fsys[name] = &fstest.MapFile{Data: messy(t, e.docs[name]), Mode: 0o644}
		}
		neat, any := formatted(t, fsys)
		if any {
			changed++
		}
		if got := rendered(t, neat); !maps.Equal(got, want) {
			t.Fatalf("in style other bytes are rendered: %v", differing(want, got))
		}
		for name, f := range fsys {
			keepComments(t, string(f.Data), string(neat[name].Data))
		}
	})
	if changed == 0 {
		t.Fatal("every estate was in style: the test proves nothing")
	}
}

// messy writes the document in another way: block or flow, other indentation, another order of fields, and comments.
func messy(t *rapid.T, doc string) []byte {
	var root yaml.Node
	if err := yaml.Load([]byte(doc), &root); err != nil {
		t.Fatal(err)
	}
	restyle(t, &root)
	text, err := yaml.Dump(&root, yaml.WithIndent(rapid.IntRange(2, 7).Draw(t, "indent")),
		yaml.WithCompactSeqIndent(rapid.Bool().Draw(t, "compact")), yaml.WithLineWidth(rapid.SampledFrom([]int{20, 40, -1}).Draw(t, "width")))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i := range rapid.IntRange(0, 5).Draw(t, "comments") {
		lines = remark(t, lines, i)
	}
	end := rapid.SampledFrom([]string{"\n", "", "\r\n"}).Draw(t, "end")
	return []byte(strings.Join(lines, cmp.Or(end, "\n")) + end)
}

func restyle(t *rapid.T, y *yaml.Node) {
	if y.Kind == yaml.MappingNode || y.Kind == yaml.SequenceNode {
		y.Style &^= yaml.FlowStyle
		if rapid.IntRange(0, 3).Draw(t, "flow") == 0 {
			y.Style |= yaml.FlowStyle
		}
	}
	if y.Kind == yaml.MappingNode && rapid.Bool().Draw(t, "shuffle") {
		order := make([]int, len(y.Content)/2)
		for i := range order {
			order[i] = i
		}
		var content []*yaml.Node
		for _, i := range rapid.Permutation(order).Draw(t, "order") {
			content = append(content, y.Content[2*i], y.Content[2*i+1])
		}
		y.Content = content
	}
	for _, c := range y.Content {
		restyle(t, c)
	}
}

// remark adds a comment to the lines, unless it would be part of a text there.
func remark(t *rapid.T, lines []string, n int) []string {
	at := rapid.IntRange(0, len(lines)-1).Draw(t, "at")
	line := lines[at]
	changed := slices.Clone(lines)
	if rapid.Bool().Draw(t, "own line") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		changed = slices.Insert(changed, at, fmt.Sprintf("%s# own%d", indent, n))
	} else if !strings.Contains(line, "#") {
		changed[at] = fmt.Sprintf("%s  # end%d", line, n)
	}
	var before, after any
	if err := yaml.Load([]byte(strings.Join(lines, "\n")), &before); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load([]byte(strings.Join(changed, "\n")), &after); err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		return lines
	}
	return changed
}

var (
	ownRemark = regexp.MustCompile(`(?m)^ *# own[0-9]$`)
	endRemark = regexp.MustCompile(`(?m)^(.*)  ?# end([0-9])$`)
	word      = regexp.MustCompile(`[A-Za-z0-9/.@"-]*[A-Za-z0-9/]["]?`)
)

// keepComments asks that each comment is there once, beside the same words.
func keepComments(t *rapid.T, before, after string) {
	t.Helper()
	before = strings.ReplaceAll(before, "\r\n", "\n")
	for _, m := range endRemark.FindAllStringSubmatch(before, -1) {
		found := false
		for _, n := range endRemark.FindAllStringSubmatch(after, -1) {
			found = found || n[2] == m[2] && sameWords(m[1], n[1])
		}
		if !found || strings.Count(after, "# end"+m[2]) != 1 {
			t.Fatalf("the comment behind %q went astray, from\n%s\nto\n%s", m[1], before, after)
		}
	}
	for _, own := range ownRemark.FindAllString(before, -1) {
		a, b := below(before, own), below(after, own)
		first := !strings.Contains(strings.Split(before, own)[0], ":") // above the whole document
		item := strings.HasPrefix(a, "- ") || a == "-"                 // above an item, whose first field may become another
		if strings.Count(after, strings.TrimSpace(own)) != 1 || !first && !item && !sameWords(a, b) || item && !strings.HasPrefix(b, "-") {
			t.Fatalf("the comment above %q went above %q, from\n%s\nto\n%s", a, b, before, after)
		}
	}
}

// below is the line below a comment, other comments aside.
func below(text, comment string) string {
	_, rest, _ := strings.Cut(text, strings.TrimSpace(comment)+"\n")
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}

func sameWords(a, b string) bool {
	words := func(s string) []string {
		s, _, _ = strings.Cut(s, " #")
		all := word.FindAllString(s, -1)
		slices.Sort(all)
		return all
	}
	return slices.Equal(words(a), words(b))
}

// TestFormattingLargeFiles would not end in time if a step went over the whole file, or over a line, for each entry.
func TestFormattingLargeFiles(t *testing.T) {
	t.Parallel()
	const size = 1 << 19
	var lines, line bytes.Buffer
	lines.WriteString("apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec:\n  intents:\n")
	line.WriteString("apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {intents: [")
	for i := 0; lines.Len() < size; i++ {
		fmt.Fprintf(&lines, "    - because: \"%d\"  # why\n      to: b/s%d\n      endpoints: [ a,b,c ]\n", i, i)
	}
	for i := 0; line.Len() < size; i++ {
		fmt.Fprintf(&line, "{to: b/s%d, because: \"%d\", endpoints: [ a,b,c ]},", i, i)
	}
	line.WriteString("]}\n")
	// A line that is aligned far out, over and over, and grows beyond what can be read: it is left.
	far := bytes.NewBufferString("apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {serviceAccounts: [a")
	for i := 0; far.Len() < size; i++ {
		fmt.Fprintf(far, ",\na%d", i)
	}
	far.WriteString("]}\n")
	if out, found := format.Source(t.Context(), "a.yaml", far.Bytes()); len(found) > 0 || !bytes.Equal(out, far.Bytes()) {
		t.Fatal(found, "or a file became too large")
	}
	for _, b := range []*bytes.Buffer{&lines, &line} {
		out, found := format.Source(t.Context(), "a.yaml", b.Bytes())
		if len(found) > 0 || bytes.Equal(out, b.Bytes()) {
			t.Fatal(found, "or nothing changed")
		}
	}
}
