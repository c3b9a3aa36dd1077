package birthday

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Sockets are those that have sent to one address, and may hear from there.
type Sockets struct {
	to  netip.AddrPort
	all []*net.UDPConn
}

// Open opens sockets, and the router's ports for them.
func Open(to netip.AddrPort) (*Sockets, error) {
	s := &Sockets{to: to}
	for range Opened {
		c, err := net.ListenUDP("udp4", nil)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.all = append(s.all, c)
		if _, err := c.WriteToUDPAddrPort([]byte{0}, to); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Wait returns the first socket that hears a probe, which is the caller's then.
func (s *Sockets) Wait(ctx context.Context, n Nonce) (*net.UDPConn, error) {
	heard := make(chan int, len(s.all))
	var listening sync.WaitGroup
	for i, c := range s.all {
		listening.Go(func() {
			if hears(c, s.to, n.packet()) {
				heard <- i
			}
		})
	}
	met := -1
	select {
	case met = <-heard:
	case <-ctx.Done():
	}
	for _, c := range s.all {
		if err := c.SetReadDeadline(time.Now()); err != nil {
			return nil, err
		}
	}
	listening.Wait()
	if met < 0 {
		return nil, errNotMet
	}
	c := s.all[met]
	s.all[met] = nil
	return c, c.SetReadDeadline(time.Time{})
}

var errNotMet = errors.New("no packet came through")

// hears reads until a packet of the other side comes or the deadline does.
func hears(c *net.UDPConn, from netip.AddrPort, packet []byte) bool {
	buf := make([]byte, len(packet)+1)
	for {
		n, at, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return false
		}
		if at == from && bytes.Equal(buf[:n], packet) {
			return true
		}
	}
}

// Close closes the sockets that are nobody else's.
func (s *Sockets) Close() error {
	var errs []error
	for _, c := range s.all {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
