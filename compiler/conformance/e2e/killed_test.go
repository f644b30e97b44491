package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// killed: a part of the control plane is killed in the middle of a change and started again. Nothing opens meanwhile, what is allowed
// goes on, and the change arrives in the end.
func (l *life) killed(t *testing.T) {
	c := l.chat.cluster
	for _, part := range []struct {
		name  string
		dies  func() *process
		again func(ctx context.Context) error
	}{
		{"the API server", func() *process { return c.server }, c.runServer},
		{"istiod", func() *process { return c.istiod }, c.runIstiod},
		{"Argo CD's controller", func() *process { return l.argo.controller }, func(context.Context) error { return l.argo.startController() }},
	} {
		t.Run(part.name, func(t *testing.T) {
			end := l.steady(t)
			for _, granted := range []bool{true, false} {
				before := l.objects(t)
				if granted {
					l.grant(t)
				} else {
					l.takeAway(t)
				}
				begin := time.Now()
				n := l.begun(t, before)
				part.dies().kill()
				killed := time.Now()
				l.outside.answered(t.Context(), t, l.direct(l.frontend, l.chat)[0], true)
				if err := part.again(t.Context()); err != nil {
					t.Fatal(err)
				}
				back := time.Now()
				l.arrived(t, granted)
				t.Logf("granted: %t; killed %.1f s after the commit, when %d objects had changed; back %.1f s later, and %.1f s after that the change is everywhere",
					granted, killed.Sub(begin).Seconds(), n, back.Sub(killed).Seconds(), time.Since(back).Seconds())
			}
			end()
		})
	}
	t.Run("istiod, and a new pod", l.startedWithoutIstiod)
}

// begun waits until something of a change is in the cluster, and returns how many objects are others than before.
func (l *life) begun(t *testing.T, before map[string]string) int {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(2 * time.Millisecond) {
		n := 0
		for name, version := range l.objects(t) {
			if before[name] != version {
				n++
			}
		}
		if n > 0 {
			return n
		}
	}
	t.Fatal("nothing of the change arrives")
	return 0
}

// startedWithoutIstiod: istiod is away while access is granted and a pod starts. Who runs already stays as it is; the new pod's sidecar
// has neither certificate nor policies, and lets nobody in.
func (l *life) startedWithoutIstiod(t *testing.T) {
	ctx := t.Context()
	c := l.chat.cluster
	end := l.steady(t)
	c.istiod.kill()
	l.grant(t)
	if err := l.argo.synced(ctx); err != nil {
		t.Fatal(err)
	}
	l.outside.answered(ctx, t, l.direct(l.assistant, l.chat)[0], false)
	l.outside.answered(ctx, t, l.direct(l.frontend, l.chat)[0], true)

	p := &pod{workload: l.chat.workload, name: "chat-late", ns: l.chat.ns, account: l.chat.account, labels: l.chat.labels, redis: l.chat.redis}
	for _, port := range l.chat.ports {
		if port != anyPort {
			p.ports = append(p.ports, port)
		}
	}
	l.add(c, p)
	if err := p.deploy(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.begin(ctx); err != nil {
		t.Fatal(err)
	}
	for what, url := range map[string]string{
		"the application answers":      "http://127.0.0.1:8080/",
		"its sidecar's agent is there": "http://127.0.0.1:15020/healthz/ready",
		"its sidecar's proxy is there": "http://127.0.0.1:15000/server_info",
	} {
		if err := until(ctx, what, func() error { _, _, err := p.inside(ctx, url); return err }, p.agent); err != nil {
			t.Fatal(err)
		}
	}
	if status, said, err := p.inside(ctx, "http://127.0.0.1:15020/healthz/ready"); err != nil || status == http.StatusOK {
		t.Errorf("it is ready: %d %s (%v)", status, said, err)
	}
	for _, who := range []*pod{nil, l.assistant, l.frontend} {
		answers, err := l.outside.call(ctx, fresh(requestsAlone(l.direct(who, p))))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			if a.Answered() {
				t.Errorf("a new pod answers before it has policies: %+v", a)
			}
		}
	}
	begin := time.Now()
	if err := c.runIstiod(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.ready(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("the new pod is ready %.1f s after istiod is told to start", time.Since(begin).Seconds())
	l.outside.answered(ctx, t, l.direct(l.frontend, p)[0], true)
	l.outside.answered(ctx, t, l.direct(nil, p)[0], false)
	l.arrived(t, true)
	l.takeAway(t)
	l.arrived(t, false)
	l.outside.answered(ctx, t, l.direct(l.assistant, p)[0], false)
	end()
}
