package diag

import (
	"encoding/json"
	"io"
	"slices"
)

// Document is the findings for machines. Within a version fields are added, never renamed, removed or given another meaning;
// what does not apply is null or "" or empty, and never absent.
type Document struct {
	Version  int           `json:"version"` // 1
	Findings []JSONFinding `json:"findings"`
	Counts   Counts        `json:"counts"`
}

// JSONFinding is a finding of a Document. Lines and columns count from 1, columns in characters; the end is exclusive.
type JSONFinding struct {
	Code        string        `json:"code"`   // like REF-003, the same for ever
	Name        string        `json:"name"`   // the rule in kebab-case words
	Effect      string        `json:"effect"` // stop, withhold, report
	Level       string        `json:"level"`  // error, warning, notice
	Fingerprint string        `json:"fingerprint"`
	Path        string        `json:"path"` // slash-separated, below the repository's root
	Line        int           `json:"line"`
	Column      int           `json:"column"`
	EndLine     int           `json:"endLine"`
	EndColumn   int           `json:"endColumn"`
	Message     string        `json:"message"`
	Help        string        `json:"help"`
	Objects     []string      `json:"objects"` // the documents concerned
	Field       string        `json:"field"`   // the path of the field by its keys
	Related     []JSONRelated `json:"related"`
	Fix         *JSONFix      `json:"fix"`
	Ignored     *JSONIgnore   `json:"ignored"`
	Caused      bool          `json:"caused"` // not in the base revision; true without one
}

// JSONRelated is another place that belongs to a finding.
type JSONRelated struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// JSONFix is edits to apply together.
type JSONFix struct {
	Title string     `json:"title"`
	Edits []JSONEdit `json:"edits"`
}

// JSONEdit replaces the bytes from Start to End, which count from 0, with New.
type JSONEdit struct {
	Path  string `json:"path"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	New   string `json:"new"`
}

// JSONIgnore is the comment that silences a finding.
type JSONIgnore struct {
	Until  string `json:"until"` // YYYY-MM-DD
	Reason string `json:"reason"`
	Path   string `json:"path"`
	Line   int    `json:"line"`
}

// Counts is how many findings of each level are not ignored, and how many are.
type Counts struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notices  int `json:"notices"`
	Ignored  int `json:"ignored"`
}

// NewDocument makes the document of the findings, sorted. A nil caused says that all of them count.
func NewDocument(list List, caused func(*Finding) bool) Document {
	sorted := slices.Clone(list)
	sorted.Sort()
	d := Document{Version: 1, Findings: make([]JSONFinding, 0, len(sorted))}
	for i := range sorted {
		f := &sorted[i]
		d.Findings = append(d.Findings, jsonFinding(f, caused == nil || caused(f)))
		if f.Ignored != nil {
			d.Counts.Ignored++
		}
	}
	d.Counts.Errors = sorted.Count(Error)
	d.Counts.Warnings = sorted.Count(Warning)
	d.Counts.Notices = sorted.Count(Notice)
	return d
}

// JSON writes the findings as a Document.
func JSON(w io.Writer, list List, caused func(*Finding) bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(NewDocument(list, caused))
}

func jsonFinding(f *Finding, caused bool) JSONFinding {
	j := JSONFinding{
		Code: f.Rule.Code, Name: f.Rule.Name, Effect: f.Rule.Effect.String(), Level: f.Rule.Severity().String(),
		Fingerprint: f.Fingerprint(),
		Path:        f.Span.File, Line: f.Span.Start.Line(), Column: f.Span.Start.Column(),
		EndLine: f.Span.End.Line(), EndColumn: f.Span.End.Column(),
		Message: f.Message, Help: f.Help,
		Objects: append([]string{}, f.Objects...), Field: f.Field,
		Related: []JSONRelated{},
		Caused:  caused,
	}
	for _, r := range f.Related {
		j.Related = append(j.Related, JSONRelated{r.Span.File, r.Span.Start.Line(), r.Span.Start.Column(), r.Message})
	}
	if f.Fix != nil {
		j.Fix = &JSONFix{Title: f.Fix.Title, Edits: []JSONEdit{}}
		for _, e := range f.Fix.Edits {
			j.Fix.Edits = append(j.Fix.Edits, JSONEdit{e.Span.File, e.Span.Start.Offset(), e.Span.End.Offset(), e.New})
		}
	}
	if i := f.Ignored; i != nil {
		j.Ignored = &JSONIgnore{i.Until, i.Reason, i.Span.File, i.Span.Start.Line()}
	}
	return j
}
