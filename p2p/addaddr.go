package p2p

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// AddAddr connects to a node of which only HOST:PORT (or a multiaddr) is known:
// it learns the node's id from its handshake, and then both sides prove their
// membership as always. Errors: KindInvalid for what is no address,
// KindUnavailable when nothing of ours answers there, KindDenied when one side is
// no member.
func (n *Net) AddAddr(ctx context.Context, at string) (api.Peer, error) {
	s, err := n.connected(ctx)
	if err != nil {
		return api.Peer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	info, err := s.identifyAddr(ctx, at)
	if err != nil {
		return api.Peer{}, err
	}
	if info.ID == n.pid {
		self, _ := n.Peer(n.id)
		return self, nil
	}
	s.host.Peerstore().AddAddrs(info.ID, info.Addrs, time.Hour)
	if !s.proven(info.ID) {
		if err := s.connectTo(ctx, info.ID); err != nil {
			return api.Peer{}, err
		}
	}
	id := api.PeerID(info.ID.String())
	// Its record comes with the sync that follows the proof.
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		if p, ok := n.Peer(id); ok {
			return p, nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return api.Peer{}, api.Errorf(api.KindTimeout, "%s sent no record", id.Short())
		}
	}
}

// identifyAddr finds out who listens at an address.
func (s *session) identifyAddr(ctx context.Context, at string) (peer.AddrInfo, error) {
	addrs, err := parseAddr(ctx, at)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	if info, err := peer.AddrInfoFromP2pAddr(addrs[0]); err == nil {
		return *info, nil
	}
	tr, ok := s.host.Network().(*swarm.Swarm)
	if !ok {
		return peer.AddrInfo{}, api.Errorf(api.KindInternal, "this host cannot dial an address")
	}
	// libp2p dials ids. Dialing for one that nobody has makes the handshake fail
	// with the id that the other side does have, proved by its key.
	key, err := newKey()
	if err != nil {
		return peer.AddrInfo{}, err
	}
	nobody, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	var last error
	for _, a := range addrs {
		id, err := whoIs(ctx, tr.TransportForDialing(a), a, nobody)
		if err == nil {
			return peer.AddrInfo{ID: id, Addrs: []multiaddr.Multiaddr{a}}, nil
		}
		last = err
	}
	return peer.AddrInfo{}, &api.Error{Kind: api.KindUnavailable, Msg: "no p2prc node answers at " + at, Err: last, Hint: "is it up, and is this the port that its `p2prc status` shows?"}
}

func whoIs(ctx context.Context, tr transport.Transport, a multiaddr.Multiaddr, nobody peer.ID) (peer.ID, error) {
	if tr == nil {
		return "", fmt.Errorf("cannot dial %s", a)
	}
	c, err := tr.Dial(ctx, a, nobody)
	if err == nil {
		return "", errors.Join(errors.New("it claims to be nobody"), c.Close())
	}
	var mismatch sec.ErrPeerIDMismatch
	if errors.As(err, &mismatch) {
		return mismatch.Actual, nil
	}
	return "", err
}

// parseAddr turns HOST:PORT or a multiaddr into addresses to dial.
func parseAddr(ctx context.Context, at string) ([]multiaddr.Multiaddr, error) {
	if strings.HasPrefix(at, "/") {
		a, err := multiaddr.NewMultiaddr(at)
		if err != nil {
			return nil, api.Errorf(api.KindInvalid, "%q is not an address", at).WithHint("write HOST:PORT or /ip4/1.2.3.4/tcp/4001")
		}
		return []multiaddr.Multiaddr{a}, nil
	}
	host, port, err := net.SplitHostPort(at)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 1 || n > 65535 || host == "" {
		return nil, api.Errorf(api.KindInvalid, "%q is not an address", at).WithHint("write HOST:PORT, like 192.168.1.20:%d", DefaultPort)
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, &api.Error{Kind: api.KindUnavailable, Msg: "cannot find the address of " + host, Err: err, Hint: "check the name, or use an IP address"}
	}
	var out []multiaddr.Multiaddr
	for _, transport := range []string{"tcp/%d", "udp/%d/quic-v1"} {
		for _, ip := range ips[:min(len(ips), 4)] {
			family := "ip6"
			if ip.IP.To4() != nil {
				family = "ip4"
			}
			a, err := multiaddr.NewMultiaddr("/" + family + "/" + ip.IP.String() + "/" + fmt.Sprintf(transport, n))
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}
