// Package diag holds what writ tells people: findings, each with a rule, a place in the text that its reader wrote, the next
// step and, where a machine can take it, the edit.
package diag

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file: line, column and offset, 21 bits each, as a large estate holds millions of places. A file with a
// place beyond two million lines, characters in a line, or bytes is refused long before, by its size.
type Pos uint64

const (
	posBits = 21
	posMask = 1<<posBits - 1
)

// At is a place. Line and column count from 1, the column in characters; the offset counts bytes from 0.
func At(line, column, offset int) Pos {
	part := func(n int) Pos { return Pos(min(max(n, 0), posMask)) }
	return part(line)<<(2*posBits) | part(column)<<posBits | part(offset)
}

// Line is the number of the line, from 1.
func (p Pos) Line() int { return int(p >> (2 * posBits)) }

// Column is the number of the character in its line, from 1.
func (p Pos) Column() int { return int(p >> posBits & posMask) }

// Offset is the number of bytes before the place.
func (p Pos) Offset() int { return int(p & posMask) }

// Span is the half-open stretch of a file from Start to End. File is slash-separated and relative to the repository's root.
type Span struct {
	File       string
	Start, End Pos
}

// IsZero reports whether the span points nowhere.
func (s Span) IsZero() bool { return s.File == "" }

// String is the span's start as path:line:col, the form that editors and terminals make a link of.
func (s Span) String() string {
	return fmt.Sprintf("%s:%d:%d", s.File, s.Start.Line(), s.Start.Column())
}

// Effect is what a finding does to the output. The zero value is invalid.
type Effect int

const (
	// Stop writes nothing: the estate cannot be read, or is unsafe as a whole.
	Stop Effect = iota + 1
	// Withhold leaves the accesses that the finding is about out of the manifests, and nothing else.
	Withhold
	// Report changes nothing that is rendered.
	Report
)

// StricterThan reports whether e keeps more back than the other does.
func (e Effect) StricterThan(other Effect) bool { return e < other }

func (e Effect) String() string { return [...]string{"invalid", "stop", "withhold", "report"}[e] }

// Level is how loudly a finding is told, and whether it fails a check. The zero value is invalid in a Finding.
type Level int

const (
	// Error fails `writ check`.
	Error Level = iota + 1
	// Warning asks somebody to act, and fails nothing.
	Warning
	// Notice is for information.
	Notice
)

func (l Level) String() string { return [...]string{"invalid", "error", "warning", "notice"}[l] }

// Rule is one line of the catalogue: what `writ rules` prints and what a finding's code stands for.
type Rule struct {
	// Code is the rule's name for ever, like REF-003. A retired code keeps its line in the catalogue.
	Code string
	// Name says the rule in kebab-case words, like unknown-service.
	Name   string
	Effect Effect
	// Level is Error for stop and withhold and Warning for report, unless set.
	Level Level
	// Title is the rule in one sentence.
	Title string
	// Why tells the reason, with its source where it has one.
	Why string
	// Mends says that findings of this rule carry an edit that makes them go.
	Mends bool
	// Retired codes are no longer raised.
	Retired bool
	// Later says what a rule waits for that is not checked yet, "" for one that is.
	Later string
}

// Severity is the level of the rule's findings.
func (r *Rule) Severity() Level {
	switch {
	case r.Level != 0:
		return r.Level
	case r.Effect == Report:
		return Warning
	default:
		return Error
	}
}

// Finding is one thing that somebody should know.
type Finding struct {
	Rule    *Rule
	Span    Span
	Message string
	// Help is the next step.
	Help    string
	Related []Related
	// Fix is the edit that makes the finding go, nil where a machine cannot take the step.
	Fix *Fix
	// Objects are the names of the documents concerned and Field the path of the field by its keys: with the code they are the
	// finding's identity, which survives moved lines, renamed files and reworded messages.
	Objects []string
	Field   string
	// Items are what one finding is about that stands for many, like the accesses that a cluster's fault withholds. A change that
	// adds an item causes the finding, also where the base has it for others.
	Items []string
	// Ignored is the ignore that silences the finding, nil otherwise.
	Ignored *Ignore
}

// Related is another place that belongs to a finding.
type Related struct {
	Span    Span
	Message string
}

// Fix is a set of edits that are applied together.
type Fix struct {
	// Title says what the fix does, in the imperative: `rename "red-adress" to "read-address"`.
	Title string
	Edits []Edit
}

// Edit replaces the text of Span with New. An empty span inserts.
type Edit struct {
	Span Span
	New  string
}

// Ignore is a comment that silences findings of one code on its line, or on the line below it, until a date.
type Ignore struct {
	Code   string
	Until  string // YYYY-MM-DD
	Reason string
	Span   Span
}

// Fails reports whether the finding fails a check.
func (f *Finding) Fails() bool { return f.Rule.Severity() == Error && f.Ignored == nil }

// Fingerprint identifies the finding across revisions: twelve hexadecimal digits over its code, the names of its objects and
// its field, never over a file, a line or a text.
func (f *Finding) Fingerprint() string {
	sum := sha256.Sum256([]byte(f.Rule.Code + "\x00" + strings.Join(f.Objects, "\x00") + "\x00\x00" + f.Field))
	return hex.EncodeToString(sum[:6])
}

// List is what a stage found.
type List []Finding

// Add appends a finding of the rule.
func (l *List) Add(f Finding) { *l = append(*l, f) }

// Stops reports whether a finding of the list forbids to write anything.
func (l List) Stops() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Rule.Effect == Stop })
}

// Fails reports whether a finding of the list fails a check.
func (l List) Fails() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Fails() })
}

// Count says how many findings of the level are not ignored.
func (l List) Count(level Level) int {
	n := 0
	for i := range l {
		if l[i].Ignored == nil && l[i].Rule.Severity() == level {
			n++
		}
	}
	return n
}

// Sort puts the list into its one order: file, line, column, code, message, objects.
func (l List) Sort() { slices.SortStableFunc(l, Compare) }

// Compare is the order of findings.
func Compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Span.File, b.Span.File),
		cmp.Compare(a.Span.Start.Line(), b.Span.Start.Line()),
		cmp.Compare(a.Span.Start.Column(), b.Span.Start.Column()),
		cmp.Compare(a.Rule.Code, b.Rule.Code),
		cmp.Compare(a.Message, b.Message),
		slices.Compare(a.Objects, b.Objects),
		cmp.Compare(a.Field, b.Field),
	)
}
