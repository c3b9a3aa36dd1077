package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	// InlineMax is the largest blob that the index keeps itself, in bytes.
	InlineMax = 8 << 10
	// FreshFor is how long a blob that was put here is spared by eviction.
	FreshFor = time.Hour
	// BriefFor is the same for one that was put here briefly: as long as collecting
	// a task's outputs may take, after which they are pinned.
	BriefFor = 15 * time.Minute
	// FetchedFor is the same for a blob that was fetched.
	FetchedFor = 5 * time.Minute

	maxTouched = 4096 // uses noted in memory before the order of eviction gets approximate
)

// Store is a content store. It is safe for concurrent use; one process owns its folder.
type Store struct {
	dir   string
	quota int64
	idx   Index
	log   *slog.Logger

	// gate is held for reading while a blob comes into being (file, then
	// record), for writing while blobs vanish (record, then file), so that
	// neither sees half of the other. It is taken before mu.
	gate sync.RWMutex

	mu       sync.Mutex // guards what follows
	used     int64      // bytes of all blobs
	reserved int64      // bytes promised to blobs that are being written
	touched  map[api.BlobID]time.Time
	making   map[api.BlobID]chan struct{} // copies of inline blobs being written, see Path
}

// Open opens the store in dir, makes it if need be, and clears away what a
// crash left behind. quota is in bytes; 0 or less means no limit.
func Open(dir string, quota int64, idx Index, log *slog.Logger) (*Store, error) {
	s := &Store{dir: dir, quota: quota, idx: idx, log: log, touched: map[api.BlobID]time.Time{}, making: map[api.BlobID]chan struct{}{}}
	if err := os.MkdirAll(s.tmp(), 0o700); err != nil {
		return nil, diskError("make the blob store's folder", err)
	}
	if err := s.recover(context.Background()); err != nil {
		return nil, err
	}
	_, used, _, err := idx.Totals(context.Background())
	if err != nil {
		return nil, err
	}
	s.used = used
	return s, nil
}

func (s *Store) tmp() string { return filepath.Join(s.dir, "tmp") }

func (s *Store) file(id api.BlobID) string {
	name := id.String()
	return filepath.Join(s.dir, name[:2], name)
}

func notFound(id api.BlobID) error { return api.Errorf(api.KindNotFound, "no blob %s here", id) }

// get finds a blob and notes that it was used.
func (s *Store) get(ctx context.Context, id api.BlobID) (api.BlobEntry, error) {
	e, known, err := s.idx.Get(ctx, id)
	if err != nil {
		return e, err
	}
	if !known {
		return e, notFound(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.touched) < maxTouched {
		s.touched[id] = time.Now()
	}
	return e, nil
}

// Has tells whether the blob is here.
func (s *Store) Has(id api.BlobID) bool {
	_, known, err := s.idx.Get(context.Background(), id)
	if err != nil {
		s.log.Error("blob index", "err", err)
	}
	return known
}

// Size is the blob's size in bytes, or KindNotFound.
func (s *Store) Size(id api.BlobID) (int64, error) {
	e, known, err := s.idx.Get(context.Background(), id)
	if err == nil && !known {
		err = notFound(id)
	}
	return e.Size, err
}

// Path is a file that holds the blob, to be read only. It stays until the blob
// is evicted: pin it for as long as the path is in use. KindNotFound otherwise.
func (s *Store) Path(id api.BlobID) (string, error) {
	e, err := s.get(context.Background(), id)
	if err != nil {
		return "", err
	}
	if e.Inline {
		return s.copyOut(e)
	}
	if _, err := os.Stat(s.file(id)); err != nil {
		return "", s.gone(id, err)
	}
	return s.file(id), nil
}

// Open opens a file that holds the blob, for reading; KindNotFound otherwise.
func (s *Store) Open(id api.BlobID) (*os.File, error) {
	path, err := s.Path(id)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, s.gone(id, err)
	}
	return f, nil
}

// Reader reads the blob without making a file of a small one, which is the
// cheap way to stream it; KindNotFound when it is not here.
func (s *Store) Reader(id api.BlobID) (io.ReadSeekCloser, error) {
	e, err := s.get(context.Background(), id)
	if err != nil {
		return nil, err
	}
	if e.Inline {
		return inlineReader{bytes.NewReader(e.Data)}, nil
	}
	return s.Open(id)
}

// gone drops the record of a blob whose file somebody removed.
func (s *Store) gone(id api.BlobID, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return diskError("open a blob", err)
	}
	s.log.Warn("blob file is gone", "blob", id)
	if err := s.remove(context.Background(), []api.BlobID{id}, true); err != nil {
		return err
	}
	return notFound(id)
}

// copyOut writes an inline blob to its file, once however many ask.
func (s *Store) copyOut(e api.BlobEntry) (string, error) {
	path := s.file(e.ID)
	s.gate.RLock()
	defer s.gate.RUnlock()
	for {
		if fi, err := os.Stat(path); err == nil && fi.Size() == e.Size {
			return path, nil
		}
		s.mu.Lock()
		other, busy := s.making[e.ID]
		if !busy {
			s.making[e.ID] = make(chan struct{})
		}
		s.mu.Unlock()
		if busy {
			<-other
			continue
		}
		// Its bytes are safe in the index, so nothing has to reach the disk here.
		err := s.writeCopy(path, e.Data)
		s.mu.Lock()
		close(s.making[e.ID])
		delete(s.making, e.ID)
		s.mu.Unlock()
		return path, err
	}
}

func (s *Store) writeCopy(path string, data []byte) error {
	f, err := s.temp()
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Close()
	} else {
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(diskError("write a blob", err), os.Remove(f.Name()))
	}
	return nil
}

// temp makes an empty file that Open removes if we never come to it.
func (s *Store) temp() (*os.File, error) {
	f, err := os.CreateTemp(s.tmp(), "new-")
	if err != nil {
		return nil, diskError("write a blob", err)
	}
	return f, nil
}

// inlineReader reads a small blob's bytes; there is nothing to close.
type inlineReader struct{ *bytes.Reader }

func (inlineReader) Close() error { return nil }
