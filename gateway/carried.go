package gateway

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/time/rate"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/gateway/web"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// carried is one mapping of a member.
type carried struct {
	g     *Gateway
	id    api.CarriedID
	from  api.Caller
	req   mapping.Map
	since time.Time
	ctx   context.Context
	end   context.CancelCauseFunc // ends ctx
	gone  chan struct{}           // closed when its place is free
	work  sync.WaitGroup          // all that run began

	rate *rate.Limiter

	// Set by listen; one of each kind for every port, or more with several hosts.
	first int
	tcp   []listening[*net.TCPListener]
	udp   []listening[*net.UDPConn]

	// Set by openSite, instead of sockets.
	site  *web.Site
	fresh bool // its member did not have the domain before

	in, out, total, refused atomic.Int64

	holding sync.Mutex // by one stream at a time; before g.mu

	// What follows is guarded by g.mu.
	conns    map[*conn]struct{}
	clients  map[netip.Addr]int // connections of each
	control  wire.Stream        // by which its mapper holds it; nil: the path broke
	patience *time.Timer        // until it is over for want of one
	left     bool               // its member lets the domain go
}

// listening is a socket, and for which of the mapping's ports.
type listening[T any] struct {
	on   T
	port int
}

// conn is a client's connection, or flow.
type conn struct {
	client  netip.Addr
	since   time.Time
	in, out atomic.Int64 // bytes to and from the mapper
	end     context.CancelFunc

	seen  int64     // bytes both ways when they were seen to change; guarded by Gateway.mu
	quiet time.Time // since when they did not; guarded by Gateway.mu
}

func (g *Gateway) newCarried(ctx context.Context, from api.Caller, req mapping.Map, end context.CancelCauseFunc) *carried {
	return &carried{
		g: g, id: api.CarriedID(ulid.Make().String()), from: from, req: req, since: time.Now(), ctx: ctx, end: end, gone: make(chan struct{}),
		rate:  rate.NewLimiter(rate.Limit(g.cfg.Limits.NewPerSecond), g.cfg.Limits.NewPerSecond),
		conns: map[*conn]struct{}{}, clients: map[netip.Addr]int{},
	}
}

// allowed asks the policy again; g.mu is held. While it does not listen, listen asks.
func (m *carried) allowed(from api.Caller) error {
	if m.first == 0 {
		return nil
	}
	return m.may(from, m.first)
}

// may asks the policy for every port.
func (m *carried) may(from api.Caller, first int) error {
	if m.req.Domain != "" {
		return m.g.cfg.May(from, api.DomainResource(m.req.Domain))
	}
	for i := range m.req.Ports {
		if err := m.g.cfg.May(from, api.ListenResource(first+i)); err != nil {
			return err
		}
	}
	return nil
}

// run accepts until ctx is done. Then what it began ends: who sees that his connection
// does finds the port closed.
func (m *carried) run() {
	live, cut := context.WithCancel(context.WithoutCancel(m.ctx))
	m.work.Go(func() {
		<-m.ctx.Done()
		for _, l := range m.tcp {
			_ = l.on.Close() // nobody waits for more
		}
		cut()
	})
	for _, l := range m.tcp {
		m.work.Go(func() { m.accept(live, l) })
	}
	for _, l := range m.udp {
		m.work.Go(func() { m.flows(m.ctx, l) })
	}
	if m.site != nil {
		m.work.Go(func() { m.site.Run(m.ctx); m.site.Close() })
	}
}

// enter takes a place for a client, or says why it is turned away.
func (m *carried) enter(client netip.Addr, end context.CancelFunc) (*conn, error) {
	client = client.Unmap().WithZone("")
	if len(m.req.Allow) > 0 && !slices.ContainsFunc(m.req.Allow, func(p netip.Prefix) bool { return p.Contains(client) }) {
		return nil, m.refuse(api.Errorf(api.KindDenied, "%s may not", client))
	}
	now, limits := time.Now(), m.g.cfg.Limits
	c := &conn{client: web.Client(client), since: now, quiet: now, end: end}
	m.g.mu.Lock()
	defer m.g.mu.Unlock()
	full := m.g.conns >= limits.Connections || len(m.conns) >= limits.PerMapping || m.clients[c.client] >= limits.PerClient
	if full || !m.rate.Allow() { // in this order: who has too many takes nobody's turn
		return nil, m.refuse(errFull)
	}
	m.g.conns++
	m.conns[c] = struct{}{}
	m.clients[c.client]++
	m.total.Add(1)
	return c, nil
}

func (m *carried) refuse(why error) error {
	m.refused.Add(1)
	return why
}

func (m *carried) leave(c *conn) {
	m.g.mu.Lock()
	defer m.g.mu.Unlock()
	m.g.conns--
	delete(m.conns, c)
	if m.clients[c.client]--; m.clients[c.client] == 0 {
		delete(m.clients, c.client)
	}
}

// count is what went through; g.mu is held.
func (m *carried) count() api.MapCount {
	return api.MapCount{Open: len(m.conns), Total: m.total.Load(), Refused: m.refused.Load(), BytesIn: m.in.Load(), BytesOut: m.out.Load()}
}

// reach opens a stream to the mapper for a client.
func (m *carried) reach(ctx context.Context, begin mapping.Begin) (wire.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	open := m.g.cfg.Dial.OpenStream
	if begin.Token != "" { // it goes on without its lane
		open = m.g.cfg.Dial.OpenLane
	}
	st, err := open(ctx, m.from.Peer, mapping.Carry)
	if err != nil {
		return nil, err
	}
	begin.ID = m.req.ID
	if err := wire.NewWriter(st, mapping.MaxBegin).Send(mapping.KindBegin, begin); err != nil {
		_ = st.Reset()
		return nil, err
	}
	return st, nil
}
