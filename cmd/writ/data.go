package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/query"
)

func (a *app) runWhoCanData(ctx context.Context, category string) error {
	asked, err := a.asked(ctx)
	if err != nil {
		return err
	}
	users, err := asked.WhoCanData(category)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		return a.json(newDataUsersJSON(users))
	}
	return a.tellDataUsers(users)
}

func (a *app) tellDataUsers(u *query.DataUsers) error {
	if err := a.tellHolders(u.Holders); err != nil {
		return err
	}
	if len(u.Accesses) == 0 {
		a.printf("nobody is meant to call for it\n")
	} else if err := a.tellDataAccesses(u.Accesses); err != nil {
		return err
	}
	if err := a.tellChannels(u.Channels); err != nil {
		return err
	}
	if len(u.Open) > 0 {
		a.printf("* not enforced: in %s whoever reaches it can call it\n", strings.Join(u.Open, ", "))
	}
	a.tellAlike(u.Accesses)
	for _, waiting := range u.Waiting {
		a.printf("waits for consent: %s\n", waiting)
	}
	for _, withheld := range u.Withheld {
		a.printf("withheld: %s\n", withheld)
	}
	if n := len(u.Silent); n > 0 {
		a.printf("! this may lack somebody: %s not say what personal data there is: %s\n", count(n, "Service does", "Services do"), few(u.Silent))
	}
	return nil
}

func (a *app) tellHolders(all []query.Holder) error {
	if len(all) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROCESSED BY\tDATA\tACTIVITY\tKEPT\tAT")
	for _, h := range all {
		kept := "no"
		if h.Stored {
			kept = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", h.Service, strings.Join(h.Categories, " "), activity(h.Activity), kept, place(h.At))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (a *app) tellDataAccesses(all []query.DataAccess) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CALLER\tDATA\tACTIVITY\tENDPOINT\tREQUESTS\tCLUSTERS\tASKED\tCONSENT")
	for _, d := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n", d.Caller, directions(d.Reads, d.Writes), activity(d.Activity), d.Callee, d.Endpoint,
			diag.Visible(few(d.Requests)), marked(d.Clusters, d.Enforced), place(d.Asked), consent(query.Entry{Consent: d.Consent, Agreed: d.Agreed}))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (a *app) tellChannels(all []query.DataChannel) error {
	if len(all) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHANNEL (not enforced)\tSERVICE\tDATA\tACTIVITY\tPARTY\tAT")
	for _, c := range all {
		party := "-"
		if c.Party != "" {
			party = diag.Visible(c.Party) + " (" + c.Country + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Channel, c.Service, directions(c.Receives, c.Sends), activity(c.Activity), party, place(c.At))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// tellAlike tells who is let in besides whom the documents name.
func (a *app) tellAlike(all []query.DataAccess) {
	told := map[string]bool{}
	for _, d := range all {
		if len(d.Alike) > 0 && !told[d.Caller] {
			told[d.Caller] = true
			a.printf("! policies cannot tell %s from %s\n", strings.Join(d.Alike, ", "), d.Caller)
		}
	}
}

// directions are categories by where they go.
func directions(reads, writes []string) string {
	var parts []string
	if len(reads) > 0 {
		parts = append(parts, "reads "+strings.Join(reads, " "))
	}
	if len(writes) > 0 {
		parts = append(parts, "writes "+strings.Join(writes, " "))
	}
	return strings.Join(parts, ", ")
}

func activity(name string) string {
	if name == "" {
		return "NONE SAID"
	}
	return name
}

func place(s diag.Span) string {
	if s.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s:%d", diag.Visible(s.File), s.Start.Line())
}

// few shows some of many.
func few(all []string) string {
	if len(all) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
	}
	return strings.Join(all, ", ")
}

// marked are clusters, with a star where nothing is enforced.
func marked(clusters, enforced []string) string {
	var all []string
	for _, name := range clusters {
		if !slices.Contains(enforced, name) {
			name += "*"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// dataUsersJSON is the answer for machines. Within a version fields are added, never renamed or removed.
type dataUsersJSON struct {
	Version  int               `json:"version"` // 1
	Category string            `json:"category"`
	Holders  []holderJSON      `json:"holders"`
	Accesses []dataAccessJSON  `json:"accesses"`
	Channels []dataChannelJSON `json:"channels"`
	Open     []string          `json:"open"` // clusters where whoever reaches it can call it
	Waiting  []string          `json:"waiting"`
	Withheld []string          `json:"withheld"`
	Silent   []string          `json:"silent"` // Services that do not say what they process
}

type holderJSON struct {
	Service    string    `json:"service"`
	Team       string    `json:"team"`
	Categories []string  `json:"categories"`
	Activity   string    `json:"activity"` // "" where nobody says one
	Stored     bool      `json:"stored"`
	At         *lineJSON `json:"at"`
}

type dataAccessJSON struct {
	Caller        string    `json:"caller"`
	CallerTeam    string    `json:"callerTeam"` // "" of the platform's
	CallerContact string    `json:"callerContact"`
	Callee        string    `json:"callee"`
	CalleeTeam    string    `json:"calleeTeam"`
	CalleeContact string    `json:"calleeContact"`
	Endpoint      string    `json:"endpoint"`
	Requests      []string  `json:"requests"`
	Reads         []string  `json:"reads"`
	Writes        []string  `json:"writes"`
	Activity      string    `json:"activity"` // "" where nobody says one
	Because       string    `json:"because"`
	Consent       string    `json:"consent"`
	Meshes        []string  `json:"meshes"`
	Clusters      []string  `json:"clusters"`
	Enforced      []string  `json:"enforced"` // those of the clusters where others are refused
	Asked         *lineJSON `json:"asked"`
	Agreed        *lineJSON `json:"agreed"` // null where one team owns both sides
	Alike         []string  `json:"alike"`  // whom policies cannot tell from the caller
}

type dataChannelJSON struct {
	Channel  string    `json:"channel"`
	Service  string    `json:"service"`
	Team     string    `json:"team"`
	Sends    []string  `json:"sends"`
	Receives []string  `json:"receives"`
	Party    string    `json:"party"` // "" where there is none
	Country  string    `json:"country"`
	Activity string    `json:"activity"`
	Enforced bool      `json:"enforced"` // never: the mesh does not carry it
	At       *lineJSON `json:"at"`
}

func newDataUsersJSON(u *query.DataUsers) dataUsersJSON {
	return dataUsersJSON{
		Version: 1, Category: u.Category, Holders: holdersJSON(u.Holders), Accesses: dataAccessesJSON(u.Accesses), Channels: channelsJSON(u.Channels),
		Open: list(u.Open), Waiting: list(u.Waiting), Withheld: list(u.Withheld), Silent: list(u.Silent),
	}
}

func holdersJSON(all []query.Holder) []holderJSON {
	out := []holderJSON{}
	for _, h := range all {
		out = append(out, holderJSON{h.Service, h.Team, list(h.Categories), h.Activity, h.Stored, newLineJSON(h.At)})
	}
	return out
}

func dataAccessesJSON(all []query.DataAccess) []dataAccessJSON {
	out := []dataAccessJSON{}
	for _, d := range all {
		out = append(out, dataAccessJSON{
			d.Caller, d.CallerTeam, d.CallerContact, d.Callee, d.CalleeTeam, d.CalleeContact, d.Endpoint, list(d.Requests), list(d.Reads), list(d.Writes),
			d.Activity, d.Because, d.Consent, list(d.Meshes), list(d.Clusters), list(d.Enforced), newLineJSON(d.Asked), newLineJSON(d.Agreed), list(d.Alike),
		})
	}
	return out
}

func channelsJSON(all []query.DataChannel) []dataChannelJSON {
	out := []dataChannelJSON{}
	for _, c := range all {
		out = append(out, dataChannelJSON{c.Channel, c.Service, c.Team, list(c.Sends), list(c.Receives), c.Party, c.Country, c.Activity, false, newLineJSON(c.At)})
	}
	return out
}
