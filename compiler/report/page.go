package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"parts": parts}).Parse(pageHTML))

// parts divides a name or a path where a line may break.
func parts(text string) []string {
	var all []string
	for {
		i := strings.IndexAny(text, "/._")
		if i < 0 || i == len(text)-1 {
			return append(all, text)
		}
		all, text = append(all, text[:i+1]), text[i+1:]
	}
}

// mostEntries is how many rows of a register the page has: more would be read by nobody, and take a browser down.
const mostEntries = 5000

// view is what the page shows. Every text in it is escaped where it stands.
type view struct {
	*Report
	Policy                                   string // of the content, so that the page can load nothing
	Style                                    template.CSS
	Script                                   template.JS
	Tiles                                    []tile
	Facts                                    [][2]string
	Tables                                   []vocabularyRow
	Limits                                   []string
	Categories, Teams, Countries, Activities []string
	Sections                                 []section
}

// tile is a number that somebody looks for first.
type tile struct {
	Count       int
	What, Where string
	Tone        string
}

// section is a register.
type section struct {
	*Register
	Main    []Column
	Entries []entry
	More    int
	Span    int
}

// entry is a row: what is seen at once, and the rest by what it rests on.
type entry struct {
	Filter [4]string // what the row is found by, a line for each word
	Main   []shown
	Groups []group
}

type shown struct {
	Title string
	Items []string
	Tone  string
}

type group struct {
	Basis Basis
	Cells []shown
}

// page is the report to be read: one file that loads nothing.
func (r *Report) page(o Origin) ([]byte, error) {
	v := view{
		Report: r, Style: template.CSS(pageCSS), Script: template.JS(pageJS), Limits: limits, Tables: r.tables(), Tiles: r.tiles(),
		// Without 'unsafe-inline' a browser runs and applies these two texts alone, whatever else might get into the page.
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + digest(pageCSS) + "'; script-src 'sha256-" + digest(pageJS) + "'",
		Facts: [][2]string{
			{"As of", r.AsOf},
			{"Made by", "writ " + o.Version},
			{"Commit of the documents", commit(o)},
			{"Compared with", base(o)},
			{"Documents", decimal(o.DocumentsCount) + " files, sha256 " + o.Documents},
			{"Proof of the manifests", proof(o)},
			{"out/", current(o)},
		},
	}
	var facets [4]map[string]bool
	for i := range facets {
		facets[i] = map[string]bool{}
	}
	for _, t := range r.Registers {
		v.Sections = append(v.Sections, newSection(t))
		for i := range t.Rows {
			for j, words := range t.Rows[i].each() {
				for _, w := range words {
					facets[j][w] = true
				}
			}
		}
	}
	for i, into := range []*[]string{&v.Categories, &v.Teams, &v.Countries, &v.Activities} {
		*into = slices.Sorted(maps.Keys(facets[i]))
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, &v)
	return b.Bytes(), err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// each is the facets in one order.
func (f *Facets) each() [4][]string {
	return [4][]string{f.Categories, f.Teams, f.Countries, f.Activities}
}

// tiles are what a privacy officer asks first.
func (r *Report) tiles() []tile {
	enforced := 0
	if t := r.Register("access"); t != nil {
		state := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Key == "state" })
		for i := range t.Rows {
			if text := t.Rows[i].Cells[state].Text(); text == proved || text == proved+", port only" {
				enforced++
			}
		}
	}
	all := []tile{
		{r.Count("gaps"), "declarations missing", "gaps", worrying(r.Count("gaps"))},
		{r.Count("findings"), "objections of the rules", "findings", worrying(r.Count("findings"))},
		{r.Count("controller") + r.Count("processor"), "processing activities", "controller", ""},
		{r.Count("access"), "accesses to personal data", "access", ""},
		{enforced, "of them rendered and proved", "access", ""},
		{r.Count("processors"), "recipients outside", "processors", ""},
		{r.Count("transfers"), "ways to third countries", "transfers", ""},
		{r.Count("channels"), "channels beside the mesh", "channels", ""},
		{r.Count("approvals"), "approvals", "approvals", ""},
	}
	if r.Register("changes") != nil {
		all = append(all, tile{r.Count("changes"), "changes since the base", "changes", ""})
	}
	return all
}

func worrying(n int) string {
	if n > 0 {
		return "bad"
	}
	return "good"
}

func newSection(t *Register) section {
	s := section{Register: t, More: max(0, len(t.Rows)-mostEntries)}
	for _, c := range t.Columns {
		if c.Main {
			s.Main = append(s.Main, c)
		}
	}
	s.Span = len(s.Main)
	for i := range t.Rows[:len(t.Rows)-s.More] {
		s.Entries = append(s.Entries, newEntry(t, &t.Rows[i]))
	}
	return s
}

func newEntry(t *Register, row *Row) entry {
	var e entry
	for i, words := range row.each() {
		e.Filter[i] = strings.Join(words, "\n")
	}
	for i, c := range t.Columns {
		cell := shown{c.Title, row.Cells[i].Items, tone(c, row.Cells[i])}
		if c.Main {
			e.Main = append(e.Main, cell)
			continue
		}
		if n := len(e.Groups); n == 0 || e.Groups[n-1].Basis != c.Basis {
			e.Groups = append(e.Groups, group{Basis: c.Basis})
		}
		last := &e.Groups[len(e.Groups)-1]
		last.Cells = append(last.Cells, cell)
	}
	return e
}

// tone is how a cell stands out.
func tone(c Column, cell Cell) string {
	text := cell.Text()
	switch {
	case strings.Contains(text, missing):
		return "missing"
	case text == none, text == notStated, text == notApplicable, text == notCollected:
		return "quiet"
	case c.Key == "class":
		return "class " + text
	case c.Key == "state" && (text == proved || text == "holds"):
		return "good"
	case c.Key == "state" && strings.HasPrefix(text, proved+", port only"):
		return "fair"
	case c.Key == "state" && c.Basis == Proved && !strings.Contains(text, "nobody is let in"):
		return "bad"
	case c.Key == "source", c.Key == "asked", c.Key == "agreed", c.Key == "identities", c.Key == "policies", c.Key == "digests", c.Key == "requests":
		return "code"
	default:
		return ""
	}
}
