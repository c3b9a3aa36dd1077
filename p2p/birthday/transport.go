package birthday

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/transport"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/multiformats/go-multiaddr"
)

// Transport is libp2p's QUIC transport, which also sends probes from the port that it
// listens on, and dials from a socket that is lent to it.
type Transport struct {
	transport.Transport // libp2p's
	shared              *quicreuse.ConnManager
	another             func(*quicreuse.ConnManager) (transport.Transport, error)

	mu   sync.Mutex // guards lent
	lent map[netip.AddrPort]*net.UDPConn
}

// NewTransport is what libp2p.Transport takes.
func NewTransport(key crypto.PrivKey, shared *quicreuse.ConnManager, psk pnet.PSK, gater connmgr.ConnectionGater, limits network.ResourceManager) (*Transport, error) {
	t := &Transport{shared: shared, lent: map[netip.AddrPort]*net.UDPConn{}, another: func(cm *quicreuse.ConnManager) (transport.Transport, error) {
		return libp2pquic.NewTransport(key, cm, psk, gater, limits)
	}}
	var err error
	t.Transport, err = t.another(shared)
	return t, err
}

// ListenOrder is that of libp2p's transport.
func (t *Transport) ListenOrder() int { return libp2pquic.ListenOrder }

// Lend lends a socket for one dial of an IPv4 address, and returns what to dial for it: the
// same address written as an IPv6 one. Of two dials of one address the swarm makes one,
// and one that began earlier, from another socket, leads nowhere. The caller calls back
// when the dial is over, which closes a socket that was not used.
func (t *Transport) Lend(at netip.AddrPort, socket *net.UDPConn) (dial multiaddr.Multiaddr, back func(), err error) {
	dial, err = multiaddr.NewMultiaddr(fmt.Sprintf("/ip6/::ffff:%s/udp/%d/quic-v1", at.Addr(), at.Port()))
	if err != nil {
		return nil, nil, errors.Join(err, socket.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lent[at] = socket
	return dial, func() {
		if unused := t.take(at); unused != nil {
			_ = unused.Close() // nothing was sent that could be lost
		}
	}, nil
}

func (t *Transport) take(at netip.AddrPort) *net.UDPConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	socket := t.lent[at]
	delete(t.lent, at)
	return socket
}

// Dial implements transport.Transport.
func (t *Transport) Dial(ctx context.Context, a multiaddr.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	at, ok := lentFor(a)
	if !ok {
		return t.Transport.Dial(ctx, a, p)
	}
	socket := t.take(at)
	if socket == nil {
		return nil, errNotLent
	}
	plain, err := multiaddr.NewMultiaddr(fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", at.Addr(), at.Port()))
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return t.dialFrom(ctx, socket, plain, p)
}

// lentFor is the address that an address of Lend stands for.
func lentFor(a multiaddr.Multiaddr) (netip.AddrPort, bool) {
	text, err := a.ValueForProtocol(multiaddr.P_IP6)
	if err != nil {
		return netip.AddrPort{}, false
	}
	port, err := a.ValueForProtocol(multiaddr.P_UDP)
	if err != nil {
		return netip.AddrPort{}, false
	}
	at, err := netip.ParseAddrPort("[" + text + "]:" + port)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), err == nil && at.Addr().Is4In6()
}

var errNotLent = errors.New("no socket is lent for this address")

// dialFrom dials from a socket, which lives as long as the connection. libp2p prefers those
// that it listens on wherever it has one, so this is done beside it.
func (t *Transport) dialFrom(ctx context.Context, socket *net.UDPConn, a multiaddr.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	var reset, token [32]byte
	_, _ = rand.Read(reset[:]) // it never fails
	_, _ = rand.Read(token[:])
	one, err := quicreuse.NewConnManager(reset, token, quicreuse.OverrideListenUDP(func(string, *net.UDPAddr) (net.PacketConn, error) { return socket, nil }))
	if err != nil {
		return nil, err
	}
	release := func() {
		_ = one.Close() // of what nobody uses any more
		_ = socket.Close()
	}
	tr, err := t.another(one)
	if err != nil {
		release()
		return nil, err
	}
	c, err := tr.Dial(ctx, a, p)
	if err != nil {
		release()
		return nil, err
	}
	return &conn{CapableConn: c, release: sync.OnceFunc(release)}, nil
}

// conn is a connection with a socket of its own.
type conn struct {
	transport.CapableConn
	release func()
}

// Close implements transport.CapableConn; the swarm calls it also when the other side closed.
func (c *conn) Close() error {
	defer c.release()
	return c.CapableConn.Close()
}

// CloseWithError implements transport.CapableConn.
func (c *conn) CloseWithError(code network.ConnErrorCode) error {
	defer c.release()
	return c.CapableConn.CloseWithError(code)
}
