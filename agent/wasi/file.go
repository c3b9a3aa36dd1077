package wasi

import (
	"errors"
	"io"
	"io/fs"
	"os"

	esys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// file is an open file or folder below a rootFS.
type file struct {
	fs   *rootFS
	path string // as opened; only for what a descriptor cannot do
	flag esys.Oflag
	f    *os.File
}

var _ esys.File = (*file)(nil)

func (f *file) Stat() (sys.Stat_t, esys.Errno) {
	info, err := f.f.Stat()
	return statOf(info, err)
}

func (f *file) Dev() (uint64, esys.Errno) {
	st, n := f.Stat()
	return st.Dev, n
}

func (f *file) Ino() (sys.Inode, esys.Errno) {
	st, n := f.Stat()
	return st.Ino, n
}

func (f *file) IsDir() (bool, esys.Errno) {
	st, n := f.Stat()
	return st.Mode.IsDir(), n
}

func (f *file) IsAppend() bool { return f.flag&esys.O_APPEND != 0 }

// SetAppend reopens the file, as the flag cannot be changed portably.
func (f *file) SetAppend(on bool) esys.Errno {
	flag := f.flag &^ (esys.O_APPEND | esys.O_CREAT | esys.O_TRUNC | esys.O_EXCL)
	if on {
		flag |= esys.O_APPEND
	}
	at, err := f.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return errno(err)
	}
	next, err := f.fs.root.OpenFile(f.path, osFlags(flag), 0)
	if err != nil {
		return errno(err)
	}
	if !same(f.f, next) {
		next.Close()
		return esys.ENOENT // renamed or replaced meanwhile
	}
	if _, err := next.Seek(at, io.SeekStart); err != nil {
		next.Close()
		return errno(err)
	}
	f.f.Close()
	f.f, f.flag = next, flag
	return 0
}

func same(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}

// The kinds of access that a descriptor was not opened for are EBADF in WASI.
func (f *file) mayRead() bool  { return f.flag&esys.O_WRONLY == 0 }
func (f *file) mayWrite() bool { return f.flag&(esys.O_WRONLY|esys.O_RDWR) != 0 }

func (f *file) Read(p []byte) (int, esys.Errno) {
	if !f.mayRead() {
		return 0, esys.EBADF
	}
	if len(p) == 0 {
		return 0, 0
	}
	n, err := f.f.Read(p)
	return n, errno(eof(err))
}

func (f *file) Pread(p []byte, off int64) (int, esys.Errno) {
	switch {
	case !f.mayRead():
		return 0, esys.EBADF
	case off < 0:
		return 0, esys.EINVAL
	case len(p) == 0:
		return 0, 0
	}
	n, err := f.f.ReadAt(p, off)
	return n, errno(eof(err))
}

// eof is not an error in WASI: a read of nothing is.
func eof(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (f *file) Write(p []byte) (int, esys.Errno) {
	if !f.mayWrite() {
		return 0, esys.EBADF
	}
	n, err := f.f.Write(p)
	return n, errno(err)
}

func (f *file) Pwrite(p []byte, off int64) (int, esys.Errno) {
	switch {
	case !f.mayWrite():
		return 0, esys.EBADF
	case off < 0 || f.IsAppend():
		return 0, esys.EINVAL
	}
	n, err := f.f.WriteAt(p, off)
	return n, errno(err)
}

// offset is int64 under another name, so that vet does not take Seek, whose
// shape wazero prescribes, for a slip at io.Seeker.
type offset = int64

func (f *file) Seek(off offset, whence int) (int64, esys.Errno) {
	if whence < io.SeekStart || whence > io.SeekEnd {
		return 0, esys.EINVAL
	}
	if dir, n := f.IsDir(); n != 0 {
		return 0, n
	} else if dir && (off != 0 || whence != io.SeekStart) {
		return 0, esys.EISDIR // a folder can only be rewound
	}
	at, err := f.f.Seek(off, whence)
	return at, errno(err)
}

func (f *file) Readdir(n int) ([]esys.Dirent, esys.Errno) {
	entries, err := f.f.ReadDir(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errno(err)
	}
	out := make([]esys.Dirent, 0, len(entries))
	for _, e := range entries {
		d := esys.Dirent{Name: e.Name(), Type: e.Type()}
		if info, err := e.Info(); err == nil {
			d.Ino = sys.NewStat_t(info).Ino
		} else if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		out = append(out, d)
	}
	return out, 0
}

func (f *file) Truncate(size int64) esys.Errno {
	switch {
	case !f.mayWrite():
		return esys.EBADF
	case size < 0:
		return esys.EINVAL
	}
	return errno(f.f.Truncate(size))
}

// Sync has nothing to do: no byte of a task's directory outlives the task on
// disk, and a guest that could flush could slow the whole machine down.
func (f *file) Sync() esys.Errno     { return 0 }
func (f *file) Datasync() esys.Errno { return 0 }

func (f *file) Utimens(atim, mtim int64) esys.Errno { return f.fs.Utimens(f.path, atim, mtim) }

func (f *file) Close() esys.Errno {
	delete(f.fs.open, f)
	return errno(f.f.Close())
}
