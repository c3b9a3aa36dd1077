//go:build linux

package nat

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

// nothing is a WebAssembly module that ends at once.
var nothing = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b")

func module(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nothing.wasm")
	if err := os.WriteFile(path, nothing, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// placed is a machine and where it is.
type placed struct {
	*lab.Machine
	kind string // of what is between it and the others
	net  string // its local network, if it is not on the public one
}

// direct tells whether two machines can be connected without a relay: a router that
// shows each destination another port can only be met from one that shows all the same, over UDP.
func (a placed) direct(b placed) bool {
	met := func(a, b placed) bool {
		return a.kind != string(netlab.Symmetric) || b.kind != string(netlab.Symmetric) && b.kind != string(netlab.NoUDP)
	}
	return met(a, b) && met(b, a) || a.kind == "none" || b.kind == "none" || a.net == b.net
}

// settled waits until the path between two machines is what it will be.
func settled(a, b placed) api.Peer {
	var p api.Peer
	a.Eventually("have its path to "+b.Name, func(ctx context.Context) bool {
		var err error
		p, err = a.API.Peer(ctx, b.Name)
		isDirect := p.Path == api.PathDirectTCP || p.Path == api.PathDirectQUIC
		return err == nil && (isDirect || p.Path == api.PathRelayed && !a.direct(b))
	})
	return p
}

// tookTo is how long after the first contact with a peer its path was what it is
// now, as the machine's own events tell.
func tookTo(t *testing.T, m placed, p api.Peer) time.Duration {
	t.Helper()
	var met, there time.Time
	err := m.API.Events(t.Context(), 0, false, func(e api.Event) error {
		if e.Peer == nil || e.Peer.ID != p.ID || e.Peer.Path == api.PathNone {
			return nil
		}
		if met.IsZero() {
			met = e.Time
		}
		if there.IsZero() && (e.Peer.Path == p.Path || e.Peer.Path == api.PathDirectTCP || e.Peer.Path == api.PathDirectQUIC) {
			there = e.Time
		}
		return nil
	})
	if err != nil || there.IsZero() {
		t.Fatalf("%s tells nothing of its path to %s: %v", m.Name, p.Name, err)
	}
	return there.Sub(met)
}

// Machines behind every kind of router run jobs on each other and reach each
// other's ports; the table of how
// they reached each other is what docs/nat.md shows. In full sizes there are two
// machines of each kind, and every pair of them.
func TestEveryPairRunsAJobAndAForward(t *testing.T) {
	n := newInternet(t)
	relay := n.server("relay1")
	public := n.server("relay2")
	homeA := n.home("a", netlab.EndpointIndependent)
	all := []placed{
		{public, "none", ""},
		{homeA.machine("anna"), "independent", "a"},
		{homeA.machine("arne"), "independent", "a"},
		{n.home("b", netlab.EndpointIndependent).machine("bert"), "independent", "b"},
		{n.home("s", netlab.Symmetric).machine("sven"), "symmetric", "s"},
	}
	if ring.Size(0, 1) > 0 {
		all = append(all,
			placed{n.home("t", netlab.Symmetric).machine("tina"), "symmetric", "t"},
			placed{n.home("u", netlab.NoUDP).machine("udo"), "no-udp", "u"},
			placed{n.home("v", netlab.NoUDP).machine("vera"), "no-udp", "v"},
			placed{n.home("w", netlab.EndpointIndependent, netlab.EndpointIndependent).machine("willy"), "two routers", "w"},
			placed{n.home("x", netlab.EndpointIndependent, netlab.EndpointIndependent).machine("xaver"), "two routers", "x"})
	}
	var machines []*lab.Machine
	for _, m := range all {
		machines = append(machines, m.Machine)
	}
	relay.Up()
	join(t, relay, machines...)
	for _, m := range all[1:] {
		places(relay, m.Machine, 2)
	}
	together(t, len(all), func(i int) { n.source(all[i].Machine, 1<<20) })
	module := module(t)
	type pair struct{ a, b placed }
	var pairs []pair
	for i, a := range all {
		for _, b := range all[i+1:] {
			pairs = append(pairs, pair{a, b})
		}
	}
	rows := make([]string, len(pairs))
	together(t, len(pairs), func(i int) {
		a, b := pairs[i].a, pairs[i].b
		start := time.Now()
		a.OK("run", "--on", b.Name, module)
		ran := time.Since(start)
		p := settled(a, b)
		sent := n.through(a.Machine, forward(t, a.Machine, b.Name, port), 1<<20, func() {})
		rows[i] = fmt.Sprintf("| %s | %s | %s | %.1f s | %.1f s | %.1f s |\n", where(a, b), where(b, a), p.Path, tookTo(t, a, p).Seconds(), ran.Seconds(), sent.Seconds())
	})
	t.Logf("\n| from | to | path | after | a job takes | 1 MiB each way |\n|---|---|---|---|---|---|\n%s", strings.Join(rows, ""))
}

func where(m, other placed) string {
	if m.net != "" && m.net == other.net {
		return "same LAN"
	}
	return m.kind
}

// The relay in use goes without a word, its cable cut: work goes on through the other one.
func TestRelayInUseIsCutOff(t *testing.T) {
	n := newInternet(t)
	r1, r2 := n.server("relay1"), n.server("relay2")
	a, b := n.home("s", netlab.Symmetric).machine("sven"), n.home("t", netlab.Symmetric).machine("tina")
	r1.Up()
	join(t, r1, r2, a, b)
	places(a, b, 2)
	places(b, a, 2)
	a.OK("peers", "ping", "tina")
	p, err := a.API.Peer(t.Context(), "tina")
	if err != nil || p.Path != api.PathRelayed {
		t.Fatalf("%+v, %v", p, err)
	}
	used := map[api.PeerID]*lab.Machine{}
	for _, r := range []*lab.Machine{r1, r2} {
		st, err := r.API.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		used[st.ID] = r
		if st.Reach != api.ReachPublic || !st.Relay.Active || st.Relay.Places != 2 {
			t.Errorf("%s: %s, %+v", r.Name, st.Reach, st.Relay)
		}
	}
	cut := used[p.Via]
	n.IP(cut.Name, "link set eth0 down")
	took := a.Eventually("reach tina through the other relay", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if _, err := a.API.PingPeer(ctx, "tina"); err != nil {
			return false
		}
		now, err := a.API.Peer(ctx, "tina")
		return err == nil && now.Path == api.PathRelayed && now.Via != p.Via
	})
	t.Logf("reached through the other relay %.1f s after the cable was cut", took.Seconds())
	n.IP(cut.Name, "link set eth0 up")
	places(a, b, 2)
	t.Logf("doctor of %s:\n%s", a.Name, a.OK("doctor"))
}
