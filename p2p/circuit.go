package p2p

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/multiformats/go-multiaddr"
)

// circuitAddr is how a member is reached through another one. Where the relay
// itself is to be found stands in the relay's own signed record.
func circuitAddr(relay peer.ID) multiaddr.Multiaddr {
	return multiaddr.StringCast("/p2p/" + relay.String() + "/p2p-circuit")
}

// relayOf is the relay in a relayed address.
func relayOf(a multiaddr.Multiaddr) (peer.ID, bool) {
	before, circuit := multiaddr.SplitFunc(a, func(c multiaddr.Component) bool { return c.Protocol().Code == multiaddr.P_CIRCUIT })
	if len(circuit) == 0 || len(before) == 0 {
		return "", false
	}
	id, err := peer.IDFromP2PAddr(before)
	return id, err == nil
}

func relayed(a multiaddr.Multiaddr) bool {
	_, err := a.ValueForProtocol(multiaddr.P_CIRCUIT)
	return err == nil
}

// relayDial is how long a relay may take to be connected.
const relayDial = 2 * time.Second

var errSilent = errors.New("the relay does not answer")

// circuitHost is the host as the circuit transport gets it: a relay must have
// proved its membership before it is asked for anything.
type circuitHost struct{ *gatedHost }

// NewStream implements host.Host.
func (c circuitHost) NewStream(ctx context.Context, relay peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if !c.s.isMember(relay) || relay == c.s.n.pid {
		return nil, errNotMember
	}
	if !c.s.answering(relay) {
		return nil, errSilent // the transport tries one relay at a time: it must not wait for this one
	}
	dial, cancel := context.WithTimeout(ctx, relayDial)
	defer cancel()
	if err := c.s.connectDirect(dial, relay); err != nil {
		return nil, err
	}
	return c.gatedHost.NewStream(ctx, relay, ids...)
}

var _ host.Host = circuitHost{}

// openCircuits adds the transport that dials and listens through relays. libp2p's
// own option would take streams of strangers; this one stands behind the gate.
func (s *session) openCircuits() error {
	gated, err := newGatedHost(s.host, s)
	if err != nil {
		return err
	}
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: yamux.DefaultTransport}}
	tls, err := newTLS(libp2ptls.ID, s.n.key, muxers)
	if err != nil {
		return err
	}
	up, err := upgrader.New([]sec.SecureTransport{tls}, muxers, nil, s.host.Network().ResourceManager(), s.gater)
	if err != nil {
		return err
	}
	s.gated = circuitHost{gated}
	if s.circuits, err = client.New(s.gated, up); err != nil {
		return err
	}
	net, ok := s.host.Network().(transport.TransportNetwork)
	if !ok {
		return errNoTransports
	}
	if err := net.AddTransport(s.circuits); err != nil {
		return err
	}
	if err := net.Listen(multiaddr.StringCast("/p2p-circuit")); err != nil {
		return err
	}
	s.circuits.Start()
	return nil
}
