package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

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
