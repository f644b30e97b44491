package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"writ.dev/writ/compiler"
)

// open opens the folder that -C names. Files are read and written beneath it alone: an os.Root lets no path and no symbolic link
// lead out.
func (a *app) open() (*os.Root, error) {
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", a.dir, bare(err))
	}
	if _, err := root.Stat("policies"); err != nil {
		root.Close()
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, fmt.Errorf("no folder policies/ in %q; %q makes a small repository to begin with", a.dir, a.command("init"))
	}
	return root, nil
}

// compile compiles the repository, against the base where there is one.
func (a *app) compile(ctx context.Context, fsys, base fs.FS) (*compiler.Result, error) {
	hear, done := a.progress()
	defer done()
	return compiler.Compile(ctx, fsys, compiler.Options{AsOf: a.asOf, Base: base, Progress: hear})
}

// bare is the reason of an error without the operation and the path, which the message around it has said already.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
