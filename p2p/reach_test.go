package p2p

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// assume makes a verdict that no member outside could make here: all are on one machine.
func (p *peerNode) assume(r api.Reachability) {
	s := p.session()
	s.reach.mu.Lock()
	s.reach.verdict = r
	s.reach.mu.Unlock()
	nudge(s.lookOut)
	s.publishSoon()
}

func (p *peerNode) relaysSeenBy(q *peerNode) []string {
	got, _ := q.Peer(p.ID())
	return slices.DeleteFunc(slices.Clone(got.Addrs), func(a string) bool { return !strings.Contains(a, "p2p-circuit") })
}

// A private node is reached through two relays, and only through those that relay.
func TestPrivateNodeTakesPlacesAtRelaysThatWork(t *testing.T) {
	nodes := newPool(t, 5)
	gone, liar, a, b := nodes[1], nodes[0], nodes[3], nodes[4]
	// The liar gives places and lets circuits begin, and passes nothing on.
	liar.session().relayer.meter.rate = 1
	for _, r := range nodes[:3] {
		r.assume(api.ReachPublic)
	}
	for _, r := range nodes[:3] {
		a.until(r.cfg.Name+" relays", func() bool { p, _ := a.Peer(r.ID()); return p.Relays })
	}
	a.assume(api.ReachPrivate)
	b.until("a is reached through the two good ones", func() bool {
		got := a.relaysSeenBy(b)
		return len(got) == 2 && !strings.Contains(strings.Join(got, " "), string(liar.ID()))
	})
	// One of the good ones goes: the liar, tried in its place, is set aside and named.
	if err := gone.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.until("the liar is set aside", func() bool {
		return a.Counters()["relays_set_aside"] > 0 && a.warned(string(liar.ID()))
	})
	d, err := a.Diagnose(t.Context())
	if err != nil || len(d.Reach.Aside) != 1 || d.Reach.Aside[0].Relay != liar.ID() || len(d.Reach.Places) != 1 {
		t.Errorf("%+v, %v", d.Reach, err)
	}
}

// Who asks to be dialed is dialed at its own address and for its own key, and not often.
func TestNobodyIsMadeAScanner(t *testing.T) {
	nodes := newPool(t, 3)
	a, b, other := nodes[0], nodes[1], nodes[2]
	portOf := func(p *peerNode) uint16 {
		for _, at := range p.session().host.Network().ListenAddresses() {
			if ap, udp, err := addrPort(at); err == nil && !udp {
				return ap.Port()
			}
		}
		t.Fatal("no TCP port")
		return 0
	}
	ask := func(claims ports) (ports, error) {
		s := a.session()
		pid, err := s.connect(t.Context(), b.ID())
		if err != nil {
			t.Fatal(err)
		}
		st, err := openOn(t.Context(), s.directConn(pid), reachProtocol)
		if err != nil {
			return ports{}, err
		}
		defer resetStream(s, st)
		l := newLooking(st)
		if v, err := l.look(); err != nil || !strings.HasPrefix(v.Addr, "/ip4/127.0.0.1/") {
			t.Fatalf("seen at %q, %v", v.Addr, err)
		}
		return l.dial(claims)
	}
	got, err := ask(ports{TCP: []uint16{portOf(a), portOf(other), 1}})
	if err != nil || !slices.Equal(got.TCP, []uint16{portOf(a)}) {
		t.Errorf("reached %v, %v: only the asker itself counts", got.TCP, err)
	}
	if _, err := ask(ports{TCP: []uint16{1, 2, 3, 4, 5}}); err == nil {
		t.Error("five ports were dialed")
	}
	for range dialBacksEach {
		_, err = ask(ports{TCP: []uint16{portOf(a)}})
	}
	if err == nil || b.Counters()["refused_dialbacks"] == 0 {
		t.Errorf("asked %d times in a minute: %v", dialBacksEach+1, err)
	}
}

func TestDialBackForgetsAfterAWindow(t *testing.T) {
	d := newDialBack(nil)
	now := time.Now()
	for i := range dialBacksEach {
		if !d.allow("a", now) {
			t.Fatalf("ask %d refused", i)
		}
	}
	if d.allow("a", now) || !d.allow("b", now) || !d.allow("a", now.Add(dialBackWindow+time.Second)) || len(d.asked) != 1 {
		t.Error("the window does not hold")
	}
}

// A dial that finds somebody else at an address is remembered and named.
func TestFalseAddressIsSetAside(t *testing.T) {
	nodes := newPool(t, 3)
	a, liar, victim := nodes[0], nodes[1], nodes[2]
	s := a.session()
	at := multiaddr.StringCast(strings.Split(victim.Addrs()[0], "/p2p/")[0])
	liar.down()
	a.until("the liar is gone", func() bool { return a.sees(liar, api.PeerDead) })
	s.host.Peerstore().ClearAddrs(liar.pid)
	s.host.Peerstore().AddAddr(liar.pid, at, time.Minute)
	kindIs(t, s.connectTo(t.Context(), liar.pid), api.KindUnavailable, "a call to where another node is")
	if got := s.truthful(liar.pid, []multiaddr.Multiaddr{at}); len(got) != 0 {
		t.Errorf("it is dialed again: %v", got)
	}
	if a.Counters()["false_addresses"] == 0 || !a.warned(string(liar.ID())) {
		t.Error("nobody is named")
	}
}

func TestNATKind(t *testing.T) {
	at := func(s string) sighting { return sighting{addr: netip.MustParseAddrPort(s)} }
	own := []netip.Prefix{netip.MustParsePrefix("5.5.5.9/24")}
	for _, c := range []struct {
		seen []sighting
		want api.NATKind
	}{
		{nil, api.NATUnknown},
		{[]sighting{at("5.5.5.9:4001")}, api.NATNone},
		{[]sighting{at("5.5.5.1:4001")}, api.NATUnknown},
		{[]sighting{at("5.5.5.1:4001"), at("5.5.5.1:4001")}, api.NATIndependent},
		{[]sighting{at("5.5.5.1:4001"), at("5.5.5.1:4002")}, api.NATSymmetric},
	} {
		if got := natKind(c.seen, own); got != c.want {
			t.Errorf("%v: %s, want %s", c.seen, got, c.want)
		}
	}
}

// A member on one of this machine's own networks says nothing of how others see it.
func TestOutside(t *testing.T) {
	var own []netip.Prefix
	for _, n := range []string{"127.0.0.1/8", "192.168.1.5/24", "2001:db8:1::5/64", "2a02:1::5/64", "80.1.2.5/24", "100.64.0.5/32", "fe80::5/64"} {
		own = append(own, netip.MustParsePrefix(n))
	}
	for _, c := range []struct {
		at, member string
		want       bool
	}{
		{"127.0.0.1", "127.0.0.1", false},
		{"192.168.1.5", "192.168.1.6", false},
		{"192.168.1.5", "10.1.1.1", false},  // in another part of the local network
		{"10.0.0.1", "10.1.1.1", true},      // a router between
		{"5.5.5.5", "7.7.7.7", true},        //
		{"5.5.5.5", "192.168.1.6", false},   // it calls by way of the router's outside
		{"80.1.2.5", "7.7.7.7", true},       // no router
		{"80.1.2.5", "80.1.2.6", false},     // public addresses on a local network
		{"2a02:1::5", "2a02:1::6", false},   //
		{"2a02:1::5", "2a02:2::6", true},    //
		{"100.64.0.5", "100.64.0.6", false}, // a private network over others
		{"100.64.0.5", "100.99.0.6", false}, //
		{"100.64.7.7", "100.99.0.6", true},  // a provider's router between
		{"fe80::5", "fe80::6", false},       //
	} {
		if got := outside(netip.MustParseAddr(c.at), netip.MustParseAddr(c.member), own); got != c.want {
			t.Errorf("seen at %s by %s: %t", c.at, c.member, got)
		}
	}
}

// What a member says it sees is not taken for more than an address.
func FuzzSeen(f *testing.F) {
	for _, s := range []string{"/ip4/5.5.5.5/tcp/4001", "/ip6/::1/udp/1/quic-v1", "/ip6zone/x/ip6/fe80::1/tcp/1", "/p2p-circuit", "/dns/x/tcp/1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return
		}
		at, udp, err := addrPort(a)
		if err != nil {
			return
		}
		back, err := multiaddrOf(at, udp)
		if err != nil {
			t.Fatalf("%s became %s: %v", text, at, err)
		}
		if again, udp2, err := addrPort(back); err != nil || again != at || udp2 != udp {
			t.Fatalf("%s became %s and then %s, %v", text, at, again, err)
		}
	})
}

// A meter lets its rate through.
func TestMeter(t *testing.T) {
	m := meter{rate: 1 << 20}
	start := time.Now()
	for range 4 {
		m.wait(t.Context(), 64<<10)
	}
	if took := time.Since(start); took < 240*time.Millisecond {
		t.Errorf("256 KiB at 1 MiB/s took %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.wait(ctx, 1<<40) // ends at once
	(&meter{}).wait(t.Context(), 1<<40)
}
