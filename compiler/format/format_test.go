package format

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// TestGolden formats what the examples of the style hold under `in`, and what came of it once more.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil || len(archive.Files) != 2 {
				t.Fatalf("%d files: %v", len(archive.Files), err)
			}
			in, want := archive.Files[0].Data, string(archive.Files[1].Data)
			got := formatted(t, name, in)
			isLaidOut(t, name, in)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("formatted (-want +got)\n%s", diff)
			}
		})
	}
}

// formatted formats the file, which must be one that can be, and checks what holds of all: it means what it meant, and
// formatting twice is formatting once.
func formatted(t *testing.T, name string, in []byte) string {
	t.Helper()
	out, found := Source(t.Context(), name, in)
	if len(found) > 0 {
		t.Fatalf("%s: %v", name, found)
	}
	keepsItsMeaning(t, in, out)
	if again, _ := Source(t.Context(), name, out); string(again) != string(out) {
		t.Errorf("%s: formatted twice (-once +twice)\n%s", name, cmp.Diff(string(out), string(again)))
	}
	return string(out)
}

// isLaidOut asks that no part of the file was left as it is.
func isLaidOut(t *testing.T, name string, in []byte) {
	t.Helper()
	for _, p := range split(normal(in)) {
		if _, ok := document(p.body); !ok {
			t.Errorf("%s: this part was left as it is:\n%s", name, p.body)
		}
	}
}

// keepsItsMeaning asks that syntax reads the same of both, but for the places.
func keepsItsMeaning(t *testing.T, before, after []byte) {
	t.Helper()
	a, b := tree(before), tree(after)
	if diff := cmp.Diff(a, b, cmpopts.IgnoreTypes(diag.Span{})); diff != "" {
		t.Fatalf("another tree (-before +after)\n%s\nof\n%s\n and of\n%s", diff, before, after)
	}
}

func tree(data []byte) *syntax.Tree {
	tree, _ := syntax.Parse(context.Background(), fstest.MapFS{"policies/a.yaml": {Data: data}})
	tree.Sources = nil
	slices.SortFunc(tree.Ignores, func(a, b diag.Ignore) int { return strings.Compare(a.Code+a.Reason, b.Code+b.Reason) })
	return tree
}

// corpus is every document of this repository that is not meant to be out of style.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, root := range []string{"../../policies", "../../cmd/writ/init", "../check/testdata", "../testdata"} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			if filepath.Ext(name) != ".txtar" {
				all[name] = data
				return err
			}
			for _, f := range txtar.Parse(data).Files {
				if strings.Contains(f.Name, "policies/") && strings.HasSuffix(f.Name, "yaml") {
					all[name+":"+f.Name] = f.Data
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestTheCorpusIsFormatted(t *testing.T) {
	valid := 0
	for name, data := range corpus(t) {
		out, found := Source(t.Context(), name, data)
		if len(found) > 0 {
			if string(out) != string(data) {
				t.Errorf("%s stops and was changed", name)
			}
			continue
		}
		valid++
		got := formatted(t, name, data)
		if !strings.Contains(name, "hostile") { // which has what nobody writes
			isLaidOut(t, name, data)
		}
		if strings.HasPrefix(name, "../../") && got != string(data) {
			t.Errorf("%s is not in style; go run ./cmd/writ fmt (-is +should be)\n%s", name, cmp.Diff(string(data), got))
		}
	}
	if valid < 100 {
		t.Errorf("%d files are a poor corpus", valid)
	}
}

const mesh = "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nmetadata: {name: a}\nspec: {}\n"

func TestBytes(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"byte order mark":          {"\ufeff" + mesh, mesh},
		"CRLF":                     {strings.ReplaceAll(mesh, "\n", "\r\n"), mesh},
		"no line feed at the end":  {strings.TrimSuffix(mesh, "\n"), mesh},
		"line feeds at both ends":  {"\n\n" + mesh + "\n \n", mesh},
		"empty":                    {"", ""},
		"blank":                    {" \n\n", ""},
		"comments":                 {"\n  # a\n\n\n# b  \n\n", "# a\n\n# b\n"},
		"a separator at the end":   {mesh + "---", mesh + "---\n"},
		"a mark and separators":    {"\ufeff---\r\n---\r\n" + mesh, "---\n---\n" + mesh},
		"characters of many bytes": {"# é\n" + strings.Replace(mesh, "{name: a}", "{ name: a } # é", 1), "# é\n" + strings.Replace(mesh, "}", "} # é", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			isLaidOut(t, "a.yaml", []byte(tt.in))
			if got := formatted(t, "a.yaml", []byte(tt.in)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What no kind needs is left as it is, and the documents beside it are laid out.
func TestWhatCannotBeLaidOutIsLeft(t *testing.T) {
	strange := map[string]string{
		"a key behind ?":           "? apiVersion\n: writ.dev/v1alpha1\nkind:   Mesh\nmetadata: {name: b}\nspec: {}\n",
		"no line feed of its own":  "apiVersion: writ.dev/v1alpha1\nkind:   Mesh\nspec: {}\nmetadata:\n  name: |-\n    b",
		"a document on its marker": "--- {apiVersion: writ.dev/v1alpha1, kind:   Mesh, metadata: {name: b}, spec: {}}\n",
	}
	messy := strings.Replace(mesh, "kind: ", "kind:  ", 1)
	for name, text := range strange {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(text, "---") {
				text = "---\n" + text
			}
			out, found := Source(t.Context(), "a.yaml", []byte(messy+text))
			if string(out) != mesh+text || len(found) > 0 {
				t.Errorf("got\n%s%v", out, found)
			}
		})
	}
}

func TestFindingsNameTheFile(t *testing.T) {
	in := "apiVersion: writ.dev/v1alpha1\nkind: Mesh\nkind: Mash\nmetadata: {name: a}\nspec: {}\n"
	out, found := Source(t.Context(), "<stdin>", []byte(in))
	if string(out) != in || len(found) != 1 || found[0].Span.File != "<stdin>" || found[0].Related[0].Span.File != "<stdin>" {
		t.Errorf("got %v and\n%s", found, out)
	}
	_, found = Source(t.Context(), "<stdin>", []byte("a: [\n"))
	if len(found) != 1 || !slices.Equal(found[0].Objects, []string{"<stdin>"}) {
		t.Errorf("got %v", found)
	}
	_, found = Source(t.Context(), "<stdin>", []byte("kind: Mesh\nmetadata: {name: a}\nspec: {}\n"))
	if len(found) != 1 || found[0].Fix == nil || found[0].Fix.Edits[0].Span.File != "<stdin>" {
		t.Errorf("got %v", found)
	}
}

// FuzzFormat formats whole files, and any YAML as the parts of one: what is laid out reads the same and stays as it is.
func FuzzFormat(f *testing.F) {
	for _, data := range corpus(f) {
		f.Add(data)
	}
	cases, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, found := Source(context.Background(), "a.yaml", data)
		if len(found) > 0 {
			if string(out) != string(data) {
				t.Fatalf("a file that stops was changed:\n%s", out)
			}
			return
		}
		keepsItsMeaning(t, data, out)
		if again, _ := Source(context.Background(), "a.yaml", out); string(again) != string(out) {
			t.Fatalf("formatted once:\n%s\ntwice:\n%s", out, again)
		}
	})
}

// FuzzDocument lays out YAML that need be no document of ours, which a fuzzer meets far more often.
func FuzzDocument(f *testing.F) {
	for _, data := range corpus(f) {
		f.Add(string(data))
	}
	f.Add("a: |+\n  x\n\n\nb: >2-\n   y\n  z\nc: 'it''s\n\n  d'\ne: [a, {b: c,\n # d\n}]\n- x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range split(text) {
			laid, ok := document(p.body)
			if !ok {
				continue
			}
			if again, ok := document(laid); !ok || again != laid {
				t.Fatalf("of %q\nonce:  %q\ntwice: %q", p.body, laid, again)
			}
		}
	})
}
