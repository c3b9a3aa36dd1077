package gateway

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// tries bounds how many ports that other programs hold are tried until one is free.
const tries = 256

// listen takes the ports: those that were asked for, or else preferred, or any.
func (m *carried) listen() error {
	if m.req.First != 0 {
		_, err := m.listenAt(m.req.First)
		return err
	}
	if m.req.Prefer != 0 {
		if _, err := m.listenAt(m.req.Prefer); err == nil {
			return nil
		}
	}
	return m.listenAnywhere()
}

// listenAnywhere takes the first ports that can be had. One that another program
// holds is tried once, however many places of a range it spoils.
func (m *carried) listenAnywhere() (err error) {
	tried, held := 0, m.g.ports(m.req.Network)
	for port := range m.g.cfg.Ports(m.from) {
		if port+m.req.Ports > 65536 {
			continue
		}
		if anyOf(held, port, m.req.Ports) {
			err = cannotListen(port, syscall.EADDRINUSE)
			continue
		}
		failed, why := m.listenAt(port)
		if why == nil {
			return nil
		}
		if failed == 0 { // the policy ends the range early
			continue
		}
		held[failed], err = true, why
		if tried++; tried == tries {
			break
		}
	}
	what := "port"
	if m.req.Ports > 1 {
		what = strconv.Itoa(m.req.Ports) + " ports side by side"
	}
	switch {
	case err == nil:
		return api.Errorf(api.KindDenied, "the gateway's owner lets you map no %s", what).WithHint("its owner can: p2prc lend policy allow YOU listen:8000-8999")
	case api.KindOf(err) == api.KindConflict:
		return api.Errorf(api.KindConflict, "the gateway has no %s free that its owner lets you map", what).WithHint("name another: --via")
	}
	return err
}

// ports are those that this gateway listens on already.
func (g *Gateway) ports(network string) map[int]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := map[int]bool{}
	for _, m := range g.by {
		if m.first == 0 || m.req.Network != network {
			continue
		}
		for i := range m.req.Ports {
			held[m.first+i] = true
		}
	}
	return held
}

// ListensAt tells whether a port of this machine's loopback is this gateway's: what
// leads there would come back to it.
func (g *Gateway) ListensAt(network string, port int) bool {
	loopback := len(g.cfg.Hosts) == 0 || slices.ContainsFunc(g.cfg.Hosts, func(host string) bool {
		a, err := netip.ParseAddr(host)
		return err == nil && (a.IsLoopback() || a.IsUnspecified())
	})
	if !loopback || network == "tcp" && g.cfg.Front.ListensAt(port) {
		return loopback
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.by {
		if m.req.Network == network && m.first != 0 && port >= m.first && port < m.first+m.req.Ports {
			return true
		}
	}
	return false
}

// anyOf tells whether one of n ports from first on is held.
func anyOf(held map[int]bool, first, n int) bool {
	for port := first; port < first+n; port++ {
		if held[port] {
			return true
		}
	}
	return false
}

// listenAt takes ports from first on: all of them, or none. failed is the one at
// which it could not listen, if that is why.
func (m *carried) listenAt(first int) (failed int, err error) {
	if err := m.may(m.from, first); err != nil {
		return 0, err
	}
	hosts := m.g.cfg.Hosts
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	defer func() {
		if err != nil {
			m.closeAll()
		}
	}()
	for i := range m.req.Ports {
		for _, host := range hosts {
			if err := m.bind(net.JoinHostPort(host, strconv.Itoa(first+i)), i); err != nil {
				return first + i, cannotListen(first+i, err)
			}
		}
	}
	m.g.mu.Lock()
	m.first = first
	m.g.mu.Unlock()
	return 0, m.may(m.from, first) // what was taken back since did not see where it listens
}

func (m *carried) bind(at string, port int) error {
	if m.req.Network == "udp" {
		pc, err := net.ListenPacket("udp", at)
		if err == nil {
			m.udp = append(m.udp, listening[*net.UDPConn]{pc.(*net.UDPConn), port})
		}
		return err
	}
	ln, err := net.Listen("tcp", at)
	if err == nil {
		m.tcp = append(m.tcp, listening[*net.TCPListener]{ln.(*net.TCPListener), port})
	}
	return err
}

func (m *carried) closeAll() {
	for _, l := range m.tcp {
		_ = l.on.Close() // nothing was accepted
	}
	for _, l := range m.udp {
		_ = l.on.Close()
	}
	m.tcp, m.udp = nil, nil
	if m.site != nil {
		m.site.Close()
	}
}

func cannotListen(port int, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return api.Errorf(api.KindConflict, "port %d is in use at the gateway", port).WithHint("choose another: --port N, or --port 0 for any")
	case errors.Is(err, syscall.EACCES):
		return api.Errorf(api.KindDenied, "the gateway may not listen at port %d", port).WithHint("ports below 1024 are its administrator's; choose another: --port 8080")
	}
	return api.Errorf(api.KindUnavailable, "the gateway cannot listen at port %d: %w", port, err)
}
