package agent

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// seal looks at a new folder so that it can be recognized later. It works on
// bare descriptors: it is asked once per task, and package os takes a dozen
// system calls for what takes four.
type seal struct {
	parent, dir int
	dev, ino    uint64
	buf         []byte
}

func newSeal(parent, dir *os.Root) (*seal, error) {
	s := &seal{parent: -1, dir: -1, buf: make([]byte, 512)}
	var st unix.Stat_t
	var err error
	if s.parent, err = bare(parent); err == nil {
		if s.dir, err = bare(dir); err == nil {
			err = unix.Fstat(s.dir, &st)
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.dev, s.ino = st.Dev, st.Ino
	return s, nil
}

// bare is a descriptor of a root's own folder.
func bare(root *os.Root) (int, error) {
	d, err := root.Open(".")
	if err != nil {
		return -1, err
	}
	fd, err := unix.FcntlInt(d.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return fd, errors.Join(err, d.Close())
}

func (s *seal) close() {
	for _, fd := range []int{s.parent, s.dir} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// whole tells whether the folder is as a new one would be: empty, with the
// permissions and attributes it was made with, and, if tasks can reach its
// parent, where it was and alone.
func (s *seal) whole(reachable bool) bool {
	var st unix.Stat_t
	if unix.Fstat(s.dir, &st) != nil || st.Mode&0o7777 != 0o700 || s.names(s.dir) != 0 {
		return false
	}
	if !reachable {
		return true // and a guest that cannot has no way to set attributes either
	}
	if n, err := unix.Flistxattr(s.dir, nil); err != nil && !errors.Is(err, unix.ENOTSUP) || n > 0 {
		return false
	}
	return s.names(s.parent) == 1 && unix.Fstatat(s.parent, taskName, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Dev == s.dev && st.Ino == s.ino
}

// names counts the entries of a folder as far as the buffer reaches; -1 if it
// cannot be read.
func (s *seal) names(fd int) int {
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return -1
	}
	n, err := unix.Getdents(fd, s.buf)
	if err != nil {
		return -1
	}
	_, count, _ := unix.ParseDirent(s.buf[:n], -1, nil) // without "." and ".."
	return count
}
