package mapping

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The networks of a domain.
const (
	HTTPS = "https" // the gateway ends TLS and speaks HTTP/1.1 to the mapper
	H2C   = "h2c"   // it speaks HTTP/2 without TLS to him
	TLS   = "tls"   // the mapper gets TLS as it comes
)

var lookup = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// Domain is a name as the DNS has it: in ASCII and lower case. KindInvalid: it is
// none that a certificate can name.
func Domain(typed string) (string, error) {
	name, err := lookup.ToASCII(typed)
	if err == nil { // as others will read it
		_, err = lookup.ToASCII(name)
	}
	_, address := netip.ParseAddr(name)
	last := name[strings.LastIndexByte(name, '.')+1:]
	if err != nil || address == nil || last == name || strings.Trim(last, "0123456789") == "" {
		return "", api.Errorf(api.KindInvalid, "%.60q is not a domain", typed).WithHint("like app.example.org")
	}
	return name, nil
}

func (m Map) checkDomain() error {
	name, err := Domain(m.Domain)
	switch {
	case err != nil:
		return err
	case name != m.Domain:
		return api.Errorf(api.KindInvalid, "the domain %.60q is written %s", m.Domain, name)
	case m.Network != HTTPS && m.Network != H2C && m.Network != TLS:
		return api.Errorf(api.KindInvalid, "unknown network %.20q for a domain", m.Network).WithHint("https, h2c or tls")
	case m.Ports != 1 || m.First != 0 || m.Prefer != 0:
		return api.Errorf(api.KindInvalid, "a domain leads to one port, and its gateway has its own")
	}
	return m.checkAllow()
}
