package p2p

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/multiformats/go-multiaddr"
)

// A member that wants to be met sends nobody to a local network, nor to many places.
func TestWhereOneIsMet(t *testing.T) {
	var all []multiaddr.Multiaddr
	for _, a := range []string{"/ip4/192.168.1.1/tcp/80", "/ip4/100.64.0.9/tcp/80", "/ip4/127.0.0.1/tcp/80", "/ip4/0.0.0.0/tcp/80", "/ip4/169.254.169.254/tcp/80", "/ip6/fd00::1/tcp/80", "/ip4/224.0.0.1/udp/80/quic-v1", "/ip6/::1/tcp/80",
		"/ip4/5.5.5.5/tcp/1", "/ip6/2a02::5/udp/1/quic-v1"} {
		all = append(all, multiaddr.StringCast(a))
	}
	s := newNode(t, "n").up().session()
	if got := s.FilterRemote("", all); !slices.EqualFunc(got, all[8:], multiaddr.Multiaddr.Equal) {
		t.Errorf("it is met at %v", got)
	}
	many := slices.Repeat(all[8:], maxPunched)
	if got := s.FilterRemote("", many); len(got) != maxPunched {
		t.Errorf("it is met at %d addresses", len(got))
	}
}

// Without an address at which this node could be met there is nothing to try, and
// nothing that a node which goes down would wait for. With one, hole punching begins.
func TestPunchingThatDidNotBegin(t *testing.T) {
	nodes := newPool(t, 2)
	s, other := nodes[0].session(), nodes[1].pid
	p, err := s.openPunching()
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan error, 1)
	try := func() error {
		go func() { tried <- p.DirectConnect(other) }()
		select {
		case err := <-tried:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("it waits for what may never come")
			return nil
		}
	}
	if err := try(); !errors.Is(err, errNotBegun) {
		t.Errorf("without an address: %v", err)
	}
	s.reach.mu.Lock()
	s.reach.seen[other] = sighting{at: time.Now(), conn: s.directConn(other), addr: netip.MustParseAddrPort("5.5.5.5:4001"), mapped: true, outside: true}
	s.reach.mu.Unlock()
	nodes[0].until("hole punching begins", func() bool { return !errors.Is(try(), errNotBegun) })
	if err := try(); err != nil {
		t.Errorf("connected directly already: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := try(); err == nil {
		t.Error("it was closed")
	}
}

// A member makes this node dial no more often than it is allowed to.
func TestNobodyIsPunchedWithWithoutEnd(t *testing.T) {
	nodes := newPool(t, 2)
	const name, often = "/p2prc/test/1", 3
	punchHost{nodes[0].session().gated.gatedHost, new(atomic.Bool), newAllowance(often, time.Minute)}.SetStreamHandler(name, func(st network.Stream) {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range often + 2 {
		st, err := nodes[1].session().host.NewStream(t.Context(), nodes[0].pid, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = st.Read(make([]byte, 1)); (err == io.EOF) != (i < often) {
			t.Errorf("the %dth time: %v", i+1, err)
		}
		resetStream(nodes[1].session(), st)
	}
}
