package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestPutAndRead(t *testing.T) {
	eachIndex(t, func(t *testing.T, idx Index) {
		s := openStore(t, t.TempDir(), 0, idx)
		for _, n := range []int{0, 1, InlineMax - 1, InlineMax, InlineMax + 1, copyBuffer, copyBuffer + 1, 3*copyBuffer + 5} {
			data := random(uint64(n), n)
			put(t, s, data)
			put(t, s, data)
			holds(t, s, data)
		}
		if stats, err := s.Stats(ctx); err != nil || stats.Count != 8 {
			t.Errorf("%+v, %v", stats, err)
		}
		settled(t, s)
		missing := api.BlobID{1}
		_, err := s.Size(missing)
		isKind(t, err, api.KindNotFound)
		_, err = s.Path(missing)
		isKind(t, err, api.KindNotFound)
		if s.Has(missing) {
			t.Error("has what it has not")
		}
	})
}

func TestReopen(t *testing.T) {
	eachIndex(t, func(t *testing.T, idx Index) {
		dir := t.TempDir()
		small, large := random(1, 100), random(2, 100_000)
		s := openStore(t, dir, 0, idx)
		put(t, s, small)
		put(t, s, large)
		holds(t, s, small) // makes its copy
		s = openStore(t, dir, 0, idx)
		if _, err := os.Stat(s.file(mustID(t, small))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the copy of a small blob outlived its store: %v", err)
		}
		holds(t, s, small)
		holds(t, s, large)
		settled(t, s)
	})
}

func mustID(t *testing.T, data []byte) api.BlobID {
	t.Helper()
	info, err := memStore(t, 0).Put(ctx, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

// What a crash leaves, at each step of a blob's coming and going, is cleared by
// the next Open.
func TestCrash(t *testing.T) {
	large, other := random(1, 50_000), random(2, 50_000)
	id := mustID(t, large)
	for name, crash := range map[string]func(t *testing.T, s *Store){
		"while writing": func(t *testing.T, s *Store) {
			if err := os.WriteFile(filepath.Join(s.tmp(), "new-123"), large[:100], 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"between rename and record": func(t *testing.T, s *Store) {
			if err := os.MkdirAll(filepath.Dir(s.file(id)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.file(id), large, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"between forgetting and removing": func(t *testing.T, s *Store) {
			put(t, s, large)
			if err := os.WriteFile(s.outboard(id), []byte("tree"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.idx.Remove(ctx, []api.BlobID{id}, true); err != nil {
				t.Fatal(err)
			}
		},
		"a file that lost its end with the power": func(t *testing.T, s *Store) {
			put(t, s, large)
			if err := os.Truncate(s.file(id), 100); err != nil {
				t.Fatal(err)
			}
		},
		"a file that somebody removed": func(t *testing.T, s *Store) {
			put(t, s, large)
			if err := os.Remove(s.file(id)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachIndex(t, func(t *testing.T, idx Index) {
				dir := t.TempDir()
				s := openStore(t, dir, 0, idx)
				put(t, s, other)
				crash(t, s)
				s = openStore(t, dir, 0, idx)
				if s.Has(id) {
					t.Error("a blob that is not whole is still there")
				}
				for _, path := range []string{s.file(id), s.outboard(id)} {
					if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
						t.Errorf("%s is left: %v", filepath.Base(path), err)
					}
				}
				holds(t, s, other)
				settled(t, s)
				put(t, s, large)
				holds(t, s, large)
			})
		})
	}
}

func TestFileGoneWhileOpen(t *testing.T) {
	s := memStore(t, 0)
	data := random(1, 50_000)
	id := put(t, s, data)
	if err := os.Remove(s.file(id)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Open(id)
	isKind(t, err, api.KindNotFound)
	if s.Has(id) {
		t.Error("it says it has what is gone")
	}
	settled(t, s)
	put(t, s, data)
	holds(t, s, data)
	// And the other way: the record is there, the file is not, and the bytes come again.
	if err := os.Remove(s.file(id)); err != nil {
		t.Fatal(err)
	}
	put(t, s, data)
	holds(t, s, data)
}

// failing yields some bytes and then an error.
type failing struct {
	r   io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

func TestPutThatFailsLeavesNothing(t *testing.T) {
	s := memStore(t, 1<<20)
	boom := errors.New("boom")
	for _, n := range []int{0, 100, 100_000, copyBuffer, 2*copyBuffer + 1} {
		if _, err := s.Put(ctx, failing{bytes.NewReader(random(1, n)), boom}); !errors.Is(err, boom) {
			t.Errorf("%d bytes: %v", n, err)
		}
		canceled, cancel := context.WithCancel(ctx)
		r := io.MultiReader(bytes.NewReader(random(1, n)), readFunc(func([]byte) (int, error) { cancel(); return 0, nil }), bytes.NewReader(random(2, copyBuffer)))
		if _, err := s.Put(canceled, r); n > InlineMax && !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, canceled: %v", n, err)
		}
	}
	if _, err := s.Put(ctx, bytes.NewReader(random(3, 1<<20+1))); api.KindOf(err) != api.KindQuota || api.HintOf(err) == "" {
		t.Errorf("larger than the quota: %v", err)
	}
	settled(t, s)
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) {
	n, err := f(p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func TestConcurrentPutOfTheSame(t *testing.T) {
	eachIndex(t, func(t *testing.T, idx Index) {
		s := openStore(t, t.TempDir(), 0, idx)
		blobs := [][]byte{random(1, 100), random(2, 300_000), random(3, InlineMax+1)}
		var wg sync.WaitGroup
		for range 10 {
			for _, data := range blobs {
				wg.Go(func() {
					put(t, s, data)
					holds(t, s, data)
				})
			}
		}
		wg.Wait()
		if stats, err := s.Stats(ctx); err != nil || stats.Count != 3 {
			t.Errorf("%+v, %v", stats, err)
		}
		settled(t, s)
	})
}

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
