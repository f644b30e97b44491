package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// argoCD is one that runs: it applies what lies in a git repository. Its own objects lie in the API server of the first cluster.
type argoCD struct {
	*api
	estate     *estate
	repository string // the work tree
	controller *process
}

// homeURL is what the documentation calls the repository.
const homeURL = "https://git.boutique.example/platform/access.git"

const argoNamespace = "argocd"

// startArgoCD makes a git repository of the documents and manifests of a folder, and has Argo CD apply it by what `writ argocd` wrote
// there, with another address for the repository.
func (e *estate) startArgoCD(ctx context.Context, from string) (*argoCD, error) {
	a := &argoCD{api: e.clusters[0].api, estate: e, repository: e.box.path("access")}
	for _, part := range []string{"policies", "out"} {
		if err := os.CopyFS(filepath.Join(a.repository, part), os.DirFS(filepath.Join(from, part))); err != nil {
			return nil, err
		}
	}
	if err := a.git("init", "-q", "-b", "main"); err != nil {
		return nil, err
	}
	if err := a.commit("the estate"); err != nil {
		return nil, err
	}
	if err := a.prepare(ctx); err != nil {
		return nil, err
	}
	if err := a.startServers(ctx); err != nil {
		return nil, err
	}
	written, err := os.ReadFile(filepath.Join(from, "policies/platform/argocd.yaml"))
	if err != nil {
		return nil, err
	}
	if err := e.box.write(strings.ReplaceAll(string(written), homeURL, "file://"+a.repository), "argocd.yaml"); err != nil {
		return nil, err
	}
	return a, a.applyFile(ctx, e.box.path("argocd.yaml"))
}

func (a *argoCD) git(args ...string) error {
	cmd := exec.Command("git", append([]string{"-C", a.repository, "-c", "user.name=e2e", "-c", "user.email=e2e@boutique.example"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// commit commits all there is.
func (a *argoCD) commit(subject string) error {
	if err := a.git("add", "-A"); err != nil {
		return err
	}
	return a.git("commit", "-q", "--allow-empty", "-m", subject)
}

// prepare makes what Argo CD's installation would: its kinds, its configuration, the clusters it applies to.
func (a *argoCD) prepare(ctx context.Context) error {
	for _, name := range []string{"application.yaml", "applicationset.yaml", "appproject.yaml"} {
		if err := a.applyFile(ctx, filepath.Join(a.estate.parts.ArgoCRDs, name)); err != nil {
			return err
		}
	}
	if err := a.established(ctx); err != nil {
		return err
	}
	part := object{"app.kubernetes.io/part-of": "argocd"}
	objects := []object{
		{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": argoNamespace}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "argocd-cm", "namespace": argoNamespace, "labels": part}, "data": object{}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "argocd-rbac-cm", "namespace": argoNamespace, "labels": part}},
		{
			"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "argocd-secret", "namespace": argoNamespace, "labels": part},
			"stringData": object{"server.secretkey": "e2e"},
		},
	}
	for _, c := range a.estate.clusters {
		objects = append(objects, object{
			"apiVersion": "v1", "kind": "Secret",
			"metadata": object{
				"name": "cluster-" + c.name, "namespace": argoNamespace, "labels": object{"argocd.argoproj.io/secret-type": "cluster", "writ.dev/cluster": c.name},
			},
			"stringData": object{
				"name": c.name, "server": c.api.address, "config": `{"bearerToken":"` + token + `","tlsClientConfig":{"insecure":true}}`,
			},
		})
	}
	for _, o := range objects {
		if err := a.apply(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// startServers starts Redis, the repo server and the two controllers.
func (a *argoCD) startServers(ctx context.Context) error {
	box, programs := a.estate.box, a.estate.parts.Programs
	if err := box.write(a.kubeconfig(argoNamespace), "argocd", "kubeconfig"); err != nil {
		return err
	}
	dir := box.path("argocd")
	env := []string{
		"KUBECONFIG=" + box.path("argocd", "kubeconfig"), "PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "ARGOCD_GPG_ENABLED=false",
	}
	for _, name := range []string{"ARGOCD_GNUPGHOME", "ARGOCD_GPG_DATA_PATH", "ARGOCD_TLS_DATA_PATH", "ARGOCD_SSH_DATA_PATH", "ARGOCD_PLUGINSOCKFILEPATH"} {
		folder := filepath.Join(dir, strings.ToLower(name))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		env = append(env, name+"="+folder)
	}
	// The one program is what it is called by.
	for _, name := range []string{"repo-server", "application-controller", "applicationset-controller", "git-ask-pass"} {
		if err := os.Symlink(programs["argocd"], filepath.Join(dir, "argocd-"+name)); err != nil {
			return err
		}
	}
	const redis, repo = "127.0.0.1:6380", "127.0.0.1:8181"
	start := func(name, path string, args ...string) (*process, error) {
		return box.start(name, command{path: path, args: args, env: env, dir: dir})
	}
	cache, err := start("argocd-redis", programs["redis-server"], "--port", "6380", "--save", "", "--bind", "127.0.0.1")
	if err != nil {
		return err
	}
	if err := listening(ctx, redis, cache); err != nil {
		return err
	}
	server, err := start("argocd-repo-server", filepath.Join(dir, "argocd-repo-server"),
		"--redis", redis, "--address", "127.0.0.1", "--port", "8181", "--metrics-address", "127.0.0.1", "--metrics-port", "8184", "--disable-tls",
		// By default it looks for new commits every three minutes.
		"--revision-cache-expiration", "1s")
	if err != nil {
		return err
	}
	if err := listening(ctx, repo, server); err != nil {
		return err
	}
	if err := a.startController(); err != nil {
		return err
	}
	_, err = start("argocd-applicationset-controller", filepath.Join(dir, "argocd-applicationset-controller"),
		"--namespace", argoNamespace, "--argocd-repo-server", repo, "--repo-server-plaintext", "--metrics-addr", "127.0.0.1:8190",
		"--probe-addr", "127.0.0.1:8191", "--webhook-addr", "127.0.0.1:8192")
	return err
}

// startController starts what applies.
func (a *argoCD) startController() (err error) {
	dir := a.estate.box.path("argocd")
	a.controller, err = a.estate.box.start("argocd-application-controller", command{
		path: filepath.Join(dir, "argocd-application-controller"), dir: dir,
		env: []string{"KUBECONFIG=" + filepath.Join(dir, "kubeconfig"), "PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir},
		args: []string{
			"--kubeconfig", filepath.Join(dir, "kubeconfig"), "--namespace", argoNamespace, "--redis", "127.0.0.1:6380",
			"--repo-server", "127.0.0.1:8181", "--repo-server-plaintext", "--metrics-port", "8182", "--app-resync", "5", "--app-resync-jitter", "0",
		},
	})
	return err
}

// application is what a test looks at of one.
type application struct {
	Metadata struct{ Name string }
	Status   struct {
		Sync           struct{ Status, Revision string }
		OperationState struct {
			Phase, Message string
			SyncResult     struct {
				Revision  string
				Resources []struct{ Kind, Name, Status, Message string }
			}
		}
		Conditions []struct{ Type, Message string }
	}
}

// wanted are the names of the Applications that there should be: one for each folder of the clusters that run.
func (a *argoCD) wanted() ([]string, error) {
	var all []string
	for _, c := range a.estate.clusters {
		folders, err := os.ReadDir(filepath.Join(a.repository, "out", c.name))
		if err != nil {
			return nil, err
		}
		for _, f := range folders {
			all = append(all, c.name+"."+f.Name())
		}
	}
	return all, nil
}

// head is the revision of the repository.
func (a *argoCD) head() (string, error) {
	out, err := exec.Command("git", "-C", a.repository, "rev-parse", "HEAD").Output()
	return strings.TrimSpace(string(out)), err
}

// synced waits until all Applications have applied what is committed.
func (a *argoCD) synced(ctx context.Context) error {
	wanted, err := a.wanted()
	if err != nil {
		return err
	}
	head, err := a.head()
	if err != nil {
		return err
	}
	return until(ctx, "Argo CD", func() error {
		var list struct{ Items []application }
		if err := a.get(ctx, "/apis/argoproj.io/v1alpha1/namespaces/"+argoNamespace+"/applications", &list); err != nil {
			return err
		}
		for _, name := range wanted {
			i := slices.IndexFunc(list.Items, func(p application) bool { return p.Metadata.Name == name })
			if i < 0 {
				return fmt.Errorf("no Application %s", name)
			}
			if s := list.Items[i].Status; s.Sync.Status != "Synced" || !a.same(s.Sync.Revision, head, name) {
				said, _ := json.Marshal(s)
				return fmt.Errorf("%s: %s", name, said)
			}
		}
		return nil
	}, a.controller)
}

// same reports whether an Application's folder is the same at two revisions: one that no commit touches keeps its revision.
func (a *argoCD) same(applied, head, name string) bool {
	cluster, namespace, _ := strings.Cut(name, ".")
	return applied == head || applied != "" && a.git("diff", "--quiet", applied, head, "--", "out/"+cluster+"/"+namespace) == nil
}

// refresh tells Argo CD to look at the repository now, as a webhook of the git server would.
func (a *argoCD) refresh(ctx context.Context, names ...string) error {
	for _, name := range names {
		err := a.merge(ctx, "/apis/argoproj.io/v1alpha1/namespaces/"+argoNamespace+"/applications/"+name, object{
			"metadata": object{"annotations": object{"argocd.argoproj.io/refresh": "normal"}},
		})
		if err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

// pushed waits until the sidecars of all pods have what their istiod has: nothing is left to be sent.
func (e *estate) pushed(ctx context.Context) error {
	quiet := 0
	last := ""
	return until(ctx, "push", func() error {
		now := ""
		for _, c := range e.clusters {
			status, err := c.syncStatus(ctx)
			if err != nil {
				return err
			}
			now += status
		}
		if now != last {
			quiet, last = 0, now
			return fmt.Errorf("sidecars still get configuration")
		}
		if quiet++; quiet < 6 { // longer than istiod waits for more changes
			return fmt.Errorf("quiet for %s", time.Duration(quiet)*100*time.Millisecond)
		}
		return nil
	})
}
