package session

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		if h.Typeflag == tar.TypeReg {
			h.Size = 4
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			w.Write([]byte("evil"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hostile is what a guest would send to get out of the folder.
func hostile(t testing.TB, outside string) []byte {
	file := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o6777} }
	return archive(t,
		file("../up"), file("/abs"), file("a/../../up"), file(".."), file("c:\\win"),
		tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: outside},
		tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		tar.Header{Name: "pipe", Typeflag: tar.TypeFifo},
		file("planted/x"), file("replaced"), file("good"))
}

func TestUnpackStaysInside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	os.WriteFile(victim, []byte("kept"), 0o600)
	os.Symlink(victim, filepath.Join(dir, "replaced"))
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u, err := Unpack(root, bytes.NewReader(hostile(t, outside)), nil)
	if err != nil || u.Files != 3 || u.Left != 9 || len(u.Skipped) != 5 {
		t.Errorf("%+v, %v", u, err)
	}
	if b, _ := os.ReadFile(victim); string(b) != "kept" {
		t.Errorf("a link was followed: %q", b)
	}
	if st, err := os.Lstat(filepath.Join(dir, "good")); err != nil || st.Mode() != 0o777 {
		t.Errorf("mode %v, %v: set-uid bits are not taken", st.Mode(), err)
	}
	os.Symlink(outside, filepath.Join(dir, "out"))
	through := archive(t, tar.Header{Name: "out/x", Typeflag: tar.TypeReg, Mode: 0o644})
	if _, err := Unpack(root, bytes.NewReader(through), nil); err == nil {
		t.Error("a link that leaves the folder was written through")
	}
	if left, _ := os.ReadDir(outside); len(left) != 1 {
		t.Errorf("made outside: %v", left)
	}
}

func TestUnpackDamaged(t *testing.T) {
	good := archive(t, tar.Header{Name: "f", Typeflag: tar.TypeReg, Mode: 0o644})
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, b := range [][]byte{good[:513], good[:100], []byte(strings.Repeat("x", 1024))} {
		if _, err := Unpack(root, bytes.NewReader(b), nil); api.KindOf(err) != api.KindCorrupt {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	left, _ := fs.ReadDir(root.FS(), ".")
	if len(left) != 0 {
		t.Errorf("half a file is left: %v", left)
	}
}

// FuzzUnpack: whatever the bytes, nothing is made outside and no link inside.
func FuzzUnpack(f *testing.F) {
	f.Add(hostile(f, "/tmp"))
	f.Add(archive(f, tar.Header{Name: "a/b/", Typeflag: tar.TypeDir}, tar.Header{Name: "a/b/c", Typeflag: tar.TypeReg}))
	f.Fuzz(func(t *testing.T, b []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		os.Mkdir(dir, 0o700)
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_, _ = Unpack(root, bytes.NewReader(b), nil)
		if all, _ := os.ReadDir(top); len(all) != 1 {
			t.Fatalf("made outside: %v", all)
		}
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if d != nil && !d.IsDir() && !d.Type().IsRegular() {
				t.Errorf("%s is a %v", p, d.Type())
			}
			return nil
		})
	})
}
