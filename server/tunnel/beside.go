package tunnel

import (
	"net/netip"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// beside refuses to connect to anything but another host's unicast address.
func beside(own map[netip.Addr]bool, refused *error) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		a := ap.Addr().Unmap().WithZone("")
		if own[a] || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
			*refused = api.Errorf(api.KindDenied, "that name leads to this machine itself, or to no host of its own").WithHint("for a port of this machine its owner allows port:N")
			return *refused
		}
		return nil
	}
}
