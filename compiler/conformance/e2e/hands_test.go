package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"
)

// handEdits: what somebody changes in the cluster is undone by Argo CD, and holds until then. What somebody adds, it does not know.
func (l *life) handEdits(t *testing.T) {
	c := l.chat.cluster
	const policies = "/apis/security.istio.io/v1/namespaces/support/authorizationpolicies/"
	t.Run("a policy deleted", func(t *testing.T) {
		l.undone(t, true, func(ctx context.Context) error { return c.delete(ctx, policies+"chat") })
	})
	// Argo CD waits longer before each next time: 2 s, 6 s, and so on up to five minutes, until there was nothing for as long.
	for _, name := range []string{"a policy that lets everybody in", "the same again"} {
		t.Run(name, func(t *testing.T) {
			l.undone(t, false, func(ctx context.Context) error {
				return c.merge(ctx, policies+"chat", object{"spec": object{"rules": []object{{}}}})
			})
		})
	}
	t.Run("a policy of somebody's own", func(t *testing.T) {
		ctx := t.Context()
		everybody := l.direct(l.assistant, l.chat)[0]
		if err := c.apply(ctx, object{
			"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": object{"name": "everybody", "namespace": "support"},
			"spec": object{"rules": []object{{}}},
		}); err != nil {
			t.Fatal(err)
		}
		l.outside.answered(ctx, t, everybody, true)
		l.argo.refreshed(t)
		l.argo.roll(t, "nothing")
		l.outside.answered(ctx, t, everybody, true)
		t.Log("Argo CD leaves alone what it did not make")
		if err := c.delete(ctx, policies+"everybody"); err != nil {
			t.Fatal(err)
		}
		l.outside.answered(ctx, t, everybody, false)
	})
}

// undone changes something by hand, and waits until the cluster has again what out/ says and answers as before. Meanwhile requests that
// were answered are refused, or the other way round.
func (l *life) undone(t *testing.T, answered bool, edit func(ctx context.Context) error) {
	t.Helper()
	ctx := t.Context()
	from := l.assistant
	if answered {
		from = l.frontend
	}
	// With a certificate alone: the caller's own scope would keep it in.
	requests := fresh(requestsAlone(l.direct(from, l.chat)))
	for _, r := range requests {
		l.outside.answered(ctx, t, r, answered)
	}
	s, err := l.outside.stream(ctx, requests...)
	if err != nil {
		t.Fatal(err)
	}
	before := l.specs(t)
	begin := time.Now()
	if err := edit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := until(ctx, "the hand edit is undone", func() error {
		if !maps.Equal(before, l.specs(t)) {
			return errors.New("it stands")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("undone in the API server after %.1f s", time.Since(begin).Seconds())
	if err := l.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		l.outside.answered(ctx, t, r, answered)
	}
	all, err := s.end()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		window := 0.0
		if n := len(r.Changes); n > 0 {
			window = r.Changes[n-1].Sub(r.Changes[0]).Seconds()
		}
		t.Logf("%s %s %s: %d answered, %d refused; otherwise than meant for %.1f s", r.Proto, r.Method, r.Path, r.Answered, r.Refused, window)
		if r.Last != answered {
			t.Errorf("%s is answered in the end: %t", r.Proto, r.Last)
		}
	}
}

// specs are what the policies of the chat's namespace say.
func (l *life) specs(t *testing.T) map[string]string {
	t.Helper()
	var list struct{ Items []object }
	if err := l.chat.cluster.get(t.Context(), "/apis/security.istio.io/v1/namespaces/support/authorizationpolicies", &list); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, i := range list.Items {
		all[fmt.Sprint(at(i, "metadata", "name"))] = fmt.Sprint(i["spec"])
	}
	return all
}
