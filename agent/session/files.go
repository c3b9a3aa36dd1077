package session

import (
	"archive/tar"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// files does what a request for files asks, as the user it is of.
func (g *guest) files(req session.Request, do func(session.Request) error) error {
	who, err := lookUp(cmp.Or(req.User, g.cfg.User))
	if err != nil {
		return err
	}
	if err := who.act(func() error { return do(req) }); err != nil {
		return err
	}
	return g.w.Send(session.KindExit, api.Exit{})
}

// put unpacks the input.
func (g *guest) put(req session.Request) error {
	dest, err := destination(req)
	if err != nil {
		return err
	}
	_, ev := untilEnd()
	in := g.listen(ev)
	dir, rename := dest, func(name string) string { return name }
	if req.Dir {
		if err := os.Mkdir(dest, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return why("make", dest, err)
		}
	} else {
		base := filepath.Base(dest)
		dir, rename = filepath.Dir(dest), func(string) string { return base }
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return why("open", dir, err)
	}
	defer root.Close()
	_, err = session.Unpack(root, in, rename)
	return err
}

// destination is where what is put shall be, absolute.
func destination(req session.Request) (string, error) {
	dest, err := absolute(req.Path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dest)
	switch {
	case err == nil && info.IsDir():
		if !fs.ValidPath(req.Name) || req.Name == "." || filepath.Base(req.Name) != req.Name {
			return "", api.Errorf(api.KindInvalid, "%q is no name of a file", session.Clean(req.Name))
		}
		return filepath.Join(dest, req.Name), nil
	case err == nil && req.Dir:
		return "", api.Errorf(api.KindConflict, "%s is a file in the container, and a folder cannot replace it", session.Clean(dest))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", why("look at", dest, err)
	}
	if _, err := os.Stat(filepath.Dir(dest)); err != nil {
		return "", why("write to", filepath.Dir(dest), err)
	}
	return dest, nil
}

func absolute(p string) (string, error) {
	if p == "" || len(p) > 4096 {
		return "", api.Errorf(api.KindInvalid, "a path in the container is missing or too long")
	}
	if filepath.IsAbs(p) {
		return filepath.Clean(p), nil
	}
	wd, err := os.Getwd()
	return filepath.Join(wd, p), err
}

// get sends a tar stream of what is at the path: links in it are left out, and
// so is what is neither file nor folder.
func (g *guest) get(req session.Request) error {
	src, err := absolute(req.Path)
	if err != nil {
		return err
	}
	ctx, ev := untilEnd()
	g.listen(ev)
	info, err := os.Stat(src)
	if err != nil {
		return why("read", src, err)
	}
	w := tar.NewWriter(frameWriter{g.w, session.KindOutput})
	switch {
	case info.IsDir():
		root, err := os.OpenRoot(src)
		if err != nil {
			return why("read", src, err)
		}
		defer root.Close()
		err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			return sendEntry(w, root, name)
		})
		if err != nil {
			return why("read", src, err)
		}
	case info.Mode().IsRegular():
		root, err := os.OpenRoot(filepath.Dir(src))
		if err != nil {
			return why("read", src, err)
		}
		defer root.Close()
		if err := sendFile(w, root, filepath.Base(src)); err != nil {
			return why("read", src, err)
		}
	default:
		return api.Errorf(api.KindInvalid, "%s is neither a file nor a folder", session.Clean(src))
	}
	return w.Close()
}

func sendEntry(w *tar.Writer, root *os.Root, name string) error {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it went meanwhile
	case err != nil:
		return err
	case info.IsDir():
		return w.WriteHeader(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: int64(info.Mode().Perm()), Format: tar.FormatPAX})
	case info.Mode().IsRegular():
		return sendFile(w, root, name)
	}
	// The header alone tells the client what it will not get.
	return w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeFifo, Format: tar.FormatPAX})
}

// sendFile sends as many bytes as the file has when it is opened; one that
// shrinks meanwhile ends the session.
func sendFile(w *tar.Writer, root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil // it was one a moment ago
	}
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: int64(info.Mode().Perm()), Size: info.Size(), Format: tar.FormatPAX}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if n, err := io.CopyN(w, f, info.Size()); err != nil {
		return api.Errorf(api.KindConflict, "%s changed while it was read, %d of %d bytes were there", session.Clean(name), n, info.Size())
	}
	return nil
}

// why sorts what the system says of a path in the container.
func why(what, p string, err error) error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	kind := api.KindInternal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.KindNotFound, "there is no %s in the container", session.Clean(p))
	case errors.Is(err, fs.ErrPermission):
		kind = api.KindDenied
	case isReadOnly(err):
		return api.Errorf(api.KindDenied, "cannot %s %s: the container's root is read-only", what, session.Clean(p))
	}
	return api.Errorf(kind, "cannot %s %s: %w", what, session.Clean(p), err)
}
