package query

import (
	"cmp"
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// Entry is one caller of one endpoint, in the clusters where that is so for one reason.
type Entry struct {
	Caller   string
	Team     string // "" of the platform's
	Endpoint string
	Meshes   []string
	// Clusters are those of the callee where calls of the caller arrive, and Enforced those of them where others are refused.
	Clusters, Enforced []string
	Because            string
	Consent            string
	// Asked is where the caller asks, and Agreed where somebody consents, zero where one team owns both.
	Asked, Agreed diag.Span
	// Alike are callers that policies cannot tell from this one.
	Alike []string
}

// Callers is the answer to who can call something.
type Callers struct {
	Entries []Entry // by endpoint and caller
	// Open are the clusters in which nothing is enforced: there, whoever reaches the callee can call it.
	Open []string
	// Waiting and Withheld are accesses that are not there: for want of consent, and because a rule objects.
	Waiting, Withheld []string
}

// WhoCan answers who can call a Service, or one endpoint of it. An error says what of the question names nothing.
func (x *Index) WhoCan(to, endpoint string) (*Callers, error) {
	services, err := x.services(to)
	if err != nil {
		return nil, err
	}
	if endpoint != "" {
		if _, err := endpoints(services, endpoint); err != nil {
			return nil, err
		}
	}
	c := &Callers{}
	for _, s := range services {
		for _, w := range s.Workloads {
			if open(w) {
				c.Open = append(c.Open, w.Cluster.Name)
			}
		}
		for _, a := range x.accesses[s] {
			if endpoint == "" || a.Endpoint.Name == endpoint {
				x.enter(c, a)
			}
		}
		for _, a := range x.pending[s] {
			if endpoint == "" || a.Endpoint.Name == endpoint {
				c.Waiting = append(c.Waiting, a.String())
			}
		}
	}
	c.Open, c.Waiting, c.Withheld = unique(c.Open), unique(c.Waiting), unique(c.Withheld)
	slices.SortStableFunc(c.Entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Caller, b.Caller), bySpan(a.Asked, b.Asked))
	})
	return c, nil
}

// enter adds the access, as far as it holds.
func (x *Index) enter(c *Callers, a *model.Access) {
	e := Entry{
		Caller: a.Caller.Key(), Endpoint: a.Endpoint.Name, Meshes: []string{a.Callee().Mesh.Name},
		Because: a.Because(), Consent: a.Consent.String(), Asked: a.Span(), Agreed: Agreed(a),
	}
	if t := a.Caller.Team(); t != nil {
		e.Team = t.Name
	}
	for leg := range a.Legs() {
		if rule := x.checked.WithheldBy(a, leg.From); rule != nil {
			c.Withheld = append(c.Withheld, fmt.Sprintf("%s (%s)", a, rule.Code))
			continue
		}
		e.Clusters = append(e.Clusters, leg.To.Cluster.Name)
		if !open(leg.To) {
			e.Enforced = append(e.Enforced, leg.To.Cluster.Name)
		}
	}
	if len(e.Clusters) == 0 {
		return
	}
	e.Clusters, e.Enforced = unique(e.Clusters), unique(e.Enforced)
	if s := a.Caller.Service; s != nil {
		e.Alike = x.twins(s, a.Callee().Workloads)
	}
	c.merge(e)
}

// Agreed is where somebody consents to the access, zero where nobody does or one team owns both sides.
func Agreed(a *model.Access) diag.Span {
	switch a.Consent {
	case model.ByGrant:
		return a.Grant.Doc.From.Span
	case model.ByAudience:
		return a.Endpoint.Doc.Audience.Span
	case model.ByPlatform:
		return a.Infrastructure.Name.Span
	default:
		return diag.Span{}
	}
}

// merge puts entries together that rest on the same lines in several meshes.
func (c *Callers) merge(e Entry) {
	i := slices.IndexFunc(c.Entries, func(o Entry) bool {
		return o.Caller == e.Caller && o.Endpoint == e.Endpoint && o.Asked == e.Asked && o.Agreed == e.Agreed
	})
	if i < 0 {
		c.Entries = append(c.Entries, e)
		return
	}
	o := &c.Entries[i]
	o.Meshes, o.Clusters = unique(append(o.Meshes, e.Meshes...)), unique(append(o.Clusters, e.Clusters...))
	o.Enforced, o.Alike = unique(append(o.Enforced, e.Enforced...)), unique(append(o.Alike, e.Alike...))
}
