package p2p

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// lane is a stream with a connection of its own, TLS with the nodes' keys over TCP: no
// multiplexer hands its bytes from goroutine to goroutine, and nothing else waits for them.
type lane struct {
	sec.SecureConn
	peer   peer.ID
	beside network.Conn // the connection of the session it belongs to
	below  net.Conn     // TCP
	free   func()       // gives back what it was counted in

	out            together
	write          sync.Mutex // held by one Write at a time
	read           sync.Mutex // held by one Read at a time
	closed         atomic.Bool
	sent, received *atomic.Int64
	over           sync.Once
}

// lingering is how long a lane that was closed waits for the other end to close it too.
const lingering = 5 * time.Second

// secureLane makes a lane of a connection; who is dialed is known.
func (s *session) secureLane(ctx context.Context, c net.Conn, pid peer.ID, free func()) (*lane, error) {
	tls, err := libp2ptls.New(libp2ptls.ID, s.n.key, nil)
	if err != nil {
		return nil, err
	}
	on := &batched{Conn: c}
	secure := tls.SecureInbound
	if pid != "" {
		secure = tls.SecureOutbound
	}
	sc, err := secure(ctx, on, pid)
	if err != nil {
		return nil, err
	}
	t := s.trafficOf(sc.RemotePeer())
	return &lane{SecureConn: sc, peer: sc.RemotePeer(), below: c, free: free, out: together{sc, on}, sent: &t[0].sent, received: &t[0].received}, nil
}

// Read implements io.Reader.
func (l *lane) Read(p []byte) (int, error) {
	l.read.Lock()
	defer l.read.Unlock()
	if l.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	n, err := l.SecureConn.Read(p)
	l.received.Add(int64(n))
	return n, err
}

// Write implements io.Writer.
func (l *lane) Write(p []byte) (int, error) {
	l.write.Lock()
	defer l.write.Unlock()
	n, err := l.out.Write(p)
	l.sent.Add(int64(n))
	return n, err
}

// CloseWrite implements wire.Stream.
func (l *lane) CloseWrite() error {
	return l.SecureConn.(interface{ CloseWrite() error }).CloseWrite()
}

// Close implements wire.Stream. What was written still goes: a connection that is closed
// with something to be read in it would be reset. Nobody reads any more.
func (l *lane) Close() error {
	l.closed.Store(true)
	err := l.CloseWrite()
	l.over.Do(func() {
		_ = l.SetReadDeadline(time.Now())
		go func() {
			l.read.Lock() // who read has left
			defer l.read.Unlock()
			_ = l.SetReadDeadline(time.Now().Add(lingering))
			_, _ = io.Copy(io.Discard, l.SecureConn)
			_ = l.below.Close()
			l.free()
		}()
	})
	return err
}

// Reset implements wire.Stream.
func (l *lane) Reset() error {
	if c, ok := l.below.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0) // or the end looks like an orderly one
	}
	err := l.below.Close() // of one that lingers too
	l.over.Do(l.free)
	return err
}

// laneTransport is libp2p's TCP, whose port takes lanes as well: what begins with TLS is one,
// libp2p's own connections begin by agreeing on that.
type laneTransport struct {
	*tcp.TcpTransport
	shared *tcpreuse.ConnMgr
	take   func(manet.Conn, network.ConnManagementScope)
}

// newLaneTransport is what libp2p.Transport takes.
func newLaneTransport(take func(manet.Conn, network.ConnManagementScope)) any {
	return func(u transport.Upgrader, limits network.ResourceManager, shared *tcpreuse.ConnMgr) (*laneTransport, error) {
		t, err := tcp.NewTCPTransport(u, limits, shared)
		return &laneTransport{t, shared, take}, err
	}
}

// Listen implements transport.Transport.
func (t *laneTransport) Listen(at multiaddr.Multiaddr) (transport.Listener, error) {
	l, err := t.TcpTransport.Listen(at)
	if err != nil {
		return nil, err
	}
	lanes, err := t.shared.DemultiplexedListen(l.Multiaddr(), tcpreuse.DemultiplexedConnType_TLS)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, scope, err := lanes.Accept()
			if err != nil {
				return
			}
			t.take(c, scope)
		}
	}()
	return &laneListener{l, lanes, done}, nil
}

type laneListener struct {
	transport.Listener
	lanes transport.GatedMaListener
	done  <-chan struct{}
}

// Close implements transport.Listener.
func (l *laneListener) Close() error {
	err := l.lanes.Close()
	<-l.done
	if lerr := l.Listener.Close(); lerr != nil {
		err = lerr
	}
	return err
}
