package diff

import (
	"fmt"
	"io"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// Markdown writes the difference for a pull request, the most important first: who gets to see personal data, what clusters could
// go through on the way, then who gains and who loses. What the limit cuts off is counted.
func (d *Difference) Markdown(w io.Writer, onTheWay diag.List, limit diag.Limit) error {
	b := writer{Limit: limit}
	if d.Empty() {
		b.WriteString("**No access changes.**\n\n")
	}
	b.disclosures(d)
	b.way(onTheWay)
	b.changes("Access gained", d.Gained)
	b.changes("Access lost", d.Lost)
	b.switches(d.Switched)
	_, err := io.WriteString(w, b.String())
	return err
}

// writer gathers the text as far as the limit goes.
type writer struct {
	strings.Builder
	diag.Limit
}

// list writes a line for each, and how many the limit cuts off.
func (b *writer) list(n int, row func(int) string) {
	for i := range n {
		text := row(i)
		if !b.Fits(i, b.Len()+len(text)) {
			fmt.Fprintf(b, "\n%s\n", b.Left(n-i))
			break
		}
		b.WriteString(text)
	}
	b.WriteByte('\n')
}

// disclosures lead: who gets to see personal data is what a reader must not miss.
func (b *writer) disclosures(d *Difference) {
	lead := d.Lead()
	if lead == "" {
		return
	}
	fmt.Fprintf(b, "### Personal data\n\n**%s.**\n\n", diag.Prose(lead))
	now := len(d.Disclosed)
	b.list(now+len(d.Withdrawn), func(i int) string {
		if i < now {
			return fmt.Sprintf("- now: %s\n", diag.Prose(d.Disclosed[i].Words()))
		}
		return fmt.Sprintf("- no more: %s\n", diag.Prose(d.Withdrawn[i-now].Words()))
	})
}

func (b *writer) changes(title string, all []Change) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "### %s (%d)\n\n| caller | callee | requests | where | because |\n|---|---|---|---|---|\n", title, len(all))
	b.list(len(all), func(i int) string {
		c := &all[i]
		return fmt.Sprintf("| %s | %s | %s | %s | %s |\n",
			diag.Cell(c.Caller), diag.Cell(c.Callee+" "+c.Endpoint), codes(c.Requests), c.whereCell(), diag.Cell(c.Because))
	})
}

func (c *Change) whereCell() string {
	where := diag.ProseCell(c.Where())
	if len(c.Unenforced) > 0 {
		where += "<br>not enforced in " + diag.ProseCell(strings.Join(c.Unenforced, ", "))
	}
	return where
}

func (b *writer) way(all diag.List) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "### Make two changes of it (%d)\n\n", len(all))
	b.list(len(all), func(i int) string {
		return fmt.Sprintf("- %s %s\n", diag.Code(all[i].Rule.Code), diag.Prose(all[i].Message))
	})
	fmt.Fprintf(b, "%s\n\n", diag.Prose(all[0].Help))
}

func (b *writer) switches(all []Switch) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "### Opened, closed, renamed (%d)\n\n", len(all))
	b.list(len(all), func(i int) string {
		row := "- " + diag.Prose(all[i].Words())
		if all[i].Looser {
			row += " **(opens)**"
		}
		return row + "\n"
	})
}

// requestsShown is how many requests of an endpoint a cell has.
const requestsShown = 5

func codes(all []string) string {
	var parts []string
	for i, s := range all {
		if i == requestsShown {
			parts = append(parts, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		parts = append(parts, diag.Cell(s))
	}
	return strings.Join(parts, "<br>")
}
