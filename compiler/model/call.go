package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/syntax"
)

// placeOutsiders makes an Outsider of every document in every mesh where its calls arrive.
func (r *resolver) placeOutsiders(docs []*syntax.Outsider) {
	first := map[string]syntax.Text{}
	for _, d := range docs {
		name := d.Metadata.Name.Value
		if other, ok := first[name]; ok {
			r.duplicate("Outsider", name, other, d.Metadata.Name)
			continue
		}
		first[name] = d.Metadata.Name
		r.outsiders[name] = true
		team := r.teams[teamOfFile(d.File)]
		if team == nil {
			r.liesIn("platform", "Outsider "+name, d.Header)
		}
		clusters := r.choose(d.Spec.Clusters, r.estate.Clusters, r.estate.Clusters, "Outsider "+name, "spec.clusters")
		for _, m := range r.estate.Meshes {
			in := slices.DeleteFunc(slices.Clone(clusters), func(c *Cluster) bool { return c.Mesh != m })
			if len(in) > 0 {
				m.Outsiders = append(m.Outsiders, &Outsider{Doc: d, Mesh: m, Team: team, Name: name, Clusters: in})
			}
		}
	}
	for _, m := range r.estate.Meshes {
		slices.SortFunc(m.Outsiders, func(a, b *Outsider) int { return cmp.Compare(a.Name, b.Name) })
	}
}

// resolveCalls gives grants and intents their pointers, mesh by mesh.
func (r *resolver) resolveCalls() {
	for _, m := range r.estate.Meshes {
		for _, s := range m.Services {
			for i := range s.Doc.Spec.Grants.Items {
				if g := r.resolveGrant(s, &s.Doc.Spec.Grants.Items[i]); g != nil {
					s.Grants = append(s.Grants, g)
				}
			}
			before := r.told
			s.Intents = r.resolveIntents(m, Caller{Service: s}, s.Namespace.Name, s.Doc.Spec.Intents.Items)
			s.Slips = s.Slips || r.told > before
		}
		for _, o := range m.Outsiders {
			before := r.told
			o.Intents = r.resolveIntents(m, Caller{Outsider: o}, "", o.Doc.Spec.Intents.Items)
			o.Slips = r.told > before
		}
	}
}

// qualify turns a reference into namespace/name: a bare name is one's own namespace's.
func qualify(name, namespace string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return namespace + "/" + name
}

// resolveGrant returns nil for a grant that admits nobody of this mesh.
func (r *resolver) resolveGrant(s *Service, d *syntax.Grant) *Grant {
	before := r.told
	defer func() { s.Slips = s.Slips || r.told > before }()
	g := &Grant{Doc: d, Provider: s}
	object, field := s.Object(), "spec.grants["+grantee(d.From)+"]"
	g.Endpoints = r.resolveEndpointNames(s, d.Endpoints.Items, object, field)
	switch from := d.From; {
	case from.Team.Value != "":
		if g.Team = r.teams[from.Team.Value]; g.Team == nil {
			r.unknown(UnknownTeam, from.Team, "Team", keys(r.teams), object, field)
			return nil
		}
	case from.Outsider.Value != "":
		if !r.outsiders[from.Outsider.Value] {
			r.unknown(UnknownOutsider, from.Outsider, "Outsider", keys(r.outsiders), object, field)
			return nil
		}
		i := slices.IndexFunc(s.Mesh.Outsiders, func(o *Outsider) bool { return o.Name == from.Outsider.Value })
		if i < 0 {
			return nil
		}
		g.Outsider = s.Mesh.Outsiders[i]
	default:
		key := qualify(from.Service.Value, s.Namespace.Name)
		if !r.services[key] && !r.misnamed[key] {
			r.unknown(UnknownService, from.Service, "Service", keys(r.services), object, field)
			return nil
		}
		if g.From = s.Mesh.services[key]; g.From == nil {
			return nil
		}
	}
	return g
}

// grantee is whom a grant names, as a key.
func grantee(f syntax.From) string {
	switch {
	case f.Team.Value != "":
		return "team " + f.Team.Value
	case f.Outsider.Value != "":
		return "outsider " + f.Outsider.Value
	default:
		return f.Service.Value
	}
}

func (r *resolver) resolveEndpointNames(s *Service, names []syntax.Text, object, field string) []*Endpoint {
	var all []*Endpoint
	for _, n := range names {
		e := s.Endpoint(n.Value)
		if e == nil {
			r.unknownEndpoint(UnknownEndpoint, s, n, object, field)
			continue
		}
		all = append(all, e)
	}
	return all
}

func (r *resolver) unknownEndpoint(rule *diag.Rule, s *Service, n syntax.Text, object, field string) {
	r.slips++
	var known []string
	for _, e := range s.Endpoints {
		known = append(known, e.Name)
	}
	f := diag.Finding{
		Message: fmt.Sprintf("%s has no endpoint %q", s.Key(), n.Value),
		Help:    fmt.Sprintf("%s offers %s", s.Key(), strings.Join(shorten(known), ", ")),
		Related: []diag.Related{{Span: s.Doc.Metadata.Name.Span, Message: s.Key() + " is declared here"}},
		Objects: []string{object}, Field: field + ".endpoints[" + n.Value + "]",
	}
	if len(known) == 0 {
		f.Help = fmt.Sprintf("%s offers no endpoint at all: its team declares them in `endpoints:`", s.Key())
	}
	if near := diag.Nearest(n.Value, known); near != "" {
		f.Help = fmt.Sprintf("did you mean %q?", near)
		f.Fix = rename(n, near)
	}
	r.add(rule, n.Span, f)
}

func (r *resolver) resolveIntents(m *Mesh, c Caller, namespace string, docs []syntax.Intent) []*Intent {
	var all []*Intent
	asked := map[*Endpoint]syntax.Text{}
	for i := range docs {
		d := &docs[i]
		key := qualify(d.To.Value, namespace)
		field := "spec.intents[" + key + "]"
		in := &Intent{Doc: d, Caller: c, Activity: r.activity(d.Activity, c.Object(), field+".activity")}
		if in.To = m.services[key]; in.To == nil {
			if r.misnamed[key] {
				continue
			}
			if !r.services[key] {
				r.unknown(UnknownService, d.To, "Service", keys(r.services), c.Object(), field)
				continue
			}
			all = append(all, in) // declared, but in no cluster of this mesh: a finding of check's
			continue
		}
		for _, n := range d.Endpoints.Items {
			e := in.To.Endpoint(n.Value)
			switch first, twice := asked[e]; {
			case e == nil:
				r.unknownEndpoint(UnknownEndpoint, in.To, n, c.Object(), field)
			case twice:
				r.askedTwice(c, e, n, first, d)
			default:
				asked[e] = n
				in.Endpoints = append(in.Endpoints, e)
			}
		}
		all = append(all, in)
	}
	return all
}

func (r *resolver) askedTwice(c Caller, e *Endpoint, n, first syntax.Text, d *syntax.Intent) {
	r.add(DuplicateReference, n.Span, diag.Finding{
		Message: fmt.Sprintf("%s asks for %s twice", c.Key(), e),
		Help:    "ask once, with one reason",
		Related: []diag.Related{{Span: first.Span, Message: "the first time"}},
		Fix:     syntax.RemoveItem(d.Endpoints, n),
		Objects: []string{c.Object()}, Field: "spec.intents[" + e.Service.Key() + "].endpoints[" + e.Name + "]",
	})
}

// deriveAccesses pairs what callers ask for with consent.
func (r *resolver) deriveAccesses() {
	for _, m := range r.estate.Meshes {
		for _, s := range m.Services {
			for _, in := range s.Intents {
				r.accessesOf(m, in)
			}
		}
		for _, o := range m.Outsiders {
			for _, in := range o.Intents {
				r.accessesOf(m, in)
			}
		}
		for i := range m.Doc.Spec.Infrastructure.Items {
			r.infrastructure(m, &m.Doc.Spec.Infrastructure.Items[i])
		}
		slices.SortStableFunc(m.Accesses, compareAccess)
		slices.SortStableFunc(m.Pending, compareAccess)
	}
}

// compareAccess is the order of callee, endpoint and caller. Only accesses of one endpoint need their callers looked at, and they do
// not need more.
func compareAccess(a, b *Access) int {
	if a.Endpoint == b.Endpoint {
		return cmp.Compare(a.Caller.Key(), b.Caller.Key())
	}
	return cmp.Or(cmp.Compare(a.Callee().Key(), b.Callee().Key()), cmp.Compare(a.Endpoint.Name, b.Endpoint.Name))
}

func (r *resolver) accessesOf(m *Mesh, in *Intent) {
	var waiting []*Access
	for _, e := range in.Endpoints {
		if e.Broken || r.foreignOutsider(in, e) {
			continue
		}
		a := &Access{Caller: in.Caller, Endpoint: e, Intent: in}
		a.Consent, a.Grant = e.ConsentTo(in.Caller)
		if a.Consent == NoConsent {
			waiting = append(waiting, a)
			continue
		}
		if a.Grant != nil {
			a.Grant.Used = append(a.Grant.Used, e)
		}
		m.Accesses = append(m.Accesses, a)
	}
	if len(waiting) > 0 {
		m.Pending = append(m.Pending, waiting...)
		if !in.To.Slips { // a misspelt grant may be the very consent
			r.pending(in, waiting)
		}
	}
}

// foreignOutsider refuses an Outsider in one team's folder that calls a Service of another's. The owner of an Outsider says
// which addresses or identity it has, so a grant to it would be a grant to whatever that team writes there next.
func (r *resolver) foreignOutsider(in *Intent, e *Endpoint) bool {
	o := in.Caller.Outsider
	if o == nil || o.Team == nil || o.Team == e.Service.Team {
		return false
	}
	r.add(ForeignOutsider, in.Doc.To.Span, diag.Finding{
		Message: fmt.Sprintf("outsider %s of team %s calls %s of team %s", o.Name, o.Team.Name, e.Service.Key(), e.Service.Team.Name),
		Help:    fmt.Sprintf("move the Outsider to policies/platform or to policies/teams/%s: who lets an outsider in says who it is", e.Service.Team.Name),
		Objects: []string{in.Caller.Object()}, Field: "spec.intents[" + e.Service.Key() + "]",
	})
	return true
}

// ConsentTo is why the callee lets the caller in, if it asks. A grant is looked for before the audience, so that a grant somebody wrote
// counts as used.
func (e *Endpoint) ConsentTo(c Caller) (Consent, *Grant) {
	if c.Team() == e.Service.Team {
		return SameTeam, nil
	}
	for _, g := range e.Service.Grants {
		if g.admits(c, e) {
			return ByGrant, g
		}
	}
	if e.ForMesh && c.Service != nil {
		return ByAudience, nil
	}
	return NoConsent, nil
}

// pending shows the provider the lines to add. There is no fix: consent is the provider's to give, not a machine's.
func (r *resolver) pending(in *Intent, waiting []*Access) {
	s := in.To
	var names []string
	for _, a := range waiting {
		names = append(names, a.Endpoint.Name)
	}
	from := in.Caller.Key()
	if in.Caller.Outsider != nil {
		from = "{outsider: " + in.Caller.Outsider.Name + "}"
	}
	line := fmt.Sprintf("{from: %s, endpoints: [%s]}", from, strings.Join(names, ", "))
	help := fmt.Sprintf("team %s adds to the grants of %s: - %s", s.Team.Name, s.Key(), line)
	where := s.Doc.Spec.Grants.Span
	if where.IsZero() {
		where, help = s.Doc.Metadata.Name.Span, fmt.Sprintf("team %s adds to the spec of %s: grants: [%s]", s.Team.Name, s.Key(), line)
	}
	r.add(Pending, in.Doc.To.Span, diag.Finding{
		Message: fmt.Sprintf("%s waits for consent of %s to %s", in.Caller.Key(), s.Key(), strings.Join(names, ", ")),
		Help:    help,
		Related: []diag.Related{{Span: where, Message: "the grant goes here"}},
		Objects: []string{in.Caller.Object()}, Field: "spec.intents[" + s.Key() + "]/" + strings.Join(names, ","),
	})
}

// infrastructure lets a Service call an endpoint of many, on the platform's word: those Services of the mesh, or of the named
// teams, that have an endpoint of the name.
func (r *resolver) infrastructure(m *Mesh, d *syntax.Infrastructure) {
	object, field := "Mesh "+m.Name, "spec.infrastructure["+d.Name.Value+"]"
	before := r.told
	defer func() { m.Slips = m.Slips || r.told > before }()
	from := r.inMesh(m, d.From, object, field+".from")
	if from == nil {
		return
	}
	for _, t := range d.Teams.Items {
		if r.teams[t.Value] == nil {
			r.unknown(UnknownTeam, t, "Team", keys(r.teams), object, field+".teams["+t.Value+"]")
		}
	}
	for _, n := range d.Endpoints.Items {
		offered := false
		for _, s := range m.Services {
			e := s.Endpoint(n.Value)
			if e == nil || s == from || !namesTeam(d.Teams, s.Team) {
				continue
			}
			offered = true
			if e.Broken {
				continue
			}
			m.Accesses = append(m.Accesses, &Access{Caller: Caller{Service: from}, Endpoint: e, Infrastructure: d, Consent: ByPlatform})
		}
		if !offered {
			r.add(UnknownEndpoint, n.Span, diag.Finding{
				Message: fmt.Sprintf("no Service that %q selects has an endpoint %q", d.Name.Value, n.Value),
				Help:    "name an endpoint that Services declare, or leave it out",
				Objects: []string{object}, Field: field + ".endpoints[" + n.Value + "]",
			})
		}
	}
}

func namesTeam(teams syntax.List[syntax.Text], t *Team) bool {
	return len(teams.Items) == 0 || slices.ContainsFunc(teams.Items, func(n syntax.Text) bool { return n.Value == t.Name })
}
