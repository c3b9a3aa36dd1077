package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// alpn is the protocol by which a CA asks for a challenge's certificate.
const alpn = acmez.ACMETLS1Protocol

// ACME is whom certificates are asked of.
type ACME struct {
	Directory string // the CA's URL
	Roots     string // a file of certificates, in PEM, to know the CA by; empty: this machine's
	Email     string // told to the CA; may be empty
	Kept      string // the folder of certificates, keys and the account

	looks time.Duration // after which it is looked again whose life's last third has begun; 0: ten minutes
}

// certs has the certificates of sites. What certmagic began for a site ends with its
// context, and is not waited for.
type certs struct {
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer

	mu    sync.Mutex // guards sites
	sites map[string]*Site
}

// openCerts begins to keep certificates. KindInvalid: the CA's own cannot be read.
func openCerts(cfg Config) (*certs, error) {
	from := certmagic.ACMEIssuer{
		CA: cfg.ACME.Directory, Email: cfg.ACME.Email, Agreed: true, Logger: zap.NewNop(), DisableDistributedSolvers: true,
		AltTLSALPNPort: cfg.HTTPS, AltHTTPPort: cfg.HTTP, DisableHTTPChallenge: cfg.HTTP == 0,
	}
	if len(cfg.Hosts) > 0 {
		from.ListenHost = cfg.Hosts[0] // where it finds that somebody listens already: this package
	}
	if file := cfg.ACME.Roots; file != "" {
		pem, err := os.ReadFile(file)
		from.TrustedRoots = x509.NewCertPool()
		if err != nil || !from.TrustedRoots.AppendCertsFromPEM(pem) {
			return nil, api.Errorf(api.KindInvalid, "the gateway's gateway.acme_ca, %s, holds no certificates", file)
		}
	}
	c := &certs{sites: map[string]*Site{}}
	c.cache = certmagic.NewCache(certmagic.CacheOptions{
		Logger: zap.NewNop(), RenewCheckInterval: cfg.ACME.looks,
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic, nil },
	})
	c.magic = certmagic.New(c.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: cfg.ACME.Kept}, Logger: zap.NewNop(), OnEvent: c.event,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // nobody else is asked about clients' domains
	})
	c.issuer = certmagic.NewACMEIssuer(c.magic, from)
	c.magic.Issuers = []certmagic.Issuer{c.issuer}
	return c, nil
}

func (c *certs) close() { c.cache.Stop() }

// of is the certificate for a hello; none is an alert that there is no such domain.
func (c *certs) of(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := c.magic.GetCertificate(h)
	if err != nil {
		return nil, nil
	}
	return cert, nil
}

// challenged answers a CA that asks over HTTP, if one does.
func (c *certs) challenged(w http.ResponseWriter, r *http.Request) bool {
	return c.issuer.HandleHTTPChallenge(w, r)
}

// stored loads a certificate from the disk, if there is one.
func (c *certs) stored(ctx context.Context, s *Site) bool {
	c.know(s)
	_, err := c.magic.CacheManagedCertificate(ctx, s.domain)
	return err == nil
}

// know has a site told of its certificate.
func (c *certs) know(s *Site) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sites[s.domain] = s
}

// manage gets a certificate, again and again until ctx is done, and renews it
// until it is forgotten.
func (c *certs) manage(ctx context.Context, s *Site) {
	c.know(s)
	if err := c.magic.ManageAsync(ctx, []string{s.domain}); err != nil {
		s.note(&s.cert, fmt.Sprintf("has no certificate: %.300s", err))
	}
}

func (c *certs) forget(domain string) {
	c.mu.Lock()
	delete(c.sites, domain)
	c.mu.Unlock()
	c.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: domain}})
}

// problem is what a CA said, or else what went wrong.
func problem(err error) string {
	var said acme.Problem
	if errors.As(err, &said) && said.Detail != "" {
		return fmt.Sprintf("%.300s", said.Detail)
	}
	return fmt.Sprintf("%.300v", err)
}

// event tells the site of a certificate how it went.
func (c *certs) event(_ context.Context, event string, data map[string]any) error {
	words := ""
	var domains []string
	switch event {
	case "cached_managed_cert":
		domains, _ = data["sans"].([]string)
	case "cert_failed":
		name, _ := data["identifier"].(string)
		domains = []string{name}
		err, _ := data["error"].(error)
		words = "has no certificate yet: " + problem(err)
		if again, _ := data["renewal"].(bool); again {
			words = "its certificate could not be renewed: " + problem(err)
		}
	}
	for _, domain := range domains {
		c.mu.Lock()
		s := c.sites[domain]
		c.mu.Unlock()
		if s != nil {
			s.note(&s.cert, words)
		}
	}
	return nil
}
