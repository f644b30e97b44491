package envoy

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
	"writ.dev/writ/compiler/prove/authz"
)

// mostComparisons is how many comparisons of attributes one proxy may have: far more than Istio's limits on policies let it.
const mostComparisons = 1 << 18

// reader reads the filters of one proxy.
type reader struct {
	comparisons int
}

// rbac reads a filter of access control, which is the same for connections and for HTTP.
func (r *reader) rbac(m message, http bool) (filter, error) {
	known := []string{"@type", "rules", "shadow_rules", "shadow_rules_stat_prefix", "rules_stat_prefix", "track_per_rule_stats"}
	if !http {
		known = append(known, "stat_prefix", "enforcement_type", "delay_deny")
	}
	if err := m.only(known...); err != nil {
		return filter{}, err
	}
	var f filter
	var err error
	if f.rules, err = r.rules(m, "rules", http); err != nil {
		return f, err
	}
	if f.shadow, err = r.rules(m, "shadow_rules", http); err != nil {
		return f, err
	}
	f.trigger = m.text("shadow_rules_stat_prefix")
	return f, nil
}

func (r *reader) rules(from message, name string, http bool) (*rules, error) {
	if !from.has(name) {
		return nil, nil
	}
	m := from.in(name)
	if err := m.only("action", "policies"); err != nil {
		return nil, err
	}
	read := &rules{action: m.text("action")}
	switch read.action {
	case "":
		read.action = "ALLOW"
	case "ALLOW", "DENY", "LOG":
	default:
		return nil, unknown("the action %.60q", read.action)
	}
	policies := m.in("policies")
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		matches, err := r.policy(policies.in(name), http)
		if err != nil {
			return nil, unknown("%v, in the policy %.200q", err, name)
		}
		read.policies = append(read.policies, policy{name, matches})
	}
	return read, nil
}

// policy is some permission and some principal.
func (r *reader) policy(m message, http bool) (*authz.Predicate, error) {
	if err := m.only("permissions", "principals"); err != nil {
		return nil, err
	}
	permissions, err := r.each(m, "permissions", r.permission)
	if err != nil {
		return nil, err
	}
	principals, err := r.each(m, "principals", r.principal)
	if err != nil {
		return nil, err
	}
	p := authz.Every(authz.Some(permissions...), authz.Some(principals...))
	if !http && p.ExistsInHTTPOnly() {
		return nil, unknown("an attribute of HTTP in a filter of connections")
	}
	return p, nil
}

func (r *reader) each(m message, name string, read func(message) (*authz.Predicate, error)) ([]*authz.Predicate, error) {
	all, err := m.list(name)
	if err != nil {
		return nil, err
	}
	predicates := make([]*authz.Predicate, len(all))
	for i, one := range all {
		if predicates[i], err = read(one); err != nil {
			return nil, err
		}
	}
	return predicates, nil
}

// combined reads what permissions and principals combine others by, and reports whether it was that.
func (r *reader) combined(m message, name string, read func(message) (*authz.Predicate, error)) (*authz.Predicate, bool, error) {
	if r.comparisons++; r.comparisons > mostComparisons {
		return nil, true, unknown("more than %d conditions", mostComparisons)
	}
	kids, not := "rules", "not_rule"
	if strings.HasSuffix(name, "_ids") || name == "not_id" {
		kids, not = "ids", "not_id"
	}
	switch name {
	case "any":
		if !m.yes("any") {
			return nil, true, unknown("any that is not true")
		}
		return authz.Every(), true, nil
	case not:
		p, err := read(m.in(name))
		if err != nil {
			return nil, true, err
		}
		return authz.Not(p), true, nil
	case "and_" + kids, "or_" + kids:
		inner := m.in(name)
		if err := inner.only(kids); err != nil {
			return nil, true, err
		}
		all, err := r.each(inner, kids, read)
		if err != nil || name == "and_"+kids {
			return authz.Every(all...), true, err
		}
		return authz.Some(all...), true, nil
	}
	return nil, false, nil
}

// permission is what is asked for.
func (r *reader) permission(m message) (*authz.Predicate, error) {
	name, err := m.choice()
	if err != nil {
		return nil, err
	}
	if p, ok, err := r.combined(m, name, r.permission); ok {
		return p, err
	}
	switch inner := m.in(name); name {
	case "header":
		return header(inner)
	case "url_path":
		return path(inner)
	case "uri_template":
		return template(inner)
	case "destination_ip":
		p, err := cidr(inner)
		return authz.To(p), err
	case "destination_port":
		n, err := m.number(name)
		return authz.OnPort(n), err
	case "requested_server_name":
		p, err := stringMatcher(inner)
		return authz.ServerName(p), err
	}
	return nil, unknown("the permission %.60q", name)
}

// principal is who asks.
func (r *reader) principal(m message) (*authz.Predicate, error) {
	name, err := m.choice()
	if err != nil {
		return nil, err
	}
	if p, ok, err := r.combined(m, name, r.principal); ok {
		return p, err
	}
	switch inner := m.in(name); name {
	case "authenticated":
		if err := inner.only("principal_name"); err != nil {
			return nil, err
		}
		if !inner.has("principal_name") {
			return authz.Peer(atoms.Prefix("")), nil
		}
		p, err := stringMatcher(inner.in("principal_name"))
		return authz.Peer(p), err
	case "direct_remote_ip":
		p, err := cidr(inner)
		return authz.From(p), err
	case "remote_ip":
		p, err := cidr(inner)
		return authz.Remotely(p), err
	case "header":
		return header(inner)
	case "url_path":
		return path(inner)
	case "metadata":
		return claim(inner)
	}
	return nil, unknown("the principal %.60q", name)
}

// header compares a header. Envoy keeps their names in lower case, those of its configuration too.
func header(m message) (*authz.Predicate, error) {
	matcher, err := m.choice("name")
	if err != nil {
		return nil, err
	}
	var p atoms.Pattern
	switch matcher {
	case "present_match":
		p = atoms.Prefix("")
		if !m.yes(matcher) {
			err = unknown("present_match that is not true")
		}
	case "string_match":
		p, err = stringMatcher(m.in(matcher))
	default:
		err = unknown("%.60q of a header", matcher)
	}
	if err != nil {
		return nil, err
	}
	switch name := strings.ToLower(m.text("name")); {
	case name == ":method":
		return authz.Method(p), nil
	case name == ":authority":
		return authz.Host(p), nil
	case name == "" || strings.HasPrefix(name, ":") || name == "host":
		return nil, unknown("the header %.60q", name)
	default:
		return authz.Header(name, p), nil
	}
}

func path(m message) (*authz.Predicate, error) {
	if err := m.only("path"); err != nil {
		return nil, err
	}
	p, err := stringMatcher(m.in("path"))
	return authz.Path(p), err
}

// operators writes a template as people do.
var operators = strings.NewReplacer("**", "{**}", "*", "{*}")

// template compares the path with a template, whose operators stand for whole segments.
func template(m message) (*authz.Predicate, error) {
	config := m.in("typed_config")
	if err := errors.Join(m.only("name", "typed_config"), config.only("@type", "path_template")); err != nil {
		return nil, err
	}
	if config.kind() != "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig" {
		return nil, unknown("a uri_template of type %.100q", config.kind())
	}
	text := config.text("path_template")
	rest, ok := strings.CutPrefix(text, "/")
	for segment := range strings.SplitSeq(rest, "/") {
		if strings.ContainsAny(segment, "{}") || strings.Contains(segment, "*") && segment != "*" && segment != "**" {
			ok = false
		}
	}
	if !ok {
		return nil, unknown("the path_template %.100q", text)
	}
	return authz.Path(atoms.Template(operators.Replace(text))), nil
}

// claim compares a claim of the request's token, which the JWT filter leaves under "payload".
func claim(m message) (*authz.Predicate, error) {
	if err := m.only("filter", "path", "value"); err != nil {
		return nil, err
	}
	path, err := m.list("path")
	if err != nil {
		return nil, err
	}
	if m.text("filter") != "envoy.filters.http.jwt_authn" || len(path) < 2 || path[0].text("key") != "payload" {
		return nil, unknown("metadata of %.60q", m.text("filter"))
	}
	var name strings.Builder
	for _, segment := range path[1:] {
		if err := segment.only("key"); err != nil {
			return nil, err
		}
		name.WriteString("[" + segment.text("key") + "]")
	}
	alone, listed, err := values(m.in("value"))
	if err != nil {
		return nil, err
	}
	single := name.String() == "[iss]" || name.String() == "[sub]"
	if !slices.Equal(alone, listed) && (!single || listed != nil) {
		return nil, unknown("the claim %.100q, which is not compared both alone and in a list", name.String())
	}
	var any []*authz.Predicate
	for _, p := range alone {
		any = append(any, authz.Claim(name.String(), p))
	}
	return authz.Some(any...), nil
}

// values is what a value of metadata may be: alone, and as an element of a list.
func values(m message) (alone, listed []atoms.Pattern, err error) {
	name, err := m.choice()
	if err != nil {
		return nil, nil, err
	}
	switch inner := m.in(name); name {
	case "string_match":
		p, err := stringMatcher(inner)
		return []atoms.Pattern{p}, nil, err
	case "list_match":
		if err := inner.only("one_of"); err != nil {
			return nil, nil, err
		}
		elements, deeper, err := values(inner.in("one_of"))
		if err == nil && deeper != nil {
			err = unknown("a list in a list")
		}
		return nil, elements, err
	case "or_match":
		if err := inner.only("value_matchers"); err != nil {
			return nil, nil, err
		}
		all, err := inner.list("value_matchers")
		if err != nil {
			return nil, nil, err
		}
		for _, one := range all {
			a, l, err := values(one)
			if err != nil {
				return nil, nil, err
			}
			alone, listed = append(alone, a...), append(listed, l...)
		}
		return alone, listed, nil
	}
	return nil, nil, unknown("%.60q for a value", name)
}
