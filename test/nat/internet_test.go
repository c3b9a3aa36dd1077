//go:build linux

// Package nat tests real nodes behind routers of every kind: a public segment,
// routers and machines in network namespaces. It needs root, iproute2 and
// iptables (ring netns).
package nat

import (
	"fmt"
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

var program lab.Program // built by TestMain

func TestMain(m *testing.M) { os.Exit(lab.Main(m, &program)) }

// internet is a public segment. Its addresses are 5.5.5.0/24: those that are set
// apart for documentation do not count as public to anybody's software.
type internet struct {
	*netlab.Lab
	t     *testing.T
	hosts int
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	ring.Need(t, "netns", ring.Netns())
	t.Parallel() // most of it is waiting
	l := netlab.New(t, "net")
	l.Bridge("net")
	return &internet{Lab: l, t: t}
}

// public gives the next public address to an interface of namespace ns. It is a
// network of its own: neighbours in one local network do not call each other public.
func (n *internet) public(ns, iface string) string {
	n.t.Helper()
	n.hosts++
	addr := fmt.Sprintf("5.5.5.%d", n.hosts+1)
	n.Plug(ns, iface, addr+"/32", "net")
	n.IP(ns, "route add 5.5.5.0/24 dev "+iface)
	return addr
}

// server is a machine with a public address.
func (n *internet) server(name string) *lab.Machine {
	n.t.Helper()
	n.Add(name)
	n.public(name, "eth0")
	return program.Machine(n.t, n.Lab, name)
}

// home is a local network behind a router of a kind. All homes have the same
// addresses inside, as most have.
type home struct {
	*internet
	name     string
	outside  string // its router's public address
	machines int
}

// home makes a network behind a router, and that one behind others: the last is
// on the public segment.
func (n *internet) home(name string, kinds ...netlab.NAT) *home {
	n.t.Helper()
	h := &home{internet: n, name: name}
	inside := h.name
	n.Add(inside)
	n.Bridge(inside)
	for i, kind := range kinds {
		router := fmt.Sprintf("%s-r%d", name, i)
		n.Add(router)
		n.Plug(router, "in", fmt.Sprintf("10.%d.1.1/24", i), inside)
		if i == len(kinds)-1 {
			h.outside = n.public(router, "out")
		} else {
			outside := fmt.Sprintf("%s-n%d", name, i)
			n.Add(outside)
			n.Bridge(outside)
			n.Plug(router, "out", fmt.Sprintf("10.%d.1.2/24", i+1), outside)
			n.IP(router, fmt.Sprintf("route add default via 10.%d.1.1", i+1))
			inside = outside
		}
		n.Router(router, "in", "out", kind)
	}
	return h
}

func (h *home) machine(name string) *lab.Machine {
	h.t.Helper()
	h.machines++
	h.Add(name)
	h.Plug(name, "eth0", fmt.Sprintf("10.0.1.%d/24", 10+h.machines), h.name)
	h.IP(name, "route add default via 10.0.1.1")
	return program.Machine(h.t, h.Lab, name)
}
