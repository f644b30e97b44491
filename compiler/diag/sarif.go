package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
)

// What GitHub's code scanning takes of a log; it refuses more results than 25,000 and then keeps these:
// https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
const (
	sarifResults     = 5000
	sarifRelated     = 100
	sarifDescription = 1024 // characters
)

// SARIF writes the outcome as a SARIF 2.1.0 log with the properties that GitHub's code scanning requires:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Results come in the order of their importance, and a
// notification says how many of them a limit keeps out. Ignored findings are left out, since GitHub reads no suppressions and
// would raise an alert for each.
func SARIF(w io.Writer, o *Outcome) error {
	rules := o.sarifRules()
	index := map[string]int{}
	for i, rule := range rules {
		index[rule.ID] = i
	}
	ranked := o.ranked()
	kept := ranked[:min(len(ranked), sarifResults)]
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "writ", Version: o.Version, Rules: rules}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
		Invocations: []sarifInvocation{{
			ExecutionSuccessful: true,
			Notifications:       o.notifications(ranked[len(kept):]),
		}},
	}
	seen := map[string]int{}
	for _, f := range kept {
		seen[f.Fingerprint()]++
		run.Results = append(run.Results, o.result(f, index[f.Rule.Code], seen[f.Fingerprint()]))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{run},
	})
}

// sarifRules is the catalogue as SARIF tells it.
func (o *Outcome) sarifRules() []sarifRule {
	all := []sarifRule{}
	for _, rule := range o.rules() {
		all = append(all, sarifRule{
			ID: rule.Code, Name: rule.Name,
			Short:         describe(rule.Title),
			Full:          describe(rule.Title + ". " + rule.Why),
			Help:          sarifText{plain(rule.Why + "\n\n`writ rules " + rule.Code + "` shows an example and how to mend it.")},
			Configuration: sarifConfiguration{rule.Severity().sarif()},
		})
	}
	return all
}

// result is the finding, the nth of its fingerprint.
func (o *Outcome) result(f *Finding, rule, nth int) sarifResult {
	s := sarifResult{
		RuleID: f.Rule.Code, RuleIndex: rule, Level: f.Rule.Severity().sarif(),
		Message:   sarifText{plain(advice(f))},
		Locations: []sarifLocation{{Place: o.place(f.Span)}},
		// The name of GitHub's own fingerprint, which is over lines; it takes what it is given. Two findings of one
		// fingerprint would be one alert.
		Fingerprints: map[string]string{"primaryLocationLineHash": fmt.Sprintf("%s:%d", f.Fingerprint(), nth)},
	}
	if o.Caused != nil {
		s.Baseline = "unchanged"
		if o.caused(f) {
			s.Baseline = "new"
		}
	}
	s.Related = o.related(f)
	return s
}

// related is the other places of the finding, each once.
func (o *Outcome) related(f *Finding) []sarifLocation {
	var all []sarifLocation
	for _, r := range f.Related {
		l := sarifLocation{Message: sarifText{plain(Visible(r.Message))}}
		if !r.Span.IsZero() {
			l.Place = o.place(r.Span)
		}
		if len(all) < sarifRelated && !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// place is the span for a reader that requires one of every result. What points nowhere points at the documents.
func (o *Outcome) place(s Span) sarifPlace {
	if s.IsZero() {
		s.File = "policies"
	}
	line, column, endColumn := o.region(s)
	uri := url.URL{Path: o.path(s.File)}
	return sarifPlace{
		Artifact: sarifArtifact{URI: uri.String(), Base: "%SRCROOT%"},
		Region:   sarifRegion{line, column, line, endColumn},
	}
}

// notifications tell what the results do not.
func (o *Outcome) notifications(left []*Finding) []sarifNotification {
	all := []sarifNotification{}
	for _, c := range o.Checks {
		if c.Failure != "" {
			all = append(all, sarifNotification{Level: Error.sarif(), Message: sarifText{plain(Visible(c.Failure))}})
		}
	}
	if len(left) > 0 {
		counts := map[Level]int{}
		for _, f := range left {
			counts[f.Rule.Severity()]++
		}
		all = append(all, sarifNotification{Level: Warning.sarif(), Message: sarifText{fmt.Sprintf(
			"%d findings are left out, as code scanning keeps %d: %d errors, %d warnings, %d notices",
			len(left), sarifResults, counts[Error], counts[Warning], counts[Notice])}})
	}
	return all
}

func (l Level) sarif() string {
	if l == Notice {
		return "note"
	}
	return l.String()
}

func describe(s string) sarifText {
	if runes := []rune(s); len(runes) > sarifDescription {
		s = string(runes[:sarifDescription-len(ellipsis)]) + ellipsis
	}
	return sarifText{s}
}

// plain keeps a message from holding links, `[text](target)`, whose targets would be the user's: section 3.11.6.
func plain(s string) string { return linkMiddle.ReplaceAllString(s, `$1$1\](`) }

var linkMiddle = regexp.MustCompile(`(\\*)\]\(`)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	ColumnKind  string            `json:"columnKind"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID            string             `json:"id"`
	Name          string             `json:"name"`
	Short         sarifText          `json:"shortDescription"`
	Full          sarifText          `json:"fullDescription"`
	Help          sarifText          `json:"help"`
	Configuration sarifConfiguration `json:"defaultConfiguration"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifConfiguration struct {
	Level string `json:"level"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Related      []sarifLocation   `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Baseline     string            `json:"baselineState,omitempty"` // only with a base
}

type sarifLocation struct {
	Place   sarifPlace `json:"physicalLocation,omitzero"`
	Message sarifText  `json:"message,omitzero"`
}

type sarifPlace struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndLine     int `json:"endLine"`
	EndColumn   int `json:"endColumn"` // exclusive
}
