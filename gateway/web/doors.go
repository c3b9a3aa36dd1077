package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	helloWait  = 10 * time.Second // for a client to say what it wants; for a request's header, too
	idleWait   = 2 * time.Minute  // between a client's requests
	maxHeader  = 64 << 10         // bytes of a request's
	maxStreams = 100              // requests at a time over one connection, with HTTP/2
	again      = 100 * time.Millisecond
)

// doors are the open ports with all that serves what comes there.
type doors struct {
	f      *Front
	certs  *certs
	hellos *places
	https  *http.Server // of the connections that end here
	http   *http.Server
	tls    *tls.Config
	lns    []net.Listener
	queue  queue // to https
	live   context.Context
	end    context.CancelFunc
	work   sync.WaitGroup
}

// open listens at every port, or at none.
func (f *Front) open() (_ *doors, err error) {
	d := &doors{f: f, hellos: newPlaces(f.cfg.Clients, f.cfg.PerClient)}
	d.live, d.end = context.WithCancel(context.Background())
	d.queue = queue{conns: make(chan net.Conn), done: d.live.Done()}
	defer func() {
		if err != nil {
			d.shut()
		}
	}()
	secure, err := d.listen(f.cfg.HTTPS, "https_port")
	if err != nil {
		return nil, err
	}
	var plain []net.Listener
	if f.cfg.HTTP != 0 {
		if plain, err = d.listen(f.cfg.HTTP, "http_port"); err != nil {
			return nil, err
		}
	}
	if d.certs, err = openCerts(f.cfg); err != nil {
		return nil, err
	}
	silent := log.New(io.Discard, "", 0) // clients' mistakes
	d.tls = &tls.Config{GetCertificate: d.certs.of, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	d.https = &http.Server{
		Handler: http.HandlerFunc(serve), ConnContext: withConn, ErrorLog: silent,
		ReadHeaderTimeout: helloWait, IdleTimeout: idleWait, MaxHeaderBytes: maxHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	d.http = &http.Server{
		Handler: http.HandlerFunc(d.redirect), ErrorLog: silent,
		ReadTimeout: helloWait, WriteTimeout: helloWait, MaxHeaderBytes: maxHeader,
	}
	d.http.SetKeepAlivesEnabled(false)
	d.work.Go(func() { _ = d.https.Serve(d.queue) })
	for _, ln := range secure {
		d.work.Go(func() { d.accept(ln) })
	}
	for _, ln := range plain {
		d.work.Go(func() { _ = d.http.Serve(gate{ln, d}) })
	}
	return d, nil
}

// listen takes a port on every host; setting is whence it comes.
func (d *doors) listen(port int, setting string) (lns []net.Listener, err error) {
	hosts := d.f.cfg.Hosts
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, host := range hosts {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return nil, cannotListen(port, setting, err)
		}
		lns = append(lns, ln)
		d.lns = append(d.lns, ln)
	}
	return lns, nil
}

func cannotListen(port int, setting string, err error) error {
	kind := api.KindUnavailable
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		kind = api.KindConflict
	case errors.Is(err, syscall.EACCES):
		kind = api.KindDenied
	}
	return api.Errorf(kind, "the gateway cannot listen at port %d for domains: %w", port, err).
		WithHint("its owner can choose another: p2prc config set gateway.%s PORT", setting)
}

// shut closes all that is open, and waits until it is.
func (d *doors) shut() {
	d.end()
	for _, ln := range d.lns {
		_ = ln.Close() // nothing was accepted
	}
	for _, s := range []*http.Server{d.https, d.http} {
		if s != nil {
			_ = s.Close()
		}
	}
	d.work.Wait()
	if d.certs != nil {
		d.certs.close()
	}
}

// accept greets clients until the listener closes.
func (d *doors) accept(ln net.Listener) {
	for {
		c, err := gate{ln, d}.Accept()
		if err != nil {
			return
		}
		d.work.Go(func() { d.greet(c.(*waiting)) })
	}
}

// greet reads what a client wants and hands it on.
func (d *doors) greet(c *waiting) {
	defer c.give()
	stop := context.AfterFunc(d.live, func() { _ = c.Reset() })
	defer stop()
	_ = c.SetDeadline(time.Now().Add(helloWait))
	h, err := peek(c)
	if err != nil {
		_ = c.Close()
		return
	}
	s := d.f.site(h.name)
	switch {
	case s == nil:
		refuse(c, h)
	case h.challenge && s.speaks != TLS:
		d.answer(c, h)
	default:
		near, err := s.admit(c.TCP, h.read)
		if err != nil {
			_ = c.Reset()
			return
		}
		_ = c.SetDeadline(time.Time{})
		if s.speaks == TLS {
			c.give()
			near.pass(d.live)
			return
		}
		d.queue.put(tls.Server(near, d.tls))
	}
}

// refuse says, as TLS does, that there is no such domain.
func refuse(c net.Conn, h hello) {
	_ = tls.Server(replay(c, h), &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}).Handshake()
	_ = c.Close()
}

// answer gives a CA the certificate with which a domain's holder is known.
func (d *doors) answer(c net.Conn, h hello) {
	_ = tls.Server(replay(c, h), &tls.Config{GetCertificate: d.certs.of, NextProtos: []string{alpn}}).Handshake()
	_ = c.Close()
}
