package cli

import (
	"bytes"
	"context"
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

// resultWriter writes what tasks left below a folder. A path that would leave
// it is refused, whatever the other machine says; a file that is there already
// is kept when its content is the same, refused when it is not.
type resultWriter struct {
	client    *api.Client
	dir       string // may hold {task} and variables of the array
	overwrite bool
	from      map[string]api.TaskID // files written in this run, by full path
	files     int
	bytes     int64
}

func newResultWriter(client *api.Client, dir string, overwrite bool) *resultWriter {
	return &resultWriter{client: client, dir: dir, overwrite: overwrite, from: map[string]api.TaskID{}}
}

// resultsDir is where -o leads. A file that is in its way is told before the work is
// done rather than after.
func resultsDir(a *app, dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	full := a.abs(dir)
	at := full
	if fixed, _, ok := strings.Cut(full, "{"); ok {
		at = filepath.Dir(fixed + "x") // of the folders above the first placeholder
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		st, err := os.Stat(at)
		if err != nil {
			continue
		}
		if !st.IsDir() {
			return "", api.Errorf(api.KindUsage, "-o %s: %s is a file, not a folder", dir, at).WithHint("-o names a folder; the files in it have the names that --out brings back")
		}
		break
	}
	return full, nil
}

// varies tells whether each task gets a folder of its own.
func varies(dir string) bool { return strings.Contains(dir, "{") }

// render fills a folder's placeholders in. A value must not make a path: it
// becomes one element.
func render(dir string, t api.Task) (string, error) {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(dir, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, rest, ok := strings.Cut(after, "}")
		value, known := t.Each[name]
		if name == "task" {
			value, known = t.ID.String(), true
		}
		if !ok || !known {
			return "", api.Errorf(api.KindUsage, "-o %s: there is no placeholder {%s}", dir, name).WithHint("{task} or a variable of --each")
		}
		if value == "" || value == "." || value == ".." || strings.ContainsAny(value, "/\\\x00") {
			return "", api.Errorf(api.KindInvalid, "%q cannot be a folder's name", value).WithHint("use -o 'DIR/{task}'")
		}
		b.WriteString(value)
		dir = rest
	}
}

// write writes one task's files.
func (r *resultWriter) write(ctx context.Context, t api.Task) (err error) {
	if len(t.Files) == 0 {
		return nil
	}
	dir, err := render(r.dir, t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return api.Errorf(api.KindInternal, "results: %w", err)
	}
	root, err := os.OpenRoot(dir) // follows no link out of dir
	if err != nil {
		return api.Errorf(api.KindInternal, "results: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, f := range t.Files {
		if err := r.writeFile(ctx, root, dir, t, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *resultWriter) writeFile(ctx context.Context, root *os.Root, dir string, t api.Task, f api.OutputFile) error {
	name := filepath.FromSlash(f.Path)
	if !filepath.IsLocal(name) || path.Clean(f.Path) != f.Path || f.Path == "." {
		return api.Errorf(api.KindCorrupt, "task %s left a file whose path is refused: %q", t.ID, f.Path).WithHint("only paths below the task's folder are written")
	}
	full := filepath.Join(dir, name)
	if other, twice := r.from[full]; twice {
		if other == t.ID {
			return nil
		}
		return api.Errorf(api.KindConflict, "tasks %s and %s both left %s", other, t.ID, f.Path).WithHint("give each task a folder: -o '%s/{task}'", r.dir)
	}
	if parent := filepath.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return r.refused(full, err)
		}
	}
	st, err := root.Lstat(name)
	if err == nil && !r.overwrite {
		same := false
		if st.Mode().IsRegular() && st.Size() == f.Size {
			if same, err = r.same(ctx, root, name, f.Blob); err != nil {
				return err
			}
		}
		if !same {
			return api.Errorf(api.KindConflict, "%s is there already, with other content", full).WithHint("choose another folder, or --overwrite")
		}
		r.from[full] = t.ID
		return nil
	}
	if err := r.fetch(ctx, root, name, f); err != nil {
		return err
	}
	r.from[full] = t.ID
	r.files++
	r.bytes += f.Size
	return nil
}

// fetch writes a blob under a temporary name and renames it: a file is either
// whole or not there.
func (r *resultWriter) fetch(ctx context.Context, root *os.Root, name string, f api.OutputFile) (err error) {
	body, _, err := r.client.GetBlob(ctx, f.Blob)
	if err != nil {
		return err
	}
	defer body.Close()
	tmp := filepath.Join(filepath.Dir(name), ".p2prc-"+f.Blob.String()[:16]+".part")
	w, err := root.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return r.refused(name, err)
	}
	n, err := io.Copy(w, body)
	if err == nil && n != f.Size {
		err = api.Errorf(api.KindCorrupt, "%s has %d bytes, want %d", name, n, f.Size)
	}
	if err == nil {
		err = w.Chmod(fs.FileMode(f.Mode)&0o777&^0o022 | 0o600)
	}
	err = errors.Join(err, w.Close())
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(r.refused(name, err), root.Remove(tmp))
	}
	return nil
}

func (r *resultWriter) refused(name string, err error) error {
	var known *api.Error
	if errors.As(err, &known) {
		return err
	}
	return api.Errorf(api.KindInternal, "result %s cannot be written: %w", name, err).WithHint("is there a link or a file in its way, or no room?")
}

// same compares a file with a blob.
func (r *resultWriter) same(ctx context.Context, root *os.Root, name string, id api.BlobID) (bool, error) {
	f, err := root.Open(name)
	if err != nil {
		return false, r.refused(name, err)
	}
	defer f.Close()
	body, _, err := r.client.GetBlob(ctx, id)
	if err != nil {
		return false, err
	}
	defer body.Close()
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(f, a)
		m, errB := io.ReadFull(body, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return false, nil
		}
		endA := errors.Is(errA, io.EOF) || errors.Is(errA, io.ErrUnexpectedEOF)
		endB := errors.Is(errB, io.EOF) || errors.Is(errB, io.ErrUnexpectedEOF)
		switch {
		case endA && endB:
			return true, nil
		case errA != nil && !endA:
			return false, r.refused(name, errA)
		case errB != nil && !endB:
			return false, errB
		}
	}
}

func (r *resultWriter) summary() string {
	return fmt.Sprintf("%s, %s written to %s", plural(int64(r.files), "file"), bytesOf(r.bytes), r.dir)
}
