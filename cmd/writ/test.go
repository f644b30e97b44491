package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/query"
)

func (a *app) test() *cobra.Command {
	var coverage bool
	cmd := &cobra.Command{
		Use:   "test [NAME...]",
		Short: "Run the Test documents",
		Long: "test judges the assertions of Test documents, all of them or those of the named ones, by namespace/name or by the name alone\n" +
			"where one namespace has it. An assertion is proved, for every\n" +
			"request that its patterns match, in every cluster that its Test selects. `writ check` runs the same tests.\n\n" +
			"With --coverage it also says which accesses no test would miss if they went, and which endpoints no test guards\n" +
			"against callers that nobody named: none of all tests, whichever are named.\n\n" +
			"It exits with 0 when every assertion holds, and with 1 when one does not.",
		Example: "  writ test\n" +
			"  writ test identity/addresses-stay-private\n" +
			"  writ test --coverage",
		ValidArgsFunction: a.completion(testWords),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runTest(cmd.Context(), args, coverage) },
	}
	cmd.Flags().BoolVar(&coverage, "coverage", false, "say also what no test protects")
	return cmd
}

// asked opens the repository for questions. Where a finding stops it is told, and nothing can be asked.
func (a *app) asked(ctx context.Context) (*compiler.Asked, error) {
	repo, err := a.open()
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	hear, done := a.progress()
	asked, err := compiler.Ask(ctx, repo.FS(), compiler.Options{AsOf: a.asOf, Progress: hear})
	done()
	if err != nil || asked.Index != nil {
		return asked, err
	}
	var stops diag.List
	for _, f := range asked.Findings {
		if f.Rule.Effect == diag.Stop {
			stops.Add(f)
		}
	}
	if a.format == formatJSON {
		if err := a.json(diag.NewDocument(stops, nil)); err != nil {
			return nil, err
		}
		return nil, errFails
	}
	if err := diag.Text(a.stdout, stops, asked.Sources, a.textOptions()); err != nil {
		return nil, err
	}
	a.printf("%s: what cannot be read cannot be asked\n", count(len(stops), "finding stops", "findings stop"))
	return nil, errFails
}

func (a *app) runTest(ctx context.Context, names []string, coverage bool) error {
	asked, err := a.asked(ctx)
	if err != nil {
		return err
	}
	tests, err := chosen(asked.Results(), names)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		err = a.testJSON(asked, tests, coverage)
	} else {
		err = a.tellTests(asked, tests, coverage)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(tests, func(r query.Result) bool { return !r.Holds() }) {
		return errFails
	}
	return nil
}

func chosen(all []query.Result, names []string) ([]query.Result, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, r := range all {
		known = append(known, r.Key)
	}
	var keys []string
	for _, name := range names {
		key, err := testKey(name, known)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return slices.DeleteFunc(all, func(r query.Result) bool { return !slices.Contains(keys, r.Key) }), nil
}

// testKey is the Test that a word names: by namespace/name, or by the name alone where one namespace has it.
func testKey(word string, known []string) (string, error) {
	if slices.Contains(known, word) {
		return word, nil
	}
	var same []string
	for _, key := range known {
		if strings.HasSuffix(key, "/"+word) {
			same = append(same, key)
		}
	}
	switch near := diag.Nearest(word, known); {
	case len(same) == 1:
		return same[0], nil
	case len(same) > 1:
		return "", fmt.Errorf("%q could be %s", word, strings.Join(same, " or "))
	case near != "":
		return "", fmt.Errorf("there is no Test %q; did you mean %q?", word, near)
	default:
		return "", fmt.Errorf("there is no Test %q; %q lists them", word, "writ test")
	}
}

func (a *app) tellTests(asked *compiler.Asked, tests []query.Result, coverage bool) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	assertions, failing := 0, 0
	found := findingsOf(tests)
	for _, r := range tests {
		word := "ok"
		if !r.Holds() {
			word = "FAIL"
			failing++
		}
		assertions += len(r.Verdicts)
		fmt.Fprintf(w, "%s\t%s\t%s\n", word, r.Key, count(len(r.Verdicts), "assertion", "assertions"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(found) > 0 {
		a.printf("\n")
		if err := diag.Text(a.stdout, found, asked.Sources, a.textOptions()); err != nil {
			return err
		}
	} else if len(tests) > 0 {
		a.printf("\n")
	}
	end := "all hold"
	switch {
	case failing == 1:
		end = "1 test fails"
	case failing > 1:
		end = fmt.Sprintf("%d tests fail", failing)
	case len(tests) == 0:
		end = "write one, as a document of kind Test"
	}
	a.printf("%s, %s: %s\n", count(len(tests), "test", "tests"), count(assertions, "assertion", "assertions"), end)
	if coverage {
		return a.tellCoverage(asked.Coverage())
	}
	return nil
}

// findingsOf are the findings of all tests, each once.
func findingsOf(tests []query.Result) diag.List {
	var found diag.List
	seen := map[string]bool{}
	for _, r := range tests {
		for _, f := range r.Findings {
			if !seen[f.Fingerprint()] {
				seen[f.Fingerprint()] = true
				found.Add(f)
			}
		}
	}
	found.Sort()
	return found
}

func (a *app) tellCoverage(c query.Coverage) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nTEAM\tCALLS THAT A TEST WOULD MISS\tENDPOINTS THAT A TEST GUARDS")
	total := query.Share{Team: "all"}
	for _, s := range c.Shares() {
		total.Accesses, total.Missed = total.Accesses+s.Accesses, total.Missed+s.Missed
		total.Endpoints, total.Guarded = total.Endpoints+s.Endpoints, total.Guarded+s.Guarded
		fmt.Fprintf(w, "%s\t%s\t%s\n", teamName(s.Team), fraction(s.Missed, s.Accesses), fraction(s.Guarded, s.Endpoints))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\n", total.Team, fraction(total.Missed, total.Accesses), fraction(total.Guarded, total.Endpoints))
	if err := w.Flush(); err != nil {
		return err
	}
	if lines := missed(c); len(lines) > 0 {
		a.printf("\nno test would miss:\n%s\n", strings.Join(lines, "\n"))
	}
	return nil
}

// missed are the accesses that no test would miss, a line for each caller and callee of a mesh.
func missed(c query.Coverage) []string {
	endpoints := map[string][]string{}
	for _, s := range c.Accesses {
		if s.By == nil {
			a := s.Thing
			key := fmt.Sprintf("  %s, %s -> %s", a.Callee().Mesh.Name, a.Caller.Key(), a.Callee().Key())
			endpoints[key] = append(endpoints[key], a.Endpoint.Name)
		}
	}
	var lines []string
	for key, names := range endpoints {
		lines = append(lines, key+" "+strings.Join(names, ", "))
	}
	slices.Sort(lines)
	return lines
}

// teamName is the team, or who owns what is no team's.
func teamName(team string) string { return cmp.Or(team, "(platform)") }

func fraction(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d (%d %%)", n, of, 100*n/of)
}

// testJSON is a Test for machines.
type testJSON struct {
	Name       string          `json:"name"`
	Team       string          `json:"team"` // "" of the platform or privacy
	File       string          `json:"file"`
	Holds      bool            `json:"holds"`
	Assertions []assertionJSON `json:"assertions"`
}

type assertionJSON struct {
	Kind  string `json:"kind"`
	Line  int    `json:"line"`
	Holds bool   `json:"holds"`
}

type testsJSON struct {
	diag.Document
	Tests    []testJSON    `json:"tests"`
	Coverage *coverageJSON `json:"coverage"` // null unless asked for
}

type coverageJSON struct {
	Teams []query.Share `json:"teams"`
	// Missing are the accesses that no test would miss, Unguarded the endpoints that none guards.
	Missing   []string `json:"missing"`
	Unguarded []string `json:"unguarded"`
}

func (a *app) testJSON(asked *compiler.Asked, tests []query.Result, coverage bool) error {
	doc := testsJSON{Tests: []testJSON{}}
	for _, r := range tests {
		t := testJSON{Name: r.Key, File: r.Doc.File, Holds: r.Holds(), Assertions: []assertionJSON{}}
		if r.Team != nil {
			t.Team = r.Team.Name
		}
		for _, v := range r.Verdicts {
			t.Assertions = append(t.Assertions, assertionJSON{v.Kind.String(), v.Span.Start.Line(), v.Holds()})
		}
		doc.Tests = append(doc.Tests, t)
	}
	doc.Document = diag.NewDocument(findingsOf(tests), nil)
	if coverage {
		c := asked.Coverage()
		doc.Coverage = &coverageJSON{Teams: c.Shares(), Missing: []string{}, Unguarded: []string{}}
		for _, s := range c.Accesses {
			if s.By == nil {
				doc.Coverage.Missing = append(doc.Coverage.Missing, s.Thing.String())
			}
		}
		for _, s := range c.Endpoints {
			if s.By == nil {
				doc.Coverage.Unguarded = append(doc.Coverage.Unguarded, s.Thing.String())
			}
		}
	}
	return a.json(doc)
}
