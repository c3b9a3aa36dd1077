package p2p

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	falseFor = 10 * time.Minute // an address at which somebody else answered is not dialed again
	maxFalse = maxAddrs         // of one member
)

// falseAddr is an address that a member gave and at which somebody else answered.
type falseAddr struct {
	at    multiaddr.Multiaddr
	until time.Time
}

// noteFalse remembers which addresses of a failed dial are another node's. On local
// networks that happens by itself, since many use the same addresses; a
// public address in a member's own signed word is a lie, or an old truth.
func (s *session) noteFalse(pid peer.ID, err error) {
	var dial *swarm.DialError
	if !errors.As(err, &dial) {
		return
	}
	for _, e := range dial.DialErrors {
		var mismatch sec.ErrPeerIDMismatch
		if !errors.As(e.Cause, &mismatch) || !manet.IsPublicAddr(e.Address) && !manet.IsIPLoopback(e.Address) {
			continue
		}
		s.n.counters.falseAddrs.Add(1)
		s.log.Warn("a member gives an address that is another node's", "peer", pid.String(), "addr", e.Address.String(), "node", mismatch.Actual.String())
		s.mu.Lock()
		if len(s.lies[pid]) < maxFalse {
			s.lies[pid] = append(s.lies[pid], falseAddr{e.Address, s.n.cfg.now().Add(falseFor)})
		}
		s.mu.Unlock()
		s.host.Peerstore().SetAddrs(pid, []multiaddr.Multiaddr{e.Address}, 0)
	}
}

// truthful leaves out of a member's addresses those that were found false.
func (s *session) truthful(pid peer.ID, all []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.n.cfg.now()
	var lies []falseAddr
	for _, l := range s.lies[pid] {
		if now.Before(l.until) {
			lies = append(lies, l)
		}
	}
	if s.lies[pid] = lies; len(lies) == 0 {
		delete(s.lies, pid)
		return all
	}
	var out []multiaddr.Multiaddr
next:
	for _, a := range all {
		for _, l := range lies {
			if a.Equal(l.at) {
				continue next
			}
		}
		out = append(out, a)
	}
	return out
}

// liar is a member that gave a false address.
type liar struct {
	id api.PeerID
	at multiaddr.Multiaddr
}

// liars are the members of which false addresses are remembered, with one of them.
func (s *session) liars() []liar {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []liar
	now := s.n.cfg.now()
	for pid, lies := range s.lies {
		if i := slices.IndexFunc(lies, func(l falseAddr) bool { return now.Before(l.until) }); i >= 0 {
			out = append(out, liar{api.PeerID(pid.String()), lies[i].at})
		}
	}
	slices.SortFunc(out, func(a, b liar) int { return cmp.Compare(a.id, b.id) })
	return out
}
