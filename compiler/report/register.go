package report

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// Register is a table with a row for each thing.
type Register struct {
	Name  string // of its file and its sheet
	Title string
	// About says what it is, with the articles that ask for it.
	About   string
	Columns []Column
	Rows    []Row
}

// Column is one thing that a register says of each row.
type Column struct {
	Key, Title string
	Basis      Basis
	// Main columns are seen at once on the page, the others when somebody opens the row.
	Main bool
	// Law is what asks for the cell, where this is the register in which it is missed; "" where it only repeats another's.
	Law string
	// Change is what a change of the cell is called; "" where it is none, as of a line or a digest.
	Change string
}

// Basis is what a column rests on.
type Basis string

// The bases are never mixed in a column: that something is declared does not mean that it is so.
const (
	Declared Basis = "declared"
	Proved   Basis = "rendered and proved"
	Live     Basis = "live"
	Observed Basis = "observed"
)

// Row is one thing.
type Row struct {
	Key   string // the same in every revision
	Label string // what people call it
	Owner string // who can mend it
	Cells []Cell
	Facets
	Source diag.Span
}

// Facets are what rows are found by.
type Facets struct {
	Categories, Teams, Countries, Activities []string
}

// Cell is what a column says of a row: one value, or several.
type Cell struct {
	Items []string
	// Missing says that the cell is required and nobody says.
	Missing bool
}

// The words of cells without a value.
const (
	missing       = "DECLARATION MISSING"
	none          = "none"
	notStated     = "not stated"
	notApplicable = "not applicable"
	notCollected  = "not collected"
)

// Text is the cell on one line.
func (c Cell) Text() string { return strings.Join(c.Items, "; ") }

// required is a cell that must say something.
func required(items ...string) Cell {
	if c := cell(items); c.Items != nil {
		return c
	}
	return Cell{Items: []string{missing}, Missing: true}
}

// or is a cell that says a word where it has no value.
func or(word string, items ...string) Cell {
	if c := cell(items); c.Items != nil {
		return c
	}
	return Cell{Items: []string{word}}
}

// optional is a cell that nobody needs to fill.
func optional(items ...string) Cell { return or(notStated, items...) }

// listed is a cell of what there is, which may be nothing.
func listed(items []string) Cell { return or(none, items...) }

// cell has each item in letters that show themselves: what people write is never more than text.
func cell(items []string) Cell {
	var c Cell
	for _, i := range items {
		if i = diag.Visible(strings.Join(strings.Fields(i), " ")); i != "" {
			c.Items = append(c.Items, i)
		}
	}
	return c
}

func uncollected() Cell { return Cell{Items: []string{notCollected}} }

// column is a Column with how its cells are made of what the register is about.
type column[T any] struct {
	Column
	cell func(T) Cell
}

// about is a register before it is filled.
type about[T any] struct {
	name, title, text string
	columns           []column[T]
	row               func(T) Row // all but the cells
}

// of fills the register.
func (a about[T]) of(all []T) *Register {
	r := &Register{Name: a.name, Title: a.title, About: a.text}
	for _, c := range a.columns {
		r.Columns = append(r.Columns, c.Column)
	}
	had := map[string]int{}
	for _, t := range all {
		row := a.row(t)
		if had[row.Key]++; had[row.Key] > 1 { // two entries that say the same are still two
			row.Key += " " + decimal(had[row.Key])
		}
		for _, c := range a.columns {
			row.Cells = append(row.Cells, c.cell(t))
		}
		row.Label, row.Owner = diag.Visible(row.Label), diag.Visible(row.Owner)
		for _, facet := range []*[]string{&row.Categories, &row.Teams, &row.Countries, &row.Activities} {
			*facet = unique(*facet)
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

// says is a declared column.
func says[T any](key, title string, cell func(T) Cell) column[T] {
	return column[T]{Column{Key: key, Title: title, Basis: Declared}, cell}
}

// enforces is a column of what is rendered and proved.
func enforces[T any](key, title string, cell func(T) Cell) column[T] {
	return column[T]{Column{Key: key, Title: title, Basis: Proved}, cell}
}

// main shows the column at once.
func (c column[T]) main() column[T] { c.Main = true; return c }

// law makes the register the one in which the cell is missed.
func (c column[T]) law(article string) column[T] { c.Law = article; return c }

// change has the change log tell what becomes of the cell.
func (c column[T]) change(name string) column[T] { c.Change = name; return c }

// watched are the last columns of a register of what happens in clusters: writ has not looked.
func watched[T any]() []column[T] {
	return []column[T]{
		{Column{Key: "live", Title: "Found in the cluster", Basis: Live}, func(T) Cell { return uncollected() }},
		{Column{Key: "observed", Title: "Last seen in use", Basis: Observed}, func(T) Cell { return uncollected() }},
	}
}

// source is the column of the place in the documents.
func source[T any](at func(T) diag.Span) column[T] {
	return says("source", "Stands in", func(t T) Cell { return or(none, line(at(t))) })
}

// line is a place as people look it up.
func line(s diag.Span) string {
	if s.IsZero() {
		return ""
	}
	at := s.String()
	return at[:strings.LastIndexByte(at, ':')]
}

// unique are the words, sorted and each once, without empty ones.
func unique(all []string) []string {
	all = slices.Compact(slices.Sorted(slices.Values(all)))
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
