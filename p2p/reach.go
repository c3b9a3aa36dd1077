package p2p

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	reachEvery  = 2 * time.Second // how often places and sightings are looked after
	lookAgain   = 5 * time.Minute // what was seen is old then, at the latest
	lookPause   = 20 * time.Second
	sightings   = 3                // members outside that are asked; one of them may lie
	mappingLife = 15 * time.Second // a router may forget a UDP mapping after 30
	silentFor   = time.Minute      // UDP does not leave: it is not tried again for each attempt
)

// reach is how this node can be reached: what members saw of it, and through
// which of them others come. reachLoop alone changes the verdict, placesLoop alone
// the places.
type reach struct {
	mu      sync.Mutex // guards what follows
	verdict api.Reachability
	public  []multiaddr.Multiaddr // of a public node: where it was reached
	seen    map[peer.ID]sighting
	seenUDP map[peer.ID]sighting // of a moment: how the router maps the QUIC port
	silent  time.Time            // when nobody answered over QUIC last
	tried   map[peer.ID]time.Time
	places  map[peer.ID]place
	aside   map[peer.ID]aside
}

func newReach() *reach {
	return &reach{verdict: api.ReachUnknown, seen: map[peer.ID]sighting{}, seenUDP: map[peer.ID]sighting{}, tried: map[peer.ID]time.Time{},
		places: map[peer.ID]place{}, aside: map[peer.ID]aside{}}
}

// reachLoop finds out how others see this node and acts on it: it makes the
// verdict, relays while that is public, and gets through routers.
func (s *session) reachLoop() {
	t := time.NewTicker(reachEvery)
	defer t.Stop()
	var punching *puncher
	tried := false
	defer func() {
		s.relayer.serve(false)
		if punching == nil {
			return
		}
		if err := punching.Close(); err != nil {
			s.log.Debug("hole punching", "err", err)
		}
	}()
	for {
		s.lookAround()
		changed := s.judge()
		if s.relayer.serve(s.reachability() == api.ReachPublic) || changed {
			s.publishSoon()
		}
		nudge(s.placesDue)
		if !tried && s.reach.seenOutside() {
			tried = true
			var err error
			if punching, err = s.openPunching(); err != nil {
				s.log.Warn("cannot get through routers", "err", err)
			}
		}
		if punching != nil {
			s.punchThrough(punching)
		}
		select {
		case <-t.C:
		case <-s.lookOut:
		case <-s.ctx.Done():
			return
		}
	}
}

// lookAround asks members that are connected directly, until enough of them have
// looked from outside.
func (s *session) lookAround() {
	var ask []network.Conn
	now := s.n.cfg.now()
	s.mu.Lock()
	linked := slices.Collect(maps.Keys(s.links))
	s.mu.Unlock()
	s.reach.mu.Lock()
	fresh := 0
	old := func(v sighting) bool { return now.Sub(v.at) > v.good }
	for pid, v := range s.reach.seen {
		if v.conn.IsClosed() {
			delete(s.reach.seen, pid)
		} else if v.outside && !old(v) {
			fresh++
		}
	}
	if fresh >= sightings { // until then the old ones stand
		maps.DeleteFunc(s.reach.seen, func(_ peer.ID, v sighting) bool { return old(v) })
	}
	for _, pid := range linked {
		v, seen := s.reach.seen[pid]
		if seen && !old(v) || fresh+len(ask) >= sightings || now.Sub(s.reach.tried[pid]) < lookPause {
			continue
		}
		if c := s.directConn(pid); c != nil && !manet.IsIPLoopback(c.RemoteMultiaddr()) {
			s.reach.tried[pid] = now
			ask = append(ask, c)
		}
	}
	s.reach.mu.Unlock()
	for _, c := range ask {
		s.go_(func() {
			err := s.lookOn(s.ctx, c, func(v sighting) {
				s.reach.note(c.RemotePeer(), v)
				nudge(s.lookOut)
			})
			if err != nil {
				s.log.Debug("look", "peer", c.RemotePeer().String(), "err", err)
			}
		})
	}
}

// note keeps what a member saw. It looks first and dials then: what it reached
// before stands meanwhile, if it sees this node where it did. That it reached nothing
// may come of a lost packet or a machine that was busy, so it is asked again
// soon, and less and less often.
func (r *reach) note(from peer.ID, v sighting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.seen[from]
	if v.outside && !v.asked && old.asked && old.addr == v.addr {
		return
	}
	v.good = lookAgain
	if v.missed() {
		v.good = lookPause
		if old.missed() {
			v.good = min(2*old.good, lookAgain)
		}
	}
	r.seen[from] = v
}

// seenOutside tells whether a member outside has seen this node.
func (r *reach) seenOutside() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.seen {
		if v.outside {
			return true
		}
	}
	return false
}

// wantsPlaces tells whether this node needs relays: it is private, or a router's
// address is seen in its place and nobody has got through to it yet.
func (s *session) wantsPlaces() bool {
	own := s.ownNets()
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	if s.reach.verdict != api.ReachUnknown {
		return s.reach.verdict == api.ReachPrivate
	}
	for _, v := range s.reach.seen {
		if v.outside && !isOwn(v.addr.Addr(), own) {
			return true
		}
	}
	return false
}

// directConn is a proved connection that no relay is part of, TCP if there is one.
func (s *session) directConn(pid peer.ID) network.Conn {
	var out network.Conn
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		a := c.RemoteMultiaddr()
		if relayed(a) || c.IsClosed() {
			continue
		}
		if _, udp, err := addrPort(a); err == nil && (out == nil || !udp) {
			out = c
		}
	}
	return out
}

// addrs are all addresses at which this node can be reached.
func (s *session) addrs() []multiaddr.Multiaddr {
	out := slices.Clone(s.host.Addrs())
	for _, a := range slices.Concat(s.reach.publicAddrs(), s.reach.placeAddrs()) {
		if !multiaddr.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// forget drops what was seen on a connection that closed.
func (r *reach) forget(c network.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[c.RemotePeer()].conn == c {
		delete(r.seen, c.RemotePeer())
		delete(r.tried, c.RemotePeer())
	}
}

// connectDirect makes sure that a member is connected without a relay.
func (s *session) connectDirect(ctx context.Context, pid peer.ID) error {
	if s.directConn(pid) != nil && s.proven(pid) {
		return nil
	}
	if s.proven(pid) {
		return errors.New("it is connected through a relay itself")
	}
	if _, err := s.dialable(api.PeerID(pid.String())); err != nil {
		return err
	}
	return s.connectTo(network.WithForceDirectDial(ctx, "a relay must be"), pid)
}
