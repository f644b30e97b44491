package privacy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// naive is the same as Flow, read from the page: sets of keys grow sweep by sweep until none does.
type naive struct {
	estate *model.Estate
	holds  map[*model.Service]map[string]bool
	x      map[*model.Service]map[string]bool
}

type keys = map[string]bool

func has(set keys, category string) bool {
	for k := range set {
		if vocabulary.Covers(k, category) {
			return true
		}
	}
	return false
}

func newNaive(e *model.Estate) *naive {
	n := &naive{e, map[*model.Service]map[string]bool{}, map[*model.Service]map[string]bool{}}
	for _, s := range e.Meshes[0].Services {
		n.holds[s], n.x[s] = keys{}, keys{}
		if s.PersonalData == nil {
			continue
		}
		for _, p := range s.PersonalData.Processes {
			for _, c := range p.Categories {
				if strings.HasPrefix(c, "user") {
					n.holds[s][c], n.x[s][c] = true, true
				}
			}
		}
	}
	for grown := true; grown; {
		grown = false
		for s := range n.x {
			for c := range n.undeclared(s, n.x) {
				if !n.x[s][c] {
					n.x[s][c], grown = true, true
				}
			}
		}
	}
	return n
}

// returns is eff_R of the page, where its Service is exposed to what x says.
func (n *naive) returns(e *model.Endpoint, x map[*model.Service]map[string]bool) keys {
	all := keys{}
	if e.Returns != nil {
		for _, c := range e.Returns.Categories {
			if strings.HasPrefix(c, "user") {
				all[c] = true
			}
		}
		return all
	}
	dropped, named := keys{}, false
	if e.Service.PersonalData != nil {
		for _, d := range e.Service.PersonalData.Declassifications {
			if d.Doc.Method.Value == "discard" || !slices.Contains(d.Endpoints, e) {
				continue
			}
			named = true
			for _, c := range d.Drops {
				dropped[c] = true
			}
			if d.Doc.Method.Value == "pseudonymise" {
				all["user.unique_id.pseudonymous"] = true
			}
		}
	}
	if len(e.Paths) == 1 && e.Paths[0].Text == "/healthz" && !named {
		return keys{}
	}
	for c := range x[e.Service] {
		if !has(dropped, c) {
			all[c] = true
		}
	}
	return all
}

// in is what comes to the Service by the hop of each access and channel, less what is acknowledged.
func (n *naive) in(s *model.Service, x map[*model.Service]map[string]bool, tell func(c string, from *model.Service, a *model.Access)) {
	yield := func(c string, from *model.Service, a *model.Access) {
		if strings.HasPrefix(c, "user") {
			tell(c, from, a)
		}
	}
	for _, a := range n.estate.Meshes[0].Accesses {
		callee, caller := a.Callee(), a.Caller.Service
		if caller == callee {
			continue
		}
		if caller == s {
			for c := range n.returns(a.Endpoint, x) {
				if !acknowledged(callee, s, a.Endpoint, c) {
					yield(c, callee, a)
				}
			}
		}
		if callee == s && a.Endpoint.Accepts != nil {
			for _, c := range a.Endpoint.Accepts.Categories {
				yield(c, caller, a)
			}
		}
	}
	if s.PersonalData == nil {
		return
	}
	for _, end := range s.PersonalData.Channels {
		if end.Doc.Receives == nil {
			continue
		}
		for _, c := range end.Receives {
			yield(c, nil, nil)
		}
		for other := range n.x {
			if other == s || other.PersonalData == nil {
				continue
			}
			for _, send := range other.PersonalData.Channels {
				if send.Key != end.Key {
					continue
				}
				for _, c := range send.Sends {
					yield(c, other, nil)
				}
				if send.Doc.Receives == nil && len(send.Sends) == 0 {
					for c := range x[other] {
						yield(c, other, nil)
					}
				}
			}
		}
	}
}

func acknowledged(callee, caller *model.Service, e *model.Endpoint, c string) bool {
	return callee.PersonalData != nil && slices.ContainsFunc(callee.PersonalData.Acknowledgements, func(k *model.Acknowledgement) bool {
		return k.Caller == caller && k.Endpoint == e && slices.ContainsFunc(k.Categories, func(wide string) bool { return vocabulary.Covers(wide, c) })
	})
}

// undeclared is what comes to the Service and is neither held nor discarded, where the others are exposed to what x says.
func (n *naive) undeclared(s *model.Service, x map[*model.Service]map[string]bool) keys {
	discarded := keys{}
	if s.PersonalData != nil {
		for _, d := range s.PersonalData.Declassifications {
			for _, c := range d.Drops {
				discarded[c] = discarded[c] || d.Doc.Method.Value == "discard"
			}
		}
	}
	for c, yes := range discarded {
		if !yes {
			delete(discarded, c)
		}
	}
	all := keys{}
	n.in(s, x, func(c string, _ *model.Service, _ *model.Access) {
		if !has(n.holds[s], c) && !has(discarded, c) {
			all[c] = true
		}
	})
	return all
}

// gaps are those of the undeclared categories that come from where they are declared: with the others holding what they say alone.
func (n *naive) gaps() []string {
	var all []string
	for s := range n.x {
		for _, c := range minimal(n.undeclared(s, n.holds)) {
			all = append(all, s.Name+" "+c)
		}
	}
	slices.Sort(all)
	return all
}

func minimal(set keys) []string {
	var all []string
	for c := range set {
		all = append(all, c)
	}
	return vocabulary.Minimal(all)
}

var words = []string{"user", "user.contact", "user.contact.email", "user.contact.address", "user.name", "user.name.first", "user.unique_id.pseudonymous", "system"}

// random is the specs of a small estate.
func random(r *rand.Rand) map[string]string {
	n := 2 + r.IntN(5)
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	some := func() string {
		list := []string{one(words...)}
		for r.IntN(3) == 0 {
			if w := one(words...); !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	specs := map[string]string{}
	for i := range n {
		var b strings.Builder
		b.WriteString(http + "  endpoints:\n")
		for j := range 3 {
			path := fmt.Sprintf("/e%d", j)
			if r.IntN(8) == 0 && j == 0 {
				path = "/healthz"
			}
			tags := ""
			if r.IntN(3) == 0 {
				tags += ", returns: " + one(some(), some(), "none", "{none: because}")
			}
			if r.IntN(4) == 0 {
				tags += ", accepts: " + one(some(), "none")
			}
			fmt.Fprintf(&b, "    e%d: {methods: [POST], paths: [%s]%s}\n", j, path, tags)
		}
		if calls := r.IntN(4); calls > 0 {
			b.WriteString("  intents:\n")
			asked := map[string]bool{}
			for range calls {
				to, e := fmt.Sprintf("s%d", r.IntN(n)), fmt.Sprintf("e%d", r.IntN(3))
				if !asked[to+e] {
					fmt.Fprintf(&b, "    - {to: %s, endpoints: [%s], because: it has to}\n", to, e)
				}
				asked[to+e] = true
			}
		}
		switch r.IntN(4) {
		case 0:
			b.WriteString(none)
		case 1:
			if r.IntN(2) == 0 {
				break // it does not say
			}
			fallthrough
		default:
			fmt.Fprintf(&b, "  personalData:\n    processes: [{activity: a, categories: %s, stored: true}]\n", some())
			if r.IntN(3) == 0 {
				b.WriteString("    declassifies:\n")
				fmt.Fprintf(&b, "      - {name: d0, drops: %s, method: %s, endpoints: [e0, e1], because: so it is}\n", some(), one("aggregate", "anonymise", "pseudonymise", "discard"))
				fmt.Fprintf(&b, "      - {name: d1, drops: %s, method: %s, endpoints: [e1], because: so it is}\n", some(), one("aggregate", "pseudonymise"))
				fmt.Fprintf(&b, "      - {name: d2, drops: %s, method: discard, because: so it is}\n", some())
			}
			if r.IntN(2) == 0 {
				fmt.Fprintf(&b, "    channels: [{name: t%d, %sactivity: a, because: events}]\n", r.IntN(2),
					one("", "sends: "+some()+", ", "receives: none, ", "receives: "+some()+", ", "sends: "+some()+", receives: none, "))
			}
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, "    acknowledges: [{caller: s%d, endpoint: e%d, categories: %s, since: 2026-01-01}]\n", r.IntN(n), r.IntN(3), some())
			}
		}
		specs[fmt.Sprintf("s%d", i)] = b.String()
	}
	return specs
}

func rounds(t *testing.T, each func(t *testing.T, r *rand.Rand, specs map[string]string)) {
	n := 150
	if testing.Short() {
		n = 40
	}
	gaps := 0
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 6))
		specs := random(r)
		gaps += len(privacy.Trace(resolve(t, specs)).Gaps())
		each(t, r, specs)
		if t.Failed() {
			for name, spec := range specs {
				t.Logf("%s:\n%s", name, spec)
			}
			t.Fatalf("seed %d", seed)
		}
	}
	if gaps < n/2 {
		t.Errorf("%d estates have %d gaps: too few to tell anything", n, gaps)
	}
}

func TestFlowIsTheLeastFixpointOfThePage(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T, r *rand.Rand, specs map[string]string) {
		e := resolve(t, specs)
		f, n := privacy.Trace(e), newNaive(e)
		for s, x := range n.x {
			if got, want := f.Exposed(s), minimal(x); !slices.Equal(got, want) {
				t.Errorf("%s is exposed to %v, want %v", s.Name, got, want)
			}
			for _, end := range s.Endpoints {
				if got, want := f.Returns(end), minimal(n.returns(end, n.x)); !slices.Equal(got, want) {
					t.Errorf("%s returns %v, want %v", end, got, want)
				}
			}
		}
		var found []string
		for _, g := range f.Gaps() {
			found = append(found, g.Service.Name+" "+g.Category)
		}
		if want := n.gaps(); !slices.Equal(found, want) {
			t.Errorf("gaps %v, want %v", found, want)
		}
		nobodyIsForgotten(t, f, n)
		whateverTheOrder(t, r, e, f)
	})
}

// nobodyIsForgotten holds that whatever comes somewhere undeclared is told: as a gap, or further down from one.
func nobodyIsForgotten(t *testing.T, f *privacy.Flow, n *naive) {
	t.Helper()
	all := f.Gaps()
	for s := range n.x {
		for c := range n.undeclared(s, n.x) {
			if !slices.ContainsFunc(all, func(g privacy.Gap) bool {
				return vocabulary.Covers(g.Category, c) && (g.Service == s || slices.Contains(g.Also, s))
			}) {
				t.Errorf("%s comes to %s, and nobody tells", c, s.Name)
			}
		}
	}
}

func whateverTheOrder(t *testing.T, r *rand.Rand, e *model.Estate, f *privacy.Flow) {
	t.Helper()
	m := e.Meshes[0]
	want := gapsWithoutWays(f)
	m.Services, m.Accesses = slices.Clone(m.Services), slices.Clone(m.Accesses)
	r.Shuffle(len(m.Services), func(i, j int) { m.Services[i], m.Services[j] = m.Services[j], m.Services[i] })
	r.Shuffle(len(m.Accesses), func(i, j int) { m.Accesses[i], m.Accesses[j] = m.Accesses[j], m.Accesses[i] })
	g := privacy.Trace(e)
	for _, s := range m.Services {
		if !slices.Equal(f.Exposed(s), g.Exposed(s)) {
			t.Errorf("%s is exposed to %v or %v", s.Name, f.Exposed(s), g.Exposed(s))
		}
	}
	if got := gapsWithoutWays(g); !slices.Equal(got, want) {
		t.Errorf("gaps %v or %v", got, want)
	}
}

func gapsWithoutWays(f *privacy.Flow) []string {
	var all []string
	for _, g := range f.Gaps() {
		line := g.Service.Name + " " + g.Category + fmt.Sprint(len(g.Path), len(g.Onward))
		for _, s := range g.Steps {
			line += " " + s.Category
			if s.Access != nil {
				line += s.Access.String()
			}
		}
		all = append(all, line)
	}
	return all
}

func TestEachGapHasAWayThatIsReal(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T, _ *rand.Rand, specs map[string]string) {
		e := resolve(t, specs)
		f, n := privacy.Trace(e), newNaive(e)
		for _, g := range f.Gaps() {
			if len(g.Path) == 0 || g.Path[len(g.Path)-1].To != g.Service || g.Path[len(g.Path)-1].Category != g.Category {
				t.Fatalf("the way to %s %s ends elsewhere: %+v", g.Service.Name, g.Category, g.Path)
			}
			for i, step := range g.Path {
				if i > 0 && step.From != g.Path[i-1].To {
					t.Errorf("the way to %s %s has a hole", g.Service.Name, g.Category)
				}
				from := n.x
				if i == 0 {
					from = n.holds // it begins where somebody declares it
				}
				real := false
				n.in(step.To, from, func(c string, s *model.Service, a *model.Access) {
					real = real || c == step.Category && s == step.From && a == step.Access
				})
				if !real {
					t.Errorf("no hop of %s from %v to %s", step.Category, step.From, step.To.Name)
				}
			}
		}
	})
}

func TestMoreIsNeverLess(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T, r *rand.Rand, specs map[string]string) {
		e := resolve(t, specs)
		m := e.Meshes[0]
		before := map[*model.Service][]string{}
		f := privacy.Trace(e)
		for _, s := range m.Services {
			before[s] = f.Exposed(s)
		}
		s, to := m.Services[r.IntN(len(m.Services))], m.Services[r.IntN(len(m.Services))]
		if r.IntN(2) == 0 {
			m.Accesses = append(m.Accesses, &model.Access{Caller: model.Caller{Service: s}, Endpoint: to.Endpoints[r.IntN(3)], Intent: &model.Intent{Doc: &syntax.Intent{}}})
		} else {
			declare(s, words[r.IntN(len(words))])
		}
		f = privacy.Trace(e)
		for s, had := range before {
			if lost := vocabulary.CoveredBy(had, f.Exposed(s)); len(lost) > 0 {
				t.Errorf("%s lost %v", s.Name, lost)
			}
		}
	})
}

func declare(s *model.Service, category string) {
	if s.PersonalData == nil {
		s.PersonalData = &model.PersonalData{Doc: &syntax.PersonalData{}}
	}
	s.PersonalData.Processes = append(s.PersonalData.Processes, &model.Processing{Doc: &syntax.Processing{}, Categories: []string{category}})
}

func TestEachRemedyMends(t *testing.T) {
	t.Parallel()
	remedies := map[string]func(*model.Mesh, privacy.Gap){
		"declare": func(_ *model.Mesh, g privacy.Gap) { declare(g.Service, g.Category) },
		"cut": func(m *model.Mesh, g privacy.Gap) {
			for _, step := range g.Steps {
				if step.Access != nil {
					m.Accesses = slices.DeleteFunc(m.Accesses, func(a *model.Access) bool { return a == step.Access })
					continue
				}
				d := g.Service.PersonalData
				d.Channels = slices.DeleteFunc(d.Channels, func(c *model.Channel) bool { return c.Key == step.Channel.Key })
			}
		},
		"discard": func(_ *model.Mesh, g privacy.Gap) {
			if g.Service.PersonalData == nil {
				g.Service.PersonalData = &model.PersonalData{Doc: &syntax.PersonalData{}}
			}
			g.Service.PersonalData.Declassifications = append(g.Service.PersonalData.Declassifications, &model.Declassification{
				Doc: &syntax.Declassification{Method: syntax.Text{Value: "discard"}}, Service: g.Service, Drops: []string{g.Category},
			})
		},
	}
	for name, mend := range remedies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds(t, func(t *testing.T, r *rand.Rand, specs map[string]string) {
				e := resolve(t, specs)
				all := privacy.Trace(e).Gaps()
				if len(all) == 0 {
					return
				}
				g := all[r.IntN(len(all))]
				mend(e.Meshes[0], g)
				for _, left := range privacy.Trace(e).Gaps() {
					if left.Service == g.Service && vocabulary.Covers(g.Category, left.Category) {
						t.Errorf("%s still has a gap for %s", g.Service.Name, left.Category)
					}
				}
			})
		})
	}
}
