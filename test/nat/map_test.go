//go:build linux

package nat

import (
	"context"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

// A transfer through a mapped port survives that its member's router shows another
// address, and that the direct path to the gateway is blocked, UDP with it.
func TestMapSurvivesItsPath(t *testing.T) {
	n := newInternet(t)
	gw, client := n.server("gw"), n.server("client")
	a := n.home("h", netlab.EndpointIndependent).machine("anna")
	gw.Up()
	join(t, gw, client, a)
	places(client, a, 2) // one of them is the gateway
	gw.OK("lend", "policy", "allow", "anna", "listen:20000-20010")
	a.Eventually("hear of the gateway", func(ctx context.Context) bool {
		p, err := a.API.Peer(ctx, "gw")
		return err == nil && p.Gateway
	})
	n.source(a, transfer())
	addr := mapped(t, a, "gw", port)
	took := n.through(client, addr, transfer(), func() {
		n.IP("h-r0", "addr flush dev out")
		n.IP("h-r0", "addr add 5.5.5.99/32 dev out")
		n.IP("h-r0", "route add 5.5.5.0/24 dev out")
	})
	t.Logf("%d MiB each way in %.1f s, another address of the router in between", transfer()>>20, took.Seconds())
	p, _ := direct(a, "gw")
	took = n.through(client, addr, transfer(), func() {
		n.Iptables("h-r0", "-I FORWARD -d "+outside(p)+" -j DROP")
		n.Iptables("h-r0", "-I FORWARD -s "+outside(p)+" -j DROP")
		n.Iptables("h-r0", "-I FORWARD -p udp -j DROP")
	})
	t.Logf("%d MiB each way in %.1f s, the direct path and UDP blocked in between", transfer()>>20, took.Seconds())
}
