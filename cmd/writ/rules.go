package main

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
)

func (a *app) rules() *cobra.Command {
	return &cobra.Command{
		Use:   "rules [CODE]",
		Short: "List the rules, or explain one with its examples",
		Args:  atMostOne,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return codes(compiler.Rules()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listRules()
			}
			return a.explainRule(cmd.Context(), args[0])
		},
	}
}

func codes(docs []compiler.Doc) []string {
	var all []string
	for _, d := range docs {
		all = append(all, d.Code)
	}
	return all
}

// ruleJSON is a rule for machines.
type ruleJSON struct {
	Code    string            `json:"code"`
	Name    string            `json:"name"`
	Effect  string            `json:"effect"`
	Level   string            `json:"level"`
	Title   string            `json:"title"`
	Why     string            `json:"why"`
	Mends   bool              `json:"mends"`
	Retired bool              `json:"retired"`
	Later   string            `json:"later"` // what a rule waits for that is not checked yet
	Bad     map[string]string `json:"bad"`
	Good    map[string]string `json:"good"`
	Base    map[string]string `json:"base"` // the revision before, where the rule is about a change
}

func newRuleJSON(d compiler.Doc) ruleJSON {
	return ruleJSON{d.Code, d.Name, d.Effect.String(), d.Severity().String(), d.Title, d.Why, d.Mends, d.Retired, d.Later, contents(d.Bad), contents(d.Good), contents(d.Base)}
}

func contents(files []txtar.File) map[string]string {
	all := map[string]string{}
	for _, f := range files {
		all[f.Name] = string(f.Data)
	}
	return all
}

func (a *app) listRules() error {
	docs := compiler.Rules()
	if a.format == formatJSON {
		all := []ruleJSON{}
		for _, d := range docs {
			all = append(all, newRuleJSON(d))
		}
		return a.json(all)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tEFFECT\tLEVEL\tFIX\tNAME\tTITLE")
	for _, d := range docs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Code, d.Effect, d.Severity(), mends(d), d.Name, title(d))
	}
	return w.Flush()
}

func mends(d compiler.Doc) string {
	if d.Mends {
		return "yes"
	}
	return "-"
}

func title(d compiler.Doc) string {
	switch {
	case d.Retired:
		return d.Title + " (retired)"
	case d.Later != "":
		return d.Title + " (not yet checked)"
	}
	return d.Title
}

func (a *app) explainRule(ctx context.Context, code string) error {
	docs := compiler.Rules()
	i := slices.IndexFunc(docs, func(d compiler.Doc) bool { return strings.EqualFold(d.Code, code) || d.Name == code })
	if i < 0 {
		return unknownRule(code, docs)
	}
	d := docs[i]
	if a.format == formatJSON {
		return a.json(newRuleJSON(d))
	}
	a.printf("%s %s: %s\n\n%s\n", d.Code, d.Name, title(d), d.Why)
	if d.Later != "" {
		a.printf("\nnot yet checked: it %s\n", d.Later)
		return nil
	}
	a.printf("\neffect: %s, told as %s", d.Effect, d.Severity())
	if d.Mends {
		a.printf("; writ fix mends it")
	}
	a.printf("\n")
	if len(d.Bad) == 0 {
		return nil
	}
	r, err := a.judge(ctx, d)
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(r.Findings, func(f diag.Finding) bool { return f.Rule.Code != d.Code })
	if len(d.Base) > 0 {
		a.example("before", d.Base, nil, nil)
	}
	a.example("bad", d.Bad, d.Good, found)
	if err := a.says(found, r); err != nil || len(d.Good) == 0 {
		return err
	}
	a.example("good", d.Good, d.Bad, nil)
	return nil
}

func unknownRule(code string, docs []compiler.Doc) error {
	names := codes(docs)
	for _, d := range docs {
		names = append(names, d.Name)
	}
	if near := diag.Nearest(code, names); near != "" {
		return fmt.Errorf("no rule %q; did you mean %s?", code, near)
	}
	return fmt.Errorf("no rule %q; %q lists them", code, "writ rules")
}

// example prints the files of one case that differ from the other's or have a finding; what else both share would hide the point.
func (a *app) example(label string, files, other []txtar.File, found diag.List) {
	a.printf("\n%s:\n", label)
	for _, f := range files {
		pointed := slices.ContainsFunc(found, func(at diag.Finding) bool { return at.Span.File == f.Name })
		shared := slices.ContainsFunc(other, func(o txtar.File) bool { return o.Name == f.Name && string(o.Data) == string(f.Data) })
		if shared && !pointed {
			continue
		}
		a.printf("\n  # %s\n", f.Name)
		if len(f.Data) == 0 {
			a.printf("  (no such file)\n")
			continue
		}
		for _, line := range strings.Split(strings.TrimRight(string(f.Data), "\n"), "\n") {
			a.printf("%s\n", diag.Visible(strings.TrimRight("  "+line, " ")))
		}
	}
}

// surrounded is the example's files in their estate. An example takes a file away by an empty one.
func surrounded(code string, files []txtar.File) []txtar.File {
	all := slices.DeleteFunc(compiler.Surroundings(code), func(s txtar.File) bool {
		return slices.ContainsFunc(files, func(f txtar.File) bool { return f.Name == s.Name })
	})
	all = append(all, files...)
	return slices.DeleteFunc(all, func(f txtar.File) bool { return len(f.Data) == 0 })
}

// judge compiles the bad case.
func (a *app) judge(ctx context.Context, d compiler.Doc) (*compiler.Result, error) {
	fsys, err := txtar.FS(&txtar.Archive{Files: surrounded(d.Code, d.Bad)})
	if err != nil {
		return nil, err
	}
	var base fs.FS
	if len(d.Base) > 0 {
		if base, err = txtar.FS(&txtar.Archive{Files: surrounded(d.Code, d.Base)}); err != nil {
			return nil, err
		}
	}
	return a.compile(ctx, fsys, base)
}

// says prints the findings of the rule, so that the reader meets the words that they will see.
func (a *app) says(found diag.List, r *compiler.Result) error {
	if len(found) == 0 {
		return nil
	}
	a.printf("\nwrit says:\n\n")
	var text strings.Builder
	if err := diag.Text(&text, found, r.Sources, a.textOptions()); err != nil {
		return err
	}
	for line := range strings.Lines(strings.TrimRight(text.String(), "\n") + "\n") {
		a.printf("%s", strings.TrimRight("  "+line, " "))
	}
	return nil
}
