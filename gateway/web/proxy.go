package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
)

type connKey struct{}

// withConn lets a request know its connection.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn())
}

// serve sends a request on to the site that its connection is for.
func serve(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*conn)
	s := c.site
	switch {
	case canonical(r.Host) != s.domain:
		http.Error(w, "the request is for another name than its connection", http.StatusMisdirectedRequest)
	case r.Method == http.MethodConnect:
		http.Error(w, "this is no proxy", http.StatusMethodNotAllowed)
	case !s.begin(c):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests at a time", http.StatusServiceUnavailable)
	default:
		defer s.over(c)
		s.proxy.ServeHTTP(w, r)
	}
}

// begin takes a place for a request; over gives it free.
func (s *Site) begin(c *conn) bool {
	if !s.requests.take(Client(c.client.Addr())) {
		return false
	}
	s.clients.Add(1) // beside its connection's, which may end first
	return true
}

func (s *Site) over(c *conn) {
	s.requests.give(Client(c.client.Addr()))
	s.clients.Done()
}

// newProxy speaks HTTP with the site's mapper.
func (s *Site) newProxy() *httputil.ReverseProxy {
	s.transport = &http.Transport{
		DialContext:            s.dial,
		DisableCompression:     true, // bytes stay as the service sends them
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 1 << 20,
		ExpectContinueTimeout:  time.Second,
	}
	if s.speaks == H2C {
		s.transport.Protocols = new(http.Protocols)
		s.transport.Protocols.SetUnencryptedHTTP2(true)
	}
	return &httputil.ReverseProxy{
		Transport: s.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", s.domain
			r.Out.Host = r.In.Host
			for name := range r.Out.Header {
				if claims(name) {
					delete(r.Out.Header, name)
				}
			}
			r.SetXForwarded()
		},
		BufferPool: &s.front.buffers,
		ErrorLog:   log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.front.cfg.Log.Debug("a request failed", "domain", s.domain, "err", err)
			http.Error(w, "the service does not answer", http.StatusBadGateway)
		},
	}
}

// claims tells whether a header's name is one by which a service is told where a
// request comes from. Many services read _ as -.
func claims(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return name == "forwarded" || name == "x-real-ip" || strings.HasPrefix(name, "x-forwarded-")
}

// dial opens a stream to the mapper.
func (s *Site) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	st, err := s.to.Reach(ctx, netip.AddrPort{}, netip.AddrPort{})
	if err != nil {
		return nil, err
	}
	return streamConn{st}, nil
}

// streamConn is a stream as a net.Conn, but for deadlines: http.Transport sets none.
type streamConn struct{ splice.Stream }

// Close implements net.Conn: of what comes nobody would read the rest.
func (c streamConn) Close() error { return c.Reset() }

// SetDeadline implements net.Conn.
func (c streamConn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline implements net.Conn.
func (c streamConn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline implements net.Conn.
func (c streamConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// LocalAddr implements net.Conn.
func (c streamConn) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements net.Conn.
func (c streamConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// buffers are used again.
type buffers struct{ pool sync.Pool }

type buffer = [32 << 10]byte

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if old, ok := b.pool.Get().(*buffer); ok {
		return old[:]
	}
	return make([]byte, len(buffer{}))
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) { b.pool.Put((*buffer)(p)) }
