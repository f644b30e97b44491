package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/gitops"
)

// published is one run of `writ publish`.
type published struct {
	*gitops.Publication
	revision string
	change   *compiler.Change // nil where nothing was compiled
	contents *gitops.Contents // nil where nothing came to be published
	done     *gitops.Done
}

func (a *app) publish() *cobra.Command {
	var f publishFlags
	cmd := &cobra.Command{
		Use:   "publish --to URL --branch NAME",
		Short: "Commit what a revision compiles to on a branch that Argo CD reads",
		Long: "publish compiles and proves a revision of the repository, as git has it, and commits the manifests to a branch of this or of another\n" +
			"repository: one commit on top of what is there, none where nothing changes. It touches the files that writ rendered, and no other.\n" +
			"It refuses what build refuses, judged by what the branch holds. It never rewrites history: where somebody else was faster, it begins\n" +
			"again from the new tip. A revision that is older than what the branch has is not published, which is no failure.\n\n" +
			"The commit is of --author and --committer, else of GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL and the same of GIT_COMMITTER; at --date, else\n" +
			"GIT_AUTHOR_DATE and GIT_COMMITTER_DATE, else when the revision was committed. So two runs make the same commit.\n\n" +
			"URL is https://, ssh://, user@host:path, file:// or a path, and holds no secret. For HTTPS set WRIT_GIT_TOKEN (and WRIT_GIT_USERNAME, if\n" +
			"the server wants one); else git's own credential helpers and GIT_ASKPASS are asked. For SSH the agent is asked, or WRIT_GIT_SSH_KEY names\n" +
			"a key file, with WRIT_GIT_SSH_PASSPHRASE; without either it is a key in ~/.ssh. The host must be in ~/.ssh/known_hosts, or in the file\n" +
			"that SSH_KNOWN_HOSTS names. WRIT_SIGNING_PASSPHRASE opens --signing-key. file:// needs git installed.\n\n" +
			"It exits with 0 when the branch is up to date, be it by this run or before; with 1 for findings that stop, and when a manifest lies on\n" +
			"the branch that writ did not render; with 2 when it could not publish: then the branch is as it was, or it\n" +
			"says that an answer was lost, and the same command again tells.",
		Example: "  writ publish --to https://github.com/boutique-example/access --branch deploy --author 'writ <writ@boutique.example>'\n" +
			"  writ publish --to . --branch deploy --dry-run\n" +
			"  writ publish --to git@github.com:boutique-example/deploy.git --branch main --path access --signing-key ~/.ssh/id_ed25519",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runPublish(cmd.Context(), f) },
	}
	f.add(cmd)
	return cmd
}

func (a *app) runPublish(outer context.Context, f publishFlags) error {
	p := &published{revision: f.revision}
	var err error
	if p.Publication, err = f.publication(a.dir); err != nil {
		return err
	}
	if err := hasPolicies(p.Source, f.revision, a.dir); err != nil {
		return err
	}
	hear, done := a.progress()
	ctx, cancel := context.WithTimeout(outer, f.timeout)
	defer cancel()
	p.Progress, p.Again = hear, again
	p.Render = func(ctx context.Context, fsys fs.FS, since string) (*gitops.Contents, error) {
		err := p.render(ctx, fsys, since, compiler.Options{AsOf: a.asOf, Progress: hear}, f.sourceURL)
		return p.contents, err
	}
	p.done, err = gitops.Publish(ctx, p.Publication)
	done()
	if err != nil {
		return a.notPublished(outer, err, f.timeout)
	}
	if err := a.publishResult(p); err != nil {
		return err
	}
	if p.stopped() || p.beside() {
		return errFails
	}
	return nil
}

// hasPolicies refuses a revision without documents: what it compiles to is nothing, and a branch would be emptied.
func hasPolicies(s *gitops.Source, revision, dir string) error {
	fsys, err := s.FS()
	if err != nil {
		return err
	}
	if info, err := fs.Stat(fsys, "policies"); err != nil || !info.IsDir() {
		return fmt.Errorf("no folder policies/ in %q at %s (%s)", dir, revision, s.Commit[:12])
	}
	return nil
}

// maxTries is how often others may be faster before writ gives up.
const maxTries = 50

// again waits longer and longer, and never as long as another publisher that waits too.
func again(ctx context.Context, tries int) error {
	if tries >= maxTries {
		return errors.New("others push all the time")
	}
	most := min(50*time.Millisecond<<min(tries, 6), 2*time.Second)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(most)):
		return nil
	}
}

// render compiles the revision for what the branch holds.
func (p *published) render(ctx context.Context, fsys fs.FS, since string, opts compiler.Options, sourceURL string) error {
	p.contents = nil
	var err error
	if since != "" && since != p.Source.Commit {
		if opts.Base, err = p.Source.At(since); err != nil {
			return err
		}
	}
	if p.change, err = compiler.Publish(ctx, fsys, opts); err != nil || p.change.After.Findings.Stops() {
		return err
	}
	r := p.change.After
	if len(r.Drift.Blocked) > 0 {
		var all []string
		for _, o := range r.Drift.Blocked {
			all = append(all, o.String())
		}
		return fmt.Errorf("in the way of rendered files, below %s on %s: %s", p.Path, p.Branch, few(all))
	}
	all := emit.Complete(r.Files)
	written := map[string][]byte{}
	for _, name := range slices.Concat(r.Drift.Missing, r.Drift.Changed) {
		written[name] = all[name]
	}
	v := readVersion(debug.ReadBuildInfo())
	p.contents = &gitops.Contents{
		Written: written, Removed: r.Drift.Orphaned, Unchanged: len(all) - len(written),
		Says: gitops.Provenance{
			Source: p.Source, SourceURL: sourceURL, Writ: v.Version, Istio: v.Istio,
			Clusters: r.Stats.Clusters, Objects: r.Stats.Objects, Accesses: r.Stats.Accesses, Access: p.access(since),
		},
	}
	return nil
}

// access is what changes since the last publication, in the words of diff.
func (p *published) access(since string) *gitops.AccessChange {
	if since == p.Source.Commit {
		return &gitops.AccessChange{Since: since} // somebody else changed what writ rendered
	}
	d := p.change.Access
	if d == nil {
		return nil
	}
	c := &gitops.AccessChange{Since: since, Lead: d.Lead()}
	for i := range d.Gained {
		c.Gained = append(c.Gained, d.Gained[i].Title())
	}
	for i := range d.Lost {
		c.Lost = append(c.Lost, d.Lost[i].Title())
	}
	for i := range d.Switched {
		c.Switched = append(c.Switched, d.Switched[i].Words())
	}
	return c
}

// stopped reports whether a finding kept it from publishing.
func (p *published) stopped() bool { return p.change != nil && p.change.After.Findings.Stops() }

// beside reports whether a manifest lies on the branch that writ did not render. The proof has seen to it that it opens nothing, so the
// rest is published, but nobody else looks at the branch.
func (p *published) beside() bool {
	return p.change != nil && slices.ContainsFunc(p.change.After.Findings, func(f diag.Finding) bool { return f.Rule.Code == compiler.ForeignManifest })
}

// notPublished tells what the server said, if it said anything.
func (a *app) notPublished(ctx context.Context, err error, timeout time.Duration) error {
	var refused *gitops.Refused
	if errors.As(err, &refused) {
		for _, l := range refused.Told {
			fmt.Fprintf(a.stderr, "remote: %s\n", diag.Visible(l))
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("given up after %s (--timeout): %w", timeout, err)
	}
	return err
}

func (a *app) publishResult(p *published) error {
	if a.format == formatJSON {
		return a.json(newPublishDocument(p))
	}
	if p.change != nil {
		r := p.change.After
		if err := a.findings(append(slices.Clone(r.Findings), p.change.OnTheWay...), r, a.textOptions()); err != nil {
			return err
		}
		if len(r.Findings) > 0 && p.Path != "out" {
			a.printf("out/ here is %s on %s\n\n", diag.Visible(p.Path), p.Branch)
		}
		if r.Findings.Stops() {
			n := stopping(r.Findings)
			a.printf("nothing published: %s\n", count(n, "finding stops it", "findings stop it"))
			return nil
		}
		for _, name := range r.Drift.Foreign[:min(len(r.Drift.Foreign), shown)] {
			a.printf("notice: %s on %s is not written by writ, and left alone\n", diag.Visible(name), p.Branch)
		}
		if more := len(r.Drift.Foreign) - shown; more > 0 {
			a.printf("notice: %d more on %s not written by writ either\n", more, p.Branch)
		}
		a.stats(r)
	}
	a.tellPublished(p)
	return nil
}

func (a *app) tellPublished(p *published) {
	source := p.Source.Commit[:12]
	switch p.done.Outcome {
	case gitops.Superseded:
		a.printf("nothing to publish: %s has %s, which comes after %s (--rollback publishes nevertheless)\n", p.Branch, p.done.Since[:12], source)
		return
	case gitops.Unchanged:
		a.printf("nothing to publish: %s holds what %s compiles to\n", p.Branch, source)
		return
	}
	if c := p.contents; c != nil {
		if x := c.Says.Access; x != nil {
			a.printf("since %s: %s gained, %d lost, %d opened, closed or renamed\n", x.Since[:12], count(len(x.Gained), "access", "accesses"), len(x.Lost), len(x.Switched))
		}
		a.printf("%s: %d written, %d removed, %d unchanged\n", p.Branch, len(c.Written), len(c.Removed), c.Unchanged)
	}
	if p.done.Outcome == gitops.Published {
		a.printf("published %s to %s as %s\n", source, p.Branch, p.done.Commit[:12])
		return
	}
	a.printf("would be published to %s as %s:\n\n", p.Branch, p.done.Commit)
	for l := range strings.Lines(p.done.Message) {
		a.printf("    %s\n", strings.TrimSuffix(l, "\n"))
	}
	if p.contents == nil {
		return
	}
	a.printf("\n")
	var written []string
	for name := range p.contents.Written {
		written = append(written, name)
	}
	slices.Sort(written)
	a.paths("written", written)
	a.paths("removed", p.contents.Removed)
}
