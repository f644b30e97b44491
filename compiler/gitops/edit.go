package gitops

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// fresh are objects that the other side does not have yet.
type fresh struct {
	old     *objects
	storage *memory.Storage
	hashes  []plumbing.Hash
}

func newFresh(old *objects) *fresh { return &fresh{old: old, storage: memory.NewStorage()} }

// edit is what becomes of one file: its bytes, or nil where it goes.
type edit struct {
	path string
	data []byte
}

// tree is the folder after the edits, which are sorted by path; zero where nothing is left in it. What no edit names stays as it is,
// byte for byte: links, submodules, modes.
func (f *fresh) tree(folder plumbing.Hash, edits []edit, at string) (plumbing.Hash, error) {
	t := &object.Tree{}
	if !folder.IsZero() {
		o, err := f.old.load(plumbing.TreeObject, folder)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if t, err = object.DecodeTree(nil, o); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	entries := slices.Clone(t.Entries)
	for len(edits) > 0 {
		name, _, below := strings.Cut(edits[0].path, "/")
		n := 1
		for below && n < len(edits) && strings.HasPrefix(edits[n].path, name+"/") {
			n++
		}
		was := slices.IndexFunc(entries, func(e object.TreeEntry) bool { return e.Name == name })
		var now object.TreeEntry
		var err error
		if below {
			now, err = f.folder(entries, was, edits[:n], path.Join(at, name))
		} else {
			now, err = f.file(entries, was, edits[0], path.Join(at, name))
		}
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if was >= 0 {
			entries = slices.Delete(entries, was, was+1)
		}
		if !now.Hash.IsZero() {
			now.Name = name
			entries = append(entries, now)
		}
		edits = edits[n:]
	}
	if len(entries) == 0 {
		return plumbing.ZeroHash, nil
	}
	sort.Sort(object.TreeEntrySorter(entries))
	return f.add(&object.Tree{Entries: entries}, folder)
}

func (f *fresh) folder(entries []object.TreeEntry, was int, edits []edit, at string) (object.TreeEntry, error) {
	folder := plumbing.ZeroHash
	if was >= 0 {
		if entries[was].Mode != filemode.Dir {
			return object.TreeEntry{}, fmt.Errorf("%s on the branch is no folder", at)
		}
		folder = entries[was].Hash
	}
	inside := make([]edit, len(edits))
	for i, e := range edits {
		_, rest, _ := strings.Cut(e.path, "/")
		inside[i] = edit{rest, e.data}
	}
	h, err := f.tree(folder, inside, at)
	return object.TreeEntry{Mode: filemode.Dir, Hash: h}, err
}

func (f *fresh) file(entries []object.TreeEntry, was int, e edit, at string) (object.TreeEntry, error) {
	if was >= 0 && !entries[was].Mode.IsRegular() && entries[was].Mode != filemode.Executable {
		return object.TreeEntry{}, fmt.Errorf("%s on the branch is no regular file", at)
	}
	if e.data == nil {
		return object.TreeEntry{}, nil
	}
	o := &plumbing.MemoryObject{}
	o.SetType(plumbing.BlobObject)
	if _, err := o.Write(e.data); err != nil {
		return object.TreeEntry{}, err
	}
	return object.TreeEntry{Mode: filemode.Regular, Hash: o.Hash()}, f.keep(o)
}

// add encodes an object, and keeps it unless it is what was there before.
func (f *fresh) add(o interface {
	Encode(plumbing.EncodedObject) error
}, before plumbing.Hash,
) (plumbing.Hash, error) {
	raw := &plumbing.MemoryObject{}
	if err := o.Encode(raw); err != nil {
		return plumbing.ZeroHash, err
	}
	if raw.Hash() == before {
		return before, nil
	}
	return raw.Hash(), f.keep(raw)
}

func (f *fresh) keep(o plumbing.EncodedObject) error {
	if _, err := f.storage.EncodedObject(plumbing.AnyObject, o.Hash()); !errors.Is(err, plumbing.ErrObjectNotFound) {
		return err
	}
	h, err := f.storage.SetEncodedObject(o)
	f.hashes = append(f.hashes, h)
	return err
}

// pack is all of them in one pack. It has no deltas: most objects are new files, and the server packs them again by itself.
func (f *fresh) pack() ([]byte, error) {
	var b bytes.Buffer
	_, err := packfile.NewEncoder(&b, f.storage, false).Encode(f.hashes, 0)
	return b.Bytes(), err
}
