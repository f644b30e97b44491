package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// replaceFile gives the file new bytes at once: a crash leaves it old or new. It refuses to reach the file through a symbolic link,
// and to write over bytes that it was not made for, because somebody saved the file meanwhile.
func replaceFile(root *os.Root, file string, before, after []byte) error {
	info, err := plain(root, file)
	if err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	now, err := root.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return fmt.Errorf("write %q: it was changed meanwhile; run the command again", file)
	}
	return save(root, file, after, info.Mode().Perm())
}

// create gives the file its bytes as replaceFile does, and makes it and its folder where they do not exist yet.
func create(root *os.Root, file string, exists bool, before, after []byte) error {
	if exists {
		return replaceFile(root, file, before, after)
	}
	dir := path.Dir(file)
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %q: %w", dir, bare(err))
	}
	if _, err := plain(root, file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %q: it is in the way", file)
	}
	return save(root, file, after, 0o644)
}

// plain is the file's info if neither it nor a folder on the way to it is a symbolic link.
func plain(root *os.Root, file string) (fs.FileInfo, error) {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		info, err := root.Lstat(dir)
		if err != nil {
			return nil, bare(err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%q is no folder of its own", dir)
		}
	}
	info, err := root.Lstat(file)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	return info, nil
}

// save puts the bytes on the disk under a temporary name and then gives them the file's.
func save(root *os.Root, file string, data []byte, mode fs.FileMode) (err error) {
	temp := path.Join(path.Dir(file), ".writ-"+rand.Text()+".tmp")
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write %q: %w", file, bare(err))
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %q: %w", file, bare(err))
			_ = root.Remove(temp) // what failed is told already
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Rename(temp, file)
}
