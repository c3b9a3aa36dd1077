package p2p

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// maxPeerStreams bounds the streams that one member may have open to this node's
// handlers, but for those of HandleUpTo. server/tunnel counts on twice as many as it
// lets a member have connections.
const maxPeerStreams = 512

// handler serves a protocol.
type handler struct {
	serve HandlerFunc
	most  func(api.PeerID) int // streams of one member at a time; nil: they count to maxPeerStreams
}

// share is what one count of a member's streams is about: a protocol that bounds its own, or
// "" for all others.
type share struct {
	peer     peer.ID
	protocol string
}

// handled is one stream in a handler.
type handled struct {
	st     wire.Stream
	role   api.Role // of the caller, as the handler was told
	cancel context.CancelFunc
}

// Handle registers a protocol: h serves each stream that a member opens, in a
// goroutine of its own. Strangers, and members over their bound of streams, never
// get there. It may be called before Run and while running; registering a name
// again replaces its handler.
func (n *Net) Handle(protocol string, h func(ctx context.Context, from api.Caller, s wire.Stream)) {
	n.handle(protocol, handler{serve: h})
}

// HandleUpTo is Handle for a protocol whose streams are bounded for themselves: of one
// member there are as many at a time as most says. It is asked with locks held: it
// may take only such as are never held while something else is waited for.
func (n *Net) HandleUpTo(protocol string, most func(api.PeerID) int, h func(ctx context.Context, from api.Caller, s wire.Stream)) {
	n.own.Store(protocol, most)
	n.handle(protocol, handler{h, most})
}

func (n *Net) handle(protocol string, h handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handlers[protocol] = h
	if n.sess != nil {
		n.sess.handleLocked(protocol)
	}
}

// ownStreams is how many streams a peer may have beyond maxPeerStreams now.
func (n *Net) ownStreams(p peer.ID) (sum int) {
	n.own.Range(func(_, most any) bool {
		sum += most.(func(api.PeerID) int)(api.PeerID(p.String()))
		return true
	})
	return sum
}

// serves tells whether a protocol has a handler; both ends of a stream have one
// where both are of this version.
func (n *Net) serves(protocol string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.handlers[protocol]
	return ok
}

// handleLocked puts a protocol on the host; Net.mu is held.
func (s *session) handleLocked(name string) {
	s.host.SetStreamHandler(protocolOf(name), func(st network.Stream) {
		role, ok := s.lets(st, name)
		if !ok {
			return
		}
		from := st.Conn().RemotePeer()
		s.handOver(s.count(st), from, api.Caller{Peer: api.PeerID(from.String()), Role: role}, name)
	})
}

// handOver gives a member's stream to the handler of its protocol, if there is one and its
// share has a place.
func (s *session) handOver(st wire.Stream, from peer.ID, caller api.Caller, name string) {
	s.n.mu.Lock()
	h := s.n.handlers[name]
	s.n.mu.Unlock()
	if h.serve == nil {
		resetStream(s, st)
		return
	}
	of, most := share{peer: from}, maxPeerStreams
	if h.most != nil {
		of.protocol, most = name, h.most(caller.Peer)
	}
	s.serve(st, caller, h.serve, of, most)
}

// serve runs a handler, if its share has a place.
func (s *session) serve(st wire.Stream, caller api.Caller, h HandlerFunc, of share, most int) {
	from := of.peer
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	me := &handled{st, caller.Role, cancel}
	s.mu.Lock()
	full := s.shares[of] >= most
	if full || s.closing {
		s.mu.Unlock()
		if full {
			s.n.counters.refusedStreams.Add(1)
		}
		resetStream(s, st)
		return
	}
	if s.handling[from] == nil {
		s.handling[from] = map[*handled]struct{}{}
	}
	s.handling[from][me] = struct{}{}
	s.shares[of]++
	s.tasks.Add(1)
	s.mu.Unlock()
	defer s.tasks.Done()
	defer func() {
		s.mu.Lock()
		if delete(s.handling[from], me); len(s.handling[from]) == 0 {
			delete(s.handling, from)
		}
		if s.shares[of]--; s.shares[of] == 0 {
			delete(s.shares, of)
		}
		s.mu.Unlock()
	}()
	h(ctx, caller, st)
	if err := st.Close(); err != nil {
		s.log.Debug("close", "err", err)
	}
}

// endHandlers cancels and resets what a peer has in handlers, unless they were
// told the role that it has now; "" is none.
func (s *session) endHandlers(pid peer.ID, now api.Role) {
	s.mu.Lock()
	var all []*handled
	for h := range s.handling[pid] {
		if h.role != now {
			all = append(all, h)
		}
	}
	s.mu.Unlock()
	for _, h := range all {
		h.cancel()
		resetStream(s, h.st)
	}
}

// OpenStream opens a stream to a member, connecting first where needed. Errors:
// KindNotFound for who is not known as a member, KindDenied for one that was revoked or that
// refuses us, KindUnavailable and KindTimeout when it cannot be reached (trying again
// may help), KindUnsupported when it does not speak the protocol. To a peer that is
// going away at this moment a stream may open and fail at its first read.
func (n *Net) OpenStream(ctx context.Context, id api.PeerID, protocol string) (wire.Stream, error) {
	s, err := n.connected(ctx)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, id, protocol)
}

func (s *session) open(ctx context.Context, id api.PeerID, name string) (network.Stream, error) {
	if id == s.n.id {
		return nil, api.Errorf(api.KindInvalid, "this is the node itself")
	}
	if _, err := s.pool.log.Check(id, s.n.cfg.now()); err != nil {
		if !s.pool.log.Knows(id) {
			return nil, api.Errorf(api.KindNotFound, "no member %s", id.Short()).WithHint("`p2prc peers` lists them")
		}
		return nil, err
	}
	pid, err := s.connect(ctx, id)
	if err != nil {
		return nil, err
	}
	st, err := s.host.NewStream(network.WithNoDial(ctx, "connected above"), pid, protocolOf(name))
	if err == nil {
		return s.count(st), nil
	}
	kind := api.KindUnavailable
	var unsupported msmux.ErrNotSupported[protocol.ID]
	switch {
	case ctx.Err() != nil:
		kind = api.KindOf(ctx.Err())
	case errors.As(err, &unsupported):
		kind = api.KindUnsupported
	}
	return nil, &api.Error{Kind: kind, Msg: "cannot open " + name + " on " + id.Short(), Err: err}
}

// conn is a stream as a net.Conn.
type conn struct {
	wire.Stream
	caller        api.Caller
	local, remote addr
	once          sync.Once
	closed        chan struct{}
}

// addr is a peer id as a net.Addr.
type addr api.PeerID

func (addr) Network() string  { return "p2prc" }
func (a addr) String() string { return string(a) }

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }
func (c *conn) Close() error {
	err := c.Stream.Close()
	c.once.Do(func() { close(c.closed) })
	return err
}

// CallerOf is who is at the other end of a connection that a Listener of this
// package accepted.
func CallerOf(c net.Conn) (api.Caller, bool) {
	pc, ok := c.(*conn)
	if !ok || pc.caller.Peer == "" {
		return api.Caller{}, false
	}
	return pc.caller, true
}

// listener hands a protocol's streams out as connections.
type listener struct {
	self   addr
	conns  chan *conn
	once   sync.Once
	closed chan struct{}
}

// Listener registers a protocol whose streams are accepted as connections, as
// net/http wants them. Close ends accepting; connections stay.
func (n *Net) Listener(protocol string) net.Listener {
	l := &listener{self: addr(n.id), conns: make(chan *conn), closed: make(chan struct{})}
	n.Handle(protocol, func(ctx context.Context, from api.Caller, s wire.Stream) {
		c := &conn{Stream: s, caller: from, local: l.self, remote: addr(from.Peer), closed: make(chan struct{})}
		select {
		case l.conns <- c:
		case <-l.closed:
			return
		case <-ctx.Done():
			return
		}
		select {
		case <-c.closed:
		case <-ctx.Done():
		}
	})
	return l
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.self }

// DialConn opens a stream as a connection. Errors are those of OpenStream.
func (n *Net) DialConn(ctx context.Context, id api.PeerID, protocol string) (net.Conn, error) {
	st, err := n.OpenStream(ctx, id, protocol)
	if err != nil {
		return nil, err
	}
	return &conn{Stream: st, local: addr(n.id), remote: addr(id), closed: make(chan struct{})}, nil
}
