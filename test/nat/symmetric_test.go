//go:build linux

package nat

import (
	"context"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// Where only one member is public nobody knows what kind a router is, and a
// symmetric one is got through all the same, whoever calls first. The matrix has the
// networks where it is known. In full runs.
func TestThroughASymmetricRouterThatNobodyKnows(t *testing.T) {
	if ring.Size(0, 1) == 0 {
		return
	}
	n := newInternet(t)
	relay := n.server("relay")
	a, b := n.home("s", netlab.Symmetric).machine("sven"), n.home("b", netlab.EndpointIndependent).machine("bert")
	relay.Up()
	join(t, relay, a, b)
	for i := range 3 { // more would be too often
		from, to := a, b
		if i > 0 {
			from, to = b, a
			a.Down()
			b.Eventually("lose sven", func(ctx context.Context) bool {
				p, err := b.API.Peer(ctx, "sven")
				return err == nil && p.State == api.PeerDead
			})
			a.Up()
		}
		places(b, a, 1)
		places(a, b, 1)
		from.Eventually("reach "+to.Name, func(ctx context.Context) bool {
			_, err := from.API.PingPeer(ctx, to.Name)
			return err == nil
		})
		p, took := direct(from, to.Name)
		t.Logf("%s from %s %.2f s after the first contact", p.Path, from.Name, took.Seconds())
	}
}
