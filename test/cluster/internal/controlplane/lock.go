//go:build linux

package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A lock is held by a process, not by a file descriptor: it ends with the
// process, children do not inherit it, and the kernel says who holds it. So it
// is better than any PID file.
type lock struct{ file *os.File }

var errLocked = errors.New("locked by another process")

// takeLock fails with errLocked if another process holds the lock.
func takeLock(path string) (lock, error) {
	l, err := setLock(path, unix.F_SETLK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return lock{}, fmt.Errorf("lock %s: %w", path, errLocked)
	}
	return l, err
}

// awaitLock waits for as long as another process holds the lock.
func awaitLock(path string) (lock, error) { return setLock(path, unix.F_SETLKW) }

func setLock(path string, command int) (lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return lock{}, err
	}
	for {
		err = unix.FcntlFlock(f.Fd(), command, &unix.Flock_t{Type: unix.F_WRLCK})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return lock{}, fmt.Errorf("lock %s: %w", path, err)
	}
	return lock{f}, nil
}

func (l lock) release() { l.file.Close() }

// lockHolder is the PID of the process that holds the lock, 0 if none does.
func lockHolder(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return 0, fmt.Errorf("ask who locks %s: %w", path, err)
	}
	if l.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(l.Pid), nil
}
