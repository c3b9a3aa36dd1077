package web

import (
	"net"
	"net/http"
	"strconv"
	"strings"
)

// redirect answers a CA, and sends everybody else to HTTPS.
func (d *doors) redirect(w http.ResponseWriter, r *http.Request) {
	s := d.f.site(canonical(r.Host))
	switch {
	case s == nil:
		http.Error(w, "no such domain here", http.StatusNotFound)
	case s.speaks != TLS && d.certs.challenged(w, r):
	default:
		http.Redirect(w, r, "https://"+s.at(d.f.cfg.HTTPS)+r.URL.RequestURI(), http.StatusPermanentRedirect)
	}
}

// at is the domain, with a port that is not the usual one.
func (s *Site) at(port int) string {
	if port == 443 {
		return s.domain
	}
	return net.JoinHostPort(s.domain, strconv.Itoa(port))
}

// canonical is the name in a Host header or a hello as sites have it.
func canonical(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
