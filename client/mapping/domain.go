package mapping

import (
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

const maxWaits = 1000 // bytes of what a gateway says

// errLetGo ends a mapping for good.
var errLetGo = errors.New("it was let go")

// readDomain makes a specification one of a domain.
func readDomain(spec *api.MapSpec) (err error) {
	switch {
	case spec.Domain == "" && spec.Passthrough:
		return api.Errorf(api.KindInvalid, "passthrough is for a domain").WithHint("name one: --domain app.example.org")
	case spec.Domain == "" && spec.H2C:
		return api.Errorf(api.KindInvalid, "HTTP/2 is for a domain").WithHint("name one: --domain app.example.org; a port takes what comes")
	case spec.Domain == "":
		return nil
	case spec.H2C && spec.Passthrough:
		return api.Errorf(api.KindInvalid, "what is passed through unopened is not spoken HTTP to").WithHint("one of h2c and passthrough")
	case spec.Network != "tcp" || spec.Ports != 1 || spec.Public != 0 || spec.Any:
		return api.Errorf(api.KindInvalid, "a domain leads to one TCP port, and at the gateway it has no other than that of HTTPS")
	case spec.Proxy && !spec.Passthrough:
		return api.Errorf(api.KindInvalid, "requests to a domain share connections").WithHint("the header X-Forwarded-For says who the client is; or with passthrough the PROXY protocol does")
	}
	spec.Domain, err = mapping.Domain(spec.Domain)
	return err
}

// request is what is asked of a gateway.
func (p page) request() mapping.Map {
	req := mapping.Map{ID: p.ID, Network: p.Spec.Network, Ports: p.Spec.Ports, First: p.Spec.Public, Allow: p.Allow, Domain: p.Spec.Domain, Lasting: true}
	switch {
	case p.Spec.Passthrough:
		req.Network = mapping.TLS
	case p.Spec.H2C:
		req.Network = mapping.H2C
	case p.Spec.Domain != "":
		req.Network = mapping.HTTPS
	}
	return req
}

// state notes what a gateway says of a domain.
func (b *Book) state(e *entry, payload []byte) {
	var s mapping.State
	if wire.Decode(payload, &s) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e.reason = s.Waits[:min(len(s.Waits), maxWaits)]
}

// publish says where a domain is reached, and what its DNS must say.
func publish(m *api.Mapping, host string, port int) {
	domain := m.Spec.Domain
	switch {
	case m.Spec.Passthrough:
		m.Public = append(m.Public, net.JoinHostPort(domain, strconv.Itoa(port)))
	case port == 443:
		m.Public = append(m.Public, "https://"+domain)
	default:
		m.Public = append(m.Public, "https://"+net.JoinHostPort(domain, strconv.Itoa(port)))
	}
	kind := "CNAME"
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().Is4() {
		kind = "A"
	} else if err == nil {
		kind = "AAAA"
	}
	m.DNS = []api.DNSRecord{{Name: domain, Type: kind, Value: host}}
}
