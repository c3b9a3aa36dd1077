package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// placer puts kept files into a task's directory. The folder of the last file
// stays open: a folder's files come one after another, and walking down from the
// top for each of them costs more than to copy a small one.
type placer struct {
	stage *stage
	root  *os.Root // of the task
	name  string   // of dir, "." if it is root itself
	dir   *os.Root
}

func newPlacer(s *stage, root *os.Root) *placer {
	return &placer{stage: s, root: root, name: ".", dir: root}
}

func (p *placer) close() {
	if p.dir != p.root {
		p.dir.Close()
	}
	p.name, p.dir = ".", p.root
}

// folder opens a folder, which it makes.
func (p *placer) folder(name string) (*os.Root, error) {
	if name == p.name {
		return p.dir, nil
	}
	p.close()
	if name == "." {
		return p.root, nil
	}
	if err := p.root.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	dir, err := p.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	p.name, p.dir = name, dir
	return dir, nil
}

// place copies a kept file. It is a copy because the task may write to it, and
// later tasks need what came.
func (p *placer) place(ref fileRef) error {
	if err, ok := p.stage.have[ref.ID]; !ok {
		return fmt.Errorf("input %d never came", ref.ID)
	} else if err != nil {
		return err
	}
	name, err := cleanPath(ref.Path)
	if err != nil {
		return err
	}
	dir, err := p.folder(path.Dir(name))
	if err != nil {
		return err
	}
	src, err := p.stage.root.Open(stageName(ref.ID))
	if err != nil {
		return err
	}
	defer src.Close()
	mode := fs.FileMode(ref.Mode) & 0o777
	if mode == 0 {
		mode = 0o644
	}
	dst, err := dir.OpenFile(path.Base(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		return errors.Join(err, dst.Close())
	}
	if err := dst.Chmod(mode); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return errors.Join(err, dst.Close())
	}
	return dst.Close()
}
