package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/schema"
)

// templates are the files of a new repository.
//
//go:embed all:init
var templates embed.FS

// workflows are those of a repository on GitHub.
//
//go:embed workflows
var workflows embed.FS

const (
	// unpinned stands in the workflows for the repository and the commit of writ that they run.
	unpinned = "OWNER/NAME/.github/actions/%s@0000000000000000000000000000000000000000"

	ignoreFile = ".gitignore"
	ignoreLine = ".writ-*.tmp" // what a build that was killed leaves until the next one
	// templateDay is when the templates say that somebody looked at what they say of personal data. A new repository has the present
	// day instead, as what nobody has looked at for a year is told.
	templateDay = "2000-01-01"
)

func (a *app) init() *cobra.Command {
	var github bool
	var from, ref string
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a small working repository",
		Long: "init makes a small working repository: one mesh, one cluster, two teams with a service each, a call between them, a\n" +
			"test that nobody else makes it, and what personal data they process for which activities.\n\n" +
			"It writes nothing over: policies/, schema/ and out/ must not exist yet.\n\n" +
			"A repository without a document of kind Privacy is asked nothing about personal data. To begin in one, take over the\n" +
			"policies/privacy/ that init makes elsewhere, put your own organisation and activities there, and let every service say\n" +
			"what it processes in the same change: writ check names those that do not (PII-001), and their calls are withheld.\n\n" +
			"With --github it writes the workflows for GitHub instead, into a repository that is there: the check of every change, the\n" +
			"comment on pull requests, and what keeps out/ current. They run writ from the repository that --from names, at one commit: this\n" +
			"one's own, unless --ref names another.",
		Args:              atMostOne,
		ValidArgsFunction: folders,
		RunE: func(_ *cobra.Command, args []string) error {
			dir := a.dir
			switch {
			case len(args) > 0 && filepath.IsAbs(args[0]):
				dir = args[0]
			case len(args) > 0:
				dir = filepath.Join(a.dir, args[0])
			}
			if github {
				return a.initGitHub(dir, from, ref)
			}
			if from+ref != "" {
				return errors.New("--from and --ref say which writ workflows run; they go with --github")
			}
			return a.runInit(dir)
		},
	}
	cmd.Flags().BoolVar(&github, "github", false, "write the workflows for GitHub, and nothing else")
	cmd.Flags().StringVar(&from, "from", "", "the `OWNER/NAME` on GitHub that the workflows have writ from")
	must(cmd.RegisterFlagCompletionFunc("from", cobra.NoFileCompletions))
	cmd.Flags().StringVar(&ref, "ref", "", "the `COMMIT` of writ that the workflows run, 40 hexadecimal digits")
	must(cmd.RegisterFlagCompletionFunc("ref", cobra.NoFileCompletions))
	return cmd
}

var (
	ownerName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// initGitHub writes the workflows, none of them over another file.
func (a *app) initGitHub(dir, from, ref string) error {
	if !ownerName.MatchString(from) {
		return fmt.Errorf("--from %q is no repository on GitHub; name the one that you have writ from, like OWNER/NAME", from)
	}
	if ref == "" {
		if v := readVersion(debug.ReadBuildInfo()); !v.Modified {
			ref = v.Revision
		}
		if ref == "" {
			return errors.New("this writ does not know the commit that it was built from; name one with --ref")
		}
	}
	if !fullCommit.MatchString(ref) {
		return fmt.Errorf("--ref %q is no full commit: a branch or a tag can be moved to another one", ref)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %q: %w", dir, bare(err))
	}
	defer root.Close()
	entries, err := workflows.ReadDir("workflows")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := path.Join(workflowFolder, e.Name()); exists(root, name) {
			return fmt.Errorf("%q is in the way", filepath.Join(dir, name))
		}
	}
	if err := root.MkdirAll(workflowFolder, 0o755); err != nil {
		return fmt.Errorf("make %q: %w", workflowFolder, bare(err))
	}
	for _, e := range entries {
		data, err := workflows.ReadFile("workflows/" + e.Name())
		if err != nil {
			return err
		}
		name := path.Join(workflowFolder, e.Name())
		if err := save(root, name, pin(data, from, ref), 0o644); err != nil {
			return err
		}
		a.printf("  %s\n", name)
	}
	return nil
}

// pin lets a workflow run writ's actions from a repository at a commit.
func pin(workflow []byte, from, ref string) []byte {
	before, after, _ := strings.Cut(unpinned, "%s")
	text := strings.ReplaceAll(string(workflow), before, from+strings.TrimPrefix(before, "OWNER/NAME"))
	_, zeros, _ := strings.Cut(after, "@")
	return []byte(strings.ReplaceAll(text, zeros, ref))
}

// workflowFolder is where GitHub looks for workflows.
const workflowFolder = ".github/workflows"

func exists(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return err == nil
}

func (a *app) runInit(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %q: %w", dir, bare(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %q: %w", dir, bare(err))
	}
	defer root.Close()
	for _, name := range []string{"policies", "schema", "out"} {
		if _, err := root.Lstat(name); err == nil {
			return fmt.Errorf("%q is in the way: init makes a repository where there is none", filepath.Join(dir, name))
		}
	}
	files, err := initial(a.asOf)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := root.MkdirAll(path.Dir(f.path), 0o755); err != nil {
			return fmt.Errorf("make %q: %w", path.Dir(f.path), bare(err))
		}
		if err := save(root, f.path, f.data, 0o644); err != nil {
			return err
		}
		a.printf("  %s\n", f.path)
	}
	if err := ignoreTemps(root); err != nil {
		return err
	}
	a.printf("  %s\n", ignoreFile)
	a.dir = dir
	a.printf("\nnext, policies/ to out/, and both into git:\n  %s\n  %s\n", a.command("build"), gitAdd(dir))
	return nil
}

func gitAdd(dir string) string {
	if dir == "." {
		return "git add ."
	}
	return "git -C " + quote(dir) + " add ."
}

// newFile is a file that init makes.
type newFile struct {
	path string
	data []byte
}

// initial is the schema that editors read, and the documents, as looked at on the day.
func initial(day string) ([]newFile, error) {
	bundle, err := schema.Bundle()
	if err != nil {
		return nil, err
	}
	var files []newFile
	err = fs.WalkDir(templates, "init", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := templates.ReadFile(p)
		files = append(files, newFile{strings.TrimPrefix(p, "init/"), bytes.ReplaceAll(data, []byte(templateDay), []byte(day))})
		return err
	})
	return append(files, newFile{"schema/writ.schema.json", bundle}), err
}

// ignoreTemps adds the line to .gitignore, which the folder may have already.
func ignoreTemps(root *os.Root) error {
	info, err := plain(root, ignoreFile)
	if errors.Is(err, fs.ErrNotExist) {
		return save(root, ignoreFile, []byte(ignoreLine+"\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", ignoreFile, err)
	}
	text, err := root.ReadFile(ignoreFile)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == ignoreLine {
			return nil
		}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return save(root, ignoreFile, append(text, ignoreLine+"\n"...), info.Mode().Perm())
}
