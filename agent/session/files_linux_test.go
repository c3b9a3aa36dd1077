package session

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

func archive(t *testing.T, entries ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		body := []byte(h.Name)
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			w.Write(body)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func reg(name string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o640}
}

func TestPut(t *testing.T) {
	m := agent(t, Config{})
	dir := t.TempDir()
	put := func(req session.Request, entries ...tar.Header) error {
		return open(t, m).Put(t.Context(), req, archive(t, entries...))
	}
	if err := put(session.Request{Path: filepath.Join(dir, "new name"), Name: "f"}, reg("f")); err != nil {
		t.Fatal(err)
	}
	if err := put(session.Request{Path: dir, Name: "f"}, reg("f")); err != nil {
		t.Fatal(err)
	}
	if err := put(session.Request{Path: dir, Name: "tree", Dir: true}, tar.Header{Name: "sub/", Typeflag: tar.TypeDir, Mode: 0o700}, reg("sub/x"), reg("y")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"new name": "f", "f": "f", "tree/sub/x": "sub/x", "tree/y": "y"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "f")); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode: %v, %v", st, err)
	}
	for _, tt := range []struct {
		req  session.Request
		kind api.Kind
	}{
		{session.Request{Path: dir + "/no/such/folder/f", Name: "f"}, api.KindNotFound},
		{session.Request{Path: dir + "/f", Name: "tree", Dir: true}, api.KindConflict},
		{session.Request{Path: dir, Name: "../f"}, api.KindInvalid},
		{session.Request{Name: "f"}, api.KindInvalid},
	} {
		if err := put(tt.req, reg("f")); api.KindOf(err) != tt.kind {
			t.Errorf("%+v: %v, want %s", tt.req, err, tt.kind)
		}
	}
}

func TestGet(t *testing.T) {
	m := agent(t, Config{})
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "d", "deep"), 0o755)
	os.WriteFile(filepath.Join(dir, "d", "deep", "f"), bytes.Repeat([]byte("x"), 1<<20), 0o600)
	os.Symlink("/etc/passwd", filepath.Join(dir, "d", "link"))
	if err := unix.Mkfifo(filepath.Join(dir, "d", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := open(t, m).Get(t.Context(), session.Request{Path: filepath.Join(dir, "d")}, &b); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	root, err := os.OpenRoot(out)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u, err := session.Unpack(root, &b, nil)
	if err != nil || u.Files != 1 || u.Left != 2 || !slices.Contains(u.Skipped, "link") {
		t.Errorf("unpacked %+v, %v", u, err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "deep", "f")); err != nil || len(got) != 1<<20 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for path, kind := range map[string]api.Kind{filepath.Join(dir, "no"): api.KindNotFound, filepath.Join(dir, "d", "pipe"): api.KindInvalid} {
		if err := open(t, m).Get(t.Context(), session.Request{Path: path}, io.Discard); api.KindOf(err) != kind {
			t.Errorf("%s: %v, want %s", path, err, kind)
		}
	}
}
