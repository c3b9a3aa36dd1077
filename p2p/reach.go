package p2p

import (
	"context"
	"errors"
	"maps"
	"net/netip"
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
	lookAgain   = 5 * time.Minute // an old verdict is asked for anew
	lookPause   = 20 * time.Second
	sightings   = 3                // members outside that are asked; one of them may lie
	mappingLife = 15 * time.Second // a router may forget a UDP mapping after 30
	silentFor   = time.Minute      // UDP does not leave: it is not tried again for each attempt
)

// reach is how this node can be reached: what members saw of it, and through
// which of them others come. reachLoop alone changes the verdict, placesLoop the places.
type reach struct {
	mu      sync.Mutex // guards what follows
	verdict api.Reachability
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
		if punching == nil && s.reach.seenOutside() {
			opened, err := s.openPunching()
			if err != nil {
				s.log.Warn("cannot get through routers", "err", err)
			} else {
				punching = opened
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

func (s *session) reachability() api.Reachability {
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	return s.reach.verdict
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
	for pid, v := range s.reach.seen {
		if now.Sub(v.at) > lookAgain || v.conn.IsClosed() {
			delete(s.reach.seen, pid)
		} else if v.outside {
			fresh++
		}
	}
	for _, pid := range linked {
		_, done := s.reach.seen[pid]
		if done || fresh+len(ask) >= sightings || now.Sub(s.reach.tried[pid]) < lookPause {
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
				s.reach.mu.Lock()
				s.reach.seen[c.RemotePeer()] = v
				s.reach.mu.Unlock()
				nudge(s.lookOut)
			})
			if err != nil {
				s.log.Debug("look", "peer", c.RemotePeer().String(), "err", err)
			}
		})
	}
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

// judge makes a verdict of what members saw; it says whether the verdict, or what
// follows from it for the record, changed. Without new sightings the old one stands.
func (s *session) judge() bool {
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	verdict := s.reach.verdict
	asked, reached := 0, 0
	for _, v := range s.reach.seen {
		if v.asked {
			asked++
		}
		if len(v.reached.TCP)+len(v.reached.UDP) > 0 {
			reached++
		}
	}
	switch {
	case 2*reached > asked:
		verdict = api.ReachPublic
	case asked > 0:
		verdict = api.ReachPrivate
	}
	if verdict == s.reach.verdict {
		return false
	}
	s.log.Info("members outside can call this node", "reachability", verdict)
	s.reach.verdict = verdict
	return true
}

// publicAddrs are where members outside reached this node.
func (r *reach) publicAddrs() []multiaddr.Multiaddr {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []multiaddr.Multiaddr
	add := func(v sighting, port uint16, udp bool) {
		a, err := multiaddrOf(netip.AddrPortFrom(v.addr.Addr(), port), udp)
		if err == nil && !multiaddr.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, v := range r.seen {
		for _, p := range v.reached.TCP {
			add(v, p, false)
		}
		for _, p := range v.reached.UDP {
			add(v, p, true)
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
