package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
)

// conn is a client's connection to a site.
type conn struct {
	net.Conn // the same as tcp, without the shortcuts that pass Read and Write by
	tcp      splice.TCP
	site     *Site
	client   netip.AddrPort
	from     io.Reader // what was read already, then the rest
	place    Place
	stop     func() bool // of what cuts it when the site ends
	closed   sync.Once
}

// admit takes a place at the site of a client's hello.
func (s *Site) admit(near splice.TCP, read []byte) (*conn, error) {
	s.front.mu.Lock()
	if s.front.sites[s.domain] != s {
		s.front.mu.Unlock()
		return nil, net.ErrClosed
	}
	s.clients.Add(1) // while it is there, or its end would not wait
	s.front.mu.Unlock()
	c := &conn{Conn: near, tcp: near, site: s, client: near.RemoteAddr().(*net.TCPAddr).AddrPort(), from: io.MultiReader(bytes.NewReader(read), near)}
	var err error
	if c.place, err = s.to.Enter(c.client.Addr(), func() { _ = near.Reset() }); err != nil {
		s.clients.Done()
		return nil, err
	}
	c.stop = context.AfterFunc(s.live, func() { _ = near.Reset() })
	return c, nil
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.place.Count(n, 0)
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.place.Count(0, n)
	return n, err
}

// CloseWrite implements splice.Stream.
func (c *conn) CloseWrite() error { return c.tcp.CloseWrite() }

// Close gives the place free.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}

// Reset does, too; the client sees that the connection broke.
func (c *conn) Reset() error {
	err := c.tcp.Reset()
	c.leave()
	return err
}

func (c *conn) leave() {
	c.closed.Do(func() {
		c.stop()
		c.place.Leave()
		c.site.clients.Done()
	})
}

// pass carries a connection as it comes.
func (c *conn) pass(ctx context.Context) {
	far, err := c.site.to.Reach(ctx, c.client, c.LocalAddr().(*net.TCPAddr).AddrPort())
	if err != nil {
		_ = c.Reset() // who connected sees that nobody is there
		return
	}
	defer context.AfterFunc(c.site.live, func() { _ = far.Reset() })()
	splice.Both(c, far)
}
