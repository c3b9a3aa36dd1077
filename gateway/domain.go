package gateway

import (
	"cmp"
	"context"
	"net/netip"

	"github.com/Akilan1999/p2p-rendering-computation/gateway/web"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// openSite takes the domain for the mapper, and serves it.
func (m *carried) openSite(ctx context.Context) error {
	if err := m.may(m.from, 0); err != nil {
		return err
	}
	if err := m.g.claim(ctx, m); err != nil {
		return err
	}
	err := m.serve()
	if err != nil {
		m.g.mu.Lock()
		m.left = m.fresh // nobody was told that he has it
		m.g.mu.Unlock()
		m.g.letGo(m)
	}
	return err
}

func (m *carried) serve() (err error) {
	speaks := map[string]web.Service{mapping.H2C: web.H2C, mapping.TLS: web.TLS}[m.req.Network]
	if m.site, err = m.g.cfg.Front.Open(m.req.Domain, speaks, visitor{m}); err != nil {
		return err
	}
	m.g.mu.Lock()
	m.first = m.g.cfg.Front.Port()
	m.g.mu.Unlock()
	if err := m.may(m.from, 0); err != nil { // what was taken back since did not see where it listens
		m.site.Close()
		return err
	}
	return nil
}

// ready is what was had. Of a domain the record in the DNS depends on the host, so
// it is told what is known.
func (m *carried) ready() mapping.Ready {
	host := m.g.cfg.Public
	if m.site != nil {
		host = cmp.Or(host, m.g.cfg.Front.Host())
	}
	return mapping.Ready{First: m.first, Host: host}
}

// visitor brings a domain's clients to its mapper.
type visitor struct{ m *carried }

// Enter implements web.Mapper.
func (v visitor) Enter(client netip.Addr, end context.CancelFunc) (web.Place, error) {
	c, err := v.m.enter(client, end)
	if err != nil {
		return nil, err
	}
	return place{v.m, c}, nil
}

// Reach implements web.Mapper.
func (v visitor) Reach(ctx context.Context, client, server netip.AddrPort) (splice.Stream, error) {
	return v.m.connect(ctx, mapping.Begin{Client: client, Server: server})
}

// place is a client's among a mapping's.
type place struct {
	m *carried
	c *conn
}

// Count implements web.Place.
func (p place) Count(in, out int) {
	p.c.in.Add(int64(in))
	p.m.in.Add(int64(in))
	p.c.out.Add(int64(out))
	p.m.out.Add(int64(out))
}

// Leave implements web.Place.
func (p place) Leave() { p.m.leave(p.c) }
