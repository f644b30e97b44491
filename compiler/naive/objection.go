package naive

import (
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/syntax"
)

// objects reports whether a rule keeps the call out altogether.
func (d derivation) objects(m *syntax.Mesh, from *caller, to *syntax.Service, endpoint syntax.Entry[syntax.Endpoint]) bool {
	if d.isOpenToAll(to, endpoint.Value) && !consentsToCaller(from, to, endpoint.Key.Value) {
		return true
	}
	return from.outsider != nil && d.objectsToOutsider(m, from.outsider)
}

// objectsToLegs reports whether a rule keeps out what the caller calls from one cluster. It balances over all of the legs, so
// what is wrong with one is wrong with all.
func (d derivation) objectsToLegs(from *caller, to *syntax.Service, legs []leg) bool {
	for _, l := range legs {
		callee := d.Workloads[place(to, l.to)]
		trustDomain := ""
		switch {
		case from.outsider != nil:
			trustDomain, _, _ = strings.Cut(from.outsider.Spec.Identity.Value, "/ns/")
		case d.Workloads[place(from.service, l.from)].MTLS != "none":
			trustDomain = l.from.Spec.TrustDomain.Value
		case callee.Authz == "enforce" || callee.MTLS == "strict":
			return true // it asks for an identity, and the caller has none without a sidecar
		}
		if trustDomain != "" && callee.MTLS != "none" && !accepts(l.to, trustDomain) {
			return true // its sidecar ends the connection
		}
	}
	return false
}

// isOpenToAll reports whether the endpoint is for all of the mesh and one request could be for it and for another, which is not.
func (d derivation) isOpenToAll(to *syntax.Service, endpoint syntax.Endpoint) bool {
	for _, other := range to.Spec.Endpoints {
		isForSome := other.Value.Audience.Value != "mesh"
		if endpoint.Audience.Value == "mesh" && isForSome && declared(to, other.Value) && d.meet(to, endpoint, other.Value) {
			return true
		}
	}
	return false
}

// objectsToOutsider: it must not be everybody, which is more than any organisation's network, nor somebody else.
func (d derivation) objectsToOutsider(m *syntax.Mesh, o *syntax.Outsider) bool {
	for _, cidr := range o.Spec.CIDRs.Items {
		_, length, _ := strings.Cut(cidr.Value, "/")
		bits, _ := strconv.Atoi(length)
		if bits < 8 || bits < 16 && strings.Contains(cidr.Value, ":") {
			return true
		}
	}
	return o.Spec.Identity.Value != "" && (d.isForeign(o) || d.isSomebodyElse(m, o))
}

// isForeign reports whether a team's Outsider has an identity of a namespace that is another team's.
func (d derivation) isForeign(o *syntax.Outsider) bool {
	team, namespace, foreign := teamOf(o.File), strings.Split(o.Spec.Identity.Value, "/")[2], false
	for _, t := range d.Teams {
		for _, ns := range t.Spec.Namespaces {
			if ns.Key.Value == namespace && t.Metadata.Name.Value == team {
				return false
			}
			foreign = foreign || ns.Key.Value == namespace
		}
	}
	return foreign && team != ""
}

// isSomebodyElse reports whether a policy somewhere in the mesh could not tell the Outsider from a Service, or from another
// Outsider that comes first: the platform's do, and otherwise the name decides.
func (d derivation) isSomebodyElse(m *syntax.Mesh, o *syntax.Outsider) bool {
	for _, there := range d.Clusters {
		if d.mesh(there) != m {
			continue
		}
		same := oneIdentity(there, o.Spec.Identity.Value)
		for _, other := range d.Outsiders {
			called := arrivesIn(o, there) || arrivesIn(other, there)
			isSame := slices.Contains(same, other.Spec.Identity.Value) ||
				slices.Contains(oneIdentity(there, other.Spec.Identity.Value), o.Spec.Identity.Value)
			if called && isSame && d.arrives(other, m) && comesFirst(other, o) {
				return true
			}
		}
		for _, s := range d.Services {
			for _, c := range d.Clusters {
				isSame := func(i string) bool { return slices.Contains(same, i) }
				if arrivesIn(o, there) && d.mesh(c) == m && d.runsIn(s, c) && slices.ContainsFunc(identities(s, c), isSame) {
					return true
				}
			}
		}
	}
	return false
}

func comesFirst(a, b *syntax.Outsider) bool {
	ofPlatform := func(o *syntax.Outsider) bool { return teamOf(o.File) == "" }
	if ofPlatform(a) != ofPlatform(b) {
		return ofPlatform(a)
	}
	return a.Metadata.Name.Value < b.Metadata.Name.Value
}
