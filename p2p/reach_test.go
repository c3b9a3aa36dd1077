package p2p

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
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
		v := a.session().reachView()
		return a.Counters()["relays_set_aside"] > 0 && a.warned(string(liar.ID())) && len(v.Aside) == 1 && len(v.Places) == 1
	})
	d, err := a.Diagnose(t.Context())
	if err != nil || len(d.Reach.Aside) != 1 || d.Reach.Aside[0].Relay != liar.ID() || len(d.Reach.Places) != 1 {
		t.Errorf("%+v, %v", d.Reach, err)
	}
}

// relayAndPrivate are a node that relays and one that needs it.
func relayAndPrivate(t *testing.T) (relay, a *peerNode) {
	t.Helper()
	nodes := newPool(t, 2)
	relay, a = nodes[0], nodes[1]
	relay.assume(api.ReachPublic)
	a.until("it relays", func() bool { p, _ := a.Peer(relay.ID()); return p.Relays })
	a.assume(api.ReachPrivate)
	return relay, a
}

// A rumour about a relay, or its silence, is no reason to leave it alone: that may
// be an outage of this node's own.
func TestSilenceSetsNoRelayAside(t *testing.T) {
	relay, a := relayAndPrivate(t)
	s := a.session()
	relay.until("a is reached through it", func() bool { return len(a.relaysSeenBy(relay)) == 1 })
	s.pool.table.doubt(relay.ID())
	s.takePlace(relay.pid, a.cfg.now())
	if v := s.reachView(); len(v.Aside) != 0 || len(v.Places) != 1 {
		t.Errorf("a rumour: %+v", v)
	}
	relay.down()
	a.until("it is gone", func() bool { return a.sees(relay, api.PeerDead) })
	s.pool.table.alive(relay.ID(), a.cfg.now(), 0) // as before that was found out
	s.takePlace(relay.pid, a.cfg.now())
	if v := s.reachView(); len(v.Aside) != 0 {
		t.Errorf("it is down: %+v", v)
	}
	s.setAside(relay.pid, "a test")
	if v := s.reachView(); len(v.Aside) != 1 {
		t.Errorf("it is not set aside: %+v", v)
	}
	a.clock.Store(int64(asideFor + time.Second))
	if v := s.reachView(); len(v.Aside) != 0 {
		t.Errorf("it is set aside for ever: %+v", v)
	}
}

// A relay forgets the place of a node that it lost, though that one comes back at once.
func TestPlaceIsTakenAnewAfterARelayLostThisNode(t *testing.T) {
	relay, a := relayAndPrivate(t)
	s := a.session()
	var lost network.Conn
	a.until("there is a place", func() bool {
		lost = s.reach.copyPlaces()[relay.pid].conn
		return lost != nil
	})
	if err := relay.session().host.Network().ClosePeer(a.pid); err != nil {
		t.Fatal(err)
	}
	again := func() bool {
		_, err := s.connect(t.Context(), relay.ID())
		now, ok := s.reach.copyPlaces()[relay.pid]
		return err == nil && lost.IsClosed() && ok && now.conn != lost && s.tryPlace(t.Context(), relay.pid) == nil
	}
	a.until("a place again", again)
	// Had nobody looked meanwhile, and were no try of it due:
	s.reach.keep(relay.pid, place{conn: lost, tried: a.cfg.now().Add(time.Hour)})
	nudge(s.placesDue)
	a.until("a place again", again)
}

// How a router mapped a port a while ago says nothing beside how it does now.
func TestOldMappingsAreNotCompared(t *testing.T) {
	a := newNode(t, "a").up()
	s := a.session()
	note := func(from string, age time.Duration, at string) {
		v := saw(at, nil, nil)
		v.at, v.udp = a.cfg.now().Add(-age), true
		s.reach.mu.Lock()
		defer s.reach.mu.Unlock()
		s.reach.seenUDP[peer.ID(from)] = v
	}
	note("b", 0, "5.5.5.5:1")
	note("c", 2*mappingLife, "5.5.5.5:2")
	if v := s.reachView(); v.UDP != api.NATUnknown {
		t.Errorf("an old one counts: %s", v.UDP)
	}
	note("c", 0, "5.5.5.5:2")
	if v := s.reachView(); v.UDP != api.NATSymmetric {
		t.Errorf("two new ones: %s", v.UDP)
	}
}

// Members that cannot be asked over QUIC say nothing of whether UDP leaves: they are
// not asked, in place of those that can, and it is tried again when there are such.
func TestWhoHasNoQUICIsNotAsked(t *testing.T) {
	nodes := newPool(t, 2)
	s := nodes[0].session()
	other, err := s.connect(t.Context(), nodes[1].ID())
	if err != nil {
		t.Fatal(err)
	}
	v := saw("5.5.5.5:4001", nil, nil)
	v.outside, v.conn = true, s.directConn(other)
	s.reach.mu.Lock()
	s.reach.seen[other] = v
	s.reach.mu.Unlock()
	s.lookThroughUDP()
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	if !s.reach.silent.IsZero() {
		t.Error("UDP is taken for blocked")
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
		b.session().lag.Store(int64(time.Minute)) // it takes its time to dial
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

func TestAllowanceForgetsAfterItsWindow(t *testing.T) {
	a := newAllowance(dialBacksEach, dialBackWindow)
	now := time.Now()
	for i := range dialBacksEach {
		if !a.allow("a", now) {
			t.Fatalf("ask %d refused", i)
		}
	}
	if a.allow("a", now) || !a.allow("b", now) || !a.allow("a", now.Add(dialBackWindow+time.Second)) || len(a.asked) != 1 {
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
	e, _ := s.pool.table.get(liar.ID())
	e.rec.Addrs, e.rec.Seq = []string{at.String()}, e.rec.Seq+1
	s.pool.table.offer(e.rec, e.raw, a.cfg.now(), false)
	if _, err := s.dialable(liar.ID()); err != nil || slices.ContainsFunc(s.host.Peerstore().Addrs(liar.pid), at.Equal) {
		t.Errorf("it is dialed again: %v, %v", s.host.Peerstore().Addrs(liar.pid), err)
	}
	if a.Counters()["false_addresses"] == 0 || !a.warned(string(liar.ID())) {
		t.Error("nobody is named")
	}
	if named := s.liars(); len(named) != 1 || named[0].id != liar.ID() || !named[0].at.Equal(at) {
		t.Errorf("%v are named", named)
	}
	a.clock.Store(int64(falseFor + time.Second))
	if named := s.liars(); len(named) != 0 {
		t.Errorf("%v are named for ever", named)
	}
}

// Where a relay is to be found is its own word, not that of who is reached through it.
func TestRelayedAddressesNameTheRelayOnly(t *testing.T) {
	relay, to := newNode(t, "r"), newNode(t, "n")
	bare := "/p2p/" + string(relay.ID()) + "/p2p-circuit"
	for _, at := range []string{bare, "/ip4/6.6.6.6/tcp/25" + bare, bare + "/p2p/" + string(to.ID()), "/ip4/6.6.6.6/tcp/25" + bare + "/ip4/6.6.6.6/tcp/25"} {
		info, err := addrInfo(api.Record{ID: to.ID(), Addrs: []string{at, "/p2p-circuit", "/ip4/5.5.5.5/tcp/25/p2p-circuit"}})
		if err != nil || len(info.Addrs) != 1 || info.Addrs[0].String() != bare {
			t.Errorf("%s is dialed at %v, %v", at, info.Addrs, err)
		}
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
		{[]sighting{at("5.5.5.1:4001"), at("[2a02::1]:4001")}, api.NATUnknown},
		{[]sighting{at("5.5.5.1:4001"), at("[2a02::1]:4001"), at("5.5.5.1:4001")}, api.NATIndependent},
		{[]sighting{at("[2a02::1]:4001"), at("5.5.5.1:4001"), at("5.5.5.1:4002")}, api.NATSymmetric},
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
