package p2p

import (
	"net/netip"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// natKind tells a router's kind by how several members see the same port. One
// alone cannot tell whether another would see it elsewhere, and who sees an IPv4
// address sees another than who sees an IPv6 one. Of both, what is harder to get
// through is told.
func natKind(seen []sighting, own []netip.Prefix) api.NATKind {
	harder := []api.NATKind{api.NATUnknown, api.NATNone, api.NATIndependent, api.NATSymmetric}
	var first [2]netip.AddrPort // by family
	out := api.NATUnknown
	for _, v := range seen {
		f := &first[v.addr.Addr().BitLen()/128]
		kind := api.NATUnknown
		switch {
		case isOwn(v.addr.Addr(), own):
			kind = api.NATNone
		case f.IsValid() && *f != v.addr:
			kind = api.NATSymmetric
		case f.IsValid():
			kind = api.NATIndependent
		}
		*f = v.addr
		if slices.Index(harder, kind) > slices.Index(harder, out) {
			out = kind
		}
	}
	return out
}
