// Package gateway listens for members that cannot be reached from outside, and
// hands each what connects. The protocol is that of package wire/mapping. A
// gateway dials nothing for a client: all it does with one is to give it to the member
// whose mapping it is, over a stream to that member. Domains are package web's; whose
// they are is kept here.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/gateway/web"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

const (
	openWait  = 10 * time.Second // for the first frame to come, and for a stream to the mapper
	sayWait   = 2 * time.Second  // for a last word to go
	maxAll    = 512              // mappings
	maxPeer   = 64               // of one member
	maxQueued = 64 << 20         // bytes of datagrams that wait for a member
	lookEvery = 10 * time.Second
)

// Dialer opens streams to members. KindUnavailable when one cannot be reached.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
	// OpenLane is OpenStream for a stream that may have a connection of its own; KeepLanes
	// has some ready for the next minute.
	OpenLane(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
	KeepLanes(peer api.PeerID)
}

// Limits are the owner's.
type Limits struct {
	Connections  int // at a time, of all mappings; a flow of datagrams is one too
	PerMapping   int
	PerClient    int           // of one address, or of one /64
	NewPerSecond int           // for one mapping; short bursts of as many
	Idle         time.Duration // over which nothing went
	Longest      time.Duration
}

// Config is what a Gateway is made of.
type Config struct {
	Dial Dialer
	// May says why a member may not map a resource here now, if so.
	May func(from api.Caller, resource string) error
	// Ports are those that the policy names for a member.
	Ports  func(from api.Caller) iter.Seq[int]
	Limits Limits
	Hosts  []string // addresses to listen on; all if there are none
	Public string   // where clients reach this node; empty: where members do
	Front  *web.Front
	Claims Claims
	Names  func(api.PeerID) string
	// Refused notes who was turned away, and why.
	Refused func(from api.Caller, why error)
	Log     *slog.Logger
}

// Gateway is safe for concurrent use.
type Gateway struct {
	cfg  Config
	room *datagrams.Room

	book sync.Mutex // held while the claims are changed and written down; before mu

	mu    sync.Mutex // guards the rest, and what carried says it guards
	by    map[key]*carried
	held  map[api.PeerID]int
	conns int

	claims map[string]*claim // by domain
}

// key names a mapping: its id is its mapper's word.
type key struct {
	peer api.PeerID
	id   api.MappingID
}

// Open makes a gateway, and reads whose the domains are.
func Open(ctx context.Context, cfg Config) (*Gateway, error) {
	g := &Gateway{cfg: cfg, room: datagrams.NewRoom(maxQueued), by: map[key]*carried{}, held: map[api.PeerID]int{}, claims: map[string]*claim{}}
	return g, g.loadClaims(ctx)
}

// Run ends connections that last too long, and forgets domains that were long
// away, until ctx is done.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			g.endStale(now)
			g.keepClaims(ctx, now)
		}
	}
}

// Serve carries one mapping of a member, to its end, or is another path to one.
func (g *Gateway) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := read(st)
	if err != nil {
		_ = st.Reset()
		return
	}
	w := wire.NewWriter(st, mapping.MaxFrame)
	if m := g.carries(from, req); m != nil {
		m.hold(st, w)
		return
	}
	m := g.newCarried(ctx, from, req, cancel)
	if err := g.open(ctx, m); err != nil {
		g.cfg.Refused(from, err)
		fail(st, w, err)
		return
	}
	var holds sync.WaitGroup
	defer holds.Wait()
	defer g.leave(m)
	defer g.letGo(m)
	defer m.closeAll()
	g.cfg.Log.Info("a mapping is open", "caller", from, "network", req.Network, "first", m.first, "ports", req.Ports)
	m.run()
	holds.Go(func() { m.hold(st, w) }) // it may wait for this to leave
	<-ctx.Done()
	m.work.Wait()
	g.cfg.Log.Info("a mapping is over", "caller", from, "first", m.first, "reason", context.Cause(ctx))
}

// read is the first frame.
func read(st wire.Stream) (req mapping.Map, err error) {
	_ = st.SetReadDeadline(time.Now().Add(openWait))
	kind, payload, err := wire.ReadOne(st, mapping.MaxFrame)
	switch {
	case err != nil:
		return req, err
	case kind != mapping.KindMap:
		return req, wire.UnknownKind(kind)
	}
	return req, wire.Decode(payload, &req)
}

// fail says why a mapping is not, or no longer; its mapper may have gone.
func fail(st wire.Stream, w *wire.Writer, why error) {
	_ = st.SetDeadline(time.Now().Add(sayWait))
	if w.Send(mapping.KindFail, api.ProblemOf(why, false)) == nil && st.CloseWrite() == nil {
		_, _ = st.Read(make([]byte, 1)) // a reset would overtake it
	}
	_ = st.Close()
}

// open takes a place for a mapping, asks the policy, and listens.
func (g *Gateway) open(ctx context.Context, m *carried) (err error) {
	if err := m.req.Check(); err != nil {
		return err
	}
	if err := g.enter(ctx, m); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			g.leave(m)
		}
	}()
	// Only now: what is taken back from here on finds the mapping in its place.
	if m.req.Domain != "" {
		return m.openSite(ctx)
	}
	return m.listen()
}

// enter takes a place. A mapping of the same name gives its own up.
func (g *Gateway) enter(ctx context.Context, m *carried) error {
	k := key{m.from.Peer, m.req.ID}
	for {
		g.mu.Lock()
		old := g.by[k]
		if old == nil {
			defer g.mu.Unlock()
			if g.held[k.peer] >= maxPeer {
				return api.Errorf(api.KindQuota, "you have %d mappings at the gateway already, which is the most", maxPeer).WithHint("remove some: p2prc map rm")
			}
			if len(g.by) >= maxAll {
				return api.Errorf(api.KindQuota, "the gateway has %d mappings already, which is the most", maxAll).WithHint("name another: --via")
			}
			g.by[k] = m
			g.held[k.peer]++
			return nil
		}
		g.mu.Unlock()
		old.end(errAgain)
		select {
		case <-old.gone:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *Gateway) leave(m *carried) {
	k := key{m.from.Peer, m.req.ID}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.by, k)
	if g.held[k.peer]--; g.held[k.peer] == 0 {
		delete(g.held, k.peer)
	}
	if m.patience != nil {
		m.patience.Stop()
	}
	close(m.gone)
}

// Recheck ends the mappings that the policy, or a member's role, allows no more. Who
// is no member has no domains. It does not wait; gone waits until their ports and
// domains are free for others.
func (g *Gateway) Recheck(roles map[api.PeerID]api.Role) (gone func()) {
	g.drop(func(c *claim) bool { return roles[c.Peer] == "" })
	ended := g.withdraw(func(m *carried) error {
		return m.allowed(api.Caller{Peer: m.from.Peer, Role: roles[m.from.Peer]})
	})
	return func() { allGone(ended) }
}

// Close ends one mapping, and a domain is nobody's. When it returns, the ports or the
// domain are free for another. KindNotFound: there is none of that id.
func (g *Gateway) Close(id api.CarriedID) error {
	kept := g.drop(func(c *claim) bool { return c.ID == id })
	ended := g.withdraw(func(m *carried) error {
		if m.id == id {
			return api.Errorf(api.KindWithdrawn, "the gateway's owner closed it")
		}
		return nil
	})
	if len(ended) == 0 && kept == 0 {
		return api.Errorf(api.KindNotFound, "there is no mapping %s", id)
	}
	allGone(ended)
	return nil
}

func allGone(ended []*carried) {
	for _, m := range ended {
		<-m.gone
	}
}

// withdraw ends the mappings for which why has a reason, and says which.
func (g *Gateway) withdraw(why func(*carried) error) (ended []*carried) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.by {
		if err := why(m); err != nil {
			m.end(err)
			ended = append(ended, m)
		}
	}
	return ended
}

// List is what is mapped, oldest first.
func (g *Gateway) List() []api.Carried {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]api.Carried, 0, len(g.by))
	for k, m := range g.by {
		c := api.Carried{ID: m.id, Peer: k.peer, Name: g.cfg.Names(k.peer), Network: m.req.Network, Ports: []int{}, Domain: m.req.Domain, Since: m.since.UTC(), MapCount: m.count()}
		for i := range m.req.Ports {
			c.Ports = append(c.Ports, m.first+i)
		}
		for _, p := range m.req.Allow {
			c.Allow = append(c.Allow, p.String())
		}
		all = append(all, c)
	}
	all = append(all, g.awayLocked()...)
	slices.SortFunc(all, func(a, b api.Carried) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return all
}

// endStale ends the connections over which nothing went for long, and those that
// are too old.
func (g *Gateway) endStale(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.by {
		for c := range m.conns {
			if n := c.in.Load() + c.out.Load(); n != c.seen {
				c.seen, c.quiet = n, now
			}
			if now.Sub(c.quiet) > g.cfg.Limits.Idle || now.Sub(c.since) > g.cfg.Limits.Longest {
				c.end()
			}
		}
	}
}

var errFull = errors.New("over a limit")
