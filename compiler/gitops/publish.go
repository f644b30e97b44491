package gitops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"writ.dev/writ/compiler/parallel"
)

// Publication is what to publish, and where.
type Publication struct {
	Source *Source
	// URL is a repository, Branch a branch of it that may not exist yet, Path the folder there, "." for all of the branch.
	URL, Branch, Path string
	Credentials       Credentials
	// Render makes what the folder is to hold. It sees the source with the branch's folder in the place of its out/, and the revision
	// that the branch was last published from, "" where there is none that this clone knows. It is called again where the branch has
	// moved meanwhile. nil contents say that there is nothing to publish.
	Render func(ctx context.Context, fsys fs.FS, since string) (*Contents, error)
	// Author and Committer are of the time that they say.
	Author, Committer Stamp
	// Sign signs commits; nil for none.
	Sign Signer
	// Rollback publishes also where the branch has a later revision, or one that this clone does not know.
	Rollback bool
	// DryRun does everything but push.
	DryRun bool
	// Again is asked before each try after the first, waits as it sees fit, and ends it all by an error.
	Again    func(ctx context.Context, tries int) error
	Progress parallel.Progress
}

// Stamp is somebody at some time.
type Stamp struct {
	Person
	When time.Time
}

// Contents are the changes that a folder needs.
type Contents struct {
	// Written are paths below the folder with their bytes, Removed those that go.
	Written   map[string][]byte
	Removed   []string
	Unchanged int
	// Says is what the message says of them.
	Says Provenance
}

// Outcome is what Publish came to.
type Outcome int

const (
	Nothing    Outcome = iota // Render had nothing to publish
	Unchanged                 // the branch holds it already
	Superseded                // the branch holds what a later revision made
	Published
	WouldPublish // but for DryRun
)

// Done is what Publish did.
type Done struct {
	Outcome Outcome
	// Commit is the new commit, or the tip where there is none; Parent what it was built on, "" on a new branch.
	Commit, Parent, Message string
	// Since is the revision that the branch was last published from, "" for none.
	Since string
	Tries int
}

// Publish commits what Render makes to the branch: one commit on top of what is there, or none where nothing changes. A branch that
// does not exist begins with it. The branch is moved by the server from the very tip that the commit was built on, so nobody's commit is
// lost and no history rewritten: where somebody was faster, all of it begins again from the new tip.
func Publish(ctx context.Context, p *Publication) (done *Done, err error) {
	branch := plumbing.NewBranchReferenceName(p.Branch)
	if p.Branch == "" || strings.HasPrefix(p.Branch, "refs/") || branch.Validate() != nil {
		return nil, fmt.Errorf("%q is no name of a branch", p.Branch)
	}
	if !fs.ValidPath(p.Path) || slices.Contains(strings.Split(strings.ToLower(p.Path), "/"), ".git") {
		return nil, fmt.Errorf("%q is no path in a repository; write it with slashes, from its top, like out", p.Path)
	}
	for _, s := range []Stamp{p.Author, p.Committer} {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	r, err := dial(p.URL, p.Branch, p.Credentials)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	// What Render sees is of both.
	defer p.Source.repo.objects.borrow(&r.storage.ObjectStorage)()
	a := &attempt{Publication: p, remote: r}
	for tries := 1; ; tries++ {
		done, err := a.once(ctx)
		if done != nil {
			done.Tries = tries
		}
		if !errors.Is(err, errMoved) {
			return done, err
		}
		if ended := p.Again(ctx, tries); ended != nil {
			return nil, fmt.Errorf("%w after %d tries (%w); %s lost nothing and has nothing of this", ended, tries, err, p.Branch)
		}
	}
}

// attempt is one try after another.
type attempt struct {
	*Publication
	remote *remote
	// sent are commits whose fate the server did not tell.
	sent []plumbing.Hash
	// rendered is what Render made, of these.
	rendered *Contents
	of       [2]string
}

func (a *attempt) once(ctx context.Context) (*Done, error) {
	a.Progress.Begin(ctx, "fetching "+a.Branch)
	tip, err := a.remote.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", a.Branch, err)
	}
	if done, err := a.arrived(tip); done != nil || err != nil {
		return done, err
	}
	top, out, err := a.here(tip)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", a.Branch, err)
	}
	done := &Done{}
	if !tip.IsZero() {
		done.Commit, done.Parent = tip.String(), tip.String()
	}
	if out != nil {
		if done.Since, err = a.last(ctx, tip); err != nil {
			return nil, fmt.Errorf("look for what %s was published from: %w", a.Branch, err)
		}
	}
	known, err := a.judge(done)
	if err != nil || done.Outcome == Superseded {
		return done, err
	}
	contents, err := a.render(ctx, out, known)
	if err != nil || contents == nil {
		return done, err
	}
	return done, a.commit(ctx, done, tip, top, contents)
}

// arrived finds out what became of commits that the server did not answer for.
func (a *attempt) arrived(tip plumbing.Hash) (*Done, error) {
	var done *Done
	if len(a.sent) == 0 || tip.IsZero() {
		return nil, nil
	}
	err := a.remote.objects.walk(tip, func(c *object.Commit) bool {
		if slices.Contains(a.sent, c.Hash) {
			done = &Done{Outcome: Published, Commit: c.Hash.String(), Message: c.Message}
			if c.NumParents() > 0 {
				done.Parent = c.ParentHashes[0].String()
			}
		}
		return done == nil
	}, func(plumbing.Hash) {})
	return done, err
}

// here is the tree of the tip, zero for none, and in it the folder to publish to, nil where there is none.
func (a *attempt) here(tip plumbing.Hash) (top plumbing.Hash, out *node, err error) {
	if tip.IsZero() {
		return top, nil, nil
	}
	c, err := (&repository{objects: a.remote.objects}).commit(tip)
	if err != nil {
		return top, nil, err
	}
	t := &tree{objects: a.remote.objects, root: &node{name: ".", mode: fs.ModeDir | 0o755, hash: c.TreeHash}}
	n, err := t.find("open", a.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.TreeHash, nil, nil
	case err != nil:
		return top, nil, err
	case !n.mode.IsDir() || n.hash.IsZero():
		return top, nil, fmt.Errorf("%s is there, and is no folder", a.Path)
	}
	return c.TreeHash, n, nil
}

// depths are how much of a branch's past is fetched to find its last publication: nearly always the tip is it.
var depths = []int{64, 0}

// last is the source revision of the branch's last publication to this folder, "" where there is none.
func (a *attempt) last(ctx context.Context, tip plumbing.Hash) (string, error) {
	for level := 0; ; level++ {
		found, more := "", false
		err := a.remote.objects.walk(tip, func(c *object.Commit) bool {
			said := readTrailers(c.Message)
			if said[trailerPath] == line(a.Path, 1000) && plumbing.IsHash(said[trailerSource]) {
				found = said[trailerSource]
			}
			return found == ""
		}, func(plumbing.Hash) { more = true })
		switch {
		case err != nil || found != "" || !more:
			return found, err
		case level == len(depths):
			return "", errors.New("the server does not hand out all of its history")
		}
		if err := a.remote.history(ctx, depths[level]); err != nil {
			return "", err
		}
	}
}

// judge decides whether the branch is behind the source, and says since when, as far as this clone knows.
func (a *attempt) judge(done *Done) (known string, err error) {
	if done.Since == "" {
		return "", nil
	}
	since := plumbing.NewHash(done.Since)
	is, err := a.Source.relationTo(since)
	switch {
	case err != nil:
		return "", err
	case is == unknown && !a.Rollback:
		return "", fmt.Errorf("%s was last published from %s, and this clone cannot tell whether that comes before %s: fetch all of the history, "+
			"with `fetch-depth: 0` for actions/checkout or `git fetch --unshallow`, and try again; if it is meant, --rollback publishes nevertheless",
			a.Branch, done.Since[:12], a.Source.Commit[:12])
	case is == later && !a.Rollback:
		done.Outcome = Superseded
	}
	if _, err := a.Source.repo.commit(since); err != nil {
		return "", nil //nolint:nilerr // a commit that is not in this clone cannot be compared with
	}
	return done.Since, nil
}

// render makes the contents, or takes those that it made of the same before.
func (a *attempt) render(ctx context.Context, out *node, since string) (*Contents, error) {
	of := [2]string{"", since}
	if out != nil {
		of[0] = out.hash.String()
	}
	if a.rendered != nil && a.of == of {
		return a.rendered, nil
	}
	fsys, err := a.Source.over(out)
	if err != nil {
		return nil, err
	}
	contents, err := a.Render(ctx, fsys, since)
	a.rendered, a.of = contents, of
	return contents, err
}

// commit makes the commit and pushes it.
func (a *attempt) commit(ctx context.Context, done *Done, tip, top plumbing.Hash, contents *Contents) error {
	var edits []edit
	for p, data := range contents.Written {
		edits = append(edits, edit{path.Join(a.Path, p), data})
	}
	for _, p := range contents.Removed {
		edits = append(edits, edit{path: path.Join(a.Path, p)})
	}
	sortEdits(edits)
	made := newFresh(a.remote.objects)
	now, err := made.tree(top, edits, "")
	if err != nil {
		return err
	}
	if now == top {
		done.Outcome = Unchanged
		return nil
	}
	message := contents.Says.message(a.Path, len(contents.Written), len(contents.Removed), contents.Unchanged)
	c := &object.Commit{Author: a.Author.signature(), Committer: a.Committer.signature(), Message: message, TreeHash: now}
	if !tip.IsZero() {
		c.ParentHashes = []plumbing.Hash{tip}
	}
	if err := a.sign(c); err != nil {
		return fmt.Errorf("sign the commit: %w", err)
	}
	h, err := made.add(c, plumbing.ZeroHash)
	if err != nil {
		return err
	}
	done.Commit, done.Message = h.String(), message
	if a.DryRun {
		done.Outcome = WouldPublish
		return nil
	}
	pack, err := made.pack()
	if err != nil {
		return err
	}
	a.Progress.Begin(ctx, "pushing to "+a.Branch)
	if err := a.settle(ctx, tip, h, a.remote.push(ctx, tip, h, pack)); err != nil {
		return err
	}
	done.Outcome = Published
	return nil
}

// sortEdits keeps what lies in one folder together.
func sortEdits(edits []edit) {
	slices.SortFunc(edits, func(a, b edit) int { return strings.Compare(a.path, b.path) })
}

func (a *attempt) sign(c *object.Commit) error {
	if a.Sign == nil {
		return nil
	}
	o := &plumbing.MemoryObject{}
	if err := c.EncodeWithoutSignature(o); err != nil {
		return err
	}
	r, err := o.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.PGPSignature, err = a.Sign(raw, c.Committer.When)
	return err
}

// check refuses what would break the header of a commit, or read as somebody else.
func (s Stamp) check() error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' }
	if strings.TrimSpace(s.Name) == "" || strings.TrimSpace(s.Email) == "" || strings.ContainsFunc(s.Name+s.Email, bad) {
		return fmt.Errorf("%q <%q> cannot make a commit: it needs a name and an address, without < and >", s.Name, s.Email)
	}
	return nil
}

func (s Stamp) signature() object.Signature {
	return object.Signature{Name: s.Name, Email: s.Email, When: s.When}
}

// settle finds out what became of a push whose answer was lost on the way: the branch itself says it.
func (a *attempt) settle(ctx context.Context, from, to plumbing.Hash, pushed error) error {
	var refused *Refused
	if pushed == nil || errors.Is(pushed, errMoved) || errors.As(pushed, &refused) {
		return pushed
	}
	a.sent = append(a.sent, to)
	tip, err := a.remote.tip(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("push: %w; whether %s has the commit %s is not known, and the same command again will tell", pushed, a.Branch, to.String()[:12])
	case tip == to:
		return nil
	case tip == from:
		return fmt.Errorf("push: %w; so far %s is as it was", pushed, a.Branch)
	default:
		return fmt.Errorf("%w: %w", errMoved, pushed)
	}
}
