package blob

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lukechampine.com/blake3/bao"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// answer is what an honest holder of data would send.
func answer(data []byte, m askMsg) []byte {
	off, n := m.Off, m.Len
	if m.Tail {
		off, n = tailRange(int64(len(data)))
	}
	if len(data) == 0 {
		return make([]byte, 8)
	}
	encoded, _ := bao.EncodeBuf(data, groupLog, false)
	var out bytes.Buffer
	if err := bao.ExtractSlice(&out, bytes.NewReader(encoded), nil, groupLog, uint64(off), uint64(n)); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// liar answers each request, the n-th from 0, by reply; false ends the stream.
func liar(reply func(n int, m askMsg, st wire.Stream, w *wire.Writer) bool) holder {
	return func(st wire.Stream) {
		r, w := wire.NewReader(st, maxAsk), wire.NewWriter(st, wire.MaxFrame)
		for n := 0; ; n++ {
			_, payload, err := r.Next()
			if err != nil {
				return
			}
			var m askMsg
			if wire.Decode(payload, &m) != nil || !reply(n, m, st, w) {
				return
			}
		}
	}
}

func honest(data []byte) holder {
	return liar(func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
		return w.Write(kindData, answer(data, m)) == nil
	})
}

// Each hostile holder alone is KindCorrupt and named; beside an honest one it
// is passed over, and what it sent right is kept.
func TestHostileHolders(t *testing.T) {
	small, large := random(1, 1000), random(2, 3*maxRange+12_345)
	send := func(w *wire.Writer, b []byte) bool { return w.Write(kindData, b) == nil }
	for name, c := range map[string]struct {
		data  []byte
		reply func(n int, m askMsg, st wire.Stream, w *wire.Writer) bool
	}{
		"wrong bytes": {small, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			return send(w, answer(random(9, 1000), m))
		}},
		"flipped bit": {small, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(small, m)
			b[500] ^= 1
			return send(w, b)
		}},
		"says it is empty":  {small, func(_ int, _ askMsg, _ wire.Stream, w *wire.Writer) bool { return send(w, make([]byte, 8)) }},
		"no slice":          {small, func(_ int, _ askMsg, _ wire.Stream, w *wire.Writer) bool { return send(w, nil) }},
		"cut slice":         {small, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool { return send(w, answer(small, m)[:900]) }},
		"more than a slice": {small, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool { return send(w, append(answer(small, m), 0)) }},
		"claims 2^55 bytes": {small, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(large, m)
			binary.LittleEndian.PutUint64(b, 1<<55)
			return send(w, b)
		}},
		"claims 2^64-1 bytes": {small, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(small, m)
			binary.LittleEndian.PutUint64(b, 1<<64-1)
			return send(w, b)
		}},
		"claims fewer bytes": {large, func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(large, askMsg{Off: 2 * maxRange, Len: groupSize})
			binary.LittleEndian.PutUint64(b, 2*maxRange+groupSize)
			return send(w, b)
		}},
		"wrong in the middle": {large, func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(large, m)
			if n == 2 {
				b[len(b)-1] ^= 1
			}
			return send(w, b)
		}},
		"another range": {large, func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			if n == 2 {
				m.Off = 0
			}
			return send(w, answer(large, m))
		}},
		"another size later": {large, func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(large, m)
			if n > 0 {
				binary.LittleEndian.PutUint64(b, uint64(len(large)+1))
			}
			return send(w, b)
		}},
		"unknown kind": {small, func(_ int, _ askMsg, _ wire.Stream, w *wire.Writer) bool { return w.Write(77, nil) == nil }},
		"malformed fail": {small, func(_ int, _ askMsg, _ wire.Stream, w *wire.Writer) bool {
			return w.Write(kindFail, []byte("{")) == nil
		}},
		"frame over the limit": {small, func(_ int, _ askMsg, _ wire.Stream, w *wire.Writer) bool { return send(w, make([]byte, maxFrame+1)) }},
		"frame of 4 GiB": {small, func(_ int, _ askMsg, st wire.Stream, _ *wire.Writer) bool {
			_, err := st.Write([]byte{0xff, 0xff, 0xff, 0xff, byte(kindData)})
			return err == nil
		}},
		"answers twice": {large, func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			return send(w, answer(large, m)) && (n > 0 || send(w, answer(large, m)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			id := mustID(t, c.data)
			p := newPool(t)
			p.add("12D3KooWevil", liar(c.reply))
			p.add("12D3KooWgood", honest(c.data))
			var logged bytes.Buffer
			s := memStore(t, 0)
			x := exchange(t, s, p)
			x.log = slog.New(slog.NewTextHandler(&logged, nil))
			err := x.Fetch(deadline(t), id, "12D3KooWevil")
			isKind(t, err, api.KindCorrupt)
			if !contains(err, api.PeerID("12D3KooWevil").Short()) || !bytes.Contains(logged.Bytes(), []byte("12D3KooWevil")) {
				t.Errorf("the liar is not named: %v; log %s", err, &logged)
			}
			if s.Has(id) {
				t.Fatal("it has what was a lie")
			}
			if err := x.Fetch(deadline(t), id, "12D3KooWevil", "12D3KooWgood"); err != nil {
				t.Fatal(err)
			}
			holds(t, s, c.data)
			settled(t, s)
		})
	}
}

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

func TestNotFoundMovesOn(t *testing.T) {
	data := random(1, 100_000)
	from, empty, s := memStore(t, 0), memStore(t, 0), memStore(t, 0)
	id := put(t, from, data)
	p := newPool(t)
	p.serve("empty", exchange(t, empty, p))
	p.serve("full", exchange(t, from, p))
	x := exchange(t, s, p)
	isKind(t, x.Fetch(deadline(t), id), api.KindNotFound)
	isKind(t, x.Fetch(deadline(t), id, "empty"), api.KindNotFound)
	isKind(t, x.Fetch(deadline(t), id, "empty", "away"), api.KindUnavailable)
	if err := x.Fetch(deadline(t), id, "away", "empty", "full"); err != nil {
		t.Fatal(err)
	}
	holds(t, s, data)
	if err := x.Fetch(deadline(t), id); err != nil {
		t.Error("what is here needs no source:", err)
	}
}

func TestFetchKeepsQuota(t *testing.T) {
	data := random(1, 500_000)
	from, s := memStore(t, 0), memStore(t, 400_000)
	id := put(t, from, data)
	p := newPool(t)
	var sent int64
	var mu sync.Mutex
	p.add("h", liar(func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
		b := answer(data, m)
		mu.Lock()
		sent += int64(len(b))
		mu.Unlock()
		return w.Write(kindData, b) == nil
	}))
	x := exchange(t, s, p)
	err := x.Fetch(deadline(t), id, "h", "other")
	if api.KindOf(err) != api.KindQuota || api.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if sent > 2*groupSize {
		t.Errorf("%d bytes were sent before anybody asked for room", sent)
	}
	if p.dials["other"] != 0 {
		t.Error("no other source helps against a full store")
	}
	settled(t, s)
}

func TestSimultaneousFetches(t *testing.T) {
	from, s := memStore(t, 0), memStore(t, 0)
	data := random(1, 5*maxRange)
	id := put(t, from, data)
	p := newPool(t)
	var mu sync.Mutex
	tails := 0
	gate := make(chan struct{})
	p.add("h", liar(func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
		<-gate
		if m.Tail {
			mu.Lock()
			tails++
			mu.Unlock()
		}
		return w.Write(kindData, answer(data, m)) == nil
	}))
	x := exchange(t, s, p)
	var wg sync.WaitGroup
	canceled, cancel := context.WithCancel(ctx)
	for i := range 20 {
		wg.Go(func() {
			if i%2 == 0 { // half of them leave, the first one among them
				if err := x.Fetch(canceled, id, "h"); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			} else if err := x.Fetch(deadline(t), id, "h"); err != nil {
				t.Error(err)
			}
		})
	}
	for {
		x.mu.Lock()
		f := x.flights[id]
		all := f != nil && f.wanted == 20
		x.mu.Unlock()
		if all {
			break
		}
	}
	cancel()
	for {
		x.mu.Lock()
		left := x.flights[id].wanted
		x.mu.Unlock()
		if left == 10 {
			break
		}
	}
	close(gate)
	wg.Wait()
	if tails != 1 {
		t.Errorf("fetched %d times", tails)
	}
	holds(t, s, data)
	settled(t, s)
}

// When all have left, the fetch stops and leaves nothing under way.
func TestFetchIsGivenUp(t *testing.T) {
	p := newPool(t)
	asked := make(chan struct{}, 1)
	p.add("h", liar(func(int, askMsg, wire.Stream, *wire.Writer) bool { asked <- struct{}{}; return true }))
	x := exchange(t, memStore(t, 0), p)
	canceled, cancel := context.WithCancel(ctx)
	go func() { <-asked; cancel() }()
	if err := x.Fetch(canceled, api.BlobID{1}, "h"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	x.mu.Lock()
	if len(x.flights) != 0 {
		t.Error("it flies on")
	}
	x.mu.Unlock()
}

// What members may send to a holder: it answers or ends the stream, and no more.
func TestHostileAskers(t *testing.T) {
	from := memStore(t, 0)
	id := put(t, from, random(1, 100_000))
	x := exchange(t, from, newPool(t))
	get := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { return wire.NewWriter(w, wire.MaxFrame).Write(kindGet, []byte(text)) }
	}
	for name, c := range map[string]struct {
		send   func(io.Writer) error
		answer wire.Kind // 0: the stream ends
	}{
		"right":          {get(fmt.Sprintf(`{"id":%q,"off":65536,"len":1,"more":1}`, id)), kindData},
		"not here":       {get(fmt.Sprintf(`{"id":%q,"tail":true}`, api.BlobID{9})), kindFail},
		"past the end":   {get(fmt.Sprintf(`{"id":%q,"off":131072,"len":1}`, id)), kindFail},
		"far past":       {get(fmt.Sprintf(`{"id":%q,"off":72057594037927936,"len":1}`, id)), kindFail},
		"no id":          {get(`{"tail":true}`), 0},
		"odd offset":     {get(fmt.Sprintf(`{"id":%q,"off":1,"len":1}`, id)), 0},
		"negative":       {get(fmt.Sprintf(`{"id":%q,"off":-65536,"len":1}`, id)), 0},
		"nothing":        {get(fmt.Sprintf(`{"id":%q}`, id)), 0},
		"too much":       {get(fmt.Sprintf(`{"id":%q,"len":1048577}`, id)), 0},
		"no JSON":        {get("GET / HTTP/1.1"), 0},
		"path for an id": {get(`{"id":"../../identity.key","tail":true}`), 0},
		"large request":  {get(string(make([]byte, maxAsk+1))), 0},
		"an answer":      {func(w io.Writer) error { return wire.NewWriter(w, 100).Write(kindData, nil) }, 0},
		"no frames":      {func(w io.Writer) error { _, err := w.Write(random(1, 5000)); return err }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, err := (&pool{tcp: true}).pair()
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() { defer close(served); x.Serve(ctx, api.Caller{Peer: "p"}, b) }()
			if err := c.send(a); err != nil && c.answer != 0 {
				t.Fatal(err)
			}
			kind, _, err := wire.NewReader(a, maxFrame).Next()
			if c.answer == 0 && err == nil || c.answer != 0 && (err != nil || kind != c.answer) {
				t.Errorf("answered kind %d, %v; want %d", kind, err, c.answer)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			<-served
		})
	}
}

func TestServeBoundsStreams(t *testing.T) {
	x := exchange(t, memStore(t, 0), newPool(t))
	var served sync.WaitGroup
	serve := func(peer api.PeerID) *stream {
		a, b, err := (&pool{tcp: true}).pair()
		if err != nil {
			t.Fatal(err)
		}
		served.Go(func() { x.Serve(ctx, api.Caller{Peer: peer}, b) })
		return a
	}
	asks := func(s *stream) bool {
		if err := wire.NewWriter(s, maxAsk).Send(kindGet, askMsg{ID: api.BlobID{1}, Tail: true}); err != nil {
			return false
		}
		kind, _, err := wire.NewReader(s, maxFrame).Next()
		return err == nil && kind == kindFail
	}
	var open []*stream
	for range serveMax {
		s := serve("greedy")
		if !asks(s) {
			t.Error("refused too early")
		}
		open = append(open, s)
	}
	over, other := serve("greedy"), serve("modest")
	if asks(over) {
		t.Error("served one stream too many")
	}
	if !asks(other) {
		t.Error("another member has no room")
	}
	for _, s := range append(open, over, other) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	served.Wait()
	if last := serve("greedy"); !asks(last) {
		t.Error("no room after all have left")
	} else if err := last.Close(); err != nil {
		t.Error(err)
	}
	served.Wait()
}

// A member that asks and never reads, or never asks, does not hold a stream for ever.
func TestServeEndsLazyStreams(t *testing.T) {
	for name, asker := range map[string]func(wire.Stream){
		"never asks": func(wire.Stream) {},
		"never reads": func(st wire.Stream) {
			if err := wire.NewWriter(st, maxAsk).Send(kindGet, askMsg{ID: api.BlobID{1}, Tail: true}); err != nil {
				t.Error(err)
			}
		},
		"half a request": func(st wire.Stream) {
			if _, err := st.Write([]byte{0, 0}); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := NewExchange(memStore(t, 0), newPool(t), quiet)
				a, b, err := (&pool{}).pair()
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				go asker(a)
				x.Serve(ctx, api.Caller{Peer: "p"}, b)
				if took := time.Since(start); took > serveIdle {
					t.Errorf("it took %v", took)
				}
				if err := errors.Join(x.close(), a.Close()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Bytes that changed on the holder's disk are found when the tree is made.
func TestServeFindsDamage(t *testing.T) {
	from, s := memStore(t, 0), memStore(t, 0)
	data := random(1, 5*groupSize)
	id := put(t, from, data)
	f, err := from.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(data)
	damaged[70_000] ^= 1
	overwrite(t, from.file(id), damaged)
	_, asker, _ := pair(t, false, from, s)
	isKind(t, asker.Fetch(deadline(t), id, "h"), api.KindUnavailable)
	if from.Has(id) {
		t.Error("the damaged blob is still there")
	}
	settled(t, from)
}
