package argocd

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/reposerver/repository"
	apppath "github.com/argoproj/argo-cd/v3/util/app/path"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/git"
	utilio "github.com/argoproj/argo-cd/v3/util/io"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// TestTheFileIsWhatTheCRDsDescribe: the API server would take both objects whole, and drop no field of them.
func TestTheFileIsWhatTheCRDsDescribe(t *testing.T) {
	data, err := os.ReadFile(root + "/policies/platform/argocd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example(t) // strictly
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join(strings.TrimSpace(string(dir)), "manifests", "crds")
	for i, name := range []string{"appproject-crd.yaml", "applicationset-crd.yaml"} {
		var object map[string]any
		if err := yaml.Unmarshal(documents(data)[i], &object); err != nil {
			t.Fatal(err)
		}
		validate, structural := crd(t, filepath.Join(crds, name))
		if found := validation.ValidateCustomResource(nil, object, validate); len(found) > 0 {
			t.Errorf("%s: %v", name, found.ToAggregate())
		}
		if dropped := pruning.PruneWithOptions(object, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}); len(dropped) > 0 {
			t.Errorf("%s: the API server would drop %v", name, dropped)
		}
		object["spec"].(map[string]any)["destinations"], object["spec"].(map[string]any)["generators"] = "x", "x"
		if found := validation.ValidateCustomResource(nil, object, validate); len(found) == 0 {
			t.Errorf("%s: nothing is ever refused", name)
		}
	}
}

func crd(t *testing.T, file string) (validation.SchemaValidator, *schema.Structural) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &v1); err != nil {
		t.Fatal(err)
	}
	var internal apiextensions.CustomResourceValidation
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(v1.Spec.Versions[0].Schema, &internal, nil); err != nil {
		t.Fatal(err)
	}
	validate, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	return validate, structural
}

// TestEachFolderHasAnApplication: one for each cluster and namespace, in the cluster whose Secret has the label, whatever else is
// registered, and nothing of it in a folder that is none of a cluster.
func TestEachFolderHasAnApplication(t *testing.T) {
	project, set := example(t)
	a := run(t, os.DirFS(root), project, set,
		registered("eu-1", "eu-1"), registered("eu-2", "eu-2"), registered("us-1", "us-1"), registered("dev-1", "dev-1"), registered("other", ""))
	apps := a.applications()
	var want []string
	for _, p := range places(t) {
		cluster, namespace, _ := strings.Cut(p, "/")
		name := cluster + "." + namespace
		want = append(want, name)
		app := apps[name]
		if app == nil {
			continue
		}
		s := app.Spec
		if s.Destination.Name != cluster || s.Destination.Namespace != namespace || s.Source.Path != "out/"+p || s.Project != "writ" {
			t.Errorf("%s is for %+v of %+v", name, s.Destination, s.Source)
		}
		if auto := s.SyncPolicy.Automated; auto == nil || !auto.Prune || !auto.SelfHeal || auto.AllowEmpty {
			t.Errorf("%s syncs by %+v", name, auto)
		}
		for _, option := range []string{"ServerSideApply=true", "PruneLast=true", "FailOnSharedResource=true"} {
			if !s.SyncPolicy.SyncOptions.HasOption(option) {
				t.Errorf("%s lacks %s", name, option)
			}
		}
		if len(app.Finalizers) > 0 {
			t.Errorf("%s takes what it applied with it: %v", name, app.Finalizers)
		}
		found, err := argo.ValidatePermissions(t.Context(), &s, project, a.db)
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(apps)); !slices.Equal(got, want) {
		t.Errorf("the Applications are\n%v\nwant\n%v", got, want)
	}
}

// TestAClusterMayBeCalledOtherwise: the label says whose a Secret is, and the AppProject knows Argo CD's name of it.
func TestAClusterMayBeCalledOtherwise(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "policies"), os.DirFS(root+"/policies")); err != nil {
		t.Fatal(err)
	}
	project, set := objects(t, writ(t, dir, "argocd", "--cluster", "eu-1=europe-1", "--path", ".", "--revision", "rendered", "--name", "access"))
	a := run(t, os.DirFS(root+"/out"), project, set, registered("europe-1", "eu-1"), registered("eu-1", ""))
	apps := a.applications()
	if len(apps) != 8 {
		t.Errorf("there are %d Applications: %v", len(apps), slices.Sorted(maps.Keys(apps)))
	}
	for name, app := range apps {
		s := app.Spec
		if s.Destination.Name != "europe-1" || s.Source.TargetRevision != "rendered" || s.Source.Path != strings.Replace(name, ".", "/", 1) {
			t.Errorf("%s is for %+v of %+v", name, s.Destination, s.Source)
		}
		if found, err := argo.ValidatePermissions(t.Context(), &s, project, a.db); err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

// TestWhatLeavesTheFolderStaysInTheCluster: its Application goes and takes nothing with it.
func TestWhatLeavesTheFolderStaysInTheCluster(t *testing.T) {
	project, set := example(t)
	repo := fstest.MapFS{"out/eu-1/orders/a.yaml": {}, "out/eu-1/catalog/a.yaml": {}}
	a := run(t, repo, project, set, registered("eu-1", "eu-1"))
	if apps := a.applications(); len(apps) != 2 || len(apps["eu-1.orders"].Finalizers) > 0 {
		t.Fatalf("the Applications are %v", apps)
	}
	delete(repo, "out/eu-1/orders/a.yaml")
	if apps := a.applications(); len(apps) != 1 || apps["eu-1.catalog"] == nil {
		t.Errorf("the Applications are %v", slices.Sorted(maps.Keys(apps)))
	}
}

// TestAConfirmationStays: who confirms that a floor goes writes an annotation, which the controller would take for a difference.
func TestAConfirmationStays(t *testing.T) {
	project, set := example(t)
	for name, keep := range map[string]bool{"as rendered": true, "without preservedFields": false} {
		if !keep {
			set = set.DeepCopy()
			set.Spec.PreservedFields = nil
		}
		a := run(t, fstest.MapFS{"out/eu-1/orders/a.yaml": {}}, project, set, registered("eu-1", "eu-1"))
		app := a.applications()["eu-1.orders"]
		asked := time.Now().Add(-time.Minute)
		app.Annotations["argocd.argoproj.io/deletion-approved"] = time.Now().UTC().Format(time.RFC3339)
		if err := a.client.Update(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		if got := a.applications()["eu-1.orders"].IsDeletionConfirmed(asked); got != keep {
			t.Errorf("%s, the confirmation stays: %v", name, got)
		}
	}
}

// TestACommitRefreshesWhatItTouches, as the repo server and the webhook see it.
func TestACommitRefreshesWhatItTouches(t *testing.T) {
	project, set := example(t)
	a := run(t, os.DirFS(root), project, set, registered("eu-1", "eu-1"), registered("us-1", "us-1"))
	changed := []string{"out/eu-1/orders/authorizationpolicy-cartservice.yaml", "policies/teams/orders/cart.yaml", "out/.gitattributes"}
	var got []string
	for name, app := range a.applications() {
		paths := apppath.GetSourceRefreshPaths(app, app.Spec.GetSource())
		if len(paths) != 1 {
			t.Errorf("%s looks at %v", name, paths)
		}
		if apppath.AppFilesHaveChanged(paths, changed) {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, []string{"eu-1.orders"}) {
		t.Errorf("%v are refreshed", got)
	}
}

// manifests are the objects that the repo server makes of an Application's folder.
func manifests(t *testing.T, repo string, app *v1alpha1.Application) ([]*unstructured.Unstructured, error) {
	t.Helper()
	source := app.Spec.GetSource()
	response, err := repository.GenerateManifests(context.Background(), filepath.Join(repo, source.Path), repo, "", &apiclient.ManifestRequest{
		Repo: &v1alpha1.Repository{}, ApplicationSource: &source, AppName: app.Name, Namespace: app.Spec.Destination.Namespace, ProjectName: app.Spec.Project,
	}, true, &git.NoopCredsStore{}, resource.MustParse("10M"), utilio.NewRandomizedTempPaths(t.TempDir()))
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, text := range response.Manifests {
		object, err := v1alpha1.UnmarshalToUnstructured(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, object)
	}
	return all, nil
}

// TestTheProjectAdmitsWhatWritRenders, every object of out/, and nothing that writ does not render.
func TestTheProjectAdmitsWhatWritRenders(t *testing.T) {
	project, set := example(t)
	a := run(t, os.DirFS(root), project, set,
		registered("eu-1", "eu-1"), registered("eu-2", "eu-2"), registered("us-1", "us-1"), registered("dev-1", "dev-1"), registered("other", ""))
	admits := func(cluster, namespace, group, kind string) bool {
		c, err := argo.GetDestinationCluster(t.Context(), v1alpha1.ApplicationDestination{Name: cluster}, a.db)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := project.IsResourcePermitted(kubeschema.GroupKind{Group: group, Kind: kind}, namespace, c, func(string) ([]*v1alpha1.Cluster, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	n := 0
	for name, app := range a.applications() {
		objects, err := manifests(t, root, app)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, o := range objects {
			n++
			gvk := o.GroupVersionKind()
			if o.GetNamespace() != app.Spec.Destination.Namespace || !admits(app.Spec.Destination.Name, o.GetNamespace(), gvk.Group, gvk.Kind) {
				t.Errorf("%s: %s %s/%s is not admitted", name, gvk.Kind, o.GetNamespace(), o.GetName())
			}
		}
	}
	files, err := filepath.Glob(root + "/out/*/*/*.yaml")
	if err != nil || n != len(files) || n == 0 {
		t.Errorf("%d objects of %d files: %v", n, len(files), err)
	}
	const security, networking = "security.istio.io", "networking.istio.io"
	for _, c := range []struct{ cluster, namespace, group, kind string }{
		{"eu-1", "", "rbac.authorization.k8s.io", "ClusterRole"},
		{"eu-1", "", "", "Namespace"},
		{"eu-1", "", security, "AuthorizationPolicy"}, // as if it lay in no namespace
		{"eu-1", "orders", "apps", "Deployment"},
		{"eu-1", "orders", "", "Secret"},
		{"eu-1", "orders", "rbac.authorization.k8s.io", "RoleBinding"},
		{"eu-1", "orders", networking, "EnvoyFilter"},
		{"eu-1", "orders", networking, "VirtualService"}, // it could be in an overlay, and is in none
		{"eu-1", "orders", networking, "AuthorizationPolicy"},
		{"eu-1", "orders", "argoproj.io", "Application"},
		{"eu-1", "kube-system", security, "AuthorizationPolicy"},
		{"eu-1", "argocd", security, "AuthorizationPolicy"},
		{"eu-1", "istio-system", security, "AuthorizationPolicy"}, // nothing of the mesh as a whole is rendered there
		{"eu-1", "ads", security, "AuthorizationPolicy"},          // its team is not there
		{"eu-1", "order", security, "AuthorizationPolicy"},
		{"eu-1", "orders2", security, "AuthorizationPolicy"},
		{"other", "orders", security, "AuthorizationPolicy"},
	} {
		if admits(c.cluster, c.namespace, c.group, c.kind) {
			t.Errorf("%+v is admitted", c)
		}
	}
	for _, repo := range []string{"https://git.boutique.example/platform/other.git", "https://git.boutique.example/platform", "https://example.com/x/access.git"} {
		if project.IsSourcePermitted(v1alpha1.ApplicationSource{RepoURL: repo}) {
			t.Errorf("%s is admitted", repo)
		}
	}
}

// TestAFolderIsReadAsPlainManifests: whatever else somebody puts there, no tool runs on it.
func TestAFolderIsReadAsPlainManifests(t *testing.T) {
	project, set := example(t)
	policy, err := os.ReadFile(root + "/out/eu-1/orders/authorizationpolicy-cartservice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, text string }{
		"nothing else":          {"README.md", "x"},
		"jsonnet":               {"b.jsonnet", `{apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy", metadata: {name: importstr "/etc/hostname"}}`},
		"JSON":                  {"b.json", `{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "b"}}`},
		"a Helm chart":          {"Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n"},
		"a kustomization":       {"kustomization.yaml", "resources: [https://example.com/x]\n"},
		"a kustomization, said": {"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [https://example.com/x]\n"},
		"deeper":                {"deeper/b.yaml", "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: b}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := t.TempDir()
			folder := filepath.Join(repo, "out/eu-1/orders")
			for file, data := range map[string][]byte{"a.yaml": policy, c.file: []byte(c.text)} {
				file = filepath.Join(folder, file)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			app := run(t, os.DirFS(repo), project, set, registered("eu-1", "eu-1")).applications()["eu-1.orders"]
			objects, err := manifests(t, repo, app)
			if err != nil {
				t.Fatal(err)
			}
			var admitted []string
			for _, o := range objects {
				if project.IsGroupKindPermitted(o.GroupVersionKind().GroupKind(), true) {
					admitted = append(admitted, o.GetName())
				}
			}
			if !slices.Equal(admitted, []string{"cartservice"}) {
				t.Errorf("%v are admitted", admitted)
			}
		})
	}
}

// TestTheExampleIsCurrent: the other tests look at what the command prints.
func TestTheExampleIsCurrent(t *testing.T) {
	data, err := os.ReadFile(root + "/policies/platform/argocd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, writ(t, root, "argocd")) {
		t.Error("policies/platform/argocd.yaml is not current: writ argocd --write")
	}
}
