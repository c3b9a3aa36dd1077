package p2p

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// What a stranger may send of records must never be taken for a node's word.
func FuzzRecord(f *testing.F) {
	key, err := membership.KeyOf([32]byte{1}) // the same in every worker
	if err != nil {
		f.Fatal(err)
	}
	id, err := idOf(key)
	if err != nil {
		f.Fatal(err)
	}
	good, err := signRecord(api.Record{ID: api.PeerID(id), Name: "n", Seq: 1, Addrs: []string{"/ip4/127.0.0.1/tcp/1"}}, key)
	if err != nil {
		f.Fatal(err)
	}
	other, err := signRecord(api.Record{ID: "somebody else"}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(other)
	f.Fuzz(func(t *testing.T, raw []byte) {
		rec, err := openRecord(raw)
		if err == nil && string(rec.ID) == id && rec.Seq != 1 {
			t.Fatalf("another record in its name: %+v", rec)
		}
		if err != nil && api.KindOf(err) != api.KindCorrupt {
			t.Fatal(err)
		}
	})
}

// Gossip and deltas of any bytes change nothing and do not panic.
func FuzzGossip(f *testing.F) {
	n, err := New(f.Context(), Config{Dir: f.TempDir(), Name: "n", Store: &MemoryStore{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	s := &session{n: n, pool: n.pool, log: n.log, ctx: f.Context(), orphans: map[api.PeerID]orphan{}, sealed: make(chan struct{}, 1), behind: make(chan networkPeer, 1), closing: true}
	before := n.pool.log.Sum()
	f.Add(byte(gossipRecord), []byte("x"))
	f.Add(byte(gossipStatements), []byte(`["AAAA",null,""]`))
	f.Add(byte(gossipSuspicion), []byte(`{"node":"x","seq":1,"window":-1}`))
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		if news, _ := s.heard(t.Context(), "", kind, payload); news && len(s.orphans) == 0 {
			t.Fatal("rubbish was news")
		}
		if !bytes.Equal(before, n.pool.log.Sum()) || len(n.Peers()) != 1 {
			t.Fatal("rubbish changed something")
		}
	})
}

func TestRecordsFlippedOrCut(t *testing.T) {
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	id, err := idOf(key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signRecord(api.Record{ID: api.PeerID(id), Name: "n", Time: time.Now()}, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openRecord(raw); err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 4
		if rec, err := openRecord(bad); err == nil && string(rec.ID) == id {
			t.Fatalf("byte %d changed, and still its word", i)
		}
		if _, err := openRecord(raw[:i]); err == nil {
			t.Fatalf("cut at %d, and taken", i)
		}
	}
	if _, err := signRecord(api.Record{ID: api.PeerID(id), Meta: string(make([]byte, maxRecord))}, key); api.KindOf(err) != api.KindTooLarge {
		t.Fatalf("a record over the limit: %v", err)
	}
}
