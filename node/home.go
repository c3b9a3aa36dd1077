package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

// The files of a home that only the node names.
const (
	stateName        = "state.db"
	certificatesName = "certificates"
	blobsName        = "blobs"
	cacheName        = "cache"
	sandboxesName    = "sandboxes"
	templatesName    = "templates"
)

// home is a node's folder, locked for this process.
type home struct {
	dir  string
	lock *flock.Flock
}

// openHome makes the folder if need be and takes its lock. KindConflict when
// another process has it.
func openHome(dir string) (*home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "the home's path cannot be read: %w", err)
	}
	if err := makePrivate(dir); err != nil {
		return nil, err
	}
	h := &home{dir: dir, lock: flock.New(filepath.Join(dir, config.LockName), flock.SetPermissions(0o600))}
	locked, err := h.lock.TryLock()
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "the home cannot be locked: %w", err).WithHint("is %s on a file system that knows locks?", dir)
	}
	if !locked {
		return nil, api.Errorf(api.KindConflict, "a node runs in %s already", dir).
			WithHint("stop it with p2prc down, or run a second node in another home: P2PRC=/some/folder p2prc up")
	}
	return h, nil
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// close gives the home free.
func (h *home) close() error { return h.lock.Close() }

// makePrivate makes dir a folder that only its owner may enter. A folder that
// exists and is open to others is closed to them only when it is a home or
// empty: P2PRC=/tmp must not lock everyone out of /tmp.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return api.Errorf(api.KindInvalid, "the home cannot be made: %w", err).WithHint("set P2PRC to a folder that you may write to")
	}
	info, err := os.Stat(dir)
	if err != nil {
		return api.Errorf(api.KindInternal, "the home cannot be read: %w", err)
	}
	if !privacyMatters || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return api.Errorf(api.KindInvalid, "the home cannot be read: %w", err)
	}
	ours := len(entries) == 0 || slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == config.FileName || e.Name() == stateName || e.Name() == config.LogName
	})
	if !ours {
		return api.Errorf(api.KindInvalid, "%s is open to other users and holds other things than a home", dir).
			WithHint("set P2PRC to a new folder, or close it: chmod 700 %s", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return api.Errorf(api.KindInvalid, "the home cannot be made private: %w", err).WithHint("does it belong to another user?")
	}
	return nil
}

// settings is where the lending side keeps the owner's limits and policy.
type settings struct{ file *config.File }

// closeAll closes what opened, last first, and joins the errors.
func closeAll(closers []func() error) error {
	var errs []error
	for _, c := range slices.Backward(closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
