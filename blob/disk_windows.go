package blob

import (
	"errors"
	"syscall"
)

// The system's error codes for a full disk (winerror.h).
const (
	errHandleDiskFull = syscall.Errno(39)
	errDiskFull       = syscall.Errno(112)
)

func isFull(err error) bool {
	return errors.Is(err, errDiskFull) || errors.Is(err, errHandleDiskFull)
}

// syncDir does nothing: a folder cannot be flushed there, the file system's
// journal keeps renames in order.
func syncDir(string) error { return nil }
