package blob

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Index is what a store remembers about its blobs, and the bytes of the small
// ones. Every change is durable on return and happens whole or not at all. It
// is safe for concurrent use. Times are kept to the millisecond. blobtest holds
// the suite that implementations pass.
type Index interface {
	// Add records blobs and tells how many, and how many bytes, are new. One
	// that is known keeps its bytes and gets the later Used and Keep, and Tree
	// when either says so.
	Add(ctx context.Context, entries []api.BlobEntry) (count, bytes int64, err error)
	// Get finds a blob, with Data when it is inline.
	Get(ctx context.Context, id api.BlobID) (api.BlobEntry, bool, error)
	// Touch raises Used; unknown ids are ignored.
	Touch(ctx context.Context, used map[api.BlobID]time.Time) error
	// Pin adds ids to what owner needs; they may be unknown yet.
	Pin(ctx context.Context, owner string, ids []api.BlobID) error
	// PinLike pins ids for every owner that pins id.
	PinLike(ctx context.Context, id api.BlobID, ids []api.BlobID) error
	// Unpin forgets everything that owner needs.
	Unpin(ctx context.Context, owner string) error
	// Owners are those that pin something and whose names begin with prefix, sorted.
	Owners(ctx context.Context, prefix string) ([]string, error)
	// Evict forgets blobs that nobody pins and whose Keep has passed, the least
	// recently used first, until their sizes reach want, and returns them. When
	// all of them together do not reach want, none is forgotten, unless partial:
	// then as many as there are, at most EvictBatch at a time.
	Evict(ctx context.Context, want int64, now time.Time, partial bool) ([]api.BlobEntry, error)
	// Remove forgets blobs and returns those that were known. With force false
	// pinned ones stay.
	Remove(ctx context.Context, ids []api.BlobID, force bool) ([]api.BlobEntry, error)
	// Each calls fn for every blob, without Data, in no order. fn must not call the index.
	Each(ctx context.Context, fn func(api.BlobEntry) error) error
	// Totals are the number of blobs, their bytes, and the bytes of pinned ones.
	Totals(ctx context.Context) (count, bytes, pinned int64, err error)
}

// EvictBatch bounds a partial Evict, so that other writers get a turn.
const EvictBatch = 10_000
