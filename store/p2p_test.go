package store_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p"
	"github.com/Akilan1999/p2p-rendering-computation/store"
)

// p2pStore is both nouns of p2p as one value.
type p2pStore struct {
	*store.Membership
	*store.Peers
}

// Every implementation of p2p's storage keeps this.
func TestP2PStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	var db *store.DB
	open := func() p2p.Store {
		var err error
		if db, err = store.Open(context.Background(), path, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		return p2pStore{db.Membership(), db.Peers()}
	}
	shut := func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	memory := &p2p.MemoryStore{}
	for _, c := range []struct {
		name string
		open func() p2p.Store
		shut func()
	}{
		{"memory", func() p2p.Store { return memory }, func() {}},
		{"sqlite", open, shut},
	} {
		t.Run(c.name, func(t *testing.T) { testP2PStore(t, c.open, c.shut) })
	}
}

func testP2PStore(t *testing.T, open func() p2p.Store, shut func()) {
	ctx := t.Context()
	s := open()
	if list, err := s.Statements(ctx, "a"); err != nil || len(list) != 0 {
		t.Fatalf("empty: %v, %v", list, err)
	}
	if err := s.AddStatements(ctx, "a", [][]byte{[]byte("one"), []byte("two")}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddStatements(ctx, "a", [][]byte{[]byte("two"), []byte("three")}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddStatements(ctx, "b", [][]byte{[]byte("two")}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddStatements(ctx, "a", nil); err != nil {
		t.Fatal(err)
	}
	seen := time.UnixMilli(1_700_000_000_123).UTC()
	first := []api.KnownPeer{{ID: "p", Record: []byte("r1"), LastSeen: seen, Latency: 5}, {ID: "q", Record: []byte("r2"), LastSeen: seen}}
	if err := s.SaveKnownPeers(ctx, "a", first); err != nil {
		t.Fatal(err)
	}
	newer := api.KnownPeer{ID: "p", Record: []byte("r3"), LastSeen: seen.Add(time.Second), Latency: 7}
	if err := s.SaveKnownPeers(ctx, "a", []api.KnownPeer{newer}); err != nil {
		t.Fatal(err)
	}
	shut()
	s = open()
	defer shut()

	list, err := s.Statements(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, bytes.Compare)
	if got := string(bytes.Join(list, []byte(" "))); got != "one three two" {
		t.Errorf("statements of a: %s", got)
	}
	if list, err = s.Statements(ctx, "b"); err != nil || len(list) != 1 {
		t.Errorf("statements of b: %d, %v", len(list), err)
	}
	peers, err := s.KnownPeers(ctx, "a")
	if err != nil || len(peers) != 2 {
		t.Fatalf("peers: %v, %v", peers, err)
	}
	for _, p := range peers {
		want := newer
		if p.ID == "q" {
			want = first[1]
		}
		if p.ID != want.ID || !bytes.Equal(p.Record, want.Record) || !p.LastSeen.Equal(want.LastSeen) || p.Latency != want.Latency {
			t.Errorf("peer %+v, want %+v", p, want)
		}
	}
	if peers, err = s.KnownPeers(ctx, "b"); err != nil || len(peers) != 0 {
		t.Errorf("peers of b: %v, %v", peers, err)
	}
}
