// Package web serves members' domains: it listens for HTTPS, and gives what comes
// for a domain to whoever mapped it.
//
// The first thing a client sends, its TLS hello, is read before anything is
// answered; it names the domain. A domain that nobody mapped is refused by a TLS
// alert. For one that is passed through, all bytes go to its mapper, the hello
// first. For the others TLS ends here, with a certificate that is had and renewed
// by ACME, and each request is sent on as HTTP/1.1, over streams to the mapper
// that are used again. What a client says of where it comes from is taken out of its
// request, and what is known put in.
//
// The port for HTTP answers the questions of ACME, and sends everybody else to HTTPS.
//
// Both ports are open, and certificates renewed, only while a domain is mapped.
package web

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
)

// Mapper is where a domain leads.
type Mapper interface {
	// Enter takes a place for a client, whose connection end ends; or it may not.
	Enter(client netip.Addr, end context.CancelFunc) (Place, error)
	// Reach opens a stream for a client, or with none for whoever asks.
	Reach(ctx context.Context, client, server netip.AddrPort) (splice.Stream, error)
}

// Place is a client's.
type Place interface {
	Count(in, out int) // bytes from and to the client
	Leave()
}

// Config is what a Front is made of.
type Config struct {
	Hosts       []string // addresses to listen on; all if there are none
	HTTPS, HTTP int      // ports; without HTTP there is none
	ACME        ACME
	Resolver    string // host:port of the name server to ask about domains; empty: this machine's
	// Here is the name or address at which clients reach this machine; empty: not known.
	Here      func() string
	Clients   int // that have not said yet what they want, at a time
	PerClient int // of those, and of requests to a domain; of one address, or of one /64
	Requests  int // to a domain at a time
	Log       *slog.Logger
}

// Front is safe for concurrent use.
type Front struct {
	cfg     Config
	buffers buffers

	opening sync.Mutex // held while the doors open or shut; before mu
	mu      sync.Mutex // guards the rest
	sites   map[string]*Site
	doors   *doors // nil while there is no site
}

// New makes a front.
func New(cfg Config) *Front { return &Front{cfg: cfg, sites: map[string]*Site{}} }

// Service is what a domain's service speaks.
type Service int

// Whatever clients speak to the front:
const (
	HTTP Service = iota // HTTP/1.1
	H2C                 // HTTP/2 without TLS, as it is for gRPC
	TLS                 // TLS, which comes to it unopened
)

// Open serves a domain until its Close. KindConflict when it is served already,
// or a port is taken; KindDenied when this program may not listen there.
func (f *Front) Open(domain string, speaks Service, to Mapper) (*Site, error) {
	f.opening.Lock()
	defer f.opening.Unlock()
	if f.site(domain) != nil {
		return nil, api.Errorf(api.KindConflict, "%s is mapped already", domain)
	}
	if f.doors == nil {
		d, err := f.open()
		if err != nil {
			return nil, err
		}
		f.mu.Lock()
		f.doors = d
		f.mu.Unlock()
	}
	s := f.newSite(domain, speaks, to, f.doors.certs)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sites[domain] = s
	return s, nil
}

// Port is that for HTTPS.
func (f *Front) Port() int { return f.cfg.HTTPS }

// ListensAt tells whether a port is one of those at which clients come now.
func (f *Front) ListensAt(port int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.doors != nil && (port == f.cfg.HTTPS || port == f.cfg.HTTP)
}

// Host is the name or address at which clients reach this machine; empty: not known.
func (f *Front) Host() string { return f.cfg.Here() }

// close ends a site, and shuts the doors after the last.
func (f *Front) close(s *Site) {
	f.opening.Lock()
	defer f.opening.Unlock()
	f.mu.Lock()
	mine := f.sites[s.domain] == s
	if mine {
		delete(f.sites, s.domain)
	}
	last := len(f.sites) == 0
	d := f.doors
	f.mu.Unlock()
	if !mine {
		return
	}
	s.cut()
	s.clients.Wait()
	s.transport.CloseIdleConnections()
	d.certs.forget(s.domain)
	if last {
		d.shut()
		f.mu.Lock()
		f.doors = nil
		f.mu.Unlock()
	}
}

// site is the one of a name, or nil.
func (f *Front) site(domain string) *Site {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sites[domain]
}
