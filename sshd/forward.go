package sshd

import (
	"context"
	"net"
	"strconv"

	"golang.org/x/crypto/ssh"

	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// serveForward carries one forwarded connection: the agent in the container
// connects. That nothing listens there ends the channel, for the session
// protocol says it no earlier.
func serveForward(ctx context.Context, nc ssh.NewChannel, open open) {
	var to struct {
		Host     string
		Port     uint32
		From     string
		FromPort uint32
	}
	if err := ssh.Unmarshal(nc.ExtraData(), &to); err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, "the target makes no sense") // a client that is gone needs no answer
		return
	}
	st, err := open(ctx)
	if err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, err.Error()) // as above
		return
	}
	s := session.NewClient(st)
	defer s.Close()
	ch, requests, err := nc.Accept()
	if err != nil {
		return // the connection is gone
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		defer cancel()
		ssh.DiscardRequests(requests) // ends with the channel
	}()
	_ = s.Dial(ctx, net.JoinHostPort(to.Host, strconv.FormatUint(uint64(to.Port), 10)), ch, ch) // its end is all that can be told
	_ = ch.Close()
	<-closed
}
