package query

import (
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
)

// breach is one way in which an assertion does not hold.
type breach struct {
	request Request
	who     string // the caller, in the words of the assertion or of the access
	from    *model.Workload
	to      *model.Workload
	access  *model.Access // what lets the caller in, nil where nothing does or nothing is enforced
	open    bool          // the callee takes everything
	note    string        // why the caller counts, where it is not the access's own
}

// trial is an assertion in one mesh while it is judged.
type trial struct {
	*Index
	*model.Case
	enforced bool
	// without is an access that is thought away: what would break then is what a test protects.
	without  *model.Access
	breaches []breach
	more     int // breaches of who is let in, besides those that are kept
	asked    int // callers at workloads that the assertion is about
}

// mostBreaches is how many of those who are let in at one workload are told apart. Thousands may be, of each of thousands of Services.
const mostBreaches = 20

// judgement is what is wrong with an assertion.
type judgement struct {
	breaches []breach // by case; at each workload the first ones of who is let in
	more     int      // the other ones
	vacuous  bool     // the assertion is about nothing at all
}

// judge finds the breaches of an assertion.
func (x *Index) judge(a *model.Assertion, without *model.Access) judgement {
	var j judgement
	asked := 0
	for _, c := range a.Cases {
		t := &trial{Index: x, Case: c, enforced: a.Test.Doc.Spec.Enforced.Value, without: without}
		for _, w := range c.Workloads {
			switch a.Kind {
			case model.AssertAllow:
				t.allowed(w)
			case model.AssertDeny:
				t.denied(w)
			default:
				t.only(w)
			}
		}
		j.breaches, j.more, asked = append(j.breaches, t.breaches...), j.more+t.more, asked+t.asked
	}
	j.vacuous = asked == 0
	return j
}

// letIn notes that somebody is let in.
func (t *trial) letIn(b breach) {
	had := 0
	for i := len(t.breaches) - 1; i >= 0 && t.breaches[i].to == b.to; i-- {
		had++
	}
	if had == mostBreaches {
		t.more++
		return
	}
	t.breaches = append(t.breaches, b)
}

// admissions are the index's without the access that is thought away.
func (t *trial) admissions(w *model.Workload) []admission {
	all := t.Index.admissions(w)
	if t.without == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(ad admission) bool { return ad.access == t.without })
}

// services are the Services that a peer stands for; the callee does not call itself.
func (t *trial) services(p model.Peer) []*model.Service {
	if p.Service != nil {
		return []*model.Service{p.Service}
	}
	var all []*model.Service
	for _, s := range t.Mesh.Services {
		if p.Team != nil && s.Team == p.Team && s != t.To {
			all = append(all, s)
		}
	}
	return all
}

// allowed asks that each caller may make every request, from wherever its calls can arrive.
func (t *trial) allowed(w *model.Workload) {
	for _, p := range t.From {
		for _, s := range t.services(p) {
			for _, from := range s.Workloads {
				if from.Cluster.Discovers(w.Cluster) {
					t.every(w, s.Key(), from, t.mayFrom(w, from))
				}
			}
		}
		switch {
		case p.Outsider != nil:
			if slices.Contains(p.Outsider.Clusters, w.Cluster) {
				t.every(w, p.Stranger(), nil, t.mayOutsider(w, p.Outsider))
			}
		case p.Identity != "":
			t.every(w, p.Identity, nil, t.mayIdentity(w, p.Identity))
		case p.Any || p.Plaintext:
			t.every(w, p.Stranger(), nil, t.mayAnybody(w))
		}
	}
}

// every asks that the granted endpoints stand for all requests; all says that nothing is refused.
func (t *trial) every(w *model.Workload, who string, from *model.Workload, may permission) {
	t.asked++
	if may.all {
		return
	}
	for _, q := range t.Requests {
		if r, lacks := missing(w, q, may.endpoints); lacks {
			t.breaches = append(t.breaches, breach{request: r, who: who, from: from, to: w})
			return
		}
	}
}

// permission is what a caller may do at a workload.
type permission struct {
	all       bool
	endpoints []*model.Endpoint
}

// mayFrom is what is meant for calls from a workload or, where that is asked, what becomes of them on the wire.
func (t *trial) mayFrom(w, from *model.Workload) permission {
	var may permission
	if t.enforced && open(w) {
		may.all = !refusedByTLS(w, from)
		return may
	}
	if t.enforced && refusedByTLS(w, from) {
		return may
	}
	reaches := t.reaches(w, from)
	for _, ad := range t.admissions(w) {
		if ad.from == from || t.enforced && reaches(ad) {
			may.endpoints = append(may.endpoints, ad.access.Endpoint)
		}
	}
	return may
}

// refusedByTLS reports whether a connection ends before a policy sees it: strict refuses whoever has no identity, and a proxy
// with a trust domain that it does not know.
func refusedByTLS(w, from *model.Workload) bool {
	if from.Stages.MTLS == model.MTLSNone {
		return !connects(w, "")
	}
	return !connects(w, from.Cluster.TrustDomain())
}

// connects reports whether a peer with the identity, or with none, gets as far as the policies.
func connects(w *model.Workload, identity string) bool {
	domain, _, _ := strings.Cut(identity, "/")
	switch w.Stages.MTLS {
	case model.MTLSNone:
		return true
	case model.MTLSStrict:
		return domain != "" && w.Cluster.Accepts(domain)
	default:
		return domain == "" || w.Cluster.Accepts(domain)
	}
}

func (t *trial) mayOutsider(w *model.Workload, o *model.Outsider) permission {
	if t.enforced && open(w) {
		return permission{all: connects(w, o.Doc.Spec.Identity.Value)}
	}
	var may permission
	for _, ad := range t.admissions(w) {
		if ad.access.Caller.Outsider == o {
			may.endpoints = append(may.endpoints, ad.access.Endpoint)
		}
	}
	return may
}

func (t *trial) mayIdentity(w *model.Workload, identity string) permission {
	if t.enforced && open(w) {
		return permission{all: connects(w, identity)}
	}
	var may permission
	for _, ad := range t.admissions(w) {
		if ad.admitsIdentity(w.Cluster, identity) {
			may.endpoints = append(may.endpoints, ad.access.Endpoint)
		}
	}
	return may
}

// mayAnybody is what peers may do whoever they are: nothing is ever meant for them, and all is open to them where nothing is
// enforced.
func (t *trial) mayAnybody(w *model.Workload) permission {
	return permission{all: t.enforced && open(w) && connects(w, "")}
}

// denied asks that no caller may make any request. A Service is asked for by all of its identities, also those of clusters that
// do not discover the callee: whoever has the identity may find a way there.
func (t *trial) denied(w *model.Workload) {
	for _, p := range t.From {
		for _, s := range t.services(p) {
			for _, from := range s.Workloads {
				t.none(w, s.Key(), from, open(w) && !refusedByTLS(w, from), t.reaches(w, from))
			}
		}
		switch {
		case p.Outsider != nil:
			names, ranges := outsiderPeers(p.Outsider)
			t.none(w, p.Stranger(), nil, open(w) && connects(w, strings.Join(names, "")), func(ad admission) bool {
				return ad.access.Caller.Outsider == p.Outsider || overlap(ad.cidrs, ranges) ||
					slices.ContainsFunc(names, func(id string) bool { return ad.admitsIdentity(w.Cluster, id) })
			})
		case p.Identity != "":
			t.none(w, p.Identity, nil, open(w) && connects(w, p.Identity), func(ad admission) bool { return ad.admitsIdentity(w.Cluster, p.Identity) })
		case p.Plaintext:
			t.none(w, p.Stranger(), nil, open(w) && connects(w, ""), admission.plaintext)
		case p.Any:
			t.none(w, p.Stranger(), nil, open(w), func(admission) bool { return true })
		}
	}
}

// reaches selects the admissions that let calls of the workload in: those that are meant for it, and those of its identities.
func (t *trial) reaches(w, from *model.Workload) func(admission) bool {
	return func(ad admission) bool {
		return ad.from == from || slices.ContainsFunc(principals(from), func(id string) bool { return ad.admitsIdentity(w.Cluster, id) })
	}
}

// none asks that no admission of those that let the caller in shares a request with the assertion.
func (t *trial) none(w *model.Workload, who string, from *model.Workload, open bool, lets func(admission) bool) {
	t.asked++
	if t.enforced && open {
		r, _ := shared(w, t.Requests[0], t.Requests[0])
		t.letIn(breach{request: r, who: who, from: from, to: w, open: true})
		return
	}
	meets := t.meets(w)
	for _, ad := range t.admissions(w) {
		if !lets(ad) {
			continue
		}
		if r, ok := meets(ad.access.Endpoint); ok {
			b := breach{request: r, who: who, from: from, to: w, access: ad.access}
			if from != nil && ad.access.Caller.Service != from.Service {
				b.note = who + " has the identity of " + ad.access.Caller.Key()
			}
			t.letIn(b)
			return
		}
	}
}

// meets finds a request of the assertion that an endpoint of the workload's stands for. Thousands of callers may share an endpoint,
// so each is looked at once.
func (t *trial) meets(w *model.Workload) func(*model.Endpoint) (Request, bool) {
	type answer struct {
		request Request
		ok      bool
	}
	known := map[*model.Endpoint]answer{}
	return func(e *model.Endpoint) (Request, bool) {
		a, had := known[e]
		if !had {
			for i := 0; i < len(t.Requests) && !a.ok; i++ {
				a.request, a.ok = shared(w, t.Requests[i], e)
			}
			known[e] = a
		}
		return a.request, a.ok
	}
}

// only asks that whoever is let in is one of the named callers: by its name, and by what its identity is to the callee.
func (t *trial) only(w *model.Workload) {
	t.asked++
	if t.enforced && open(w) && !t.names(func(p model.Peer) bool { return p.Any }) {
		r, _ := shared(w, t.Requests[0], t.Requests[0])
		t.letIn(breach{request: r, who: "anybody", to: w, open: true})
		return
	}
	told, meets := map[string]bool{}, t.meets(w)
	for _, ad := range t.admissions(w) {
		r, ok := meets(ad.access.Endpoint)
		if !ok {
			continue
		}
		if who, note := t.stranger(w, ad); who != "" && !told[who] {
			told[who] = true
			t.letIn(breach{request: r, who: who, from: ad.from, to: w, access: ad.access, note: note})
		}
	}
}

// stranger is somebody whom the admission lets in and the assertion does not name, "" where there is nobody.
func (t *trial) stranger(w *model.Workload, ad admission) (who, note string) {
	caller := ad.access.Caller
	if !t.named(caller) && !t.namedByWire(ad) {
		for _, id := range ad.principals {
			if t.names(func(p model.Peer) bool { return p.Identity == id }) {
				return caller.Key(), "it has other identities than the named one"
			}
		}
		return caller.Key(), ""
	}
	for _, principal := range ad.principals {
		for _, twin := range t.bearers(w.Cluster, principal) {
			if twin.Service != caller.Service && !t.named(model.Caller{Service: twin.Service}) && !t.namedByWire(newAdmission(ad.access, twin)) {
				return twin.Service.Key(), twin.Service.Key() + " has the identity of " + caller.Key()
			}
		}
	}
	return "", ""
}

func (t *trial) names(is func(model.Peer) bool) bool { return slices.ContainsFunc(t.From, is) }

// named reports whether the assertion names the caller by its document.
func (t *trial) named(c model.Caller) bool {
	return t.names(func(p model.Peer) bool {
		switch {
		case p.Any:
			return true
		case c.Outsider != nil:
			return p.Outsider == c.Outsider
		default:
			return p.Service == c.Service || p.Team != nil && p.Team == c.Service.Team
		}
	})
}

// namedByWire reports whether the assertion names all that the admission shows to a policy: its identities, or its addresses.
func (t *trial) namedByWire(ad admission) bool {
	if ad.plaintext() {
		return t.names(func(p model.Peer) bool {
			if p.Outsider == nil {
				return p.Plaintext
			}
			_, ranges := outsiderPeers(p.Outsider)
			return len(ad.cidrs) > 0 && !slices.ContainsFunc(ad.cidrs, func(c netip.Prefix) bool { return !within(c, ranges) })
		})
	}
	return len(ad.principals) > 0 && !slices.ContainsFunc(ad.principals, func(id string) bool {
		return !t.names(func(p model.Peer) bool {
			return p.Identity == id || p.Outsider != nil && p.Outsider.Doc.Spec.Identity.Value == id
		})
	})
}

func overlap(a, b []netip.Prefix) bool {
	return slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

// within reports whether one of the ranges holds all of c.
func within(c netip.Prefix, ranges []netip.Prefix) bool {
	return slices.ContainsFunc(ranges, func(r netip.Prefix) bool { return r.Bits() <= c.Bits() && r.Overlaps(c) })
}
