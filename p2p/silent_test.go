package p2p

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
)

// A member that comes back by another connection has its old one, on which nothing
// comes any more, closed in seconds, however long this node would wait for an
// answer because it is busy itself. One that answers stays.
func TestSilentConnectionIsLeft(t *testing.T) {
	nodes := newPool(t, 2)
	p, q := nodes[0], nodes[1]
	conns := p.session().host.Network().ConnsToPeer
	again := func() (closed func() bool) {
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
	p.until("one connection is left of those that they began with", func() bool { return len(conns(q.pid)) == 1 })
	old := conns(q.pid)
	first := again()
	q.hush()
	p.session().lag.Store(int64(10 * time.Second)) // pings wait for more than 20 s
	start := time.Now()
	second := again()
	p.until("leave the silent one", func() bool { return old[0].IsClosed() })
	if took := time.Since(start); took > pingTime+maxPatience {
		t.Errorf("it took %v", took)
	}
	if first() || second() {
		t.Error("one that answers was closed")
	}
}
