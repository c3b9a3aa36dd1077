package shell

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// live is a sandbox's life: until ctx ends, or its agent does.
func (k *Keeper) live(ctx context.Context, b *box) {
	err := k.execute(ctx, b)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	k.cfg.Log.Info("a shell's sandbox ended", "sandbox", b.id, "borrower", b.who.Peer, "err", err)
	k.mu.Lock()
	opened := b.mux != nil
	b.err = err
	delete(k.boxes, b.id)
	k.mu.Unlock()
	if !opened {
		close(b.ready)
	}
	close(b.over)
}

// execute opens the sandbox and runs the agent in it. Its error is never nil.
func (k *Keeper) execute(ctx context.Context, b *box) (err error) {
	most, err := k.cfg.Room.ReserveShell(ctx, b.who, b.id)
	if err != nil {
		return err
	}
	defer k.cfg.Room.Release(b.id)
	limits := k.cfg.Room.Limits()
	sb, err := k.cfg.Runtime.Open(ctx, runtime.Spec{ID: b.id, Lease: api.LeaseID(b.id), Borrower: b.who.Peer, PTYs: true, Cap: most, MaxProcs: limits.MaxProcs, Lent: limits.Total})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer cancel()
		k.sample(ctx, b, time.Now())
		err = errors.Join(err, sb.Close(ctx))
	}()
	near, far := bufpipe.Pair(buffer)
	defer far.Reset() // which ends the sessions, and cannot fail
	mux, err := session.Connect(session.Conn{ReadCloser: near, WriteCloser: near})
	if err != nil {
		return err
	}
	defer mux.Close()
	k.mu.Lock()
	b.cap, b.sandbox, b.mux = most, sb, mux
	k.mu.Unlock()
	close(b.ready)
	k.cfg.Log.Info("a member has a shell", "sandbox", b.id, "borrower", b.who.Peer)
	arg, err := agent.Argument(session.Config{User: runtime.ProcessUser})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { far.Reset() }) // a write may wait in it
	defer stop()
	res, err := sb.Exec(ctx, runtime.Command{
		Args:   []string{"/proc/self/exe", "agent", session.ModeSession, arg}, // of whoever executes it: the agent
		Limits: runtime.Limits{Wall: time.Duration(limits.MaxWall), Disk: most.Disk},
	}, runtime.Streams{Stdin: far, Stdout: far, Stderr: io.Discard})
	if err != nil {
		return err
	}
	return api.Errorf(api.KindLost, "the sandbox's agent ended with exit code %d%s", res.Exit.Code, overLimit(res.Exit.Limit))
}

func overLimit(l api.Limit) string {
	if l == api.LimitNone {
		return ""
	}
	return ", over its limit of " + string(l)
}

// sample asks what a sandbox uses and charges it.
func (k *Keeper) sample(ctx context.Context, b *box, now time.Time) {
	b.account.Lock()
	defer b.account.Unlock()
	k.mu.Lock()
	sb, was, at := b.sandbox, b.used, b.sampled
	k.mu.Unlock()
	if sb == nil {
		return
	}
	use, err := sb.Usage(ctx)
	if err != nil {
		return // it is ending, or is looked at again
	}
	spent := now.Sub(at).Seconds()
	if at.IsZero() {
		spent = now.Sub(b.since).Seconds()
	}
	used := max(0, use.CPUTime-was.CPUTime).Seconds()
	k.mu.Lock()
	b.used, b.sampled, b.cpu = use, now, used/max(spent, 0.001)
	k.mu.Unlock()
	k.cfg.Room.Charge(b.who.Peer, b.id, api.UsageRow{CPUSeconds: used, MemorySeconds: float64(use.Memory) * spent})
}
