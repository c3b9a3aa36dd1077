package child

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Tidy deletes the rooms that were taken out of the way below dir, until that is
// done or ctx ends. Nobody lives in them any more.
func Tidy(ctx context.Context, dir string) error {
	gone := filepath.Join(dir, goneName)
	entries, err := os.ReadDir(gone)
	if err != nil {
		return ignoreMissing(err)
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, removeAll(ctx, filepath.Join(gone, e.Name())))
	}
	return errors.Join(errs...)
}

// removeAll deletes a folder with all that is in it, whatever permissions a task
// left there.
func removeAll(ctx context.Context, dir string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return ignoreMissing(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	var errs []error
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if e.Type()&fs.ModeType == fs.ModeDir { // not a link to one
			errs = append(errs, removeAll(ctx, path))
		} else {
			errs = append(errs, ignoreMissing(os.Remove(path)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return ignoreMissing(os.Remove(dir))
}
