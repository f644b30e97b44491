//go:build unix

package emit

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes the folder for this process alone. The lock sits on the folder itself: it leaves no file behind and dies with the
// process, however that ends (flock(2)).
func lock(folder *os.File) (unlock func(), err error) {
	fd := int(folder.Fd())
	for {
		switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, ErrLocked
		case err != nil:
			return nil, err
		default:
			return func() { _ = unix.Flock(fd, unix.LOCK_UN) }, nil
		}
	}
}

// syncFolder makes the names in a folder survive a power cut. Some network file systems cannot, and say so.
func syncFolder(folder *os.File) error {
	err := folder.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
