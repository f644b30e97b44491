package diag

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Outcome is what a run found, for the formats that forges and CI systems read: SARIF, GitHub and JUnit. They show findings
// that somebody should act on, so that ignored ones are left out of them, except in JUnit's logs.
type Outcome struct {
	Findings List
	// Caused reports whether the base lacks the finding. It is nil without a base, when every finding counts.
	Caused func(*Finding) bool
	// Checks are what the run held beside the findings.
	Checks []Check
	// Sources are the files that the findings point into.
	Sources map[string][]byte
	// Rules is the catalogue: what could have been found.
	Rules []*Rule
	// Prefix leads from the root of the git repository, where forges count paths from, to where the findings' paths begin;
	// "" where they are one.
	Prefix string
	// Version is writ's own.
	Version string
}

// Check is a condition that a run holds beside the findings.
type Check struct {
	// Name says the condition, like `out/ is current`.
	Name string
	// Failure says in one line what is wrong and what to do; "" where the condition holds.
	Failure string
}

// ranked is the findings that are not ignored, the most important first: what a limit cuts off is the rest.
func (o *Outcome) ranked() []*Finding {
	var all []*Finding
	for i := range o.Findings {
		if o.Findings[i].Ignored == nil {
			all = append(all, &o.Findings[i])
		}
	}
	known := func(f *Finding) int {
		if o.caused(f) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b *Finding) int {
		return cmp.Or(
			cmp.Compare(a.Rule.Severity(), b.Rule.Severity()),
			cmp.Compare(known(a), known(b)),
			Compare(*a, *b),
		)
	})
	return all
}

// rules is what could have been found and, so that no finding is without its rule, what was, by code.
func (o *Outcome) rules() []*Rule {
	all := slices.DeleteFunc(slices.Clone(o.Rules), func(r *Rule) bool { return r.Retired || r.Later != "" })
	for i := range o.Findings {
		if r := o.Findings[i].Rule; !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *Rule) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

func (o *Outcome) caused(f *Finding) bool { return o.Caused == nil || o.Caused(f) }

// path is the file as the forge names it.
func (o *Outcome) path(file string) string { return path.Join(o.Prefix, file) }

// region is what the span covers of its first line: forges show no finding whose lines do not all belong to the change. It is
// never empty, since nobody sees an empty one.
func (o *Outcome) region(s Span) (line, column, endColumn int) {
	line, column, endColumn = max(s.Start.Line(), 1), max(s.Start.Column(), 1), s.End.Column()
	if s.End.Line() != s.Start.Line() {
		endColumn = column + o.restOfLine(s)
	}
	return line, column, max(endColumn, column+1)
}

// restOfLine counts the characters from the span's start to the end of its line.
func (o *Outcome) restOfLine(s Span) int {
	src := o.Sources[s.File]
	if s.Start.Offset() > len(src) {
		return 0
	}
	rest, _, _ := bytes.Cut(src[s.Start.Offset():], []byte("\n"))
	return utf8.RuneCount(bytes.TrimRight(rest, " \t\r"))
}

// advice is the message with the next step, fit to be shown: only the line ends of help are left as such.
func advice(f *Finding) string {
	var b strings.Builder
	b.WriteString(Visible(f.Message))
	if f.Help != "" {
		b.WriteString("\nhelp: " + visibleLines(f.Help))
	}
	if f.Fix != nil {
		b.WriteString("\nfix: " + Visible(f.Fix.Title) + " (writ fix)")
	}
	return b.String()
}

func visibleLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}
