package job

import (
	"context"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Store is the journal: what must survive kill -9. Every method that writes
// returns only when the change is durable. It is safe for concurrent use.
type Store interface {
	// SaveJob inserts or replaces a job: what was submitted and how it stands.
	SaveJob(ctx context.Context, j api.JobDetail) error
	// Jobs gives all jobs, oldest first.
	Jobs(ctx context.Context) ([]api.JobDetail, error)
	// DeleteJob removes a job with its tasks and leases; an unknown one is no error.
	DeleteJob(ctx context.Context, id api.JobID) error
	// SaveTasks inserts or replaces tasks of a job, all or none. Each is not stored.
	SaveTasks(ctx context.Context, id api.JobID, tasks []api.Task) error
	// TaskStates calls fn for every stored task in order of its id, with ID, State,
	// Failures, Attempt, Peer, Cause, Usage.Wall and Usage.BytesOut only.
	TaskStates(ctx context.Context, id api.JobID, fn func(api.Task) error) error
	// Tasks gives up to limit stored tasks after the id after, in order; with a
	// state only those in it.
	Tasks(ctx context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int) ([]api.Task, error)
	// SaveLease remembers that a lease was asked for, before it is.
	SaveLease(ctx context.Context, id api.LeaseID, job api.JobID, peer api.PeerID) error
	// DeleteLease forgets a lease that has ended; an unknown one is no error.
	DeleteLease(ctx context.Context, id api.LeaseID) error
	// Leases calls fn for every lease that was saved and not deleted.
	Leases(ctx context.Context, fn func(id api.LeaseID, job api.JobID, peer api.PeerID)) error
}

// Dialer opens streams to members. KindUnavailable when one cannot be reached.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
}

// Directory is the peer table, this node included when it lends. Whoever owns
// it calls [Engine.PeersChanged] when it changed.
type Directory interface {
	Peers() []api.Peer
}

// Blobs is this node's content store. Pin keeps blobs, and the files of folders'
// manifests, until Unpin of the same owner; an id may be pinned before it arrives.
type Blobs interface {
	Put(ctx context.Context, r io.Reader) (api.BlobInfo, error)
	Has(id api.BlobID) bool
	Size(id api.BlobID) (int64, error)
	Reader(id api.BlobID) (io.ReadSeekCloser, error)
	Pin(ctx context.Context, owner string, ids ...api.BlobID) error
	Unpin(ctx context.Context, owner string) error
}

// Images finds images on this node's container engine.
type Images interface {
	// Find looks one up by name; KindInvalid: it cannot be a name.
	Find(ctx context.Context, name string) (api.Image, error)
}

// Fetcher brings blobs here and verifies them: when Fetch returns nil the blob
// is in Blobs. KindUnavailable: no source can be reached now; KindNotFound: no
// source has it; KindQuota: there is no room here.
type Fetcher interface {
	Fetch(ctx context.Context, id api.BlobID, sources ...api.PeerID) error
}
