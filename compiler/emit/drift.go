package emit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Drift is how a folder differs from the files that it should hold. Paths are slash-separated, relative to the folder and
// sorted.
type Drift struct {
	// Missing files are to be added, Changed ones have other bytes, Orphaned ones were rendered once and no longer are.
	Missing, Changed, Orphaned []string
	// Foreign is what writ did not write: files without its header, symbolic links, devices. It is reported and never touched.
	Foreign []string
	// Blocked is what stands in the way of a rendered file. Nothing can be written until it is gone.
	Blocked []Obstacle
	// Existing counts the files of ours that each top folder, so each cluster, holds now.
	Existing map[string]int
}

// Obstacle is something foreign at a path that a rendered file needs.
type Obstacle struct{ Path, Reason string }

func (o Obstacle) String() string { return o.Path + " " + o.Reason }

// Clean reports whether the folder holds every rendered file and no orphan. Foreign files do not count.
func (d Drift) Clean() bool {
	return len(d.Missing)+len(d.Changed)+len(d.Orphaned)+len(d.Blocked) == 0
}

// Compare says how the folder differs from the files, which do not include .gitattributes: emit adds that one. A folder that
// does not exist lacks every file. Symbolic links are not followed.
func Compare(ctx context.Context, fsys fs.FS, files []File) (Drift, error) {
	s, err := take(ctx, fsys, want(files))
	return s.Drift, err
}

// Complete is all that the folder should hold beside what is foreign: the files by their paths, and .gitattributes.
func Complete(files []File) map[string][]byte { return want(files) }

// want is the bytes that each path should have. Paths are made by the renderer out of checked names, so a bad one is a fault of
// writ and no state of the folder can excuse it.
func want(files []File) map[string][]byte {
	wanted := make(map[string][]byte, len(files)+1)
	wanted[attributesPath] = []byte(attributes)
	for _, f := range files {
		switch _, twice := wanted[f.Path]; {
		case !fs.ValidPath(f.Path) || f.Path == "." || isTemp(f.Path):
			panic(fmt.Sprintf("emit: invalid path %q of a rendered file", f.Path))
		case twice:
			panic(fmt.Sprintf("emit: %q is rendered twice", f.Path))
		case !bytes.HasPrefix(f.Data, []byte(headerPrefix)):
			panic(fmt.Sprintf("emit: %q does not begin with the header", f.Path))
		}
		wanted[f.Path] = f.Data
	}
	return wanted
}

// isTemp reports whether the path is a temporary file of Write.
func isTemp(p string) bool {
	base := path.Base(p)
	return strings.HasPrefix(base, ".writ-") && strings.HasSuffix(base, ".tmp")
}

// survey is all that Write must know about the folder.
type survey struct {
	Drift
	folders map[string]bool
	// temps are what a build that was killed left behind.
	temps []string
}

// take looks at everything in the folder, and reads of each file no more than it must.
func take(ctx context.Context, fsys fs.FS, wanted map[string][]byte) (survey, error) {
	entries, err := list(ctx, fsys)
	if err != nil {
		return survey{}, err
	}
	if err := each(ctx, len(entries), func(i int) error { return entries[i].read(fsys, wanted) }); err != nil {
		return survey{}, err
	}
	s := survey{Drift: Drift{Existing: map[string]int{}}, folders: map[string]bool{}}
	present := make(map[string]*entry, len(entries))
	for _, e := range entries {
		present[e.path] = e
		s.add(e, wanted)
	}
	for p := range wanted {
		if present[p] == nil {
			s.Missing = append(s.Missing, p)
		}
	}
	s.Blocked = obstacles(wanted, present)
	for _, paths := range [][]string{s.Missing, s.Changed, s.Orphaned, s.Foreign} {
		slices.Sort(paths)
	}
	return s, nil
}

// add sorts one entry into the survey.
func (s *survey) add(e *entry, wanted map[string][]byte) {
	switch {
	case e.mode.IsDir():
		s.folders[e.path] = true
		return
	case e.isTemp():
		s.temps = append(s.temps, e.path)
		return
	case !e.ours:
		s.Foreign = append(s.Foreign, e.path)
		return
	case wanted[e.path] == nil:
		s.Orphaned = append(s.Orphaned, e.path)
	case !e.same:
		s.Changed = append(s.Changed, e.path)
	}
	if cluster, _, below := strings.Cut(e.path, "/"); below {
		s.Existing[cluster]++
	}
}

// obstacles finds what stands where a rendered file, or a folder above it, must be.
func obstacles(wanted map[string][]byte, present map[string]*entry) []Obstacle {
	found := map[string]string{}
	for p := range wanted {
		if e := present[p]; e != nil && !e.ours {
			found[p] = e.what()
		}
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if e := present[dir]; e != nil && !e.mode.IsDir() {
				found[dir] = e.what()
			}
		}
	}
	var sorted []Obstacle
	for _, p := range slices.Sorted(maps.Keys(found)) {
		sorted = append(sorted, Obstacle{p, found[p]})
	}
	return sorted
}

// entry is one thing in the folder.
type entry struct {
	path string
	mode fs.FileMode
	ours bool
	same bool // has the bytes that were rendered
}

// list is everything below the folder, nothing if there is no folder.
func list(ctx context.Context, fsys fs.FS) ([]*entry, error) {
	var entries []*entry
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case p == "." && errors.Is(err, fs.ErrNotExist):
			return fs.SkipAll
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case p != ".":
			entries = append(entries, &entry{path: p, mode: d.Type()})
		}
		return nil
	})
	return entries, err
}

// isTemp reports whether the entry is a temporary file of Write; a folder or a link of such a name is not.
func (e *entry) isTemp() bool { return e.mode.IsRegular() && isTemp(e.path) }

// read finds out whether the entry is ours and up to date. Only regular files are opened: a link may lead anywhere, and a
// named pipe would wait for a writer.
func (e *entry) read(fsys fs.FS, wanted map[string][]byte) error {
	if !e.mode.IsRegular() || e.isTemp() {
		return nil
	}
	data, rendered := wanted[e.path]
	if !rendered {
		head, err := readHead(fsys, e.path)
		e.ours = string(head) == headerPrefix
		return err
	}
	now, err := fs.ReadFile(fsys, e.path)
	e.ours = e.path == attributesPath || bytes.HasPrefix(now, []byte(headerPrefix))
	e.same = bytes.Equal(now, data)
	return err
}

// readHead reads as much of a file as decides whether it is ours.
func readHead(fsys fs.FS, p string) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, len(headerPrefix))
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// what says why the entry cannot be written over.
func (e *entry) what() string {
	switch {
	case e.mode&fs.ModeSymlink != 0:
		return "is a symbolic link"
	case e.mode.IsDir():
		return "is a folder"
	case !e.mode.IsRegular():
		return "is no regular file"
	case e.ours:
		return "is a file where a folder must be"
	default:
		return "does not begin with the header of a rendered file"
	}
}
