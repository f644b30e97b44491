// Package argocd writes what Argo CD needs to carry out/ to the clusters: an AppProject that admits what writ renders and nothing
// else, and an ApplicationSet that makes an Application of each cluster's namespace.
package argocd

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// Path is where the file lies for `writ check` to hold it: among the platform's documents, since whoever changes it decides what
// Argo CD applies.
const Path = "policies/platform/argocd.yaml"

// ClusterLabel is on the Secret with which Argo CD knows a cluster, and has the name of the Cluster document.
const ClusterLabel = "writ.dev/cluster"

// Settings are what no document says.
type Settings struct {
	Repo     string // the repository that holds the folder
	Revision string // the branch of it
	Folder   string // out, or where else the rendered files lie in it
	Name     string // of the AppProject and of the ApplicationSet
	// Namespace is that of Argo CD.
	Namespace string
	// Clusters are the names that Argo CD has for clusters, by the names of their documents, where the two differ.
	Clusters map[string]string
}

// Defaults are the settings, but for the repository, of somebody who did not say any.
func Defaults() Settings {
	return Settings{Revision: "main", Folder: "out", Name: "writ", Namespace: "argocd"}
}

// Admitted is what an estate may have in the clusters.
type Admitted struct {
	Places []Place
	Kinds  []Kind
}

// Has reports whether a namespace of the cluster is admitted.
func (a *Admitted) Has(cluster string) bool {
	return slices.ContainsFunc(a.Places, func(p Place) bool { return p.Cluster == cluster })
}

// Place is a namespace of a cluster.
type Place struct{ Cluster, Namespace string }

// Kind is a kind of objects that lie in namespaces.
type Kind struct{ Group, Kind string }

// What may stand in the file needs no quoting on a command line, is no pattern to Argo CD, which matches repositories and
// destinations as globs, and no template to an ApplicationSet.
var (
	repo     = regexp.MustCompile(`^([a-z][a-z0-9+]*://)?[A-Za-z0-9._/~@:%+=-]+$`)
	secret   = regexp.MustCompile(`^(https?://[^/]*@|[a-z][a-z0-9+]*://[^/@]*:[^/@]*@)`)
	revision = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+-]*$`)
	folder   = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._/-]*$`)
	object   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	known    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)
)

// Check says what is wrong with the settings.
func (s Settings) Check() error {
	switch {
	case s.Repo == "":
		return fmt.Errorf("no repository is said: --repo URL is where Argo CD finds %s/", s.Folder)
	case secret.MatchString(s.Repo):
		return errors.New("the repository's URL has a user or a password in it; leave that out, and give it to Argo CD in a Secret of the repository")
	case !repo.MatchString(s.Repo):
		return fmt.Errorf("%q cannot be a repository here; expected a URL of letters, digits and ._/~@:%%+=-", s.Repo)
	case !revision.MatchString(s.Revision):
		return fmt.Errorf("%q cannot be a revision here; expected the name of a branch", s.Revision)
	case !folder.MatchString(s.Folder) || path.Clean(s.Folder) != s.Folder || strings.HasPrefix(s.Folder, ".."):
		return fmt.Errorf("%q cannot be a folder here; expected a path from the root of the repository, like out, or . for the root itself", s.Folder)
	case !object.MatchString(s.Name):
		return fmt.Errorf("%q cannot be the name of an AppProject; expected lower-case letters, digits and -", s.Name)
	case !object.MatchString(s.Namespace):
		return fmt.Errorf("%q cannot be a namespace; expected lower-case letters, digits and -", s.Namespace)
	}
	for _, cluster := range slices.Sorted(maps.Keys(s.Clusters)) {
		if name := s.Clusters[cluster]; !object.MatchString(cluster) || !known.MatchString(name) {
			return fmt.Errorf("%q cannot be Argo CD's name of a cluster; expected CLUSTER=NAME, of letters, digits and ._-", cluster+"="+name)
		}
	}
	return nil
}

// Flags are the settings as flags of `writ argocd`, each with its value, without those that are as by default.
func (s Settings) Flags() []string {
	unsaid := Defaults()
	flags := []string{"--repo " + s.Repo}
	for _, f := range []struct{ flag, value, unsaid string }{
		{"--revision", s.Revision, unsaid.Revision},
		{"--path", s.Folder, unsaid.Folder},
		{"--name", s.Name, unsaid.Name},
		{"--namespace", s.Namespace, unsaid.Namespace},
	} {
		if f.value != f.unsaid {
			flags = append(flags, f.flag+" "+f.value)
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(s.Clusters)) {
		flags = append(flags, "--cluster "+cluster+"="+s.Clusters[cluster])
	}
	return flags
}

// said is the line of the file that has its settings.
const said = "# writ argocd "

// Read returns the settings that a file was made with, and the number of the line that has them.
func Read(file []byte) (Settings, int, error) {
	s := Defaults()
	number := 0
	for text := range strings.Lines(string(file)) {
		number++
		args, ok := strings.CutPrefix(strings.TrimRight(text, "\r\n"), said)
		if !ok {
			continue
		}
		words := strings.Fields(args)
		if len(words)%2 != 0 {
			return s, number, fmt.Errorf("%q has no value", words[len(words)-1])
		}
		for pair := range slices.Chunk(words, 2) {
			if err := s.set(pair[0], pair[1]); err != nil {
				return s, number, err
			}
		}
		return s, number, s.Check()
	}
	return s, 1, fmt.Errorf("no line %q says what it was made with", strings.TrimSpace(said)+" --repo URL")
}

func (s *Settings) set(flag, value string) error {
	switch flag {
	case "--repo":
		s.Repo = value
	case "--revision":
		s.Revision = value
	case "--path":
		s.Folder = value
	case "--name":
		s.Name = value
	case "--namespace":
		s.Namespace = value
	case "--cluster":
		return s.Call(value)
	default:
		return fmt.Errorf("%q is no flag of `writ argocd`", flag)
	}
	return nil
}

// Call takes CLUSTER=NAME.
func (s *Settings) Call(pair string) error {
	cluster, name, ok := strings.Cut(pair, "=")
	if !ok || cluster == "" || name == "" {
		return fmt.Errorf("%q does not say what Argo CD calls a cluster; expected CLUSTER=NAME", pair)
	}
	if s.Clusters == nil {
		s.Clusters = map[string]string{}
	}
	s.Clusters[cluster] = name
	if name == cluster { // again
		delete(s.Clusters, cluster)
	}
	return nil
}

//go:embed argocd.yaml.tmpl
var text string

var page = template.Must(template.New("").Funcs(template.FuncMap{"scalar": scalar}).Parse(text))

// Render writes the file. It depends on nothing but its arguments, whose order does not matter.
func Render(s Settings, a Admitted) ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	s.Clusters = maps.Clone(s.Clusters)
	maps.DeleteFunc(s.Clusters, func(cluster, _ string) bool { return !a.Has(cluster) }) // it has left
	depth := 0
	pattern := "*/*"
	if s.Folder != "." {
		depth, pattern = strings.Count(s.Folder, "/")+1, s.Folder+"/*/*"
	}
	places := make([]Place, 0, len(a.Places))
	for _, p := range a.Places {
		if name, ok := s.Clusters[p.Cluster]; ok {
			p.Cluster = name
		}
		places = append(places, p)
	}
	var out bytes.Buffer
	err := page.Execute(&out, map[string]any{
		"Said": said + strings.Join(s.Flags(), " "), "S": s, "Label": ClusterLabel,
		"Cluster": fmt.Sprintf("{{index .path.segments %d}}", depth), "Directories": pattern,
		"Places": sorted(places, func(p Place) string { return p.Cluster + " " + p.Namespace }),
		"Kinds":  sorted(a.Kinds, func(k Kind) string { return k.Group + " " + k.Kind }),
	})
	if err != nil {
		panic(err) // the template is ours, and a buffer takes everything
	}
	return out.Bytes(), nil
}

// sorted is each of them once, by what key says of it.
func sorted[T comparable](all []T, key func(T) string) []T {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	return slices.Compact(all)
}

var (
	plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/~@:%+=-]*$`)
	// words are what some reader of YAML takes for something else than text.
	words = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
)

// scalar is a text in YAML, with quotes where it could be read as something else. Texts here have no character that JSON and YAML
// quote otherwise.
func scalar(s string) string {
	if plain.MatchString(s) && !strings.HasSuffix(s, ":") && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
