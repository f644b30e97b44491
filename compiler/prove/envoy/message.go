package envoy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
)

// message is a protobuf message as Envoy prints it.
type message map[string]any

// only says which field of a message is none of the known ones.
func (m message) only(known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(known, name) {
			return unknown("the field %.60q", name)
		}
	}
	return nil
}

func (m message) in(name string) message {
	inner, _ := m[name].(map[string]any)
	return inner
}

func (m message) has(name string) bool {
	_, ok := m[name]
	return ok
}

func (m message) text(name string) string {
	s, _ := m[name].(string)
	return s
}

func (m message) yes(name string) bool {
	b, _ := m[name].(bool)
	return b
}

// number is a whole number, which is 0 where there is none.
func (m message) number(name string) (int, error) {
	v, ok := m[name]
	if !ok {
		return 0, nil
	}
	n, ok := v.(float64)
	if !ok || n != float64(int(n)) || n < 0 {
		return 0, unknown("%s, which is no number", name)
	}
	return int(n), nil
}

// list is the messages of a repeated field.
func (m message) list(name string) ([]message, error) {
	v, ok := m[name]
	if !ok {
		return nil, nil
	}
	all, ok := v.([]any)
	if !ok {
		return nil, unknown("%s, which is no list", name)
	}
	messages := make([]message, len(all))
	for i, one := range all {
		inner, ok := one.(map[string]any)
		if !ok {
			return nil, unknown("%s, which has something that is no message", name)
		}
		messages[i] = inner
	}
	return messages, nil
}

// kind is the type of a message that may be of any.
func (m message) kind() string {
	_, name, _ := strings.Cut(m.text("@type"), "/")
	if name == "udpa.type.v1.TypedStruct" || name == "xds.type.v3.TypedStruct" {
		_, name, _ = strings.Cut(m.text("type_url"), "/")
	}
	return name
}

// choice is which field of a message says what it is: one alone, beside those that are known.
func (m message) choice(beside ...string) (string, error) {
	found := ""
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch {
		case slices.Contains(beside, name):
		case found != "":
			return "", unknown("%.60q beside %.60q", name, found)
		default:
			found = name
		}
	}
	if found == "" {
		return "", unknown("an empty message")
	}
	return found, nil
}

// stringMatcher is https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/matcher/v3/string.proto.
func stringMatcher(m message) (atoms.Pattern, error) {
	name, err := m.choice("ignore_case")
	if err != nil {
		return atoms.Pattern{}, err
	}
	text, isText := m[name].(string)
	var p atoms.Pattern
	switch {
	case name == "exact" && isText:
		p = atoms.Exact(text)
	case name == "prefix" && isText:
		p = atoms.Prefix(text)
	case name == "suffix" && isText:
		p = atoms.Suffix(text)
	case name == "safe_regex":
		return expression(m.in("safe_regex"))
	default:
		return p, unknown("%.60q for a text", name)
	}
	if m.yes("ignore_case") {
		p = p.FoldCase()
	}
	return p, nil
}

func expression(m message) (atoms.Pattern, error) {
	if err := m.only("regex", "google_re2"); err != nil {
		return atoms.Pattern{}, err
	}
	if m.text("regex") == ".+" {
		return atoms.Present(), nil
	}
	p, err := atoms.Expression(m.text("regex"))
	if err != nil {
		return p, unknown("%v", err)
	}
	return p, nil
}

// cidr is a range of addresses.
func cidr(m message) (netip.Prefix, error) {
	if err := m.only("address_prefix", "prefix_len"); err != nil {
		return netip.Prefix{}, err
	}
	bits, err := m.number("prefix_len")
	if err != nil {
		return netip.Prefix{}, err
	}
	a, err := netip.ParseAddr(m.text("address_prefix"))
	if err != nil {
		return netip.Prefix{}, unknown("an address_prefix that is no address")
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, unknown("a prefix_len of %d", bits)
	}
	return p, nil
}
