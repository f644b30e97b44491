package compiler

import (
	"context"
	"io/fs"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/diff"
	"writ.dev/writ/compiler/parallel"
)

// Change is two revisions, each compiled, and what lies between them.
type Change struct {
	Before, After *Result
	// Access is who gains and who loses what. It is nil where a finding stops either side.
	Access *diff.Difference
	// OnTheWay is what a cluster could go through while it holds some of the old objects and some of the new.
	OnTheWay diag.List
}

// Diff compiles the repository whose root is fsys and its base, opts.Base, and says what changes between the two. Neither side's
// findings are compared with the other's.
func Diff(ctx context.Context, fsys fs.FS, opts Options) (*Change, error) {
	var c Change
	var err error
	if ended := parallel.Await(ctx, func() { err = c.compile(ctx, fsys, opts) }); ended != nil {
		return nil, ended
	}
	return &c, err
}

// Publish compiles the repository whose root is fsys for a branch that it is published to, which lies in its out/, and says what
// changes since opts.Base, the revision that the branch was last published from. Before and Access are nil without one.
func Publish(ctx context.Context, fsys fs.FS, opts Options) (*Change, error) {
	var c Change
	var err error
	opts.Branch = true
	if ended := parallel.Await(ctx, func() {
		if opts.Base != nil {
			err = c.compile(ctx, fsys, opts)
		} else {
			c.After, err = compile(ctx, fsys, opts)
		}
	}); ended != nil {
		return nil, ended
	}
	return &c, err
}

func (c *Change) compile(ctx context.Context, fsys fs.FS, opts Options) error {
	var err error
	base := opts
	base.Branch = false // its out/ is none
	if c.Before, err = compile(ctx, opts.Base, base); err != nil {
		return err
	}
	if c.After, err = compile(ctx, fsys, opts); err != nil {
		return err
	}
	if c.Before.Findings.Stops() || c.After.Findings.Stops() {
		return nil
	}
	c.Access = diff.Compare(c.Before.side(), c.After.side())
	c.OnTheWay, err = c.After.onTheWay(ctx, c.Before, opts)
	return err
}

func (r *Result) side() diff.Side {
	return diff.Side{Estate: r.checked.Estate(), Flow: r.checked.Flow(), Holds: r.checked.Holds}
}
