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
			return nil, err
		}
		if above := a.above(); above != "" {
			return nil, fmt.Errorf("no folder policies/ in %q, but in %q: run writ there, or with -C %s", a.dir, above, quote(above))
		}
		return nil, fmt.Errorf("no folder policies/ in %q; %q makes a small repository to begin with", a.dir, a.command("init"))
	}
	return root, nil
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
