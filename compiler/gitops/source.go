package gitops

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Source is the revision of a repository that something is published from.
type Source struct {
	// Commit is the full name of the revision, Subject the first line of its message.
	Commit, Subject string
	// Author wrote it, at Written; Committed is when it became a commit.
	Author             Person
	Written, Committed time.Time

	repo   *repository
	commit *object.Commit
}

// Person is who writes or makes a commit.
type Person struct{ Name, Email string }

// Open finds the revision in the repository that contains dir. What it holds is seen from dir, as with Revision.
func Open(dir, rev string) (*Source, error) {
	repo, err := open(dir)
	if err != nil {
		return nil, err
	}
	c, err := repo.resolve(rev)
	if err != nil {
		return nil, err
	}
	subject, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	return &Source{
		Commit: c.Hash.String(), Subject: subject, Author: Person{c.Author.Name, c.Author.Email},
		Written: c.Author.When, Committed: c.Committer.When, repo: repo, commit: c,
	}, nil
}

// FS is what the revision holds.
func (s *Source) FS() (fs.FS, error) { return s.repo.at(s.commit) }

// At is what another commit of the repository holds.
func (s *Source) At(commit string) (fs.FS, error) {
	c, err := s.repo.commit(plumbing.NewHash(commit))
	if err != nil {
		return nil, err
	}
	return s.repo.at(c)
}

func (r *repository) at(c *object.Commit) (*tree, error) {
	t := &tree{objects: r.objects, root: &node{name: ".", mode: fs.ModeDir | 0o755, hash: c.TreeHash}}
	var err error
	if t.root, err = t.folder(r.place); err != nil {
		return nil, fmt.Errorf("read commit %s: %w", c.Hash, err)
	}
	return t, nil
}

// over is the revision with another folder in the place of its out/, of which there may be none.
func (s *Source) over(out *node) (fs.FS, error) {
	t, err := s.repo.at(s.commit)
	if err != nil {
		return nil, err
	}
	children, err := t.below(t.root)
	if err != nil {
		return nil, err
	}
	return &tree{objects: t.objects, root: t.root.with("out", out, children)}, nil
}

// relation is how another commit stands to this source.
type relation int

const (
	unknown relation = iota // this clone does not say
	same
	earlier // the source comes after it
	later   // the source comes before it
	apart   // neither comes after the other
)

// relationTo says how the commit stands to the source, as far as this clone knows.
func (s *Source) relationTo(h plumbing.Hash) (relation, error) {
	if h == s.commit.Hash {
		return same, nil
	}
	other, err := s.repo.commit(h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return unknown, nil
	}
	if err != nil {
		return unknown, err
	}
	before, all, err := s.repo.reaches(s.commit, other.Hash)
	if err != nil || before {
		return earlier, err
	}
	after, allOfOther, err := s.repo.reaches(other, s.commit.Hash)
	switch {
	case err != nil || after:
		return later, err
	case !all || !allOfOther:
		return unknown, nil
	default:
		return apart, nil
	}
}

// reaches reports whether the commit is the target or comes after it, and whether all of its past is in this clone, so that a no
// is one.
func (r *repository) reaches(c *object.Commit, target plumbing.Hash) (found, all bool, err error) {
	all = true
	err = r.objects.walk(c.Hash, func(c *object.Commit) bool {
		found = c.Hash == target
		return !found
	}, func(plumbing.Hash) { all = false })
	return found, all, err
}

// walk visits the commit and those before it, nearest first, until visit says to stop. Those that are not here are told as missing.
func (o *objects) walk(from plumbing.Hash, visit func(*object.Commit) bool, missing func(plumbing.Hash)) error {
	seen := map[plumbing.Hash]bool{from: true}
	for next := []plumbing.Hash{from}; len(next) > 0; next = next[1:] {
		raw, err := o.load(plumbing.CommitObject, next[0])
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			missing(next[0])
			continue
		}
		if err != nil {
			return err
		}
		c, err := object.DecodeCommit(nil, raw)
		if err != nil {
			return err
		}
		if !visit(c) {
			return nil
		}
		for _, p := range c.ParentHashes {
			if !seen[p] {
				seen[p] = true
				next = append(next, p)
			}
		}
	}
	return nil
}
