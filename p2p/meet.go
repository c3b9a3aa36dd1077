package p2p

import (
	"context"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/birthday"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// meetProtocol gets through a symmetric router, as package birthday tells. See the
// package comment.
const meetProtocol = "/p2prc/meet/1"

// The frames of meetProtocol; payloads are JSON.
const (
	frameMeet wire.Kind = iota + 1
	frameAt
	frameProbe
)

const (
	maxMeet  = 1 << 10         // a frame
	meetTime = 6 * time.Second // from the first word to the connection
	hearTime = 3 * time.Second // probing takes one
)

// meetAt is where the asked side's packets come from.
type meetAt struct {
	Addr netip.AddrPort `json:"addr"`
}

// probed is what the asked side is to send.
type probed struct {
	Nonce birthday.Nonce `json:"nonce"`
}

// meets tells whether the next attempt to get through is a meeting: where this node's
// router is known for symmetric, and, where nobody knows, after the first attempt.
func (s *session) meets(first bool) bool {
	kind, own := s.udpKind()
	return kind == api.NATSymmetric || kind == api.NATUnknown && own.IsValid() && !first
}

// udpKind is how this node's router treats its QUIC port over IPv4, and an address at
// which that is seen, as of now.
func (s *session) udpKind() (api.NATKind, netip.AddrPort) {
	s.lookThroughUDP()
	own, now := s.ownNets(), s.n.cfg.now()
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	var seen []sighting
	var at netip.AddrPort
	for _, v := range s.reach.seenUDP {
		if v.mapped && v.outside && v.addr.Addr().Is4() && now.Sub(v.at) <= mappingLife {
			seen, at = append(seen, v), v.addr
		}
	}
	return natKind(seen, own), at
}

// quic is the transport that meetings need.
func (s *session) quic() (*birthday.Transport, error) {
	sw, ok := s.host.Network().(*swarm.Swarm)
	if !ok {
		return nil, errNoTransports
	}
	t, ok := sw.TransportForDialing(multiaddr.StringCast("/ip4/0.0.0.0/udp/0/quic-v1")).(*birthday.Transport)
	if !ok {
		return nil, errNoTransports
	}
	return t, nil
}

// meet asks a member to send packets to this node's router, and calls it from the
// socket that hears one.
func (s *session) meet(pid peer.ID) error {
	ctx, cancel := context.WithTimeout(s.ctx, meetTime+s.patience())
	defer cancel()
	quic, err := s.quic()
	if err != nil {
		return err
	}
	st, err := s.host.NewStream(network.WithNoDial(ctx, "over the relay"), pid, meetProtocol)
	if err != nil {
		return err
	}
	defer resetStream(s, st) // which ends the other side's sending
	stop := context.AfterFunc(ctx, func() { resetStream(s, st) })
	defer stop()
	l := looking{wire.NewReader(st, maxMeet), wire.NewWriter(st, maxMeet)}
	if err := l.w.Send(frameMeet, struct{}{}); err != nil {
		return err
	}
	var to meetAt
	if err := l.next(frameAt, &to); err != nil {
		return err
	}
	ip, err := s.whereIs(ctx, pid)
	if err != nil {
		return err
	}
	if to.Addr.Addr() != ip {
		return errNowhere
	}
	sockets, err := birthday.Open(to.Addr)
	if err != nil {
		return err
	}
	defer sockets.Close()
	p := probed{birthday.NewNonce()}
	if err := l.w.Send(frameProbe, p); err != nil {
		return err
	}
	hear, enough := context.WithTimeout(ctx, hearTime+s.patience())
	defer enough()
	socket, err := sockets.Wait(hear, p.Nonce)
	if err != nil {
		return err
	}
	dial, back, err := quic.Lend(to.Addr, socket)
	if err != nil {
		return err
	}
	defer back()
	s.host.Peerstore().AddAddr(pid, dial, meetTime)
	ctx = network.WithSimultaneousConnect(ctx, true, "nothing is waited for")
	return s.connectTo(network.WithForceDirectDial(ctx, "a relayed connection is there"), pid)
}
