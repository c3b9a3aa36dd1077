package blob

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll flushes the file system that holds dir; done is false where it cannot.
func syncAll(dir string) (done bool, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return true, err
	}
	return true, errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
