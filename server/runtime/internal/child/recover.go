package child

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

// Recover ends what an earlier node left below dir and takes it out of the way.
// It must run before the first Open.
func Recover(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.Name() == goneName {
			continue
		}
		r := Room{dir: filepath.Join(dir, e.Name())}
		if pid := r.resident(); pid != 0 {
			errs = append(errs, killTree(ctx, pid))
		}
		if err := r.remove(); err != nil {
			errs = append(errs, fmt.Errorf("leftover sandbox %s: %w", e.Name(), err))
		}
	}
	return errors.Join(errs...)
}

func killTree(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, killWithin)
	defer cancel()
	err := proctree.KillBelow(ctx, pid)
	p, findErr := os.FindProcess(pid)
	if findErr != nil {
		return errors.Join(err, findErr)
	}
	if killErr := p.Kill(); killErr != nil && !errors.Is(killErr, os.ErrProcessDone) {
		err = errors.Join(err, killErr)
	}
	return err
}
