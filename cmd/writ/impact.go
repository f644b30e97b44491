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

func (a *app) impact() *cobra.Command {
	return &cobra.Command{
		Use:   "impact SERVICE",
		Short: "Say what a breach of a Service would touch: whose data, where, and whom to reach",
		Long: "impact says what somebody who has got hold of a Service could read: the personal data that it processes, gets and may call for,\n" +
			"with classes, data subjects and activities; whom it calls and who calls it; channels and parties; clusters and countries; and whom\n" +
			"to reach. It is for the 72 hours of GDPR Article 33, and goes by what documents declare.\n\n" +
			"SERVICE is namespace/name, or the name alone where one namespace has it.",
		Example: "  writ impact identity/customers\n" +
			"  writ impact customers --format json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return fmt.Errorf("%q takes one Service; see %q", cmd.CommandPath(), cmd.CommandPath()+" --help")
		},
		ValidArgsFunction: a.completion(impactWords),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runImpact(cmd.Context(), args[0]) },
	}
}

func (a *app) runImpact(ctx context.Context, service string) error {
	asked, err := a.asked(ctx)
	if err != nil {
		return err
	}
	m, err := asked.Impact(service)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		return a.json(newImpactJSON(m))
	}
	return a.tellImpact(m)
}

func (a *app) tellImpact(m *query.Impact) error {
	a.printf("a breach of %s, of team %s\n\n", m.Service, m.Team)
	if m.Silent {
		a.printf("! it does not say what personal data it processes: it may touch more than is told here\n\n")
	}
	if len(m.Touched) == 0 {
		a.printf("touches no personal data that anybody declares\n\n")
	} else if err := a.tellTouched(m); err != nil {
		return err
	}
	if err := a.tellHolders(m.Holders); err != nil {
		return err
	}
	if err := a.tellSide("it can call, with personal data: %d\n", m.Calls); err != nil {
		return err
	}
	if err := a.tellSide("it is called by, with personal data: %d\n", m.Callers); err != nil {
		return err
	}
	if err := a.tellChannels(m.Channels); err != nil {
		return err
	}
	a.printf("it runs in\n")
	for _, p := range m.Places {
		a.printf("  %s, %s\n", p.Cluster, diag.Visible(whereabouts(p)))
	}
	if len(m.Alike) > 0 {
		a.printf("! policies cannot tell it from %s: who has its identity has theirs\n", strings.Join(m.Alike, ", "))
	}
	a.printf("\nto reach\n")
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, c := range m.Contacts {
		contact := c.Contact
		if contact == "" {
			contact = "nobody says where"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", diag.Visible(c.Who), diag.Visible(contact), diag.Visible(strings.Join(c.Owners, " ")))
	}
	return w.Flush()
}

func (a *app) tellTouched(m *query.Impact) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOUCHES\tCLASS\tHOW")
	for _, t := range m.Touched {
		fmt.Fprintf(w, "%s\t%s\t%s\n", t.Category, t.Class, strings.Join(t.Ways, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	subjects := "nobody says"
	if len(m.Subjects) > 0 {
		subjects = strings.Join(m.Subjects, ", ")
	}
	a.printf("of: %s\n\n", subjects)
	return nil
}

func (a *app) tellSide(title string, all []query.DataAccess) error {
	if len(all) == 0 {
		return nil
	}
	a.printf(title, len(all))
	return a.tellDataAccesses(all)
}

func whereabouts(p query.Place) string {
	country := p.Country
	if country == "" {
		country = "in a country that nobody says"
	}
	if p.Operator == "" {
		return country + ", run by nobody knows whom"
	}
	return country + ", run by " + p.Operator + " (" + p.OperatorCountry + ")"
}

// impactJSON is the answer for machines. Within a version fields are added, never renamed or removed.
type impactJSON struct {
	Version  int               `json:"version"` // 1
	Service  string            `json:"service"`
	Team     string            `json:"team"`
	Silent   bool              `json:"silent"` // it does not say what it processes
	Touched  []touchedJSON     `json:"touched"`
	Subjects []string          `json:"subjects"`
	Holders  []holderJSON      `json:"holders"`
	Calls    []dataAccessJSON  `json:"calls"`
	Callers  []dataAccessJSON  `json:"callers"`
	Channels []dataChannelJSON `json:"channels"`
	Places   []placeJSON       `json:"places"`
	Alike    []string          `json:"alike"`
	Contacts []contactJSON     `json:"contacts"`
}

type touchedJSON struct {
	Category string   `json:"category"`
	Class    string   `json:"class"`
	Ways     []string `json:"ways"`
}

type placeJSON struct {
	Cluster         string `json:"cluster"`
	Country         string `json:"country"` // "" where nobody says
	Operator        string `json:"operator"`
	OperatorCountry string `json:"operatorCountry"`
}

type contactJSON struct {
	Who     string   `json:"who"`
	Contact string   `json:"contact"`
	Owners  []string `json:"owners"`
}

func newImpactJSON(m *query.Impact) impactJSON {
	doc := impactJSON{
		Version: 1, Service: m.Service, Team: m.Team, Silent: m.Silent, Touched: []touchedJSON{}, Subjects: list(m.Subjects),
		Holders: holdersJSON(m.Holders), Calls: dataAccessesJSON(m.Calls), Callers: dataAccessesJSON(m.Callers), Channels: channelsJSON(m.Channels),
		Places: []placeJSON{}, Alike: list(m.Alike), Contacts: []contactJSON{},
	}
	for _, t := range m.Touched {
		doc.Touched = append(doc.Touched, touchedJSON{t.Category, t.Class, list(t.Ways)})
	}
	for _, p := range m.Places {
		doc.Places = append(doc.Places, placeJSON(p))
	}
	for _, c := range m.Contacts {
		doc.Contacts = append(doc.Contacts, contactJSON{c.Who, c.Contact, list(c.Owners)})
	}
	return doc
}
