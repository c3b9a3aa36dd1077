package web

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Who asks for a name that nobody mapped hears it as TLS says it.
func TestUnknownDomain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.open(r.app, TLS, "127.0.0.1:1")
	for _, name := range []string{"evil.example", "", "x." + r.app} {
		for _, protocols := range [][]string{nil, {alpn}} {
			_, err := tls.Dial("tcp", r.at(), &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protocols})
			if err == nil || !strings.HasSuffix(err.Error(), "tls: unrecognized name") {
				t.Errorf("%q: %v, want the alert unrecognized_name", name, err)
			}
		}
	}
}

// A request for another name than its connection's goes nowhere.
func TestHostAndHelloDisagree(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, _ := r.serve(r.app, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent on") }))
	r.ready(s)
	other, _ := r.serve("other.example.org", http.NotFoundHandler())
	r.ready(other)
	for _, protocols := range [][]string{{"http/1.1"}, nil} {
		for _, host := range []string{"evil.example", "other.example.org", here} {
			req, err := http.NewRequest("GET", r.url("/"), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			resp, err := r.client(protocols...).Do(req)
			if body(t, resp, err); resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s for %s: %s", resp.Proto, host, resp.Status)
			}
		}
	}
	for request, want := range map[string]int{
		"GET / HTTP/1.0\r\n\r\n":                                   http.StatusMisdirectedRequest,
		"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n":     http.StatusMisdirectedRequest,
		"CONNECT " + r.app + ":443 HTTP/1.1\r\nHost: x\r\n\r\n":    http.StatusMethodNotAllowed,
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n":     http.StatusMisdirectedRequest,
		"GET / HTTP/1.1\r\nHost: " + r.app + "\r\nHost: x\r\n\r\n": http.StatusBadRequest,
		"GET / HTTP/1.1\r\n\r\n":                                   http.StatusBadRequest,
	} {
		if resp := say(t, r.dial(r.app, "http/1.1"), request); resp.StatusCode != want {
			t.Errorf("%q: %s, want %d", request, resp.Status, want)
		}
	}
}

func TestOversizedHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, _ := r.serve(r.app, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent on") }))
	r.ready(s)
	for _, protocols := range [][]string{{"http/1.1"}, nil} {
		req, err := http.NewRequest("GET", r.url("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X", strings.Repeat("x", 2*maxHeader))
		resp, err := r.client(protocols...).Do(req)
		if err == nil { // or its connection was cut before it was all said
			if body(t, resp, nil); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: %s", resp.Proto, resp.Status)
			}
		}
	}
}

// Who says nothing, half of a hello, more than a hello can be, or his header a
// byte a second, is waited for as long as helloWait and no longer.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, _ := r.serve(r.app, forwarded)
	r.ready(s)
	tcp := func(said string) net.Conn {
		c, err := net.Dial("tcp", r.at())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
		return c
	}
	header := func() net.Conn {
		c := r.dial(r.app, "http/1.1")
		go func() {
			for b := []byte("GET / HTTP/1.1\r\nHost: " + r.app + "\r\nX: " + strings.Repeat("x", 100)); len(b) > 0; b = b[1:] {
				if _, err := c.Write(b[:1]); err != nil {
					return
				}
				time.Sleep(time.Second) // the slow client itself
			}
		}()
		return c
	}
	var all sync.WaitGroup
	for name, slow := range map[string]func() net.Conn{
		"nothing":       func() net.Conn { return tcp("") },
		"half a hello":  func() net.Conn { return tcp("\x16\x03\x01\x02\x00\x01") },
		"no request":    func() net.Conn { return r.dial(r.app, "http/1.1") },
		"half a header": header,
		"half of HTTP/2": func() net.Conn {
			c := r.dial(r.app, "h2")
			c.Write([]byte("PRI * HTTP/2.0\r\n"))
			return c
		},
	} {
		began := time.Now()
		c := slow()
		_ = c.SetReadDeadline(time.Now().Add(helloWait + 5*time.Second))
		all.Go(func() {
			_, err := io.Copy(io.Discard, c)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Errorf("%s: it is waited for still", name)
			}
			if took := time.Since(began); took < helloWait {
				t.Errorf("%s: over after %s", name, took)
			}
		})
	}
	all.Wait()
	taken := func() int {
		r.doors.hellos.mu.Lock()
		defer r.doors.hellos.mu.Unlock()
		return r.doors.hellos.taken
	}
	for late := time.Now().Add(20 * time.Second); taken() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d places are taken still", taken())
		}
	}
}

// A hello without an end is read so far and no further.
func TestEndlessHello(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	go func() {
		defer near.Close()
		_, _ = near.Write([]byte("\x16\x03\x01\x40\x00\x01\x00\xff\xff")) // 64 KiB, and the first 16 of them
		_, _ = near.Write(make([]byte, 16<<10-4))
		for record := append([]byte("\x16\x03\x01\x40\x00"), make([]byte, 16<<10)...); ; {
			if _, err := near.Write(record); err != nil {
				return
			}
		}
	}()
	read := &counted{Conn: far}
	if _, err := peek(read); !errors.Is(err, errHello) || read.n != maxHello {
		t.Errorf("%v after %d bytes", err, read.n)
	}
	far.Close()
}

// counted counts what is read.
type counted struct {
	net.Conn
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n += n
	return n, err
}

// Over a limit clients are turned away, and none that is in suffers.
func TestLimits(t *testing.T) {
	t.Parallel()
	const perClient = 4 // an ACME server comes from several places, here from one
	r := newRig(t, func(c *Config) { c.Clients, c.PerClient, c.Requests = 5, perClient, 2 })
	hold, held := make(chan struct{}), make(chan struct{}, 9)
	s, m := r.serve(r.app, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/hold" {
			held <- struct{}{}
			<-hold
		}
	}))
	r.ready(s)
	client := r.client()
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			resp, err := client.Get(r.url("/hold"))
			if err == nil {
				resp.Body.Close()
			}
			answers <- err
		}()
	}
	<-held
	<-held
	resp, err := client.Get(r.url("/"))
	if body(t, resp, err); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one request too many: %s", resp.Status)
	}
	close(hold)
	for range 2 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	// Of connections that say nothing no more are let in than one client may have.
	var in atomic.Int32
	var dials sync.WaitGroup
	for range 2 * perClient {
		dials.Go(func() {
			c, err := net.Dial("tcp", r.at())
			if err != nil {
				return // refused so soon that it did not come about
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			if _, err = c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				in.Add(1)
			}
		})
	}
	dials.Wait()
	if n := in.Load(); n == 0 || n > perClient {
		t.Errorf("%d connections that say nothing were let in, want some, and at most %d", n, perClient)
	}
	m.mu.Lock()
	m.full = true
	m.mu.Unlock()
	if c, err := tls.Dial("tcp", r.at(), &tls.Config{ServerName: r.app, RootCAs: r.Pool()}); err == nil {
		c.Close()
		t.Error("who may not was let in")
	}
}

// With a site end its connections and requests, and with the last the ports.
func TestClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	begun := make(chan struct{})
	s, _ := r.serve(r.app, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-req.Context().Done()
	}))
	r.ready(s)
	idle := r.dial(r.app)
	resp, err := r.client().Get(r.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	<-begun
	if _, err := r.Open(r.app, HTTP, &mapper{}); err == nil {
		t.Error("a domain was opened twice")
	}
	s.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("a request goes on")
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("a connection goes on")
	}
	if c, err := net.Dial("tcp", r.at()); err == nil {
		c.Close()
		t.Error("somebody listens")
	}
}

// A service that is not there, hangs up or answers with a header without end is
// its own fault.
func TestServiceThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ln, err := net.Listen("tcp", here+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for i := 0; ; i++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if i%2 == 1 {
				_, _ = io.Copy(c, io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nX: "), io.LimitReader(zeros{}, 64<<20)))
			}
			c.Close()
		}
	}()
	s, m := r.open(r.app, HTTP, ln.Addr().String())
	r.ready(s)
	get := func() {
		t.Helper()
		resp, err := r.client().Get(r.url("/"))
		if body(t, resp, err); resp.StatusCode != http.StatusBadGateway {
			t.Error(resp.Status)
		}
	}
	get()
	get()
	m.mu.Lock()
	m.to = "127.0.0.1:1"
	m.mu.Unlock()
	get()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

// What strangers send first is a hello or none, never a panic, and is all kept.
func FuzzHello(f *testing.F) {
	const app = "app.example.org"
	near, far := net.Pipe()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: app, NextProtos: []string{alpn}}).Handshake()
		near.Close()
	}()
	h, err := peek(far)
	far.Close()
	if err != nil || h.name != app || !h.challenge {
		f.Fatalf("%+v, %v", h, err)
	}
	f.Add(h.read)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, said []byte) {
		h, err := peek(stranger{Reader: bytes.NewReader(said)})
		if err == nil && (!bytes.HasPrefix(said, h.read) || h.name != canonical(h.name)) {
			t.Errorf("%+v", h)
		}
	})
}

// stranger is a client that says something and nothing more.
type stranger struct {
	net.Conn
	io.Reader
}

func (s stranger) Read(p []byte) (int, error) { return s.Reader.Read(p) }
