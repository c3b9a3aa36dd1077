package blob

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// reservation is room promised to bytes on their way into the store. One
// goroutine uses it at a time.
type reservation struct {
	s    *Store
	want int64 // bytes needed in all
	have int64 // bytes promised
}

// take raises the promise to want, evicting if need be; KindQuota otherwise.
func (r *reservation) take(ctx context.Context) error {
	n := r.want - r.have
	if !r.s.claim(n) {
		if err := r.s.makeRoom(ctx, n); err != nil {
			return err
		}
	}
	r.have = r.want
	return nil
}

// release gives back what was promised; the bytes that were recorded are counted by then.
func (r *reservation) release() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.reserved -= r.have
	r.have, r.want = 0, 0
}

// claim reserves n bytes if they are free.
func (s *Store) claim(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quota > 0 && n > s.quota-s.used-s.reserved {
		return false
	}
	s.reserved += n
	return true
}

// makeRoom reserves n bytes, evicting for them.
func (s *Store) makeRoom(ctx context.Context, n int64) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	for range 3 { // others may take the room first
		if s.claim(n) {
			return nil
		}
		s.mu.Lock()
		used, short := s.used, n-(s.quota-s.used-s.reserved)
		s.mu.Unlock()
		full := api.Errorf(api.KindQuota, "the blob store is full: %d of %d bytes are used, %d more are needed", used, s.quota, n).
			WithHint("remove finished jobs, wait an hour for unused uploads to age, or raise the blob quota")
		if n > s.quota {
			return full
		}
		if err := s.flushTouched(ctx); err != nil {
			return err
		}
		// Some more than needed, so that a full store does not evict for every write.
		slack := min(s.quota/64, 64<<20)
		gone, err := s.idx.Evict(ctx, short+slack, time.Now(), false)
		if err == nil && len(gone) == 0 {
			gone, err = s.idx.Evict(ctx, short, time.Now(), false)
		}
		if err != nil {
			return err
		}
		if len(gone) == 0 {
			return full
		}
		if _, err := s.dropFiles(gone); err != nil {
			return err
		}
	}
	return api.Errorf(api.KindQuota, "the blob store is full: others took the room that was made")
}

// dropFiles ends blobs that the index has forgotten. The gate is held for writing.
func (s *Store) dropFiles(gone []api.BlobEntry) (freed int64, err error) {
	for _, e := range gone {
		freed += e.Size
		for _, path := range []string{s.file(e.ID), s.outboard(e.ID)} {
			if rerr := os.Remove(path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				err = errors.Join(err, diskError("remove a blob", rerr))
			}
		}
	}
	s.mu.Lock()
	s.used -= freed
	s.mu.Unlock()
	s.log.Debug("blobs dropped", "count", len(gone), "bytes", freed)
	return freed, err
}

func (s *Store) flushTouched(ctx context.Context) error {
	s.mu.Lock()
	touched := s.touched
	s.touched = map[api.BlobID]time.Time{}
	s.mu.Unlock()
	if len(touched) == 0 {
		return nil
	}
	return s.idx.Touch(ctx, touched)
}

// pinBatch bounds the pins written in one step, so that other writers of the
// index get a turn.
const pinBatch = 1000

// Pin keeps blobs, and the files of those that are folders' manifests, until
// owner is unpinned. Owners are names like job/ID, lease/ID, upload. An id may
// be pinned before its blob arrives. After an error some are pinned: pin again or unpin.
func (s *Store) Pin(ctx context.Context, owner string, ids ...api.BlobID) error {
	pin := func(ids []api.BlobID) error {
		for some := range slices.Chunk(ids, pinBatch) {
			if err := s.idx.Pin(ctx, owner, some); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pin(ids); err != nil {
		return err
	}
	for _, id := range ids {
		e, known, err := s.idx.Get(ctx, id)
		if err != nil {
			return err
		}
		if !known || !e.Tree {
			continue
		}
		t, err := s.Tree(ctx, id)
		if err != nil {
			return err
		}
		if err := pin(treeBlobs(t)); err != nil {
			return err
		}
	}
	return nil
}

// Unpin forgets all that owner pinned. Unknown owners are fine.
func (s *Store) Unpin(ctx context.Context, owner string) error { return s.idx.Unpin(ctx, owner) }

// Owners are those that pin something and whose names begin with prefix.
func (s *Store) Owners(ctx context.Context, prefix string) ([]string, error) {
	return s.idx.Owners(ctx, prefix)
}

// Delete removes a blob: KindConflict when it is pinned, KindNotFound when it is not here.
func (s *Store) Delete(ctx context.Context, id api.BlobID) error {
	if !s.Has(id) {
		return notFound(id)
	}
	if err := s.remove(ctx, []api.BlobID{id}, false); err != nil {
		return err
	}
	if s.Has(id) {
		return api.Errorf(api.KindConflict, "blob %s is in use", id).WithHint("remove the job that needs it first")
	}
	return nil
}

func (s *Store) remove(ctx context.Context, ids []api.BlobID, force bool) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	gone, err := s.idx.Remove(ctx, ids, force)
	if err != nil {
		return err
	}
	_, err = s.dropFiles(gone)
	return err
}

// GC removes every blob that is neither pinned nor fresh and returns the bytes
// freed. The store does not need it to stay within its quota.
func (s *Store) GC(ctx context.Context) (freed int64, err error) { return s.shrink(ctx, math.MaxInt64) }

// shrink evicts until want bytes are freed or nothing is left to evict.
func (s *Store) shrink(ctx context.Context, want int64) (freed int64, err error) {
	for freed < want {
		n, err := s.shrinkOnce(ctx, want-freed)
		if err != nil || n < 0 {
			return freed, err
		}
		freed += n
	}
	return freed, nil
}

// shrinkOnce is -1 when there is nothing left to evict.
func (s *Store) shrinkOnce(ctx context.Context, want int64) (int64, error) {
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := s.flushTouched(ctx); err != nil {
		return 0, err
	}
	gone, err := s.idx.Evict(ctx, want, time.Now(), true)
	if err != nil || len(gone) == 0 {
		return -1, err
	}
	return s.dropFiles(gone)
}

// Stats is the store at a glance.
func (s *Store) Stats(ctx context.Context) (api.BlobStats, error) {
	count, bytes, pinned, err := s.idx.Totals(ctx)
	return api.BlobStats{Count: count, Bytes: bytes, Quota: s.quota, Pinned: pinned}, err
}

// Run keeps the store within a quota that was lowered, and notes uses, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// The order of eviction is worth a moment, not a hung shutdown.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.flushTouched(last)
		case <-tick.C:
			if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("tidy the blob store", "err", err)
			}
		}
	}
}

func (s *Store) tidy(ctx context.Context) error {
	if err := s.flushTouched(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	over := s.used + s.reserved - s.quota
	s.mu.Unlock()
	if s.quota <= 0 || over <= 0 {
		return nil
	}
	_, err := s.shrink(ctx, over)
	return err
}
