// Package acmetest is a certificate authority for tests: pebble, which asks as the
// public ones do, with a name server that says what the test wants.
package acmetest

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/core"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// CA is one of them.
type CA struct {
	Directory string // its URL
	Roots     string // a file of the certificates that its HTTPS is known by
	Resolver  string // the name server
	Issued    string // a file of the root of what it issues

	mu   sync.Mutex // guards at
	at   map[string][]netip.Addr
	pool *x509.CertPool
}

// Start runs one that looks at these ports for the answers to what it asks, and whose
// certificates live for 90 days.
func Start(t testing.TB, httpPort, httpsPort int) *CA {
	t.Helper()
	return StartWith(t, 90*24*time.Hour, 60*24*time.Hour, httpPort, httpsPort)
}

// StartWith is Start with another life of certificates, and another age at
// which it wants them renewed, as public CAs say it (RFC 9773): up to two seconds later.
func StartWith(t testing.TB, life, renew time.Duration, httpPort, httpsPort int) *CA {
	t.Helper()
	c := &CA{at: map[string][]netip.Addr{}, pool: x509.NewCertPool()}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Resolver = ln.Addr().String()
	pc, err := net.ListenPacket("udp", c.Resolver)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	for _, names := range []*dns.Server{{Listener: ln}, {PacketConn: pc}} {
		names.Handler = dns.HandlerFunc(c.answer)
		served.Go(func() { _ = names.ActivateAndServe() })
	}
	t.Cleanup(func() { ln.Close(); pc.Close(); served.Wait() })

	os.Setenv("PEBBLE_VA_NOSLEEP", "1") // it would wait as the slow ones do
	os.Setenv("PEBBLE_AUTHZREUSE", "0") // each time it asks anew
	silent := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(silent, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "usual", ValidityPeriod: uint64(life.Seconds())}})
	asker := va.New(silent, httpPort, httpsPort, false, c.Resolver, store)
	front := wfe.New(silent, store, asker, issuer, []string{"ca.example"}, false, false, 0, 0)
	pages := http.NewServeMux()
	pages.Handle("/", front.Handler())
	pages.HandleFunc("/draft-ietf-acme-ari-03/renewalInfo/", func(w http.ResponseWriter, _ *http.Request) { // pebble's own is any moment of a short life
		at := time.Now().Add(renew)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "21600") // so that it is asked once only: when one is issued
		_ = json.NewEncoder(w).Encode(core.RenewalInfo{SuggestedWindow: core.SuggestedWindow{Start: at, End: at.Add(2 * time.Second)}})
	})
	web := httptest.NewUnstartedServer(pages)
	web.Config.ErrorLog = silent
	web.StartTLS()
	t.Cleanup(web.Close)
	c.Directory = web.URL + wfe.DirectoryPath

	dir := t.TempDir()
	c.Roots, c.Issued = filepath.Join(dir, "roots.pem"), filepath.Join(dir, "issued.pem")
	root := issuer.GetRootCert(0).Cert
	c.pool.AddCert(root)
	for file, cert := range map[string]*x509.Certificate{c.Roots: web.Certificate(), c.Issued: root} {
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Pool has the root of what it issues.
func (c *CA) Pool() *x509.CertPool { return c.pool }

// Point has a name lead somewhere, for the CA and for whoever asks Resolver.
func (c *CA) Point(name string, to ...netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[dns.Fqdn(name)] = to
}

func (c *CA) answer(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	c.mu.Lock()
	to, known := c.at[dns.CanonicalName(q.Question[0].Name)]
	c.mu.Unlock()
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	for _, a := range to {
		head := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET, Ttl: 1, Rrtype: dns.TypeA}
		switch {
		case a.Is4() && q.Question[0].Qtype == dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: a.AsSlice()})
		case a.Is6() && q.Question[0].Qtype == dns.TypeAAAA:
			head.Rrtype = dns.TypeAAAA
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: a.AsSlice()})
		}
	}
	_ = w.WriteMsg(m)
}
