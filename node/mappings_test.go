package node

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// gatewayOptions are those of a node that lends nothing and is a gateway on loopback,
// by its policy's rows besides a new node's.
func gatewayOptions(t *testing.T, rows ...api.Rule) Options {
	t.Helper()
	opts := options(t, "gw")
	f, err := config.Open(opts.Home, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Update(func(c *config.Config) error {
		c.Lend.Enabled, c.Gateway.Hosts = false, []string{"127.0.0.1"}
		c.Lend.Policy = append(c.Lend.Policy, rows...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

var anyMap = api.Rule{Subject: "*", Action: api.ActionMap, Resource: "*", Allow: true}

// mapAt maps a port at a gateway, for a member.
func mapAt(t *testing.T, gw *Node, peer api.PeerID) *bufpipe.End {
	t.Helper()
	near, far := bufpipe.Pair(64 << 10)
	over := make(chan struct{})
	go func() {
		defer close(over)
		gw.gateway.Serve(context.Background(), api.Caller{Peer: peer, Role: api.RoleMember}, far)
	}()
	t.Cleanup(func() { near.Reset(); <-over })
	_ = near.SetReadDeadline(time.Now().Add(20 * time.Second))
	if err := wire.NewWriter(near, mapping.MaxFrame).Send(mapping.KindMap, mapping.Map{ID: "1", Network: "tcp", Ports: 1}); err != nil {
		t.Fatal(err)
	}
	if kind, text, err := wire.ReadOne(near, mapping.MaxFrame); err != nil || kind != mapping.KindReady {
		t.Fatalf("frame %d, %s, %v", kind, text, err)
	}
	return near
}

// When the owner hears that a row of the policy, or a member, is taken away, so are the
// mappings that go with it.
func TestTakenAwayIsGone(t *testing.T) {
	gw, _ := start(t, gatewayOptions(t))
	anna, _ := start(t, options(t, "anna"))
	join(t, gw, anna, api.RoleMember)
	c := client(t, gw)
	takes := func(what string, err error) {
		t.Helper()
		if left := gw.gateway.List(); err != nil || len(left) != 0 {
			t.Errorf("%s: %v; %+v are left", what, err, left)
		}
	}
	for range 5 {
		if err := c.SetPolicy(t.Context(), []api.Rule{anyMap}); err != nil {
			t.Fatal(err)
		}
		mapAt(t, gw, anna.ID())
		takes("the row", c.SetPolicy(t.Context(), []api.Rule{}))
	}
	if err := c.SetPolicy(t.Context(), []api.Rule{anyMap}); err != nil {
		t.Fatal(err)
	}
	mapAt(t, gw, anna.ID())
	takes("the member", c.Revoke(t.Context(), api.RevokeRequest{Node: anna.ID()}))
}

// A node that lends nothing can be paused all the same: what members map there ends.
func TestPausedThoughNothingIsLent(t *testing.T) {
	n, _ := start(t, gatewayOptions(t, anyMap))
	c := client(t, n)
	offers := func() bool { p, _ := n.net.Peer(n.ID()); return p.Gateway }
	waitFor(t, n, "offer to be a gateway", offers)
	near := mapAt(t, n, "12D3KooWAnna")
	if err := c.PauseLending(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for {
		kind, _, err := wire.ReadOne(near, mapping.MaxFrame)
		if err != nil {
			t.Fatalf("it stays open: %v", err)
		}
		if kind == mapping.KindFail {
			break
		}
	}
	waitFor(t, n, "offer it no more", func() bool { return !offers() })
}

// A node may be its own gateway, without a row; it does not call its loopback an
// address for clients.
func TestOwnGateway(t *testing.T) {
	n, _ := start(t, gatewayOptions(t))
	m, err := n.Map(t.Context(), api.MapSpec{Port: 80, Any: true, Via: string(n.ID())})
	if err != nil || m.State != api.MappingOpen {
		t.Fatalf("%+v, %v", m, err)
	}
	if len(m.Public) != 0 || m.Reason == "" {
		t.Errorf("reached at %q, %q", m.Public, m.Reason)
	}
	if got := slices.Collect(n.portsFor(api.Caller{Peer: n.ID()})); len(got) != 65536-1024 || got[0] != 1024 || got[len(got)-1] != 65535 {
		t.Errorf("%d ports for itself", len(got))
	}
	if got := slices.Collect(n.portsFor(api.Caller{Peer: "12D3KooWAnna", Role: api.RoleMember})); len(got) != 0 {
		t.Errorf("%v for a member", got)
	}
}

// What leads to where this node listens as a gateway would come back to it, again and again.
func TestOwnGatewayIsNoTarget(t *testing.T) {
	ports := []int{conntest.FreePort(t, 1), conntest.FreePort(t, 1)}
	opts := gatewayOptions(t)
	f, err := config.Open(opts.Home, nil)
	if err == nil {
		err = f.Update(func(c *config.Config) error { c.Gateway.HTTPSPort, c.Gateway.HTTPPort = ports[0], 0; return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	n, _ := start(t, opts)
	if _, err := n.Map(t.Context(), api.MapSpec{Port: 80, Any: true, Via: "gw"}); err != nil {
		t.Fatal(err)
	}
	had := n.gateway.List()
	for what, spec := range map[string]api.MapSpec{
		"what another mapping has":        {Port: had[0].Ports[0], Any: true},
		"a range with that in it":         {Port: had[0].Ports[0] - 1, Ports: 2, Any: true},
		"what it gets itself":             {Port: ports[1], Public: ports[1]},
		"that, as another member's would": {Port: ports[1], Public: ports[1], On: []string{"gw"}},
		"where domains are":               {Port: ports[0], Domain: "app.example.org", Passthrough: true},
	} {
		spec.Via = "gw"
		if m, err := n.Map(t.Context(), spec); api.KindOf(err) != api.KindDenied || !strings.Contains(err.Error(), "p2prc's own") {
			t.Errorf("%s: %+v, %v", what, m, err)
		}
	}
	waitFor(t, n, "have nothing of what was refused", func() bool { return reflect.DeepEqual(n.gateway.List(), had) })
}

func TestHostFrom(t *testing.T) {
	for want, addrs := range map[string][]string{
		"":            {"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip6/fe80::1/tcp/1", "/ip4/203.0.113.1/tcp/1/p2p/x/p2p-circuit"},
		"192.168.0.2": {"/ip4/127.0.0.1/tcp/1", "/ip4/192.168.0.2/tcp/1", "/ip4/192.168.0.3/tcp/1"},
		"203.0.113.9": {"/ip4/192.168.0.2/tcp/1", "/ip4/203.0.113.9/udp/1/quic-v1"},
		"203.0.113.8": {"/ip6/fd00::2/tcp/1", "/ip4/100.64.0.2/tcp/1", "/ip4/203.0.113.8/tcp/1", "/ip6/2001:db8::8/tcp/1"},
	} {
		got, public := hostFrom(addrs)
		if got != want || public != strings.HasPrefix(want, "203.") {
			t.Errorf("%q of %v, want %q", got, addrs, want)
		}
	}
}
