package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	diff "github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/argocd"
)

// argocdFlags are the flags of `writ argocd`. Settings are those that somebody said; the others come from the file.
type argocdFlags struct {
	settings     argocd.Settings
	clusters     []string
	check, write bool
}

func (a *app) argocd() *cobra.Command {
	f := argocdFlags{settings: argocd.Defaults()}
	cmd := &cobra.Command{
		Use:   "argocd",
		Short: "Write what Argo CD needs to carry out/ to the clusters",
		Long: "argocd makes two objects for Argo CD. The ApplicationSet makes an Application of each folder out/<cluster>/<namespace>,\n" +
			"for the cluster whose Secret in Argo CD has the label " + argocd.ClusterLabel + ": <cluster>. The AppProject admits the namespaces of the\n" +
			"documents and the kinds that writ renders, those of overlays among them, and nothing else.\n\n" +
			"It prints both. With --write it writes them to " + argocd.Path + ", from where you apply them; with --check it\n" +
			"writes nothing, prints the difference, and exits with 1 if there is one. The file says which flags it was made with, so\n" +
			"that the next time only what is to change need be said. Once it exists, `writ check` holds it too.",
		Example: "  writ argocd --write --repo https://git.example.com/platform/access.git\n" +
			"  writ argocd --write --revision rendered   # where `writ publish` puts out/\n" +
			"  writ argocd --check",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.check && f.write {
				return errors.New("--check and --write are opposites; leave out one")
			}
			return a.runArgoCD(cmd, f)
		},
	}
	s, flags := &f.settings, cmd.Flags()
	flags.StringVar(&s.Repo, "repo", "", "the `URL` of the repository that holds out/")
	flags.StringVar(&s.Revision, "revision", s.Revision, "the `BRANCH` of it")
	flags.StringVar(&s.Folder, "path", s.Folder, "the `FOLDER` of it that holds a folder for each cluster; . for the root")
	flags.StringVar(&s.Name, "name", s.Name, "the `NAME` of the ApplicationSet and of the AppProject")
	flags.StringVar(&s.Namespace, "namespace", s.Namespace, "the `NAMESPACE` of Argo CD")
	flags.StringArrayVar(&f.clusters, "cluster", nil, "`CLUSTER=NAME`, where Argo CD calls a cluster otherwise than its document; may be repeated")
	flags.BoolVar(&f.check, "check", false, "print what would change as a diff")
	flags.BoolVar(&f.write, "write", false, "write the file, whole or not at all")
	return cmd
}

// over are the settings that somebody said, over those of the file, over those by default.
func (f *argocdFlags) over(cmd *cobra.Command, file []byte) (argocd.Settings, error) {
	s, _, err := argocd.Read(file)
	if err != nil { // a file that does not say them, or none
		s = argocd.Defaults()
	}
	for name, field := range map[string]struct{ to, from *string }{
		"repo": {&s.Repo, &f.settings.Repo}, "revision": {&s.Revision, &f.settings.Revision}, "path": {&s.Folder, &f.settings.Folder},
		"name": {&s.Name, &f.settings.Name}, "namespace": {&s.Namespace, &f.settings.Namespace},
	} {
		if cmd.Flags().Changed(name) {
			*field.to = *field.from
		}
	}
	s.Clusters = maps.Clone(s.Clusters)
	for _, pair := range f.clusters {
		if err := s.Call(pair); err != nil {
			return s, err
		}
	}
	return s, s.Check()
}

// argocdDocument is what `writ argocd --format json` prints.
type argocdDocument struct {
	Path    string `json:"path"`
	Text    string `json:"text"`
	Current bool   `json:"current"` // the file has been so before
	Written bool   `json:"written"`
}

func (a *app) runArgoCD(cmd *cobra.Command, f argocdFlags) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	before, err := repo.ReadFile(argocd.Path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %q: %w", argocd.Path, bare(err))
	}
	settings, err := f.over(cmd, before)
	if err != nil {
		return err
	}
	r, err := a.admits(cmd.Context(), repo.FS())
	if err != nil {
		return err
	}
	for _, pair := range f.clusters {
		if cluster, _, _ := strings.Cut(pair, "="); !r.Admitted.Has(cluster) {
			return fmt.Errorf("--cluster %s: no Cluster document of the name %q has namespaces", quote(pair), cluster)
		}
	}
	after, err := argocd.Render(settings, r.Admitted)
	if err != nil {
		return err
	}
	current := exists && bytes.Equal(before, after)
	if f.write && !current {
		if err := create(repo, argocd.Path, exists, before, after); err != nil {
			return err
		}
	}
	if err := a.tellArgoCD(f, current, before, after); err != nil {
		return err
	}
	if f.check && !current {
		return errFails
	}
	return nil
}

// admits compiles, and tells what stops that.
func (a *app) admits(ctx context.Context, fsys fs.FS) (*compiler.Result, error) {
	r, err := a.compile(ctx, fsys, nil)
	if err == nil && r.Findings.Stops() {
		err = a.stopped(r, "nothing written")
	}
	return r, err
}

func (a *app) tellArgoCD(f argocdFlags, current bool, before, after []byte) error {
	switch {
	case a.format == formatJSON:
		return a.json(argocdDocument{argocd.Path, string(after), current, f.write && !current})
	case current && (f.check || f.write):
		a.printf("%s is current\n", argocd.Path)
	case f.write:
		a.printf("%s written; apply it where Argo CD runs\n", argocd.Path)
	case f.check:
		a.raw(string(diff.Diff("a/"+argocd.Path, before, "b/"+argocd.Path, after)))
		a.printf("%s is not current: %s\n", argocd.Path, a.command("argocd --write"))
	default:
		a.raw(string(after))
	}
	return nil
}
