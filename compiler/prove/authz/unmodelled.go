package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"writ.dev/writ/compiler/prove/manifest"
)

// Unmodelled is what a security object says that neither evaluator has a meaning for, in the order of its lines: what Istio would
// refuse, what Envoy would, and what belongs to another data plane. Whoever asks the evaluators about an object that has any must
// not believe the answer.
func Unmodelled(o *manifest.Object) []manifest.Unknown {
	u := unmodelled{line: o.Line}
	switch {
	case o.AuthorizationPolicy != nil:
		u.policy(o.AuthorizationPolicy)
	case o.PeerAuthentication != nil:
		u.mode("spec.mtls.mode", o.PeerAuthentication.Mode)
		for _, port := range slices.Sorted(maps.Keys(o.PeerAuthentication.Ports)) {
			u.mode(fmt.Sprintf("spec.portLevelMtls[%d]", port), o.PeerAuthentication.Ports[port])
		}
	case o.RequestAuthentication != nil:
		u.targets(o.RequestAuthentication.TargetRefs)
		for i, issuer := range o.RequestAuthentication.Issuers {
			if issuer == "" {
				u.add(fmt.Sprintf("spec.jwtRules[%d].issuer: empty", i))
			}
		}
	}
	return u.found
}

type unmodelled struct {
	line  int
	found []manifest.Unknown
}

func (u *unmodelled) add(field string) {
	if found := (manifest.Unknown{Line: u.line, Field: field}); !slices.Contains(u.found, found) {
		u.found = append(u.found, found)
	}
}

func (u *unmodelled) mode(field, mode string) {
	switch mode {
	case "", "UNSET", strict, permissive, disable:
	default:
		u.add(field + ": " + mode)
	}
}

// targets refuses what attaches to waypoints, which are not sidecars.
func (u *unmodelled) targets(refs []manifest.TargetRef) {
	for i, ref := range refs {
		if ref.Kind != "Gateway" {
			u.add(fmt.Sprintf("spec.targetRefs[%d]: %s, which a waypoint enforces", i, ref.Kind))
		}
	}
}

func (u *unmodelled) policy(p *manifest.AuthorizationPolicy) {
	u.targets(p.TargetRefs)
	if !slices.Contains([]string{"", "ALLOW", "DENY", "AUDIT", "CUSTOM"}, p.Action) {
		u.add("spec.action: " + p.Action)
	}
	if p.Action == "CUSTOM" && p.DryRun {
		// istiod renders it as enforced deny rules (pilot/pkg/security/authz/builder buildHTTP, providerShadowRules).
		u.add("spec.action: CUSTOM in dry-run")
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		rule := read(r)
		for j, row := range rule.from {
			if u.line = r.Line; len(r.From) > 0 {
				u.line = r.From[j].Line
			}
			u.conditions(p.Action, row, func() string { return fmt.Sprintf("spec.rules[%d].from[%d].source", i, j) })
		}
		for j, row := range rule.to {
			if u.line = r.Line; len(r.To) > 0 {
				u.line = r.To[j].Line
			}
			u.conditions(p.Action, row, func() string { return fmt.Sprintf("spec.rules[%d].to[%d].operation", i, j) })
		}
		for j, c := range rule.when {
			u.line = c.Line
			u.conditions(p.Action, rule.when[j:j+1], func() string { return fmt.Sprintf("spec.rules[%d].when[%d]", i, j) })
		}
	}
}

// conditions looks at a row of a rule, whose place is asked for where there is something to tell.
func (u *unmodelled) conditions(action string, row []manifest.Condition, place func() string) {
	for _, c := range row {
		tell := func(what string) { u.add(place() + ": " + c.Key + what) }
		name, detail, known := attribute(c.Key)
		switch {
		case !known:
			tell("")
			continue
		case action == "CUSTOM" && name != sourceIP && (strings.HasPrefix(name, "request.auth.") || strings.HasPrefix(name, "source.")):
			tell(" in CUSTOM")
		case name == requestHeaders && (strings.HasPrefix(header(detail), ":") || header(detail) == "host"):
			tell(", which is no header")
		}
		for _, values := range [][]string{c.Values, c.NotValues} {
			for _, v := range values {
				if why := oddity(name, v); why != "" {
					tell(fmt.Sprintf(" %q, %s", v, why))
				}
			}
		}
	}
}

// oddity says what is wrong with a value that no proxy gives a meaning to.
func oddity(name, value string) string {
	switch {
	case value == "":
		return "which Istio refuses"
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return "which is no text"
	case name == requestPrincipal:
		issuer, subject := issuerAndSubject(value)
		if issuer == (text{}) || subject == (text{}) {
			return "which is read as a token without an issuer or without a subject"
		}
	case name == requestPath && strings.ContainsAny(value, "{}"):
		if !wellFormed(value) {
			return "which is no template"
		}
	}
	return ""
}

// wellFormed reports whether a path template is one that Istio accepts and Envoy too, which wants a slash at the front.
func wellFormed(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	rest := false
	for s := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		switch {
		case (s == "{*}" || s == "{**}") && rest, s == "":
			return false
		case s == "{**}":
			rest = true
		case s != "{*}" && strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e || r == '*' || !segment(byte(r)) }):
			return false
		}
	}
	return true
}
