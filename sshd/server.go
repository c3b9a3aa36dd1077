package sshd

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// maxChannels is the most channels at once in one connection.
const maxChannels = 256

// Containers are the node's. KindNotFound for a name that none has.
type Containers interface {
	Session(ctx context.Context, name string) (wire.Stream, error)
}

// Server is safe for concurrent use.
type Server struct {
	config     *ssh.ServerConfig
	containers Containers
	log        *slog.Logger
}

// New makes a server that proves itself with key.
func New(key ssh.Signer, containers Containers, log *slog.Logger) *Server {
	c := &ssh.ServerConfig{NoClientAuth: true, ServerVersion: "SSH-2.0-p2prc"}
	c.AddHostKey(key)
	return &Server{config: c, containers: containers, log: log}
}

// Serve speaks SSH over stream, which it owns, about one container, and returns
// when nothing of the connection is left.
func (s *Server) Serve(ctx context.Context, stream wire.Stream, container string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = stream.Reset() }) // what is read next says so
	defer stop()
	conn, channels, requests, err := ssh.NewServerConn(newNetConn(stream), s.config)
	if err != nil {
		s.log.Debug("no ssh connection came about", "container", container, "err", err)
		return
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { ssh.DiscardRequests(requests) })
	slots := make(chan struct{}, maxChannels)
	for ch := range channels {
		select {
		case slots <- struct{}{}:
		default:
			_ = ch.Reject(ssh.ResourceShortage, "too many sessions are open") // a client that is gone needs no answer
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			s.serve(ctx, ch, conn.User(), container)
		})
	}
}

func (s *Server) serve(ctx context.Context, ch ssh.NewChannel, user, container string) {
	open := func(ctx context.Context) (wire.Stream, error) { return s.containers.Session(ctx, container) }
	switch ch.ChannelType() {
	case "session":
		serveSession(ctx, ch, user, open)
	case "direct-tcpip":
		serveForward(ctx, ch, open)
	default:
		_ = ch.Reject(ssh.UnknownChannelType, "not served here") // as above
	}
}

// readAhead is how much of a connection is read at once: package ssh alone would ask
// twice for each packet.
const readAhead = 128 << 10

// netConn gives a stream the addresses that package ssh asks for.
type netConn struct {
	wire.Stream
	r *bufio.Reader
}

var _ net.Conn = netConn{}

func newNetConn(st wire.Stream) netConn { return netConn{st, bufio.NewReaderSize(st, readAhead)} }

// Read implements net.Conn.
func (c netConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// LocalAddr is a name for messages.
func (netConn) LocalAddr() net.Addr { return addr{} }

// RemoteAddr is a name for messages.
func (netConn) RemoteAddr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "p2prc" }
func (addr) String() string  { return "p2prc" }
