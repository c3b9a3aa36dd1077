package container

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// connect execs the agent in a container, once for all who wait for it.
func (k *Keeper) connect(ctx context.Context, b *box) (*session.Mux, error) {
	b.op.Lock()
	defer b.op.Unlock()
	k.mu.Lock()
	mux, state := b.mux, b.rec.State
	k.mu.Unlock()
	if mux != nil {
		return mux, nil
	}
	if state != api.ContainerRunning {
		return nil, k.notNow(b, "entered")
	}
	mux, err := k.cfg.Engine.Sessions(ctx, b.rec.ID)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	b.mux = mux
	return mux, nil
}
