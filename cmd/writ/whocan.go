package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/query"
)

func (a *app) whoCan() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "who-can TO [ENDPOINT] | --data CATEGORY",
		Short: "List who can call a Service or get personal data, why, and who agreed",
		Long: "who-can lists every caller of a Service, or of one of its endpoints: in which clusters, what for, who agreed and where that is\n" +
			"written. It lists what is meant, and says where that is not enforced.\n\n" +
			"TO is a Service as namespace/name, or the name alone where one namespace has it. Its endpoint stands behind it, or behind a\n" +
			"colon as in `writ explain`.\n\n" +
			"With --data it lists who may read or write personal data of a category, of what lies below it and of what lies above it, which\n" +
			"may hold it: callers with their activity, Services that process it, and channels, which no mesh enforces.",
		Example: "  writ who-can identity/customers\n" +
			"  writ who-can customers read-address --format json\n" +
			"  writ who-can --data user.contact.address",
		Args: func(cmd *cobra.Command, args []string) error {
			asksData := cmd.Flags().Changed("data")
			switch {
			case asksData && len(args) > 0:
				return fmt.Errorf("--data asks about all Services: leave out %q", args[0])
			case asksData || len(args) == 1 || len(args) == 2:
				return nil
			}
			return fmt.Errorf("%q takes a Service and at most one endpoint; see %q", cmd.CommandPath(), cmd.CommandPath()+" --help")
		},
		ValidArgsFunction: a.completion(whoCanWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("data") {
				return a.runWhoCanData(cmd.Context(), data)
			}
			to, endpoint, colon := strings.Cut(args[0], ":")
			if len(args) == 2 {
				if colon {
					return fmt.Errorf("%q and %q name an endpoint each; leave out one", args[0], args[1])
				}
				endpoint = args[1]
			}
			return a.runWhoCan(cmd.Context(), to, endpoint)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the `CATEGORY` of personal data to ask about, like user.contact.email")
	must(cmd.RegisterFlagCompletionFunc("data", a.completion(categoryWords)))
	return cmd
}

func (a *app) runWhoCan(ctx context.Context, to, endpoint string) error {
	asked, err := a.asked(ctx)
	if err != nil {
		return err
	}
	callers, err := asked.WhoCan(to, endpoint)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		return a.json(newCallersJSON(callers))
	}
	return a.tellCallers(callers)
}

func (a *app) tellCallers(c *query.Callers) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if len(c.Entries) > 0 {
		fmt.Fprintln(w, "ENDPOINT\tCALLER\tCLUSTERS\tCONSENT\tBECAUSE")
	} else {
		a.printf("nobody is meant to call it\n")
	}
	for _, e := range c.Entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Endpoint, e.Caller, stages(e), consent(e), diag.Visible(e.Because))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(c.Open) > 0 {
		a.printf("\n* not enforced: in %s whoever reaches it can call it\n", strings.Join(c.Open, ", "))
	}
	told := map[string]bool{}
	for _, e := range c.Entries {
		if len(e.Alike) > 0 && !told[e.Caller] {
			told[e.Caller] = true
			a.printf("! policies cannot tell %s from %s\n", strings.Join(e.Alike, ", "), e.Caller)
		}
	}
	for _, waiting := range c.Waiting {
		a.printf("waits for consent: %s\n", waiting)
	}
	for _, withheld := range c.Withheld {
		a.printf("withheld: %s\n", withheld)
	}
	return nil
}

// stages are the clusters of an entry, marked where nothing is enforced.
func stages(e query.Entry) string { return marked(e.Clusters, e.Enforced) }

// consent is the kind of it, with the line where it is given.
func consent(e query.Entry) string {
	if e.Agreed.IsZero() {
		return e.Consent
	}
	return fmt.Sprintf("%s (%s:%d)", e.Consent, diag.Visible(e.Agreed.File), e.Agreed.Start.Line())
}

// callersJSON is the answer for machines. Within a version fields are added, never renamed or removed.
type callersJSON struct {
	Version  int          `json:"version"` // 1
	Callers  []callerJSON `json:"callers"`
	Open     []string     `json:"open"` // clusters where whoever reaches it can call it
	Waiting  []string     `json:"waiting"`
	Withheld []string     `json:"withheld"`
}

type callerJSON struct {
	Endpoint string    `json:"endpoint"`
	Caller   string    `json:"caller"`
	Team     string    `json:"team"` // "" of the platform's
	Meshes   []string  `json:"meshes"`
	Clusters []string  `json:"clusters"`
	Enforced []string  `json:"enforced"` // those of the clusters where others are refused
	Because  string    `json:"because"`
	Consent  string    `json:"consent"`
	Asked    *lineJSON `json:"asked"`
	Agreed   *lineJSON `json:"agreed"` // null where one team owns both sides
	Alike    []string  `json:"alike"`  // whom policies cannot tell from the caller
}

type lineJSON struct {
	Path string `json:"path"`
	Line int    `json:"line"`
}

func newLineJSON(s diag.Span) *lineJSON {
	if s.IsZero() {
		return nil
	}
	return &lineJSON{s.File, s.Start.Line()}
}

func newCallersJSON(c *query.Callers) callersJSON {
	doc := callersJSON{Version: 1, Callers: []callerJSON{}, Open: list(c.Open), Waiting: list(c.Waiting), Withheld: list(c.Withheld)}
	for _, e := range c.Entries {
		doc.Callers = append(doc.Callers, callerJSON{
			Endpoint: e.Endpoint, Caller: e.Caller, Team: e.Team, Meshes: list(e.Meshes), Clusters: list(e.Clusters), Enforced: list(e.Enforced),
			Because: e.Because, Consent: e.Consent, Asked: newLineJSON(e.Asked), Agreed: newLineJSON(e.Agreed), Alike: list(e.Alike),
		})
	}
	return doc
}
