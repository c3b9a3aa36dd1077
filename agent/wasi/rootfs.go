package wasi

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"syscall"
	"time"

	esys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// rootFS is a task's directory as the guest's "/". wazero's own directory mounts
// follow links out of the mount; os.Root does not, whatever the guest builds.
type rootFS struct {
	esys.UnimplementedFS
	root *os.Root
	open map[*file]struct{} // what the guest left open, closed with the task
}

func newRootFS(root *os.Root) *rootFS { return &rootFS{root: root} }

func (r *rootFS) close() {
	for f := range r.open {
		f.Close()
	}
}

// clean is the guest's path below the root. What is opened relative to a folder
// comes with a leading slash; the root's own name is ".".
func clean(p string) string {
	if p = path.Clean("/" + p)[1:]; p != "" {
		return p
	}
	return "."
}

// errno is err as WASI knows it. What os.Root refuses is not permitted.
func errno(err error) esys.Errno {
	n := esys.UnwrapOSError(err)
	if n == esys.EIO && !errors.Is(err, syscall.EIO) {
		return esys.EPERM
	}
	return n
}

func (r *rootFS) OpenFile(p string, flag esys.Oflag, perm fs.FileMode) (esys.File, esys.Errno) {
	p = clean(p)
	if flag&esys.O_NOFOLLOW != 0 {
		if info, err := r.root.Lstat(p); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, esys.ELOOP
		}
	}
	f, err := r.root.OpenFile(p, osFlags(flag), perm&0o777)
	if err != nil {
		return nil, errno(err)
	}
	if flag&esys.O_DIRECTORY != 0 {
		if info, err := f.Stat(); err != nil || !info.IsDir() {
			f.Close()
			return nil, esys.ENOTDIR
		}
	}
	out := &file{fs: r, path: p, flag: flag, f: f}
	if r.open == nil {
		r.open = make(map[*file]struct{})
	}
	r.open[out] = struct{}{}
	return out, 0
}

func osFlags(flag esys.Oflag) int {
	out := os.O_RDONLY
	switch flag & (esys.O_RDWR | esys.O_WRONLY) {
	case esys.O_RDWR:
		out = os.O_RDWR
	case esys.O_WRONLY:
		out = os.O_WRONLY
	}
	for _, m := range []struct {
		from esys.Oflag
		to   int
	}{{esys.O_APPEND, os.O_APPEND}, {esys.O_CREAT, os.O_CREATE}, {esys.O_EXCL, os.O_EXCL}, {esys.O_SYNC, os.O_SYNC}, {esys.O_TRUNC, os.O_TRUNC}} {
		if flag&m.from != 0 {
			out |= m.to
		}
	}
	return out
}

func (r *rootFS) Lstat(p string) (sys.Stat_t, esys.Errno) {
	info, err := r.root.Lstat(clean(p))
	return statOf(info, err)
}

func (r *rootFS) Stat(p string) (sys.Stat_t, esys.Errno) {
	info, err := r.root.Stat(clean(p))
	return statOf(info, err)
}

func statOf(info fs.FileInfo, err error) (sys.Stat_t, esys.Errno) {
	if err != nil {
		return sys.Stat_t{}, errno(err)
	}
	return sys.NewStat_t(info), 0
}

func (r *rootFS) Mkdir(p string, perm fs.FileMode) esys.Errno {
	return errno(r.root.Mkdir(clean(p), perm&0o777))
}

func (r *rootFS) Chmod(p string, perm fs.FileMode) esys.Errno {
	return errno(r.root.Chmod(clean(p), perm&0o777))
}

func (r *rootFS) Rename(from, to string) esys.Errno {
	return errno(r.root.Rename(clean(from), clean(to)))
}

func (r *rootFS) Rmdir(p string) esys.Errno {
	p = clean(p)
	if info, err := r.root.Lstat(p); err != nil {
		return errno(err)
	} else if !info.IsDir() {
		return esys.ENOTDIR
	}
	return errno(r.root.Remove(p))
}

func (r *rootFS) Unlink(p string) esys.Errno {
	p = clean(p)
	if info, err := r.root.Lstat(p); err != nil {
		return errno(err)
	} else if info.IsDir() {
		return esys.EISDIR
	}
	return errno(r.root.Remove(p))
}

func (r *rootFS) Link(from, to string) esys.Errno {
	return errno(r.root.Link(clean(from), clean(to)))
}

// Symlink takes relative targets only, as wazero's own file systems do. Where a
// target points does not matter: os.Root refuses to follow it out.
func (r *rootFS) Symlink(target, link string) esys.Errno {
	if path.IsAbs(target) {
		return esys.EPERM
	}
	return errno(r.root.Symlink(target, clean(link)))
}

func (r *rootFS) Readlink(p string) (string, esys.Errno) {
	target, err := r.root.Readlink(clean(p))
	return target, errno(err)
}

func (r *rootFS) Utimens(p string, atim, mtim int64) esys.Errno {
	return errno(r.root.Chtimes(clean(p), timeOf(atim), timeOf(mtim)))
}

// timeOf is a WASI time; the zero Time leaves what is there.
func timeOf(ns int64) time.Time {
	if ns == esys.UTIME_OMIT || ns == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
