package diag

import (
	"fmt"
	"io"
	"strings"
)

// Limit is how long a page of Markdown may be, and what it says of the rest.
type Limit struct {
	// Rows is how many rows a table or list has.
	Rows int
	// Bytes is how long all of the page may be.
	Bytes int
	// Elsewhere says where the rest stands, like "the summary of the run has them".
	Elsewhere string
}

// Fits reports whether a list of n rows takes one more, which makes the page so long.
func (l Limit) Fits(n, bytes int) bool { return n < l.Rows && bytes <= l.Bytes }

// Left is the line in the place of n rows that do not fit.
func (l Limit) Left(n int) string { return fmt.Sprintf("%d more: %s.", n, l.Elsewhere) }

// Markdown writes the findings as a list for a pull request, the most important first, and then how many of them were there before the
// change. What the limit cuts off is counted.
func Markdown(w io.Writer, o *Outcome, limit Limit) error {
	ranked := o.ranked()
	if len(ranked) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Findings (%d)\n\n", len(ranked))
	for i, f := range ranked {
		row := o.item(f)
		if !limit.Fits(i, b.Len()+len(row)) {
			fmt.Fprintf(&b, "\n%s\n", limit.Left(len(ranked)-i))
			break
		}
		b.WriteString(row)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// item is a finding as an entry of a list: where and what, then the next step.
func (o *Outcome) item(f *Finding) string {
	row := fmt.Sprintf("- **%s**", f.Rule.Severity())
	if !o.caused(f) {
		row += " (not of this change)"
	}
	if !f.Span.IsZero() {
		row += fmt.Sprintf(" %s", Code(fmt.Sprintf("%s:%d", o.path(f.Span.File), f.Span.Start.Line())))
	}
	row += fmt.Sprintf(" %s %s\n", Code(f.Message), Code(f.Rule.Code))
	for line := range strings.Lines(f.Help) {
		if line = strings.TrimRight(line, "\n"); strings.TrimSpace(line) != "" {
			row += fmt.Sprintf("  <br>help: %s\n", Code(line))
		}
	}
	if f.Fix != nil {
		row += fmt.Sprintf("  <br>fix: %s (`writ fix`)\n", Code(f.Fix.Title))
	}
	return row
}

// codeShown is how much of one text is shown, in characters.
const codeShown = 300

// Cell is Code in a cell of a table, which a bar would end.
func Cell(s string) string { return strings.ReplaceAll(Code(s), "|", `\|`) }

// Code writes text that somebody else wrote so that nothing in it is read as Markdown, HTML or a mention of a person: in a code
// span with a fence that the text does not have (https://github.github.com/gfm/#code-spans).
func Code(s string) string {
	s = strings.TrimSpace(Visible(s))
	if s == "" {
		return ""
	}
	if runes := []rune(s); len(runes) > codeShown {
		s = string(runes[:codeShown]) + "..."
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
