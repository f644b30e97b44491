package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/format"
)

// stdin is what findings call standard input.
const stdin = "<stdin>"

// fmtFlags decide what becomes of files that are not in style; the zero value writes them.
type fmtFlags struct{ check, diff bool }

func (a *app) fmt() *cobra.Command {
	var flags fmtFlags
	cmd := &cobra.Command{
		Use:   "fmt [PATH]...",
		Short: "Lay out documents in the one style, and keep what they mean",
		Long: "fmt lays out the documents in policies/, or in the files and folders of it that are named: indentation, white space and\n" +
			"the order of fields. Comments stay with what they are about, and what the documents mean does not change.\n" +
			"With - it formats standard input to standard output, for editors.\n\n" +
			"A file that cannot be read is left as it is, and the findings say why. With --check or --diff fmt writes nothing,\n" +
			"and exits with 1 if a file would change.",
		Example: "  writ fmt\n  writ fmt --check                 # for pull requests\n  writ fmt --diff policies/teams/shop\n  writ fmt - < draft.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args, "-") {
				return a.formatInput(cmd, args, flags)
			}
			return a.formatFiles(cmd.Context(), args, flags)
		},
	}
	cmd.Flags().BoolVar(&flags.check, "check", false, "write nothing, and list the files that are not in style")
	cmd.Flags().BoolVarP(&flags.diff, "diff", "d", false, "write nothing, and print what would change as a diff")
	return cmd
}

func (a *app) formatFiles(ctx context.Context, args []string, flags fmtFlags) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	chosen, err := a.chosen(repo, args)
	if err != nil {
		return err
	}
	files, found := format.Estate(ctx, part{repo.FS(), chosen})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(args) > 0 && len(files) == 0 && len(found) == 0 {
		return fmt.Errorf("no documents in %s", strings.Join(chosen, ", "))
	}
	r := newFormatted(files, found)
	if !flags.check && !flags.diff {
		for _, file := range r.files() {
			if err := replaceFile(repo, file, r.before[file], r.after[file]); err != nil {
				return err
			}
		}
	}
	if err := a.tellFormatted(r, flags); err != nil {
		return err
	}
	if len(found) > 0 || (flags.check || flags.diff) && len(r.files()) > 0 {
		return errFails
	}
	return nil
}

// formatInput formats standard input. The findings go to standard error: an editor puts what it reads in the place of the text.
func (a *app) formatInput(cmd *cobra.Command, args []string, flags fmtFlags) error {
	if len(args) > 1 {
		return fmt.Errorf("- stands for standard input, and alone; see %q", cmd.CommandPath()+" --help")
	}
	data, err := io.ReadAll(cmd.InOrStdin())
	if err != nil {
		return fmt.Errorf("read standard input: %w", bare(err))
	}
	after, found := format.Source(cmd.Context(), stdin, data)
	if cmd.Context().Err() != nil {
		return cmd.Context().Err()
	}
	r := newFormatted([]format.File{{Path: stdin, Before: data, After: after}}, found)
	switch {
	case len(found) > 0:
		if err := diag.Text(cmd.ErrOrStderr(), found, r.before, diag.TextOptions{}); err != nil {
			return err
		}
		return errFails
	case !flags.check && !flags.diff:
		_, err := a.stdout.Write(after)
		return err
	case len(r.files()) == 0:
		return nil
	}
	if err := a.tellFormatted(r, flags); err != nil {
		return err
	}
	return errFails
}

// formatted is what became of files.
type formatted struct {
	mended
	found  diag.List
	read   int // files, in style or not
	unread int
}

func newFormatted(files []format.File, found diag.List) *formatted {
	r := &formatted{mended: mended{before: map[string][]byte{}, after: map[string][]byte{}}, found: found}
	unread := map[string]bool{}
	for _, f := range found {
		unread[f.Span.File] = true
	}
	for _, f := range files {
		r.before[f.Path], r.after[f.Path] = f.Before, f.After
		if !unread[f.Path] {
			r.read++
		}
	}
	r.unread = len(unread)
	return r
}

// fmtDocument is what `writ fmt --format json` prints: the findings that keep files as they are, and the files that are not in
// style, or were not.
type fmtDocument struct {
	diag.Document
	Files   []string `json:"files"`
	Written bool     `json:"written"`
}

func (a *app) tellFormatted(r *formatted, flags fmtFlags) error {
	files := r.files()
	if a.format == formatJSON {
		written := !flags.check && !flags.diff
		return a.json(fmtDocument{Document: diag.NewDocument(r.found, nil), Files: list(files), Written: written})
	}
	if err := diag.Text(a.stdout, r.found, r.before, a.textOptions()); err != nil {
		return err
	}
	if flags.diff {
		a.diffs(&r.mended)
		return nil
	}
	for _, file := range files {
		a.printf("%s\n", diag.Visible(file))
	}
	a.printf("%s\n", a.formatSummary(r, flags))
	return nil
}

// formatSummary is one line, with the command that takes the next step.
func (a *app) formatSummary(r *formatted, flags fmtFlags) string {
	changed := len(r.files())
	summary := fmt.Sprintf("%s formatted, %d unchanged", count(changed, "file", "files"), r.read-changed)
	if flags.check {
		summary = "every file is in style"
	}
	if flags.check && changed > 0 {
		summary = fmt.Sprintf("%s not in style: %s", count(changed, "file is", "files are"), a.command("fmt"))
	}
	if r.unread == 0 {
		return summary
	}
	unread := fmt.Sprintf("%s cannot be read and stays as it is", count(r.unread, "file", "files"))
	if flags.check && changed == 0 {
		return unread
	}
	return summary + "; " + unread
}

// chosen are the paths that the arguments name, from the repository's root; policies itself without one.
func (a *app) chosen(repo *os.Root, args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		name, err := a.within(arg)
		if err != nil {
			return nil, err
		}
		if _, err := repo.Lstat(name); err != nil {
			return nil, fmt.Errorf("format %q: %w", arg, bare(err))
		}
		all = append(all, name)
	}
	if len(all) == 0 {
		all = []string{"policies"}
	}
	return all, nil
}

// within is the path of an argument from the repository's root. What lies elsewhere is for nobody to compile.
func (a *app) within(arg string) (string, error) {
	name := arg
	if filepath.IsAbs(arg) {
		dir, err := filepath.Abs(a.dir)
		if err != nil {
			return "", err
		}
		if name, err = filepath.Rel(dir, arg); err != nil {
			return "", err
		}
	}
	name = filepath.ToSlash(filepath.Clean(name))
	if name != "." && name != "policies" && !strings.HasPrefix(name, "policies/") {
		return "", fmt.Errorf("%q does not lie below policies/; %q formats any text", arg, "writ fmt -")
	}
	return name, nil
}

// part is a file system of which only some paths, what lies below them and the folders above them are listed.
type part struct {
	fs.FS
	paths []string
}

func (p part) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(p.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !p.shows(name + "/" + e.Name()) }), err
}

func (p part) shows(name string) bool {
	return slices.ContainsFunc(p.paths, func(path string) bool {
		return path == "." || path == name || strings.HasPrefix(name, path+"/") || strings.HasPrefix(path, name+"/")
	})
}

func (p part) ReadLink(name string) (string, error) { return fs.ReadLink(p.FS, name) }

func (p part) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(p.FS, name) }
