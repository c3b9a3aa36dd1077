package mapping

import (
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// gateways counts what each gateway has of this node.
type gateways struct {
	mu sync.Mutex // guards by; nothing is waited for while it is held
	by map[api.PeerID]counts
}

type counts struct{ mappings, conns int }

// add counts more, or less, and says how many there are then.
func (g *gateways) add(gw api.PeerID, mappings, conns int) counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := counts{g.by[gw].mappings + mappings, g.by[gw].conns + conns}
	if g.by[gw] = now; now == (counts{}) {
		delete(g.by, gw)
	}
	return now
}

// letLocked lets a gateway, or with "" none, bring connections to a mapping from now on;
// b.mu is held.
func (b *Book) letLocked(e *entry, gw api.PeerID) {
	old := e.at
	if e.at = gw; gw != "" {
		b.at.add(gw, 1, 0) // first: it may be the same
	}
	if old != "" {
		b.at.add(old, -1, 0)
	}
}

// Most is how many streams a member may have that bring connections: none, but for the
// gateways that have mappings of this node. A connection that was taken up has two.
func (b *Book) Most(from api.PeerID) int {
	if b.at.add(from, 0, 0).mappings == 0 {
		return 0
	}
	return 2 * b.cfg.Connections
}
