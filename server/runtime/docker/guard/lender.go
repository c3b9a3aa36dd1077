package guard

import (
	"net"
	"net/netip"
	"slices"
)

// Lender is what belongs to this machine and its owner although it looks like the
// Internet: the links that this machine is on, and its public addresses as others
// see them (behind a NAT, the router's). It is about the machine that calls it;
// an engine elsewhere needs its own list.
func Lender(public []netip.Addr) ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var links []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			return nil, err
		}
		links = append(links, p)
	}
	return lender(links, public), nil
}

// site is how much of IPv6 a provider gives to one customer at most: what else
// the owner has lies in there with the address that is known.
const site = 48

func lender(links []netip.Prefix, public []netip.Addr) (all []netip.Prefix) {
	for _, a := range public {
		links = append(links, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
	}
	for _, p := range links {
		if a := p.Addr(); !a.IsGlobalUnicast() || a.IsPrivate() {
			continue // refused anyway, and there may be many
		}
		if p.Addr().Is6() {
			p = netip.PrefixFrom(p.Addr(), min(p.Bits(), site))
		}
		all = append(all, p.Masked())
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all)
}
