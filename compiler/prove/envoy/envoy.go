// Package envoy reads what one proxy runs from its /config_dump, and holds it against policies: whom its filters let in, over all
// callers, ports, methods and paths. It shares nothing with Istio's compiler of policies but what Envoy documents
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto). What it has no meaning for, it names.
package envoy

import (
	"fmt"

	"writ.dev/writ/compiler/prove/authz"
)

// Proxy is what a dump says of a sidecar.
type Proxy struct {
	// Namespace and Pod are whose sidecar it says it is, in the metadata that it gives its control plane.
	Namespace, Pod string
	// Refused says that it did not take what its control plane sent last, Waiting that it has not yet made it active.
	Refused, Waiting bool
	// Unknown is what decides about requests and has no meaning here. Where there is any, Chains say nothing.
	Unknown []string

	chains []chain
}

// Reached reports whether the proxy has anything of a control plane about who may call.
func (p *Proxy) Reached() bool { return len(p.chains) > 0 || len(p.Unknown) > 0 }

// chain is how a proxy treats some connections.
type chain struct {
	port   int  // 0 for those that no other chain names
	mutual bool // with mutual TLS, otherwise without an identity
	http   bool
	closed bool // nothing gets further

	normalization string   // of paths
	issuers       []string // of tokens
	filters       []filter
}

// filter is one filter that may refuse. What it says in dry-run is in shadow.
type filter struct {
	rules, shadow *rules
	// trigger is the provider's prefix of the names of policies that have an external authorizer asked.
	trigger string
	asks    bool // it is the one that asks
}

// rules is an action with its policies, by name.
type rules struct {
	action   string // ALLOW, DENY or LOG
	policies []policy
}

type policy struct {
	name    string
	matches *authz.Predicate
}

// Error says that a text is no dump.
type Error struct {
	Name, Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Name, e.Message) }

// unknownError is something that has no meaning here.
type unknownError struct{ what string }

func (e *unknownError) Error() string { return e.what }

func unknown(format string, args ...any) error { return &unknownError{fmt.Sprintf(format, args...)} }
