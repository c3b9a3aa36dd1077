package netlab

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const hello = "hello"

// Serve greets on ports of every address in ns, by TCP and by UDP. Each address
// has a socket of its own: one for all would answer from another address.
func (l *Lab) Serve(ns string, addrs []string, ports ...uint16) {
	l.t.Helper()
	var tcp []net.Listener
	var udp []net.PacketConn
	l.In(ns, func() error {
		for _, a := range addrs {
			for _, port := range ports {
				at := netip.AddrPortFrom(netip.MustParseAddr(a), port).String()
				s, err := net.Listen("tcp", at)
				if err != nil {
					return err
				}
				tcp = append(tcp, s)
				p, err := net.ListenPacket("udp", at)
				if err != nil {
					return err
				}
				udp = append(udp, p)
			}
		}
		return nil
	})
	var running sync.WaitGroup
	for i := range tcp {
		running.Go(func() { ServeTCP(tcp[i]) })
		running.Go(func() { ServeUDP(udp[i]) })
	}
	l.t.Cleanup(func() {
		for i := range tcp {
			_, _ = tcp[i].Close(), udp[i].Close()
		}
		running.Wait()
	})
}

// ServeTCP greets until s is closed.
func ServeTCP(s net.Listener) {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte(hello)) // the other side sees what is missing
		_ = c.Close()
	}
}

// ServeUDP answers with what it is sent until p is closed.
func ServeUDP(p net.PacketConn) {
	for b := make([]byte, 64); ; {
		n, from, err := p.ReadFrom(b)
		if err != nil && !errors.Is(err, unix.ECONNREFUSED) { // an earlier answer found nobody
			return
		}
		_, _ = p.WriteTo(b[:n], from)
	}
}

// Greet connects and waits for the greeting.
func Greet(network, to string, wait time.Duration) error {
	c, err := net.DialTimeout(network, to, wait)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	if network == "udp" {
		if _, err := c.Write([]byte(hello)); err != nil {
			return err
		}
	}
	_, err = io.ReadFull(c, make([]byte, len(hello)))
	return err
}
