package server

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Blobs is the content store, as far as lending needs it. Pins of an owner add
// up, may come before their blobs, and on a folder's manifest hold its files too;
// Unpin drops them all, and unpinning an owner that has none is no error.
type Blobs interface {
	// PutBriefly keeps the blob for some minutes, in which it is pinned or not needed.
	PutBriefly(ctx context.Context, r io.Reader) (api.BlobInfo, error)
	Path(id api.BlobID) (string, error)
	Has(id api.BlobID) bool
	Size(id api.BlobID) (int64, error)
	Pin(ctx context.Context, owner string, ids ...api.BlobID) error
	Unpin(ctx context.Context, owner string) error
	// Owners are those that pin something and whose names begin with prefix.
	Owners(ctx context.Context, prefix string) ([]string, error)
	Tree(ctx context.Context, id api.BlobID) (api.Tree, error)
}

// Fetch brings blobs from other members; on return they are in the store.
type Fetch interface {
	Fetch(ctx context.Context, id api.BlobID, sources ...api.PeerID) error
	// FetchTree brings a folder: its manifest (KindInvalid if it is none) and its files.
	FetchTree(ctx context.Context, id api.BlobID, sources ...api.PeerID) (api.Tree, error)
}

// Images brings borrowers' images to this machine's container engine.
type Images interface {
	// Bring has an image there until release is called: that of id, else the one of that name.
	Bring(ctx context.Context, name string, id api.ImageID, from api.Caller, tell func(api.ImageProgress)) (got api.ImageID, release func(), err error)
}

// Store keeps the lender's journal and ledger. Its methods are safe for
// concurrent use.
type Store interface {
	// LoadLending reads what an earlier process left.
	LoadLending(ctx context.Context) (lease.Journal, error)
	// Apply makes one batch durable as a whole before it returns.
	Apply(ctx context.Context, b lease.Batch) error
	// Results reads held results of a lease; those that are gone are left out.
	Results(ctx context.Context, id api.LeaseID, keys []lease.Key) ([]lease.Held, error)
	// Usage sums the ledger by some of peer, job and day, from since's day on.
	Usage(ctx context.Context, by []string, since time.Time) ([]api.UsageRow, error)
}

// Settings is where the owner's limits and policy are kept. Commit makes both
// durable or neither.
type Settings interface {
	Load() (api.Limits, []api.Rule)
	Commit(ctx context.Context, l api.Limits, rules []api.Rule) error
}

// Config is what a Server is made of. Runtimes, Blobs, Fetch, Store and Settings
// are required.
type Config struct {
	Self    api.PeerID
	Machine api.Resources // what the machine has; CPU and Memory 0: asked of the system
	// Disk is the size of the disk that sandboxes use and what is free on it; it is
	// asked again and again. nil: not known.
	Disk func() (total, free int64, err error)
	// Spent is the processor time that this machine has spent so far, less this
	// program's own; nil: not known.
	Spent    func() (time.Duration, error)
	Runtimes []runtime.Runtime
	Blobs    Blobs
	Fetch    Fetch
	Store    Store
	Settings Settings
	// Images brings images that are not here; nil: none can be brought.
	Images Images
	// Names gives a peer's name for the owner's listings; nil: none.
	Names func(api.PeerID) string
	// Healthy says what is wrong with this machine right now (disk full), or
	// nil; it is asked before a task is blamed. A nil func means all is well.
	Healthy func() error
	Log     *slog.Logger
	// Gather is the least time between two batches of the journal. A result that
	// comes after a pause is written at once; in a stream of small tasks those
	// that end meanwhile share a commit, which costs them a few milliseconds of
	// the 200 that they are queued ahead. 0: every batch as soon as it can be.
	Gather time.Duration
	// BlobShare is the most bytes of blobs that are held for one borrower, its
	// leases' shared inputs and the outputs that it has not acknowledged: beyond
	// it nothing of it begins. 0: no bound.
	BlobShare int64
	// BlobsLent is the same for all borrowers together: what is left of the content
	// store is the owner's. 0: no bound.
	BlobsLent int64
	// Roles gives the role of every member, see Recheck. It is called without
	// locks held every recheckEvery: nothing tells when a membership expires.
	// A nil func means that the caller rechecks.
	Roles func() map[api.PeerID]api.Role
	// OnEvent and OnChange are called without any lock held, from many
	// goroutines, and must not block. OnChange means that Status would differ.
	OnEvent  func(api.Event)
	OnChange func()
}
