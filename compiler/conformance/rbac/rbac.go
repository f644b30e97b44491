// Package rbac decides requests by Envoy's filters of access control, as Istio's compiler writes them: a plain interpreter of
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto, without sets and without sockets. Whatever it has
// no meaning for is an error, so that nothing is passed over in silence.
package rbac

import (
	"net/netip"
	"strconv"
)

// Request is what the filters see of a request or, on a TCP port, of a connection.
type Request struct {
	// Principal is the URI in the peer's certificate, with its scheme. It is "" for a peer without one.
	Principal                   string
	Port                        uint32
	Source, Remote, Destination netip.Addr
	SNI                         string

	Method, Path, Host string
	Headers            map[string]string // names in lower case
	// Claims is the payload of a valid token as the JWT filter leaves it in the metadata: strings, lists and maps. It is nil
	// without one.
	Claims map[string]any
}

// Answer is what the filters do with a request.
type Answer int

// The answers, in the words of the evaluator.
const (
	Deny Answer = iota
	Allow
	Ask // an external authorizer
)

func (a Answer) String() string {
	switch a {
	case Deny:
		return "deny"
	case Allow:
		return "allow"
	case Ask:
		return "ask"
	}
	return "answer " + strconv.Itoa(int(a))
}

// Leaf is one comparison of one attribute with one pattern. All else in a chain is and, or and not.
type Leaf struct {
	// Attribute is "principal", "port", "source", "remote", "destination", "sni", "method", "path", "host", "token", or "header"
	// with the header's name after a colon.
	Attribute string
	Match     func(*Request) bool
}

// Facts are which leaves of a chain hold for a request, as bits.
type Facts []uint64

func (f Facts) has(i int) bool { return f[i>>6]&(1<<(i&63)) != 0 }

// Set notes that a leaf holds.
func (f Facts) Set(i int) { f[i>>6] |= 1 << (i & 63) }

// Chain is filters in their order.
type Chain struct {
	Leaves  []Leaf
	filters []filter
	index   map[string]int // of leaves, by what they were read from
}

// filter is one filter: access control where ask is empty, otherwise the external authorizer.
type filter struct {
	rules, shadow *engine
	shadowPrefix  string
	// ask is the provider, asked where the metadata under askKey begins with askPrefix.
	ask, askKey, askPrefix string
}

// engine is one set of rules: an action, and the policies under their names.
type engine struct {
	action   action
	policies []policy
}

type action int

const (
	allow action = iota
	deny
	log
)

type policy struct {
	name                    string
	permissions, principals []expr
}

// expr is an expression over leaves.
type expr struct {
	op   op
	leaf int
	kids []expr
}

type op int

const (
	anything op = iota
	isLeaf
	and
	or
	not
)

// Facts computes which leaves of an attribute hold for a request.
func (c *Chain) Facts(r *Request, attribute string) Facts {
	facts := c.NoFacts()
	for i, leaf := range c.Leaves {
		if leaf.Attribute == attribute && leaf.Match(r) {
			facts.Set(i)
		}
	}
	return facts
}

// NoFacts are facts in which no leaf holds, to be set one by one.
func (c *Chain) NoFacts() Facts { return make(Facts, len(c.Leaves)/64+1) }

// Decide is what the chain does with a request and, where it asks somebody, whom. An authorizer that is asked can only take away:
// what a later filter refuses is refused whatever it says.
func (c *Chain) Decide(facts Facts) (Answer, string) {
	answer, provider := Allow, ""
	metadata := map[string]string(nil)
	for i := range c.filters {
		f := &c.filters[i]
		if f.ask != "" {
			if id, set := metadata[f.askKey]; set && len(id) >= len(f.askPrefix) && id[:len(f.askPrefix)] == f.askPrefix {
				answer, provider = Ask, f.ask
			}
			continue
		}
		if f.shadow != nil && f.shadowPrefix != "" {
			if name, matched := f.shadow.match(facts); matched {
				if metadata == nil {
					metadata = map[string]string{}
				}
				metadata[f.shadowPrefix+"shadow_effective_policy_id"] = name
			}
		}
		if f.rules != nil && !f.rules.passes(facts) {
			return Deny, ""
		}
	}
	return answer, provider
}

// Shadow is what the chain would do were its shadow rules the rules, as dry-run policies are counted. It leaves out the authorizers,
// whose shadow rules are how they are triggered.
func (c *Chain) Shadow(facts Facts) Answer {
	for i := range c.filters {
		f := &c.filters[i]
		if f.shadow != nil && !f.triggers() && !f.shadow.passes(facts) {
			return Deny
		}
	}
	return Allow
}

// triggers reports whether the filter's shadow rules say when an authorizer is asked.
func (f *filter) triggers() bool { return f.shadowPrefix == askPrefix }

// passes reports whether a request goes on to the next filter.
func (e *engine) passes(facts Facts) bool {
	_, matched := e.match(facts)
	switch e.action {
	case allow:
		return matched
	case deny:
		return !matched
	default:
		return true
	}
}

// match is the first policy that a request matches, in the order of names: some permission and some principal of it hold.
func (e *engine) match(facts Facts) (string, bool) {
	for i := range e.policies {
		p := &e.policies[i]
		if some(p.permissions, facts) && some(p.principals, facts) {
			return p.name, true
		}
	}
	return "", false
}

func some(list []expr, facts Facts) bool {
	for i := range list {
		if list[i].holds(facts) {
			return true
		}
	}
	return false
}

func (e *expr) holds(facts Facts) bool {
	switch e.op {
	case anything:
		return true
	case isLeaf:
		return facts.has(e.leaf)
	case not:
		return !e.kids[0].holds(facts)
	case or:
		return some(e.kids, facts)
	default:
		for i := range e.kids {
			if !e.kids[i].holds(facts) {
				return false
			}
		}
		return true
	}
}
