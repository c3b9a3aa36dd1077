package mapping

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

const beginWait = 10 * time.Second // for a stream's first frame

// Serve carries one connection that a gateway brings. Only the gateway that has a
// mapping now can bring any.
func (b *Book) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	_ = st.SetReadDeadline(time.Now().Add(beginWait))
	kind, payload, err := wire.ReadOne(st, mapping.MaxBegin)
	var begin mapping.Begin
	if err != nil || kind != mapping.KindBegin || wire.Decode(payload, &begin) != nil {
		_ = st.Reset()
		return
	}
	_ = st.SetReadDeadline(time.Time{})
	e := b.at(begin.ID, from.Peer)
	if e == nil || begin.Port < 0 || begin.Port >= e.page.Spec.Ports {
		_ = st.Reset()
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	e.count.open.Add(1)
	e.count.total.Add(1)
	defer e.count.open.Add(-1)
	if err := b.carry(ctx, e, begin, st); err != nil {
		_ = st.Reset() // the client sees that nobody is there
		b.cfg.Log.Info("a mapped connection failed", "mapping", begin.ID, "err", err)
	}
}

// at is a mapping that a gateway has, or nil.
func (b *Book) at(id api.MappingID, gw api.PeerID) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	if e == nil || !e.open || e.page.Gateway != gw {
		return nil
	}
	return e
}

// carry carries what a client says, and what it is answered, to the end.
func (b *Book) carry(ctx context.Context, e *entry, begin mapping.Begin, st wire.Stream) error {
	target, err := b.connect(ctx, e, begin.Port)
	if err != nil {
		return err
	}
	far, ok := target.(splice.Stream)
	if !ok {
		datagrams.Carry(ctx, st, mapping.KindDatagram, target.(net.Conn), func(in, out int) { e.count.in.Add(int64(in)); e.count.out.Add(int64(out)) })
		return nil
	}
	end := context.AfterFunc(ctx, func() { _ = far.Reset() }) // a copy may wait in it
	defer end()
	if e.page.Spec.Proxy {
		if _, err := io.WriteString(far, proxyLine(begin.Client, begin.Server)); err != nil {
			_ = far.Reset()
			return err
		}
	}
	splice.Both(splice.Counted{Stream: st, N: &e.count.in}, splice.Counted{Stream: far, N: &e.count.out})
	return nil
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
