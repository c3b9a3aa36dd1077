// Package diskuse tells what a task has on disk: in its folders, and in files
// that are open but have no name any more.
package diskuse

import (
	"errors"
	"io/fs"
	"os"
)

// PerEntry is charged for every file and folder, so that empty ones are not free.
const PerEntry = 512

var errEnough = errors.New("over the limit")

// Task is what the process pid and everything below it have on disk in dirs and
// in files without a name. It stops counting once it is over limit. Roots keep
// the walk inside whatever links the task makes meanwhile.
func Task(pid int, limit int64, dirs ...string) int64 {
	used := openDeleted(pid)
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			continue
		}
		// Nothing but errEnough ends the walk: what cannot be read now is read next time.
		_ = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrPermission) {
				_ = root.Chmod(p, 0o700) // a folder that was closed to hide what is in it
			}
			if err != nil || p == "." {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			if used += PerEntry + blocks(info); used > limit {
				return errEnough
			}
			return nil
		})
		root.Close()
	}
	return used
}
