package report

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// change is one thing that the registers say otherwise than before.
type change struct {
	register    *Register
	what        string
	row         *Row
	was, is     string
	column      string
	gone, added []string
}

// silent registers have no changes of their own: others tell the same.
var silent = map[string]bool{"gaps": true, "changes": true}

// changes are what differs between the registers of two revisions. Moved lines and other digests are no change.
func changes(before, after *Report) *Register {
	var all []change
	for _, r := range pairs(before, after) {
		all = append(all, r.changes()...)
	}
	return about[change]{
		name: "changes", title: "Changes since the base revision",
		text: "What the registers say otherwise than at the base revision: entries that came and went, and cells that changed.",
		columns: []column[change]{
			says("register", "Register", func(c change) Cell { return required(c.register.Title) }).main(),
			says("entry", "Entry", func(c change) Cell { return required(c.row.Label) }).main(),
			says("what", "What changed", func(c change) Cell { return required(c.what) }).main(),
			says("column", "Column", func(c change) Cell { return or("the entry", c.column) }),
			says("before", "Before", func(c change) Cell { return or("not there", c.was) }).main(),
			says("after", "After", func(c change) Cell { return or("not there", c.is) }).main(),
			says("added", "Added", func(c change) Cell { return listed(c.added) }),
			says("removed", "Removed", func(c change) Cell { return listed(c.gone) }),
			source(func(c change) diag.Span { return c.row.Source }).main(),
		},
		row: func(c change) Row {
			return Row{Key: c.register.Name + " " + c.row.Key + " " + c.column, Label: c.row.Label, Owner: c.row.Owner, Source: c.row.Source, Facets: c.row.Facets}
		},
	}.of(all)
}

// pair is a register as it was and as it is. Either may be empty, as a kind of data subject comes and goes.
type pair struct{ before, after *Register }

func pairs(before, after *Report) []pair {
	var all []pair
	for _, r := range after.Registers {
		was := before.Register(r.Name)
		if was == nil {
			was = &Register{Name: r.Name, Title: r.Title, Columns: r.Columns}
		}
		all = append(all, pair{was, r})
	}
	for _, r := range before.Registers {
		if after.Register(r.Name) == nil {
			all = append(all, pair{r, &Register{Name: r.Name, Title: r.Title, Columns: r.Columns}})
		}
	}
	return slices.DeleteFunc(all, func(p pair) bool { return silent[p.after.Name] })
}

func (p pair) changes() []change {
	was := map[string]*Row{}
	for i := range p.before.Rows {
		was[p.before.Rows[i].Key] = &p.before.Rows[i]
	}
	var all []change
	for i := range p.after.Rows {
		is := &p.after.Rows[i]
		had := was[is.Key]
		delete(was, is.Key)
		if had == nil {
			all = append(all, change{register: p.after, what: "new entry", row: is, is: is.main(p.after)})
			continue
		}
		for j, c := range p.after.Columns {
			if c.Change == "" || slices.Equal(had.Cells[j].Items, is.Cells[j].Items) {
				continue
			}
			all = append(all, change{
				register: p.after, what: c.Change, row: is, column: c.Title, was: had.Cells[j].Text(), is: is.Cells[j].Text(),
				added: less(is.Cells[j].Items, had.Cells[j].Items), gone: less(had.Cells[j].Items, is.Cells[j].Items),
			})
		}
	}
	for i := range p.before.Rows {
		if row := &p.before.Rows[i]; was[row.Key] == row {
			all = append(all, change{register: p.after, what: "entry gone", row: row, was: row.main(p.before)})
		}
	}
	return all
}

// main is what the main columns say of the row, without its place.
func (r *Row) main(of *Register) string {
	var all []string
	for i, c := range of.Columns {
		if c.Main && c.Key != "source" && c.Key != "asked" && c.Key != "agreed" {
			all = append(all, r.Cells[i].Text())
		}
	}
	return strings.Join(all, ", ")
}

// less are the items that the others lack.
func less(items, others []string) []string {
	return slices.DeleteFunc(slices.Clone(items), func(i string) bool { return slices.Contains(others, i) })
}
