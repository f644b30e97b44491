package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/conformance/rbac"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// Outcome is what becomes of a request, in words: deny, allow, or ask with the provider's name.
type Outcome string

func istio(chain *rbac.Chain, facts rbac.Facts) Outcome {
	answer, provider := chain.Decide(facts)
	if answer == rbac.Ask {
		return Outcome("ask " + provider)
	}
	return Outcome(answer.String())
}

func ours(p *authz.Point, r authz.Request) Outcome {
	switch d := p.Decide(r); d.Answer {
	case authz.Deny:
		return "deny"
	case authz.Allow:
		return "allow"
	default:
		return Outcome("ask " + d.Provider)
	}
}

// Point reads the world's policies back from the bytes of a manifest and keeps those that attach to its pod. It also says what in
// them the evaluator has no meaning for.
func (w *World) Point() (*authz.Point, []manifest.Unknown, error) {
	objects, err := w.Objects()
	if err != nil {
		return nil, nil, err
	}
	var file bytes.Buffer
	for _, o := range objects {
		document, err := yaml.JSONToYAML(o)
		if err != nil {
			return nil, nil, err
		}
		file.WriteString("---\n")
		file.Write(document)
	}
	read, err := manifest.Read("world.yaml", file.Bytes())
	if err != nil {
		return nil, nil, err
	}
	p := &authz.Point{
		Mesh:      authz.Mesh{TrustDomain: w.TrustDomain, Aliases: w.Aliases, RootNamespace: w.Root},
		Namespace: w.Namespace,
		Issuers:   w.Issuers,
	}
	var unknown []manifest.Unknown
	for _, o := range read {
		unknown = append(unknown, o.Unknown...)
		if !authz.Attaches(o, authz.Pod{Namespace: w.Namespace, Labels: w.Labels}, w.Root) {
			continue
		}
		unknown = append(unknown, authz.Unmodelled(o)...)
		p.Policies = append(p.Policies, o)
	}
	return p, unknown, nil
}

// Divergence is a request that Istio and the evaluator decide differently.
type Divergence struct {
	World       *World
	Request     authz.Request
	Shadow      bool // asked about dry-run policies
	Istio, Ours Outcome
}

func (d *Divergence) String() string {
	objects, _ := d.World.Objects()
	policies, _ := json.MarshalIndent(objects, "", " ")
	var s strings.Builder
	fmt.Fprintf(&s, "istio: %s, ours: %s (dry-run: %t)\n", d.Istio, d.Ours, d.Shadow)
	fmt.Fprintf(&s, "request: %+v\n", d.Request)
	if d.Request.Token != nil {
		fmt.Fprintf(&s, "token: %+v\n", *d.Request.Token)
	}
	fmt.Fprintf(&s, "trust domain %s, aliases %v, pod of %s %v, issuers %v\n%s", d.World.TrustDomain, d.World.Aliases,
		d.World.Namespace, d.World.Labels, d.World.Issuers, policies)
	return s.String()
}

// No world has more classes of requests, so that all of them can be gone through.
const most = 8000

// demand is how much is asked of a world: so many classes at least, and so many that the construct decides which it is about.
type demand struct{ classes, decided int }

// split is the classes of requests of one protocol that a chain tells apart.
type split struct {
	http       bool
	chain      *rbac.Chain
	attributes []string
	dimensions [][]class
}

func (s *split) size() int {
	n := 1
	for _, d := range s.dimensions {
		n *= len(d)
	}
	return n
}

// splits are the classes of requests of both protocols.
func splits(r *rand.Rand, w *World, chains *Chains) []*split {
	var all []*split
	for _, s := range []*split{{http: true, chain: chains.HTTP}, {http: false, chain: chains.TCP}} {
		for _, d := range dimensions(r, w, s.http) {
			s.attributes = append(s.attributes, d.attribute)
			s.dimensions = append(s.dimensions, divide(r, s.chain, d))
		}
		all = append(all, s)
	}
	return all
}

// Result is what came of one world.
type Result struct {
	Classes     int
	Allowed     int
	Sets        int               // requests that the evaluator's sets were asked about as well
	Decided     map[Construct]int // how many classes the construct decided
	Divergences []*Divergence

	World *World
	Cases []Case // some of the requests, for the corpus
	// telling are the requests that the construct which the world is about decides, by protocol and number.
	telling map[[2]int]bool
}

// Check holds the two against each other over all classes of a world's requests, and counts what its constructs decide. It returns
// nil for a world that has too many classes, that the evaluator has no meaning for, or that does not meet the demand.
func Check(r *rand.Rand, w *World, aim Construct, want demand) (*Result, error) {
	chains, err := w.Compile()
	if err != nil {
		return nil, err
	}
	all := splits(r, w, chains)
	if n := all[0].size() + all[1].size(); n < want.classes || n > most {
		return nil, nil
	}
	result := &Result{World: w, Decided: map[Construct]int{}, telling: map[[2]int]bool{}}
	answers := [][]Outcome{nil, nil}
	for i, s := range all {
		product(s.chain, s.dimensions, func(_ *Request, facts rbac.Facts) {
			answers[i] = append(answers[i], istio(s.chain, facts))
		})
	}
	for _, o := range some(r, occurrences(w), aim) {
		if err := result.count(w, all, answers, o, aim); err != nil {
			return nil, err
		}
	}
	if result.Decided[aim] < want.decided {
		return nil, nil
	}
	point, unknown, err := w.Point()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, (&Divergence{World: w}).String())
	}
	if len(unknown) > 0 {
		return nil, nil
	}
	shadow := *point
	shadow.DryRun = true
	for i, s := range all {
		n := 0
		product(s.chain, s.dimensions, func(q *Request, facts rbac.Facts) {
			answer := answers[i][n]
			result.Classes++
			if answer == "allow" {
				result.Allowed++
			}
			dry := Outcome(s.chain.Shadow(facts).String())
			result.compare(w, q, false, answer, ours(point, q.Ours))
			result.compare(w, q, true, dry, ours(&shadow, q.Ours))
			result.keep(q, answer, dry, result.telling[[2]int{i, n}])
			n++
		})
	}
	if err := result.sets(r, point, all); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, (&Divergence{World: w}).String())
	}
	return result, nil
}

func (result *Result) compare(w *World, q *Request, shadow bool, want, got Outcome) {
	if want != got && len(result.Divergences) == 0 {
		result.Divergences = append(result.Divergences, &Divergence{w, q.Ours, shadow, want, got})
	}
}

// sets holds the evaluator's sets against Istio for a few requests.
func (result *Result) sets(r *rand.Rand, point *authz.Point, all []*split) error {
	const few = 2
	for _, s := range all {
		var headers []string
		for _, a := range s.attributes {
			if name, ok := strings.CutPrefix(a, "header:"); ok {
				headers = append(headers, name)
			}
		}
		for range few {
			var q Request
			facts := s.chain.NoFacts()
			for _, d := range s.dimensions {
				c := pick(r, d)
				c.set(&q, c.value)
				for i := range facts {
					facts[i] |= c.facts[i]
				}
			}
			want, _, _ := strings.Cut(string(istio(s.chain, facts)), " ")
			got, err := bySets(point, &q.Ours, headers)
			if err != nil {
				return err
			}
			if got == "" {
				continue
			}
			result.Sets++
			if string(got) != want {
				return fmt.Errorf("istio: %s, sets: %s, of %+v", want, got, q.Ours)
			}
		}
	}
	return nil
}

// count takes a construct away and counts the requests that are then decided otherwise.
func (result *Result) count(w *World, all []*split, answers [][]Outcome, o occurrence, aim Construct) error {
	less := w.Clone()
	o.without(less)
	chains, err := less.Compile()
	if err != nil {
		return err
	}
	for i, s := range all {
		chain := chains.TCP
		if s.http {
			chain = chains.HTTP
		}
		n := 0
		product(chain, s.asSeenBy(chain, less.Issuers != nil), func(q *Request, facts rbac.Facts) {
			changes := istio(chain, facts) != answers[i][n]
			if changes && (o.only == nil || o.only(s.http, &q.Envoy)) {
				result.Decided[o.construct]++
				if o.construct == aim && len(result.telling) < 64 {
					result.telling[[2]int{i, n}] = true
				}
			}
			n++
		})
	}
	return nil
}

// asSeenBy is the same classes with the leaves of another chain, in a world with or without issuers of tokens.
func (s *split) asSeenBy(chain *rbac.Chain, issuers bool) [][]class {
	seen := make([][]class, len(s.dimensions))
	for i, d := range s.dimensions {
		seen[i] = slices.Clone(d)
		for j := range seen[i] {
			var q Request
			seen[i][j].set(&q, seen[i][j].value)
			if t, ok := seen[i][j].value.(token); ok && issuers {
				q.Envoy.Claims = t.envoy
			}
			seen[i][j].facts = chain.Facts(&q.Envoy, s.attributes[i])
		}
	}
	return seen
}

// some are the occurrences of the construct that the world was made for, and a few others.
func some(r *rand.Rand, all []occurrence, aim Construct) []occurrence {
	const few = 12
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b occurrence) int {
		switch {
		case a.construct == aim && b.construct != aim:
			return -1
		case a.construct != aim && b.construct == aim:
			return 1
		}
		return 0
	})
	return all[:min(len(all), few)]
}
