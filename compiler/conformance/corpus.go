package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	sec "istio.io/api/security/v1beta1"

	"writ.dev/writ/compiler/conformance/rbac"
	"writ.dev/writ/compiler/prove/authz"
)

// Entry is one world of the corpus, which is plain JSON for whoever implements the same semantics.
type Entry struct {
	// Decides is a construct without which the answers are others.
	Decides       Construct         `json:"decides"`
	TrustDomain   string            `json:"trustDomain"`
	Aliases       []string          `json:"trustDomainAliases,omitempty"`
	RootNamespace string            `json:"rootNamespace"`
	Namespace     string            `json:"namespace"` // the pod's
	Labels        map[string]string `json:"labels"`
	Issuers       []string          `json:"issuers,omitempty"`
	Objects       []json.RawMessage `json:"objects"`
	Cases         []Case            `json:"cases"`
}

// Case is a request and what Istio's filters do with it: allow, deny, or ask with the name of an external authorizer. Fields that
// are not there are empty, but for a header, which is absent then.
type Case struct {
	Answer Outcome `json:"answer"`
	// DryRun is the answer of the dry-run policies, were they all there is.
	DryRun      Outcome           `json:"dryRun"`
	HTTP        bool              `json:"http,omitempty"`
	Principal   string            `json:"principal,omitempty"`
	Port        int               `json:"port"`
	Method      string            `json:"method,omitempty"`
	Path        string            `json:"path,omitempty"`
	Host        string            `json:"host,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Token       *Token            `json:"token,omitempty"`
	Source      netip.Addr        `json:"source"`
	Remote      netip.Addr        `json:"remote"`
	Destination netip.Addr        `json:"destination"`
	SNI         string            `json:"sni,omitempty"`
}

// Token is the claims of a valid token.
type Token struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub,omitempty"`
	Audiences []string            `json:"aud,omitempty"`
	Presenter string              `json:"azp,omitempty"`
	Claims    map[string][]string `json:"claims,omitempty"` // by path: [groups], [realm][roles]
}

// keep keeps a few requests for the corpus: those that tell first, and of the others some of each outcome.
func (result *Result) keep(q *Request, answer, dry Outcome, tells bool) {
	const most, others = 5, 2
	same := 0
	for _, c := range result.Cases {
		if c.Answer == answer && c.HTTP == q.Ours.HTTP {
			same++
		}
	}
	if !tells && same >= others || tells && len(result.Cases) >= most+2*others {
		return
	}
	result.Cases = append(result.Cases, caseOf(&q.Ours, answer, dry))
}

func caseOf(r *authz.Request, answer, dry Outcome) Case {
	c := Case{
		Answer: answer, DryRun: dry, HTTP: r.HTTP, Principal: r.Principal, Port: r.Port, Source: r.Source, Remote: r.Remote,
		Destination: r.Destination, SNI: r.SNI,
	}
	if r.HTTP {
		c.Method, c.Path, c.Host, c.Headers = r.Method, r.Path, r.Host, cloned(r.Headers)
		c.Token = tokenOf(r.Token)
	}
	return c
}

func cloned(headers map[string]string) map[string]string {
	if len(headers) == 0 {
		return nil
	}
	c := make(map[string]string, len(headers))
	for name, value := range headers {
		c[name] = value
	}
	return c
}

func tokenOf(t *authz.Token) *Token {
	if t == nil {
		return nil
	}
	return &Token{t.Issuer, t.Subject, t.Audiences, t.Presenter, t.Claims}
}

// Write writes entries as a JSON array, one a line.
func Write(w io.Writer, entries []Entry) error {
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return slices.Index(Constructs, a.Decides) - slices.Index(Constructs, b.Decides)
	})
	for i, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		before := ",\n"
		if i == 0 {
			before = "[\n"
		}
		if _, err := fmt.Fprintf(w, "%s%s", before, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, "\n]")
	return err
}

// Entry is the result as an entry of the corpus.
func (result *Result) Entry(decides Construct) (Entry, error) {
	w := result.World
	objects, err := w.Objects()
	return Entry{decides, w.TrustDomain, w.Aliases, w.Root, w.Namespace, w.Labels, w.Issuers, objects, result.Cases}, err
}

// alone is an entry of one value in one field, and the requests that come nearest to it on either side of what it matches. It has
// no cases where the evaluator has no meaning for the value.
func alone(r *rand.Rand, k kind, value string) (Entry, error) {
	w := &World{
		TrustDomain: "eu.example", Aliases: []string{"us.example"}, Root: "istio-system", Namespace: "shop",
		Labels: map[string]string{"app": "orders"}, Issuers: []string{"https://idp.example", "https://idp.example/realms/shop", "partners"},
		Policies: []Policy{{Namespace: "shop", Name: "policy", Spec: &sec.AuthorizationPolicy{Rules: []*sec.Rule{ruleOf(k, value)}}}},
	}
	if _, unknown, err := w.Point(); err != nil || len(unknown) > 0 {
		return Entry{}, err
	}
	chains, err := w.Compile()
	if err != nil {
		return Entry{}, err
	}
	var q Request
	all := dimensions(r, w, true)
	var about dimension
	for _, d := range all {
		d.set(&q, d.values[0])
		if len(d.values) > len(about.values) && slices.ContainsFunc(chains.HTTP.Leaves, func(l rbac.Leaf) bool { return l.Attribute == d.attribute }) {
			about = d
		}
	}
	stem := strings.Trim(value, "*")
	slices.SortStableFunc(about.values, func(a, b any) int {
		x, y := written(a), written(b)
		return cmp.Or(cmp.Compare(common(stem, y), common(stem, x)), cmp.Compare(len(x), len(y)))
	})
	result := &Result{World: w}
	count := map[Outcome]int{}
	for _, v := range about.values {
		about.set(&q, v)
		answer := istio(chains.HTTP, chains.HTTP.Facts(&q.Envoy, about.attribute))
		if count[answer]++; count[answer] <= 8 {
			result.Cases = append(result.Cases, caseOf(&q.Ours, answer, "allow"))
		}
	}
	return result.Entry(string(k) + " " + value + ", alone")
}

// written is a value as text, and nothing for tokens, which stay in their order.
func written(value any) string {
	if _, is := value.(token); is {
		return ""
	}
	return fmt.Sprint(value)
}

// common is how much of two strings is alike at their ends.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	m := 0
	for m < min(len(a), len(b))-n && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	return n + m
}

// ruleOf is a rule with one value in the first field of its kind.
func ruleOf(k kind, value string) *sec.Rule {
	for _, f := range sourceFields {
		if f.kind == k {
			s := &sec.Source{}
			*f.of(s) = []string{value}
			return &sec.Rule{From: []*sec.Rule_From{{Source: s}}}
		}
	}
	for _, f := range operationFields {
		if f.kind == k {
			o := &sec.Operation{}
			*f.of(o) = []string{value}
			return &sec.Rule{To: []*sec.Rule_To{{Operation: o}}}
		}
	}
	for _, key := range keys {
		if key.kind == k {
			c := &sec.Condition{Key: key.name, Values: []string{value}}
			if key.written != nil {
				c.Key = key.written[0]
			}
			return &sec.Rule{When: []*sec.Condition{c}}
		}
	}
	panic("no field of kind " + string(k))
}
