package model

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, istio string }{
		{"/", "/"},
		{"/healthz", "/healthz"},
		{"/v1/customers/{id}/address", "/v1/customers/{*}/address"},
		{"/static/{file...}", "/static/{**}"},
		{"/a/", "/a/"},
		{"/a%20", "/a%20"},
		{"/:", "/:"},
		{"/{a-b}/{X_9...}", "/{*}/{**}"},
		{"/.../.a", "/.../.a"},
		{"/caf%C3%A9/{x_1}", "/caf%C3%A9/{*}"},
		{"/a;b=c,d/@me:x", "/a;b=c,d/@me:x"},
	} {
		p, err := ParsePattern(c.text)
		if err != nil || p.Istio() != c.istio {
			t.Errorf("%q is %q (%v), want %q", c.text, p.Istio(), err, c.istio)
		}
	}
	for text, want := range map[string]string{
		"v1":             `write "/v1"`,
		"":               `write "/"`,
		"/x}/b":          "a variable is a whole segment",
		"/{x/b":          "a variable is a whole segment",
		"/x...}":         "a variable is a whole segment",
		"/:id":           "a variable is written {id}",
		"/./b":           "resolved before a policy sees the path",
		"/a%2":           "percent-encoded byte",
		"/a%G0":          "percent-encoded byte",
		"/a%0G":          "percent-encoded byte",
		"/v1/*":          "'*' is not how paths are written",
		"/a/{x}b":        "a variable is a whole segment",
		"/a/{}":          "a variable has a name",
		"/a/{rest...}/b": "nothing can follow it",
		"/a//b":          `"//"`,
		"/a/../b":        "resolved before a policy sees the path",
		"/a?b=c":         "without query and fragment",
		"/a#b":           "without query and fragment",
		"/a%2fb":         "upper-case hexadecimal",
		"/a%2Fb":         "CVE-2021-31920",
		"/a%6Fk":         `write "o"`,
		"/a%":            "percent-encoded byte",
		"/a b":           "percent-encode it",
		"/%20 b":         "percent-encode it",
		"/%20%2F":        "CVE-2021-31920",
		"/café":          "percent-encode it",
		`/a\b`:           "percent-encode it",
	} {
		if _, err := ParsePattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

// TestEveryByteOfASegment: each byte stands in a segment as it is, percent-encoded, or not at all, and in the name of a variable or
// not; RFC 3986 says which, said here in expressions of its grammar.
func TestEveryByteOfASegment(t *testing.T) {
	t.Parallel()
	plain := regexp.MustCompile(`^[A-Za-z0-9\-._~!$&'()+,;=:@]$`) // pchar, less the asterisk that means something elsewhere
	unreserved := regexp.MustCompile(`^[A-Za-z0-9\-._~]$`)
	name := regexp.MustCompile(`^[A-Za-z0-9_\-]$`)
	refused := func(text string) string {
		if _, err := ParsePattern(text); err != nil {
			return err.Error()
		}
		return ""
	}
	for b := range 256 {
		c := string([]byte{byte(b)})
		if got, want := refused("/x"+c+"y") == "", plain.MatchString(c) || c == "/"; got != want {
			t.Errorf("%q stands in a segment: %v", c, got)
		}
		if got, want := refused("/{"+c+"}") == "", name.MatchString(c); got != want {
			t.Errorf("%q names a variable: %v", c, got)
		}
		for _, encoded := range []string{fmt.Sprintf("/%%%02X", b), fmt.Sprintf("/x%%%02Xy", b)} {
			why := ""
			switch {
			case c == "/" || c == `\` || b == 0:
				why = "CVE-2021-31920"
			case unreserved.MatchString(c):
				why = fmt.Sprintf("write %q", c)
			}
			if got := refused(encoded); why == "" && got != "" || !strings.Contains(got, why) {
				t.Errorf("%s: %q, want %q in it", encoded, got, why)
			}
		}
	}
}

// TestMatches compares what a pattern stands for with Envoy's reading of it, on every short path over a small alphabet.
func TestMatches(t *testing.T) {
	t.Parallel()
	paths, longer := []string{"", "a", "a/b"}, []string{""}
	for range 4 {
		var next []string
		for _, p := range longer {
			next = append(next, p+"/", p+"/a", p+"/b")
		}
		longer = next
		paths = append(paths, next...)
	}
	for _, text := range []string{
		"/", "/a", "/a/", "/a/b", "/{x}", "/{x...}", "/a/{x}", "/a/{x...}", "/{x}/a", "/{x}/{y...}", "/a/{x}/", "/{x}/", "/a/{x}/b",
	} {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		envoy := expression(p)
		for _, path := range paths {
			if got, want := p.Matches(path), envoy.MatchString(path); got != want {
				t.Errorf("%s matches %q: %v", text, path, got)
			}
			offered := &Endpoint{Paths: []Pattern{{segments: []segment{{literal, "other"}}}, p}}
			if got, want := offered.Matches(path), envoy.MatchString(path); got != want {
				t.Errorf("an endpoint of /other and %s matches %q: %v", text, path, got)
			}
		}
	}
	if all := (&Endpoint{}); !all.Matches("/a/b") {
		t.Error("an endpoint without paths has every path")
	}
}

// TestPatternRelations compares the relations with what regular expressions say of every short path over a small alphabet.
func TestPatternRelations(t *testing.T) {
	t.Parallel()
	paths, longer := []string(nil), []string{""}
	for range 5 { // one segment more than the longest pattern has
		var next []string
		for _, p := range longer {
			next = append(next, p+"/", p+"/a", p+"/b")
		}
		longer = next
		paths = append(paths, next...)
	}
	pattern := rapid.Custom(func(t *rapid.T) Pattern {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "{x}"}), 0, 3).Draw(t, "segments")
		parts = append(parts, rapid.SampledFrom([]string{"", "a", "{x}", "{x...}"}).Draw(t, "last"))
		p, err := ParsePattern("/" + strings.Join(parts, "/"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		p, q := pattern.Draw(t, "p"), pattern.Draw(t, "q")
		meet, covers := false, true
		ofP, ofQ := expression(p), expression(q)
		for _, path := range paths {
			inP, inQ := ofP.MatchString(path), ofQ.MatchString(path)
			meet = meet || inP && inQ
			covers = covers && (inP || !inQ)
		}
		if p.Overlaps(q) != meet || q.Overlaps(p) != meet {
			t.Fatalf("%s and %s overlap: %v, by brute force %v", p.Text, q.Text, p.Overlaps(q), meet)
		}
		if p.Covers(q) != covers {
			t.Fatalf("%s covers %s: %v, by brute force %v", p.Text, q.Text, p.Covers(q), covers)
		}
	})
}

// expression is Envoy's reading of a template as a regular expression, written apart from the code under test.
func expression(p Pattern) *regexp.Regexp {
	expr := strings.NewReplacer(`\{\*\*\}`, ".*", `\{\*\}`, "[^/]+").Replace(regexp.QuoteMeta(p.Istio()))
	return regexp.MustCompile("^" + expr + "$")
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"/", "/v1/{id}", "/static/{file...}", "/a%20b", "/v1/*", "//", "{", "/{a}{b}", "/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePattern(text)
		if err != nil {
			if meant := meantPattern(text); meant != "" {
				if _, err := ParsePattern(meant); err != nil {
					t.Fatalf("%q: the proposal %q is refused itself: %v", text, meant, err)
				}
			}
			return
		}
		if !strings.HasPrefix(p.Istio(), "/") || !p.Covers(p) || !p.Overlaps(p) {
			t.Fatalf("%q: %q does not cover itself", text, p.Istio())
		}
	})
}
