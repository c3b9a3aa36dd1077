package tunnel

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// carryDatagrams carries both ways until the stream ends, and closes both.
func carryDatagrams(ctx context.Context, st wire.Stream, w *wire.Writer, target net.Conn, c *connection) {
	stop := context.AfterFunc(ctx, func() { _ = target.Close() })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		buf := make([]byte, tunnel.MaxDatagram)
		for {
			n, err := target.Read(buf)
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue // nobody listens now: the next datagram may find somebody
			}
			if err != nil {
				_ = st.Reset()
				return
			}
			c.out.Add(int64(n))
			if w.Write(tunnel.KindDatagram, buf[:n]) != nil {
				return
			}
		}
	})
	for r := wire.NewReader(st, tunnel.MaxDatagram); ; {
		kind, payload, err := r.Next()
		if err != nil || kind != tunnel.KindDatagram {
			break
		}
		c.in.Add(int64(len(payload)))
		_, _ = target.Write(payload) // a datagram may be lost
	}
	_ = target.Close()
	back.Wait()
	_ = st.Close()
}

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
