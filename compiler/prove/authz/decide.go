package authz

import (
	"cmp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/manifest"
)

// Decide is what becomes of one request. It walks the policies as the proxy does and uses no sets: first whether the connection is
// taken at all, then CUSTOM, DENY and ALLOW policies.
//
// Policies that ask two external authorizers at one point are a denial of what they match, unless istiod runs with
// PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS. Nobody here knows whether it does, so that they are Custom too.
func (p *Point) Decide(r Request) Decision {
	switch p.TLS.mode(r.Port) {
	case strict:
		if r.Principal == "" {
			return Decision{Rule: -1}
		}
	case permissive:
	default:
		r.Principal = "" // nobody is asked for a certificate
	}
	if r.Token != nil && !slices.Contains(p.Issuers, r.Token.Issuer) {
		r.Token = nil
	}
	if by, rule := p.first("DENY", &r); by != nil && rule >= 0 {
		return Decision{Answer: Deny, By: by, Rule: rule}
	}
	by, rule := p.first("ALLOW", &r)
	if by != nil && rule < 0 {
		return Decision{Answer: Deny, By: by, Rule: rule}
	}
	if ask, asked := p.first("CUSTOM", &r); ask != nil && asked >= 0 {
		if disagree(p.decisive()) {
			return Decision{Answer: Deny, By: ask, Rule: asked}
		}
		return Decision{Answer: Custom, Provider: ask.AuthorizationPolicy.Provider, By: ask, Rule: asked}
	}
	return Decision{Answer: Allow, By: by, Rule: rule}
}

// disagree reports whether CUSTOM policies name several providers. Whatever one of them matches is then refused, and nobody is asked
// (pilot/pkg/security/authz/builder buildHTTP, without PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS).
func disagree(policies []*manifest.Object) bool {
	provider, any := "", false
	for _, o := range policies {
		if actionOf(o) != "CUSTOM" {
			continue
		}
		if any && o.AuthorizationPolicy.Provider != provider {
			return true
		}
		provider, any = o.AuthorizationPolicy.Provider, true
	}
	return false
}

// first is the first policy of an action, by namespace and name, that matches the request, and its rule. Where none matches, it is
// the first policy of the action and -1; where there is none, nil and -1.
func (p *Point) first(action string, r *Request) (*manifest.Object, int) {
	var matched, any *manifest.Object
	rule := -1
	for _, o := range p.Policies {
		if o.AuthorizationPolicy == nil || o.AuthorizationPolicy.DryRun != p.DryRun || actionOf(o) != action {
			continue
		}
		if any == nil || earlier(o, any) {
			any = o
		}
		if matched != nil && !earlier(o, matched) {
			continue
		}
		if i := p.matching(o, r); i >= 0 {
			matched, rule = o, i
		}
	}
	if matched != nil {
		return matched, rule
	}
	return any, -1
}

func earlier(a, b *manifest.Object) bool {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Line, b.Line)) < 0
}

func actionOf(o *manifest.Object) string { return cmp.Or(o.AuthorizationPolicy.Action, "ALLOW") }

// matching is the index of the first rule of a policy that matches the request, or -1.
func (p *Point) matching(o *manifest.Object, r *Request) int {
	return slices.IndexFunc(o.AuthorizationPolicy.Rules, func(written manifest.Rule) bool {
		rule := read(&written)
		if !rule.reaches(actionOf(o), r.HTTP) {
			return false
		}
		holds := func(row []manifest.Condition) bool {
			return !slices.ContainsFunc(row, func(c manifest.Condition) bool { return !p.holds(c, o.Namespace, r) })
		}
		return slices.ContainsFunc(rule.from, holds) && slices.ContainsFunc(rule.to, holds) && holds(rule.when)
	})
}

// holds reports whether a condition holds: one of its values matches, where it has any, and none of its notValues. What the proxy
// does not get to see is passed over, as if it were not written.
func (p *Point) holds(c manifest.Condition, namespace string, r *Request) bool {
	name, detail, _ := attribute(c.Key)
	if onlyHTTP(name) && !r.HTTP {
		return true
	}
	illegible := func(v string) bool { return !legible(name, detail, v) }
	values := slices.DeleteFunc(slices.Clone(c.Values), illegible)
	notValues := slices.DeleteFunc(slices.Clone(c.NotValues), illegible)
	return (len(values) == 0 || p.matches(name, detail, values, namespace, r)) &&
		(len(notValues) == 0 || !p.matches(name, detail, notValues, namespace, r))
}

// matches reports whether an attribute of the request is one of the values. What the request lacks is none, so that a negated
// condition on it holds: notPrincipals matches plaintext, notRequestPrincipals a request without a token.
func (p *Point) matches(name, detail string, values []string, namespace string, r *Request) bool {
	id := "spiffe://" + r.Principal
	authenticated := func(match func(v string) bool) bool { return r.Principal != "" && slices.ContainsFunc(values, match) }
	switch name {
	case sourcePrincipal:
		values = p.Mesh.principals(values)
		return authenticated(func(v string) bool { return matchesPrincipal(v, id) })
	case sourceNamespace:
		return authenticated(func(v string) bool { return glob("*/ns/"+v+"/*", id) })
	case sourceServiceAccount:
		return authenticated(func(v string) bool { return matchesAccount(v, namespace, id) })
	case sourceTrustDomain:
		values = p.Mesh.trustDomains(values)
		return authenticated(func(v string) bool { return matchesDomain(v, id) })
	case sourceIP:
		return slices.ContainsFunc(values, func(v string) bool { q, _ := prefix(v); return q.Contains(r.Source) })
	case remoteIP:
		return slices.ContainsFunc(values, func(v string) bool { q, _ := prefix(v); return q.Contains(r.Remote) })
	case destinationIP:
		return slices.ContainsFunc(values, func(v string) bool { q, _ := prefix(v); return q.Contains(r.Destination) })
	case destinationPort:
		return slices.ContainsFunc(values, func(v string) bool { n, _ := port(v); return n == r.Port })
	case connectionSNI:
		return slices.ContainsFunc(values, func(v string) bool { return wildcard(v).matches(r.SNI) })
	case requestMethod:
		return slices.ContainsFunc(values, func(v string) bool { return v == "*" || wildcard(v).matches(r.Method) })
	case requestPath:
		return slices.ContainsFunc(values, func(v string) bool { return matchesPath(v, r.Path) })
	case requestHost:
		host := lower(r.Host)
		return slices.ContainsFunc(values, func(v string) bool { return v == "*" || wildcard(lower(v)).matches(host) })
	case requestHeaders:
		value, present := r.Headers[header(detail)]
		return present && slices.ContainsFunc(values, func(v string) bool { return v == "*" || wildcard(v).matches(value) })
	default:
		return r.Token != nil && r.Token.matches(name, detail, values)
	}
}

// matches reports whether a claim of the token, or an element of it, is one of the values.
func (t *Token) matches(name, detail string, values []string) bool {
	var claim []string
	switch {
	case name == requestPrincipal:
		return slices.ContainsFunc(values, func(v string) bool {
			issuer, subject := issuerAndSubject(v)
			return issuer.matches(t.Issuer) && subject.matches(t.Subject)
		})
	case name == requestAudiences || detail == "[aud]":
		claim = t.Audiences
	case name == requestPresenter || detail == "[azp]":
		claim = []string{t.Presenter}
	case detail == "[iss]":
		claim = []string{t.Issuer}
	case detail == "[sub]":
		claim = []string{t.Subject}
	default:
		claim = t.Claims[detail]
	}
	return slices.ContainsFunc(claim, func(element string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return wildcard(v).matches(element) })
	})
}

func (t text) matches(s string) bool {
	switch t.kind {
	case begins:
		return strings.HasPrefix(s, t.value)
	case ends:
		return strings.HasSuffix(s, t.value)
	case anything:
		return s != ""
	default:
		return s == t.value
	}
}

// matchesPrincipal is pilot/pkg/security/authz/matcher StringMatcherWithPrefix: one that ends in a given way begins with spiffe://
// too, while "*" takes any identity.
func matchesPrincipal(value, id string) bool {
	w := wildcard(value)
	if w.kind == exactly || w.kind == begins {
		w.value = "spiffe://" + w.value
	}
	return w.matches(id) && (w.kind != ends || len(id) >= len("spiffe://")+len(w.value))
}

// matchesAccount is the regular expression spiffe://.+/ns/<namespace>/(.+/|)sa/<account>(/.+)? of istiod's
// srcServiceAccountGenerator.
func matchesAccount(value, namespace, id string) bool {
	ns, account, ok := strings.Cut(value, "/")
	if !ok {
		ns, account = namespace, value
	}
	rest, ok := strings.CutPrefix(id, "spiffe://")
	for i := 1; ok && i < len(rest); i++ {
		after, found := strings.CutPrefix(rest[i:], "/ns/"+ns+"/")
		if found && endsInAccount(after, account) {
			return true
		}
	}
	return false
}

// endsInAccount is the regular expression (.+/|)sa/<account>(/.+)?.
func endsInAccount(s, account string) bool {
	for i := range s {
		if after, ok := strings.CutPrefix(s[i:], "sa/"+account); ok && (i == 0 || i > 1 && s[i-1] == '/') &&
			(after == "" || after[0] == '/' && len(after) > 1) {
			return true
		}
	}
	return false
}

// matchesDomain is istiod's srcTrustDomainGenerator: an asterisk within stands for characters of the trust domain alone.
func matchesDomain(value, id string) bool {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	before, after, partial := strings.Cut(value, "*")
	switch {
	case !ok:
		return false
	case value == "*":
		return true
	case !partial:
		return strings.HasPrefix(rest, value+"/")
	}
	rest, ok = strings.CutPrefix(rest, before)
	for i := 0; ok && i <= len(rest); i++ {
		if strings.HasPrefix(rest[i:], after+"/") {
			return true
		}
		ok = i < len(rest) && rest[i] != '/'
	}
	return false
}

// matchesPath compares a template segment by segment as Envoy's matcher of URI templates does, and others as text.
func matchesPath(value, path string) bool {
	if !strings.Contains(value, "{*}") && !strings.Contains(value, "{**}") {
		return wildcard(value).matches(path)
	}
	return template(value, path)
}

// template reports whether a path is one of a template: {*} is one or more characters of a segment, {**} any number of characters
// of segments and slashes.
func template(value, path string) bool {
	if after, ok := strings.CutPrefix(value, "{**}"); ok {
		for i := 0; ; i++ {
			if template(after, path[i:]) {
				return true
			}
			if i == len(path) || path[i] != '/' && !segment(path[i]) {
				return false
			}
		}
	}
	if after, ok := strings.CutPrefix(value, "{*}"); ok {
		for i := 0; i < len(path) && segment(path[i]); i++ {
			if template(after, path[i+1:]) {
				return true
			}
		}
		return false
	}
	if value == "" || path == "" {
		return value == path
	}
	return value[0] == path[0] && template(value[1:], path[1:])
}

// segment reports whether a byte may stand in a segment of a path, by Envoy's source/extensions/path/uri_template_lib. Older ones
// leave out "=".
func segment(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~%!$&'()*+,;:@=", b) >= 0
}

// glob reports whether an asterisk-pattern, where each stands for any characters or none, is the whole string. The first place
// where a part fits is as good as any later one.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	s, ok := strings.CutPrefix(s, first)
	if len(parts) == 1 || !ok {
		return ok && s == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, last)
}

// lower is a string in lower case as Envoy compares hosts, in ASCII alone.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
