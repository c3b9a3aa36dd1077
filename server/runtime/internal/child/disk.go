package child

import (
	"errors"
	"io/fs"
	"os"
)

// perEntry is charged for every file and folder, so that empty ones are not free.
const perEntry = 512

var errEnough = errors.New("over the limit")

// diskUsed is what the task that runs has on disk: its directory, /tmp, and what
// is open but has no name. It stops counting once it is over limit. Roots keep
// the walk inside whatever links the guest makes meanwhile.
func diskUsed(r Room, pid int, limit int64) int64 {
	used := openDeleted(pid)
	for _, dir := range []string{r.Work(), r.Tmp()} {
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
			if used += perEntry + blocks(info); used > limit {
				return errEnough
			}
			return nil
		})
		root.Close()
	}
	return used
}
