package birthday

import (
	"context"
	crypto "crypto/rand"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

const (
	Opened = 256  // sockets, at the symmetric side
	Tried  = 1024 // ports, by the other

	lowest = 1024 // port that routers give out
	batch  = 16   // packets sent at a time
	pause  = 16 * time.Millisecond
)

// Nonce is what a probe carries, so that it is known from any other packet.
type Nonce [16]byte

func (n Nonce) packet() []byte { return append([]byte{0}, n[:]...) }

// Probe sends packets to ports of a router, from the port that t listens on, until ctx ends;
// it returns how many were sent.
func (t *Transport) Probe(ctx context.Context, router netip.Addr, n Nonce) (sent int, err error) {
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(router, lowest))
	from, err := t.shared.TransportWithAssociationForDial(t.Transport, "udp4", to)
	if err != nil {
		return 0, err
	}
	defer from.DecreaseCount()
	next := time.NewTicker(pause)
	defer next.Stop()
	packet := n.packet()
	for _, port := range rand.Perm(1<<16 - lowest)[:Tried] {
		if sent%batch == 0 {
			select {
			case <-next.C:
			case <-ctx.Done():
				return sent, nil
			}
		}
		if _, err := from.WriteTo(packet, net.UDPAddrFromAddrPort(netip.AddrPortFrom(router, uint16(lowest+port)))); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// NewNonce makes one at random.
func NewNonce() (n Nonce) {
	_, _ = crypto.Read(n[:]) // it never fails
	return n
}
