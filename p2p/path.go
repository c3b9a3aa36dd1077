package p2p

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

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

// straighten moves a link to its direct connection: pings go there, and a relayed
// connection on which nothing of a handler is left is closed.
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
