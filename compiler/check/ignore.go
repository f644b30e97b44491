package check

import (
	"bytes"
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
)

var (
	ignoreUnknown = &diag.Rule{
		Code: "IGN-001", Name: "unknown-ignore", Effect: diag.Report,
		Title: "an ignore names a code that no rule has",
		Why:   "It silences nothing, and its author believes that it does.",
	}
	ignoreUnused = &diag.Rule{
		Code: "IGN-002", Name: "unused-ignore", Effect: diag.Report,
		Title: "an ignore silences nothing",
		Why:   "What it was written for is gone; what comes next on its line would be silenced unseen.",
	}
	ignoreExpired = &diag.Rule{
		Code: "IGN-003", Name: "expired-ignore", Effect: diag.Report,
		Title: "an ignore is past its end date",
		Why:   "It silences no longer. Somebody decides whether the finding is mended or ignored anew.",
	}
	ignoreForbidden = &diag.Rule{
		Code: "IGN-004", Name: "forbidden-ignore", Effect: diag.Report, Level: diag.Error,
		Title: "an ignore names a rule that cannot be ignored",
		Why:   "Findings that stop or withhold, and those that fail a check, say that something is unsafe or not meant; a comment cannot change that.",
	}
	ignoreActive = &diag.Rule{
		Code: "IGN-005", Name: "active-ignore", Effect: diag.Report, Level: diag.Notice,
		Title: "a finding is ignored",
		Why:   "An ignore shows itself, in the change that adds it and wherever findings are listed, so that nothing disappears unseen.",
	}

	ignoreRules = []*diag.Rule{ignoreUnknown, ignoreUnused, ignoreExpired, ignoreForbidden, ignoreActive}
)

// Ignores applies the ignores to the findings, and reports those that are unknown, unused, expired or forbidden. It runs after
// every stage has said what it found.
func Ignores(found diag.List, ignores []diag.Ignore, catalogue []*diag.Rule, sources map[string][]byte, asOf string) diag.List {
	for i := range ignores {
		found = append(found, applyIgnore(found, &ignores[i], catalogue, sources, asOf))
	}
	return found
}

func applyIgnore(found diag.List, ig *diag.Ignore, catalogue []*diag.Rule, sources map[string][]byte, asOf string) diag.Finding {
	f := diag.Finding{Span: ig.Span, Objects: []string{"ignore " + ig.Code, ig.Reason}, Field: ig.Until}
	var codes []string
	for _, r := range catalogue {
		codes = append(codes, r.Code)
	}
	i := slices.Index(codes, ig.Code)
	switch {
	case i < 0:
		f.Rule, f.Message, f.Help = ignoreUnknown, fmt.Sprintf("no rule has the code %q", ig.Code), "`writ rules` lists the codes"
		if near := diag.Nearest(ig.Code, codes); near != "" {
			f.Help = fmt.Sprintf("did you mean %s?", near)
		}
		return f
	case catalogue[i].Effect != diag.Report || catalogue[i].Severity() == diag.Error:
		f.Rule, f.Message = ignoreForbidden, fmt.Sprintf("%s (%s) cannot be ignored", ig.Code, catalogue[i].Name)
		f.Help = "mend what it finds, and delete this comment"
		return f
	case ig.Until < asOf:
		f.Rule, f.Message = ignoreExpired, fmt.Sprintf("this ignore of %s ended on %s", ig.Code, ig.Until)
		f.Help = "mend what it finds, or give it a new date with a reason"
		return f
	}
	silenced := 0
	for j := range found {
		if found[j].Rule.Code == ig.Code && covers(ig, found[j].Span, sources) {
			found[j].Ignored = ig
			silenced++
		}
	}
	if silenced == 0 {
		f.Rule, f.Message, f.Help = ignoreUnused, fmt.Sprintf("this ignore of %s silences nothing", ig.Code), "delete the comment"
		return f
	}
	f.Rule, f.Message = ignoreActive, fmt.Sprintf("%s is ignored until %s: %s", ig.Code, ig.Until, ig.Reason)
	return f
}

// covers reports whether the ignore stands on the finding's line, or alone on the line above it.
func covers(ig *diag.Ignore, at diag.Span, sources map[string][]byte) bool {
	if at.File != ig.Span.File {
		return false
	}
	if at.Start.Line() == ig.Span.Start.Line() {
		return true
	}
	return at.Start.Line() == ig.Span.Start.Line()+1 && alone(ig.Span, sources[ig.Span.File])
}

func alone(at diag.Span, source []byte) bool {
	before := source[:min(at.Start.Offset(), len(source))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return len(bytes.TrimSpace(line)) == 0
}
