package mapping

import (
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// gateways counts the mappings that each gateway has.
type gateways struct {
	mu sync.Mutex // guards n; nothing is waited for while it is held
	n  map[api.PeerID]int
}

func (g *gateways) add(gw api.PeerID, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n[gw] += n; g.n[gw] == 0 {
		delete(g.n, gw)
	}
}

// Most is how many connections a member may bring at a time: none, but for the
// gateways that have mappings of this node.
func (b *Book) Most(from api.PeerID) int {
	b.at.mu.Lock()
	defer b.at.mu.Unlock()
	if b.at.n[from] == 0 {
		return 0
	}
	return b.cfg.Connections
}
