package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
)

// shown is how many paths of one sort are listed; the rest is a count.
const shown = 10

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// textOptions asks the terminal for what nobody said.
func (a *app) textOptions() diag.TextOptions {
	opts := diag.TextOptions{Color: a.colors()}
	if f, ok := a.stdout.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			opts.Width = w
		}
	}
	return opts
}

// terminal reports whether a person reads the output directly.
func (a *app) terminal() bool {
	f, ok := a.stdout.w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colors decides as https://no-color.org and https://force-color.org ask: the flag first, then NO_COLOR, then FORCE_COLOR, then
// whether a terminal listens.
func (a *app) colors() bool {
	switch {
	case a.color != "auto":
		return a.color == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("FORCE_COLOR") != "":
		return os.Getenv("FORCE_COLOR") != "0"
	default:
		return a.terminal() && os.Getenv("TERM") != "dumb"
	}
}

func (a *app) findings(list diag.List, r *compiler.Result, opts diag.TextOptions) error {
	return diag.Text(a.stdout, list, r.Sources, opts)
}

// raw prints text of files as it is. On a terminal what it could do to that is escaped.
func (a *app) raw(text string) {
	if a.terminal() {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		for i := range lines {
			lines[i] = diag.Visible(lines[i])
		}
		text = strings.Join(lines, "\n") + "\n"
	}
	fmt.Fprint(a.stdout, text)
}

// json writes a document for machines.
func (a *app) json(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// paths lists paths under a label, the first of them.
func (a *app) paths(label string, paths []string) {
	for _, p := range paths[:min(len(paths), shown)] {
		a.printf("  %-10s  %s\n", label, diag.Visible(p))
	}
	if more := len(paths) - shown; more > 0 {
		a.printf("  %-10s  and %d more\n", label, more)
	}
}

// beside is what is foreign and in nobody's way: an obstacle is told as that.
func beside(d emit.Drift) []string {
	return slices.DeleteFunc(slices.Clone(d.Foreign), func(p string) bool {
		return slices.ContainsFunc(d.Blocked, func(o emit.Obstacle) bool { return o.Path == p })
	})
}

// foreign tells what lies in out/ and is not ours: it is applied to clusters like the rest.
func (a *app) foreign(paths []string) {
	for _, p := range paths[:min(len(paths), shown)] {
		a.printf("notice: out/%s is not written by writ, and left alone\n", diag.Visible(p))
	}
	if more := len(paths) - shown; more > 0 {
		a.printf("notice: %d more in out/ not written by writ either\n", more)
	}
}

// stats is for a result that nothing stopped, so that its proof holds.
func (a *app) stats(r *compiler.Result) {
	s := r.Stats
	a.printf("%s, %s, %s: %s in %s; %d pending, %d withheld\n",
		count(s.Meshes, "mesh", "meshes"), count(s.Clusters, "cluster", "clusters"), count(s.Services, "service", "services"),
		count(s.Accesses, "access", "accesses"), count(s.Objects, "object", "objects"), s.Pending, s.Withheld)
	a.printf("proved: %s\n", r.Proof.Summary())
}

// tally is the findings by level, like "2 errors, 1 notice".
func tally(list diag.List) string {
	var parts []string
	for _, l := range []diag.Level{diag.Error, diag.Warning, diag.Notice} {
		if n := list.Count(l); n > 0 {
			parts = append(parts, count(n, l.String(), l.String()+"s"))
		}
	}
	if parts == nil {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

// stopping is how many findings forbid to write.
func stopping(list diag.List) int {
	n := 0
	for _, f := range list {
		if f.Rule.Effect == diag.Stop {
			n++
		}
	}
	return n
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// command is the command line that does the named thing to this repository, for a reader to paste into a shell.
func (a *app) command(name string) string {
	if a.dir == "." {
		return "writ " + name
	}
	return "writ -C " + quote(a.dir) + " " + name
}

// quote is the word as a POSIX shell reads it back.
func quote(word string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-+:@", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// driftJSON is how out/ differs, for machines.
type driftJSON struct {
	Missing  []string `json:"missing"`
	Changed  []string `json:"changed"`
	Orphaned []string `json:"orphaned"`
	Foreign  []string `json:"foreign"`
	Blocked  []string `json:"blocked"`
}

func newDriftJSON(d emit.Drift) *driftJSON {
	j := &driftJSON{list(d.Missing), list(d.Changed), list(d.Orphaned), list(d.Foreign), []string{}}
	for _, o := range d.Blocked {
		j.Blocked = append(j.Blocked, o.String())
	}
	return j
}

// list is never null in JSON.
func list(paths []string) []string { return append([]string{}, paths...) }
