package web

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/Akilan1999/p2p-rendering-computation/internal/acmetest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
)

// Only these outlive a front: what pebble, and for each CA certmagic, have for as
// long as the process lives, and for seconds certmagic's locks on the disk.
func TestMain(m *testing.M) {
	leak.Main(m,
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

const here = "127.0.0.1"

// rig is a front with a CA that can reach it.
type rig struct {
	*Front
	*acmetest.CA
	t *testing.T

	// app is its domain. No two rigs have the same: certmagic keeps the challenges under way
	// and the renewals to be tried again by name, one table for all of the process.
	app string
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	ports := []int{conntest.FreePort(t, 1), conntest.FreePort(t, 1)}
	r := &rig{t: t, CA: acmetest.Start(t, ports[0], ports[1]), app: strings.ToLower(rand.Text()) + ".example.org"}
	cfg := Config{
		Hosts: []string{here}, HTTP: ports[0], HTTPS: ports[1], ACME: ACME{Directory: r.Directory, Roots: r.Roots, Kept: t.TempDir()},
		Resolver: r.Resolver, Here: func() string { return here }, Clients: 100, PerClient: 100, Requests: 100, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	r.Front = New(cfg)
	return r
}

// use makes its CA the front's.
func (r *rig) use() {
	r.cfg.ACME.Directory, r.cfg.ACME.Roots, r.cfg.Resolver = r.Directory, r.Roots, r.Resolver
}

// selfSigned is a certificate of no CA, and who believes it.
func selfSigned(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// serve opens a domain that leads to a handler, and sees to it until the test ends.
func (r *rig) serve(domain string, h http.Handler) (*Site, *mapper) {
	r.t.Helper()
	ln, err := net.Listen("tcp", here+":0")
	if err != nil {
		r.t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(ln)
	r.t.Cleanup(func() { srv.Close() })
	return r.open(domain, HTTP, ln.Addr().String())
}

// open opens a domain that leads to an address.
func (r *rig) open(domain string, speaks Service, to string) (*Site, *mapper) {
	r.t.Helper()
	m := &mapper{to: to}
	s, err := r.Open(domain, speaks, m)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); s.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		<-over
		s.Close()
		if m.in != 0 {
			r.t.Errorf("%d clients are left", m.in)
		}
	})
	return s, m
}

// until waits for what a site says.
func until(t *testing.T, s *Site, words string) {
	t.Helper()
	for limit := time.After(30 * time.Second); s.Waits() != words; {
		select {
		case <-s.Changed():
		case <-limit:
			t.Fatalf("it says %q, not %q", s.Waits(), words)
		}
	}
}

// ready points a domain here, and waits for its certificate.
func (r *rig) ready(s *Site) {
	r.t.Helper()
	r.Point(s.domain, netip.MustParseAddr(here))
	until(r.t, s, "")
}

// at is the front's port.
func (r *rig) at() string { return net.JoinHostPort(here, strconv.Itoa(r.cfg.HTTPS)) }

// client is one that believes the CA and finds every name here.
func (r *rig) client(protocols ...string) *http.Client {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: r.Pool()}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			var d net.Dialer
			return d.DialContext(ctx, network, net.JoinHostPort(here, port))
		},
	}
	if len(protocols) > 0 {
		tr.TLSClientConfig.NextProtos, tr.ForceAttemptHTTP2 = protocols, false
	}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second}
}

// dial is a connection to a domain.
func (r *rig) dial(name string, protocols ...string) *tls.Conn {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.at(), &tls.Config{ServerName: name, RootCAs: r.Pool(), NextProtos: protocols})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// say sends a request as it is typed, and reads the answer.
func say(t *testing.T, c net.Conn, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func (r *rig) url(path string) string {
	return "https://" + net.JoinHostPort(r.app, strconv.Itoa(r.cfg.HTTPS)) + path
}

// mapper leads to an address, and counts who is in.
type mapper struct {
	to string

	mu       sync.Mutex // guards the rest
	in       int
	got, put int
	full     bool
	ends     []context.CancelFunc
	clients  []netip.AddrPort // of whom streams were opened
}

func (m *mapper) Enter(_ netip.Addr, end context.CancelFunc) (Place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return nil, errors.New("full")
	}
	m.in++
	m.ends = append(m.ends, end)
	return m, nil
}

func (m *mapper) Count(in, out int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got += in
	m.put += out
}

func (m *mapper) Leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in--
}

func (m *mapper) Reach(ctx context.Context, client, _ netip.AddrPort) (splice.Stream, error) {
	m.mu.Lock()
	m.clients = append(m.clients, client)
	m.mu.Unlock()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", m.to)
	if err != nil {
		return nil, err
	}
	return splice.TCP{TCPConn: c.(*net.TCPConn)}, nil
}
