package mapping

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
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
	e, live := b.find(begin.ID, from.Peer)
	if e == nil || begin.Port < 0 || begin.Port >= e.page.Spec.Ports {
		_ = st.Reset()
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(live, cancel)()
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	e.count.open.Add(1)
	e.count.total.Add(1)
	defer e.count.open.Add(-1)
	to, err := b.connect(ctx, e, begin.Port)
	if err == nil {
		err = to.carry(ctx, e, begin, st)
	}
	if err != nil {
		_ = st.Reset() // the client sees that nobody is there
		b.cfg.Log.Info("a mapped connection failed", "mapping", begin.ID, "err", err)
	}
}

// find is a mapping that a gateway has, with the context of its connections, or nil.
func (b *Book) find(id api.MappingID, gw api.PeerID) (*entry, context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[id]
	if e == nil || !e.open || e.page.Gateway != gw {
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
