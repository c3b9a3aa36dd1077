package server

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// pinBlobs refuses pins while full, and notes what was unpinned.
type pinBlobs struct {
	Blobs
	full     bool
	unpinned []string
}

func (b *pinBlobs) Pin(context.Context, string, ...api.BlobID) error {
	if b.full {
		return api.Errorf(api.KindQuota, "disk full")
	}
	return nil
}

func (b *pinBlobs) Unpin(_ context.Context, owner string) error {
	b.unpinned = append(b.unpinned, owner)
	return nil
}

// What a failed batch should have unpinned is unpinned with the next one, once.
func TestUnpinsOutliveABatchThatFails(t *testing.T) {
	blobs := &pinBlobs{full: true}
	j := &journal{
		store: &Memory{}, blobs: blobs, log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1),
		saved: func([]saving, error) {}, pinning: func(*loan, int) int64 { return 7 },
	}
	at := &attempt{loan: &loan{id: "L2", peer: &peer{id: "p"}}}
	j.put(func(p *pending) {
		p.unpin = append(p.unpin, "lease/L1/1")
		p.saves = append(p.saves, saving{at: at, key: lease.Key{Attempt: 1}, body: []byte("{}"), blobs: []api.BlobID{{1}}})
	})
	j.write(t.Context())
	blobs.full = false
	for j.write(t.Context()) {
	}
	if want := []string{"lease/L1/1"}; !slices.Equal(blobs.unpinned, want) {
		t.Fatalf("unpinned %v, want %v", blobs.unpinned, want)
	}
}
