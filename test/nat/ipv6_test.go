//go:build linux

package nat

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

// internet6 is an internet without IPv4: a provider's router, to which servers and
// homes are connected. Each home has a network of its own, 2a01:5:N::/64.
type internet6 struct {
	*internet
	homes int
}

const provider = "2a01:5::1"

func newInternet6(t *testing.T) *internet6 {
	t.Helper()
	n := &internet6{internet: newInternet(t)}
	n.Forward("net")
	n.IP("net", "addr add "+provider+"/64 dev bridge nodad")
	return n
}

// public6 plugs an interface of namespace ns into the provider's network, and returns its address.
func (n *internet6) public6(ns, iface string) string {
	n.t.Helper()
	n.hosts++
	addr := fmt.Sprintf("2a01:5::%x", n.hosts+1)
	n.Plug(ns, iface, addr+"/128 nodad", "net")
	n.IP(ns, "route add "+provider+" dev "+iface)
	n.IP(ns, "route add default via "+provider)
	return addr
}

func (n *internet6) server(name string) *lab.Machine {
	n.t.Helper()
	n.Add(name)
	n.public6(name, "eth0")
	return program.Machine(n.t, n.Lab, name)
}

// behind is a machine in a home whose router lets in only what it has asked for.
func (n *internet6) behind(name string) *lab.Machine {
	n.t.Helper()
	n.Add(name)
	n.firewalled(name, "eth0")
	return program.Machine(n.t, n.Lab, name)
}

// firewalled connects an interface of namespace ns to a router of its own, which lets in only what
// ns has asked for.
func (n *internet6) firewalled(name, iface string) {
	n.t.Helper()
	n.homes++
	inside, router := name+"-6", name+"-r6"
	n.Add(inside)
	n.Bridge(inside)
	n.Add(router)
	network := fmt.Sprintf("2a01:5:%x::", n.homes)
	n.Plug(router, "in", network+"1/64 nodad", inside)
	out := n.public6(router, "out")
	n.Firewall(router, "in", "out")
	n.IP("net", "route add "+network+"/64 via "+out)
	n.Plug(name, iface, network+"2/64 nodad", inside)
	n.IP(name, "route add default via "+network+"1")
}

// dual is a machine of a home that has IPv6 as well, behind a firewall of its own.
func (n *internet6) dual(h *home, name string) *lab.Machine {
	n.t.Helper()
	m := h.machine(name)
	n.firewalled(name, "eth1")
	return m
}

// Without any IPv4 nodes invite, join, find out how they are reached, relay, get through
// two firewalls, and carry ports.
func TestIPv6Alone(t *testing.T) {
	n := newInternet6(t)
	relay := n.server("relay")
	a, b := n.behind("anna"), n.behind("bert")
	relay.Up()
	join(t, relay, a, b)
	a.OK("peers", "add", "[2a01:5::2]:4001") // the relay's
	places(a, b, 1)
	places(b, a, 1)
	a.OK("peers", "ping", "bert")
	p, took := direct(a, "bert")
	if !strings.HasPrefix(p.Addr, "/ip6/2a01:5:") {
		t.Errorf("connected at %s", p.Addr)
	}
	t.Logf("%s %.2f s after the test looked", p.Path, took.Seconds())
	n.source(b, 1<<20)
	n.through(a, forward(t, a, "bert", port), 1<<20, func() {})
	for m, want := range map[*lab.Machine]string{a: "private: members outside cannot call", relay: "public: members outside can call"} {
		if got := m.OK("doctor"); !strings.Contains(got, want) || !strings.Contains(got, "/ip6/2a01:5:") {
			t.Errorf("%s: %s", m.Name, got)
		}
	}
}

// Two nodes behind symmetric routers, which nothing gets through, are connected over IPv6
// where both have it, though they met over IPv4. In full runs.
func TestIPv6WhereIPv4IsRelayed(t *testing.T) {
	if ring.Size(0, 1) == 0 {
		return
	}
	n := newInternet6(t)
	relay := n.internet.server("relay")
	a, b := n.dual(n.home("s", netlab.Symmetric), "sven"), n.dual(n.home("t", netlab.Symmetric), "tina")
	relay.Up()
	join(t, relay, a, b)
	places(a, b, 1)
	places(b, a, 1)
	a.OK("peers", "ping", "tina")
	p, took := direct(a, "tina")
	if !strings.HasPrefix(p.Addr, "/ip6/2a01:5:") {
		t.Errorf("connected at %s", p.Addr)
	}
	t.Logf("%s %.2f s after the test looked", p.Path, took.Seconds())
}
