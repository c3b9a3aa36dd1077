package p2p

import (
	"net/netip"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// natKind tells a router's kind by how several members see the same port. One
// alone cannot tell whether another would see it elsewhere.
func natKind(seen []sighting, own []netip.Prefix) api.NATKind {
	if len(seen) == 0 {
		return api.NATUnknown
	}
	for _, v := range seen[1:] {
		if v.addr != seen[0].addr {
			return api.NATSymmetric
		}
	}
	switch {
	case isOwn(seen[0].addr.Addr(), own):
		return api.NATNone
	case len(seen) > 1:
		return api.NATIndependent
	}
	return api.NATUnknown
}
