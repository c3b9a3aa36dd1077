package container

import (
	"context"
	"net"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// start runs a stopped container again.
func (k *Keeper) start(ctx context.Context, who api.Caller, b *box) error {
	b.op.Lock()
	defer b.op.Unlock()
	switch k.stateOf(b) {
	case api.ContainerRunning:
		return nil
	case api.ContainerStopped:
	default:
		return k.notNow(b, "started")
	}
	k.mu.Lock()
	held := b.rec.Held
	k.mu.Unlock()
	if held {
		return api.Errorf(api.KindUnavailable, "its lender's owner has this container stand still")
	}
	if _, err := k.cfg.Room.Reserve(who, api.SandboxID(b.rec.ID), b.rec.Cap, b.rec.Spec.Network); err != nil {
		return err
	}
	err := k.cfg.Engine.Start(ctx, b.rec.ID)
	if err == nil {
		err = k.listen(b)
	}
	if err != nil {
		k.standStill(ctx, b, "it could not be started: "+err.Error())
		return err
	}
	k.mu.Lock()
	b.rec.State, b.rec.Reason = api.ContainerRunning, ""
	b.began()
	k.mu.Unlock()
	return k.save(ctx, b)
}

// stop ends what runs in a container and keeps its files.
func (k *Keeper) stop(ctx context.Context, b *box) error {
	b.op.Lock()
	defer b.op.Unlock()
	switch k.stateOf(b) {
	case api.ContainerStopped:
		return nil
	case api.ContainerRunning:
	default:
		return k.notNow(b, "stopped")
	}
	if err := k.thaw(ctx, b); err != nil {
		return err
	}
	if err := k.cfg.Engine.Stop(ctx, b.rec.ID); err != nil {
		return err
	}
	k.stopped(ctx, b, "")
	return nil
}

// remove takes a container away; of one that is gone, the record.
func (k *Keeper) remove(ctx context.Context, b *box) error {
	b.abort(api.Errorf(api.KindCanceled, "removed while it was made"))
	b.op.Lock()
	defer b.op.Unlock()
	if err := k.cfg.Engine.Remove(ctx, b.rec.ID); err != nil {
		return err
	}
	k.charge(b, time.Now())
	k.halt(b, api.ContainerGone, "removed")
	return k.forget(ctx, b, nil)
}

// withdraw takes a container away from its borrower, who can read the reason.
func (k *Keeper) withdraw(ctx context.Context, b *box, reason string) error {
	b.abort(api.Errorf(api.KindWithdrawn, "%s", reason))
	b.op.Lock()
	defer b.op.Unlock()
	if k.stateOf(b) == api.ContainerGone {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineWait)
	defer cancel()
	if err := k.cfg.Engine.Remove(ctx, b.rec.ID); err != nil {
		return err
	}
	k.charge(b, time.Now())
	k.end(ctx, b, reason)
	return nil
}

func (k *Keeper) stateOf(b *box) api.ContainerState {
	k.mu.Lock()
	defer k.mu.Unlock()
	return b.rec.State
}

func (k *Keeper) notNow(b *box, word string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	msg := ""
	if b.rec.Reason != "" {
		msg = ": " + b.rec.Reason
	}
	return api.Errorf(api.KindConflict, "a container that is %s cannot be %s%s", b.rec.State, word, msg)
}

// session opens a session in a container that runs.
func (k *Keeper) session(ctx context.Context, b *box) (net.Conn, error) {
	for range 2 { // the connection may be of before the container's agent went
		k.mu.Lock()
		state, mux := b.rec.State, b.mux
		k.mu.Unlock()
		if state != api.ContainerRunning {
			return nil, k.notNow(b, "entered")
		}
		if mux == nil {
			var err error
			if mux, err = k.connect(ctx, b); err != nil {
				return nil, err
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err // the connection is there for who asks next
		}
		st, err := mux.Open(ctx)
		if err == nil || api.KindOf(err) == api.KindQuota {
			return st, err
		}
		k.mu.Lock()
		if b.mux == mux {
			b.mux = nil
		}
		k.mu.Unlock()
		_ = mux.Close() // it is gone
	}
	return nil, api.Errorf(api.KindLost, "the container's agent does not answer")
}
