package node

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/shell"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	wcontainer "github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

// openShells makes the lending side of shells in this machine's own programs.
func (n *Node) openShells() {
	if n.process == nil {
		return
	}
	n.shells = shell.New(shell.Config{Runtime: n.process, Room: n.server, Names: n.nameOf, Roles: n.roles, Log: n.log.With("part", "shells")})
}

func (n *Node) runShells(ctx context.Context) error {
	if n.shells == nil {
		<-ctx.Done()
		return nil
	}
	return n.shells.Run(ctx)
}

// serveShells hands a borrower's stream to the lending side, if this node lends.
func (n *Node) serveShells(ctx context.Context, from api.Caller, st wire.Stream) {
	why := n.lendsNot(from)
	if why == "" && n.shells == nil {
		why = "this node runs no guests"
	}
	if why != "" {
		n.refuseContainer(from, st, wcontainer.Shell, why)
		return
	}
	n.shells.Serve(ctx, from, st)
}

// recheckShells ends what its borrowers may not have any more.
func (n *Node) recheckShells() {
	if n.shells != nil {
		n.local.start(func(context.Context) { n.shells.Enforce() })
	}
}
