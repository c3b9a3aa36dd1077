package jobfile

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Bounds of a folder that can be an input.
const (
	MaxTreeFiles = 100_000
	maxTreeDepth = 100
)

// Snapshot is a local input found good: what it is and how much.
type Snapshot struct {
	LocalInput
	IsDir bool
	Mode  uint32 // permission bits of a file
	Files int    // regular files in a folder; 1 for a file
	Bytes int64

	entries []entry // of a folder, parents before children
}

// entry is one file or folder of a snapshot.
type entry struct {
	name string // slash-separated, below the folder
	dir  bool
	mode fs.FileMode
	size int64
}

// Walk looks at an input: what is there now, without reading the files. Errors:
// KindNotFound for a missing one, KindInvalid for what cannot be sent (a link
// that dangles or leaves the folder, a device, a socket), KindTooLarge for more
// than MaxTreeFiles files.
func Walk(ctx context.Context, in LocalInput) (*Snapshot, error) {
	st, err := os.Stat(in.Path) // what the user names may be a link
	if err != nil {
		return nil, whyNotStat(in.Path, err)
	}
	s := &Snapshot{LocalInput: in, Mode: uint32(st.Mode().Perm()), Files: 1, Bytes: st.Size()}
	switch {
	case st.Mode().IsRegular():
		return s, nil
	case !st.IsDir():
		return nil, api.Errorf(api.KindInvalid, "input %s is %s, only files and folders can be sent", in.Path, special(st.Mode()))
	}
	s.IsDir, s.Files, s.Bytes = true, 0, 0
	root, err := os.OpenRoot(in.Path)
	if err != nil {
		return nil, whyNotStat(in.Path, err)
	}
	err = s.walkDir(ctx, root, ".", []fs.FileInfo{st})
	return s, errors.Join(err, root.Close())
}

func whyNotStat(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, lerr := os.Lstat(name); lerr == nil {
			return api.Errorf(api.KindInvalid, "input %s is a link to nothing", name).WithHint("make the link point at something, or leave it out")
		}
		return api.Errorf(api.KindNotFound, "there is no input %s", name).WithHint("inputs of a job file are below its folder, those of run below the working folder")
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.KindDenied, "input %s may not be read", name)
	}
	return api.Errorf(api.KindInternal, "input %s: %w", name, err)
}

// walkDir adds what is in dir. ancestors are the folders above, to find loops of links.
func (s *Snapshot) walkDir(ctx context.Context, root *os.Root, dir string, ancestors []fs.FileInfo) error {
	if len(ancestors) > maxTreeDepth {
		return api.Errorf(api.KindInvalid, "input %s is more than %d folders deep at %s", s.Path, maxTreeDepth, dir)
	}
	list, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return s.whyNot(root, dir, err)
	}
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, e.Name())
		if strings.ContainsAny(e.Name(), "\\\x00") {
			return api.Errorf(api.KindInvalid, "input %s holds a file whose name cannot be sent: %q", s.Path, name).WithHint("rename it: no backslashes")
		}
		st, err := root.Stat(name) // follows links, but never out of the folder
		if err != nil {
			return s.whyNot(root, name, err)
		}
		switch {
		case st.Mode().IsRegular():
			s.entries = append(s.entries, entry{name, false, st.Mode().Perm(), st.Size()})
			s.Files++
			s.Bytes += st.Size()
		case st.IsDir():
			if slices.ContainsFunc(ancestors, func(a fs.FileInfo) bool { return os.SameFile(a, st) }) {
				return api.Errorf(api.KindInvalid, "input %s holds a link that leads back to a folder above it: %s", s.Path, name).WithHint("take the link away")
			}
			s.entries = append(s.entries, entry{name: name, dir: true, mode: st.Mode().Perm()})
			if err := s.walkDir(ctx, root, name, append(slices.Clip(ancestors), st)); err != nil {
				return err
			}
		default:
			return api.Errorf(api.KindInvalid, "input %s holds %s: %s", s.Path, special(st.Mode()), name).WithHint("only files and folders can be sent")
		}
		if len(s.entries) > MaxTreeFiles {
			return api.Errorf(api.KindTooLarge, "input %s holds more than %d files and folders", s.Path, MaxTreeFiles).WithHint("pack it into one archive and unpack it in the task")
		}
	}
	return nil
}

// whyNot says why an entry cannot be looked at.
func (s *Snapshot) whyNot(root *os.Root, name string, err error) error {
	st, lerr := root.Lstat(name)
	isLink := lerr == nil && st.Mode()&fs.ModeSymlink != 0
	target, _ := root.Readlink(name) // only for the message: empty is fine
	switch {
	case isLink && errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.KindInvalid, "input %s holds a link to nothing: %s -> %s", s.Path, name, target).WithHint("take the link away or make it point at something")
	case isLink && !errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.KindInvalid, "input %s holds a link that leaves the folder: %s -> %s", s.Path, name, target).WithHint("copy what it points at into the folder, or send that as an input of its own")
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.KindDenied, "input %s holds something that may not be read: %s", s.Path, name)
	case errors.Is(err, fs.ErrNotExist):
		return changed(s.Path, name)
	}
	return api.Errorf(api.KindInternal, "input %s: %s: %w", s.Path, name, err)
}

func changed(input, name string) error {
	return api.Errorf(api.KindConflict, "input %s changed while it was read: %s", input, name).WithHint("try again when nothing writes to it")
}

func special(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something special"
}

// Open reads a file's snapshot.
func (s *Snapshot) Open() (*os.File, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, whyNotStat(s.Path, err)
	}
	return f, nil
}

// WriteTar writes a folder's snapshot as an uncompressed tar stream of folders
// and regular files, without times or owners: the same files make the same
// bytes. progress, which may be nil, is called with what was added each time.
// A file that changed its length since Walk is KindConflict.
func (s *Snapshot) WriteTar(ctx context.Context, w io.Writer, progress func(files int, bytes int64)) (err error) {
	root, err := os.OpenRoot(s.Path)
	if err != nil {
		return whyNotStat(s.Path, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	tw := tar.NewWriter(w)
	for _, e := range s.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Mode: int64(e.mode), Size: e.size, Format: tar.FormatPAX}
		if e.dir {
			h.Name, h.Typeflag = e.name+"/", tar.TypeDir
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("write tar: %w", err)
		}
		if e.dir {
			continue
		}
		if err := s.copyFile(root, tw, e); err != nil {
			return err
		}
		if progress != nil {
			progress(1, e.size)
		}
	}
	return tw.Close()
}

func (s *Snapshot) copyFile(root *os.Root, w io.Writer, e entry) error {
	f, err := root.Open(e.name)
	if err != nil {
		return s.whyNot(root, e.name, err)
	}
	n, err := io.CopyN(w, f, e.size)
	if errors.Is(err, io.EOF) && n < e.size {
		err = changed(s.Path, e.name)
	}
	return errors.Join(err, f.Close())
}
