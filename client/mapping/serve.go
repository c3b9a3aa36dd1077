package mapping

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

const beginWait = 10 * time.Second // for a stream's first frame

// Serve carries one connection that a gateway brings. Only the gateway that has a
// mapping can bring any, or had it last: its path may be there again before it is asked.
func (b *Book) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	_ = st.SetReadDeadline(time.Now().Add(beginWait))
	kind, payload, err := wire.ReadOne(st, mapping.MaxBegin)
	_ = st.SetReadDeadline(time.Time{})
	var begin mapping.Begin
	var again tunnel.Resume
	switch {
	case err != nil:
	case kind == mapping.KindBegin:
		if err = wire.Decode(payload, &begin); err == nil {
			b.connection(ctx, from, st, begin)
		}
	case kind == mapping.KindResume:
		if err = wire.Decode(payload, &again); err == nil {
			err = b.lasting.Resume(from.Peer, st, again)
		}
	default:
		err = wire.UnknownKind(kind)
	}
	if err != nil {
		_ = st.Reset()
	}
}

// connection carries a new one.
func (b *Book) connection(ctx context.Context, from api.Caller, st wire.Stream, begin mapping.Begin) {
	e, live := b.find(begin.ID, from.Peer)
	if e == nil || begin.Port < 0 || begin.Port >= e.page.Spec.Ports {
		_ = st.Reset()
		return
	}
	defer b.at.add(from.Peer, 0, -1)
	if b.at.add(from.Peer, 0, 1).conns > b.cfg.Connections {
		_ = st.Reset()
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(live, cancel)()
	near, forget := b.accept(from, e, begin, st)
	defer forget()
	stop := context.AfterFunc(ctx, func() { _ = near.Reset() })
	defer stop()
	e.count.open.Add(1)
	e.count.total.Add(1)
	defer e.count.open.Add(-1)
	to, err := b.connect(ctx, e, begin.Port)
	if err == nil {
		err = to.carry(ctx, e, begin, near)
	}
	if err != nil {
		_ = near.Reset() // the client sees that nobody is there
		b.cfg.Log.Info("a mapped connection failed", "mapping", begin.ID, "err", err)
	}
}

// accept is the gateway's end of a connection; one of TCP with a token can be taken
// up until forget is called.
func (b *Book) accept(from api.Caller, e *entry, begin mapping.Begin, st wire.Stream) (near splice.Stream, forget func()) {
	if begin.Token == "" || e.page.Spec.Network != "tcp" {
		return st, func() {}
	}
	conn := resume.Accepted(st)
	return conn, b.lasting.Keep(from.Peer, begin.Token, conn)
}

// find is a mapping that a gateway has, or had last, with the context of its connections, or nil.
func (b *Book) find(id api.MappingID, gw api.PeerID) (*entry, context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	if e == nil || e.at != gw {
		return nil, nil
	}
	return e, e.live
}

// proxyLine is the header of the PROXY protocol, version 1.
func proxyLine(client, server netip.AddrPort) string {
	from, to := client.Addr().Unmap().WithZone(""), server.Addr().Unmap().WithZone("")
	family := "TCP6"
	switch {
	case !from.IsValid() || from.Is4() != to.Is4():
		return "PROXY UNKNOWN\r\n"
	case from.Is4():
		family = "TCP4"
	}
	return fmt.Sprintf("PROXY %s %s %s %d %d\r\n", family, from, to, client.Port(), server.Port())
}
