package p2p

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// relayedBy has a node believe that to is reached through relays, with which it is connected.
func relayedBy(t *testing.T, a, to *peerNode, relays ...*peerNode) {
	t.Helper()
	s := a.session()
	e, _ := s.pool.table.get(to.ID())
	e.rec.Addrs, e.rec.Seq = nil, e.rec.Seq+3_600_000 // milliseconds: what it says of itself meanwhile is older
	for _, r := range relays {
		if _, err := s.connect(t.Context(), r.ID()); err != nil {
			t.Fatal(err)
		}
		e.rec.Addrs = append(e.rec.Addrs, circuitAddr(r.pid).String())
	}
	s.pool.table.offer(e.rec, e.raw, a.cfg.now(), false)
}

// says makes a relay answer, when it is asked where somebody is, what it likes.
func says(t *testing.T, relay *peerNode, ips ...string) {
	a := there{}
	for _, ip := range ips {
		a.IPs = append(a.IPs, netip.MustParseAddr(ip))
	}
	replies(t, relay, reachProtocol, frameWhere, frameThere, a)
}

// replies makes a node answer a protocol's first frame.
func replies(t *testing.T, p *peerNode, name string, want, kind wire.Kind, with any) {
	p.session().host.SetStreamHandler(protocolOf(name), func(st network.Stream) {
		l := newLooking(st)
		if err := l.next(want, &struct{}{}); err != nil {
			resetStream(p.session(), st)
			return
		}
		if err := l.w.Send(kind, with); err != nil {
			t.Error(err)
		}
		_ = st.Close() // who asked may have hung up
	})
}

// Where a member is, is what all say that relay for it.
func TestWhereAMemberIs(t *testing.T) {
	nodes := newPool(t, 4)
	a, to, r1, r2 := nodes[0], nodes[1], nodes[2], nodes[3]
	relayedBy(t, a, to, r1, r2)
	s := a.session()
	if _, err := r1.session().connect(t.Context(), to.ID()); err != nil {
		t.Fatal(err)
	}
	got, err := s.askWhere(t.Context(), s.directConn(r1.pid), to.pid)
	if loopback := netip.MustParseAddr("127.0.0.1"); err != nil || !slices.Equal(got.IPs, []netip.Addr{loopback}) {
		t.Errorf("an honest relay says %v, %v", got.IPs, err)
	}
	if got, err := s.askWhere(t.Context(), s.directConn(r1.pid), peer.ID("nobody")); err == nil {
		t.Errorf("nobody is at %v", got)
	}
	if ip, err := s.whereIs(t.Context(), to.pid); err == nil {
		t.Errorf("packets may go to %s", ip)
	}
	for _, c := range []struct{ one, other, want string }{
		{"5.5.5.5", "5.5.5.5", "5.5.5.5"},
		{"5.5.5.5", "6.6.6.6", ""},
		{"5.5.5.5", "10.0.0.1", "5.5.5.5"}, // a neighbour of its says nothing of the outside
		{"192.168.1.1", "192.168.1.1", ""},
		{"127.0.0.1", "169.254.169.254", ""},
		{"2a02::5", "::ffff:5.5.5.5", ""},
	} {
		says(t, r1, c.one)
		says(t, r2, c.other)
		if ip, err := s.whereIs(t.Context(), to.pid); (err == nil) != (c.want != "") || err == nil && ip.String() != c.want {
			t.Errorf("%s and %s: %s, %v", c.one, c.other, ip, err)
		}
	}
	says(t, r1, "5.5.5.5", "6.6.6.6")
	says(t, r2, "5.5.5.5")
	if ip, err := s.whereIs(t.Context(), to.pid); err == nil {
		t.Errorf("of two addresses %s is taken", ip)
	}
}

// How often members are told where others are is bounded.
func TestWhereIsNotAskedWithoutEnd(t *testing.T) {
	nodes := newPool(t, 2)
	s := nodes[0].session()
	pid, err := s.connect(t.Context(), nodes[1].ID())
	if err != nil {
		t.Fatal(err)
	}
	for i := range wheresEach + 1 {
		if _, err := s.askWhere(t.Context(), s.directConn(pid), pid); (err == nil) != (i < wheresEach) {
			t.Fatalf("the %dth time: %v", i+1, err)
		}
	}
}

// mappedAt has a node believe that its router shows its QUIC port so.
func mappedAt(p *peerNode, ats ...string) {
	s := p.session()
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	clear(s.reach.seenUDP)
	for i, at := range ats {
		s.reach.seenUDP[peer.ID(rune('a'+i))] = sighting{at: p.cfg.now(), addr: netip.MustParseAddrPort(at), udp: true, mapped: true, outside: true}
	}
}

// Neither side of a meeting has the other send packets to a third.
func TestNobodyMeetsAThird(t *testing.T) {
	nodes := newPool(t, 3)
	a, b, relay := nodes[0], nodes[1], nodes[2]
	relayedBy(t, a, b, relay)
	relayedBy(t, b, a, relay)
	if _, err := a.session().connect(t.Context(), b.ID()); err != nil {
		t.Fatal(err)
	}
	refuses := func(what string) {
		t.Helper()
		if err := a.session().meet(b.pid); !errors.Is(err, network.ErrReset) {
			t.Errorf("%s: it is met, or says where: %v", what, err)
		}
	}
	for _, c := range []struct {
		what   string
		mapped []string
		seen   string
	}{
		{"its router is not known", nil, "5.5.5.5"},
		{"its router is symmetric", []string{"6.6.6.6:1", "6.6.6.6:2"}, "5.5.5.5"},
		{"both are behind one router", []string{"5.5.5.5:1", "5.5.5.5:1"}, "5.5.5.5"},
	} {
		mappedAt(b, c.mapped...)
		says(t, relay, c.seen)
		refused := b.Counters()["refused_meetings"]
		refuses(c.what)
		b.until("it refuses: "+c.what, func() bool { return b.Counters()["refused_meetings"] == refused+1 })
	}
	mappedAt(b, "6.6.6.6:1", "6.6.6.6:1")
	refuses("it was asked too often")
	b.session().meetings.asks = newAllowance(meetingsEach, meetWindow)
	b.session().meetings.slot <- struct{}{}
	refuses("it meets another")
	<-b.session().meetings.slot
	says(t, relay, "10.0.0.1")
	refuses("nobody outside sees who asks")
	// Who is to be met names another's address.
	says(t, relay, "5.5.5.5")
	replies(t, b, meetProtocol, frameMeet, frameAt, meetAt{netip.MustParseAddrPort("8.8.8.8:53")})
	if err := a.session().meet(b.pid); !errors.Is(err, errNowhere) {
		t.Errorf("a third's address: %v", err)
	}
}

// A meeting is the first attempt where the router is known for symmetric, a later one where
// it is not known, and none where it is of another kind.
func TestWhenToMeet(t *testing.T) {
	a := newNode(t, "n").up()
	for _, c := range []struct {
		mapped       []string
		first, later bool
	}{
		{nil, false, false},
		{[]string{"5.5.5.5:1"}, false, true},
		{[]string{"5.5.5.5:1", "5.5.5.5:1"}, false, false},
		{[]string{"5.5.5.5:1", "5.5.5.5:2"}, true, true},
		{[]string{"[2a02::1]:1", "[2a02::1]:2"}, false, false},
	} {
		mappedAt(a, c.mapped...)
		if first, later := a.session().meets(true), a.session().meets(false); first != c.first || later != c.later {
			t.Errorf("%v: %t, %t", c.mapped, first, later)
		}
	}
}

// Frames of any bytes lead to no address that packets must not go to.
func FuzzMeeting(f *testing.F) {
	frame := func(kind wire.Kind, v any) []byte {
		var b bytes.Buffer
		if err := wire.NewWriter(&b, maxMeet).Send(kind, v); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	f.Add(frame(frameProbe, probed{}))
	f.Add(frame(frameAt, meetAt{netip.MustParseAddrPort("5.5.5.5:1")}))
	f.Add(frame(frameThere, there{IPs: []netip.Addr{netip.MustParseAddr("5.5.5.5"), netip.MustParseAddr("::ffff:10.0.0.1")}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for want, v := range map[wire.Kind]any{frameProbe: &probed{}, frameAt: &meetAt{}} {
			if err := (looking{r: wire.NewReader(bytes.NewReader(raw), maxMeet)}).next(want, v); err == nil && len(raw) > maxMeet+16 {
				t.Fatal("more than a frame was taken")
			}
		}
		var a there
		if err := newLooking(bytes.NewBuffer(raw)).next(frameThere, &a); err != nil {
			return
		}
		for _, ip := range a.public() {
			if !ip.Is4() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
				t.Fatalf("packets may go to %s", ip)
			}
		}
	})
}
