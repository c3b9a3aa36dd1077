package node

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/forward"
	"github.com/Akilan1999/p2p-rendering-computation/server/tunnel"
	wtunnel "github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// openTunnels makes both sides of forwarded ports.
func (n *Node) openTunnels(dial *dialer) {
	n.tunnels = tunnel.New(tunnel.Config{
		Rules: n.server.Policy, Lends: n.connectsNot, Names: n.nameOf, Log: n.log.With("part", "tunnel"),
		Own:     n.listensAt,
		Refused: func(from api.Caller, why error) { n.refused(from.String(), wtunnel.Protocol, why.Error()) },
	})
	n.forwards = forward.New(forward.Config{Dial: dial, Containers: n.book, Resolve: n.net.Resolve, Log: n.log.With("part", "forward")})
}

// connectsNot says why a member reaches nothing on this machine now, or nothing.
// It need not lend for that: the policy names each port.
func (n *Node) connectsNot(from api.Caller) string {
	switch {
	case !from.Role.Borrows():
		return "role " + string(from.Role) + " does not borrow"
	case n.paused():
		return "its owner has paused it"
	}
	return ""
}

// Forward is the forwards of this node, for the API.
func (n *Node) Forward(ctx context.Context, spec api.ForwardSpec, tell func(api.ForwardEvent) error) error {
	return n.forwards.Run(ctx, spec, tell)
}
