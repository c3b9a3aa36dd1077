package p2p

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

type networkPeer = peer.ID

const (
	strikes       = 3                // refusals within strikeTime before a node is not even answered
	strikeTime    = time.Minute      //
	maxRemembered = 1024             // strangers remembered
	maxUnproven   = 64               // connections that have not proved membership yet
	proveTime     = 10 * time.Second // to prove it; busy machines are slow
)

// gater refuses connections of strangers that were refused before. It is
// libp2p's earliest moment at which the other side is authenticated.
type gater struct {
	now  func() time.Time
	self peer.ID // whose calls to itself, through a relay, have said all once they are authenticated

	mu      sync.Mutex // guards strikes
	strikes map[peer.ID]strike
}

type strike struct {
	n     int
	until time.Time
}

var _ connmgr.ConnectionGater = (*gater)(nil)

func newGater(now func() time.Time, self peer.ID) *gater {
	return &gater{now: now, self: self, strikes: map[peer.ID]strike{}}
}

// strike remembers a refusal.
func (g *gater) strike(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if len(g.strikes) >= maxRemembered {
		for id, s := range g.strikes {
			if now.After(s.until) || len(g.strikes) >= maxRemembered {
				delete(g.strikes, id)
			}
		}
	}
	s := g.strikes[p]
	if now.After(s.until) {
		s.n = 0
	}
	g.strikes[p] = strike{s.n + 1, now.Add(strikeTime)}
}

// forgive forgets refusals: of p, which was admitted, or of all ("") when a new invite was made.
func (g *gater) forgive(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p == "" {
		clear(g.strikes)
	}
	delete(g.strikes, p)
}

func (g *gater) out(p peer.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.strikes[p]
	return ok && s.n >= strikes && g.now().Before(s.until)
}

// InterceptPeerDial implements connmgr.ConnectionGater.
func (g *gater) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAddrDial implements connmgr.ConnectionGater.
func (g *gater) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool { return true }

// InterceptAccept implements connmgr.ConnectionGater.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured implements connmgr.ConnectionGater.
func (g *gater) InterceptSecured(d network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return d == network.DirOutbound || p != g.self && !g.out(p)
}

// InterceptUpgraded implements connmgr.ConnectionGater.
func (g *gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// gatedHost is the host as libp2p's own services get it, pubsub, circuits and hole
// punching: their handlers stand behind the session's check, they open streams to
// proven members only, and hear of a peer when that has been proved, not when it connects.
type gatedHost struct {
	host.Host
	s    *session
	bus  event.Bus
	emit event.Emitter
}

func newGatedHost(h host.Host, s *session) (*gatedHost, error) {
	bus := eventbus.NewBus()
	emit, err := bus.Emitter(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return nil, err
	}
	return &gatedHost{Host: h, s: s, bus: bus, emit: emit}, nil
}

// EventBus hides the host's own bus.
func (g *gatedHost) EventBus() event.Bus { return g.bus }

// admitted tells pubsub of a proven member.
func (g *gatedHost) admitted(p peer.ID, protocols []protocol.ID) error {
	return g.emit.Emit(event.EvtPeerIdentificationCompleted{Peer: p, Protocols: protocols})
}

// SetStreamHandler implements host.Host.
func (g *gatedHost) SetStreamHandler(id protocol.ID, h network.StreamHandler) {
	g.Host.SetStreamHandler(id, g.s.gate(h))
}

// SetStreamHandlerMatch implements host.Host.
func (g *gatedHost) SetStreamHandlerMatch(id protocol.ID, m func(protocol.ID) bool, h network.StreamHandler) {
	g.Host.SetStreamHandlerMatch(id, m, g.s.gate(h))
}

var errNotMember = errors.New("not a proven member")

// NewStream implements host.Host.
func (g *gatedHost) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if !g.s.proven(p) {
		return nil, errNotMember
	}
	return g.Host.NewStream(network.WithNoDial(ctx, "the session dials"), p, ids...)
}

// Connect implements host.Host: none of them dials by itself.
func (g *gatedHost) Connect(context.Context, peer.AddrInfo) error { return errNotMember }

// gate puts a stream handler behind the membership check.
func (s *session) gate(h network.StreamHandler) network.StreamHandler {
	return func(st network.Stream) {
		if _, ok := s.lets(st, string(st.Protocol())); ok {
			h(st)
		}
	}
}

// lets is the membership check: it gives the role of the member that opened a
// stream, and refuses who is none.
func (s *session) lets(st network.Stream, name string) (api.Role, bool) {
	c := st.Conn()
	from := api.PeerID(c.RemotePeer().String())
	role, err := s.pool.log.Check(from, s.n.cfg.now())
	if err != nil && c.Stat().Direction == network.DirOutbound {
		// Whom we dialed is sure of us a moment before we have read its proof.
		<-s.proofOf(c).done
		role, err = s.pool.log.Check(from, s.n.cfg.now())
	}
	if err != nil {
		resetStream(s, st)
		s.refuse(c, "spoke "+name, err)
		return "", false
	}
	return role, true
}

func resetStream(s *session, st interface{ Reset() error }) {
	if err := st.Reset(); err != nil {
		s.log.Debug("reset", "err", err)
	}
}
