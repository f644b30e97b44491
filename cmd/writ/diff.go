package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
	"writ.dev/writ/compiler/gitops"
)

func (a *app) diff() *cobra.Command {
	var base string
	cmd := &cobra.Command{
		Use:   "diff --base REV",
		Short: "Say who gains and who loses access since a revision",
		Long: "diff compiles policies/ as it is and as it was at a git revision, and says what changes for whom: access gained, access\n" +
			"lost, and what opens or closes besides. It goes by meaning: moved lines and renamed files show nothing.\n\n" +
			"It exits with 0 whether or not anything changes. --format markdown writes a comment for a pull request.",
		Args:        noArgs,
		Annotations: map[string]string{markdownToo: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if base == "" {
				return errors.New("--base is missing; name a git revision to compare with, like main or origin/main")
			}
			return a.runDiff(cmd.Context(), base)
		},
	}
	cmd.Flags().StringVar(&base, "base", "", "the git `REV` to compare with, like main or origin/main")
	must(cmd.RegisterFlagCompletionFunc("base", cobra.NoFileCompletions))
	return cmd
}

func (a *app) runDiff(ctx context.Context, base string) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	before, commit, err := gitops.Revision(a.dir, base)
	if err != nil {
		return err
	}
	hear, done := a.progress()
	c, err := compiler.Diff(ctx, repo.FS(), compiler.Options{AsOf: a.asOf, Base: before, Progress: hear})
	done()
	if err != nil {
		return err
	}
	if c.After.Findings.Stops() {
		return a.stopped(c.After, "nothing compared")
	}
	if c.Before.Findings.Stops() {
		return fmt.Errorf("%s does not compile, so nothing can be compared with it: %s there says why", diag.Visible(base), a.command("check"))
	}
	switch a.format {
	case formatJSON:
		doc := newDiffDocument(base, commit, c.Access)
		doc.OnTheWay = diag.NewDocument(c.OnTheWay, nil).Findings
		return a.json(doc)
	case formatMarkdown:
		return c.Access.Markdown(a.stdout, c.OnTheWay, diag.Limit{Rows: commentLimit.Rows, Bytes: commentLimit.Bytes, Elsewhere: "`writ diff` lists them"})
	default:
		if err := a.findings(c.OnTheWay, c.After, a.textOptions()); err != nil {
			return err
		}
		a.tellDiff(c.Access)
		return nil
	}
}

// stopped tells why nothing was done.
func (a *app) stopped(r *compiler.Result, nothing string) error {
	if a.format == formatJSON {
		if err := a.json(diag.NewDocument(r.Findings, nil)); err != nil {
			return err
		}
		return errFails
	}
	stops := count(stopping(r.Findings), "finding stops", "findings stop")
	if a.format == formatMarkdown { // what people wrote would be read as Markdown
		a.printf("**%s:** %s. `writ check` shows where.\n", strings.ToUpper(nothing[:1])+nothing[1:], stops)
		return errFails
	}
	if err := a.findings(r.Findings, r, a.textOptions()); err != nil {
		return err
	}
	a.printf("%s: %s\n", nothing, stops)
	return errFails
}

func (a *app) tellDiff(d *diff.Difference) {
	if d.Empty() {
		a.printf("no access changes\n")
		return
	}
	a.tellDisclosures(d)
	a.changes("gained", d.Gained)
	a.changes("lost", d.Lost)
	if len(d.Switched) > 0 {
		a.printf("opened, closed, renamed: %d\n", len(d.Switched))
		for i := range d.Switched {
			mark := " "
			if d.Switched[i].Looser {
				mark = "!"
			}
			a.printf("%s %s\n", mark, d.Switched[i].Words())
		}
		a.printf("\n")
	}
	a.printf("%s gained, %d lost, %d opened, closed or renamed\n", count(len(d.Gained), "access", "accesses"), len(d.Lost), len(d.Switched))
}

// tellDisclosures comes first: who gets to see personal data is what a reader must not miss.
func (a *app) tellDisclosures(d *diff.Difference) {
	lead := d.Lead()
	if lead == "" {
		return
	}
	a.printf("%s\n", lead)
	for i := range d.Disclosed {
		a.printf("  + %s\n", diag.Visible(d.Disclosed[i].Words()))
	}
	for i := range d.Withdrawn {
		a.printf("  - %s\n", diag.Visible(d.Withdrawn[i].Words()))
	}
	a.printf("\n")
}

func (a *app) changes(title string, all []diff.Change) {
	if len(all) == 0 {
		return
	}
	a.printf("%s: %d\n", title, len(all))
	for i := range all {
		c := &all[i]
		a.printf("  %s\n", c.Title())
		for _, r := range c.Requests {
			a.printf("      %s\n", diag.Visible(r))
		}
		where := c.Where()
		if len(c.Unenforced) > 0 {
			where += ", not enforced in " + strings.Join(c.Unenforced, ", ")
		}
		a.printf("      %s\n", where)
		because := ""
		if c.Because != "" {
			because = "because " + diag.Visible(c.Because) + "  "
		}
		a.printf("      %s%s\n", because, c.At)
	}
	a.printf("\n")
}

// diffDocument is what `writ diff --format json` prints. Within a version fields are added, never renamed or removed.
type diffDocument struct {
	Version  int          `json:"version"` // 1
	Base     baseJSON     `json:"base"`
	Gained   []changeJSON `json:"gained"`
	Lost     []changeJSON `json:"lost"`
	Switched []switchJSON `json:"switched"`
	// Disclosed and Withdrawn are who gets which personal data now, and who does no more.
	Disclosed []disclosureJSON `json:"disclosed"`
	Withdrawn []disclosureJSON `json:"withdrawn"`
	// OnTheWay is what a cluster could go through while it holds some of the old objects and some of the new.
	OnTheWay []diag.JSONFinding `json:"onTheWay"`
}

type changeJSON struct {
	Caller     string      `json:"caller"`
	Callee     string      `json:"callee"`
	Endpoint   string      `json:"endpoint"`
	Requests   []string    `json:"requests"`
	Part       bool        `json:"part"` // of the endpoint's requests only
	Routes     []routeJSON `json:"routes"`
	Unenforced []string    `json:"unenforced"` // clusters of the callee that refuse nobody
	CallerTeam string      `json:"callerTeam"` // "" for an Outsider of the platform
	CalleeTeam string      `json:"calleeTeam"`
	Because    string      `json:"because"`
	Until      string      `json:"until"`
	Consent    string      `json:"consent"`
	Path       string      `json:"path"`
	Line       int         `json:"line"`
}

type routeJSON struct {
	From []string `json:"from"` // empty for an Outsider
	To   []string `json:"to"`
}

type disclosureJSON struct {
	Recipient string   `json:"recipient"` // namespace/name, `outsider <name>` or `party <name>`
	Category  string   `json:"category"`
	Places    []string `json:"places"`  // countries, by ISO 3166-1
	Outside   []string `json:"outside"` // those of them that are not in the EEA
	From      []string `json:"from"`    // endpoints and channels
}

type switchJSON struct {
	Subject  string   `json:"subject"`
	Clusters []string `json:"clusters"`
	What     string   `json:"what"`
	Before   string   `json:"before"`
	After    string   `json:"after"`
	Looser   bool     `json:"looser"`
}

func newDiffDocument(base, commit string, d *diff.Difference) diffDocument {
	doc := diffDocument{
		Version: 1, Base: baseJSON{base, commit}, Gained: changesJSON(d.Gained), Lost: changesJSON(d.Lost), Switched: []switchJSON{},
	}
	doc.Disclosed, doc.Withdrawn = disclosuresJSON(d.Disclosed), disclosuresJSON(d.Withdrawn)
	for _, s := range d.Switched {
		doc.Switched = append(doc.Switched, switchJSON(s))
	}
	return doc
}

func disclosuresJSON(all []diff.Disclosure) []disclosureJSON {
	out := []disclosureJSON{}
	for i := range all {
		d := &all[i]
		out = append(out, disclosureJSON{d.Recipient, d.Category, list(d.Places), list(d.Outside()), list(d.From)})
	}
	return out
}

func changesJSON(all []diff.Change) []changeJSON {
	out := []changeJSON{}
	for i := range all {
		c := &all[i]
		j := changeJSON{
			Caller: c.Caller, Callee: c.Callee, Endpoint: c.Endpoint, Requests: list(c.Requests), Part: c.Part,
			Routes: []routeJSON{}, Unenforced: list(c.Unenforced), CallerTeam: c.CallerTeam, CalleeTeam: c.CalleeTeam,
			Because: c.Because, Until: c.Until, Consent: c.Consent, Path: c.At.File, Line: c.At.Start.Line(),
		}
		for _, r := range c.Routes {
			j.Routes = append(j.Routes, routeJSON{list(r.From), list(r.To)})
		}
		out = append(out, j)
	}
	return out
}
