package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// relayAgain is how long a relay that did not answer is not called for others.
const relayAgain = 30 * time.Second

// pathOf is the kind of path that a connection is.
func pathOf(c network.Conn) api.PathKind {
	a := c.RemoteMultiaddr()
	if relayed(a) {
		return api.PathRelayed
	}
	if _, err := a.ValueForProtocol(multiaddr.P_TCP); err == nil {
		return api.PathDirectTCP
	}
	return api.PathDirectQUIC
}

// path is how a member is connected, if it is: through whom, and the address.
func (s *session) path(id api.PeerID) (kind api.PathKind, via api.PeerID, at string) {
	pid, err := peer.Decode(string(id))
	if err != nil {
		return api.PathNone, "", ""
	}
	kind = api.PathNone
	rank := map[api.PathKind]int{api.PathNone: 0, api.PathRelayed: 1, api.PathDirectQUIC: 2, api.PathDirectTCP: 3}
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		k := pathOf(c)
		if rank[k] <= rank[kind] {
			continue
		}
		kind, via, at = k, "", c.RemoteMultiaddr().String()
		if relay, ok := relayOf(c.RemoteMultiaddr()); ok {
			via = api.PeerID(relay.String())
		}
	}
	return kind, via, at
}

// straighten closes the relayed connections of a link that has a direct one, where
// nothing of a handler is left on them.
func (s *session) straighten(pid peer.ID) {
	if s.directConn(pid) == nil {
		return
	}
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		if relayed(c.RemoteMultiaddr()) && !s.inUse(c) {
			if err := c.Close(); err != nil {
				s.log.Debug("close", "err", err)
			}
		}
	}
}

// leaveRelays closes the connections to a member through relays that do not
// answer, or through all, so that another relay is called.
func (s *session) leaveRelays(pid peer.ID, all bool) {
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		relay, ok := relayOf(c.RemoteMultiaddr())
		if !ok || !all && s.answering(relay) {
			continue
		}
		if err := c.Close(); err != nil {
			s.log.Debug("close", "err", err)
		}
		s.closed(c) // libp2p tells later
	}
}

// answering tells whether a member answered when it was last asked, or was not
// asked for a while.
func (s *session) answering(pid peer.ID) bool {
	e, ok := s.pool.table.get(api.PeerID(pid.String()))
	switch {
	case !ok || e.state == api.PeerSuspect && s.proven(pid):
		return false
	case e.state == api.PeerDead:
		return s.n.cfg.now().Sub(e.tried) > relayAgain
	}
	return true
}

// inUse tells whether a connection carries a stream of a handler of this node, or
// of the other's.
func (s *session) inUse(c network.Conn) bool {
	for _, st := range c.GetStreams() {
		if p := string(st.Protocol()); p == "" || s.n.serves(p) { // or is being opened
			return true
		}
	}
	return false
}
