package rbac

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacpb "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	uritemplate "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// peerLeaf compares the peer's identity. A peer without a certificate has none, so that nothing matches it; Envoy's
// AuthenticatedMatcher asks for a certificate first.
func peerLeaf(a *rbacpb.Principal_Authenticated) (Leaf, error) {
	match, err := stringMatch(a.GetPrincipalName())
	return Leaf{"principal", func(r *Request) bool { return r.Principal != "" && match(r.Principal) }}, err
}

// headerLeaf compares a header. One that the request does not have matches nothing, not even the empty string.
func headerLeaf(h *route.HeaderMatcher) (Leaf, error) {
	if h.GetInvertMatch() || h.GetTreatMissingHeaderAsEmpty() {
		return Leaf{}, fmt.Errorf("header %v has no meaning here", h)
	}
	match := func(string) bool { return true }
	switch spec := h.GetHeaderMatchSpecifier().(type) {
	case *route.HeaderMatcher_PresentMatch:
		if !spec.PresentMatch {
			return Leaf{}, fmt.Errorf("header %v has no meaning here", h)
		}
	case *route.HeaderMatcher_StringMatch:
		var err error
		if match, err = stringMatch(spec.StringMatch); err != nil {
			return Leaf{}, err
		}
	default:
		return Leaf{}, fmt.Errorf("header %v has no meaning here", h)
	}
	// Envoy keeps the names of headers in lower case, those of its configuration too.
	switch name := strings.ToLower(h.GetName()); name {
	case ":method":
		return Leaf{"method", func(r *Request) bool { return match(r.Method) }}, nil
	case ":authority":
		return Leaf{"host", func(r *Request) bool { return match(r.Host) }}, nil
	default:
		if strings.HasPrefix(name, ":") {
			return Leaf{}, fmt.Errorf("header %s has no meaning here", name)
		}
		return Leaf{"header:" + name, func(r *Request) bool {
			value, has := r.Headers[name]
			return has && match(value)
		}}, nil
	}
}

// pathLeaf compares the path without query and fragment, as Envoy's PathMatcher does.
func pathLeaf(p *matcher.PathMatcher) (Leaf, error) {
	match, err := stringMatch(p.GetPath())
	return Leaf{"path", func(r *Request) bool { return match(withoutQuery(r.Path)) }}, err
}

// The strings that the operators of a template match, from Envoy's source/extensions/path/uri_template_lib. An operator stands
// for whole segments.
const (
	oneSegment   = `[a-zA-Z0-9\-._~%!$&'()*+,;:@=]+`
	manySegments = `[a-zA-Z0-9\-._~%!$&'()*+,;:@=/]*`
)

// templateLeaf compares the path with a template. Envoy refuses the configuration for one that does not begin with a slash.
func templateLeaf(extension *core.TypedExtensionConfig) (Leaf, error) {
	config := &uritemplate.UriTemplateMatchConfig{}
	if err := extension.GetTypedConfig().UnmarshalTo(config); err != nil {
		return Leaf{}, err
	}
	template, ok := strings.CutPrefix(config.GetPathTemplate(), "/")
	if !ok {
		return Leaf{}, fmt.Errorf("template %q does not begin with a slash", config.GetPathTemplate())
	}
	expression := ""
	for segment := range strings.SplitSeq(template, "/") {
		expression += "/"
		switch {
		case segment == "*":
			expression += oneSegment
		case segment == "**":
			expression += manySegments
		case strings.ContainsAny(segment, "*{}"):
			return Leaf{}, fmt.Errorf("template %q has an operator within a segment", config.GetPathTemplate())
		default:
			expression += regexp.QuoteMeta(segment)
		}
	}
	compiled, err := regexp.Compile("^(?:" + expression + ")$")
	if err != nil {
		return Leaf{}, err
	}
	return Leaf{"path", func(r *Request) bool { return compiled.MatchString(withoutQuery(r.Path)) }}, nil
}

func withoutQuery(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		return path[:i]
	}
	return path
}

// addressLeaf compares an address with a range. Envoy compares within a family only: an IPv4 address mapped into IPv6 in the
// configuration is no IPv4 address (CidrRange::isInRange).
func addressLeaf(attribute string, r *core.CidrRange, of func(*Request) netip.Addr) (Leaf, error) {
	addr, err := netip.ParseAddr(r.GetAddressPrefix())
	if err != nil {
		return Leaf{}, err
	}
	prefix, err := addr.Prefix(int(r.GetPrefixLen().GetValue()))
	if err != nil {
		return Leaf{}, err
	}
	return Leaf{attribute, func(q *Request) bool {
		a := of(q)
		return a.IsValid() && prefix.Contains(a)
	}}, nil
}

// tokenLeaf compares a claim of the request's token, which the JWT filter leaves under "payload".
func tokenLeaf(m *matcher.MetadataMatcher) (Leaf, error) {
	if m.GetFilter() != "envoy.filters.http.jwt_authn" || m.GetInvert() || len(m.GetPath()) < 2 || m.GetPath()[0].GetKey() != "payload" {
		return Leaf{}, fmt.Errorf("metadata %v has no meaning here", m)
	}
	var path []string
	for _, segment := range m.GetPath()[1:] {
		path = append(path, segment.GetKey())
	}
	match, err := valueMatch(m.GetValue())
	return Leaf{"token", func(r *Request) bool {
		value, ok := claim(r.Claims, path)
		return ok && match(value)
	}}, err
}

func claim(claims map[string]any, path []string) (any, bool) {
	var value any = claims
	for _, key := range path {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = fields[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

// valueMatch compares a value of metadata. A string is not a list of one, nor the other way round.
func valueMatch(m *matcher.ValueMatcher) (func(any) bool, error) {
	switch pattern := m.GetMatchPattern().(type) {
	case *matcher.ValueMatcher_StringMatch:
		match, err := stringMatch(pattern.StringMatch)
		return func(value any) bool {
			s, ok := value.(string)
			return ok && match(s)
		}, err
	case *matcher.ValueMatcher_ListMatch:
		match, err := valueMatch(pattern.ListMatch.GetOneOf())
		return func(value any) bool {
			elements, ok := value.([]any)
			if !ok {
				return false
			}
			for _, element := range elements {
				if match(element) {
					return true
				}
			}
			return false
		}, err
	case *matcher.ValueMatcher_OrMatch:
		var matches []func(any) bool
		for _, option := range pattern.OrMatch.GetValueMatchers() {
			match, err := valueMatch(option)
			if err != nil {
				return nil, err
			}
			matches = append(matches, match)
		}
		return func(value any) bool {
			for _, match := range matches {
				if match(value) {
					return true
				}
			}
			return false
		}, nil
	}
	return nil, fmt.Errorf("value %v has no meaning here", m)
}

// stringMatch is https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/string.proto. Regular expressions are RE2 and
// match the whole string; ignore_case does not apply to them.
func stringMatch(m *matcher.StringMatcher) (func(string) bool, error) {
	fold := func(s string) string { return s }
	if m.GetIgnoreCase() {
		fold = strings.ToLower
	}
	switch pattern := m.GetMatchPattern().(type) {
	case *matcher.StringMatcher_Exact:
		want := fold(pattern.Exact)
		return func(s string) bool { return fold(s) == want }, nil
	case *matcher.StringMatcher_Prefix:
		want := fold(pattern.Prefix)
		return func(s string) bool { return strings.HasPrefix(fold(s), want) }, nil
	case *matcher.StringMatcher_Suffix:
		want := fold(pattern.Suffix)
		return func(s string) bool { return strings.HasSuffix(fold(s), want) }, nil
	case *matcher.StringMatcher_SafeRegex:
		compiled, err := regexp.Compile("^(?:" + pattern.SafeRegex.GetRegex() + ")$")
		if err != nil {
			return nil, err
		}
		return compiled.MatchString, nil
	}
	return nil, fmt.Errorf("pattern %v has no meaning here", m)
}
