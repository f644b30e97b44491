package emit

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// canSyncAll says that syncAll is there.
const canSyncAll = true

// syncAll waits until the disk has all files of the folder's file system: one commit of its journal in place of one for each of
// thousands of files. Since Linux 5.8 it reports what could not be written (syncfs(2)).
func syncAll(folder *os.File) error { return unix.Syncfs(int(folder.Fd())) }

// exchange swaps two folders in one step, where the file system can (renameat2(2)).
func exchange(made, dir string) error {
	err := unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return inTurn(made, dir)
	}
	return err
}
