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
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/schema"
)

// templates are the files of a new repository.
//
//go:embed all:init
var templates embed.FS

const (
	ignoreFile = ".gitignore"
	ignoreLine = ".writ-*.tmp" // what a build that was killed leaves until the next one
	// templateDay is when the templates say that somebody looked at what they say of personal data. A new repository has the present
	// day instead, as what nobody has looked at for a year is told.
	templateDay = "2000-01-01"
)

func (a *app) init() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a small working repository",
		Long: "init makes a small working repository: one mesh, one cluster, two teams with a service each, a call between them, a\n" +
			"test that nobody else makes it, and what personal data they process for which activities.\n\n" +
			"It writes nothing over: policies/, schema/ and out/ must not exist yet.\n\n" +
			"A repository without a document of kind Privacy is asked nothing about personal data. To begin in one, take over the\n" +
			"policies/privacy/ that init makes elsewhere, put your own organisation and activities there, and let every service say\n" +
			"what it processes in the same change: writ check names those that do not (PII-001), and their calls are withheld.",
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
			return a.runInit(dir)
		},
	}
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
