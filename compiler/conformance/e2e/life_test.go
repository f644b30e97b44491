package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// life is an estate in which one service is called in every way that a connection stays open.
type life struct {
	*estate
	argo                      *argoCD
	chat, frontend, assistant *pod
	outside                   *pod // without a sidecar of its own
	folders                   map[string]string
	throughs                  map[*pod][]wire.Request
}

// TestLife: what becomes of what is under way while something changes, breaks or is away.
func TestLife(t *testing.T) {
	need(t)
	ctx := t.Context()
	from := t.TempDir()
	if err := os.CopyFS(from, os.DirFS("testdata/life")); err != nil {
		t.Fatal(err)
	}
	// Less than Istio's 45 s: the test waits for the end of them. More than it takes to look at a stream that is to go on until then.
	e := &estate{drain: "20s"}
	e.run(t, from, "eu-1")
	for _, args := range [][]string{{"build"}, {"argocd", "--write", "--repo", homeURL}} {
		cmd := exec.Command(e.parts.Programs["writ"], args...)
		cmd.Dir = from
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	argo, err := e.startArgoCD(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	argo.roll(t, "")
	l := &life{
		estate: e, argo: argo, outside: e.outside[0], folders: map[string]string{}, throughs: map[*pod][]wire.Request{},
		chat: e.pod(t, "eu-1.support.chat"), frontend: e.pod(t, "eu-1.storefront.frontend"), assistant: e.pod(t, "eu-1.storefront.assistant"),
	}
	for _, p := range []*pod{l.frontend, l.assistant} {
		if l.folders[p.name], err = p.cluster.identity(ctx, p.ns, p.account); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("open streams", l.openStreams)
	t.Run("a broken estate", l.brokenEstate)
	t.Run("broken manifests", l.brokenManifests)
	t.Run("manifests cut off", l.cutManifests)
	t.Run("hand edits", l.handEdits)
	t.Run("killed", l.killed)
}

// ways are how the chat is called: by a request, and by each kind of stream that stays open.
var ways = []struct {
	port, target int
	wire.Request
}{
	{80, 8080, wire.Request{Proto: "http1", Method: "GET", Path: "/page"}},
	{80, 8080, wire.Request{Proto: "websocket", Method: "GET", Path: "/live"}},
	{50051, 50051, wire.Request{Proto: "grpc", Method: "POST", Path: "/boutique.Chat/Talk"}},
	{6379, 6379, wire.Request{Proto: "tcp"}},
}

// through calls the chat through the pod's sidecar: a request first, then streams.
func (l *life) through(t *testing.T, p *pod) []wire.Request {
	t.Helper()
	if l.throughs[p] == nil { // the API server may not be there later
		for _, w := range ways {
			l.throughs[p] = append(l.throughs[p], p.toService(t.Context(), t, "support", "chat", w.port, w.Request))
		}
	}
	return slices.Clone(l.throughs[p])
}

// direct calls a pod of the chat with another one's certificate, and no sidecar at the caller's end.
func (l *life) direct(as, to *pod) (all []wire.Request) {
	for _, w := range ways {
		r := w.Request
		r.To, r.Host = fmt.Sprintf("%s:%d", to.address, w.target), "chat.support.svc.cluster.local"
		if as != nil {
			r.Identity = l.folders[as.name]
		}
		all = append(all, r)
	}
	return all
}

// requestsAlone leaves out what is a stream, and nothing else: a WebSocket.
func requestsAlone(all []wire.Request) []wire.Request {
	return slices.DeleteFunc(all, func(r wire.Request) bool { return r.Proto == "websocket" })
}

// fresh has each request of a stream made on a connection of its own.
func fresh(all []wire.Request) []wire.Request {
	for i := range all {
		all[i].Fresh = true
	}
	return all
}

// grant and take away have the assistant call the chat, or not any more.
func (l *life) grant(t *testing.T) {
	t.Helper()
	l.argo.edit(t, "policies/teams/support/chat.yaml", "  grants:\n", `  grants:
    - from: storefront/assistant
      endpoints: [page, live, talk, line]
`)
	l.argo.edit(t, "policies/teams/storefront/assistant.yaml", "  intents:\n", `  intents:
    - to: support/chat
      endpoints: [page, live, talk, line]
      because: what it does not know, somebody does
`)
	l.argo.release(t, "an intent and its grant")
}

func (l *life) takeAway(t *testing.T) {
	t.Helper()
	if err := l.argo.git("checkout", "-q", "HEAD~", "--", "policies"); err != nil {
		t.Fatal(err)
	}
	l.argo.release(t, "taken away")
}

// arrived waits until the assistant is answered or refused, and every sidecar has what there is.
func (l *life) arrived(t *testing.T, want bool) {
	t.Helper()
	ctx := t.Context()
	l.outside.answered(ctx, t, l.direct(l.assistant, l.chat)[0], want)
	if err := l.argo.synced(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	l.assistant.answered(ctx, t, l.through(t, l.assistant)[0], want)
}

// steady sends what is allowed and what is forbidden all the time, until the test ends or what it returns is called: then it fails where
// anything was answered otherwise. Whoever is forbidden is so for ever, whatever else changes.
func (l *life) steady(t *testing.T) (end func()) {
	t.Helper()
	ctx := t.Context()
	stranger := l.pod(t, "eu-1.elsewhere.stranger")
	never := requestsAlone(l.direct(l.assistant, l.chat))[:2]
	never[0].Path, never[1].Path = "/page/x", "/boutique.Chat/Close"
	type sending struct {
		*stream
		answered bool
	}
	var all []sending
	send := func(from *pod, requests []wire.Request, answered bool) {
		s, err := from.stream(ctx, requests...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sending{s, answered})
	}
	send(l.frontend, fresh(requestsAlone(l.through(t, l.frontend))), true)
	send(l.frontend, requestsAlone(l.through(t, l.frontend))[:2], true)
	send(l.outside, fresh(requestsAlone(l.direct(l.frontend, l.chat))), true)
	send(stranger, fresh(requestsAlone(l.through(t, stranger))), false)
	send(l.outside, fresh(requestsAlone(l.direct(nil, l.chat))), false)
	send(l.outside, fresh(never), false)
	return func() {
		t.Helper()
		for _, s := range all {
			l.held(t, s.stream, s.answered)
		}
	}
}

// conversation is streams that are open.
type conversation struct {
	name string
	*held
	of []wire.Request
}

// converse opens one of each kind, and waits until all of them are echoed.
func (l *life) converse(t *testing.T, name string, from *pod, requests []wire.Request) conversation {
	t.Helper()
	return l.keepOpen(t, name, from, requests[1:]...)
}

// keepOpen opens streams, and waits until all of them are echoed.
func (l *life) keepOpen(t *testing.T, name string, from *pod, of ...wire.Request) conversation {
	t.Helper()
	h, err := from.hold(t.Context(), of...)
	if err != nil {
		t.Fatal(err)
	}
	c := conversation{name, h, of}
	c.goesOn(t.Context(), t)
	return c
}

// goesOn waits until each stream has echoed some more.
func (c *conversation) goesOn(ctx context.Context, t *testing.T) {
	t.Helper()
	for i, r := range c.of {
		if err := c.echoes(ctx, i); err != nil {
			t.Errorf("%s, %s: %v", c.name, r.Proto, err)
		}
	}
}

// openStreams: what a change of a service's policy does to the streams that are open, of those that stay allowed and of those who lose
// their access. It is the same: they go on as they are, by the policy that they began under, until the callee's sidecar has drained the
// connections that it had before; then they are cut. What begins after the change is judged anew.
func (l *life) openStreams(t *testing.T) {
	ctx := t.Context()
	end := l.steady(t)
	begin := time.Now()
	before := []conversation{
		l.converse(t, "the frontend, before the grant", l.frontend, l.through(t, l.frontend)),
		l.converse(t, "the frontend's certificate, before the grant", l.outside, l.direct(l.frontend, l.chat)),
	}
	l.refuses(t, "before the grant")
	l.grant(t)
	l.outside.answered(ctx, t, l.direct(l.assistant, l.chat)[0], true)
	granted := time.Now()
	for _, c := range before {
		c.goesOn(ctx, t)
	}
	l.arrived(t, true)
	after := []conversation{
		l.converse(t, "the frontend", l.frontend, l.through(t, l.frontend)),
		l.converse(t, "the frontend's certificate", l.outside, l.direct(l.frontend, l.chat)),
		l.converse(t, "the assistant", l.assistant, l.through(t, l.assistant)),
		l.converse(t, "the assistant's certificate", l.outside, l.direct(l.assistant, l.chat)),
	}
	// Whoever does not heed that a connection is to end.
	requests := l.direct(l.assistant, l.chat)[0]
	requests.Proto = "http2"
	stubborn := l.keepOpen(t, "a stubborn client with the assistant's certificate", l.outside, requests)
	t.Logf("all streams are open after %.1f s", time.Since(begin).Seconds())
	l.takeAway(t)
	l.outside.answered(ctx, t, l.direct(l.assistant, l.chat)[0], false)
	taken := time.Now()
	for _, c := range after {
		c.goesOn(ctx, t)
	}
	l.arrived(t, false)
	l.refuses(t, "after it was taken away")
	for _, c := range before {
		l.cut(t, c, granted)
	}
	for _, c := range append(after, stubborn) {
		l.cut(t, c, taken)
	}
	again := l.converse(t, "the frontend, again", l.frontend, l.through(t, l.frontend))
	if err := again.close(); err != nil {
		t.Error(err)
	}
	end()
}

// refuses: the assistant opens no stream.
func (l *life) refuses(t *testing.T, when string) {
	t.Helper()
	for from, requests := range map[*pod][]wire.Request{
		l.assistant: l.through(t, l.assistant)[1:], l.outside: l.direct(l.assistant, l.chat)[1:],
	} {
		h, err := from.hold(t.Context(), requests...)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range requests {
			if s, err := h.ended(t.Context(), i); err != nil || s.Echoes > 0 {
				t.Errorf("%s, %s by %s: %d echoes (%v)", when, from.id(), r.Proto, s.Echoes, err)
			}
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}
}

// cut waits until all streams have ended, and says how long after the change that was.
func (l *life) cut(t *testing.T, c conversation, change time.Time) {
	t.Helper()
	var how []string
	for i, r := range c.of {
		s, err := c.ended(t.Context(), i)
		if err != nil {
			t.Errorf("%s, %s: %v", c.name, r.Proto, err)
			continue
		}
		how = append(how, fmt.Sprintf("%s after %.1f s, last echoed after %.1f s (%s)",
			r.Proto, s.at.Sub(change).Seconds(), s.echoed.Sub(change).Seconds(), s.Ended))
	}
	t.Logf("streams of %s end: %s", c.name, strings.Join(how, ", "))
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
