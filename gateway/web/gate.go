package web

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
)

// gate lets as many clients in as may wait at a time.
type gate struct {
	net.Listener
	d *doors
}

// Accept implements net.Listener.
func (g gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		switch {
		case g.d.live.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil, net.ErrClosed
		case err != nil: // as with too many open files
			select {
			case <-time.After(again):
			case <-g.d.live.Done():
			}
			continue
		}
		near := splice.TCP{TCPConn: c.(*net.TCPConn)}
		client := Client(near.RemoteAddr().(*net.TCPAddr).AddrPort().Addr())
		if g.d.hellos.take(client) {
			return &waiting{TCP: near, hellos: g.d.hellos, client: client}, nil
		}
		_ = near.Reset()
	}
}

// waiting is a client that has not said yet what it wants.
type waiting struct {
	splice.TCP
	hellos *places
	client netip.Addr
	given  sync.Once
}

// give gives the place free.
func (w *waiting) give() { w.given.Do(func() { w.hellos.give(w.client) }) }

// Close gives the place free.
func (w *waiting) Close() error {
	defer w.give()
	return w.TCP.Close()
}

// replay is a connection of which a hello was read, as if it was not.
func replay(c net.Conn, h hello) net.Conn {
	return replayed{c, io.MultiReader(bytes.NewReader(h.read), c)}
}

type replayed struct {
	net.Conn
	from io.Reader
}

func (r replayed) Read(p []byte) (int, error) { return r.from.Read(p) }

// queue is a listener of connections that were accepted elsewhere.
type queue struct {
	conns chan net.Conn
	done  <-chan struct{}
}

func (q queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (q queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; what ends the queue is done.
func (q queue) Close() error { return nil }

// Addr implements net.Listener.
func (q queue) Addr() net.Addr { return &net.TCPAddr{} }
