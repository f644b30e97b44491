package atoms

import (
	"regexp"
	"strings"
	"sync"
)

// Pattern is a set of strings. Two patterns are equal (==) exactly when they are written alike and read alike.
type Pattern struct {
	kind    kind
	text    string
	written string // of a Regexp, what people wrote
	fold    bool
}

type kind int

const (
	exact kind = iota + 1
	prefix
	suffix
	present
	template
	expression
)

// pchar are the bytes that a {*} of a path template stands for, as Envoy 1.40 has it. Older versions leave out the '=' and the '*'.
// https://github.com/envoyproxy/envoy/blob/main/source/extensions/path/uri_template_lib/uri_template_internal.cc
const pchar = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;:@="

// Exact is the string s alone: what Istio makes of a value without a star at either end, matcher.StringMatcherExact.
func Exact(s string) Pattern { return Pattern{kind: exact, text: s} }

// Prefix is the strings that begin with s: matcher.StringMatcherPrefix, of a value s*. The empty prefix is every string, the
// empty one too, and so what Envoy's present_match says of a header that is there: the value * of a method, a host or a header.
func Prefix(s string) Pattern { return Pattern{kind: prefix, text: s} }

// Suffix is the strings that end in s: matcher.StringMatcherSuffix, of a value *s.
func Suffix(s string) Pattern { return Pattern{kind: suffix, text: s} }

// Present is every string but the empty one: the regular expression .+ that matcher.StringMatcher makes of a * everywhere but in
// headers. Here and in Regexp a dot takes every byte, while in Envoy it takes none that is not part of valid UTF-8.
func Present() Pattern { return Pattern{kind: present, text: "*"} }

// Template is a path template: {*} is one or more of the characters that a path segment may have, {**} is none or more of those
// and of slashes. As matcher.PathTemplateMatcher hands a bare * on to Envoy, which reads it as {*}, it means the same here.
func Template(s string) Pattern { return Pattern{kind: template, text: s} }

// Regexp is the strings that the expression matches from end to end, printed as people wrote what Istio made it of. It is for
// what pilot/pkg/security/authz/model generates for principals, namespaces, serviceAccounts and trustDomains: literals, groups,
// alternatives, `?`, and repetitions of `.` and `[^/]`. Anything else is our mistake, and panics when it is used.
func Regexp(expr, written string) Pattern {
	return Pattern{kind: expression, text: expr, written: written}
}

// FoldCase is the pattern without regard to the case of ASCII letters, as matcher.HostMatcher compares. Only exact strings,
// prefixes and suffixes have it.
func (p Pattern) FoldCase() Pattern {
	if p.kind == template || p.kind == expression {
		panic("atoms: no case folding in " + p.text)
	}
	p.fold = true
	return p
}

// String is the pattern as people write it.
func (p Pattern) String() string {
	switch p.kind {
	case prefix:
		return p.text + "*"
	case suffix:
		return "*" + p.text
	case expression:
		return p.written
	default:
		return p.text
	}
}

// Match reports whether s is in the set. It is how a counter-example is held against a pattern again, and shares nothing with
// Divide.
func (p Pattern) Match(s string) bool {
	text := p.text
	if p.fold {
		s, text = strings.Map(lower, s), strings.Map(lower, text)
	}
	switch p.kind {
	case exact:
		return s == text
	case prefix:
		return strings.HasPrefix(s, text)
	case suffix:
		return strings.HasSuffix(s, text)
	case present:
		return s != ""
	case template:
		return matchTemplate(stars.Replace(text), s)
	case expression:
		return compiled(text).MatchString(s)
	default:
		panic("atoms: a pattern that no function here made")
	}
}

// lower is for ASCII only, as Envoy's ignore_case is.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// stars writes a template's operators as Envoy does, as Istio's sanitizePathTemplate.
var stars = strings.NewReplacer("{*}", "*", "{**}", "**")

// matchTemplate takes the template piece by piece, and keeps which beginnings of s, by length, are matched by what was taken.
func matchTemplate(t, s string) bool {
	matched, longer := make([]bool, len(s)+1), make([]bool, len(s)+1)
	matched[0] = true
	for t != "" {
		rest, many := strings.CutPrefix(t, "**")
		if !many {
			rest = t[1:]
		}
		for n := range longer {
			switch {
			case many:
				longer[n] = matched[n] || n > 0 && longer[n-1] && strings.Contains(pchar+"/", s[n-1:n])
			case t[0] == '*':
				longer[n] = n > 0 && (matched[n-1] || longer[n-1]) && strings.Contains(pchar, s[n-1:n])
			default:
				longer[n] = n > 0 && matched[n-1] && s[n-1] == t[0]
			}
		}
		matched, longer, t = longer, matched, rest
	}
	return matched[len(s)]
}

// expressions keeps what was compiled, as a proof asks a few expressions about many requests.
var expressions sync.Map

func compiled(expr string) *regexp.Regexp {
	if re, ok := expressions.Load(expr); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile("^(?:" + expr + ")$")
	expressions.Store(expr, re)
	return re
}
