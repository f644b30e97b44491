package argocd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/argocd"
)

func settings(change func(*argocd.Settings)) argocd.Settings {
	s := argocd.Defaults()
	s.Repo = "ssh://git@git.example.com:2222/platform/access.git"
	if change != nil {
		change(&s)
	}
	return s
}

var admitted = argocd.Admitted{
	Places: []argocd.Place{{Cluster: "eu-1", Namespace: "shop"}, {Cluster: "eu-1", Namespace: "no"}, {Cluster: "us-1", Namespace: "12"}},
	Kinds:  []argocd.Kind{{Group: "security.istio.io", Kind: "AuthorizationPolicy"}, {Group: "networking.istio.io", Kind: "Sidecar"}},
}

// TestAFileSaysWhatItWasMadeWith: what Render writes, Read reads.
func TestAFileSaysWhatItWasMadeWith(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]argocd.Settings{
		"the defaults": settings(nil),
		"everything": settings(func(s *argocd.Settings) {
			s.Revision, s.Folder, s.Name, s.Namespace = "rendered/v1", "a/b", "access", "gitops"
			s.Clusters = map[string]string{"us-1": "america", "eu-1": "europe.1"}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := argocd.Render(s, admitted)
			if err != nil {
				t.Fatal(err)
			}
			got, line, err := argocd.Read([]byte(strings.ReplaceAll(string(file), "\n", "\r\n")))
			if d := cmp.Diff(s, got); err != nil || line != 2 || d != "" {
				t.Errorf("line %d, %v (-made with +read):\n%s", line, err, d)
			}
		})
	}
}

func TestTheOrderOfWhatIsAdmittedDoesNotMatter(t *testing.T) {
	t.Parallel()
	turned := argocd.Admitted{Places: append(slices.Clone(admitted.Places), admitted.Places...), Kinds: slices.Clone(admitted.Kinds)}
	slices.Reverse(turned.Places)
	slices.Reverse(turned.Kinds)
	one, err := argocd.Render(settings(nil), admitted)
	other, otherErr := argocd.Render(settings(nil), turned)
	if d := cmp.Diff(string(one), string(other)); err != nil || otherErr != nil || d != "" {
		t.Errorf("%v, %v\n%s", err, otherErr, d)
	}
}

// TestWhatYAMLWouldReadOtherwiseIsQuoted: a namespace may be called 12 or no.
func TestWhatYAMLWouldReadOtherwiseIsQuoted(t *testing.T) {
	t.Parallel()
	file, err := argocd.Render(settings(func(s *argocd.Settings) { s.Revision, s.Name = "1.0", "null" }), admitted)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`    - {name: eu-1, namespace: "no"}`, `    - {name: us-1, namespace: "12"}`, `targetRevision: "1.0"`, `  name: "null"`, `project: "null"`,
	} {
		if !strings.Contains(string(file), want+"\n") {
			t.Errorf("%s is missing of\n%s", want, file)
		}
	}
}

// TestAClusterThatHasLeftIsForgotten: its other name would never be looked at again.
func TestAClusterThatHasLeftIsForgotten(t *testing.T) {
	t.Parallel()
	s := settings(func(s *argocd.Settings) { s.Clusters = map[string]string{"eu-7": "gone", "eu-1": "europe"} })
	file, err := argocd.Render(s, admitted)
	if err != nil || strings.Contains(string(file), "gone") || !strings.Contains(string(file), "name: europe") || s.Clusters["eu-7"] != "gone" {
		t.Errorf("%v, %v\n%s", err, s.Clusters, file)
	}
}

// TestSettingsThatMeanSomethingElseAreRefused: Argo CD matches repositories and destinations as patterns, an ApplicationSet takes every
// text for a template, and whoever reads the file must not learn a secret.
func TestSettingsThatMeanSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*argocd.Settings){
		"no repository":            func(s *argocd.Settings) { s.Repo = "" },
		"any repository":           func(s *argocd.Settings) { s.Repo = "https://git.example.com/*" },
		"all but one":              func(s *argocd.Settings) { s.Repo = "!https://git.example.com/a" },
		"one of some":              func(s *argocd.Settings) { s.Repo = "https://git.example.com/{a,b}" },
		"a template":               func(s *argocd.Settings) { s.Repo = "https://git.example.com/{{.path.path}}" },
		"a password":               func(s *argocd.Settings) { s.Repo = "ssh://git:secret@git.example.com/a" },
		"a token":                  func(s *argocd.Settings) { s.Repo = "https://secret@git.example.com/a" },
		"another line":             func(s *argocd.Settings) { s.Repo = "https://git.example.com/a\nkind: AppProject" },
		"another flag":             func(s *argocd.Settings) { s.Repo = "https://git.example.com/a --name b" },
		"a flag as revision":       func(s *argocd.Settings) { s.Revision = "--upload-pack=x" },
		"no revision":              func(s *argocd.Settings) { s.Revision = "" },
		"a folder above":           func(s *argocd.Settings) { s.Folder = "../out" },
		"a folder on the disk":     func(s *argocd.Settings) { s.Folder = "/out" },
		"a folder said otherwise":  func(s *argocd.Settings) { s.Folder = "./out" },
		"any folder":               func(s *argocd.Settings) { s.Folder = "out*" },
		"a comment as name":        func(s *argocd.Settings) { s.Name = "a #b" },
		"any namespace":            func(s *argocd.Settings) { s.Namespace = "*" },
		"any cluster":              func(s *argocd.Settings) { s.Clusters = map[string]string{"eu-1": "*"} },
		"all clusters but one":     func(s *argocd.Settings) { s.Clusters = map[string]string{"eu-1": "!eu-1"} },
		"a cluster with a comment": func(s *argocd.Settings) { s.Clusters = map[string]string{"eu-1": "a\n- {name: b"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := argocd.Render(settings(change), admitted)
			if err == nil {
				t.Fatalf("it was written:\n%s", file)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the message tells it: %v", err)
			}
		})
	}
}

func TestAFileThatSaysSomethingElseIsNotRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           `no line "# writ argocd --repo URL" says what it was made with`,
		"# writ argocd --repo\n":     `"--repo" has no value`,
		"# writ argocd --write yes":  "\"--write\" is no flag of `writ argocd`",
		"# writ argocd --cluster eu": `"eu" does not say what Argo CD calls a cluster; expected CLUSTER=NAME`,
		"# writ argocd --name a":     "no repository is said: --repo URL is where Argo CD finds out/",
	} {
		if _, _, err := argocd.Read([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q is read as %v, want %s", text, err, want)
		}
	}
}
