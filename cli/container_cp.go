package cli

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/jobfile"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

func containerCpCmd(a *app) *cobra.Command {
	user := ""
	cmd := &cobra.Command{
		Use:   "cp [flags] SOURCE DESTINATION",
		Short: "Copy files and folders into a container, or out of it",
		Long: `Copy a file or a folder: one of SOURCE and DESTINATION is NAME:PATH in a container,
or in every container of a group; what comes out of a group's containers is put into
a folder for each, DESTINATION/NAME.
Where DESTINATION is a folder that is there, the copy is put into it; else it is
made under that name. A path without / at its beginning is below the container's
working folder.

It is done with the rights of the image's user, or of --user, who owns what is
copied in. Files and folders are copied with their permission bits; links, devices and pipes
are left out, and said.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc container cp scene.pov render:/scene/\n  p2prc container cp render:/scene/frames ./frames",
		Args:    takes(2, 2, "a SOURCE and a DESTINATION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, fromPath, fromIn := inContainer(args[0])
			to, toPath, toIn := inContainer(args[1])
			if fromIn == toIn {
				return api.Errorf(api.KindUsage, "one of SOURCE and DESTINATION is NAME:PATH in a container").WithHint("like: p2prc container cp picture.png bench:/tmp/; write ./a:b for a local file with a colon")
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			if toIn {
				return each(cmd.Context(), a, client, []string{to}, false, func(ctx context.Context, _ *app, name string) error {
					return copyIn(ctx, client, a.abs(args[0]), name, session.Request{Path: toPath, User: user})
				})
			}
			return each(cmd.Context(), a, client, []string{from}, false, func(ctx context.Context, one *app, name string) error {
				dest := args[1]
				if one != a {
					dir, err := memberFolder(a, dest, name)
					if err != nil {
						return err
					}
					dest = dir
				}
				return copyOut(ctx, one, client, name, session.Request{Path: fromPath, User: user}, dest)
			})
		},
	}
	userVar(cmd.Flags(), &user)
	return cmd
}

// memberFolder makes the folder for what comes out of one of many.
func memberFolder(a *app, dest, name string) (string, error) {
	dir := filepath.Join(a.abs(dest), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", api.Errorf(api.KindInternal, "%w", err)
	}
	return dir, nil
}

// inContainer reads NAME:PATH. A local path that holds a colon has a / before it.
func inContainer(s string) (name, p string, ok bool) {
	name, p, ok = strings.Cut(s, ":")
	if !ok || strings.ContainsAny(name, `/\`) || name == "" || filepath.VolumeName(s) != "" {
		return "", "", false
	}
	return name, or(p, "."), true
}

func copyIn(ctx context.Context, client *api.Client, local, name string, to session.Request) error {
	snap, err := jobfile.Walk(ctx, jobfile.LocalInput{Path: local})
	if err != nil {
		return err
	}
	s, err := openSession(ctx, client, name)
	if err != nil {
		return err
	}
	defer s.Close()
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeTar(ctx, snap, w)
		w.CloseWithError(err)
		written <- err
	}()
	to.Name, to.Dir = filepath.Base(local), snap.IsDir
	err = s.Put(ctx, to, r)
	r.CloseWithError(io.ErrClosedPipe) // so that the writer ends although nobody reads
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return werr // what is wrong here explains the broken copy
	}
	return err
}

// writeTar writes a folder's content, or a file as the only entry.
func writeTar(ctx context.Context, snap *jobfile.Snapshot, w io.Writer) error {
	if snap.IsDir {
		return snap.WriteTar(ctx, w, nil)
	}
	f, err := snap.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	tw := tar.NewWriter(w)
	h := &tar.Header{Name: "file", Typeflag: tar.TypeReg, Mode: int64(snap.Mode), Size: snap.Bytes, Format: tar.FormatPAX}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(tw, f, snap.Bytes); errors.Is(err, io.EOF) {
		return api.Errorf(api.KindConflict, "%s changed while it was read", snap.Path)
	} else if err != nil {
		return err
	}
	return tw.Close()
}

// copyOut unpacks what from names. The bytes are a stranger's.
func copyOut(ctx context.Context, a *app, client *api.Client, name string, from session.Request, dest string) error {
	s, err := openSession(ctx, client, name)
	if err != nil {
		return err
	}
	defer s.Close()
	r, w := io.Pipe()
	got := make(chan error, 1)
	go func() {
		err := s.Get(ctx, from, w)
		w.CloseWithError(err)
		got <- err
	}()
	err = unpackTo(a, r, path.Base(path.Clean(from.Path)), dest)
	r.CloseWithError(io.ErrClosedPipe) // so that the writer ends although nobody reads
	if gerr := <-got; gerr != nil && !errors.Is(gerr, io.ErrClosedPipe) {
		return gerr // what the container says explains the broken copy
	}
	return err
}

// unpackTo makes the copy at dest, or in it when it is a folder that is there.
func unpackTo(a *app, r io.Reader, base, dest string) error {
	slashed := strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, string(filepath.Separator))
	dest = a.abs(dest)
	tr := &peeked{r: r}
	dir, err := tr.isDir()
	if err != nil {
		return err
	}
	st, err := os.Stat(dest)
	switch {
	case err == nil && st.IsDir():
		if base == "." || base == "/" || !filepath.IsLocal(base) {
			base = ""
		}
		dest = filepath.Join(dest, base)
	case err == nil && dir:
		return api.Errorf(api.KindConflict, "%s is a file, and a folder cannot replace it", dest)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.KindInternal, "%w", err)
	case err != nil && slashed:
		return api.Errorf(api.KindNotFound, "there is no folder %s", dest)
	}
	at, rename := dest, func(s string) string { return s }
	if dir {
		if err := os.Mkdir(dest, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return api.Errorf(api.KindInternal, "%w", err)
		}
	} else {
		at, rename = filepath.Dir(dest), func(string) string { return filepath.Base(dest) }
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return api.Errorf(api.KindNotFound, "%w", err)
	}
	defer root.Close()
	u, err := session.Unpack(root, tr, rename)
	if u.Left > 0 {
		a.out.note("left out %s that are neither files nor folders or have unsafe names: %s", plural(int64(u.Left), "thing"), strings.Join(u.Skipped, ", "))
	}
	return err
}

// peeked lets the first header of a tar stream be seen before it is read.
type peeked struct {
	r    io.Reader
	head []byte
}

const tarBlock, tarType = 512, 156

// isDir tells whether the stream is a folder's: then its first entry is the
// folder itself.
func (p *peeked) isDir() (bool, error) {
	p.head = make([]byte, tarBlock)
	n, err := io.ReadFull(p.r, p.head)
	p.head = p.head[:n]
	if err != nil && n == 0 {
		return false, err
	}
	return n == tarBlock && p.head[tarType] == tar.TypeDir, nil
}

func (p *peeked) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.r.Read(b)
}
