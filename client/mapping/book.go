// Package mapping is the mapper's side of mapped ports: the book of what this node
// has at gateways, which it keeps there, and where each connection leads. The
// protocol is that of package wire/mapping.
//
// A mapping is written down before it is acknowledged, with the ports that it got,
// and asked for again after every restart and whenever its gateway is gone: of that
// gateway first, then, unless one was named, of others.
package mapping

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// maxMappings bounds the book.
const maxMappings = 200

var errNotRunning = api.Errorf(api.KindUnavailable, "this node is starting, or stopping")

// Store keeps entries by id, durably.
type Store interface {
	Load(ctx context.Context, fn func(doc []byte) error) error
	Save(ctx context.Context, key string, v any) error
	Drop(ctx context.Context, key string) error
}

// Dialer opens streams to members. KindUnavailable when one cannot be reached.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
}

// Targets connects to ports of peers and of containers.
type Targets interface {
	Connect(ctx context.Context, peer api.PeerID, to tunnel.Open) (splice.Stream, error)
	Flow(ctx context.Context, peer api.PeerID, to tunnel.Open) (wire.Stream, error)
	Inside(ctx context.Context, container string, port int, late func(error)) (splice.Stream, error)
}

// Config is what a Book is made of; all of it is required.
type Config struct {
	Self    api.PeerID
	Store   Store
	Dial    Dialer
	Targets Targets
	// Known is KindNotFound for a container that there is not.
	Known func(container string) error
	Peers func() []api.Peer
	// Resolve finds a peer by what somebody typed.
	Resolve func(name string) (api.PeerID, error)
	Names   func(api.PeerID) string
	// Host is where a gateway is reached from here; empty: not known.
	Host func(api.PeerID) string
	// Own tells whether this node itself listens at a port of this machine's loopback.
	Own func(network string, port int) bool
	// Connections is how many one gateway may bring at a time.
	Connections int
	Log         *slog.Logger
}

// Book is safe for concurrent use.
type Book struct {
	cfg     Config
	at      gateways
	lasting tunnel.Lasting
	begun   chan struct{} // closed by Run

	mu      sync.Mutex // guards the rest, and what entry says it guards
	entries map[api.MappingID]*entry
	run     context.Context // Run's, while it lives
	keepers sync.WaitGroup  // what Run began and waits for
}

// page is a mapping as the book has it.
type page struct {
	ID      api.MappingID  `json:"id"`
	Spec    api.MapSpec    `json:"spec"`
	On      []api.PeerID   `json:"on,omitempty"`
	Via     api.PeerID     `json:"via,omitempty"` // the only gateway, if one was named
	Allow   []netip.Prefix `json:"allow,omitempty"`
	Created time.Time      `json:"created"`
	Expires time.Time      `json:"expires,omitzero"`
	Closed  string         `json:"closed,omitempty"` // why its gateway's owner ended it
	Gateway api.PeerID     `json:"gateway,omitempty"`
	First   int            `json:"first,omitempty"` // of the ports it had last
}

// Open reads the book.
func Open(ctx context.Context, cfg Config) (*Book, error) {
	b := &Book{cfg: cfg, begun: make(chan struct{}), at: gateways{by: map[api.PeerID]counts{}}, entries: map[api.MappingID]*entry{}}
	return b, cfg.Store.Load(ctx, func(doc []byte) error {
		var p page
		if err := json.Unmarshal(doc, &p); err != nil {
			return api.Errorf(api.KindCorrupt, "the book of mappings: %w", err)
		}
		b.entries[p.ID] = b.entryOf(p)
		return nil
	})
}

// Run keeps the mappings at their gateways until ctx is done.
func (b *Book) Run(ctx context.Context) error {
	b.mu.Lock()
	b.run = ctx
	for _, e := range b.entries {
		b.startLocked(e, nil)
	}
	close(b.begun)
	b.mu.Unlock()
	b.check(ctx)
	b.mu.Lock()
	b.run = nil
	b.mu.Unlock()
	b.keepers.Wait()
	return nil
}

// startLocked begins to keep a mapping; first hears once whether it is open.
func (b *Book) startLocked(e *entry, first chan<- error) {
	ctx, stop := context.WithCancelCause(b.run)
	e.stop, e.over = stop, make(chan struct{})
	e.live, e.cut = context.WithCancel(ctx)
	b.keepers.Go(func() {
		defer close(e.over)
		defer stop(nil)
		b.keep(ctx, e, first)
	})
}

// Map opens a mapping at a gateway and keeps it there. Where no gateway lets it
// be had, nothing is kept. KindInvalid: it makes no sense; KindNobody: no member
// offers to; else what the gateway said. It waits for Run: a node's door opens before.
func (b *Book) Map(ctx context.Context, spec api.MapSpec) (api.Mapping, error) {
	p, err := b.read(spec)
	if err != nil {
		return api.Mapping{}, err
	}
	select {
	case <-b.begun:
	case <-ctx.Done():
		return api.Mapping{}, ctx.Err()
	}
	e := b.entryOf(p)
	first := make(chan error, 1)
	b.mu.Lock()
	switch {
	case b.run == nil:
		b.mu.Unlock()
		return api.Mapping{}, errNotRunning
	case len(b.entries) >= maxMappings:
		b.mu.Unlock()
		return api.Mapping{}, api.Errorf(api.KindQuota, "there are %d mappings already, which is the most", maxMappings).WithHint("p2prc map rm ID")
	}
	b.entries[p.ID] = e
	b.startLocked(e, first)
	b.mu.Unlock()
	select {
	case err = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return api.Mapping{}, errors.Join(err, b.end(ctx, e)) // it may be written down
	}
	return b.view(e), nil
}

// end stops keeping a mapping, and forgets it: in this order, or its keeper would
// write it down again.
func (b *Book) end(ctx context.Context, e *entry) error {
	e.stop(errLetGo)
	<-e.over
	if err := b.cfg.Store.Drop(context.WithoutCancel(ctx), string(e.page.ID)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, e.page.ID)
	return nil
}

// Unmap ends a mapping and its connections. KindNotFound: there is none of that id.
// Where it cannot be forgotten it stays, open nowhere.
func (b *Book) Unmap(ctx context.Context, id api.MappingID) error {
	b.mu.Lock()
	e, runs := b.entries[id], b.run != nil
	b.mu.Unlock()
	switch {
	case e == nil:
		return api.Errorf(api.KindNotFound, "there is no mapping %.40q", id).WithHint("p2prc map ls lists them")
	case !runs:
		return errNotRunning
	}
	return b.end(ctx, e)
}

// Mappings is what this node has at gateways, oldest first.
func (b *Book) Mappings() []api.Mapping {
	views := []api.Mapping{}
	for _, e := range b.all() {
		views = append(views, b.view(e))
	}
	slices.SortFunc(views, func(x, y api.Mapping) int { return cmp.Compare(x.ID, y.ID) })
	return views
}

func (b *Book) all() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.entries))
}

// read makes a page of what was asked for.
func (b *Book) read(spec api.MapSpec) (page, error) {
	spec.Network, spec.Ports = cmp.Or(spec.Network, "tcp"), cmp.Or(spec.Ports, 1)
	if err := readDomain(&spec); err != nil {
		return page{}, err
	}
	p := page{ID: api.MappingID(ulid.Make().String()), Spec: spec, Created: time.Now()}
	if spec.TTL < 0 {
		return p, api.Errorf(api.KindInvalid, "a mapping that lives %s", spec.TTL)
	}
	if spec.TTL > 0 {
		p.Expires = p.Created.Add(time.Duration(spec.TTL))
	}
	if spec.Port < 1 || spec.Port > 65536-spec.Ports {
		return p, api.Errorf(api.KindInvalid, "there are no %d ports from %d on", spec.Ports, spec.Port).WithHint("1 to 65535")
	}
	for _, text := range spec.Allow {
		net, err := prefix(text)
		if err != nil {
			return p, api.Errorf(api.KindInvalid, "%.60q is neither an address nor a network", text).WithHint("like 198.51.100.7 or 2001:db8::/32")
		}
		p.Allow = append(p.Allow, net)
	}
	if spec.Proxy && spec.Network != "tcp" {
		return p, api.Errorf(api.KindInvalid, "the PROXY protocol is for TCP")
	}
	if err := p.request().Check(); err != nil {
		return p, err
	}
	if spec.Via != "" {
		var err error
		if p.Via, err = b.cfg.Resolve(spec.Via); err != nil {
			return p, err
		}
	}
	return p, b.readTargets(&p)
}

// readTargets finds out where a mapping leads.
func (b *Book) readTargets(p *page) error {
	if p.Spec.Container != "" {
		if len(p.Spec.On) > 0 || p.Spec.Network != "tcp" {
			return api.Errorf(api.KindInvalid, "into a container go TCP connections to its own ports only")
		}
		return b.cfg.Known(p.Spec.Container)
	}
	for _, name := range p.Spec.On {
		id, err := b.cfg.Resolve(name)
		if err != nil {
			return err
		}
		if !slices.Contains(p.On, id) {
			p.On = append(p.On, id)
		}
	}
	return b.notOwn(p)
}

// notOwn says why a mapping may not lead where it does on this machine, if so: what
// comes by it would come back to this node.
func (b *Book) notOwn(p *page) error {
	if p.Spec.Container != "" || len(p.On) > 0 && !slices.Contains(p.On, b.cfg.Self) {
		return nil
	}
	for i := range p.Spec.Ports {
		if b.cfg.Own(p.Spec.Network, p.Spec.Port+i) {
			return ownPort(p.Spec.Port + i)
		}
	}
	return nil
}

func ownPort(port int) error {
	return api.Errorf(api.KindDenied, "port %d is p2prc's own", port).
		WithHint("a service listens at another; where this node is the gateway, --port 0 has it listen at another")
}

// prefix reads a network, or an address as the network of it alone.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err == nil && p.Addr().Is4In6() { // as clients' addresses are compared
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if err == nil && !p.IsValid() {
		err = errors.New("IPv4 in IPv6, and more of IPv6")
	}
	return p.Masked(), err
}
