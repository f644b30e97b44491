// Package emit makes a folder hold exactly the rendered files, and says how it differs from them.
package emit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"writ.dev/writ/compiler/parallel"
)

// ErrLocked says that another build writes the same folder.
var ErrLocked = errors.New("another writ build is running")

// Options changes how Write goes about it. The zero value is the usual way.
type Options struct {
	// Approve sees what is about to change, while nobody else can change it, and may refuse: then nothing is written.
	Approve func(Drift) error
	// Progress hears how many files are read, written, put in place and removed; nil for nobody.
	Progress parallel.Progress

	// fault lets a test fail, or die, before any step that touches the disk.
	fault func(step, path string) error
}

// Result is what Write did.
type Result struct {
	// Found is how the folder differed before.
	Found Drift
	// Written and Removed are the files that were put in place and taken away, in that order and each sorted.
	Written, Removed []string
	// Unchanged counts the files that were right already and were not touched.
	Unchanged int
}

// Write makes the folder at dir hold exactly the files and .gitattributes, beside whatever is foreign. It refuses at once with
// ErrLocked while another build writes there.
//
// A crash at any moment leaves each file old or new, and the next Write completes. All new bytes are on the disk before the
// first file is replaced, so a full disk leaves everything old; files are removed only once their successors have their names.
// When the context ends, Write stops between two files.
func Write(ctx context.Context, dir string, files []File, opts Options) (Result, error) {
	wanted := want(files)
	root, leave, err := enter(dir)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	w := writer{root: root, dir: dir, wanted: wanted, opts: opts}
	if w.survey, err = take(opts.Progress.Begin(ctx, "reading out/"), root.FS(), wanted); err != nil {
		return Result{}, fmt.Errorf("read the output folder %s: %w; nothing was changed", dir, err)
	}
	w.result = Result{Found: w.Drift, Unchanged: len(wanted) - len(w.Missing) - len(w.Changed)}
	if err := w.blocked(); err != nil {
		return w.result, err
	}
	if opts.Approve != nil {
		if err := opts.Approve(w.Drift); err != nil {
			return w.result, err
		}
	}
	if err := w.run(ctx); err != nil {
		return w.result, fmt.Errorf("%w; %s", err, w.progress())
	}
	return w.result, nil
}

// enter opens the folder, made if need be, for this process alone.
func enter(dir string) (root *os.Root, leave func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("create the output folder %s: %w", dir, cause(err))
	}
	if root, err = os.OpenRoot(dir); err != nil {
		return nil, nil, fmt.Errorf("open the output folder %s: %w", dir, cause(err))
	}
	top, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, nil, fmt.Errorf("open the output folder %s: %w", dir, cause(err))
	}
	unlock, err := lock(top)
	if err == nil {
		return root, func() { unlock(); top.Close(); root.Close() }, nil
	}
	top.Close()
	root.Close()
	if errors.Is(err, ErrLocked) {
		return nil, nil, fmt.Errorf("%w on %s", ErrLocked, dir)
	}
	return nil, nil, fmt.Errorf("lock the output folder %s: %w", dir, err)
}

// writer is one run of Write behind the lock.
type writer struct {
	survey
	root   *os.Root
	dir    string // for messages
	wanted map[string][]byte
	opts   Options
	// batch says that new files are synced all at once, not each by itself.
	batch bool
	// stale are folders whose names changed since they were last synced.
	stale  map[string]bool
	result Result
}

// blocked refuses to write while something stands in the way, and names all of it.
func (w *writer) blocked() error {
	if len(w.Blocked) == 0 {
		return nil
	}
	var lines []string
	for _, o := range w.Blocked {
		lines = append(lines, w.name(o.Path)+" "+o.Reason)
	}
	return fmt.Errorf("in the way of rendered files: %s; move it away, then run `writ build` again", strings.Join(lines, ", "))
}

func (w *writer) run(ctx context.Context) error {
	w.stale = map[string]bool{}
	if err := w.sweep(); err != nil {
		return err
	}
	paths := slices.Sorted(slices.Values(slices.Concat(w.Missing, w.Changed)))
	if err := w.replace(ctx, paths); err != nil {
		return err
	}
	if err := w.remove(ctx); err != nil {
		return err
	}
	return w.tidy()
}

// sweep removes the temporary files of a build that was killed.
func (w *writer) sweep() error {
	for _, p := range w.temps {
		if err := w.step("sweep", p, func() error { return w.root.Remove(p) }); err != nil {
			return err
		}
	}
	return nil
}

// replace writes all files under temporary names, and then gives each its own.
func (w *writer) replace(ctx context.Context, paths []string) (err error) {
	temps := make([]string, len(paths))
	for i, p := range paths {
		temps[i] = path.Join(path.Dir(p), fmt.Sprintf(".writ-%d.tmp", i))
	}
	made, err := w.makeFolders(paths)
	named := 0
	defer func() {
		if err != nil {
			w.discard(temps[named:], made)
		}
	}()
	if err != nil {
		return err
	}
	w.batch = canSyncAll && len(paths) >= manyFiles
	err = each(w.opts.Progress.Begin(ctx, "writing out/"), len(paths), func(i int) error {
		return w.step("write", paths[i], func() error { return w.save(temps[i], w.wanted[paths[i]]) })
	})
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return err
	}
	ctx = w.opts.Progress.Begin(ctx, "putting files in place")
	in := folder{root: w.root}
	defer in.leave()
	for i, p := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.step("replace", p, func() error { return in.rename(temps[i], p) }); err != nil {
			return err
		}
		named = i + 1
		w.stale[path.Dir(p)] = true
		w.result.Written = append(w.result.Written, p)
		parallel.Tell(ctx, named, len(paths))
	}
	return w.sync()
}

// folder is the one that a file was renamed in last. The next file lies there too, nearly always, and to find its folder by each
// path takes longer than to rename.
type folder struct {
	root *os.Root
	path string
	open *os.Root // nil before the first
}

func (f *folder) rename(from, to string) error {
	if dir := path.Dir(to); f.open == nil || dir != f.path {
		f.leave()
		open, err := f.root.OpenRoot(dir)
		if err != nil {
			return err
		}
		f.path, f.open = dir, open
	}
	return f.open.Rename(path.Base(from), path.Base(to))
}

func (f *folder) leave() {
	if f.open != nil {
		f.open.Close()
		f.open = nil
	}
}

// makeFolders makes the folders that the paths lack, and returns them, parents first.
func (w *writer) makeFolders(paths []string) (made []string, err error) {
	lacking := map[string]bool{}
	for _, p := range paths {
		for dir := path.Dir(p); dir != "." && !w.folders[dir]; dir = path.Dir(dir) {
			lacking[dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(lacking)) {
		if err := w.step("create", dir, func() error { return w.root.Mkdir(dir, 0o755) }); err != nil {
			return made, err
		}
		made = append(made, dir)
		w.folders[dir] = true
		w.stale[path.Dir(dir)] = true
	}
	return made, nil
}

// save writes a new file and waits until the disk has its bytes, unless flush will: renaming first could leave an empty file
// after a power cut.
func (w *writer) save(p string, data []byte) error {
	f, err := w.root.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && !w.batch {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// manyFiles is how many new files are worth one wait for everything that the file system has yet to write, of other programs
// too, in place of a wait for each.
const manyFiles = 64

// flush waits for the new files that did not wait for themselves.
func (w *writer) flush() error {
	if !w.batch {
		return nil
	}
	return w.step("sync", ".", func() error {
		f, err := w.root.Open(".")
		if err != nil {
			return err
		}
		return errors.Join(syncAll(f), f.Close())
	})
}

// discard undoes what a failed replace began, as far as it can: what it cannot remove now, the next build sweeps.
func (w *writer) discard(temps, made []string) {
	_ = each(context.Background(), len(temps), func(i int) error {
		_ = w.root.Remove(temps[i])
		return nil
	})
	for _, dir := range slices.Backward(made) {
		_ = w.root.Remove(dir)
	}
}

// remove takes the orphans away.
func (w *writer) remove(ctx context.Context) error {
	ctx = w.opts.Progress.Begin(ctx, "removing files")
	for i, p := range w.Orphaned {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.step("remove", p, func() error { return w.root.Remove(p) }); err != nil {
			return err
		}
		w.stale[path.Dir(p)] = true
		w.result.Removed = append(w.result.Removed, p)
		parallel.Tell(ctx, i+1, len(w.Orphaned))
	}
	return w.sync()
}

// tidy removes the folders that hold nothing, those of an earlier run that did not come this far included.
func (w *writer) tidy() error {
	for _, p := range slices.Concat(slices.Collect(maps.Keys(w.wanted)), w.Foreign) {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			delete(w.folders, dir)
		}
	}
	for _, dir := range slices.Backward(slices.Sorted(maps.Keys(w.folders))) {
		err := w.step("remove", dir, func() error { return w.root.Remove(dir) })
		if errors.Is(err, fs.ErrExist) {
			continue // not empty any more: somebody put a file there meanwhile
		}
		if err != nil {
			return err
		}
		w.stale[path.Dir(dir)] = true
		delete(w.stale, dir)
	}
	return w.sync()
}

// sync makes the changes of names so far survive a power cut.
func (w *writer) sync() error {
	for _, dir := range slices.Sorted(maps.Keys(w.stale)) {
		if err := w.step("sync", dir, func() error { return w.syncFolder(dir) }); err != nil {
			return err
		}
		delete(w.stale, dir)
	}
	return nil
}

func (w *writer) syncFolder(dir string) error {
	f, err := w.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(f), f.Close())
}

// step does one thing to the disk; its error names the thing once.
func (w *writer) step(verb, p string, do func() error) error {
	if w.opts.fault != nil {
		if err := w.opts.fault(verb, p); err != nil {
			return fmt.Errorf("%s %s: %w", verb, w.name(p), err)
		}
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s %s: %w", verb, w.name(p), cause(err))
	}
	return nil
}

// name is how a person finds the path from where they are.
func (w *writer) name(p string) string { return filepath.Join(w.dir, filepath.FromSlash(p)) }

// progress says how far the run came, and what is left to do.
func (w *writer) progress() string {
	done := len(w.result.Written) + len(w.result.Removed)
	all := len(w.Missing) + len(w.Changed) + len(w.Orphaned)
	if done == 0 {
		return "nothing was changed"
	}
	return fmt.Sprintf("%d of %d files are done, run `writ build` again for the rest", done, all)
}

// cause is the error without the operation and the path, which step says in its own words.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
