package p2p

import (
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// judge makes a verdict of what members saw, and with it of the addresses at which
// they reached this node; it says whether one of the two changed. Where nobody was
// asked the old ones stand.
func (s *session) judge() bool {
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	verdict, at := weigh(s.reach.seen)
	if verdict == api.ReachUnknown || verdict == s.reach.verdict && slices.EqualFunc(at, s.reach.public, multiaddr.Multiaddr.Equal) {
		return false
	}
	s.log.Info("how members outside reach this node", "reachability", verdict, "addrs", at)
	s.reach.verdict, s.reach.public = verdict, at
	return true
}

// weigh is what most of the members that were asked to dial say: whether this node
// is public and, if so, where. An address counts when more than half of those that
// see this node over its family reached it there: one of them alone may say that it
// is anywhere.
func weigh(seen map[peer.ID]sighting) (api.Reachability, []multiaddr.Multiaddr) {
	type port struct {
		at  netip.AddrPort
		udp bool
	}
	asked, reached := 0, 0
	family := map[bool]int{} // asked, by whether they see an IPv4 address
	votes := map[port]int{}
	for _, v := range seen {
		if !v.asked {
			continue
		}
		asked++
		family[v.addr.Addr().Is4()]++
		if !v.missed() {
			reached++
		}
		for _, p := range v.reached.TCP {
			votes[port{netip.AddrPortFrom(v.addr.Addr(), p), false}]++
		}
		for _, p := range v.reached.UDP {
			votes[port{netip.AddrPortFrom(v.addr.Addr(), p), true}]++
		}
	}
	switch {
	case asked == 0:
		return api.ReachUnknown, nil
	case 2*reached <= asked:
		return api.ReachPrivate, nil
	}
	var out []multiaddr.Multiaddr
	for p, n := range votes {
		if a, err := multiaddrOf(p.at, p.udp); err == nil && 2*n > family[p.at.Addr().Is4()] {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, multiaddr.Multiaddr.Compare)
	return api.ReachPublic, out
}

func (s *session) reachability() api.Reachability {
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	return s.reach.verdict
}

// publicAddrs are where most of the members outside that were asked reached this node.
func (r *reach) publicAddrs() []multiaddr.Multiaddr {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.public
}
