package blob

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// A holder that nothing can be had from is left for the next, in bounded time.
func TestSilentHolders(t *testing.T) {
	data := random(1, 2*maxRange)
	for name, c := range map[string]struct {
		reply  func(n int, m askMsg, st wire.Stream, w *wire.Writer) bool
		within time.Duration
		kind   api.Kind
	}{
		"never answers": {func(int, askMsg, wire.Stream, *wire.Writer) bool { return true }, silence, api.KindUnavailable},
		"stops half way": {func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			return n > 1 || w.Write(kindData, answer(data, m)) == nil
		}, silence, api.KindUnavailable},
		"waits for ever": {func(_ int, _ askMsg, _ wire.Stream, w *wire.Writer) bool {
			for w.Write(kindWait, nil) == nil {
				time.Sleep(waitEvery) // in the bubble's time
			}
			return false
		}, waitTime + waitEvery, api.KindUnavailable},
		"drips": {func(_ int, m askMsg, st wire.Stream, _ *wire.Writer) bool {
			b := answer(data, m)
			frame := binary.BigEndian.AppendUint32(nil, uint32(len(b)+1))
			for _, c := range append(append(frame, byte(kindData)), b...) {
				if _, err := st.Write([]byte{c}); err != nil {
					return false
				}
				time.Sleep(silence - time.Second) // in the bubble's time
			}
			return true
		}, frameTime, api.KindUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t)
				p.add("slow", liar(c.reply))
				p.add("good", honest(data))
				s := memStore(t, 0)
				x := NewExchange(s, p, quiet)
				start := time.Now()
				err := x.Fetch(ctx, mustID(t, data), "slow")
				isKind(t, err, c.kind)
				if took := time.Since(start); took > c.within+time.Second {
					t.Errorf("it took %v, want %v", took, c.within)
				}
				if err := x.Fetch(ctx, mustID(t, data), "slow", "good"); err != nil {
					t.Error(err)
				}
				holds(t, s, data)
				if err := x.close(); err != nil {
					t.Error(err)
				}
				p.end()
			})
		})
	}
}

// A holder may say wait for longer than it may be silent.
func TestWaitKeepsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := random(1, 100)
		p := newPool(t)
		p.add("h", liar(func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			for range 20 {
				time.Sleep(waitEvery) // in the bubble's time
				if w.Write(kindWait, nil) != nil {
					return false
				}
			}
			return w.Write(kindData, answer(data, m)) == nil
		}))
		s := memStore(t, 0)
		x := NewExchange(s, p, quiet)
		if err := x.Fetch(ctx, mustID(t, data), "h"); err != nil {
			t.Error(err)
		}
		if err := x.close(); err != nil {
			t.Error(err)
		}
		p.end()
	})
}

// An unused stream is closed, and the next fetch opens another.
func TestIdleStreamCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		from, s := memStore(t, 0), memStore(t, 0)
		holder, x := NewExchange(from, p, quiet), NewExchange(s, p, quiet)
		p.serve("h", holder)
		for i := range 3 {
			id := put(t, from, random(uint64(i), 100))
			if err := x.Fetch(ctx, id, "h"); err != nil {
				t.Fatal(err)
			}
			if p.dials["h"] != i+1 {
				t.Errorf("%d streams after %d fetches", p.dials["h"], i+1)
			}
			time.Sleep(linkIdle + time.Second) // in the bubble's time
			synctest.Wait()
			x.mu.Lock()
			if len(x.links) != 0 {
				t.Errorf("%d links after an idle time", len(x.links))
			}
			x.mu.Unlock()
			holder.mu.Lock()
			if len(holder.serves) != 0 {
				t.Errorf("the holder still serves %v", holder.serves)
			}
			holder.mu.Unlock()
		}
		if err := errors.Join(x.close(), holder.close()); err != nil {
			t.Error(err)
		}
		p.end()
	})
}

// A break costs what was under way: another source, or the same one again, goes on.
func TestResume(t *testing.T) {
	data := random(1, 10*maxRange+5)
	id := mustID(t, data)
	var mu sync.Mutex
	asked := map[int64]int{}
	upTo := func(answers int) holder {
		return liar(func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			if n == answers {
				return false
			}
			if !m.Tail {
				mu.Lock()
				asked[m.Off]++
				mu.Unlock()
			}
			return w.Write(kindData, answer(data, m)) == nil
		})
	}
	check := func(t *testing.T, s *Store) {
		t.Helper()
		holds(t, s, data)
		settled(t, s)
		for off, n := range asked {
			if n != 1 {
				t.Errorf("the range at %d was sent %d times", off, n)
			}
		}
		clear(asked)
	}
	t.Run("from another", func(t *testing.T) {
		p := newPool(t)
		p.add("a", liar(func(int, askMsg, wire.Stream, *wire.Writer) bool { return false }))
		p.add("b", upTo(4))
		p.add("c", upTo(100))
		s := memStore(t, 0)
		x := exchange(t, s, p)
		if err := x.Fetch(deadline(t), id, "a", "gone", "b", "c"); err != nil {
			t.Fatal(err)
		}
		check(t, s)
	})
	t.Run("from the same", func(t *testing.T) {
		p := newPool(t)
		p.add("a", upTo(3))
		s := memStore(t, 0)
		if err := exchange(t, s, p).Fetch(deadline(t), id, "a"); err != nil {
			t.Fatal(err)
		}
		check(t, s)
	})
	t.Run("by a later fetch", func(t *testing.T) {
		p := newPool(t)
		var first sync.Once
		p.add("a", func(st wire.Stream) { first.Do(func() { upTo(5)(st) }) })
		p.add("b", upTo(100))
		s := memStore(t, 0)
		x := exchange(t, s, p)
		isKind(t, x.Fetch(deadline(t), id, "a"), api.KindUnavailable)
		if len(leftovers(t, s)) != 1 {
			t.Errorf("kept: %v", leftovers(t, s))
		}
		if err := x.Fetch(deadline(t), id, "b"); err != nil {
			t.Fatal(err)
		}
		check(t, s)
	})
	t.Run("given up", func(t *testing.T) {
		p := newPool(t)
		var first sync.Once
		p.add("a", func(st wire.Stream) { first.Do(func() { upTo(5)(st) }) })
		s := memStore(t, 0)
		x := NewExchange(s, p, quiet)
		isKind(t, x.Fetch(deadline(t), id, "a"), api.KindUnavailable)
		if err := x.close(); err != nil {
			t.Fatal(err)
		}
		settled(t, s)
		isKind(t, x.Fetch(deadline(t), id, "a"), api.KindUnavailable)
	})
}

// A stream that broke while nobody used it is not the end of the next fetch.
func TestStaleStream(t *testing.T) {
	a, b := random(1, 100), random(2, 100)
	p := newPool(t)
	var mu sync.Mutex
	streams := 0
	p.add("h", func(st wire.Stream) {
		mu.Lock()
		streams++
		first := streams == 1
		mu.Unlock()
		liar(func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			data := a
			if m.ID == mustID(t, b) {
				data = b
			}
			return (!first || n == 0) && w.Write(kindData, answer(data, m)) == nil
		})(st)
	})
	x := exchange(t, memStore(t, 0), p)
	for _, data := range [][]byte{a, b} {
		if err := x.Fetch(deadline(t), mustID(t, data), "h"); err != nil {
			t.Fatal(err)
		}
		holds(t, x.store, data)
	}
}
