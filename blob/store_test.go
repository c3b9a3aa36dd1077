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
