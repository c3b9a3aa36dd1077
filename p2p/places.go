package p2p

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	wantPlaces  = 2                // relays at which a private node keeps a place
	placeTime   = 3 * time.Second  // for a reservation, and for a try of it
	tryEvery    = 30 * time.Second // a place is tried again
	asideFor    = 10 * time.Minute // a relay that did not relay is left alone
	maxMeasured = 4                // relays whose latency is measured before one is chosen
)

// place is a reservation at a relay that was seen to relay.
type place struct {
	since, tried, expires time.Time
}

// aside is a relay that did not do what it offers.
type aside struct {
	why   string
	until time.Time
}

// placeAddrs are the addresses through relays.
func (r *reach) placeAddrs() []multiaddr.Multiaddr {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []multiaddr.Multiaddr
	for relay := range r.places {
		out = append(out, circuitAddr(relay))
	}
	slices.SortFunc(out, multiaddr.Multiaddr.Compare)
	return out
}

// placesLoop keeps the places, and tells the others when they changed.
func (s *session) placesLoop() {
	for {
		select {
		case <-s.placesDue:
			if s.keepPlaces() {
				s.publishSoon()
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// keepPlaces gives a private node its places: it drops those whose relay is
// gone, renews and tries those it has, and takes new ones. It says whether the
// addresses changed.
func (s *session) keepPlaces() bool {
	before := s.reach.placeAddrs()
	now := s.n.cfg.now()
	private := s.wantsPlaces()
	for relay, p := range s.reach.copyPlaces() {
		e, _ := s.pool.table.get(api.PeerID(relay.String()))
		switch {
		case !private || !s.isMember(relay) || s.directConn(relay) == nil || !e.rec.Relays:
			s.reach.drop(relay)
		case now.Sub(p.tried) > tryEvery:
			s.takePlace(relay, p.since)
		}
	}
	if private {
		for _, relay := range s.relayCandidates() {
			if len(s.reach.copyPlaces()) >= wantPlaces || s.ctx.Err() != nil {
				break
			}
			s.takePlace(relay, now)
		}
	}
	return !slices.EqualFunc(before, s.reach.placeAddrs(), multiaddr.Multiaddr.Equal)
}

func (r *reach) copyPlaces() map[peer.ID]place {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[peer.ID]place, len(r.places))
	for id, p := range r.places {
		out[id] = p
	}
	return out
}

func (r *reach) drop(relay peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.places, relay)
}

// relayCandidates are live members that relay and are not used yet, nearest
// first. Some whose latency is not known are measured.
func (s *session) relayCandidates() []peer.ID {
	type candidate struct {
		id      peer.ID
		latency time.Duration
	}
	var known, unknown []candidate
	have := s.reach.copyPlaces()
	if len(have) >= wantPlaces {
		return nil
	}
	now := s.n.cfg.now()
	for _, e := range s.pool.table.list() {
		pid, err := peer.Decode(string(e.rec.ID))
		if err != nil || !e.rec.Relays || e.state != api.PeerAlive || !s.isMember(pid) || s.reach.isAside(pid, now) {
			continue
		}
		if _, used := have[pid]; used {
			continue
		}
		if c := (candidate{pid, e.latency}); e.latency > 0 {
			known = append(known, c)
		} else {
			unknown = append(unknown, c)
		}
	}
	for _, c := range unknown[:min(len(unknown), maxMeasured)] {
		ctx, cancel := context.WithTimeout(s.ctx, placeTime)
		if d, err := s.probe(ctx, api.PeerID(c.id.String())); err == nil {
			known = append(known, candidate{c.id, d})
		}
		cancel()
	}
	slices.SortFunc(known, func(a, b candidate) int { return cmp.Compare(a.latency, b.latency) })
	var out []peer.ID
	for _, c := range known {
		out = append(out, c.id)
	}
	return out
}

// takePlace reserves at a relay, or renews, and counts the place only when bytes
// have come through: this node calls itself there.
func (s *session) takePlace(relay peer.ID, since time.Time) {
	ctx, cancel := context.WithTimeout(s.ctx, placeTime+s.patience())
	defer cancel()
	r, err := client.Reserve(ctx, s.gated, peer.AddrInfo{ID: relay})
	if err != nil {
		s.setAside(relay, fmt.Sprintf("it gave no place: %v", err))
		return
	}
	if err := s.tryPlace(ctx, relay); err != nil {
		s.setAside(relay, fmt.Sprintf("it offers to relay, and nothing came through: %v", err))
		return
	}
	now := s.n.cfg.now()
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	s.reach.places[relay] = place{since: since, tried: now, expires: r.Expiration}
}

// tryPlace calls this node itself through a relay. That a handshake with the own
// key comes to an end at the other side of it cannot be pretended.
func (s *session) tryPlace(ctx context.Context, relay peer.ID) error {
	c, err := s.circuits.Dial(ctx, circuitAddr(relay), s.n.pid)
	if err != nil {
		return err
	}
	return c.Close()
}

func (r *reach) isAside(relay peer.ID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.aside[relay]
	if ok && now.After(a.until) {
		delete(r.aside, relay)
		return false
	}
	return ok
}

// setAside leaves a relay alone for a while and names it.
func (s *session) setAside(relay peer.ID, why string) {
	if s.ctx.Err() != nil {
		return
	}
	s.n.counters.relaysSetAside.Add(1)
	s.log.Warn("a relay is set aside", "peer", relay.String(), "why", why, "for", asideFor)
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	delete(s.reach.places, relay)
	s.reach.aside[relay] = aside{why: why, until: s.n.cfg.now().Add(asideFor)}
}
