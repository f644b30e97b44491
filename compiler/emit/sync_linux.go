package emit

import (
	"os"

	"golang.org/x/sys/unix"
)

// canSyncAll says that syncAll is there.
const canSyncAll = true

// syncAll waits until the disk has all files of the folder's file system: one commit of its journal in place of one for each of
// thousands of files. Since Linux 5.8 it reports what could not be written (syncfs(2)).
func syncAll(folder *os.File) error { return unix.Syncfs(int(folder.Fd())) }
