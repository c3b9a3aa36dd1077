package container

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const recheckEvery = time.Minute

// tick does what time alone brings about.
func (k *Keeper) tick(ctx context.Context, now time.Time) {
	k.tidy(ctx, now)
	k.followOwner(ctx)
	k.mu.Lock()
	all, littered := k.sortedLocked(), k.littered
	k.mu.Unlock()
	if len(all) == 0 && !littered {
		return
	}
	ask, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	asked := time.Now()
	found, err := k.cfg.Engine.List(ask)
	if err != nil {
		k.mu.Lock()
		for _, b := range all {
			b.away = true
		}
		k.mu.Unlock()
		if ctx.Err() == nil {
			k.log.Debug("the engine does not list containers", "err", err)
		}
		return
	}
	there := map[api.ContainerID]Found{}
	for _, f := range found {
		if !f.Rest {
			there[f.ID] = f
		}
	}
	for _, b := range all {
		if ctx.Err() != nil {
			return
		}
		f, ok := there[b.rec.ID]
		k.look(ask, b, f, ok, asked, now)
	}
	k.removeOrphans(ask, found)
	k.mu.Lock()
	due := now.Sub(k.rechecked) >= recheckEvery
	if due {
		k.rechecked = now
	}
	k.mu.Unlock()
	if due {
		if err := k.Enforce(ask); err != nil {
			k.log.Error("a container cannot be withdrawn", "err", err)
		}
	}
}

// tidy has the engine remove, at the start and then now and again, what no
// container needs any more. Nobody waits for it: what fails is tried again.
func (k *Keeper) tidy(ctx context.Context, now time.Time) {
	if now.Sub(k.tidied) < tidyEvery {
		return
	}
	k.tidied = now
	k.work.Go(func() {
		if err := k.cfg.Engine.Tidy(ctx, now); err != nil && ctx.Err() == nil {
			k.log.Warn("what containers left on the engine cannot be removed yet", "err", err)
		}
	})
}

// followOwner freezes or thaws everything when lending as a whole was paused or
// resumed without a word from the owner: his hours ended or began.
func (k *Keeper) followOwner(ctx context.Context) {
	paused := k.cfg.Room.Paused()
	if paused == k.still {
		return
	}
	act := k.ThawAll
	if paused {
		act = k.FreezeAll
	}
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	if err := act(ctx); err != nil {
		k.log.Error("not every container follows the owner's hours yet", "err", err)
		return
	}
	k.still = paused
}

// look holds one container to its bounds and to what the engine says of it.
func (k *Keeper) look(ctx context.Context, b *box, f Found, there bool, asked, now time.Time) {
	if !b.op.TryLock() {
		return // somebody changes it; the next tick looks again
	}
	k.mu.Lock()
	r, frozen, disked, stale, away := b.rec, b.frozen, b.disked, b.changed.After(asked), b.away
	b.away = away && stale
	k.mu.Unlock()
	if stale { // the list is of before it was started or stopped
		b.op.Unlock()
		return
	}
	reason := ""
	switch {
	case r.State == api.ContainerGone:
		if now.Sub(r.Ended) > goneKept {
			_ = k.forget(ctx, b, nil) // nil is handed on
		}
	case r.State == api.ContainerCreating:
	case !there:
		reason = "it was removed behind the node's back" // and what it leaves goes too
	case now.After(r.Expires):
		reason = "its time was up"
	case r.State == api.ContainerRunning && away && (!f.Running || f.Paused != frozen):
		k.charge(b, now)
		k.resumeOrStop(ctx, b, f)
	case r.State == api.ContainerStopped && !f.Running:
		k.chargeKept(b, now)
	case r.State == api.ContainerStopped:
		if err := k.cfg.Engine.Stop(ctx, r.ID); err != nil {
			k.log.Error("a container that should be stopped runs", "container", r.ID, "err", err)
		}
	case r.State == api.ContainerRunning && !f.Running:
		k.charge(b, now)
		if err := k.cfg.Engine.Stop(ctx, r.ID); err != nil { // what holds its network runs on else
			k.log.Warn("what a container leaves running cannot be stopped", "container", r.ID, "err", err)
		}
		k.stopped(ctx, b, "it stopped by itself, perhaps for want of memory")
	case r.State == api.ContainerRunning && !frozen:
		k.sample(ctx, b, now)
		if now.Sub(disked) >= diskEvery {
			reason = k.disk(ctx, b, now)
		}
	}
	b.op.Unlock()
	if reason != "" {
		if err := k.withdraw(ctx, b, reason); err != nil {
			k.log.Error("a container cannot be taken away; it is tried again", "container", r.ID, "err", err)
		}
	}
}

// sample asks what a container uses and charges it. The caller holds b.op.
func (k *Keeper) sample(ctx context.Context, b *box, now time.Time) {
	u, err := k.cfg.Engine.Usage(ctx, b.rec.ID)
	if err != nil {
		return // the next tick sees what has become of it
	}
	k.mu.Lock()
	was, at := b.rec.Run, b.sampled
	u.In, u.Out = u.In+b.carried.In, u.Out+b.carried.Out
	b.rec.Run, b.sampled, b.memory, b.procs = u, now, u.Memory, u.Procs
	used, spent := u.CPUTime-was.CPUTime, now.Sub(at)
	if at.IsZero() || used < 0 || spent <= 0 { // what is not known to be uncharged is not charged
		used, spent = 0, 0
	} else {
		b.cpu = used.Seconds() / spent.Seconds()
	}
	due := now.Sub(b.saved) >= saveEvery
	k.mu.Unlock()
	if used > 0 || spent > 0 {
		k.cfg.Room.Charge(b.rec.Borrower, api.SandboxID(b.rec.ID), api.UsageRow{
			CPUSeconds: used.Seconds(), MemorySeconds: float64(u.Memory) * spent.Seconds(), GPUSeconds: float64(b.rec.Cap.GPU) * spent.Seconds(),
			BytesIn: max(0, u.In-was.In), BytesOut: max(0, u.Out-was.Out),
		})
	}
	if due {
		if err := k.save(ctx, b); err != nil {
			k.log.Error("what a container has used cannot be written", "container", b.rec.ID, "err", err)
		}
	}
}

// charge writes the last of a run into the ledger.
func (k *Keeper) charge(b *box, now time.Time) {
	k.mu.Lock()
	memory, at, running := b.memory, b.sampled, b.rec.State == api.ContainerRunning && !b.frozen
	b.sampled = time.Time{}
	k.mu.Unlock()
	if running && !at.IsZero() {
		spent := now.Sub(at).Seconds()
		k.cfg.Room.Charge(b.rec.Borrower, api.SandboxID(b.rec.ID), api.UsageRow{MemorySeconds: float64(memory) * spent, GPUSeconds: float64(b.rec.Cap.GPU) * spent})
	}
}

// chargeKept charges what a stopped container keeps from others, its GPUs.
func (k *Keeper) chargeKept(b *box, now time.Time) {
	k.mu.Lock()
	at := b.sampled
	b.sampled = now
	k.mu.Unlock()
	if b.rec.Cap.GPU > 0 && !at.IsZero() {
		k.cfg.Room.Charge(b.rec.Borrower, api.SandboxID(b.rec.ID), api.UsageRow{GPUSeconds: float64(b.rec.Cap.GPU) * now.Sub(at).Seconds()})
	}
}

// disk says why a container must end because of what it wrote, or nothing.
func (k *Keeper) disk(ctx context.Context, b *box, now time.Time) string {
	k.mu.Lock()
	b.disked = now
	k.mu.Unlock()
	n, err := k.cfg.Engine.Disk(ctx, b.rec.ID)
	if err == nil && b.rec.Cap.Disk > 0 && n > b.rec.Cap.Disk {
		return "it wrote more than its disk"
	}
	return ""
}
