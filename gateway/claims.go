package gateway

import (
	"context"
	"encoding/json"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	keptAway  = 30 * 24 * time.Hour // a domain whose member has no mapping of it
	seenEvery = 24 * time.Hour      // that it has one is written down
)

// Claims keeps whose the domains are by their names, durably.
type Claims interface {
	Load(ctx context.Context, fn func(doc []byte) error) error
	Save(ctx context.Context, key string, v any) error
	Drop(ctx context.Context, key string) error
}

// claim is a domain that is a member's until he lets it go.
type claim struct {
	ID     api.CarriedID `json:"id"`
	Domain string        `json:"domain"`
	Peer   api.PeerID    `json:"peer"`
	TLS    string        `json:"tls"` // the network of its last mapping
	Since  time.Time     `json:"since"`
	Seen   time.Time     `json:"seen"` // when it last had a mapping
}

func (g *Gateway) loadClaims(ctx context.Context) error {
	return g.cfg.Claims.Load(ctx, func(doc []byte) error {
		var c claim
		if err := json.Unmarshal(doc, &c); err != nil {
			return api.Errorf(api.KindCorrupt, "the book of domains: %w", err)
		}
		g.claims[c.Domain] = &c
		return nil
	})
}

// claim makes a mapping's domain its member's, durably. KindConflict when it is
// another's, or mapped already; KindQuota when it would be one too many.
func (g *Gateway) claim(ctx context.Context, m *carried) error {
	domain, peer, now := m.req.Domain, m.from.Peer, time.Now()
	g.book.Lock()
	defer g.book.Unlock()
	g.mu.Lock()
	had := g.claims[domain]
	if err := g.mayClaimLocked(had, m, now); err != nil {
		g.mu.Unlock()
		return err
	}
	c := &claim{ID: m.id, Domain: domain, Peer: peer, TLS: m.req.Network, Since: now, Seen: now}
	if m.fresh = had == nil || had.Peer != peer; !m.fresh {
		c.Since = had.Since
	}
	g.claims[domain] = c
	g.mu.Unlock()
	if err := g.cfg.Claims.Save(ctx, domain, c); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.claims[domain] = had; had == nil {
			delete(g.claims, domain)
		}
		return err
	}
	return nil
}

func (g *Gateway) mayClaimLocked(had *claim, m *carried, now time.Time) error {
	live := g.liveLocked(m)
	switch {
	case had != nil && had.Peer != m.from.Peer && (live || now.Sub(had.Seen) < keptAway):
		owner := g.cfg.Names(had.Peer)
		if owner == "" {
			owner = had.Peer.Short()
		}
		return api.Errorf(api.KindConflict, "%s is %s's", m.req.Domain, owner).WithHint("until that is let go: p2prc map rm there, or p2prc lend mappings close at the gateway")
	case live:
		return api.Errorf(api.KindConflict, "%s is mapped already", m.req.Domain).WithHint("if by you: p2prc map ls")
	case had != nil:
		return nil
	case len(g.claims) >= maxAll:
		return api.Errorf(api.KindQuota, "the gateway has %d domains already, which is the most", maxAll).WithHint("name another: --via")
	}
	mine := 0
	for _, c := range g.claims {
		if c.Peer == m.from.Peer {
			mine++
		}
	}
	if mine >= maxPeer {
		return api.Errorf(api.KindQuota, "you have %d domains at the gateway already, which is the most", maxPeer).WithHint("remove some: p2prc map rm")
	}
	return nil
}

// liveLocked tells whether another mapping has the domain now.
func (g *Gateway) liveLocked(m *carried) bool {
	for _, other := range g.by {
		if other != m && other.req.Domain == m.req.Domain {
			return true
		}
	}
	return false
}

// letGo notes that a mapping is over: its domain stays its member's, unless he let
// it go.
func (g *Gateway) letGo(m *carried) {
	if m.req.Domain == "" {
		return
	}
	g.mu.Lock()
	left := m.left
	g.mu.Unlock()
	if left {
		g.drop(func(c *claim) bool { return c.ID == m.id })
		return
	}
	g.see(context.Background(), func(c *claim) bool { return c.ID == m.id })
}

// drop makes domains nobody's, and says how many.
func (g *Gateway) drop(which func(*claim) bool) (n int) {
	g.book.Lock()
	defer g.book.Unlock()
	g.mu.Lock()
	var gone []string
	for domain, c := range g.claims {
		if which(c) {
			gone = append(gone, domain)
			delete(g.claims, domain)
		}
	}
	g.mu.Unlock()
	for _, domain := range gone {
		if err := g.cfg.Claims.Drop(context.Background(), domain); err != nil {
			g.cfg.Log.Error("whose a domain was could not be forgotten", "domain", domain, "err", err)
		}
	}
	return len(gone)
}

// see writes down that domains have a mapping now.
func (g *Gateway) see(ctx context.Context, which func(*claim) bool) {
	g.book.Lock()
	defer g.book.Unlock()
	g.mu.Lock()
	var seen []claim
	for _, c := range g.claims {
		if which(c) {
			c.Seen = time.Now()
			seen = append(seen, *c)
		}
	}
	g.mu.Unlock()
	for _, c := range seen {
		if err := g.cfg.Claims.Save(ctx, c.Domain, c); err != nil {
			g.cfg.Log.Error("when a domain was mapped could not be written down", "domain", c.Domain, "err", err)
		}
	}
}

// keepClaims writes down which domains are mapped, and forgets those that long
// were not.
func (g *Gateway) keepClaims(ctx context.Context, now time.Time) {
	g.mu.Lock()
	live := map[api.CarriedID]bool{}
	for _, m := range g.by {
		live[m.id] = true
	}
	g.mu.Unlock()
	g.see(ctx, func(c *claim) bool { return live[c.ID] && now.Sub(c.Seen) > seenEvery })
	g.drop(func(c *claim) bool { return !live[c.ID] && now.Sub(c.Seen) > keptAway })
}

// awayLocked are the domains that have no mapping now.
func (g *Gateway) awayLocked() (all []api.Carried) {
	live := map[api.CarriedID]bool{}
	for _, m := range g.by {
		live[m.id] = true
	}
	for _, c := range g.claims {
		if !live[c.ID] {
			all = append(all, api.Carried{ID: c.ID, Peer: c.Peer, Name: g.cfg.Names(c.Peer), Network: c.TLS, Ports: []int{}, Domain: c.Domain, Since: c.Since.UTC(), Away: true})
		}
	}
	return all
}
