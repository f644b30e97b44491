package diag

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit writes the outcome as the XML that CI systems read as results of tests. A rule is a test and its family a suite: the
// set of tests is then the same in every run, so that a reader can say what is newly broken and what is mended, a clean run is
// not a report without tests, which Jenkins refuses, and an estate of 40,000 documents does not make 40,000 tests. Findings
// that fail are one failure of their rule's test, the others its output.
func JUnit(w io.Writer, o *Outcome) error {
	all, err := o.testsuites()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

// testsuites are one of the checks beside the findings, and one a family.
func (o *Outcome) testsuites() (*testsuites, error) {
	all := &testsuites{Name: "writ"}
	if len(o.Checks) > 0 {
		s := testsuite{Name: "writ"}
		for _, c := range o.Checks {
			s.add(checkCase(c))
		}
		all.add(s)
	}
	found := map[string]List{}
	for _, f := range o.Findings {
		found[f.Rule.Code] = append(found[f.Rule.Code], f)
	}
	rules := o.rules()
	for len(rules) > 0 {
		s := testsuite{Name: family(rules[0])}
		for len(rules) > 0 && family(rules[0]) == s.Name {
			c, err := o.ruleCase(rules[0], found[rules[0].Code])
			if err != nil {
				return nil, err
			}
			s.add(c)
			rules = rules[1:]
		}
		all.add(s)
	}
	return all, nil
}

// family is the rules that share the letters of their codes.
func family(r *Rule) string {
	name, _, _ := strings.Cut(r.Code, "-")
	return name
}

func checkCase(c Check) testcase {
	t := testcase{Class: "writ", Name: c.Name}
	if c.Failure != "" {
		t.Failure = &failure{Message: Visible(c.Failure), Type: Error.String(), Text: Visible(c.Failure)}
	}
	return t
}

// ruleCase is the test of the rule with what was found of it.
func (o *Outcome) ruleCase(rule *Rule, found List) (testcase, error) {
	t := testcase{Class: "writ." + family(rule), Name: rule.Code + " " + rule.Name}
	var fails, rest List
	for i := range found {
		if found[i].Fails() && o.caused(&found[i]) {
			fails.Add(found[i])
		} else {
			rest.Add(found[i])
		}
	}
	output, err := o.text(rest)
	if err != nil {
		return t, err
	}
	t.Output = output
	if len(fails) == 0 {
		return t, nil
	}
	fails.Sort()
	text, err := o.text(fails)
	if err != nil {
		return t, err
	}
	first := Visible(fails[0].Span.String() + ": " + fails[0].Message)
	if fails[0].Span.IsZero() {
		first = Visible(fails[0].Message)
	}
	if more := len(fails) - 1; more > 0 {
		first += fmt.Sprintf(" (and %d more)", more)
	}
	t.File = Visible(o.path(fails[0].Span.File))
	t.Failure = &failure{Message: first, Type: Error.String(), Text: text}
	return t, nil
}

// text is the findings as people read them. Text escapes whatever XML cannot represent.
func (o *Outcome) text(list List) (string, error) {
	var b strings.Builder
	err := Text(&b, list, o.Sources, TextOptions{})
	return strings.TrimRight(b.String(), "\n"), err
}

// The elements and attributes are those that Jenkins, GitLab and the others have in common. Time is 0, as many want one and the
// same run should give the same bytes.
type testsuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	totals
	Suites []testsuite `xml:"testsuite"`
}

type testsuite struct {
	Name string `xml:"name,attr"`
	totals
	Cases []testcase `xml:"testcase"`
}

type totals struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Time     int `xml:"time,attr"`
}

type testcase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	File    string   `xml:"file,attr,omitempty"` // of the first failure; GitLab links it
	Time    int      `xml:"time,attr"`
	Failure *failure `xml:"failure"`
	Output  string   `xml:"system-out,omitempty"`
}

type failure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (s *testsuite) add(t testcase) {
	s.Tests++
	if t.Failure != nil {
		s.Failures++
	}
	s.Cases = append(s.Cases, t)
}

func (all *testsuites) add(s testsuite) {
	all.Tests += s.Tests
	all.Failures += s.Failures
	all.Suites = append(all.Suites, s)
}
