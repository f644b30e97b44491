package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// enforced are the kinds of objects that say who may call whom, by where the API server has them.
var enforced = []string{
	"security.istio.io/v1/authorizationpolicies", "security.istio.io/v1/peerauthentications", "networking.istio.io/v1/sidecars",
}

// versions are those of all such objects of the cluster, by their names.
func (c *cluster) versions(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for _, kind := range enforced {
		var list struct {
			Items []struct {
				Metadata struct{ Namespace, Name, UID, ResourceVersion string }
			}
		}
		if err := c.get(ctx, "/apis/"+kind, &list); err != nil {
			return nil, err
		}
		for _, i := range list.Items {
			m := i.Metadata
			all[kind+" "+m.Namespace+"/"+m.Name] = m.UID + " " + m.ResourceVersion
		}
	}
	return all, nil
}

// refreshed has Argo CD look at the repository, and waits until it has.
func (a *argoCD) refreshed(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	names, err := a.wanted()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.refresh(ctx, names...); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := until(ctx, name, func() error {
			var o struct {
				Metadata struct{ Annotations map[string]string }
			}
			err := a.get(ctx, "/apis/argoproj.io/v1alpha1/namespaces/"+argoNamespace+"/applications/"+name, &o)
			if _, waits := o.Metadata.Annotations["argocd.argoproj.io/refresh"]; err == nil && waits {
				err = errors.New("it has not looked yet")
			}
			return err
		}, a.controller); err != nil {
			t.Fatal(err)
		}
	}
}

// unchanged fails where an object of the cluster is not what it was, but for those named.
func (l *life) unchanged(t *testing.T, before map[string]string, but ...string) {
	t.Helper()
	now := l.objects(t)
	before = maps.Clone(before)
	for _, name := range but {
		delete(before, name)
		delete(now, name)
	}
	if !maps.Equal(before, now) {
		t.Errorf("the cluster has other objects than before:\n%v\n%v", before, now)
	}
}

func (l *life) objects(t *testing.T) map[string]string {
	t.Helper()
	all, err := l.chat.cluster.versions(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatalf("%d objects: %v", len(all), err)
	}
	return all
}

// brokenEstate: documents that do not compile change nothing, neither in out/ nor, once they are committed, in the cluster.
func (l *life) brokenEstate(t *testing.T) {
	end := l.steady(t)
	before := l.objects(t)
	const file = "policies/teams/support/chat.yaml"
	for name, breaks := range map[string][2]string{
		"a kind that is none":      {"kind: Service", "kind: Servise"},
		"cut off":                  {"page: {methods: [GET], paths: [/page]}", "page: {methods: [GET], pa"},
		"a grant of two endpoints": {"[page, live, talk, line]", "page, line"},
	} {
		l.argo.edit(t, file, breaks[0], breaks[1])
		said, err := l.argo.build()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Errorf("%s: it is built: %v: %s", name, err, said)
		}
		out, err := exec.Command("git", "-C", l.argo.repository, "status", "--porcelain", "out").CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: out/ is another: %s (%v)", name, out, err)
		}
		l.argo.push(t, name)
		l.argo.refreshed(t)
		l.unchanged(t, before)
		if err := l.argo.git("revert", "--no-edit", "HEAD"); err != nil {
			t.Fatal(err)
		}
	}
	end()
}

const chatPolicy = "out/eu-1/support/authorizationpolicy-chat.yaml"

// brokenManifests: what is wrong with a file of out/, pushed past the check, is not applied: Argo CD does not read it, or the API server
// refuses it, or the AppProject does not admit it. What else changes in the folder is not applied either, unless it is the API server that
// refuses: until then Argo CD may have applied others. Nor is a hand edit in the folder undone before the file is mended.
func (l *life) brokenManifests(t *testing.T) {
	ctx := t.Context()
	end := l.steady(t)
	before := l.objects(t)
	const beside = "networking.istio.io/v1/sidecars support/chat"
	path := filepath.Join(l.argo.repository, chatPolicy)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	was := string(data)
	replaced := func(old, fresh string) string {
		if !strings.Contains(was, old) {
			t.Fatalf("%s has no %q", chatPolicy, old)
		}
		return strings.Replace(was, old, fresh, 1)
	}
	// They would let everybody in everywhere, and do anything.
	const everybody = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everybody, namespace: istio-system}
spec: {rules: [{}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everybody}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
`
	const sidecar = "/apis/networking.istio.io/v1/namespaces/support/sidecars/chat"
	mode := func() string {
		var o object
		if err := l.chat.cluster.get(ctx, sidecar, &o); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(at(o, "spec", "outboundTrafficPolicy", "mode"))
	}
	for n, c := range []struct{ name, content string }{
		{"cut off within a line", was[:strings.Index(was, `"6379"`)+3]},
		{"a field that is none", replaced("  - from:\n", "  - form:\n")},
		{"a port that is no string", replaced(`ports: ["6379"]`, "ports: [6379]")},
		{"an action that is none", replaced("action: ALLOW", "action: ALOW")},
		{"a namespace and a kind that are not admitted", was + everybody},
	} {
		// A change that is in order, in the same folder.
		l.argo.edit(t, "out/eu-1/support/sidecar-chat.yaml", "writ.dev/origin:", "boutique.example/beside: "+c.name+"\n    writ.dev/origin:")
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		l.argo.push(t, c.name)
		said, err := l.argo.refuses(ctx, "eu-1.support")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		l.unchanged(t, before, beside)
		if missing := l.chat.cluster.get(ctx, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/everybody", nil); !notFound(missing) {
			t.Errorf("there is a ClusterRoleBinding: %v", missing)
		}
		t.Logf("%s: what else changes is applied: %t; Argo CD says after %.1f s: %.300s",
			c.name, l.objects(t)[beside] != before[beside], time.Since(begin).Seconds(), said)
		if n == 0 {
			if err := l.chat.cluster.merge(ctx, sidecar, object{"spec": object{"outboundTrafficPolicy": object{"mode": "ALLOW_ANY"}}}); err != nil {
				t.Fatal(err)
			}
			l.argo.refreshed(t)
			if mode := mode(); mode != "ALLOW_ANY" {
				t.Errorf("a hand edit is undone while a file of its folder is broken: %s", mode)
			}
		}
		if err := l.argo.git("revert", "--no-edit", "HEAD"); err != nil {
			t.Fatal(err)
		}
		l.argo.refreshed(t)
		if err := l.argo.synced(ctx); err != nil {
			t.Fatal(err)
		}
		if err := l.argo.recovered(ctx, "eu-1.support"); err != nil {
			t.Fatal(err)
		}
		if mode := mode(); mode != "REGISTRY_ONLY" {
			t.Errorf("%s: a hand edit stands after the file is mended: %s", c.name, mode)
		}
		l.unchanged(t, before, beside)
		before = l.objects(t)
	}
	end()
}

// refuses waits until an Application says why it does not apply what is committed.
func (a *argoCD) refuses(ctx context.Context, name string) (said string, err error) {
	head, err := a.head()
	if err != nil {
		return "", err
	}
	return said, until(ctx, name, func() error {
		var p application
		if err := a.get(ctx, "/apis/argoproj.io/v1alpha1/namespaces/"+argoNamespace+"/applications/"+name, &p); err != nil {
			return err
		}
		for _, c := range p.Status.Conditions {
			if c.Type == "ComparisonError" {
				said = c.Type + ": " + c.Message
				return nil
			}
		}
		// It tries again later, for some minutes: that is as good as refused.
		if o := p.Status.OperationState; o.SyncResult.Revision == head && o.Phase != "Succeeded" {
			for _, r := range o.SyncResult.Resources {
				if r.Status == "SyncFailed" {
					said += "; " + r.Kind + " " + r.Name + ": " + r.Message
				}
			}
			if said != "" || o.Phase == "Failed" || o.Phase == "Error" {
				said = o.Phase + ": " + o.Message + said
				return nil
			}
		}
		return fmt.Errorf("it says nothing: %+v", p.Status)
	}, a.controller)
}

// recovered waits until what an Application last did has succeeded: before that, Argo CD undoes no hand edits there.
func (a *argoCD) recovered(ctx context.Context, name string) error {
	return until(ctx, name, func() error {
		var p application
		err := a.get(ctx, "/apis/argoproj.io/v1alpha1/namespaces/"+argoNamespace+"/applications/"+name, &p)
		if o := p.Status.OperationState; err == nil && o.Phase != "Succeeded" {
			err = fmt.Errorf("%s: %s", o.Phase, o.Message)
		}
		return err
	}, a.controller)
}

// cutManifests: a policy that ends with one of its lines may be another policy in order, which lets more in. The API server takes it, so
// Argo CD would apply it; the proof tells each of them.
func (l *life) cutManifests(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(l.argo.repository, chatPolicy)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
	taken, refused, wider := 0, 0, 0
	for n := 2; n < len(lines); n++ { // the first is a comment
		cut := strings.Join(lines[:n], "")
		takes, err := l.chat.cluster.takes(ctx, cut)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(cut), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(l.parts.Programs["writ"], "prove")
		cmd.Dir = l.argo.repository
		said, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("the proof finds nothing in\n%s", cut)
		}
		switch {
		case !takes:
			refused++
		case strings.Contains(string(said), "[PRV-001]"):
			wider++
			fallthrough
		default:
			taken++
		}
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("of %d policies cut off at the end of a line the API server takes %d and refuses %d; %d of those it takes let more in, and the proof tells each",
		taken+refused, taken, refused, wider)
	if wider == 0 || refused == 0 {
		t.Error("nothing was shown")
	}
}

// takes reports whether the API server would take a manifest.
func (c *cluster) takes(ctx context.Context, manifest string) (bool, error) {
	o := object{}
	if err := yaml.Unmarshal([]byte(manifest), &o); err != nil {
		return false, nil
	}
	meta, _ := o["metadata"].(object)
	if o["kind"] == nil || meta["name"] == nil || meta["namespace"] == nil {
		return false, nil // nobody would know where to send it
	}
	path, err := c.pathOf(ctx, o)
	if err != nil {
		return false, err
	}
	err = c.do(ctx, http.MethodPatch, path+"?fieldManager=e2e&force=true&dryRun=All", "application/apply-patch+yaml", []byte(manifest), nil)
	var s *statusError
	if errors.As(err, &s) {
		return false, nil
	}
	return err == nil, err
}
