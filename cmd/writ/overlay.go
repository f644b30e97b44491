package main

import (
	"bytes"
	"io"
	"io/fs"
)

// overlay is a file system in which some existing files have other bytes: what a repository would be with edits applied.
type overlay struct {
	fs.FS
	files map[string][]byte
}

func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	data, ok := o.files[name]
	if err != nil || !ok {
		return f, err
	}
	return &overlaid{f, bytes.NewReader(data)}, nil
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if data, ok := o.files[name]; ok {
		return bytes.Clone(data), nil
	}
	return fs.ReadFile(o.FS, name)
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(o.FS, name) }

func (o overlay) ReadLink(name string) (string, error) { return fs.ReadLink(o.FS, name) }

func (o overlay) Lstat(name string) (fs.FileInfo, error) {
	info, err := fs.Lstat(o.FS, name)
	if data, ok := o.files[name]; ok && err == nil {
		return sized{info, int64(len(data))}, nil
	}
	return info, err
}

// overlaid is a file with other bytes.
type overlaid struct {
	fs.File
	data *bytes.Reader
}

func (f *overlaid) Read(p []byte) (int, error) { return f.data.Read(p) }

func (f *overlaid) WriteTo(w io.Writer) (int64, error) { return f.data.WriteTo(w) }

func (f *overlaid) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return sized{info, f.data.Size()}, nil
}

type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }
