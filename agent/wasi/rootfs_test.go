package wasi

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	esys "github.com/tetratelabs/wazero/experimental/sys"
)

func newFS(t *testing.T) (*rootFS, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	r := newRootFS(root)
	t.Cleanup(r.close)
	return r, dir
}

// Nothing that a guest can build leads out, and nothing outside changes.
func TestRootHolds(t *testing.T) {
	r, dir := newFS(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, outside)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Symlink(outside, "absolute"); n != esys.EPERM {
		t.Errorf("an absolute link: %v", n)
	}
	if n := r.Symlink(rel, "link"); n != 0 { // may be made, leads nowhere
		t.Fatal(n)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "planted")); err != nil { // as an input might be
		t.Fatal(err)
	}
	for _, p := range []string{"link", "planted", rel, "/" + rel, outside} {
		for _, flag := range []esys.Oflag{esys.O_RDONLY, esys.O_RDWR, esys.O_WRONLY | esys.O_CREAT, esys.O_WRONLY | esys.O_TRUNC} {
			f, n := r.OpenFile(p, flag, 0o644)
			if n == 0 && (p == "link" || p == "planted") {
				t.Errorf("%s was opened with %v", p, flag)
			}
			if f != nil {
				f.Close() // a path that leads up is one below the root
			}
		}
		if _, n := r.Stat(p); n == 0 && (p == "link" || p == "planted") {
			t.Errorf("%s was looked at", p)
		}
		r.Chmod(p, 0o777)
		r.Utimens(p, 0, 0)
		r.Link(p, "hard")
		r.Rename(p, "moved")
		r.Unlink(p)
		r.Rmdir(p)
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "secret" {
		t.Errorf("outside is now %q %v", b, err)
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o644 || info.ModTime().Unix() == 0 {
		t.Errorf("outside is now %v %v", info, err)
	}
}

func TestFile(t *testing.T) {
	r, _ := newFS(t)
	f, n := r.OpenFile("a", esys.O_RDWR|esys.O_CREAT|esys.O_EXCL, 0o600)
	if n != 0 {
		t.Fatal(n)
	}
	if _, n := r.OpenFile("a", esys.O_RDWR|esys.O_CREAT|esys.O_EXCL, 0o600); n != esys.EEXIST {
		t.Errorf("made twice: %v", n)
	}
	f.Write([]byte("hello world"))
	if n := f.SetAppend(true); n != 0 || !f.IsAppend() {
		t.Fatal(n)
	}
	f.Seek(0, io.SeekStart)
	f.Write([]byte("!"))
	buf := make([]byte, 20)
	if k, n := f.Pread(buf, 6); n != 0 || string(buf[:k]) != "world!" {
		t.Errorf("%q %v", buf[:k], n)
	}
	if _, n := f.Pwrite([]byte("x"), 0); n != esys.EINVAL {
		t.Errorf("a positioned write while appending: %v", n)
	}
	if n := f.SetAppend(false); n != 0 {
		t.Fatal(n)
	}
	if at, n := f.Seek(-6, io.SeekEnd); n != 0 || at != 6 {
		t.Errorf("%d %v", at, n)
	}
	if k, n := f.Read(buf); n != 0 || string(buf[:k]) != "world!" {
		t.Errorf("%q %v", buf[:k], n)
	}
	if k, n := f.Read(buf); n != 0 || k != 0 {
		t.Errorf("past the end: %d %v", k, n)
	}
	if n := f.Truncate(5); n != 0 {
		t.Error(n)
	}
	if st, n := r.Stat("a"); n != 0 || st.Size != 5 || st.Ino == 0 {
		t.Errorf("%+v %v", st, n)
	}
	ro, n := r.OpenFile("a", esys.O_RDONLY, 0)
	if n != 0 {
		t.Fatal(n)
	}
	if _, n := ro.Write([]byte("x")); n != esys.EBADF {
		t.Errorf("a write to what was opened for reading: %v", n)
	}
	if n := ro.Truncate(0); n != esys.EBADF {
		t.Errorf("a truncate of what was opened for reading: %v", n)
	}
	if _, n := r.OpenFile("a", esys.O_RDONLY|esys.O_DIRECTORY, 0); n != esys.ENOTDIR {
		t.Errorf("a file as a folder: %v", n)
	}
}

func TestFolder(t *testing.T) {
	r, _ := newFS(t)
	for _, n := range []esys.Errno{r.Mkdir("d", 0o755), r.Mkdir("d/e", 0o755), r.Symlink("d", "l")} {
		if n != 0 {
			t.Fatal(n)
		}
	}
	if _, n := r.OpenFile("l", esys.O_RDONLY|esys.O_NOFOLLOW, 0); n != esys.ELOOP {
		t.Errorf("a link that was not to be followed: %v", n)
	}
	d, n := r.OpenFile("/d", esys.O_RDONLY|esys.O_DIRECTORY, 0)
	if n != 0 {
		t.Fatal(n)
	}
	for range 2 { // it can be read again from its beginning
		entries, n := d.Readdir(-1)
		if n != 0 || len(entries) != 1 || entries[0].Name != "e" || entries[0].Ino == 0 {
			t.Errorf("%+v %v", entries, n)
		}
		if _, n := d.Seek(0, io.SeekStart); n != 0 {
			t.Fatal(n)
		}
	}
	if n := r.Unlink("d"); n != esys.EISDIR {
		t.Errorf("unlink of a folder: %v", n)
	}
	if n := r.Rmdir("l"); n != esys.ENOTDIR {
		t.Errorf("rmdir of a link: %v", n)
	}
	if n := r.Rmdir("d"); n != esys.ENOTEMPTY {
		t.Errorf("rmdir of a full folder: %v", n)
	}
	if target, n := r.Readlink("l"); n != 0 || target != "d" {
		t.Errorf("%q %v", target, n)
	}
}

func TestArena(t *testing.T) {
	a := newArena(1 << 20)
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	for _, size := range []uint64{64 << 10, 512 << 10} { // below and above what is wiped by hand
		a.begin()
		m := a.Allocate(0, wasmMax)
		b := m.Reallocate(size)
		for i := range b {
			b[i] = 1
		}
		grown := m.Reallocate(1 << 20)
		if grown[0] != 1 || grown[size-1] != 1 {
			t.Error("growing lost what was there")
		}
		if m.Reallocate(1<<20+1) != nil || !a.refused || a.peak != 1<<20 {
			t.Errorf("over the limit: %+v", a)
		}
		m.Free()
		a.begin()
		for i, v := range a.Allocate(0, 0).Reallocate(1 << 20) {
			if v != 0 {
				t.Fatalf("byte %d of a fresh memory is %d", i, v)
			}
		}
		a.Free()
	}
}
