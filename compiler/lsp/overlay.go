package lsp

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// overlay is the repository as the editor has it: open documents hold what was typed, also those that were never saved.
type overlay struct {
	fs.FS
	open map[string][]byte
}

func (o overlay) Open(name string) (fs.File, error) {
	data, ok := o.open[name]
	if !ok {
		return o.FS.Open(name)
	}
	return &typed{unsaved{path.Base(name), int64(len(data)), 0o644}, bytes.NewReader(data)}, nil
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if data, ok := o.open[name]; ok {
		return bytes.Clone(data), nil
	}
	return fs.ReadFile(o.FS, name)
}

// ReadDir adds what exists in the editor alone. An entry of the disk stays what it is: a symbolic link is refused also while it
// is open.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return entries, err
	}
	children := o.children(name)
	if len(children) == 0 {
		return entries, err
	}
	for _, child := range children {
		if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == child.Name() }) {
			entries = append(entries, fs.FileInfoToDirEntry(child))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// children are the files and folders of a folder that lead to open documents, each once.
func (o overlay) children(folder string) []fs.FileInfo {
	found := map[string]fs.FileInfo{}
	for name, data := range o.open {
		rest, below := strings.CutPrefix(name, folder+"/")
		if !below {
			continue
		}
		if child, _, deeper := strings.Cut(rest, "/"); deeper {
			found[child] = unsaved{child, 0, fs.ModeDir | 0o755}
		} else {
			found[child] = unsaved{child, int64(len(data)), 0o644}
		}
	}
	var all []fs.FileInfo
	for _, info := range found {
		all = append(all, info)
	}
	return all
}

func (o overlay) Stat(name string) (fs.FileInfo, error) { return o.info(name, fs.Stat) }

func (o overlay) Lstat(name string) (fs.FileInfo, error) { return o.info(name, fs.Lstat) }

func (o overlay) ReadLink(name string) (string, error) { return fs.ReadLink(o.FS, name) }

func (o overlay) info(name string, ask func(fs.FS, string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	info, err := ask(o.FS, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return info, err
	}
	if data, ok := o.open[name]; ok {
		return unsaved{path.Base(name), int64(len(data)), 0o644}, nil
	}
	if len(o.children(name)) > 0 {
		return unsaved{path.Base(name), 0, fs.ModeDir | 0o755}, nil
	}
	return info, err
}

// unsaved is a file or folder that the disk does not have.
type unsaved struct {
	name string
	size int64
	mode fs.FileMode
}

func (u unsaved) Name() string       { return u.name }
func (u unsaved) Size() int64        { return u.size }
func (u unsaved) Mode() fs.FileMode  { return u.mode }
func (u unsaved) ModTime() time.Time { return time.Time{} }
func (u unsaved) IsDir() bool        { return u.mode.IsDir() }
func (u unsaved) Sys() any           { return nil }

// typed is an open document, read as a file.
type typed struct {
	info unsaved
	io.Reader
}

func (f *typed) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *typed) Close() error { return nil }
