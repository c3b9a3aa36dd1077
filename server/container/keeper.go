package container

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	maxPerBorrower = 32
	goneKept       = 24 * time.Hour
	tickEvery      = time.Second
	saveEvery      = 10 * time.Second
	diskEvery      = time.Minute
	tidyEvery      = time.Hour
	engineWait     = 30 * time.Second // for one request to the engine, builds left out
)

// Record is what is kept of a container.
type Record struct {
	ID       api.ContainerID    `json:"id"`
	Borrower api.PeerID         `json:"borrower"`
	Spec     api.ContainerSpec  `json:"spec"`
	Cap      api.Resources      `json:"cap"`
	Created  time.Time          `json:"created"`
	Expires  time.Time          `json:"expires"`
	State    api.ContainerState `json:"state"`
	Reason   string             `json:"reason,omitempty"`
	Ended    time.Time          `json:"ended,omitzero"`
	Ports    []api.Port         `json:"ports,omitempty"`
	Held     bool               `json:"held,omitempty"` // its lender's owner has it stand still, by name
	Past     Usage              `json:"past"`           // of earlier runs
	Run      Usage              `json:"run"`            // of this run, as last seen
}

// used is what the container has used in all its runs.
func (r Record) used() Usage {
	return Usage{CPUTime: r.Past.CPUTime + r.Run.CPUTime, In: r.Past.In + r.Run.In, Out: r.Past.Out + r.Run.Out}
}

// Config is what a Keeper is made of; all of it is required.
type Config struct {
	Engine    Engine
	Room      Room
	Store     Store
	Blobs     Blobs
	Fetch     Fetch
	Images    Images
	Templates string // the folder of the owner's templates
	Names     func(api.PeerID) string
	Roles     func() map[api.PeerID]api.Role
	Log       *slog.Logger
}

// Keeper keeps this machine's long-lived containers. Its methods are safe for
// concurrent use.
type Keeper struct {
	cfg   Config
	log   *slog.Logger
	ready chan struct{} // closed when what an earlier process left is adopted
	work  sync.WaitGroup

	mu        sync.Mutex // guards the rest, and what of box says so
	boxes     map[api.ContainerID]*box
	rechecked time.Time
	littered  bool            // the engine may have containers that no box is for
	tidied    time.Time       // of Run alone
	still     bool            // of Run alone: everything was last told to stand still
	ctx       context.Context // of Run; nil before
}

// box is one container.
type box struct {
	op sync.Mutex // held while the engine is asked to change it; taken before Keeper.mu
	// abort ends its making; harmless afterwards.
	abort context.CancelCauseFunc
	rec   Record // guarded by Keeper.mu, as all below

	frozen  bool // it stands still, by rec.Held or because everything does
	away    bool // the engine did not answer since it was last looked at, and may have stopped it
	mux     *session.Mux
	ports   []*port
	cpu     float64
	memory  int64
	procs   int
	sampled time.Time // when this run was last charged, or began; zero: not since the node did
	saved   time.Time
	changed time.Time // when it last began or ceased to run
	disked  time.Time
	carried Usage // In and Out of published ports in this run
}

// began notes that a run begins now. The caller holds Keeper.mu.
func (b *box) began() { b.changed, b.sampled = time.Now(), time.Now() }

// New makes a Keeper. It starts nothing.
func New(cfg Config) *Keeper {
	return &Keeper{cfg: cfg, log: cfg.Log, ready: make(chan struct{}), boxes: map[api.ContainerID]*box{}}
}

// Run adopts what an earlier process left, keeps containers to their bounds until
// ctx ends, and then stops them.
func (k *Keeper) Run(ctx context.Context) error {
	k.mu.Lock()
	k.ctx = ctx
	k.mu.Unlock()
	defer k.work.Wait()
	if err := k.adopt(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			k.shutDown()
			return nil
		case now := <-t.C:
			k.tick(ctx, now)
		}
	}
}

// adopt compares the store's list with the engine's.
func (k *Keeper) adopt(ctx context.Context) error {
	var records []Record
	err := k.cfg.Store.Load(ctx, func(doc []byte) error {
		var r Record
		if err := json.Unmarshal(doc, &r); err != nil {
			return api.Errorf(api.KindCorrupt, "the record of a container: %w", err)
		}
		records = append(records, r)
		return nil
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	for _, r := range records {
		k.boxes[r.ID] = &box{rec: r, abort: func(error) {}}
		switch r.State {
		case api.ContainerRunning:
			k.cfg.Room.Adopt(r.Borrower, api.SandboxID(r.ID), r.Cap)
		case api.ContainerStopped:
			k.keepGPUs(r)
		}
	}
	k.mu.Unlock()
	k.still = k.cfg.Room.Paused()
	var found []Found
	for said := false; ; {
		if found, err = k.cfg.Engine.List(ctx); err == nil {
			break
		}
		if len(records) > 0 && !said {
			said = true
			k.log.Warn("the engine does not answer, its containers cannot be adopted yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * tickEvery):
		}
	}
	there := map[api.ContainerID]Found{}
	for _, f := range found {
		if !f.Rest {
			there[f.ID] = f
		}
	}
	k.mu.Lock()
	all := k.sortedLocked()
	k.mu.Unlock()
	for _, b := range all {
		f, ok := there[b.rec.ID]
		k.adoptOne(ctx, b, f, ok)
	}
	k.removeOrphans(ctx, found)
	close(k.ready)
	return nil
}

// adoptOne makes what an earlier process knew of a container true.
func (k *Keeper) adoptOne(ctx context.Context, b *box, f Found, there bool) {
	b.op.Lock()
	defer b.op.Unlock()
	switch state := k.stateOf(b); {
	case state == api.ContainerCreating:
		k.end(ctx, b, "the node ended while it was made")
	case state == api.ContainerGone:
	case !there:
		k.end(ctx, b, "it was removed while the node was down")
	case state == api.ContainerRunning:
		k.resumeOrStop(ctx, b, f)
	}
}

// removeOrphans removes what the engine has and no box is for. What it will not
// remove now is tried again by the next tick.
func (k *Keeper) removeOrphans(ctx context.Context, found []Found) {
	littered := false
	for _, f := range found {
		k.mu.Lock()
		b := k.boxes[f.ID]
		orphan := b == nil || b.rec.State == api.ContainerGone
		k.mu.Unlock()
		if !orphan {
			continue
		}
		k.log.Info("a container without an owner is removed", "container", f.ID)
		if err := k.cfg.Engine.Remove(ctx, f.ID); err != nil {
			littered = true
			k.log.Error("a container without an owner cannot be removed; it is tried again", "container", f.ID, "err", err)
		}
	}
	k.mu.Lock()
	k.littered = littered
	k.mu.Unlock()
}

// resume makes a container that was running what it was: running, and frozen
// where its owner has it so.
func (k *Keeper) resume(ctx context.Context, b *box, f Found) error {
	k.mu.Lock()
	frozen := b.frozen || b.rec.Held || k.cfg.Room.Paused()
	k.mu.Unlock()
	if !f.Running {
		if err := k.cfg.Engine.Start(ctx, f.ID); err != nil {
			return err
		}
		k.mu.Lock()
		b.rec.Past, b.rec.Run, b.carried = b.rec.used(), Usage{}, Usage{}
		b.began()
		k.mu.Unlock()
	}
	act := func(context.Context, api.ContainerID) error { return nil }
	switch {
	case frozen && !f.Paused:
		act = k.cfg.Engine.Freeze
	case !frozen && f.Paused:
		act = k.cfg.Engine.Thaw
	}
	if err := act(ctx, f.ID); err != nil {
		return err
	}
	k.mu.Lock()
	b.frozen = frozen
	listens := b.ports != nil
	k.mu.Unlock()
	k.sample(ctx, b, time.Now()) // what it used while nobody looked
	if listens {
		return nil
	}
	return k.listen(b)
}

// resumeOrStop notes that b is stopped where it cannot be resumed.
func (k *Keeper) resumeOrStop(ctx context.Context, b *box, f Found) {
	if err := k.resume(ctx, b, f); err != nil {
		k.log.Error("a container cannot be started again", "container", f.ID, "err", err)
		k.standStill(ctx, b, "it could not be started again: "+err.Error())
	}
}

// standStill stops a container that cannot be what it should be, and notes so:
// what runs on the engine is never thought to be stopped.
func (k *Keeper) standStill(ctx context.Context, b *box, reason string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineWait)
	defer cancel()
	if err := k.cfg.Engine.Stop(ctx, b.rec.ID); err != nil {
		k.log.Error("a container cannot be stopped; it is tried again", "container", b.rec.ID, "err", err)
	}
	k.stopped(ctx, b, reason)
}

// sortedLocked is the containers, oldest first.
func (k *Keeper) sortedLocked() []*box {
	all := make([]*box, 0, len(k.boxes))
	for _, b := range k.boxes {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *box) int {
		return cmp.Or(a.rec.Created.Compare(b.rec.Created), cmp.Compare(a.rec.ID, b.rec.ID))
	})
	return all
}

// mine is a borrower's container. Another's is not there.
func (k *Keeper) mine(who api.PeerID, id api.ContainerID) (*box, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.boxes[id]; b != nil && b.rec.Borrower == who {
		return b, nil
	}
	return nil, api.Errorf(api.KindNotFound, "no such container here")
}

// save writes b's record; a record that cannot be written is said again by the
// next tick.
func (k *Keeper) save(ctx context.Context, b *box) error {
	k.mu.Lock()
	rec := b.rec
	k.mu.Unlock()
	if err := k.cfg.Store.Save(ctx, string(rec.ID), rec); err != nil {
		return err
	}
	k.mu.Lock()
	b.saved = time.Now()
	k.mu.Unlock()
	return nil
}

// end makes b gone: what the engine had is gone or about to be.
func (k *Keeper) end(ctx context.Context, b *box, reason string) {
	k.halt(b, api.ContainerGone, reason)
	k.log.Info("a container ended", "container", b.rec.ID, "borrower", b.rec.Borrower, "reason", reason)
	if err := k.save(context.WithoutCancel(ctx), b); err != nil {
		k.log.Error("a container's end cannot be written", "container", b.rec.ID, "err", err)
	}
}

// stopped notes that b does not run.
func (k *Keeper) stopped(ctx context.Context, b *box, reason string) {
	k.halt(b, api.ContainerStopped, reason)
	if err := k.save(context.WithoutCancel(ctx), b); err != nil {
		k.log.Error("a container's state cannot be written", "container", b.rec.ID, "err", err)
	}
}

// halt gives back what a running container holds.
func (k *Keeper) halt(b *box, to api.ContainerState, reason string) {
	k.mu.Lock()
	b.rec.State, b.rec.Reason, b.changed = to, reason, time.Now()
	if to == api.ContainerGone {
		b.rec.Ended = time.Now().UTC()
	}
	b.rec.Past, b.rec.Run, b.carried = b.rec.used(), Usage{}, Usage{}
	rec := b.rec
	b.cpu, b.memory, b.procs, b.frozen = 0, 0, 0, false
	mux, ports := b.mux, b.ports
	b.mux, b.ports = nil, nil
	k.mu.Unlock()
	k.cfg.Room.Release(api.SandboxID(rec.ID))
	if to == api.ContainerStopped {
		k.keepGPUs(rec)
	}
	for _, p := range ports {
		p.close()
	}
	if mux != nil {
		_ = mux.Close() // the container is going anyway
	}
}

// keepGPUs takes a stopped container's GPUs: nobody else can be given them.
func (k *Keeper) keepGPUs(r Record) {
	if r.Cap.GPU > 0 {
		k.cfg.Room.Adopt(r.Borrower, api.SandboxID(r.ID), api.Resources{GPU: r.Cap.GPU})
	}
}

// shutDown stops what runs, all at once; the records say that it is to run again.
func (k *Keeper) shutDown() {
	ctx, cancel := context.WithTimeout(context.Background(), engineWait)
	defer cancel()
	k.mu.Lock()
	all := k.sortedLocked()
	k.mu.Unlock()
	var ends sync.WaitGroup
	for _, b := range all {
		ends.Go(func() {
			b.op.Lock()
			defer b.op.Unlock()
			if k.stateOf(b) != api.ContainerRunning {
				return
			}
			if err := errors.Join(k.thaw(ctx, b), k.cfg.Engine.Stop(ctx, b.rec.ID)); err != nil {
				k.log.Error("a container cannot be stopped", "container", b.rec.ID, "err", err)
			}
			k.halt(b, api.ContainerRunning, "")
			if err := k.save(ctx, b); err != nil {
				k.log.Error("a container's use cannot be written", "container", b.rec.ID, "err", err)
			}
		})
	}
	ends.Wait()
}
