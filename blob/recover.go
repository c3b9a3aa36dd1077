package blob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// recover makes folder and index agree after a crash. It reads names and sizes
// only: one listing of each folder and one pass over the index.
func (s *Store) recover(ctx context.Context) error {
	if err := emptyFolder(s.tmp()); err != nil {
		return err
	}
	sizes := map[api.BlobID]int64{} // of files that the index knows nothing of, as far as it was read
	var outboards []api.BlobID
	err := s.eachFile(func(id api.BlobID, isOutboard bool, fi fs.FileInfo) {
		if isOutboard {
			outboards = append(outboards, id)
		} else {
			sizes[id] = fi.Size()
		}
	})
	if err != nil {
		return err
	}
	files := map[api.BlobID]bool{}
	var lost []api.BlobID
	err = s.idx.Each(ctx, func(e api.BlobEntry) error {
		if e.Inline {
			return nil // its file, if any, is a copy and goes
		}
		if size, there := sizes[e.ID]; !there || size != e.Size {
			lost = append(lost, e.ID)
			return nil
		}
		delete(sizes, e.ID)
		files[e.ID] = true
		return nil
	})
	if err != nil {
		return err
	}
	for id := range sizes {
		err = errors.Join(err, os.Remove(s.file(id)))
	}
	for _, id := range outboards {
		if !files[id] {
			err = errors.Join(err, os.Remove(s.outboard(id)))
		}
	}
	if err != nil {
		return diskError("clear the blob store", err)
	}
	if len(lost) > 0 {
		s.log.Warn("blobs without their files", "count", len(lost))
		_, err = s.idx.Remove(ctx, lost, true)
	}
	return err
}

// eachFile calls fn for the files that have a blob's name, and leaves others alone.
func (s *Store) eachFile(fn func(id api.BlobID, isOutboard bool, fi fs.FileInfo)) error {
	folders, err := os.ReadDir(s.dir)
	if err != nil {
		return diskError("read the blob store's folder", err)
	}
	for _, folder := range folders {
		if !folder.IsDir() || len(folder.Name()) != 2 {
			continue
		}
		files, err := os.ReadDir(filepath.Join(s.dir, folder.Name()))
		if err != nil {
			return diskError("read the blob store's folder", err)
		}
		for _, f := range files {
			name, isOutboard := strings.CutSuffix(f.Name(), outboardSuffix)
			id, err := api.ParseBlobID(name)
			if err != nil || name[:2] != folder.Name() {
				continue
			}
			fi, err := f.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return diskError("read the blob store's folder", err)
			}
			fn(id, isOutboard, fi)
		}
	}
	return nil
}

func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return diskError("read the blob store's folder", err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return diskError("clear the blob store", err)
		}
	}
	return nil
}
