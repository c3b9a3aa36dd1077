package container

import (
	"context"
	"io"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Plan says what an engine makes a container from.
type Plan struct {
	ID       api.ContainerID
	Borrower api.PeerID
	Image    string
	Hostname string
	Network  api.GuestNetwork
	Command  []string // empty: the image's own
	Env      []string
	Cap      api.Resources
	MaxProcs int
}

// Found is a container of this node's that the engine has.
type Found struct {
	ID              api.ContainerID
	Running, Paused bool
	Rest            bool // it is gone, and what it leaves is to be removed
}

// Usage is what a container uses, since it was last started.
type Usage struct {
	CPUTime time.Duration
	Memory  int64
	Procs   int
	In, Out int64
}

// Engine makes containers. KindNotFound: it has none of that id.
type Engine interface {
	Make(ctx context.Context, p Plan) error
	Start(ctx context.Context, id api.ContainerID) error
	Stop(ctx context.Context, id api.ContainerID) error
	Freeze(ctx context.Context, id api.ContainerID) error
	Thaw(ctx context.Context, id api.ContainerID) error
	Remove(ctx context.Context, id api.ContainerID) error
	List(ctx context.Context) ([]Found, error)
	Usage(ctx context.Context, id api.ContainerID) (Usage, error)
	Disk(ctx context.Context, id api.ContainerID) (int64, error)
	Logs(ctx context.Context, id api.ContainerID, follow bool, tail int, stdout, stderr io.Writer) error
	Sessions(ctx context.Context, id api.ContainerID) (*session.Mux, error)
	// Tidy removes what containers needed and none does any more.
	Tidy(ctx context.Context, now time.Time) error
	// Quiet says whether an image would do something of its own when it is built on.
	Quiet(ctx context.Context, id api.ImageID) error
	Build(ctx context.Context, folder io.Reader, cap api.Resources, progress func(string)) (image string, err error)
}

// Room is the lending side's part: who may, how much there is, what it cost.
type Room interface {
	// Reserve takes what a container may use, if the owner's rules and limits let
	// who have it on that network, and answers with the caps that hold: KindDenied,
	// KindUnsupported, KindQuota.
	Reserve(who api.Caller, id api.SandboxID, needs api.Resources, on api.GuestNetwork) (api.Resources, error)
	// Over names those of the containers that are too much for what the owner lends,
	// when the first of them go first.
	Over(order []api.SandboxID) []api.SandboxID
	// OverUnder is Over under other limits than the owner's.
	OverUnder(l api.Limits, order []api.SandboxID) []api.SandboxID
	// Paused tells whether the owner has everything stand still.
	Paused() bool
	// Permitted tells why who may not have containers on that network here any
	// more, or nil. KindDenied: the owner or the network says so; else the machine
	// cannot, for now.
	Permitted(who api.Caller, on api.GuestNetwork) error
	// PermittedUnder is Permitted under another policy than the owner's.
	PermittedUnder(rules []api.Rule, who api.Caller, on api.GuestNetwork) error
	// Adopt takes it back for a container of an earlier process, whatever the rules say now.
	Adopt(who api.PeerID, id api.SandboxID, cap api.Resources)
	Release(id api.SandboxID)
	// Charge writes what was used into the ledger.
	Charge(who api.PeerID, id api.SandboxID, used api.UsageRow)
	// Building says that the engine builds for who until done is called, and charges it.
	Building(who api.PeerID, id api.SandboxID, cap api.Resources) (done func())
	Limits() api.Limits
}

// Store keeps records by container id, across the node's processes.
type Store interface {
	Load(ctx context.Context, fn func(doc []byte) error) error
	Save(ctx context.Context, key string, v any) error
	Drop(ctx context.Context, key string) error
}

// Blobs gives folders to build from.
type Blobs interface {
	Path(id api.BlobID) (string, error)
}

// Images brings borrowers' images to the engine.
type Images interface {
	// Bring has an image there until release is called: that of id, else the one of
	// that name. tell hears how it goes.
	Bring(ctx context.Context, name string, id api.ImageID, from api.Caller, tell func(api.ImageProgress)) (got api.ImageID, release func(), err error)
}

// Fetch brings a folder from its borrower.
type Fetch interface {
	FetchTree(ctx context.Context, id api.BlobID, sources ...api.PeerID) (api.Tree, error)
}
