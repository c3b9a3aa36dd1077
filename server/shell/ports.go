package shell

import (
	"context"
	"log/slog"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// Runtime is the part of runtime process that is used here.
type Runtime interface {
	Open(ctx context.Context, spec runtime.Spec) (runtime.Sandbox, error)
}

// Room is the lending side's part: who may, how much there is, what it cost.
type Room interface {
	// ReserveShell takes what a shell may use, if the owner's rules and limits let
	// who have one, and answers with the caps that hold. KindDenied, KindQuota.
	ReserveShell(ctx context.Context, who api.Caller, id api.SandboxID) (api.Resources, error)
	Release(id api.SandboxID)
	// ShellPermitted says why who may not have a shell here any more, or nil.
	ShellPermitted(who api.Caller) error
	// Over names those of the sandboxes that are too much for what the owner lends,
	// when the first of them go first.
	Over(order []api.SandboxID) []api.SandboxID
	// Paused tells whether the owner has everything stand still.
	Paused() bool
	Limits() api.Limits
	// Charge writes what was used into the ledger.
	Charge(who api.PeerID, id api.SandboxID, used api.UsageRow)
}

// Config is what a Keeper is made of; all of it is required.
type Config struct {
	Runtime Runtime
	Room    Room
	Names   func(api.PeerID) string
	Roles   func() map[api.PeerID]api.Role
	Log     *slog.Logger
}

const (
	requestWait = 10 * time.Second // for the request to come
	tickEvery   = time.Second
	freezeWait  = 2 * time.Second // one that takes longer to freeze is closed: the owner was promised the machine within 5 s
	closeWait   = 30 * time.Second
	buffer      = 256 << 10 // bytes between the sessions and their agent, each way
)
