package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
)

// The formats of --format. Every command that tells something has the first two.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatSARIF  = "sarif"
	formatGitHub = "github"
	formatJUnit  = "junit"
	// Markdown is for comments on pull requests, a summary for the page of a workflow's run, which takes more, a review is the data of
	// both.
	formatMarkdown = "markdown"
	formatSummary  = "summary"
	formatReview   = "review"
	// A patch is what out/ lacks.
	formatPatch = "patch"
)

var formats = []string{formatText, formatJSON, formatSARIF, formatGitHub, formatJUnit, formatMarkdown, formatSummary, formatReview, formatPatch}

// writers are the formats that forges and CI systems read.
var writers = map[string]func(io.Writer, *diag.Outcome) error{
	formatSARIF:  diag.SARIF,
	formatGitHub: diag.GitHub,
	formatJUnit:  diag.JUnit,
}

const (
	// everyFormat is the annotation of commands that know the formats of findings, and write several.
	everyFormat = "writ.dev/every-format"
	// everyReview is the annotation of those of them that know what a pull request is read by.
	everyReview = "writ.dev/every-review"
	// markdownToo is the annotation of commands that know Markdown beside text and json.
	markdownToo = "writ.dev/markdown-too"
)

// formatsHelp is told by the commands that know every format.
const formatsHelp = "Beside text and json it writes sarif (for GitHub's code scanning), github (annotations, by the log of a workflow)\n" +
	"and junit (test reports of CI systems), several in one run: one to standard output, the others to files.\n\n" +
	"  --format github --format sarif=writ.sarif --format junit=writ.xml"

// output is one value of --format.
type output struct {
	format string
	file   string // "" for standard output
}

func (o output) String() string {
	if o.file == "" {
		return o.format
	}
	return o.format + "=" + o.file
}

// formatFlag is what --format gathers: at most one for standard output, and any number of files.
type formatFlag []output

// Type is shown after the flag's name in help.
func (o *formatFlag) Type() string { return "FORMAT[=FILE]" }

func (o *formatFlag) String() string {
	var all []string
	for _, each := range *o {
		all = append(all, each.String())
	}
	return strings.Join(all, " ")
}

func (o *formatFlag) Set(s string) error {
	format, file, toFile := strings.Cut(s, "=")
	if !slices.Contains(formats, format) {
		return fmt.Errorf("expected %s", diag.OneOf(formats))
	}
	if toFile && file == "" {
		return fmt.Errorf("expected a file after the =")
	}
	if toFile {
		file = filepath.Clean(file)
	}
	for _, other := range *o {
		if other.file != file {
			continue
		}
		if file == "" {
			return fmt.Errorf("standard output takes one format, and has %s; write this one to a file, as %s=FILE", other.format, format)
		}
		return fmt.Errorf("%q takes one format, and has %s", file, other.format)
	}
	*o = append(*o, output{format, file})
	return nil
}

// onStdout is the format of standard output: text where only files were named.
func (o formatFlag) onStdout() string {
	for _, each := range o {
		if each.file == "" {
			return each.format
		}
	}
	return formatText
}

// checkFormats refuses what the command cannot write, before it does anything.
func (a *app) checkFormats(cmd *cobra.Command) error {
	every, review, markdown := cmd.Annotations[everyFormat] != "", cmd.Annotations[everyReview] != "", cmd.Annotations[markdownToo] != ""
	for _, o := range a.outputs {
		ofReview := slices.Contains(formats[slices.Index(formats, formatMarkdown):], o.format)
		switch {
		case every && !review && ofReview:
			return fmt.Errorf("%q writes %s, got --format %q", cmd.CommandPath(), strings.Join(formats[:slices.Index(formats, formatMarkdown)], ", "), o)
		case every, markdown && o.file == "" && o.format == formatMarkdown:
		case o.file != "" || writers[o.format] != nil || ofReview:
			known := "text or json"
			if markdown {
				known = "text, json or markdown"
			}
			return fmt.Errorf("%q writes %s to standard output, got --format %q", cmd.CommandPath(), known, o)
		}
	}
	return nil
}

// tell has write tell a result in every format that was asked for, by an app whose output is that one. Standard output comes
// first, and a file that cannot be written keeps nothing else back.
func (a *app) tell(write func(*app) error) error {
	failed := write(a)
	for _, o := range a.outputs {
		if o.file == "" {
			continue
		}
		if err := a.tellFile(o, write); failed == nil {
			failed = err
		}
	}
	return failed
}

// tellFile gives the file what write tells, whatever color says: who reads a file is no terminal.
func (a *app) tellFile(o output, write func(*app) error) error {
	var text bytes.Buffer
	to := *a
	to.format, to.color, to.stdout = o.format, "never", &stream{w: &text}
	if err := write(&to); err != nil {
		return err
	}
	return writeReport(o.file, text.Bytes())
}

// writeReport makes the file hold the bytes, all of them or what it held before. A path that leads to a device or a pipe is
// written to as it is: renaming something over /dev/stderr would help nobody.
func writeReport(file string, data []byte) error {
	mode := fs.FileMode(0o644)
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return writeTo(file, data)
	}
	if err == nil {
		mode = info.Mode().Perm()
		if file, err = filepath.EvalSymlinks(file); err != nil { // it went meanwhile
			return fmt.Errorf("write the report: %w", err)
		}
	}
	folder, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("write %q: %w", file, bare(err))
	}
	defer folder.Close()
	return save(folder, filepath.Base(file), data, mode)
}

func writeTo(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %q: %w", file, bare(err))
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", file, bare(err))
	}
	return nil
}

// report writes the result in the app's format, which is one of writers.
func (a *app) report(r *compiler.Result, caused func(*diag.Finding) bool, checks ...diag.Check) error {
	return writers[a.format](a.stdout, a.outcome(r, caused, checks...))
}

func (a *app) outcome(r *compiler.Result, caused func(*diag.Finding) bool, checks ...diag.Check) *diag.Outcome {
	return &diag.Outcome{
		Findings: r.Findings,
		Caused:   caused,
		Checks:   checks,
		Sources:  r.Sources,
		Rules:    compiler.Catalogue(),
		Prefix:   a.prefix(),
		Version:  readVersion(debug.ReadBuildInfo()).Version,
	}
}

// reviews reports whether somebody asks for what a pull request is read by.
func (a *app) reviews() bool {
	return slices.ContainsFunc(a.outputs, func(o output) bool {
		return o.format == formatMarkdown || o.format == formatSummary || o.format == formatReview
	})
}

// prefix leads from the root of the git work tree, where forges count paths from, to the repository; "" where they are one, or
// where there is no git.
func (a *app) prefix() string {
	dir, err := filepath.Abs(a.dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return ""
	}
	for top := dir; ; top = filepath.Dir(top) {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			prefix, _ := filepath.Rel(top, dir) // which lies below it
			return filepath.ToSlash(prefix)
		}
		if top == filepath.Dir(top) {
			return ""
		}
	}
}
