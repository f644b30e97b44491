package model

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern is a path template: literal segments, {name} for exactly one segment, and {name...} at the end for the rest.
type Pattern struct {
	Text     string
	segments []segment
	istio    string
}

type segment struct {
	kind    segmentKind
	literal string
}

type segmentKind int

const (
	literal segmentKind = iota + 1
	one
	rest
)

// ParsePattern reads a path as people write it. The error says what is wrong and, where it can be told, what was meant.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{Text: text}
	if !strings.HasPrefix(text, "/") {
		return p, fmt.Errorf("a path begins with '/': write %q", "/"+text)
	}
	parts := strings.Split(text[1:], "/")
	for i, part := range parts {
		s, err := parseSegment(part)
		if err != nil {
			return p, err
		}
		if s.kind == rest && i < len(parts)-1 {
			return p, fmt.Errorf("%s stands for the rest of the path, so nothing can follow it", part)
		}
		// An empty segment at the end is a trailing slash, and "/" alone is the root; Envoy tells `/a` and `/a/` apart.
		if s.kind == literal && s.literal == "" && i < len(parts)-1 {
			return p, fmt.Errorf("an empty segment (\"//\") is never matched safely, as proxies may merge slashes: write one '/'")
		}
		p.segments = append(p.segments, s)
	}
	p.istio = p.render()
	return p, nil
}

func parseSegment(part string) (segment, error) {
	switch {
	case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "...}"):
		return segment{kind: rest}, variable(strings.TrimSuffix(part[1:], "...}"), part)
	case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}"):
		return segment{kind: one}, variable(part[1:len(part)-1], part)
	case strings.ContainsAny(part, "{}"):
		return segment{}, fmt.Errorf("%q: a variable is a whole segment, like /orders/{id}", part)
	case strings.Contains(part, "*"):
		return segment{}, fmt.Errorf("%q: '*' is not how paths are written here: {id} stands for one segment and {rest...} for all that follow", part)
	case len(part) > 1 && part[0] == ':':
		return segment{}, fmt.Errorf("%q would be matched letter by letter: a variable is written {%s}", part, part[1:])
	case part == "." || part == "..":
		return segment{}, fmt.Errorf("%q is resolved before a policy sees the path, so it never matches: write the path that it leads to", part)
	}
	return segment{kind: literal, literal: part}, literalText(part)
}

func variable(name, part string) error {
	ok := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if !ok {
		return fmt.Errorf("%q: a variable has a name of letters, digits, '-' and '_', like {id} or {rest...}", part)
	}
	return nil
}

// unreserved and the sub-delimiters are RFC 3986's pchar less the percent sign: what a segment may hold as it is.
const pchar = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()+,;=:@"

func literalText(part string) error {
	for i := 0; i < len(part); i++ {
		c := part[i]
		switch {
		case c == '%':
			if err := escape(part[i:]); err != nil {
				return err
			}
			i += 2
		case c == '?' || c == '#':
			return fmt.Errorf("%q: policies see the path without query and fragment, so leave out all from %q on", part, string(c))
		case strings.IndexByte(pchar, c) < 0:
			return fmt.Errorf("%q: %q does not stand in a path as it is; percent-encode it (RFC 3986, section 2.1)", part, nextRune(part[i:]))
		}
	}
	return nil
}

// escape checks one percent-encoded byte. Envoy decodes unreserved characters before RBAC sees the path, and what it makes of
// %2F and %5C depends on the mesh's path normalisation, so a pattern with either would not mean what it says.
func escape(s string) error {
	const hexDigits = "0123456789ABCDEF"
	if len(s) < 3 || strings.IndexByte(hexDigits, s[1]) < 0 || strings.IndexByte(hexDigits, s[2]) < 0 {
		return fmt.Errorf("'%%' begins a percent-encoded byte of two upper-case hexadecimal digits, like %%20")
	}
	b := byte(strings.IndexByte(hexDigits, s[1])<<4 | strings.IndexByte(hexDigits, s[2]))
	switch {
	case b == '/' || b == '\\' || b == 0:
		return fmt.Errorf("%s is treated differently from proxy to proxy (CVE-2021-31920), so no policy may rest on it", s[:3])
	case isUnreserved(b):
		return fmt.Errorf("%s is decoded before a policy sees the path: write %q", s[:3], string(rune(b)))
	}
	return nil
}

func isUnreserved(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' || b == '~'
}

func nextRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// grpcPattern is the path of a gRPC method, or of every method of a service
// (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: ":path" is "/" Service-Name "/" method name).
func grpcPattern(name string) Pattern {
	service, method, isMethod := strings.Cut(name, "/")
	p := Pattern{Text: name, segments: []segment{{literal, service}, {kind: one}}}
	if isMethod {
		p.segments[1] = segment{literal, method}
	}
	p.istio = p.render()
	return p
}

// Istio is the pattern in the syntax of AuthorizationPolicy paths: {*} for one segment, {**} for the rest.
func (p Pattern) Istio() string { return p.istio }

func (p Pattern) render() string {
	var b strings.Builder
	for _, s := range p.segments {
		b.WriteByte('/')
		switch s.kind {
		case one:
			b.WriteString("{*}")
		case rest:
			b.WriteString("{**}")
		default:
			b.WriteString(s.literal)
		}
	}
	return b.String()
}

// Overlaps reports whether some path matches both patterns.
func (p Pattern) Overlaps(q Pattern) bool { return relate(p.segments, q.segments, false) }

// Covers reports whether every path that matches q matches p.
func (p Pattern) Covers(q Pattern) bool { return relate(p.segments, q.segments, true) }

// relate walks two patterns side by side. {*} takes one segment that is not empty, {**} takes any number of characters,
// slashes and none among them (Envoy's uri_template_internal.cc).
func relate(p, q []segment, covers bool) bool {
	for i := 0; ; i++ {
		switch {
		case i < len(p) && p[i].kind == rest && i < len(q):
			return true
		case i < len(q) && q[i].kind == rest && i < len(p):
			return !covers
		case i == len(p) || i == len(q):
			return len(p) == len(q)
		case !relateSegment(p[i], q[i], covers):
			return false
		}
	}
}

func relateSegment(p, q segment, covers bool) bool {
	switch {
	case p.kind == one && q.kind == one:
		return true
	case p.kind == one:
		return q.literal != ""
	case q.kind == one:
		return !covers && p.literal != ""
	default:
		return p.literal == q.literal
	}
}

// Overlaps reports whether some request matches both endpoints. Policies know a container's port: two ports of a Service that
// lead to one container port, in whichever cluster, are one port to them.
func (e *Endpoint) Overlaps(o *Endpoint) bool {
	return e.Service.onePort(e.Port, o.Port) && methodsMeet(e.Methods, o.Methods) && pathsMeet(e.Paths, o.Paths)
}

func (s *Service) onePort(p, q *Port) bool {
	return p == q || slices.ContainsFunc(s.Workloads, func(w *Workload) bool { return w.TargetPorts[p.Name] == w.TargetPorts[q.Name] })
}

func methodsMeet(a, b []string) bool {
	return a == nil || b == nil || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

func pathsMeet(a, b []Pattern) bool {
	if a == nil || b == nil {
		return true
	}
	return slices.ContainsFunc(a, func(p Pattern) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

// Matches reports whether the path is one of the endpoint's.
func (e *Endpoint) Matches(path string) bool {
	return e.Paths == nil || slices.ContainsFunc(e.Paths, func(p Pattern) bool { return p.Matches(path) })
}

// Matches reports whether the pattern stands for the path.
func (p Pattern) Matches(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	parts := strings.Split(path[1:], "/")
	for i, s := range p.segments {
		switch {
		case i == len(parts):
			return false
		case s.kind == rest:
			return true
		case s.kind == one && parts[i] == "", s.kind == literal && s.literal != parts[i]:
			return false
		}
	}
	return len(parts) == len(p.segments)
}
