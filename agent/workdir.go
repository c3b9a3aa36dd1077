package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// workdir is the folder that tasks run in, one after another, always under the
// same name. It is made anew for a task unless the one before left it exactly as
// it was made: on a disk, making and removing a folder costs more than the whole
// rest of a small task.
type workdir struct {
	path      string // of the parent, which holds nothing else
	reachable bool   // tasks can do to the parent what they like
	parent    *os.Root
	root      *os.Root // the folder, nil when it must be made
	seal      *seal    // of root
}

const taskName = "task"

func openWorkdir(path string, reachable bool) (*workdir, error) {
	parent, err := openDir(path)
	if err != nil {
		return nil, err
	}
	w := &workdir{path: path, reachable: reachable, parent: parent}
	return w, w.clean() // of an agent before this one
}

func (w *workdir) close() {
	w.forget()
	w.parent.Close()
}

func (w *workdir) forget() {
	if w.root != nil {
		w.root.Close()
		w.seal.close()
	}
	w.root, w.seal = nil, nil
}

// dir is the folder's absolute path.
func (w *workdir) dir() string { return filepath.Join(w.path, taskName) }

// take gives an empty folder.
func (w *workdir) take() (*os.Root, error) {
	if w.root != nil {
		return w.root, nil
	}
	if err := w.parent.Mkdir(taskName, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the task's directory: %w", err)
	}
	root, err := w.parent.OpenRoot(taskName)
	if err != nil {
		return nil, fmt.Errorf("cannot open the task's directory: %w", err)
	}
	if w.seal, err = newSeal(w.parent, root); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open the task's directory: %w", err), root.Close())
	}
	w.root = root
	return root, nil
}

// clean leaves nothing of a task, in its folder or beside it.
func (w *workdir) clean() error {
	if w.root != nil && w.seal.whole(w.reachable) {
		return nil
	}
	w.forget()
	return emptyDir(w.parent)
}
