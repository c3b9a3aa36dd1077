package blob

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"lukechampine.com/blake3/bao"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// answers keeps what was encoded: under the race detector that takes a second a time.
var answers sync.Map

// answer is what an honest holder of data, which does not change, would send.
func answer(data []byte, m askMsg) []byte {
	off, n := m.Off, m.Len
	if m.Tail {
		off, n = tailRange(int64(len(data)))
	}
	if len(data) == 0 {
		return make([]byte, 8)
	}
	which := struct {
		at   *byte
		size int
	}{&data[0], len(data)}
	encoded, ok := answers.Load(which)
	if !ok {
		encoded, _ = bao.EncodeBuf(data, groupLog, false)
		answers.Store(which, encoded)
	}
	var out bytes.Buffer
	if err := bao.ExtractSlice(&out, bytes.NewReader(encoded.([]byte)), nil, groupLog, uint64(off), uint64(n)); err != nil {
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

// An answer to nothing ends the stream, before it is taken for the next answer.
func TestUnaskedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := random(1, 1000)
		p := newPool(t)
		p.add("h", liar(func(_ int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			b := answer(data, m)
			twice := w.Buffer(kindData, b) == nil
			return twice && w.Write(kindData, b) == nil
		}))
		x := NewExchange(memStore(t, 0), p, quiet)
		if err := x.Fetch(ctx, mustID(t, data), "h"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		x.mu.Lock()
		if len(x.links) != 0 {
			t.Error("the stream is still in use")
		}
		x.mu.Unlock()
		if err := x.close(); err != nil {
			t.Error(err)
		}
		p.end()
	})
}
