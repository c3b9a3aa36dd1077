package mapping

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
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

// connect goes to the first target that answers: a stream, or a socket of UDP.
func (b *Book) connect(ctx context.Context, e *entry, port int) (any, error) {
	var failed []error
	for _, t := range b.inTurn(e) {
		far, err := b.connectOne(ctx, e, t, port)
		if err == nil {
			return far, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// connectOne goes to one target, and notes how it did.
func (b *Book) connectOne(ctx context.Context, e *entry, t *target, port int) (far any, err error) {
	defer func() {
		if ctx.Err() == nil {
			b.tried(t, err)
		}
	}()
	spec := e.page.Spec
	port += spec.Port
	switch {
	case spec.Container != "":
		return b.cfg.Targets.Inside(ctx, spec.Container, port, func(err error) { b.tried(t, err) })
	case t.peer != "":
		return b.cfg.Targets.Connect(ctx, t.peer, tunnel.Open{Network: spec.Network, Port: port, Public: true})
	}
	c, err := b.dialOwn(ctx, spec.Network, port)
	if tcp, ok := c.(*net.TCPConn); ok {
		return splice.TCP{TCPConn: tcp}, nil
	}
	return c, err
}

// dialOwn connects to a port of this machine's loopback, never to p2prc's own.
func (b *Book) dialOwn(ctx context.Context, network string, port int) (net.Conn, error) {
	if b.cfg.Own(port) {
		return nil, api.Errorf(api.KindDenied, "port %d is p2prc's own", port)
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
	far, err := b.connectOne(ctx, e, t, 0)
	if err != nil {
		b.tried(t, err)
		return
	}
	if st, ok := far.(splice.Stream); ok {
		_ = st.Reset() // nothing was said
	} else if c, ok := far.(net.Conn); ok {
		_ = c.Close()
	}
}
