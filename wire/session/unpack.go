package session

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The bounds of a tar stream.
const (
	maxEntries = 1_000_000
	maxDepth   = 200
	maxName    = 4096
)

// Unpacked is what Unpack made and what it left out.
type Unpacked struct {
	Files, Dirs int
	Bytes       int64
	// Skipped are the entries that are neither files nor folders, or whose names
	// the system cannot take; the first few by name, all of them counted.
	Skipped []string
	Left    int
}

// Unpack makes the regular files and folders of a tar stream below root. The
// stream is a stranger's: names that are absolute or hold "..", links and
// devices are left out, and nothing is ever made outside of root, whatever links
// stand in it. A file replaces what has its name; a folder that is there stays.
// rename, where it is not nil, gives the name below root for an entry's.
func Unpack(root *os.Root, r io.Reader, rename func(string) string) (u Unpacked, err error) {
	tr := tar.NewReader(r)
	for range maxEntries {
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, err = io.Copy(io.Discard, r) // what pads the end
			return u, err
		case err != nil:
			return u, &api.Error{Kind: api.KindCorrupt, Msg: "the archive is damaged", Err: err}
		}
		name := path.Clean(h.Name)
		if !good(name) || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
			u.skip(h.Name)
			continue
		}
		if rename != nil {
			name = rename(name)
		}
		if err := u.entry(root, name, h, tr); err != nil {
			return u, err
		}
	}
	return u, api.Errorf(api.KindTooLarge, "more than %d files and folders", maxEntries)
}

// good tells whether a name stays below the root, here and on the systems that
// read names otherwise.
func good(name string) bool {
	return len(name) <= maxName && strings.Count(name, "/") < maxDepth && fs.ValidPath(name) &&
		filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsAny(name, "\\\x00")
}

func (u *Unpacked) skip(name string) {
	const some = 5
	if u.Left++; u.Left <= some {
		u.Skipped = append(u.Skipped, Clean(name))
	}
}

func (u *Unpacked) entry(root *os.Root, name string, h *tar.Header, r io.Reader) error {
	local := filepath.FromSlash(name)
	mode := fs.FileMode(h.Mode) & 0o777
	if h.Typeflag == tar.TypeDir {
		if name == "." {
			return nil
		}
		if err := root.MkdirAll(local, mode|0o700); err != nil {
			return cannot("make the folder", name, err)
		}
		u.Dirs++
		return nil
	}
	if dir := filepath.Dir(local); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return cannot("make the folder", filepath.ToSlash(dir), err)
		}
	}
	n, err := writeFile(root, local, mode, r)
	u.Bytes += n
	if err != nil {
		return cannot("write", name, err)
	}
	u.Files++
	return nil
}

// writeFile writes beside name and renames, so that a file is the old one or
// the new one, and a link of that name is replaced, not followed.
func writeFile(root *os.Root, name string, mode fs.FileMode, r io.Reader) (n int64, err error) {
	part := filepath.Join(filepath.Dir(name), fmt.Sprintf(".p2prc-%d.part", os.Getpid()))
	if err := root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	f, err := root.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o200)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(f, r)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		err = errors.Join(err, root.Remove(part))
	}
	return n, err
}

func cannot(what, name string, err error) error {
	kind := api.KindInternal
	var known *api.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		kind = api.KindCorrupt
	case errors.Is(err, fs.ErrPermission):
		kind = api.KindDenied
	case errors.Is(err, fs.ErrExist):
		kind = api.KindConflict
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // its text would repeat the name
	}
	return api.Errorf(kind, "cannot %s %s: %w", what, Clean(name), err)
}
