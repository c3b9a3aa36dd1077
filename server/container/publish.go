package container

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

const (
	maxPorts = 16
	maxConns = 128 // of one published port
)

// port is a published port: a listener here, a session inside for each connection.
type port struct {
	ln    net.Listener
	ctx   context.Context
	stop  context.CancelFunc
	conns sync.WaitGroup
}

func (p *port) close() {
	p.stop()
	_ = p.ln.Close() // nobody listens any more either way
	p.conns.Wait()
}

// listen opens the ports of a container that runs, at the numbers they had
// before where it had some.
func (k *Keeper) listen(b *box) (err error) {
	k.mu.Lock()
	want := append([]api.Port(nil), b.rec.Ports...)
	k.mu.Unlock()
	var open []*port
	for i := range want {
		p, err := k.publish(b, &want[i])
		if err != nil {
			for _, p := range open {
				p.close()
			}
			return err
		}
		open = append(open, p)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	b.rec.Ports, b.ports = want, open
	return nil
}

func (k *Keeper) publish(b *box, want *api.Port) (*port, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(want.Outside)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, api.Errorf(api.KindConflict, "port %d is taken on the lender", want.Outside).WithHint("leave the outside port to the lender: --publish %d", want.Inside)
	case err != nil:
		return nil, api.Errorf(api.KindInternal, "port %d cannot be published: %w", want.Inside, err)
	}
	want.Outside = ln.Addr().(*net.TCPAddr).Port
	p := &port{ln: ln}
	p.ctx, p.stop = context.WithCancel(context.Background()) // ends with the container's run
	inside := net.JoinHostPort("127.0.0.1", strconv.Itoa(want.Inside))
	p.conns.Go(func() {
		slots := make(chan struct{}, maxConns)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			select {
			case slots <- struct{}{}:
			default:
				_ = c.Close() // one too many
				continue
			}
			p.conns.Go(func() {
				defer func() { <-slots }()
				k.carry(p.ctx, b, c, inside)
			})
		}
	})
	return p, nil
}

// carry makes one connection a session in the container.
func (k *Keeper) carry(ctx context.Context, b *box, c net.Conn, inside string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.Close()
	// The reader of the connection waits in it, and must not when all is over.
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	st, err := k.session(ctx, b)
	if err != nil {
		return
	}
	s := session.NewClient(st)
	defer s.Close()
	in, out := &counted{Reader: c}, &counted{Writer: c, end: c.(*net.TCPConn).CloseWrite}
	if err := s.Dial(ctx, inside, in, out); err != nil {
		k.log.Debug("a connection to a published port broke", "container", b.rec.ID, "err", err)
	}
	k.mu.Lock()
	b.carried.In += in.n
	b.carried.Out += out.n
	k.mu.Unlock()
}

// counted counts what goes through.
type counted struct {
	io.Reader
	io.Writer
	end func() error
	n   int64
}

// CloseWrite passes on that nothing more is written.
func (c *counted) CloseWrite() error { return c.end() }

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}
