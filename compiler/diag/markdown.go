package diag

import (
	"fmt"
	"io"
	"regexp"
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

// Item is a finding as a page of Markdown shows it. It may come from somebody who means ill: every text of it ends as Code.
type Item struct {
	Level   string `json:"level"`
	Caused  bool   `json:"caused"`
	File    string `json:"file"` // "" where it points nowhere
	Line    int    `json:"line"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Help    string `json:"help"`
	Fix     string `json:"fix"`
}

// Items are the findings that are not ignored, the most important first.
func (o *Outcome) Items() []Item {
	all := []Item{}
	for _, f := range o.ranked() {
		item := Item{Level: f.Rule.Severity().String(), Caused: o.caused(f), Code: f.Rule.Code, Message: f.Message, Help: f.Help}
		if !f.Span.IsZero() {
			item.File, item.Line = o.path(f.Span.File), f.Span.Start.Line()
		}
		if f.Fix != nil {
			item.Fix = f.Fix.Title
		}
		all = append(all, item)
	}
	return all
}

// Markdown writes the findings as a list for a pull request. What the limit cuts off is counted.
func Markdown(w io.Writer, all []Item, limit Limit) error {
	if len(all) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Findings (%d)\n\n", len(all))
	for i := range all {
		row := all[i].row()
		if !limit.Fits(i, b.Len()+len(row)) {
			fmt.Fprintf(&b, "\n%s\n", limit.Left(len(all)-i))
			break
		}
		b.WriteString(row)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// helpShown is how many lines of help an entry has.
const helpShown = 12

// row is a finding as an entry of a list: where and what, then the next step.
func (i *Item) row() string {
	level := "finding"
	for _, known := range []Level{Error, Warning, Notice} {
		if i.Level == known.String() {
			level = i.Level
		}
	}
	row := fmt.Sprintf("- **%s**", level)
	if !i.Caused {
		row += " (not of this change)"
	}
	if i.File != "" {
		row += " " + Code(fmt.Sprintf("%s:%d", i.File, i.Line))
	}
	row += fmt.Sprintf(" %s %s\n", Prose(i.Message), Code(i.Code))
	lines := strings.Split(strings.TrimSpace(i.Help), "\n")
	for n, line := range lines {
		if n == helpShown {
			row += fmt.Sprintf("  <br>and %d lines more\n", len(lines)-n)
			break
		}
		if strings.TrimSpace(line) != "" {
			row += fmt.Sprintf("  <br>help: %s\n", Prose(line))
		}
	}
	if i.Fix != "" {
		row += fmt.Sprintf("  <br>fix: %s (`writ fix`)\n", Prose(i.Fix))
	}
	return row
}

// word is one that no reader of Markdown takes for more: letters, with what a sentence puts around them.
var word = regexp.MustCompile(`^\(?[\p{L}\p{N}]+(['’][\p{L}]+)?[,;:.?!)]*$`)

// commit is what GitHub would take for one, and make a link of.
var commit = regexp.MustCompile(`(?i)^\(?[0-9a-f]{7,}[,;:.?!)]*$`)

// Prose writes a sentence that names things of others: plain words as they are, and all else as Code. Nothing of it is read as
// Markdown, HTML, a link or a mention.
func Prose(s string) string {
	s = shorten(strings.TrimSpace(Visible(s)))
	var all []string
	var other []string // words that follow each other and are not plain
	flush := func() {
		if len(other) == 0 {
			return
		}
		text, end := strings.Join(other, " "), ""
		if last := len(text) - 1; last > 0 && strings.ContainsAny(text[last:], ",;:") {
			text, end = text[:last], text[last:]
		}
		all, other = append(all, Code(text)+end), nil
	}
	depth := 0 // of brackets, which are not torn apart
	for _, w := range strings.Fields(s) {
		inside := depth > 0
		depth = max(depth+strings.Count(w, "{")+strings.Count(w, "[")-strings.Count(w, "}")-strings.Count(w, "]"), 0)
		switch {
		case inside || depth > 0 || !word.MatchString(w) && w != "->" || commit.MatchString(w):
			other = append(other, w)
			if depth == 0 && strings.ContainsAny(w[len(w)-1:], ",;:") {
				flush()
			}
		case w == "->":
			flush()
			all = append(all, "→")
		default:
			flush()
			all = append(all, w)
		}
	}
	flush()
	return strings.Join(all, " ")
}

// shorten cuts a text that is too long to be read.
func shorten(s string) string {
	if runes := []rune(s); len(runes) > codeShown {
		return string(runes[:codeShown]) + "..."
	}
	return s
}

// codeShown is how much of one text is shown, in characters.
const codeShown = 300

// Cell is Code in a cell of a table, which a bar would end.
func Cell(s string) string { return strings.ReplaceAll(Code(s), "|", `\|`) }

// ProseCell is Prose in a cell.
func ProseCell(s string) string { return strings.ReplaceAll(Prose(s), "|", `\|`) }

// Code writes text that somebody else wrote so that nothing in it is read as Markdown, HTML or a mention of a person: in a code
// span with a fence that the text does not have (https://github.github.com/gfm/#code-spans).
func Code(s string) string {
	s = strings.TrimSpace(Visible(s))
	if s == "" {
		return ""
	}
	s = shorten(s)
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
