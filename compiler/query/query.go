// Package query answers questions about a checked estate: whether its Tests hold, who can call what, and why somebody can or
// cannot. It speaks of what is meant, and says where that is not enforced yet.
package query

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// Index is a checked estate that can be asked.
type Index struct {
	checked  check.Checked
	findings diag.List
	accesses map[*model.Service][]*model.Access
	users    map[account][]*model.Workload
	admitted map[*model.Workload][]admission
	pending  map[*model.Service][]*model.Access // accesses that wait for consent
}

// account is a service account of a namespace in a mesh, whichever trust domain vouches for it.
type account struct {
	mesh            *model.Mesh
	namespace, name string
}

// NewIndex prepares the estate for questions. The findings are what the stages before had against it.
func NewIndex(c check.Checked, findings diag.List) *Index {
	x := &Index{
		checked: c, findings: findings,
		accesses: map[*model.Service][]*model.Access{},
		users:    map[account][]*model.Workload{},
		admitted: map[*model.Workload][]admission{},
		pending:  map[*model.Service][]*model.Access{},
	}
	for _, m := range c.Estate().Meshes {
		for _, a := range m.Accesses {
			x.accesses[a.Callee()] = append(x.accesses[a.Callee()], a)
		}
		for _, a := range m.Pending {
			x.pending[a.Callee()] = append(x.pending[a.Callee()], a)
		}
		for _, s := range m.Services {
			for _, w := range s.Workloads {
				for _, name := range w.Accounts {
					k := account{m, s.Namespace.Name, name}
					x.users[k] = append(x.users[k], w)
				}
			}
		}
	}
	return x
}

// admission is an access as it holds at one workload of the callee, for calls from one workload of the caller.
type admission struct {
	access     *model.Access
	from       *model.Workload // nil for an Outsider
	principals []string
	cidrs      []netip.Prefix
}

// plaintext reports whether peers without an identity are admitted, from some address.
func (a admission) plaintext() bool {
	return len(a.cidrs) > 0 || a.from != nil && a.from.Stages.MTLS == model.MTLSNone
}

// admissions are what is meant at a workload: accesses with consent that no rule withholds.
func (x *Index) admissions(w *model.Workload) []admission {
	if all, known := x.admitted[w]; known {
		return all
	}
	var all []admission
	for _, a := range x.accesses[w.Service] {
		for leg := range a.LegsTo(w) {
			if x.checked.Holds(a, leg.From) {
				all = append(all, newAdmission(a, leg.From))
			}
		}
	}
	x.admitted[w] = all
	return all
}

func newAdmission(a *model.Access, from *model.Workload) admission {
	ad := admission{access: a, from: from}
	if o := a.Caller.Outsider; o != nil {
		ad.principals, ad.cidrs = outsiderPeers(o)
		return ad
	}
	ad.principals = principals(from)
	return ad
}

func outsiderPeers(o *model.Outsider) (principals []string, cidrs []netip.Prefix) {
	if id := o.Doc.Spec.Identity.Value; id != "" {
		return []string{id}, nil
	}
	for _, t := range o.Doc.Spec.CIDRs.Items {
		if p, err := netip.ParsePrefix(t.Value); err == nil {
			cidrs = append(cidrs, p)
		}
	}
	return nil, cidrs
}

// principals are the identities that a workload calls with: none where it has no sidecar.
func principals(w *model.Workload) []string {
	if w.Stages.MTLS == model.MTLSNone {
		return nil
	}
	var all []string
	for _, name := range w.Accounts {
		all = append(all, w.Principal(name))
	}
	return all
}

// admitsIdentity reports whether a policy in the cluster that names one of the admission's principals lets the identity in.
func (a admission) admitsIdentity(c *model.Cluster, identity string) bool {
	domain, rest, _ := strings.Cut(identity, "/")
	return slices.ContainsFunc(a.principals, func(named string) bool {
		d, r, _ := strings.Cut(named, "/")
		return r == rest && c.Admits(d, domain)
	})
}

// bearers are the workloads, of whichever Service, that a policy in the cluster takes for the principal.
func (x *Index) bearers(c *model.Cluster, principal string) []*model.Workload {
	parts := strings.Split(principal, "/")
	if len(parts) != 5 {
		return nil
	}
	var all []*model.Workload
	for _, w := range x.users[account{c.Mesh, parts[2], parts[4]}] {
		if w.Stages.MTLS != model.MTLSNone && c.Admits(parts[0], w.Cluster.TrustDomain()) {
			all = append(all, w)
		}
	}
	return all
}

// open reports whether the workload's proxy takes every request that reaches it.
func open(w *model.Workload) bool {
	switch {
	case w.Stages.MTLS == model.MTLSNone:
		return true
	case w.Retired:
		return false // its floor stands
	default:
		return w.Stages.Authz != model.AuthzEnforce
	}
}

// clusterNames are the names of the workloads' clusters, sorted, each once.
func clusterNames(ws []*model.Workload) []string {
	var all []string
	for _, w := range ws {
		all = append(all, w.Cluster.Name)
	}
	return unique(all)
}

func unique(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

// join lists names as a sentence does: a, b and c.
func join(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// some shows a few of many.
func some(all []string) string { return someOf(all, 0) }

// someOf shows a few of many, of whom so many more are not even listed.
func someOf(all []string, more int) string {
	all = unique(all)
	if len(all)+more > 4 {
		had := min(3, len(all))
		return fmt.Sprintf("%s and %d more", strings.Join(all[:had], ", "), len(all)-had+more)
	}
	return join(all)
}

// related is what an access rests on: who asks for it, and who agreed.
func related(a *model.Access) []diag.Related {
	all := []diag.Related{{Span: a.Span(), Message: "the intent of " + a.Caller.Key()}}
	switch a.Consent {
	case model.ByPlatform:
		all[0].Message = "the platform lets " + a.Caller.Key() + " call it everywhere"
	case model.ByGrant:
		all = append(all, diag.Related{Span: a.Grant.Doc.From.Span, Message: "the grant of " + a.Callee().Key()})
	case model.ByAudience:
		all = append(all, diag.Related{Span: a.Endpoint.Doc.Audience.Span, Message: "the endpoint is for all of the mesh"})
	}
	return all
}

// bySpan is the order of places.
func bySpan(a, b diag.Span) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Start.Offset(), b.Start.Offset()))
}
