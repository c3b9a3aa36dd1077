//go:build linux

// Package lan tests real nodes on a local network of their own: network
// namespaces on one bridge. It needs root and iproute2 (ring netns).
package lan

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

var program lab.Program // built by TestMain

func TestMain(m *testing.M) { os.Exit(lab.Main(m, &program)) }

// readdress gives a machine this address and no other.
func readdress(l *netlab.Lab, name, addr string) {
	l.IP(name, "addr flush dev eth0 scope global")
	l.IP(name, "addr add "+addr+" dev eth0")
}

var families = map[string]struct{ a, b, a2, b2 string }{
	"ip4": {"10.71.0.1/24", "10.71.0.2/24", "10.71.0.101/24", "10.71.0.102/24"},
	"ip6": {"2a02:71::1/64", "2a02:71::2/64", "2a02:71::101/64", "2a02:71::102/64"}, // as public as most
}

// Two members who know only addresses that nobody has any more find each other
// by multicast; the pair that has IPv6 alone also joins and works over it.
func TestMembersFindEachOtherOnTheLocalNetwork(t *testing.T) {
	for family, addr := range families {
		t.Run(family, func(t *testing.T) {
			ring.Need(t, "netns", ring.Netns())
			l := netlab.New(t, "lan", "a", "b")
			l.Bridge("lan")
			l.Plug("a", "eth0", addr.a, "lan")
			l.Plug("b", "eth0", addr.b, "lan")
			a, b := program.Machine(t, l, "a"), program.Machine(t, l, "b")
			a.Up()
			b.OK("join", a.OK("invite"))
			b.Up()
			first := "/" + family + "/" + strings.TrimSuffix(strings.TrimSuffix(addr.a, "1/24"), "1/64")
			a.Sees(b, first+"2/")
			b.Sees(a, first+"1/")
			if out := a.OK("peers", "ping", "b"); !strings.Contains(out, "ms") {
				t.Errorf("ping: %s", out)
			}
			var d api.Diagnosis
			b.Eventually("be looked at by a", func(ctx context.Context) bool {
				var err error
				d, err = b.API.Doctor(ctx)
				return err == nil && len(d.Reach.Sightings) > 0
			})
			if seen := d.Reach.Sightings[0]; seen.Outside || d.Reach.Reachability != api.ReachUnknown {
				t.Errorf("one cable away, and b is %s: %+v", d.Reach.Reachability, seen)
			}
			a.Down()
			b.Down()
			readdress(l, "a", addr.a2)
			readdress(l, "b", addr.b2)
			a.Up()
			b.Up()
			a.Sees(b, first+"102/")
			b.Sees(a, first+"101/")
		})
	}
}
