package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the README's outputs anew")

// block is a fenced block of the README with the comment in front of it that says what it shows.
var block = regexp.MustCompile("(?s)<!-- (output|file|part of): ([^\n]*?) -->\n```[a-z]+\n(.*?)```\n")

// outputs are what the README shows of commands: each is run in a copy of the repository, as the README tells it.
var outputs = map[string]func(t *testing.T, root, command string) string{
	"make run": func(t *testing.T, root, _ string) string {
		var all strings.Builder
		for _, args := range makeRun(t) {
			all.WriteString(writ(t, root, args...))
		}
		return all.String()
	},
	"writ check, with the typo": func(t *testing.T, root, _ string) string {
		substitute(t, filepath.Join(root, "policies/teams/storefront/recommendationservice.yaml"), "[list-products]", "[list-product]")
		return writ(t, root, "check")
	},
	"writ prove, after a hand": func(t *testing.T, root, _ string) string {
		substitute(t, filepath.Join(root, "out/eu-1/orders/authorizationpolicy-cartservice.yaml"), "CartService/AddItem", "CartService/{*}")
		told, _, _ := strings.Cut(writ(t, root, "prove"), "\n\n") // the first finding
		return told + "\n"
	},
	"writ prove, with a pod that has no sidecar": func(t *testing.T, root, _ string) string {
		return writReading(t, root, running(t, root), "prove", "--cluster", "eu-1", "-")
	},
	"writ build, with the wishlist": func(t *testing.T, root, _ string) string {
		addWishlist(t, root)
		return writ(t, root, "build")
	},
	"writ diff, with the wishlist": func(t *testing.T, root, _ string) string {
		commit(t, root)
		addWishlist(t, root)
		return writ(t, root, "diff", "--base", "main")
	},
	"writ publish, with the wishlist": func(t *testing.T, root, _ string) string {
		commit(t, root)
		to := t.TempDir()
		if _, err := git.PlainInit(to, true); err != nil {
			t.Fatal(err)
		}
		publish := []string{"publish", "--to", to, "--branch", "rendered", "--author", "writ <writ@boutique.example>"}
		writ(t, root, publish...)
		addWishlist(t, root)
		commit(t, root)
		told := writ(t, root, publish...)
		_, told, _ = strings.Cut(told, "\n\n") // the findings
		return commits.ReplaceAllString(told, "<commit>")
	},
	"writ test":                           question,
	"writ explain cart-expiry redis-cart": question,
	"writ explain synthetic-shopper frontend PUT /cart": question,
	"writ who-can cartservice get-cart":                 question,
	"writ impact order-history":                         question,
}

// commits are what no README could name: they change with every word of the example.
var commits = regexp.MustCompile(`\b[0-9a-f]{12}\b`)

// addWishlist writes the document that the README adds.
func addWishlist(t *testing.T, root string) {
	t.Helper()
	wishlist := regexp.MustCompile("(?s)```yaml\n(# (policies/[^\n]*wishlist.yaml)\n.*?)```").FindStringSubmatch(readme(t))
	if wishlist == nil {
		t.Fatal("the README shows no wishlist.yaml")
	}
	write(t, filepath.Join(root, wishlist[2]), wishlist[1])
}

// commit makes a git repository of the folder, with all of it on main.
func commit(t *testing.T, root string) {
	t.Helper()
	repo, err := git.PlainOpen(root)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		repo, err = git.PlainInitWithOptions(root, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: "refs/heads/main"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err == nil {
		err = tree.AddGlob("policies")
	}
	if err == nil {
		_, err = tree.Commit("the example", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.com"}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// question is what a command prints about the example as it is.
func question(t *testing.T, root, command string) string {
	return writ(t, root, strings.Fields(command)[1:]...)
}

// TestREADME holds every output, file and excerpt that the README shows against what is really so.
func TestREADME(t *testing.T) {
	text := readme(t)
	shown := map[string]bool{}
	got := block.ReplaceAllStringFunc(text, func(b string) string {
		m := block.FindStringSubmatch(b)
		kind, of, old := m[1], m[2], m[3]
		shown[of] = true
		now := old
		switch kind {
		case "output":
			run := outputs[of]
			if run == nil {
				t.Errorf("the README shows the output of %q, which no test runs", of)
				return b
			}
			now = run(t, repository(t), of)
		case "file":
			now = withoutModeline(read(t, "../../"+of))
		case "part of":
			if !strings.Contains(read(t, "../../"+of), old) {
				t.Errorf("%s does not contain what the README shows of it:\n%s", of, old)
			}
		}
		return strings.TrimSuffix(b, old+"```\n") + now + "```\n"
	})
	for of := range outputs {
		if !shown[of] {
			t.Errorf("the README does not show %q", of)
		}
	}
	if *update {
		write(t, "../../README.md", got)
		return
	}
	if d := cmp.Diff(text, got); d != "" {
		t.Errorf("the README shows something else (-shown +real); `make golden` mends it:\n%s", d)
	}
}

// TestREADMENamesEveryCommand keeps the table of commands complete.
func TestREADMENamesEveryCommand(t *testing.T) {
	text := readme(t)
	for _, c := range strings.Fields("build check prove test explain who-can impact diff report publish codeowners argocd comment fix fmt rules schema lsp init version completion") {
		if !strings.Contains(text, "`writ "+c) {
			t.Errorf("the README does not name `writ %s`", c)
		}
	}
}

func readme(t *testing.T) string { return read(t, "../../README.md") }

// makeRun is what `make run` runs, as arguments of writ.
func makeRun(t *testing.T) [][]string {
	t.Helper()
	_, recipe, found := strings.Cut(read(t, "../../Makefile"), "\nrun: ")
	if !found {
		t.Fatal("the Makefile has no target run")
	}
	var all [][]string
	for line := range strings.Lines(recipe) {
		if args, ok := strings.CutPrefix(line, "\t@go run ./cmd/writ "); ok {
			all = append(all, strings.Fields(args))
		} else if line == "\n" {
			break
		}
	}
	if len(all) == 0 {
		t.Fatal("`make run` runs nothing of writ")
	}
	return all
}

// writ runs the command in root and returns what it prints, findings and errors alike.
func writ(t *testing.T, root string, args ...string) string {
	t.Helper()
	return writReading(t, root, "", args...)
}

// running is what kubectl prints of eu-1: all that is rendered, and a pod.
func running(t *testing.T, root string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "out/eu-1/*/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
		all.WriteString("---\n")
	}
	return all.String() + "apiVersion: v1\nkind: Pod\nmetadata: {name: cartservice-6c5f-x2x7q, namespace: orders, labels: {app: cartservice}}\n" +
		"spec: {serviceAccountName: cartservice, containers: [{name: server}]}\n"
}

func writReading(t *testing.T, root, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("writ", args...)
	cmd.Dir, cmd.Stdin = root, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 {
		t.Fatalf("writ %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// repository is a copy of policies/ and out/.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"policies", "out"} {
		err := os.CopyFS(filepath.Join(root, dir), os.DirFS("../../"+dir))
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func withoutModeline(text string) string {
	if first, rest, ok := strings.Cut(text, "\n"); ok && strings.HasPrefix(first, "# yaml-language-server:") {
		return rest
	}
	return text
}

func substitute(t *testing.T, file, old, with string) {
	t.Helper()
	text := read(t, file)
	if strings.Count(text, old) != 1 {
		t.Fatalf("%s does not have %q once", file, old)
	}
	write(t, file, strings.Replace(text, old, with, 1))
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.FromSlash(file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTheExampleIsWhole holds the example estate to what the README and the issue it was made for say of it: no finding that
// fails, and an out/ that is current.
func TestTheExampleIsWhole(t *testing.T) {
	out := writ(t, repository(t), "check")
	if !strings.Contains(out, "no findings; out/ is current") {
		t.Errorf("`writ check` says:\n%s", out)
	}
	modelines := 0
	err := filepath.WalkDir("../../policies", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(filepath.ToSlash(path), "/overlay/") || d.Name() == "argocd.yaml" { // in another language
			return err
		}
		rel, err := filepath.Rel(filepath.Dir(path), "../../schema/writ.schema.json")
		if err != nil {
			return err
		}
		modelines++
		if want := fmt.Sprintf("# yaml-language-server: $schema=%s\n", filepath.ToSlash(rel)); !strings.HasPrefix(read(t, path), want) {
			t.Errorf("%s does not begin with %q", path, want)
		}
		return nil
	})
	if err != nil || modelines == 0 {
		t.Errorf("%d files: %v", modelines, err)
	}
}
