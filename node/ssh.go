package node

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/sshd"
)

// openSSH makes the SSH server in front of this node's containers.
func (n *Node) openSSH() error {
	key, err := sshd.HostKey(n.home.path(api.SSHFolder))
	if err != nil {
		return err
	}
	n.sshd = sshd.New(key, n.book, n.log.With("part", "ssh"))
	return nil
}

// SSH is a connection to the SSH server, for the API.
func (n *Node) SSH(container string) (splice.Stream, error) {
	if err := n.book.Known(container); err != nil {
		return nil, err
	}
	near, far := bufpipe.Pair(selfBuffer)
	if !n.local.start(func(ctx context.Context) { n.sshd.Serve(ctx, far, container) }) {
		return nil, api.Errorf(api.KindUnavailable, "this node is stopping")
	}
	return near, nil
}
