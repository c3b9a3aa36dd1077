package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// stage keeps the inputs of this sandbox under the node's numbers for them.
type stage struct {
	root *os.Root
	have map[uint64]error // nil: whole; else why it could not be kept
}

func openStage(dir string) (*stage, error) {
	root, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	// A folder that came as a descriptor must not be inherited by tasks.
	if n, ok := strings.CutPrefix(dir, "/proc/self/fd/"); ok {
		fd, err := strconv.Atoi(n)
		if err == nil {
			err = os.NewFile(uintptr(fd), dir).Close()
		}
		if err != nil {
			return nil, errors.Join(err, root.Close())
		}
	}
	if err := emptyDir(root); err != nil { // of an agent before this one, whose numbers meant other files
		return nil, errors.Join(err, root.Close())
	}
	return &stage{root: root, have: make(map[uint64]error)}, nil
}

func (s *stage) close() { s.root.Close() }

func stageName(id uint64) string { return strconv.FormatUint(id, 10) }

// sink takes one file's bytes. After an error it swallows the rest, so that the
// stream stays in step.
type sink struct {
	s    *stage
	m    put
	f    *os.File
	have int64
	err  error
}

func (s *stage) begin(m put) *sink {
	f, err := s.root.OpenFile(stageName(m.ID), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o400)
	return &sink{s: s, m: m, f: f, err: err}
}

func (k *sink) write(p []byte) {
	if k.err == nil {
		_, k.err = k.f.Write(p)
		k.have += int64(len(p))
	}
}

func (k *sink) end() {
	if k.f != nil {
		k.err = errors.Join(k.err, k.f.Close())
	}
	if k.err == nil && k.have != k.m.Size {
		k.err = fmt.Errorf("%d of %d bytes came", k.have, k.m.Size)
	}
	if k.err != nil {
		k.err = errors.Join(k.err, ignoreMissing(k.s.root.Remove(stageName(k.m.ID))))
	}
	k.s.have[k.m.ID] = k.err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *stage) drop(ids []uint64) {
	for _, id := range ids {
		if err, ok := s.have[id]; ok && err == nil {
			if err := s.root.Remove(stageName(id)); err != nil {
				continue // stays until the sandbox ends; the node's count is only a bound
			}
		}
		delete(s.have, id)
	}
}

// cleanCwd is a command's working directory below its task's directory.
func cleanCwd(cwd string) (string, error) {
	if cwd == "" {
		return ".", nil
	}
	c := path.Clean(cwd)
	if c == "." {
		return c, nil
	}
	return cleanPath(c)
}

// cleanPath refuses what is not a clean relative path below its directory.
func cleanPath(p string) (string, error) {
	if len(p) > maxPath || !fs.ValidPath(p) || p == "." || !validName(p) {
		return "", api.Errorf(api.KindInvalid, "path %q is not clean and relative", cut(p))
	}
	return p, nil
}

// emptyDir removes everything in root's folder.
func emptyDir(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	err = errors.Join(err, d.Close())
	for _, n := range names {
		err = errors.Join(err, removeAll(root, n))
	}
	return err
}

// removeAll removes a task's directory, whatever permissions it left.
func removeAll(root *os.Root, name string) error {
	if root.Remove(name) == nil {
		return nil // empty, as after most small tasks
	}
	if err := root.RemoveAll(name); err == nil {
		return nil
	}
	if err := openUp(root, name); err != nil {
		return err
	}
	return root.RemoveAll(name)
}

// openUp gives the owner every permission on the folders below name.
func openUp(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if err != nil || !info.IsDir() {
		return ignoreMissing(err)
	}
	if err := root.Chmod(name, 0o700); err != nil {
		return err
	}
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	err = errors.Join(err, d.Close())
	for _, n := range names {
		err = errors.Join(err, openUp(root, path.Join(name, n)))
	}
	return err
}
