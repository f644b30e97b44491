package diff

import (
	"fmt"
	"io"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// markdownRows is how many rows a table of the comment has. GitHub takes 65,536 characters in a comment, which longer lists than
// these would fill, and nobody reads them there: https://docs.github.com/graphql/overview/rate-limits-and-query-limits.
const markdownRows = 40

// markdownBytes is how long the whole may be, with room for what a workflow adds around it.
const markdownBytes = 60_000

// Markdown writes the difference as a comment for a pull request, the most important first: what clusters could go through on the
// way, then who gains and who loses. Where it is longer than a comment may be, it says how much is left out.
func (d *Difference) Markdown(w io.Writer, onTheWay diag.List) error {
	var b strings.Builder
	if d.Empty() {
		b.WriteString("**No access changes.**\n")
	}
	disclosureList(&b, d)
	wayList(&b, onTheWay)
	changeTable(&b, "Access gained", d.Gained)
	changeTable(&b, "Access lost", d.Lost)
	switchTable(&b, d.Switched)
	_, err := io.WriteString(w, b.String())
	return err
}

// disclosureList leads: who gets to see personal data is what a reader must not miss.
func disclosureList(b *strings.Builder, d *Difference) {
	lead := d.Lead()
	if lead == "" {
		return
	}
	fmt.Fprintf(b, "### Personal data\n\n%s\n\n", code(lead))
	for _, side := range []struct {
		word string
		all  []Disclosure
	}{{"now", d.Disclosed}, {"no more", d.Withdrawn}} {
		for i := range side.all {
			if i == markdownRows || b.Len() > markdownBytes {
				fmt.Fprintf(b, "- %d more: `writ diff` lists them.\n", len(side.all)-i)
				break
			}
			fmt.Fprintf(b, "- %s: %s\n", side.word, code(side.all[i].Words()))
		}
	}
	b.WriteByte('\n')
}

func changeTable(b *strings.Builder, title string, all []Change) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "### %s (%d)\n\n| caller | callee | requests | where | because |\n|---|---|---|---|---|\n", title, len(all))
	for i := range all {
		c := &all[i]
		row := fmt.Sprintf("| %s | %s | %s | %s | %s |\n",
			cell(c.Caller), cell(c.Callee+" "+c.Endpoint), codes(c.Requests), c.whereCell(), cell(c.Because))
		if i == markdownRows || b.Len()+len(row) > markdownBytes {
			fmt.Fprintf(b, "\n%d more: `writ diff` lists them.\n", len(all)-i)
			break
		}
		b.WriteString(row)
	}
	b.WriteByte('\n')
}

func (c *Change) whereCell() string {
	where := cell(c.Where())
	if len(c.Unenforced) > 0 {
		where += "<br>not enforced in " + cell(strings.Join(c.Unenforced, ", "))
	}
	return where
}

func wayList(b *strings.Builder, all diag.List) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "### Make two changes of it (%d)\n\n", len(all))
	for i := range all {
		if i == markdownRows {
			fmt.Fprintf(b, "\n%d more: `writ diff` lists them.\n", len(all)-i)
			break
		}
		fmt.Fprintf(b, "- %s %s\n", code(all[i].Rule.Code), code(all[i].Message))
	}
	fmt.Fprintf(b, "\n%s\n\n", code(all[0].Help))
}

func switchTable(b *strings.Builder, all []Switch) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "### Opened, closed, renamed (%d)\n\n", len(all))
	for i := range all {
		row := "- " + code(all[i].Words())
		if all[i].Looser {
			row += " **(opens)**"
		}
		if i == markdownRows || b.Len()+len(row) > markdownBytes {
			fmt.Fprintf(b, "\n%d more: `writ diff` lists them.\n", len(all)-i)
			break
		}
		b.WriteString(row + "\n")
	}
	b.WriteByte('\n')
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
		parts = append(parts, cell(s))
	}
	return strings.Join(parts, "<br>")
}

// textShown is how much of one text a cell has.
const textShown = 300

// cell is code in a cell of a table, which a bar would end.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }

// code writes text that somebody else wrote so that nothing in it is read as Markdown, HTML or a mention of a person: in a code
// span with a fence that the text does not have (https://github.github.com/gfm/#code-spans).
func code(s string) string {
	s = strings.TrimSpace(diag.Visible(s))
	if s == "" {
		return ""
	}
	if runes := []rune(s); len(runes) > textShown {
		s = string(runes[:textShown]) + "..."
	}
	longest, run := 0, 0
	for _, r := range s {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	return fence + pad + s + pad + fence
}
