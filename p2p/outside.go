package p2p

import (
	"net"
	"net/netip"
	"slices"

	manet "github.com/multiformats/go-multiaddr/net"
)

// outside tells whether a member that calls from an address, and sees this node
// at another, is not on this machine's own networks: only then does it say
// something about whether others can call. Not every address that looks public is
// seen from afar: a local network may have such addresses too.
func outside(at, member netip.Addr, own []netip.Prefix) bool {
	if at.IsLoopback() || at.IsLinkLocalUnicast() || slices.ContainsFunc(own, func(n netip.Prefix) bool { return n.Contains(member) }) {
		return false
	}
	return isPublic(at) || !isOwn(at, own) // or a router's
}

func isOwn(ip netip.Addr, own []netip.Prefix) bool {
	return slices.ContainsFunc(own, func(n netip.Prefix) bool { return n.Addr() == ip })
}

func isPublic(ip netip.Addr) bool {
	a, err := multiaddrOf(netip.AddrPortFrom(ip, 0), false)
	return err == nil && manet.IsPublicAddr(a)
}

// ownNets are the networks of this machine's interfaces, each with this machine's
// address in it.
func (s *session) ownNets() []netip.Prefix {
	all, err := net.InterfaceAddrs()
	if err != nil {
		s.log.Debug("interfaces", "err", err)
	}
	var out []netip.Prefix
	for _, a := range all {
		if n, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, n)
		}
	}
	return out
}
