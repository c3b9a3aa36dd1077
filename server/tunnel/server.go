// Package tunnel connects members to what listens on this machine, or beside it,
// where the owner's policy names the port and the member. Without such a row
// nothing is reached. The protocol is that of package wire/tunnel.
package tunnel

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

const (
	openWait  = 10 * time.Second // for the first frame to come
	dialWait  = 10 * time.Second
	maxAll    = 4096 // connections at a time
	maxPeer   = 256  // of one member: a lasting one that was taken up holds two of its streams
	idleTCP   = 24 * time.Hour
	idleUDP   = 2 * time.Minute
	idleEvery = 30 * time.Second
)

// Config is what a Server is made of; all of it is required.
type Config struct {
	// Rules is the owner's policy now.
	Rules func() []api.Rule
	// Lends tells why nothing is lent to a member now; empty if it may ask.
	Lends func(from api.Caller) string
	// Own tells whether this node itself listens at a port of this machine's loopback.
	Own   func(network string, port int) bool
	Names func(api.PeerID) string
	// Refused notes who was turned away, and why.
	Refused func(from api.Caller, why error)
	Log     *slog.Logger
}

// Server is safe for concurrent use.
type Server struct {
	cfg Config

	lasting tunnel.Lasting

	mu   sync.Mutex // guards the rest
	open map[*connection]struct{}
	held map[api.PeerID]int
}

// connection is one that is open, or being opened.
type connection struct {
	id       api.TunnelID
	from     api.Caller
	to       tunnel.Open
	since    time.Time
	in, out  atomic.Int64 // bytes to and from the target
	withdraw context.CancelCauseFunc

	seen  int64     // bytes both ways when Run last saw them change; Run's alone
	quiet time.Time // since when they did not; Run's alone
}

// New makes a server.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, open: map[*connection]struct{}{}, held: map[api.PeerID]int{}}
}

// Run ends connections over which nothing went for long, until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(idleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			s.withdraw(func(c *connection) error {
				limit := idleTCP
				if c.to.Network == "udp" {
					limit = idleUDP
				}
				if n := c.in.Load() + c.out.Load(); n != c.seen {
					c.seen, c.quiet = n, now
				}
				if now.Sub(c.quiet) > limit {
					return api.Errorf(api.KindTimeout, "nothing was said for %s", limit)
				}
				return nil
			})
		}
	}
}

// Serve carries one stream of a member to its target and back, to its end.
func (s *Server) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	_ = st.SetReadDeadline(time.Now().Add(openWait)) // a stream without deadlines is in memory
	kind, payload, err := wire.ReadOne(st, tunnel.MaxOpen)
	_ = st.SetReadDeadline(time.Time{})
	var to tunnel.Open
	var again tunnel.Resume
	switch {
	case err != nil:
	case kind == tunnel.KindOpen:
		if err = wire.Decode(payload, &to); err == nil {
			s.connection(ctx, from, st, to)
		}
	case kind == tunnel.KindResume:
		if err = wire.Decode(payload, &again); err == nil {
			err = s.lasting.Resume(from.Peer, st, again)
		}
	default:
		err = wire.UnknownKind(kind)
	}
	if err != nil {
		_ = st.Reset()
	}
}

// connection carries a new one.
func (s *Server) connection(ctx context.Context, from api.Caller, st wire.Stream, to tunnel.Open) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // whoever reads or writes is told
	defer stop()
	now := time.Now()
	c := &connection{id: api.TunnelID(ulid.Make().String()), from: from, to: to, since: now, quiet: now, withdraw: cancel}
	w := wire.NewWriter(st, tunnel.MaxOpen)
	target, err := s.connect(ctx, c)
	if err != nil {
		s.cfg.Refused(from, err)
		_ = st.SetWriteDeadline(time.Now().Add(openWait))
		_ = w.Send(tunnel.KindFail, api.ProblemOf(err, false)) // it may have gone
		_ = st.Close()
		return
	}
	defer s.leave(c)
	var ready tunnel.Ready
	if to.Lasting && to.Network == "tcp" {
		ready.Token = rand.Text()
	}
	if w.Send(tunnel.KindReady, ready) != nil {
		_ = target.Close()
		_ = st.Reset()
		return
	}
	s.cfg.Log.Debug("a connection is open", "caller", from, "network", to.Network, "to", to.Address())
	if to.Network == "udp" {
		datagrams.Carry(ctx, st, tunnel.KindDatagram, target, func(in, out int) { c.in.Add(int64(in)); c.out.Add(int64(out)) })
		return
	}
	var far splice.Stream = st
	if ready.Token != "" {
		stop() // it is not the stream that ends, and the other end is told
		conn := resume.Accepted(st)
		defer s.lasting.Keep(from.Peer, ready.Token, conn)()
		far = conn
	}
	end := context.AfterFunc(ctx, func() { _ = target.Close(); _ = far.Reset() }) // a copy may wait in either
	defer end()
	splice.Counting(far, splice.TCP{TCPConn: target.(*net.TCPConn)}, func(n int) { c.in.Add(int64(n)) }, func(n int) { c.out.Add(int64(n)) })
}

// connect takes a place, asks the policy and dials. Who gets a target calls leave.
func (s *Server) connect(ctx context.Context, c *connection) (_ net.Conn, err error) {
	if err := c.to.Check(); err != nil {
		return nil, err
	}
	if err := s.enter(c); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.leave(c)
		}
	}()
	// Only now: what is taken back from here on finds the connection in its place.
	if err := s.allowed(c.from, c.to); err != nil {
		return nil, err
	}
	return s.dial(ctx, c.to)
}

// allowed asks whether anything is lent, and the owner's policy. This node's own ports are nobody's target:
// behind them a member would be taken for somebody on this machine.
func (s *Server) allowed(from api.Caller, to tunnel.Open) error {
	if why := s.cfg.Lends(from); why != "" {
		return api.Errorf(api.KindDenied, "%s", why)
	}
	resource, what := api.PortResource(to.Port), "port "+to.Address()[1:]
	if to.Host != "" {
		resource, what = api.HostResource(to.Host, to.Port), to.Address()
	}
	action, verb, word := api.ActionForward, "reach", resource
	if to.Public {
		action, verb, word = api.ActionMap, "map", "map:"+resource
	}
	if !policy.Decide(s.cfg.Rules(), from, action, resource).Allow {
		return api.Errorf(api.KindDenied, "the owner's policy does not let you %s %s", verb, what).
			WithHint("its owner can: p2prc lend policy allow YOU %s", word)
	}
	if to.Host == "" && s.cfg.Own(to.Network, to.Port) {
		return api.Errorf(api.KindDenied, "port %d is p2prc's own", to.Port)
	}
	return nil
}

func (s *Server) enter(c *connection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.held[c.from.Peer]; n >= maxPeer {
		return api.Errorf(api.KindQuota, "you have %d connections to the peer already, which is the most", n).WithHint("close some")
	}
	if n := len(s.open); n >= maxAll {
		return api.Errorf(api.KindQuota, "the peer has %d connections already, which is the most", n).WithHint("try again later")
	}
	s.held[c.from.Peer]++
	s.open[c] = struct{}{}
	return nil
}

func (s *Server) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.held[c.from.Peer]--; s.held[c.from.Peer] == 0 {
		delete(s.held, c.from.Peer)
	}
}

// Recheck ends connections that the policy, or a member's role, allows no more.
func (s *Server) Recheck(roles map[api.PeerID]api.Role) {
	s.withdraw(func(c *connection) error {
		return s.allowed(api.Caller{Peer: c.from.Peer, Role: roles[c.from.Peer]}, c.to)
	})
}

// Close ends one connection. KindNotFound: there is none of that id.
func (s *Server) Close(id api.TunnelID) error {
	if s.withdraw(func(c *connection) error {
		if c.id == id {
			return errors.New("the owner closed it")
		}
		return nil
	}) == 0 {
		return api.Errorf(api.KindNotFound, "there is no connection %s", id)
	}
	return nil
}

// withdraw ends the connections for which why has a reason, and says how many.
func (s *Server) withdraw(why func(*connection) error) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if err := why(c); err != nil {
			s.cfg.Log.Info("a connection was ended", "caller", c.from, "to", c.to.Address(), "reason", err)
			c.withdraw(err)
			n++
		}
	}
	return n
}

// List is what is open, oldest first.
func (s *Server) List() []api.Tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]api.Tunnel, 0, len(s.open))
	for c := range s.open {
		all = append(all, api.Tunnel{ID: c.id, Peer: c.from.Peer, Name: s.cfg.Names(c.from.Peer), Network: c.to.Network, To: c.to.Address(), Public: c.to.Public,
			BytesIn: c.in.Load(), BytesOut: c.out.Load(), Since: c.since.UTC()})
	}
	slices.SortFunc(all, func(a, b api.Tunnel) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return all
}

// dial reaches the target. A name is looked up here, and what it says is checked
// where the connection is made: a host beside this machine is never the machine
// itself, whatever the name says at that moment.
func (s *Server) dial(ctx context.Context, to tunnel.Open) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	var refused error
	d := net.Dialer{}
	hosts := []string{to.Host}
	if to.Host == "" {
		hosts = []string{"127.0.0.1", "::1"}
	} else {
		own, err := ownAddrs()
		if err != nil {
			return nil, err
		}
		d.Control = beside(own, &refused)
	}
	var err error
	for _, host := range hosts {
		to.Host = host
		var c net.Conn
		if c, err = d.DialContext(ctx, to.Network, to.Address()); err == nil {
			return c, nil
		}
	}
	if refused != nil {
		return nil, refused
	}
	if ctx.Err() != nil {
		return nil, api.Errorf(api.KindTimeout, "nothing answers there within %s", dialWait)
	}
	return nil, api.Errorf(api.KindUnavailable, "nothing answers there: %v", cause(err))
}

// cause is why a dial failed, without this machine's addresses.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func ownAddrs() (map[netip.Addr]bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	own := map[netip.Addr]bool{}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap().WithZone("")] = true
		}
	}
	return own, nil
}
