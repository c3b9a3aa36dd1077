package p2p

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

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
