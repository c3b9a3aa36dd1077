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
	f := datagrams.Flows{Conn: l.on, Kind: mapping.KindDatagram, Room: m.g.room, Begin: func(from netip.AddrPort, end context.CancelFunc) datagrams.Flow {
		c, err := m.enter(from.Addr(), end)
		if err != nil {
			return nil
		}
		return flow{m: m, c: c, begin: mapping.Begin{Port: l.port, Client: from, Server: server}}
	}}
	f.Run(ctx)
}

// flow is one sender's.
type flow struct {
	m     *carried
	c     *conn
	begin mapping.Begin
}

// Open reaches the mapper.
func (f flow) Open(ctx context.Context) (wire.Stream, error) { return f.m.reach(ctx, f.begin) }

// Count adds to the connection's and the mapping's.
func (f flow) Count(in, out int) {
	f.c.in.Add(int64(in))
	f.m.in.Add(int64(in))
	f.c.out.Add(int64(out))
	f.m.out.Add(int64(out))
}

// End gives its place free.
func (f flow) End() { f.m.leave(f.c) }
