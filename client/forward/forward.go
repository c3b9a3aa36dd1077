// Package forward gives a borrower local ports that lead to ports of peers, of
// hosts beside them, and of containers. One connection is one stream of package
// wire/tunnel, or a session in the container; those to peers outlive a path that breaks.
package forward

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

const (
	openWait  = 15 * time.Second // for one peer to connect or refuse
	maxOpen   = 1024             // connections of one forward
	tellEvery = time.Second
)

var noAnswer = api.Errorf(api.KindTimeout, "the peer does not answer")

// Dialer opens streams to members. KindUnavailable when one cannot be reached.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
	// OpenLane is OpenStream for a stream that may have a connection of its own; KeepLanes
	// has some ready for the next minute.
	OpenLane(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
	KeepLanes(peer api.PeerID)
}

// Containers are this node's. Known is KindNotFound for a name that none has.
type Containers interface {
	Known(name string) error
	Session(ctx context.Context, name string) (wire.Stream, error)
}

// Config is what a Forwarder is made of; all of it is required.
type Config struct {
	Dial       Dialer
	Containers Containers
	Resolve    func(name string) (api.PeerID, error)
	Log        *slog.Logger
}

// Forwarder is safe for concurrent use.
type Forwarder struct{ cfg Config }

// New makes a forwarder.
func New(cfg Config) *Forwarder { return &Forwarder{cfg} }

// target is what a forward leads to: of TCP what connects, of UDP what flows.
type target struct {
	// connect's late hears why, when it fails only after the stream was handed out.
	connect func(ctx context.Context, late func(error)) (splice.Stream, error)
	flow    func(ctx context.Context) (wire.Stream, error)
}

// Run listens until ctx is done or tell fails, and returns when every connection
// is gone. tell is called by one goroutine at a time, first with where it listens.
//
// KindInvalid: the target makes no sense; KindConflict: the local port is taken.
func (f *Forwarder) Run(ctx context.Context, spec api.ForwardSpec, tell func(api.ForwardEvent) error) error {
	to := tunnel.Open{Network: spec.Network, Host: spec.Host, Port: spec.Port}
	if to.Network == "" {
		to.Network = "tcp"
	}
	target, err := f.target(spec, to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{target: target, failed: make(chan error, 1), log: f.cfg.Log}
	local := net.JoinHostPort("127.0.0.1", strconv.Itoa(spec.Local))
	if to.Network == "udp" {
		return r.datagrams(ctx, local, tell)
	}
	ln, err := net.Listen("tcp", local)
	if err != nil {
		return cannotListen(local, err)
	}
	r.conns.Go(func() { r.accept(ctx, ln) })
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	err = r.report(ctx, ln.Addr().String(), tell)
	cancel()
	r.conns.Wait()
	return err
}

func cannotListen(local string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return api.Errorf(api.KindConflict, "%s is in use on this machine", local).WithHint("name another local port, or none: PORT:0 takes a free one")
	case errors.Is(err, syscall.EACCES):
		return api.Errorf(api.KindDenied, "this node may not listen at %s", local).WithHint("ports below 1024 are the administrator's; name another: PORT:8080")
	}
	return api.Errorf(api.KindUnavailable, "cannot listen at %s: %w", local, err)
}

// target checks a spec and says how to connect.
func (f *Forwarder) target(spec api.ForwardSpec, to tunnel.Open) (target, error) {
	if err := to.Check(); err != nil {
		return target{}, err
	}
	if spec.Container != "" {
		if len(spec.Peers) > 0 || spec.Host != "" || to.Network != "tcp" {
			return target{}, api.Errorf(api.KindInvalid, "into a container go TCP connections to its own ports only")
		}
		return target{connect: func(ctx context.Context, late func(error)) (splice.Stream, error) {
			return f.Inside(ctx, spec.Container, spec.Port, late)
		}}, f.cfg.Containers.Known(spec.Container)
	}
	if len(spec.Peers) == 0 {
		return target{}, api.Errorf(api.KindInvalid, "a forward without a peer or a container")
	}
	var peers []api.PeerID
	for _, name := range spec.Peers {
		id, err := f.cfg.Resolve(name)
		if err != nil {
			return target{}, err
		}
		peers = append(peers, id)
		if to.Network == "tcp" {
			f.cfg.Dial.KeepLanes(id)
		}
	}
	return target{
		connect: func(ctx context.Context, _ func(error)) (splice.Stream, error) {
			return first(ctx, peers, to, f.Connect)
		},
		flow: func(ctx context.Context) (wire.Stream, error) { return first(ctx, peers, to, f.Flow) },
	}, nil
}

// first is of the first peer that connects.
func first[S any](ctx context.Context, peers []api.PeerID, to tunnel.Open, connect func(context.Context, api.PeerID, tunnel.Open) (S, error)) (none S, _ error) {
	var failed []error
	for _, peer := range peers {
		st, err := connect(ctx, peer, to)
		if err == nil {
			return st, nil
		}
		failed = append(failed, err)
	}
	if len(failed) == 1 {
		return none, failed[0]
	}
	return none, api.Errorf(api.KindOf(failed[0]), "none of %d peers connects: %w", len(peers), errors.Join(failed...))
}

// Inside connects to a port of a container. That nothing listens there shows in the
// first read, and late is told.
func (f *Forwarder) Inside(ctx context.Context, name string, port int, late func(error)) (splice.Stream, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, openWait, noAnswer)
	defer cancel()
	st, err := f.cfg.Containers.Session(ctx, name)
	if err != nil {
		return nil, err
	}
	return dialInside(st, port, late), nil
}

// Flow begins a flow of datagrams to a port of one peer, or beside it. What goes over
// it are frames of kind tunnel.KindDatagram.
func (f *Forwarder) Flow(ctx context.Context, peer api.PeerID, to tunnel.Open) (wire.Stream, error) {
	to.Lasting = false
	st, _, err := f.open(ctx, f.cfg.Dial.OpenStream, peer, tunnel.KindOpen, to)
	return st, err
}

// Connect connects by TCP to a port of one peer, or beside it. The connection lasts
// where the peer can do that, and goes on over another path when its own breaks.
func (f *Forwarder) Connect(ctx context.Context, peer api.PeerID, to tunnel.Open) (splice.Stream, error) {
	to.Lasting = true
	st, ready, err := f.open(ctx, f.cfg.Dial.OpenLane, peer, tunnel.KindOpen, to)
	switch {
	case err != nil:
		return nil, err
	case ready.Token == "":
		return st, nil
	}
	return resume.Dialed(st, func(ctx context.Context, got int64) (wire.Stream, int64, error) {
		st, again, err := f.open(ctx, f.cfg.Dial.OpenStream, peer, tunnel.KindResume, tunnel.Resume{Token: ready.Token, Got: got})
		return st, again.Got, err
	}), nil
}

type opener = func(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)

// open opens a stream to a peer and says what is wanted of it.
func (f *Forwarder) open(ctx context.Context, open opener, peer api.PeerID, kind wire.Kind, what any) (wire.Stream, tunnel.Ready, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, openWait, noAnswer)
	defer cancel()
	st, err := open(ctx, peer, tunnel.Protocol)
	if err != nil {
		return nil, tunnel.Ready{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // a read may wait in it
	ready, err := tunnel.Ask(st, kind, what)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = st.Reset()
		return nil, tunnel.Ready{}, err
	}
	return st, ready, nil
}

// run is one forward while it is open.
type run struct {
	target
	failed chan error // holds the last failure that was not told
	log    *slog.Logger
	conns  sync.WaitGroup

	open    atomic.Int64
	total   atomic.Int64
	in, out atomic.Int64
}

// report tells how it goes, at most once a second, until ctx is done.
func (r *run) report(ctx context.Context, at string, tell func(api.ForwardEvent) error) error {
	last := api.ForwardEvent{}
	if err := tell(api.ForwardEvent{Listening: at}); err != nil {
		return err
	}
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		var failed error
		select {
		case <-ctx.Done():
			return nil
		case failed = <-r.failed:
		case <-tick.C:
		}
		now := api.ForwardEvent{Open: int(r.open.Load()), Total: r.total.Load(), BytesIn: r.in.Load(), BytesOut: r.out.Load()}
		if failed != nil {
			p := api.ProblemOf(failed, true)
			now.Problem = &p
		} else if now == last {
			continue
		}
		if err := tell(now); err != nil {
			return err
		}
		now.Problem, last = nil, now
	}
}

// fail notes why a connection could not be made.
func (r *run) fail(err error) {
	select {
	case r.failed <- err:
	default: // one is waiting to be told; the log has all
	}
	r.log.Info("a forwarded connection failed", "err", err)
}

// accept carries each connection until the listener is closed.
func (r *run) accept(ctx context.Context, ln net.Listener) {
	for {
		c, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return
		}
		if err != nil { // too many open files, or a client that went: the next may do
			r.fail(err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if r.open.Add(1) > maxOpen {
			r.open.Add(-1)
			_ = splice.TCP{TCPConn: c.(*net.TCPConn)}.Reset()
			r.fail(api.Errorf(api.KindQuota, "%d connections are open, which is the most", maxOpen))
			continue
		}
		r.total.Add(1)
		r.conns.Go(func() {
			defer r.open.Add(-1)
			r.carry(ctx, splice.TCP{TCPConn: c.(*net.TCPConn)})
		})
	}
}

func (r *run) carry(ctx context.Context, near splice.TCP) {
	far, err := r.connect(ctx, r.fail)
	if err != nil {
		_ = near.Reset() // who connected sees that it was refused
		if ctx.Err() == nil {
			r.fail(err)
		}
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = near.Reset(); _ = far.Reset() }) // a copy may wait in either
	defer stop()
	splice.Counting(near, far, func(n int) { r.in.Add(int64(n)) }, func(n int) { r.out.Add(int64(n)) })
}
