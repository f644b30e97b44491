package authz

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/prove/manifest"
)

// This file is how policies are read, which is all that the two evaluators share: a rule as alternatives of conditions, and the
// values of conditions.

// The attributes that conditions may be about, by the key that `when` has for them. Three have none, and are named here.
const (
	sourcePrincipal      = "source.principal"
	sourceNamespace      = "source.namespace"
	sourceServiceAccount = "source.serviceAccount"
	sourceTrustDomain    = "source.trustDomain"
	sourceIP             = "source.ip"
	remoteIP             = "remote.ip"
	destinationIP        = "destination.ip"
	destinationPort      = "destination.port"
	connectionSNI        = "connection.sni"
	requestPrincipal     = "request.auth.principal"
	requestAudiences     = "request.auth.audiences"
	requestPresenter     = "request.auth.presenter"
	requestClaims        = "request.auth.claims"
	requestHeaders       = "request.headers"
	requestMethod        = "method"
	requestPath          = "path"
	requestHost          = "host"
	envoyFilters         = "experimental.envoy.filters."
)

// attribute is what a condition is about: its key, without the name of a header or the path of a claim, which is the detail.
func attribute(key string) (name, detail string, known bool) {
	switch key {
	case sourcePrincipal, sourceNamespace, sourceServiceAccount, sourceTrustDomain, sourceIP, remoteIP, destinationIP,
		destinationPort, connectionSNI, requestPrincipal, requestAudiences, requestPresenter,
		requestMethod, requestPath, requestHost:
		return key, "", true
	}
	if detail, ok := strings.CutPrefix(key, requestHeaders); ok {
		return requestHeaders, strings.ToLower(detail), true
	}
	if detail, ok := strings.CutPrefix(key, requestClaims); ok {
		return requestClaims, detail, true
	}
	return "", "", false
}

// onlyHTTP reports whether an attribute exists in HTTP requests alone. An ALLOW rule with one is dropped on a TCP port; others
// ignore it there (pilot/pkg/security/authz/model checkError).
func onlyHTTP(name string) bool {
	switch name {
	case requestMethod, requestPath, requestHost, requestHeaders,
		requestPrincipal, requestAudiences, requestPresenter, requestClaims:
		return true
	}
	return false
}

// legible reports whether istiod can make a matcher of a value. As with HTTP attributes on TCP, an ALLOW rule with one that is
// not legible is dropped, and others ignore the value.
func legible(name, detail, value string) bool {
	switch name {
	case sourceIP, remoteIP, destinationIP:
		_, ok := prefix(value)
		return ok
	case destinationPort:
		_, ok := port(value)
		return ok
	case requestHeaders, requestClaims:
		return strings.HasPrefix(detail, "[") && strings.HasSuffix(detail, "]")
	}
	return true
}

// prefix reads an address or a range of addresses.
func prefix(value string) (netip.Prefix, bool) {
	if strings.Contains(value, "/") {
		p, err := netip.ParsePrefix(value)
		return p.Masked(), err == nil
	}
	a, err := netip.ParseAddr(value)
	return netip.PrefixFrom(a, a.BitLen()), err == nil
}

func port(value string) (int, bool) {
	n, err := strconv.ParseUint(value, 10, 32)
	return int(n), err == nil && n <= 65535
}

// header is the name of a header in the detail of a condition.
func header(detail string) string {
	return strings.TrimSuffix(strings.TrimPrefix(detail, "["), "]")
}

// rule is a rule as alternatives of conditions: one of the sources, one of the operations, and every further condition. Without
// from or to, there is one source or operation that says nothing.
type rule struct {
	from, to [][]manifest.Condition
	when     []manifest.Condition
}

func read(r *manifest.Rule) rule {
	read := rule{
		from: make([][]manifest.Condition, max(1, len(r.From))), to: make([][]manifest.Condition, max(1, len(r.To))), when: r.When,
	}
	for i := range r.From {
		s := &r.From[i]
		row := &read.from[i]
		say(row, sourcePrincipal, s.Principals, s.NotPrincipals)
		say(row, requestPrincipal, s.RequestPrincipals, s.NotRequestPrincipals)
		say(row, sourceNamespace, s.Namespaces, s.NotNamespaces)
		say(row, sourceServiceAccount, s.ServiceAccounts, s.NotServiceAccounts)
		say(row, sourceTrustDomain, s.TrustDomains, s.NotTrustDomains)
		say(row, sourceIP, s.IPBlocks, s.NotIPBlocks)
		say(row, remoteIP, s.RemoteIPBlocks, s.NotRemoteIPBlocks)
	}
	for i := range r.To {
		o := &r.To[i]
		row := &read.to[i]
		*row = make([]manifest.Condition, 0, 3) // the usual ones
		say(row, requestHost, o.Hosts, o.NotHosts)
		say(row, destinationPort, o.Ports, o.NotPorts)
		say(row, requestMethod, o.Methods, o.NotMethods)
		say(row, requestPath, o.Paths, o.NotPaths)
	}
	return read
}

func say(row *[]manifest.Condition, key string, values, notValues []string) {
	if len(values)+len(notValues) > 0 {
		*row = append(*row, manifest.Condition{Key: key, Values: values, NotValues: notValues})
	}
}

// reaches reports whether the rule reaches the proxy at all, for HTTP ports or for TCP.
func (r *rule) reaches(action string, http bool) bool {
	for _, c := range r.when {
		if _, _, known := attribute(c.Key); !known && !strings.HasPrefix(c.Key, envoyFilters) {
			return false
		}
	}
	if action != "ALLOW" {
		return true
	}
	rows := func(rows [][]manifest.Condition) bool {
		return !slices.ContainsFunc(rows, func(row []manifest.Condition) bool { return !seen(row, http) })
	}
	return rows(r.from) && rows(r.to) && seen(r.when, http)
}

// seen reports whether the proxy gets to see all of a row of conditions.
func seen(row []manifest.Condition, http bool) bool {
	return !slices.ContainsFunc(row, func(c manifest.Condition) bool {
		name, detail, _ := attribute(c.Key)
		illegible := func(v string) bool { return !legible(name, detail, v) }
		return len(c.Values)+len(c.NotValues) > 0 &&
			(!http && onlyHTTP(name) || slices.ContainsFunc(c.Values, illegible) || slices.ContainsFunc(c.NotValues, illegible))
	})
}

// domains are the trust domains that count as the mesh's own.
func (m *Mesh) domains() []string {
	own := m.TrustDomain
	if own == "" {
		own = "cluster.local"
	}
	return append([]string{own}, m.Aliases...)
}

// principals are the values of source.principal as istiod writes them for the proxy: one that names a trust domain of the mesh, or
// cluster.local, stands for that identity in each of the mesh's trust domains. A value without five segments, or for any trust
// domain, is not touched (pilot/pkg/security/trustdomain ReplaceTrustDomainAliases).
func (m *Mesh) principals(values []string) []string {
	domains := m.domains()
	all := make([]string, 0, len(values)*len(domains))
	for _, v := range values {
		domain, rest, _ := strings.Cut(v, "/")
		if strings.Count(v, "/") != 4 || domain == "*" || !concerns(domain, domains) {
			all = append(all, v)
			continue
		}
		for _, d := range domains {
			// A domain like *-td stays as it is for those that it matches.
			if suffix, ok := strings.CutPrefix(domain, "*"); ok && strings.HasSuffix(d, suffix) {
				all = append(all, v)
				continue
			}
			if d == domain {
				all = append(all, v)
			} else {
				all = append(all, d+"/"+rest)
			}
		}
	}
	return all
}

// concerns reports whether the trust domain of a principal is one of the mesh's, where either may have a wildcard at an end.
func concerns(domain string, domains []string) bool {
	overlaps := func(a, pattern string) bool {
		if before, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(a, before) {
			return true
		}
		after, ok := strings.CutPrefix(pattern, "*")
		return ok && strings.HasSuffix(a, after)
	}
	return domain == "cluster.local" || slices.ContainsFunc(domains, func(d string) bool {
		return d == domain || overlaps(domain, d) || overlaps(d, domain)
	})
}

// trustDomains are the values of source.trustDomain as istiod writes them: one of the mesh's stands for all of them.
func (m *Mesh) trustDomains(values []string) []string {
	domains := m.domains()
	var all []string
	for _, v := range values {
		if slices.Contains(domains, v) {
			all = append(all, domains...)
			continue
		}
		all = append(all, v)
	}
	return all
}

// text is a value that may have a wildcard: exactly the string, all that begin or end with it, or anything but nothing.
type text struct {
	kind  kind
	value string
}

type kind int

const (
	exactly kind = iota
	begins
	ends
	anything
)

// wildcard reads a value as istiod does: an asterisk counts alone, else as the first character, else as the last one.
func wildcard(value string) text {
	if value == "*" {
		return text{kind: anything}
	}
	if after, ok := strings.CutPrefix(value, "*"); ok {
		return text{ends, after}
	}
	if before, ok := strings.CutSuffix(value, "*"); ok {
		return text{begins, before}
	}
	return text{exactly, value}
}

// issuerAndSubject splits a value of request.auth.principal as istiod does: at its last slash, whatever the issuer looks like, and
// with a wildcard in one half only.
func issuerAndSubject(value string) (issuer, subject text) {
	i := strings.LastIndexByte(value, '/')
	whole := wildcard(value)
	switch {
	case whole.kind == anything:
		return whole, whole
	case i < 0 && whole.kind == ends:
		return text{kind: anything}, whole
	case i < 0 && whole.kind == begins:
		return whole, text{kind: anything}
	case i < 0:
		return whole, text{}
	case whole.kind == ends:
		return wildcard(value[:i]), text{exactly, value[i+1:]}
	case whole.kind == begins && value[i+1:] == "*":
		return text{exactly, value[:i]}, text{kind: anything}
	case whole.kind == begins:
		return text{exactly, value[:i]}, text{begins, strings.TrimSuffix(value[i+1:], "*")}
	default:
		return text{exactly, value[:i]}, text{exactly, value[i+1:]}
	}
}
