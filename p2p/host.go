package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/p2p/birthday"
)

const dialTimeout = 10 * time.Second // for a dial and its handshake; machines that work are slow to answer

// newHost makes a libp2p host that speaks TCP and QUIC and nothing beyond
// identify. It does not listen yet, it can only dial. It is not to be handed
// out: streams belong behind the gate of a session. own, if there is one, says how many
// streams a peer may have beyond what all may; take gets the lanes that are dialed, where it listens. more are
// options beyond that.
func newHost(key crypto.PrivKey, g *gater, own func(peer.ID) int, take func(manet.Conn, network.ConnManagementScope), more ...libp2p.Option) (host.Host, error) {
	limits, err := resources(own)
	if err != nil {
		return nil, err
	}
	// The default manager would close connections above a number; the pool's
	// overlay decides that itself.
	conns, err := connmgr.NewConnManager(1<<19, 1<<20)
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		// TLS before Noise and TCP before QUIC: 490 MB/s a stream against 390 and 145.
		libp2p.Security(libp2ptls.ID, newTLS), libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		// TCP dials from the port listened on: only so can a router be got through. Two
		// nodes of one user cannot share a port all the same, for QUIC is not shared.
		libp2p.ShareTCPListener(), libp2p.Transport(newLaneTransport(take)), libp2p.Transport(birthday.NewTransport),
		libp2p.SwarmOpts(swarm.WithDialRanker(rankDials)), libp2p.WithDialTimeout(dialTimeout),
		// A few members that are down would pass for UDP or IPv6 that leads nowhere.
		libp2p.UDPBlackHoleSuccessCounter(nil), libp2p.IPv6BlackHoleSuccessCounter(nil),
		libp2p.ConnectionGater(g), libp2p.ConnectionManager(conns), libp2p.ResourceManager(limits),
		libp2p.Ping(false), libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.UserAgent("p2prc"), libp2p.NoListenAddrs,
	}
	return libp2p.New(append(opts, more...)...)
}

// resources bounds what strangers can tie up. libp2p's own defaults allow 8
// connections of one address and one new one in 5 s, which a pool behind one
// NAT, or on one machine, is well above; members' streams are bounded by the gate, and
// those that this node opens by whoever opens them. Not to be set: QUIC lets a peer have 256 of
// a connection, and yamux lets 256 wait for this node to take them.
func resources(own func(peer.ID) int) (network.ResourceManager, error) {
	cfg := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{Conns: 4096, ConnsInbound: 4096, ConnsOutbound: 4096, FD: rcmgr.Unlimited,
			Streams: rcmgr.Unlimited, StreamsInbound: rcmgr.Unlimited, StreamsOutbound: rcmgr.Unlimited, Memory: rcmgr.Unlimited64},
		Transient: rcmgr.ResourceLimits{Conns: 256, ConnsInbound: 256, ConnsOutbound: 256, FD: 256,
			Streams: 4096, StreamsInbound: 4096, StreamsOutbound: 4096, Memory: 256 << 20},
		PeerDefault: rcmgr.ResourceLimits{Conns: 16 + 2*maxLanes, ConnsInbound: 8 + maxLanes, ConnsOutbound: 8 + maxLanes, FD: 16 + 2*maxLanes,
			Streams: rcmgr.Unlimited, StreamsInbound: 2 * maxPeerStreams, StreamsOutbound: rcmgr.Unlimited, Memory: rcmgr.Unlimited64},
	}
	perAddr := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: 1024}}
	perAddr6 := []rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: 1024}}
	limits := limiter{rcmgr.NewFixedLimiter(cfg.Build(rcmgr.InfiniteLimits)), own}
	return rcmgr.NewResourceManager(limits, rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(perAddr, perAddr6), rcmgr.WithConnRateLimiters(&rate.Limiter{
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: rate.Limit{RPS: 50, Burst: 512}}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: rate.Limit{RPS: 50, Burst: 512}}},
				GracePeriod:      time.Minute,
			},
		}))
}

// limiter lets some peers have more streams than others, by what own says at the moment.
type limiter struct {
	rcmgr.Limiter
	own func(peer.ID) int
}

// GetPeerLimits implements rcmgr.Limiter.
func (l limiter) GetPeerLimits(p peer.ID) rcmgr.Limit {
	limit := l.Limiter.GetPeerLimits(p)
	if l.own == nil {
		return limit
	}
	return peerLimit{limit, p, l.own}
}

type peerLimit struct {
	rcmgr.Limit
	peer peer.ID
	own  func(peer.ID) int
}

// GetStreamLimit implements rcmgr.Limit. Twice as many as the gate lets in: it says no
// more kindly.
func (l peerLimit) GetStreamLimit(d network.Direction) int {
	n := l.Limit.GetStreamLimit(d)
	if d == network.DirInbound {
		n += 2 * l.own(l.peer)
	}
	return n
}

// relayDelay is the head start of direct addresses. Most of those of a node
// behind a router are of its own network and lead nowhere from here.
const relayDelay = 100 * time.Millisecond

// rankDials tries TCP first: where both are direct it carries three times what
// QUIC does. QUIC follows 200 ms later, a relay before that.
func rankDials(addrs []multiaddr.Multiaddr) []network.AddrDelay {
	out := make([]network.AddrDelay, 0, len(addrs))
	for _, a := range addrs {
		delay := time.Second
		if relayed(a) {
			delay = relayDelay
		} else if _, err := a.ValueForProtocol(multiaddr.P_TCP); err == nil {
			delay = 0
		} else if _, err := a.ValueForProtocol(multiaddr.P_QUIC_V1); err == nil {
			delay = 200 * time.Millisecond
		}
		out = append(out, network.AddrDelay{Addr: a, Delay: delay})
	}
	// Where all that is known must wait, nothing is waited for.
	least := time.Second
	for _, d := range out {
		least = min(least, d.Delay)
	}
	for i := range out {
		out[i].Delay -= least
	}
	return out
}

// forgetBackoff lets the next dial go out at once: our own schedule says when to try.
func forgetBackoff(h host.Host, p networkPeer) {
	if s, ok := h.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(p)
	}
}
