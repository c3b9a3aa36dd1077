package web

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/acmetest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
)

// forwarded answers with what a service is told of its client.
var forwarded = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s", r.Proto, r.Host)
	for name, values := range r.Header {
		if low := strings.ToLower(name); strings.Contains(low, "forward") || strings.Contains(low, "real") {
			fmt.Fprintf(w, " %s=%q", name, values)
		}
	}
})

func body(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A domain waits for the DNS and gets a certificate, which is there after a restart
// also while the DNS is not.
func TestServesWithACertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, _ := r.serve(r.app, forwarded)
	until(t, s, "waits for DNS: "+r.app+" has no address")
	r.Point(r.app, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"))
	until(t, s, "waits for DNS: "+r.app+" leads to 192.0.2.1, 2001:db8::1, not to 127.0.0.1")
	r.ready(s)
	for _, protocols := range [][]string{{"http/1.1"}, nil} {
		resp, err := r.client(protocols...).Get(r.url("/"))
		if got := body(t, resp, err); !strings.HasPrefix(got, "HTTP/1.1 "+r.app) || (resp.ProtoMajor == 2) != (protocols == nil) {
			t.Errorf("%s: %q", resp.Proto, got)
		}
	}
	s.Close()

	next := &rig{t: t, CA: r.CA, Front: New(r.cfg), app: r.app}
	next.cfg.Resolver = "127.0.0.1:1"
	again, _ := next.serve(r.app, forwarded)
	for again.Waits() == "waits for its certificate" {
		<-again.Changed()
	}
	resp, err := next.client().Get(r.url("/"))
	if got := body(t, resp, err); !strings.HasPrefix(got, "HTTP/1.1 "+r.app) {
		t.Error(got)
	}
}

// A certificate is renewed before it is over, without a moment at which the domain has
// none; where the CA refuses, the domain says so and keeps what it has. That the CA wants
// renewals early leaves a life that no slow machine, and no second try, outlasts.
func TestRenews(t *testing.T) {
	t.Parallel()
	const life, renew = 3 * time.Minute, 8 * time.Second
	r := newRig(t, func(c *Config) { c.ACME.looks = 100 * time.Millisecond })
	r.CA = acmetest.StartWith(t, life, renew, r.cfg.HTTP, r.cfg.HTTPS)
	r.use()
	s, _ := r.serve(r.app, forwarded)
	r.ready(s)
	begun := time.Now()
	served := func() *x509.Certificate {
		c, err := tls.Dial("tcp", r.at(), &tls.Config{ServerName: r.app, RootCAs: r.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0]
	}
	first := served()
	next := first
	for next.SerialNumber.Cmp(first.SerialNumber) == 0 {
		if next = served(); time.Since(begun) > life {
			t.Fatal("it was not renewed")
		}
		time.Sleep(100 * time.Millisecond) // handshakes without a pause would take a core
	}
	if !next.NotAfter.After(first.NotAfter) || s.Waits() != "" {
		t.Errorf("from %v to %v; the domain says %q", first.NotAfter, next.NotAfter, s.Waits())
	}
	r.Point(r.app) // so that the CA finds nobody
	for limit := time.After(life); !strings.HasPrefix(s.Waits(), "its certificate could not be renewed: "); {
		select {
		case <-s.Changed():
		case <-limit:
			t.Fatalf("it says %q", s.Waits())
		}
	}
	if kept := served(); kept.SerialNumber.Cmp(next.SerialNumber) != 0 {
		t.Error("what it had is gone")
	}
}

// A CA asks in either way, and its no is heard.
func TestChallenges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rig){
		"TLS alone": func(r *rig) { r.cfg.HTTP = 0 },
		"HTTP":      func(r *rig) { r.CA = acmetest.Start(t, r.cfg.HTTP, conntest.FreePort(t, 1)); r.use() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			change(r)
			s, _ := r.serve(r.app, forwarded)
			r.ready(s)
			if s.Waits() != "" {
				t.Error(s.Waits())
			}
		})
	}
	t.Run("neither", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, nil)
		ports := []int{conntest.FreePort(t, 1), conntest.FreePort(t, 1)}
		r.CA = acmetest.Start(t, ports[0], ports[1])
		r.use()
		r.Point(r.app, netip.MustParseAddr(here))
		s, _ := r.serve(r.app, forwarded)
		for limit := time.After(30 * time.Second); !strings.HasPrefix(s.Waits(), "has no certificate yet: "); {
			select {
			case <-s.Changed():
			case <-limit:
				t.Fatal(s.Waits())
			}
		}
		if c, err := tls.Dial("tcp", r.at(), &tls.Config{ServerName: r.app, RootCAs: r.Pool()}); err == nil {
			c.Close()
			t.Error("a domain without a certificate is served")
		}
	})
	t.Run("roots that are none", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *Config) { c.ACME.Roots = "/dev/null" })
		if _, err := r.Open(r.app, HTTP, &mapper{}); err == nil || !strings.Contains(err.Error(), "acme_ca") {
			t.Error(err)
		}
		ln, err := net.Listen("tcp", r.at()) // its doors are shut again
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	})
}

// Nothing that a client says of where it comes from gets through.
func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, _ := r.serve(r.app, forwarded)
	r.ready(s)
	host := strings.TrimPrefix(r.url(""), "https://")
	want := map[string]bool{fmt.Sprintf("X-Forwarded-For=%q", []string{here}): true, fmt.Sprintf("X-Forwarded-Proto=%q", []string{"https"}): true, fmt.Sprintf("X-Forwarded-Host=%q", []string{host}): true}
	for _, lie := range []string{
		"X-Forwarded-For: 192.0.2.66", "x-forwarded-for: 192.0.2.66\r\nX-Forwarded-For: 192.0.2.67", "X_Forwarded_For: 192.0.2.66", "X-Forwarded_for: 192.0.2.66",
		"Forwarded: for=192.0.2.66", "X-Real-IP: 192.0.2.66", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1", "X-Forwarded-Anything: 1",
		"Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host",
	} {
		got := body(t, say(t, r.dial(r.app, "http/1.1"), "GET / HTTP/1.1\r\nHost: "+host+"\r\n"+lie+"\r\n\r\n"), nil)
		words := strings.Fields(got)[2:]
		for _, w := range words {
			if !want[w] {
				t.Errorf("%s: the service hears %s", lie, w)
			}
		}
		if len(words) != len(want) {
			t.Errorf("%s: the service hears %q", lie, got)
		}
	}
}

func TestWebsocket(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, m := r.serve(r.app, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+req.Header.Get("Upgrade")+"\r\n\r\n")
		_, _ = io.Copy(c, buf)
	}))
	r.ready(s)
	c := r.dial(r.app, "http/1.1")
	resp := say(t, c, "GET / HTTP/1.1\r\nHost: "+r.app+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n")
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%+v", resp)
	}
	for _, word := range []string{"one", "two"} {
		b := make([]byte, 3)
		if _, err := io.WriteString(c, word); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil || string(b) != word {
			t.Errorf("%q, %v", b, err)
		}
	}
	m.mu.Lock()
	m.ends[len(m.ends)-1]() // as a limit, or its mapping's end, does
	m.mu.Unlock()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("it goes on")
	}
}

// What is passed through is not opened, and its service hears who the client is.
func TestPassthrough(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	cert, pool := selfSigned(t, r.app)
	ln, err := tls.Listen("tcp", here+":0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				all, _ := io.ReadAll(c) // ends although the other way is open
				_, _ = c.Write(all)
			}()
		}
	}()
	s, m := r.open(r.app, TLS, ln.Addr().String())
	r.ready(s)
	c, err := tls.Dial("tcp", r.at(), &tls.Config{ServerName: r.app, RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	big := strings.Repeat("x", 300_000)
	if _, err := io.WriteString(c, big); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != big {
		t.Errorf("%d bytes of %d, %v", len(got), len(big), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if want := c.LocalAddr().(*net.TCPAddr).AddrPort(); len(m.clients) != 1 || m.clients[0] != want || m.got < len(big) || m.put < len(big) {
		t.Errorf("clients %v, want %s; %d bytes in, %d out", m.clients, want, m.got, m.put)
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.open(r.app, TLS, "127.0.0.1:1")
	at := net.JoinHostPort(here, fmt.Sprint(r.cfg.HTTP))
	for request, want := range map[string]string{
		"GET /a?b=c HTTP/1.1\r\nHost: " + r.app:                            r.url("/a?b=c"),
		"POST //evil.example HTTP/1.1\r\nHost: " + strings.ToUpper(r.app):  r.url("//evil.example"),
		"GET http://evil.example/a HTTP/1.1\r\nHost: " + r.app:             "",
		"GET / HTTP/1.1\r\nHost: evil.example":                             "",
		"GET / HTTP/1.0":                                                   "",
		"GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: evil.example": "",
	} {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		resp := say(t, c, request+"\r\n\r\n")
		c.Close()
		status := map[bool]int{true: http.StatusNotFound, false: http.StatusPermanentRedirect}[want == ""]
		if resp.StatusCode != status || resp.Header.Get("Location") != want {
			t.Errorf("%q: %s to %q, want %d to %q", request, resp.Status, resp.Header.Get("Location"), status, want)
		}
	}
}

func TestClient(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:0:1:2::3": "2001:db8:0:1::", "fe80::1%eth0": "fe80::"} {
		if got := Client(netip.MustParseAddr(text)); got.String() != want {
			t.Errorf("%s counts to %s, want %s", text, got, want)
		}
	}
}
