package p2p

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	punchTime  = 4 * time.Second // for one attempt to get through
	punchFirst = time.Second     // after a failed round; then three times as long each time
	punchLast  = 10 * time.Minute
	maxPunched = 8 // addresses of the other side that are tried

	punchesEach  = 12 // a minute, from one member: an attempt of the library has up to 3
	punchesEvery = time.Minute
)

// puncher is libp2p's hole punching and whether it has begun: until it knows an
// address of this node, a call of DirectConnect would wait, and nothing would end
// it, Close neither.
type puncher struct {
	*holepunch.Service
	begun *atomic.Bool
}

var errNotBegun = errors.New("no address is known at which this node could be met")

// DirectConnect tries to make a relayed link direct.
func (p *puncher) DirectConnect(pid peer.ID) error {
	if !p.begun.Load() {
		return errNotBegun
	}
	return p.Service.DirectConnect(pid)
}

// punchHost is the host as hole punching gets it: only members are punched with,
// once they are proved, and not often.
type punchHost struct {
	*gatedHost
	begun *atomic.Bool
	asks  *allowance
}

var (
	_ host.Host            = punchHost{}
	_ holepunch.AddrFilter = (*session)(nil)
)

// Network implements host.Host.
func (h punchHost) Network() network.Network { return punchNetwork{h.gatedHost.Network(), h.begun} }

// punchNetwork hears of the beginning: to ask for news of connections is the last
// thing that hole punching does before DirectConnect waits no more. Its stream
// handler is set earlier, when Close can still come in between.
type punchNetwork struct {
	network.Network
	begun *atomic.Bool
}

// Notify implements network.Network.
func (n punchNetwork) Notify(f network.Notifiee) {
	n.Network.Notify(f)
	n.begun.Store(true)
}

// SetStreamHandler implements host.Host.
func (h punchHost) SetStreamHandler(id protocol.ID, serve network.StreamHandler) {
	h.gatedHost.SetStreamHandler(id, func(st network.Stream) {
		if !h.asks.allow(st.Conn().RemotePeer(), time.Now()) {
			resetStream(h.s, st)
			return
		}
		serve(st)
	})
}

// NewStream implements host.Host.
func (h punchHost) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	for _, c := range h.Network().ConnsToPeer(p) {
		select {
		case <-h.s.proofOf(c).done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.gatedHost.NewStream(ctx, p, ids...)
}

// Connect implements host.Host.
func (h punchHost) Connect(ctx context.Context, to peer.AddrInfo) error {
	if !h.s.isMember(to.ID) {
		return errNotMember
	}
	forgetBackoff(h.Host, to.ID)
	return h.Host.Connect(ctx, to)
}

// openPunching starts answering and making attempts to get from a relayed path
// to a direct one. It is of use once it is known how others see this node.
func (s *session) openPunching() (*puncher, error) {
	withIDs, ok := s.host.(interface{ IDService() identify.IDService })
	if !ok {
		return nil, errors.New("this host does not identify")
	}
	begun := new(atomic.Bool)
	service, err := holepunch.NewService(punchHost{s.gated.gatedHost, begun, newAllowance(punchesEach, punchesEvery)}, withIDs.IDService(), s.punchAddrs, holepunch.WithAddrFilter(s), holepunch.DirectDialTimeout(punchTime))
	if err != nil {
		return nil, err
	}
	return &puncher{service, begun}, nil
}

// punchAddrs are where this node may be met by packets that cross on the way:
// what routers show of the ports it listens on, as of now.
func (s *session) punchAddrs() []multiaddr.Multiaddr {
	s.lookThroughUDP()
	var out []multiaddr.Multiaddr
	add := func(a multiaddr.Multiaddr, err error) {
		if err == nil && manet.IsPublicAddr(a) && !multiaddr.Contains(out, a) {
			out = append(out, a)
		}
	}
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	for _, seen := range []map[peer.ID]sighting{s.reach.seen, s.reach.seenUDP} {
		for _, v := range seen {
			if v.mapped && v.outside {
				add(multiaddrOf(v.addr, v.udp))
			}
		}
	}
	for _, a := range s.host.Addrs() {
		add(a, nil)
	}
	return out
}

// lookThroughUDP asks members outside that have a QUIC port of their own how this
// node's is mapped, unless that is known of a moment ago: a router forgets soon.
func (s *session) lookThroughUDP() {
	now := s.n.cfg.now()
	var ask []peer.ID
	s.reach.mu.Lock()
	if now.Sub(s.reach.silent) < silentFor {
		s.reach.mu.Unlock()
		return
	}
	fresh := 0
	for pid, v := range s.reach.seenUDP {
		if now.Sub(v.at) > mappingLife {
			delete(s.reach.seenUDP, pid)
		} else {
			fresh++
		}
	}
	for pid, v := range s.reach.seen {
		if _, have := s.reach.seenUDP[pid]; v.outside && !have && fresh+len(ask) < 2 && quicAddr(s.host.Peerstore().Addrs(pid)) != nil {
			ask = append(ask, pid)
		}
	}
	s.reach.mu.Unlock()
	if s.askUDP(s.ctx, ask)+fresh == 0 && len(ask) > 0 {
		s.reach.mu.Lock()
		defer s.reach.mu.Unlock()
		s.reach.silent = now
	}
}

// askUDP asks members over QUIC, all at once; it returns how many answered.
func (s *session) askUDP(ctx context.Context, members []peer.ID) int {
	var answered atomic.Int64
	var asking sync.WaitGroup
	for _, pid := range members {
		asking.Go(func() {
			v, err := s.lookUDP(ctx, pid)
			if err != nil {
				s.log.Debug("look over QUIC", "peer", pid.String(), "err", err)
				return
			}
			answered.Add(1)
			s.reach.mu.Lock()
			defer s.reach.mu.Unlock()
			s.reach.seenUDP[pid] = v
		})
	}
	asking.Wait()
	return int(answered.Load())
}

// FilterLocal implements holepunch.AddrFilter.
func (s *session) FilterLocal(_ peer.ID, addrs []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	return addrs
}

// FilterRemote implements holepunch.AddrFilter: what a member says of where it
// can be met is bounded, and never this machine or a local network.
func (s *session) FilterRemote(_ peer.ID, addrs []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	var out []multiaddr.Multiaddr
	own := s.ownNets()
	for _, a := range addrs {
		if at, _, err := addrPort(a); err == nil && isPublic(at.Addr()) && !isOwn(at.Addr(), own) && len(out) < maxPunched {
			out = append(out, a)
		}
	}
	return out
}

// punch is one relayed link that this side tries to make direct: the one that was
// called tries, since it is the one behind a router.
type punch struct {
	next   time.Time
	pause  time.Duration
	busy   bool // an attempt is under way, which alone changes missed
	missed bool // the last attempt was a meeting that came to nothing
}

// punchThrough tries the links that are relayed only: at once, and now and then
// while it does not succeed.
func (s *session) punchThrough(service *puncher) {
	now := s.n.cfg.now()
	s.mu.Lock()
	due := map[peer.ID]*punch{}
	for pid, l := range s.links {
		if p := &l.punch; !p.busy && now.After(p.next) && s.relayedOnly(pid) {
			p.busy = true
			p.pause = max(punchFirst, min(3*p.pause, punchLast))
			p.next = now.Add(p.pause)
			due[pid] = p
		}
	}
	s.mu.Unlock()
	for pid, p := range due {
		s.go_(func() {
			missed := false
			var err error
			if !p.missed && s.meets(p.pause == punchFirst) {
				err = s.meet(pid)
				missed = err != nil
			} else {
				err = s.punch(service, pid)
			}
			if err != nil {
				s.log.Debug("not through yet", "peer", pid.String(), "err", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			p.busy, p.missed = false, missed
		})
	}
}

// punch lets packets cross on the way, if it is this side that begins.
func (s *session) punch(service *puncher, pid peer.ID) error {
	if !s.called(pid) {
		s.lookThroughUDP() // the other side begins, and will ask for it
		return nil
	}
	if _, err := s.dialable(api.PeerID(pid.String())); err != nil {
		return err
	}
	return service.DirectConnect(pid)
}

// relayedOnly tells whether a member is connected through relays alone.
func (s *session) relayedOnly(pid peer.ID) bool {
	conns := s.host.Network().ConnsToPeer(pid)
	return len(conns) > 0 && !slices.ContainsFunc(conns, func(c network.Conn) bool { return !relayed(c.RemoteMultiaddr()) })
}

// called tells whether a connection to a member began there.
func (s *session) called(pid peer.ID) bool {
	return slices.ContainsFunc(s.host.Network().ConnsToPeer(pid), func(c network.Conn) bool { return c.Stat().Direction == network.DirInbound })
}
