package shell

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

// Keeper keeps the sandboxes. Its methods are safe for concurrent use.
type Keeper struct {
	cfg  Config
	work sync.WaitGroup // of sandboxes

	mu    sync.Mutex // guards the rest, and what of box says so
	boxes map[api.SandboxID]*box
	down  bool // Run is over: no more are opened
}

// box is one sandbox.
type box struct {
	id    api.SandboxID
	who   api.Caller
	since time.Time
	end   context.CancelCauseFunc
	ready chan struct{} // closed when it is open, or could not be opened
	over  chan struct{} // closed when nothing is left of it

	op      sync.Mutex      // held while it is frozen or thawed; taken before Keeper.mu
	account sync.Mutex      // held while its use is charged; the same
	users   int             // sessions; guarded by Keeper.mu, as all below
	err     error           // why there is none
	cap     api.Resources   // set, with the next two, when it is open
	sandbox runtime.Sandbox // nil before
	mux     *session.Mux
	held    bool // its lender's owner has it stand still, by name
	frozen  bool
	used    runtime.Usage
	sampled time.Time
	cpu     float64
}

// New makes a Keeper. It starts nothing.
func New(cfg Config) *Keeper { return &Keeper{cfg: cfg, boxes: map[api.SandboxID]*box{}} }

// Run keeps sandboxes to what their owner lets, until ctx ends; then it ends them.
func (k *Keeper) Run(ctx context.Context) error {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			k.mu.Lock()
			k.down = true
			k.mu.Unlock()
			for _, b := range k.all() {
				b.end(api.Errorf(api.KindUnavailable, "this node is stopping"))
			}
			k.work.Wait()
			return nil
		case now := <-t.C:
			k.Follow(ctx)
			for _, b := range k.all() {
				k.sample(ctx, b, now)
			}
		}
	}
}

// Serve handles one stream of a member that may borrow: one session.
func (k *Keeper) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // it is given up either way
	defer stop()
	if err := request(st); err != nil {
		_ = st.Reset() // who speaks otherwise is not answered
		return
	}
	w := wire.NewWriter(st, container.MaxRow)
	var inside splice.Stream
	b, err := k.enter(ctx, from)
	if err == nil {
		defer k.leave(b)
		inside, err = k.session(ctx, b, from)
	}
	if err == nil {
		err = w.Send(container.KindSession, struct{}{})
	}
	if err != nil {
		_ = w.Send(container.KindFail, api.ProblemOf(err, false)) // nobody may be there to read it
		_ = st.Close()                                            // the borrower has read why, or has gone
		return
	}
	splice.Both(st, inside)
}

// request reads what a stream begins with.
func request(st wire.Stream) error {
	_ = st.SetReadDeadline(time.Now().Add(requestWait)) // a stream without deadlines is in memory
	kind, payload, err := wire.ReadOne(st, container.MaxRequest)
	if err != nil {
		return err
	}
	var req container.Request
	if kind != container.KindRequest {
		return wire.UnknownKind(kind)
	}
	if err := wire.Decode(payload, &req); err != nil {
		return err
	}
	if req.Op != container.OpSession {
		return api.Errorf(api.KindUnsupported, "this node does not know the request %.40q", req.Op)
	}
	return st.SetReadDeadline(time.Time{})
}

// enter is who's sandbox, with one more session. Where one is about to end it waits
// until what that took is free again.
func (k *Keeper) enter(ctx context.Context, who api.Caller) (*box, error) {
	for {
		b, old, err := k.place(who)
		if old == nil {
			return b, err
		}
		select {
		case <-old.over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// place is who's sandbox, or the one that ends before there is another.
func (k *Keeper) place(who api.Caller) (b, old *box, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return nil, nil, api.Errorf(api.KindUnavailable, "this node is stopping")
	}
	for _, b := range k.boxes {
		switch {
		case b.who.Peer != who.Peer:
		case b.users == 0:
			return nil, b, nil
		default:
			b.users++
			return b, nil, nil
		}
	}
	ctx, end := context.WithCancelCause(context.Background()) // ends with its last session, not with its first
	b = &box{id: api.SandboxID(ulid.Make().String()), who: who, since: time.Now().UTC(), end: end, ready: make(chan struct{}), over: make(chan struct{}), users: 1}
	k.boxes[b.id] = b
	k.work.Go(func() { k.live(ctx, b) })
	return b, nil, nil
}

var errLast = errors.New("its last session ended")

// leave ends a sandbox with its last session.
func (k *Keeper) leave(b *box) {
	k.mu.Lock()
	b.users--
	last := b.users == 0
	k.mu.Unlock()
	if last {
		b.end(errLast)
	}
}

// session opens one in a sandbox, when it is open.
func (k *Keeper) session(ctx context.Context, b *box, who api.Caller) (splice.Stream, error) {
	select {
	case <-b.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	k.mu.Lock()
	mux, frozen, err := b.mux, b.frozen, b.err
	k.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case frozen:
		return nil, api.Errorf(api.KindConflict, "the sandbox is paused by its lender's owner")
	}
	if err := k.cfg.Room.ShellPermitted(who); err != nil {
		return nil, err
	}
	c, err := mux.Open(ctx)
	if err != nil {
		return nil, err
	}
	return c.(splice.Stream), nil
}

// all is the sandboxes, oldest first.
func (k *Keeper) all() []*box {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*box, 0, len(k.boxes))
	for _, b := range k.boxes {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *box) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) })
	return all
}
