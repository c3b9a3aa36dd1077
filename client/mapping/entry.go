package mapping

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// entry is a mapping of the book. Its page's Closed, Gateway and First, and what
// follows the page, are guarded by Book.mu; only its keeper changes them.
type entry struct {
	page    page
	open    bool
	at      api.PeerID // the gateway that may bring it connections; empty: none
	reason  string     // why it is not open, or what failed last
	host    string     // where its gateway says that clients reach it
	targets []*target
	next    int // whose turn it is
	stop    context.CancelCauseFunc
	over    chan struct{}      // closed when nobody keeps it any more
	live    context.Context    // that of its connections: done when it is over, or closed
	cut     context.CancelFunc // ends live

	count struct{ open, total, in, out atomic.Int64 }
}

// target is one place where a mapping leads; its peer is empty for this node, and
// for a container.
type target struct {
	peer api.PeerID
	down error // guarded by Book.mu: why it gets no connections
}

func (b *Book) entryOf(p page) *entry {
	e := &entry{page: p}
	for _, id := range p.On {
		if id == b.cfg.Self {
			id = ""
		}
		e.targets = append(e.targets, &target{peer: id})
	}
	if len(e.targets) == 0 {
		e.targets = []*target{{}}
	}
	return e
}

// view is a mapping for people.
func (b *Book) view(e *entry) api.Mapping {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := e.page
	m := api.Mapping{ID: p.ID, Spec: p.Spec, State: api.MappingOpening, Reason: e.reason, Gateway: p.Gateway, Created: p.Created, Expires: p.Expires,
		MapCount: api.MapCount{Open: int(e.count.open.Load()), Total: e.count.total.Load(), BytesIn: e.count.in.Load(), BytesOut: e.count.out.Load()}}
	if p.Closed != "" {
		m.State, m.Reason = api.MappingClosed, p.Closed
	} else if e.open {
		m.State = api.MappingOpen
	}
	m.Public = []string{}
	if p.Gateway != "" {
		m.GatewayName = b.cfg.Names(p.Gateway)
		host := e.host
		if host == "" {
			host = b.cfg.Host(p.Gateway)
		}
		if host == "" && m.State == api.MappingOpen {
			m.Reason = fmt.Sprintf("port %d is open, but its gateway knows no address at which clients reach it (its owner can: p2prc config set gateway.public ADDRESS)", p.First)
		}
		if host != "" && p.Spec.Domain != "" {
			publish(&m, host, p.First)
			host = ""
		}
		for i := 0; host != "" && i < p.Spec.Ports; i++ {
			m.Public = append(m.Public, net.JoinHostPort(host, strconv.Itoa(p.First+i)))
		}
	}
	for _, t := range e.targets {
		one := api.MapTarget{Peer: t.peer}
		if t.peer != "" {
			one.Name = b.cfg.Names(t.peer)
		}
		if t.down != nil {
			one.Down = t.down.Error()
		}
		m.Targets = append(m.Targets, one)
	}
	return m
}
