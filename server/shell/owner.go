package shell

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// Sandboxes is what takes part of the machine, as its owner sees it.
func (k *Keeper) Sandboxes() []api.Sandbox {
	var out []api.Sandbox
	for _, b := range k.all() {
		k.mu.Lock()
		state := "running"
		switch {
		case b.mux == nil:
			state = "starting"
		case b.frozen:
			state = "paused"
		case b.users == 0:
			state = "closing"
		}
		out = append(out, api.Sandbox{ID: b.id, Runtime: api.RuntimeProcess, Borrower: b.who.Peer, Name: k.cfg.Names(b.who.Peer),
			Job: api.JobID(b.id), JobName: "shell", Lease: api.LeaseID(b.id), State: state, Task: -1, Since: b.since,
			CPU: b.cpu, Memory: b.used.Memory, CPUTime: api.Duration(b.used.CPUTime), Cap: b.cap})
		k.mu.Unlock()
	}
	return out
}

// Has tells whether a sandbox is one of this Keeper's.
func (k *Keeper) Has(id api.SandboxID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.boxes[id] != nil
}

func (k *Keeper) get(id api.SandboxID) (*box, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.boxes[id]; b != nil {
		return b, nil
	}
	return nil, api.Errorf(api.KindNotFound, "no sandbox %s", id)
}

// Kill ends one now.
func (k *Keeper) Kill(ctx context.Context, id api.SandboxID, reason string) error {
	b, err := k.get(id)
	if err != nil {
		return err
	}
	b.end(api.Errorf(api.KindWithdrawn, "%s", api.Killed(reason)))
	select {
	case <-b.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hold has one stand still, or lets it go on.
func (k *Keeper) Hold(ctx context.Context, id api.SandboxID, held bool) error {
	b, err := k.get(id)
	if err != nil {
		return err
	}
	k.mu.Lock()
	b.held = held
	k.mu.Unlock()
	return k.settle(ctx, b)
}

// Follow has everything stand still, or go on, as the owner has it for lending as a whole.
func (k *Keeper) Follow(ctx context.Context) {
	var done sync.WaitGroup
	for _, b := range k.all() {
		done.Go(func() {
			if err := k.settle(ctx, b); err != nil {
				k.cfg.Log.Error("a shell's sandbox does not follow the owner", "sandbox", b.id, "err", err)
			}
		})
	}
	done.Wait()
}

// settle has a sandbox stand still or go on, as it should. One that cannot be
// frozen is ended.
func (k *Keeper) settle(ctx context.Context, b *box) error {
	b.op.Lock()
	defer b.op.Unlock()
	paused := k.cfg.Room.Paused()
	k.mu.Lock()
	sb, want, is := b.sandbox, paused || b.held, b.frozen
	k.mu.Unlock()
	if sb == nil || want == is {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), freezeWait) // who asked may go
	defer cancel()
	act := runtime.Sandbox.Resume
	if want {
		act = runtime.Sandbox.Pause
	}
	if err := act(sb, ctx); err != nil {
		b.end(api.Errorf(api.KindWithdrawn, "it could not be paused or resumed"))
		return err
	}
	k.mu.Lock()
	b.frozen = want
	k.mu.Unlock()
	return nil
}

// Enforce ends what is not allowed any more, and the newest of whoever has more
// than the owner lends now.
func (k *Keeper) Enforce() {
	all, roles := k.all(), k.cfg.Roles()
	slices.Reverse(all)
	order := make([]api.SandboxID, len(all))
	for i, b := range all {
		order[i] = b.id
	}
	over := k.cfg.Room.Over(order)
	for _, b := range all {
		err := k.cfg.Room.ShellPermitted(api.Caller{Peer: b.who.Peer, Role: roles[b.who.Peer]})
		if err == nil && slices.Contains(over, b.id) {
			err = errors.New("the limits were lowered")
		}
		if err != nil {
			b.end(api.Errorf(api.KindWithdrawn, "withdrawn by the owner: %w", err))
		}
	}
}
