package web

import (
	"net/netip"
	"sync"
)

// places is how much there may be of something at a time, in all and of one client.
type places struct {
	all, each int

	mu    sync.Mutex // guards the rest
	taken int
	of    map[netip.Addr]int
}

func newPlaces(all, each int) *places {
	return &places{all: all, each: each, of: map[netip.Addr]int{}}
}

// take tells whether there was one.
func (p *places) take(client netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || p.of[client] >= p.each {
		return false
	}
	p.taken++
	p.of[client]++
	return true
}

func (p *places) give(client netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[client]--; p.of[client] == 0 {
		delete(p.of, client)
	}
}

// Client is whom a limit per client counts an address to: of IPv6 one has a /64.
func Client(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
