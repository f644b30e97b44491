package compiler

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// What a case may cost, in bytes that are taken from memory in the whole run, whether or not they are given back: a figure that no
// other load on the machine changes, and that time follows.
const (
	costOfText = 64 << 20
	costOfByte = 3 << 10
)

// TestHostile compiles each testdata/hostile/*.txtar: its files laid over the estate of the rules' examples. The comment has a
// line `benign` where the case is well, `withheld` where only what it asks for is left out, and `escaped` where its files are written with the escapes of Go's strings, so that a
// reviewer sees what they hold. findings.txt is what is found, all of it.
func TestHostile(t *testing.T) { // not parallel: memory is counted
	cases, err := filepath.Glob("testdata/hostile/*.txtar")
	if err != nil || len(cases) < 60 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	usual := mustCompile(t, base(t))
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := hostileCase(t, archive)
			r := compileFor(t, c.fsys, costOfText)
			got := brief(r.Findings)
			if *update {
				archive.Files = append(c.files, txtar.File{Name: "findings.txt", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(c.findings, got); diff != "" {
				t.Errorf("findings (-want +got); `make golden` rewrites them:\n%s", diff)
			}
			if r.Fails() == c.benign {
				t.Errorf("fails: %v", r.Fails())
			}
			fewWords(t, r)
			if c.benign || c.withheld {
				untouched(t, usual, r)
			} else if r.Files != nil {
				t.Errorf("%d files would be written", len(r.Files))
			}
		})
	}
}

type hostile struct {
	benign, withheld bool
	files            []txtar.File // as they stand in the archive
	fsys             fstest.MapFS
	findings         string
}

func hostileCase(t *testing.T, archive *txtar.Archive) hostile {
	t.Helper()
	flags := strings.Fields(string(archive.Comment))
	c := hostile{benign: slices.Contains(flags, "benign"), withheld: slices.Contains(flags, "withheld"), fsys: base(t)}
	for _, f := range archive.Files {
		if f.Name == "findings.txt" {
			c.findings = string(f.Data)
			continue
		}
		c.files = append(c.files, f)
		data := f.Data
		if slices.Contains(flags, "escaped") {
			data = unescape(t, data)
		}
		c.fsys[f.Name] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return c
}

// unescape reads each line as the inside of one of Go's strings.
func unescape(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for line := range strings.Lines(string(data)) {
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.TrimSuffix(line, "\n"), `"`, `\"`) + `"`)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b.WriteString(text + "\n")
	}
	return b.Bytes()
}

// compileFor compiles for no more than so many bytes of memory, and looks at what people are shown.
func compileFor(t *testing.T, fsys fs.FS, most uint64) *Result {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := mustCompile(t, fsys)
	var text bytes.Buffer
	if err := diag.Text(&text, r.Findings, r.Sources, diag.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > most && !raceDetector {
		t.Errorf("it took %d MiB of memory, more than %d", cost>>20, most>>20)
	}
	harmless(t, text.String())
	return r
}

// harmless asks that what is printed moves no cursor, hides nothing, and is no command to a build server.
func harmless(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("the output is not UTF-8: %q", text)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("a character of the output is for the terminal: %q", line)
		}
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a line of the output is a workflow command: %q", line)
		}
	}
}

// fewWords asks for few findings of few words: one, or one for each line that is wrong.
func fewWords(t *testing.T, r *Result) {
	t.Helper()
	if n := len(r.Findings); n > 9 {
		t.Errorf("%d findings are no clear word", n)
	}
	for _, f := range r.Findings {
		if f.Help == "" || f.Message == "" || len(f.Message) > 500 {
			t.Errorf("no clear word: %q, help %q", f.Message, f.Help)
		}
	}
}

// untouched asks that every file of the usual estate is rendered. A callee may have one caller more.
func untouched(t *testing.T, usual, r *Result) {
	t.Helper()
	files := map[string]string{}
	for _, f := range r.Files {
		files[f.Path] = string(f.Data)
		if !fs.ValidPath(f.Path) || strings.Count(f.Path, "/") != 2 {
			t.Errorf("a file at %q", f.Path)
		}
	}
	for _, f := range usual.Files {
		if got := files[f.Path]; got == "" || len(r.Findings) > 0 && got != string(f.Data) {
			t.Errorf("%s is gone, or changed", f.Path)
		}
	}
}

func brief(l diag.List) string {
	var b strings.Builder
	for _, f := range l {
		fmt.Fprintf(&b, "%s:%d:%d %s %s\n", f.Span.File, f.Span.Start.Line(), f.Span.Start.Column(), f.Rule.Code, diag.Visible(f.Message))
	}
	return b.String()
}

// TestHostileBySize makes what is too large for an archive. Each has the one finding, or that and the count of the rest.
func TestHostileBySize(t *testing.T) {
	const head = "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: x, namespace: shop}\nspec:\n"
	const most, some = 1 << 20, 1 << 17 // bytes that a file may have, and as many as show what more would cost
	fill := func(head, unit, tail string) string {
		return head + strings.Repeat(unit, (some-len(head)-len(tail))/len(unit)) + tail
	}
	for _, tt := range []struct {
		name, text, code string
		count            int
	}{
		{"one byte too many", strings.Repeat("#", most+1), "SYN-004", 1},
		{"100,000 documents that are none", strings.Repeat("a\n---\n", 100_000), "SYN-016", 101},
		{"documents without fields", fill("", "- \n---\n", ""), "SYN-016", 101},
		{"half a million findings on one line", head + "  hosts: [" + strings.Repeat("A,", 524_000) + "a]\n", "SYN-018", 101},
		{"commas", fill(head+"  hosts: [", ",", "a]\n"), "SYN-001", 1},
		{"duplicate keys", fill(head, "  a: 1\n", ""), "SYN-009", 101},
		{"aliases", fill("a: &a x\nb: [", "*a,", "*a]\n"), "SYN-010", 101},
		{"aliases as keys", fill("a: &a x\n", "*a : b\n", ""), "SYN-010", 101},
		{"tags", fill("a: [", "!!x y,", "z]\n"), "SYN-010", 101},
		{"keys that are lists", fill("{", "[]: b,", "c: d}\n"), "SYN-016", 101},
		{"escapes", fill(head+"  hosts: [", `"\u202e",`, "a]\n"), "SYN-003", 101},
		{"numbers", fill(head+"  hosts: [", "0x1,", "a]\n"), "SYN-011", 101},
		{"a very long key", fill(head+"  ", "k", ": 1\n"), "SYN-014", 1},
		{"a very long word", fill(head+"  hosts: [", "k", "]\n"), "SYN-018", 1},
		{"a very long text", fill(head+"  hosts: [", "k ", "]\n"), "SYN-018", 1},
		{"a very long text of quotes", fill(head+"  hosts: ['", "''", "']\n"), "SYN-018", 1},
		{"open lists", strings.Repeat("[", most), "SYN-005", 1},
		{"open mappings", fill("", "{a: ", ""), "SYN-005", 1},
		{"lists in lists", fill("", "- ", ""), "SYN-005", 1},
		{"keys in keys", fill("", "? ", ""), "SYN-005", 1},
		{"ignores of nothing", fill(head+"  {}\n", "# writ:ignore x\n", ""), "SYN-022", 101},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := base(t)
			fsys["policies/teams/shop/x.yaml"] = &fstest.MapFile{Data: []byte(tt.text), Mode: 0o644}
			r := compileFor(t, fsys, costOfText+costOfByte*uint64(len(tt.text)))
			if !r.Fails() || r.Files != nil || len(r.Findings) != tt.count {
				t.Fatalf("fails: %v, %d files, findings:\n%.2000s", r.Fails(), len(r.Files), brief(r.Findings))
			}
			for _, f := range r.Findings {
				if len(f.Message) > 500 {
					t.Errorf("a message of %d bytes", len(f.Message))
				}
			}
			found := codes(r.Findings)
			if tt.count > 1 {
				if found["SYN-023"] != 1 {
					t.Errorf("the rest is not counted: %v", found)
				}
				delete(found, "SYN-023")
			}
			if found[tt.code] == 0 {
				t.Errorf("found %v, want %s", slices.Sorted(maps.Keys(found)), tt.code)
			}
		})
	}
}

// endless is a file that says it is small and never ends, as some of /proc and /dev do.
type endless struct{ fstest.MapFS }

func (e endless) Open(name string) (fs.File, error) {
	f, err := e.MapFS.Open(name)
	if name == "policies/teams/shop/x.yaml" {
		return &endlessFile{File: f}, err
	}
	return f, err
}

type endlessFile struct {
	fs.File
	read int
}

func (f *endlessFile) Read(p []byte) (int, error) {
	if f.read += len(p); f.read > 100<<20 {
		panic("a hundred megabytes were read of one file")
	}
	for i := range p {
		p[i] = '#'
	}
	return len(p), nil
}

func TestAFileThatNeverEndsIsNotReadForEver(t *testing.T) {
	fsys := base(t)
	fsys["policies/teams/shop/x.yaml"] = &fstest.MapFile{Data: []byte("#"), Mode: 0o644}
	r := compileFor(t, endless{fsys}, costOfText)
	if got := brief(r.Findings); got != "policies/teams/shop/x.yaml:1:1 SYN-004 the file is larger than 1 MiB\n" || r.Files != nil {
		t.Errorf("found\n%s", got)
	}
}
