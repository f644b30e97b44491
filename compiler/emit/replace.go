package emit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace makes the folder at dir hold the files and nothing else, all of them at once: it is made beside, and takes the other's place
// when all of its bytes are on the disk. What is there already must be a folder that is empty or ours, which may say why it is not;
// it is gone then. Where the system cannot exchange two folders, a crash may leave none at dir, and the old one beside it.
func Replace(dir string, files []File, ours func(fs.FS) error) error {
	there, err := replaceable(dir, ours)
	if err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("create %s: %w", parent, cause(err))
	}
	made, err := os.MkdirTemp(parent, ".writ-*.tmp")
	if err != nil {
		return fmt.Errorf("write beside %s: %w; nothing was changed", dir, cause(err))
	}
	defer os.RemoveAll(made) // what is left there is the old folder, or what could not be finished
	if err := fill(made, files); err != nil {
		return fmt.Errorf("write %s: %w; nothing was changed", dir, cause(err))
	}
	if there {
		err = exchange(made, dir)
	} else {
		err = os.Rename(made, dir)
	}
	if err != nil {
		return fmt.Errorf("put %s in place: %w", dir, cause(err))
	}
	top, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(top), top.Close())
}

// replaceable reports whether there is a folder, and why it must stay.
func replaceable(dir string, ours func(fs.FS) error) (there bool, err error) {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("open %s: %w", dir, cause(err))
	case !info.IsDir():
		return false, fmt.Errorf("%s is no folder; name another, or move it away", dir)
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = ours(os.DirFS(dir))
	}
	if err != nil {
		return false, fmt.Errorf("%s stays as it is: %w", dir, cause(err))
	}
	return true, nil
}

// fill writes the files, and waits until the disk has them.
func fill(dir string, files []File) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			panic(fmt.Sprintf("emit: invalid path %q", f.Path))
		}
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(f.Path)), 0o755); err != nil {
			return err
		}
		out, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = out.Write(f.Data)
		if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// inTurn exchanges two folders by names alone: for a moment there is none of the second name.
func inTurn(made, dir string) error {
	aside := made + ".old"
	if err := os.Rename(dir, aside); err != nil {
		return err
	}
	if err := os.Rename(made, dir); err != nil {
		return errors.Join(err, os.Rename(aside, dir))
	}
	return os.RemoveAll(aside)
}
