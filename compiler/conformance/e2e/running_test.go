package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// printed is what of a cluster `kubectl get` would print for `writ prove -`: lists of objects, each with its kind.
func (c *cluster) printed(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, path := range []string{
		"/apis/security.istio.io/v1/authorizationpolicies", "/apis/security.istio.io/v1/peerauthentications",
		"/apis/security.istio.io/v1/requestauthentications", "/apis/networking.istio.io/v1/destinationrules",
		"/apis/networking.istio.io/v1alpha3/envoyfilters", "/apis/networking.istio.io/v1/serviceentries",
		"/apis/networking.istio.io/v1/sidecars", "/apis/networking.istio.io/v1/virtualservices",
		"/api/v1/services", "/api/v1/pods", "/api/v1/namespaces/" + rootNamespace + "/configmaps",
	} {
		var list struct {
			APIVersion, Kind string
			Items            []object
		}
		if err := c.get(t.Context(), path, &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			item["apiVersion"], item["kind"] = list.APIVersion, strings.TrimSuffix(list.Kind, "List")
		}
		text, err := json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": append([]object{}, list.Items...)})
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("---\n")
		all.Write(text)
		all.WriteByte('\n')
	}
	return all.Bytes()
}

var code = regexp.MustCompile(`\[([A-Z]{3}-\d{3})\]`)

// proved has writ prove what runs in a cluster against the documents of a repository, and returns what it says and the codes in it.
func (c *cluster) proved(t *testing.T, repository string) (codes []string, said string) {
	t.Helper()
	dumps := t.TempDir()
	for _, p := range c.pods {
		if p.bare {
			continue
		}
		_, dump, err := p.inside(t.Context(), "http://127.0.0.1:15000/config_dump")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dumps, p.ns+"."+p.name+".json"), []byte(dump), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(c.parts.Programs["writ"], "prove", "--cluster", c.name, "--proxies", dumps, "-")
	cmd.Dir, cmd.Stdin = repository, bytes.NewReader(c.printed(t))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("%v: %s", err, out)
	}
	for _, m := range code.FindAllStringSubmatch(string(out), -1) {
		codes = append(codes, m[1])
	}
	slices.Sort(codes)
	return slices.Compact(codes), string(out)
}

// runsAsMeant: what runs in every cluster, its proxies too, is what the documents say.
func (e *estate) runsAsMeant(t *testing.T, repository string) {
	begin, proxies := time.Now(), 0
	for _, c := range e.clusters {
		codes, said := c.proved(t, repository)
		if proxies += len(c.pods); len(codes) > 0 || !strings.Contains(said, "\nproved: ") {
			t.Errorf("%s:\n%s", c.name, said)
		}
	}
	t.Logf("%d proxies in %d clusters run what their policies say; %.1f s", proxies, len(e.clusters), time.Since(begin).Seconds())
}

// TestWhatRuns: writ tells what runs otherwise than its documents say: a hand edit, a proxy that istiod does not reach, a pod without a
// sidecar, and one with other labels than its Service has.
func TestWhatRuns(t *testing.T) {
	need(t)
	e := start(t, repository(t), "orders/cartservice", "storefront/frontend")
	ctx, here := t.Context(), repository(t)
	if err := e.applyAll(ctx, filepath.Join(here, "out")); err != nil {
		t.Fatal(err)
	}
	if err := e.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	e.runsAsMeant(t, here)
	c := e.clusters[0]
	told := func(what, want, words string) {
		t.Helper()
		codes, said := c.proved(t, here)
		if got := strings.Join(codes, " "); got != want || !strings.Contains(said, words) {
			t.Fatalf("%s: told as %s, want %s with %q\n%s", what, got, want, words, said)
		}
		t.Logf("%s: told as %s", what, want)
	}
	const policy = "/apis/security.istio.io/v1/namespaces/orders/authorizationpolicies/cartservice"
	opened := object{"spec": object{"rules": []object{{}}}}

	if err := c.merge(ctx, policy, opened); err != nil {
		t.Fatal(err)
	}
	if err := e.pushed(ctx); err != nil {
		t.Fatal(err)
	}
	told("a hand edit that every proxy has", "PRV-001 RUN-008", "AuthorizationPolicy orders/cartservice in eu-1 is not as it is rendered")

	// Nothing reaches the sidecar from now on, and the policy is closed again: it goes on to let everybody in.
	cart := e.pod(t, "eu-1.orders.cartservice")
	cut := func(how string) {
		t.Helper()
		for _, chain := range []string{"INPUT -p tcp --sport 15012", "OUTPUT -p tcp --dport 15012"} {
			if err := e.box.shell(fmt.Sprintf("ip netns exec %s iptables -%s %s -j DROP", cart.netns(), how, chain)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut("I")
	if err := e.applyAll(ctx, filepath.Join(here, "out")); err != nil {
		t.Fatal(err)
	}
	told("a proxy that istiod does not reach", "RUN-009", "orders/cartservice in eu-1: pod cartservice has a proxy that lets ")
	cut("D")
	if err := until(ctx, "the proxy is reached again", func() error {
		if codes, said := c.proved(t, here); len(codes) > 0 {
			return errors.New(said)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	pod := func(name, app string, containers ...object) {
		t.Helper()
		if err := c.apply(ctx, object{
			"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": name, "namespace": "orders", "labels": object{"app": app}},
			"spec": object{"serviceAccountName": "cartservice", "nodeName": "node", "containers": containers},
		}); err != nil {
			t.Fatal(err)
		}
	}
	app := object{"name": "app", "image": "app"}
	pod("cartservice-bare", "cartservice", app)
	told("a pod without a sidecar", "RUN-002", "pod cartservice-bare has no sidecar")
	if err := c.delete(ctx, "/api/v1/namespaces/orders/pods/cartservice-bare?gracePeriodSeconds=0"); err != nil {
		t.Fatal(err)
	}
	pod("cartservice-other", "carts", app)
	if err := c.merge(ctx, "/api/v1/namespaces/orders/services/cartservice", object{"spec": object{"selector": object{"app": "carts"}}}); err != nil {
		t.Fatal(err)
	}
	told("a pod with another label than its document has", "RUN-004", "pod cartservice-other answers for it and lacks the labels app=cartservice")
}
