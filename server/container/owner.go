package container

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// freezeWait is how long freezing may take; a container that cannot be frozen is
// removed, because the owner was promised the machine within 5 s.
const freezeWait = 2 * time.Second

// Sandboxes is the containers that take part of the machine, as its owner sees them.
func (k *Keeper) Sandboxes() []api.Sandbox {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []api.Sandbox
	for _, b := range k.sortedLocked() {
		r := b.rec
		state := map[api.ContainerState]string{api.ContainerCreating: "starting", api.ContainerRunning: "running", api.ContainerStopped: "idle"}[r.State]
		if state == "" {
			continue
		}
		if b.frozen {
			state = "paused"
		}
		all = append(all, api.Sandbox{ID: api.SandboxID(r.ID), Runtime: api.RuntimeDocker, Borrower: r.Borrower, Name: k.cfg.Names(r.Borrower),
			Job: api.JobID(r.ID), JobName: r.Spec.Name, Lease: api.LeaseID(r.ID), State: state, Task: -1, Since: r.Created,
			CPU: b.cpu, Memory: b.memory, CPUTime: api.Duration(r.used().CPUTime), Cap: r.Cap})
	}
	return all
}

// Has tells whether a sandbox is a container of this Keeper's.
func (k *Keeper) Has(id api.SandboxID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.boxes[api.ContainerID(id)] != nil
}

func (k *Keeper) get(id api.SandboxID) (*box, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.boxes[api.ContainerID(id)]; b != nil {
		return b, nil
	}
	return nil, api.Errorf(api.KindNotFound, "no sandbox %s", id)
}

// Kill takes one container away now.
func (k *Keeper) Kill(ctx context.Context, id api.SandboxID, reason string) error {
	b, err := k.get(id)
	if err != nil {
		return err
	}
	return k.withdraw(ctx, b, api.Killed(reason))
}

// Freeze and Thaw pause and resume one container.
func (k *Keeper) Freeze(ctx context.Context, id api.SandboxID) error {
	b, err := k.get(id)
	if err != nil {
		return err
	}
	return errors.Join(k.hold(ctx, b, true), k.freeze(ctx, b))
}

// Thaw undoes Freeze.
func (k *Keeper) Thaw(ctx context.Context, id api.SandboxID) error {
	b, err := k.get(id)
	if err != nil {
		return err
	}
	if err := k.hold(ctx, b, false); err != nil {
		return err
	}
	b.op.Lock()
	defer b.op.Unlock()
	return k.thaw(ctx, b)
}

// hold remembers whether the owner has this one stand still.
func (k *Keeper) hold(ctx context.Context, b *box, held bool) error {
	k.mu.Lock()
	same := b.rec.Held == held
	b.rec.Held = held
	k.mu.Unlock()
	if same {
		return nil
	}
	return k.save(ctx, b)
}

// FreezeAll pauses every container, ThawAll lets every one go on that its owner
// does not hold by name.
func (k *Keeper) FreezeAll(ctx context.Context) error { return k.each(ctx, k.freeze) }

// ThawAll undoes FreezeAll.
func (k *Keeper) ThawAll(ctx context.Context) error {
	return k.each(ctx, func(ctx context.Context, b *box) error {
		b.op.Lock()
		defer b.op.Unlock()
		k.mu.Lock()
		held := b.rec.Held
		k.mu.Unlock()
		if held {
			return nil
		}
		return k.thaw(ctx, b)
	})
}

func (k *Keeper) each(ctx context.Context, do func(context.Context, *box) error) error {
	k.mu.Lock()
	all := k.sortedLocked()
	k.mu.Unlock()
	errs := make([]error, len(all))
	var done sync.WaitGroup
	for i, b := range all {
		done.Go(func() { errs[i] = do(ctx, b) })
	}
	done.Wait()
	return errors.Join(errs...)
}

// freeze has a container stand still. One that is being made is not: a build may
// take long, and the owner was promised the machine.
func (k *Keeper) freeze(ctx context.Context, b *box) error {
	if k.stateOf(b) == api.ContainerCreating {
		b.abort(api.Errorf(api.KindWithdrawn, "the owner paused this node while the container was made"))
	}
	b.op.Lock()
	if k.stateOf(b) != api.ContainerRunning || b.frozen {
		b.op.Unlock()
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, freezeWait)
	defer cancel()
	err := k.cfg.Engine.Freeze(soon, b.rec.ID)
	if err == nil {
		k.mu.Lock()
		b.frozen, b.cpu = true, 0
		k.mu.Unlock()
	}
	b.op.Unlock()
	if err != nil {
		k.log.Error("a container cannot be paused; it is removed", "container", b.rec.ID, "err", err)
		return k.withdraw(ctx, b, "it could not be paused")
	}
	return nil
}

// thaw lets a container go on. The caller holds b.op.
func (k *Keeper) thaw(ctx context.Context, b *box) error {
	k.mu.Lock()
	frozen := b.frozen
	k.mu.Unlock()
	if !frozen {
		return nil
	}
	if err := k.cfg.Engine.Thaw(ctx, b.rec.ID); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	b.frozen = false
	return nil
}

// Enforce takes away what is not allowed any more, and the newest containers of
// whoever has more than the owner lends now.
func (k *Keeper) Enforce(ctx context.Context) error {
	err := k.Recheck(ctx)
	over := k.cfg.Room.Over(k.newest())
	return errors.Join(err, k.each(ctx, func(ctx context.Context, b *box) error {
		if !slices.Contains(over, api.SandboxID(b.rec.ID)) {
			return nil
		}
		return k.withdraw(ctx, b, "withdrawn by the owner: the limits were lowered")
	}))
}

// newest is the containers, newest first.
func (k *Keeper) newest() (order []api.SandboxID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, b := range slices.Backward(k.sortedLocked()) {
		order = append(order, api.SandboxID(b.rec.ID))
	}
	return order
}

// Ends is the containers that Enforce would take away under limits l.
func (k *Keeper) Ends(l api.Limits) []api.Sandbox {
	none := l.Runtimes != nil && !slices.Contains(l.Runtimes, api.RuntimeDocker)
	over := k.cfg.Room.OverUnder(l, k.newest())
	return slices.DeleteFunc(k.Sandboxes(), func(s api.Sandbox) bool { return !none && !slices.Contains(over, s.ID) })
}

// Forbidden is the containers that Recheck would take away under other rules than the
// owner's.
func (k *Keeper) Forbidden(rules []api.Rule) []api.Sandbox {
	roles, gone := k.cfg.Roles(), map[api.SandboxID]bool{}
	k.mu.Lock()
	boxes := k.sortedLocked()
	k.mu.Unlock()
	for _, b := range boxes {
		who := api.Caller{Peer: b.rec.Borrower, Role: roles[b.rec.Borrower]}
		gone[api.SandboxID(b.rec.ID)] = api.KindOf(k.cfg.Room.PermittedUnder(rules, who, b.rec.Spec.Network)) == api.KindDenied
	}
	return slices.DeleteFunc(k.Sandboxes(), func(s api.Sandbox) bool { return !gone[s.ID] })
}

// Recheck takes away what its borrower may not have any more.
func (k *Keeper) Recheck(ctx context.Context) error {
	roles := k.cfg.Roles()
	return k.each(ctx, func(ctx context.Context, b *box) error {
		if k.stateOf(b) == api.ContainerGone {
			return nil
		}
		err := k.cfg.Room.Permitted(api.Caller{Peer: b.rec.Borrower, Role: roles[b.rec.Borrower]}, b.rec.Spec.Network)
		if api.KindOf(err) == api.KindDenied { // that the engine cannot give something now is no reason to take files away
			return k.withdraw(ctx, b, "withdrawn by the owner: "+err.Error())
		}
		return nil
	})
}
