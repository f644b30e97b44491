package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
)

// The claims that a Token has fields for.
const (
	issuerClaim    = "[iss]"
	subjectClaim   = "[sub]"
	audienceClaim  = "[aud]"
	presenterClaim = "[azp]"
)

// tokenValue is a value of a condition on tokens: a claim and what it is, or a principal, which is an issuer and a subject.
type tokenValue struct {
	claim   string // "" of a principal
	pattern atoms.Pattern
	issuer  atoms.Pattern // of a principal
	text    string
}

func tokenValueOf(name, detail, value string) tokenValue {
	switch name {
	case requestPrincipal:
		issuer, subject := issuerAndSubject(value)
		return tokenValue{pattern: subject.pattern(), issuer: issuer.pattern(), text: value}
	case requestAudiences:
		detail = audienceClaim
	case requestPresenter:
		detail = presenterClaim
	}
	return tokenValue{claim: detail, pattern: wildcard(value).pattern(), text: strings.Trim(detail, "[]") + " " + value}
}

// maxTokens is how many kinds of tokens a comparison may tell apart.
const maxTokens = 1 << 12

// claims is the values of one claim, divided: strings, or lists of them, of which a condition asks for any element. Lists are told
// apart by the patterns that some element matches, so that they are closed under union.
type claims struct {
	name   string
	values [][]string  // a witness of each atom
	sets   []atoms.Set // by pattern
	keys   []atoms.Pattern
}

// divideTokens divides the tokens that the issuers make. The first atom is a request without one.
func divideTokens(values []tokenValue, issuers []string) (*dimension, error) {
	d := &dimension{name: "token", n: 1, sets: make([]atoms.Set, len(values))}
	d.rank = func(int) int { return 0 }
	all, err := divideClaims(values, issuers)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		d.n *= len(c.values)
		if d.n > maxTokens {
			return nil, tooManyTokens(values)
		}
	}
	d.n++
	// An atom but the first is a digit of each claim, the last claim first.
	digits := func(a int) []int {
		a--
		row := make([]int, len(all))
		for i := len(all) - 1; i >= 0; i-- {
			row[i], a = a%len(all[i].values), a/len(all[i].values)
		}
		return row
	}
	for a := 1; a < d.n; a++ {
		row := digits(a)
		has := func(claim string, p atoms.Pattern) bool {
			i := slices.IndexFunc(all, func(c claims) bool { return c.name == claim })
			return all[i].sets[slices.Index(all[i].keys, p)].Has(row[i])
		}
		for i, v := range values {
			principal := v.claim == ""
			if !principal && has(v.claim, v.pattern) || principal && has(issuerClaim, v.issuer) && has(subjectClaim, v.pattern) {
				d.sets[i] = d.sets[i].Or(atoms.Only(a))
			}
		}
	}
	d.words = func() []word {
		words := []word{{"none", atoms.Only(0)}, {"any token", atoms.Only(0).Not(d.n)}}
		for i, v := range values {
			words = append(words, word{v.text, d.sets[i]})
		}
		return words
	}
	d.put = func(a int, r *Request) {
		if r.Token = nil; a == 0 {
			return
		}
		r.Token = &Token{}
		for i, digit := range digits(a) {
			r.Token.set(all[i].name, all[i].values[digit])
		}
	}
	return d, nil
}

func (t *Token) set(claim string, values []string) {
	switch claim {
	case issuerClaim:
		t.Issuer = values[0]
	case subjectClaim:
		t.Subject = values[0]
	case presenterClaim:
		t.Presenter = values[0]
	case audienceClaim:
		t.Audiences = values
	default:
		if t.Claims == nil {
			t.Claims = map[string][]string{}
		}
		t.Claims[claim] = values
	}
}

// divideClaims divides each claim that a value asks for, and always the issuer and the subject.
func divideClaims(values []tokenValue, issuers []string) ([]claims, error) {
	patterns := map[string]*table[atoms.Pattern]{issuerClaim: {}, subjectClaim: {}}
	for _, v := range values {
		if v.claim == "" {
			patterns[issuerClaim].number(v.issuer)
			patterns[subjectClaim].number(v.pattern)
			continue
		}
		if patterns[v.claim] == nil {
			patterns[v.claim] = &table[atoms.Pattern]{}
		}
		patterns[v.claim].number(v.pattern)
	}
	var all []claims
	for _, name := range slices.Sorted(maps.Keys(patterns)) {
		t := patterns[name]
		c := claims{name: name, keys: t.keys, sets: make([]atoms.Set, len(t.keys))}
		if name == issuerClaim {
			// Only the issuers themselves make tokens.
			for i, issuer := range issuers {
				c.values = append(c.values, []string{issuer})
				for j, p := range t.keys {
					if p.Match(issuer) {
						c.sets[j] = c.sets[j].Or(atoms.Only(i))
					}
				}
			}
			all = append(all, c)
			continue
		}
		space, err := atoms.Divide(atoms.Free(), t.keys, states)
		if err != nil {
			return nil, &TooComplexError{Attribute: "token", Err: err}
		}
		if name == subjectClaim || name == presenterClaim {
			for _, w := range space.Witness {
				c.values = append(c.values, []string{w})
			}
			for j, p := range t.keys {
				c.sets[j] = space.Set(p)
			}
		} else if !c.lists(space, t.keys) {
			return nil, tooManyTokens(values)
		}
		all = append(all, c)
	}
	return all, nil
}

// lists makes the atoms of a list of those of its elements.
func (c *claims) lists(space *atoms.Space, patterns []atoms.Pattern) bool {
	matched := func(element int) (s atoms.Set) {
		for j, p := range patterns {
			if space.Set(p).Has(element) {
				s = s.Or(atoms.Only(j))
			}
		}
		return s
	}
	// The empty list matches nothing.
	c.values = append(c.values, nil)
	signatures := []atoms.Set{nil}
	for i := 0; i < len(signatures); i++ {
		for e, w := range space.Witness {
			s := signatures[i].Or(matched(e))
			if slices.ContainsFunc(signatures, s.Equal) {
				continue
			}
			signatures = append(signatures, s)
			c.values = append(c.values, append(slices.Clip(c.values[i]), w))
			if len(signatures) > maxTokens {
				return false
			}
		}
	}
	for a, s := range signatures {
		for j := range s.All() {
			c.sets[j] = c.sets[j].Or(atoms.Only(a))
		}
	}
	return true
}

func tooManyTokens(values []tokenValue) error {
	e := &TooComplexError{Attribute: "token"}
	for _, v := range values {
		e.Patterns = append(e.Patterns, fmt.Sprintf("%q", v.text))
	}
	return e
}
