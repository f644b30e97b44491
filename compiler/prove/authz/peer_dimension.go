package authz

import (
	"regexp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
)

// identityPattern is the identities that a value stands for, as the regular expression that istiod writes.
func identityPattern(name, value, namespace string) atoms.Pattern {
	switch name {
	case sourceNamespace:
		return namespacePattern(value)
	case sourceServiceAccount:
		return accountPattern(value, namespace)
	case sourceTrustDomain:
		return domainPattern(value)
	default:
		return principalPattern(value)
	}
}

func principalPattern(value string) atoms.Pattern {
	w := wildcard(value)
	switch w.kind {
	case anything:
		return w.pattern()
	case ends:
		return atoms.Regexp("spiffe://.*"+regexp.QuoteMeta(w.value), value)
	case exactly, begins:
		w.value = "spiffe://" + w.value
	}
	return w.pattern()
}

func namespacePattern(value string) atoms.Pattern {
	parts := strings.Split(value, "*")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return atoms.Regexp(".*/ns/"+strings.Join(parts, ".*")+"/.*", "namespace "+value)
}

func accountPattern(value, namespace string) atoms.Pattern {
	ns, account, ok := strings.Cut(value, "/")
	if !ok {
		ns, account = namespace, value
	}
	return atoms.Regexp("spiffe://.+/ns/"+regexp.QuoteMeta(ns)+"/(.+/|)sa/"+regexp.QuoteMeta(account)+"(/.+)?",
		"account "+ns+"/"+account)
}

func domainPattern(value string) atoms.Pattern {
	before, after, partial := strings.Cut(value, "*")
	switch {
	case value == "*":
		return atoms.Prefix("spiffe://")
	case !partial:
		return atoms.Prefix("spiffe://" + value + "/")
	}
	return atoms.Regexp("spiffe://"+regexp.QuoteMeta(before)+"[^/]*"+regexp.QuoteMeta(after)+"/.*", "trust domain "+value)
}

// divideIdentities divides the peers: the workloads, and whoever has a certificate of another issuer. The last atom is who has no
// identity.
func divideIdentities(patterns []atoms.Pattern, own string) (*dimension, error) {
	d, space, err := divideTexts("peer", atoms.SPIFFE(), patterns, 1)
	if err != nil {
		return nil, err
	}
	show, err := workloads(space, patterns, d.sets, own)
	if err != nil {
		return nil, err
	}
	none := space.Len()
	named := make([]bool, d.n)
	for i, p := range patterns {
		if id := p.String(); d.sets[i].Count() == 1 && p == atoms.Exact(id) {
			for a := range d.sets[i].All() {
				named[a] = true
			}
		}
	}
	written := d.words
	d.words = func() []word {
		return append(written(), word{"any identity", atoms.All(none)}, word{"no identity", atoms.Only(none)})
	}
	rank := make([]int, d.n)
	for a := range rank {
		switch {
		case a == none:
			rank[a] = 4
		case !atoms.Identity().Contains(show[a]):
			rank[a] = 3
		case !named[a]:
			rank[a] = 2
		case !strings.HasPrefix(show[a], "spiffe://"+own+"/"):
			rank[a] = 1
		}
	}
	d.rank = func(a int) int { return rank[a] }
	d.put = func(a int, r *Request) {
		if r.Principal = ""; a != none {
			r.Principal = strings.TrimPrefix(show[a], "spiffe://")
		}
	}
	return d, nil
}

// workloads is a member of each atom of identities: a workload where it has one, and rather one that people may take for theirs.
func workloads(space *atoms.Space, patterns []atoms.Pattern, sets []atoms.Set, own string) ([]string, error) {
	show := slices.Clone(space.Witness)
	likely := []string{"spiffe://" + own + "/ns/default/sa/default", "spiffe://" + own + "/ns/other/sa/other"}
	if slices.ContainsFunc(patterns, func(p atoms.Pattern) bool { return p != atoms.Exact(p.String()) }) {
		named, err := atoms.Divide(atoms.Identity(), patterns, states)
		if err != nil {
			return nil, &TooComplexError{Attribute: "peer", Err: err}
		}
		for _, w := range named.Witness {
			likely = append(likely, strings.Replace(w, "spiffe://x/", "spiffe://"+own+"/", 1), w)
		}
	}
	// Atoms are told apart by which patterns match them, here by a sum that is held against the patterns themselves.
	sum := func(i int) uint64 {
		n := uint64(i+1) * 0x9e3779b97f4a7c15
		n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
		return n ^ n>>27
	}
	sums := make([]uint64, len(show))
	for i, set := range sets {
		for a := range set.All() {
			sums[a] += sum(i)
		}
	}
	of := make(map[uint64]int, len(show))
	for a, n := range sums {
		of[n] = a
	}
	shown := map[int]bool{}
	for _, id := range likely {
		n := uint64(0)
		for i, p := range patterns {
			if p.Match(id) {
				n += sum(i)
			}
		}
		a, ok := of[n]
		differs := func(p atoms.Pattern) bool { return p.Match(id) != p.Match(space.Witness[a]) }
		if ok && !shown[a] && !slices.ContainsFunc(patterns, differs) {
			show[a], shown[a] = id, true
		}
	}
	return show, nil
}
