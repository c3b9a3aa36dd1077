package node

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/container"
	"github.com/Akilan1999/p2p-rendering-computation/p2p"
	"github.com/Akilan1999/p2p-rendering-computation/sshd"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// openSSH makes the SSH server in front of this node's containers.
func (n *Node) openSSH() error {
	key, err := sshd.HostKey(n.home.path(api.SSHFolder))
	if err != nil {
		return err
	}
	n.sshd = sshd.New(key, places{n.book, n.net}, n.log.With("part", "ssh"))
	return nil
}

// places are where sessions are had: in this node's containers, and where no
// container has the name, in a sandbox of the peer that has it.
type places struct {
	*container.Book
	net *p2p.Net
}

// at is the peer of that name; empty where it is a container's.
func (p places) at(name string) (api.PeerID, error) {
	err := p.Known(name)
	if err == nil {
		return "", nil
	}
	peer, perr := p.net.Resolve(name)
	if perr != nil && api.KindOf(perr) != api.KindNotFound {
		err = perr // two peers have it
	}
	if perr != nil {
		return "", err
	}
	return peer, nil
}

// Session opens a session at a place.
func (p places) Session(ctx context.Context, name string) (wire.Stream, error) {
	peer, err := p.at(name)
	switch {
	case err != nil:
		return nil, err
	case peer != "":
		return p.Shell(ctx, peer)
	}
	return p.Book.Session(ctx, name)
}

// SSH is the SSH server for a container or a peer, for the API.
func (n *Node) SSH(name string) (func(ctx context.Context, st wire.Stream), error) {
	if _, err := (places{n.book, n.net}).at(name); err != nil {
		return nil, err
	}
	return func(ctx context.Context, st wire.Stream) { n.sshd.Serve(ctx, st, name) }, nil
}
