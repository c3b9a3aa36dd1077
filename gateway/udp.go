package gateway

import (
	"context"
	"net"
	"net/netip"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// flows carries each sender's datagrams, until ctx is done.
func (m *carried) flows(ctx context.Context, l listening[*net.UDPConn]) {
	server := l.on.LocalAddr().(*net.UDPAddr).AddrPort()
	f := datagrams.Flows{Conn: l.on, Kind: mapping.KindDatagram, Begin: func(from netip.AddrPort) datagrams.Flow {
		ctx, end := context.WithCancel(ctx)
		c, err := m.enter(from.Addr(), end)
		if err != nil {
			end()
			return nil
		}
		return &flow{m: m, c: c, ctx: ctx, begin: mapping.Begin{Port: l.port, Client: from, Server: server}}
	}}
	f.Run(ctx)
}

// flow is one sender's.
type flow struct {
	m     *carried
	c     *conn
	ctx   context.Context // done when it is to end
	begin mapping.Begin
	stop  func() bool
}

// Open reaches the mapper.
func (f *flow) Open(context.Context) (wire.Stream, error) {
	st, err := f.m.reach(f.ctx, f.begin)
	if err == nil {
		f.stop = context.AfterFunc(f.ctx, func() { _ = st.Reset() })
	}
	return st, err
}

// Count adds to the connection's and the mapping's.
func (f *flow) Count(in, out int) {
	f.c.in.Add(int64(in))
	f.m.in.Add(int64(in))
	f.c.out.Add(int64(out))
	f.m.out.Add(int64(out))
}

// End gives its place free.
func (f *flow) End() {
	if f.stop != nil {
		f.stop()
	}
	f.c.end()
	f.m.leave(f.c)
}
