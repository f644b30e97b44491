package gitops

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// tree is a folder of a commit as a file system. Folders are loaded when somebody looks into them, files when somebody reads
// them.
type tree struct {
	objects *objects
	root    *node
}

var (
	_ fs.ReadDirFS  = (*tree)(nil)
	_ fs.ReadFileFS = (*tree)(nil)
	_ fs.StatFS     = (*tree)(nil)
	_ fs.ReadLinkFS = (*tree)(nil)
)

// node is one name in the tree.
type node struct {
	name string
	mode fs.FileMode
	hash plumbing.Hash // zero for a folder without contents

	once     sync.Once
	children []*node // sorted by name
	err      error
}

// errLink refuses to read through a link: it may lead out of the revision.
var errLink = errors.New("is a symbolic link, which is not followed")

// below is the contents of a folder, and nothing for what is no folder.
func (t *tree) below(n *node) ([]*node, error) {
	if !n.mode.IsDir() {
		return nil, nil
	}
	n.once.Do(func() {
		if !n.hash.IsZero() {
			n.children, n.err = t.load(n.hash)
		}
	})
	return n.children, n.err
}

// with is the folder with another child of that name, or with none.
func (n *node) with(name string, child *node, children []*node) *node {
	now := slices.DeleteFunc(slices.Clone(children), func(c *node) bool { return c.name == name })
	if child != nil {
		now = append(now, &node{name: name, mode: child.mode, hash: child.hash})
	}
	slices.SortFunc(now, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	grown := &node{name: n.name, mode: n.mode, children: now}
	grown.once.Do(func() {}) // they are there already
	return grown
}

func (t *tree) load(h plumbing.Hash) ([]*node, error) {
	o, err := t.objects.load(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	decoded, err := object.DecodeTree(nil, o)
	if err != nil {
		return nil, err
	}
	nodes := make([]*node, 0, len(decoded.Entries))
	for _, e := range decoded.Entries {
		if !fs.ValidPath(e.Name) || e.Name == "." || strings.Contains(e.Name, "/") {
			return nil, fmt.Errorf("git tree %s holds the impossible name %q", h, e.Name)
		}
		n := &node{name: e.Name, mode: mode(e.Mode), hash: e.Hash}
		if e.Mode == filemode.Submodule {
			n.hash = plumbing.ZeroHash // a commit of another repository
		}
		nodes = append(nodes, n)
	}
	// Git sorts a folder as if its name ended in a slash.
	slices.SortFunc(nodes, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	return nodes, nil
}

func mode(m filemode.FileMode) fs.FileMode {
	switch m {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir | 0o755
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Executable:
		return 0o755
	default:
		return 0o644
	}
}

// find walks to a name. No link on the way is followed.
func (t *tree) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n := t.root
	if name == "." {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		children, err := t.below(n)
		if err != nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: err}
		}
		i, ok := slices.BinarySearchFunc(children, part, func(c *node, name string) int { return cmp.Compare(c.name, name) })
		if !ok {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		n = children[i]
	}
	return n, nil
}

// folder is the node to call "." when the tree is seen from a folder inside it, an empty one where there is no such folder.
func (t *tree) folder(name string) (*node, error) {
	n, err := t.find("open", name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &node{name: ".", mode: fs.ModeDir | 0o755}, nil
	case err != nil:
		return nil, err
	case !n.mode.IsDir():
		return &node{name: ".", mode: fs.ModeDir | 0o755}, nil
	}
	return &node{name: ".", mode: n.mode, hash: n.hash}, nil
}

func (t *tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		entries, err := t.ReadDir(name)
		return &openFolder{info: info{n, 0}, path: name, entries: entries}, err
	}
	data, err := t.objects.blob(n.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	i := info{n, int64(len(data))}
	if n.mode&fs.ModeSymlink != 0 {
		return &openLink{i, name}, nil
	}
	return &openFile{bytes.NewReader(data), i}, nil
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	n, err := t.find("read", name)
	if err != nil {
		return nil, err
	}
	var data []byte
	switch {
	case n.mode.IsDir():
		err = errors.New("is a folder")
	case n.mode&fs.ModeSymlink != 0:
		err = errLink
	default:
		data, err = t.objects.blob(n.hash)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("is not a folder")}
	}
	children, err := t.below(n)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	entries := make([]fs.DirEntry, len(children))
	for i, c := range children {
		entries[i] = entry{t, c}
	}
	return entries, nil
}

// Stat tells of a link itself, as Lstat does.
func (t *tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	return entry{t, n}.Info()
}

func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.Stat(name) }

func (t *tree) ReadLink(name string) (string, error) {
	n, err := t.find("readlink", name)
	if err != nil {
		return "", err
	}
	if n.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := t.objects.blob(n.hash)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(target), nil
}

// entry is a node in a listing.
type entry struct {
	tree *tree
	node *node
}

func (e entry) Name() string      { return e.node.name }
func (e entry) IsDir() bool       { return e.node.mode.IsDir() }
func (e entry) Type() fs.FileMode { return e.node.mode.Type() }
func (e entry) String() string    { return fs.FormatDirEntry(e) }

func (e entry) Info() (fs.FileInfo, error) {
	if e.IsDir() {
		return info{e.node, 0}, nil
	}
	size, err := e.tree.objects.size(e.node.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: e.node.name, Err: err}
	}
	return info{e.node, size}, nil
}

// info describes a node. Git keeps no times of files.
type info struct {
	node *node
	size int64
}

func (i info) Name() string       { return i.node.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.node.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.node.mode.IsDir() }
func (i info) Sys() any           { return nil }
func (i info) String() string     { return fs.FormatFileInfo(i) }

// openFile is a file that somebody opened.
type openFile struct {
	*bytes.Reader
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// openLink is a link that somebody opened. It can be looked at, and not read.
type openLink struct {
	info info
	path string
}

func (l *openLink) Stat() (fs.FileInfo, error) { return l.info, nil }
func (l *openLink) Close() error               { return nil }
func (l *openLink) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: l.path, Err: errLink}
}

// openFolder is a folder that somebody opened.
type openFolder struct {
	info    info
	path    string
	entries []fs.DirEntry // still to be told
}

func (d *openFolder) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openFolder) Close() error               { return nil }
func (d *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errors.New("is a folder")}
}

func (d *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	told := d.entries[:n:n]
	d.entries = d.entries[n:]
	return told, nil
}
