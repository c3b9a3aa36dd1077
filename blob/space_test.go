package blob

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// age makes everything in the store evictable, n longest unused first.
func age(t *testing.T, s *Store, ids ...api.BlobID) {
	t.Helper()
	m, isMemory := s.idx.(*Memory)
	if !isMemory {
		t.Fatal("only the index in memory can be aged")
	}
	s.mu.Lock()
	s.touched = map[api.BlobID]time.Time{}
	s.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, id := range ids {
		e := m.blobs[id]
		e.Keep, e.Used = time.Now().Add(-time.Minute), time.Now().Add(-time.Hour).Add(time.Duration(i)*time.Second)
	}
}

func TestQuotaAndEviction(t *testing.T) {
	s := memStore(t, 100_000)
	var ids []api.BlobID
	for i := range 5 {
		ids = append(ids, put(t, s, random(uint64(i), 20_000)))
	}
	_, err := s.Put(ctx, bytes.NewReader(random(9, 20_000)))
	if api.KindOf(err) != api.KindQuota || api.HintOf(err) == "" {
		t.Fatalf("all are fresh: %v", err)
	}
	_, err = s.Put(ctx, bytes.NewReader(random(9, 10)))
	isKind(t, err, api.KindQuota)
	settled(t, s)

	age(t, s, ids...)
	if err := s.Pin(ctx, "job/1", ids[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Path(ids[1]); err != nil { // used now
		t.Fatal(err)
	}
	ids = append(ids, put(t, s, random(9, 20_000)))
	for i, want := range []bool{true, true, false, false, true, true} {
		// Two go: the second for the slack that saves the next writer from evicting.
		if s.Has(ids[i]) != want {
			t.Errorf("blob %d is there: %v, want %v", i, s.Has(ids[i]), want)
		}
	}
	if _, err := os.Stat(s.file(ids[2])); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of an evicted blob: %v", err)
	}
	settled(t, s)

	age(t, s, ids[0], ids[1], ids[4], ids[5])
	_, err = s.Put(ctx, bytes.NewReader(random(10, 90_000))) // 20,000 are pinned
	isKind(t, err, api.KindQuota)
	if !s.Has(ids[1]) {
		t.Error("evicted although it did not help")
	}
	err = s.Delete(ctx, ids[0])
	isKind(t, err, api.KindConflict)
	if err := s.Unpin(ctx, "job/1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, ids[0]); err != nil {
		t.Error(err)
	}
	isKind(t, s.Delete(ctx, ids[0]), api.KindNotFound)
	put(t, s, random(10, 90_000))
	settled(t, s)
}

// What is put here briefly makes room sooner, but never what its owner put too.
func TestPutBriefly(t *testing.T) {
	s := memStore(t, 0)
	keep := func(id api.BlobID) time.Duration {
		e, _, err := s.idx.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(e.Keep)
	}
	for _, size := range []int{10, 200_000} {
		brief, err := s.PutBriefly(ctx, bytes.NewReader(random(1, size)))
		if err != nil || keep(brief.ID) > BriefFor || keep(brief.ID) < BriefFor/2 {
			t.Errorf("%d bytes: kept for %v, %v", size, keep(brief.ID), err)
		}
		own := put(t, s, random(2, size))
		if _, err := s.PutBriefly(ctx, bytes.NewReader(random(2, size))); err != nil || keep(own) < FreshFor/2 {
			t.Errorf("%d bytes of the owner's: kept for %v, %v", size, keep(own), err)
		}
	}
}

func TestSlackOfEviction(t *testing.T) {
	s := memStore(t, 640_000) // slack: 10,000
	var ids []api.BlobID
	for i := range 64 {
		ids = append(ids, put(t, s, random(uint64(i), 10_000)))
	}
	age(t, s, ids...)
	put(t, s, random(99, 10))
	if s.Has(ids[0]) || s.Has(ids[1]) || !s.Has(ids[2]) {
		t.Error("want the two oldest gone: for the blob, and for the next")
	}
	settled(t, s)
}

func TestGC(t *testing.T) {
	s := memStore(t, 0)
	pinned, fresh, loose, small := put(t, s, random(1, 20_000)), put(t, s, random(2, 20_000)), put(t, s, random(3, 20_000)), put(t, s, random(4, 10))
	if err := s.Pin(ctx, "job/1", pinned); err != nil {
		t.Fatal(err)
	}
	age(t, s, pinned, loose, small)
	freed, err := s.GC(ctx)
	if err != nil || freed != 20_010 || !s.Has(pinned) || !s.Has(fresh) || s.Has(loose) || s.Has(small) {
		t.Errorf("freed %d, %v", freed, err)
	}
	stats, err := s.Stats(ctx)
	if err != nil || stats != (api.BlobStats{Count: 2, Bytes: 40_000, Pinned: 20_000}) {
		t.Errorf("%+v, %v", stats, err)
	}
	settled(t, s)
}

// A quota that was lowered between runs is kept from then on.
func TestLoweredQuota(t *testing.T) {
	dir, idx := t.TempDir(), NewMemory()
	s := openStore(t, dir, 0, idx)
	a, b := put(t, s, random(1, 50_000)), put(t, s, random(2, 50_000))
	age(t, s, a, b)
	s = openStore(t, dir, 60_000, idx)
	if err := s.tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Has(a) || !s.Has(b) {
		t.Error("want the older one gone")
	}
	settled(t, s)
}

func TestRunFlushesUses(t *testing.T) {
	s := memStore(t, 0)
	id := put(t, s, random(1, 10))
	age(t, s, id)
	if _, err := s.Path(id); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	stop()
	if err := s.Run(running); err != nil {
		t.Fatal(err)
	}
	if e, _, err := s.idx.Get(ctx, id); err != nil || time.Since(e.Used) > time.Minute {
		t.Errorf("last use %v, %v", e.Used, err)
	}
}

// Readers, writers and eviction at once: what a reader has pinned stays whole.
func TestConcurrentEviction(t *testing.T) {
	s := memStore(t, 300_000)
	keep := random(1, 30_000)
	id := put(t, s, keep)
	if err := s.Pin(ctx, "job/1", id); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				info, err := s.Put(ctx, bytes.NewReader(random(uint64(1000+100*g+i), 10_000+i)))
				if err != nil {
					if api.KindOf(err) != api.KindQuota {
						t.Error(err)
					}
					continue
				}
				m := s.idx.(*Memory)
				m.mu.Lock()
				if e := m.blobs[info.ID]; e != nil {
					e.Keep = time.Time{}
				}
				m.mu.Unlock()
			}
		})
		wg.Go(func() {
			for range 20 {
				holds(t, s, keep)
			}
		})
	}
	wg.Wait()
	settled(t, s)
}
