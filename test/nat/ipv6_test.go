//go:build linux

package nat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
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

// Without any IPv4 a job runs on another node, and a gateway opens ports to clients, TCP and
// UDP, and a domain.
func TestWorkOverIPv6Alone(t *testing.T) {
	n := newInternet6(t)
	gw, client := n.server("gw"), n.server("client") // the client is no member
	a, b := n.behind("anna"), n.behind("bert")
	gw.Up()
	join(t, gw, a, b)
	a.Eventually("hear that bert lends", func(ctx context.Context) bool {
		p, err := a.API.Peer(ctx, "bert")
		return err == nil && p.Lending == api.LendOpen
	})
	a.OK("run", "--on", "bert", module(t))
	gw.OK("lend", "policy", "allow", "anna", "listen:20000-20010")
	gw.OK("lend", "policy", "allow", "anna", "domain:app.example.org")
	a.Eventually("hear of the gateway", func(ctx context.Context) bool {
		p, err := a.API.Peer(ctx, "gw")
		return err == nil && p.Gateway
	})
	n.source(a, 1<<20)
	addr := mapped(t, a, "gw", port, "--allow", "2a01:5::/64")
	if !strings.HasPrefix(addr, "[2a01:5::2]:20") {
		t.Errorf("clients reach it at %s", addr)
	}
	n.through(client, addr, 1<<20, func() {})
	n.echoes(a, client, mapped(t, a, "gw", port, "--udp"))
	var m api.Mapping
	if out := a.OK("map", "--json", fmt.Sprint(port), "--domain", "app.example.org", "--via", "gw"); json.Unmarshal([]byte(out), &m) != nil || len(m.DNS) != 1 || m.DNS[0].Type != "AAAA" || m.DNS[0].Value != "2a01:5::2" {
		t.Errorf("of a domain p2prc map said %s", out)
	}
}

// echoes has a service on a machine's port answer a datagram that another sends to addr.
func (n *internet6) echoes(service, from *lab.Machine, addr string) {
	n.t.Helper()
	var answers net.PacketConn
	var asks net.Conn
	n.In(service.Name, func() (err error) {
		answers, err = net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	})
	defer answers.Close()
	n.In(from.Name, func() (err error) {
		asks, err = net.Dial("udp", addr)
		return err
	})
	defer asks.Close()
	if _, err := asks.Write([]byte("who is there")); err != nil {
		n.t.Fatal(err)
	}
	soon, got := time.Now().Add(time.Minute), make([]byte, 100)
	if err := errors.Join(answers.SetDeadline(soon), asks.SetDeadline(soon)); err != nil {
		n.t.Fatal(err)
	}
	k, client, err := answers.ReadFrom(got)
	if err == nil {
		_, err = answers.WriteTo(got[:k], client)
	}
	if err == nil {
		k, err = asks.Read(got)
	}
	if err != nil || string(got[:k]) != "who is there" {
		n.t.Errorf("a datagram came back as %q, %v", got[:k], err)
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
