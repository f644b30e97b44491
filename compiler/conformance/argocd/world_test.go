package argocd

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/metrics"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"
)

// root is the repository of writ, with the example estate.
const root = "../../.."

// files are the two objects of the example.
func example(t *testing.T) (*v1alpha1.AppProject, *v1alpha1.ApplicationSet) {
	t.Helper()
	data, err := os.ReadFile(root + "/policies/platform/argocd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, data)
}

// objects reads a file strictly: a field that Argo CD does not know fails.
func objects(t *testing.T, data []byte) (*v1alpha1.AppProject, *v1alpha1.ApplicationSet) {
	t.Helper()
	parts := documents(data)
	if len(parts) != 2 {
		t.Fatalf("there are %d documents, not two", len(parts))
	}
	project, set := &v1alpha1.AppProject{}, &v1alpha1.ApplicationSet{}
	for i, to := range []any{project, set} {
		if err := yaml.UnmarshalStrict(parts[i], to); err != nil {
			t.Fatal(err)
		}
	}
	return project, set
}

func documents(data []byte) [][]byte { return bytes.Split(data, []byte("\n---\n")) }

// writ runs the command in a folder and returns what it prints.
func writ(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"-C", dir}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("writ %v: %v\n%s", args, err, out)
	}
	return out
}

var binary string

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard) // of Argo CD
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "writ")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "writ")
		build := exec.Command("go", "build", "-o", binary, "./cmd/writ")
		build.Dir, build.Stderr = root, os.Stderr
		if err := build.Run(); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// folders stands for the repo server: every folder of a repository, as its GetGitDirectories lists them.
type folders struct{ fsys fs.FS }

func (f *folders) GetDirectories(context.Context, string, string, string, bool, bool) ([]string, error) {
	var all []string
	err := fs.WalkDir(f.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || name == "." {
			return err
		}
		if strings.HasPrefix(path.Base(name), ".") {
			return fs.SkipDir
		}
		all = append(all, name)
		return nil
	})
	return all, err
}

func (f *folders) GetFiles(context.Context, string, string, string, string, bool, bool) (map[string][]byte, error) {
	panic("the generator asks for folders alone")
}

// registered is a cluster as Argo CD knows it: a Secret, with the label that says whose it is, unless that is empty.
func registered(name, cluster string) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: "cluster-" + name, Namespace: "argocd",
			Labels: map[string]string{common.LabelKeySecretType: common.LabelValueSecretTypeCluster},
		},
		Data: map[string][]byte{"name": []byte(name), "server": []byte("https://" + name + ".example:6443"), "config": []byte("{}")},
	}
	if cluster != "" {
		s.Labels["writ.dev/cluster"] = cluster
	}
	return s
}

// world is Argo CD's ApplicationSet controller over an API server that is not there.
type world struct {
	t          *testing.T
	client     client.Client
	controller *controllers.ApplicationSetReconciler
	db         db.ArgoDB
	repo       *folders
	set        types.NamespacedName
}

func run(t *testing.T, repo fs.FS, project *v1alpha1.AppProject, set *v1alpha1.ApplicationSet, clusters ...*corev1.Secret) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	set = set.DeepCopy()
	set.UID = "0" // an owner has one
	objects := []client.Object{project.DeepCopy(), set}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: common.ArgoCDConfigMapName, Namespace: "argocd", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: common.ArgoCDSecretName, Namespace: "argocd", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}, Data: map[string][]byte{"server.secretkey": []byte("x")}}
	kubeObjects := []runtime.Object{config, secret}
	for _, c := range clusters {
		objects, kubeObjects = append(objects, c), append(kubeObjects, c)
	}
	kube := kubefake.NewSimpleClientset(kubeObjects...)
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.ApplicationSet{}).
		WithIndex(&v1alpha1.Application{}, ".metadata.controller", func(o client.Object) []string {
			if owner := metav1.GetControllerOf(o); owner != nil {
				return []string{owner.Name}
			}
			return nil
		}).Build()
	ctx := t.Context()
	a := &world{
		t: t, client: api, repo: &folders{repo}, set: client.ObjectKeyFromObject(set),
		db: db.NewDB("argocd", settings.NewSettingsManager(ctx, kube, "argocd"), kube),
	}
	a.controller = &controllers.ApplicationSetReconciler{
		Client: api, Scheme: scheme, Recorder: record.NewFakeRecorder(1000), KubeClientset: kube, ArgoDB: a.db,
		Generators: generators.GetGenerators(ctx, api, kube, "argocd", a.repo, nil, generators.SCMConfig{}),
		Policy:     v1alpha1.ApplicationsSyncPolicySync, // the controller's flag --policy, as by default
		Renderer:   &utils.Render{}, ArgoCDNamespace: "argocd", Metrics: metrics.NewFakeAppsetMetrics(),
	}
	return a
}

// applications lets the controller do its work and returns what Applications there are then, by name.
func (a *world) applications() map[string]*v1alpha1.Application {
	a.t.Helper()
	if _, err := a.controller.Reconcile(a.t.Context(), ctrl.Request{NamespacedName: a.set}); err != nil {
		a.t.Fatal(err)
	}
	var set v1alpha1.ApplicationSet
	if err := a.client.Get(a.t.Context(), a.set, &set); err != nil {
		a.t.Fatal(err)
	}
	for _, c := range set.Status.Conditions {
		if c.Type == v1alpha1.ApplicationSetConditionErrorOccurred && c.Status == v1alpha1.ApplicationSetConditionStatusTrue {
			a.t.Errorf("the controller says: %s", c.Message)
		}
	}
	var list v1alpha1.ApplicationList
	if err := a.client.List(a.t.Context(), &list); err != nil {
		a.t.Fatal(err)
	}
	all := map[string]*v1alpha1.Application{}
	for i := range list.Items {
		all[list.Items[i].Name] = &list.Items[i]
	}
	return all
}

// places are the folders of out/, as cluster/namespace.
func places(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(root + "/out/*/*")
	if err != nil || len(all) == 0 {
		t.Fatalf("out/ has no folders: %v", err)
	}
	for i := range all {
		all[i] = path.Join(path.Base(path.Dir(filepath.ToSlash(all[i]))), path.Base(filepath.ToSlash(all[i])))
	}
	slices.Sort(all)
	return all
}
