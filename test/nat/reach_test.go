//go:build linux

package nat

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

// join lets machines join by an invite of the first, and starts them all.
func join(first *lab.Machine, others ...*lab.Machine) {
	first.Up()
	for _, m := range others {
		m.OK("join", first.OK("invite"))
		m.Up()
	}
}

// places waits until a machine can be reached through n relays, as seen by another.
func places(at, of *lab.Machine, n int) {
	at.Eventually("see "+of.Name+" through relays", func(ctx context.Context) bool {
		p, err := at.API.Peer(ctx, of.Name)
		return err == nil && strings.Count(strings.Join(p.Addrs, " "), "p2p-circuit") == n
	})
}

// first waits until a machine is connected with another, and then until it is so directly.
// It returns how long the second took after the first.
func direct(at *lab.Machine, peer string) (api.Peer, time.Duration) {
	var p api.Peer
	at.Eventually("reach "+peer, func(ctx context.Context) bool {
		var err error
		p, err = at.API.Peer(ctx, peer)
		return err == nil && p.Path != api.PathNone
	})
	start := time.Now()
	at.Eventually("reach "+peer+" directly", func(ctx context.Context) bool {
		var err error
		p, err = at.API.Peer(ctx, peer)
		return err == nil && (p.Path == api.PathDirectTCP || p.Path == api.PathDirectQUIC)
	})
	return p, time.Since(start)
}

func TestThroughTwoRouters(t *testing.T) {
	n := newInternet(t)
	r1, r2 := n.server("relay1"), n.server("relay2")
	a, b := n.home("homea", netlab.EndpointIndependent).machine("anna"), n.home("homeb", netlab.EndpointIndependent).machine("bert")
	join(r1, r2, a, b)
	places(a, b, 2)
	places(b, a, 2)
	p, took := direct(a, "bert")
	t.Logf("%s after %s", p.Path, took)
	for range 2 {
		a.Down()
		b.Eventually("lose anna", func(ctx context.Context) bool {
			p, err := b.API.Peer(ctx, "anna")
			return err == nil && p.State == api.PeerDead
		})
		a.Up()
		p, took := direct(a, "bert")
		t.Logf("%s %.2f s after the first contact", p.Path, took.Seconds())
	}
	// What opened the way is no longer let through: the relay is there again.
	n.Iptables("homea-r0", "-I FORWARD -d "+outside(p)+" -j DROP")
	n.Iptables("homea-r0", "-I FORWARD -s "+outside(p)+" -j DROP")
	took = a.Eventually("reach bert through a relay", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := a.API.PingPeer(ctx, "bert"); err != nil {
			return false
		}
		p, err := a.API.Peer(ctx, "bert")
		return err == nil && p.Path == api.PathRelayed
	})
	t.Logf("relayed again %.1f s after the direct path broke", took.Seconds())
}

// outside is the IP address at which a peer is connected directly.
func outside(p api.Peer) string { return strings.Split(p.Addr, "/")[2] }
