package emit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lock takes the folder for this process alone, among the builds of one user. Windows cannot lock a folder, so the lock sits
// on a file that is named after the folder's identity on its volume, and so is the same however the folder is spelled. The file
// lies outside the folder, which holds rendered files only, and stays: a lock file that comes and goes can be held twice.
func lock(folder *os.File) (unlock func(), err error) {
	var id windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(folder.Fd()), &id); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("writ-%08x-%08x%08x.lock", id.VolumeSerialNumber, id.FileIndexHigh, id.FileIndexLow)
	f, err := os.OpenFile(filepath.Join(os.TempDir(), name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if err != nil {
		f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}

// syncFolder does nothing: Windows cannot flush a folder, and NTFS keeps names in its journal.
func syncFolder(*os.File) error { return nil }
