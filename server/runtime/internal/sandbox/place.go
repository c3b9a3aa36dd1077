package sandbox

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// Place is where a sandbox's agents live, one after another.
type Place interface {
	// Start starts an agent in the empty place.
	Start(ctx context.Context) (Resident, error)
	// Freeze stops everything in the place before ctx ends, Thaw lets it go on.
	// Both are idempotent; r is nil when no agent lives there.
	Freeze(ctx context.Context, r Resident) error
	Thaw(ctx context.Context, r Resident) error
	// Usage is what the place uses now and has used since it was made; r is nil
	// when no agent lives there.
	Usage(ctx context.Context, r Resident) (runtime.Usage, error)
	// Remove removes the place when its last agent has ended.
	Remove(ctx context.Context) error
}

// Resident is an agent that lives in a place.
type Resident interface {
	Client() *agent.Client
	// Kill ends it with everything below it, frozen or not, and waits until it is
	// gone. It is called once.
	Kill(ctx context.Context) error
	// Command says that one begins.
	Command(limits runtime.Limits) Meter
}

// Meter measures one command. Its methods may be called at the same time, also
// when the command has just ended.
type Meter interface {
	// Judge looks at the command and names the limit it is over.
	Judge() api.Limit
	// Refused names the limit at which the kernel refused something since the
	// command began; lost tells that the agent is gone too.
	Refused(lost bool) api.Limit
	// Peak is the most that was seen.
	Peak() (cpu time.Duration, memory int64)
}
