package p2p

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
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
	maxMeasured = 4                // relays whose latency is measured, and that are tried, in a round
)

// place is a reservation at a relay that was seen to relay. It was taken while conn
// was there: a relay that lost this node has forgotten it, though both came back.
type place struct {
	conn                  network.Conn
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
		case now.Sub(p.tried) > tryEvery || p.conn.IsClosed():
			s.takePlace(relay, p.since)
		}
	}
	if private {
		next := s.relayCandidates()
		for _, relay := range next[:min(len(next), maxMeasured)] {
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
		if err != nil || !e.rec.Relays || e.state != api.PeerAlive || !s.isMember(pid) || s.relayedOnly(pid) || s.reach.isAside(pid, now) {
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
	ctx, cancel := context.WithTimeout(s.ctx, placeTime)
	defer cancel()
	var measuring sync.WaitGroup
	unknown = unknown[:min(len(unknown), maxMeasured)]
	for i := range unknown {
		measuring.Go(func() {
			if d, err := s.probe(ctx, api.PeerID(unknown[i].id.String())); err == nil {
				unknown[i].latency = d
			}
		})
	}
	measuring.Wait()
	for _, c := range unknown {
		if c.latency > 0 {
			known = append(known, c)
		}
	}
	slices.SortFunc(known, func(a, b candidate) int { return cmp.Compare(a.latency, b.latency) })
	var out []peer.ID
	for _, c := range known {
		out = append(out, c.id)
	}
	return out
}

// takePlace reserves at a relay, or renews. Who is connected directly, answers, is
// not suspect and fails all the same is set aside, but not after one try: that may
// be an outage of this node's own, which was over when the relay answered.
func (s *session) takePlace(relay peer.ID, since time.Time) {
	var err error
	for range 2 {
		conn := s.relayConn(relay)
		if conn == nil {
			s.log.Debug("no place", "relay", relay.String(), "why", "it is not connected directly")
			return
		}
		var expires time.Time
		if expires, err = s.reserve(relay); err == nil {
			s.reach.keep(relay, place{conn: conn, since: since, tried: s.n.cfg.now(), expires: expires})
			return
		}
		if errors.Is(err, errSilent) || conn.IsClosed() || !s.answersPing(relay) {
			s.log.Debug("no place", "relay", relay.String(), "err", err)
			return
		}
	}
	s.setAside(relay, err.Error())
}

// relayConn is the direct connection to a relay, made where there is none; nil
// if it cannot be.
func (s *session) relayConn(relay peer.ID) network.Conn {
	ctx, cancel := context.WithTimeout(s.ctx, relayDial)
	defer cancel()
	if err := s.connectDirect(ctx, relay); err != nil {
		return nil
	}
	return s.directConn(relay)
}

// answersPing tells whether a member answers now, and is not suspect after it.
func (s *session) answersPing(pid peer.ID) bool {
	ctx, cancel := context.WithTimeout(s.ctx, pingTime+s.patience())
	defer cancel()
	_, err := s.pingLink(ctx, pid)
	return err == nil && s.answering(pid)
}

// reserve counts a place only when bytes have come through: this node calls
// itself there.
func (s *session) reserve(relay peer.ID) (expires time.Time, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, placeTime+s.patience())
	defer cancel()
	r, err := client.Reserve(ctx, s.gated, peer.AddrInfo{ID: relay})
	if err != nil {
		return time.Time{}, fmt.Errorf("it gave no place: %w", err)
	}
	if err := s.tryPlace(ctx, relay); err != nil {
		return time.Time{}, fmt.Errorf("it offers to relay, and nothing came through: %w", err)
	}
	return r.Expiration, nil
}

func (r *reach) keep(relay peer.ID, p place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places[relay] = p
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
