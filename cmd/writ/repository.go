package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
			return nil, a.astray("policies", err)
		}
		if above := a.above(); above != "" {
			return nil, fmt.Errorf("no folder policies/ in %q, but in %q: run writ there, or with -C %s", a.dir, above, quote(above))
		}
		return nil, fmt.Errorf("no folder policies/ in %q; %q makes a small repository to begin with", a.dir, a.command("init"))
	}
	if _, err := root.Stat("out"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		root.Close()
		return nil, a.astray("out", err)
	}
	return root, nil
}

// astray is why a folder cannot be used. Nearly always it is a link out of the repository, of which an os.Root says less.
func (a *app) astray(name string, err error) error {
	if info, lstat := os.Lstat(filepath.Join(a.dir, name)); lstat == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s/ in %q is a link that cannot be followed: writ reads and writes below %q alone", name, a.dir, a.dir)
	}
	return fmt.Errorf("open %s/ in %q: %w", name, a.dir, bare(err))
}

// above is the nearest folder above that has policies/, "" where none has.
func (a *app) above() string {
	for dir := filepath.Join(a.dir, ".."); ; dir = filepath.Join(dir, "..") {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return ""
		}
		if info, err := os.Stat(filepath.Join(abs, "policies")); err == nil && info.IsDir() {
			return dir
		}
		if abs == filepath.Dir(abs) {
			return ""
		}
	}
}

// compile compiles the repository, against the base where there is one.
func (a *app) compile(ctx context.Context, fsys, base fs.FS) (*compiler.Result, error) {
	hear, done := a.progress()
	defer done()
	return compiler.Compile(ctx, fsys, compiler.Options{AsOf: a.asOf, Base: base, Review: a.reviews(), Progress: hear})
}

// bare is the reason of an error without the operation and the path, which the message around it has said already.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
