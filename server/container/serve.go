package container

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	wcontainer "github.com/Akilan1999/p2p-rendering-computation/wire/container"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

const (
	requestWait = 10 * time.Second // for the request to come
	lastWord    = 5 * time.Second  // for the borrower to read the end
	mainWait    = time.Second      // for an agent to say how its main command is
)

// Serve handles one stream of a member that may borrow.
func (k *Keeper) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // it is given up either way
	defer stop()
	_ = st.SetReadDeadline(time.Now().Add(requestWait)) // a stream without deadlines is in memory
	kind, payload, err := wire.ReadOne(st, wcontainer.MaxRequest)
	var req wcontainer.Request
	if err == nil && kind != wcontainer.KindRequest {
		err = wire.UnknownKind(kind)
	}
	if err == nil {
		err = wire.Decode(payload, &req)
	}
	if err != nil {
		_ = st.Reset()
		return
	}
	_ = st.SetReadDeadline(time.Time{})
	a := &answer{w: wire.NewWriter(st, wcontainer.MaxRow)}
	if req.Op == wcontainer.OpSession {
		k.serveSession(ctx, from, req.ID, st, a)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reader sync.WaitGroup
	reader.Go(func() { // the borrower says no more: what comes is the end of the stream
		_, _ = io.Copy(io.Discard, st)
		cancel()
	})
	if err = k.answer(ctx, from, req, a); err != nil {
		a.fail(err)
	} else {
		a.end()
	}
	// Not closed at once: a reset would overtake the last frame.
	_ = st.CloseWrite()
	_ = st.SetReadDeadline(time.Now().Add(lastWord))
	reader.Wait()
	_ = st.Close()
}

// answer is what a borrower is told. It is safe for concurrent use.
type answer struct{ w *wire.Writer }

func (a *answer) row(r wcontainer.Row) error { return a.w.Send(wcontainer.KindRow, r) }

func (a *answer) end() { _ = a.w.Send(wcontainer.KindEnd, struct{}{}) } // nobody may be there to read it

func (a *answer) fail(err error) { _ = a.w.Send(wcontainer.KindFail, api.ProblemOf(err, false)) } // as above

func (k *Keeper) answer(ctx context.Context, from api.Caller, req wcontainer.Request, a *answer) error {
	select {
	case <-k.ready:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(requestWait):
		return api.Errorf(api.KindUnavailable, "no container engine answers on this node").WithHint("its owner has to start one")
	}
	switch req.Op {
	case wcontainer.OpTemplates:
		all, err := k.templates()
		for i := range all {
			if err := a.row(wcontainer.Row{Template: &all[i]}); err != nil {
				return err
			}
		}
		return err
	case wcontainer.OpList:
		return k.list(ctx, from, a)
	case wcontainer.OpCreate:
		if req.Spec == nil {
			return api.Errorf(api.KindInvalid, "a create without a container")
		}
		return k.serveCreate(from, req, a)
	}
	b, err := k.mine(from.Peer, req.ID)
	if err != nil {
		return err
	}
	life := context.WithoutCancel(ctx) // what is begun is ended, although its borrower has gone
	ask, cancel := context.WithTimeout(life, engineWait)
	defer cancel()
	switch req.Op {
	case wcontainer.OpStart:
		err = k.start(ask, from, b)
	case wcontainer.OpStop:
		err = k.stop(ask, b)
	case wcontainer.OpRemove:
		return k.remove(ask, b)
	case wcontainer.OpLogs:
		return k.logs(ctx, b, req, a)
	case wcontainer.OpStats:
		return k.stats(ctx, b, req.Follow, a)
	default:
		return api.Errorf(api.KindUnsupported, "this node does not know the request %.40q", req.Op)
	}
	if err != nil {
		return err
	}
	return a.row(wcontainer.Row{ContainerEvent: api.ContainerEvent{Container: k.view(ctx, b)}})
}

// serveCreate makes a container although its borrower may go meanwhile.
func (k *Keeper) serveCreate(from api.Caller, req wcontainer.Request, a *answer) error {
	k.mu.Lock()
	ctx := k.ctx
	k.mu.Unlock()
	k.work.Add(1)
	defer k.work.Done()
	b, err := k.create(ctx, from, req.ID, *req.Spec, func(e api.ContainerEvent) {
		e.Text, e.Build = session.Clean(e.Text), session.Clean(e.Build)
		_ = a.row(wcontainer.Row{ContainerEvent: e}) // nobody may be there to read it
	})
	if err != nil {
		return err
	}
	return a.row(wcontainer.Row{ContainerEvent: api.ContainerEvent{Container: k.view(ctx, b)}})
}

func (k *Keeper) list(ctx context.Context, from api.Caller, a *answer) error {
	k.mu.Lock()
	all := k.sortedLocked()
	k.mu.Unlock()
	for _, b := range all {
		if b.rec.Borrower != from.Peer {
			continue
		}
		if err := a.row(wcontainer.Row{ContainerEvent: api.ContainerEvent{Container: k.view(ctx, b)}}); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) stats(ctx context.Context, b *box, follow bool, a *answer) error {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		if err := a.row(wcontainer.Row{ContainerEvent: api.ContainerEvent{Container: k.view(ctx, b)}}); err != nil || !follow {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		if k.stateOf(b) != api.ContainerRunning {
			return k.notNow(b, "watched")
		}
	}
}

func (k *Keeper) logs(ctx context.Context, b *box, req wcontainer.Request, a *answer) error {
	if k.stateOf(b) == api.ContainerGone {
		return k.notNow(b, "read")
	}
	err := k.cfg.Engine.Logs(ctx, b.rec.ID, req.Follow, max(0, req.Tail), logRows{a, "stdout"}, logRows{a, "stderr"})
	if ctx.Err() != nil {
		return nil // nobody reads any more
	}
	return err
}

// logRows makes rows of what is written.
type logRows struct {
	a      *answer
	stream string
}

func (l logRows) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), wcontainer.LogChunk)]
		if err := l.a.row(wcontainer.Row{Log: &api.ContainerLog{Stream: l.stream, Data: part}}); err != nil {
			return n, err
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

// view is a container as its borrower sees it.
func (k *Keeper) view(ctx context.Context, b *box) *api.Container {
	k.mu.Lock()
	r := b.rec
	used := r.used()
	v := &api.Container{ID: r.ID, Name: r.Spec.Name, State: r.State, Reason: r.Reason, Source: sourceOf(r.Spec), Network: r.Spec.Network, Created: r.Created, Expires: r.Expires,
		Ports: append([]api.Port(nil), r.Ports...), Cap: r.Cap,
		Use: api.ContainerUse{CPU: b.cpu, CPUTime: api.Duration(used.CPUTime), Memory: b.memory, Procs: b.procs, In: used.In, Out: used.Out}}
	if b.frozen {
		v.State, v.Reason = api.ContainerPaused, "paused by the owner"
	}
	k.mu.Unlock()
	if v.State == api.ContainerRunning {
		v.Main = k.main(ctx, b)
	}
	return v
}

func sourceOf(s api.ContainerSpec) string {
	switch {
	case s.Image != "":
		return s.Image
	case s.Template != "":
		return "template " + s.Template
	}
	return "build " + s.Build.String()[:12]
}

// main asks the agent how the main command is; nil when it does not say.
func (k *Keeper) main(ctx context.Context, b *box) *api.MainCommand {
	ctx, cancel := context.WithTimeout(ctx, mainWait)
	defer cancel()
	st, err := k.session(ctx, b)
	if err != nil {
		return nil
	}
	s := session.NewClient(st)
	defer s.Close()
	m, err := s.Main(ctx)
	if err != nil {
		return nil
	}
	return &api.MainCommand{Args: m.Args, Ended: m.Ended, Exit: m.Exit}
}

// serveSession lets the borrower and the agent speak to each other.
func (k *Keeper) serveSession(ctx context.Context, from api.Caller, id api.ContainerID, st wire.Stream, a *answer) {
	inside, err := func() (splice.Stream, error) {
		b, err := k.mine(from.Peer, id)
		if err != nil {
			return nil, err
		}
		if k.frozen(b) {
			return nil, api.Errorf(api.KindConflict, "the container is paused by its lender's owner")
		}
		if err := k.cfg.Room.Permitted(from, b.rec.Spec.Network); err != nil {
			return nil, err
		}
		ask, cancel := context.WithTimeout(ctx, engineWait)
		defer cancel()
		c, err := k.session(ask, b)
		if err != nil {
			return nil, err
		}
		return c.(splice.Stream), nil
	}()
	if err == nil {
		err = a.w.Send(wcontainer.KindSession, struct{}{})
	}
	if err != nil {
		a.fail(err)
		_ = st.Close() // the borrower has read why, or has gone
		return
	}
	splice.Both(st, inside)
}

func (k *Keeper) frozen(b *box) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return b.frozen
}
