package jobfile

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// folder makes files (name: text; "name -> target" for links, "name/" for folders).
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at, target, link := strings.Cut(name, " -> ")
		full := filepath.Join(dir, at)
		err := os.MkdirAll(filepath.Dir(full), 0o700)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(target, full)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(full, 0o700)
		default:
			err = os.WriteFile(full, []byte(files[name]), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func untar(t *testing.T, b []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for tr := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(text)
	}
}

func TestSnapshotOfAFolder(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "A", "sub/b.txt": "BB", "empty/": "", "link -> sub/b.txt": "", "sub/up -> ../a.txt": "", "alias -> sub": ""})
	s, err := Walk(t.Context(), LocalInput{Path: dir, Dest: "in"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var files int
	var size int64
	if err := s.WriteTar(t.Context(), &out, func(f int, b int64) { files += f; size += b }); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.txt": "A", "sub/": "", "sub/b.txt": "BB", "sub/up": "A", "empty/": "", "link": "BB", "alias/": "", "alias/b.txt": "BB", "alias/up": "A"}
	if got := untar(t, out.Bytes()); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if !s.IsDir || s.Files != 6 || files != 6 || s.Bytes != 9 || size != 9 {
		t.Errorf("%d files %d bytes, progress %d files %d bytes", s.Files, s.Bytes, files, size)
	}
	var again bytes.Buffer
	if err := s.WriteTar(t.Context(), &again, nil); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Errorf("the same files made other bytes, %v", err)
	}
}

func TestSnapshotRefuses(t *testing.T) {
	outside := folder(t, map[string]string{"secret": "s"})
	for name, c := range map[string]struct {
		files map[string]string
		sub   string
		kind  api.Kind
		msg   string
	}{
		"missing":        {nil, "nowhere", api.KindNotFound, "there is no input"},
		"dangling":       {map[string]string{"l -> nowhere": ""}, "l", api.KindInvalid, "is a link to nothing"},
		"dangling below": {map[string]string{"d/l -> nowhere": ""}, "", api.KindInvalid, "link to nothing: d/l -> nowhere"},
		"leaves":         {map[string]string{"d/l -> ../../../../../../etc/hostname": ""}, "", api.KindInvalid, "leaves the folder: d/l"},
		"absolute":       {map[string]string{"l -> " + outside + "/secret": ""}, "", api.KindInvalid, "leaves the folder: l"},
		"leaves by dir":  {map[string]string{"l -> " + outside: ""}, "", api.KindInvalid, "leaves the folder: l"},
		"loop":           {map[string]string{"d/l -> ../d": ""}, "", api.KindInvalid, "leads back to a folder above it: d/l"},
		"link to itself": {map[string]string{"l -> l": ""}, "", api.KindInvalid, "l"},
		"backslash":      {map[string]string{`a\b`: ""}, "", api.KindInvalid, "cannot be sent"},
	} {
		dir := folder(t, c.files)
		_, err := Walk(t.Context(), LocalInput{Path: filepath.Join(dir, c.sub), Dest: "in"})
		if api.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.msg) || api.HintOf(err) == "" {
			t.Errorf("%s: %v (%s)", name, err, api.HintOf(err))
		}
	}
}

func TestSnapshotOfAFile(t *testing.T) {
	dir := folder(t, map[string]string{"f": "text", "l -> f": ""})
	s, err := Walk(t.Context(), LocalInput{Path: filepath.Join(dir, "l"), Dest: "x"})
	if err != nil || s.IsDir || s.Bytes != 4 || s.Mode != 0o600 {
		t.Fatalf("%+v, %v", s, err)
	}
	f, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || string(text) != "text" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestFileThatShrinksIsToldApart(t *testing.T) {
	dir := folder(t, map[string]string{"f": "long text", "g": "g"})
	s, err := Walk(t.Context(), LocalInput{Path: dir, Dest: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteTar(t.Context(), io.Discard, nil); api.KindOf(err) != api.KindConflict {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "f")); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteTar(t.Context(), io.Discard, nil); api.KindOf(err) != api.KindConflict {
		t.Error(err)
	}
}

func TestFolderOfManyFiles(t *testing.T) {
	dir := t.TempDir()
	n := ring.Size(2_000, 50_000)
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprint(i%50))
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Walk(t.Context(), LocalInput{Path: dir, Dest: "x"})
	if err != nil || s.Files != n {
		t.Fatalf("%d of %d files, %v", s.Files, n, err)
	}
	if err := s.WriteTar(t.Context(), io.Discard, nil); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WriteTar(ctx, io.Discard, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Walk(ctx, LocalInput{Path: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSpecialFilesHaveNames(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{fs.ModeNamedPipe: "a pipe", fs.ModeSocket: "a socket", fs.ModeDevice: "a device", fs.ModeIrregular: "something special"} {
		if got := special(mode); got != want {
			t.Errorf("%v: %s", mode, got)
		}
	}
}
