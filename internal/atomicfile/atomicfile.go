// Package atomicfile replaces small files so that a crash leaves the old one or the
// new one, whole.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write makes b what is at path, for the owner's eyes only. The folder is made if
// need be.
func Write(path string, b []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
