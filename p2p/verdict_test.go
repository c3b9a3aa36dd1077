package p2p

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// saw is what a member saw that was asked to dial.
func saw(at string, tcp, udp []uint16) sighting {
	return sighting{addr: netip.MustParseAddrPort(at), outside: true, mapped: true, asked: true, reached: ports{tcp, udp}}
}

// A node is where most members reached it, whatever one of them says.
func TestMostMembersMakeTheVerdict(t *testing.T) {
	p := func(ports ...uint16) []uint16 { return ports }
	liar := saw("6.6.6.6:25", p(25), nil)
	for _, c := range []struct {
		what string
		seen []sighting
		want api.Reachability
		at   string
	}{
		{"nobody", nil, api.ReachUnknown, "[]"},
		{"not asked yet", []sighting{{addr: netip.MustParseAddrPort("5.5.5.5:1"), outside: true}}, api.ReachUnknown, "[]"},
		{"one", []sighting{saw("5.5.5.5:9", p(4001), p(4001))}, api.ReachPublic, "[/ip4/5.5.5.5/tcp/4001 /ip4/5.5.5.5/udp/4001/quic-v1]"},
		{"a liar and two that cannot call", []sighting{liar, saw("5.5.5.5:9", nil, nil), saw("5.5.5.5:9", nil, nil)}, api.ReachPrivate, "[]"},
		{"a liar and one that cannot call", []sighting{liar, saw("5.5.5.5:9", nil, nil)}, api.ReachPrivate, "[]"},
		{"a liar and two that can call", []sighting{liar, saw("5.5.5.5:9", p(4001), nil), saw("5.5.5.5:9", p(4001), nil)}, api.ReachPublic, "[/ip4/5.5.5.5/tcp/4001]"},
		{"a liar, one that can call and one that cannot", []sighting{liar, saw("5.5.5.5:9", p(4001), nil), saw("5.5.5.5:9", nil, nil)}, api.ReachPublic, "[]"},
		{"another port", []sighting{saw("5.5.5.5:9", p(4001, 25), nil), saw("5.5.5.5:9", p(4001), nil), saw("5.5.5.5:9", p(4001), nil)}, api.ReachPublic, "[/ip4/5.5.5.5/tcp/4001]"},
		{"two families", []sighting{saw("5.5.5.5:9", p(4001), nil), saw("5.5.5.5:9", p(4001), nil), saw("[2a02::5]:9", p(4001), nil)}, api.ReachPublic, "[/ip4/5.5.5.5/tcp/4001 /ip6/2a02::5/tcp/4001]"},
	} {
		seen := map[peer.ID]sighting{}
		for i, v := range c.seen {
			seen[peer.ID(fmt.Sprint(i))] = v
		}
		if got, at := weigh(seen); got != c.want || fmt.Sprint(at) != c.at {
			t.Errorf("%s: %s %s, want %s %s", c.what, got, at, c.want, c.at)
		}
	}
}

// What members saw stands until they have looked again, and a new address is told at once.
func TestNewSightingsReplaceOldOnes(t *testing.T) {
	nodes := newPool(t, 2)
	a, b := nodes[0], nodes[1].pid
	s := a.session()
	note := func(at time.Time, addr string, asked bool) {
		v := saw(addr, []uint16{4001}, nil)
		if v.at, v.conn, v.asked = at, s.directConn(b), asked; !asked {
			v.reached = ports{}
		}
		s.reach.note(b, v)
	}
	told := func(addr string) {
		t.Helper()
		nudge(s.lookOut)
		start := time.Now()
		nodes[1].until("hears of "+addr, func() bool {
			p, _ := nodes[1].Peer(a.ID())
			return hasAddr(p, "/ip4/"+addr+"/tcp/4001") && p.Reach == api.ReachPublic
		})
		if took := time.Since(start); took > announceEvery/2 {
			t.Errorf("%s was told after %s", addr, took)
		}
	}
	note(a.cfg.now(), "5.5.5.5:9", true)
	told("5.5.5.5")
	note(a.cfg.now().Add(-2*lookAgain), "5.5.5.5:9", true)
	note(a.cfg.now(), "5.5.5.5:9", false) // it looks again, and has not dialed yet
	s.lookAround()
	if changed := s.judge(); changed || len(s.reach.publicAddrs()) != 1 {
		t.Errorf("what it reached is forgotten: %v", s.reach.publicAddrs())
	}
	note(a.cfg.now(), "7.7.7.7:9", true)
	told("7.7.7.7")
}

// A member that reached nothing is asked again soon, and less and less often; one
// that reached this node stands for long.
func TestMissedOnceIsAskedAgainSoon(t *testing.T) {
	r := newReach()
	missed, reached := saw("5.5.5.5:9", nil, nil), saw("5.5.5.5:9", []uint16{4001}, nil)
	for i, tt := range []struct {
		v    sighting
		want time.Duration
	}{
		{missed, lookPause}, {missed, 2 * lookPause}, {missed, 4 * lookPause}, {missed, 8 * lookPause}, {missed, lookAgain}, {missed, lookAgain},
		{reached, lookAgain}, {missed, lookPause},
	} {
		r.note("m", tt.v)
		if got := r.seen["m"].good; got != tt.want {
			t.Errorf("sighting %d stands for %s, want %s", i, got, tt.want)
		}
	}
}
