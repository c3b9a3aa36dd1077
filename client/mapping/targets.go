package mapping

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

const (
	dialWait   = 10 * time.Second // for a target to answer
	checkEvery = 5 * time.Second  // whether targets that take turns answer
)

// inTurn is the targets in the order in which the next connection tries them:
// those that answer take turns, and the others come last.
func (b *Book) inTurn(e *entry) []*target {
	b.mu.Lock()
	defer b.mu.Unlock()
	var up, down []*target
	for i := range e.targets {
		t := e.targets[(e.next+i)%len(e.targets)]
		if t.down == nil {
			up = append(up, t)
		} else {
			down = append(down, t)
		}
	}
	e.next = (e.next + 1) % len(e.targets)
	return append(up, down...)
}

// tried notes how a target did.
func (b *Book) tried(t *target, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.down = err
}

// far is a connection to a target.
type far interface {
	// carry carries what comes over near there, and what is answered, to the end.
	carry(ctx context.Context, e *entry, begin mapping.Begin, near splice.Stream) error
	// drop ends it before anything was said.
	drop()
}

// stream is a far that is one, and socket one of UDP on this machine.
type (
	stream struct{ splice.Stream }
	socket struct{ net.Conn }
)

func (s stream) drop() { _ = s.Reset() }
func (s socket) drop() { _ = s.Close() }

func (s socket) carry(ctx context.Context, e *entry, _ mapping.Begin, near splice.Stream) error {
	datagrams.Carry(ctx, near, mapping.KindDatagram, s.Conn, func(in, out int) { e.count.in.Add(int64(in)); e.count.out.Add(int64(out)) })
	return nil
}

func (s stream) carry(ctx context.Context, e *entry, begin mapping.Begin, near splice.Stream) error {
	end := context.AfterFunc(ctx, func() { _ = s.Reset() }) // a copy may wait in it
	defer end()
	if e.page.Spec.Proxy {
		if _, err := io.WriteString(s, proxyLine(begin.Client, begin.Server)); err != nil {
			_ = s.Reset()
			return err
		}
	}
	splice.Counting(near, s.Stream, func(n int) { e.count.in.Add(int64(n)) }, func(n int) { e.count.out.Add(int64(n)) })
	return nil
}

// connect goes to the first target that answers.
func (b *Book) connect(ctx context.Context, e *entry, port int) (far, error) {
	var failed []error
	for _, t := range b.inTurn(e) {
		to, err := b.connectOne(ctx, e, t, port)
		if err == nil {
			return to, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// connectOne goes to one target, and notes how it did.
func (b *Book) connectOne(ctx context.Context, e *entry, t *target, port int) (to far, err error) {
	defer func() {
		if ctx.Err() == nil {
			b.tried(t, err)
		}
	}()
	spec := e.page.Spec
	port += spec.Port
	there := tunnel.Open{Network: spec.Network, Port: port, Public: true}
	var st splice.Stream
	var own net.Conn
	switch {
	case spec.Container != "":
		st, err = b.cfg.Targets.Inside(ctx, spec.Container, port, func(err error) { b.tried(t, err) })
	case t.peer != "" && spec.Network == "udp":
		st, err = b.cfg.Targets.Flow(ctx, t.peer, there)
	case t.peer != "":
		st, err = b.cfg.Targets.Connect(ctx, t.peer, there)
	case spec.Network == "udp":
		own, err = b.dialOwn(ctx, "udp", port)
		return socket{own}, err
	default:
		if own, err = b.dialOwn(ctx, "tcp", port); err == nil {
			st = splice.TCP{TCPConn: own.(*net.TCPConn)}
		}
	}
	return stream{st}, err
}

// dialOwn connects to a port of this machine's loopback, never to p2prc's own.
func (b *Book) dialOwn(ctx context.Context, network string, port int) (net.Conn, error) {
	if b.cfg.Own(network, port) {
		return nil, ownPort(port)
	}
	d := net.Dialer{Timeout: dialWait}
	c, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.ECONNREFUSED) {
		if c6, err6 := d.DialContext(ctx, network, net.JoinHostPort("::1", strconv.Itoa(port))); err6 == nil {
			return c6, nil
		}
		return nil, api.Errorf(api.KindUnavailable, "nothing listens on port %d", port)
	}
	if err != nil {
		return nil, api.Errorf(api.KindUnavailable, "port %d does not answer: %w", port, err)
	}
	return c, nil
}

// check asks the targets of mappings that have several whether they answer, now
// and again until ctx is done: one that does not gets no connections.
func (b *Book) check(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var round sync.WaitGroup
		for _, e := range b.all() {
			for _, t := range e.targets {
				if len(e.targets) > 1 {
					round.Go(func() { b.checkOne(ctx, e, t) })
				}
			}
		}
		round.Wait()
	}
}

func (b *Book) checkOne(ctx context.Context, e *entry, t *target) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	to, err := b.connectOne(ctx, e, t, 0)
	if err != nil {
		b.tried(t, err)
		return
	}
	to.drop()
}
