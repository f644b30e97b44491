package model

import (
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// MTLS, Authz and Outbound are the three axes of adoption, each ordered from the loosest value to the strictest. Zero values
// are invalid.
type (
	MTLS     int
	Authz    int
	Outbound int
)

const (
	MTLSNone MTLS = iota + 1 // no sidecar yet
	MTLSPermissive
	MTLSStrict
)

const (
	AuthzOff Authz = iota + 1
	AuthzShadow
	AuthzEnforce
)

const (
	OutboundOpen Outbound = iota + 1
	OutboundScoped
)

var (
	mtlsNames     = []string{"", "none", "permissive", "strict"}
	authzNames    = []string{"", "off", "shadow", "enforce"}
	outboundNames = []string{"", "open", "scoped"}
)

func (m MTLS) String() string     { return mtlsNames[m] }
func (a Authz) String() string    { return authzNames[a] }
func (o Outbound) String() string { return outboundNames[o] }

// Stages is how far a workload has come, with the text that decided each axis (a zero span where nobody wrote it).
type Stages struct {
	MTLS       MTLS
	Authz      Authz
	Outbound   Outbound
	MTLSBy     diag.Span
	AuthzBy    diag.Span
	OutboundBy diag.Span
}

// strictest is where a mesh stands that says nothing: what nobody loosened in writing is closed.
var strictest = Stages{MTLS: MTLSStrict, Authz: AuthzEnforce, Outbound: OutboundScoped}

// replace takes over every axis that is written.
func (s Stages) replace(d syntax.Stages) Stages {
	if v := value[MTLS](mtlsNames, d.MTLS); v != 0 {
		s.MTLS, s.MTLSBy = v, d.MTLS.Span
	}
	if v := value[Authz](authzNames, d.Authz); v != 0 {
		s.Authz, s.AuthzBy = v, d.Authz.Span
	}
	if v := value[Outbound](outboundNames, d.Outbound); v != 0 {
		s.Outbound, s.OutboundBy = v, d.Outbound.Span
	}
	return s
}

// tighten takes over every axis that is written and stricter: the strictest of mesh, cluster, namespace and service wins, so
// that a team can tighten and only the platform loosens.
func (s Stages) tighten(d syntax.Stages) Stages {
	t := s.replace(d)
	if t.MTLS < s.MTLS {
		t.MTLS, t.MTLSBy = s.MTLS, s.MTLSBy
	}
	if t.Authz < s.Authz {
		t.Authz, t.AuthzBy = s.Authz, s.AuthzBy
	}
	if t.Outbound < s.Outbound {
		t.Outbound, t.OutboundBy = s.Outbound, s.OutboundBy
	}
	return t
}

// loosen takes over every axis that is written and looser, as an exception does.
func (s Stages) loosen(d syntax.Stages) Stages {
	t := s.replace(d)
	if t.MTLS > s.MTLS {
		t.MTLS, t.MTLSBy = s.MTLS, s.MTLSBy
	}
	if t.Authz > s.Authz {
		t.Authz, t.AuthzBy = s.Authz, s.AuthzBy
	}
	if t.Outbound > s.Outbound {
		t.Outbound, t.OutboundBy = s.Outbound, s.OutboundBy
	}
	return t
}

func value[T ~int](names []string, t syntax.Text) T {
	for i, n := range names {
		if i > 0 && n == t.Value {
			return T(i)
		}
	}
	return 0
}
