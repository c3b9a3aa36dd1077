package blob

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

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
