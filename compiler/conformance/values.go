package conformance

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/prove/authz"
)

// The forms that strings of an attribute can have at all: what others become, or "" for none.

func same(s string) string { return s }

func isMethod(s string) string {
	if s == "" || strings.ContainsAny(s, " /:@()<>,;\"{}[]?=\\") {
		return ""
	}
	return s
}

// isPath leaves out what the proxy has normalised away before it looks, dots as segments, and what ends a path.
func isPath(s string) string {
	if i := strings.IndexAny(s, "?# "); i >= 0 {
		s = s[:i]
	}
	if !strings.HasPrefix(s, "/") {
		s = "/" + s
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "." || segment == ".." {
			return ""
		}
	}
	return s
}

func isHost(s string) string {
	if strings.ContainsAny(s, "/?# ") {
		return ""
	}
	return s
}

// fillers stand in place of wildcards.
var fillers = []string{"", "x", "x/y", "a=b", "a%2Fb", "a|b"}

// fill puts a string in place of every wildcard.
func fill(word, filler string) string {
	for _, wildcard := range []string{"{**}", "{*}", "*"} {
		word = strings.ReplaceAll(word, wildcard, filler)
	}
	return word
}

// texts are strings near the words. Forms that form makes empty are left out, but for those given.
func texts(words []string, form func(string) string, given ...string) []any {
	all := given
	add := func(s string) {
		if s = form(s); s != "" {
			all = append(all, s)
		}
	}
	whole := func(s string) {
		add(s)
		add(s + "x")
		add("x" + s)
		add(s + "/x")
		if s != "" {
			add(s[1:])
			add(s[:len(s)-1])
		}
		add(strings.ToUpper(s))
		add(strings.ToLower(s))
		add(strings.ReplaceAll(s, ".", "x"))
	}
	for i, word := range words {
		whole(word)
		for _, f := range fillers {
			filled := fill(word, f)
			whole(filled)
			add(filled + "*")
			// Begins like one word and ends like another.
			for _, other := range words[:i] {
				second := fill(other, f)
				add(filled + second)
				add(second + filled)
			}
		}
	}
	slices.Sort(all)
	var values []any
	for _, s := range slices.Compact(all) {
		values = append(values, s)
	}
	return values
}

// identities are SPIFFE identities of workloads, and the lack of one. Segments come from what the policies say, and from strings
// that are nearly the same. Their product is sampled where it is large, but for the identities that the policies say whole.
func identities(r *rand.Rand, w *World, all *words) []any {
	const most = 300
	domains := append([]string{w.TrustDomain, "cluster.local", "foreign.test", "xus.example"}, w.Aliases...)
	spaces := []string{"shop", "nowhere"}
	accounts := []string{"checkout", "nobody"}
	for _, p := range all.of[principals] {
		for i, segment := range strings.Split(p, "/") {
			switch i {
			case 0:
				domains = append(domains, segment)
			case 2:
				spaces = append(spaces, segment)
			case 4:
				accounts = append(accounts, segment, segment+"x")
			}
		}
		accounts = append(accounts, p[strings.LastIndex(p, "/")+1:])
	}
	for _, v := range all.of[namespaces] {
		spaces = append(spaces, v, v+"x", "x"+v)
	}
	for _, v := range all.of[serviceAccounts] {
		ns, account, ok := strings.Cut(v, "/")
		if ok {
			spaces = append(spaces, ns)
		} else {
			account = v
		}
		accounts = append(accounts, account, account+"x", "x"+account)
	}
	for _, v := range all.of[trustDomains] {
		domains = append(domains, v, v+"x", "x"+v)
	}
	values := []any{""}
	if len(all.of[principals])+len(all.of[namespaces])+len(all.of[serviceAccounts])+len(all.of[trustDomains]) == 0 {
		return append(values, w.TrustDomain+"/ns/shop/sa/checkout")
	}
	for _, p := range all.of[principals] {
		if parts := strings.Split(p, "/"); len(parts) == 5 && !strings.Contains(p, "*") {
			for _, d := range slices.Concat(w.Aliases, []string{w.TrustDomain, parts[0]}) {
				if slices.Contains(segments([]string{d}), d) {
					values = append(values, d+strings.TrimPrefix(p, parts[0]))
				}
			}
		}
	}
	whole := len(values)
	for _, d := range segments(domains) {
		for _, n := range segments(spaces) {
			for _, a := range segments(accounts) {
				values = append(values, d+"/ns/"+n+"/sa/"+a)
			}
		}
	}
	if product := values[whole:]; len(product) > most {
		r.Shuffle(len(product), func(i, j int) { product[i], product[j] = product[j], product[i] })
		values = values[:whole+most]
	}
	return values
}

// segments fills wildcards, and takes dots for other characters, in strings that are to be segments of identities: those that SPIFFE has
// no place for are left out.
func segments(words []string) []string {
	var all []string
	for _, word := range words {
		for _, f := range []string{"", "x"} {
			s := strings.ReplaceAll(word, "*", f)
			if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == "" {
				all = append(all, strings.TrimPrefix(s, "."), strings.ReplaceAll(s, ".", "x"))
			}
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

func portsNear(words []string) []any {
	values := []any{uint32(8080), uint32(9090), uint32(8443)}
	for _, word := range words {
		if n, err := strconv.ParseUint(strings.TrimSpace(word), 10, 16); err == nil {
			values = append(values, uint32(n), uint32(n)^1)
		}
	}
	return values
}

// near are addresses within and around ranges. No connection comes from an IPv4 address mapped into IPv6: Envoy unmaps those.
func near(words []string) []any {
	values := []any{netip.MustParseAddr("10.9.9.9"), netip.MustParseAddr("172.16.0.1"), netip.MustParseAddr("2001:db9::1")}
	add := func(a netip.Addr) {
		if a.IsValid() && !a.Is4In6() {
			values = append(values, a)
		}
	}
	for _, word := range words {
		addr, rest, _ := strings.Cut(word, "/")
		a, err := netip.ParseAddr(addr)
		if err != nil {
			continue
		}
		add(a)
		add(a.Next())
		add(a.Prev())
		add(a.Unmap())
		if bits, err := strconv.Atoi(rest); err == nil {
			if p, err := a.Prefix(bits); err == nil {
				add(p.Addr())
				add(p.Addr().Prev())
			}
		}
	}
	return values
}

// tokens are tokens of the issuers that the pod accepts, or of any where it accepts none, and the lack of one. Their product over
// claims is sampled where it is large.
func tokens(r *rand.Rand, w *World, all *words) []any {
	issuers := w.Issuers
	if issuers == nil {
		issuers = []string{"https://idp.example"}
	}
	var subjects []string
	for _, p := range slices.Concat(all.of[requestPrincipals], all.claims["[sub]"]) {
		subjects = append(subjects, p[strings.LastIndex(p, "/")+1:])
	}
	subjects = stringsOf(texts(subjects, same, "", "x"))
	audience := lists(r, all.of[audiences], all.claims["[aud]"])
	presenter := stringsOf(texts(all.of[presenters], same, "", "x"))
	paths := slices.DeleteFunc(slices.Sorted(maps.Keys(all.claims)), func(path string) bool {
		return path == "[iss]" || path == "[sub]" || path == "[aud]"
	})
	claims := map[string][][]string{}
	for _, path := range paths {
		claims[path] = lists(r, all.claims[path], nil)
	}
	values := []any{token{}}
	for _, issuer := range issuers {
		for _, subject := range subjects {
			for range 1 + len(all.of[audiences])*2 + len(all.of[presenters])*3 + len(all.claims)*8 {
				t := &authz.Token{Issuer: issuer, Subject: subject, Audiences: pick(r, audience), Presenter: pick(r, presenter)}
				for _, path := range paths {
					if list := pick(r, claims[path]); list != nil {
						if t.Claims == nil {
							t.Claims = map[string][]string{}
						}
						t.Claims[path] = list
					}
				}
				values = append(values, token{t, payload(r, t)})
			}
		}
	}
	return values
}

// lists are lists of none, one and two strings near the words.
func lists(r *rand.Rand, some, more []string) [][]string {
	near := stringsOf(texts(slices.Concat(some, more), same, "x"))
	all := [][]string{nil, {}}
	for _, s := range near {
		all = append(all, []string{s}, []string{s, pick(r, near)})
	}
	return all
}

func stringsOf(values []any) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.(string)
	}
	return list
}

// payload is a token as the JWT filter leaves it. A list of one may as well be a string.
func payload(r *rand.Rand, t *authz.Token) map[string]any {
	p := map[string]any{"iss": t.Issuer}
	set := func(path []string, list []string) {
		if list == nil {
			return
		}
		at := p
		for _, key := range path[:len(path)-1] {
			next, ok := at[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[key] = next
			}
			at = next
		}
		elements := []any{}
		for _, s := range list {
			elements = append(elements, s)
		}
		at[path[len(path)-1]] = any(elements)
		if len(list) == 1 && r.IntN(2) == 0 {
			at[path[len(path)-1]] = list[0]
		}
	}
	if t.Subject != "" {
		p["sub"] = t.Subject
	}
	if t.Presenter != "" {
		p["azp"] = t.Presenter
	}
	set([]string{"aud"}, t.Audiences)
	for _, path := range slices.Sorted(maps.Keys(t.Claims)) {
		list := t.Claims[path]
		set(strings.Split(strings.Trim(path, "[]"), "]["), list)
	}
	return p
}
