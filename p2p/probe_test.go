package p2p

import (
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// A member that calls while it is probed at an address where nobody answers is not taken for
// dead, and its connection stays.
func TestProbeOvertakenByACall(t *testing.T) {
	nodes := newPool(t, 2)
	a, b := nodes[0], nodes[1]
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed := make(chan struct{}, 64)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close() // it says nothing until then
			nudge(dialed)
		}
	}()
	silent, err := manet.FromNetAddr(ln.Addr())
	if err != nil {
		t.Fatal(err)
	}
	real := peer.AddrInfo{ID: a.pid, Addrs: a.session().host.Addrs()}
	knows := func(p, of *peerNode) {
		s := p.session()
		e, _ := s.pool.table.get(of.ID())
		e.rec.Addrs, e.rec.Seq = []string{silent.String()}, e.rec.Seq+3_600_000 // an hour ahead of what it says of itself
		s.pool.table.offer(e.rec, e.raw, p.cfg.now(), false)
		s.host.Peerstore().ClearAddrs(of.pid)
	}
	knows(a, b)
	knows(b, a)
	a.session().lag.Store(int64(time.Minute)) // the call comes in time
	if err := a.session().host.Network().ClosePeer(b.pid); err != nil {
		t.Fatal(err)
	}
	<-dialed // who lost a member probes it
	if err := b.session().host.Connect(t.Context(), real); err != nil {
		t.Fatal(err)
	}
	a.until("the probe is over", func() bool {
		s := a.session()
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.probing[b.pid] == nil
	})
	if a.Counters()["deaths"] != 0 || !a.sees(b, api.PeerAlive) || !a.session().proven(b.pid) {
		t.Errorf("%d are dead", a.Counters()["deaths"])
	}
}
