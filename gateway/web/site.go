package web

import (
	"context"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

const (
	lookLow  = 2 * time.Second // until a domain that leads elsewhere is looked at again
	lookHigh = time.Minute
	lookWell = 10 * time.Minute
)

// Site is a domain that is served.
type Site struct {
	front     *Front
	domain    string
	speaks    Service
	to        Mapper
	certs     *certs
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	requests  *places

	live    context.Context
	cut     context.CancelFunc
	clients sync.WaitGroup // connections and requests

	changed   chan struct{}
	mu        sync.Mutex // guards the rest
	dns, cert string     // what it waits for; empty: not for this
}

func (f *Front) newSite(domain string, speaks Service, to Mapper, certs *certs) *Site {
	s := &Site{front: f, domain: domain, speaks: speaks, to: to, certs: certs, changed: make(chan struct{}, 1), requests: newPlaces(f.cfg.Requests, f.cfg.PerClient)}
	s.live, s.cut = context.WithCancel(context.Background())
	s.proxy = s.newProxy()
	if speaks != TLS {
		s.cert = "waits for its certificate"
	}
	return s
}

// Close ends the site with its connections, and waits for them.
func (s *Site) Close() { s.front.close(s) }

// Changed tells that Waits says something else.
func (s *Site) Changed() <-chan struct{} { return s.changed }

// Waits is what the domain waits for until it can be reached; empty: for nothing.
func (s *Site) Waits() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dns != "" {
		return s.dns
	}
	return s.cert
}

// note writes down what it waits for.
func (s *Site) note(field *string, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *field == words {
		return
	}
	*field = words
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Run sees until ctx is done that the domain leads here and, once it does, has a
// certificate; before, nobody is asked for one, since CAs count what fails.
func (s *Site) Run(ctx context.Context) {
	has := s.speaks == TLS
	for wait := lookLow; ; wait = min(wait+wait/4, lookHigh) {
		why := s.front.leadsHere(ctx, s.domain)
		if !has && (why == "" || s.certs.stored(ctx, s)) {
			s.certs.manage(ctx, s)
			has = true
		}
		s.note(&s.dns, why)
		if why == "" {
			wait = lookWell
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
