package p2p

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
)

// only waits until one connection of those that two nodes began with is left.
func only(p, q *peerNode) network.Conn {
	p.t.Helper()
	var all []network.Conn
	p.until("one connection is left of those that they began with", func() bool {
		all = p.session().host.Network().ConnsToPeer(q.pid)
		return len(all) == 1
	})
	return all[0]
}

// comeAgain has q call p by a connection of its own, from another port, on which it answers pings.
func comeAgain(t *testing.T, q, p *peerNode) (closed func() bool) {
	t.Helper()
	h, err := libp2p.New(libp2p.Identity(q.key), libp2p.NoListenAddrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	h.SetStreamHandler(pingProtocol, q.session().servePing)
	if err := sayAs(t, h, p, hello{Network: p.Network(), Time: time.Now().UnixMilli(), Proof: q.pool.log.Proof(q.ID())}); err != nil {
		t.Fatal(err)
	}
	return func() bool { return len(h.Network().ConnsToPeer(p.pid)) == 0 }
}

// A member that comes back by another connection has its old one, on which nothing
// comes any more, closed in seconds, however long this node would wait for an
// answer because it is busy itself. One that answers stays.
func TestSilentConnectionIsLeft(t *testing.T) {
	nodes := newPool(t, 2)
	p, q := nodes[0], nodes[1]
	old := only(p, q)
	first := comeAgain(t, q, p)
	q.hush()
	p.session().lag.Store(int64(10 * time.Second)) // pings wait for more than 20 s
	start := time.Now()
	second := comeAgain(t, q, p)
	p.until("leave the silent one", func() bool { return old.IsClosed() })
	if took := time.Since(start); took > pingTime+maxPatience {
		t.Errorf("it took %v", took)
	}
	if first() || second() {
		t.Error("one that answers was closed")
	}
}

// Who answers by its newest connection is not taken for dead because an older one is silent,
// and the newest is not closed with that.
func TestSilentConnectionIsNoDeath(t *testing.T) {
	nodes := newPool(t, 2)
	p, q := nodes[0], nodes[1]
	old := only(p, q)
	q.hush()
	p.session().suspect(q.ID()) // a probe waits for an answer on the old one
	second := comeAgain(t, q, p)
	p.until("leave the silent one", old.IsClosed)
	if n := p.Counters()["deaths"]; n != 0 || second() || !p.session().proven(q.pid) {
		t.Errorf("%d deaths, closed: %t", n, second())
	}
}

// An older connection that falls silent later is left as well, for streams would begin on it.
func TestConnectionThatFallsSilentIsLeft(t *testing.T) {
	nodes := newPool(t, 2)
	p, q := nodes[0], nodes[1]
	old := only(p, q)
	second := comeAgain(t, q, p)
	p.until("both answer", func() bool {
		newest := p.session().newestConn(q.pid)
		if newest == nil || newest == old {
			return false
		}
		ctx, cancel := context.WithTimeout(t.Context(), inTime)
		defer cancel()
		_, err := pingOn(ctx, old)
		_, err2 := pingOn(ctx, newest)
		return err == nil && err2 == nil
	})
	q.hush()
	p.until("leave the silent one", old.IsClosed)
	if n := p.Counters()["deaths"]; n != 0 || second() {
		t.Errorf("%d deaths, closed: %t", n, second())
	}
}
