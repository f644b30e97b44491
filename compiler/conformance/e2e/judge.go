package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/atoms"
	"writ.dev/writ/compiler/prove/authz"
)

// row is what came of the requests that a construct decides.
type row struct{ sent, allowed, refused, unsent, differing int }

// verdicts is what came of all trials.
type verdicts struct {
	rows        map[string]*row
	whole       row
	unsent      map[string]int // by what was in the way
	untaken     map[string]int // that Envoy answers before any policy, by how
	otherwise   int            // whose path Envoy reads as another one
	asked, dry  int            // authorizers, and dry-run policies whose counts were looked at
	differences []string
	paths       map[string]map[string]string // raw paths, by normalisation, as Envoy reads them
}

func newVerdicts() *verdicts {
	return &verdicts{
		rows: map[string]*row{}, unsent: map[string]int{}, untaken: map[string]int{}, paths: map[string]map[string]string{},
	}
}

func (v *verdicts) row(construct string) *row {
	if v.rows[construct] == nil {
		v.rows[construct] = &row{}
	}
	return v.rows[construct]
}

// table is a line for each construct.
func (v *verdicts) table() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%8s %8s %8s %8s %8s  %s\n", "sent", "allowed", "refused", "differ", "unsent", "construct")
	for _, c := range slices.Sorted(maps.Keys(v.rows)) {
		r := v.rows[c]
		fmt.Fprintf(&s, "%8d %8d %8d %8d %8d  %s\n", r.sent, r.allowed, r.refused, r.differing, r.unsent, c)
	}
	return s.String()
}

// judge holds what became of a trial's requests against the evaluator, while the authorizers agreed or did not.
func (v *verdicts) judge(b *bench, t *trial, agreed bool) {
	own := v.row(t.name)
	for why, n := range t.unsent {
		v.unsent[why] += n
		own.unsent += n
		v.whole.unsent += n
	}
	for i := range t.sent {
		a := &t.sent[i]
		allowed, wrong := v.judgeOne(b, t, a, agreed)
		rows := []*row{&v.whole}
		if t.world == nil {
			rows = append(rows, own)
		}
		counted := map[string]bool{}
		for j := range t.less {
			if l := &t.less[j]; !counted[l.Construct] && t.decides(l, a.class) {
				counted[l.Construct] = true
				rows = append(rows, v.row(l.Construct))
			}
		}
		for _, r := range rows {
			r.sent++
			switch {
			case allowed:
				r.allowed++
			default:
				r.refused++
			}
			if wrong != "" {
				r.differing++
			}
		}
		if wrong != "" && len(v.differences) < 40 {
			v.differences = append(v.differences, fmt.Sprintf("%s: %s: %+v: %s; path %s, mesh %+v, agreed %t", t.name, wrong, a.class, a.said(), a.seen().Path, t.point.Mesh, agreed))
			v.differences[len(v.differences)-1] += t.policies()
		}
	}
}

// policies are the trial's, as JSON.
func (t *trial) policies() string {
	data, err := json.Marshal(t.objects)
	if err != nil {
		return err.Error()
	}
	return "\n" + string(data)
}

func (a *attempt) said() string {
	if a.line == nil {
		return fmt.Sprintf("%+v, nothing logged", a.answer)
	}
	return fmt.Sprintf("%+v, %+v, asked %v", a.answer, *a.line, a.asked)
}

// seen is the request as the policies saw it: with the path that Envoy made of the one that was sent.
func (a *attempt) seen() authz.Request {
	r := a.class
	if r.HTTP && a.line != nil && a.line.Path != "" {
		r.Path = a.line.Path
		if i := strings.IndexAny(r.Path, "?#"); i >= 0 {
			r.Path = r.Path[:i]
		}
	}
	return r
}

// judgeOne says what became of a request, and how the evaluator says otherwise.
func (v *verdicts) judgeOne(b *bench, t *trial, a *attempt, agreed bool) (allowed bool, wrong string) {
	seen := a.seen()
	decision := t.point.Decide(seen)
	meant := decision.Answer == authz.Allow || decision.Answer == authz.Custom && agreed
	byPolicy := true // whether policies had a say
	switch {
	case !a.class.HTTP:
		allowed = a.answer.Answered()
		if how := refusal(&a.answer); how != "" && how != closed {
			return allowed, "refused in another way: " + how
		}
	case a.line == nil:
		how := refusal(&a.answer)
		if a.answer.Status == http.StatusBadRequest {
			how = "status 400"
		}
		v.untaken["nothing logged: "+how]++
		if byPolicy = false; meant && a.answer.Status != 400 {
			return false, "allowed, and it is no request to Envoy"
		}
	case a.line.Details == "via_upstream":
		allowed = true
	case strings.HasPrefix(a.line.Details, "rbac_access_denied_matched_policy["), a.line.Details == "ext_authz_denied":
		if a.answer.Answered() {
			return true, "answered, and refused by the log"
		}
	default:
		byPolicy = false
		v.untaken[a.line.Details]++
	}
	if a.class.HTTP && byPolicy && !v.reads(b, t, a, seen.Path) {
		return allowed, "no path that there can be, by this normalisation"
	}
	if byPolicy && allowed != meant {
		return allowed, fmt.Sprintf("meant %t by %s", meant, by(decision))
	}
	if wrong := v.authorizers(a, decision, byPolicy); wrong != "" {
		return allowed, wrong
	}
	return allowed, v.dryRun(t, a, seen, byPolicy)
}

func by(d authz.Decision) string {
	if d.By == nil {
		return "no policy"
	}
	return fmt.Sprintf("rule %d of %s", d.Rule, d.By.Name)
}

// reads notes how Envoy reads a path, and reports whether it is one that policies can see at all.
func (v *verdicts) reads(b *bench, t *trial, a *attempt, path string) bool {
	if sent, _, _ := strings.Cut(a.class.Path, "?"); sent != path {
		v.otherwise++
	}
	if slices.Contains(t.paths, a.class.Path) {
		if v.paths[a.class.Path] == nil {
			v.paths[a.class.Path] = map[string]string{}
		}
		v.paths[a.class.Path][b.normalization] = path
	}
	return atoms.Path(b.normalization).Contains(path)
}

// authorizers holds who was asked against who is said to be.
func (v *verdicts) authorizers(a *attempt, d authz.Decision, byPolicy bool) string {
	switch {
	case d.Answer == authz.Custom && byPolicy:
		v.asked++
		if !slices.Equal(a.asked, []string{d.Provider}) {
			return fmt.Sprintf("%s is to be asked, and it is %v", d.Provider, a.asked)
		}
	case d.Answer == authz.Allow && len(a.asked) > 0:
		return fmt.Sprintf("nobody is to be asked, and it is %v", a.asked)
	}
	return ""
}

// dryRun holds what Envoy counts for dry-run policies against what they would do, as far as the request got.
func (v *verdicts) dryRun(t *trial, a *attempt, seen authz.Request, byPolicy bool) string {
	if !byPolicy || a.line == nil || !t.counts() {
		return ""
	}
	denies, allows := a.line.TCPDeny, a.line.TCPAllow
	if a.class.HTTP {
		denies, allows = a.line.HTTPDeny, a.line.HTTPAllow
	}
	is := authz.Allow
	switch {
	case denies == "denied" || allows == "denied":
		is = authz.Deny
	case a.line.Details == "ext_authz_denied" || strings.HasPrefix(a.line.Details, "rbac") && !strings.Contains(a.line.Details, "[none]"),
		!a.class.HTTP && !a.answer.Answered() && !strings.Contains(a.line.Closed, "[none]"):
		return "" // it did not get to all of them
	}
	v.dry++
	if would := dry(t.point, seen); would != is {
		return fmt.Sprintf("in dry-run %v is counted, and %v is meant", is, would)
	}
	return ""
}

// try applies the policies of trials, one a spot, waits until the sidecars have them, asks, and judges.
func (b *bench) try(ctx context.Context, v *verdicts, trials []*trial, round string) error {
	if err := b.clear(ctx); err != nil {
		return err
	}
	for _, t := range trials {
		for _, o := range t.objects {
			if err := b.c.apply(ctx, o); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	if err := b.known(ctx, trials); err != nil {
		return err
	}
	// Policies come to istiod in their order: with a last one all are there. AUDIT decides nothing.
	marker := "round-" + round
	for _, t := range trials {
		if err := b.c.apply(ctx, object{
			"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": object{"name": marker, "namespace": t.spot.pod.ns},
			"spec": object{"action": "AUDIT", "rules": []object{{}}},
		}); err != nil {
			return err
		}
	}
	if err := each(trials, 2, func(t *trial) error { return b.has(ctx, t.spot, marker) }); err != nil {
		return err
	}
	if err := b.ask(ctx, trials, round); err != nil {
		return err
	}
	for _, t := range trials {
		v.judge(b, t, true)
	}
	asking := slices.DeleteFunc(slices.Clone(trials), func(t *trial) bool { return !t.asks })
	if len(asking) == 0 {
		return nil
	}
	if err := b.agree(false); err != nil {
		return err
	}
	if err := b.ask(ctx, asking, round+"-refused"); err != nil {
		return err
	}
	for _, t := range asking {
		v.judge(b, t, false)
	}
	return b.agree(true)
}

// clear removes what an earlier round has applied.
func (b *bench) clear(ctx context.Context) error {
	namespaces := []string{rootNamespace, "identity"}
	for _, s := range b.spots {
		namespaces = append(namespaces, s.pod.ns)
	}
	for _, ns := range namespaces {
		for _, kind := range []string{"authorizationpolicies", "peerauthentications"} {
			if err := b.c.delete(ctx, "/apis/security.istio.io/v1/namespaces/"+ns+"/"+kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// known waits until istiod has the PeerAuthentications of the trials, and no others.
func (b *bench) known(ctx context.Context, trials []*trial) error {
	n := 0
	for _, t := range trials {
		for _, o := range t.objects {
			if o["kind"] == "PeerAuthentication" {
				n++
			}
		}
	}
	return until(ctx, "PeerAuthentications", func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.c.debug()+"/debug/configz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if has := strings.Count(string(data), `"PeerAuthentication"`); has != n {
			return fmt.Errorf("istiod has %d of them, not %d", has, n)
		}
		return nil
	}, b.c.istiod)
}
