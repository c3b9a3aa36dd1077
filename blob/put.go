package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lukechampine.com/blake3"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const copyBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

// Put stores what r yields and returns its name. Putting what is here already
// costs no room. The blob is spared from eviction for FreshFor.
//
// KindQuota when neither quota nor disk has room, or r's error; nothing is left
// behind then.
func (s *Store) Put(ctx context.Context, r io.Reader) (api.BlobInfo, error) {
	return s.put(ctx, r, FreshFor)
}

// PutBriefly is Put of what others need, or is pinned soon: it is spared for
// BriefFor only, so that it does not stand in the way of what the owner puts here.
func (s *Store) PutBriefly(ctx context.Context, r io.Reader) (api.BlobInfo, error) {
	return s.put(ctx, r, BriefFor)
}

func (s *Store) put(ctx context.Context, r io.Reader, keep time.Duration) (api.BlobInfo, error) {
	head := make([]byte, InlineMax+1)
	n, err := io.ReadFull(r, head)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e := inlineEntry(head[:n], keep)
		return api.BlobInfo{ID: e.ID, Size: e.Size}, s.putInline(ctx, []api.BlobEntry{e})
	case err != nil:
		return api.BlobInfo{}, err
	}
	p, err := s.spool(ctx, io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		return api.BlobInfo{}, err
	}
	return api.BlobInfo{ID: p.id, Size: p.size}, s.place(ctx, keep, p)
}

func inlineEntry(data []byte, keep time.Duration) api.BlobEntry {
	now := time.Now()
	return api.BlobEntry{ID: blake3.Sum256(data), Size: int64(len(data)), Inline: true, Data: data, Used: now, Keep: now.Add(keep)}
}

// putInline records small blobs in one step.
func (s *Store) putInline(ctx context.Context, entries []api.BlobEntry) error {
	if len(entries) == 0 {
		return nil
	}
	room := reservation{s: s}
	defer room.release()
	for _, e := range entries {
		room.want += e.Size
	}
	if err := room.take(ctx); err != nil {
		return err
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.record(ctx, entries)
}

// record puts entries into the index and counts them. The gate is held for reading.
func (s *Store) record(ctx context.Context, entries []api.BlobEntry) error {
	_, size, err := s.idx.Add(ctx, entries)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += size
	return nil
}

// pending is a blob whose bytes are in a temporary file.
type pending struct {
	file *os.File // nil once closed
	name string   // of the file, empty once it is gone or in its place
	id   api.BlobID
	size int64
	room *reservation
}

// close closes the file, so that thousands may be pending.
func (p *pending) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	return err
}

// discard removes the temporary file and gives its room back. It does nothing
// to a file that is in its place.
func (p *pending) discard() error {
	p.room.release()
	err := p.close()
	if p.name != "" {
		err = errors.Join(err, os.Remove(p.name))
		p.name = ""
	}
	return err
}

// sync flushes the file.
func (p *pending) sync() error {
	if p.file == nil {
		f, err := os.OpenFile(p.name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		p.file = f
	}
	return errors.Join(p.file.Sync(), p.close())
}

// spool writes r to a temporary file, hashing it, with room reserved as it grows.
func (s *Store) spool(ctx context.Context, r io.Reader) (*pending, error) {
	f, err := s.temp()
	if err != nil {
		return nil, err
	}
	p := &pending{file: f, name: f.Name(), room: &reservation{s: s}}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	hash := blake3.New(32, nil)
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var n int
		n, err = io.ReadFull(r, *buf)
		if n == 0 {
			break
		}
		p.size += int64(n)
		p.room.want = p.size
		if rerr := p.room.take(ctx); rerr != nil {
			err = rerr
			break
		}
		if _, werr := f.Write((*buf)[:n]); werr != nil {
			err = diskError("write a blob", werr)
			break
		}
		if _, herr := hash.Write((*buf)[:n]); herr != nil {
			err = herr
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.Join(err, p.discard())
	}
	hash.Sum(p.id[:0])
	return p, nil
}

// syncers is how many files are flushed at a time: file systems let flushes that
// wait together share one journal commit.
const syncers = 16

// flush makes files, or folders, durable. Many at a time are cheaper by a flush
// of the whole file system, where the system has that: 20,000 files of 20 KB
// took 0.4 s so, and 15 s one by one. Few are not, for it flushes what other
// programs have written too.
func flush[T any](dir string, items []T, one func(T) error) error {
	if len(items) > 2*syncers {
		if done, err := syncAll(dir); done {
			return err
		}
	}
	return parallel(items, one)
}

// place moves written blobs into the store: flush all files, rename them, flush
// the folders, record them in one step. It owns the pending ones in any case.
func (s *Store) place(ctx context.Context, keep time.Duration, all ...*pending) (err error) {
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.discard())
		}
	}()
	if err := flush(s.dir, all, (*pending).sync); err != nil {
		return diskError("flush a blob", err)
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	now := time.Now()
	var entries []api.BlobEntry
	var folders []string
	seen := map[string]bool{}
	for _, p := range all {
		entries = append(entries, api.BlobEntry{ID: p.id, Size: p.size, Used: now, Keep: now.Add(keep)})
		path := s.file(p.id)
		if fi, err := os.Stat(path); err == nil && fi.Size() == p.size {
			if _, known, err := s.idx.Get(ctx, p.id); err != nil {
				return err
			} else if known {
				continue // here already; recording it again makes it fresh
			}
		}
		folder := filepath.Dir(path)
		if !seen[folder] {
			seen[folder] = true
			folders = append(folders, folder)
			if err := s.makeFolder(folder); err != nil {
				return diskError("write a blob", err)
			}
		}
		err := p.close()
		if err == nil {
			err = os.Rename(p.name, path)
		}
		if err != nil {
			return diskError("write a blob", err)
		}
		p.name = ""
	}
	if err := flush(s.dir, folders, syncDir); err != nil {
		return diskError("flush the blob store's folder", err)
	}
	// A file whose record fails now is one that the index does not know: the next Open removes it.
	return s.record(ctx, entries)
}

func (s *Store) makeFolder(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(s.dir)
}

// parallel calls fn for every item, syncers at a time, and joins the errors.
func parallel[T any](items []T, fn func(T) error) error {
	if len(items) == 1 {
		return fn(items[0])
	}
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for g := range min(syncers, len(items)) {
		wg.Go(func() {
			for i := g; i < len(items); i += syncers {
				errs[i] = fn(items[i])
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
