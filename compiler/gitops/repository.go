package gitops

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// repository is a git repository, for reading.
//
// It is put together from go-git's storage rather than by git.PlainOpen, which refuses what sparse and partial clones write
// into their configuration (extensions.worktreeConfig, extensions.partialClone), so what continuous integration often has.
type repository struct {
	objects *objects
	refs    storer.ReferenceStorer
	shallow storer.ShallowStorer
	// place is the slash-separated path from the top of the work tree to the folder that was opened.
	place string
}

// open finds the repository that contains dir.
func open(dir string) (*repository, error) {
	// Without symbolic links, so that dir's path below the work tree is its path in the commit.
	real, err := filepath.Abs(dir)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return nil, fmt.Errorf("open the git repository of %s: %w", dir, err)
	}
	top, gitDir, err := discover(real)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not in a git repository", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the git repository of %s: %w", dir, err)
	}
	repo, err := openStorage(gitDir)
	if err != nil {
		return nil, fmt.Errorf("open the git repository of %s: %w", dir, err)
	}
	place, err := filepath.Rel(top, real)
	repo.place = filepath.ToSlash(place)
	return repo, err
}

// discover walks up from dir to the top of its work tree, and finds the folder of git's own files. In a linked work tree and
// in a submodule .git is a file that names it (gitrepository-layout(5)).
func discover(dir string) (top, gitDir string, err error) {
	for ; ; dir = filepath.Dir(dir) {
		dot := filepath.Join(dir, ".git")
		info, err := os.Stat(dot)
		switch {
		case err == nil && info.IsDir():
			return dir, dot, nil
		case err == nil:
			gitDir, err := readPath(dot, "gitdir: ")
			return dir, gitDir, err
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir:
			return "", "", err
		}
	}
}

// readPath reads a file that names another, absolutely or from its own folder.
func readPath(file, prefix string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), prefix)
	if !ok {
		return "", fmt.Errorf("%s does not begin with %q", file, prefix)
	}
	return against(filepath.Dir(file), target), nil
}

func against(base, target string) string {
	if filepath.IsAbs(target) {
		return target
	}
	return filepath.Join(base, filepath.FromSlash(target))
}

func openStorage(gitDir string) (*repository, error) {
	common, err := readPath(filepath.Join(gitDir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		common, err = gitDir, nil
	}
	if err != nil {
		return nil, err
	}
	// Packs stay open between two objects; the operating system closes them with the process, the collector earlier.
	options := filesystem.Options{KeepDescriptors: true}
	shared := cache.NewObjectLRUDefault()
	files := billy.Filesystem(osfs.New(gitDir))
	if common != gitDir {
		files = dotgit.NewRepositoryFilesystem(files, osfs.New(common))
	}
	storage := filesystem.NewStorageWithOptions(files, shared, options)
	if err := supported(storage); err != nil {
		return nil, err
	}
	repo := &repository{refs: storage, shallow: storage, objects: &objects{stores: []store{&storage.ObjectStorage}}}
	folders, err := alternates(filepath.Join(common, "objects"), 0)
	for _, folder := range folders {
		lent := dotgit.New(osfs.New(filepath.Dir(folder)))
		repo.objects.stores = append(repo.objects.stores, filesystem.NewObjectStorageWithOptions(lent, shared, options))
	}
	return repo, err
}

// supported refuses formats that would be read wrongly. Extensions that change neither objects nor references pass
// (https://git-scm.com/docs/repository-version).
func supported(storage *filesystem.Storage) error {
	config, err := storage.Config()
	if err != nil {
		return err
	}
	for _, o := range config.Raw.Section("extensions").Options {
		switch key, value := strings.ToLower(o.Key), strings.ToLower(o.Value); {
		case slices.Contains([]string{"noop", "noop-v1", "partialclone", "preciousobjects", "worktreeconfig", "relativeworktrees"}, key):
		case key == "objectformat" && value == "sha1", key == "refstorage" && value == "files":
		default:
			return fmt.Errorf("its format %s = %s cannot be read here; only sha1 objects and plain reference files can", key, value)
		}
	}
	return nil
}

// maxAlternates is how far git follows object folders that borrow from others.
const maxAlternates = 5

// alternates are the object folders that this one borrows from, as `git clone --reference` makes them. go-git would find those
// only below its own folder, and would read their index anew for each object.
func alternates(folder string, depth int) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(folder, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) || depth > maxAlternates {
		return nil, nil
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || err != nil {
			continue
		}
		lender := against(folder, line)
		var more []string
		more, err = alternates(lender, depth+1)
		all = append(append(all, lender), more...)
	}
	return all, err
}

// store is what objects needs of a go-git object storage.
type store interface {
	EncodedObject(plumbing.ObjectType, plumbing.Hash) (plumbing.EncodedObject, error)
	EncodedObjectSize(plumbing.Hash) (int64, error)
	HashesWithPrefix([]byte) ([]plumbing.Hash, error)
}

// objects reads git objects from the repository and those that it borrows from. It reads one at a time: the storage of go-git
// seeks in open packs.
type objects struct {
	mu     sync.Mutex
	stores []store
}

// borrow reads objects from another storage, too, until they are given back.
func (o *objects) borrow(s store) (giveBack func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	own := o.stores
	o.stores = append(slices.Clone(own), s)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.stores = own
	}
}

// load reads an object completely.
func (o *objects) load(kind plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return first(o, h, func(s store) (plumbing.EncodedObject, error) { return s.EncodedObject(kind, h) })
}

// blob is the bytes of a file, the caller's own.
func (o *objects) blob(h plumbing.Hash) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	obj, err := first(o, h, func(s store) (plumbing.EncodedObject, error) { return s.EncodedObject(plumbing.BlobObject, h) })
	if err != nil {
		return nil, err
	}
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, obj.Size())
	_, err = io.ReadFull(r, data)
	return data, err
}

// size is the length of a file. It does not read more of the file than tells it.
func (o *objects) size(h plumbing.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return first(o, h, func(s store) (int64, error) { return s.EncodedObjectSize(h) })
}

// first asks each store until one has the object.
func first[T any](o *objects, h plumbing.Hash, ask func(store) (T, error)) (T, error) {
	for _, s := range o.stores {
		if v, err := ask(s); !errors.Is(err, plumbing.ErrObjectNotFound) {
			return v, err
		}
	}
	var none T
	return none, fmt.Errorf("object %s is not in this clone: %w", h, plumbing.ErrObjectNotFound)
}

// withPrefix is the objects whose hash begins with the lower-case hexadecimal digits.
func (o *objects) withPrefix(prefix string) ([]plumbing.Hash, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	whole, err := hex.DecodeString(prefix[:len(prefix)/2*2])
	if err != nil {
		return nil, err
	}
	var all []plumbing.Hash
	for _, s := range o.stores {
		hashes, err := s.HashesWithPrefix(whole)
		if err != nil {
			return nil, err
		}
		all = append(all, hashes...)
	}
	return slices.DeleteFunc(all, func(h plumbing.Hash) bool { return !strings.HasPrefix(h.String(), prefix) }), nil
}
