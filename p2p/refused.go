package p2p

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// refusedAfter is how long a dial may take before we ask whether anybody listens there at all.
const refusedAfter = 200 * time.Millisecond

var errRefused = errors.New("nothing listens at any of its addresses")

// giveUpIfRefused cancels a dial once every TCP address of pid has refused a
// connection. A node listens on TCP and QUIC together; libp2p would go on waiting
// for QUIC, whose dials of a closed port do not fail but time out.
func (s *session) giveUpIfRefused(ctx context.Context, pid peer.ID, cancel context.CancelCauseFunc) {
	t := time.NewTimer(refusedAfter)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return
	}
	refused := false
	if slices.ContainsFunc(s.host.Peerstore().Addrs(pid), relayed) {
		return // only a dial tells
	}
	for _, a := range s.host.Peerstore().Addrs(pid) {
		if _, err := a.ValueForProtocol(multiaddr.P_TCP); err != nil {
			continue
		}
		na, err := manet.ToNetAddr(a)
		if err != nil {
			return // named: only a dial tells
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", na.String())
		if err == nil {
			if err := c.Close(); err != nil {
				s.log.Debug("close", "err", err)
			}
			return
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		refused = true
	}
	if refused {
		cancel(errRefused)
	}
}
