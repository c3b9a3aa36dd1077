package gateway

import (
	"context"
	"net"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// again is how long to wait when nothing can be accepted, as with too many open files.
const again = 100 * time.Millisecond

// accept carries each connection, which ends with ctx, until the mapping is over.
func (m *carried) accept(ctx context.Context, l listening[*net.TCPListener]) {
	for {
		near, err := l.on.AcceptTCP()
		switch {
		case m.ctx.Err() != nil:
			if err == nil {
				_ = near.Close()
			}
			return
		case err != nil:
			select {
			case <-time.After(again):
			case <-m.ctx.Done():
			}
			continue
		}
		one, end := context.WithCancel(ctx)
		c, err := m.enter(near.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(), end)
		if err != nil {
			end()
			_ = splice.TCP{TCPConn: near}.Reset()
			continue
		}
		m.work.Go(func() {
			defer m.leave(c)
			defer end()
			m.carry(one, c, splice.TCP{TCPConn: near}, l.port)
		})
	}
}

// carry is one client's connection.
func (m *carried) carry(ctx context.Context, c *conn, near splice.TCP, port int) {
	begin := mapping.Begin{Port: port, Client: near.RemoteAddr().(*net.TCPAddr).AddrPort(), Server: near.LocalAddr().(*net.TCPAddr).AddrPort()}
	far, err := m.connect(ctx, begin)
	if err != nil {
		_ = near.Reset() // who connected sees that nobody is there
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = near.Reset(); _ = far.Reset() }) // a copy may wait in either
	defer stop()
	splice.Counting(near, far, func(n int) { c.in.Add(int64(n)); m.in.Add(int64(n)) }, func(n int) { c.out.Add(int64(n)); m.out.Add(int64(n)) })
}
