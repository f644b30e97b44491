// Package gitops reads an estate as a revision of its git repository has it, and publishes what it compiles to on a branch: with git
// objects alone, without a work tree.
package gitops

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Revision is the folder dir as the revision has it, and the commit that the revision names. Revisions are branches, tags,
// commits in full or by their first digits, and any of these followed by ~N or ^N.
//
// The result also is an fs.ReadDirFS, an fs.ReadFileFS, an fs.StatFS and an fs.ReadLinkFS, and several goroutines may read it
// at once. Symbolic links are told as such and never followed, submodules are empty folders. Where the revision has no such
// folder the result is empty, as it is for the first pull request that brings policies.
func Revision(dir, rev string) (fs.FS, string, error) {
	repo, err := open(dir)
	if err != nil {
		return nil, "", err
	}
	commit, err := repo.resolve(rev)
	if err != nil {
		return nil, "", err
	}
	t, err := repo.at(commit)
	if err != nil {
		return nil, "", fmt.Errorf("read %s at %q: %w", dir, rev, err)
	}
	return t, commit.Hash.String(), nil
}

// revision splits what a person writes into a name and the steps back from it.
var revision = regexp.MustCompile(`^(.*?)((?:[~^][0-9]*)*)$`)

// unnameable is what no branch or tag may hold (git-check-ref-format(1)), and so what marks the spellings that are not read
// here: ranges, the reflog's @{1}, ^{tree}, :/text. Reading such a one as its plain part would name another commit.
var unnameable = regexp.MustCompile(`\.\.|@\{|^[/.~^]|[\x00-\x20\x7f:?*\[\\{}^~]`)

// resolve finds the commit that the revision names.
func (r *repository) resolve(rev string) (*object.Commit, error) {
	parts := revision.FindStringSubmatch(rev)
	if parts == nil || parts[1] == "" || unnameable.MatchString(parts[1]) {
		return nil, fmt.Errorf("unknown revision %q; expected a branch, a tag or a commit, with ~N or ^N behind it", rev)
	}
	hash, err := r.named(parts[1])
	if err != nil {
		return nil, r.explain(rev, err)
	}
	commit, err := r.commit(hash)
	if err != nil {
		return nil, r.explain(rev, err)
	}
	for _, step := range steps.FindAllString(parts[2], -1) {
		if commit, err = r.back(commit, step); err != nil {
			return nil, r.explain(rev, err)
		}
	}
	return commit, nil
}

var steps = regexp.MustCompile(`[~^][0-9]*`)

// named finds the object of a name, in git's order: a full hash, a reference, the first digits of a hash
// (gitrevisions(7)).
func (r *repository) named(name string) (plumbing.Hash, error) {
	if name == "@" {
		name = "HEAD"
	}
	if plumbing.IsHash(name) {
		return plumbing.NewHash(name), nil
	}
	for _, rule := range plumbing.RefRevParseRules {
		ref, err := storer.ResolveReference(r.refs, plumbing.ReferenceName(fmt.Sprintf(rule, name)))
		// A file of .git that is no reference, such as config, reads as zero.
		if err == nil && !ref.Hash().IsZero() {
			return ref.Hash(), nil
		}
	}
	if !digits.MatchString(name) {
		return plumbing.ZeroHash, errUnknown
	}
	return r.abbreviated(strings.ToLower(name))
}

// digits is how git abbreviates a hash.
var digits = regexp.MustCompile(`^[0-9a-fA-F]{4,39}$`)

// abbreviated finds the one commit or tag whose hash begins with the digits.
func (r *repository) abbreviated(prefix string) (plumbing.Hash, error) {
	hashes, err := r.objects.withPrefix(prefix)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	found := map[plumbing.Hash]bool{}
	for _, h := range hashes {
		// Digits that a file shares with a commit still mean the commit.
		if commit, err := r.commit(h); err == nil {
			found[commit.Hash] = true
		}
	}
	if len(found) > 1 {
		return plumbing.ZeroHash, fmt.Errorf("it abbreviates %d commits; write more digits", len(found))
	}
	for h := range found {
		return h, nil
	}
	return plumbing.ZeroHash, errUnknown
}

// commit loads the commit that the hash names, itself or by way of tags.
func (r *repository) commit(h plumbing.Hash) (*object.Commit, error) {
	for {
		o, err := r.objects.load(plumbing.AnyObject, h)
		if err != nil {
			return nil, err
		}
		switch o.Type() {
		case plumbing.CommitObject:
			return object.DecodeCommit(nil, o)
		case plumbing.TagObject:
			tag, err := object.DecodeTag(nil, o)
			if err != nil {
				return nil, err
			}
			h = tag.Target
		default:
			return nil, fmt.Errorf("it names a %s, not a commit", o.Type())
		}
	}
}

// back takes one step: ~N follows first parents, ^N takes the Nth parent.
func (r *repository) back(c *object.Commit, step string) (*object.Commit, error) {
	n := 1
	if len(step) > 1 {
		var err error
		if n, err = strconv.Atoi(step[1:]); err != nil {
			return nil, fmt.Errorf("%s is too far", step)
		}
	}
	times, parent := n, 0
	if step[0] == '^' {
		times, parent = min(n, 1), n-1
	}
	for range times {
		if parent >= len(c.ParentHashes) {
			return nil, fmt.Errorf("commit %s has no parent %d", c.Hash, parent+1)
		}
		var err error
		if c, err = r.commit(c.ParentHashes[parent]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

var errUnknown = errors.New("no branch, tag or commit has this name")

// explain says why the revision was not found, and how to get it. What continuous integration checks out is often the cause:
// one commit and no branch (https://github.com/actions/checkout#usage).
func (r *repository) explain(rev string, err error) error {
	if !errors.Is(err, errUnknown) && !errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("unknown revision %q: %w", rev, err)
	}
	if shallow, e := r.shallow.Shallow(); e == nil && len(shallow) > 0 {
		return fmt.Errorf("unknown revision %q: this clone is shallow; fetch all of its history, with `fetch-depth: 0` for actions/checkout or `git fetch --unshallow`", rev)
	}
	return fmt.Errorf("unknown revision %q: %w; if the remote has it, run `git fetch` first", rev, err)
}
